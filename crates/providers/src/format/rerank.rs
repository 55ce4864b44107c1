//! Rerank: `POST /v1/rerank` in the shape of Cohere's second version. Providers answer in a few words each; every answer
//! becomes Cohere's.

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    error::{ErrorKind, Failure},
    json::{Raw, from_bytes},
    usage::{Source, Usage},
};

use super::{
    json::{self, ObjectWriter},
    openai_chat::{self, unreadable},
};

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default, alias = "data")]
    results: Option<Vec<Hit<'a>>>,
    #[serde(default)]
    usage: Option<Counts>,
    #[serde(borrow, default)]
    meta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Hit<'a> {
    index: u32,
    #[serde(alias = "score")]
    relevance_score: f64,
    #[serde(borrow, default)]
    document: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    total_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default)]
    tokens: Option<Tokens>,
    #[serde(default)]
    billed_units: Option<Billed>,
}

#[derive(Default, Deserialize)]
struct Billed {
    #[serde(default)]
    search_units: Option<f64>,
}

#[derive(Default, Deserialize)]
struct Tokens {
    #[serde(default)]
    input_tokens: Option<f64>,
}

/// A provider's answer in Cohere's shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The JSON body.
    pub body: Vec<u8>,
    /// Tokens counted; `None` where the provider did not say.
    pub usage: Option<Usage>,
}

/// Reads a provider's answer and writes it in Cohere's shape, best first.
///
/// # Errors
///
/// [`UpstreamTruncated`](ErrorKind::UpstreamTruncated) if the body breaks off,
/// [`UpstreamInvalid`](ErrorKind::UpstreamInvalid) if it holds no scores; an error inside a success is read as one.
pub fn answer(body: &[u8], id: &str) -> Result<Answered, Failure> {
    let wire: Wire<'_> = from_bytes(body).map_err(|error| unreadable(&error, body))?;
    if wire.error.is_some() {
        return Err(openai_chat::read_error(200, body, None));
    }
    let Some(mut hits) = wire.results else {
        return Err(Failure::new(ErrorKind::UpstreamInvalid, "the provider's answer holds no scores"));
    };
    hits.sort_by(|a, b| b.relevance_score.total_cmp(&a.relevance_score));
    let counted = wire.meta.and_then(|meta| serde_json::from_str::<Meta>(meta.get()).ok());
    let searches = counted.as_ref().and_then(|meta| meta.billed_units.as_ref()?.search_units);
    let told = counted.and_then(|meta| meta.tokens?.input_tokens).map(|tokens| tokens as u64);
    let tokens = told.or_else(|| wire.usage.and_then(|usage| usage.total_tokens));
    let mut out = Vec::with_capacity(body.len() + 64);
    let mut object = ObjectWriter::open(&mut out);
    match wire.id {
        Some(id) => object.raw("id", id.get()),
        None => object.set("id", id),
    }
    json::list(object.member("results"), &hits, |out, hit| {
        let mut object = ObjectWriter::open(out);
        object.set("index", &hit.index);
        object.set("relevance_score", &hit.relevance_score);
        object.set_some("document", hit.document.map(Raw::from).as_ref());
        object.close();
    });
    match wire.meta {
        Some(meta) => object.raw("meta", meta.get()),
        None => object.set("meta", &serde_json::json!({"tokens": {"input_tokens": tokens}})),
    }
    object.close();
    let usage = (tokens.is_some() || searches.is_some()).then(|| Usage {
        input_uncached: tokens.unwrap_or(0),
        searches: searches.map_or(0, |searches| searches as u64),
        source: Source::Provider,
        ..Usage::default()
    });
    Ok(Answered { body: out, usage })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> String {
        String::from_utf8(answer(body.as_bytes(), "req_1").unwrap().body).unwrap()
    }

    #[test]
    fn every_providers_words_become_coheres() {
        let cohere = r#"{"id":"r","results":[{"index":1,"relevance_score":0.9},{"index":0,"relevance_score":0.1}],"meta":{"billed_units":{"search_units":1}}}"#;
        assert_eq!(told(cohere), cohere);
        assert_eq!(answer(cohere.as_bytes(), "").unwrap().usage.unwrap().searches, 1);
        let voyage = r#"{"object":"list","data":[{"relevance_score":0.1,"index":0},{"relevance_score":0.9,"index":1,"document":"d"}],"usage":{"total_tokens":7}}"#;
        assert_eq!(
            told(voyage),
            r#"{"id":"req_1","results":[{"index":1,"relevance_score":0.9,"document":"d"},{"index":0,"relevance_score":0.1}],"meta":{"tokens":{"input_tokens":7}}}"#
        );
        assert_eq!(answer(voyage.as_bytes(), "").unwrap().usage.unwrap().input(), 7);
    }

    #[test]
    fn what_is_no_answer_is_a_failure() {
        assert_eq!(answer(b"{", "").unwrap_err().kind, ErrorKind::UpstreamTruncated);
        assert_eq!(answer(b"{}", "").unwrap_err().kind, ErrorKind::UpstreamInvalid);
        assert!(answer(br#"{"error":{"message":"no"}}"#, "").is_err());
    }
}
