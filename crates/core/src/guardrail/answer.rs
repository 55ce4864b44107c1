//! An answer on its way to the caller, whole or event by event: values put back, findings blacked out or noted, or all of
//! it refused.
//!
//! Text is held back only while it may still become something ([`stream`]); where the kind of what is told changes, what is
//! held is settled first, so nothing changes its order.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use serde_json::Value;
use sluice_guardrails::{
    leak,
    policy::{self, Policy},
    redact::Vault,
    schema,
    stream::{self, Filter, Placeholders, Released},
};
use sluice_types::{
    answer::Answer,
    chat::{OutputFormat, Part, Request, Role},
    citation::{Citation, characters},
    error::Failure,
    event::{Delta, Event},
    json::{Members, Str},
};

use super::{
    Plans, Verdicts,
    plan::{Act, StagePlan},
    refusal,
};
use crate::config::document::{Action, CheckName, Stage};

/// The most text of an answer that is kept to be checked against a schema.
const MAX_JSON: usize = 1 << 20;

/// What goes over an answer: one for all attempts of a request.
#[derive(Clone, Debug)]
pub struct Guard {
    plan: Option<Rc<StagePlan>>,
    text: Arc<stream::Plan>,
    json: Arc<stream::Plan>,
    vault: Rc<RefCell<Vault>>,
    /// The system prompt, where its leaking is looked for.
    prompt: Option<Rc<leak::Prompt>>,
    /// The schema asked for, where answers are checked against it.
    schema: Option<Rc<Value>>,
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
        let filter = |json| {
            Arc::new(match &plan {
                Some(plan) => plan.filter(placeholders, false, json),
                None => stream::Plan { placeholders, json, ..stream::Plan::default() },
            })
        };
        let looks = |act: Option<&Act>| act.is_some();
        let prompt = plan.as_ref().filter(|plan| looks(plan.leak.as_ref())).and_then(|_| {
            let system = system(request);
            (!system.is_empty()).then(|| Rc::new(leak::Prompt::new(&system, None)))
        });
        let schema =
            plan.as_ref().filter(|plan| looks(plan.schema.as_ref())).and_then(|_| match &request.output {
                OutputFormat::Schema { schema, .. } => schema.read().ok().map(Rc::new),
                OutputFormat::Json => Some(Rc::new(serde_json::json!({"type": "object"}))),
                OutputFormat::Text => None,
            });
        let (text, json) = (filter(false), filter(true));
        Some(Self {
            plan,
            text,
            json,
            vault: Rc::new(RefCell::new(vault)),
            prompt,
            schema,
            verdicts: Rc::default(),
        })
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
                let (text, filter) = match part {
                    Part::Text { text, .. } | Part::Refusal { text } => (text, &self.text),
                    Part::Reasoning { text, .. } => (text, &self.text),
                    Part::ToolCall { arguments, .. } => (arguments, &self.json),
                    _ => continue,
                };
                let released = stream::apply(filter, text, &mut self.vault.borrow_mut());
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
            let said = choice.parts.iter().filter_map(|part| match part {
                Part::Text { text, .. } => Some(&**text),
                _ => None,
            });
            if let Some(repaired) = self.json(&said.collect::<String>())? {
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
        Stream { guard: self.clone(), choices: Vec::new(), refused: false }
    }

    /// A citation whose quoted words say nothing that the answer may not.
    fn cited<'a>(&self, mut citation: Citation<'a>) -> Result<Citation<'a>, Failure> {
        if let Some(quote) = &citation.quote {
            let released = stream::apply(&self.text, quote, &mut self.vault.borrow_mut());
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
        if text.is_empty() || schema::check_text(schema, text).is_ok() {
            return Ok(None);
        }
        let repaired =
            schema::repair(text).filter(|repaired| schema::check_text(schema, &repaired.text).is_ok());
        match repaired {
            Some(repaired) if act.effective() != Action::Flag => {
                let act = Act { action: Action::Mask, ..act };
                self.found(CheckName::Schema, act, "repaired").map(|()| Some(repaired.text))
            }
            _ => self.found(CheckName::Schema, act, "invalid").map(|()| None),
        }
    }
}

/// Whether something was blacked out for good. The seal over a thought is over what was thought, not over what was put in
/// its place; what is put back is taken out again when the thought comes back, so it keeps its seal.
fn is_masked(released: &Released) -> bool {
    released.found.iter().any(|found| found.action == stream::Action::Mask)
}

fn system(request: &Request<'_>) -> String {
    let mut all = String::new();
    for turn in request.turns.iter().filter(|turn| matches!(turn.role, Role::System | Role::Developer)) {
        for part in &turn.parts {
            if let Part::Text { text, .. } = part {
                all.push_str(text);
                all.push('\n');
            }
        }
    }
    all
}

