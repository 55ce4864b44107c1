//! Samples in every format: requests, answers, and the frames of a stream that `tests/cases` holds.

use std::path::Path;

use serde_json::{Value, json};
use sluice_providers::{
    format::{Chat, Protocol, Reader},
    frames::{Decoder, Framing},
};
use sluice_types::event::{Delta, Event};

/// A caller's request of about `size` bytes, the same conversation in every protocol.
#[allow(dead_code, reason = "not every user needs all samples")]
pub fn request(caller: Protocol, size: usize) -> Vec<u8> {
    let turns = (0..(size / 250).max(1)).map(|number| {
        let text = format!("{number}. {}", "Some words, \"quoted\",\nand a line. ".repeat(6));
        (number % 2 == 1, text)
    });
    let messages = turns.clone().map(|(answer, text)| {
        let role = if answer { "assistant" } else { "user" };
        json!({"role": role, "content": text})
    });
    let body = match caller {
        Protocol::OpenaiChat | Protocol::AnthropicMessages => json!({
            "model": "bench", "max_tokens": 512, "temperature": 0.5, "messages": messages.collect::<Value>(),
            "stream": true,
        }),
        Protocol::OpenaiResponses => json!({
            "model": "bench", "max_output_tokens": 512, "temperature": 0.5, "input": messages.collect::<Value>(),
            "stream": true,
        }),
        Protocol::Gemini => {
            let contents = turns.map(|(answer, text)| {
                let role = if answer { "model" } else { "user" };
                json!({"role": role, "parts": [{"text": text}]})
            });
            json!({
                "contents": contents.collect::<Value>(),
                "generationConfig": {"maxOutputTokens": 512, "temperature": 0.5},
            })
        }
    };
    body.to_string().into_bytes()
}

/// A provider's whole answer of 1 KB of text.
#[allow(dead_code, reason = "not every user needs all samples")]
pub fn answer(format: Chat) -> Vec<u8> {
    let text = "Some words, \"quoted\",\nand a line. ".repeat(30);
    let body = match format {
        Chat::OpenaiChat => json!({
            "id": "chatcmpl-0", "object": "chat.completion", "created": 1_760_000_000, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": null},
                "finish_reason": "stop", "logprobs": null}],
            "usage": {"prompt_tokens": 22, "completion_tokens": 240, "total_tokens": 262,
                "prompt_tokens_details": {"cached_tokens": 5}, "completion_tokens_details": {"reasoning_tokens": 0}},
        }),
        Chat::OpenaiResponses => json!({
            "id": "resp_0", "object": "response", "created_at": 1_760_000_000, "model": "m", "status": "completed",
            "output": [{"id": "msg_0", "type": "message", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": text, "annotations": []}]}],
            "usage": {"input_tokens": 22, "input_tokens_details": {"cached_tokens": 5}, "output_tokens": 240,
                "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 262},
        }),
        Chat::AnthropicMessages => json!({
            "id": "msg_0", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 17, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 0,
                "output_tokens": 240},
        }),
        Chat::Gemini => json!({
            "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 22, "cachedContentTokenCount": 5, "candidatesTokenCount": 240,
                "totalTokenCount": 262},
            "modelVersion": "m", "responseId": "r",
        }),
        Chat::CohereChat => json!({
            "id": "c", "message": {"role": "assistant", "content": [{"type": "text", "text": text}]},
            "finish_reason": "COMPLETE",
            "usage": {"billed_units": {"input_tokens": 22, "output_tokens": 240},
                "tokens": {"input_tokens": 22, "output_tokens": 240}},
        }),
        Chat::BedrockConverse => json!({
            "output": {"message": {"role": "assistant", "content": [{"text": text}]}}, "stopReason": "end_turn",
            "usage": {"inputTokens": 17, "outputTokens": 240, "totalTokens": 262, "cacheReadInputTokens": 5},
            "metrics": {"latencyMs": 900},
        }),
        Chat::OllamaChat => json!({
            "model": "m", "created_at": "2025-10-09T08:53:20Z", "message": {"role": "assistant", "content": text},
            "done_reason": "stop", "done": true, "prompt_eval_count": 22, "eval_count": 240,
        }),
        Chat::WorkersAi => json!({
            "result": {"response": text,
                "usage": {"prompt_tokens": 22, "completion_tokens": 240, "total_tokens": 262}},
            "success": true, "errors": [], "messages": [],
        }),
    };
    body.to_string().into_bytes()
}

/// A stream that goes on and on.
pub struct Stream {
    /// The frames before the first text.
    pub opening: Vec<u8>,
    /// A frame that holds text and nothing else.
    pub delta: Vec<u8>,
    /// How much text it holds.
    #[allow(dead_code, reason = "not every user needs all samples")]
    pub text_bytes: usize,
}

/// The beginning of the case `text`.
pub fn stream(format: Chat) -> Stream {
    let extension = match format.framing() {
        Framing::Sse => "sse",
        Framing::Lines => "ndjson",
        Framing::EventStream => "bin",
    };
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/stream");
    let bytes = std::fs::read(cases.join(format.name()).join("text").with_extension(extension)).unwrap();
    let (mut decoder, mut reader) = (Decoder::new(format.framing()), Reader::new(format));
    decoder.push(&bytes);
    let mut opening = Vec::new();
    while let Some(frame) = decoder.next().unwrap() {
        let (mut text_bytes, mut finished) = (0, false);
        reader.frame(&frame, &mut |event| match event {
            Event::Delta { delta: Delta::Text(text), .. } => text_bytes += text.len(),
            Event::Finish { .. } | Event::End => finished = true,
            _ => {}
        });
        if 0 < text_bytes && !finished {
            return Stream { opening, delta: frame.raw.to_vec(), text_bytes };
        }
        opening.extend_from_slice(frame.raw);
    }
    panic!("the case `text` of {} holds no text delta", format.name())
}
