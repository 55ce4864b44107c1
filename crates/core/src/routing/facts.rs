//! What a strategy may want to know of a request. What costs time to find out is found out when it is asked for.

use std::collections::BTreeMap;

use sluice_providers::tokens;
use sluice_types::chat::{self, Part, Role, Turn};

use super::{complexity, language, rendezvous, semantic, sensitivity};
use crate::config::document::{Affinity, Language, Sensitivity};

/// The tag that says how sensitive a request is.
const SENSITIVITY: &str = "sensitivity";

/// How long an answer is expected to be, in tokens, unless the request limits it to less.
const ANSWER: u64 = 400;

/// How much of a conversation's beginning tells it from others, in bytes.
const PREFIX: usize = 1_024;

/// A request, as strategies see it.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The model the caller asks for.
    pub model: &'a str,
    /// The conversation, where the request is chat.
    pub request: Option<&'a chat::Request<'a>>,
    /// The prompt's tokens by estimate, where somebody has counted already.
    pub tokens: Option<u64>,
    /// The request's tags.
    pub tags: &'a BTreeMap<String, String>,
    /// The end user.
    pub user: Option<&'a str>,
    /// The session, as the caller names it.
    pub session: Option<&'a str>,
    /// Where the caller is.
    pub region: Option<&'a str>,
    /// Whether the answer is streamed.
    pub stream: bool,
}

impl<'a> Facts<'a> {
    /// A request of which no more is known.
    pub fn of(model: &'a str, tags: &'a BTreeMap<String, String>) -> Self {
        Self {
            model,
            request: None,
            tokens: None,
            tags,
            user: None,
            session: None,
            region: None,
            stream: false,
        }
    }

    /// The prompt's tokens by estimate.
    pub fn input_tokens(&self) -> u64 {
        self.tokens.or_else(|| self.request.map(tokens::request)).unwrap_or(0)
    }

    /// The answer's tokens by estimate.
    pub fn output_tokens(&self) -> u64 {
        let limit = self.request.and_then(|request| request.max_output_tokens).map(u64::from);
        match self.request {
            Some(_) => limit.unwrap_or(ANSWER).min(ANSWER),
            None => 0,
        }
    }

    /// Whether the model may call tools.
    pub fn tools(&self) -> bool {
        self.request.is_some_and(|request| !request.tools.is_empty())
    }

    /// Whether there are pictures in the conversation.
    pub fn images(&self) -> bool {
        fn image(part: &Part<'_>) -> bool {
            match part {
                Part::Image { .. } => true,
                Part::ToolResult { parts, .. } => parts.iter().any(image),
                _ => false,
            }
        }
        self.request.is_some_and(|request| request.turns.iter().flat_map(|turn| &turn.parts).any(image))
    }

    /// The language of the last prompt.
    pub fn language(&self) -> Option<Language> {
        language::tell(&self.prompt()?)
    }

    /// How hard the prompt is, `0.0..=1.0`.
    pub fn complexity(&self) -> f64 {
        let Some(request) = self.request else { return 0.0 };
        complexity::score(&complexity::Prompt {
            text: &self.prompt().unwrap_or_default(),
            tokens: self.input_tokens(),
            turns: request.turns.iter().filter(|turn| turn.role == Role::User).count(),
            tools: request.tools.len(),
            reasoning: request.reasoning.is_some(),
        })
    }

    /// What the last prompt means, as a vector; `None` without a prompt, or in a build without embeddings.
    pub fn vector(&self) -> Option<Vec<f32>> {
        semantic::vector(&self.prompt()?)
    }

    /// How sensitive the conversation is: as its tag says, else by what is found in what the user said.
    pub fn sensitivity(&self) -> Sensitivity {
        match self.tags.get(SENSITIVITY).map(String::as_str) {
            Some("high") => Sensitivity::High,
            Some("medium") => Sensitivity::Medium,
            Some("low") => Sensitivity::Low,
            Some(_) | None => {
                let turns = self.request.map(|request| request.turns.as_slice()).unwrap_or_default();
                let said = turns
                    .iter()
                    .filter(|turn| turn.role == Role::User)
                    .map(|turn| sensitivity::tell(&text(turn)));
                said.max().unwrap_or_default()
            }
        }
    }

