//! A stream written for the caller.
//!
//! Each frame is numbered, each item begun and ended, each piece of it as well; the last frame repeats all of them, so the
//! whole answer is kept until then. One item is done before the next begins, but for calls whose arguments are still
//! coming: their frames say by `output_index` which they belong to.

use sluice_types::{
    answer::{Finish, FinishReason},
    citation::{Citation, Span, characters},
    event::{Delta, Event},
    json::{Members, Raw, Str},
    usage::Usage,
};

use super::written::{Content, Piece, State, Written};
use crate::format::{
    Meta, annotation, cite,
    json::ObjectWriter,
    openai_responses::{
        answer::{End, Head},
        finish::{self, Held},
        item::{self, tail},
        seal,
    },
};

/// Writes a stream for the caller.
#[derive(Debug)]
pub struct Writer {
    head: Head,
    same_format: bool,
    /// The number of the next frame.
    sequence: u64,
    started: bool,
    items: Vec<Written>,
    /// The greatest tool call begun so far.
    latest_call: Option<u32>,
    held: Held,
    usage: Option<Usage>,
    finish: Option<Finish<'static>>,
    /// Characters of text told so far.
    told: u32,
    /// The search that was made before, as an item.
    searched: Option<String>,
}

impl Writer {
    /// A writer at the start of a stream.
    pub fn new(meta: &Meta<'_>) -> Self {
        Self {
            head: Head::new(meta),
            same_format: meta.same_format,
            sequence: 0,
            started: false,
            items: Vec::new(),
            latest_call: None,
            held: Held::default(),
            usage: None,
            finish: None,
            told: 0,
            searched: meta.searched.map(|item| item.text().to_owned()),
        }
    }

