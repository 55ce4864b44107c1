//! An answer on its way to the caller, whole or event by event: values put back, findings blacked out or noted, or all of
//! it refused.
//!
//! Text is held back only while it may still become something ([`filter`]); where the kind of what is told changes, what is
//! held is settled first, so nothing changes its order.

mod cites;
mod grounding;
mod stream;
mod watch;

use std::{cell::RefCell, rc::Rc, sync::Arc};

use sluice_guardrails::{
    leak,
    policy::Breach,
    redact::Vault,
    schema::{self, Schema},
    stream::{self as filter, Placeholders, Released},
};
use sluice_types::{
    answer::Answer,
    chat::{OutputFormat, Part, Request, Role},
    citation::Citation,
    error::Failure,
    json::{Members, Str},
};

use grounding::Grounding;
pub use stream::Stream;
use watch::Watches;

use super::{
    Plans, Verdicts,
    plan::{Act, Rules, StagePlan},
    refusal,
};
use crate::config::document::{Action, CheckName, Stage};

/// What goes over an answer: one for all attempts of a request.
#[derive(Clone, Debug)]
pub struct Guard {
    plan: Option<Rc<StagePlan>>,
    text: Arc<filter::Plan>,
    json: Arc<filter::Plan>,
    vault: Rc<RefCell<Vault>>,
    /// The system prompt, where its leaking is looked for.
    prompt: Option<Rc<leak::Prompt>>,
    /// The schema asked for, where answers are checked against it.
    schema: Option<Rc<Schema>>,
    /// The passages, where answers are to rest on them.
    grounding: Option<Rc<Grounding>>,
    verdicts: Rc<RefCell<Verdicts>>,
}

impl Guard {
    /// What `plans` ask of the answer to `request`, whose values `vault` keeps; `None` if an answer may go as it is.
    pub fn new(plans: &Plans, request: &Request<'_>, vault: Vault) -> Option<Self> {
        let plan = plans.output().cloned();
        if plan.is_none() && vault.is_empty() {
            return None;
        }
        let placeholders =
            if vault.is_empty() { Placeholders::Ignore } else { Placeholders::Restore { in_urls: false } };
        let of = |json| {
            Arc::new(match &plan {
                Some(plan) => plan.filter(placeholders, false, json),
                None => filter::Plan { placeholders, json, ..filter::Plan::default() },
            })
        };
        let looks = |act: Option<&Act>| act.is_some();
        let prompt = plan.as_ref().filter(|plan| looks(plan.leak.as_ref())).and_then(|_| {
            let system = system(request);
            (!system.is_empty()).then(|| Rc::new(leak::Prompt::new(&system, None)))
        });
        let schema =
            plan.as_ref().filter(|plan| looks(plan.schema.as_ref())).and_then(|_| match &request.output {
                OutputFormat::Schema { schema, .. } => {
                    schema.read().ok().map(|schema| Rc::new(Schema::new(&schema)))
                }
                OutputFormat::Json => Some(Rc::new(Schema::new(&serde_json::json!({"type": "object"})))),
                OutputFormat::Text => None,
            });
        let grounding = plan.as_ref().and_then(|plan| Grounding::of(plan, request)).map(Rc::new);
        let (text, json) = (of(false), of(true));
        Some(Self {
            plan,
            text,
            json,
            vault: Rc::new(RefCell::new(vault)),
            prompt,
            schema,
            grounding,
            verdicts: Rc::default(),
        })
    }

