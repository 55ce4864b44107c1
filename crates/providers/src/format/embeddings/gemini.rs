//! Gemini's `POST /models/{model}:batchEmbedContents`: a request a text.

use serde::Deserialize;
use sluice_types::{
    error::Failure,
    json::from_bytes,
    usage::{Source, Usage},
};

use super::Asked;
use crate::format::{
    Target,
    json::{ObjectWriter, list},
    openai_chat::unreadable,
};

/// Writes a request.
pub(super) fn write(asked: &Asked<'_>, target: &Target<'_>) -> Vec<u8> {
    let model = match target.model.starts_with("models/") {
        true => target.model.to_owned(),
        false => format!("models/{}", target.model),
    };
    let mut body = Vec::new();
    let mut object = ObjectWriter::open(&mut body);
    list(object.member("requests"), asked.texts, |out, text| {
        let mut request = ObjectWriter::open(out);
        request.set("model", &model);
        let mut content = ObjectWriter::open(request.member("content"));
        list(content.member("parts"), [text], |out, text| {
            let mut part = ObjectWriter::open(out);
            part.set("text", text);
            part.close();
        });
        content.close();
        request.set_some("taskType", asked.input_type.as_deref().map(task).as_ref());
        request.set_some("outputDimensionality", asked.dimensions.as_ref());
        request.close();
    });
    object.close();
    body
}

/// What Gemini calls a kind of text; its own words stay.
fn task(input_type: &str) -> &str {
    match input_type {
        "search_document" => "RETRIEVAL_DOCUMENT",
        "search_query" => "RETRIEVAL_QUERY",
        "classification" => "CLASSIFICATION",
        "clustering" => "CLUSTERING",
        own => own,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    embeddings: Vec<Embedding>,
    #[serde(default)]
    usage_metadata: Option<Counted>,
}

#[derive(Deserialize)]
struct Embedding {
    values: Vec<f32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    #[serde(default)]
    prompt_token_count: Option<u64>,
}

/// Reads an answer: the vectors, in the order of the texts, and what was counted, which most models do not tell.
pub(super) fn read(body: &[u8]) -> Result<(Vec<Vec<f32>>, Option<Usage>), Failure> {
    let wire: Wire = from_bytes(body).map_err(|error| unreadable(&error, body))?;
    let tokens = wire.usage_metadata.and_then(|counted| counted.prompt_token_count);
    let usage =
        tokens.map(|input_uncached| Usage { input_uncached, source: Source::Provider, ..Usage::default() });
    Ok((wire.embeddings.into_iter().map(|embedding| embedding.values).collect(), usage))
}
