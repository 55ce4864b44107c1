//! Streams, in both protocols, from both upstream formats.

use std::{collections::BTreeMap, time::Duration};

use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::protocol::{PROTOCOLS, Protocol};
use sluice_tests::seed::CHAT_MODELS;
use sluice_tests::sse::{self, Event};

fn every_protocol_streams_from_every_format(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for model in CHAT_MODELS {
            let answer = gateway.stream(protocol, model, "hello é漢🦀").expect(200);
            protocol.expect_whole_stream(&answer);
            assert_eq!(
                protocol.stream_text(&answer.events()),
                "You said: hello é漢🦀 é漢🦀.",
                "{protocol} {model}"
            );
            assert!(answer.expect_header("content-type").starts_with("text/event-stream"));
            assert!(answer.expect_header("cache-control").contains("no-transform"));
            assert_eq!(answer.expect_header("sluice-attempts"), "1");
            assert!(answer.header("content-length").is_none());
        }
    }
}

fn tokens_are_passed_on_as_they_come(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for model in CHAT_MODELS {
            let answer = gateway.stream(protocol, model, "[[tokens 6]] [[fault between=100]]").expect(200);
            assert_eq!(protocol.stream_text(&answer.events()), "w0 w1 w2 w3 w4 w5 ");
            let (first, last) = (answer.pieces.first().unwrap().0, answer.pieces.last().unwrap().0);
            assert!(
                Duration::from_millis(350) < last - first,
                "{protocol} {model}: held back until {last:?}"
            );
        }
    }
}

fn usage_is_the_last_frame_and_only_if_asked_for(gateway: &Gateway) {
    for model in CHAT_MODELS {
        let events = gateway.stream(Protocol::Chat, model, "hello").expect(200).events();
        let usage = events[events.len() - 2].json();
        assert_eq!(usage["choices"], serde_json::json!([]), "{usage}");
        assert!(usage["usage"]["prompt_tokens"].as_u64().unwrap_or_default() > 0, "{usage}");

        let mut body = Protocol::Chat.ask(model, "hello", true);
        body.as_object_mut().unwrap().remove("stream_options");
        let events = gateway.post("/v1/chat/completions", &body).send().expect(200).events();
        let told = events
            .iter()
            .filter(|event| event.data != "[DONE]")
            .any(|event| event.json()["usage"].is_object());
        assert!(!told, "{model}: usage that nobody asked for");
    }
}

fn frames_and_characters_may_be_cut_anywhere(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for model in CHAT_MODELS {
            for size in [1, 7] {
                let text = format!("漢字🦀é [[fault trickle={size},0]]");
                let answer = gateway.stream(protocol, model, &text).expect(200);
                protocol.expect_whole_stream(&answer);
                let text = protocol.stream_text(&answer.events());
                assert_eq!(text, "You said: 漢字🦀é é漢🦀.", "{protocol} {model} {size}");
            }
            let answer = gateway.ask(protocol, model, "漢字🦀é [[fault trickle=3,0]]").expect(200);
            assert_eq!(protocol.text(&answer.json()), "You said: 漢字🦀é é漢🦀.", "{protocol} {model}");
        }
    }
}

fn a_long_stream_comes_whole(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for model in CHAT_MODELS {
            let mut body = protocol.ask(model, "[[tokens 3000]]", true);
            protocol.limit(&mut body, 8000);
            let answer = gateway.post(&protocol.path(model, true), &body).send().expect(200);
            protocol.expect_whole_stream(&answer);
            let text = protocol.stream_text(&answer.events());
            assert!(text.starts_with("w0 w1 ") && text.ends_with("w2998 漢🦀 "), "{protocol} {model}");
        }
    }
}

