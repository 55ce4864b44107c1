//! Requests that go on as they came, but for the model's name: moderations, images, speech, rerank as JSON, transcriptions
//! as a form. What they mean is between the caller and the provider.

use memchr::memmem;
use serde::Deserialize;
use sluice_types::{
    error::{ErrorKind, Failure},
    json::Str,
    usage::{Source, Usage},
};

use super::{
    Target, Written,
    json::{self, ObjectWriter},
    openai_chat,
};
use crate::{
    form::{self, Event},
    tokens,
};

/// What must be known of such a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain<'a> {
    /// The model the caller asked for.
    pub model: Str<'a>,
    /// The end user, as the caller names them.
    pub user: Option<Str<'a>>,
    /// The tokens of the text it gives, by length.
    pub input_estimate: u64,
}

/// Reads a JSON request. The text it gives may be called `input`, `prompt`, or `query` and `documents`.
///
/// # Errors
///
/// [`InvalidRequest`](ErrorKind::InvalidRequest) if the body is no JSON object or names no model.
pub fn read_json(body: &[u8]) -> Result<Plain<'_>, Failure> {
    let body = json::body(body)?;
    let mut input_estimate = 0;
    for (name, raw) in body.fields() {
        if matches!(&**name, "input" | "prompt" | "query" | "documents" | "instructions") {
            input_estimate += tokens::text(raw.get());
        }
    }
    Ok(Plain { model: body.require("model")?.string()?, user: body.string("user")?, input_estimate })
}

/// Rewrites `body` for `target`: the model and the dialect's renames and drops. All other members keep their order and
/// their values every byte.
///
/// # Errors
///
/// As [`read_json`], and [`Unsupported`](ErrorKind::Unsupported) if the target is strict and its dialect refuses a member.
pub fn patch_json(body: &[u8], target: &Target<'_>) -> Result<Written, Failure> {
    let body = json::body(body)?;
    let mut written = Written { body: Vec::new(), dropped: Vec::new() };
    let mut object = ObjectWriter::open(&mut written.body);
    for (name, raw) in body.fields() {
        match (&**name, target.dialect.name(name)) {
            ("model", _) => object.set("model", target.model),
            (_, Some(theirs)) => object.raw(theirs, raw.get()),
            // A provider that knows no choice of encoding loses nothing by not being told.
            ("encoding_format", None) => {}
            (name, None) => written.dropped.push(name.to_owned()),
        }
    }
    object.close();
    match written.dropped.first().filter(|_| target.strict) {
        Some(name) => Err(openai_chat::refused(name)),
        None => Ok(written),
    }
}

/// What kinds of tokens a `usage` tells apart.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    /// Pictures say `input_tokens_details`, transcriptions `input_token_details`.
    #[serde(rename = "input_tokens_details", alias = "input_token_details")]
    read: Option<Kinds>,
    #[serde(rename = "output_tokens_details", alias = "output_token_details")]
    written: Option<Kinds>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kinds {
    image_tokens: Option<u64>,
    audio_tokens: Option<u64>,
}

/// Tokens counted in an answer's `usage`; `None` where it tells none. An error inside a success is read as one.
///
/// # Errors
///
/// What the error says.
pub fn read_usage(body: &[u8]) -> Result<Option<Usage>, Failure> {
    let Ok(answer) = json::body(body) else { return Ok(None) };
    if answer.get("error").is_ok_and(|error| error.is_some()) {
        return Err(openai_chat::read_error(200, body, None));
    }
    let Ok(Some(usage)) = answer.get("usage") else { return Ok(None) };
    let Ok(counts) = usage.object() else { return Ok(None) };
    let count = |name| counts.get(name).ok().flatten().and_then(|value| value.count().ok().flatten());
    let input = count("input_tokens").or_else(|| count("prompt_tokens"));
    let output = count("output_tokens").or_else(|| count("completion_tokens"));
    let total = count("total_tokens");
    if input.is_none() && output.is_none() && total.is_none() {
        return Ok(None);
    }
    let output = u64::from(output.unwrap_or_default());
    let input = input.map_or_else(|| u64::from(total.unwrap_or_default()).saturating_sub(output), u64::from);
    let details: Details = usage.read("an object").unwrap_or_default();
    let (read, written) = (details.read.unwrap_or_default(), details.written.unwrap_or_default());
    let image_in = read.image_tokens.unwrap_or(0).min(input);
    let audio_in = read.audio_tokens.unwrap_or(0).min(input - image_in);
    let image_out = written.image_tokens.unwrap_or(0).min(output);
    Ok(Some(Usage {
        input_uncached: input - image_in - audio_in,
        audio_in,
        image_in,
        output_text: output - image_out,
        image_out,
        source: Source::Provider,
        ..Usage::default()
    }))
}

