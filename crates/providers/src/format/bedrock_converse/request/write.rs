//! Requests as Bedrock is sent them, whatever the caller's format.

use sluice_types::{
    chat::{OutputFormat, Part, Request, Role},
    error::Failure,
};

use super::{
    PLACE,
    blocks::{Blocks, keep},
    model::Kin,
    reasoning::Wish,
    tools::Tools,
};
use crate::format::{
    Target, Written,
    anthropic_messages::shared::{Body, Conversation, drop_foreign, trimmed},
    dropped::Dropped,
    json::ObjectWriter,
};

/// Writes a request. The model and whether to stream are told by the path.
///
/// # Errors
///
/// `Unsupported` with the caller's name for it if the target is strict and something cannot be said here;
/// `InvalidRequest` if a tool call's arguments are not a JSON object, or nothing is said at all.
pub(in crate::format) fn write_request(
    request: &Request<'_>,
    target: &Target<'_>,
) -> Result<Written, Failure> {
    let kin = Kin::of(target.model);
    let mut dropped = Dropped::new(PLACE, target.strict);
    drop_foreign(&mut dropped, request, false)?;
    dropped.add_if(request.user.is_some(), "user")?;
    let conversation =
        Conversation::arrange_by(request, &mut dropped, |part, dropped| keep(part, kin, dropped))?;
    if conversation.turns.is_empty() {
        return Err(Failure::invalid("messages", "must say something"));
    }
    let tools = Tools::choose(request, &conversation, kin, &mut dropped)?;
    let wish = Wish::translate(request, target.model, kin, &conversation, &mut dropped)?;
    let mut out = Vec::with_capacity(1024);
    let mut body = Body::open(&mut out, target.dialect);
    write_conversation(&mut body, &conversation, kin, &mut dropped)?;
    write_inference(&mut body, request, &wish, target, &mut dropped)?;
    if let Some(tools) = tools
        && let Some(out) = body.member("toolConfig")
    {
        tools.write(out);
    }
    write_output(&mut body, request, &wish, &mut dropped)?;
    if wish.has_fields()
        && let Some(out) = body.member("additionalModelRequestFields")
    {
        wish.write_fields(kin, out);
    }
    let Body { object, refused, .. } = body;
    object.close();
    for name in refused {
        dropped.add(&name)?;
    }
    Ok(Written { body: out, dropped: dropped.into_names() })
}

fn write_conversation(
    body: &mut Body<'_>,
    conversation: &Conversation<'_>,
    kin: Kin,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    let mut blocks = Blocks::new(kin);
    if !conversation.system.is_empty()
        && let Some(out) = body.member("system")
    {
        blocks.write(out, conversation.system.iter().copied(), dropped)?;
    }
    let Some(out) = body.member("messages") else { return Ok(()) };
    let last = conversation.turns.len() - 1;
    out.push(b'[');
    for (i, turn) in conversation.turns.iter().enumerate() {
        if 0 < i {
            out.push(b',');
        }
        let mut message = ObjectWriter::open(out);
        message.set("role", if turn.role == Role::Assistant { "assistant" } else { "user" });
        // The model goes on from its own last words, which must not end in a space.
        let prefill = if i == last && turn.role == Role::Assistant { trimmed(turn) } else { None };
        let parts = match &prefill {
            Some(_) => turn.parts.split_last().map_or(&[][..], |(_, before)| before),
            None => &turn.parts,
        };
        let parts = turn.results.iter().copied().chain(parts.iter().copied());
        let parts: Vec<&Part<'_>> = parts.chain(prefill.as_ref()).collect();
        blocks.write(message.member("content"), parts.into_iter(), dropped)?;
        message.close();
    }
    out.push(b']');
    Ok(())
}

fn write_inference(
    body: &mut Body<'_>,
    request: &Request<'_>,
    wish: &Wish,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    // Models refuse stop texts of spaces alone.
    let (said, blank): (Vec<&str>, Vec<&str>) =
        request.stop.iter().map(|stop| &**stop).partition(|stop| !stop.trim().is_empty());
    dropped.add_if(!blank.is_empty(), "stop")?;
    let nothing = wish.max_tokens.is_none()
        && wish.sampled.temperature.is_none()
        && wish.sampled.top_p.is_none()
        && said.is_empty();
    if nothing {
        return Ok(());
    }
    let Some(out) = body.member("inferenceConfig") else { return Ok(()) };
    let mut config = Body::open(out, target.dialect);
    if let Some(max_tokens) = wish.max_tokens {
        config.json("maxTokens", &max_tokens);
    }
    if let Some(temperature) = wish.sampled.temperature {
        config.json("temperature", &temperature);
    }
    if let Some(top_p) = wish.sampled.top_p {
        config.json("topP", &top_p);
    }
    if !said.is_empty() {
        config.json("stopSequences", &said);
    }
    let Body { object, refused, .. } = config;
    object.close();
    body.refused.extend(refused);
    Ok(())
}

