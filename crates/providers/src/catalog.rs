//! The providers that are known by name: where they are, how they want their credential, what they speak.
//!
//! The table is made by `cargo xtask codegen` from `crates/providers/catalog/*.toml`, one provider a file.

mod table;

use crate::{
    auth::Auth,
    format::{Chat, Dialect, JsonSchema},
    operation::Operation,
};

/// The provider that is compiled in; it has no entry in the table because it has no address.
pub const BUILTIN: &str = "builtin";

/// The models of [`BUILTIN`]: one that chats, one that judges texts, one that makes embeddings.
pub const BUILTIN_MODELS: &[&str] = &["extractive", MODERATION, STATIC];

/// The built-in model that judges texts.
pub const MODERATION: &str = "moderation";

/// The built-in model of embeddings.
pub const STATIC: &str = "static";

/// One provider.
#[derive(Debug, PartialEq, Eq)]
pub struct Provider {
    /// The name in the configuration.
    pub name: &'static str,
    /// Where it is, without a slash at the end; what stands in braces is the operator's to fill in.
    pub base_url: &'static str,
    /// How it wants its credential, and the variable that usually holds it.
    pub auth: Auth,
    /// The formats of chat it speaks, the usual one first.
    pub chat: &'static [Chat],
    /// What else it offers, and where below its address.
    pub operations: &'static [(Operation, &'static str)],
    /// Headers sent with every request.
    pub headers: &'static [(&'static str, &'static str)],
    /// Members to rename, `(ours, theirs)`.
    pub rename: &'static [(&'static str, &'static str)],
    /// Members it refuses.
    pub drop: &'static [&'static str],
    /// Words it has others for, as `(member, ours, theirs)`.
    pub words: &'static [(&'static str, &'static str, &'static str)],
    /// The member that limits output tokens.
    pub max_tokens: &'static str,
    /// Whether a stream may be asked for usage.
    pub stream_usage: bool,
    /// Whether Messages is spoken as on Vertex: the model in the path, the version in the body.
    pub model_in_path: bool,
    /// How an answer is made to follow a JSON schema.
    pub json_schema: JsonSchema,
    /// Whether thoughts that nobody sealed go back to the model.
    pub replay_thoughts: bool,
    /// How long tool calls' ids must be, in letters and digits.
    pub tool_id_length: Option<u8>,
}

impl Provider {
    /// How its dialect differs from the format's own.
    pub fn dialect(&self) -> Dialect {
        let word = |&(member, ours, theirs): &(&str, &str, &str)| {
            (member.to_owned(), ours.to_owned(), theirs.to_owned())
        };
        Dialect {
            rename: self.rename.iter().map(|&(ours, theirs)| (ours.to_owned(), theirs.to_owned())).collect(),
            drop: self.drop.iter().map(|&name| name.to_owned()).collect(),
            words: self.words.iter().map(word).collect(),
            max_tokens: self.max_tokens.to_owned(),
            stream_usage: self.stream_usage,
            model_in_path: self.model_in_path,
            json_schema: self.json_schema,
            replay_thoughts: self.replay_thoughts,
            tool_id_length: self.tool_id_length,
        }
    }
}

/// All providers, by name.
pub fn all() -> &'static [Provider] {
    table::PROVIDERS
}

/// The provider called `name`.
pub fn find(name: &str) -> Option<&'static Provider> {
    let at = all().binary_search_by_key(&name, |provider| provider.name).ok()?;
    all().get(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_is_found_and_well_formed() {
        for provider in all() {
            assert_eq!(find(provider.name), Some(provider));
            let url = provider.base_url;
            let near = url.starts_with("http://127.0.0.1:");
            assert!((near || url.starts_with("https://")) && !url.ends_with('/'), "{url}");
            assert!(
                !provider.chat.is_empty() || !provider.operations.is_empty(),
                "{} offers nothing",
                provider.name
            );
        }
        assert!(find("openai").is_some() && find("anthropic").is_some());
        assert_eq!(find(BUILTIN), None);
    }
}
