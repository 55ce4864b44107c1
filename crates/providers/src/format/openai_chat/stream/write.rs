//! A stream written for the caller.

use sluice_types::{
    answer::Finish,
    citation::{Span, characters},
    event::{Delta, Event},
    json::{Members, Raw},
    seal::Maker,
    usage::Usage,
};

use crate::format::{
    Meta, annotation, cite, json,
    openai_chat::{answer::or, finish, usage, wire},
};

/// Writes a stream for the caller.
///
/// Who answers is known with the first event and the same in every frame, so that part is written once and copied.
#[derive(Debug)]
pub struct Writer {
    /// A frame up to its list of choices.
    head: Vec<u8>,
    id: String,
    created: u64,
    model: String,
    include_usage: bool,
    same_format: bool,
    usage: Option<Usage>,
    choices: Vec<State>,
}

/// What one answer has said so far.
#[derive(Debug, Default)]
struct State {
    index: u32,
    /// Whether the role has been told.
    begun: bool,
    finished: bool,
    /// The thought that no signature has closed yet: a sealed thought is repeated whole with its seal.
    thought: String,
    /// How many thinking blocks have been told.
    blocks: u32,
    /// Google's seal: it rides on the call that follows, or else is told in a thinking block.
    seal: Option<String>,
    /// Characters of text told so far.
    told: u32,
}

impl Writer {
    /// A writer at the start of a stream.
    pub fn new(meta: &Meta<'_>) -> Self {
        let mut writer = Self {
            head: Vec::new(),
            id: meta.id.to_owned(),
            created: meta.created,
            model: meta.model.to_owned(),
            include_usage: meta.include_usage,
            same_format: meta.same_format,
            usage: None,
            choices: Vec::new(),
        };
        writer.write_head("", "", None);
        writer
    }

    fn write_head(&mut self, id: &str, model: &str, created: Option<u64>) {
        let head = &mut self.head;
        head.clear();
        head.extend_from_slice(b"data: {\"id\":");
        json::write(head, or(id, &self.id));
        head.extend_from_slice(b",\"object\":\"chat.completion.chunk\",\"created\":");
        json::write(head, &created.unwrap_or(self.created));
        head.extend_from_slice(b",\"model\":");
        json::write(head, or(model, &self.model));
        head.extend_from_slice(b",\"choices\":[");
    }

