//! Cohere's `POST /v2/embed`.

use serde::Deserialize;
use sluice_types::{
    error::{ErrorKind, Failure},
    json::from_bytes,
    usage::{Source, Usage},
};

use super::Asked;
use crate::format::{Target, json::ObjectWriter, openai_chat::unreadable};

/// What texts are where the caller does not say: models of the third version and later must be told.
const DOCUMENT: &str = "search_document";

/// Writes a request. Vectors are always asked for as numbers.
pub(super) fn write(asked: &Asked<'_>, target: &Target<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    let mut object = ObjectWriter::open(&mut body);
    object.set("model", target.model);
    object.set("texts", asked.texts);
    object.set("input_type", asked.input_type.as_deref().unwrap_or(DOCUMENT));
    object.set("embedding_types", &["float"]);
    object.set_some("output_dimension", asked.dimensions.as_ref());
    object.set_some("truncate", asked.truncate.as_ref());
    object.close();
    body
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    embeddings: Option<ByType>,
    #[serde(default)]
    meta: Meta,
}

#[derive(Deserialize)]
struct ByType {
    #[serde(default)]
    float: Option<Vec<Vec<f32>>>,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default)]
    billed_units: Option<Units>,
}

#[derive(Deserialize)]
struct Units {
    #[serde(default)]
    input_tokens: Option<f64>,
}

/// Reads an answer: the vectors, in the order of the texts, and what was counted.
pub(super) fn read(body: &[u8]) -> Result<(Vec<Vec<f32>>, Option<Usage>), Failure> {
    let wire: Wire = from_bytes(body).map_err(|error| unreadable(&error, body))?;
    let vectors = wire.embeddings.and_then(|by_type| by_type.float).ok_or_else(|| {
        Failure::new(
            ErrorKind::UpstreamInvalid,
            "the provider's answer holds no embeddings of the type float",
        )
    })?;
    let tokens = wire.meta.billed_units.and_then(|units| units.input_tokens);
    let usage = tokens.map(|tokens| Usage {
        input_uncached: tokens as u64,
        source: Source::Provider,
        ..Usage::default()
    });
    Ok((vectors, usage))
}
