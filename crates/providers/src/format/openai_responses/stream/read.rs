//! A provider's stream, read frame by frame.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    citation::{Citation, Source, characters},
    error::Failure,
    event::{Delta, Event},
    json::Str,
};

use crate::{
    format::{
        annotation,
        openai_chat::{self, Number, Text},
        openai_responses::{
            error::{failed, unreadable},
            finish::{self, Held},
            item::{self, Prefix, tail},
            seal::Sealed,
            usage,
            wire::{self, BETWEEN_THOUGHTS, Item, Piece, Response},
        },
    },
    frames::Frame,
};

/// Reads a provider's stream.
///
/// ```text
/// silent ──anything of the answer──► started ──completed, incomplete──► ended
///    └────── error, failed, unreadable frame ──────┴──────► ended (Failed)
/// ```
///
/// What an item says is told as its deltas come. What came in none is told once the item is done: some providers send
/// calls whole, and a thought's seal always comes so.
#[derive(Debug, Default)]
pub struct Reader {
    started: bool,
    ended: bool,
    id: String,
    /// Items that are not done.
    open: Vec<Open>,
    /// Whether any item has been told.
    told: bool,
    calls: u32,
    refused: bool,
    /// The piece of a thought that was told last, if nothing else was since.
    thought: Option<Thought>,
    /// Characters of text told so far.
    characters: u32,
    /// Pieces of text told so far: annotations may come when their item is done.
    pieces: Vec<Told>,
}

/// An item that is not done.
#[derive(Debug)]
struct Open {
    output_index: u32,
    id: String,
    kind: Kind,
}

/// A piece of a message, as far as it has been told.
#[derive(Clone, Copy, Debug)]
struct Told {
    output_index: u32,
    content_index: u32,
    /// Characters of the answer's text told before it.
    start: u32,
    /// How many of its annotations have been told.
    annotations: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Message {
        /// How many pieces of its content have been told, at least in part.
        told: u32,
    },
    Call {
        index: u32,
        /// Whether any of its arguments have been told.
        told: bool,
    },
    Thought {
        /// Whether any of it has been told.
        told: bool,
    },
}

/// A piece of a thought: of which item, whether of its summary, and which.
type Thought = (u32, bool, u32);

/// A frame's members, whatever its type.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item_id: Text<'a>,
    #[serde(default)]
    output_index: Number,
    #[serde(default)]
    content_index: Number,
    #[serde(default)]
    summary_index: Number,
    #[serde(borrow, default)]
    delta: Text<'a>,
    #[serde(borrow, default)]
    text: Text<'a>,
    #[serde(borrow, default)]
    refusal: Text<'a>,
    #[serde(borrow, default)]
    arguments: Text<'a>,
    #[serde(borrow, default)]
    annotation: Option<&'a RawValue>,
}

