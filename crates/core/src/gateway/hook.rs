//! Asking hooks: before anything goes to a provider, beside the provider, and about its whole answer.

use std::{borrow::Cow, rc::Rc};

use bytes::Bytes;
use futures::future::{Either, LocalBoxFuture, select};
use http::{HeaderValue, Request, header};
use sluice_types::{answer::Answer, chat, error::Failure, secret::Secret};

use super::{Context, receive, send, settle::Shared};
use crate::{
    config::document::{Action, CheckName, Stage},
    guardrail::{
        Plans,
        hook::{self, About, Hook, HookCall, Said, Text},
        plan::Act,
        refusal,
    },
    port::{Body, Host},
};

/// The most that is read of a hook's answer, in bytes.
const MAX_ANSWER: usize = 4 << 20;

/// Stages of requests.
const STAGES: [Stage; 3] = [Stage::Input, Stage::ToolResult, Stage::Retrieved];

/// Asks the hooks that come before anything goes to a provider, one after the other; whether they changed the request.
///
/// # Errors
///
/// That one refuses it.
pub(super) async fn before<H: Host>(
    context: &Context<'_, H>,
    plans: &Plans,
    request: &mut chat::Request<'_>,
    session: &Shared,
) -> Result<bool, Failure> {
    let mut changed = false;
    for stage in STAGES {
        for (hook, act) in plans.hooks(stage).iter().filter(|(hook, _)| hook.before) {
            let texts = hook::of_request(request, stage);
            if let Some(texts) = judge(context, hook, *act, stage, &texts, true, session).await? {
                changed |= hook::replace_in_request(request, stage, texts);
            }
        }
    }
    Ok(changed)
}

/// What asks the hooks that may be asked beside the provider, all at once; `None` if there are none.
pub(super) fn beside<'c, H: Host>(
    context: &'c Context<'c, H>,
    plans: &Plans,
    request: &chat::Request<'_>,
    session: &'c Shared,
) -> Option<LocalBoxFuture<'c, Result<(), Failure>>> {
    let mut asked: Vec<(Rc<Hook>, Act, Stage, Vec<Text>)> = Vec::new();
    for stage in STAGES {
        for (hook, act) in plans.hooks(stage).iter().filter(|(hook, _)| !hook.before) {
            asked.push((hook.clone(), *act, stage, hook::of_request(request, stage)));
        }
    }
    if asked.iter().all(|(.., texts)| texts.is_empty()) {
        return None;
    }
    Some(Box::pin(async move {
        let all = asked.iter().map(|(hook, act, stage, texts)| async move {
            judge(context, hook, *act, *stage, texts, false, session).await.map(|_| ())
        });
        futures::future::try_join_all(all).await.map(|_| ())
    }))
}

/// Does `work` while the hooks are asked; what it came to is given only once they have nothing against it.
///
/// # Errors
///
/// Why a hook refuses the request, and what the work had come to by then.
pub(super) async fn while_judged<T>(
    judging: Option<LocalBoxFuture<'_, Result<(), Failure>>>,
    work: impl Future<Output = T>,
) -> Result<T, (Failure, Option<T>)> {
    let Some(judging) = judging else { return Ok(work.await) };
    match select(judging, std::pin::pin!(work)).await {
        Either::Left((Ok(()), work)) => Ok(work.await),
        Either::Left((Err(failure), _)) => Err((failure, None)),
        Either::Right((outcome, judging)) => match judging.await {
            Ok(()) => Ok(outcome),
            Err(failure) => Err((failure, Some(outcome))),
        },
    }
}

/// Asks the hooks of answers about a whole one; whether they changed it.
///
/// # Errors
///
/// That one refuses it.
pub(super) async fn answer<H: Host>(
    context: &Context<'_, H>,
    hooks: &[(Rc<Hook>, Act)],
    answer: &mut Answer<'_>,
    session: &Shared,
) -> Result<bool, Failure> {
    let mut changed = false;
    for (hook, act) in hooks {
        let texts = hook::of_answer(answer);
        let Some(texts) = judge(context, hook, *act, Stage::Output, &texts, true, session).await? else {
            continue;
        };
        if hook::replace_in_answer(answer, texts).is_none() {
            found(
                session,
                Stage::Output,
                Act { action: Action::Deny, ..*act },
                hook::UNAVAILABLE.into(),
                None,
            )?;
        }
        changed = true;
    }
    Ok(changed)
}

