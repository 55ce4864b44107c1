//! Which language a text is in: by its script, and among those in Latin letters by their commonest words.

/// A language that can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Language {
    English,
    German,
    French,
    Spanish,
    Portuguese,
    Italian,
    Dutch,
    Polish,
    Turkish,
    Russian,
    Greek,
    Hebrew,
    Arabic,
    Hindi,
    Thai,
    Korean,
    Japanese,
    Chinese,
}

/// Names by ISO 639-1, and for languages in Latin letters their commonest words, mostly those no other has.
const LANGUAGES: &[(Language, &str, &[&str])] = &[
    (
        Language::English,
        "en",
        &["the", "and", "of", "to", "is", "that", "for", "with", "this", "you", "are", "have", "not", "was"],
    ),
    (
        Language::German,
        "de",
        &[
            "der", "die", "und", "das", "ist", "nicht", "ein", "eine", "ich", "mit", "von", "sie", "auf",
            "für", "zu",
        ],
    ),
    (
        Language::French,
        "fr",
        &[
            "le", "les", "et", "des", "est", "une", "pour", "dans", "que", "vous", "pas", "avec", "sur",
            "je", "du",
        ],
    ),
    (
        Language::Spanish,
        "es",
        &[
            "el", "los", "y", "es", "una", "por", "con", "para", "que", "las", "del", "pero", "muy", "está",
            "en",
        ],
    ),
    (
        Language::Portuguese,
        "pt",
        &["o", "os", "e", "é", "uma", "não", "para", "com", "que", "do", "da", "em", "você", "mas", "um"],
    ),
    (
        Language::Italian,
        "it",
        &[
            "il", "gli", "è", "una", "per", "con", "che", "di", "non", "della", "sono", "anche", "ma",
            "questo",
        ],
    ),
    (
        Language::Dutch,
        "nl",
        &[
            "het", "een", "en", "van", "is", "niet", "dat", "ik", "met", "voor", "zijn", "je", "maar", "op",
            "de",
        ],
    ),
    (
        Language::Polish,
        "pl",
        &["i", "nie", "się", "jest", "na", "że", "do", "to", "w", "z", "jak", "co", "ale", "dla"],
    ),
    (
        Language::Turkish,
        "tr",
        &["ve", "bir", "bu", "için", "ile", "de", "da", "ne", "çok", "mi", "ben", "değil", "olarak", "var"],
    ),
    (Language::Russian, "ru", &[]),
    (Language::Greek, "el", &[]),
    (Language::Hebrew, "he", &[]),
    (Language::Arabic, "ar", &[]),
    (Language::Hindi, "hi", &[]),
    (Language::Thai, "th", &[]),
    (Language::Korean, "ko", &[]),
    (Language::Japanese, "ja", &[]),
    (Language::Chinese, "zh", &[]),
];

impl Language {
    /// Its code of ISO 639-1.
    pub fn code(self) -> &'static str {
        LANGUAGES.iter().find(|(language, ..)| *language == self).map_or("", |(_, code, _)| code)
    }

    /// The language of a code of ISO 639-1.
    pub fn from_code(code: &str) -> Option<Self> {
        LANGUAGES.iter().find(|(_, known, _)| *known == code).map(|(language, ..)| *language)
    }
}

/// The language of a text, `None` where it is too short or too mixed to tell.
pub fn language(text: &str) -> Option<Language> {
    let mut scripts = [0_usize; 10];
    let mut letters = 0;
    for character in text.chars().filter(|character| character.is_alphabetic()) {
        letters += 1;
        let script = match character {
            '\u{400}'..='\u{52f}' => 0,
            '\u{370}'..='\u{3ff}' => 1,
            '\u{590}'..='\u{5ff}' => 2,
            '\u{600}'..='\u{6ff}' => 3,
            '\u{900}'..='\u{97f}' => 4,
            '\u{e00}'..='\u{e7f}' => 5,
            '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7af}' => 6,
            '\u{3040}'..='\u{30ff}' => 7,
            '\u{3400}'..='\u{9fff}' => 8,
            _ => 9,
        };
        if let Some(count) = scripts.get_mut(script) {
            *count += 1;
        }
    }
    let of = |script: usize| scripts.get(script).copied().unwrap_or(0);
    if letters < 4 {
        return None;
    }
    // Japanese is written with kana among ideographs.
    if letters < 2 * (of(7) + of(8)) {
        return Some(if letters < 12 * of(7) { Language::Japanese } else { Language::Chinese });
    }
    let single = [
        (0, Language::Russian),
        (1, Language::Greek),
        (2, Language::Hebrew),
        (3, Language::Arabic),
        (4, Language::Hindi),
        (5, Language::Thai),
        (6, Language::Korean),
    ];
    if let Some((_, language)) = single.into_iter().find(|(script, _)| letters < 2 * of(*script)) {
        return Some(language);
    }
    by_words(text)
}

/// The language in Latin letters of whose common words a text has most.
fn by_words(text: &str) -> Option<Language> {
    let lower = text.to_lowercase();
    let words: Vec<&str> =
        lower.split(|character: char| !character.is_alphabetic()).filter(|word| !word.is_empty()).collect();
    let mut counts: Vec<(usize, Language)> = LANGUAGES
        .iter()
        .map(|(language, _, common)| (words.iter().filter(|word| common.contains(word)).count(), *language))
        .collect();
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let [(best, language), (second, _), ..] = counts.as_slice() else { return None };
    (3 <= *best && second * 4 < best * 3 && words.len() <= best * 12).then_some(*language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_by_script_and_words() {
        for (text, expected) in [
            ("The ship is in the harbour and the crew have not been paid.", Some("en")),
            ("Das Schiff ist im Hafen und die Mannschaft hat nicht gegessen.", Some("de")),
            ("Le bateau est dans le port et les marins ne sont pas payés.", Some("fr")),
            ("El barco está en el puerto y los marineros no cobran por día.", Some("es")),
            ("O navio não está no porto e os marinheiros querem que você pague.", Some("pt")),
            ("La nave è nel porto e gli uomini non sono stati pagati per ora.", Some("it")),
            ("Het schip is niet in de haven en de mannen zijn van de kade.", Some("nl")),
            ("Корабль стоит в порту", Some("ru")),
            ("船は港にあります", Some("ja")),
            ("船在港口", Some("zh")),
            ("배가 항구에 있다", Some("ko")),
            ("let x = 4;", None),
            ("", None),
        ] {
            assert_eq!(language(text).map(Language::code), expected, "{text}");
        }
        assert_eq!(Language::from_code("nl"), Some(Language::Dutch));
    }
}
