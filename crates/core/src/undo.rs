//! What was done to a request so that a target takes it, and is undone to its answer: a tool in place of a schema, other
//! names of tools.

use sluice_providers::{
    forced_tool::{self, Forced, Unwrap},
    format::{Chat, JsonSchema},
    tool_names::{self, Names},
};
use sluice_types::{answer::Answer, chat::Request, event::Event};

/// What is to be undone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undo {
    forced: Option<Forced>,
    names: Option<Names>,
}

impl Undo {
    /// The request as a target takes it that is asked in `format` and made to follow a schema by `schema`; `None` if it takes
    /// it as it is. Names in the caller's `own` format are the caller's affair, unless the request is written anew anyway.
    pub fn prepare<'a>(
        request: &Request<'a>,
        format: Chat,
        own: bool,
        schema: JsonSchema,
    ) -> Option<(Request<'a>, Self)> {
        let mut undo = Self::default();
        let mut altered = match schema {
            JsonSchema::Native => None,
            JsonSchema::Words => forced_tool::in_words(request),
            JsonSchema::Tool => forced_tool::force(request).map(|(request, forced)| {
                undo.forced = Some(forced);
                request
            }),
        };
        let renamed = (!own || altered.is_some())
            .then(|| tool_names::replace(altered.as_ref().unwrap_or(request), format))
            .flatten();
        if let Some((renamed, names)) = renamed {
            undo.names = Some(names);
            altered = Some(renamed);
        }
        altered.map(|altered| (altered, undo))
    }

    /// Whether there is nothing to undo.
    pub fn is_nothing(&self) -> bool {
        self.forced.is_none() && self.names.is_none()
    }

    /// The answer as the caller's own request would have had it.
    pub fn answer<'a>(&'a self, answer: Answer<'a>) -> Answer<'a> {
        let answer = match &self.forced {
            Some(forced) => forced.unwrap_answer(answer),
            None => answer,
        };
        match &self.names {
            Some(names) => names.restore_answer(answer),
            None => answer,
        }
    }

    /// The same for a stream.
    pub fn stream(self) -> Filter {
        Filter { unwrap: self.forced.map(Unwrap::new), names: self.names }
    }
}

/// Undoes to a stream's events, one by one.
#[derive(Debug, Default)]
pub struct Filter {
    unwrap: Option<Unwrap>,
    names: Option<Names>,
}

impl Filter {
    /// Whether events are let through as they are.
    pub fn is_nothing(&self) -> bool {
        self.unwrap.is_none() && self.names.is_none()
    }

    /// Tells `emit` what `event` is to the caller.
    pub fn event(&mut self, event: Event<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let names = &self.names;
        let mut named = |event: Event<'_>| match names {
            Some(names) => emit(names.restore_event(event)),
            None => emit(event),
        };
        match &mut self.unwrap {
            Some(unwrap) => unwrap.event(event, &mut named),
            None => named(event),
        }
    }
}
