//! How hard a prompt is, by a local score: for sending simple prompts to a cheap model and hard ones to a strong one.
//!
//! A weighted sum of a few features of the text, through a logistic curve. The weights were fitted by
//! `cargo run -p sluice-core --example fit_complexity` to the labelled prompts of `tests/cases/complexity/train.tsv`; how
//! well they do on prompts they have not seen (`held-out.tsv`) is tested below, and docs/routing.md has a table of
//! decisions. Most of the words are English; of other languages length, code and structure tell.

/// What is scored.
#[derive(Clone, Copy, Debug)]
pub struct Prompt<'a> {
    /// What the user said last.
    pub text: &'a str,
    /// Tokens of the whole conversation.
    pub tokens: u64,
    /// How often the user has spoken.
    pub turns: usize,
    /// How many tools there are.
    pub tools: usize,
    /// Whether the caller asks for thinking.
    pub reasoning: bool,
}

/// Beginnings of words that ask for work.
const HARD: &[&str] = &[
    "algorithm",
    "analy",
    "architect",
    "argument",
    "assess",
    "asymptotic",
    "bug",
    "caus",
    "compar",
    "compil",
    "concurren",
    "consisten",
    "constraint",
    "construct",
    "convex",
    "critique",
    "deadlock",
    "debug",
    "deriv",
    "design",
    "diagnos",
    "disprove",
    "discuss",
    "edge case",
    "equation",
    "evaluat",
    "explain",
    "formulat",
    "hypothes",
    "implement",
    "induction",
    "integral",
    "interpret",
    "investigat",
    "justif",
    "latency",
    "migrat",
    "negotiat",
    "optimi",
    "outline",
    "plan",
    "propos",
    "prove",
    "proof",
    "query",
    "reason",
    "recommend",
    "reconcil",
    "reconstruct",
    "recurs",
    "refactor",
    "regression",
    "review",
    "risk",
    "schedul",
    "schema",
    "solve",
    "step by step",
    "strateg",
    "theorem",
    "threat",
    "trade-off",
    "valid",
    "vergleich",
    "begründ",
    "erklär",
    "compara",
    "justifi",
    "analiz",
    "démontr",
    "expliqu",
];

/// Beginnings of words that ask for little.
const EASY: &[&str] = &[
    "alphabetical",
    "bullet",
    "capital",
    "classify",
    "convert",
    "correct",
    "define",
    "detect",
    "emoji",
    "extract",
    "format",
    "good morning",
    "grammar",
    "greeting",
    "hello",
    "how many",
    "joke",
    "lowercase",
    "name three",
    "plural",
    "polite",
    "pull out",
    "remove",
    "rename",
    "reply",
    "rewrite",
    "sentiment",
    "shorten",
    "spell",
    "subject line",
    "suggest",
    "summar",
    "synonym",
    "tag",
    "thank",
    "title",
    "traduis",
    "translat",
    "uppercase",
    "what does",
    "what is",
    "what's",
    "when was",
    "which is",
    "who ",
    "yes or no",
    "wie heißt",
    "was bedeutet",
    "cuánt",
];

/// Words that say what must hold.
const LIMITS: &[&str] = &[
    "must",
    "should",
    "without",
    "at least",
    "at most",
    "within",
    "given",
    "only",
    "constraint",
    "so that",
    "while",
];

/// How many features there are.
const COUNT: usize = 9;

/// What a score starts from, then how much each feature weighs: see [`features`]. The last is set by hand: the labelled
/// prompts are single questions.
const START: f64 = -2.51;
const WEIGHTS: [f64; COUNT] = [2.80, 5.64, -2.41, 0.95, 0.24, 1.24, 1.02, 2.23, 2.0];

/// How hard `prompt` is, `0.0..=1.0`; above a half are prompts that the strong model was labelled for.
pub fn score(prompt: &Prompt<'_>) -> f64 {
    let sum: f64 = features(prompt).iter().zip(WEIGHTS).map(|(feature, weight)| feature * weight).sum();
    1.0 / (1.0 + (-(START + sum)).exp())
}

