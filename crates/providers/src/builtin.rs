//! The provider that is compiled in: it makes the first command work and is the last resort.
//!
//! It is no language model and never pretends to be one: what it cannot do honestly it refuses.

mod extractive;
mod sentences;
mod words;

use sluice_types::{
    answer::Answer,
    chat::Request,
    error::{ErrorKind, Failure},
};

use crate::catalog;

/// The models it has.
pub const MODELS: &[&str] = catalog::BUILTIN_MODELS;

/// Answers `request` with `model`.
///
/// # Errors
///
/// `UpstreamModelNotFound` for any model but [`MODELS`]; `Unsupported` if the request asks for what the model cannot
/// do honestly: JSON, or a tool call that must be made.
pub fn answer(model: &str, request: &Request<'_>) -> Result<Answer<'static>, Failure> {
    match model {
        extractive::NAME => extractive::answer(request),
        catalog::MODERATION => {
            let message = "`builtin/moderation` makes verdicts at /v1/moderations, and no chat";
            Err(Failure::new(ErrorKind::Unsupported, message))
        }
        catalog::STATIC => {
            let message = "`builtin/static` makes embeddings at /v1/embeddings, and no chat";
            Err(Failure::new(ErrorKind::Unsupported, message))
        }
        _ => {
            let message = format!("`builtin` has no model `{model}`, only {}", MODELS.join(", "));
            Err(Failure::new(ErrorKind::UpstreamModelNotFound, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_is_known_and_no_other() {
        for model in MODELS {
            let kind = answer(model, &Request::default()).err().map(|failure| failure.kind);
            let chats = ![catalog::STATIC, catalog::MODERATION].contains(model);
            assert_eq!(kind, (!chats).then_some(ErrorKind::Unsupported));
        }
        let failure = answer("gpt", &Request::default()).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::UpstreamModelNotFound);
    }
}
