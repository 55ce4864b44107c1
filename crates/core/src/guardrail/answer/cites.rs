//! Citations of a text that is held back: told when their words are.

use sluice_types::{
    citation::{Citation, characters},
    event::{Delta, Event},
};

/// What a choice's text rests on, told when the words are.
#[derive(Debug, Default)]
pub(super) struct Cites {
    /// Text that was said and has not been released.
    pub held: String,
    /// Characters released.
    released: u32,
    /// Whether what was released is no longer what was said: offsets mean nothing then.
    changed: bool,
    pub waiting: Vec<Citation<'static>>,
}

impl Cites {
    pub fn released(&mut self, text: &str) {
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
    pub fn tell(&mut self, choice: u32, emit: &mut dyn FnMut(Event<'_>)) {
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
    pub fn all(&mut self, choice: u32, emit: &mut dyn FnMut(Event<'_>)) {
        for mut citation in std::mem::take(&mut self.waiting) {
            if self.changed {
                citation.unplace();
            }
            emit(Event::Delta { choice, delta: Delta::Citation(Box::new(citation)) });
        }
    }
}
