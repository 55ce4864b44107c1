//! Walks `tests/cases`: what every format makes of every other. See the README there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod support;

use std::path::{Path, PathBuf};

use serde_json::json;
use sluice_providers::{
    catalog,
    format::{
        Chat, Dialect, ErrorHead, Meta, Protocol, Target, Written, embeddings, openai_embeddings, plain,
    },
    frames::Framing,
};
use sluice_types::{
    chat::Part,
    embeddings::Encoding,
    error::{Attempt, ErrorKind, Failure},
    json::Raw,
    seal::Maker,
};
use support::{Folder, frames, pretty, stream};

/// The formats there are cases for.
const CALLERS: &[Protocol] = &Protocol::ALL;
const UPSTREAMS: &[Chat] = &Chat::ALL;

/// The model asked for: where formats go by its name, one that takes the most.
fn model(upstream: Chat) -> &'static str {
    match upstream {
        Chat::BedrockConverse => "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        _ => "upstream-model",
    }
}

fn target(dialect: &Dialect, strict: bool, same_format: bool) -> Target<'_> {
    Target { model: "upstream-model", dialect, strict, default_max_tokens: Some(4096), same_format }
}

fn meta<'m>(note: Option<&'m Raw<'m>>, same_format: bool) -> Meta<'m> {
    Meta {
        id: "made-up-id",
        created: 1_760_000_000,
        model: "upstream-model",
        note,
        include_usage: true,
        same_format,
        json_array: false,
        searched: None,
    }
}

fn told(failure: &Failure) -> String {
    let json = json!({
        "kind": format!("{:?}", failure.kind),
        "message": failure.message,
        "param": failure.param,
        "retry_after_ms": failure.retry_after.map(|wait| wait.as_millis() as u64),
    });
    pretty(&json.to_string())
}

#[test]
fn requests_say_the_same_in_every_format() {
    CALLERS.iter().copied().for_each(requests);
}

#[test]
fn answers_say_the_same_in_every_format() {
    UPSTREAMS.iter().copied().for_each(answers);
}

#[test]
fn streams_say_the_same_however_cut() {
    UPSTREAMS.iter().copied().for_each(streams);
}

#[test]
fn errors_are_told_by_kind() {
    UPSTREAMS.iter().copied().for_each(errors);
}

#[test]
fn requests_follow_the_dialect_of_each_provider() {
    let folders = std::fs::read_dir(cases().join("dialect")).unwrap();
    for folder in folders {
        dialect(&folder.unwrap().file_name().into_string().unwrap());
    }
}

#[test]
fn broken_requests_are_told_by_their_place() {
    CALLERS.iter().copied().for_each(broken_requests);
}

#[test]
fn broken_answers_are_told_by_their_kind() {
    UPSTREAMS.iter().copied().for_each(broken_answers);
}

