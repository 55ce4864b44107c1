//! Closed classes of English words. A question whose word of such a class was exchanged is another question.

use std::{borrow::Cow, collections::HashMap, sync::OnceLock};

/// A class; two texts are compared class by class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Class {
    /// what, how, why …
    Ask,
    /// Days, months, seasons, parts of the day.
    Time,
    /// cheapest, best, oldest …
    Extreme,
    /// all, some, only …
    Amount,
    /// Units of measure and money.
    Unit,
    /// json, table, poem …: the form of the answer.
    Form,
    /// Languages, of people and of machines.
    Language,
    /// Countries, cities.
    Place,
    /// Ages, roles: for whom.
    Audience,
    /// I, you, he …
    Person,
    /// can, should, did …
    Mode,
}

pub(crate) const CLASSES: usize = 11;

/// Words of each class. Words that stand for the same are joined by `=`.
const LISTS: [(Class, &str); CLASSES] = [
    (Class::Ask, "what how why when where who=whom which whose"),
    (
        Class::Time,
        "monday tuesday wednesday thursday friday saturday sunday january=jan february=feb march april may june july august=aug september=sept \
         october=oct november=nov december=dec spring summer autumn=fall winter morning noon afternoon evening night midnight weekend=weekends \
         weekday=weekdays now today tomorrow yesterday tonight daily weekly monthly yearly=annually hourly christmas easter past present future \
         before after during breakfast lunch dinner",
    ),
    (
        Class::Extreme,
        "best worst cheapest=lowest-priced dearest=priciest largest=biggest smallest=tiniest fastest=quickest slowest easiest=simplest hardest oldest youngest \
         newest=latest highest lowest longest shortest nearest=closest farthest=furthest strongest weakest richest poorest deepest \
         shallowest hottest=warmest coldest heaviest lightest widest=broadest narrowest safest loudest quietest first last next previous=former current \
         most least minimum=min maximum=max average=mean median total",
    ),
    (
        Class::Amount,
        "all=every=each none some any both only=just half=halve double=twice triple few many several always never sometimes often rarely",
    ),
    (
        Class::Unit,
        "kilometre=kilometres=kilometer=kilometers=km mile=miles metre=metres=meter=meters centimetre=centimetres=centimeter=centimeters=cm inch=inches \
         foot=feet=ft yard=yards gram=grams=g kilogram=kilograms=kg=kilo=kilos pound=pounds=lb=lbs ounce=ounces=oz litre=litres=liter=liters gallon=gallons ml \
         celsius fahrenheit kelvin dollar=dollars=usd euro=euros=eur yen rupee=rupees=inr second=seconds minute=minutes=min hour=hours day=days week=weeks \
         month=months year=years decade=decades byte=bytes kb mb=megabytes=megabyte gb=gigabytes=gigabyte tb=terabytes=terabyte percent=% watt=watts volt=volts",
    ),
    (
        Class::Form,
        "json csv xml yaml html markdown pdf table list=lists bullet=bullets paragraph=paragraphs sentence=sentences word=words essay poem haiku story email=mail \
         letter detail=details=detailed=depth brief=briefly=short=concise summary=summarize=summarise translation=translate code script function regex diagram chart graph image=picture video audio spreadsheet=excel sql",
    ),
    (
        Class::Language,
        "english french german spanish italian portuguese dutch swedish norwegian danish finnish polish russian ukrainian turkish greek arabic hebrew hindi bengali \
         urdu tamil chinese=mandarin japanese korean thai vietnamese indonesian latin python java javascript=js typescript=ts rust golang ruby perl php swift kotlin \
         scala haskell bash powershell cobol fortran c++ c# matlab",
    ),
    (
        Class::Place,
        "paris london berlin tokyo rome madrid vienna moscow beijing shanghai delhi mumbai bangalore chennai kolkata hyderabad pune sydney melbourne toronto \
         vancouver montreal chicago boston seattle austin dallas houston miami denver atlanta philadelphia lisbon dublin edinburgh manchester amsterdam brussels \
         prague budapest warsaw athens istanbul cairo nairobi lagos johannesburg dubai singapore bangkok jakarta manila seoul osaka kyoto barcelona milan munich \
         hamburg zurich geneva stockholm oslo copenhagen helsinki india china japan germany france canada australia brazil italy spain mexico egypt kenya \
         nigeria sweden norway denmark finland turkey=turkiye greece poland russia ukraine pakistan bangladesh indonesia malaysia thailand vietnam philippines \
         korea iran iraq israel argentina chile peru colombia portugal netherlands belgium austria switzerland ireland scotland wales england uk=britain \
         usa=us=america europe asia africa antarctica california texas florida nevada oregon ohio georgia virginia washington alaska hawaii",
    ),
    (
        Class::Audience,
        "adult=adults=grownups child=children=kid=kids infant=infants=baby=babies toddler=toddlers teenager=teenagers=teen=teens student=students teacher=teachers \
         beginner=beginners=novice=novices expert=experts man=men=male=males=boy=boys woman=women=female=females=girl=girls senior=seniors=elderly parent=parents \
         employer=employers employee=employees buyer=buyers seller=sellers tenant=tenants landlord=landlords customer=customers \
         dog=dogs=puppy cat=cats=kitten husband wife mother=mom=mum father=dad brother sister son daughter",
    ),
    (
        Class::Person,
        "i=me=my=mine=myself you=your=yours=yourself he=him=his she=her=hers we=us=our=ours they=them=their=theirs",
    ),
    (Class::Mode, "can=could should must=need will=would did was=were has=had"),
];

