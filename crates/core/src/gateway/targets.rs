//! The operator's view of targets: how each does, and taking one out of service.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use serde::Deserialize;
use sluice_types::error::{ErrorKind, Failure};

use super::{Context, Gateway, Reply, admit, named, receive, reply::Problem};
use crate::{
    config::{Target, Upstream},
    port::{Body, Host},
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
enum State {
    /// No new requests.
    Drained,
    /// As its health says.
    Active,
}

impl Gateway {
    /// Tells how the configured targets do, as this isolate has seen it.
    pub(super) async fn targets<H: Host>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
    ) -> Result<Reply<H::Body>, Problem> {
        self.authenticate_admin(context).await?;
        // By id: one target may stand in several models.
        let mut targets: BTreeMap<&str, (&Target, Vec<&str>)> = BTreeMap::new();
        for model in context.config.models() {
            for target in &model.targets {
                targets.entry(&target.id).or_insert((target, Vec::new())).1.push(&model.name);
            }
        }
        let data: Vec<_> =
            targets.values().map(|(target, models)| self.shown(context, target, models)).collect();
        let body = serde_json::json!({"object": "list", "data": data});
        Ok(Reply::json(body.to_string().into_bytes()))
    }

    /// Drains or restores a target.
    pub(super) async fn set_target<H: Host, B: Body>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        id: &str,
        body: B,
    ) -> Result<Reply<H::Body>, Problem> {
        self.authenticate_admin(context).await?;
        let id = named(id)?;
        let body = receive::body(context, body).await?;
        let Order { state } = serde_json::from_slice(&body).map_err(|_| {
            Failure::invalid("state", "must be `drained` or `active`, as in {\"state\": \"drained\"}")
        })?;
        let model = context.config.models().find(|model| model.targets.iter().any(|target| target.id == id));
        let model = model.cloned().or_else(|| context.config.model(&id));
        let target = model.as_ref().and_then(|model| model.targets.iter().find(|target| target.id == id));
        let Some(target) = target else {
            let message = format!("there is no target `{id}`: GET /admin/v1/targets lists what there is");
            return Err(Failure::new(ErrorKind::NotFound, message).into());
        };
        self.routes.drain(context.host, &id, state == State::Drained).await.map_err(admit::store_down)?;
        Ok(Reply::json(self.shown(context, target, &[]).to_string().into_bytes()))
    }

    fn shown<H: Host>(
        &self,
        context: &Context<'_, H>,
        target: &Target,
        models: &[&str],
    ) -> serde_json::Value {
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
        serde_json::json!({
            "object": "target",
            "id": target.id,
            "models": models,
            "state": if self.routes.is_drained(&target.id) { "drained" } else { "active" },
            "breaker": shown.name(),
            "open_for_ms": open_for,
            "silent": health.is_silent(now),
            "running": health.running,
            "attempts_last_minute": count.attempts,
            "failures_last_minute": count.failures,
            "failures_in_a_row": health.breaker.failures_in_a_row(),
            "first_token_ms": ms(health.latency.first_token.expected(now)),
            "first_token_p95_ms": health.latency.p95().map(|span| span.as_millis()),
            "token_ms": ms(health.latency.per_token.expected(now)),
            "whole_answer_ms": ms(health.latency.whole.expected(now)),
            "keys": keys,
        })
    }
}
