//! From upload to cited answer: stores named by callers, citations in each protocol's own shape, whole and streamed. The
//! built-in provider answers, so that what is said is known: it quotes the passages.

use serde_json::{Value, json};
use sluice_tests::documents::Documents;
use sluice_tests::gateway::Gateway;
use sluice_tests::{on_every_host, seed};

const MODEL: &str = "builtin/static";

const TEXT: &str = "# Lighthouses\n\nThe lighthouse of Skagen was built in 1858. It is 46 metres high.\n\n\
                    # Refunds\n\nAnnual plans can be refunded within thirty days of the purchase.\n";

const QUESTION: &str = "How many metres high is the lighthouse of Skagen?";

/// A store with one document, and the document.
fn store(gateway: &Gateway) -> (String, String) {
    let documents = Documents::of(gateway, seed::TENANT);
    let (store, file) = (documents.store(MODEL), documents.upload("towers.md", TEXT.as_bytes()));
    documents.attach(&store, &file);
    let member = documents.settled(&store, &file, || {});
    assert_eq!(member["status"], "completed", "{member}");
    (store, file)
}

fn tool(store: &str) -> Value {
    json!({"type": "file_search", "vector_store_ids": [store], "max_num_results": 5})
}

fn post(gateway: &Gateway, path: &str, body: &Value) -> sluice_tests::http::Answer {
    gateway.request("POST", path).key(&seed::key(seed::TENANT)).json(body).send()
}

/// The characters from `start` to `end` of `text`.
fn words(text: &Value, start: &Value, end: &Value) -> String {
    let at = |value: &Value| usize::try_from(value.as_u64().unwrap_or_default()).unwrap_or_default();
    let text = text.as_str().unwrap_or_default();
    text.chars().skip(at(start)).take(at(end).saturating_sub(at(start))).collect()
}

fn an_answer_cites_its_file_in_every_protocol(gateway: &Gateway) {
    let (store, file) = store(gateway);

    let body = json!({"model": "builtin/extractive", "tools": [tool(&store)],
        "messages": [{"role": "user", "content": QUESTION}]});
    let answer = post(gateway, "/v1/chat/completions", &body).expect(200);
    assert!(answer.expect_header("sluice-knowledge").starts_with("passages="), "the header");
    assert_eq!(answer.expect_header("sluice-degraded"), "builtin/extractive");
    let message = &answer.json()["choices"][0]["message"];
    let annotations = message["annotations"].as_array().cloned().unwrap_or_default();
    let cited = annotations.iter().any(|annotation| {
        let url = &annotation["url_citation"];
        annotation["file_citation"]["file_id"] == file.as_str()
            && words(&message["content"], &url["start_index"], &url["end_index"]).contains("46 metres")
    });
    assert!(cited, "{message}");

    let body = json!({"model": "builtin/extractive", "tools": [tool(&store)], "input": QUESTION,
        "include": ["file_search_call.results"]});
    let response = post(gateway, "/v1/responses", &body).expect(200).json();
    assert_eq!(response["output"][0]["type"], "file_search_call", "{response}");
    assert_eq!(response["output"][0]["results"][0]["file_id"], file.as_str(), "{response}");
    let annotation = &response["output"][1]["content"][0]["annotations"][0];
    assert_eq!(
        (&annotation["type"], &annotation["filename"]),
        (&json!("file_citation"), &json!("towers.md"))
    );

    let body = json!({"model": "builtin/extractive", "tools": [tool(&store)], "max_tokens": 500,
        "messages": [{"role": "user", "content": QUESTION}]});
    let message = post(gateway, "/v1/messages", &body).expect(200).json();
    let blocks = message["content"].as_array().cloned().unwrap_or_default();
    let cited = blocks.iter().any(|block| block["citations"][0]["file_id"] == file.as_str());
    assert!(cited, "{message}");
}

fn a_stream_tells_citations_as_they_come(gateway: &Gateway) {
    let (store, file) = store(gateway);
    let body =
        json!({"model": "builtin/extractive", "tools": [tool(&store)], "input": QUESTION, "stream": true});
    let events = post(gateway, "/v1/responses", &body).expect(200).events();
    let data: Vec<Value> = events.iter().filter_map(|event| serde_json::from_str(&event.data).ok()).collect();
    let place = |kind: &str| data.iter().position(|event| event["type"] == kind);
    let (searched, annotated) =
        (place("response.file_search_call.completed"), place("response.output_text.annotation.added"));
    assert!(searched.is_some() && searched < annotated, "{data:?}");
    let annotation = annotated.and_then(|at| data.get(at)).map(|event| &event["annotation"]["file_id"]);
    assert_eq!(annotation, Some(&json!(file)));

    let body = json!({"model": "builtin/extractive", "tools": [tool(&store)], "max_tokens": 500, "stream": true,
        "messages": [{"role": "user", "content": QUESTION}]});
    let events = post(gateway, "/v1/messages", &body).expect(200).events();
    assert!(events.iter().any(|event| event.data.contains("citations_delta") && event.data.contains(&file)));
}

fn a_store_that_is_not_ones_own_does_not_exist(gateway: &Gateway) {
    for id in ["vs_000000000000000000000000", "vs_68aa", "documents"] {
        let body = json!({"model": "builtin/extractive", "tools": [tool(id)],
            "messages": [{"role": "user", "content": QUESTION}]});
        let error = post(gateway, "/v1/chat/completions", &body).expect(404).json();
        assert!(error["error"]["message"].as_str().is_some_and(|message| message.contains(id)), "{error}");
    }
}

on_every_host!(
    an_answer_cites_its_file_in_every_protocol,
    a_stream_tells_citations_as_they_come,
    a_store_that_is_not_ones_own_does_not_exist,
);