/// What reads along with one choice.
#[derive(Debug)]
struct Watches {
    leak: Option<leak::Watch<Rc<leak::Prompt>>>,
    policies: Vec<(policy::Watch<Rc<Policy>>, Act)>,
    /// Findings told already.
    told: [bool; 2],
}

impl Watches {
    fn new(guard: &Guard) -> Self {
        let policies = guard.plan.iter().flat_map(|plan| &plan.policies);
        Self {
            leak: guard.prompt.clone().map(leak::Watch::new),
            policies: policies.map(|(policy, act)| (policy::Watch::new(policy.clone()), *act)).collect(),
            told: [false; 2],
        }
    }

    fn push(&mut self, guard: &Guard, text: &str) -> Result<(), Failure> {
        let leaks = self.leak.as_mut().is_some_and(|watch| watch.push(text));
        self.leaks(guard, leaks)?;
        let breach = self.policies.iter_mut().find_map(|(watch, act)| Some((watch.push(text)?, *act)));
        self.breach(guard, breach)
    }

    fn finish(&mut self, guard: &Guard) -> Result<(), Failure> {
        let leaks = self.leak.as_mut().is_some_and(leak::Watch::finish);
        self.leaks(guard, leaks)?;
        let breach = self.policies.iter_mut().find_map(|(watch, act)| Some((watch.finish()?, *act)));
        self.breach(guard, breach)
    }

    fn leaks(&mut self, guard: &Guard, leaks: bool) -> Result<(), Failure> {
        let act = guard.plan.as_ref().and_then(|plan| plan.leak);
        match (leaks, act, &mut self.told) {
            (true, Some(act), [told @ false, _]) => {
                *told = true;
                guard.found(CheckName::Leak, act, "system_prompt")
            }
            _ => Ok(()),
        }
    }

    fn breach(&mut self, guard: &Guard, breach: Option<(policy::Breach, Act)>) -> Result<(), Failure> {
        match (breach, &mut self.told) {
            (Some((breach, act)), [_, told @ false]) => {
                *told = true;
                guard.found(CheckName::Policy, act, breach.name())
            }
            _ => Ok(()),
        }
    }
}

/// What is being told now, of one choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Reasoning,
    Refusal,
    Arguments(u32),
}

impl Kind {
    fn delta(self, text: String) -> Delta<'static> {
        let text = Str::from(text);
        match self {
            Self::Text => Delta::Text(text),
            Self::Reasoning => Delta::Reasoning(text),
            Self::Refusal => Delta::Refusal(text),
            Self::Arguments(index) => Delta::Arguments { index, json: text },
        }
    }
}

/// One choice of a stream.
#[derive(Debug)]
struct Told {
    choice: u32,
    /// What is being told; several at a time only where tool calls are told side by side.
    now: Vec<(Kind, Filter)>,
    /// Whether something of the thought being told was blacked out.
    masked: bool,
    watches: Watches,
    /// Its text, where it is to follow a schema.
    json: String,
    cites: Cites,
}

/// What a choice's text rests on, told when the words are.
#[derive(Debug, Default)]
struct Cites {
    /// Text that was said and has not been released.
    held: String,
    /// Characters released.
    released: u32,
    /// Whether what was released is no longer what was said: offsets mean nothing then.
    changed: bool,
    waiting: Vec<Citation<'static>>,
}

impl Cites {
    fn released(&mut self, text: &str) {
        self.released = self.released.saturating_add(characters(text));
        match self.held.strip_prefix(text) {
            Some(rest) if !self.changed => self.held = rest.to_owned(),
            _ => {
                self.changed = true;
                self.held.clear();
            }
        }
    }

    /// Tells those whose words have been released.
    fn tell(&mut self, choice: u32, emit: &mut dyn FnMut(Event<'_>)) {
        if self.changed {
            return;
        }
        let released = self.released;
        let is_told = |citation: &mut Citation<'_>| match citation.span {
            Some(span) => span.end <= released,
            None => self.held.is_empty(),
        };
        for citation in self.waiting.extract_if(.., is_told) {
            emit(Event::Delta { choice, delta: Delta::Citation(Box::new(citation)) });
        }
    }

    /// Tells all of them: no text is held any more.
    fn all(&mut self, choice: u32, emit: &mut dyn FnMut(Event<'_>)) {
        for mut citation in std::mem::take(&mut self.waiting) {
            if self.changed {
                citation.unplace();
            }
            emit(Event::Delta { choice, delta: Delta::Citation(Box::new(citation)) });
        }
    }
}

/// A stream under guard.
#[derive(Debug)]
pub struct Stream {
    guard: Guard,
    choices: Vec<Told>,
    refused: bool,
}

impl Stream {
    /// What was found so far.
    pub fn verdicts(&self) -> Verdicts {
        self.guard.verdicts()
    }

    /// Tells `emit` what of `event` the caller may have, which is nothing while it may become something to black out. A
    /// refusal is told as the provider's giving up is, and nothing after it.
    pub fn event(&mut self, event: Event<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        if self.refused {
            return;
        }
        if let Err(failure) = self.told(event, emit) {
            self.refused = true;
            emit(Event::Failed(failure));
        }
    }