/// Tokens counted at the end of an answer of which only the end was kept: the last `usage` in it.
pub fn usage_at_end(tail: &[u8]) -> Option<Usage> {
    const NAME: &[u8] = b"\"usage\"";
    let at = memmem::rfind(tail, NAME)?;
    let value = tail.get(at + NAME.len()..)?.trim_ascii_start().strip_prefix(b":")?;
    let usage = serde_json::Deserializer::from_slice(value)
        .into_iter::<&serde_json::value::RawValue>()
        .next()?
        .ok()?;
    read_usage(format!("{{\"usage\":{}}}", usage.get()).as_bytes()).ok()?
}

/// How much of a form is looked at together, in bytes.
const PIECE: usize = 64 << 10;

/// A field of a form, by where its value stands in the body.
struct Field {
    name: String,
    is_file: bool,
    value: std::ops::Range<usize>,
}

/// Reads a form (`multipart/form-data`).
///
/// # Errors
///
/// [`InvalidRequest`](ErrorKind::InvalidRequest) if it is none or names no model.
pub fn read_form<'a>(content_type: &str, body: &'a [u8]) -> Result<Plain<'a>, Failure> {
    let fields = fields(content_type, body)?;
    let text = |name: &str| {
        let field = fields.iter().find(|field| field.name == name && !field.is_file)?;
        std::str::from_utf8(body.get(field.value.clone())?).ok()
    };
    let model = text("model").filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| Failure::invalid("model", "is required, as a field of the form"))?;
    if !fields.iter().any(|field| field.name == "file") {
        return Err(Failure::invalid("file", "is required, as a file of the form"));
    }
    Ok(Plain { model: model.into(), user: None, input_estimate: 0 })
}

/// Writes the form with another model; every other byte stays.
///
/// # Errors
///
/// As [`read_form`].
pub fn patch_form(content_type: &str, body: &[u8], model: &str) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(body.len() + model.len());
    let mut done = 0;
    for field in fields(content_type, body)?.iter().filter(|field| field.name == "model" && !field.is_file) {
        out.extend_from_slice(body.get(done..field.value.start).unwrap_or_default());
        out.extend_from_slice(model.as_bytes());
        done = field.value.end;
    }
    out.extend_from_slice(body.get(done..).unwrap_or_default());
    Ok(out)
}

