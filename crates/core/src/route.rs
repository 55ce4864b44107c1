//! The HTTP surface: which path and method mean what, and whose shape errors have there.

use http::{HeaderMap, Method};
use sluice_providers::format::Protocol;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// `POST /v1/chat/completions`, `POST /v1/messages`
    Chat(Protocol),
    /// `POST /v1/messages/count_tokens`
    CountTokens,
    /// `POST /v1/embeddings`
    Embeddings,
    /// `GET /v1/models`
    Models,
    /// `GET /v1/models/{id}`; ids hold slashes.
    Model(&'a str),
    /// `GET /admin/v1/costs`
    Costs,
    /// `GET /healthz`: this instance runs.
    Health,
    /// `GET /readyz`: configuration and store are there.
    Ready,
}

impl Route<'_> {
    /// The method that goes with it.
    pub fn method(self) -> Method {
        match self {
            Self::Chat(_) | Self::CountTokens | Self::Embeddings => Method::POST,
            Self::Models | Self::Model(_) | Self::Costs | Self::Health | Self::Ready => Method::GET,
        }
    }

    /// Whether browsers of other origins may call it.
    pub fn is_public(self) -> bool {
        !matches!(self, Self::Costs)
    }
}

/// The route `path` names, whatever the method.
pub fn find(path: &str) -> Option<Route<'_>> {
    Some(match path {
        "/v1/chat/completions" => Route::Chat(Protocol::OpenaiChat),
        "/v1/messages" => Route::Chat(Protocol::AnthropicMessages),
        "/v1/messages/count_tokens" => Route::CountTokens,
        "/v1/embeddings" => Route::Embeddings,
        "/v1/models" => Route::Models,
        "/admin/v1/costs" => Route::Costs,
        "/healthz" => Route::Health,
        "/readyz" => Route::Ready,
        _ => Route::Model(path.strip_prefix("/v1/models/").filter(|id| !id.is_empty())?),
    })
}

/// The protocol of a request's caller, for the shape of errors and lists: Messages on its own paths and wherever its
/// SDKs' version header is sent, OpenAI's elsewhere.
pub fn protocol(path: &str, headers: &HeaderMap) -> Protocol {
    if path.starts_with("/v1/messages") || headers.contains_key("anthropic-version") {
        Protocol::AnthropicMessages
    } else {
        Protocol::OpenaiChat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_routes() {
        assert_eq!(find("/v1/models/openai/gpt-x"), Some(Route::Model("openai/gpt-x")));
        assert_eq!(find("/v1/messages"), Some(Route::Chat(Protocol::AnthropicMessages)));
        for unknown in ["/", "/v1", "/v1/models/", "/v1/chat/completions/", "/admin/v1"] {
            assert_eq!(find(unknown), None, "{unknown}");
        }
    }
}