type Emit<'e> = &'e mut dyn FnMut(Event<'_>);

impl Reader {
    /// Tells `emit` what `frame` says. A frame that cannot be read, or that tells an error, is an [`Event::Failed`], after
    /// which nothing more is told.
    pub fn frame(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let data = frame.data.trim_ascii();
        if self.ended || data.starts_with("[DONE]") {
            return;
        }
        if let Err(failure) = self.read(frame.event, data, emit) {
            self.ended = true;
            emit(Event::Failed(failure));
        }
    }

    /// The body has ended. This format always says when it is done: what is not said then was cut off.
    pub fn finish(&mut self, _emit: &mut dyn FnMut(Event<'_>)) {}

    fn read(&mut self, event: Option<&str>, data: &str, emit: Emit<'_>) -> Result<(), Failure> {
        let told: Wire<'_> =
            serde_json::from_str(data).map_err(|error| unreadable(&error, data.as_bytes()))?;
        let kind = told.kind.0.as_deref().or(event).unwrap_or_default();
        match kind {
            "response.created" | "response.in_progress" | "response.queued" => {
                self.start(told.response, emit);
            }
            "response.output_item.added" => self.added(&told, emit),
            "response.output_item.done" => self.done(&told, emit),
            "response.output_text.delta" => self.said(&told, false, told.delta.0.as_ref(), true, emit),
            "response.output_text.annotation.added" => self.annotated(&told, emit),
            "response.output_text.done" => self.said(&told, false, told.text.0.as_ref(), false, emit),
            "response.refusal.delta" => self.said(&told, true, told.delta.0.as_ref(), true, emit),
            "response.refusal.done" => self.said(&told, true, told.refusal.0.as_ref(), false, emit),
            "response.function_call_arguments.delta" => {
                self.arguments(&told, told.delta.0.as_ref(), true, emit);
            }
            "response.function_call_arguments.done" => {
                self.arguments(&told, told.arguments.0.as_ref(), false, emit);
            }
            "response.reasoning_summary_text.delta" => self.thought(&told, true, emit),
            "response.reasoning_text.delta" => self.thought(&told, false, emit),
            "response.completed" | "response.incomplete" => self.end(kind, told.response, emit)?,
            "response.failed" | "response.cancelled" => {
                let response =
                    told.response.and_then(|raw| serde_json::from_str::<Response<'_>>(raw.get()).ok());
                return Err(failed(response.and_then(|response| response.error).or(told.error)));
            }
            _ if kind == "error" || event == Some("error") || kind.is_empty() && told.error.is_some() => {
                return Err(openai_chat::read_error(200, data.as_bytes(), None));
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, response: Option<&RawValue>, emit: Emit<'_>) {
        if !std::mem::replace(&mut self.started, true) {
            let response = response.and_then(|raw| serde_json::from_str::<Response<'_>>(raw.get()).ok());
            let response = response.unwrap_or_default();
            let id = response.id.0.unwrap_or_default();
            self.id.push_str(tail(&id));
            let model = response.model.0.unwrap_or_default();
            emit(Event::Start { id, model, created: response.created_at.count() });
        }
    }

    fn tell(&mut self, delta: Delta<'_>, emit: Emit<'_>) {
        self.start(None, emit);
        self.told = true;
        self.refused |= matches!(delta, Delta::Refusal(_));
        if let Delta::Text(text) = &delta {
            self.characters = self.characters.saturating_add(characters(text));
        }
        if !matches!(delta, Delta::Reasoning(_) | Delta::Citation(_)) {
            self.thought = None;
        }
        emit(Event::Delta { choice: 0, delta });
    }

    /// The open item that a frame is about: by its id, else by its place, since some providers change ids on the way.
    fn find(&self, told: &Wire<'_>, id: Option<&str>) -> Option<usize> {
        let by_id =
            id.filter(|id| !id.is_empty()).and_then(|id| self.open.iter().rposition(|open| open.id == id));
        let place = told.output_index.index();
        by_id.or_else(|| self.open.iter().rposition(|open| open.output_index == place))
    }

    /// Opens an item.
    fn push(&mut self, told: &Wire<'_>, id: Option<&str>, kind: Kind) -> usize {
        let id = id.unwrap_or_default().to_owned();
        let output_index = told.output_index.index();
        self.open.push(Open { output_index, id, kind });
        self.open.len() - 1
    }

    fn added(&mut self, told: &Wire<'_>, emit: Emit<'_>) {
        let item = told.item.and_then(|raw| serde_json::from_str::<Item<'_>>(raw.get()).ok());
        let Some(item) = item else { return };
        let kind = match item.kind() {
            "message" => Kind::Message { told: 0 },
            "reasoning" => Kind::Thought { told: false },
            "function_call" => Kind::Call { index: self.call(&item, emit), told: false },
            _ => return,
        };
        self.push(told, item.id.0.as_deref(), kind);
    }

    /// Tells that a call begins, and gives its index.
    fn call(&mut self, item: &Item<'_>, emit: Emit<'_>) -> u32 {
        let index = self.calls;
        self.calls += 1;
        let made_up;
        let id = match item.call_id.0.as_deref().filter(|id| !id.is_empty()) {
            Some(id) => id,
            None => {
                made_up = item::id(Prefix::Call, &self.id, index as usize);
                &made_up
            }
        };
        let name = item.name.0.as_deref().unwrap_or_default();
        self.tell(Delta::ToolCall { index, id: id.into(), name: name.into() }, emit);
        index
    }

    /// A piece of a message, or all of it at its end.
    fn said(
        &mut self,
        told: &Wire<'_>,
        refusal: bool,
        text: Option<&Str<'_>>,
        is_delta: bool,
        emit: Emit<'_>,
    ) {
        let id = told.item_id.0.as_deref();
        let at = self.find(told, id).unwrap_or_else(|| self.push(told, id, Kind::Message { told: 0 }));
        let piece = told.content_index.index();
        let start = self.characters;
        let Some(Open { kind: Kind::Message { told }, output_index, .. }) = self.open.get_mut(at) else {
            return;
        };
        let output_index = *output_index;
        if !refusal && known(&mut self.pieces, output_index, piece).is_none() {
            self.pieces.push(Told { output_index, content_index: piece, start, annotations: 0 });
        }
        if let Some(text) = text.filter(|text| !text.is_empty() && (is_delta || *told <= piece)) {
            *told = piece.saturating_add(1).max(*told);
            let text = text.borrowed();
            self.tell(if refusal { Delta::Refusal(text) } else { Delta::Text(text) }, emit);
        }
    }

    /// What a piece of a message rests on.
    fn annotated(&mut self, told: &Wire<'_>, emit: Emit<'_>) {
        let Some(raw) = told.annotation else { return };
        let open = self.find(told, told.item_id.0.as_deref()).and_then(|at| self.open.get(at));
        let output_index = open.map_or(told.output_index.index(), |open| open.output_index);
        let start = match known(&mut self.pieces, output_index, told.content_index.index()) {
            Some(piece) => {
                piece.annotations += 1;
                piece.start
            }
            None => self.characters,
        };
        self.cite(raw, start, emit);
    }

    fn cite(&mut self, raw: &RawValue, start: u32, emit: Emit<'_>) {
        let mut citation: Citation<'_> = annotation::read(raw);
        citation.span = citation.span.map(|span| span.shifted(start));
        // As it was written it counts from where its piece begins; pieces become one on their way.
        if 0 < start && citation.source != Source::Other {
            citation.raw = None;
        }
        self.tell(Delta::Citation(Box::new(citation)), emit);
    }

    /// A piece of a call's arguments, or all of them at their end.
    fn arguments(&mut self, told: &Wire<'_>, json: Option<&Str<'_>>, is_delta: bool, emit: Emit<'_>) {
        let at = self.find(told, told.item_id.0.as_deref());
        let open = at.and_then(|at| self.open.get_mut(at));
        let Some(Open { kind: Kind::Call { index, told }, .. }) = open else { return };
        if let Some(json) = json.filter(|json| !json.is_empty() && (is_delta || !*told)) {
            *told = true;
            let index = *index;
            self.tell(Delta::Arguments { index, json: json.borrowed() }, emit);
        }
    }

    fn thought(&mut self, told: &Wire<'_>, summary: bool, emit: Emit<'_>) {
        let Some(text) = told.delta.0.as_ref().filter(|text| !text.is_empty()) else { return };
        let id = told.item_id.0.as_deref();
        let at = self.find(told, id).unwrap_or_else(|| self.push(told, id, Kind::Thought { told: false }));
        let piece = if summary { &told.summary_index } else { &told.content_index }.index();
        let Some(open) = self.open.get_mut(at) else { return };
        let Kind::Thought { told } = &mut open.kind else { return };
        *told = true;
        let thought = (open.output_index, summary, piece);
        self.think(thought, text.borrowed(), emit);
    }

    /// Tells more of a thought, parted from the piece before it.
    fn think(&mut self, thought: Thought, text: Str<'_>, emit: Emit<'_>) {
        if self.thought.is_some_and(|last| last != thought) {
            self.tell(Delta::Reasoning(BETWEEN_THOUGHTS.into()), emit);
        }
        self.tell(Delta::Reasoning(text), emit);
        self.thought = Some(thought);
    }

    /// An item is done: tells what of it has not been told.
    fn done(&mut self, told: &Wire<'_>, emit: Emit<'_>) {
        let item = told.item.and_then(|raw| serde_json::from_str::<Item<'_>>(raw.get()).ok());
        let Some(item) = item else { return };
        let open = self.find(told, item.id.0.as_deref()).map(|at| self.open.swap_remove(at));
        let output_index = open.as_ref().map_or(told.output_index.index(), |open| open.output_index);
        self.rest(item, open.map(|open| open.kind), output_index, emit);
    }

    /// Tells what of `item` has not been told; `open` says what has.
    fn rest(&mut self, mut item: Item<'_>, open: Option<Kind>, output_index: u32, emit: Emit<'_>) {
        match (item.kind(), open) {
            ("message", None | Some(Kind::Message { .. })) => {
                let told = if let Some(Kind::Message { told }) = open { told } else { 0 };
                for (index, raw) in (0..).zip(item.pieces()) {
                    let piece = known(&mut self.pieces, output_index, index).copied();
                    self.piece(raw, index < told, piece, emit);
                }
            }
            ("function_call", None | Some(Kind::Call { told: false, .. })) => {
                let index =
                    if let Some(Kind::Call { index, .. }) = open { index } else { self.call(&item, emit) };
                let json = item.arguments();
                if !json.is_empty() {
                    self.tell(Delta::Arguments { index, json }, emit);
                }
            }
            ("reasoning", None | Some(Kind::Thought { .. })) => {
                let sealed = item.sealed();
                let text = item.thought();
                if open != Some(Kind::Thought { told: true })
                    && !text.is_empty()
                    && !matches!(sealed, Some(Sealed::Redacted(_)))
                {
                    self.think((output_index, true, 0), text, emit);
                }
                match sealed {
                    Some(Sealed::Seal(seal)) => self.tell(Delta::Signature(seal), emit),
                    Some(Sealed::Redacted(data)) => self.tell(Delta::RedactedReasoning(data), emit),
                    None => {}
                }
            }
            _ => {}
        }
    }

    /// Tells what of a piece has not been told: its words unless they were, and its annotations beyond those known.
    fn piece(&mut self, raw: &RawValue, told: bool, known: Option<Told>, emit: Emit<'_>) {
        let Ok(piece) = serde_json::from_str::<Piece<'_>>(raw.get()) else { return };
        let start = known.map_or(self.characters, |known| known.start);
        if !told {
            if let Some(text) = piece.text.said() {
                self.tell(Delta::Text(text), emit);
            } else if let Some(text) = piece.refusal.said() {
                self.tell(Delta::Refusal(text), emit);
            }
        }
        for raw in piece.annotations.0.into_iter().skip(known.map_or(0, |known| known.annotations)) {
            self.cite(raw, start, emit);
        }
    }

    fn end(&mut self, kind: &str, raw: Option<&RawValue>, emit: Emit<'_>) -> Result<(), Failure> {
        let json = raw.map_or("{}", RawValue::get);
        let response: Response<'_> =
            serde_json::from_str(json).map_err(|error| unreadable(&error, json.as_bytes()))?;
        if let Some(error) = response.error {
            return Err(failed(Some(error)));
        }
        self.start(raw, emit);
        if !self.told {
            for (index, raw) in wire::list(response.output).into_iter().enumerate() {
                if let Ok(item) = serde_json::from_str::<Item<'_>>(raw.get()) {
                    self.rest(item, None, u32::try_from(index).unwrap_or(u32::MAX), emit);
                }
            }
        }
        let incomplete = response.incomplete().or_else(|| (kind == "response.incomplete").then(Str::default));
        let held = Held { calls: 0 < self.calls, refusal: self.refused };
        emit(Event::Finish { choice: 0, finish: finish::read(incomplete, held) });
        if let Some(tokens) = response.usage.and_then(|usage| usage::read(usage.get())) {
            emit(Event::Usage(tokens));
        }
        self.ended = true;
        emit(Event::End);
        Ok(())
    }
}

/// A piece of text that has been told.
fn known(pieces: &mut [Told], output_index: u32, content_index: u32) -> Option<&mut Told> {
    pieces.iter_mut().find(|piece| piece.output_index == output_index && piece.content_index == content_index)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader makes of frames' data, told frame by frame.
    fn read(frames: &[&str]) -> Vec<Vec<String>> {
        let mut reader = Reader::default();
        let told = |data: &&str| {
            let mut told = Vec::new();
            let frame = Frame { event: None, data, raw: b"" };
            reader.frame(&frame, &mut |event| {
                told.push(match event {
                    Event::Start { .. } => "start".to_owned(),
                    Event::Delta { delta, .. } => format!("{delta:?}"),
                    Event::Finish { finish, .. } => format!("{:?}", finish.reason),
                    Event::Usage(usage) => format!("{} tokens", usage.total()),
                    Event::End => "end".to_owned(),
                    Event::Failed(failure) => failure.to_string(),
                });
            });
            told
        };
        frames.iter().map(told).collect()
    }

    #[test]
    fn usage_and_the_end_are_told_by_one_frame() {
        let told = read(&[
            r#"{"type":"response.created","response":{"id":"resp_1"}}"#,
            r#"{"type":"response.completed","response":{"status":"completed","output":[],"usage":{"input_tokens":3}}}"#,
            r#"{"type":"response.output_text.delta","delta":"late"}"#,
            "[DONE]",
        ]);
        assert_eq!(told, [vec!["start"], vec!["Stop", "3 tokens", "end"], vec![], vec![]]);
    }

    #[test]
    fn calls_are_counted_by_themselves_and_may_go_on_by_turns() {
        let told = read(&[
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"msg_1"}}"#,
            r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","id":"fc_1","call_id":"a","name":"f"}}"#,
            r#"{"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","id":"fc_2","call_id":"b","name":"f"}}"#,
            r#"{"type":"response.function_call_arguments.delta","output_index":2,"item_id":"fc_2","delta":"{"}"#,
            r#"{"type":"response.function_call_arguments.delta","output_index":1,"delta":"["}"#,
            r#"{"type":"response.function_call_arguments.delta","output_index":9,"item_id":"fc_9","delta":"?"}"#,
        ]);
        let last: Vec<_> = told.into_iter().flatten().collect();
        assert_eq!(
            last,
            [
                "start",
                r#"ToolCall { index: 0, id: "a", name: "f" }"#,
                r#"ToolCall { index: 1, id: "b", name: "f" }"#,
                r#"Arguments { index: 1, json: "{" }"#,
                r#"Arguments { index: 0, json: "[" }"#,
            ]
        );
    }

    #[test]
    fn an_items_end_tells_only_what_its_deltas_did_not() {
        let item = r#"{"type":"reasoning","id":"rs_1","summary":[{"text":"a"}],"encrypted_content":"X"}"#;
        let told = read(&[
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs_1","encrypted_content":"half"}}"#,
            r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"item_id":"rs_1","summary_index":0,"delta":"a"}"#,
            &format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{item}}}"#),
            &format!(r#"{{"type":"response.output_item.done","output_index":1,"item":{item}}}"#),
        ]);
        let (words, seal) = (r#"Reasoning("a")"#, r#"Signature("openai:rs_1:X")"#);
        assert_eq!(told, [vec![], vec!["start", words], vec![seal], vec![words, seal]]);
    }
}