    /// Appends what `event` is in this format. Only the first choice can be told. [`Event::End`] and [`Event::Failed`]
    /// write nothing: they are for [`end`](Self::end) and [`write_stream_error`].
    ///
    /// [`write_stream_error`]: crate::format::openai_responses::write_stream_error
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, created } => {
                self.head.told(id, model, *created, self.same_format);
                self.start(out);
            }
            Event::Delta { choice: 0, delta } if self.finish.is_none() => {
                self.start(out);
                self.delta(delta, out);
            }
            Event::Finish { choice: 0, finish } if self.finish.is_none() => {
                self.start(out);
                self.close_all(finish::is_cut(finish), out);
                self.finish = Some(finish.clone().into_owned());
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Delta { .. } | Event::Finish { .. } | Event::End | Event::Failed(_) => {}
        }
    }

    /// Appends the end of the stream: the frame that repeats the whole response, with `usage` (else what the events told
    /// last), and `note` as its member `sluice`.
    pub fn end(&mut self, usage: Option<&Usage>, note: Option<&Raw<'_>>, out: &mut Vec<u8>) {
        self.start(out);
        self.close_all(false, out);
        let plain = if self.held.calls { FinishReason::ToolCalls } else { FinishReason::Stop };
        let finish = self.finish.take().unwrap_or_else(|| Finish::plain(plain));
        let end = End { finish: &finish, held: self.held, usage: usage.or(self.usage.as_ref()) };
        let kind = match finish::incomplete(&finish, self.held) {
            None => "response.completed",
            Some(_) => "response.incomplete",
        };
        let (head, items, same_format) = (&self.head, &self.items, self.same_format);
        frame(&mut self.sequence, kind, out, |frame| {
            let output = |out: &mut Vec<u8>| {
                for (index, item) in items.iter().enumerate() {
                    if 0 < index {
                        out.push(b',');
                    }
                    item.write(same_format, out);
                }
            };
            head.write(Some(&end), output, None, None, frame.member("response"));
            frame.set_some("sluice", note);
        });
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        for kind in ["response.created", "response.in_progress"] {
            let head = &self.head;
            frame(&mut self.sequence, kind, out, |frame| {
                head.write(None, |_| {}, None, None, frame.member("response"));
            });
        }
        if let Some(item) = self.searched.take() {
            self.search(item, out);
        }
    }

    /// Tells of a search, which is over.
    fn search(&mut self, item: String, out: &mut Vec<u8>) {
        let members: Members<'_> = serde_json::from_str(&item).unwrap_or_default();
        let id = members.value("id").and_then(|id| id.read::<Str<'_>>().ok()).unwrap_or_default();
        let at = self.items.len();
        frame(&mut self.sequence, "response.output_item.added", out, |frame| {
            frame.set("output_index", &at);
            let mut item = ObjectWriter::open(frame.member("item"));
            item.set("id", &id);
            item.set("type", "file_search_call");
            item.set("status", "in_progress");
            item.raw("queries", "[]");
            item.raw("results", "null");
            item.close();
        });
        for step in ["in_progress", "searching", "completed"] {
            frame(&mut self.sequence, &format!("response.file_search_call.{step}"), out, |frame| {
                place(frame, (&id, at), None);
            });
        }
        frame(&mut self.sequence, "response.output_item.done", out, |frame| {
            frame.set("output_index", &at);
            frame.raw("item", &item);
        });
        let (id, content) = (id.to_string(), Content::Search(item));
        self.items.push(Written { id, content, state: State::Completed });
    }

    fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        match delta {
            Delta::Text(text) if !text.is_empty() => self.say(false, text, out),
            Delta::Citation(citation) => self.cite(citation, out),
            Delta::Refusal(text) if !text.is_empty() => {
                self.held.refusal = true;
                self.say(true, text, out);
            }
            Delta::Reasoning(text) if !text.is_empty() => self.think(text, out),
            Delta::Signature(seal) if !seal.is_empty() => self.seal(seal, out),
            Delta::RedactedReasoning(data) => {
                let encrypted = Some(seal::told_redacted(data));
                let at = self.begin(Content::Thought { text: String::new(), encrypted }, out);
                self.close(at, State::Completed, out);
            }
            Delta::ToolCall { index, id, name } => {
                // Told again, a call is the one that is known.
                if self.latest_call.is_none_or(|latest| latest < *index) {
                    self.latest_call = Some(*index);
                    self.held.calls = true;
                    let (call_id, name) = (id.to_string(), name.to_string());
                    let arguments = String::new();
                    self.begin(Content::Call { index: *index, call_id, name, arguments }, out);
                }
            }
            Delta::Arguments { index, json } if !json.is_empty() => self.arguments(*index, json, out),
            Delta::Text(_)
            | Delta::Refusal(_)
            | Delta::Reasoning(_)
            | Delta::Signature(_)
            | Delta::Arguments { .. } => {}
        }
    }

    /// The last open item of a kind.
    fn open(&self, kind: impl Fn(&Content) -> bool) -> Option<usize> {
        self.items.iter().rposition(|item| item.is_open() && kind(&item.content))
    }

    /// Begins an item, after those before it that may be done are.
    fn begin(&mut self, content: Content, out: &mut Vec<u8>) -> usize {
        for at in 0..self.items.len() {
            if self.items.get(at).is_some_and(|item| item.is_open() && item.content.may_be_done()) {
                self.close(at, State::Completed, out);
            }
        }
        let at = self.items.len();
        let id = item::id(content.prefix(), tail(&self.head.id), at);
        let item = Written { id, content, state: State::Open };
        let same_format = self.same_format;
        frame(&mut self.sequence, "response.output_item.added", out, |frame| {
            frame.set("output_index", &at);
            item.write(same_format, frame.member("item"));
        });
        self.items.push(item);
        at
    }

    fn say(&mut self, refusal: bool, text: &str, out: &mut Vec<u8>) {
        let at = self.open(|content| matches!(content, Content::Message(_)));
        let at = at.unwrap_or_else(|| self.begin(Content::Message(Vec::new()), out));
        let Self { items, sequence, told, same_format, .. } = self;
        let same_format = *same_format;
        let Some(Written { id, content: Content::Message(pieces), .. }) = items.get_mut(at) else { return };
        if pieces.last().is_none_or(|piece| piece.refusal != refusal) {
            close_piece(sequence, (id, at), pieces, same_format, out);
            let piece = Piece { refusal, text: String::new(), start: *told, citations: Vec::new() };
            frame(sequence, "response.content_part.added", out, |frame| {
                place(frame, (id, at), Some(("content_index", pieces.len())));
                item::write_said(piece.said(same_format), None, frame.member("part"));
            });
            pieces.push(piece);
        }
        let index = pieces.len().saturating_sub(1);
        let Some(piece) = pieces.last_mut() else { return };
        piece.text.push_str(text);
        if !refusal {
            *told = told.saturating_add(characters(text));
        }
        let kind = if refusal { "response.refusal.delta" } else { "response.output_text.delta" };
        frame(sequence, kind, out, |frame| {
            place(frame, (id, at), Some(("content_index", index)));
            frame.set("delta", text);
            if !refusal {
                frame.raw("logprobs", "[]");
            }
        });
    }

    /// Tells what the text rests on whose words its span ends in; of all of it, the last.
    fn cite(&mut self, citation: &Citation<'_>, out: &mut Vec<u8>) {
        if !cite::is_told(citation, self.same_format) {
            return;
        }
        let Self { items, sequence, same_format, .. } = self;
        let (mut found, mut last) = (None, None);
        for (at, item) in items.iter_mut().enumerate() {
            let Written { id, content: Content::Message(pieces), .. } = item else { continue };
            for (index, piece) in pieces.iter_mut().enumerate().filter(|(_, piece)| !piece.refusal) {
                let length = characters(&piece.text);
                let place = (&*id, at, index, piece, length);
                match citation.span {
                    Some(span) if found.is_none() && span.end <= place.3.start.saturating_add(length) => {
                        found = Some(place);
                    }
                    _ => last = Some(place),
                }
            }
        }
        let Some((id, at, index, piece, length)) = found.or(last) else { return };
        let within = |offset: u32| offset.saturating_sub(piece.start).min(length);
        let span = citation.span.map(|span| Span { start: within(span.start), end: within(span.end) });
        frame(sequence, "response.output_text.annotation.added", out, |frame| {
            place(frame, (id, at), Some(("content_index", index)));
            frame.set("annotation_index", &piece.citations.len());
            let span = span.unwrap_or(Span { start: 0, end: length });
            annotation::write_flat(citation, span, *same_format, frame.member("annotation"));
        });
        piece.citations.push(Citation { span, ..citation.clone().into_owned() });
    }

    fn think(&mut self, more: &str, out: &mut Vec<u8>) {
        let at = self.thought(out);
        let Self { items, sequence, .. } = self;
        let Some(Written { id, content: Content::Thought { text, .. }, .. }) = items.get_mut(at) else {
            return;
        };
        if text.is_empty() {
            frame(sequence, "response.reasoning_summary_part.added", out, |frame| {
                place(frame, (id, at), Some(("summary_index", 0)));
                item::write_summary(frame.member("part"), "");
            });
        }
        text.push_str(more);
        frame(sequence, "response.reasoning_summary_text.delta", out, |frame| {
            place(frame, (id, at), Some(("summary_index", 0)));
            frame.set("delta", more);
        });
    }

    /// The thought that is open; a new one if none is.
    fn thought(&mut self, out: &mut Vec<u8>) -> usize {
        let at = self.open(|content| matches!(content, Content::Thought { .. }));
        at.unwrap_or_else(|| self.begin(Content::Thought { text: String::new(), encrypted: None }, out))
    }

    /// Seals the thought that is open, after which the next one is another; a thought without words if none is.
    fn seal(&mut self, signature: &str, out: &mut Vec<u8>) {
        let at = self.thought(out);
        if let Some(Written { id, content: Content::Thought { encrypted, .. }, .. }) = self.items.get_mut(at)
        {
            *encrypted = Some(seal::told(signature, id).into_owned());
        }
        self.close(at, State::Completed, out);
    }

    fn arguments(&mut self, which: u32, json: &str, out: &mut Vec<u8>) {
        // What comes after a whole object is nothing that arguments can hold.
        let at = self.open(|content| matches!(content, Content::Call { index, .. } if *index == which));
        let Some(at) = at else { return };
        let Self { items, sequence, .. } = self;
        let Some(Written { id, content: Content::Call { arguments, .. }, .. }) = items.get_mut(at) else {
            return;
        };
        arguments.push_str(json);
        frame(sequence, "response.function_call_arguments.delta", out, |frame| {
            place(frame, (id, at), None);
            frame.set("delta", json);
        });
    }

    /// Ends all items; `cut` says that the last one was cut off.
    fn close_all(&mut self, cut: bool, out: &mut Vec<u8>) {
        for at in 0..self.items.len() {
            if self.items.get(at).is_some_and(Written::is_open) {
                let last = at + 1 == self.items.len();
                self.close(at, if cut && last { State::Incomplete } else { State::Completed }, out);
            }
        }
    }

    fn close(&mut self, at: usize, state: State, out: &mut Vec<u8>) {
        // A call without arguments has told none; callers parse them.
        if let Some(Written { content: Content::Call { index, arguments, .. }, .. }) = self.items.get(at)
            && arguments.is_empty()
            && state == State::Completed
        {
            self.arguments(*index, "{}", out);
        }
        let Self { items, sequence, same_format, .. } = self;
        let same_format = *same_format;
        let Some(item) = items.get_mut(at) else { return };
        item.state = state;
        match &item.content {
            Content::Message(pieces) => close_piece(sequence, (&item.id, at), pieces, same_format, out),
            Content::Thought { text, .. } if !text.is_empty() => {
                close_summary(sequence, (&item.id, at), text, out);
            }
            Content::Thought { .. } | Content::Search(_) => {}
            Content::Call { name, arguments, .. } => {
                frame(sequence, "response.function_call_arguments.done", out, |frame| {
                    place(frame, (&item.id, at), None);
                    frame.set("name", name);
                    frame.set("arguments", arguments);
                });
            }
        }
        frame(sequence, "response.output_item.done", out, |frame| {
            frame.set("output_index", &at);
            item.write(same_format, frame.member("item"));
        });
    }
}