const STOP: &str = "a an the is are was were be been being am do does did doing have has had having of in on at by for with about to from into onto over under \
    and or but if then than as so that this these those it its there here i me my mine you your yours he him his she her hers we our ours they them their theirs \
    what how why when where who whom which whose can could should would will shall may might must need not no nor please tell explain give show let get got \
    s t d ll re ve m way ways good best someone anyone people person thing things one some any just really actually also too very much many more most \
    want know like possible exactly kind sort";

const NEGATIONS: &str = "not no never none nobody nothing neither nor without cannot cant wont dont doesnt didnt isnt arent wasnt werent shouldnt wouldnt couldnt \
    hasnt havent hadnt aint except unless lack lacking avoid stop prevent fail fails failed refuse unable hardly barely";

const NUMBERS: &[(&str, u32)] = &[
    ("zero", 0),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("thirteen", 13),
    ("fourteen", 14),
    ("fifteen", 15),
    ("sixteen", 16),
    ("seventeen", 17),
    ("eighteen", 18),
    ("nineteen", 19),
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
    ("hundred", 100),
    ("thousand", 1_000),
    ("million", 1_000_000),
    ("dozen", 12),
    ("second", 2),
    ("third", 3),
    ("fourth", 4),
    ("fifth", 5),
];

/// Antonyms of common words, out of WordNet 3.0 (notice in NOTICE) and our own; one pair a line.
const ANTONYMS: &str = include_str!("../model/antonyms.txt");

/// Opposites of settings, trade and machines that WordNet has not, ours.
const OWN_ANTONYMS: &str = "enable disable,allow block,allow deny,encrypt decrypt,import export,upload download,login logout,buy sell,increase decrease,\
    increase reduce,increase lower,raise lower,raise cut,start stop,start end,starts ends,open close,open closed,pass fail,paid free,pros cons,pro con,lend borrow,\
    arrive depart,push pull,add remove,add delete,add subtract,create delete,show hide,accept reject,accept decline,deposit withdraw,send receive,win lose,\
    grow shrink,shorter longer,encode decode,mute unmute,before after,more less,more fewer,safe unsafe,safe dangerous,harmful safe,credit debit,\
    on off,in out,up down,left right,input output,ancient modern,formal informal,present past,current previous,current former,current before,\
    ahead after,all single,every single";

struct Tables {
    classes: HashMap<&'static str, (Class, u16)>,
    stop: HashMap<&'static str, ()>,
    negations: HashMap<&'static str, ()>,
    antonyms: HashMap<&'static str, Vec<&'static str>>,
}

