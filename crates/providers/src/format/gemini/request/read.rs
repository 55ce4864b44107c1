//! Requests as callers write them.

use sluice_types::{
    chat::Request,
    error::Failure,
    json::{Raw, Str},
};

use super::{super::names, config, contents, options};
use crate::format::json;

/// The members that are read. The model stands in the path: a `model` in the body is a client's repetition of it.
const KNOWN: &[&str] = &["contents", "systemInstruction", "generationConfig", "tools", "toolConfig", "model"];

/// Reads a caller's request; model and streaming are told in the path and stay as by default.
///
/// # Errors
///
/// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest) with the place of what is wrong: not JSON, a member
/// of the wrong type, or no contents. What is unknown is never an error.
pub fn read_request(body: &[u8]) -> Result<Request<'_>, Failure> {
    let body = json::body(body)?;
    let mut request = Request { include_usage: true, ..Request::default() };
    if let Some(system) = names::get(&body, "systemInstruction")? {
        request.turns.push(contents::read_system(&system)?);
    }
    contents::read_all(&names::require(&body, "contents")?, &mut request.turns)?;
    if let Some(value) = names::get(&body, "generationConfig")? {
        config::read(&value, &mut request)?;
    }
    if let Some(value) = names::get(&body, "tools")? {
        options::read_tools(&value, &mut request)?;
    }
    if let Some(value) = names::get(&body, "toolConfig")? {
        options::read_tool_config(&value, &mut request)?;
    }
    // A name with a dot would be taken for one of those that are kept by their whole path.
    let rest = names::rest(&body, KNOWN).0.into_iter().filter(|(name, _)| !name.contains('.'));
    request.extra.0.extend(rest);
    Ok(request)
}

/// Keeps the member `name` of the top-level object `of` for providers of this format.
pub(super) fn keep<'a>(request: &mut Request<'a>, of: &str, name: &str, raw: Raw<'a>) {
    request.extra.0.push((Str::from(format!("{of}.{name}")), raw));
}

#[cfg(test)]
mod tests {
    use sluice_types::{
        chat::{Effort, Media, OutputFormat, Part, Reasoning, Role, Tool, ToolChoice},
        error::ErrorKind,
    };

    use super::*;

