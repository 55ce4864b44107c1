//! Requests as providers are sent them, for callers of other formats and for requests altered on their way.

use sluice_types::{
    chat::{OutputFormat, Request, Tool, ToolChoice},
    error::Failure,
    json::{Members, Raw},
};

use super::{
    super::parts::{Audience, PartsWriter},
    PLACE,
    body::Body,
    conversation::{Content, Conversation},
    dropped::Dropped,
    families::{Family, family_of},
    thinking::Thinking,
};
use crate::format::{
    Target, Written,
    json::{ObjectWriter, list},
};

/// Writes a request. Model and streaming are told in the path.
///
/// # Errors
///
/// `Unsupported` with the caller's name for it if the target is strict and something cannot be said here;
/// `InvalidRequest` if a tool call's arguments are not a JSON object, or nothing is said at all.
pub fn write_request(request: &Request<'_>, target: &Target<'_>) -> Result<Written, Failure> {
    let mut dropped = Dropped::new(PLACE, target.strict);
    let family = family_of(target.model);
    if !target.same_format {
        dropped.add_if(request.user.is_some(), "user")?;
        dropped.add_extra(request, &[])?;
    }
    let conversation = match target.same_format {
        true => Conversation::verbatim(request),
        false => Conversation::arrange(request, family.rich_results, &mut dropped)?,
    };
    if conversation.contents.is_empty() {
        return Err(Failure::invalid("messages", "must say something"));
    }
    let mut out = Vec::with_capacity(1024);
    let mut body = Body::open(&mut out, target.dialect, "");
    write_conversation(&mut body, &conversation, family, target)?;
    write_tools(&mut body, request, target, &mut dropped)?;
    let mut refused = write_config(&mut body, request, family, target, &mut dropped)?;
    for (name, raw) in own(request, target, "") {
        body.raw(name, raw.text());
    }
    refused.extend(body.close());
    for name in refused {
        dropped.add(&name)?;
    }
    Ok(Written { body: out, dropped: dropped.into_names() })
}

/// The members that a caller of this very format gave the object `prefix`, and that are unknown here.
fn own<'r>(
    request: &'r Request<'_>,
    target: &Target<'_>,
    prefix: &'static str,
) -> impl Iterator<Item = (&'r str, &'r Raw<'r>)> {
    let extra = if target.same_format { request.extra.0.as_slice() } else { &[] };
    extra.iter().filter_map(move |(name, raw)| {
        let name = name.strip_prefix(prefix)?;
        (!prefix.is_empty() || !name.contains('.')).then_some((name, raw))
    })
}

fn write_conversation(
    body: &mut Body<'_>,
    conversation: &Conversation<'_>,
    family: &Family,
    target: &Target<'_>,
) -> Result<(), Failure> {
    let audience = if target.same_format { Audience::SameProvider } else { Audience::Provider };
    if !conversation.system.is_empty()
        && let Some(out) = body.member("systemInstruction")
    {
        let mut content = ObjectWriter::open(out);
        let mut parts = PartsWriter::open(content.member("parts"), audience);
        for part in &conversation.system {
            parts.part(part)?;
        }
        parts.close();
        write_members(&mut content, conversation.system_extra);
        content.close();
    }
    let Some(out) = body.member("contents") else { return Ok(()) };
    let mut failure = None;
    list(out, &conversation.contents, |out, content| {
        if let Err(error) = write_content(out, content, conversation, family, audience) {
            failure = Some(error);
        }
    });
    failure.map_or(Ok(()), Err)
}

fn write_content(
    out: &mut Vec<u8>,
    content: &Content<'_>,
    conversation: &Conversation<'_>,
    family: &Family,
    audience: Audience,
) -> Result<(), Failure> {
    let mut object = ObjectWriter::open(out);
    object.set("role", if content.model { "model" } else { "user" });
    let mut parts = PartsWriter::open(object.member("parts"), audience);
    for part in content.results.iter().chain(&content.parts) {
        if matches!(part, sluice_types::chat::Part::ToolResult { .. }) {
            let rich = family.rich_results || audience == Audience::SameProvider;
            parts.result(part, &conversation.names, rich)?;
        } else {
            parts.part(part)?;
        }
    }
    parts.close();
    write_members(&mut object, content.extra);
    object.close();
    Ok(())
}