    fn told(&mut self, event: Event<'_>, emit: &mut dyn FnMut(Event<'_>)) -> Result<(), Failure> {
        match event {
            Event::Delta { choice, delta } => {
                let (kind, text) = match &delta {
                    Delta::Text(text) => (Kind::Text, text),
                    Delta::Reasoning(text) => (Kind::Reasoning, text),
                    Delta::Refusal(text) => (Kind::Refusal, text),
                    Delta::Arguments { index, json } => (Kind::Arguments(*index), json),
                    Delta::Citation(citation) => {
                        let guard = self.guard.clone();
                        let told = self.of(choice);
                        told.cites.waiting.push(guard.cited(Citation::clone(citation).into_owned())?);
                        told.cites.tell(choice, emit);
                        return Ok(());
                    }
                    Delta::Signature(_) | Delta::RedactedReasoning(_) | Delta::ToolCall { .. } => {
                        self.settle(choice, emit)?;
                        let masked = std::mem::take(&mut self.of(choice).masked);
                        if !(masked && matches!(delta, Delta::Signature(_))) {
                            emit(Event::Delta { choice, delta });
                        }
                        return Ok(());
                    }
                };
                // Some providers tell nothing of one kind beside every piece of the other: that ends nothing.
                if text.is_empty() {
                    return Ok(());
                }
                let arguments = |kind: Kind| matches!(kind, Kind::Arguments(_));
                let now = &self.of(choice).now;
                if now.iter().any(|(other, _)| *other != kind && !(arguments(kind) && arguments(*other))) {
                    self.settle(choice, emit)?;
                }
                let guard = self.guard.clone();
                let told = self.of(choice);
                if !told.now.iter().any(|(now, _)| *now == kind) {
                    let plan = if arguments(kind) { &guard.json } else { &guard.text };
                    told.now.push((kind, Filter::new(plan.clone())));
                }
                let Some((_, filter)) = told.now.iter_mut().find(|(now, _)| *now == kind) else {
                    return Ok(());
                };
                if kind == Kind::Text {
                    told.cites.held.push_str(text);
                }
                let released = filter.push(text, &mut guard.vault.borrow_mut());
                told.released(&guard, kind, released, emit)
            }
            Event::Finish { choice, finish } => {
                self.settle(choice, emit)?;
                let guard = self.guard.clone();
                let told = self.of(choice);
                told.watches.finish(&guard)?;
                let json = std::mem::take(&mut told.json);
                guard.json(&json)?;
                emit(Event::Finish { choice, finish });
                Ok(())
            }
            Event::End => {
                let open: Vec<u32> = self.choices.iter().map(|told| told.choice).collect();
                for choice in open {
                    self.settle(choice, emit)?;
                }
                emit(Event::End);
                Ok(())
            }
            Event::Start { .. } | Event::Usage(_) | Event::Failed(_) => {
                emit(event);
                Ok(())
            }
        }
    }

    fn of(&mut self, choice: u32) -> &mut Told {
        let at = match self.choices.binary_search_by_key(&choice, |told| told.choice) {
            Ok(at) => at,
            Err(at) => {
                let watches = Watches::new(&self.guard);
                self.choices.insert(
                    at,
                    Told {
                        choice,
                        now: Vec::new(),
                        masked: false,
                        watches,
                        json: String::new(),
                        cites: Cites::default(),
                    },
                );
                at
            }
        };
        #[expect(clippy::indexing_slicing, reason = "found or put there just now")]
        &mut self.choices[at]
    }

    /// Tells what is still held of `choice`.
    fn settle(&mut self, choice: u32, emit: &mut dyn FnMut(Event<'_>)) -> Result<(), Failure> {
        let guard = self.guard.clone();
        let told = self.of(choice);
        for (kind, mut filter) in std::mem::take(&mut told.now) {
            let released = filter.finish(&mut guard.vault.borrow_mut());
            told.released(&guard, kind, released, emit)?;
        }
        told.cites.all(choice, emit);
        Ok(())
    }
}

impl Told {
    fn released(
        &mut self,
        guard: &Guard,
        kind: Kind,
        released: Released,
        emit: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Failure> {
        let refused = guard.settle(&released);
        self.masked |= kind == Kind::Reasoning && is_masked(&released);
        if !released.text.is_empty() {
            self.watches.push(guard, &released.text)?;
            if guard.schema.is_some() && kind == Kind::Text && self.json.len() < MAX_JSON {
                self.json.push_str(&released.text);
            }
            if kind == Kind::Text {
                self.cites.released(&released.text);
            }
            emit(Event::Delta { choice: self.choice, delta: kind.delta(released.text) });
            self.cites.tell(self.choice, emit);
        }
        refused
    }
}
