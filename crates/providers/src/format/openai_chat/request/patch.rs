//! A request that stays in its format: only what must change does.

use sluice_types::{
    error::{ErrorKind, Failure},
    json::{Members, Raw, Str},
};

use super::messages;
use crate::format::{
    Dialect, JsonSchema, Target, Written,
    json::{self, ObjectWriter},
};

/// Rewrites `body` for `target`: the model, the dialect's renames and drops, and asking a stream for usage. All other
/// members keep their order and their values every byte.
///
/// # Errors
///
/// [`InvalidRequest`](ErrorKind::InvalidRequest) if the body is no JSON object; [`Unsupported`](ErrorKind::Unsupported) if
/// the target is strict and its dialect refuses a member.
pub fn patch_request(body: &[u8], target: &Target<'_>) -> Result<Written, Failure> {
    let body = json::body(body)?;
    let dialect = target.dialect;
    let streams = body.boolean("stream")?.unwrap_or_default();
    let limit = body.get("max_completion_tokens")?.or(body.get("max_tokens")?).map(|value| value.raw.get());
    let mut dropped = Vec::new();
    let (mut limited, mut asked) = (false, false);
    let mut out = Vec::with_capacity(
        body.fields().iter().map(|(name, raw)| name.len() + raw.get().len() + 4).sum::<usize>() + 128,
    );
    let mut object = ObjectWriter::open(&mut out);
    for (name, raw) in body.fields() {
        match &**name {
            "model" => object.set("model", target.model),
            "stream_options" if streams => {
                if dialect.stream_usage && !asked {
                    asked = true;
                    ask_for_usage(Some(raw.get()), object.member("stream_options"));
                }
            }
            "max_tokens" | "max_completion_tokens" => {
                if let Some(limit) = limit.filter(|_| !limited) {
                    limited = true;
                    match dialect.name(&dialect.max_tokens) {
                        Some(theirs) => object.raw(theirs, limit),
                        None => dropped.push(name.to_string()),
                    }
                }
            }
            "messages" if dialect.touches_messages() => {
                let out = object.member(dialect.name("messages").unwrap_or("messages"));
                if !messages::patch(raw.get(), dialect, out) {
                    out.extend_from_slice(raw.get().as_bytes());
                }
            }
            name => match dialect.name(name).filter(|_| may_be_said(name, raw.get(), dialect)) {
                Some(theirs) => write_in_words(name, raw.get(), dialect, object.member(theirs)),
                None if raw.get() == "null" => {}
                None => dropped.push(name.to_owned()),
            },
        }
    }
    if streams && dialect.stream_usage && !asked {
        ask_for_usage(None, object.member("stream_options"));
    }
    object.close();
    if let Some(name) = dropped.first().filter(|_| target.strict) {
        return Err(refused(name));
    }
    Ok(Written { body: out, dropped })
}

/// The failure of a strict target that cannot be asked for `name`.
pub(in crate::format) fn refused(name: &str) -> Failure {
    Failure {
        param: Some(name.to_owned()),
        ..Failure::new(ErrorKind::Unsupported, format!("the model's provider does not support {name}"))
    }
}

/// Whether the provider can be asked for the member `name` with the value `json`: some know no schemas.
fn may_be_said(name: &str, json: &str, dialect: &Dialect) -> bool {
    if dialect.json_schema == JsonSchema::Native || name != "response_format" {
        return true;
    }
    let format: Members<'_> = serde_json::from_str(json).unwrap_or_default();
    format.value("type").is_none_or(|kind| kind.text() != "\"json_schema\"")
}

/// Writes the value `json` of `member`, in the provider's word where it has another.
pub(super) fn write_in_words(member: &str, json: &str, dialect: &Dialect, out: &mut Vec<u8>) {
    let words = dialect.words.iter().any(|(of, ..)| of == member);
    match serde_json::from_str::<Str<'_>>(json) {
        Ok(word) if words => json::write(out, dialect.word(member, &word)),
        _ => out.extend_from_slice(json.as_bytes()),
    }
}

