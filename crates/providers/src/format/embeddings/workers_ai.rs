//! Workers AI's `POST …/run/@cf/…` of a model that makes vectors.

use serde::Deserialize;
use sluice_types::{error::Failure, json::from_bytes, usage::Usage};

use super::Asked;
use crate::format::{Target, json::ObjectWriter, openai_chat::unreadable};

/// Writes a request.
pub(super) fn write(asked: &Asked<'_>, _: &Target<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    let mut object = ObjectWriter::open(&mut body);
    object.set("text", asked.texts);
    object.close();
    body
}

/// An answer: within `result` by HTTP, by itself from a binding.
#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    result: Option<Vectors>,
    #[serde(default)]
    data: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Vectors {
    #[serde(default)]
    data: Vec<Vec<f32>>,
}

/// Reads an answer: the vectors, in the order of the texts. Nothing is counted.
pub(super) fn read(body: &[u8]) -> Result<(Vec<Vec<f32>>, Option<Usage>), Failure> {
    let wire: Wire = from_bytes(body).map_err(|error| unreadable(&error, body))?;
    Ok((wire.result.map_or(wire.data, |result| result.data), None))
}
