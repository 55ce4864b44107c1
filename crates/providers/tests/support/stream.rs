//! Streams from bytes to bytes, and what they say.

use sluice_providers::{
    format::{Chat, Meta, Protocol, Reader, Writer},
    frames::Decoder,
};
use sluice_types::{
    answer::FinishReason,
    citation::{Source, Span, characters},
    error::{ErrorKind, Failure},
    event::{Delta, Event},
    json::Raw,
    usage::Usage,
};

/// A stream's bytes as they come.
pub type Chunks<'c, 'i> = dyn Iterator<Item = &'c [u8]> + 'i;

/// What came of a stream.
#[derive(Debug, PartialEq)]
pub struct Run {
    /// The caller's bytes.
    pub out: Vec<u8>,
    /// The frames' own bytes, joined.
    pub frames: Vec<u8>,
}

/// Runs a provider's stream, given in `chunks`, to its end or its failure.
pub fn run(
    upstream: Chat,
    caller: Protocol,
    meta: &Meta<'_>,
    note: &Raw<'_>,
    chunks: &mut Chunks<'_, '_>,
) -> Run {
    let mut run = Run { out: Vec::new(), frames: Vec::new() };
    let mut writer = Writer::new(caller, meta);
    let mut check = Check::default();
    let end = read(upstream, chunks, &mut run.frames, &mut |event| {
        check.event(&event);
        writer.event(&event, &mut run.out);
    });
    match end {
        Ok(()) => writer.end(None, Some(note), &mut run.out),
        Err(failure) => caller.write_stream_error(&failure, "req-1", &mut run.out),
    }
    run
}

/// Feeds `chunks` to a decoder and a reader until the stream says that it is done or broken.
fn read(
    format: Chat,
    chunks: &mut Chunks<'_, '_>,
    frames: &mut Vec<u8>,
    emit: &mut dyn FnMut(Event<'_>),
) -> Result<(), Failure> {
    let mut decoder = Decoder::new(format.framing());
    let mut reader = Reader::new(format);
    let mut over = false;
    while !over {
        match chunks.next() {
            Some(chunk) => decoder.push(chunk),
            None => {
                decoder.finish();
                over = true;
            }
        }
        while let Some(frame) = decoder.next()? {
            frames.extend_from_slice(frame.raw);
            let mut end = None;
            reader.frame(&frame, &mut |event| {
                match &event {
                    Event::End => end = Some(Ok(())),
                    Event::Failed(failure) => end = Some(Err(failure.clone())),
                    _ => {}
                }
                emit(event);
            });
            if let Some(end) = end {
                return end;
            }
        }
    }
    let mut ended = false;
    reader.finish(&mut |event| {
        ended |= event == Event::End;
        emit(event);
    });
    if ended {
        Ok(())
    } else {
        Err(Failure::new(ErrorKind::UpstreamTruncated, "the provider's stream stopped before its end"))
    }
}

/// What holds for the events of every stream.
#[derive(Default)]
struct Check {
    started: bool,
    ended: bool,
    calls: u32,
}

impl Check {
    fn event(&mut self, event: &Event<'_>) {
        assert!(!self.ended, "{event:?} after the end");
        match event {
            Event::Start { .. } => assert!(!std::mem::replace(&mut self.started, true), "two starts"),
            Event::Failed(_) => self.ended = true,
            event => assert!(self.started, "{event:?} before the start"),
        }
        match event {
            Event::End => self.ended = true,
            Event::Delta { choice: 0, delta: Delta::ToolCall { index, id, .. } } => {
                assert_eq!(*index, self.calls, "calls are counted from 0");
                assert!(!id.is_empty(), "calls have ids");
                self.calls += 1;
            }
            Event::Delta { choice: 0, delta: Delta::Arguments { index, .. } } => assert!(*index < self.calls),
            Event::Delta { delta: Delta::Text(text) | Delta::Reasoning(text), .. } => {
                assert!(!text.is_empty());
            }
            _ => {}
        }
    }
}

/// What the first answer of a stream says in all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    text: String,
    reasoning: String,
    /// The name of each source, and the words that it stands behind.
    citations: Vec<(String, Span)>,
    signatures: Vec<String>,
    calls: Vec<(String, String, String)>,
    finish: Option<FinishReason>,
    /// Whether the stop text that was met is told.
    stop_text: bool,
    usage: Option<(u64, u64)>,
    failed: bool,
}