/// The features, each about `0.0..=1.0`: length, hard words, easy words, limits, code, mathematics, sentences, structure,
/// and the conversation around it.
pub fn features(prompt: &Prompt<'_>) -> [f64; COUNT] {
    let text = prompt.text.to_lowercase();
    let words = text.split_whitespace().count() as f64;
    let count = |list: &[&str]| list.iter().filter(|start| begins_a_word(&text, start)).count() as f64;
    let signs = |set: &[char]| text.chars().filter(|c| set.contains(c)).count() as f64;
    let sentences = signs(&['.', '?', '!', ';', ':']).max(1.0);
    let code =
        text.contains("```") || text.contains("fn ") || text.contains("def ") || text.contains("select ");
    let mathematics = signs(&['=', '^', '<', '>', '+', '∑', '∫', '√', '|', '|']);
    let listed = text.lines().filter(|line| is_listed(line.trim_start())).count() as f64;
    let around = f64::from(u8::from(6 < prompt.turns))
        + f64::from(u8::from(0 < prompt.tools))
        + f64::from(u8::from(prompt.reasoning))
        + f64::from(u8::from(4_000 < prompt.tokens));
    [
        ((1.0 + words).ln() / 6.0).min(1.0),
        (count(HARD) / 4.0).min(1.0),
        (count(EASY) / 2.0).min(1.0),
        (count(LIMITS) / 3.0).min(1.0),
        f64::from(u8::from(code)),
        (mathematics / 4.0).min(1.0),
        (sentences / 5.0).min(1.0),
        ((listed + signs(&[',']) / 2.0) / 4.0).min(1.0),
        (around / 3.0).min(1.0),
    ]
}

/// Whether a word of `text` begins with `start`.
fn begins_a_word(text: &str, start: &str) -> bool {
    text.match_indices(start).any(|(at, _)| {
        text.get(..at).and_then(|before| before.chars().next_back()).is_none_or(|c| !c.is_alphanumeric())
    })
}

/// Whether a line is an item of a list.
fn is_listed(line: &str) -> bool {
    line.starts_with("- ")
        || line.starts_with("* ")
        || line.split_once(". ").is_some_and(|(number, _)| {
            !number.is_empty() && number.len() < 3 && number.bytes().all(|b| b.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> f64 {
        let tokens = text.len() as u64 / 4;
        score(&Prompt { text, tokens, turns: 1, tools: 0, reasoning: false })
    }

    /// How many of each label are told rightly: simple, hard.
    fn right(labelled: &str) -> ([usize; 2], [usize; 2]) {
        let (mut right, mut all) = ([0; 2], [0; 2]);
        for line in labelled.lines() {
            let (label, text) = line.split_once('\t').unwrap();
            let hard = usize::from(label == "hard");
            all[hard] += 1;
            right[hard] += usize::from((0.5 < of(&text.replace("\\n", "\n"))) == (label == "hard"));
        }
        (right, all)
    }

    #[test]
    fn prompts_it_has_not_seen_are_told_apart() {
        let (right, all) = right(include_str!("../../../../tests/cases/complexity/held-out.tsv"));
        assert!(all == [35, 25]);
        // Above all, few hard prompts may go to the weak model.
        assert!(33 <= right[0] && 24 <= right[1], "{right:?} of {all:?}");
    }

    #[test]
    fn what_is_around_a_prompt_counts() {
        let alone = of("And the second one?");
        let prompt =
            Prompt { text: "And the second one?", tokens: 9_000, turns: 12, tools: 4, reasoning: true };
        assert!(alone < 0.3 && 0.5 < score(&prompt), "{alone} {}", score(&prompt));
        assert!((0.0..=1.0).contains(&of("")) && (0.0..=1.0).contains(&of(&"prove ".repeat(9_999))));
    }
}
