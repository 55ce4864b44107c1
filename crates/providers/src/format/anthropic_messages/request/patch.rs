//! A caller's request handed on to a provider of the same format.

use sluice_types::{
    error::{ErrorKind, Failure},
    json::Members,
};

use super::dropped::Dropped;
use crate::format::{Target, Written, json::ObjectWriter};

/// Puts the target's model in, renames and leaves out what the dialect says. Every other member keeps its place and
/// its value byte by byte.
///
/// # Errors
///
/// `InvalidRequest` if the body is not a JSON object; `Unsupported` if the target is strict and the provider refuses a
/// member.
pub fn patch_request(body: &[u8], target: &Target<'_>) -> Result<Written, Failure> {
    let members: Members<'_> = serde_json::from_slice(body)
        .map_err(|_| Failure::new(ErrorKind::InvalidRequest, "the body must be a JSON object"))?;
    let mut dropped = Dropped::new(target.strict);
    let mut out = Vec::with_capacity(body.len() + target.model.len());
    let mut object = ObjectWriter::open(&mut out);
    for (name, value) in &members.0 {
        match target.dialect.name(name) {
            None => dropped.add(name)?,
            Some(theirs) if *name == "model" => object.set(theirs, target.model),
            Some(theirs) => object.raw(theirs, value.text()),
        }
    }
    object.close();
    Ok(Written { body: out, dropped: dropped.into_names() })
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
}
