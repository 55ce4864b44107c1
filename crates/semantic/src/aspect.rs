//! What a question wants to know of its subject: "how long does it take to learn chess" and "how do I learn chess" share all
//! their words of content, and no answer.

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aspect {
    /// How it is done, or how it works.
    Manner,
    /// Whether it is so.
    Whether,
    /// Why.
    Reason,
    /// Which of several.
    Choice,
    /// What it is.
    Definition,
    /// Whatever else "what" asks for.
    What,
    /// What sets two apart.
    Difference,
    /// How one can tell.
    Sign,
    /// What comes of it.
    Effect,
    /// How long it takes.
    Duration,
    /// How much of it, and for how much.
    Amount,
    /// How many.
    Count,
    /// How often.
    Frequency,
    /// How far, how old, how hard.
    Degree,
    When,
    Where,
    Who,
}

/// Aspects that people take one for the other: of pairs of questions that differ so, one in five or more was judged the same
/// (`tools/semantic/judged.tsv`).
const NEAR: [(Aspect, Aspect); 17] = [
    (Aspect::Definition, Aspect::What),
    (Aspect::Choice, Aspect::What),
    (Aspect::Choice, Aspect::Difference),
    (Aspect::Choice, Aspect::When),
    (Aspect::Choice, Aspect::Where),
    (Aspect::What, Aspect::Manner),
    (Aspect::What, Aspect::Whether),
    (Aspect::What, Aspect::Reason),
    (Aspect::What, Aspect::Effect),
    (Aspect::Effect, Aspect::Whether),
    (Aspect::Effect, Aspect::Manner),
    (Aspect::Sign, Aspect::Whether),
    (Aspect::Degree, Aspect::Whether),
    (Aspect::Difference, Aspect::Whether),
    (Aspect::When, Aspect::Whether),
    (Aspect::When, Aspect::Duration),
    (Aspect::Amount, Aspect::Count),
];

/// Whether `pairs` has the two, in either order.
fn among(pairs: &[(Aspect, Aspect)], a: Aspect, b: Aspect) -> bool {
    pairs.contains(&(a, b)) || pairs.contains(&(b, a))
}

/// How far two questions are apart in what they want: 0 the same, 1 not known, 2 near, 3 something else.
pub(crate) fn apart(a: Option<Aspect>, b: Option<Aspect>) -> f32 {
    match (a, b) {
        (None, _) | (_, None) => 1.0,
        (Some(a), Some(b)) if a == b => 0.0,
        (Some(a), Some(b)) if among(&NEAR, a, b) => 2.0,
        (Some(_), Some(_)) => 3.0,
    }
}

/// Aspects that have no answer in common: of pairs of questions that differ so, at most three in a hundred were judged the same.
const ALIEN: [(Aspect, Aspect); 9] = [
    (Aspect::Reason, Aspect::Whether),
    (Aspect::Reason, Aspect::Choice),
    (Aspect::Reason, Aspect::Duration),
    (Aspect::Reason, Aspect::Amount),
    (Aspect::Manner, Aspect::Duration),
    (Aspect::Manner, Aspect::Amount),
    (Aspect::Manner, Aspect::Count),
    (Aspect::Manner, Aspect::When),
    (Aspect::Duration, Aspect::Definition),
];

/// Whether two questions want what no one answer tells.
pub(crate) fn alien(a: Option<Aspect>, b: Option<Aspect>) -> bool {
    a.zip(b).is_some_and(|(a, b)| among(&ALIEN, a, b))
}

