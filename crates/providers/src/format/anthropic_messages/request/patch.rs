//! A caller's request handed on to a provider of the same format.

use memchr::memmem;
use serde::Deserialize;
use sluice_types::{
    error::{ErrorKind, Failure},
    json::{Members, Raw, Str, from_bytes},
    seal::Maker,
};

use super::{PLACE, dropped::Dropped};
use crate::format::{
    Target, Written,
    json::{ObjectWriter, list},
};

/// Puts the target's model in, renames and leaves out what the dialect says, and takes out thoughts that other makers
/// have sealed, which the provider would refuse. Every other member keeps its place and its value byte by byte.
///
/// # Errors
///
/// `InvalidRequest` if the body is not a JSON object; `Unsupported` if the target is strict and the provider refuses a
/// member.
pub fn patch_request(body: &[u8], target: &Target<'_>) -> Result<Written, Failure> {
    let members: Members<'_> = from_bytes(body)
        .map_err(|_| Failure::new(ErrorKind::InvalidRequest, "the body must be a JSON object"))?;
    let foreign = Maker::foreign_prefixes().any(|prefix| memmem::find(body, prefix.as_bytes()).is_some());
    let mut dropped = Dropped::new(PLACE, target.strict);
    let mut out = Vec::with_capacity(body.len() + target.model.len());
    let mut object = ObjectWriter::open(&mut out);
    for (name, value) in &members.0 {
        match target.dialect.name(name) {
            None => dropped.add(name)?,
            Some(theirs) if *name == "model" => object.set(theirs, target.model),
            Some(theirs) if *name == "messages" && foreign => {
                without_foreign_seals(value, object.member(theirs));
            }
            Some(theirs) => object.raw(theirs, value.text()),
        }
    }
    object.close();
    Ok(Written { body: out, dropped: dropped.into_names() })
}

/// Writes `messages` without the thoughts that other makers have sealed; a message that held nothing else goes too.
fn without_foreign_seals(messages: &Raw<'_>, out: &mut Vec<u8>) {
    let Ok(messages) = messages.read::<Vec<Members<'_>>>() else {
        return out.extend_from_slice(messages.text().as_bytes());
    };
    let mut kept = Vec::with_capacity(messages.len());
    for message in &messages {
        let content = message.value("content").and_then(|content| content.read::<Vec<Raw<'_>>>().ok());
        let Some(blocks) = content else {
            kept.push((message, None));
            continue;
        };
        let all = blocks.len();
        let own: Vec<Raw<'_>> = blocks.into_iter().filter(|block| !is_foreign(block)).collect();
        if own.len() == all {
            kept.push((message, None));
        } else if !own.is_empty() {
            kept.push((message, Some(own)));
        }
    }
    list(out, kept, |out, (message, own)| {
        let mut object = ObjectWriter::open(out);
        for (name, value) in &message.0 {
            match own.as_ref().filter(|_| *name == "content") {
                Some(own) => object.set(name, own),
                None => object.raw(name, value.text()),
            }
        }
        object.close();
    });
}

/// Whether a block is a thought that another maker has sealed.
fn is_foreign(block: &Raw<'_>) -> bool {
    #[derive(Deserialize)]
    struct Thought<'a> {
        #[serde(borrow)]
        signature: Option<Str<'a>>,
        #[serde(borrow)]
        data: Option<Str<'a>>,
    }

    let Ok(thought) = block.read::<Thought<'_>>() else { return false };
    let seal = thought.signature.or(thought.data);
    seal.is_some_and(|seal| Maker::Anthropic.bare(&seal).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Dialect;

    #[test]
    fn only_the_model_and_what_the_dialect_names_change() {
        let dialect = Dialect {
            rename: vec![("top_k".into(), "k".into())],
            drop: vec!["metadata".into()],
            ..Dialect::default()
        };
        let target = Target {
            model: "theirs",
            dialect: &dialect,
            strict: false,
            default_max_tokens: None,
            same_format: true,
        };
        let body = br#"{"z":1.50,"model":"ours","top_k":3,"metadata":{},"messages":[ {"b":"\u0041"} ]}"#;
        let patched = patch_request(body, &target).unwrap();
        let expected = r#"{"z":1.50,"model":"theirs","k":3,"messages":[ {"b":"\u0041"} ]}"#;
        assert_eq!(String::from_utf8(patched.body).unwrap(), expected);
        assert_eq!(patched.dropped, ["metadata"]);
    }

    #[test]
    fn thoughts_that_others_sealed_never_reach_the_provider() {
        let dialect = Dialect::default();
        let target = Target {
            model: "m",
            dialect: &dialect,
            strict: false,
            default_max_tokens: None,
            same_format: true,
        };
        let body = br#"{"model":"m","messages":[{"role":"user","content":"google:"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"google:c2ln"}]},
            {"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"own"},
                {"type":"thinking","thinking":"b","signature":"openai:rs_1:x"}, {"type":"text","text":"\u0041"}]}]}"#;
        let patched = patch_request(body, &target).unwrap();
        let expected = r#"{"model":"m","messages":[{"role":"user","content":"google:"},{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"own"},{"type":"text","text":"\u0041"}]}]}"#;
        assert_eq!(String::from_utf8(patched.body).unwrap(), expected);
    }
}
