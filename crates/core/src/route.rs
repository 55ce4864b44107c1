//! The HTTP surface: which path and method mean what, and whose shape errors have there.

use http::{HeaderMap, Method};
use sluice_providers::{format::Protocol, operation::Operation};

use crate::{admin::Admin, knowledge::route::Knowledge};

/// What a request is for. Names are as they stand in the path, percent-encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// `POST /v1/chat/completions`, `POST /v1/responses`, `POST /v1/messages`
    Chat(Protocol),
    /// `POST /v1beta/models/{model}:generateContent` or `:streamGenerateContent`
    Generate {
        /// The model.
        model: &'a str,
        /// Whether the answer is to be streamed.
        stream: bool,
    },
    /// `POST /v1/messages/count_tokens`
    CountTokens,
    /// `POST /v1beta/models/{model}:countTokens`
    CountContents(&'a str),
    /// `GET` and `DELETE /v1/responses/{id}`
    Response(&'a str),
    /// `GET /v1/responses/{id}/input_items`
    InputItems(&'a str),
    /// `POST /v1/embeddings`, `/v1/rerank` (or `/v2/rerank`), `/v1/moderations`, `/v1/images/generations`,
    /// `/v1/audio/{speech,transcriptions}`
    Operation(Operation),
    /// `GET /v1/models`, `GET /v1beta/models`
    Models,
    /// `GET /v1/models/{id}`, `GET /v1beta/models/{id}`; ids hold slashes.
    Model(&'a str),
    /// `/v1/files…`, `/v1/vector_stores…`
    Knowledge(Knowledge<'a>),
    /// `/admin/v1/…`
    Admin(Admin<'a>),
    /// `GET /openapi.json`: the description of this API.
    OpenApi,
    /// `GET /healthz`: this instance runs.
    Health,
    /// `GET /readyz`: configuration and store are there.
    Ready,
}

impl Route<'_> {
    /// The methods that go with it.
    pub fn methods(self) -> &'static [Method] {
        match self {
            Self::Chat(_)
            | Self::Generate { .. }
            | Self::CountTokens
            | Self::CountContents(_)
            | Self::Operation(_) => &[Method::POST],
            Self::Response(_) => &[Method::GET, Method::DELETE],
            Self::Admin(asked) => asked.methods(),
            Self::Knowledge(asked) => asked.methods(),
            Self::InputItems(_)
            | Self::Models
            | Self::Model(_)
            | Self::OpenApi
            | Self::Health
            | Self::Ready => &[Method::GET],
        }
    }

    /// Whether browsers of other origins may call it.
    pub fn is_public(self) -> bool {
        !matches!(self, Self::Admin(_))
    }
}

/// The route `path` names, whatever the method.
pub fn find(path: &str) -> Option<Route<'_>> {
    Some(match path {
        "/v1/chat/completions" => Route::Chat(Protocol::OpenaiChat),
        "/v1/responses" => Route::Chat(Protocol::OpenaiResponses),
        "/v1/messages" => Route::Chat(Protocol::AnthropicMessages),
        "/v1/messages/count_tokens" => Route::CountTokens,
        "/v1/models" | "/v1beta/models" => Route::Models,
        "/openapi.json" => Route::OpenApi,
        // Where Cohere's SDKs ask.
        "/v2/rerank" => Route::Operation(Operation::Rerank),
        "/healthz" => Route::Health,
        "/readyz" => Route::Ready,
        _ => return below(path),
    })
}

/// Routes that are known by how their paths begin.
fn below(path: &str) -> Option<Route<'_>> {
    let named = |name: &'static str| path.strip_prefix(name).filter(|rest| !rest.is_empty());
    if let Some(name) = named("/v1beta/models/").or_else(|| named("/v1/models/")) {
        return match name.rsplit_once(':') {
            Some((model, "generateContent")) => Some(Route::Generate { model, stream: false }),
            Some((model, "streamGenerateContent")) => Some(Route::Generate { model, stream: true }),
            Some((model, "countTokens")) => Some(Route::CountContents(model)),
            Some(_) | None => Some(Route::Model(name)),
        };
    }
    if let Some(id) = named("/v1/responses/") {
        return match id.split_once('/') {
            None => Some(Route::Response(id)),
            Some((id, "input_items")) => Some(Route::InputItems(id)),
            Some(_) => None,
        };
    }
    if let Some(rest) = named("/admin/v1/") {
        return Admin::find(rest).map(Route::Admin);
    }
    if let Some(asked) = named("/v1/").and_then(Knowledge::find) {
        return Some(Route::Knowledge(asked));
    }
    let name = path.strip_prefix("/v1")?;
    Operation::ALL.into_iter().find(|operation| operation.path() == name).map(Route::Operation)
}

/// The protocol of a request's caller, for the shape of errors and lists: by `path` and the `route` that it names where those
/// belong to one protocol,
/// Messages wherever its SDKs' version header is sent, OpenAI's elsewhere.
pub fn protocol(path: &str, route: Option<Route<'_>>, headers: &HeaderMap) -> Protocol {
    if path.starts_with("/v1/messages") {
        Protocol::AnthropicMessages
    } else if path.starts_with("/v1beta/")
        || matches!(route, Some(Route::Generate { .. } | Route::CountContents(_)))
    {
        Protocol::Gemini
    } else if path.starts_with("/v1/responses") {
        Protocol::OpenaiResponses
    } else if headers.contains_key("anthropic-version") {
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
        for (path, route) in [
            ("/v1/models/openai/gpt-x", Route::Model("openai/gpt-x")),
            ("/v1/models/ft:gpt-x:acme", Route::Model("ft:gpt-x:acme")),
            ("/v1beta/models/a/b:generateContent", Route::Generate { model: "a/b", stream: false }),
            ("/v1beta/models/a:1:streamGenerateContent", Route::Generate { model: "a:1", stream: true }),
            ("/v1/messages", Route::Chat(Protocol::AnthropicMessages)),
            ("/v1/responses/resp_1", Route::Response("resp_1")),
            ("/v1/responses/resp_1/input_items", Route::InputItems("resp_1")),
            ("/admin/v1/targets", Route::Admin(Admin::Targets)),
            ("/admin/v1/targets/openai/gpt-x", Route::Admin(Admin::Target("openai/gpt-x"))),
            ("/v1/audio/speech", Route::Operation(Operation::Speech)),
            ("/v2/rerank", Route::Operation(Operation::Rerank)),
            ("/v1/files", Route::Knowledge(Knowledge::Files)),
            ("/v1/vector_stores/vs_1/files/file-1", Route::Knowledge(Knowledge::Member("vs_1", "file-1"))),
            (
                "/v1/vector_stores/vs_1/file_batches/b/cancel",
                Route::Knowledge(Knowledge::CancelBatch("vs_1", "b")),
            ),
        ] {
            assert_eq!(find(path), Some(route), "{path}");
        }
        let unknown = [
            "/",
            "/v1",
            "/v1/models/",
            "/v1/chat/completions/",
            "/admin/v1",
            "/admin/v1/x",
            "/v1/responses/a/b",
            "/rerank",
            "/v1/files/",
            "/v1/files/a/b",
            "/v1/vector_stores/a/files/b/content/c",
        ];
        for path in unknown {
            assert_eq!(find(path), None, "{path}");
        }
    }

    /// A number for each route, so that a list of them can be seen to be whole.
    fn number(route: Route<'_>) -> usize {
        match route {
            Route::Chat(_) => 0,
            Route::Generate { stream: false, .. } => 1,
            Route::Generate { stream: true, .. } => 2,
            Route::CountTokens => 3,
            Route::CountContents(_) => 4,
            Route::Response(_) => 5,
            Route::InputItems(_) => 6,
            Route::Models => 7,
            Route::Model(_) => 8,
            Route::OpenApi => 9,
            Route::Health => 10,
            Route::Ready => 11,
            Route::Admin(Admin::Costs) => 12,
            Route::Admin(Admin::Targets) => 13,
            Route::Admin(Admin::Target(_)) => 14,
            Route::Admin(Admin::Tenants) => 15,
            Route::Admin(Admin::Tenant(_)) => 16,
            Route::Admin(Admin::Keys(_)) => 17,
            Route::Admin(Admin::Key(..)) => 18,
            Route::Admin(Admin::Rotate(..)) => 19,
            Route::Admin(Admin::Revoke(..)) => 20,
            Route::Admin(Admin::Budgets(_)) => 21,
            Route::Admin(Admin::Usage) => 22,
            Route::Admin(Admin::Audit) => 23,
            Route::Admin(Admin::Rollup) => 24,
            Route::Admin(Admin::Cache(_)) => 25,
            Route::Admin(Admin::Dead) => 26,
            Route::Admin(Admin::Replay) => 27,
            Route::Knowledge(asked) => {
                28 + match asked {
                    Knowledge::Files => 0,
                    Knowledge::File(_) => 1,
                    Knowledge::FileContent(_) => 2,
                    Knowledge::Stores => 3,
                    Knowledge::Store(_) => 4,
                    Knowledge::Search(_) => 5,
                    Knowledge::Members(_) => 6,
                    Knowledge::Member(..) => 7,
                    Knowledge::MemberContent(..) => 8,
                    Knowledge::Batches(_) => 9,
                    Knowledge::Batch(..) => 10,
                    Knowledge::CancelBatch(..) => 11,
                    Knowledge::BatchFiles(..) => 12,
                }
            }
            Route::Operation(operation) => {
                41 + Operation::ALL.iter().position(|one| *one == operation).unwrap()
            }
        }
    }

    #[test]
    fn the_description_has_every_route_with_its_methods_and_no_other() {
        let described: serde_json::Value = serde_json::from_str(crate::gateway::OPENAPI).unwrap();
        let mut found = std::collections::BTreeSet::new();
        for (path, item) in described["paths"].as_object().unwrap() {
            let example = path.replace(['{', '}'], "");
            let route = find(&example).unwrap_or_else(|| panic!("there is no route {path}"));
            let mut told: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
            told.retain(|name| name != "parameters");
            let mut methods: Vec<String> =
                route.methods().iter().map(|method| method.as_str().to_lowercase()).collect();
            told.sort_unstable();
            methods.sort_unstable();
            assert_eq!(told, methods, "{path}");
            found.insert(number(route));
        }
        let all: std::collections::BTreeSet<usize> = (0..41 + Operation::ALL.len()).collect();
        assert_eq!(found, all);
    }

    #[test]
    fn a_paths_protocol_is_the_callers() {
        let none = HeaderMap::new();
        let protocol = |path, headers| protocol(path, find(path), headers);
        let mut messages = HeaderMap::new();
        messages.insert("anthropic-version", http::HeaderValue::from_static("2023-06-01"));
        assert_eq!(protocol("/v1beta/models", &none), Protocol::Gemini);
        assert_eq!(protocol("/v1/models/m:generateContent", &messages), Protocol::Gemini);
        assert_eq!(protocol("/v1/responses/resp_1", &none), Protocol::OpenaiResponses);
        assert_eq!(protocol("/v1/models", &messages), Protocol::AnthropicMessages);
        assert_eq!(protocol("/v1/models", &none), Protocol::OpenaiChat);
    }
}
