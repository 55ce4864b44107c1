//! What holds for any bytes of an AWS event stream: frames do not depend on where it was cut, and nothing panics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/frames.rs"]
mod support;

use crc::{CRC_32_ISO_HDLC, Crc};
use proptest::{collection::vec, prelude::*, sample::select};
use sluice_providers::{
    event_stream::Decoder,
    format::{Chat, Meta, Protocol, Reader, Writer},
    frames::{FrameError, Framing, MAX_FRAME},
};
use sluice_types::event::Event;
use support::Read;

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

fn frames<'c>(chunks: impl Iterator<Item = &'c [u8]>) -> Vec<Read> {
    support::frames(Framing::EventStream, chunks)
}

/// A frame around any headers and payload, with the right lengths and checksums.
fn frame(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let total = u32::try_from(16 + headers.len() + payload.len()).unwrap();
    let mut bytes = total.to_be_bytes().to_vec();
    bytes.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(&CRC.checksum(&bytes).to_be_bytes());
    bytes.extend_from_slice(headers);
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(&CRC.checksum(&bytes).to_be_bytes());
    bytes
}

/// Headers of which messages are made, and some of which they are not.
fn headers() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = vec![
        b"\x0b:event-type\x07\0\x0cmessageStart",
        b"\x0d:message-type\x07\0\x05event",
        b"\x0d:message-type\x07\0\x09exception",
        b"\x0d:message-type\x07\0\x05error",
        b"\x0f:exception-type\x07\0\x13throttlingException",
        b"\x0b:error-code\x07\0\x0fInternalFailure",
        b"\x0e:error-message\x07\0\x02no",
        b"\x0b:event-type\x06\0\x01\xff",
        b"\x0b:event-type\x04abcd",
        b"\x01a\0",
        b"\x01a\x08abcdefgh",
        b"\x01a\x07\xff\xff",
        b"\x01a\x0b",
        b"\xff",
    ];
    vec(select(pieces), 0..5).prop_map(|pieces| pieces.concat())
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        3 => Just(b"{\"p\":\"abc\"}".to_vec()),
        1 => Just(Vec::new()),
        1 => Just("\"ä🐈\"".as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..9),
    ];
    let whole = (headers(), payload).prop_map(|(headers, payload)| frame(&headers, &payload));
    let piece = prop_oneof![12 => whole, 1 => vec(any::<u8>(), 0..20)];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// JSON made of what the messages of Converse hold.
