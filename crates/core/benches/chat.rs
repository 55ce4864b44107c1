//! What the core costs by itself, without a host: a request read and sent on, an answer read, a streamed chunk relayed.
//! `cargo xtask bench` runs these and takes their numbers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench fails by panicking")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use serde_json::json;
use sluice_core::relay::Relay;
use sluice_providers::format::{Chat, Dialect, Meta, Protocol, Target};
use sluice_types::{json::Raw, usage::Usage};

const FORMATS: [Protocol; 2] = [Protocol::OpenaiChat, Protocol::AnthropicMessages];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    request(&mut criterion);
    answer(&mut criterion);
    chunk(&mut criterion);
    criterion.final_summary();
}

/// A conversation of about `size` bytes: read and patched, as for a target of the caller's own format; read and written
/// anew, as for any other.
fn request(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request");
    for (name, size) in [("1 KB", 1_000), ("100 KB", 100_000)] {
        for caller in FORMATS {
            let body = conversation(size);
            for upstream in FORMATS.map(Protocol::format) {
                let dialect = Dialect::default();
                let target = Target {
                    model: "upstream-model",
                    dialect: &dialect,
                    strict: false,
                    default_max_tokens: Some(4096),
                    same_format: upstream == caller.format(),
                };
                let id = BenchmarkId::new(format!("{} to {}", caller.name(), upstream.name()), name);
                group.bench_function(id, |bencher| {
                    bencher.iter(|| {
                        let body = black_box(&body);
                        let request = caller.read_request(body).unwrap();
                        if upstream == caller.format() {
                            caller.patch_request(body, &target).unwrap()
                        } else {
                            upstream.write_request(&request, &target).unwrap()
                        }
                    });
                });
            }
        }
    }
    group.finish();
}

/// A provider's whole answer of 1 KB of text, read.
fn answer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("answer");
    for format in FORMATS {
        let format = format.format();
        let body = whole_answer(format);
        group.bench_function(format.name(), |bencher| {
            bencher.iter(|| format.read_answer(black_box(&body)).unwrap().usage);
        });
    }
    group.finish();
}

/// One text delta of a stream that has begun, relayed.
fn chunk(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chunk");
    for upstream in FORMATS.map(Protocol::format) {
        for caller in FORMATS {
            let (opening, delta) = stream(upstream);
            let meta = Meta {
                id: "req_0",
                created: 0,
                model: "bench",
                note: None,
                include_usage: true,
                same_format: upstream == caller.format(),
                json_array: false,
            };
            let note = |_: &Usage| -> Option<Raw<'static>> { None };
            let mut relay = Relay::new(upstream, caller, true, &meta, 0);
            let mut out = Vec::new();
            relay.push(opening.as_bytes(), &note, &mut out).unwrap();
            group.bench_function(format!("{} to {}", upstream.name(), caller.name()), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    relay.push(black_box(delta.as_bytes()), &note, &mut out).unwrap();
                    assert!(!out.is_empty());
                });
            });
        }
    }
    group.finish();
}

/// A caller's request, the same in both formats.
fn conversation(size: usize) -> Vec<u8> {
    let turns = (size / 250).max(1);
    let turns = (0..turns).map(|number| {
        let role = if number % 2 == 0 { "user" } else { "assistant" };
        json!({"role": role, "content": format!("{number}. {}", "Some words, \"quoted\",\nand a line. ".repeat(6))})
    });
    let body = json!({
        "model": "bench",
        "max_tokens": 512,
        "temperature": 0.5,
        "messages": turns.collect::<Vec<_>>(),
        "stream": true,
    });
    body.to_string().into_bytes()
}

fn whole_answer(format: Chat) -> Vec<u8> {
    let text = "Some words, \"quoted\",\nand a line. ".repeat(30);
    let body = match format {
        Chat::OpenaiChat => json!({
            "id": "chatcmpl-0", "object": "chat.completion", "created": 1_760_000_000, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": null},
                "finish_reason": "stop", "logprobs": null}],
            "usage": {"prompt_tokens": 22, "completion_tokens": 240, "total_tokens": 262,
                "prompt_tokens_details": {"cached_tokens": 5}, "completion_tokens_details": {"reasoning_tokens": 0}},
        }),
        Chat::AnthropicMessages => json!({
            "id": "msg_0", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 17, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 0,
                "output_tokens": 240},
        }),
        other => panic!("no sample of {}", other.name()),
    };
    body.to_string().into_bytes()
}

/// The opening frames of a stream, and one text delta.
fn stream(format: Chat) -> (String, String) {
    match format {
        Chat::OpenaiChat => {
            let frame = |delta: serde_json::Value| {
                let chunk = json!({
                    "id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": "m",
                    "service_tier": "default", "system_fingerprint": "fp_0",
                    "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": null}], "usage": null,
                });
                format!("data: {chunk}\n\n")
            };
            (
                frame(json!({"role": "assistant", "content": "", "refusal": null})),
                frame(json!({"content": " word"})),
            )
        }
        Chat::AnthropicMessages => {
            let frame = |event: serde_json::Value| {
                let name = event.get("type").and_then(serde_json::Value::as_str).unwrap_or_default();
                format!("event: {name}\ndata: {event}\n\n")
            };
            let start = frame(json!({"type": "message_start", "message": {
                "id": "msg_0", "type": "message", "role": "assistant", "model": "m", "content": [],
                "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 17, "output_tokens": 1}}}));
            let block = frame(json!({"type": "content_block_start", "index": 0,
                "content_block": {"type": "text", "text": ""}}));
            let delta = frame(json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "text_delta", "text": " word"}}));
            (start + &block, delta)
        }
        other => panic!("no sample of {}", other.name()),
    }
}