    /// Appends what `event` is in this format. A start, usage, the end and failures write nothing by themselves.
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, created } => self.write_head(id, model, *created),
            Event::Delta { choice, delta } => self.delta(*choice, delta, out),
            Event::Finish { choice, finish } => self.finish(*choice, finish, out),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End | Event::Failed(_) => {}
        }
    }

    /// Appends the end of the stream: where the caller asked for it a frame with `usage` (else what the events told last)
    /// and `note` as its member `sluice`, then `[DONE]`.
    pub fn end(&mut self, usage: Option<&Usage>, note: Option<&Raw<'_>>, out: &mut Vec<u8>) {
        let usage = usage.or(self.usage.as_ref());
        if self.include_usage && (usage.is_some() || note.is_some()) {
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"],\"usage\":");
            match usage {
                Some(usage) => usage::write(usage, &Members::default(), out),
                None => out.extend_from_slice(b"null"),
            }
            if let Some(note) = note {
                out.extend_from_slice(b",\"sluice\":");
                out.extend_from_slice(note.text().as_bytes());
            }
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn state(choices: &mut Vec<State>, index: u32) -> Option<&mut State> {
        let at = choices.iter().position(|state| state.index == index).unwrap_or_else(|| {
            choices.push(State { index, ..State::default() });
            choices.len() - 1
        });
        choices.get_mut(at)
    }

    /// Opens a frame up to the inside of the delta.
    fn open(&mut self, choice: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b"{\"index\":");
        json::write(out, &choice);
        out.extend_from_slice(b",\"delta\":{");
    }

    /// Closes a frame behind its choice.
    fn close(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.include_usage { b"],\"usage\":null}\n\n" } else { b"]}\n\n" });
    }

    fn delta(&mut self, choice: u32, delta: &Delta<'_>, out: &mut Vec<u8>) {
        if !matches!(delta, Delta::ToolCall { .. }) {
            self.tell_seal(choice, out);
        }
        match delta {
            Delta::Signature(seal) if Maker::of(seal) == Maker::Google => {
                if let Some(state) = Self::state(&mut self.choices, choice) {
                    state.seal = Some(seal.to_string());
                }
            }
            Delta::Citation(citation) if !cite::is_told(citation, self.same_format) => {}
            delta => self.tell(choice, delta, out),
        }
    }

    /// Tells the seal that no call has come for.
    fn tell_seal(&mut self, choice: u32, out: &mut Vec<u8>) {
        let state = self.choices.iter_mut().find(|state| state.index == choice);
        if let Some(seal) = state.and_then(|state| state.seal.take()) {
            self.tell(choice, &Delta::Signature(seal.into()), out);
        }
    }

    fn tell(&mut self, choice: u32, delta: &Delta<'_>, out: &mut Vec<u8>) {
        self.open(choice, out);
        let Some(state) = Self::state(&mut self.choices, choice) else { return };
        if !state.begun {
            state.begun = true;
            out.extend_from_slice(b"\"role\":\"assistant\",");
            if matches!(delta, Delta::ToolCall { .. } | Delta::Arguments { .. }) {
                out.extend_from_slice(b"\"content\":null,");
            }
        }
        state.write(delta, self.same_format, out);
        out.extend_from_slice(b"},\"finish_reason\":null}");
        self.close(out);
    }

    fn finish(&mut self, choice: u32, finish: &Finish<'_>, out: &mut Vec<u8>) {
        self.tell_seal(choice, out);
        let Some(state) = Self::state(&mut self.choices, choice) else { return };
        if std::mem::replace(&mut state.finished, true) {
            return;
        }
        let silent = !std::mem::replace(&mut state.begun, true);
        self.open(choice, out);
        if silent {
            out.extend_from_slice(b"\"role\":\"assistant\",\"content\":\"\"");
        }
        out.push(b'}');
        finish::write(finish, self.same_format, out);
        out.push(b'}');
        self.close(out);
    }
}

impl State {
    /// Writes the member that `delta` is.
    fn write(&mut self, delta: &Delta<'_>, same_format: bool, out: &mut Vec<u8>) {
        if !matches!(delta, Delta::Reasoning(_) | Delta::Signature(_) | Delta::Citation(_)) {
            self.thought.clear();
        }
        match delta {
            Delta::Text(text) => {
                self.told = self.told.saturating_add(characters(text));
                member(b"\"content\":", text, out);
            }
            Delta::Citation(citation) => {
                let span = citation.span.unwrap_or(Span { start: 0, end: self.told });
                out.extend_from_slice(b"\"annotations\":[");
                annotation::write_nested(citation, span, same_format, out);
                out.push(b']');
            }
            Delta::Refusal(text) => member(b"\"refusal\":", text, out),
            Delta::Reasoning(text) => {
                self.thought.push_str(text);
                member(b"\"reasoning_content\":", text, out);
            }
            Delta::Signature(signature) => {
                out.extend_from_slice(b"\"thinking_blocks\":[");
                wire::write_thought(Some(self.blocks), &self.thought, Some(signature), out);
                out.push(b']');
                self.thought.clear();
                self.blocks += 1;
            }
            Delta::RedactedReasoning(data) => {
                out.extend_from_slice(b"\"thinking_blocks\":[");
                wire::write_redacted(Some(self.blocks), data, out);
                out.push(b']');
                self.blocks += 1;
            }
            Delta::ToolCall { index, id, name } => {
                out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
                json::write(out, index);
                member(b",\"id\":", id, out);
                member(b",\"type\":\"function\",\"function\":{\"name\":", name, out);
                out.extend_from_slice(b",\"arguments\":\"\"}");
                if let Some(bare) = self.seal.take().as_deref().and_then(|seal| Maker::Google.bare(seal)) {
                    member(b",\"extra_content\":{\"google\":{\"thought_signature\":", bare, out);
                    out.extend_from_slice(b"}}");
                }
                out.extend_from_slice(b"}]");
            }
            Delta::Arguments { index, json } => {
                out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
                json::write(out, index);
                member(b",\"function\":{\"arguments\":", json, out);
                out.extend_from_slice(b"}}]");
            }
        }
    }
}

fn member(name: &[u8], text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    json::write(out, text);
}
