//! Answers given again: which requests count as the same, which may be answered so, and what is kept.
//!
//! ```text
//! cache/{tenant}/{model}/{fingerprint}  →  an [`Entry`] as JSON; `model` is the first 16 digits of its name's SHA-256
//! cache_seen/{tenant}/{model}/seen      →  what was seen of its hits by meaning: [`catalogue::Seen`]
//! ~cache/{tenant}                       →  an object that knows the questions answered by meaning: [`catalogue`]
//! ```
//!
//! A fingerprint covers all that can change an answer, and whom it is for: nothing of one tenant is ever found by another.

mod agree;
pub mod catalogue;
mod fingerprint;
mod page;
mod said;
mod wish;

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use serde::{Deserialize, Serialize};
use sluice_types::{
    answer::{Answer, FinishReason},
    chat::{Media, Part, Request},
    money::NanoUsd,
    time::Timestamp,
};

pub use self::{
    agree::agree,
    fingerprint::{fingerprint, of_form, of_scope},
    page::{Page, Row},
    said::{may_mean, said},
    wish::{LONGEST, Wish, wish},
};
use crate::{
    config::document::{Cache, CacheMode, CacheScope},
    key,
};

/// How a model's answers are cached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Which requests count as the same.
    pub mode: CacheMode,
    /// How long an answer is good.
    pub ttl: Duration,
    /// How long after that it may still be given, while a fresh one is fetched.
    pub stale: Duration,
    /// Who shares answers.
    pub scope: CacheScope,
    /// Whether requests with tools are cached.
    pub tools: bool,
    /// The highest temperature at which answers are cached.
    pub max_temperature: f64,
    /// The tolerated share of wrong hits, under `semantic`.
    pub max_wrong: f64,
    /// The share of hits by meaning that are asked again, to compare.
    pub check: f64,
}

impl From<Cache> for Policy {
    fn from(written: Cache) -> Self {
        let Cache { mode, ttl, stale, scope, tools, max_temperature, max_wrong, check } = written;
        let (max_temperature, max_wrong, check) = (max_temperature.get(), max_wrong.get(), check.get());
        Self { mode, ttl: ttl.0, stale: stale.0, scope, tools, max_temperature, max_wrong, check }
    }
}

/// Whom an answer is for, and what made it: with the request, all that a fingerprint covers.
#[derive(Clone, Copy, Debug)]
pub struct Partition<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The part of its cache.
    pub namespace: Option<&'a str>,
    /// The key or the user within it, where answers are not shared further.
    pub within: Option<&'a str>,
    /// The model as the caller names it.
    pub model: &'a str,
    /// The targets that may answer, in order.
    pub targets: &'a [&'a str],
    /// The guardrails that saw the request and the answer.
    pub guardrails: &'a [String],
    /// Header `anthropic-beta`, which goes on to providers.
    pub beta: Option<&'a str>,
    /// The stores that the answer rests on, and which state of them.
    pub knowledge: Option<&'a str>,
}

/// Members that ask for what a kept answer does not hold.
const NOT_KEPT: [&str; 4] = ["logprobs", "top_logprobs", "modalities", "audio"];

/// Members that let the provider run tools.
const TOOLS: [&str; 5] = ["web_search_options", "mcp_servers", "plugins", "container", "functions"];

/// Whether the answer to `request` may come from a cache, as far as it goes by the request.
pub fn fits(request: &Request<'_>, policy: &Policy) -> bool {
    let asks = |names: &[&str]| {
        names.iter().any(|name| request.extra.value(name).is_some_and(|value| !value.is_null()))
    };
    if asks(&NOT_KEPT) || !policy.tools && asks(&TOOLS) {
        return false;
    }
    let steady = request.temperature.is_none_or(|temperature| temperature <= policy.max_temperature);
    let tools = policy.tools || request.tools.is_empty();
    steady
        && tools
        && request.turns.iter().flat_map(|turn| &turn.parts).all(|part| is_said(part, policy.tools))
}

