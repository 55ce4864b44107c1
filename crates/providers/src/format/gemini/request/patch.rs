//! A caller's request handed on to a provider of the same format.

use serde_json::value::RawValue;
use sluice_types::{
    error::Failure,
    json::{Members, Str},
};

use super::{
    super::{names::camel, seal::WRAPPED},
    dropped::Dropped,
};
use crate::format::{
    Target, Written,
    json::{self, ObjectWriter, list},
};

/// Renames and leaves out what the dialect says, and takes out the seals of other makers, which Google cannot check. Every
/// other member keeps its place and its value byte by byte. A `model` is left out: the path tells which.
///
/// # Errors
///
/// `InvalidRequest` if the body is not a JSON object; `Unsupported` if the target is strict and the provider refuses a
/// member.
pub fn patch_request(body: &[u8], target: &Target<'_>) -> Result<Written, Failure> {
    let members = json::body(body)?;
    let foreign = memchr::memmem::find(body, WRAPPED.as_bytes()).is_some();
    let mut dropped = Dropped::new(target.strict);
    let mut out = Vec::with_capacity(body.len());
    let mut object = ObjectWriter::open(&mut out);
    for (name, value) in members.fields() {
        let known = camel(name);
        let Some(theirs) = target.dialect.name(&known) else {
            if value.get() != "null" {
                dropped.add(&known)?;
            }
            continue;
        };
        let theirs = if theirs == known { name } else { theirs };
        match &*known {
            "model" => {}
            "contents" if foreign => without_foreign_seals(value, object.member(theirs)),
            "generationConfig" => patch_config(value, target, object.member(theirs), &mut dropped)?,
            _ => object.raw(theirs, value.get()),
        }
    }
    object.close();
    Ok(Written { body: out, dropped: dropped.into_names() })
}

/// Writes `generationConfig`, as the dialect says of its members.
fn patch_config(
    config: &RawValue,
    target: &Target<'_>,
    out: &mut Vec<u8>,
    dropped: &mut Dropped,
) -> Result<(), Failure> {
    const PATH: &str = "generationConfig.";
    let concerned = target.dialect.drop.iter().chain(target.dialect.rename.iter().map(|(ours, _)| ours));
    let concerned = concerned.into_iter().any(|name| name.starts_with(PATH));
    let members = Some(config).filter(|_| concerned);
    let members = members.and_then(|config| serde_json::from_str::<Members<'_>>(config.get()).ok());
    let Some(members) = members else {
        out.extend_from_slice(config.get().as_bytes());
        return Ok(());
    };
    let mut object = ObjectWriter::open(out);
    for (name, value) in &members.0 {
        let whole = format!("{PATH}{}", camel(name));
        match target.dialect.name(&whole) {
            Some(theirs) => object.raw(if theirs == whole { name } else { theirs }, value.text()),
            None if value.is_null() => {}
            None => dropped.add(&whole)?,
        }
    }
    object.close();
    Ok(())
}

/// Writes `contents` without the seals of other makers: what they sit on stays, but thoughts go with them.
fn without_foreign_seals(contents: &RawValue, out: &mut Vec<u8>) {
    let Some(contents) = objects(contents.get()) else {
        return out.extend_from_slice(contents.get().as_bytes());
    };
    let contents: Vec<Vec<u8>> = contents.iter().filter_map(clean_content).collect();
    list(out, contents, |out, content| out.extend_from_slice(&content));
}

/// The objects of a list; one alone is a list of one.
fn objects(json: &str) -> Option<Vec<Members<'_>>> {
    match json.starts_with('{') {
        true => serde_json::from_str(json).ok().map(|object| vec![object]),
        false => serde_json::from_str(json).ok(),
    }
}

/// A content without foreign seals; `None` if nothing is left of it.
fn clean_content(content: &Members<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut object = ObjectWriter::open(&mut out);
    for (name, value) in &content.0 {
        let parts = Some(value).filter(|value| *name == *"parts" && value.text().contains(WRAPPED));
        match parts.and_then(|value| objects(value.text())) {
            Some(parts) => {
                let kept: Vec<Members<'_>> = parts.into_iter().filter_map(clean_part).collect();
                if kept.is_empty() {
                    return None;
                }
                object.set(name, &kept);
            }
            None => object.raw(name, value.text()),
        }
    }
    object.close();
    Some(out)
}

fn clean_part(mut part: Members<'_>) -> Option<Members<'_>> {
    let is_foreign = |(name, value): &(Str<'_>, sluice_types::json::Raw<'_>)| {
        camel(name) == "thoughtSignature"
            && value.read::<Str<'_>>().is_ok_and(|signature| signature.starts_with(WRAPPED))
    };
    if !part.0.iter().any(is_foreign) {
        return Some(part);
    }
    let thought = part.value("thought").is_some_and(|thought| thought.text() == "true");
    part.0.retain(|member| !is_foreign(member));
    (!thought).then_some(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Dialect;

    fn patched(body: &str, dialect: &Dialect) -> (String, Vec<String>) {
        let target =
            Target { model: "m", dialect, strict: false, default_max_tokens: None, same_format: true };
        let written = patch_request(body.as_bytes(), &target).unwrap();
        (String::from_utf8(written.body).unwrap(), written.dropped)
    }

    #[test]
    fn only_what_the_dialect_says_changes() {
        let dialect = Dialect {
            rename: vec![("generationConfig.topK".into(), "k".into()), ("labels".into(), "tags".into())],
            drop: vec!["safetySettings".into(), "generationConfig.seed".into()],
            ..Dialect::default()
        };
        let body = r#"{"model":"models/x","contents":[ {"parts":[{"text":"\u0041"}]} ],"safety_settings":[],"labels":{},
            "generation_config":{"top_k":1.50,"seed":3, "topP":1}}"#;
        let (told, dropped) = patched(body, &dialect);
        assert_eq!(
            told,
            r#"{"contents":[ {"parts":[{"text":"\u0041"}]} ],"tags":{},"generation_config":{"k":1.50,"topP":1}}"#
        );
        assert_eq!(dropped, ["safetySettings", "generationConfig.seed"]);
        assert!(
            patch_request(
                b"[]",
                &Target {
                    model: "m",
                    dialect: &dialect,
                    strict: false,
                    default_max_tokens: None,
                    same_format: true
                }
            )
            .is_err()
        );
    }

    #[test]
    fn seals_of_others_never_reach_google() {
        let foreign = super::super::super::seal::told("openai:rs_1:abc").into_owned();
        let body = format!(
            r#"{{"contents":[{{"role":"user","parts":[{{"text":"hi"}}]}},{{"role":"model","parts":[
                {{"text":"t","thought":true,"thoughtSignature":"{foreign}"}},
                {{"text":"a","thought_signature":"{foreign}"}},{{"text":"b","thoughtSignature":"own"}}]}},
                {{"role":"model","parts":[{{"text":"","thought":true,"thoughtSignature":"{foreign}"}}]}}]}}"#
        );
        assert_eq!(
            patched(&body, &Dialect::default()).0,
            r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]},{"role":"model","parts":[{"text":"a"},{"text":"b","thoughtSignature":"own"}]}]}"#
        );
    }
}
