//! Guardrails of one request: which hold, what they find before anything is sent, and what goes over the answer.

use std::rc::Rc;

use sluice_types::{
    chat::Request,
    error::{ErrorKind, Failure},
};

use super::{Context, admit::Caller, settle::Shared};
use crate::{
    config::Model,
    guardrail::{Plans, answer::Guard, request},
};

/// What guardrails made of a request.
pub(super) struct Guarded {
    /// Those that hold.
    pub plans: Rc<Plans>,
    /// Whether its answer may be kept and given again.
    pub may_be_kept: bool,
    /// Whether the request was changed.
    pub changed: bool,
    /// What goes over its answer.
    pub answer: Option<Guard>,
}

/// Runs the guardrails of `model`, of the caller's tenant and key over `request`; what is found goes to `session`.
///
/// # Errors
///
/// That one refuses the request; [`ErrorKind::Internal`] if one is named that does not exist, for then nobody knows what
/// was to be kept out.
pub(super) fn check<H>(
    context: &Context<'_, H>,
    caller: &Caller,
    model: &Model,
    request: &mut Request<'_>,
    session: &Shared,
) -> Result<Guarded, Failure> {
    let plans = plans(context, caller, model)?;
    let checked = request::check(&plans, request);
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
    let answer = Guard::new(&plans, request, checked.vault);
    session.guard.clone_from(&answer);
    Ok(Guarded { plans, may_be_kept, changed, answer })
}

/// What [`check`] gives where no guardrail holds; `None` where one does.
pub(super) fn none<H>(context: &Context<'_, H>, caller: &Caller, model: &Model) -> Option<Guarded> {
    let plans = plans(context, caller, model).ok().filter(|plans| plans.versions.is_empty())?;
    Some(Guarded { plans, may_be_kept: true, changed: false, answer: None })
}

fn plans<H>(context: &Context<'_, H>, caller: &Caller, model: &Model) -> Result<Rc<Plans>, Failure> {
    let more: Vec<&String> = caller.tenant.guardrails.iter().chain(&caller.key.guardrails).collect();
    if more.is_empty() {
        return Ok(model.guard.clone());
    }
    let mut all = model.guardrails.clone();
    for name in more {
        let Some(guardrail) = context.config.guardrails.get(name) else {
            let message =
                format!("the key or its tenant asks for the guardrail `{name}`, which is not configured");
            return Err(Failure::new(ErrorKind::Internal, message));
        };
        all.push(guardrail.clone());
    }
    let all: Vec<_> = all.iter().map(Rc::as_ref).collect();
    Ok(Rc::new(Plans::of(&all)))
}