    /// What keeps the request with others of its kind: the first of `kinds` that it has, and a hash of it.
    pub fn affinity(&self, kinds: &[Affinity]) -> Option<(Affinity, u64)> {
        kinds.iter().find_map(|kind| {
            let key = match kind {
                Affinity::Session => rendezvous::hash(&[b"session", self.session?.as_bytes()]),
                Affinity::User => rendezvous::hash(&[b"user", self.user?.as_bytes()]),
                Affinity::Prompt => self.beginning()?,
                Affinity::None => return None,
            };
            Some((*kind, key))
        })
    }

    /// A hash of how the conversation begins: up to the user's first prompt. It stays the same from turn to turn, as
    /// providers' prompt caches need it.
    fn beginning(&self) -> Option<u64> {
        let turns = &self.request?.turns;
        let first = turns.iter().position(|turn| turn.role == Role::User)?;
        let texts: Vec<String> = turns.iter().take(first + 1).map(text).collect();
        let parts: Vec<&[u8]> =
            texts.iter().map(|text| text.as_bytes().get(..PREFIX).unwrap_or(text.as_bytes())).collect();
        Some(rendezvous::hash(&parts))
    }

    /// What the user said last.
    fn prompt(&self) -> Option<String> {
        self.request?.turns.iter().rev().find(|turn| turn.role == Role::User).map(text)
    }
}

/// What is said in a turn.
fn text(turn: &Turn<'_>) -> String {
    let texts: Vec<&str> = turn.parts.iter().filter_map(Part::as_text).collect();
    texts.join("\n")
}

#[cfg(test)]
mod tests {
    use sluice_providers::format::Protocol;

    use super::*;

    fn with<T>(body: &str, check: impl FnOnce(Facts<'_>) -> T) -> T {
        let tags = BTreeMap::new();
        let request = Protocol::OpenaiChat.read_request(body.as_bytes()).unwrap();
        check(Facts { request: Some(&request), ..Facts::of("m", &tags) })
    }

    const FIRST: &str = r#"{"role":"system","content":"Be brief."},{"role":"user","content":"Wie ist das Wetter und der Wind?"}"#;

    #[test]
    fn a_conversation_keeps_its_beginning() {
        let kinds = [Affinity::Session, Affinity::User, Affinity::Prompt];
        let of = |messages: &str| {
            with(&format!(r#"{{"model":"m","messages":[{messages}]}}"#), |facts| facts.affinity(&kinds))
        };
        let begun = of(FIRST);
        assert!(begun.is_some_and(|(kind, _)| kind == Affinity::Prompt));
        assert_eq!(
            of(&format!(
                r#"{FIRST},{{"role":"assistant","content":"Mild."}},{{"role":"user","content":"Danke"}}"#
            )),
            begun
        );
        assert_ne!(of(r#"{"role":"user","content":"Wie ist das Wetter und der Wind?"}"#), begun);
        let body = format!(r#"{{"model":"m","messages":[{FIRST}]}}"#);
        with(&body, |facts| {
            let facts = Facts { user: Some("ann"), session: Some("s1"), ..facts };
            assert_eq!(facts.affinity(&kinds).unwrap().0, Affinity::Session);
            assert_ne!(facts.affinity(&[Affinity::User]), facts.affinity(&kinds));
            assert_eq!(facts.affinity(&[Affinity::None]), None);
        });
    }

    #[test]
    fn what_is_asked_of_a_request_is_found_in_it() {
        let body = format!(r#"{{"model":"m","max_tokens":50,"messages":[{FIRST}]}}"#);
        with(&body, |facts| {
            assert_eq!(facts.language(), Some(Language::De));
            assert_eq!((facts.output_tokens(), facts.tools(), facts.images()), (50, false, false));
            assert!((10..40).contains(&facts.input_tokens()));
            assert_eq!(facts.sensitivity(), Sensitivity::Low);
        });
    }
}
