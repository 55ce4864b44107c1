//! Virtual keys: how a caller shows one, and what is stored about it.
//!
//! Only the SHA-256 digest of a key is ever stored. A key has 256 random bits, so a plain digest is as good as a slow
//! one, and looking a digest up tells an attacker nothing about timing that helps to guess a key.

use std::fmt::Write as _;

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sluice_types::time::Timestamp;

use crate::{
    config::{
        document::{CacheMode, CacheScope, Quotas},
        group::Score,
    },
    token::TokenKey,
};

/// What every secret key of ours starts with.
pub const SECRET_PREFIX: &str = "sk-sluice-";

/// What every publishable key of ours starts with.
pub const PUBLISHABLE_PREFIX: &str = "pk-sluice-";

/// What every JSON Web Token starts with: `{"` in base64url.
const TOKEN_PREFIX: &str = "eyJ";

/// The SHA-256 digest of a key.
pub type Digest = [u8; 32];

/// The digest of `key`.
pub fn digest(key: &str) -> Digest {
    Sha256::digest(key.as_bytes()).into()
}

/// `digest` in lower-case hexadecimal.
pub fn hex(digest: &[u8]) -> String {
    let mut text = String::with_capacity(digest.len() * 2);
    for byte in digest {
        _ = write!(text, "{byte:02x}");
    }
    text
}

/// The first `bytes` of the digest of `text`, in hexadecimal: a short name for a long text. Sixteen bytes keep apart what somebody
/// may want to collide, eight what nobody gains by.
pub fn short(text: &str, bytes: usize) -> String {
    hex(digest(text).get(..bytes).unwrap_or_default())
}

/// The store's key for the record of the virtual key with `digest`.
pub fn store_key(digest: &Digest) -> String {
    format!("key/{}", hex(digest))
}

/// The store's key for the record of `tenant`.
pub fn tenant_store_key(tenant: &str) -> String {
    format!("tenant/{tenant}")
}

/// The credential a caller shows: `Authorization: Bearer`, `x-api-key` or `x-goog-api-key`. Where several are shown
/// (SDKs fill in defaults of their own) one of ours wins.
pub fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer =
        headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
            let (scheme, key) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
        });
    let named = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let shown = [bearer, named("x-api-key"), named("x-goog-api-key")];
    let mut shown = shown.into_iter().flatten().filter(|key| !key.is_empty());
    let first = shown.next()?;
    let prefixes = [SECRET_PREFIX, PUBLISHABLE_PREFIX, TOKEN_PREFIX];
    let ours = |key: &&str| prefixes.iter().any(|prefix| key.starts_with(prefix));
    if ours(&first) {
        return Some(first);
    }
    shown.find(ours).or(Some(first))
}

/// Whether two keys are the same, in a time that does not depend on where they differ: digests are compared.
pub fn same(left: &str, right: &str) -> bool {
    digest(left).iter().zip(digest(right)).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Who may hold a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Servers only.
    #[default]
    Secret,
    /// Anybody: it stands in a web page, and works on named websites, for named models, at a rate per visitor.
    Publishable,
}

/// Requests a visitor may make in a minute with a publishable key whose record says nothing else.
const VISITOR_REQUESTS: u64 = 20;

/// What a key may do with its tenant's files and stores; each includes the ones before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Nothing.
    None,
    /// Search stores whose ids it knows, and have answers made from them.
    Search,
    /// List and read.
    Read,
    /// Upload, change and delete.
    Write,
}

/// What is stored about a virtual key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its public id, such as `key_9f…`.
    pub id: String,
    /// Who pays.
    pub tenant: String,
    /// Guardrails for all of its requests, beside the model's and the tenant's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<String>,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it is switched off.
    #[serde(default)]
    pub disabled: bool,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Who may hold it.
    #[serde(default)]
    pub kind: KeyKind,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The models it may name, of those the tenant may: exact names, or `provider/*`; `None` allows all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// The providers its requests may go to, of those the tenant's may; `None` allows all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub providers: Option<Vec<String>>,
    /// The websites a publishable key works on, as browsers name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// Requests each visitor may make in a minute with a publishable key. Default: 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitor_requests_per_minute: Option<u64>,
    /// What it may do with files and stores; `None` is all for a secret key, and nothing for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knowledge: Option<Access>,
    /// Tags that each of its requests carries; they win over what a request says itself.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub tags: std::collections::BTreeMap<String, String>,
    /// How answers to its requests are cached, beside what the model says.
    #[serde(default, skip_serializing_if = "KeyCache::is_usual")]
    pub cache: KeyCache,
    /// Limits and budgets of its own, beside the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Quotas>,
}

/// How answers to a key's requests are cached, beside what the model says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeyCache {
    /// Another mode than the model's. Requests may ask for yet another, but for one of a key that says `off`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<CacheMode>,
    /// Who shares answers, where that is fewer than the model's `scope` lets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<CacheScope>,
    /// The part of the tenant's cache that its requests use, whatever they say themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

