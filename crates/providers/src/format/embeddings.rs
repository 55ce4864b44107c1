//! Embeddings in providers' formats: OpenAI's request in, OpenAI's answer out, whatever the provider speaks between.
//!
//! Callers speak [`openai_embeddings`] only. A provider that speaks it gets the request as it came; Cohere's `/v2/embed` and
//! Gemini's `:batchEmbedContents` and Workers AI's `run` are written anew, the first two with two members more that callers may give: `input_type` (in Cohere's
//! words, translated for Gemini) and `truncate`.

mod cohere;
mod gemini;
mod workers_ai;

use std::borrow::Cow;

use sluice_types::{
    embeddings::{Answer, Encoding, Input},
    error::{ErrorKind, Failure},
    json::Str,
};

use super::{
    Chat, Target, Written,
    dropped::{Dropped, is_neutral},
    openai_embeddings::{self, Answered},
    path, plain,
};

/// What a provider's embeddings are asked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenAI's `/embeddings`.
    Openai,
    /// Cohere's `/embed`, second version.
    Cohere,
    /// Gemini's `:batchEmbedContents`.
    Gemini,
    /// Workers AI's `run`.
    WorkersAi,
}

impl Format {
    /// The format of a provider whose usual format of chat is `chat`: who has an own format for one has it for the other.
    pub fn of(chat: Option<Chat>) -> Self {
        match chat {
            Some(Chat::CohereChat) => Self::Cohere,
            Some(Chat::Gemini) => Self::Gemini,
            Some(Chat::WorkersAi) => Self::WorkersAi,
            Some(
                Chat::OpenaiChat
                | Chat::OpenaiResponses
                | Chat::AnthropicMessages
                | Chat::BedrockConverse
                | Chat::OllamaChat,
            )
            | None => Self::Openai,
        }
    }

    /// Where it is asked, below the provider's address; see [`path`].
    pub fn path(self) -> &'static str {
        match self {
            Self::Openai => "/embeddings",
            Self::Cohere => "/embed",
            Self::Gemini => "/models/{model}:batchEmbedContents",
            Self::WorkersAi => "/run/{model/}",
        }
    }

    /// Writes a caller's request for the provider.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](ErrorKind::InvalidRequest) if it is none, [`Unsupported`](ErrorKind::Unsupported) if it gives
    /// tokens to a provider that takes texts only, or the target is strict and something cannot be said.
    pub fn write_request(self, body: &[u8], target: &Target<'_>) -> Result<Written, Failure> {
        let (write, place): (WriteBody, _) = match self {
            Self::Openai => return plain::patch_json(body, target),
            Self::Cohere => (cohere::write, "in Cohere's embeddings"),
            Self::Gemini => (gemini::write, "in Gemini's embeddings"),
            Self::WorkersAi => (workers_ai::write, "in embeddings of Workers AI"),
        };
        let request = openai_embeddings::read_request(body)?;
        let texts = match &request.input {
            Input::Texts(texts) => texts,
            Input::Tokens(_) => {
                let message =
                    format!("`input` must be text: token numbers mean nothing to `{}`", target.model);
                return Err(Failure {
                    param: Some("input".to_owned()),
                    ..Failure::new(ErrorKind::Unsupported, message)
                });
            }
        };
        let mut dropped = Dropped::new(place, target.strict);
        dropped.add_if(request.user.is_some(), "user")?;
        dropped.add_if(request.dimensions.is_some() && self == Self::WorkersAi, "dimensions")?;
        let mut asked = Asked { texts, dimensions: request.dimensions, input_type: None, truncate: None };
        for (name, value) in &request.extra.0 {
            let word = || serde_json::from_str::<Str<'_>>(value.text()).ok().map(Str::into_owned);
            match &**name {
                "input_type" if self != Self::WorkersAi => asked.input_type = word(),
                "truncate" if self == Self::Cohere => asked.truncate = word(),
                name => dropped.add_if(!is_neutral(name, value), name)?,
            }
        }
        Ok(Written { body: write(&asked, target), dropped: dropped.into_names() })
    }

    /// Turns the provider's answer to a request for `model` into OpenAI's, in `encoding`.
    ///
    /// # Errors
    ///
    /// As [`openai_embeddings::read_answer`].
    pub fn answer<'b>(
        self,
        body: &'b [u8],
        encoding: Encoding,
        model: &str,
    ) -> Result<Answered<'b>, Failure> {
        let (vectors, usage) = match self {
            Self::Openai => return openai_embeddings::answer_in(body, encoding),
            Self::Cohere => cohere::read(body)?,
            Self::Gemini => gemini::read(body)?,
            Self::WorkersAi => workers_ai::read(body)?,
        };
        if vectors.is_empty() {
            return Err(Failure::new(
                ErrorKind::UpstreamInvalid,
                "the provider's answer holds no embeddings",
            ));
        }
        let answer = Answer { model: model.to_owned(), vectors, usage };
        let body = openai_embeddings::write_answer(&answer, encoding).into();
        Ok(Answered { body, model: answer.model, usage })
    }
}

