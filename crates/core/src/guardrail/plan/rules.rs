//! A policy as it is configured, with the places of its rules: by these an operator knows which of them was broken.

use std::{ops::Deref, rc::Rc};

use sluice_guardrails::policy::{Breach, Policy};

use crate::config::path::Path;

/// A policy that knows where it is written.
#[derive(Clone, Debug)]
pub struct Rules(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    policy: Policy,
    at: Path,
    topics: Vec<String>,
}

impl Rules {
    /// A policy that is written at `at`, with the names of its topics.
    pub(super) fn new(policy: Policy, at: Path, topics: Vec<String>) -> Self {
        Self(Rc::new(Inner { policy, at, topics }))
    }

    /// Where the rule that was broken is written: `guardrails.house.input[0].topics.medicine`. Never a text.
    pub fn place(&self, breach: Breach) -> String {
        let Inner { at, topics, .. } = &*self.0;
        let at = match breach {
            Breach::Phrase(nth) => at.key("deny").index(nth),
            Breach::Pattern(nth) => at.key("patterns").index(nth),
            Breach::Topic(nth) => match topics.get(nth) {
                Some(name) => at.key("topics").key(name),
                None => at.key("topics"),
            },
            Breach::Language(_) => at.key("languages"),
            Breach::Characters => at.key("max_characters"),
            Breach::Words => at.key("max_words"),
        };
        at.to_string()
    }
}

impl Deref for Rules {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.0.policy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_named_by_its_place_in_the_configuration() {
        let at = Path::default().key("guardrails").key("house").key("input").index(0);
        let rules = Rules::new(Policy::default(), at, vec!["medicine".to_owned()]);
        assert_eq!(rules.place(Breach::Topic(0)), "guardrails.house.input[0].topics.medicine");
        assert_eq!(rules.place(Breach::Phrase(3)), "guardrails.house.input[0].deny[3]");
        assert_eq!(rules.place(Breach::Words), "guardrails.house.input[0].max_words");
    }
}