impl KeyCache {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// What is stored about a tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// Its id: the prefix of everything it owns.
    pub id: String,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it is switched off.
    #[serde(default)]
    pub disabled: bool,
    /// The providers its data may go to; `None` allows all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub providers: Option<Vec<String>>,
    /// The models it may name: exact names, or `provider/*`; `None` allows all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// Its own weights under strategy `score`; `None` leaves the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
    /// The regions its data may go to: providers must say one of them as `data_region`; `None` allows all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regions: Option<Vec<String>>,
    /// Guardrails for all of its requests, beside the model's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<String>,
    /// What signs its end users' tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_keys: Vec<TokenKey>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Its limits and budgets, in the place of `tenants.defaults`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Quotas>,
}

impl KeyRecord {
    /// Whether it may name `model`, as far as it goes by the key.
    pub fn may_name_model(&self, model: &str) -> bool {
        names(self.models.as_deref(), model)
    }

    /// Whether its requests may go to `provider`, as far as it goes by the key.
    pub fn may_use_provider(&self, provider: &str) -> bool {
        self.providers.as_ref().is_none_or(|allowed| allowed.iter().any(|name| name == provider))
    }

    /// Whether a page of `origin` may use it; `None` for a request that no page made.
    pub fn may_be_used_on(&self, origin: Option<&str>) -> bool {
        match self.kind {
            KeyKind::Secret => true,
            KeyKind::Publishable => {
                origin.is_some_and(|origin| self.origins.iter().any(|allowed| allowed == origin))
            }
        }
    }

    /// Requests each visitor may make in a minute; `None` for keys that visitors do not hold.
    pub fn visitor_requests(&self) -> Option<u64> {
        match self.kind {
            KeyKind::Secret => None,
            KeyKind::Publishable => Some(self.visitor_requests_per_minute.unwrap_or(VISITOR_REQUESTS)),
        }
    }
}

impl TenantRecord {
    /// Whether the tenant's data may go to `provider`, wherever that keeps it.
    pub fn may_use_provider(&self, provider: &str) -> bool {
        self.providers.as_ref().is_none_or(|allowed| allowed.iter().any(|name| name == provider))
    }

    /// Whether the tenant's data may be kept in `region`; `None` for a provider of which nobody says where it is.
    pub fn may_use_region(&self, region: Option<&str>) -> bool {
        let allowed =
            |allowed: &Vec<String>| region.is_some_and(|region| allowed.iter().any(|name| name == region));
        self.regions.as_ref().is_none_or(allowed)
    }

    /// Whether the tenant may name `model`.
    pub fn may_name_model(&self, model: &str) -> bool {
        names(self.models.as_deref(), model)
    }
}

/// Whether a list of names and `provider/*` has `model`; none has all.
fn names(allowed: Option<&[String]>, model: &str) -> bool {
    let fits = |pattern: &String| match pattern.strip_suffix('*') {
        Some(start) => model.starts_with(start),
        None => pattern == model,
    };
    allowed.is_none_or(|allowed| allowed.iter().any(fits))
}

/// What the name of a tenant, or of a part of its cache, has.
pub const NAME: &str = "1 to 64 letters, digits, `-`, `_` or `.`";

/// Whether `name` is one, as [`NAME`] says: it becomes part of store keys.
pub fn is_name(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    (1..=64).contains(&name.len()) && name.bytes().all(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(entries: &[(&'static str, &str)]) -> HeaderMap {
        entries
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn ours_wins_over_an_sdks_default_credential() {
        let both = headers(&[("authorization", "Bearer sk-openai"), ("x-api-key", "sk-sluice-a")]);
        assert_eq!(presented(&both), Some("sk-sluice-a"));
        let token = headers(&[("authorization", "Bearer sk-openai"), ("x-goog-api-key", "eyJh.e.s")]);
        assert_eq!(presented(&token), Some("eyJh.e.s"));
        assert_eq!(presented(&headers(&[("authorization", "bearer  abc ")])), Some("abc"));
        assert_eq!(presented(&headers(&[("authorization", "Basic abc")])), None);
        assert_eq!(presented(&headers(&[("x-goog-api-key", "k")])), Some("k"));
        assert_eq!(presented(&headers(&[("x-api-key", " ")])), None);
    }

    #[test]
    fn digests_are_sha_256() {
        assert!(
            store_key(&digest("abc"))
                .ends_with("/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        );
        assert!(same("a", "a") && !same("a", "b"));
    }

    #[test]
    fn allow_lists_name_models_exactly_or_by_provider() {
        let tenant: TenantRecord =
            serde_json::from_str(r#"{"id":"t","models":["assistant","openai/*"],"providers":["openai"]}"#)
                .unwrap();
        assert!(tenant.may_name_model("assistant") && tenant.may_name_model("openai/gpt-x"));
        assert!(!tenant.may_name_model("assistant2") && !tenant.may_name_model("anthropic/claude"));
        assert!(tenant.may_use_provider("openai") && !tenant.may_use_provider("openai2"));
    }
}
