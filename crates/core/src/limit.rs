//! Which limits and budgets hold for a request, what it may cost at most, and how callers are told.

mod ceiling;
mod headers;

use std::collections::BTreeMap;

use sluice_types::quota::{Rule, Unit, Window};

use crate::config::document::{Budget, BudgetPeriod, Quotas, Rate, Scope};

pub use self::{
    ceiling::{Most, UNPRICED, ceiling, text_bytes},
    headers::{after, headers},
};

/// Who asks for what, as far as limits and budgets go by it.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// The key's id.
    pub key: &'a str,
    /// The end user, if one is named.
    pub user: Option<&'a str>,
    /// The model, as the caller names it; `None` for a request that no model answers.
    pub model: Option<&'a str>,
    /// The request's tags.
    pub tags: &'a BTreeMap<String, String>,
    /// The visitor's address and how many requests a minute they may make, where the key is in visitors' hands.
    pub visitor: Option<(&'a str, u64)>,
}

/// A rule that holds for a request, and what to say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The rule.
    pub rule: Rule,
    /// What it allows, such as `60 requests per minute for this tenant`.
    pub what: String,
    /// The model that answers instead, once its warning is due.
    pub move_to: Option<String>,
}

/// Whom a visitor's address stands for: of IPv6 the network of 64 bits, for whoever has one address there has them all.
fn network(visitor: &str) -> String {
    match visitor.parse::<std::net::Ipv6Addr>() {
        Ok(address) if address.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(_) | Err(_) => visitor.to_owned(),
    }
}

/// Everything that holds for a request: the tenant's own limits and budgets, the defaults where its record says nothing,
/// and the key's own.
pub fn bounds(who: &Who<'_>, defaults: &Quotas, tenant: Option<&Quotas>, key: Option<&Quotas>) -> Vec<Bound> {
    let mut found = Vec::new();
    if let Some((visitor, limit)) = who.visitor {
        let visitor = network(visitor);
        let meter = format!("k:{}/v:{visitor}|requests/60000", who.key);
        let window = Window::Last(60_000);
        let rule = Rule { meter, unit: Unit::Requests, window, limit, warn: None, hard: true };
        found.push(Bound {
            rule,
            what: format!("{limit} requests per minute for each visitor"),
            move_to: None,
        });
    }
    let own = tenant.unwrap_or(defaults);
    let minute = |pick: fn(&Quotas) -> Option<u64>| pick(own).or_else(|| pick(defaults));
    let mut add = |owner: Owner<'_>, quotas: &Quotas, rpm, tpm, concurrent, budget: Option<&Budget>| {
        let plain = Rate {
            requests: rpm,
            tokens: tpm,
            concurrent,
            per: crate::config::text::Period(std::time::Duration::from_secs(60)),
            of: None,
            models: Vec::new(),
        };
        for rate in std::iter::once(&plain).chain(&quotas.rates) {
            rates(who, owner, rate, &mut found);
        }
        for one in budget.into_iter().chain(&quotas.budgets) {
            found.extend(bounded(who, owner, one));
        }
    };
    let lists = Quotas {
        rates: if own.rates.is_empty() { defaults.rates.clone() } else { own.rates.clone() },
        budgets: if own.budgets.is_empty() { defaults.budgets.clone() } else { own.budgets.clone() },
        ..Quotas::default()
    };
    add(
        Owner::Tenant,
        &lists,
        minute(|quotas| quotas.requests_per_minute),
        minute(|quotas| quotas.tokens_per_minute),
        minute(|quotas| quotas.concurrent_requests),
        own.budget.as_ref().or(defaults.budget.as_ref()),
    );
    if let Some(key) = key {
        add(
            Owner::Key(who.key),
            key,
            key.requests_per_minute,
            key.tokens_per_minute,
            key.concurrent_requests,
            key.budget.as_ref(),
        );
    }
    found
}

/// Whose record a limit stands in.
#[derive(Clone, Copy)]
enum Owner<'a> {
    Tenant,
    Key(&'a str),
}

