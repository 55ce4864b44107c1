//! Hooks: what is sent to a guardrail somewhere else, and what its answer means. Asking is `gateway/hook.rs`'s.

mod texts;

use std::{fmt::Write, time::Duration};

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;
use sluice_providers::auth::SecretRef;
use sluice_types::{json::from_bytes, money::NanoUsd, secret::Secret, time::Timestamp};

use crate::config::document::{self, Action, HookFormat, HookStreams, OnError, Stage};

pub use texts::{Role, Text, of_answer, of_request, replace_in_answer, replace_in_request};

/// What the failure of a hook is called in records.
pub const UNAVAILABLE: &str = "unavailable";

/// What a change of texts is called in records.
pub const REDACTED: &str = "redacted";

/// How long a verdict is waited for where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Letters of a reason that are kept.
const REASON: usize = 40;

/// A hook, found right.
#[derive(Clone, Debug)]
pub struct Hook {
    /// What it is called in records.
    pub name: String,
    /// Where it is asked.
    pub url: String,
    format: HookFormat,
    /// The bearer token to send.
    pub api_key: Option<SecretRef>,
    /// What requests are signed with.
    pub secret: Option<SecretRef>,
    model: Option<String>,
    /// How long its verdict is waited for.
    pub timeout: Duration,
    /// Whether its failure lets pass.
    pub open: bool,
    categories: Vec<String>,
    threshold: Option<f64>,
    /// Whether it is asked before anything goes to a provider.
    pub before: bool,
    /// Whether streams are held until it has judged the whole answer.
    pub holds: bool,
    /// What a call costs.
    pub cost: NanoUsd,
}

/// What a hook says.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// Nothing against it.
    Allow,
    /// That it must not go on, why (a name, never a text), and how sure it is.
    Deny(String, Option<f32>),
    /// How the texts are to go on, in their order.
    Redact(Vec<String>),
}

/// What one call of a hook was, for the record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HookCall {
    /// Who was asked.
    pub hook: String,
    /// About what.
    pub stage: Stage,
    /// `allow`, `deny`, `redact` or `unavailable`.
    pub verdict: &'static str,
    /// How long it took.
    pub duration_ms: u64,
    /// What it cost, which is part of the request's cost.
    pub cost_nano_usd: NanoUsd,
}

/// What a webhook is told of a request beside its texts.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The request's id.
    pub id: &'a str,
    /// Who asks.
    pub tenant: &'a str,
    /// For which model.
    pub model: &'a str,
    /// What the texts are.
    pub stage: Stage,
}

impl Hook {
    /// Makes sense of a hook that finds things for `action` at `stage`.
    ///
    /// # Errors
    ///
    /// Which member is wrong, and why.
    pub fn compile(
        written: &document::Hook,
        action: Action,
        stage: Stage,
    ) -> Result<Self, (&'static str, String)> {
        let wrong = |member, why: &str| Err((member, why.to_owned()));
        let webhook = written.format == HookFormat::Webhook;
        let output = stage == Stage::Output;
        if !webhook && written.secret.is_some() {
            return wrong("secret", "only webhooks are signed; a bearer token is `api_key`");
        }
        if webhook
            && (written.model.is_some() || written.threshold.is_some() || !written.categories.is_empty())
        {
            return wrong("format", "`model`, `categories` and `threshold` are for `openai_moderation`");
        }
        if written.threshold.is_some_and(|threshold| !(0.0..=1.0).contains(&threshold)) {
            return wrong("threshold", "must be a number from 0 to 1");
        }
        if written.usd_per_call.is_some_and(|usd| !(0.0..=1_000.0).contains(&usd)) {
            return wrong("usd_per_call", "must be a number of dollars from 0 to 1000");
        }
        if output && written.before {
            return wrong("before", "is not for `output`: an answer is always whole before it is judged");
        }
        if !output && written.streams != HookStreams::default() {
            return wrong("streams", "is for `output`");
        }
        let timeout = written.timeout.map_or(TIMEOUT, |timeout| timeout.0);
        if timeout.is_zero() || Duration::from_secs(60) < timeout {
            return wrong("timeout", "must be between 1ms and 60s");
        }
        let url = written.url.as_str().to_owned();
        let host = url.split("//").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let default = if action == Action::Flag { OnError::Open } else { OnError::Closed };
        Ok(Self {
            name: written.name.clone().unwrap_or_else(|| host.to_owned()),
            format: written.format,
            api_key: written.api_key.as_ref().map(|key| key.0.clone()),
            secret: written.secret.as_ref().map(|key| key.0.clone()),
            model: written.model.clone(),
            timeout,
            open: written.on_error.unwrap_or(default) == OnError::Open,
            categories: written.categories.clone(),
            threshold: written.threshold,
            before: written.before,
            holds: written.streams == HookStreams::Hold,
            cost: NanoUsd((written.usd_per_call.unwrap_or(0.0) * 1e9).round() as u64),
            url,
        })
    }

