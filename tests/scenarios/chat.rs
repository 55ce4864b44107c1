//! Whole answers, in both protocols, from both upstream formats.

use serde_json::{Value, json};
use sluice_tests::gateway::Gateway;
use sluice_tests::on_every_host;
use sluice_tests::protocol::{PROTOCOLS, Protocol};
use sluice_tests::seed::CHAT_MODELS;

fn every_protocol_is_answered_by_every_format(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for model in CHAT_MODELS {
            let answer = gateway.ask(protocol, model, "hello é漢🦀").expect(200);
            assert_eq!(answer.expect_header("content-type"), "application/json", "{protocol} {model}");
            assert_eq!(protocol.text(&answer.json()), "You said: hello é漢🦀 é漢🦀.", "{protocol} {model}");
            let target = answer.expect_header("sluice-target");
            assert!(target.ends_with("-mock/m"), "{target}");
            assert_eq!(answer.expect_header("sluice-attempts"), "1");
            assert!(!answer.expect_header("sluice-request-id").is_empty());
        }
    }
}

fn request_ids_are_unique(gateway: &Gateway) {
    let id = || {
        let answer = gateway.ask(Protocol::Chat, "chat-openai", "hi").expect(200);
        answer.expect_header("sluice-request-id").to_owned()
    };
    assert_ne!(id(), id());
}

fn usage_adds_up_in_each_protocols_own_way(gateway: &Gateway) {
    // The other formats do not tell what was read from a cache.
    for model in ["chat-openai", "chat-responses", "chat-anthropic", "chat-gemini", "chat-bedrock"] {
        let text = "hello ".repeat(40);
        let chat = gateway.ask(Protocol::Chat, model, &text).expect(200).json();
        let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("no number in {chat}"));
        let usage = &chat["usage"];
        assert_eq!(
            number(&usage["total_tokens"]),
            number(&usage["prompt_tokens"]) + number(&usage["completion_tokens"])
        );
        let cached = number(&usage["prompt_tokens_details"]["cached_tokens"]);
        assert!(0 < cached && cached < number(&usage["prompt_tokens"]));

        let messages = gateway.ask(Protocol::Messages, model, &text).expect(200).json();
        let usage = &messages["usage"];
        let number = |name: &str| usage[name].as_u64().unwrap_or_default();
        assert!(0 < number("cache_read_input_tokens"), "{usage}");
        let input = number("input_tokens")
            + number("cache_read_input_tokens")
            + number("cache_creation_input_tokens");
        let prompt = chat["usage"]["prompt_tokens"].as_u64().unwrap();
        assert!(input.abs_diff(prompt) < 10, "{model}: {input} tokens in Messages, {prompt} in Chat");
    }
}

fn parallel_tools_go_there_and_back(gateway: &Gateway) {
    let schema =
        json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    for model in CHAT_MODELS {
        let mut body = Protocol::Chat.ask(model, "[[tools 2]]", false);
        body["tools"] =
            json!([{ "type": "function", "function": { "name": "weather", "parameters": schema } }]);
        let answer = gateway.post("/v1/chat/completions", &body).send().expect(200).json();
        let message = &answer["choices"][0]["message"];
        let calls = message["tool_calls"].as_array().unwrap_or_else(|| panic!("{model}: no calls: {answer}"));
        assert_eq!(calls.len(), 2, "{model}");
        assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
        let arguments: Value =
            serde_json::from_str(calls[0]["function"]["arguments"].as_str().unwrap()).unwrap();
        assert_eq!(arguments, json!({ "city": "city \"é漢🦀\"" }));

        let messages = body["messages"].as_array_mut().unwrap();
        messages.push(message.clone());
        for call in calls {
            messages.push(json!({ "role": "tool", "tool_call_id": call["id"], "content": "sunny" }));
        }
        let answer = gateway.post("/v1/chat/completions", &body).send().expect(200).json();
        assert_eq!(Protocol::Chat.text(&answer), "The tools answered: sunny; sunny. é漢🦀", "{model}");
    }
}

fn thinking_comes_back_with_its_signature(gateway: &Gateway) {
    let ask = |messages: Value| {
        let body = json!({ "model": "chat-anthropic", "max_tokens": 9000, "messages": messages,
            "thinking": { "type": "enabled", "budget_tokens": 2000 } });
        gateway.post("/v1/messages", &body).send().expect(200).json()
    };
    let first = json!({ "role": "user", "content": "why?" });
    let answer = ask(json!([first]));
    assert_eq!(answer["content"][0]["type"], "thinking");
    let turn = json!({ "role": "assistant", "content": answer["content"] });
    // The mock refuses a thinking block that is not byte for byte its own.
    ask(json!([first, turn, { "role": "user", "content": "and now?" }]));
}

fn members_of_the_same_format_pass_untouched(gateway: &Gateway) {
    let id = gateway.unique("pass");
    let mut body = Protocol::Chat.ask("chat-openai", &format!("[[id {id}]]"), false);
    body["seed"] = json!(7);
    body["some_vendor_member"] = json!({ "b": 1, "a": [1.50] });
    gateway.post("/v1/chat/completions", &body).send().expect(200);
    let log = gateway.mock().log(&id);
    assert_eq!(log[0]["body"]["some_vendor_member"], json!({ "b": 1, "a": [1.50] }));
    assert_eq!(log[0]["body"]["seed"], 7);
    assert_eq!(log[0]["body"]["model"], "m", "the provider's own name for the model");
}

fn a_providers_refusal_of_the_request_is_the_callers_400(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for model in CHAT_MODELS {
            let id = gateway.unique("context");
            let text = format!("[[id {id}]] [[fault status=400,code=context_length_exceeded]]");
            let answer = gateway.ask(protocol, model, &text).expect(400);
            let code = protocol.error(&answer.json());
            match protocol {
                Protocol::Chat | Protocol::Responses => {
                    assert_eq!(code, "context_length_exceeded", "{model}");
                }
                Protocol::Messages => assert_eq!(code, "invalid_request_error", "{model}"),
                Protocol::Gemini => assert_eq!(code, "INVALID_ARGUMENT", "{model}"),
            }
            assert_eq!(gateway.mock().log(&id).len(), 1, "not retried");
        }
    }
}

fn an_unknown_model_is_404(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for model in ["no-such-model", "nobody/m", "builtin/no-such"] {
            let answer = gateway.ask(protocol, model, "hi").expect(404);
            let code = protocol.error(&answer.json());
            assert!(["model_not_found", "not_found_error", "NOT_FOUND"].contains(&code.as_str()), "{code}");
        }
    }
}

on_every_host!(
    every_protocol_is_answered_by_every_format,
    request_ids_are_unique,
    usage_adds_up_in_each_protocols_own_way,
    parallel_tools_go_there_and_back,
    thinking_comes_back_with_its_signature,
    members_of_the_same_format_pass_untouched,
    a_providers_refusal_of_the_request_is_the_callers_400,
    an_unknown_model_is_404,
);