/// Whether `part` says all of itself: what stands at an address may change.
fn is_said(part: &Part<'_>, tools: bool) -> bool {
    match part {
        Part::Text { .. } | Part::Refusal { .. } | Part::Audio { .. } => true,
        Part::Reasoning { .. } | Part::RedactedReasoning { .. } => true,
        Part::Image { source, .. } | Part::Document { source, .. } => !matches!(source, Media::Url(_)),
        Part::ToolCall { .. } => tools,
        Part::ToolResult { parts, .. } => tools && parts.iter().all(|part| is_said(part, tools)),
        Part::Other { .. } => tools,
    }
}

/// Whether `answer` may be given again: it came to its own end, and was not refused.
pub fn keeps(answer: &Answer<'_>, policy: &Policy) -> bool {
    let good = |reason| match reason {
        FinishReason::Stop | FinishReason::StopSequence => true,
        FinishReason::ToolCalls => policy.tools,
        FinishReason::Length
        | FinishReason::ContextWindow
        | FinishReason::ContentFilter
        | FinishReason::Pause => false,
    };
    let said = |part: &Part<'_>| match part {
        Part::Text { .. } | Part::Reasoning { .. } | Part::RedactedReasoning { .. } => true,
        Part::ToolCall { .. } => policy.tools,
        // Kinds that a replay cannot tell, and refusals.
        _ => false,
    };
    !answer.choices.is_empty()
        && answer.choices.iter().all(|choice| {
            good(choice.finish.reason) && !choice.parts.is_empty() && choice.parts.iter().all(said)
        })
}

/// The store's key of the answers to a request.
pub fn store_key(partition: &Partition<'_>, fingerprint: &key::Digest) -> String {
    format!("{}{}", model_prefix(partition.tenant, partition.model), key::hex(fingerprint))
}

/// What the keys of a tenant's answers begin with.
pub fn tenant_prefix(tenant: &str) -> String {
    format!("cache/{tenant}/")
}

/// What the keys of a tenant's answers by `model` begin with.
pub fn model_prefix(tenant: &str, model: &str) -> String {
    below(&tenant_prefix(tenant), model)
}

/// What keys of `model` begin with below `prefix`.
pub fn below(prefix: &str, model: &str) -> String {
    format!("{prefix}{}/", key::short(model, 8))
}

/// A kept answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry<'a> {
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// The model as the caller named it.
    pub model: String,
    /// Who answered.
    pub target: Option<String>,
    /// What it cost.
    pub cost_nano_usd: Option<NanoUsd>,
    /// The part of the tenant's cache that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The tags of the request that it answered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The answer.
    #[serde(borrow)]
    pub answer: Answer<'a>,
}

/// How fresh a kept answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It is good.
    Fresh,
    /// It may be given while another is fetched.
    Stale,
    /// Its time is over.
    Over,
}

/// What of an [`Entry`] says whether it will do: the answer, which is long, is passed over.
#[derive(Debug, Deserialize)]
pub struct Dated {
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// What it cost.
    pub cost_nano_usd: Option<NanoUsd>,
}

impl Dated {
    /// How fresh it is at `now`, if it may be given for `stale` beyond its time.
    pub fn freshness(&self, now: Timestamp, stale: Duration) -> Freshness {
        if now < self.expires_at {
            Freshness::Fresh
        } else if now < self.expires_at.plus(stale) {
            Freshness::Stale
        } else {
            Freshness::Over
        }
    }
}

/// What a record tells about the cache.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note {
    /// `hit`, `stale`, `miss`, `refresh`.
    pub status: &'static str,
    /// How old the answer was, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_s: Option<u64>,
    /// What the answer had cost, and now did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_nano_usd: Option<NanoUsd>,
    /// Cosine of the question with the one whose answer was given, where they only mean the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f64>,
    /// That question: the first 16 digits of its answer's fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<String>,
    /// How sure it is that they mean the same, in the unit of thresholds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Why nothing that means the same did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<&'static str>,
}