/// The scope's part of a meter's name, and what to call it; `None` if it goes by a model and none is named.
fn scope(who: &Who<'_>, owner: Owner<'_>, of: Option<Scope>) -> Option<(String, &'static str)> {
    let (prefix, usual) = match owner {
        Owner::Tenant => (String::new(), Scope::Tenant),
        Owner::Key(id) => (format!("k:{id}/"), Scope::Key),
    };
    Some(match of.unwrap_or(usual) {
        Scope::Tenant => (format!("{prefix}t"), "for this tenant"),
        Scope::Key => (format!("{prefix}k:{}", who.key), "for this key"),
        Scope::User => (format!("{prefix}u:{}", plain(who.user.unwrap_or_default())), "for each end user"),
        Scope::Model => (format!("{prefix}m:{}", who.model?), "for each model"),
    })
}

/// `text` without what parts meters' names: callers choose users' and tags' names, and none may name another's meter.
fn plain(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains(['%', '/', '|', '=']) {
        text.replace('%', "%25").replace('/', "%2F").replace('|', "%7C").replace('=', "%3D").into()
    } else {
        text.into()
    }
}

fn rates(who: &Who<'_>, owner: Owner<'_>, rate: &Rate, found: &mut Vec<Bound>) {
    if !rate.models.is_empty() && !rate.models.iter().any(|model| Some(model.as_str()) == who.model) {
        return;
    }
    let Some((mut name, whom)) = scope(who, owner, rate.of) else { return };
    if !rate.models.is_empty() {
        name = format!("{name}/of:{}", rate.models.join(","));
    }
    let span = rate.per.to_string();
    let per = if rate.per.0.as_secs() == 60 { "minute" } else { span.as_str() };
    let window = u64::try_from(rate.per.0.as_millis()).unwrap_or(u64::MAX);
    let mut push = |limit: Option<u64>, unit, window, kind: &str, what: String| {
        if let Some(limit) = limit {
            let meter = format!("{name}|{kind}");
            let rule = Rule { meter, unit, window, limit, warn: None, hard: true };
            found.push(Bound { rule, what, move_to: None });
        }
    };
    let last = Window::Last(window);
    let text = |limit: Option<u64>, what: &str| format!("{} {what} {whom}", limit.unwrap_or_default());
    let requests = text(rate.requests, &format!("requests per {per}"));
    push(rate.requests, Unit::Requests, last, &format!("requests/{window}"), requests);
    let tokens = text(rate.tokens, &format!("tokens per {per}"));
    push(rate.tokens, Unit::Tokens, last, &format!("tokens/{window}"), tokens);
    let concurrent = text(rate.concurrent, "requests at once");
    push(rate.concurrent, Unit::Requests, Window::Now, "at once", concurrent);
}

