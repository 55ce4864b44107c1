//! What holds for any bytes: frames do not depend on where the stream was cut, and nothing panics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

#[path = "support/frames.rs"]
mod support;

use std::time::Duration;

use proptest::{collection::vec, prelude::*, sample::select};
use sluice_providers::{
    forced_tool,
    format::{Chat, Dialect, ErrorHead, Meta, Protocol, Reader, Target, Writer, message, openai_embeddings},
    frames::{Decoder, FrameError, Framing, MAX_FRAME},
    tool_names,
};
use sluice_types::{
    answer::{Answer, Choice, Finish, FinishReason},
    chat::{OutputFormat, Part, Request, Tool},
    embeddings::Encoding,
    event::{Delta, Event},
    json::{Members, Raw},
};
use support::frames;

/// The formats that are fed with anything.
const CALLERS: &[Protocol] = &Protocol::ALL;
const UPSTREAMS: &[Chat] = &Chat::ALL;

/// The framings that any bytes are fed to.
const FRAMINGS: &[Framing] = &[Framing::Sse, Framing::Lines];

/// Bytes of which streams are made, and some of which they are not.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = vec![
        b"data: ",
        b"data:",
        b"data",
        b"event: x",
        b"event:",
        b"id: 1",
        b":",
        b": note",
        b"\n",
        b"\n\n",
        b"\r",
        b"\r\r",
        b"\r\n",
        b"\r\n\r\n",
        b"{\"a\":1}",
        b"[DONE]",
        "ä🐈".as_bytes(),
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xc3",
        b" ",
        b"\0",
    ];
    vec(select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

/// JSON that looks like what the formats hold.
fn json() -> impl Strategy<Value = String> {
    let words = [
        "model",
        "messages",
        "role",
        "content",
        "type",
        "text",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "choices",
        "delta",
        "index",
        "finish_reason",
        "usage",
        "prompt_tokens",
        "error",
        "message",
        "code",
        "image_url",
        "url",
        "data",
        "source",
        "tool_use",
        "input",
        "id",
        "thinking",
        "thinking_blocks",
        "signature",
        "content_block",
        "message_start",
        "input_tokens",
        "stop_reason",
        "system",
        "tools",
        "input_schema",
        "max_tokens",
        "embedding",
        "stop",
        "response_format",
        "json_schema",
        "reasoning_content",
        "function_call",
        "message_delta",
        "content_block_delta",
        "content_block_start",
        "user",
        "assistant",
        "output",
        "status",
        "incomplete",
        "reasoning",
        "encrypted_content",
        "summary",
        "effort",
        "format",
        "function_call_output",
        "call_id",
        "input_text",
        "output_text",
        "input_image",
        "input_file",
        "file_data",
        "item",
        "item_id",
        "output_index",
        "content_index",
        "response",
        "response.created",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "response.function_call_arguments.delta",
        "response.reasoning_summary_text.delta",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "contents",
        "parts",
        "systemInstruction",
        "generationConfig",
        "thinkingConfig",
        "thinkingBudget",
        "responseSchema",
        "responseMimeType",
        "properties",
        "nullable",
        "functionDeclarations",
        "functionCall",
        "functionResponse",
        "response",
        "args",
        "inlineData",
        "inline_data",
        "fileData",
        "mimeType",
        "fileUri",
        "thought",
        "thoughtSignature",
        "c2x1aWNlOnNlYWw6",
        "toolConfig",
        "functionCallingConfig",
        "candidates",
        "finishReason",
        "promptFeedback",
        "blockReason",
        "usageMetadata",
        "promptTokenCount",
        "extra_content",
        "google",
        "toolUse",
        "toolUseId",
        "reasoningContent",
        "reasoningText",
        "redactedContent",
        "stopReason",
        "inputTokens",
        "tool_plan",
        "finish_reason",
        "tool-call-start",
        "tool-call-delta",
        "content-delta",
        "message-end",
        "tokens",
        "done",
        "done_reason",
        "created_at",
        "eval_count",
        "result",
        "response",
        "success",
        "errors",
    ];
    let word = select(words.to_vec()).prop_map(|word| format!("{word:?}"));
    let leaf = prop_oneof![
        4 => word.clone(),
        1 => Just("null".to_owned()),
        1 => any::<bool>().prop_map(|value| value.to_string()),
        2 => any::<i64>().prop_map(|value| value.to_string()),
        1 => Just("-1e400".to_owned()),
        1 => Just("0.5".to_owned()),
        1 => Just("\"\\ud800\"".to_owned()),
        1 => Just("\"data:a/b;base64,\\/\"".to_owned()),
    ];
    leaf.prop_recursive(6, 60, 8, move |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            3 => vec((word.clone(), inner), 0..8).prop_map(|members| {
                let members: Vec<_> = members.into_iter().map(|(name, value)| format!("{name}:{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// Feeds `body` to everything that reads bytes, and what is read to everything that writes.
fn read_all(body: &[u8]) {
    let dialect = Dialect { drop: vec!["messages[].name".to_owned()], ..Dialect::default() };
    let target = |same_format| Target {
        model: "m",
        dialect: &dialect,
        strict: false,
        default_max_tokens: Some(1),
        same_format,
    };
    for &from in CALLERS {
        let _ = from.patch_request(body, &target(true));
        let Ok(request) = from.read_request(body) else { continue };
        for &to in UPSTREAMS {
            let Ok(written) = to.write_request(&request, &target(from.format() == to)) else { continue };
            let read = to.protocol().map(|protocol| protocol.read_request(&written.body));
            assert!(
                read.as_ref().is_none_or(Result::is_ok),
                "{from:?} as {to:?}: {read:?}\n{}",
                String::from_utf8_lossy(&written.body)
            );
        }
    }
    for &from in UPSTREAMS {
        let answer = from.read_answer(body);
        let head = ErrorHead { status: 400, retry_after: Some(Duration::ZERO), error_type: Some("a:b") };
        let failure = from.read_error(head, body);
        assert!(failure.message.chars().count() <= 1001);
        for &to in CALLERS {
            let same_format = from == to.format();
            let meta = Meta {
                id: "i",
                created: 0,
                model: "m",
                note: None,
                include_usage: true,
                same_format,
                json_array: false,
                searched: None,
            };
            if let Ok(answer) = &answer {
                let written = to.write_answer(answer, &meta);
                assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&written).is_ok());
            }
            let written = to.write_error(&failure, "r", &[]);
            assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&written).is_ok());
        }
    }
    let _ = openai_embeddings::read_request(body);
    let _ = openai_embeddings::answer_in(body, Encoding::Base64);
}

/// Feeds `bytes` to a stream's reader, and its events to a writer, whose frames must be JSON.
fn relay(bytes: &[u8], from: Chat, to: Protocol) {
    let meta = Meta {
        id: "i",
        created: 0,
        model: "m",
        note: None,
        include_usage: true,
        same_format: from == to.format(),
        json_array: false,
        searched: None,
    };
    let (mut decoder, mut reader, mut writer) =
        (Decoder::new(from.framing()), Reader::new(from), Writer::new(to, &meta));
    let mut out = Vec::new();
    let mut over = false;
    let mut emit = |event: Event<'_>| {
        assert!(!over, "{event:?} after the end");
        over = matches!(event, Event::End | Event::Failed(_));
        writer.event(&event, &mut out);
    };
    decoder.push(bytes);
    decoder.finish();
    while let Ok(Some(frame)) = decoder.next() {
        reader.frame(&frame, &mut emit);
    }
    reader.finish(&mut emit);
    writer.end(None, None, &mut out);
    for frame in frames(Framing::Sse, [out.as_slice()].into_iter()) {
        let (_, data, _) = frame.unwrap();
        assert!(data == "[DONE]" || serde_json::from_str::<serde::de::IgnoredAny>(&data).is_ok(), "{data}");
    }
}

/// The text that a forced call becomes, both whole and in `pieces`.
fn unwrapped<'p>(
    forced: &forced_tool::Forced,
    arguments: &str,
    pieces: impl IntoIterator<Item = &'p str>,
) -> String {
    let mut filter = forced_tool::Unwrap::new(forced.clone());
    let mut text = String::new();
    let mut emit = |event: Event<'_>| match event {
        Event::Delta { delta: Delta::Text(more), .. } => text.push_str(&more),
        Event::Delta { delta, .. } => panic!("{delta:?}"),
        Event::Finish { finish, .. } => assert_eq!(finish, Finish::plain(FinishReason::Stop)),
        _ => {}
    };
    let call = Delta::ToolCall { index: 0, id: "c".into(), name: forced.name().into() };
    filter.event(Event::Delta { choice: 0, delta: call }, &mut emit);
    for piece in pieces {
        let delta = Delta::Arguments { index: 0, json: piece.into() };
        filter.event(Event::Delta { choice: 0, delta }, &mut emit);
    }
    let finish = Finish { raw: Some("tool_calls".into()), ..Finish::plain(FinishReason::ToolCalls) };
    filter.event(Event::Finish { choice: 0, finish: finish.clone() }, &mut emit);

    let call = Part::ToolCall {
        id: "c".into(),
        name: forced.name().into(),
        arguments: arguments.into(),
        extra: Members::default(),
        cache: None,
    };
    let choice = Choice { index: 0, parts: vec![call], finish, extra: Members::default() };
    let answer = forced.unwrap_answer(Answer { choices: vec![choice], ..Answer::default() });
    assert!(matches!(&answer.choices[0].parts[..], [Part::Text { text: whole, .. }] if **whole == *text));
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frames_do_not_depend_on_where_the_stream_was_cut(bytes in stream(), cuts in vec(0..200_usize, 0..6)) {
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        for &framing in FRAMINGS {
            let whole = frames(framing, [bytes.as_slice()].into_iter());
            prop_assert_eq!(&frames(framing, cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]])), &whole);
            prop_assert_eq!(&frames(framing, bytes.chunks(1)), &whole);
            let mut rest = bytes.as_slice();
            for (_, data, raw) in whole.into_iter().flatten() {
                prop_assert!(!data.is_empty());
                let at = rest.windows(raw.len()).position(|window| window == raw);
                prop_assert!(at.is_some(), "a frame's bytes are the stream's");
                rest = &rest[at.unwrap() + raw.len()..];
            }
        }
    }

    #[test]
    fn no_bytes_make_anything_panic(bytes in vec(any::<u8>(), 0..200)) {
        for &framing in FRAMINGS {
            frames(framing, [bytes.as_slice()].into_iter());
        }
        read_all(&bytes);
        message::clean(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_json_makes_anything_panic(json in json(), frames in vec(json(), 0..6), body in vec(("[a-z_]{1,12}", json()), 0..6)) {
        read_all(json.as_bytes());
        let members: String = body.iter().map(|(name, value)| format!("{name:?}:{value},")).collect();
        let body = format!(r#"{{{members}"model":"m","max_tokens":5,"messages":[{{"role":"user","content":{json}}},{json}],"input":[{{"role":"user","content":{json}}},{json}]}}"#);
        read_all(body.as_bytes());
        let body = format!(r#"{{{members}"contents":[{{"role":"user","parts":[{{"text":"a"}},{json}]}},{{"role":"model","parts":[{json}]}}],"tools":[{json}],"generationConfig":{json}}}"#);
        read_all(body.as_bytes());
        let answer = format!(r#"{{"candidates":[{{"content":{{"parts":[{json}]}}}},{json}]}}"#);
        read_all(answer.as_bytes());
        let answer = format!(r#"{{"output":{{"message":{{"content":[{json}]}}}}}}"#);
        read_all(answer.as_bytes());
        let answer = format!(r#"{{"type":"message","content":{json},"choices":[{{"message":{json}}}],"data":[{json}],"output":[{json},{json}]}}"#);
        read_all(answer.as_bytes());
        read_all(format!(r#"{{"result":{json},"success":true}}"#).as_bytes());
        let events: String = frames.iter().map(|frame| {
            let items = ["response.output_item.added", "response.output_item.done"]
                .map(|kind| format!("data: {{\"type\":{kind:?},\"output_index\":0,\"item\":{frame}}}\n\n"));
            let gemini = format!("data: {{\"candidates\":[{{\"content\":{{\"parts\":[{frame}]}}}}]}}\n\n");
            let cohere = format!("event: tool-call-start\ndata: {{\"delta\":{{\"message\":{frame}}}}}\n\n");
            format!("data: {{\"choices\":[{{\"delta\":{frame}}}]}}\n\n{}{gemini}{cohere}data: {frame}\n\n", items.concat())
        }).collect();
        let lines: String = frames.iter().map(|frame| format!("{{\"message\":{frame}}}\n{frame}\n")).collect();
        for &from in UPSTREAMS {
            let stream = if from.framing() == Framing::Lines { &lines } else { &events };
            for &to in CALLERS {
                relay(stream.as_bytes(), from, to);
            }
        }
    }

    #[test]
    fn a_forced_answer_is_the_same_however_its_arguments_are_cut(
        value in json(), wrapped in any::<bool>(), space in select(vec!["", " ", "\n"]), cuts in vec(0..400_usize, 0..8)
    ) {
        let schema = if wrapped { r#"{"type":"array"}"# } else { r#"{"type":"object"}"# };
        let output = OutputFormat::Schema { name: None, description: None, schema: Raw::parse(schema).unwrap(), strict: None };
        let (_, forced) = forced_tool::force(&Request { output, ..Request::default() }).unwrap();
        let arguments = match wrapped {
            true => format!(r#"{space}{{{space}"answer"{space}:{space}{value}{space}}}"#),
            false => value.clone(),
        };
        prop_assert_eq!(unwrapped(&forced, &arguments, [&*arguments]), value.clone());
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(arguments.len())).chain([0, arguments.len()]).collect();
        cuts.retain(|cut| arguments.is_char_boundary(*cut));
        cuts.sort_unstable();
        prop_assert_eq!(unwrapped(&forced, &arguments, cuts.windows(2).map(|cut| &arguments[cut[0]..cut[1]])), value);
    }

    #[test]
    fn any_names_of_tools_are_sent_apart_and_come_back(names in vec(".{0,80}", 0..6)) {
        let tool = |name: &'_ String| Tool::Function {
            name: name.clone().into(), description: None, parameters: None, strict: None, cache: None,
        };
        let request = Request { tools: names.iter().map(tool).collect(), ..Request::default() };
        for format in Chat::ALL {
            let Some((renamed, back)) = tool_names::replace(&request, format) else {
                prop_assert!(names.iter().all(|name| tool_names::fits(name, format)));
                continue;
            };
            for (ours, tool) in names.iter().zip(&renamed.tools) {
                let Tool::Function { name, .. } = tool else { panic!("no function") };
                prop_assert!(tool_names::fits(name, format), "{name}");
                prop_assert_eq!(back.original(name).unwrap_or(name), ours);
            }
        }
    }

    #[test]
    fn secrets_never_come_through(secret in "[A-Za-z0-9]{20,40}", before in "[a-z ]{0,20}") {
        let told = message::clean(&format!("{before}: sk-{secret}9 and Bearer {secret}, \"gsk_{secret}9\""));
        prop_assert!(!told.contains(&secret), "{}", told);
    }
}

#[test]
fn a_large_frame_byte_by_byte_takes_linear_time() {
    let body = vec![b'x'; 4 << 20];
    for &framing in FRAMINGS {
        let mut decoder = Decoder::new(framing);
        decoder.push(b"data: ");
        for byte in &body {
            decoder.push(std::slice::from_ref(byte));
            assert_eq!(decoder.next().unwrap(), None);
        }
        decoder.push(b"\n\n");
        assert!(body.len() <= decoder.next().unwrap().unwrap().data.len());
    }
}

#[test]
fn a_frame_that_is_too_large_ends_the_stream() {
    let chunk = vec![b'x'; 1 << 20];
    for &framing in FRAMINGS {
        let mut decoder = Decoder::new(framing);
        decoder.push(b"data: ");
        for _ in 0..MAX_FRAME >> 20 {
            decoder.push(&chunk);
        }
        assert_eq!(decoder.next(), Err(FrameError::TooLarge));
        decoder.push(b"\n\ndata: y\n\n");
        assert_eq!(decoder.next(), Ok(None));
    }
}

#[test]
fn a_hundred_thousand_brackets_do_no_harm() {
    let deep = "[".repeat(100_000);
    read_all(deep.as_bytes());
    let closed = format!("{deep}{}", "]".repeat(100_000));
    read_all(closed.as_bytes());
    read_all(
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":{closed}}}],"x":{closed}}}"#)
            .as_bytes(),
    );
    relay(
        format!("data: {closed}\n\ndata: {{\"choices\":{closed}}}\n\n").as_bytes(),
        Chat::OpenaiChat,
        Protocol::OpenaiChat,
    );
}
