//! Answers, whole and as streams.

use super::{Request, seal};
use crate::mock::answer::{Answer, Kind, Part, Stop, Usage};
use crate::mock::ask::quote;
use crate::mock::fault::UsageAt;
use crate::mock::openai_chat::CREATED;
use crate::mock::reply::{Frame, When};

/// The whole answer.
pub fn json(request: &Request, answer: &Answer, usage: UsageAt) -> String {
    let items: Vec<String> = said(request, answer)
        .enumerate()
        .map(|(index, part)| item(request, answer, part, index, false))
        .collect();
    let usage = if usage == UsageAt::Nowhere { "null".into() } else { tokens(&answer.usage) };
    let (status, details) = status(&answer.stop);
    response(request, status, details, &items.join(","), &usage)
}

/// The parts that this format tells.
fn said<'a>(request: &Request, answer: &'a Answer) -> impl Iterator<Item = &'a Part> {
    let thinks = request.ask.think || request.ask.has("think");
    answer.parts.iter().filter(move |part| match part.kind {
        Kind::Redacted => false,
        Kind::Thinking => thinks,
        Kind::Text | Kind::Refusal | Kind::Call { .. } => true,
    })
}

fn response(request: &Request, status: &str, details: &str, items: &str, usage: &str) -> String {
    let ask = &request.ask;
    let instructions = if ask.system.is_empty() { "null".into() } else { quote(&ask.system) };
    format!(
        r#"{{"id":"resp_{:016x}","object":"response","created_at":{CREATED},"status":"{status}","background":false,"error":null,"incomplete_details":{details},"instructions":{instructions},"max_output_tokens":null,"model":{},"output":[{items}],"parallel_tool_calls":{},"previous_response_id":null,"reasoning":{{"effort":null,"summary":null}},"service_tier":"default","store":false,"temperature":1.0,"text":{{"format":{{"type":"text"}},"verbosity":"medium"}},"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled","usage":{usage},"user":null,"metadata":{{}}}}"#,
        ask.seed,
        quote(&ask.model),
        ask.parallel,
    )
}