const AUXILIARIES: [&str; 31] = [
    "is",
    "are",
    "am",
    "was",
    "were",
    "do",
    "does",
    "did",
    "can",
    "could",
    "should",
    "would",
    "will",
    "shall",
    "has",
    "have",
    "had",
    "may",
    "might",
    "must",
    "isn't",
    "aren't",
    "wasn't",
    "don't",
    "doesn't",
    "didn't",
    "can't",
    "couldn't",
    "shouldn't",
    "wouldn't",
    "won't",
];
const TIMES: [&str; 15] = [
    "time", "second", "seconds", "minute", "minutes", "hour", "hours", "day", "days", "week", "weeks",
    "month", "months", "year", "years",
];
const DEGREES: [&str; 29] = [
    "accurate",
    "bad",
    "big",
    "close",
    "common",
    "dangerous",
    "deep",
    "difficult",
    "effective",
    "expensive",
    "far",
    "good",
    "hard",
    "heavy",
    "high",
    "hot",
    "important",
    "large",
    "likely",
    "old",
    "rare",
    "reliable",
    "safe",
    "small",
    "strong",
    "tall",
    "true",
    "well",
    "wide",
];
const WAYS: [&str; 11] =
    ["way", "ways", "method", "methods", "tip", "tips", "step", "steps", "trick", "tricks", "process"];
const CAUSES: [&str; 5] = ["reason", "reasons", "cause", "causes", "caused"];
const EFFECTS: [&str; 9] = [
    "happen",
    "happens",
    "happened",
    "effect",
    "effects",
    "impact",
    "impacts",
    "consequence",
    "consequences",
];
const PRICES: [&str; 7] = ["cost", "costs", "price", "prices", "fee", "fees", "salary"];
const SHARES: [&str; 4] = ["percentage", "percent", "number", "amount"];
const BEST: [&str; 4] = ["best", "good", "recommended", "top"];

/// What a question of these words, in small letters, wants; `None` where no word tells.
pub(crate) fn of(texts: &[&str]) -> Option<Aspect> {
    let any = |list: &[&str]| texts.iter().any(|text| list.contains(text));
    let by_a_way = || {
        let way = texts.iter().position(|text| WAYS.contains(text));
        way.and_then(|at| texts.get(at + 1))
            .is_some_and(|next| ["to", "for", "of", "on", "i", "you"].contains(next))
    };
    if texts.first().is_some_and(|first| AUXILIARIES.contains(first)) {
        return Some(if by_a_way() {
            Aspect::Manner
        } else if any(&["or"]) {
            Aspect::Choice
        } else {
            Aspect::Whether
        });
    }
    for (at, text) in texts.iter().enumerate() {
        let next = texts.get(at + 1).copied().unwrap_or_default();
        match *text {
            "why" => return Some(Aspect::Reason),
            "how" => return Some(how(texts.get(at + 1..).unwrap_or_default())),
            "who" | "whom" => return Some(Aspect::Who),
            "where" => return Some(Aspect::Where),
            // Later it mostly begins a condition.
            "when" if at < 2 => return Some(Aspect::When),
            "what" | "which" => {
                let done = |pair: &[&str]| matches!(pair, ["to" | "i" | "you" | "we" | "one", "do"]);
                return Some(if any(&CAUSES) {
                    Aspect::Reason
                } else if any(&["difference", "differences", "vs", "versus"]) {
                    Aspect::Difference
                } else if any(&EFFECTS) {
                    Aspect::Effect
                } else if any(&["sign", "signs", "symptom", "symptoms"]) {
                    Aspect::Sign
                } else if by_a_way() || texts.windows(2).any(done) {
                    Aspect::Manner
                } else if any(&PRICES) {
                    Aspect::Amount
                } else if any(&SHARES) {
                    Aspect::Count
                } else if *text == "which" || any(&BEST) {
                    Aspect::Choice
                } else if ["age", "time", "year", "date", "day", "month"].contains(&next) {
                    Aspect::When
                } else if defines(texts.get(at + 1..).unwrap_or_default()) {
                    Aspect::Definition
                } else {
                    Aspect::What
                });
            }
            _ => {}
        }
    }
    if by_a_way() {
        Some(Aspect::Manner)
    } else if any(&["vs", "versus", "difference"]) {
        Some(Aspect::Difference)
    } else if any(&BEST) {
        Some(Aspect::Choice)
    } else if any(&PRICES) {
        Some(Aspect::Amount)
    } else {
        None
    }
}

