//! An answer's events under guard.

use sluice_guardrails::stream::{Filter, Released};
use sluice_types::{
    citation::Citation,
    error::Failure,
    event::{Delta, Event},
    json::Str,
};

use super::{Guard, cites::Cites, grounding, is_masked, watch::Watches};
use crate::{
    config::document::{Action, CheckName},
    guardrail::Verdicts,
};

/// The most text of an answer that is kept to be checked against a schema.
const MAX_JSON: usize = 1 << 20;

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
    /// Its text, where it is to rest on passages.
    said: String,
    /// Whether it was seen how that begins.
    begun: bool,
    cites: Cites,
}

/// A stream under guard.
#[derive(Debug)]
pub struct Stream {
    guard: Guard,
    choices: Vec<Told>,
    refused: bool,
}

impl Stream {
    /// A stream under `guard`, before its first event.
    pub(super) fn new(guard: Guard) -> Self {
        Self { guard, choices: Vec::new(), refused: false }
    }

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
                let said = std::mem::take(&mut told.said);
                if let Some(grounding) = &guard.grounding {
                    grounding.judge(&guard, &said)?;
                }
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
                        said: String::new(),
                        begun: false,
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
            if kind == Kind::Text {
                if guard.grounding.is_some() && self.said.len() < grounding::MAX_ANSWER {
                    self.said.push_str(&released.text);
                }
                self.follow(guard, &released.text)?;
                self.cites.released(&released.text);
            }
            emit(Event::Delta { choice: self.choice, delta: kind.delta(released.text) });
            self.cites.tell(self.choice, emit);
        }
        refused
    }

    /// Keeps what is to follow a schema. What cannot become what was asked for any more is found at its first byte, unless
    /// it may still be repaired when it is whole.
    fn follow(&mut self, guard: &Guard, text: &str) -> Result<(), Failure> {
        let (Some(schema), Some(act)) = (&guard.schema, guard.plan.as_ref().and_then(|plan| plan.schema))
        else {
            return Ok(());
        };
        if self.json.len() < MAX_JSON {
            self.json.push_str(text);
        }
        match schema.begins(&self.json).filter(|_| !self.begun) {
            None => Ok(()),
            Some(fits) => {
                self.begun = true;
                if fits || act.effective() == Action::Flag {
                    Ok(())
                } else {
                    guard.found(CheckName::Schema, act, "invalid")
                }
            }
        }
    }
}
