//! OpenAI moderations, images, speech and transcriptions.
//!
//! What they answer is made of what was asked: a moderation flags the word `violence` in each text, a picture and a sound hold the words
//! they were made from, a transcript tells the size of the recording.

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::check::{self, Checked, ensure, refuse};
use super::openai_chat;
use super::reply::{Frame, When};

/// What the mock makes of a request.
pub enum Made {
    /// JSON.
    Json(String),
    /// Bytes of a kind.
    Bytes(&'static str, Bytes),
    /// Server-sent events.
    Events(Vec<Frame>),
}

/// A request, checked and answered.
pub struct Media {
    /// The text it gives, for directives.
    pub prompt: String,
    pub made: Made,
}

/// Whether `path` is one of these.
pub fn is_route(path: &str) -> bool {
    matches!(
        path,
        "/v1/moderations" | "/v1/images/generations" | "/v1/audio/speech" | "/v1/audio/transcriptions"
    )
}

/// Checks and answers a request for `path`.
pub fn answer(path: &str, headers: &HeaderMap, body: &[u8]) -> Checked<Media> {
    openai_chat::authenticate(headers)?;
    match path {
        "/v1/moderations" => moderation(body),
        "/v1/images/generations" => image(body),
        "/v1/audio/speech" => speech(body),
        _ => transcript(headers, body),
    }
}

fn text(body: &serde_json::Map<String, Value>, name: &str) -> Checked<String> {
    match body.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::Array(list)) if name == "input" && !list.is_empty() => {
            Ok(Value::from(list.clone()).to_string())
        }
        Some(other) => refuse(name, format!("Invalid '{name}': {other}")),
        None => refuse(name, format!("Missing required parameter: '{name}'.")),
    }
}

fn event(when: When, value: &Value) -> Frame {
    let name = value.get("type").and_then(Value::as_str).unwrap_or_default();
    Frame::new(when, format!("event: {name}\ndata: {value}\n\n"))
}

fn moderation(body: &[u8]) -> Checked<Media> {
    let body = check::object(body)?;
    let model = check::model(&body)?;
    check::known_members(&body, &["model", "input"], "")?;
    let prompt = text(&body, "input")?;
    let result = |text: &str| {
        let flagged = text.contains("violence");
        json!({"flagged": flagged, "categories": {"violence": flagged}, "category_scores": {"violence": 0.5}})
    };
    // A list of texts has a result for each; a list of parts is one text.
    let texts = body.get("input").and_then(Value::as_array).map(|list| list.iter().map(Value::as_str));
    let results: Vec<Value> = match texts.and_then(Iterator::collect::<Option<Vec<&str>>>) {
        Some(texts) => texts.into_iter().map(result).collect(),
        None => vec![result(&prompt)],
    };
    let made = Made::Json(json!({"id": "modr-1", "model": model, "results": results}).to_string());
    Ok(Media { prompt, made })
}

fn image(body: &[u8]) -> Checked<Media> {
    let body = check::object(body)?;
    check::model(&body)?;
    let prompt = text(&body, "prompt")?;
    let picture = STANDARD.encode(format!("picture of {prompt} ").repeat(1_000));
    let usage = json!({"total_tokens": 30, "input_tokens": 10, "output_tokens": 20});
    let made = if body.get("stream") == Some(&Value::Bool(true)) {
        let partial =
            json!({"type": "image_generation.partial_image", "b64_json": "AAAA", "partial_image_index": 0});
        let whole = json!({"type": "image_generation.completed", "b64_json": picture, "usage": usage});
        Made::Events(vec![event(When::Token, &partial), event(When::Tail, &whole)])
    } else {
        let count = body.get("n").and_then(Value::as_u64).unwrap_or(1);
        let data: Vec<_> = (0..count).map(|_| json!({"b64_json": picture})).collect();
        // Usage comes last, as it does.
        Made::Json(format!(r#"{{"created":1760000000,"data":{},"usage":{usage}}}"#, Value::from(data)))
    };
    Ok(Media { prompt, made })
}

fn speech(body: &[u8]) -> Checked<Media> {
    let body = check::object(body)?;
    check::model(&body)?;
    let prompt = text(&body, "input")?;
    text(&body, "voice")?;
    let sound = format!("ID3\u{0}sound of {prompt}");
    Ok(Media { prompt, made: Made::Bytes("audio/mpeg", Bytes::from(sound)) })
}

fn transcript(headers: &HeaderMap, body: &[u8]) -> Checked<Media> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(boundary) = kind.strip_prefix("multipart/form-data; boundary=") else {
        return refuse("file", "Invalid content type: multipart/form-data is wanted");
    };
    let form = String::from_utf8_lossy(body);
    let delimiter = format!("--{}", boundary.trim_matches('"'));
    let field = |name: &str| {
        let fields = form.split(delimiter.as_str());
        let field = fields
            .map(|field| field.split_once("\r\n\r\n"))
            .find_map(|parts| parts.filter(|(head, _)| head.contains(&format!("name=\"{name}\""))))?;
        Some(field.1.trim_end_matches("\r\n").to_owned())
    };
    let model = field("model").unwrap_or_default();
    ensure(!model.is_empty() && !model.contains('/'), "model", || format!("Invalid model: '{model}'"))?;
    let Some(file) = field("file") else { return refuse("file", "Missing required parameter: 'file'.") };
    let text = format!("A recording of {} bytes.", file.len());
    let usage = json!({"type": "tokens", "input_tokens": 14, "output_tokens": 5, "total_tokens": 19});
    let made = if field("stream").as_deref() == Some("true") {
        let delta = json!({"type": "transcript.text.delta", "delta": text});
        let done = json!({"type": "transcript.text.done", "text": text, "usage": usage});
        Made::Events(vec![event(When::Token, &delta), event(When::Tail, &done)])
    } else {
        Made::Json(format!(r#"{{"text":{},"usage":{usage}}}"#, Value::from(text)))
    };
    Ok(Media { prompt: field("prompt").unwrap_or_default(), made })
}