fn payload() -> impl Strategy<Value = String> {
    let words = [
        "contentBlockIndex",
        "start",
        "delta",
        "toolUse",
        "toolUseId",
        "name",
        "input",
        "type",
        "text",
        "reasoningContent",
        "signature",
        "redactedContent",
        "stopReason",
        "usage",
        "inputTokens",
        "message",
        "originalStatusCode",
    ];
    let word = select(words.to_vec()).prop_map(|word| format!("{word:?}"));
    let leaf = prop_oneof![
        4 => word.clone(),
        2 => (-1..5_i64).prop_map(|number| number.to_string()),
        1 => Just("null".to_owned()),
        1 => Just("\"YQ==\"".to_owned()),
        1 => Just("\"tool_use\"".to_owned()),
        1 => Just("\"\\ud83d\"".to_owned()),
    ];
    let any = leaf.prop_recursive(4, 24, 5, move |inner| {
        vec((word.clone(), inner), 0..5).prop_map(|members| {
            let members: Vec<_> =
                members.into_iter().map(|(name, value)| format!("{name}:{value}")).collect();
            format!("{{{}}}", members.join(","))
        })
    });
    let index = 0..3_u32;
    prop_oneof![
        3 => any,
        2 => index.clone().prop_map(|at| format!(r#"{{"contentBlockIndex":{at},"delta":{{"text":"a"}}}}"#)),
        2 => index.clone().prop_map(|at| {
            format!(r#"{{"contentBlockIndex":{at},"start":{{"toolUse":{{"toolUseId":"t","name":"f"}}}}}}"#)
        }),
        2 => index.clone().prop_map(|at| {
            format!(r#"{{"contentBlockIndex":{at},"delta":{{"toolUse":{{"input":"{{"}}}}}}"#)
        }),
        1 => index.prop_map(|at| {
            format!(r#"{{"contentBlockIndex":{at},"delta":{{"reasoningContent":{{"redactedContent":"YQ=="}}}}}}"#)
        }),
    ]
}

/// A message of Converse, mostly one of its own.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let names = [
        "messageStart",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
        "throttlingException",
        "novelty",
    ];
    (select(names.to_vec()), payload()).prop_map(|(name, payload)| {
        let mut headers = b"\x0b:event-type\x07\0".to_vec();
        headers.push(u8::try_from(name.len()).unwrap());
        headers.extend_from_slice(name.as_bytes());
        frame(&headers, payload.as_bytes())
    })
}

/// Reads a stream of Converse and writes it for a caller, whose frames must be JSON.
fn relay(bytes: &[u8], to: Protocol) {
    let meta = Meta {
        id: "i",
        created: 0,
        model: "m",
        note: None,
        include_usage: true,
        same_format: false,
        json_array: false,
        searched: None,
    };
    let (mut decoder, mut reader, mut writer) =
        (Decoder::default(), Reader::new(Chat::BedrockConverse), Writer::new(to, &meta));
    let (mut out, mut over, mut calls) = (Vec::new(), false, 0);
    let mut emit = |event: Event<'_>| {
        assert!(!over, "{event:?} after the end");
        over = matches!(event, Event::End | Event::Failed(_));
        if let Event::Delta { delta: sluice_types::event::Delta::ToolCall { index, .. }, .. } = &event {
            assert_eq!(*index, calls, "calls are counted from 0");
            calls += 1;
        }
        writer.event(&event, &mut out);
    };
    decoder.push(bytes);
    while let Ok(Some(frame)) = decoder.next() {
        reader.frame(&frame, &mut emit);
    }
    reader.finish(&mut emit);
    writer.end(None, None, &mut out);
    let text = std::str::from_utf8(&out).unwrap();
    for data in text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]") {
        assert!(serde_json::from_str::<serde::de::IgnoredAny>(data).is_ok(), "{data}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frames_do_not_depend_on_where_the_stream_was_cut(bytes in stream(), cuts in vec(0..300_usize, 0..6)) {
        let whole = frames([bytes.as_slice()].into_iter());
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&frames(cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]])), &whole);
        prop_assert_eq!(&frames(bytes.chunks(1)), &whole);
        let broken = |read: &Read| matches!(read, Err(FrameError::Damaged | FrameError::TooLarge));
        prop_assert!(whole.iter().rev().skip(1).all(|read| !broken(read)), "nothing follows a broken frame");
        let mut rest = bytes.as_slice();
        for (_, data, raw) in whole.into_iter().flatten() {
            prop_assert!(!data.is_empty());
            let at = rest.windows(raw.len()).position(|window| window == raw);
            prop_assert!(at.is_some(), "a frame's bytes are the stream's");
            rest = &rest[at.unwrap() + raw.len()..];
        }
    }

    #[test]
    fn a_changed_byte_is_never_read(headers in headers(), payload in vec(any::<u8>(), 0..40), at in 0..400_usize, by in 1..=255_u8) {
        let mut bytes = frame(&headers, &payload);
        let at = at % bytes.len();
        bytes[at] ^= by;
        prop_assert!(frames([bytes.as_slice()].into_iter()).iter().all(Result::is_err));
    }

    #[test]
    fn any_messages_make_a_stream_that_can_be_read(messages in vec(message(), 0..12)) {
        for to in [Protocol::OpenaiChat, Protocol::AnthropicMessages] {
            relay(&messages.concat(), to);
        }
    }

    #[test]
    fn no_bytes_make_anything_panic(bytes in vec(any::<u8>(), 0..200)) {
        frames([bytes.as_slice()].into_iter());
    }
}

#[test]
fn a_large_frame_byte_by_byte_takes_linear_time() {
    let payload = vec![b'x'; 4 << 20];
    let bytes = frame(b"", &payload);
    let mut decoder = Decoder::default();
    for byte in &bytes[..bytes.len() - 1] {
        decoder.push(std::slice::from_ref(byte));
        assert_eq!(decoder.next(), Ok(None));
    }
    decoder.push(&bytes[bytes.len() - 1..]);
    assert_eq!(decoder.next().unwrap().unwrap().data.len(), payload.len());
}

#[test]
fn the_largest_frame_is_read_and_a_larger_one_is_not_waited_for() {
    let largest = frame(b"", &vec![b'x'; MAX_FRAME - 16]);
    assert_eq!(frames([largest.as_slice()].into_iter()).len(), 1);
    let larger = frame(b"", &vec![b'x'; MAX_FRAME - 15]);
    assert_eq!(frames([&larger[..12]].into_iter()), [Err(FrameError::TooLarge)]);
}
