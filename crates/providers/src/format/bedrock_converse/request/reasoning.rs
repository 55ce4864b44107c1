//! How much to think: each maker's models are told in their own words.
//!
//! What the makers' members are called is from AWS's guides and what its clients send, as of 2026-09; not tried live.

use sluice_types::{
    chat::{Effort, Reasoning, Request},
    error::Failure,
};

use super::model::Kin;
use crate::format::{
    anthropic_messages::shared::{Conversation, Dropped, Mode, Sampled, Sampling, Thinking, family_of},
    json::ObjectWriter,
};

/// What is sent about thinking, and what else depends on it.
#[derive(Debug)]
pub(super) struct Wish {
    /// In `additionalModelRequestFields`.
    fields: Option<Fields>,
    /// `outputConfig.effort`.
    pub(super) effort: Option<&'static str>,
    /// `inferenceConfig.maxTokens`: by default as many as the model can.
    pub(super) max_tokens: Option<u32>,
    /// Temperature and the like, as far as they may be told.
    pub(super) sampled: Sampled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fields {
    /// `thinking`
    Claude(Mode),
    /// `reasoningConfig`, with an effort, or switched off.
    Nova(Option<&'static str>),
    /// `reasoning_effort`
    Flat(&'static str),
    /// `reasoning.effort`
    Nested(&'static str),
}

/// What callers call it.
const NAME: &str = "reasoning_effort";

impl Wish {
    /// The wish of `request` for a model of `kin`.
    ///
    /// # Errors
    ///
    /// As [`Dropped::add`].
    pub(super) fn translate(
        request: &Request<'_>,
        model: &str,
        kin: Kin,
        conversation: &Conversation<'_>,
        dropped: &mut Dropped,
    ) -> Result<Self, Failure> {
        if kin == Kin::Claude {
            return Self::claude(request, model, conversation, dropped);
        }
        let fields = match request.reasoning {
            None | Some(Reasoning::Adaptive(None)) => None,
            Some(Reasoning::Off) => match kin {
                Kin::Nova2 => Some(Fields::Nova(None)),
                Kin::Openai => Some(Fields::Nested("none")),
                // Most do not think; those that always do cannot be told.
                Kin::Claude | Kin::Nova | Kin::FlatEffort | Kin::Other | Kin::Unknown => None,
            },
            Some(Reasoning::Effort(effort) | Reasoning::Adaptive(Some(effort))) => {
                fields(kin, effort, request)
            }
            Some(Reasoning::Budget(tokens)) => fields(kin, effort_of(tokens), request),
        };
        let asked = !matches!(request.reasoning, None | Some(Reasoning::Off | Reasoning::Adaptive(None)));
        dropped.add_if(asked && fields.is_none(), NAME)?;
        let mut sampled = Sampled::choose(request, Sampling::Any, false, dropped)?;
        // Where other makers have a member for it, it is not the same one.
        if !matches!(kin, Kin::Nova | Kin::Nova2) {
            dropped.add_if(sampled.top_k.take().is_some(), "top_k")?;
        }
        Ok(Self { fields, effort: None, max_tokens: request.max_output_tokens, sampled })
    }

    fn claude(
        request: &Request<'_>,
        model: &str,
        conversation: &Conversation<'_>,
        dropped: &mut Dropped,
    ) -> Result<Self, Failure> {
        let family = family_of(model);
        let resumes = conversation.resumes_without_thought();
        let thinking = Thinking::translate(request, family, None, resumes, dropped)?;
        let sampled = Sampled::choose(request, family.sampling, thinking.is_on(), dropped)?;
        let max_tokens = match thinking.mode {
            // The limit must leave room for the thoughts.
            Some(Mode::Enabled(_)) => Some(thinking.max_tokens),
            Some(Mode::Adaptive | Mode::Disabled) | None => request.max_output_tokens,
        };
        // This one does not think unasked, and refuses to be told not to.
        let silent = thinking.mode == Some(Mode::Disabled) && model.contains("opus-4-7");
        let fields = thinking.mode.filter(|_| !silent).map(Fields::Claude);
        Ok(Self { fields, effort: thinking.effort, max_tokens, sampled })
    }

    /// Whether there is anything to write into `additionalModelRequestFields`.
    pub(super) fn has_fields(&self) -> bool {
        self.fields.is_some() || self.sampled.top_k.is_some()
    }

    /// Writes the value of `additionalModelRequestFields`.
    pub(super) fn write_fields(&self, kin: Kin, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::open(out);
        match self.fields {
            Some(Fields::Claude(mode)) => write_mode(object.member("thinking"), mode),
            Some(Fields::Nova(None)) => object.raw("reasoningConfig", r#"{"type":"disabled"}"#),
            Some(Fields::Nova(Some(effort))) => {
                let mut config = ObjectWriter::open(object.member("reasoningConfig"));
                config.set("type", "enabled");
                config.set("maxReasoningEffort", effort);
                config.close();
            }
            Some(Fields::Flat(effort)) => object.set("reasoning_effort", effort),
            Some(Fields::Nested(effort)) => {
                let mut reasoning = ObjectWriter::open(object.member("reasoning"));
                reasoning.set("effort", effort);
                reasoning.close();
            }
            None => {}
        }
        if let Some(top_k) = self.sampled.top_k {
            match kin {
                Kin::Nova | Kin::Nova2 => {
                    let mut config = ObjectWriter::open(object.member("inferenceConfig"));
                    config.set("topK", &top_k);
                    config.close();
                }
                _ => object.set("top_k", &top_k),
            }
        }
        object.close();
    }
}

fn write_mode(out: &mut Vec<u8>, mode: Mode) {
    let mut object = ObjectWriter::open(out);
    match mode {
        Mode::Enabled(budget) => {
            object.set("type", "enabled");
            object.set("budget_tokens", &budget);
        }
        Mode::Adaptive => object.set("type", "adaptive"),
        Mode::Disabled => object.set("type", "disabled"),
    }
    object.close();
}

/// An effort in the words of models that are not Claude; `None` where they have none.
fn fields(kin: Kin, effort: Effort, request: &Request<'_>) -> Option<Fields> {
    let of_three = match effort {
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::XHigh | Effort::Max => "high",
    };
    match kin {
        Kin::Nova2 => {
            // At its greatest effort it takes no limits and no sampling.
            let bound = request.max_output_tokens.is_some()
                || request.temperature.is_some()
                || request.top_p.is_some()
                || request.top_k.is_some();
            Some(Fields::Nova(Some(if of_three == "high" && bound { "medium" } else { of_three })))
        }
        Kin::FlatEffort => Some(Fields::Flat(of_three)),
        Kin::Openai => Some(Fields::Nested(match effort {
            Effort::XHigh => "xhigh",
            Effort::Max => "max",
            _ => of_three,
        })),
        Kin::Claude | Kin::Nova | Kin::Other | Kin::Unknown => None,
    }
}

/// The effort a number of tokens comes to.
fn effort_of(budget: u32) -> Effort {
    match budget {
        0..=4096 => Effort::Low,
        4097..=16_384 => Effort::Medium,
        _ => Effort::High,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(model: &str, request: &Request<'_>) -> (String, Option<u32>, Vec<String>) {
        let mut dropped = Dropped::of("Bedrock Converse", false);
        let kin = Kin::of(model);
        let conversation = Conversation::default();
        let wish = Wish::translate(request, model, kin, &conversation, &mut dropped).unwrap();
        let mut out = Vec::new();
        wish.write_fields(kin, &mut out);
        let fields = format!("{} {}", String::from_utf8(out).unwrap(), wish.effort.unwrap_or("-"));
        (fields, wish.max_tokens, dropped.into_names())
    }

    fn asks(reasoning: Reasoning) -> Request<'static> {
        Request { reasoning: Some(reasoning), ..Request::default() }
    }

    #[test]
    fn every_maker_is_told_in_its_own_words() {
        let effort = |effort| asks(Reasoning::Effort(effort));
        for (model, request, fields) in [
            (
                "us.anthropic.claude-haiku-4-5-v1:0",
                effort(Effort::Low),
                r#"{"thinking":{"type":"enabled","budget_tokens":2048}} -"#,
            ),
            ("anthropic.claude-opus-4-8", effort(Effort::XHigh), r#"{"thinking":{"type":"adaptive"}} xhigh"#),
            (
                "amazon.nova-2-lite-v1:0",
                effort(Effort::Max),
                r#"{"reasoningConfig":{"type":"enabled","maxReasoningEffort":"high"}} -"#,
            ),
            ("openai.gpt-oss-20b-1:0", effort(Effort::Minimal), r#"{"reasoning_effort":"low"} -"#),
            ("us.openai.gpt-5.6-sol", effort(Effort::XHigh), r#"{"reasoning":{"effort":"xhigh"}} -"#),
            ("us.openai.gpt-5.6-sol", asks(Reasoning::Off), r#"{"reasoning":{"effort":"none"}} -"#),
            ("amazon.nova-2-lite-v1:0", asks(Reasoning::Off), r#"{"reasoningConfig":{"type":"disabled"}} -"#),
            ("anthropic.claude-opus-4-7", asks(Reasoning::Off), "{} -"),
            ("anthropic.claude-opus-4-8", asks(Reasoning::Off), r#"{"thinking":{"type":"disabled"}} -"#),
            ("meta.llama3-70b-instruct-v1:0", asks(Reasoning::Off), "{} -"),
        ] {
            let (told, _, dropped) = told(model, &request);
            assert_eq!((told.as_str(), dropped), (fields, vec![]), "{model}");
        }
        assert_eq!(told("meta.llama3-70b-instruct-v1:0", &effort(Effort::Low)).2, [NAME]);
    }

    #[test]
    fn a_limit_is_sent_only_where_there_is_one() {
        let request = asks(Reasoning::Effort(Effort::Low));
        assert_eq!(told("anthropic.claude-haiku-4-5", &request).1, Some(2048 + 4096));
        assert_eq!(told("anthropic.claude-opus-4-8", &request).1, None);
        let limited = Request { max_output_tokens: Some(9), ..asks(Reasoning::Effort(Effort::High)) };
        assert_eq!(told("anthropic.claude-opus-4-8", &limited).1, Some(9));
        let (fields, max_tokens, _) = told("amazon.nova-2-lite-v1:0", &limited);
        assert!(fields.contains("medium"), "{fields}");
        assert_eq!(max_tokens, Some(9));
    }

    #[test]
    fn top_k_goes_where_the_maker_looks_for_it() {
        let request = Request { top_k: Some(5), ..Request::default() };
        assert_eq!(told("anthropic.claude-3-haiku", &request).0, r#"{"top_k":5} -"#);
        assert_eq!(told("amazon.nova-lite-v1:0", &request).0, r#"{"inferenceConfig":{"topK":5}} -"#);
        assert_eq!(told("meta.llama3", &request).2, ["top_k"]);
    }
}