/// Writes `stream_options` with `include_usage`, keeping what else it holds.
pub(super) fn ask_for_usage(options: Option<&str>, out: &mut Vec<u8>) {
    let mut members: Members<'_> =
        options.and_then(|options| serde_json::from_str(options).ok()).unwrap_or_default();
    match (options, Raw::parse("true")) {
        (Some(options), yes) if members.value("include_usage") == yes.as_ref() => {
            return out.extend_from_slice(options.as_bytes());
        }
        (_, Some(yes)) => members.set("include_usage", yes),
        (_, None) => {}
    }
    json::write(out, &members);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Dialect, openai_chat};

    const BODY: &str = r#"{"seed":7,"n": null,"model":"ours","max_completion_tokens":1e2,"messages":[{"role":"assistant","reasoning_content":"r","content":"\u0041", "thinking_blocks":[]}],"logit_bias":{"1":1.50},"stream":true}"#;

    fn dialect(drop: &[&str]) -> Dialect {
        Dialect {
            rename: vec![("seed".to_owned(), "random_seed".to_owned())],
            drop: drop.iter().map(|&name| name.to_owned()).collect(),
            ..Dialect::default()
        }
    }

    fn patch(dialect: &Dialect, strict: bool) -> Result<(String, Vec<String>), Failure> {
        let target = Target { model: "theirs", dialect, strict, default_max_tokens: None, same_format: true };
        let written = patch_request(BODY.as_bytes(), &target)?;
        Ok((String::from_utf8(written.body).unwrap(), written.dropped))
    }

    #[test]
    fn only_what_the_dialect_says_changes() {
        let (body, dropped) = patch(&dialect(&[]), true).unwrap();
        assert_eq!(
            body,
            r#"{"random_seed":7,"n":null,"model":"theirs","max_tokens":1e2,"messages":[{"role":"assistant","reasoning_content":"r","content":"\u0041", "thinking_blocks":[]}],"logit_bias":{"1":1.50},"stream":true,"stream_options":{"include_usage":true}}"#
        );
        assert!(dropped.is_empty());
    }

    #[test]
    fn what_the_provider_refuses_is_left_out_and_named() {
        let mut dialect =
            dialect(&["n", "logit_bias", "messages[].thinking_blocks", "messages[].reasoning_content"]);
        dialect.stream_usage = false;
        dialect.max_tokens = "max_completion_tokens".to_owned();
        let (body, dropped) = patch(&dialect, false).unwrap();
        assert_eq!(
            body,
            r#"{"random_seed":7,"model":"theirs","max_completion_tokens":1e2,"messages":[{"role":"assistant","content":"\u0041"}],"stream":true}"#
        );
        assert_eq!(dropped, ["logit_bias"]);
        let body = r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"1","extra_content":{},"function":{"arguments": ""}}]}]}"#;
        let of_calls = self::dialect(&["messages[].tool_calls[].extra_content"]);
        let target = Target {
            model: "m",
            dialect: &of_calls,
            strict: true,
            default_max_tokens: None,
            same_format: true,
        };
        let written = patch_request(body.as_bytes(), &target).unwrap();
        assert_eq!(String::from_utf8(written.body).unwrap(), body.replace(r#""extra_content":{},"#, ""));
        let refused = patch(&dialect, true).unwrap_err();
        assert_eq!((refused.kind, refused.param.as_deref()), (ErrorKind::Unsupported, Some("logit_bias")));
    }

    #[test]
    fn a_rewritten_request_follows_the_dialect_too() {
        let dialect = dialect(&["logit_bias", "messages[].reasoning_content"]);
        let target = Target {
            model: "m",
            dialect: &dialect,
            strict: false,
            default_max_tokens: None,
            same_format: true,
        };
        let request = openai_chat::read_request(BODY.as_bytes()).unwrap();
        let written = openai_chat::write_request(&request, &target).unwrap();
        assert_eq!(
            String::from_utf8(written.body).unwrap(),
            r#"{"model":"m","messages":[{"role":"assistant","content":"A","thinking_blocks":[]}],"max_tokens":100,"random_seed":7,"stream":true,"stream_options":{"include_usage":true}}"#
        );
        assert_eq!(written.dropped, ["logit_bias"]);
    }
}
