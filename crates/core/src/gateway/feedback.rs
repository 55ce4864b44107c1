//! `POST /v1/feedback`: whether an answer that was found by meaning was right.
//!
//! Each answer is judged once, by whoever has its id, within a week. What is judged moves the threshold of the model's hits
//! (`sluice_semantic::feedback`); a wrong answer is given to nobody any more.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::json;
use sluice_types::{
    error::{ErrorKind, Failure},
    json::from_bytes,
};

use super::{Context, Gateway, Reply, catalogue, meaning, receive, reply::Problem};
use crate::{
    cache::catalogue::{Answer, Call, Judgement},
    port::{Body, Host},
};

/// The longest id.
const ID: usize = 100;

/// What callers send.
#[derive(Deserialize)]
struct Feedback {
    /// The answer's `sluice-request-id`.
    id: String,
    /// Whether it was an answer to what was asked.
    right: bool,
}

fn down(what: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorKind::StoreUnavailable, format!("the feedback was not taken: {what}"))
}

impl Gateway {
    /// Takes feedback. What is known of no answer of the tenant, or was judged, is not counted, and said so.
    pub(super) async fn feedback<H: Host, B: Body>(
        self: &Rc<Self>,
        context: &Context<'_, H>,
        body: B,
    ) -> Result<Reply<H::Body>, Problem> {
        let caller = self.enter(context).await?;
        let body = receive::body(context, body).await?;
        let Feedback { id, right } = from_bytes(&body).map_err(|error| {
            let message = format!(
                "must be {{\"id\": the answer's sluice-request-id, \"right\": true or false}}: {error}"
            );
            Failure::new(ErrorKind::InvalidRequest, message)
        })?;
        if id.is_empty()
            || ID < id.len()
            || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            return Err(Failure::invalid("id", "must be the sluice-request-id of an answer").into());
        }
        let counted = self.judge(context, &caller.tenant.id, id.clone(), right).await?;
        let told = json!({"object": "feedback", "id": id, "right": right, "counted": counted});
        Ok(Reply::json(told.to_string().into_bytes()))
    }

    /// Counts whether what the request `id` of `tenant` was given was right; `false` if that was not found by meaning, or was
    /// judged before.
    pub(super) async fn judge<H: Host>(
        &self,
        context: &Context<'_, H>,
        tenant: &str,
        id: String,
        right: bool,
    ) -> Result<bool, Failure> {
        let host = context.host;
        let call = Call::Judged { request: id, right };
        let Answer::Judged(judged) = catalogue::ask(host, tenant, &call).await.map_err(down)? else {
            return Err(down("the catalogue answered something else"));
        };
        let Some(Judgement { model, seen, gone }) = judged else { return Ok(false) };
        let seen = serde_json::to_vec(&seen).map_err(down)?;
        host.put(&meaning::seen_key(tenant, &model), seen.into(), None).await.map_err(down)?;
        self.answers.forget();
        if let Some(gone) = gone {
            catalogue::remove(host, tenant, &context.config.vectors, &[gone]).await.map_err(down)?;
        }
        Ok(true)
    }
}
