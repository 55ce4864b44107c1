//! What is no chat: rerank, moderations, images, speech, transcriptions.

use serde_json::json;
use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::seed;

fn a_text_is_moderated(gateway: &Gateway) {
    let body = json!({ "model": "chat-openai", "input": ["peace", "violence"] });
    let answer = gateway.post("/v1/moderations", &body).send().expect(200);
    let answered = answer.json();
    let flagged = [0, 1].map(|at| answered["results"][at]["flagged"].clone());
    assert_eq!(flagged, [false, true], "{answered}");
    assert_eq!(answer.expect_header("sluice-target"), "openai-mock/m");
}

fn documents_are_ranked(gateway: &Gateway) {
    let body = json!({ "model": "rerank", "query": "water gate", "documents": ["bread", "a water gate"], "top_n": 1 });
    let answer = gateway.post("/v1/rerank", &body).send().expect(200).json();
    assert_eq!(answer["results"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(answer["results"][0]["index"], 1, "{answer}");
}

fn sound_comes_as_bytes(gateway: &Gateway) {
    let body = json!({ "model": "chat-openai", "input": "hello", "voice": "alloy" });
    let answer = gateway.post("/v1/audio/speech", &body).send().expect(200);
    assert_eq!(answer.expect_header("content-type"), "audio/mpeg");
    assert_eq!(answer.body, b"ID3\0sound of hello");
    assert!(!answer.broken);
}

fn pictures_come_whole_and_streamed(gateway: &Gateway) {
    let mut body = json!({ "model": "chat-openai", "prompt": "a cat", "n": 2 });
    let answer = gateway.post("/v1/images/generations", &body).send().expect(200).json();
    assert_eq!(answer["data"].as_array().map(Vec::len), Some(2));
    assert!(10_000 < answer["data"][1]["b64_json"].as_str().map_or(0, str::len));
    body["stream"] = true.into();
    let answer = gateway.post("/v1/images/generations", &body).send().expect(200);
    assert!(answer.expect_header("content-type").starts_with("text/event-stream"));
    assert_eq!(answer.events().last().unwrap().json()["type"], "image_generation.completed");
}

fn pictures_are_charged_by_their_usage(gateway: &Gateway) {
    let body = json!({ "model": "chat-openai", "prompt": "a dog" });
    let request = gateway.request("POST", "/v1/images/generations").key(&seed::key("pictures")).json(&body);
    request.send().expect(200);
    let sum = gateway.costs("pictures", 1);
    assert_eq!((&sum["input_tokens"], &sum["output_tokens"]), (&json!(10), &json!(20)), "{sum}");
    assert_eq!(sum["cost_nano_usd"], 10 * 3_000 + 20 * 15_000, "{sum}");
}

fn a_recording_is_written_down(gateway: &Gateway) {
    let form = |stream: bool| {
        let recording = "RIFF\0".repeat(20_000);
        format!(
            "--b0\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\ncontent-type: audio/wav\r\n\r\n\
             {recording}\r\n--b0\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nchat-openai\r\n--b0\r\n\
             content-disposition: form-data; name=\"stream\"\r\n\r\n{stream}\r\n--b0--\r\n"
        )
    };
    let ask = |stream| {
        let request = gateway.request("POST", "/v1/audio/transcriptions").key(&seed::key(seed::TENANT));
        request
            .header("content-type", "multipart/form-data; boundary=b0")
            .bytes(form(stream))
            .send()
            .expect(200)
    };
    assert_eq!(ask(false).json()["text"], "A recording of 100000 bytes.");
    assert_eq!(ask(true).events().last().unwrap().json()["type"], "transcript.text.done");
}

fn a_broken_picture_is_seen_to_be_broken(gateway: &Gateway) {
    let body = json!({ "model": "chat-openai", "prompt": "a cat [[fault cut=0]]" });
    let answer = gateway.post("/v1/images/generations", &body).send();
    assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_err(), "{}", answer.text());
}

fn faults_before_the_answer_fall_over(gateway: &Gateway) {
    let id = gateway.unique("speech");
    let body = json!({ "model": "fallback", "input": format!("[[id {id}]] [[fault@primary status=503]]"), "voice": "a" });
    let answer = gateway.post("/v1/audio/speech", &body).send().expect(200);
    assert_eq!(answer.expect_header("sluice-attempts"), "2");
    assert_eq!(gateway.mock().asked(&id), ["primary", "secondary"]);
}

on_every_host!(
    a_text_is_moderated,
    documents_are_ranked,
    sound_comes_as_bytes,
    pictures_come_whole_and_streamed,
    pictures_are_charged_by_their_usage,
    a_recording_is_written_down,
    a_broken_picture_is_seen_to_be_broken,
    faults_before_the_answer_fall_over,
);