fn write_members(object: &mut ObjectWriter<'_>, members: Option<&Members<'_>>) {
    for (name, raw) in members.iter().flat_map(|members| &members.0) {
        object.raw(name, raw.text());
    }
}

/// Writes `tools` and `toolConfig`.
fn write_tools(
    body: &mut Body<'_>,
    request: &Request<'_>,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    let mut tools = Vec::with_capacity(request.tools.len());
    for tool in &request.tools {
        match tool {
            Tool::Other { kind, .. } if !target.same_format => dropped.add(kind)?,
            Tool::Other { .. } => tools.push(tool),
            Tool::Function { strict, .. } => {
                // Calls keep to their schemas only where a choice says so that few models know.
                dropped.add_if(*strict == Some(true), "strict")?;
                tools.push(tool);
            }
        }
    }
    let any = tools.iter().any(|tool| is_function(tool));
    if !tools.is_empty()
        && let Some(out) = body.member("tools")
    {
        // Functions that stand together are one tool.
        list(out, tools.chunk_by(|a, b| is_function(a) && is_function(b)), |out, chunk| match chunk {
            [Tool::Other { raw, .. }, ..] => out.extend_from_slice(raw.text().as_bytes()),
            functions => {
                let mut tool = ObjectWriter::open(out);
                list(tool.member("functionDeclarations"), functions, |out, tool| write_function(out, tool));
                tool.close();
            }
        });
    }
    dropped.add_if(any && request.parallel_tool_calls == Some(false), "parallel_tool_calls")?;
    let choice = match &request.tool_choice {
        Some(ToolChoice::Other(_)) if !target.same_format => {
            dropped.add("tool_choice")?;
            None
        }
        // A choice between no functions is refused.
        choice => choice.as_ref().filter(|_| any || target.same_format),
    };
    let mut rest = own(request, target, "toolConfig.").peekable();
    if (choice.is_some() || rest.peek().is_some())
        && let Some(out) = body.member("toolConfig")
    {
        let mut config = ObjectWriter::open(out);
        if let Some(choice) = choice {
            write_choice(choice, config.member("functionCallingConfig"));
        }
        for (name, raw) in rest {
            config.raw(name, raw.text());
        }
        config.close();
    }
    Ok(())
}

fn is_function(tool: &Tool<'_>) -> bool {
    matches!(tool, Tool::Function { .. })
}

fn write_function(out: &mut Vec<u8>, tool: &Tool<'_>) {
    let Tool::Function { name, description, parameters, .. } = tool else { return };
    let mut function = ObjectWriter::open(out);
    function.set("name", name);
    function.set_some("description", description.as_ref());
    function.set_some("parametersJsonSchema", parameters.as_ref());
    function.close();
}

fn write_choice(choice: &ToolChoice<'_>, out: &mut Vec<u8>) {
    let mode = match choice {
        ToolChoice::Auto => "AUTO",
        ToolChoice::None => "NONE",
        ToolChoice::Required | ToolChoice::Tool(_) => "ANY",
        ToolChoice::Other(raw) => return out.extend_from_slice(raw.text().as_bytes()),
    };
    let mut calling = ObjectWriter::open(out);
    calling.set("mode", mode);
    if let ToolChoice::Tool(name) = choice {
        calling.set("allowedFunctionNames", &[name]);
    }
    calling.close();
}

