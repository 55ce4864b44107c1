//! What holds for any input: nothing panics, and a stream's blocks keep their order.

use proptest::{collection::vec, prelude::*};
use sluice_types::{
    answer::{Finish, FinishReason},
    event::{Delta, Event},
    usage::Usage,
};

use super::*;
use crate::{
    format::{Dialect, Meta, Target},
    frames::Frame,
    sse::Decoder,
};

fn meta(same_format: bool) -> Meta<'static> {
    Meta {
        id: "msg_1",
        created: 0,
        model: "m",
        note: None,
        include_usage: true,
        same_format,
        json_array: false,
        searched: None,
    }
}

/// JSON made of this format's own words, so that it gets past the first check.
fn json() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "type",
        "text",
        "model",
        "messages",
        "role",
        "content",
        "user",
        "assistant",
        "system",
        "tool_use",
        "tool_result",
        "thinking",
        "image",
        "source",
        "base64",
        "data",
        "id",
        "name",
        "input",
        "tools",
        "max_tokens",
        "input_schema",
        "tool_choice",
        "delta",
        "index",
        "content_block",
        "message",
        "usage",
        "stop_reason",
        "error",
        "content_block_delta",
        "content_block_start",
        "message_start",
        "message_delta",
        "partial_json",
        "signature",
    ]);
    let string = prop_oneof![
        word.clone().prop_map(str::to_owned),
        "\\PC{0,4}".prop_map(|text| text.replace(['"', '\\'], "")),
    ]
    .prop_map(|text| format!("\"{text}\""));
    let leaf = prop_oneof![
        4 => string,
        1 => Just("null".to_owned()),
        1 => Just("true".to_owned()),
        1 => (-3_i64..3_000_000_000_000).prop_map(|number| number.to_string()),
        1 => Just("1.5e3".to_owned()),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            vec((word.clone(), inner), 0..6).prop_map(|members| {
                let members: Vec<String> =
                    members.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// A request that is whole but for the blocks of its messages.
fn request() -> impl Strategy<Value = String> {
    let block = prop_oneof![
        Just(r#"{"type":"text","text":"a\n"}"#.to_owned()),
        Just(r#"{"type":"text","text":" "}"#.to_owned()),
        Just(r#"{"type":"thinking","thinking":"t","signature":"s"}"#.to_owned()),
        (0..3).prop_map(|id| format!(r#"{{"type":"tool_use","id":"{id}","name":"f","input":{{"a":1}}}}"#)),
        (0..3).prop_map(|id| format!(r#"{{"type":"tool_result","tool_use_id":"{id}","content":"r"}}"#)),
        Just(r#"{"type":"image","source":{"type":"url","url":"u"}}"#.to_owned()),
        Just(r#"{"type":"novelty"}"#.to_owned()),
    ];
    let message = (any::<bool>(), vec(block, 0..4)).prop_map(|(user, blocks)| {
        let role = if user { "user" } else { "assistant" };
        format!(r#"{{"role":"{role}","content":[{}]}}"#, blocks.join(","))
    });
    vec(message, 1..6)
        .prop_map(|messages| format!(r#"{{"model":"m","max_tokens":9,"messages":[{}]}}"#, messages.join(",")))
}

fn event() -> impl Strategy<Value = Event<'static>> {
    let index = 0..3_u32;
    let text = prop::sample::select(vec!["", " ", "a", "{", "\"\n\u{2028}"]);
    let delta = prop_oneof![
        text.clone().prop_map(|text| Delta::Text(text.into())),
        text.clone().prop_map(|text| Delta::Reasoning(text.into())),
        text.clone().prop_map(|text| Delta::Signature(text.into())),
        text.clone().prop_map(|text| Delta::RedactedReasoning(text.into())),
        text.clone().prop_map(|text| Delta::Refusal(text.into())),
        index.clone().prop_map(|index| Delta::ToolCall { index, id: "t".into(), name: "f".into() }),
        (index, text).prop_map(|(index, text)| Delta::Arguments { index, json: text.into() }),
    ];
    prop_oneof![
        8 => (0..2_u32, delta).prop_map(|(choice, delta)| Event::Delta { choice, delta }),
        1 => Just(Event::Start { id: "a".into(), model: "b".into(), created: None }),
        1 => Just(Event::Usage(Usage::default())),
        1 => Just(Event::Finish { choice: 0, finish: Finish::plain(FinishReason::Stop) }),
        1 => Just(Event::End),
    ]
}

/// Follows a stream as a strict client does; the error it ends with, if it does.
fn follow(bytes: &[u8]) -> Result<(), String> {
    let mut decoder = Decoder::default();
    decoder.push(bytes);
    let (mut started, mut open, mut next, mut stopped) = (false, None::<u64>, 0_u64, false);
    while let Some(frame) = decoder.next().map_err(|error| error.to_string())? {
        let value: serde_json::Value = serde_json::from_str(frame.data).map_err(|error| error.to_string())?;
        let kind = value["type"].as_str().ok_or("a frame without a type")?;
        if frame.event != Some(kind) {
            return Err(format!("{kind} is called {:?}", frame.event));
        }
        if stopped || (!started && kind != "message_start") {
            return Err(format!("{kind} out of place"));
        }
        let index = value["index"].as_u64();
        match kind {
            "message_start" if started => return Err("started twice".into()),
            "message_start" => started = true,
            "content_block_start" if open.is_none() && index == Some(next) => open = index,
            "content_block_delta" if open.is_some() && open == index => {}
            "content_block_stop" if open.is_some() && open == index => {
                open = None;
                next += 1;
            }
            "message_delta" if open.is_none() => {}
            "message_stop" | "error" if open.is_none() => stopped = true,
            _ => return Err(format!("{kind} out of order: {value}")),
        }
    }
    if stopped { Ok(()) } else { Err("no end".into()) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_never_panic(bytes in vec(any::<u8>(), 0..64)) {
        let _ = read_request(&bytes);
        let _ = read_answer(&bytes);
        let _ = read_count(&bytes);
        let _ = read_error(400, &bytes, None);
    }

    #[test]
    fn json_never_panics_and_what_is_read_can_be_written(json in json()) {
        let dialect = Dialect::default();
        if let Ok(request) = read_count_request(json.as_bytes()) {
            for same_format in [false, true] {
                let target =
                    Target { model: "m", dialect: &dialect, strict: false, default_max_tokens: None, same_format };
                if let Ok(written) = write_request(&request, &target) {
                    read_request(&written.body).unwrap();
                }
                let _ = patch_request(json.as_bytes(), &target);
            }
        }
        if let Ok(answer) = read_answer(json.as_bytes()) {
            read_answer(&write_answer(&answer, &meta(true))).unwrap();
        }
        let _ = read_error(400, json.as_bytes(), None);
        let mut reader = Reader::default();
        reader.frame(&Frame { event: None, data: &json, raw: b"" }, &mut |_| {});
        reader.frame(&Frame { event: Some("content_block_start"), data: &json, raw: b"" }, &mut |_| {});
        reader.finish(&mut |_| {});
    }

    #[test]
    fn a_written_request_keeps_the_formats_order(json in request()) {
        let dialect = Dialect::default();
        let target = Target {
            model: "m", dialect: &dialect, strict: false, default_max_tokens: None, same_format: false,
        };
        let request = read_request(json.as_bytes()).unwrap();
        let Ok(written) = write_request(&request, &target) else { return Ok(()) };
        let value: serde_json::Value = serde_json::from_slice(&written.body).unwrap();
        let messages = value["messages"].as_array().unwrap();
        for pair in messages.windows(2) {
            prop_assert_ne!(&pair[0]["role"], &pair[1]["role"]);
        }
        for message in messages.iter().filter(|message| message["role"] == "user") {
            let Some(blocks) = message["content"].as_array() else { continue };
            prop_assert!(!blocks.is_empty());
            let results: Vec<bool> = blocks.iter().map(|block| block["type"] == "tool_result").collect();
            prop_assert!(results.is_sorted_by(|a, b| a >= b), "results come first: {}", message);
        }
    }

    #[test]
    fn blocks_keep_their_order_whatever_comes(events in vec(event(), 0..24)) {
        let (mut writer, mut out) = (Writer::new(&meta(false)), Vec::new());
        for event in &events {
            writer.event(event, &mut out);
        }
        writer.end(None, None, &mut out);
        prop_assert_eq!(follow(&out), Ok(()), "{}", String::from_utf8_lossy(&out));
    }
}
