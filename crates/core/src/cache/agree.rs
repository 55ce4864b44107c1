//! Whether two answers to one question say the same.

use sluice_guardrails::grounding::Context;

/// The least score of both, each with the other for its passage, at which they say the same.
const SAME: f64 = 0.5;

/// The highest score of both at which they do not.
const OTHER: f64 = 0.1;

/// Whether two answers to `question` say the same, as far as their words, names and numbers tell: a model that is asked twice
/// seldom says it in the same words. `None` where they do not tell.
pub fn agree(question: &str, kept: &str, fresh: &str) -> Option<bool> {
    let words = |text: &str| text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>();
    if words(kept) == words(fresh) {
        return Some(true);
    }
    let score = |passage: &str, answer: &str| Context::new([passage], question).support(answer).score;
    let scores = [score(fresh, kept), score(kept, fresh)];
    if scores.iter().all(|score| SAME <= *score) {
        Some(true)
    } else if scores.iter().all(|score| *score <= OTHER) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_names_and_numbers_tell() {
        let question = "How do I reset my password?";
        let kept = "Open Settings, choose Security and click Reset password. A link comes by e-mail and works for 30 minutes.";
        let same = "Go to Settings, then Security, and click Reset password. You get a link by e-mail, which works for 30 minutes.";
        let other = "Invoices are sent on the first day of the month; under Billing you can download the last twelve of them.";
        assert_eq!(
            agree(
                question,
                kept,
                "  open settings, choose Security and click reset PASSWORD. A link comes by e-mail and works for 30 minutes."
            ),
            Some(true)
        );
        assert_eq!(agree(question, kept, same), Some(true));
        assert_eq!(agree(question, kept, other), Some(false));
        assert_eq!(agree(question, kept, "Click Reset password."), None);
    }
}