/// Writes `outputConfig`: the form of the answer, and the effort to think with.
fn write_output(
    body: &mut Body<'_>,
    request: &Request<'_>,
    wish: &Wish,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    let schema = match &request.output {
        OutputFormat::Text => None,
        OutputFormat::Json => {
            dropped.add("response_format")?;
            None
        }
        OutputFormat::Schema { name, description, schema, .. } => Some((name, description, schema)),
    };
    if schema.is_none() && wish.effort.is_none() {
        return Ok(());
    }
    let Some(out) = body.member("outputConfig") else { return Ok(()) };
    let mut config = ObjectWriter::open(out);
    if let Some((name, description, schema)) = schema {
        let mut format = ObjectWriter::open(config.member("textFormat"));
        format.set("type", "json_schema");
        let mut structure = ObjectWriter::open(format.member("structure"));
        let mut definition = ObjectWriter::open(structure.member("jsonSchema"));
        // The schema is a text that holds JSON.
        definition.set("schema", schema.text());
        definition.set_some("name", name.as_ref());
        definition.set_some("description", description.as_ref());
        definition.close();
        structure.close();
        format.close();
    }
    config.set_some("effort", wish.effort.as_ref());
    config.close();
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sluice_types::{
        chat::{Media, Tool, ToolChoice, Turn},
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

    fn asks(turns: Vec<Turn<'static>>) -> Request<'static> {
        Request { turns, ..Request::default() }
    }

    fn sent(request: &Request<'_>, model: &str, strict: bool) -> Result<(Value, Vec<String>), Failure> {
        let dialect = Dialect { drop: vec!["topP".to_owned()], ..Dialect::default() };
        let target =
            Target { model, dialect: &dialect, strict, default_max_tokens: Some(9), same_format: false };
        let written = write_request(request, &target)?;
        Ok((serde_json::from_slice(&written.body).unwrap(), written.dropped))
    }

    #[test]
    fn a_document_alone_is_given_a_text() {
        let document = |name: &'static str| Part::Document {
            source: Media::Base64 { media_type: "application/pdf".into(), data: "AAAA".into() },
            name: Some(name.into()),
            cache: None,
        };
        let request = asks(vec![
            turn(Role::User, vec![document("a.pdf"), document("a.pdf")]),
            turn(Role::Assistant, vec![text("Read.")]),
            turn(Role::User, vec![document("a.pdf"), text("And this?")]),
        ]);
        let (body, dropped) = sent(&request, "m", false).unwrap();
        assert_eq!(body["messages"][0]["content"][1]["document"]["name"], "a 2");
        assert_eq!(body["messages"][0]["content"][2], json!({ "text": "a" }));
        assert_eq!(body["messages"][2]["content"].as_array().unwrap().len(), 2);
        assert_eq!(body["messages"][2]["content"][0]["document"]["name"], "a 3");
        assert!(dropped.is_empty() && body.get("inferenceConfig").is_none());
    }

    #[test]
    fn tools_stay_where_the_conversation_holds_calls() {
        let call = Part::ToolCall {
            id: "t".into(),
            name: "f".into(),
            arguments: "".into(),
            extra: Members::default(),
            cache: None,
        };
        let result = Part::ToolResult { call_id: "t".into(), parts: vec![], is_error: true, cache: None };
        let turns = vec![
            turn(Role::User, vec![text("go")]),
            turn(Role::Assistant, vec![call]),
            turn(Role::User, vec![result]),
        ];
        let tool = Tool::Function {
            name: "g".into(),
            description: Some("".into()),
            parameters: None,
            strict: None,
            cache: None,
        };
        let none = Request { tools: vec![tool], tool_choice: Some(ToolChoice::None), ..asks(turns.clone()) };
        let (body, dropped) = sent(&none, "meta.llama", false).unwrap();
        let spec = json!([{ "toolSpec": { "name": "g", "inputSchema": { "json": { "type": "object" } } } }]);
        assert_eq!(body["toolConfig"], json!({ "tools": spec }));
        assert_eq!(dropped, ["tool_choice"]);
        assert_eq!(
            body["messages"][2]["content"][0]["toolResult"],
            json!({ "toolUseId": "t", "content": [] })
        );
        assert_eq!(sent(&none, "m", true).unwrap_err().kind, ErrorKind::Unsupported);
        let (body, dropped) = sent(&asks(turns), "anthropic.claude-x", true).unwrap();
        assert_eq!(body["toolConfig"]["tools"][0]["toolSpec"]["name"], "f");
        assert_eq!(body["messages"][2]["content"][0]["toolResult"]["status"], "error");
        assert!(dropped.is_empty());
    }

    #[test]
    fn a_member_the_provider_refuses_is_left_out_and_named() {
        let request = Request {
            top_p: Some(0.5),
            temperature: Some(0.5),
            ..asks(vec![turn(Role::User, vec![text("a")])])
        };
        let (body, dropped) = sent(&request, "m", false).unwrap();
        assert_eq!(body["inferenceConfig"], json!({ "temperature": 0.5 }));
        assert_eq!(dropped, ["topP"]);
    }

    #[test]
    fn a_request_that_says_nothing_is_refused() {
        let image =
            Part::Image { source: Media::Url("https://e.test/a.png".into()), detail: None, cache: None };
        let request = asks(vec![turn(Role::User, vec![image])]);
        assert_eq!(sent(&request, "m", false).unwrap_err().kind, ErrorKind::InvalidRequest);
        let strict = sent(&request, "m", true).unwrap_err();
        assert_eq!((strict.kind, strict.param.as_deref()), (ErrorKind::Unsupported, Some("image_url")));
    }
}
