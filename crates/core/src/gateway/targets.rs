//! The operator's view of targets: how each does, and taking one out of service.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};
use sluice_types::{
    error::{ErrorKind, Failure},
    json::from_bytes,
};

use super::{Context, Gateway, named};
use crate::{
    config::{Model, Target, Upstream},
    port::Host,
    routing::breaker::Shown,
};

/// How far back failures are counted for the operator.
const LOOK_BACK: Duration = Duration::from_secs(60);

/// What an operator asks of a target.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    state: State,
}

/// Whether a target is asked.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// No new requests.
    Drained,
    /// As its health says.
    Active,
}

impl State {
    /// Its name in requests and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drained => "drained",
            Self::Active => "active",
        }
    }
}

impl Gateway {
    /// How the configured targets do, as this isolate has seen it.
    pub(super) fn targets<H: Host>(&self, context: &Context<'_, H>) -> Vec<Value> {
        // By id: one target may stand in several models.
        let mut targets: BTreeMap<&str, (&Target, Vec<&str>)> = BTreeMap::new();
        for model in context.config.models() {
            for target in &model.targets {
                targets.entry(&target.id).or_insert((target, Vec::new())).1.push(&model.name);
            }
        }
        targets.values().map(|(target, models)| self.shown(context, target, models)).collect()
    }

    /// What `body` asks of the target `id`: the model it stands in, its place there, and how it is to be.
    pub(super) fn order<H: Host>(
        &self,
        context: &Context<'_, H>,
        id: &str,
        body: &[u8],
    ) -> Result<(Rc<Model>, usize, State), Failure> {
        let id = named(id)?;
        let Order { state } = from_bytes(body).map_err(|_| {
            Failure::invalid("state", "must be `drained` or `active`, as in {\"state\": \"drained\"}")
        })?;
        let place = |model: &Model| model.targets.iter().position(|target| target.id == id);
        let configured = context.config.models().find_map(|model| Some((model.clone(), place(model)?)));
        let found = configured.or_else(|| {
            let model = context.config.model(&id)?;
            let at = place(&model)?;
            Some((model, at))
        });
        let (model, at) = found.ok_or_else(|| {
            let message = format!("there is no target `{id}`: GET /admin/v1/targets lists what there is");
            Failure::new(ErrorKind::NotFound, message)
        })?;
        Ok((model, at, state))
    }

    /// How `target` does, as this isolate has seen it.
    pub(super) fn shown<H: Host>(&self, context: &Context<'_, H>, target: &Target, models: &[&str]) -> Value {
        let now = context.host.now();
        let health = self.routes.health(&target.id);
        let health = health.borrow();
        let count = health.breaker.count(now, LOOK_BACK);
        let shown = health.shown(now);
        let ms = |expected: Option<f64>| expected.map(f64::round);
        let open_for = match shown {
            Shown::Open(until) => u64::try_from(until.since(now).as_millis()).ok(),
            Shown::Closed | Shown::HalfOpen => None,
        };
        let keys = match &target.provider.upstream {
            Upstream::Http(http) => self.routes.key_states(http, now),
            Upstream::Builtin => Vec::new(),
        };
        let state = if self.routes.is_drained(&target.id) { State::Drained } else { State::Active };
        json!({
            "object": "target",
            "id": target.id,
            "models": models,
            "state": state.name(),
            "breaker": shown.name(),
            "open_for_ms": open_for,
            "silent": health.is_silent(now),
            "running": health.running,
            "attempts_last_minute": count.attempts,
            "failures_last_minute": count.failures,
            "failures_in_a_row": health.breaker.failures_in_a_row(),
            "first_token_ms": ms(health.latency.first_token.expected(now)),
            "first_token_p95_ms": health.latency.p95(true).map(|span| span.as_millis()),
            "token_ms": ms(health.latency.per_token.expected(now)),
            "whole_answer_ms": ms(health.latency.whole.expected(now)),
            "keys": keys,
        })
    }
}