/// Made on the first question that has a candidate, not at start-up.
fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut classes = HashMap::new();
        for (class, list) in &LISTS {
            for (number, group) in (0_u16..).zip(list.split_whitespace()) {
                for word in group.split('=') {
                    classes.entry(word).or_insert((*class, number));
                }
            }
        }
        let mut antonyms: HashMap<&str, Vec<&str>> = HashMap::new();
        let pairs = ANTONYMS.lines().chain(OWN_ANTONYMS.split(',')).map(str::trim);
        for (a, b) in pairs.filter_map(|pair| pair.split_once(' ')) {
            antonyms.entry(a).or_default().push(b);
            antonyms.entry(b).or_default().push(a);
        }
        let set = |list: &'static str| list.split_whitespace().map(|word| (word, ())).collect();
        Tables { classes, stop: set(STOP), negations: set(NEGATIONS), antonyms }
    })
}

/// The word's class and which of the class it is.
pub(crate) fn class(word: &str) -> Option<(Class, u16)> {
    tables().classes.get(word).copied()
}

/// Whether the word says little of what is asked about.
pub(crate) fn is_stop(word: &str) -> bool {
    tables().stop.contains_key(word)
}

/// Whether the word negates.
pub(crate) fn is_negation(word: &str) -> bool {
    tables().negations.contains_key(word) || word.ends_with("n't")
}

/// A number's value in words ("twelve").
pub(crate) fn number_word(word: &str) -> Option<u32> {
    NUMBERS.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
}

/// Whether two words, stemmed or not, are opposites: by the list, or by a negating prefix.
pub(crate) fn opposite(a: &str, b: &str) -> bool {
    let listed = |a: &str, b: &str| tables().antonyms.get(a).is_some_and(|list| list.contains(&b));
    let prefixed = |a: &str, b: &str| {
        3 < b.len()
            && ["un", "in", "im", "dis", "non", "de", "ir", "il", "mis"]
                .iter()
                .any(|prefix| a.strip_prefix(prefix) == Some(b))
    };
    listed(a, b) || prefixed(a, b) || prefixed(b, a)
}

/// Words that are written in two ways, by their American one.
const SPELLINGS: [(&str, &str); 14] = [
    ("centre", "center"),
    ("cheque", "check"),
    ("grey", "gray"),
    ("licence", "license"),
    ("maths", "math"),
    ("mould", "mold"),
    ("mouldy", "moldy"),
    ("mum", "mom"),
    ("practise", "practice"),
    ("practising", "practicing"),
    ("programme", "program"),
    ("programmes", "programs"),
    ("theatre", "theater"),
    ("tyres", "tires"),
];

/// A word in the one of its spellings that words are compared in.
pub(crate) fn spelling(word: &str) -> Cow<'_, str> {
    if let Some((_, same)) = SPELLINGS.iter().find(|(way, _)| *way == word) {
        return Cow::Borrowed(same);
    }
    let endings = [
        ("our", "or"),
        ("ours", "ors"),
        ("ise", "ize"),
        ("ised", "ized"),
        ("ising", "izing"),
        ("isation", "ization"),
    ];
    let other = endings.iter().find_map(|(theirs, ours)| Some((word.strip_suffix(theirs)?, ours)));
    match other {
        Some((root, ending)) if 2 < root.len() => Cow::Owned(format!("{root}{ending}")),
        _ => Cow::Borrowed(word),
    }
}

/// A light stem: plural, past and progressive endings off.
pub(crate) fn stem(word: &str) -> &str {
    if word.len() < 4 || word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word;
    }
    for ending in ["ingly", "edly", "ings", "ies", "ing", "est", "ied", "ed", "es", "ly", "er", "s", "e", "y"]
    {
        if let Some(stem) = word.strip_suffix(ending).filter(|stem| 3 <= stem.len()) {
            let mut back = stem.chars().rev();
            // "stopp" and "runn" from "stopped" and "running".
            return match (back.next(), back.next()) {
                (Some(a), Some(b)) if a == b && !matches!(a, 'l' | 's' | 'e' | 'o') && 4 <= stem.len() => {
                    stem.get(..stem.len() - a.len_utf8()).unwrap_or(stem)
                }
                _ => stem,
            };
        }
    }
    word
}