/// What is sent, what of the request is left out, and what a strict target refuses it for.
fn sent(name: &str, write: impl Fn(bool) -> Result<Written, Failure>) -> Result<(Written, String), Failure> {
    let written = write(false)?;
    let refused = match write(true) {
        Ok(strict) => {
            assert_eq!(strict, written, "{name} is written otherwise where the target is strict");
            None
        }
        Err(failure) => {
            assert!(!written.dropped.is_empty(), "{name} is refused for nothing: {failure}");
            assert_eq!(failure.kind, ErrorKind::Unsupported, "{name}");
            failure.param
        }
    };
    let (body, dropped) = (String::from_utf8(written.body.clone()).unwrap(), json!(written.dropped));
    let refused = json!(refused);
    let expected = pretty(&format!(r#"{{"body":{body},"dropped":{dropped},"strict_refuses":{refused}}}"#));
    Ok((written, expected))
}

/// What a provider of the OpenAI format is sent: patched, rewritten (as after a guardrail), and as from another format.
fn dialect(provider: &str) {
    let dialect = catalog::find(provider).unwrap_or_else(|| panic!("no provider {provider}")).dialect();
    let folder = Folder::open(&format!("dialect/{provider}"), "json");
    for (name, body) in folder.cases() {
        let request = Protocol::OpenaiChat.read_request(&body).unwrap();
        let patch =
            sent(&name, |strict| Protocol::OpenaiChat.patch_request(&body, &target(&dialect, strict, true)));
        let write = |same: bool| {
            let write = |strict| Chat::OpenaiChat.write_request(&request, &target(&dialect, strict, same));
            sent(&name, write)
        };
        for (how, written) in [("patched", patch), ("rewritten", write(true)), ("crossed", write(false))] {
            let (_, expected) = written.unwrap_or_else(|failure| panic!("{provider}/{name}: {failure}"));
            folder.expect(&name, how, "json", expected.as_bytes());
        }
    }
    folder.close();
}

fn requests(caller: Protocol) {
    let dialect = Dialect::default();
    let folder = Folder::open(&format!("request/{}", caller.name()), "json");
    for (name, original) in folder.cases() {
        let request = caller.read_request(&original).unwrap_or_else(|failure| panic!("{name}: {failure}"));
        for &upstream in UPSTREAMS {
            let same = caller.format() == upstream;
            let write = |strict| match same {
                true => caller.patch_request(&original, &target(&dialect, strict, true)),
                false => {
                    let target = Target { model: model(upstream), ..target(&dialect, strict, false) };
                    upstream.write_request(&request, &target)
                }
            };
            let (written, expected) = match sent(&name, write) {
                Ok(sent) => sent,
                // Some things cannot even be dropped.
                Err(failure) => {
                    folder.expect(&name, upstream.name(), "json", told(&failure).as_bytes());
                    continue;
                }
            };
            folder.expect(&name, upstream.name(), "json", expected.as_bytes());
            if let Some(protocol) = upstream.protocol() {
                protocol
                    .read_request(&written.body)
                    .unwrap_or_else(|failure| panic!("{name} as {upstream:?}: {failure}"));
            }
            if same {
                assert_request_survives(caller, &name, &original);
            }
        }
    }
    folder.close();
}

/// A request that is read and written in its own format, as after a guardrail, loses nothing.
fn assert_request_survives(format: Protocol, name: &str, body: &[u8]) {
    let dialect = Dialect { max_tokens: "max_completion_tokens".to_owned(), ..Dialect::default() };
    let mut request = format.read_request(body).unwrap();
    let written = format.format().write_request(&request, &target(&dialect, true, true));
    let written = written.unwrap_or_else(|failure| panic!("{name} in its own format: {failure}"));
    let mut again = format.read_request(&written.body).unwrap();
    again.model = request.model.clone();
    again.include_usage = request.include_usage;
    // Thoughts that another maker sealed are nobody's here, and Responses takes none that nobody sealed.
    let maker = match format {
        Protocol::AnthropicMessages => Some(Maker::Anthropic),
        Protocol::OpenaiResponses => Some(Maker::Openai),
        Protocol::Gemini => Some(Maker::Google),
        Protocol::OpenaiChat => None,
    };
    for turn in &mut request.turns {
        turn.parts.retain(|part| match part {
            Part::Reasoning { signature: Some(seal), .. } | Part::RedactedReasoning { data: seal } => {
                maker.is_none_or(|maker| Maker::of(seal) == maker)
            }
            Part::Reasoning { signature: None, .. } => format != Protocol::OpenaiResponses,
            _ => true,
        });
    }
    // Which of the unknown members comes first means nothing.
    for request in [&mut request, &mut again] {
        request.extra.0.sort_by(|(left, _), (right, _)| left.cmp(right));
    }
    assert_eq!(again, request, "{name} changes in its own format");
}

fn answers(upstream: Chat) {
    let note = Raw::parse(r#"{"target":"provider/upstream-model"}"#).unwrap();
    let folder = Folder::open(&format!("answer/{}", upstream.name()), "json");
    for (name, body) in folder.cases() {
        let answer = upstream.read_answer(&body).unwrap_or_else(|failure| panic!("{name}: {failure}"));
        for &caller in CALLERS {
            let written = caller.write_answer(&answer, &meta(Some(&note), upstream == caller.format()));
            folder.expect(
                &name,
                caller.name(),
                "json",
                pretty(std::str::from_utf8(&written).unwrap()).as_bytes(),
            );
            let again = caller.format().read_answer(&written).unwrap();
            assert_eq!(
                again.choices.len(),
                if matches!(caller, Protocol::OpenaiChat | Protocol::Gemini) {
                    answer.choices.len()
                } else {
                    1
                }
            );
            if let (Some(was), Some(is)) = (answer.usage, again.usage) {
                assert_eq!((was.input(), was.output()), (is.input(), is.output()), "{name} loses tokens");
            }
        }
        for cut in 0..body.trim_ascii_end().len() {
            let failure = upstream.read_answer(&body[..cut]).expect_err(&name);
            assert_eq!(failure.kind, ErrorKind::UpstreamTruncated, "{name} cut at {cut}: {failure}");
        }
    }
    folder.close();
}

fn streams(upstream: Chat) {
    let note = Raw::parse(r#"{"target":"provider/upstream-model"}"#).unwrap();
    let folder = Folder::open(&format!("stream/{}", upstream.name()), extension(upstream));
    for (name, bytes) in folder.cases() {
        for &caller in CALLERS {
            let meta = meta(None, upstream == caller.format());
            let run =
                |chunks: &mut dyn Iterator<Item = &[u8]>| stream::run(upstream, caller, &meta, &note, chunks);
            let whole = run(&mut [bytes.as_slice()].into_iter());
            folder.expect(&name, caller.name(), "sse", &whole.out);
            let (told, again) = (stream::said(upstream, &bytes), stream::said(caller.format(), &whole.out));
            assert_eq!(
                told.in_words_of(caller),
                again.in_words_of(caller),
                "{name} says something else in {}",
                caller.name()
            );

            assert_eq!(run(&mut bytes.chunks(1)), whole, "{name} byte by byte");
        }
        // Only the decoder sees where bytes were cut: the same frames make the same stream.
        let frames = frames::frames(upstream.framing(), [bytes.as_slice()].into_iter());
        for cut in 1..bytes.len() {
            let (left, right) = bytes.split_at(cut);
            assert_eq!(
                frames::frames(upstream.framing(), [left, right].into_iter()),
                frames,
                "{name} cut at {cut}"
            );
        }
    }
    folder.close();
}

fn errors(upstream: Chat) {
    let attempts =
        [Attempt { target: "provider/upstream-model".to_owned(), kind: ErrorKind::UpstreamUnavailable }];
    let folder = Folder::open(&format!("error/{}", upstream.name()), "json");
    for (name, body) in folder.cases() {
        let status = name.rsplit('-').next().and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("{name} does not end with a status"));
        let failure = upstream.read_error(ErrorHead { status, ..ErrorHead::default() }, &body);
        folder.expect(&name, "failure", "json", told(&failure).as_bytes());
        for &caller in CALLERS {
            let written = caller.write_error(&failure, "req-1", &attempts);
            folder.expect(
                &name,
                caller.name(),
                "json",
                pretty(std::str::from_utf8(&written).unwrap()).as_bytes(),
            );
        }
    }
    folder.close();
}

fn broken_requests(caller: Protocol) {
    let folder = Folder::open(&format!("request/{}/err", caller.name()), "json");
    for (name, body) in folder.cases() {
        let failure = caller.read_request(&body).expect_err(&name);
        assert_eq!(failure.kind, ErrorKind::InvalidRequest, "{name}");
        folder.expect(&name, "error", "json", told(&failure).as_bytes());
    }
    folder.close();
}

fn broken_answers(upstream: Chat) {
    let folder = Folder::open(&format!("answer/{}/err", upstream.name()), "json");
    for (name, body) in folder.cases() {
        let failure = upstream.read_answer(&body).expect_err(&name);
        folder.expect(&name, "error", "json", told(&failure).as_bytes());
    }
    folder.close();
}

/// What a provider's streams are called.
fn extension(upstream: Chat) -> &'static str {
    match upstream.framing() {
        Framing::Sse => "sse",
        Framing::Lines => "ndjson",
        Framing::EventStream => "bin",
    }
}

#[test]
fn embeddings_are_answered_in_the_asked_encoding() {
    let dialect = Dialect::default();
    let folder = Folder::open("embeddings/request", "json");
    for (name, body) in folder.cases() {
        openai_embeddings::read_request(&body).unwrap_or_else(|failure| panic!("{name}: {failure}"));
        let sent = plain::patch_json(&body, &target(&dialect, true, true)).unwrap();
        folder.expect(&name, "sent", "json", pretty(std::str::from_utf8(&sent.body).unwrap()).as_bytes());
        for (of, format) in EMBEDDINGS {
            let write = |strict| format.write_request(&body, &target(&dialect, strict, true));
            let written = sent_or_told(&name, write);
            folder.expect(&name, of, "json", written.as_bytes());
        }
    }
    folder.close();

    for (of, format) in EMBEDDINGS {
        let folder = Folder::open(&format!("embeddings/{of}"), "json");
        for (name, body) in folder.cases() {
            for (encoding, word) in [(Encoding::Float, "float"), (Encoding::Base64, "base64")] {
                let answered = format.answer(&body, encoding, "upstream-model").unwrap();
                let text = pretty(std::str::from_utf8(&answered.body).unwrap());
                folder.expect(&name, word, "json", text.as_bytes());
                let read = openai_embeddings::read_answer(&answered.body).unwrap();
                assert_eq!(
                    read.usage.map_or(0, |usage| usage.input()),
                    answered.usage.map_or(0, |usage| usage.input())
                );
            }
            for cut in 0..body.trim_ascii_end().len() {
                let failure = format.answer(&body[..cut], Encoding::Float, "m").expect_err(&name);
                assert_eq!(failure.kind, ErrorKind::UpstreamTruncated, "{name} cut at {cut}: {failure}");
            }
        }
        folder.close();
    }

    let folder = Folder::open("embeddings/answer", "json");
    for (name, body) in folder.cases() {
        for (encoding, word) in [(Encoding::Float, "float"), (Encoding::Base64, "base64")] {
            let answered = openai_embeddings::answer_in(&body, encoding)
                .unwrap_or_else(|failure| panic!("{name}: {failure}"));
            folder.expect(
                &name,
                word,
                "json",
                pretty(std::str::from_utf8(&answered.body).unwrap()).as_bytes(),
            );
            assert_eq!(
                openai_embeddings::read_answer(&answered.body).unwrap().vectors,
                openai_embeddings::read_answer(&body).unwrap().vectors,
                "{name}"
            );
        }
    }
    folder.close();

    let folder = Folder::open("embeddings/request/err", "json");
    for (name, body) in folder.cases() {
        let failure = openai_embeddings::read_request(&body).expect_err(&name);
        folder.expect(&name, "error", "json", told(&failure).as_bytes());
    }
    folder.close();
}

/// Formats of embeddings that are not the caller's.
const EMBEDDINGS: [(&str, embeddings::Format); 3] = [
    ("cohere", embeddings::Format::Cohere),
    ("gemini", embeddings::Format::Gemini),
    ("workers_ai", embeddings::Format::WorkersAi),
];

/// What is sent, or why nothing is.
fn sent_or_told(name: &str, write: impl Fn(bool) -> Result<Written, Failure>) -> String {
    sent(name, write).map_or_else(|failure| told(&failure), |(_, expected)| expected)
}

/// The folder of cases.
pub fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases")
}
