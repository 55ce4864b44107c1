//! Chat answers, whole and streamed.

use crate::mock::answer::{Answer, Kind, Part, Stop, Usage};
use crate::mock::ask::{Ask, quote};
use crate::mock::fault::UsageAt;
use crate::mock::reply::{Frame, When};

/// The whole answer. What is said before calls is their plan.
pub fn json(ask: &Ask, answer: &Answer, usage: UsageAt) -> String {
    let plans = plans(answer);
    let (mut content, mut calls, mut plan) = (Vec::new(), Vec::new(), String::new());
    for part in &answer.parts {
        let text = part.text();
        match &part.kind {
            Kind::Thinking => content.push(format!(r#"{{"type":"thinking","thinking":{}}}"#, quote(&text))),
            Kind::Text | Kind::Refusal if plans => plan.push_str(&text),
            Kind::Text | Kind::Refusal => {
                content.push(format!(r#"{{"type":"text","text":{}}}"#, quote(&text)));
            }
            Kind::Call { name, number } => calls.push(format!(
                r#"{{"id":"{}","type":"function","function":{{"name":"{name}","arguments":{}}}}}"#,
                call_id(ask, name, *number),
                quote(&text)
            )),
            // Nobody seals thoughts here.
            Kind::Redacted => {}
        }
    }
    let mut message = r#""role":"assistant""#.to_owned();
    if !content.is_empty() || !plans {
        message.push_str(&format!(r#","content":[{}]"#, content.join(",")));
    }
    if plans {
        message.push_str(&format!(r#","tool_plan":{},"tool_calls":[{}]"#, quote(&plan), calls.join(",")));
    }
    let usage = if usage == UsageAt::Nowhere { String::new() } else { format!(",{}", counts(&answer.usage)) };
    format!(
        r#"{{"id":"{:016x}","message":{{{message}}},"finish_reason":"{}"{usage}}}"#,
        ask.seed,
        stop(&answer.stop)
    )
}

/// Whether tools are called.
fn plans(answer: &Answer) -> bool {
    answer.parts.iter().any(|part| matches!(part.kind, Kind::Call { .. }))
}

/// The answer as a stream.
pub fn frames(ask: &Ask, answer: &Answer, usage: UsageAt) -> Vec<Frame> {
    let plans = plans(answer);
    let mut frames = Vec::new();
    let mut push = |when, kind: &str, rest: &str| {
        let text = format!("event: {kind}\ndata: {{\"type\":\"{kind}\"{rest}}}\n\n");
        frames.push(Frame::new(when, text));
    };
    let start = format!(
        r#","id":"{:016x}","delta":{{"message":{{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}}"#,
        ask.seed
    );
    push(When::Head, "message-start", &start);
    let (mut blocks, mut calls) = (0, 0);
    for part in &answer.parts {
        match &part.kind {
            Kind::Redacted => {}
            Kind::Text | Kind::Refusal if plans => {
                for token in &part.tokens {
                    let delta = format!(r#","delta":{{"message":{{"tool_plan":{}}}}}"#, quote(token));
                    push(When::Token, "tool-plan-delta", &delta);
                }
            }
            Kind::Thinking => {
                stream_block("thinking", part, blocks, &mut push);
                blocks += 1;
            }
            Kind::Text | Kind::Refusal => {
                stream_block("text", part, blocks, &mut push);
                blocks += 1;
            }
            Kind::Call { name, number } => {
                stream_call(&call_id(ask, name, *number), name, part, calls, &mut push);
                calls += 1;
            }
        }
    }
    let usage = if usage == UsageAt::Nowhere { String::new() } else { format!(",{}", counts(&answer.usage)) };
    let end = format!(r#","delta":{{"finish_reason":"{}"{usage}}}"#, stop(&answer.stop));
    push(When::Tail, "message-end", &end);
    frames
}

fn stream_block(kind: &str, part: &Part, index: usize, push: &mut impl FnMut(When, &str, &str)) {
    let delta = |content: &str| format!(r#","index":{index},"delta":{{"message":{{"content":{content}}}}}"#);
    push(When::Head, "content-start", &delta(&format!(r#"{{"type":"{kind}","{kind}":""}}"#)));
    for token in &part.tokens {
        push(When::Token, "content-delta", &delta(&format!(r#"{{"{kind}":{}}}"#, quote(token))));
    }
    push(When::Head, "content-end", &format!(r#","index":{index}"#));
}

fn stream_call(id: &str, name: &str, part: &Part, index: usize, push: &mut impl FnMut(When, &str, &str)) {
    let delta = |call: &str| format!(r#","index":{index},"delta":{{"message":{{"tool_calls":{call}}}}}"#);
    let start = format!(r#"{{"id":"{id}","type":"function","function":{{"name":"{name}","arguments":""}}}}"#);
    push(When::Token, "tool-call-start", &delta(&start));
    for token in &part.tokens {
        let more = format!(r#"{{"function":{{"arguments":{}}}}}"#, quote(token));
        push(When::Token, "tool-call-delta", &delta(&more));
    }
    push(When::Head, "tool-call-end", &format!(r#","index":{index}"#));
}

fn call_id(ask: &Ask, name: &str, number: usize) -> String {
    format!("{name}_{:08x}{number}", ask.seed as u32)
}

fn stop(stop: &Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Refusal => "COMPLETE",
        Stop::Calls => "TOOL_CALL",
        Stop::Length => "MAX_TOKENS",
        Stop::Sequence(_) => "STOP_SEQUENCE",
        Stop::Filter => "ERROR_TOXIC",
    }
}

/// The member `usage`: cached input is part of `tokens.input_tokens`, what the provider adds is not billed.
fn counts(usage: &Usage) -> String {
    format!(
        r#""usage":{{"billed_units":{{"input_tokens":{},"output_tokens":{output}}},"tokens":{{"input_tokens":{}.0,"output_tokens":{output}.0}},"cached_tokens":{}}}"#,
        usage.input.saturating_sub(5),
        usage.input,
        usage.cache_read,
        output = usage.output,
    )
}

/// An error's body.
pub fn error(message: &str) -> String {
    format!(r#"{{"id":"mock","message":{}}}"#, quote(message))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::mock::answer::answer;
    use crate::mock::ask::Tool;

    #[test]
    fn a_stream_and_a_whole_answer_say_the_same() {
        let schema = json!({ "type": "object", "properties": { "q": { "type": "string" } } });
        let ask = Ask {
            prompt: "[[tool]] [[preamble]] [[think]]".into(),
            tools: vec![Tool { name: "f".into(), schema }],
            parallel: true,
            ..Ask::default()
        };
        let answer = answer(&ask);
        let whole: Value = serde_json::from_str(&json(&ask, &answer, UsageAt::Usual)).unwrap();
        let (mut plan, mut thought, mut arguments) = (String::new(), String::new(), String::new());
        for frame in frames(&ask, &answer, UsageAt::Usual) {
            let data: Value = serde_json::from_str(frame.text().split_once("data: ").unwrap().1).unwrap();
            let told =
                |pointer: &str| data.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            plan += &told("/delta/message/tool_plan");
            thought += &told("/delta/message/content/thinking");
            arguments += &told("/delta/message/tool_calls/function/arguments");
        }
        let message = &whole["message"];
        assert_eq!(message["tool_plan"], plan);
        assert_eq!(message["content"][0]["thinking"], thought);
        assert_eq!(message["tool_calls"][0]["function"]["arguments"], arguments);
        assert_eq!(whole["finish_reason"], "TOOL_CALL");
    }
}
