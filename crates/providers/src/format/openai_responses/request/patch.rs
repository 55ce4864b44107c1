//! A request that stays in its format: only what must change does.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{error::Failure, json::Members};

use super::{SEALED_THOUGHTS, Thoughts};
use crate::format::{
    Target, Written,
    json::{self, ObjectWriter},
    openai_chat::{Text, refused},
    openai_responses::seal,
};

/// Rewrites `body` for `target`: the model, the dialect's renames and drops, and what makes a provider keep nothing. Of the
/// input, thoughts that this provider could not take back are left out, unsaid. All other members keep their order and
/// their values every byte.
///
/// # Errors
///
/// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest) if the body is no JSON object;
/// [`Unsupported`](sluice_types::error::ErrorKind::Unsupported) if the target is strict and a member cannot be sent.
pub fn patch_request(body: &[u8], target: &Target<'_>) -> Result<Written, Failure> {
    let body = json::body(body)?;
    let dialect = target.dialect;
    let mut dropped = Vec::new();
    let mut include = None;
    let mut out = Vec::with_capacity(
        body.fields().iter().map(|(name, raw)| name.len() + raw.get().len() + 4).sum::<usize>() + 128,
    );
    let mut object = ObjectWriter::open(&mut out);
    for (name, raw) in body.fields() {
        match &**name {
            "model" => object.set("model", target.model),
            "input" => object.raw("input", &replayable(raw.get(), Thoughts::of(target))),
            "store" => {}
            "include" => include = Some(raw.get()),
            name => match dialect.name(name).filter(|_| !is_state(name)) {
                Some(theirs) => object.raw(theirs, raw.get()),
                None if raw.get() == "null" => {}
                None => dropped.push(name.to_owned()),
            },
        }
    }
    write_stateless(include, target, &mut object);
    object.close();
    match dropped.first().filter(|_| target.strict) {
        Some(name) => Err(refused(name)),
        None => Ok(Written { body: out, dropped }),
    }
}

/// Whether the member `name` asks for what a provider has kept. Providers are made to keep nothing, and what one may have
/// kept for another tenant is nobody's to ask for: the gateway answers to it before a request is written.
pub(super) fn is_state(name: &str) -> bool {
    matches!(name, "previous_response_id" | "conversation")
}

/// Writes what makes a provider keep nothing and seal its thoughts; `include` is what the caller wants included.
pub(super) fn write_stateless(include: Option<&str>, target: &Target<'_>, object: &mut ObjectWriter<'_>) {
    if let Some(theirs) = target.dialect.name("store") {
        object.raw(theirs, "false");
    }
    let Some(theirs) = target.dialect.name("include") else { return };
    let include = include.filter(|include| *include != "null");
    if Thoughts::of(target) == Thoughts::Sealed {
        object.raw(theirs, &with_sealed_thoughts(include));
    } else if let Some(include) = include {
        object.raw(theirs, include);
    }
}

/// The list `include` with sealed thoughts in it.
fn with_sealed_thoughts(include: Option<&str>) -> Cow<'_, str> {
    let wanted = include.and_then(|json| Some((json, serde_json::from_str::<Vec<&RawValue>>(json).ok()?)));
    let Some((json, items)) = wanted.filter(|(_, items)| !items.is_empty()) else {
        return format!("[\"{SEALED_THOUGHTS}\"]").into();
    };
    let is_there = items.iter().any(|item| {
        serde_json::from_str::<Cow<'_, str>>(item.get()).is_ok_and(|name| name == SEALED_THOUGHTS)
    });
    match json.trim_end().strip_suffix(']').filter(|_| !is_there) {
        Some(open) => format!("{open},\"{SEALED_THOUGHTS}\"]").into(),
        None => json.into(),
    }
}

/// The input as far as a provider that remembers nothing can take it back: without thoughts that another maker sealed, and
/// without those that are not as `taken`.
fn replayable(input: &str, taken: Thoughts) -> Cow<'_, str> {
    if !input.starts_with('[') || !input.contains("\"reasoning\"") {
        return input.into();
    }
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(input) else { return input.into() };
    let kept: Vec<_> = items.iter().map(|item| thought(item.get(), taken)).collect();
    if kept.iter().all(|item| matches!(item, Some(Cow::Borrowed(_)))) {
        return input.into();
    }
    format!("[{}]", kept.into_iter().flatten().collect::<Vec<_>>().join(",")).into()
}

