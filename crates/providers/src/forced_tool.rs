//! Structured output from a target that has none: the model is made to call a tool whose arguments are the answer.
//!
//! [`force`] alters the request, whatever its format; [`Forced::unwrap_answer`] and [`Unwrap`] turn the call's arguments
//! into the answer's text and say that the model was done, not that it waits for a tool. Where no tool can be forced
//! either, [`in_words`] asks for it among the instructions.

mod answer;
mod strip;

use sluice_types::{
    chat::{OutputFormat, Part, Request, Role, Tool, ToolChoice, Turn},
    json::{Members, Raw, Str},
};

pub use self::answer::Unwrap;

/// The tool's name, unless the caller has one of that name.
const NAME: &str = "answer_in_json";

/// The member that holds an answer that is no object: a tool's arguments always are one.
const WRAPPER: &str = "answer";

/// What the model is told of the tool where the caller says nothing.
const DESCRIPTION: &str = "Gives the answer. Call it once, with the whole answer.";

/// What was done to a request and is to be undone to its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forced {
    name: String,
    /// Whether the answer is a member of the arguments.
    wrapped: bool,
}

impl Forced {
    /// The tool's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The request with a tool that the model must call to answer, in place of the form it asks for; `None` if it asks for
/// none.
///
/// A caller's own tools stay: the model must then call one of them, or answer. A choice of one of them stays, too.
pub fn force<'a>(request: &Request<'a>) -> Option<(Request<'a>, Forced)> {
    let (description, parameters, strict, wrapped) = match &request.output {
        OutputFormat::Text => return None,
        OutputFormat::Json => (None, Raw::parse(r#"{"type":"object"}"#)?, None, false),
        OutputFormat::Schema { description, schema, strict, .. } => {
            let (parameters, wrapped) = parameters(schema)?;
            (description.clone(), parameters, *strict, wrapped)
        }
    };
    let name = free_name(&request.tools);
    let choice = match &request.tool_choice {
        Some(ToolChoice::Tool(other)) => ToolChoice::Tool(other.clone()),
        Some(ToolChoice::None) => ToolChoice::Tool(name.clone().into()),
        _ if request.tools.is_empty() => ToolChoice::Tool(name.clone().into()),
        _ => ToolChoice::Required,
    };
    let alone = matches!(&choice, ToolChoice::Tool(chosen) if *chosen == *name);
    let mut forced = Request {
        output: OutputFormat::Text,
        tool_choice: Some(choice),
        parallel_tool_calls: request.parallel_tool_calls.filter(|_| !alone),
        ..request.clone()
    };
    forced.tools.push(Tool::Function {
        name: name.clone().into(),
        description: Some(description.unwrap_or_else(|| DESCRIPTION.into())),
        parameters: Some(parameters),
        strict,
        cache: None,
    });
    Some((forced, Forced { name, wrapped }))
}

/// The request with the schema among its instructions, and some JSON as the form it asks for; `None` if it asks for no
/// schema.
pub fn in_words<'a>(request: &Request<'a>) -> Option<Request<'a>> {
    let OutputFormat::Schema { schema, .. } = &request.output else { return None };
    let text = format!("Answer with JSON only, which must follow this JSON Schema:\n{}", schema.text());
    let parts = vec![Part::text(text)];
    let turn = Turn { role: Role::System, name: None, parts, extra: Members::default() };
    let instructions = |turn: &&Turn<'_>| matches!(turn.role, Role::System | Role::Developer);
    let after = request.turns.iter().take_while(instructions).count();
    let mut asked = Request { output: OutputFormat::Json, ..request.clone() };
    asked.turns.insert(after, turn);
    Some(asked)
}

/// The schema of the tool's arguments, and whether the answer is a member of them.
fn parameters<'a>(schema: &Raw<'a>) -> Option<(Raw<'a>, bool)> {
    let members: Members<'_> = schema.read().unwrap_or_default();
    let told = |name: &str, json: &str| members.value(name).is_some_and(|value| value.text() == json);
    if told("type", "\"object\"") {
        return Some((schema.clone(), false));
    }
    if members.value("type").is_none() && members.value("properties").is_some() {
        let mut typed = members.clone();
        typed.0.insert(0, ("type".into(), Raw::parse("\"object\"")?));
        return Some((Raw::write(&typed)?, false));
    }
    // References are told from the root, so definitions stay there.
    let (roots, inner): (Vec<_>, Vec<_>) =
        members.0.into_iter().partition(|(name, _)| matches!(&**name, "$defs" | "definitions"));
    let inner = match schema.text().starts_with('{') {
        true => Raw::write(&Members(inner))?,
        false => schema.clone().into_owned(),
    };
    let properties = Raw::write(&Members(vec![(WRAPPER.into(), inner)]))?;
    let mut wrapper = Members(vec![
        ("type".into(), Raw::parse("\"object\"")?),
        ("properties".into(), properties),
        ("required".into(), Raw::write(&[WRAPPER])?),
        ("additionalProperties".into(), Raw::parse("false")?),
    ]);
    wrapper.0.extend(roots);
    Some((Raw::write(&wrapper)?, true))
}