fn tool_arguments_stream_in_pieces(gateway: &Gateway) {
    let schema = serde_json::json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    for model in CHAT_MODELS {
        let mut body = Protocol::Messages.ask(model, "[[tools 2]] [[preamble]]", true);
        body["tools"] = serde_json::json!([{ "name": "weather", "input_schema": schema }]);
        let events = gateway.post("/v1/messages", &body).send().expect(200).events();
        let mut inputs: BTreeMap<u64, String> = BTreeMap::new();
        for event in &events {
            let data = event.json();
            if let Some(piece) = data["delta"]["partial_json"].as_str() {
                inputs.entry(data["index"].as_u64().unwrap()).or_default().push_str(piece);
            }
        }
        assert!(inputs.len() == 2 && !inputs.contains_key(&0), "{model}: block 0 is no call: {inputs:?}");
        for input in inputs.values() {
            let input: serde_json::Value = serde_json::from_str(input).unwrap();
            assert_eq!(input["city"], "city \"é漢🦀\"", "{model}");
        }
    }
}

fn a_silent_provider_does_not_mean_a_silent_gateway(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        let answer =
            gateway.stream(protocol, "chat-openai", "[[tokens 2]] [[fault between=6500]]").expect(200);
        protocol.expect_whole_stream(&answer);
        let pings = answer.events().iter().filter(|event| event.name.as_deref() == Some("ping")).count();
        match protocol {
            Protocol::Chat | Protocol::Responses => {
                assert!(0 < sse::comments(&answer.body), "no comment while the provider was silent");
            }
            // Google's SDKs stumble over comments.
            Protocol::Gemini => {
                assert!(0 < sse::empty_lines(&answer.body), "nothing while the provider was silent");
            }
            Protocol::Messages => assert!(0 < pings, "no ping while the provider was silent"),
        }
    }
}

fn a_whole_answer_to_a_request_for_a_stream_is_streamed(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for model in CHAT_MODELS {
            let answer = gateway.stream(protocol, model, "hello [[fault whole]]").expect(200);
            protocol.expect_whole_stream(&answer);
            assert_eq!(
                protocol.stream_text(&answer.events()),
                "You said: hello é漢🦀.",
                "{protocol} {model}"
            );
        }
    }
}

fn usage_may_come_late(gateway: &Gateway) {
    let usual =
        gateway.stream(Protocol::Chat, "chat-anthropic", "hello [[fault usage=late]]").expect(200).events();
    let usage = usual[usual.len() - 2].json()["usage"].clone();
    assert!(10 < usage["prompt_tokens"].as_u64().unwrap_or_default(), "{usage}");
    let messages = gateway.stream(Protocol::Messages, "chat-openai", "hello").expect(200).events();
    let closing = messages.iter().map(Event::json).find(|data| data["type"] == "message_delta");
    let usage = closing.map(|data| data["usage"].clone()).unwrap_or_default();
    assert!(0 < usage["input_tokens"].as_u64().unwrap_or_default(), "OpenAI counts at the end only: {usage}");
}

fn a_compressed_answer_is_read_or_passed_over(gateway: &Gateway) {
    // Nobody asked for compression. Workers decompress by themselves, Spin does not: either way the caller gets text.
    for protocol in PROTOCOLS {
        let text = "hello [[fault@primary gzip]]";
        let answer = gateway.ask(protocol, "fallback", text).expect(200);
        assert_eq!(protocol.text(&answer.json()), "You said: hello é漢🦀.", "{protocol}");
        assert!(answer.header("content-encoding").is_none());
        let answer = gateway.stream(protocol, "fallback", text).expect(200);
        assert_eq!(protocol.stream_text(&answer.events()), "You said: hello é漢🦀.", "{protocol}");
    }
}

on_every_host!(
    every_protocol_streams_from_every_format,
    tokens_are_passed_on_as_they_come,
    usage_is_the_last_frame_and_only_if_asked_for,
    frames_and_characters_may_be_cut_anywhere,
    a_long_stream_comes_whole,
    tool_arguments_stream_in_pieces,
    a_silent_provider_does_not_mean_a_silent_gateway,
    a_whole_answer_to_a_request_for_a_stream_is_streamed,
    usage_may_come_late,
    a_compressed_answer_is_read_or_passed_over,
);