impl Note {
    /// One about an answer that was not kept.
    pub fn plain(status: &'static str) -> Self {
        Self {
            status,
            age_s: None,
            saved_nano_usd: None,
            similarity: None,
            matched: None,
            score: None,
            meaning: None,
        }
    }

    /// The value of header `sluice-cache`.
    pub fn header(&self) -> String {
        let mut header = self.status.to_owned();
        if let Some(similarity) = self.similarity {
            _ = write!(header, "; similarity={similarity:.2}");
        }
        if let Some(age) = self.age_s {
            _ = write!(header, "; age={age}");
        }
        header
    }
}

#[cfg(test)]
mod tests {
    use sluice_types::{
        answer::{Choice, Finish},
        chat::{Role, Tool, Turn},
        json::Members,
    };

    use super::*;

    const POLICY: Policy = Policy {
        mode: CacheMode::Exact,
        ttl: Duration::from_secs(60),
        stale: Duration::from_secs(30),
        scope: CacheScope::Tenant,
        tools: false,
        max_temperature: 1.0,
        max_wrong: 0.01,
        check: 0.0,
    };

    fn text(text: &'static str) -> Part<'static> {
        Part::text(text)
    }

    fn asked(parts: Vec<Part<'static>>) -> Request<'static> {
        let turn = Turn { role: Role::User, name: None, parts, extra: Members::default() };
        Request { turns: vec![turn], ..Request::default() }
    }

    #[test]
    fn what_may_change_or_act_is_not_cached() {
        let picture = |source| Part::Image { source, detail: None, cache: None };
        let inline = Media::Base64 { media_type: "image/png".into(), data: "AA".into() };
        assert!(fits(&asked(vec![text("hi"), picture(inline)]), &POLICY));
        assert!(!fits(&asked(vec![picture(Media::Url("https://a.test/x.png".into()))]), &POLICY));
        assert!(!fits(&Request { temperature: Some(1.1), ..asked(vec![text("hi")]) }, &POLICY));
        let tool = Tool::Function {
            name: "f".into(),
            description: None,
            parameters: None,
            strict: None,
            cache: None,
        };
        let with_tools = Request { tools: vec![tool], ..asked(vec![text("hi")]) };
        assert!(!fits(&with_tools, &POLICY));
        assert!(fits(&with_tools, &Policy { tools: true, ..POLICY }));
    }

    #[test]
    fn only_whole_answers_are_kept() {
        let answer = |reason, parts| Answer {
            choices: vec![Choice {
                index: 0,
                parts,
                finish: Finish::plain(reason),
                extra: Members::default(),
            }],
            ..Answer::default()
        };
        assert!(keeps(&answer(FinishReason::Stop, vec![text("yes")]), &POLICY));
        for reason in [FinishReason::Length, FinishReason::ContentFilter, FinishReason::ToolCalls] {
            assert!(!keeps(&answer(reason, vec![text("yes")]), &POLICY), "{reason:?}");
        }
        assert!(!keeps(&answer(FinishReason::Stop, Vec::new()), &POLICY));
        assert!(!keeps(&answer(FinishReason::Stop, vec![Part::Refusal { text: "no".into() }]), &POLICY));
        assert!(!keeps(&Answer::default(), &POLICY));
    }

    #[test]
    fn an_answer_grows_stale_and_then_old() {
        let entry = Entry {
            created_at: Timestamp(0),
            expires_at: Timestamp(60_000),
            model: "m".to_owned(),
            target: None,
            cost_nano_usd: None,
            namespace: None,
            tags: BTreeMap::new(),
            answer: Answer::default(),
        };
        let entry: Dated = serde_json::from_slice(&serde_json::to_vec(&entry).unwrap()).unwrap();
        for (now, freshness) in [
            (59_999, Freshness::Fresh),
            (60_000, Freshness::Stale),
            (89_999, Freshness::Stale),
            (90_000, Freshness::Over),
        ] {
            assert_eq!(entry.freshness(Timestamp(now), POLICY.stale), freshness, "{now}");
        }
    }
}