/// Writes a frame; `members` writes what stands behind its number.
fn frame(sequence: &mut u64, kind: &str, out: &mut Vec<u8>, members: impl FnOnce(&mut ObjectWriter<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    let mut object = ObjectWriter::open(out);
    object.set("type", kind);
    object.set("sequence_number", sequence);
    members(&mut object);
    object.close();
    out.extend_from_slice(b"\n\n");
    *sequence += 1;
}

/// Writes what a frame is about: an item, and which piece of it.
fn place(frame: &mut ObjectWriter<'_>, (id, at): (&str, usize), piece: Option<(&str, usize)>) {
    frame.set("item_id", id);
    frame.set("output_index", &at);
    if let Some((name, index)) = piece {
        frame.set(name, &index);
    }
}

/// Ends the last of a message's pieces.
fn close_piece(
    sequence: &mut u64,
    item: (&str, usize),
    pieces: &[Piece],
    same_format: bool,
    out: &mut Vec<u8>,
) {
    let Some(piece) = pieces.last() else { return };
    let index = Some(("content_index", pieces.len().saturating_sub(1)));
    if piece.refusal {
        frame(sequence, "response.refusal.done", out, |frame| {
            place(frame, item, index);
            frame.set("refusal", &piece.text);
        });
    } else {
        frame(sequence, "response.output_text.done", out, |frame| {
            place(frame, item, index);
            frame.set("text", &piece.text);
            frame.raw("logprobs", "[]");
        });
    }
    frame(sequence, "response.content_part.done", out, |frame| {
        place(frame, item, index);
        item::write_said(piece.said(same_format), None, frame.member("part"));
    });
}

/// Ends a thought's words.
fn close_summary(sequence: &mut u64, item: (&str, usize), text: &str, out: &mut Vec<u8>) {
    let index = Some(("summary_index", 0));
    frame(sequence, "response.reasoning_summary_text.done", out, |frame| {
        place(frame, item, index);
        frame.set("text", text);
    });
    frame(sequence, "response.reasoning_summary_part.done", out, |frame| {
        place(frame, item, index);
        item::write_summary(frame.member("part"), text);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::openai_responses::state::answer;

    fn written(events: &[Delta<'static>]) -> Vec<(String, String)> {
        let meta = Meta {
            id: "req_7",
            created: 0,
            model: "m",
            note: None,
            include_usage: true,
            same_format: false,
            json_array: false,
            searched: None,
        };
        let (mut writer, mut out) = (Writer::new(&meta), Vec::new());
        for delta in events {
            writer.event(&Event::Delta { choice: 0, delta: delta.clone() }, &mut out);
        }
        writer.end(None, Raw::parse(r#"{"cost":1}"#).as_ref(), &mut out);
        let text = String::from_utf8(out).unwrap();
        let frame = |frame: &str| {
            let (event, data) = frame.split_once("\ndata: ").unwrap();
            (event.strip_prefix("event: ").unwrap().to_owned(), data.to_owned())
        };
        text.split_terminator("\n\n").map(frame).collect()
    }

    fn call(index: u32) -> Delta<'static> {
        Delta::ToolCall { index, id: format!("call_{index}").into(), name: "f".into() }
    }

    fn arguments(index: u32, json: &'static str) -> Delta<'static> {
        Delta::Arguments { index, json: json.into() }
    }

    /// The items of the last frame.
    fn items(frames: &[(String, String)]) -> String {
        answer(frames.last().unwrap().1.as_bytes()).unwrap().items.to_owned()
    }

    #[test]
    fn calls_told_by_turns_stay_apart() {
        let frames = written(&[
            call(0),
            call(1),
            arguments(0, r#"{"a":"#),
            arguments(1, r#"{"b":"#),
            arguments(0, "1}"),
            arguments(1, "2}"),
        ]);
        assert_eq!(
            items(&frames),
            concat!(
                r#"[{"id":"fc_7_0","type":"function_call","status":"completed","call_id":"call_0","name":"f","arguments":"{\"a\":1}"},"#,
                r#"{"id":"fc_7_1","type":"function_call","status":"completed","call_id":"call_1","name":"f","arguments":"{\"b\":2}"}]"#
            )
        );
    }

    #[test]
    fn a_call_told_whole_is_done_before_the_next_item() {
        let frames =
            written(&[call(0), arguments(0, "{}"), call(1), Delta::Text("t".into()), arguments(0, "{}")]);
        let order: Vec<_> = frames
            .iter()
            .filter(|(event, _)| event.contains("output_item"))
            .map(|(event, data)| (event.ends_with("done"), data.contains("\"output_index\":0")))
            .collect();
        assert_eq!(order[..3], [(false, true), (true, true), (false, false)]);
        assert!(items(&frames).contains(r#""call_id":"call_1","name":"f","arguments":"{}""#));
    }

    #[test]
    fn frames_count_up_and_the_note_stands_beside_the_response() {
        let frames =
            written(&[Delta::Text("a".into()), Delta::Refusal("b".into()), Delta::Signature("S".into())]);
        for (i, (event, data)) in frames.iter().enumerate() {
            assert!(data.starts_with(&format!(r#"{{"type":"{event}","sequence_number":{i},"#)), "{data}");
        }
        let (event, data) = frames.last().unwrap();
        assert_eq!(event, "response.completed");
        assert!(data.ends_with(r#"},"sluice":{"cost":1}}"#), "{data}");
        assert_eq!(
            items(&frames),
            concat!(
                r#"[{"id":"msg_7_0","type":"message","role":"assistant","status":"completed","content":["#,
                r#"{"type":"output_text","text":"a","annotations":[]},{"type":"refusal","refusal":"b"}]},"#,
                r#"{"id":"rs_7_1","type":"reasoning","summary":[],"encrypted_content":"anthropic:S"}]"#
            )
        );
    }

    #[test]
    fn a_stream_that_says_nothing_is_whole() {
        let frames = written(&[]);
        let events: Vec<_> = frames.iter().map(|(event, _)| &**event).collect();
        assert_eq!(events, ["response.created", "response.in_progress", "response.completed"]);
    }
}
