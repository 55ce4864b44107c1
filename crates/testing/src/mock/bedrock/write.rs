//! Answers: JSON, and frames of AWS's event stream, whose checksums are computed here a second time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::mock::answer::{self, Answer, Kind, Part, Stop, Usage};
use crate::mock::ask::{Ask, quote};
use crate::mock::fault::UsageAt;
use crate::mock::reply::{Frame, When};

/// The whole answer.
pub fn json(ask: &Ask, answer: &Answer, usage: UsageAt) -> String {
    let blocks: Vec<String> = answer.parts.iter().map(|part| block(ask, part)).collect();
    let usage = if usage == UsageAt::Nowhere { String::new() } else { format!(",{}", counts(&answer.usage)) };
    format!(
        r#"{{"output":{{"message":{{"role":"assistant","content":[{}]}}}},"stopReason":"{}"{usage},"metrics":{{"latencyMs":7}}}}"#,
        blocks.join(","),
        stop(&answer.stop),
    )
}

fn block(ask: &Ask, part: &Part) -> String {
    let text = part.text();
    match &part.kind {
        Kind::Thinking => format!(
            r#"{{"reasoningContent":{{"reasoningText":{{"text":{},"signature":"{}"}}}}}}"#,
            quote(&text),
            answer::signature(&text)
        ),
        Kind::Redacted => {
            format!(r#"{{"reasoningContent":{{"redactedContent":"{}"}}}}"#, STANDARD.encode(&text))
        }
        Kind::Text | Kind::Refusal => format!(r#"{{"text":{}}}"#, quote(&text)),
        Kind::Call { name, number } => format!(
            r#"{{"toolUse":{{"toolUseId":"{}","name":"{name}","input":{}}}}}"#,
            use_id(ask, *number),
            answer::arguments(part)
        ),
    }
}

/// The answer as a stream. Usage comes last of all.
pub fn frames(ask: &Ask, answer: &Answer, usage: UsageAt) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut push = |when, event: &str, payload: &str| {
        // Some filler, as the provider adds to hide how long a token is.
        let filled = format!(r#"{},"p":"abcdefgh"}}"#, payload.strip_suffix('}').unwrap_or(payload));
        frames.push(Frame::binary(when, message("event", event, &filled)));
    };
    push(When::Head, "messageStart", r#"{"role":"assistant"}"#);
    for (index, part) in answer.parts.iter().enumerate() {
        stream_part(ask, part, index, &mut push);
    }
    push(When::Tail, "messageStop", &format!(r#"{{"stopReason":"{}"}}"#, stop(&answer.stop)));
    let counts =
        if usage == UsageAt::Nowhere { String::new() } else { format!("{},", counts(&answer.usage)) };
    push(When::Tail, "metadata", &format!(r#"{{{counts}"metrics":{{"latencyMs":7}}}}"#));
    frames
}

fn stream_part(ask: &Ask, part: &Part, index: usize, push: &mut impl FnMut(When, &str, &str)) {
    let delta = |delta: &str| format!(r#"{{"contentBlockIndex":{index},"delta":{delta}}}"#);
    match &part.kind {
        Kind::Thinking => {
            for token in &part.tokens {
                let thought = format!(r#"{{"reasoningContent":{{"text":{}}}}}"#, quote(token));
                push(When::Token, "contentBlockDelta", &delta(&thought));
            }
            let signature = answer::signature(&part.text());
            let signature = format!(r#"{{"reasoningContent":{{"signature":"{signature}"}}}}"#);
            push(When::Head, "contentBlockDelta", &delta(&signature));
        }
        Kind::Redacted => {
            // In two pieces, each base64 by itself.
            let text = part.text();
            let (head, tail) = text.as_bytes().split_at(text.len() / 2);
            for piece in [head, tail] {
                let sealed = STANDARD.encode(piece);
                let sealed = format!(r#"{{"reasoningContent":{{"redactedContent":"{sealed}"}}}}"#);
                push(When::Token, "contentBlockDelta", &delta(&sealed));
            }
        }
        Kind::Text | Kind::Refusal => {
            for token in &part.tokens {
                push(When::Token, "contentBlockDelta", &delta(&format!(r#"{{"text":{}}}"#, quote(token))));
            }
        }
        Kind::Call { name, number } => {
            let id = use_id(ask, *number);
            let start = format!(
                r#"{{"contentBlockIndex":{index},"start":{{"toolUse":{{"toolUseId":"{id}","name":"{name}"}}}}}}"#
            );
            push(When::Token, "contentBlockStart", &start);
            // A tool without arguments sends no delta at all.
            let tokens: &[String] = if part.text() == "{}" { &[] } else { &part.tokens };
            for token in tokens {
                let input = format!(r#"{{"toolUse":{{"input":{}}}}}"#, quote(token));
                push(When::Token, "contentBlockDelta", &delta(&input));
            }
        }
    }
    push(When::Head, "contentBlockStop", &format!(r#"{{"contentBlockIndex":{index}}}"#));
}

fn use_id(ask: &Ask, number: usize) -> String {
    format!("tooluse_{:016x}{number}", ask.seed)
}

fn stop(stop: &Stop) -> &'static str {
    match stop {
        Stop::End => "end_turn",
        Stop::Calls => "tool_use",
        Stop::Length => "max_tokens",
        Stop::Sequence(_) => "stop_sequence",
        Stop::Refusal => "content_filtered",
        Stop::Filter => "guardrail_intervened",
    }
}

/// The member `usage`: cached input is not part of `inputTokens`.
fn counts(usage: &Usage) -> String {
    let fresh = usage.input.saturating_sub(usage.cache_read + usage.cache_write);
    let (short, long) = (usage.cache_write - usage.cache_write / 3, usage.cache_write / 3);
    format!(
        r#""usage":{{"inputTokens":{fresh},"outputTokens":{},"totalTokens":{},"cacheReadInputTokens":{},"cacheWriteInputTokens":{},"cacheDetails":[{{"ttl":"1h","inputTokens":{long}}},{{"ttl":"5m","inputTokens":{short}}}]}}"#,
        usage.output,
        usage.input + usage.output,
        usage.cache_read,
        usage.cache_write,
    )
}

/// An error's body. Its type stands in a header.
pub fn error(message: &str) -> String {
    format!(r#"{{"message":{}}}"#, quote(message))
}

/// What the header `x-amzn-errortype` says.
pub fn error_type(status: u16) -> &'static str {
    match status {
        400 => "ValidationException",
        401 | 403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 => "ModelTimeoutException",
        424 => "ModelErrorException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        _ => "InternalServerException",
    }
}

/// A frame that tells an exception.
pub fn exception(name: &str, message_text: &str) -> Vec<u8> {
    message("exception", name, &Value::from_iter([("message", message_text)]).to_string())
}

/// A frame with a wrong bit in it.
pub fn damaged() -> Vec<u8> {
    let mut bytes = message("event", "contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"x"}}"#);
    if let Some(byte) = bytes.last_mut() {
        *byte ^= 1;
    }
    bytes
}

/// One message of AWS's event stream.
fn message(kind: &str, name: &str, payload: &str) -> Vec<u8> {
    let mut headers = Vec::new();
    for (header, value) in [
        (format!(":{kind}-type"), name),
        (":content-type".into(), "application/json"),
        (":message-type".into(), kind),
    ] {
        headers.push(header.len() as u8);
        headers.extend_from_slice(header.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let total = 16 + headers.len() + payload.len();
    let mut bytes = Vec::with_capacity(total);
    bytes.extend_from_slice(&(total as u32).to_be_bytes());
    bytes.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&crc(&bytes).to_be_bytes());
    bytes.extend_from_slice(&headers);
    bytes.extend_from_slice(payload.as_bytes());
    bytes.extend_from_slice(&crc(&bytes).to_be_bytes());
    bytes
}

/// CRC-32 as in gzip, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mock::ask::Tool;

    /// The event and the payload of a message, its lengths and checksums checked.
    fn read(bytes: &[u8]) -> (String, Value) {
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(number(0) as usize, bytes.len());
        assert_eq!(number(8), crc(&bytes[..8]));
        assert_eq!(number(bytes.len() - 4), crc(&bytes[..bytes.len() - 4]));
        let end = 12 + number(4) as usize;
        let headers = String::from_utf8_lossy(&bytes[12..end]).into_owned();
        let name = headers.split("-type\u{7}\0").nth(1).unwrap();
        let name = name.split(|c: char| !c.is_alphanumeric()).find(|word| 1 < word.len()).unwrap();
        (name.to_owned(), serde_json::from_slice(&bytes[end..bytes.len() - 4]).unwrap())
    }

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_stream_and_a_whole_answer_say_the_same() {
        let schema = json!({ "type": "object", "properties": { "q": { "type": "string" } } });
        let ask = Ask {
            prompt: "[[tool]] [[preamble]] [[think]] [[redacted]]".into(),
            tools: vec![Tool { name: "f".into(), schema }],
            parallel: true,
            ..Ask::default()
        };
        let answer = answer::answer(&ask);
        let whole: Value = serde_json::from_str(&json(&ask, &answer, UsageAt::Usual)).unwrap();
        let (mut text, mut input, mut sealed, mut last) =
            (String::new(), String::new(), Vec::new(), String::new());
        for frame in frames(&ask, &answer, UsageAt::Usual) {
            let (event, data) = read(frame.bytes());
            let told =
                |pointer: &str| data.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            text += &told("/delta/text");
            input += &told("/delta/toolUse/input");
            sealed.extend(STANDARD.decode(told("/delta/reasoningContent/redactedContent")).unwrap());
            last = event;
        }
        let content = &whole["output"]["message"]["content"];
        assert_eq!(content[1]["reasoningContent"]["redactedContent"], STANDARD.encode(sealed));
        assert_eq!(content[2]["text"], text);
        assert_eq!(content[3]["toolUse"]["input"], serde_json::from_str::<Value>(&input).unwrap());
        assert_eq!((whole["stopReason"].as_str(), last.as_str()), (Some("tool_use"), "metadata"));
        assert_eq!(read(&exception("throttlingException", "no")).0, "throttlingException");
    }
}