    fn body(rest: &str) -> String {
        format!(r#"{{"contents":[{{"role":"user","parts":[{{"text":"hi"}}]}}]{rest}}}"#)
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        for (json, place) in [
            ("{}".to_owned(), "contents"),
            (r#"{"contents":[]}"#.to_owned(), "contents"),
            (r#"{"contents":"hi"}"#.to_owned(), "contents"),
            (r#"{"contents":[{"role":"system","parts":[{"text":"a"}]}]}"#.to_owned(), "contents[0].role"),
            (r#"{"contents":[{"role":"user"}]}"#.to_owned(), "contents[0].parts"),
            (r#"{"contents":[{"parts":[{}]}]}"#.to_owned(), "contents[0].parts[0]"),
            (r#"{"contents":[{"parts":[{"text":5}]}]}"#.to_owned(), "contents[0].parts[0].text"),
            (
                r#"{"contents":[{"parts":[{"inline_data":{"data":"AA"}}]}]}"#.to_owned(),
                "contents[0].parts[0].inlineData.mimeType",
            ),
            (
                r#"{"contents":[{"parts":[{"functionCall":{"args":{}}}]}]}"#.to_owned(),
                "contents[0].parts[0].functionCall.name",
            ),
            (body(r#","generationConfig":{"temperature":"hot"}"#), "generationConfig.temperature"),
            (body(r#","generation_config":{"top_p":true}"#), "generationConfig.topP"),
            (body(r#","generationConfig":{"topP":1,"top_p":1}"#), "generationConfig.topP"),
            (body(r#","generationConfig":{"stopSequences":"END"}"#), "generationConfig.stopSequences"),
            (body(r#","tools":[{"functionDeclarations":[{}]}]"#), "tools[0].functionDeclarations[0].name"),
            (
                body(r#","toolConfig":{"functionCallingConfig":{"mode":5}}"#),
                "toolConfig.functionCallingConfig.mode",
            ),
            (body(r#","contents":[]"#), "contents"),
            (body(r#","systemInstruction":"Be brief.""#), "systemInstruction"),
        ] {
            let failure = read_request(json.as_bytes()).unwrap_err();
            assert_eq!(failure.kind, ErrorKind::InvalidRequest);
            assert_eq!(failure.param.as_deref(), Some(place), "{json}: {}", failure.message);
        }
    }

    #[test]
    fn both_spellings_and_lists_of_one_are_read() {
        let json = r#"{"model":"models/m","system_instruction":{"parts":{"text":"Be brief."}},
            "contents":{"parts":{"inline_data":{"mime_type":"image/png","data":"a-_A"}}},
            "generation_config":{"max_output_tokens":9,"top_k":40.0,"thinking_config":{"thinking_level":"LOW"},
                "response_modalities":["TEXT"]},
            "tools":{"function_declarations":{"name":"f","parameters_json_schema":{"a": 1}},"google_search":{}},
            "tool_config":{"function_calling_config":{"mode":"any","allowed_function_names":["f"]}},
            "safety_settings":[]}"#;
        let request = read_request(json.as_bytes()).unwrap();
        assert_eq!(request.turns[0].role, Role::System);
        let Part::Image { source: Media::Base64 { data, .. }, .. } = &request.turns[1].parts[0] else {
            panic!("no picture")
        };
        assert_eq!(*data, "a+/A");
        assert_eq!((request.max_output_tokens, request.top_k), (Some(9), Some(40)));
        assert_eq!(request.reasoning, Some(Reasoning::Effort(Effort::Low)));
        assert!(
            matches!(&request.tools[0], Tool::Function { parameters: Some(raw), .. } if raw.text() == r#"{"a": 1}"#)
        );
        assert!(
            matches!(&request.tools[1], Tool::Other { kind, raw } if *kind == "googleSearch" && raw.text() == r#"{"google_search":{}}"#)
        );
        assert_eq!(request.tool_choice, Some(ToolChoice::Tool("f".into())));
        let kept: Vec<_> = request.extra.0.iter().map(|(name, _)| &**name).collect();
        assert_eq!(kept, ["generationConfig.responseModalities", "safetySettings"]);
        assert!(request.model.is_empty() && !request.stream);
    }

    #[test]
    fn thoughts_are_asked_for_in_many_ways() {
        for (config, reasoning) in [
            (r#"{"thinkingBudget":0}"#, Some(Reasoning::Off)),
            (r#"{"thinkingBudget":-1}"#, Some(Reasoning::Adaptive(None))),
            (r#"{"thinkingBudget":512,"includeThoughts":true}"#, Some(Reasoning::Budget(512))),
            (r#"{"includeThoughts":true}"#, Some(Reasoning::Adaptive(None))),
            (r#"{"includeThoughts":false}"#, None),
            (r#"{"thinkingLevel":"minimal"}"#, Some(Reasoning::Effort(Effort::Minimal))),
            (r#"{"thinkingLevel":"GIGANTIC"}"#, None),
        ] {
            let json = body(&format!(r#","generationConfig":{{"thinkingConfig":{config}}}"#));
            assert_eq!(read_request(json.as_bytes()).unwrap().reasoning, reasoning, "{config}");
        }
    }

    #[test]
    fn the_form_of_the_answer_is_read() {
        let json = body(
            r#","generationConfig":{"responseSchema":{"type":"OBJECT"},"responseMimeType":"application/json"}"#,
        );
        let request = read_request(json.as_bytes()).unwrap();
        assert!(
            matches!(&request.output, OutputFormat::Schema { schema, .. } if schema.text() == r#"{"type":"object"}"#)
        );
        let json =
            body(r#","generationConfig":{"responseSchema":{"enum":["a"]},"responseMimeType":"text/x.enum"}"#);
        let request = read_request(json.as_bytes()).unwrap();
        assert_eq!((&request.output, request.extra.0.len()), (&OutputFormat::Text, 2));
    }
}