/// What "how" asks for, by the words behind it.
fn how(behind: &[&str]) -> Aspect {
    match *behind {
        ["come", ..] => Aspect::Reason,
        ["much" | "many", time, ..] if TIMES.contains(&time) => Aspect::Duration,
        ["much", ..] => Aspect::Amount,
        ["many", ..] => Aspect::Count,
        ["long" | "soon" | "quickly" | "fast", ..] => Aspect::Duration,
        ["often", ..] => Aspect::Frequency,
        [degree, ..] if DEGREES.contains(&degree) => Aspect::Degree,
        _ if behind
            .iter()
            .take(4)
            .any(|text| ["know", "tell", "recognise", "recognize", "spot"].contains(text)) =>
        {
            Aspect::Sign
        }
        _ => Aspect::Manner,
    }
}

/// Whether "what" asks for no more than what something is, by the words behind it.
fn defines(behind: &[&str]) -> bool {
    match *behind {
        ["does" | "do", .., "mean" | "means"] => true,
        // Of "what's" the first half is left.
        ["is" | "are" | "was" | "were" | "a" | "an" | "the", ref thing @ ..] => {
            let narrowed = |text: &&str| {
                ["about", "for", "from", "in", "inside", "like", "of", "on", "to"].contains(text)
            };
            thing.len() < 6 && !thing.iter().any(narrowed)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::raw_words;

    #[test]
    fn what_questions_want() {
        for (text, wanted) in [
            ("How do I learn chess?", Some(Aspect::Manner)),
            ("What is the best way to learn chess?", Some(Aspect::Manner)),
            ("Is there a way to learn chess quickly?", Some(Aspect::Manner)),
            ("My chess is bad, what should I do?", Some(Aspect::Manner)),
            ("Can I learn chess at 40?", Some(Aspect::Whether)),
            ("Why is chess hard?", Some(Aspect::Reason)),
            ("How come chess is hard?", Some(Aspect::Reason)),
            ("What makes a chess player lose? What's the reason?", Some(Aspect::Reason)),
            ("Which chess opening should I play?", Some(Aspect::Choice)),
            ("What's a good chess opening?", Some(Aspect::Choice)),
            ("What is castling?", Some(Aspect::Definition)),
            ("What's a gambit?", Some(Aspect::Definition)),
            ("What does castling mean?", Some(Aspect::Definition)),
            ("What is inside a chess computer?", Some(Aspect::What)),
            ("Is chess or checkers harder?", Some(Aspect::Choice)),
            ("What's the difference between check and mate?", Some(Aspect::Difference)),
            ("How do I know if I am in check?", Some(Aspect::Sign)),
            ("What happens when the time is up?", Some(Aspect::Effect)),
            ("How long does it take to learn chess?", Some(Aspect::Duration)),
            ("How many hours a day should I play chess?", Some(Aspect::Duration)),
            ("How much does a chess board cost?", Some(Aspect::Amount)),
            ("How many pawns are there?", Some(Aspect::Count)),
            ("How often should I play?", Some(Aspect::Frequency)),
            ("How old is chess?", Some(Aspect::Degree)),
            ("When was chess invented?", Some(Aspect::When)),
            ("Where can I play chess?", Some(Aspect::Where)),
            ("Who invented chess?", Some(Aspect::Who)),
            ("best chess app", Some(Aspect::Choice)),
            ("chess app crashes", None),
        ] {
            let words: Vec<String> =
                raw_words(text).into_iter().map(|word| word.text.to_lowercase()).collect();
            assert_eq!(of(&words.iter().map(String::as_str).collect::<Vec<_>>()), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_apart() {
        assert_eq!(apart(Some(Aspect::Manner), Some(Aspect::Manner)), 0.0);
        assert_eq!(apart(Some(Aspect::Manner), None), 1.0);
        assert_eq!(apart(Some(Aspect::What), Some(Aspect::Choice)), 2.0);
        assert_eq!(apart(Some(Aspect::Manner), Some(Aspect::Duration)), 3.0);
        assert!(alien(Some(Aspect::Duration), Some(Aspect::Manner)));
        assert!(!alien(Some(Aspect::Manner), Some(Aspect::Whether)) && !alien(None, Some(Aspect::Manner)));
    }
}
