//! Made by `cargo xtask codegen` from `crates/providers/catalog/*.toml`; do not edit.

use super::Provider;
use crate::{
    auth::{Auth, SecretRef},
    format::Chat,
};

pub(super) static PROVIDERS: &[Provider] = &[
    Provider {
        name: "anthropic",
        base_url: "https://api.anthropic.com/v1",
        auth: Auth::Header(std::borrow::Cow::Borrowed("x-api-key"), SecretRef::named("ANTHROPIC_API_KEY")),
        chat: Some(Chat::AnthropicMessages),
        embeddings: false,
        headers: &[("anthropic-version", "2023-06-01")],
        rename: &[],
        drop: &[],
        max_tokens: "max_tokens",
        stream_usage: true,
    },
    Provider {
        name: "openai",
        base_url: "https://api.openai.com/v1",
        auth: Auth::Bearer(SecretRef::named("OPENAI_API_KEY")),
        chat: Some(Chat::OpenaiChat),
        embeddings: true,
        headers: &[],
        rename: &[],
        drop: &[],
        max_tokens: "max_completion_tokens",
        stream_usage: true,
    },
];