    /// What is sent to it: JSON.
    pub fn body(&self, about: About<'_>, texts: &[Text]) -> Vec<u8> {
        let body = match self.format {
            HookFormat::Webhook => {
                let About { id, tenant, model, stage } = about;
                json!({"version": 1, "request_id": id, "tenant": tenant, "model": model, "stage": stage, "texts": texts})
            }
            HookFormat::OpenaiModeration => {
                let input: Vec<&str> = texts.iter().map(|text| text.text.as_str()).collect();
                match &self.model {
                    Some(model) => json!({"model": model, "input": input}),
                    None => json!({"input": input}),
                }
            }
        };
        body.to_string().into_bytes()
    }

    /// What its answer to so many texts means; `None` where that cannot be read.
    pub fn read(&self, answer: &[u8], texts: usize) -> Option<Said> {
        match self.format {
            HookFormat::Webhook => webhook(answer, texts),
            HookFormat::OpenaiModeration => self.moderation(answer, texts),
        }
    }

    fn moderation(&self, answer: &[u8], texts: usize) -> Option<Said> {
        let answer: Value = from_bytes(answer).ok()?;
        let results = answer.get("results")?.as_array().filter(|results| results.len() == texts)?;
        let mut worst: Option<(String, Option<f32>)> = None;
        for result in results {
            let flagged = result.get("flagged")?.as_bool()?;
            let scores = result.get("category_scores").and_then(Value::as_object);
            let categories = result.get("categories").and_then(Value::as_object);
            let score = |name: &str| scores.and_then(|scores| scores.get(name)).and_then(Value::as_f64);
            let all = || {
                categories
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name)
                    .chain(scores.into_iter().flatten().map(|(name, _)| name))
            };
            let counts =
                |name: &str| self.categories.is_empty() || self.categories.iter().any(|known| known == name);
            // A category that is listed and not told would be let pass unseen.
            if self.categories.iter().any(|name| !all().any(|told| told == name)) {
                return None;
            }
            let found = |name: &str| match self.threshold {
                Some(threshold) => score(name).is_some_and(|score| threshold <= score),
                None => categories.and_then(|all| all.get(name)).and_then(Value::as_bool).unwrap_or(false),
            };
            let named = all()
                .filter(|name| counts(name) && found(name))
                .map(|name| (reason(name), score(name).map(|score| score as f32)));
            let unnamed = flagged && self.categories.is_empty() && self.threshold.is_none();
            let own = named.max_by(|a, b| a.1.unwrap_or(1.0).total_cmp(&b.1.unwrap_or(1.0)));
            let own = own.or_else(|| unnamed.then(|| ("flagged".to_owned(), None)));
            if let Some(own) = own
                && worst.as_ref().is_none_or(|worst| worst.1.unwrap_or(1.0) < own.1.unwrap_or(1.0))
            {
                worst = Some(own);
            }
        }
        Some(worst.map_or(Said::Allow, |(reason, score)| Said::Deny(reason, score)))
    }
}

/// What a webhook answers.
#[derive(Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
enum Answer {
    Allow,
    Deny {
        #[serde(default)]
        reason: Option<String>,
        #[serde(default)]
        score: Option<f32>,
    },
    Redact {
        texts: Vec<String>,
    },
}

fn webhook(answer: &[u8], texts: usize) -> Option<Said> {
    match from_bytes(answer).ok()? {
        Answer::Allow => Some(Said::Allow),
        Answer::Deny { reason: why, score } => {
            let score = score.filter(|score| (0.0..=1.0).contains(score));
            Some(Said::Deny(why.as_deref().map_or_else(|| "denied".to_owned(), reason), score))
        }
        Answer::Redact { texts: changed } => (changed.len() == texts).then_some(Said::Redact(changed)),
    }
}

/// A reason as a name that may stand in headers and records: it must not carry a text.
fn reason(text: &str) -> String {
    let letters = text.chars().map(|letter| match letter.to_ascii_lowercase() {
        letter if letter.is_ascii_alphanumeric() || matches!(letter, '-' | '/' | '.') => letter,
        _ => '_',
    });
    let name: String = letters.take(REASON).collect();
    if name.is_empty() { "denied".to_owned() } else { name }
}

