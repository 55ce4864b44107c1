//! The providers that are known by name: where they are, how they want their credential, what they speak.
//!
//! The table is made by `cargo xtask codegen` from `crates/providers/catalog/*.toml`, one provider a file.

mod table;

use crate::{
    auth::Auth,
    format::{Chat, Dialect},
    operation::Operation,
};

/// The provider that is compiled in; it has no entry in the table because it has no address.
pub const BUILTIN: &str = "builtin";

/// The chat models of [`BUILTIN`].
pub const BUILTIN_MODELS: &[&str] = &["extractive"];

/// One provider.
#[derive(Debug, PartialEq, Eq)]
pub struct Provider {
    /// The name in the configuration.
    pub name: &'static str,
    /// Where it is, without a slash at the end.
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
    /// The member that limits output tokens.
    pub max_tokens: &'static str,
    /// Whether a stream may be asked for usage.
    pub stream_usage: bool,
    /// Whether Messages is spoken as on Vertex: the model in the path, the version in the body.
    pub model_in_path: bool,
}

impl Provider {
    /// How its dialect differs from the format's own.
    pub fn dialect(&self) -> Dialect {
        Dialect {
            rename: self.rename.iter().map(|&(ours, theirs)| (ours.to_owned(), theirs.to_owned())).collect(),
            drop: self.drop.iter().map(|&name| name.to_owned()).collect(),
            max_tokens: self.max_tokens.to_owned(),
            stream_usage: self.stream_usage,
            model_in_path: self.model_in_path,
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
            assert!(provider.base_url.starts_with("https://") && !provider.base_url.ends_with('/'));
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
