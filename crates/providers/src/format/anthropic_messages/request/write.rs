//! Requests as providers are sent them, for callers of other formats and for requests altered on their way.

use sluice_types::{
    chat::{OutputFormat, Part, Request, Role},
    error::Failure,
    json::{Members, Raw},
};

use super::{
    PLACE,
    blocks::{write_content, write_members},
    body::Body,
    dropped::Dropped,
    sampling::Sampled,
    thinking::{Mode, Sampling, Thinking, family_of},
    tools::write_tools,
    turns::{Conversation, Turn},
};
use crate::format::{
    Target, Written,
    json::{ObjectWriter, list},
};

/// Writes a request.
///
/// # Errors
///
/// `Unsupported` with the caller's name for it if the target is strict and something cannot be said here;
/// `InvalidRequest` if a tool call's arguments are not a JSON object, or nothing is said at all.
pub fn write_request(request: &Request<'_>, target: &Target<'_>) -> Result<Written, Failure> {
    let mut dropped = Dropped::new(PLACE, target.strict);
    drop_foreign(&mut dropped, request, target.same_format)?;
    let conversation = match target.same_format {
        true => Conversation::verbatim(request),
        false => Conversation::arrange(request, &mut dropped)?,
    };
    if conversation.turns.is_empty() {
        return Err(Failure::invalid("messages", "must say something"));
    }
    let thinking = if target.same_format {
        Thinking::verbatim(request, target.default_max_tokens)
    } else {
        let resumes = conversation.resumes_without_thought();
        let family = family_of(target.model);
        Thinking::translate(request, family, target.default_max_tokens, resumes, &mut dropped)?
    };
    let mut out = Vec::with_capacity(1024);
    let mut body = Body::open(&mut out, target.dialect);
    body.text("model", target.model);
    body.json("max_tokens", &thinking.max_tokens);
    write_conversation(&mut body, &conversation, target, &mut dropped)?;
    write_tools(&mut body, request, target, &mut dropped)?;
    write_stop(&mut body, request, target, &mut dropped)?;
    write_sampling(&mut body, request, &thinking, target, &mut dropped)?;
    write_thinking(&mut body, request, &thinking, target, &mut dropped)?;
    write_rest(&mut body, request, target);
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
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    if !conversation.system.is_empty()
        && let Some(out) = body.member("system")
    {
        write_content(out, conversation.system.iter().copied(), target.same_format, dropped)?;
    }
    let Some(out) = body.member("messages") else { return Ok(()) };
    let mut failure = None;
    let prefill =
        conversation.turns.last().filter(|turn| turn.role == Role::Assistant && !target.same_format);
    let last = conversation.turns.len() - 1;
    list(out, conversation.turns.iter().enumerate(), |out, (i, turn)| {
        let written = match prefill.filter(|_| i == last).and_then(trimmed) {
            Some(text) => write_turn(out, turn, Some(&text), target, dropped),
            None => write_turn(out, turn, None, target, dropped),
        };
        if let Err(error) = written {
            failure = Some(error);
        }
    });
    failure.map_or(Ok(()), Err)
}

/// The last text of a turn without the spaces at its end, if it has any there: a provider goes on from the model's
/// last words, and refuses ones that end in a space.
pub(in crate::format) fn trimmed(turn: &Turn<'_>) -> Option<Part<'static>> {
    match turn.parts.last() {
        Some(Part::Text { text, cache, .. }) if text.ends_with(char::is_whitespace) => Some(Part::Text {
            text: text.trim_end().to_owned().into(),
            cache: cache.clone().map(Raw::into_owned),
            citations: Vec::new(),
        }),
        _ => None,
    }
}

fn write_turn(
    out: &mut Vec<u8>,
    turn: &Turn<'_>,
    last: Option<&Part<'_>>,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    let mut message = ObjectWriter::open(out);
    message.set("role", role(turn.role));
    let parts = match last {
        Some(_) => turn.parts.split_last().map_or(&[][..], |(_, before)| before),
        None => &turn.parts,
    };
    let parts = turn.results.iter().copied().chain(parts.iter().copied()).chain(last);
    write_content(message.member("content"), parts, target.same_format, dropped)?;
    if let Some(extra) = turn.extra {
        write_members(&mut message, extra);
    }
    message.close();
    Ok(())
}

fn role(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::System | Role::Developer => "system",
    }
}