fn bounded(who: &Who<'_>, owner: Owner<'_>, budget: &Budget) -> Option<Bound> {
    let (mut name, whom) = scope(who, owner, budget.of)?;
    let mut whom = whom.to_owned();
    if let Some(tag) = &budget.tag {
        let (tag, wanted) =
            tag.split_once('=').map_or((tag.as_str(), None), |(tag, value)| (tag, Some(value)));
        let value = who.tags.get(tag).filter(|value| wanted.is_none_or(|wanted| wanted == value.as_str()))?;
        name = format!("{name}/g:{}={}", plain(tag), plain(value));
        whom = format!("{whom} with the tag {tag}={value}");
    }
    let (unit, limit, kind, text) = match (budget.usd, budget.tokens, budget.requests) {
        (Some(usd), _, _) => (Unit::NanoUsd, usd.nano(), "usd", format!("${usd}")),
        (None, Some(tokens), _) => (Unit::Tokens, tokens, "tokens", format!("{tokens} tokens")),
        (None, None, Some(requests)) => {
            (Unit::Requests, requests, "requests", format!("{requests} requests"))
        }
        (None, None, None) => return None,
    };
    let (window, per, text_per) = match budget.per {
        BudgetPeriod::Day => (Window::Day, "day", "per day"),
        BudgetPeriod::Week => (Window::Week, "week", "per week"),
        BudgetPeriod::Month => (Window::Month, "month", "per month"),
        BudgetPeriod::Total => (Window::Total, "total", "in all"),
    };
    let rule = Rule {
        meter: format!("{name}|{kind}/{per}"),
        unit,
        window,
        limit,
        warn: Some(budget.warn_at.of(limit)),
        hard: budget.hard,
    };
    Some(Bound { rule, what: format!("{text} {text_per} {whom}"), move_to: budget.move_to.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(json: serde_json::Value) -> Quotas {
        serde_json::from_value(json).unwrap()
    }

    fn told(
        defaults: serde_json::Value,
        tenant: Option<serde_json::Value>,
        key: Option<serde_json::Value>,
    ) -> Vec<String> {
        let tags = BTreeMap::from([("team".to_owned(), "search".to_owned())]);
        let who = Who { key: "key_1", user: Some("ann"), model: Some("m"), tags: &tags, visitor: None };
        let bounds = bounds(&who, &quotas(defaults), tenant.map(quotas).as_ref(), key.map(quotas).as_ref());
        bounds.into_iter().map(|bound| format!("{}: {}", bound.rule.meter, bound.what)).collect()
    }

    #[test]
    fn a_tenants_own_take_the_place_of_defaults_one_by_one() {
        let defaults = serde_json::json!({"requests_per_minute": 600, "tokens_per_minute": 1000,
            "budget": {"usd": 50, "per": "month"}});
        assert_eq!(
            told(defaults.clone(), None, None),
            [
                "t|requests/60000: 600 requests per minute for this tenant",
                "t|tokens/60000: 1000 tokens per minute for this tenant",
                "t|usd/month: $50 per month for this tenant",
            ]
        );
        let own = serde_json::json!({"requests_per_minute": 5, "budget": {"usd": 1.5, "per": "total"}});
        assert_eq!(
            told(defaults, Some(own), None),
            [
                "t|requests/60000: 5 requests per minute for this tenant",
                "t|tokens/60000: 1000 tokens per minute for this tenant",
                "t|usd/total: $1.5 in all for this tenant",
            ]
        );
        assert!(told(serde_json::json!({}), None, None).is_empty());
    }

    #[test]
    fn no_name_reaches_anothers_meter() {
        let tags = BTreeMap::from([("team".to_owned(), "x".to_owned())]);
        let limits = quotas(serde_json::json!({"budgets": [{"usd": 1, "per": "day", "of": "user"},
            {"usd": 1, "per": "day", "of": "user", "tag": "team"}]}));
        let meters = |user: &str| -> Vec<String> {
            let who = Who { key: "k", user: Some(user), model: Some("m"), tags: &tags, visitor: None };
            bounds(&who, &Quotas::default(), Some(&limits), None)
                .into_iter()
                .map(|bound| bound.rule.meter)
                .collect()
        };
        let (ann, eve) = (meters("ann"), meters("ann/g:team=x"));
        assert_eq!(ann, ["u:ann|usd/day", "u:ann/g:team=x|usd/day"]);
        assert!(eve.iter().all(|meter| !ann.contains(meter)), "{eve:?}");
    }

    #[test]
    fn each_scope_has_a_meter_of_its_own() {
        let tenant = serde_json::json!({
            "rates": [{"requests": 3, "of": "user"}, {"concurrent": 2, "of": "model", "per": "1h"},
                      {"tokens": 9, "per": "1h", "models": ["other"]}, {"requests": 1, "per": "1s", "models": ["m"]}],
            "budgets": [{"tokens": 10, "per": "day", "of": "key"}, {"requests": 7, "per": "week", "tag": "team"},
                        {"usd": 1, "per": "day", "tag": "team=sales"}],
        });
        let key = serde_json::json!({"concurrent_requests": 1, "rates": [{"requests": 2, "of": "user"}]});
        assert_eq!(
            told(serde_json::json!({}), Some(tenant), Some(key)),
            [
                "u:ann|requests/60000: 3 requests per minute for each end user",
                "m:m|at once: 2 requests at once for each model",
                "t/of:m|requests/1000: 1 requests per 1s for this tenant",
                "k:key_1|tokens/day: 10 tokens per day for this key",
                "t/g:team=search|requests/week: 7 requests per week for this tenant with the tag team=search",
                "k:key_1/k:key_1|at once: 1 requests at once for this key",
                "k:key_1/u:ann|requests/60000: 2 requests per minute for each end user",
            ]
        );
    }
}