/// Writes `generationConfig`, and gives the members in it that the provider refuses.
fn write_config(
    body: &mut Body<'_>,
    request: &Request<'_>,
    family: &Family,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<Vec<String>, Failure> {
    let same_format = target.same_format;
    // 0 is what a provider does unasked, and some models refuse to be told.
    let penalty = |penalty: Option<f64>| penalty.filter(|penalty| same_format || *penalty != 0.0);
    let mut out = Vec::new();
    let mut config = Body::open(&mut out, target.dialect, "generationConfig.");
    config.set_some("maxOutputTokens", request.max_output_tokens.as_ref());
    config.set_some("temperature", request.temperature.as_ref());
    config.set_some("topP", request.top_p.as_ref());
    config.set_some("topK", request.top_k.as_ref());
    config.set_some("seed", request.seed.as_ref());
    config.set_some("frequencyPenalty", penalty(request.frequency_penalty).as_ref());
    config.set_some("presencePenalty", penalty(request.presence_penalty).as_ref());
    config.set_some("candidateCount", request.choices.filter(|count| same_format || *count != 1).as_ref());
    if !request.stop.is_empty() {
        config.set("stopSequences", &request.stop);
    }
    write_form(&mut config, request, family, same_format, dropped)?;
    let thinking = match same_format {
        true => Thinking::verbatim(request.reasoning),
        false => Thinking::translate(request, family, dropped)?,
    };
    if let Some(thinking) = thinking
        && let Some(out) = config.member("thinkingConfig")
    {
        thinking.write(out);
    }
    for (name, raw) in own(request, target, "generationConfig.") {
        config.raw(name, raw.text());
    }
    let empty = config.empty;
    let refused = config.close();
    if !empty && let Some(place) = body.member("generationConfig") {
        place.append(&mut out);
    }
    Ok(refused)
}

/// Writes the form that the answer must have.
fn write_form(
    config: &mut Body<'_>,
    request: &Request<'_>,
    family: &Family,
    same_format: bool,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    if matches!(request.output, OutputFormat::Text) {
        return Ok(());
    }
    let calls = request.tools.iter().any(is_function);
    if calls && !family.form_with_tools && !same_format {
        return dropped.add("response_format");
    }
    config.set("responseMimeType", "application/json");
    if let OutputFormat::Schema { schema, .. } = &request.output {
        config.raw("responseJsonSchema", schema.text());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sluice_types::{
        chat::{Part, Role, Turn},
        error::ErrorKind,
    };

    use super::*;
    use crate::format::Dialect;

    fn turn(role: Role, parts: Vec<Part<'static>>) -> Turn<'static> {
        Turn { role, name: None, parts, extra: Members::default() }
    }

    fn text(text: &'static str) -> Part<'static> {
        Part::text(text)
    }

    fn call(id: &'static str) -> Part<'static> {
        Part::ToolCall {
            id: id.into(),
            name: "f".into(),
            arguments: "{}".into(),
            extra: Members::default(),
            cache: None,
        }
    }

    fn thought(text: &'static str, seal: &'static str) -> Part<'static> {
        Part::Reasoning { text: text.into(), signature: Some(seal.into()) }
    }

    fn sent(request: &Request<'_>, model: &str, dialect: &Dialect) -> (Value, Vec<String>) {
        let target = Target { model, dialect, strict: false, default_max_tokens: None, same_format: false };
        let written = write_request(request, &target).unwrap();
        (serde_json::from_slice(&written.body).unwrap(), written.dropped)
    }

    fn models_parts(parts: Vec<Part<'static>>) -> Value {
        let request = Request { turns: vec![turn(Role::Assistant, parts)], ..Request::default() };
        sent(&request, "m", &Dialect::default()).0["contents"][0]["parts"].clone()
    }

    #[test]
    fn a_seal_sits_on_the_part_that_follows() {
        assert_eq!(
            models_parts(vec![thought("plan", "google:A"), call("1"), call("2")]),
            json!([
                { "functionCall": { "id": "1", "name": "f", "args": {} }, "thoughtSignature": "A" },
                { "functionCall": { "id": "2", "name": "f", "args": {} } },
            ])
        );
        assert_eq!(
            models_parts(vec![
                text("hi"),
                thought("", "google:A"),
                thought("", "google:B"),
                call("call_gemini_x_0")
            ]),
            json!([
                { "text": "hi" },
                { "text": "", "thoughtSignature": "A" },
                { "functionCall": { "name": "f", "args": {} }, "thoughtSignature": "B" },
            ])
        );
        assert_eq!(
            models_parts(vec![
                text("hi"),
                thought("plan", "google:A"),
                thought("x", "anthropics"),
                thought("", "openai:r")
            ]),
            json!([{ "text": "hi" }, { "text": "", "thoughtSignature": "A" }])
        );
    }

    #[test]
    fn responses_are_objects_by_their_functions_names() {
        let result = |text: &'static str, is_error| Part::ToolResult {
            call_id: "1".into(),
            parts: vec![self::text(text)],
            is_error,
            cache: None,
        };
        for (result, expected) in [
            (result("ok", false), json!({ "result": "ok" })),
            (result(" {\"a\": 1} ", false), json!({ "a": 1 })),
            (result("[1]", false), json!({ "result": "[1]" })),
            (result("no", true), json!({ "error": "no" })),
            (result("{\"a\":1}", true), json!({ "error": { "a": 1 } })),
        ] {
            let turns = vec![turn(Role::Assistant, vec![call("1")]), turn(Role::User, vec![result])];
            let request = Request { turns, ..Request::default() };
            let (body, _) = sent(&request, "m", &Dialect::default());
            let response = &body["contents"][1]["parts"][0]["functionResponse"];
            assert_eq!((&response["name"], &response["id"]), (&json!("f"), &json!("1")));
            assert_eq!(response["response"], expected);
        }
    }

    #[test]
    fn what_a_model_or_its_provider_refuses_is_left_out_and_named() {
        let tool = Tool::Function {
            name: "f".into(),
            description: None,
            parameters: None,
            strict: None,
            cache: None,
        };
        let request = Request {
            turns: vec![turn(Role::User, vec![text("hi")])],
            tools: vec![tool],
            output: OutputFormat::Json,
            seed: Some(7),
            presence_penalty: Some(0.0),
            ..Request::default()
        };
        let dialect = Dialect { drop: vec!["generationConfig.seed".into()], ..Dialect::default() };
        let (body, dropped) = sent(&request, "gemini-2.5-flash", &dialect);
        assert_eq!(body.get("generationConfig"), None);
        assert_eq!(dropped, ["response_format", "generationConfig.seed"]);
        let (body, dropped) = sent(&request, "gemini-3-flash", &Dialect::default());
        assert_eq!(body["generationConfig"], json!({ "seed": 7, "responseMimeType": "application/json" }));
        assert!(dropped.is_empty());
        let target = Target {
            model: "gemini-2.5-flash",
            dialect: &Dialect::default(),
            strict: true,
            default_max_tokens: None,
            same_format: false,
        };
        let failure = write_request(&request, &target).unwrap_err();
        assert_eq!(
            (failure.kind, failure.param.as_deref()),
            (ErrorKind::Unsupported, Some("response_format"))
        );
    }

    #[test]
    fn broken_arguments_are_refused() {
        let broken = Part::ToolCall {
            id: "call_7".into(),
            name: "f".into(),
            arguments: "{\"a\":".into(),
            extra: Members::default(),
            cache: None,
        };
        let request = Request { turns: vec![turn(Role::Assistant, vec![broken])], ..Request::default() };
        let dialect = Dialect::default();
        let target = Target {
            model: "m",
            dialect: &dialect,
            strict: false,
            default_max_tokens: None,
            same_format: false,
        };
        let failure = write_request(&request, &target).unwrap_err();
        assert!(failure.kind == ErrorKind::InvalidRequest && failure.message.contains("call_7"));
    }
}
