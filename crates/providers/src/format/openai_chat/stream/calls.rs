//! Which tool call a piece of a stream belongs to. The format says so by index; providers leave it out, repeat it, or send
//! calls whole.

use sluice_types::{
    event::{Delta, Event},
    json::Str,
};

use crate::format::openai_chat::wire::{Call, Function, google};

/// The tool calls of one answer so far.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Open>);

#[derive(Debug)]
struct Open {
    /// The provider's index, where it gives one.
    theirs: Option<u32>,
    id: String,
    /// Whether the call has been told; it is once its name is known.
    told: bool,
    /// Arguments that came before the name.
    early: String,
}

impl Calls {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the next piece of a call.
    pub(super) fn piece(
        &mut self,
        answer_id: &str,
        choice: u32,
        call: Call<'_>,
        emit: &mut dyn FnMut(Event<'_>),
    ) {
        let id = call.id.said();
        let custom = call.kind.0.as_deref() == Some("custom");
        if custom || call.function.is_none() && id.is_none() {
            return;
        }
        let theirs = call.index.0.map(|index| index as u32);
        let name = call
            .function
            .as_ref()
            .and_then(|function| function.name.0.as_deref())
            .filter(|name| !name.is_empty());
        let arguments = call.function.as_ref().and_then(Function::arguments);
        let seal = call.extra_content.and_then(|extra| google::seal(extra.get()));
        self.add(answer_id, choice, (theirs, id.as_deref()), (name, seal), arguments, emit);
    }

    /// Takes the next piece of the one call that answers in the old style have.
    pub(super) fn function(
        &mut self,
        answer_id: &str,
        choice: u32,
        function: &Function<'_>,
        emit: &mut dyn FnMut(Event<'_>),
    ) {
        let name = function.name.0.as_deref().filter(|name| !name.is_empty());
        self.add(answer_id, choice, (Some(0), None), (name, None), function.arguments(), emit);
    }

    fn add(
        &mut self,
        answer_id: &str,
        choice: u32,
        (theirs, id): (Option<u32>, Option<&str>),
        (name, seal): (Option<&str>, Option<Str<'_>>),
        arguments: Option<Str<'_>>,
        emit: &mut dyn FnMut(Event<'_>),
    ) {
        let at = self.find(theirs, id, name.is_some()).unwrap_or_else(|| {
            let id = id.map_or_else(|| made_up_id(answer_id, choice, self.0.len()), str::to_owned);
            self.0.push(Open { theirs, id, told: false, early: String::new() });
            self.0.len() - 1
        });
        let index = u32::try_from(at).unwrap_or(u32::MAX);
        let Some(call) = self.0.get_mut(at) else { return };
        let mut tell = |delta| emit(Event::Delta { choice, delta });
        if !call.told {
            let Some(name) = name else {
                call.early.push_str(arguments.as_deref().unwrap_or_default());
                return;
            };
            call.told = true;
            if let Some(seal) = seal {
                tell(Delta::Signature(seal));
            }
            tell(Delta::ToolCall { index, id: call.id.as_str().into(), name: name.into() });
            if !call.early.is_empty() {
                tell(Delta::Arguments { index, json: call.early.as_str().into() });
            }
        }
        if let Some(json) = arguments.filter(|json| !json.is_empty()) {
            tell(Delta::Arguments { index, json });
        }
    }

    /// The call a piece belongs to; `None` if it begins a new one.
    fn find(&self, theirs: Option<u32>, id: Option<&str>, named: bool) -> Option<usize> {
        match (theirs, id) {
            (Some(_), _) => {
                let at = self.0.iter().rposition(|call| call.theirs == theirs)?;
                // Whole calls that all have index 0 and ids of their own.
                let another = named
                    && self.0.get(at).is_some_and(|call| call.told && id.is_some_and(|id| id != call.id));
                (!another).then_some(at)
            }
            (None, Some(id)) => self.0.iter().rposition(|call| call.id == id),
            (None, None) if named => None,
            (None, None) => self.0.len().checked_sub(1),
        }
    }
}

/// An id for a call that came without one: the same for the same answer, and another for the next.
pub(in crate::format::openai_chat) fn made_up_id(answer_id: &str, choice: u32, index: usize) -> String {
    let letters: Vec<char> = answer_id.chars().filter(char::is_ascii_alphanumeric).collect();
    let tail: String = letters.iter().skip(letters.len().saturating_sub(16)).collect();
    let separator = if tail.is_empty() { "" } else { "_" };
    if choice == 0 {
        format!("call_{tail}{separator}{index}")
    } else {
        format!("call_{tail}{separator}{choice}_{index}")
    }
}