    /// Answers are to rest on these passages too, found for `question`.
    pub fn rests_on<'t>(&mut self, passages: impl Iterator<Item = &'t str>, question: &str) {
        if let Some(grounding) = &mut self.grounding {
            Rc::make_mut(grounding).rests_on(passages, question);
        }
    }

    /// What was found in answers so far. Those of attempts that were refused count too.
    pub fn verdicts(&self) -> Verdicts {
        self.verdicts.borrow().clone()
    }

    /// The whole `answer` as the caller may have it, and whether it was changed.
    ///
    /// # Errors
    ///
    /// That it is refused.
    pub fn answer<'a>(&self, mut answer: Answer<'a>) -> Result<(Answer<'a>, bool), Failure> {
        let mut any = false;
        for choice in &mut answer.choices {
            let mut watch = Watches::new(self);
            let mut masked = false;
            for part in &mut choice.parts {
                let (text, plan) = match part {
                    Part::Text { text, .. } | Part::Refusal { text } => (text, &self.text),
                    Part::Reasoning { text, .. } => (text, &self.text),
                    Part::ToolCall { arguments, .. } => (arguments, &self.json),
                    _ => continue,
                };
                let released = filter::apply(plan, text, &mut self.vault.borrow_mut());
                self.settle(&released)?;
                watch.push(self, &released.text)?;
                let changed = released.text != **text;
                if changed {
                    *text = Str::from(released.text.as_str()).into_owned();
                    any = true;
                }
                if is_masked(&released) {
                    masked = true;
                    if let Part::Reasoning { signature, .. } = part {
                        *signature = None;
                    }
                }
                if let Part::Text { citations, .. } = part {
                    for citation in citations.iter_mut() {
                        if changed {
                            citation.unplace();
                        }
                        let cited = self.cited(citation.clone())?;
                        any |= cited != *citation;
                        *citation = cited;
                    }
                }
            }
            watch.finish(self)?;
            let said: String = choice.parts.iter().filter_map(Part::as_text).collect();
            if let Some(grounding) = &self.grounding {
                grounding.judge(self, &said)?;
            }
            if let Some(repaired) = self.json(&said)? {
                choice.parts.retain(|part| !matches!(part, Part::Text { .. }));
                choice.parts.push(Part::text(Str::from(repaired)));
                any = true;
            }
            // Log probabilities and the like say it again, piece by piece.
            if masked {
                choice.extra = Members::default();
                answer.extra = Members::default();
            }
        }
        Ok((answer, any))
    }

    /// The same for a stream.
    pub fn stream(&self) -> Stream {
        Stream::new(self.clone())
    }

    /// A citation whose quoted words say nothing that the answer may not.
    fn cited<'a>(&self, mut citation: Citation<'a>) -> Result<Citation<'a>, Failure> {
        if let Some(quote) = &citation.quote {
            let released = filter::apply(&self.text, quote, &mut self.vault.borrow_mut());
            self.settle(&released)?;
            if released.text != **quote {
                citation.quote = Some(Str::from(released.text));
                citation.raw = None;
            }
        }
        Ok(citation)
    }

    /// Notes what a filter found.
    fn settle(&self, released: &Released) -> Result<(), Failure> {
        let Some(plan) = &self.plan else { return Ok(()) };
        for found in &released.found {
            if let Some((check, act)) = plan.act(found.kind) {
                self.found(check, act, found.kind)?;
            }
        }
        Ok(())
    }

    fn found(&self, check: CheckName, act: Act, kind: &'static str) -> Result<(), Failure> {
        self.verdicts.borrow_mut().add(Stage::Output, check, act, kind, None);
        self.done(check, act, kind)
    }

    /// That a rule of a policy was broken.
    fn broke(&self, act: Act, breach: Breach, rules: &Rules) -> Result<(), Failure> {
        self.verdicts.borrow_mut().broke(Stage::Output, act, breach.name(), rules.place(breach));
        self.done(CheckName::Policy, act, breach.name())
    }

    fn done(&self, check: CheckName, act: Act, kind: &'static str) -> Result<(), Failure> {
        match act.effective() {
            Action::Deny => Err(refusal(Stage::Output, check, kind, false)),
            Action::Retry => Err(refusal(Stage::Output, check, kind, true)),
            Action::Flag | Action::Redact | Action::Mask => Ok(()),
        }
    }

    /// Checks `text` against the schema; gives another text that follows it where one can be made.
    fn json(&self, text: &str) -> Result<Option<String>, Failure> {
        let (Some(schema), Some(act)) = (&self.schema, self.plan.as_ref().and_then(|plan| plan.schema))
        else {
            return Ok(None);
        };
        if text.is_empty() {
            return Ok(None);
        }
        let kind = match schema.check_text(text) {
            Ok(_) => return Ok(None),
            Err(problem) if problem.unchecked => "unchecked",
            Err(_) => "invalid",
        };
        let repaired = schema::repair(text).filter(|repaired| schema.check(&repaired.value).is_ok());
        match repaired {
            Some(repaired) if act.effective() != Action::Flag => {
                let act = Act { action: Action::Mask, ..act };
                self.found(CheckName::Schema, act, "repaired").map(|()| Some(repaired.text))
            }
            _ => self.found(CheckName::Schema, act, kind).map(|()| None),
        }
    }
}

/// Whether something was blacked out for good. The seal over a thought is over what was thought, not over what was put in
/// its place; what is put back is taken out again when the thought comes back, so it keeps its seal.
fn is_masked(released: &Released) -> bool {
    released.found.iter().any(|found| found.action == filter::Action::Mask)
}

fn system(request: &Request<'_>) -> String {
    let mut all = String::new();
    for turn in request.turns.iter().filter(|turn| matches!(turn.role, Role::System | Role::Developer)) {
        for text in turn.parts.iter().filter_map(Part::as_text) {
            all.push_str(text);
            all.push('\n');
        }
    }
    all
}