/// Asks one hook; gives the texts it puts in the place of those, where it `may_change` them.
async fn judge<H: Host>(
    context: &Context<'_, H>,
    hook: &Hook,
    act: Act,
    stage: Stage,
    texts: &[Text],
    may_change: bool,
    session: &Shared,
) -> Result<Option<Vec<String>>, Failure> {
    if texts.is_empty() {
        return Ok(None);
    }
    let begun = context.host.now();
    let said = ask(context, hook, stage, texts, session).await;
    let verdict = match &said {
        Some(Said::Allow) => "allow",
        Some(Said::Deny(..)) => "deny",
        Some(Said::Redact(_)) => "redact",
        None => hook::UNAVAILABLE,
    };
    let taken = context.host.now().since(begun).as_millis();
    session.borrow_mut().hooked(HookCall {
        hook: hook.name.clone(),
        stage,
        verdict,
        duration_ms: u64::try_from(taken).unwrap_or(u64::MAX),
        cost_nano_usd: hook.cost,
    });
    match said {
        Some(Said::Allow) => Ok(None),
        Some(Said::Deny(reason, score)) => found(session, stage, act, reason.into(), score).map(|()| None),
        Some(Said::Redact(texts)) if act.effective() == Action::Flag => {
            drop(texts);
            found(session, stage, act, hook::REDACTED.into(), None).map(|()| None)
        }
        Some(Said::Redact(texts)) if may_change => {
            let act = Act { action: Action::Mask, ..act };
            found(session, stage, act, hook::REDACTED.into(), None).map(|()| Some(texts))
        }
        // What is on its way to a provider already cannot be changed any more.
        Some(Said::Redact(_)) => found(session, stage, act, hook::REDACTED.into(), None).map(|()| None),
        None => {
            let act = if hook.open { Act { action: Action::Flag, ..act } } else { act };
            found(session, stage, act, hook::UNAVAILABLE.into(), None).map(|()| None)
        }
    }
}

fn found(
    session: &Shared,
    stage: Stage,
    act: Act,
    kind: Cow<'static, str>,
    score: Option<f32>,
) -> Result<(), Failure> {
    let refused = match act.effective() {
        Action::Deny => Some(refusal(stage, CheckName::Hook, &kind, false)),
        Action::Retry => Some(refusal(stage, CheckName::Hook, &kind, true)),
        Action::Flag | Action::Redact | Action::Mask => None,
    };
    session.borrow_mut().record.guardrails.add(stage, CheckName::Hook, act, kind, score);
    refused.map_or(Ok(()), Err)
}

/// One call; `None` for no verdict in time, or none that can be read.
async fn ask<H: Host>(
    context: &Context<'_, H>,
    hook: &Hook,
    stage: Stage,
    texts: &[Text],
    session: &Shared,
) -> Option<Said> {
    let body = {
        let session = session.borrow();
        let record = &session.record;
        let about = About { id: &record.id, tenant: &record.tenant, model: &record.request_model, stage };
        Bytes::from(hook.body(about, texts))
    };
    let call = async {
        let request = request(context, hook, body).await?;
        let response = context.host.send(request).await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let answer = response.into_body().whole(MAX_ANSWER).await.ok()?;
        hook.read(&answer, texts.len())
    };
    receive::within(context.host, hook.timeout, call).await.flatten()
}

/// The request to a hook; `None` if a secret is not set or the address cannot be asked.
async fn request<H: Host>(context: &Context<'_, H>, hook: &Hook, body: Bytes) -> Option<Request<Bytes>> {
    let mut request = Request::post(&hook.url).body(body).ok()?;
    let sensitive = |text: &str| {
        let mut value = HeaderValue::from_str(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    };
    if let Some(name) = &hook.api_key {
        let key: Secret = send::resolve(context, name).await.ok()?;
        request.headers_mut().insert(header::AUTHORIZATION, sensitive(&format!("Bearer {}", key.expose()))?);
    }
    if let Some(name) = &hook.secret {
        let key = send::resolve(context, name).await.ok()?;
        let signature = hook::signature(&key, context.host.now(), request.body());
        request.headers_mut().insert("sluice-signature", sensitive(&signature)?);
    }
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
        .insert(header::USER_AGENT, HeaderValue::from_static(concat!("sluice/", env!("CARGO_PKG_VERSION"))));
    Some(request)
}
