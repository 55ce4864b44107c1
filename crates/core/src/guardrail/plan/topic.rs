//! Topics that must not be talked about, by the examples an operator gives.

use sluice_guardrails::policy;
use sluice_semantic::{topic, vector::is_known};

use crate::routing::semantic;

/// The most examples of one check: their vectors are made when the configuration is read.
pub const MOST: usize = 200;

/// How like its examples a sentence must be to be about a topic where nothing else is said.
///
/// `cargo xtask eval semantic`: with ten examples of one of CLINC150's intents, 88 % of its other questions and 0.7 % of those
/// of other intents or of none are as like as that.
const LEAST: f64 = 0.7;

/// A topic by examples.
#[derive(Debug)]
pub struct Topic {
    examples: topic::Topic,
    least: f64,
}

impl Topic {
    /// A topic of these examples. An error says why there is none, and of which example.
    pub fn new(examples: &[String], least: Option<f64>) -> Result<Self, (Option<usize>, &'static str)> {
        let mut vectors = Vec::new();
        for (place, example) in examples.iter().enumerate() {
            let vector = semantic::vector(example)
                .ok_or((None, "this build has no embeddings (feature `embedded-model`)"))?;
            if !is_known(&vector) {
                return Err((Some(place), semantic::UNKNOWN));
            }
            vectors.push(vector);
        }
        let examples =
            topic::Topic::new(&vectors).ok_or((None, "missing: give examples, best five or more"))?;
        Ok(Self { examples, least: least.unwrap_or(LEAST) })
    }
}

/// Those of one check.
#[derive(Debug)]
pub struct Topics(pub Vec<Topic>);

impl policy::Topics for Topics {
    fn covering(&self, sentence: &str) -> Option<usize> {
        let vector = semantic::vector(sentence)?;
        let covers = |topic: &Topic| topic.least <= f64::from(topic.examples.likeness(&vector));
        self.0.iter().position(covers)
    }
}

#[cfg(test)]
mod tests {
    use sluice_guardrails::policy::Topics as _;

    use super::*;

    fn examples() -> Vec<String> {
        [
            "What dose of ibuprofen may I take?",
            "Is this rash dangerous?",
            "My head hurts, which medicine helps?",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn covers(topic: Topic, sentence: &str) -> bool {
        Topics(vec![topic]).covering(sentence) == Some(0)
    }

    #[test]
    fn a_sentence_like_the_examples_is_about_their_topic() {
        let topic = || Topic::new(&examples(), None).unwrap();
        assert!(covers(topic(), "Which dose of this medicine may I take for my head?"));
        for other in ["Write a poem about the sea.", "What is the capital of France?", "你好", "xqzzt"] {
            assert!(!covers(topic(), other), "{other}");
        }
        assert!(covers(Topic::new(&examples(), Some(0.0)).unwrap(), "Write a poem about the sea."));
    }

    #[test]
    fn examples_that_say_nothing_are_refused() {
        assert_eq!(Topic::new(&[], None).err().map(|(place, _)| place), Some(None));
        let mut examples = examples();
        examples.push("你好".to_owned());
        assert_eq!(Topic::new(&examples, None).err().map(|(place, _)| place), Some(Some(3)));
    }
}