/// Where an operation is asked, below the provider's address: `{model}` in `template` is the model's name, encoded, and
/// `{model/}` the same with its slashes as they are.
///
/// # Errors
///
/// [`InvalidRequest`](ErrorKind::InvalidRequest) if the name would change the address.
pub fn path<'t>(template: &'t str, model: &str) -> Result<Cow<'t, str>, Failure> {
    Ok(match (template.contains("{model}"), template.contains("{model/}")) {
        (true, _) => Cow::Owned(template.replace("{model}", &path::segment(model)?)),
        (_, true) => Cow::Owned(template.replace("{model/}", &path::segments(model)?)),
        _ => Cow::Borrowed(template),
    })
}

type WriteBody = fn(&Asked<'_>, &Target<'_>) -> Vec<u8>;

/// What a request asks for.
struct Asked<'a> {
    texts: &'a [Str<'a>],
    dimensions: Option<u32>,
    /// What the texts are, in Cohere's words.
    input_type: Option<Str<'static>>,
    /// What becomes of a text that is too long.
    truncate: Option<Str<'static>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{format::Dialect, operation::Operation};

    fn sent(format: Format, body: &str, strict: bool) -> Result<(String, Vec<String>), Failure> {
        let dialect = Dialect::default();
        let target =
            Target { model: "m-1", dialect: &dialect, strict, default_max_tokens: None, same_format: true };
        let written = format.write_request(body.as_bytes(), &target)?;
        Ok((String::from_utf8(written.body).unwrap(), written.dropped))
    }

    #[test]
    fn tokens_are_refused_where_texts_are_wanted() {
        for format in [Format::Cohere, Format::Gemini, Format::WorkersAi] {
            let failure = sent(format, r#"{"model":"m","input":[1,2]}"#, false).unwrap_err();
            assert_eq!((failure.kind, failure.param.as_deref()), (ErrorKind::Unsupported, Some("input")));
        }
        assert!(sent(Format::Openai, r#"{"model":"m","input":[1,2]}"#, false).is_ok());
    }

    #[test]
    fn what_cannot_be_said_is_told_or_refused() {
        let body = r#"{"model":"m","input":"a","user":"u","novel":1,"truncate":"END"}"#;
        assert_eq!(sent(Format::Cohere, body, false).unwrap().1, ["user", "novel"]);
        assert_eq!(sent(Format::Gemini, body, false).unwrap().1, ["user", "novel", "truncate"]);
        assert_eq!(sent(Format::Gemini, body, true).unwrap_err().param.as_deref(), Some("user"));
    }

    #[test]
    fn the_catalogue_asks_where_the_format_is_spoken() {
        for provider in crate::catalog::all() {
            let offered = provider.operations.iter().find(|(it, _)| *it == Operation::Embeddings);
            let format = Format::of(provider.chat.first().copied());
            assert!(offered.is_none_or(|(_, path)| *path == format.path()), "{}", provider.name);
        }
    }

    #[test]
    fn a_name_stays_within_its_segment() {
        assert_eq!(
            path("/models/{model}:batchEmbedContents", "a/b").unwrap(),
            "/models/a%2Fb:batchEmbedContents"
        );
        assert_eq!(path("/run/{model/}", "@cf/baai/bge?x").unwrap(), "/run/@cf/baai/bge%3Fx");
        assert_eq!(path("/embeddings", "..").unwrap(), "/embeddings");
        assert!(path("/models/{model}:x", "..").is_err() && path("/run/{model/}", "a/..").is_err());
    }

    #[test]
    fn what_holds_no_vectors_is_the_providers_fault() {
        for format in [Format::Cohere, Format::Gemini, Format::WorkersAi] {
            let kind = |body: &str| format.answer(body.as_bytes(), Encoding::Float, "m").unwrap_err().kind;
            assert_eq!(kind("{}"), ErrorKind::UpstreamInvalid);
            assert_eq!(kind(r#"{"embeddings":["#), ErrorKind::UpstreamTruncated);
        }
    }
}