fn status(stop: &Stop) -> (&'static str, &'static str) {
    match stop {
        Stop::End | Stop::Calls | Stop::Sequence(_) | Stop::Refusal => ("completed", "null"),
        Stop::Length => ("incomplete", r#"{"reason":"max_output_tokens"}"#),
        Stop::Filter => ("incomplete", r#"{"reason":"content_filter"}"#),
    }
}

/// An item; `begun` as it is when it begins.
fn item(request: &Request, answer: &Answer, part: &Part, index: usize, begun: bool) -> String {
    let text = if begun { String::new() } else { part.text() };
    let id = id(request, part, index);
    let last = said(request, answer).count() == index + 1;
    let status = match answer.stop {
        _ if begun => "in_progress",
        Stop::Length if last => "incomplete",
        _ => "completed",
    };
    match &part.kind {
        Kind::Thinking | Kind::Redacted => {
            let summary = if request.summary && !text.is_empty() { summary(&text) } else { String::new() };
            let sealed = if request.sealed {
                format!(r#","encrypted_content":"{}""#, seal(&id))
            } else {
                String::new()
            };
            format!(r#"{{"id":"{id}","type":"reasoning","summary":[{summary}]{sealed}}}"#)
        }
        Kind::Text | Kind::Refusal => {
            let content = if begun { String::new() } else { content(part, &text) };
            format!(
                r#"{{"id":"{id}","type":"message","status":"{status}","content":[{content}],"role":"assistant"}}"#
            )
        }
        Kind::Call { name, number } => format!(
            r#"{{"id":"{id}","type":"function_call","status":"{status}","arguments":{},"call_id":"call_{:012x}{number}","name":"{name}"}}"#,
            quote(&text),
            request.ask.seed & 0xffff_ffff_ffff,
        ),
    }
}

fn id(request: &Request, part: &Part, index: usize) -> String {
    let prefix = match part.kind {
        Kind::Thinking | Kind::Redacted => "rs",
        Kind::Text | Kind::Refusal => "msg",
        Kind::Call { .. } => "fc",
    };
    format!("{prefix}_{:016x}{index}", request.ask.seed)
}

fn summary(text: &str) -> String {
    format!(r#"{{"type":"summary_text","text":{}}}"#, quote(text))
}

fn content(part: &Part, text: &str) -> String {
    let text = quote(text);
    match part.kind {
        Kind::Refusal => format!(r#"{{"type":"refusal","refusal":{text}}}"#),
        _ => format!(r#"{{"type":"output_text","annotations":[],"logprobs":[],"text":{text}}}"#),
    }
}

/// The answer as a stream.
pub fn frames(request: &Request, answer: &Answer, usage: UsageAt) -> Vec<Frame> {
    let mut stream = Stream { frames: Vec::new() };
    for kind in ["response.created", "response.in_progress"] {
        let response = response(request, "in_progress", "null", "", "null");
        stream.push(When::Head, kind, &format!(r#""response":{response}"#));
    }
    for (index, part) in said(request, answer).enumerate() {
        stream.part(request, answer, part, index);
    }
    let kind = format!("response.{}", status(&answer.stop).0);
    stream.push(When::Tail, &kind, &format!(r#""response":{}"#, json(request, answer, usage)));
    stream.frames
}

struct Stream {
    frames: Vec<Frame>,
}

impl Stream {
    fn push(&mut self, when: When, kind: &str, rest: &str) {
        let number = self.frames.len();
        let text =
            format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{number},{rest}}}\n\n");
        self.frames.push(Frame::new(when, text));
    }

    fn part(&mut self, request: &Request, answer: &Answer, part: &Part, index: usize) {
        let place = format!(r#""item_id":"{}","output_index":{index}"#, id(request, part, index));
        let begun = item(request, answer, part, index, true);
        let is_call = matches!(part.kind, Kind::Call { .. });
        let when = if is_call { When::Token } else { When::Head };
        self.push(when, "response.output_item.added", &format!(r#""output_index":{index},"item":{begun}"#));
        match &part.kind {
            Kind::Thinking if request.summary => self.thought(part, &place),
            Kind::Thinking | Kind::Redacted => {}
            Kind::Text => self.said(part, &place, "output_text", "text", r#","logprobs":[]"#),
            Kind::Refusal => self.said(part, &place, "refusal", "refusal", ""),
            Kind::Call { name, .. } => {
                for token in &part.tokens {
                    let delta = format!(r#"{place},"delta":{}"#, quote(token));
                    self.push(When::Token, "response.function_call_arguments.delta", &delta);
                }
                let done = format!(r#"{place},"name":"{name}","arguments":{}"#, quote(&part.text()));
                self.push(When::Head, "response.function_call_arguments.done", &done);
            }
        }
        let done = item(request, answer, part, index, false);
        self.push(
            When::Head,
            "response.output_item.done",
            &format!(r#""output_index":{index},"item":{done}"#),
        );
    }

    fn thought(&mut self, part: &Part, place: &str) {
        let place = format!(r#"{place},"summary_index":0"#);
        let (begun, whole) = (summary(""), summary(&part.text()));
        self.push(When::Head, "response.reasoning_summary_part.added", &format!(r#"{place},"part":{begun}"#));
        for token in &part.tokens {
            let delta = format!(r#"{place},"delta":{}"#, quote(token));
            self.push(When::Token, "response.reasoning_summary_text.delta", &delta);
        }
        let done = format!(r#"{place},"text":{}"#, quote(&part.text()));
        self.push(When::Head, "response.reasoning_summary_text.done", &done);
        self.push(When::Head, "response.reasoning_summary_part.done", &format!(r#"{place},"part":{whole}"#));
    }

    fn said(&mut self, part: &Part, place: &str, kind: &str, member: &str, rest: &str) {
        let place = format!(r#"{place},"content_index":0"#);
        let begun = content(part, "");
        self.push(When::Head, "response.content_part.added", &format!(r#"{place},"part":{begun}"#));
        for token in &part.tokens {
            let delta = format!(r#"{place},"delta":{}{rest}"#, quote(token));
            self.push(When::Token, &format!("response.{kind}.delta"), &delta);
        }
        let done = format!(r#"{place},"{member}":{}{rest}"#, quote(&part.text()));
        self.push(When::Head, &format!("response.{kind}.done"), &done);
        let whole = content(part, &part.text());
        self.push(When::Head, "response.content_part.done", &format!(r#"{place},"part":{whole}"#));
    }
}

/// Cached input is part of the input here, reasoning part of the output.
fn tokens(usage: &Usage) -> String {
    format!(
        r#"{{"input_tokens":{},"input_tokens_details":{{"cached_tokens":{},"cache_write_tokens":0}},"output_tokens":{},"output_tokens_details":{{"reasoning_tokens":{}}},"total_tokens":{}}}"#,
        usage.input,
        usage.cache_read,
        usage.output,
        usage.reasoning,
        usage.input + usage.output,
    )
}

/// The frame of an error inside a stream: `body` is what it is outside of one.
pub fn error_frame(body: &str) -> String {
    let inside = body.strip_prefix('{').unwrap_or(body);
    format!("event: error\ndata: {{\"type\":\"error\",\"sequence_number\":99,{inside}\n\n")
}
