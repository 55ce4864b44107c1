//! Guardrails of one request: which hold, what they find before anything is sent, and what goes over the answer.

use std::rc::Rc;

use sluice_types::{
    chat::Request,
    error::{ErrorKind, Failure},
};

use super::{Context, admit::Caller, settle::Shared};
use crate::{
    config::Model,
    guardrail::{Guardrail, Plans, answer::Guard, request},
};

/// What guardrails made of a request.
pub(super) struct Guarded {
    /// Whether its answer may be kept and given again.
    pub may_be_kept: bool,
    /// Whether the request was changed.
    pub changed: bool,
    /// What goes over its answer.
    pub answer: Option<Guard>,
}

/// Runs the guardrails of `plans` over `request`; what is found goes to `session`.
///
/// # Errors
///
/// That one refuses the request.
pub(super) fn check(plans: &Plans, request: &mut Request<'_>, session: &Shared) -> Result<Guarded, Failure> {
    let checked = request::check(plans, request);
    let may_be_kept = checked.verdicts.is_empty() && checked.vault.is_empty();
    let mut session = session.borrow_mut();
    session.found(checked.verdicts);
    if let Some(refused) = checked.refused {
        return Err(refused);
    }
    let changed = checked.request.is_some();
    if let Some(altered) = checked.request {
        *request = altered;
    }
    let answer = Guard::new(plans, request, checked.vault);
    session.guard.clone_from(&answer);
    Ok(Guarded { may_be_kept, changed, answer })
}

/// The request whose tokens are to be counted by a provider: refused or blacked out like any, or as it is.
///
/// # Errors
///
/// As [`check`] and [`plans`].
pub(super) fn counted<'a, H>(
    context: &Context<'_, H>,
    caller: &Caller,
    model: &Model,
    request: &Request<'a>,
) -> Result<Option<Request<'a>>, Failure> {
    let plans = plans(context, caller, model, &[])?;
    let checked = request::check(&plans, request);
    match checked.refused {
        Some(refused) => Err(refused),
        None => Ok(checked.request),
    }
}

/// The guardrails of `model`, of the caller's tenant and key, and `also` those of the model that a copy is of.
///
/// # Errors
///
/// [`ErrorKind::Forbidden`] if one is named that does not exist, for then nobody knows what was to be kept out.
pub(super) fn plans<H>(
    context: &Context<'_, H>,
    caller: &Caller,
    model: &Model,
    also: &[Rc<Guardrail>],
) -> Result<Rc<Plans>, Failure> {
    let more: Vec<&String> = caller.tenant.guardrails.iter().chain(&caller.key.guardrails).collect();
    if more.is_empty() && also.is_empty() {
        return Ok(model.guard.clone());
    }
    let mut all = model.guardrails.clone();
    all.extend(also.iter().filter(|also| !model.guardrails.iter().any(|own| Rc::ptr_eq(own, also))).cloned());
    for name in more {
        let Some(guardrail) = context.config.guardrails.get(name) else {
            let message =
                format!("the key or its tenant asks for the guardrail `{name}`, which is not configured");
            return Err(Failure::new(ErrorKind::Forbidden, message));
        };
        all.push(guardrail.clone());
    }
    let all: Vec<_> = all.iter().map(Rc::as_ref).collect();
    Ok(Rc::new(Plans::of(&all)))
}