fn fields(content_type: &str, body: &[u8]) -> Result<Vec<Field>, Failure> {
    let mut decoder = form::Decoder::new(content_type)?;
    let mut fields: Vec<Field> = Vec::new();
    for piece in body.chunks(PIECE) {
        decoder.push(piece);
        while let Some(event) = decoder.event()? {
            let at = decoder.position();
            match (event, fields.last_mut()) {
                (Event::Field(form::Field { name, is_file, .. }), _) => {
                    if name == "model" && (is_file || fields.iter().any(|field| field.name == "model")) {
                        let message = "the form names `model` twice, or as a file";
                        return Err(Failure::new(ErrorKind::InvalidRequest, message));
                    }
                    fields.push(Field { name, is_file, value: at..at });
                }
                (Event::Data(_), Some(field)) => field.value.end = at,
                (Event::Data(_) | Event::End, _) => {}
            }
        }
    }
    decoder.finish().map(|()| fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=\"b-1\"";
    const FORM: &str = "--b-1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"name=\\\"model\\\".wav\"\r\n\
        Content-Type: audio/wav\r\n\r\nRIFF\r\n--b-2 \0\r\n--b-1\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n\
        house/whisper\r\n--b-1--\r\n";

    #[test]
    fn a_form_keeps_every_byte_but_its_model() {
        assert_eq!(&*read_form(TYPE, FORM.as_bytes()).unwrap().model, "house/whisper");
        let patched = patch_form(TYPE, FORM.as_bytes(), "whisper-1").unwrap();
        assert_eq!(String::from_utf8(patched).unwrap(), FORM.replace("house/whisper", "whisper-1"));
    }

    #[test]
    fn a_field_has_one_name_however_it_is_read() {
        let form = |field: &str| {
            format!(
                "--b-1\r\n{field}\r\n\r\nm\r\n--b-1\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b-1--\r\n"
            )
        };
        for field in [
            "Content-Disposition: form-data; name=\"model\"; x=\"filename\"",
            "Content-Disposition: form-data; name=\"model\"; filename=\"a\"",
            "Content-Disposition: form-data; name=model",
            "Content-Disposition: form-data; name=\"file\"; name=\"model\"",
            "Content-Disposition: form-data; filename=\"a\"",
            "X: y name=\"file\"",
        ] {
            assert!(read_form(TYPE, form(field).as_bytes()).is_err(), "{field}");
        }
    }

    #[test]
    fn a_broken_form_says_what_is_wrong() {
        for (content_type, body, wrong) in [
            ("application/json", FORM, "is none"),
            ("multipart/form-data", FORM, "is none"),
            (TYPE, "x", "does not begin"),
            (TYPE, "--b-1\r\nA: b", "head of a field"),
            (TYPE, "--b-1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue", "closing boundary"),
            (TYPE, "--b-1\r\nA: b\r\n\r\nv\r\n--b-1--\r\n", "content-disposition"),
            (TYPE, "--b-1--\r\n", "`model` is required"),
            (
                TYPE,
                "--b-1\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b-1--",
                "`file` is required",
            ),
        ] {
            let failure = read_form(content_type, body.as_bytes()).unwrap_err();
            assert!(failure.message.contains(wrong), "{body}: {}", failure.message);
        }
        for cut in 0..FORM.len() {
            let _ = read_form(TYPE, FORM.get(..cut).unwrap_or_default().as_bytes());
        }
    }

    #[test]
    fn usage_is_found_at_the_end() {
        let told = |tail: &str| usage_at_end(tail.as_bytes()).map(|usage| (usage.input(), usage.output()));
        assert_eq!(told(r#"AAA"}],"usage": {"input_tokens":1,"output_tokens":2}}"#), Some((1, 2)));
        assert_eq!(
            told("data: {\"usage\":{\"input_tokens\":1},\"type\":\"x\"}\n\ndata: [DONE]"),
            Some((1, 0))
        );
        let heard = usage_at_end(
            br#""usage":{"input_tokens":9,"input_token_details":{"audio_tokens":7},"output_tokens":2}}"#,
        );
        let heard = heard.unwrap();
        assert_eq!((heard.audio_in, heard.input_uncached, heard.output_text), (7, 2, 2));
        let drawn = usage_at_end(
            br#""usage":{"input_tokens":50,"input_tokens_details":{"text_tokens":10,"image_tokens":40},"output_tokens":100,"output_tokens_details":{"image_tokens":90}}}"#,
        );
        let drawn = drawn.unwrap();
        assert_eq!((drawn.image_in, drawn.image_out, drawn.total()), (40, 90, 150));
        assert_eq!(told(r#""usage":{"input_tok"#), None);
        assert_eq!(told("RIFF\0"), None);
    }

    #[test]
    fn usage_is_read_in_any_of_its_words() {
        let told =
            |json: &str| read_usage(json.as_bytes()).unwrap().map(|usage| (usage.input(), usage.output()));
        assert_eq!(told(r#"{"usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}"#), Some((3, 4)));
        assert_eq!(told(r#"{"usage":{"prompt_tokens":3}}"#), Some((3, 0)));
        assert_eq!(told(r#"{"usage":{"total_tokens":7}}"#), Some((7, 0)));
        assert_eq!(told(r#"{"usage":{"type":"duration","seconds":4}}"#), None);
        assert_eq!(told("not JSON"), None);
        assert!(read_usage(br#"{"error":{"message":"no"}}"#).is_err());
    }
}
