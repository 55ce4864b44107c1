//! Requests for embeddings.

use sluice_types::{
    embeddings::{Encoding, Input, Request},
    error::Failure,
    json::{Raw, Str},
};

use crate::format::{
    Target,
    json::{self, ObjectWriter, Value},
};

/// Reads a caller's request.
///
/// # Errors
///
/// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest) if the body is not JSON, lacks a model or an input, or a known member is of
/// another type than documented.
pub fn read_request(body: &[u8]) -> Result<Request<'_>, Failure> {
    let body = json::body(body)?;
    let encoding = match body.get("encoding_format")? {
        None => Encoding::Float,
        Some(format) => match &*format.string()? {
            "float" => Encoding::Float,
            "base64" => Encoding::Base64,
            _ => return Err(format.path.invalid("must be float or base64")),
        },
    };
    let dimensions = match body.get("dimensions")? {
        None => None,
        Some(dimensions) => match dimensions.count()?.filter(|count| 0 < *count) {
            None => return Err(dimensions.path.invalid("must be a whole number of at least 1")),
            count => count,
        },
    };
    Ok(Request {
        model: body.require("model")?.string()?,
        input: input(&body.require("input")?)?,
        encoding,
        dimensions,
        user: body.string("user")?,
        extra: body
            .rest(|name| matches!(name, "model" | "input" | "encoding_format" | "dimensions" | "user")),
    })
}

fn input<'a>(input: &Value<'a, '_>) -> Result<Input<'a>, Failure> {
    const WANTED: &str =
        "must be a string, a list of strings, a list of token numbers, or a list of such lists";
    if input.is_string() {
        let text = input.string()?;
        return if text.is_empty() {
            Err(input.path.invalid("must not be empty"))
        } else {
            Ok(Input::Texts(vec![text]))
        };
    }
    if !input.raw.get().starts_with('[') {
        return Err(input.path.invalid(WANTED));
    }
    let items = input.list()?;
    let Some(first) = items.first() else { return Err(input.path.invalid("must not be empty")) };
    if first.get().starts_with('"') {
        let texts = items.iter().enumerate().map(|(i, raw)| Value { raw, path: input.path.item(i) }.string());
        return Ok(Input::Texts(texts.collect::<Result<_, _>>()?));
    }
    let is_tokens = |raw: &str| serde_json::from_str::<Vec<u64>>(raw).is_ok_and(|tokens| !tokens.is_empty());
    if is_tokens(input.raw.get()) {
        return Ok(Input::Tokens(vec![Raw::from(input.raw)]));
    }
    match items.iter().position(|raw| !is_tokens(raw.get())) {
        Some(i) if first.get().starts_with('[') => {
            Err(input.path.item(i).invalid("must be a list of token numbers that is not empty"))
        }
        Some(_) => Err(input.path.invalid(WANTED)),
        None => Ok(Input::Tokens(items.into_iter().map(Raw::from).collect())),
    }
}

/// Writes a request of our own for `texts`.
pub fn write_request(texts: &[Str<'_>], dimensions: Option<u32>, target: &Target<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    let mut object = ObjectWriter::open(&mut body);
    object.set("model", target.model);
    object.set("input", texts);
    let name = |name| target.dialect.name(name);
    if let Some((theirs, dimensions)) = name("dimensions").zip(dimensions) {
        object.set(theirs, &dimensions);
    }
    if let Some(theirs) = name("encoding_format") {
        object.set(theirs, "float");
    }
    object.close();
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &str) -> Result<Input<'static>, String> {
        let body = format!(r#"{{"model":"m","input":{input}}}"#);
        let body: &'static str = body.leak();
        read_request(body.as_bytes()).map(|request| request.input).map_err(|failure| failure.message)
    }

    #[test]
    fn every_kind_of_input_is_read() {
        let raw = |json| Raw::parse(json).unwrap();
        assert_eq!(read(r#""hi""#), Ok(Input::Texts(vec!["hi".into()])));
        assert_eq!(read(r#"["a","b"]"#), Ok(Input::Texts(vec!["a".into(), "b".into()])));
        assert_eq!(read("[1, 2]"), Ok(Input::Tokens(vec![raw("[1, 2]")])));
        assert_eq!(read("[[1],[2,3]]"), Ok(Input::Tokens(vec![raw("[1]"), raw("[2,3]")])));
    }

    #[test]
    fn wrong_input_is_told_by_its_place() {
        assert_eq!(read(r#""""#), Err("`input` must not be empty".into()));
        assert_eq!(read("[]"), Err("`input` must not be empty".into()));
        assert_eq!(read("null"), Err("`input` is required".into()));
        assert_eq!(read(r#"["a",1]"#), Err("`input[1]` must be a string, not a number".into()));
        assert_eq!(
            read("[[1],[]]"),
            Err("`input[1]` must be a list of token numbers that is not empty".into())
        );
        assert!(read("[1,-2]").unwrap_err().starts_with("`input` must be"));
        assert!(read("{}").unwrap_err().starts_with("`input` must be"));
    }
}