/// What a stream in `format` says.
pub fn said(format: Chat, bytes: &[u8]) -> Said {
    let mut said = Said::default();
    let mut usage = None;
    let end =
        read(format, &mut [bytes].into_iter(), &mut Vec::new(), &mut |event| said.event(event, &mut usage));
    said.failed = end.is_err();
    // Messages cannot say that nothing was counted: it says zero.
    said.usage = usage.map(|usage| (usage.input(), usage.output())).filter(|counts| *counts != (0, 0));
    said
}

impl Said {
    fn event(&mut self, event: Event<'_>, usage: &mut Option<Usage>) {
        match event {
            Event::Delta { choice: 0, delta } => match delta {
                Delta::Text(text) | Delta::Refusal(text) => self.text.push_str(&text),
                Delta::Reasoning(text) => self.reasoning.push_str(&text),
                Delta::Signature(seal) | Delta::RedactedReasoning(seal) => {
                    self.signatures.push(seal.to_string());
                }
                Delta::ToolCall { id, name, .. } => {
                    self.calls.push((id.to_string(), name.to_string(), String::new()));
                }
                Delta::Arguments { index, json } => self.calls[index as usize].2.push_str(&json),
                Delta::Citation(citation) if citation.source == Source::Other => {}
                Delta::Citation(citation) => {
                    let (address, title) = citation.source.names();
                    let all = Span { start: 0, end: characters(&self.text) };
                    let name = title.or(address).unwrap_or_default().to_owned();
                    self.citations.push((name, citation.span.unwrap_or(all)));
                }
            },
            Event::Finish { choice: 0, finish } => {
                self.finish = Some(finish.reason);
                self.stop_text = finish.stop_sequence.is_some();
            }
            Event::Usage(told) => *usage = Some(told),
            _ => {}
        }
    }

    /// The same, as far as `caller`'s format can say it.
    pub fn in_words_of(&self, caller: Protocol) -> Self {
        let mut said = self.clone();
        // What had been told before is not told by all formats: Messages keeps why an answer ended until the end.
        if said.failed {
            (said.usage, said.finish) = (None, None);
        }
        if caller == Protocol::OpenaiChat {
            said.finish = said.finish.map(|finish| match finish {
                FinishReason::ContextWindow => FinishReason::Length,
                FinishReason::Pause => FinishReason::Stop,
                FinishReason::StopSequence if !said.stop_text => FinishReason::Stop,
                other => other,
            });
        }
        if matches!(caller, Protocol::OpenaiResponses | Protocol::Gemini) {
            said.finish = said.finish.map(|finish| match finish {
                FinishReason::ContextWindow => FinishReason::Length,
                FinishReason::Pause | FinishReason::StopSequence => FinishReason::Stop,
                other => other,
            });
        }
        // What is held back for the end is not told where there is none.
        if caller == Protocol::Gemini && said.failed {
            said.calls.clear();
            said.citations.clear();
            said.signatures.clear();
            said.finish = None;
        }
        // Messages says only behind which words a citation stands, and a cut stream may not tell those of its last ones.
        if caller == Protocol::AnthropicMessages {
            said.citations.iter_mut().for_each(|(_, span)| *span = Span::default());
        }
        said.citations.sort();
        said.citations.dedup();
        said.stop_text = false;
        for (_, _, arguments) in &mut said.calls {
            let broken = caller == Protocol::Gemini
                && serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_err();
            if arguments.is_empty() || broken {
                "{}".clone_into(arguments);
            }
        }
        said
    }
}