/// A name that none of the tools has.
fn free_name(tools: &[Tool<'_>]) -> String {
    let taken = |wanted: &str| {
        tools.iter().any(|tool| match tool {
            Tool::Function { name, .. } => *name == *wanted,
            Tool::Other { raw, .. } => named(raw).is_some_and(|name| *name == *wanted),
        })
    };
    let numbered = (2..).map(|number: u32| format!("{NAME}_{number}"));
    let mut names = std::iter::once(NAME.to_owned()).chain(numbered);
    names.find(|name| !taken(name)).unwrap_or_default()
}

/// The member `name` of a tool that is no function.
fn named(raw: &Raw<'_>) -> Option<Str<'static>> {
    let members: Members<'_> = raw.read().ok()?;
    members.value("name")?.read::<Str<'_>>().ok().map(Str::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(schema: &str) -> Request<'_> {
        let schema = Raw::parse(schema).unwrap();
        let output = OutputFormat::Schema { name: None, description: None, schema, strict: Some(true) };
        Request { output, parallel_tool_calls: Some(true), ..Request::default() }
    }

    fn tool(name: &'static str) -> Tool<'static> {
        Tool::Function { name: name.into(), description: None, parameters: None, strict: None, cache: None }
    }

    fn schema<'r>(request: &'r Request<'_>) -> &'r str {
        match request.tools.last() {
            Some(Tool::Function { parameters: Some(schema), .. }) => schema.text(),
            _ => "",
        }
    }

    #[test]
    fn an_objects_schema_is_the_tools_as_it_was_written() {
        let (forced, how) = force(&request(r#"{ "type":"object", "x": 1.0}"#)).unwrap();
        assert_eq!(schema(&forced), r#"{ "type":"object", "x": 1.0}"#);
        assert_eq!(how, Forced { name: NAME.to_owned(), wrapped: false });
        assert_eq!(forced.output, OutputFormat::Text);
        assert_eq!(forced.tool_choice, Some(ToolChoice::Tool(NAME.into())));
        assert_eq!(forced.parallel_tool_calls, None);
        let (forced, how) = force(&request(r#"{"properties":{}}"#)).unwrap();
        assert_eq!((schema(&forced), how.wrapped), (r#"{"type":"object","properties":{}}"#, false));
    }

    #[test]
    fn what_is_no_object_is_wrapped_in_one() {
        let (forced, how) =
            force(&request(r##"{"type":"array","items":{"$ref":"#/$defs/a"},"$defs":{"a":{}}}"##)).unwrap();
        assert!(how.wrapped);
        assert_eq!(
            schema(&forced),
            r##"{"type":"object","properties":{"answer":{"type":"array","items":{"$ref":"#/$defs/a"}}},"required":["answer"],"additionalProperties":false,"$defs":{"a":{}}}"##
        );
        let (forced, _) = force(&request("true")).unwrap();
        assert!(schema(&forced).contains(r#""answer":true"#));
    }

    #[test]
    fn a_callers_tools_stay_and_keep_their_names() {
        let mut asked = request(r#"{"type":"object"}"#);
        asked.tools = vec![tool("lookup"), tool(NAME)];
        let (forced, how) = force(&asked).unwrap();
        assert_eq!((how.name(), forced.tools.len()), ("answer_in_json_2", 3));
        assert_eq!(
            (forced.tool_choice, forced.parallel_tool_calls),
            (Some(ToolChoice::Required), Some(true))
        );
        asked.tool_choice = Some(ToolChoice::Tool("lookup".into()));
        assert_eq!(force(&asked).unwrap().0.tool_choice, Some(ToolChoice::Tool("lookup".into())));
        asked.tool_choice = Some(ToolChoice::None);
        assert_eq!(force(&asked).unwrap().0.tool_choice, Some(ToolChoice::Tool("answer_in_json_2".into())));
        let raw = Raw::parse(r#"{"type":"x","name":"answer_in_json"}"#).unwrap();
        asked.tools = vec![Tool::Other { kind: "x".into(), raw }];
        assert_eq!(force(&asked).unwrap().1.name(), "answer_in_json_2");
    }

    #[test]
    fn prose_needs_no_tool() {
        assert_eq!(force(&Request::default()), None);
        let (forced, how) = force(&Request { output: OutputFormat::Json, ..Request::default() }).unwrap();
        assert_eq!((schema(&forced), how.wrapped), (r#"{"type":"object"}"#, false));
    }

    #[test]
    fn a_schema_in_words_stands_behind_the_instructions() {
        let mut asked = request(r#"{"type":"array"}"#);
        for role in [Role::System, Role::User] {
            asked.turns.push(Turn { role, name: None, parts: Vec::new(), extra: Members::default() });
        }
        let told = in_words(&asked).unwrap();
        assert_eq!(told.output, OutputFormat::Json);
        assert_eq!((told.turns.len(), told.turns[1].role), (3, Role::System));
        assert!(
            matches!(&told.turns[1].parts[0], Part::Text { text, .. } if text.ends_with(r#"{"type":"array"}"#))
        );
        assert_eq!(in_words(&Request { output: OutputFormat::Json, ..Request::default() }), None);
    }
}
