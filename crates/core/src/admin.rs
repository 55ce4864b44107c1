//! The operator's API: its paths, what its bodies may say, and what a change is written down as.

use http::Method;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sluice_types::{
    error::{ErrorKind, Failure},
    json::from_bytes,
    time::Timestamp,
};

use crate::{
    config::path::Path,
    key::{self, KeyKind, KeyRecord, TenantRecord},
};

/// The counter object that keeps the audit log.
pub const AUDIT: &str = "~audit";

/// The most characters of an operator's name that are kept.
const ACTOR: usize = 128;

/// What is asked of the operator's API, below `/admin/v1/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admin<'a> {
    /// `costs`: sums of one tenant by day.
    Costs,
    /// `targets`: how each does.
    Targets,
    /// `targets/{id}`: taking one out of service; ids hold slashes.
    Target(&'a str),
    /// `tenants`
    Tenants,
    /// `tenants/{id}`
    Tenant(&'a str),
    /// `tenants/{id}/keys`
    Keys(&'a str),
    /// `tenants/{id}/keys/{key}`
    Key(&'a str, &'a str),
    /// `tenants/{id}/keys/{key}/rotate`
    Rotate(&'a str, &'a str),
    /// `tenants/{id}/keys/{key}/revoke`
    Revoke(&'a str, &'a str),
    /// `tenants/{id}/budgets`: how its limits and budgets stand.
    Budgets(&'a str),
    /// `tenants/{id}/cache`: the answers that are kept.
    Cache(&'a str),
    /// `usage`
    Usage,
    /// `audit`
    Audit,
    /// `rollup`
    Rollup,
    /// `ingest/dead`: documents that were given up.
    Dead,
    /// `ingest/replay`: bringing them on their way again.
    Replay,
}

impl<'a> Admin<'a> {
    /// What `rest`, the path below `/admin/v1/`, names.
    pub fn find(rest: &'a str) -> Option<Self> {
        if let Some(id) = rest.strip_prefix("targets/").filter(|id| !id.is_empty()) {
            return Some(Self::Target(id));
        }
        let mut parts = rest.split('/');
        let parts = [parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next()];
        Some(match parts {
            [Some("costs"), None, ..] => Self::Costs,
            [Some("targets"), None, ..] => Self::Targets,
            [Some("usage"), None, ..] => Self::Usage,
            [Some("audit"), None, ..] => Self::Audit,
            [Some("rollup"), None, ..] => Self::Rollup,
            [Some("ingest"), Some("dead"), None, ..] => Self::Dead,
            [Some("ingest"), Some("replay"), None, ..] => Self::Replay,
            [Some("tenants"), None, ..] => Self::Tenants,
            [Some("tenants"), Some(id), None, ..] => Self::Tenant(id),
            [Some("tenants"), Some(id), Some("budgets"), None, ..] => Self::Budgets(id),
            [Some("tenants"), Some(id), Some("cache"), None, ..] => Self::Cache(id),
            [Some("tenants"), Some(id), Some("keys"), None, ..] => Self::Keys(id),
            [Some("tenants"), Some(id), Some("keys"), Some(key), None, _] => Self::Key(id, key),
            [Some("tenants"), Some(id), Some("keys"), Some(key), Some("rotate"), None] => {
                Self::Rotate(id, key)
            }
            [Some("tenants"), Some(id), Some("keys"), Some(key), Some("revoke"), None] => {
                Self::Revoke(id, key)
            }
            _ => return None,
        })
    }

    /// The methods that go with it.
    pub fn methods(self) -> &'static [Method] {
        match self {
            Self::Costs | Self::Targets | Self::Usage | Self::Audit | Self::Dead | Self::Budgets(_) => {
                &[Method::GET]
            }
            Self::Cache(_) => &[Method::DELETE],
            Self::Tenants | Self::Keys(_) => &[Method::GET, Method::POST],
            Self::Tenant(_) | Self::Key(..) => &[Method::GET, Method::PATCH, Method::DELETE],
            Self::Rotate(..) | Self::Revoke(..) | Self::Rollup | Self::Replay | Self::Target(_) => {
                &[Method::POST]
            }
        }
    }
}

/// The members a tenant's record may be given.
const TENANT: [&str; 10] = [
    "id",
    "name",
    "disabled",
    "providers",
    "models",
    "score",
    "regions",
    "guardrails",
    "token_keys",
    "limits",
];

/// The members a key's record may be given.
const KEY: [&str; 13] = [
    "cache",
    "knowledge",
    "guardrails",
    "name",
    "kind",
    "disabled",
    "expires_at",
    "models",
    "providers",
    "origins",
    "visitor_requests_per_minute",
    "tags",
    "limits",
];

/// A tenant as `body` describes it.
///
/// # Errors
///
/// What is wrong with the body.
pub fn new_tenant(body: &[u8], now: Timestamp) -> Result<TenantRecord, Failure> {
    let record = TenantRecord { created_at: Some(now), ..TenantRecord::default() };
    let record = patched(&record, &object(body, &TENANT)?)?;
    if !key::is_name(&record.id) {
        return Err(Failure::invalid("id", format!("must have {}", key::NAME)));
    }
    checked_tenant(record)
}

/// `record` with what `body` changes; a member that is null goes back to its default.
///
/// # Errors
///
/// What is wrong with the body.
pub fn changed_tenant(record: &TenantRecord, body: &[u8]) -> Result<TenantRecord, Failure> {
    let changed: TenantRecord = patched(record, &object(body, &TENANT)?)?;
    if changed.id != record.id {
        return Err(Failure::invalid(
            "id",
            "cannot be changed: it is the prefix of all that the tenant owns",
        ));
    }
    checked_tenant(changed)
}

fn checked_tenant(record: TenantRecord) -> Result<TenantRecord, Failure> {
    check_limits(record.limits.as_ref())?;
    let twice = |at: usize, kid: &str| record.token_keys.iter().skip(at + 1).any(|key| key.kid == kid);
    let mut keys = record.token_keys.iter().enumerate();
    let problem = keys.find_map(|(at, key)| {
        key.problem().or_else(|| twice(at, &key.kid).then_some("each `kid` must stand for one key"))
    });
    match problem {
        None => Ok(record),
        Some(problem) => {
            let message = format!("`token_keys`: {problem}");
            Err(Failure {
                param: Some("token_keys".to_owned()),
                ..Failure::new(ErrorKind::InvalidRequest, message)
            })
        }
    }
}

/// A key of `tenant` as `body` describes it; it may be empty.
///
/// # Errors
///
/// What is wrong with the body.
pub fn new_key(tenant: &str, id: String, body: &[u8], now: Timestamp) -> Result<KeyRecord, Failure> {
    let record = KeyRecord { id, tenant: tenant.to_owned(), created_at: Some(now), ..KeyRecord::default() };
    let body = if body.is_empty() { Map::new() } else { object(body, &KEY)? };
    checked_key(patched(&record, &body)?)
}

/// `record` with what `body` changes; a member that is null goes back to its default.
///
/// # Errors
///
/// What is wrong with the body.
pub fn changed_key(record: &KeyRecord, body: &[u8]) -> Result<KeyRecord, Failure> {
    let changed: KeyRecord = patched(record, &object(body, &KEY)?)?;
    if changed.kind != record.kind {
        return Err(Failure::invalid("kind", "cannot be changed: make another key"));
    }
    checked_key(changed)
}

fn checked_key(record: KeyRecord) -> Result<KeyRecord, Failure> {
    check_limits(record.limits.as_ref())?;
    if record.cache.namespace.as_ref().is_some_and(|name| !key::is_name(name)) {
        return Err(Failure::invalid("cache.namespace", format!("must have {}", key::NAME)));
    }
    if record.kind == KeyKind::Publishable {
        if record.origins.is_empty() {
            return Err(Failure::invalid(
                "origins",
                "must name the websites that a publishable key works on",
            ));
        }
        if record.models.as_ref().is_none_or(Vec::is_empty) {
            return Err(Failure::invalid("models", "must name the models that a publishable key may use"));
        }
    }
    for origin in &record.origins {
        if origin.parse::<crate::config::text::Origin>().is_err() || origin == "*" {
            let message = format!(
                "`{origin}` must be a scheme and host without a path, such as https://app.example.com"
            );
            return Err(Failure {
                param: Some("origins".to_owned()),
                ..Failure::invalid("origins", message)
            });
        }
    }
    Ok(record)
}

fn check_limits(limits: Option<&crate::config::document::Quotas>) -> Result<(), Failure> {
    let problems = limits.map(|limits| limits.problems(&Path::default().key("limits"))).unwrap_or_default();
    match problems.first() {
        None => Ok(()),
        Some(problem) => Err(Failure::invalid(problem.path.to_string(), &problem.message)),
    }
}

/// A body's object, with nothing in it but `allowed` members.
///
/// # Errors
///
/// If it is no JSON object, or has another member.
pub fn object(body: &[u8], allowed: &[&str]) -> Result<Map<String, Value>, Failure> {
    let wrong = |message: String| Failure::new(ErrorKind::InvalidRequest, message);
    let object: Map<String, Value> =
        from_bytes(body).map_err(|error| wrong(format!("the body must be a JSON object: {error}")))?;
    match object.keys().find(|name| !allowed.contains(&name.as_str())) {
        None => Ok(object),
        Some(name) => Err(Failure::invalid(
            name.clone(),
            format!("is not known here: there are {}", allowed.join(", ")),
        )),
    }
}

fn patched<T: serde::Serialize + DeserializeOwned>(
    record: &T,
    patch: &Map<String, Value>,
) -> Result<T, Failure> {
    let wrong = |error: serde_json::Error| Failure::new(ErrorKind::InvalidRequest, error.to_string());
    let mut value = serde_json::to_value(record).map_err(wrong)?;
    if let Value::Object(members) = &mut value {
        for (name, to) in patch {
            if to.is_null() {
                members.remove(name);
            } else {
                members.insert(name.clone(), to.clone());
            }
        }
    }
    serde_json::from_value(value).map_err(wrong)
}

/// Who makes a change. All operators have the same key: the name is what the client says, the address what the host tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Actor<'a> {
    /// Header `sluice-actor`.
    pub name: Option<&'a str>,
    /// Where the request comes from.
    pub address: Option<&'a str>,
}

/// What the audit log says of a change: who, when, what, before and after. Records hold no secrets.
pub fn entry(
    now: Timestamp,
    actor: Actor<'_>,
    action: &str,
    about: &str,
    before: Option<&Value>,
    after: Option<&Value>,
) -> String {
    let name: String = actor.name.unwrap_or("admin key").chars().take(ACTOR).collect();
    serde_json::json!({
        "time": now, "actor": name, "address": actor.address, "action": action, "about": about, "before": before,
        "after": after,
    })
    .to_string()
}

/// A query's values by name; `None` if it has one that is not `allowed`.
///
/// # Errors
///
/// If a name is unknown.
pub fn query<'a>(query: &'a str, allowed: &[&str]) -> Result<Map<String, Value>, Failure> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut found = Map::new();
    for (name, value) in pairs.map(|pair: &'a str| pair.split_once('=').unwrap_or((pair, ""))) {
        if !allowed.contains(&name) {
            return Err(Failure::invalid(
                name,
                format!("is not known here: there are {}", allowed.join(", ")),
            ));
        }
        let value = crate::config::percent::decode(value)
            .ok_or_else(|| Failure::invalid(name, "is not valid in a URL"))?;
        found.insert(name.to_owned(), value.into());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_what_they_are_about() {
        for (path, found) in [
            ("tenants", Some(Admin::Tenants)),
            ("tenants/a", Some(Admin::Tenant("a"))),
            ("tenants/a/keys", Some(Admin::Keys("a"))),
            ("tenants/a/keys/k", Some(Admin::Key("a", "k"))),
            ("tenants/a/keys/k/rotate", Some(Admin::Rotate("a", "k"))),
            ("tenants/a/keys/k/rotate/x", None),
            ("tenants/a/x", None),
            ("usage/x", None),
            ("", None),
        ] {
            assert_eq!(Admin::find(path), found, "{path}");
        }
    }

    #[test]
    fn bodies_are_checked_member_by_member() {
        let now = Timestamp(1);
        let tenant = new_tenant(br#"{"id":"acme","limits":{"requests_per_minute":5}}"#, now).unwrap();
        assert_eq!((tenant.id.as_str(), tenant.created_at), ("acme", Some(now)));
        let changed = changed_tenant(&tenant, br#"{"name":"Acme","limits":null}"#).unwrap();
        assert_eq!((changed.name.as_deref(), changed.limits), (Some("Acme"), None));
        for (body, param) in [
            (&br#"{"id":"a/b"}"#[..], Some("id")),
            (br#"{"id":"a","limit":{}}"#, Some("limit")),
            (br#"{"id":"a","limits":{"requests_per_minute":0}}"#, Some("limits.requests_per_minute")),
            (br#"{"id":"a","limits":{"rpm":1}}"#, None),
            (br#"[]"#, None),
            (br#"{"id":"a","token_keys":[{"kid":"k","alg":"HS256","secret":"plain"}]}"#, Some("token_keys")),
            (
                br#"{"id":"a","token_keys":[{"kid":"k","alg":"HS256","secret":"$A"},{"kid":"k","alg":"HS256","secret":"$B"}]}"#,
                Some("token_keys"),
            ),
        ] {
            assert_eq!(new_tenant(body, now).unwrap_err().param.as_deref(), param);
        }
        assert!(changed_tenant(&tenant, br#"{"id":"other"}"#).is_err());
    }

    #[test]
    fn a_publishable_key_names_websites_and_models() {
        let make = |body: &str| new_key("acme", "key_1".to_owned(), body.as_bytes(), Timestamp(1));
        assert!(make("").is_ok());
        assert_eq!(
            make(r#"{"kind":"publishable","models":["m"]}"#).unwrap_err().param.as_deref(),
            Some("origins")
        );
        let no_models = r#"{"kind":"publishable","origins":["https://a.example"]}"#;
        assert_eq!(make(no_models).unwrap_err().param.as_deref(), Some("models"));
        let wrong = r#"{"kind":"publishable","models":["m"],"origins":["https://a.example/x"]}"#;
        assert_eq!(make(wrong).unwrap_err().param.as_deref(), Some("origins"));
        assert!(make(r#"{"kind":"publishable","models":["m"],"origins":["https://a.example"]}"#).is_ok());
    }
}
