//! OpenAI embeddings: `POST /v1/embeddings`.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::ask::{hash, quote};
use super::check::{self, Checked, ensure, refuse};
use super::openai_chat;

/// How long a vector is when the request does not say.
pub(super) const DIMENSIONS: usize = 64;

/// A request, checked.
pub struct Embed {
    model: String,
    /// What each input is made of, to derive its vector from.
    inputs: Vec<Vec<u8>>,
    tokens: usize,
    dimensions: usize,
    base64: bool,
    /// The last text, for directives.
    pub prompt: String,
}

/// Checks a request.
pub fn read(headers: &HeaderMap, body: &[u8]) -> Checked<Embed> {
    openai_chat::authenticate(headers)?;
    let object = check::object(body)?;
    let model = check::model(&object)?;
    let known = ["model", "input", "encoding_format", "dimensions", "user"];
    check::known_members(&object, &known, "")?;
    let base64 = match object.get("encoding_format").map(|format| format.as_str().unwrap_or_default()) {
        None | Some("float") => false,
        Some("base64") => true,
        Some(other) => {
            return refuse(
                "encoding_format",
                format!("Invalid value: '{other}'. Supported values are: 'float' and 'base64'."),
            );
        }
    };
    let dimensions = match object.get("dimensions") {
        None => DIMENSIONS,
        Some(wanted) => match wanted.as_u64().and_then(|wanted| usize::try_from(wanted).ok()) {
            Some(wanted @ 1..=4096) => wanted,
            _ => return refuse("dimensions", format!("Invalid 'dimensions': {wanted}")),
        },
    };
    let mut embed = Embed { model, inputs: Vec::new(), tokens: 0, dimensions, base64, prompt: String::new() };
    match object.get("input") {
        Some(Value::Array(list)) if list.first().is_some_and(Value::is_number) => embed.push_tokens(list)?,
        Some(Value::Array(list)) if !list.is_empty() => {
            ensure(list.len() <= 2048, "input", || {
                "Invalid 'input': array too long. Expected at most 2048.".into()
            })?;
            for input in list {
                match input {
                    Value::Array(tokens) => embed.push_tokens(tokens)?,
                    other => embed.push_text(other)?,
                }
            }
        }
        Some(text) => embed.push_text(text)?,
        None => return refuse("input", "Missing required parameter: 'input'."),
    }
    Ok(embed)
}

impl Embed {
    fn push_text(&mut self, text: &Value) -> Checked {
        let Some(text) = text.as_str() else { return refuse("input", format!("Invalid 'input': {text}")) };
        ensure(!text.is_empty(), "input", || {
            "'$.input' is invalid: input cannot be an empty string.".into()
        })?;
        self.tokens += 1 + text.chars().count().div_ceil(4);
        self.inputs.push(text.as_bytes().to_vec());
        self.prompt = text.into();
        Ok(())
    }

    fn push_tokens(&mut self, tokens: &[Value]) -> Checked {
        let mut bytes = Vec::new();
        for token in tokens {
            let Some(token) = token.as_u64() else {
                return refuse("input", format!("Invalid token: {token}"));
            };
            bytes.extend(token.to_le_bytes());
        }
        ensure(!bytes.is_empty(), "input", || "Invalid 'input': empty array of tokens.".into())?;
        self.tokens += tokens.len();
        self.inputs.push(bytes);
        Ok(())
    }

    /// The answer; `floats` ignores a wish for base64.
    pub fn json(&self, floats: bool) -> String {
        let data: Vec<String> = self
            .inputs
            .iter()
            .enumerate()
            .map(|(index, input)| {
                let vector = vector(input, self.dimensions);
                let embedding = if self.base64 && !floats {
                    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                    quote(&STANDARD.encode(bytes))
                } else {
                    let numbers: Vec<String> = vector.iter().map(ToString::to_string).collect();
                    format!("[{}]", numbers.join(","))
                };
                format!(r#"{{"object":"embedding","index":{index},"embedding":{embedding}}}"#)
            })
            .collect();
        format!(
            r#"{{"object":"list","data":[{}],"model":{},"usage":{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}}}"#,
            data.join(","),
            quote(&self.model),
            tokens = self.tokens,
        )
    }
}

/// A vector of length one, the same for the same input.
pub(super) fn vector(input: &[u8], dimensions: usize) -> Vec<f32> {
    let mut state = hash(input) | 1;
    let numbers: Vec<f32> = (0..dimensions)
        .map(|_| {
            // xorshift
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect();
    let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    numbers.into_iter().map(|number| number / length).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};
    use serde_json::json;

    use super::*;

    fn answer(body: &Value) -> Value {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Bearer up"))]);
        let embed =
            read(&headers, body.to_string().as_bytes()).unwrap_or_else(|refusal| panic!("{refusal:?}"));
        serde_json::from_str(&embed.json(false)).unwrap()
    }

    #[test]
    fn both_encodings_are_the_same_vector() {
        let numbers = answer(&json!({ "model": "m", "input": "a", "dimensions": 3 }));
        let text =
            answer(&json!({ "model": "m", "input": ["a"], "dimensions": 3, "encoding_format": "base64" }));
        let bytes = STANDARD.decode(text["data"][0]["embedding"].as_str().unwrap()).unwrap();
        let decoded: Vec<f32> =
            bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        let plain: Vec<f32> = serde_json::from_value(numbers["data"][0]["embedding"].clone()).unwrap();
        assert_eq!(decoded, plain);
    }

    #[test]
    fn token_lists_count_as_inputs() {
        assert_eq!(answer(&json!({ "model": "m", "input": [1, 2, 3] }))["data"].as_array().unwrap().len(), 1);
        let two = answer(&json!({ "model": "m", "input": [[1, 2], [3]] }));
        assert_eq!(two["data"].as_array().unwrap().len(), 2);
        assert_eq!(two["usage"]["prompt_tokens"], 3);
    }
}
