//! Vectors, as numbers or as base64 of little-endian 32-bit floats.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    embeddings::{Answer, Encoding},
    error::{ErrorKind, Failure},
    json::from_bytes,
    usage::Usage,
};

use crate::format::{
    json::{self, ObjectWriter},
    openai_chat::{self, Text, read_usage, unreadable},
};

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(borrow, default)]
    data: Option<Vec<Item<'a>>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(default)]
    index: Option<usize>,
    #[serde(borrow)]
    embedding: &'a RawValue,
}

impl Item<'_> {
    fn encoding(&self) -> Encoding {
        if self.embedding.get().starts_with('"') { Encoding::Base64 } else { Encoding::Float }
    }
}

/// A provider's answer in the encoding that was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered<'a> {
    /// The JSON body: the provider's own bytes if it answered as asked.
    pub body: Cow<'a, [u8]>,
    /// The model, as the provider names it.
    pub model: String,
    /// Tokens counted; `None` where the provider did not say.
    pub usage: Option<Usage>,
}

/// Turns a provider's answer into `encoding`.
///
/// # Errors
///
/// As [`read_answer`].
pub fn answer_in(body: &[u8], encoding: Encoding) -> Result<Answered<'_>, Failure> {
    let wire = read(body)?;
    let model = wire.model.0.as_deref().unwrap_or_default().to_owned();
    let usage = usage(&wire);
    if items(&wire).iter().all(|item| item.encoding() == encoding) {
        return Ok(Answered { body: body.into(), model, usage });
    }
    let answer = vectors(&wire)?;
    Ok(Answered { body: write_answer(&answer, encoding).into(), model, usage })
}

/// Reads a provider's answer, numbers or base64.
///
/// # Errors
///
/// [`UpstreamTruncated`](ErrorKind::UpstreamTruncated) if the body breaks off,
/// [`UpstreamInvalid`](ErrorKind::UpstreamInvalid) if it holds no vectors; an error inside a success is read as one.
pub fn read_answer(body: &[u8]) -> Result<Answer, Failure> {
    vectors(&read(body)?)
}

fn read(body: &[u8]) -> Result<Wire<'_>, Failure> {
    let wire: Wire<'_> = from_bytes(body).map_err(|error| unreadable(&error, body))?;
    if wire.error.is_some() {
        return Err(openai_chat::read_error(200, body, None));
    }
    if items(&wire).is_empty() {
        return Err(Failure::new(ErrorKind::UpstreamInvalid, "the provider's answer holds no embeddings"));
    }
    Ok(wire)
}

fn items<'w, 'a>(wire: &'w Wire<'a>) -> &'w [Item<'a>] {
    wire.data.as_deref().unwrap_or_default()
}

fn usage(wire: &Wire<'_>) -> Option<Usage> {
    read_usage(wire.usage?.get())
}

fn vectors(wire: &Wire<'_>) -> Result<Answer, Failure> {
    let mut items: Vec<_> =
        items(wire).iter().enumerate().map(|(at, item)| (item.index.unwrap_or(at), item)).collect();
    items.sort_by_key(|(index, _)| *index);
    let vectors = items.into_iter().map(|(_, item)| vector(item)).collect::<Option<Vec<_>>>();
    let vectors = vectors.ok_or_else(|| {
        Failure::new(
            ErrorKind::UpstreamInvalid,
            "the provider's embeddings are neither numbers nor base64 of floats",
        )
    })?;
    Ok(Answer { model: wire.model.0.as_deref().unwrap_or_default().to_owned(), vectors, usage: usage(wire) })
}

fn vector(item: &Item<'_>) -> Option<Vec<f32>> {
    let json = item.embedding.get();
    match item.encoding() {
        Encoding::Float => serde_json::from_str(json).ok(),
        Encoding::Base64 => {
            let bytes = STANDARD.decode(serde_json::from_str::<Cow<'_, str>>(json).ok()?.as_bytes()).ok()?;
            let (floats, rest) = bytes.as_chunks::<4>();
            rest.is_empty().then(|| floats.iter().map(|float| f32::from_le_bytes(*float)).collect())
        }
    }
}

/// Writes an answer for the caller.
pub fn write_answer(answer: &Answer, encoding: Encoding) -> Vec<u8> {
    let numbers: usize = answer.vectors.iter().map(Vec::len).sum();
    let mut out = Vec::with_capacity(256 + 64 * answer.vectors.len() + 12 * numbers);
    let mut object = ObjectWriter::open(&mut out);
    object.set("object", "list");
    json::list(object.member("data"), answer.vectors.iter().enumerate(), |out, (index, vector)| {
        let mut item = ObjectWriter::open(out);
        item.set("object", "embedding");
        item.set("index", &index);
        match encoding {
            Encoding::Float => item.set("embedding", vector),
            Encoding::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                item.set("embedding", &STANDARD.encode(bytes));
            }
        }
        item.close();
    });
    object.set("model", &answer.model);
    // The official SDKs want a usage in every answer.
    let tokens = answer.usage.map_or(0, |usage| usage.input());
    let mut usage = ObjectWriter::open(object.member("usage"));
    usage.set("prompt_tokens", &tokens);
    usage.set("total_tokens", &tokens);
    usage.close();
    object.close();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOATS: &str = r#"{"object":"list","data":[{"index":1,"embedding":[0.5]},{"index":0,"embedding":[1.0,-2.5]}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#;

    #[test]
    fn an_answer_in_the_asked_encoding_keeps_its_bytes() {
        let answered = answer_in(FLOATS.as_bytes(), Encoding::Float).unwrap();
        assert!(matches!(answered.body, Cow::Borrowed(_)));
        assert_eq!((answered.model.as_str(), answered.usage.unwrap().input()), ("m", 3));
    }

    #[test]
    fn numbers_become_base64_and_back_in_order() {
        let base64 = answer_in(FLOATS.as_bytes(), Encoding::Base64).unwrap();
        assert!(String::from_utf8_lossy(&base64.body).contains(r#""index":0,"embedding":"AACAPwAAIMA=""#));
        let floats = answer_in(&base64.body, Encoding::Float).unwrap();
        assert_eq!(read_answer(&floats.body).unwrap().vectors, [vec![1.0, -2.5], vec![0.5]]);
    }

    #[test]
    fn what_holds_no_vectors_is_the_providers_fault() {
        for (body, kind) in [
            (r#"{"data":[]}"#, ErrorKind::UpstreamInvalid),
            (r#"{"data":[{"embedding":"AAA="}]}"#, ErrorKind::UpstreamInvalid),
            (r#"{"data":[{"embedding":[1,null]}]}"#, ErrorKind::UpstreamInvalid),
            (r#"{"data":[{"embedding":[1"#, ErrorKind::UpstreamTruncated),
            (r#"{"error":{"message":"busy","code":429}}"#, ErrorKind::UpstreamRateLimited),
            ("<html>", ErrorKind::UpstreamInvalid),
        ] {
            assert_eq!(read_answer(body.as_bytes()).unwrap_err().kind, kind, "{body}");
        }
    }
}