fn write_stop(
    body: &mut Body<'_>,
    request: &Request<'_>,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    // Providers refuse stop texts of spaces alone.
    let (said, blank): (Vec<&str>, Vec<&str>) = request
        .stop
        .iter()
        .map(|stop| &**stop)
        .partition(|stop| target.same_format || !stop.trim().is_empty());
    dropped.add_if(!blank.is_empty(), "stop")?;
    if !said.is_empty() {
        body.json("stop_sequences", &said);
    }
    Ok(())
}

fn write_sampling(
    body: &mut Body<'_>,
    request: &Request<'_>,
    thinking: &Thinking,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    let bound = !target.same_format && thinking.is_on();
    let sampling = if target.same_format { Sampling::Any } else { family_of(target.model).sampling };
    let Sampled { temperature, top_p, top_k } = Sampled::choose(request, sampling, bound, dropped)?;
    if let Some(temperature) = temperature {
        body.json("temperature", &temperature);
    }
    if let Some(top_p) = top_p {
        body.json("top_p", &top_p);
    }
    if let Some(top_k) = top_k {
        body.json("top_k", &top_k);
    }
    Ok(())
}

/// Writes `thinking` and `output_config`, with what a caller of this format said there beside what is known here.
fn write_thinking(
    body: &mut Body<'_>,
    request: &Request<'_>,
    thinking: &Thinking,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    let own = |name: &str| {
        let rest = request.extra.value(name).filter(|_| target.same_format);
        rest.and_then(|rest| rest.read::<Members<'_>>().ok()).unwrap_or_default()
    };
    let rest = own("thinking");
    if (thinking.mode.is_some() || !rest.is_empty())
        && let Some(out) = body.member("thinking")
    {
        let mut object = ObjectWriter::open(out);
        match thinking.mode {
            Some(Mode::Enabled(budget)) => {
                object.set("type", "enabled");
                object.set("budget_tokens", &budget);
            }
            Some(Mode::Adaptive) => {
                object.set("type", "adaptive");
            }
            Some(Mode::Disabled) => {
                object.set("type", "disabled");
            }
            None => {}
        }
        write_members(&mut object, &rest);
        object.close();
    }
    let schema = match &request.output {
        OutputFormat::Text => None,
        OutputFormat::Json => {
            dropped.add("response_format")?;
            None
        }
        OutputFormat::Schema { schema, .. } => Some(schema),
    };
    let rest = own("output_config");
    if (thinking.effort.is_some() || schema.is_some() || !rest.is_empty())
        && let Some(out) = body.member("output_config")
    {
        let mut object = ObjectWriter::open(out);
        object.set_some("effort", thinking.effort.as_ref());
        write_members(&mut object, &rest);
        if let Some(schema) = schema {
            let mut format = ObjectWriter::open(object.member("format"));
            format.set("type", "json_schema");
            format.raw("schema", schema.text());
            format.close();
        }
        object.close();
    }
    Ok(())
}

/// Writes who asks, whether to stream, and the members of this format that are unknown here.
fn write_rest(body: &mut Body<'_>, request: &Request<'_>, target: &Target<'_>) {
    let extra = if target.same_format { request.extra.0.as_slice() } else { &[] };
    let metadata =
        extra.iter().find(|(name, _)| *name == "metadata").map(|(_, raw)| raw.read::<Members<'_>>());
    let metadata = metadata.and_then(Result::ok).unwrap_or_default();
    if (request.user.is_some() || !metadata.is_empty())
        && let Some(out) = body.member("metadata")
    {
        let mut object = ObjectWriter::open(out);
        object.set_some("user_id", request.user.as_ref());
        write_members(&mut object, &metadata);
        object.close();
    }
    if request.stream {
        body.json("stream", &true);
    }
    for (name, raw) in extra {
        let written = ["thinking", "output_config", "metadata"].contains(&&**name);
        if !written && let Some(out) = body.member(name) {
            out.extend_from_slice(raw.text().as_bytes());
        }
    }
}

/// Leaves out what this format has no member for, and the members of the caller's format that are unknown here.
///
/// # Errors
///
/// As [`Dropped::add`].
pub(in crate::format) fn drop_foreign(
    dropped: &mut Dropped,
    request: &Request<'_>,
    same_format: bool,
) -> Result<(), Failure> {
    dropped.add_if(request.choices.is_some_and(|choices| 1 < choices), "n")?;
    dropped.add_if(request.seed.is_some(), "seed")?;
    dropped.add_if(request.frequency_penalty.is_some_and(|penalty| penalty != 0.0), "frequency_penalty")?;
    dropped.add_if(request.presence_penalty.is_some_and(|penalty| penalty != 0.0), "presence_penalty")?;
    // Thoughts are told unasked.
    if same_format { Ok(()) } else { dropped.add_extra(request, &["reasoning.summary"]) }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use sluice_types::{
        chat::{Effort, Reasoning, Turn},
        error::ErrorKind,
    };

    use super::*;
    use crate::format::Dialect;

    fn ask<'a>() -> Request<'a> {
        let parts = vec![Part::text("hi")];
        let turn = Turn { role: Role::User, name: None, parts, extra: Members::default() };
        Request { turns: vec![turn], ..Request::default() }
    }

    fn sent(request: &Request<'_>, model: &str, dialect: &Dialect) -> (Value, Vec<String>) {
        let target = Target { model, dialect, strict: false, default_max_tokens: None, same_format: false };
        let written = write_request(request, &target).unwrap();
        (serde_json::from_slice(&written.body).unwrap(), written.dropped)
    }

    #[test]
    fn a_model_that_thinks_keeps_its_temperature() {
        let request = Request {
            reasoning: Some(Reasoning::Effort(Effort::Low)),
            temperature: Some(0.2),
            top_p: Some(0.99),
            top_k: Some(5),
            ..ask()
        };
        let (body, dropped) = sent(&request, "claude-3-7-sonnet", &Dialect::default());
        assert_eq!(body["thinking"]["budget_tokens"], 2048);
        assert_eq!((body.get("temperature"), &body["top_p"], body.get("top_k")), (None, &0.99.into(), None));
        assert_eq!(dropped, ["temperature", "top_k"]);
    }

    #[test]
    fn a_family_says_what_it_takes() {
        let request = Request { temperature: Some(0.2), top_p: Some(0.9), ..ask() };
        let (body, dropped) = sent(&request, "claude-opus-4-8", &Dialect::default());
        assert_eq!((body.get("temperature"), body.get("top_p")), (None, None));
        assert_eq!(dropped, ["temperature", "top_p"]);
        let (body, dropped) = sent(&request, "claude-sonnet-4-5", &Dialect::default());
        assert_eq!((&body["temperature"], body.get("top_p")), (&0.2.into(), None));
        assert_eq!(dropped, ["top_p"]);
        let usual = Request { temperature: Some(1.0), ..ask() };
        assert!(sent(&usual, "claude-opus-4-8", &Dialect::default()).1.is_empty());
    }

    #[test]
    fn what_the_provider_refuses_is_left_out_and_named() {
        let dialect = Dialect {
            drop: vec!["temperature".into()],
            rename: vec![("stop_sequences".into(), "stops".into())],
            ..Dialect::default()
        };
        let request = Request { temperature: Some(0.2), stop: vec!["END".into(), "\n".into()], ..ask() };
        let (body, dropped) = sent(&request, "m", &dialect);
        assert_eq!((body.get("temperature"), &body["stops"]), (None, &serde_json::json!(["END"])));
        assert_eq!(dropped, ["stop", "temperature"]);
    }

    #[test]
    fn a_strict_target_is_told_nothing_less() {
        let target = Target {
            model: "m",
            dialect: &Dialect::default(),
            strict: true,
            default_max_tokens: None,
            same_format: false,
        };
        let failure = write_request(&Request { seed: Some(7), ..ask() }, &target).unwrap_err();
        assert_eq!((failure.kind, failure.param.as_deref()), (ErrorKind::Unsupported, Some("seed")));
        assert!(write_request(&ask(), &target).unwrap().dropped.is_empty());
    }

    #[test]
    fn the_models_last_words_end_in_no_space() {
        let mut request = ask();
        let parts = vec![Part::text("Old pond: \n")];
        request.turns.push(Turn { role: Role::Assistant, name: None, parts, extra: Members::default() });
        let (body, _) = sent(&request, "m", &Dialect::default());
        assert_eq!(body["messages"][1]["content"], "Old pond:");
    }
}
