//! What is no chat, on the memory host.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::time::Duration;

use crate::support::{KEY, call, gateway, host, post, rows, send};
use bytes::Bytes;
use futures::StreamExt;
use serde_json::json;
use sluice_core::gateway::ReplyBody;
use sluice_testing::memory::{Leaving, Script, Step, answer, stream};

fn sound(steps: impl IntoIterator<Item = Step>) -> Script {
    stream(steps).header("content-disposition", "attachment")
}

#[test]
fn documents_are_ranked_in_coheres_words_whoever_ranks_them() {
    let told = r#"{"object":"list","data":[{"index":0,"relevance_score":0.1},{"index":1,"relevance_score":0.8}],"model":"m","usage":{"total_tokens":9}}"#;
    let host = host().reply("a.test", answer(200, told));
    let body = r#"{"model":"one","query":"q","documents":["a","b"],"top_n":2,"odd":1}"#;
    let (status, headers, body) = send(&gateway(), &host, post("/v1/rerank", body));
    assert_eq!(status, 200, "{body}");
    let body = crate::support::parsed(&body);
    assert_eq!(body["results"][0], json!({"index": 1, "relevance_score": 0.8}));
    assert_eq!(headers["sluice-cost-usd"], "0.000009000");
    let sent = &host.asked()[0];
    assert_eq!(sent.uri().path(), "/v1/rerank");
    assert_eq!(&sent.body()[..], br#"{"model":"m","query":"q","documents":["a","b"],"top_n":2,"odd":1}"#);
    assert_eq!(rows(&host)[0]["gen_ai.operation.name"], "rerank");
}

#[test]
fn moderations_fall_over_like_any_request() {
    let verdict = r#"{"id":"modr-1","model":"m","results":[{"flagged":false}]}"#;
    let host = host().reply("a.test", answer(503, "{}")).reply("b.test", answer(200, verdict));
    let (status, _, body) =
        send(&gateway(), &host, post("/v1/moderations", r#"{"model":"two","input":"hi"}"#));
    assert_eq!((status, body.as_str()), (200, verdict));
    let row = &rows(&host)[0];
    assert_eq!((&row["target"], &row["usage"]["source"]), (&json!("b/m"), &json!("estimated")));
}

#[test]
fn sound_is_handed_on_untouched_and_costs_nobody_knows_what() {
    let host = host().reply("a.test", sound([Step::Send(Bytes::from_static(b"ID3..."))]));
    let body = r#"{"model":"one","input":"Say this.","voice":"alloy"}"#;
    let (status, headers, body) = send(&gateway(), &host, post("/v1/audio/speech", body));
    assert_eq!((status, body.as_str()), (200, "ID3..."));
    assert_eq!(
        (&headers["sluice-target"], headers.contains_key("sluice-cost-usd")),
        (&"a/m".parse().unwrap(), false)
    );
    let row = &rows(&host)[0];
    assert_eq!((&row["cost_nano_usd"], &row["usage"]["source"]), (&json!(null), &json!("estimated")));
}

#[test]
fn pictures_pass_by_and_are_charged_by_what_their_end_says() {
    let picture = "A".repeat(10_000);
    let start = format!(r#"{{"created":1,"data":[{{"b64_json":"{picture}"#);
    let end = r#""}],"usage":{"total_tokens":30,"input_tokens":10,"output_tokens":20}}"#;
    let steps = [Step::Send(Bytes::from(start.clone())), Step::Send(Bytes::from_static(end.as_bytes()))];
    let host = host().reply("a.test", stream(steps).header("content-type", "application/json"));
    let body = r#"{"model":"one","prompt":"a cat"}"#;
    let (status, _, body) = send(&gateway(), &host, post("/v1/images/generations", body));
    assert_eq!((status, body), (200, start + end));
    let row = &rows(&host)[0];
    assert_eq!((&row["usage"]["image_out"], &row["cost_nano_usd"]), (&json!(20), &json!(50_000)));
    assert_eq!(row["partial"], false);
}

fn a_picture() -> http::Request<Bytes> {
    post("/v1/images/generations", r#"{"model":"one","prompt":"a cat"}"#)
}

#[test]
fn a_picture_that_breaks_off_is_told_to_the_caller_and_in_the_log() {
    for last in [Step::Break, Step::Hang] {
        let steps =
            [Step::Send(Bytes::from_static(b"{\"data\":[")), Step::Wait(Duration::from_secs(1)), last];
        let host = host().reply("a.test", stream(steps));
        let reply = host.run(gateway().handle(&host, call(&host, a_picture(), &Leaving::default())));
        let ReplyBody::Passed(pieces) = reply.body else { panic!("it passes by") };
        let pieces: Vec<_> = host.run(pieces.collect());
        assert_eq!(pieces[0].as_deref().unwrap(), b"{\"data\":[");
        assert!(pieces.len() == 2 && pieces[1].is_err(), "{pieces:?}");
        host.settle();
        let row = &rows(&host)[0];
        assert_eq!((&row["partial"], row["error.type"].is_string()), (&json!(true), true), "{row}");
    }
}

#[test]
fn a_caller_who_leaves_a_picture_cancels_it() {
    for polled in [true, false] {
        let host = host().reply("a.test", stream([Step::Send(Bytes::from_static(b"{")), Step::Hang]));
        let (gateway, leaving) = (gateway(), Leaving::default());
        let reply = host.run(gateway.handle(&host, call(&host, a_picture(), &leaving)));
        let ReplyBody::Passed(mut pieces) = reply.body else { panic!("it passes by") };
        assert!(host.run(pieces.next()).is_some());
        leaving.leave();
        if polled {
            assert!(host.run(pieces.next()).is_none());
        }
        host.settle();
        assert_eq!(host.cancelled(), 1, "polled: {polled}");
        let rows = rows(&host);
        assert_eq!(rows.len(), 1);
        assert_eq!((&rows[0]["partial"], &rows[0]["status"]), (&json!(true), &json!(499)));
    }
}

#[test]
fn a_recording_goes_on_as_it_came_under_another_model() {
    let form = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\none\r\n--b\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\0\r\n--b--\r\n";
    let told =
        r#"{"text":"Hello.","usage":{"type":"tokens","input_tokens":7,"output_tokens":2,"total_tokens":9}}"#;
    let host = host().reply("a.test", answer(200, told));
    let request = http::Request::post("/v1/audio/transcriptions")
        .header("authorization", format!("Bearer {KEY}"))
        .header("content-type", "multipart/form-data; boundary=b")
        .body(Bytes::from_static(form.as_bytes()))
        .unwrap();
    let (status, _, body) = send(&gateway(), &host, request);
    assert_eq!((status, body.as_str()), (200, told));
    let sent = &host.asked()[0];
    assert_eq!(sent.headers()["content-type"], "multipart/form-data; boundary=b");
    assert_eq!(&sent.body()[..], form.replace("\r\none\r\n", "\r\nm\r\n").as_bytes());
    assert_eq!(rows(&host)[0]["usage"]["output_text"], 2);
}

#[test]
fn what_a_provider_does_not_do_is_said_before_anything_is_sent() {
    let host = host();
    let request = post("/v1/audio/speech", r#"{"model":"c/m","input":"hi"}"#);
    let (status, _, body) = send(&gateway(), &host, request);
    assert_eq!((status, host.asked().len()), (400, 0), "{body}");
    assert!(body.contains("c/m does no speech"), "{body}");
    let (status, _, body) = send(&gateway(), &host, post("/v1/moderations", r#"{"input":"hi"}"#));
    assert_eq!(status, 400);
    assert!(body.contains("`model` is required"), "{body}");
}