/// An item of input; `None` if it is a thought that cannot be taken back.
fn thought(item: &str, taken: Thoughts) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow, default, rename = "type")]
        kind: Text<'a>,
        #[serde(borrow, default)]
        encrypted_content: Text<'a>,
        #[serde(borrow, default)]
        content: Option<&'a RawValue>,
    }

    let Ok(wire) = serde_json::from_str::<Wire<'_>>(item) else { return Some(item.into()) };
    if wire.kind.0.as_deref() != Some("reasoning") {
        return Some(item.into());
    }
    let Some(encrypted) = wire.encrypted_content.said() else {
        let told = taken == Thoughts::Told
            && wire.content.is_some_and(|content| !matches!(content.get(), "[]" | "null"));
        return told.then(|| item.into());
    };
    if taken == Thoughts::None {
        return None;
    }
    if !seal::is_foreign(&encrypted) {
        return Some(item.into());
    }
    let (id, encrypted) = seal::own(&encrypted)?;
    let members: Members<'_> = serde_json::from_str(item).ok()?;
    let mut out = Vec::with_capacity(item.len());
    let mut object = ObjectWriter::open(&mut out);
    for (name, value) in &members.0 {
        match &**name {
            "id" if !id.is_empty() => object.set("id", id),
            "id" => {}
            "encrypted_content" => object.set("encrypted_content", encrypted),
            name => object.raw(name, value.text()),
        }
    }
    object.close();
    String::from_utf8(out).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use sluice_types::error::ErrorKind;

    use super::*;
    use crate::format::Dialect;

    fn patch(body: &str, strict: bool) -> Result<(String, Vec<String>), Failure> {
        let dialect = Dialect { drop: vec!["metadata".to_owned()], ..Dialect::default() };
        let target = Target {
            model: "theirs",
            dialect: &dialect,
            strict,
            default_max_tokens: None,
            same_format: true,
        };
        let written = patch_request(body.as_bytes(), &target)?;
        Ok((String::from_utf8(written.body).unwrap(), written.dropped))
    }

    #[test]
    fn providers_keep_nothing_and_seal_their_thoughts() {
        let body = r#"{"store":true,"model":"ours","include":["a", "b" ] ,"input":"h\u0069","top_p": 1.0,"previous_response_id":null}"#;
        let (body, dropped) = patch(body, true).unwrap();
        assert_eq!(
            body,
            r#"{"model":"theirs","input":"h\u0069","top_p":1.0,"previous_response_id":null,"store":false,"include":["a", "b" ,"reasoning.encrypted_content"]}"#
                .replace(r#""previous_response_id":null,"#, "")
        );
        assert!(dropped.is_empty());
        for include in
            ["", r#""include":null,"#, r#""include":[],"#, r#""include":["reasoning.encrypted_content"],"#]
        {
            let (body, _) = patch(&format!(r#"{{{include}"model":"ours","input":[]}}"#), true).unwrap();
            let expected =
                r#"{"model":"theirs","input":[],"store":false,"include":["reasoning.encrypted_content"]}"#;
            assert_eq!(body, expected);
        }
    }

    #[test]
    fn what_a_provider_may_have_kept_is_not_asked_for() {
        let body = r#"{"model":"m","input":"x","previous_response_id":"resp_1","conversation":"conv_1","metadata":{}}"#;
        let (sent, dropped) = patch(body, false).unwrap();
        assert!(!sent.contains("resp_1") && !sent.contains("conv_1"), "{sent}");
        assert_eq!(dropped, ["previous_response_id", "conversation", "metadata"]);
        assert_eq!(patch(body, true).unwrap_err().kind, ErrorKind::Unsupported);
    }

    #[test]
    fn thoughts_go_back_to_who_can_take_them() {
        let own = r#"{"type":"reasoning", "id":"rs_1","summary":[],"encrypted_content":"X"}"#;
        let told = r#"{"type":"reasoning","id":"rs_2","summary":[],"content":[{"type":"reasoning_text","text":"t"}]}"#;
        let foreign = r#"{"type":"reasoning","id":"rs_3","summary":[],"encrypted_content":"google:Y"}"#;
        let unsealed = r#"{"type":"reasoning","id":"rs_4","summary":[{"type":"summary_text","text":"t"}]}"#;
        let moved = r#"{"type":"reasoning","id":"rs_5","summary":[],"encrypted_content":"openai:rs_6:Z"}"#;
        let back = r#"{"type":"reasoning","id":"rs_6","summary":[],"encrypted_content":"Z"}"#;
        let (none, sealed, in_words) = (Thoughts::None, Thoughts::Sealed, Thoughts::Told);
        assert_eq!(replayable(&format!("[{own} , {told}]"), in_words), format!("[{own} , {told}]"));
        let all = format!("[{own},{told},{foreign},{unsealed},{moved}]");
        assert_eq!(replayable(&all, in_words), format!("[{own},{told},{back}]"));
        assert_eq!(replayable(&all, sealed), format!("[{own},{back}]"));
        assert_eq!(replayable(&all, none), "[]");
        assert_eq!(replayable(r#""reasoning""#, none), r#""reasoning""#);
    }
}
