//! Requests as Cohere is sent them, whatever the caller's format.

use sluice_types::{chat::Request, error::Failure};

use super::{
    messages::write_messages,
    options::{write_output, write_sampling, write_thinking, write_tools},
};
use crate::format::{Target, Written, anthropic_messages::shared::Body, dropped::Dropped};

/// Writes a request.
///
/// Silently left out, because nothing is lost by it or nobody may have it: cache marks (there is nothing to mark here),
/// thoughts that are sealed or that no tool call follows, and whether a tool's result is an error (its text says so).
///
/// # Errors
///
/// `Unsupported` with the caller's name for it if the target is strict and something cannot be said here;
/// `InvalidRequest` if nothing is said at all.
pub(in crate::format) fn write_request(
    request: &Request<'_>,
    target: &Target<'_>,
) -> Result<Written, Failure> {
    let mut dropped = Dropped::new("in Cohere chat", target.strict);
    dropped.add_if(request.choices.is_some_and(|choices| 1 < choices), "n")?;
    dropped.add_if(request.user.is_some(), "user")?;
    dropped.add_extra(request, &["reasoning.summary"])?;
    let mut out = Vec::with_capacity(1024);
    let mut body = Body::open(&mut out, target.dialect);
    body.text("model", target.model);
    if let Some(out) = body.member("messages")
        && write_messages(out, &request.turns, &mut dropped)? == 0
    {
        return Err(Failure::invalid("messages", "must say something"));
    }
    let has_tools = write_tools(&mut body, request, &mut dropped)?;
    write_output(&mut body, request, has_tools, &mut dropped)?;
    write_sampling(&mut body, request, &mut dropped)?;
    write_thinking(&mut body, request, target.model, &mut dropped)?;
    if request.stream {
        body.json("stream", &true);
    }
    let Body { object, refused, .. } = body;
    object.close();
    for name in refused {
        dropped.add(&name)?;
    }
    Ok(Written { body: out, dropped: dropped.into_names() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sluice_types::{
        chat::{Effort, Part, Reasoning, Role, Tool, ToolChoice, Turn},
        error::ErrorKind,
        json::Members,
    };

    use super::*;
    use crate::format::Dialect;

    fn turn(role: Role, parts: Vec<Part<'static>>) -> Turn<'static> {
        Turn { role, name: None, parts, extra: Members::default() }
    }

    fn text(text: &'static str) -> Part<'static> {
        Part::text(text)
    }

    fn thought(text: &'static str, seal: Option<&'static str>) -> Part<'static> {
        Part::Reasoning { text: text.into(), signature: seal.map(Into::into) }
    }

    fn asks(turns: Vec<Turn<'static>>) -> Request<'static> {
        Request { turns, ..Request::default() }
    }

    fn sent(request: &Request<'_>, model: &str) -> Result<(Value, Vec<String>), Failure> {
        let dialect = Dialect::default();
        let target =
            Target { model, dialect: &dialect, strict: false, default_max_tokens: None, same_format: false };
        let written = write_request(request, &target)?;
        Ok((serde_json::from_slice(&written.body).unwrap(), written.dropped))
    }

    #[test]
    fn what_stands_before_calls_is_the_plan() {
        let call = Part::ToolCall {
            id: "c".into(),
            name: "f".into(),
            arguments: " ".into(),
            extra: Members::default(),
            cache: None,
        };
        let parts =
            vec![thought("I think.", None), thought("Sealed.", Some("s")), text("I will look. "), call];
        let request = asks(vec![
            turn(Role::User, vec![text("hi")]),
            turn(Role::Assistant, parts),
            turn(Role::Assistant, vec![thought("Again.", None), text("Done.")]),
        ]);
        let (body, dropped) = sent(&request, "m").unwrap();
        let calls =
            json!([{ "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" } }]);
        assert_eq!(
            body["messages"][1],
            json!({ "role": "assistant", "tool_plan": "I think.\nI will look.", "tool_calls": calls })
        );
        assert_eq!(body["messages"][2], json!({ "role": "assistant", "content": "Done." }));
        assert!(dropped.is_empty());
    }

    #[test]
    fn one_tool_is_asked_for_by_leaving_out_the_others() {
        let tool = |name: &'static str, strict| Tool::Function {
            name: name.into(),
            description: None,
            parameters: None,
            strict: Some(strict),
            cache: None,
        };
        let base = Request {
            tools: vec![tool("a", true), tool("b", false)],
            output: sluice_types::chat::OutputFormat::Json,
            ..asks(vec![turn(Role::User, vec![text("hi")])])
        };
        let one = Request { tool_choice: Some(ToolChoice::Tool("a".into())), ..base.clone() };
        let (body, dropped) = sent(&one, "m").unwrap();
        assert_eq!(body["tools"].as_array().unwrap().len(), 1);
        assert_eq!((&body["tool_choice"], &body["strict_tools"]), (&json!("REQUIRED"), &json!(true)));
        assert_eq!(dropped, ["response_format"]);
        let missing = Request { tool_choice: Some(ToolChoice::Tool("z".into())), ..base };
        let (body, dropped) = sent(&missing, "m").unwrap();
        assert_eq!((body.get("tool_choice"), body.get("strict_tools")), (None, None));
        assert_eq!(dropped, ["tool_choice", "strict", "response_format"]);
    }

    #[test]
    fn bounds_are_kept() {
        let request = Request {
            top_p: Some(1.0),
            top_k: Some(1000),
            presence_penalty: Some(-0.5),
            frequency_penalty: Some(1.0),
            stop: ["1", "", "2", "3", "4", "5", "6"].map(Into::into).to_vec(),
            max_output_tokens: Some(1000),
            reasoning: Some(Reasoning::Effort(Effort::Low)),
            ..asks(vec![turn(Role::User, vec![text("hi")])])
        };
        let (body, dropped) = sent(&request, "command-a-reasoning").unwrap();
        assert_eq!((&body["p"], &body["k"]), (&json!(0.99), &json!(500)));
        assert_eq!(body["stop_sequences"], json!(["1", "2", "3", "4", "5"]));
        assert_eq!(body["thinking"], json!({ "type": "enabled", "token_budget": 750 }));
        assert_eq!((body.get("presence_penalty"), &body["frequency_penalty"]), (None, &json!(1.0)));
        assert_eq!(dropped, ["presence_penalty", "stop"]);
        assert_eq!(
            sent(&request, "command-r7b").unwrap().1,
            ["presence_penalty", "stop", "reasoning_effort"]
        );
        let off = Request { reasoning: Some(Reasoning::Off), ..request };
        assert_eq!(sent(&off, "command-a-reasoning").unwrap().0["thinking"], json!({ "type": "disabled" }));
        assert_eq!(sent(&off, "command-r7b").unwrap().0.get("thinking"), None);
    }

    #[test]
    fn a_request_that_says_nothing_is_refused() {
        let request = asks(vec![turn(Role::User, vec![text("")])]);
        assert_eq!(sent(&request, "m").unwrap_err().kind, ErrorKind::InvalidRequest);
    }
}
