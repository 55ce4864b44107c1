//! Answers that are to rest on the passages their requests brought, on the memory host.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::rc::Rc;

use crate::support::{frames, host, parsed, post, rows, said, send, streamed};
use serde_json::{Value, json};
use sluice_core::gateway::Gateway;
use sluice_testing::memory::{MemoryHost, answer, stream};

const PASSAGE: &str =
    "The lighthouse of Skagen was built in 1858. It is 46 metres high and stands north of the town.";
const GOOD: &str = "The lighthouse of Skagen is 46 metres high.";
const BAD: &str = "I think Hans Holm painted it red in 1901 because sailors liked that colour.";

/// A gateway whose model `m` has the check `grounding`, with this said about it.
fn gateway(more: Value) -> Rc<Gateway> {
    let mut check = json!({"check": "grounding"});
    check.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let config = json!({
        "providers": {
            "a": {"format": "openai_chat", "base_url": "https://a.test/v1"},
            "b": {"format": "openai_chat", "base_url": "https://b.test/v1"},
        },
        "models": {"m": {"targets": ["a/m", "b/m"], "guardrails": ["g"], "retry": {"attempts": 1}}},
        "guardrails": {"g": {"output": [check]}},
    });
    Gateway::new(config.to_string().leak())
}

/// Asks how high the lighthouse is, after a tool told `passage`.
fn ask(gateway: &Rc<Gateway>, host: &MemoryHost, passage: &str, stream: bool) -> (u16, String) {
    let body = json!({"model": "m", "stream": stream, "messages": [
        {"role": "user", "content": "How high is the lighthouse?"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": passage},
    ]});
    let (status, _, told) = send(gateway, host, post("/v1/chat/completions", body.to_string()));
    host.settle();
    (status, told)
}

fn says(text: &str) -> MemoryHost {
    host().reply("a.test", answer(200, said(text).to_string()))
}

#[test]
fn an_answer_without_support_is_refused_and_told_sentence_by_sentence() {
    let host = says(&format!("{GOOD} {BAD}"));
    let (status, told) = ask(&gateway(json!({"threshold": 0.9})), &host, PASSAGE, false);
    assert!(status == 400 && told.contains("grounding (unsupported)"), "{told}");
    let row = &rows(&host)[0];
    let verdict = &row["guardrails"][0];
    assert_eq!((&verdict["check"], &verdict["action"]), (&json!("grounding"), &json!("deny")), "{row}");
    let sentences = verdict["grounding"]["sentences"].as_array().unwrap();
    assert_eq!(sentences.len(), 2, "{row}");
    assert_eq!((&sentences[0]["start"], &sentences[0]["end"]), (&json!(0), &json!(GOOD.len())));
    assert!(sentences[1]["support"].as_f64() < sentences[0]["support"].as_f64(), "{row}");
    let missing = (&sentences[1]["missing_numbers"], &sentences[1]["missing_names"]);
    assert_eq!(missing, (&json!(1), &json!(2)), "{row}");
    assert!(!row.to_string().contains("Holm") && !row.to_string().contains("1901"), "{row}");
}

#[test]
fn an_answer_with_support_passes_and_so_does_one_without_passages() {
    for (text, passage) in [(GOOD, PASSAGE), (BAD, "")] {
        let host = says(text);
        let (status, told) = ask(&gateway(json!({})), &host, passage, false);
        assert_eq!(status, 200, "{told}");
        assert_eq!(rows(&host)[0].get("guardrails"), None);
    }
}

#[test]
fn the_next_target_is_asked_for_an_answer_without_support() {
    for stream in [false, true] {
        let host = says(BAD).reply("b.test", answer(200, said(GOOD).to_string()));
        let (status, told) = ask(&gateway(json!({"action": "retry"})), &host, PASSAGE, stream);
        assert_eq!((status, host.asked().len()), (200, 2), "{told}");
        let said = if stream { streamed(&told) } else { told };
        assert!(said.contains("46 metres") && !said.contains("Holm"), "{said}");
    }
}

#[test]
fn streams_that_may_be_refused_are_held_and_others_judged_at_their_end() {
    let held = says(BAD);
    let (status, told) = ask(&gateway(json!({})), &held, PASSAGE, true);
    assert_eq!((status, parsed(&told)["error"]["code"].clone()), (400, json!("content_filter")), "{told}");

    let (first, rest) = BAD.split_at(20);
    let noted = host().reply("a.test", stream(frames(&[first, rest])));
    let (status, told) = ask(&gateway(json!({"action": "flag"})), &noted, PASSAGE, true);
    assert_eq!((status, streamed(&told)), (200, BAD.to_owned()));
    let verdict = &rows(&noted)[0]["guardrails"][0];
    assert_eq!((&verdict["check"], &verdict["kinds"]["unsupported"]), (&json!("grounding"), &json!(1)));
    assert_eq!(verdict["grounding"]["sentences"].as_array().unwrap().len(), 1, "{verdict}");
}