/// The value of header `sluice-signature`: `t=<unix seconds>,v1=<hex>`, the HMAC-SHA256 of `<unix seconds>.<body>` by the
/// shared secret. The time is signed too, so that no request can be sent again later.
pub fn signature(secret: &Secret, now: Timestamp, body: &[u8]) -> String {
    let seconds = now.0 / 1000;
    let mut text = format!("t={seconds},v1=");
    // A key of any length will do.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) {
        mac.update(format!("{seconds}.").as_bytes());
        mac.update(body);
        for byte in mac.finalize().into_bytes() {
            _ = write!(text, "{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(written: Value) -> Result<Hook, (&'static str, String)> {
        let mut all = json!({"url": "https://guard.test/v1/check"});
        all.as_object_mut().unwrap().extend(written.as_object().unwrap().clone());
        Hook::compile(&serde_json::from_value(all).unwrap(), Action::Deny, Stage::Input)
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (written, member) in [
            (json!({"threshold": 0.5}), "format"),
            (json!({"format": "openai_moderation", "secret": "$S"}), "secret"),
            (json!({"format": "openai_moderation", "threshold": 1.5}), "threshold"),
            (json!({"streams": "skip"}), "streams"),
            (json!({"timeout": "0ms"}), "timeout"),
            (json!({"usd_per_call": -1.0}), "usd_per_call"),
        ] {
            assert_eq!(hook(written.clone()).unwrap_err().0, member, "{written}");
        }
        assert_eq!(hook(json!({})).unwrap().name, "guard.test");
    }

    #[test]
    fn verdicts_of_webhooks_are_read() {
        let hook = hook(json!({})).unwrap();
        let deny = |reason: &str, score| Some(Said::Deny(reason.to_owned(), score));
        for (answer, said) in [
            (r#"{"verdict": "allow"}"#, Some(Said::Allow)),
            (
                r#"{"verdict": "deny", "reason": "Self harm: \"…\"", "score": 0.5}"#,
                deny("self_harm_____", Some(0.5)),
            ),
            (r#"{"verdict": "deny"}"#, deny("denied", None)),
            (
                r#"{"verdict": "redact", "texts": ["a", "b"]}"#,
                Some(Said::Redact(vec!["a".to_owned(), "b".to_owned()])),
            ),
            (r#"{"verdict": "redact", "texts": ["a"]}"#, None),
            (r#"{"verdict": "maybe"}"#, None),
            ("ok", None),
        ] {
            assert_eq!(hook.read(answer.as_bytes(), 2), said, "{answer}");
        }
    }

    #[test]
    fn moderations_are_read_by_category_and_threshold() {
        let answer = json!({"results": [
            {"flagged": false, "categories": {"hate": false, "violence": false}, "category_scores": {"hate": 0.1, "violence": 0.3}},
            {"flagged": true, "categories": {"hate": true, "violence": false}, "category_scores": {"hate": 0.7, "violence": 0.4}},
        ]});
        let answer = answer.to_string();
        let deny = |reason: &str, score| Some(Said::Deny(reason.to_owned(), Some(score)));
        for (more, said) in [
            (json!({}), deny("hate", 0.7)),
            (json!({"categories": ["violence"]}), Some(Said::Allow)),
            (json!({"categories": ["violence"], "threshold": 0.35}), deny("violence", 0.4)),
            (json!({"threshold": 0.9}), Some(Said::Allow)),
            (json!({"categories": ["sexual"]}), None),
        ] {
            let mut written = more.clone();
            written["format"] = json!("openai_moderation");
            assert_eq!(hook(written).unwrap().read(answer.as_bytes(), 2), said, "{more}");
        }
        let plain = hook(json!({"format": "openai_moderation"})).unwrap();
        assert_eq!(plain.read(answer.as_bytes(), 1), None);
        let bare = br#"{"results": [{"flagged": true}]}"#;
        assert_eq!(plain.read(bare, 1), Some(Said::Deny("flagged".to_owned(), None)));
    }

    #[test]
    fn requests_are_signed_with_their_time() {
        // echo -n '1795262400.{}' | openssl dgst -sha256 -hmac key
        let signed = signature(&Secret::new("key".to_owned()), Timestamp(1_795_262_400_000), b"{}");
        let mut mac = Hmac::<Sha256>::new_from_slice(b"key").unwrap();
        mac.update(b"1795262400.{}");
        let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(signed, format!("t=1795262400,v1={expected}"));
    }
}
