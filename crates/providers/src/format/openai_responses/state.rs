//! What the gateway needs to keep the state of conversations itself: what a request asks of it, what there is to keep of a
//! request and of its answer, and a request with what was kept put back. All pure; items of JSON stay as they were written.
//!
//! A conversation is the items of its requests and answers, one after the other, as the text of a JSON list:
//!
//! ```text
//! read_state(body) ──previous_response_id──► the items kept under it ──with_history──► a body that asks for nothing kept
//! kept under the new answer's id: join_items(those, input_items(body), output_items(answer))
//! ```

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_types::{
    error::Failure,
    json::{Raw, Str},
};

use super::wire::Response;
use crate::format::json::{self, ObjectWriter};

/// What a request asks of whoever keeps the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State<'a> {
    /// The answer that this one goes on from.
    pub previous_response_id: Option<Str<'a>>,
    /// Whether the answer is to be kept; it is unless the caller says otherwise.
    pub store: bool,
}

/// Reads what a request asks of whoever keeps the state.
///
/// # Errors
///
/// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest) if the body is no JSON object or a member is of
/// another type than documented.
pub fn read_state(body: &[u8]) -> Result<State<'_>, Failure> {
    let body = json::body(body)?;
    Ok(State {
        previous_response_id: body.string("previous_response_id")?,
        store: body.boolean("store")?.unwrap_or(true),
    })
}

/// The items of a request alone, as the text of a JSON list: of a text, the message that it is.
///
/// # Errors
///
/// [`InvalidRequest`](sluice_types::error::ErrorKind::InvalidRequest) if the body is no JSON object or its input neither
/// text nor a list.
pub fn input_items(body: &[u8]) -> Result<String, Failure> {
    let body = json::body(body)?;
    let Some(input) = body.get("input")? else { return Ok("[]".to_owned()) };
    if input.is_string() {
        let text = input.raw.get();
        return Ok(format!(
            r#"[{{"type":"message","role":"user","content":[{{"type":"input_text","text":{text}}}]}}]"#
        ));
    }
    input.list()?;
    Ok(input.raw.get().to_owned())
}

/// The id and the items of an answer, the latter as the text of a JSON list: of a whole answer, or of a stream's last frame
/// (its data). `None` if it is neither, or the answer failed.
///
/// # Examples
///
/// ```
/// use sluice_providers::format::openai_responses::state::output_items;
/// let (id, items) = output_items(br#"{"id":"resp_1","status":"completed","output":[ {"id":"msg_1"} ]}"#).unwrap();
/// assert_eq!((&*id, items), ("resp_1", r#"[ {"id":"msg_1"} ]"#));
/// ```
pub fn output_items(answer: &[u8]) -> Option<(Str<'_>, &str)> {
    #[derive(Deserialize)]
    struct Frame<'a> {
        #[serde(borrow, default)]
        response: Option<&'a RawValue>,
    }

    let text = std::str::from_utf8(answer).ok()?;
    let frame: Frame<'_> = serde_json::from_str(text).ok()?;
    let response: Response<'_> = serde_json::from_str(frame.response.map_or(text, RawValue::get)).ok()?;
    let ended = matches!(response.status.0.as_deref(), Some("completed" | "incomplete"));
    let items = response.output.map(RawValue::get).filter(|items| ended && items.starts_with('['))?;
    Some((response.id.said()?, items))
}

/// The items that a request only names (`item_reference`), by their ids, in order.
///
/// # Errors
///
/// As [`input_items`].
pub fn references(body: &[u8]) -> Result<Vec<String>, Failure> {
    let body = json::body(body)?;
    let Some(input) = body.get("input")?.filter(|input| !input.is_string()) else { return Ok(Vec::new()) };
    Ok(input.list()?.into_iter().filter_map(|item| reference(item.get())).collect())
}

/// The request `body` with the items that it only names as `find` gives them.
///
/// # Errors
///
/// As [`input_items`]; and if `find` does not know an item.
pub fn with_items(body: &[u8], find: impl Fn(&str) -> Option<String>) -> Result<Vec<u8>, Failure> {
    let object = json::body(body)?;
    let Some(input) = object.get("input")? else { return Ok(body.to_vec()) };
    let mut items = Vec::new();
    for (at, item) in input.list()?.into_iter().enumerate() {
        items.push(match reference(item.get()) {
            None => item.get().to_owned(),
            Some(id) => find(&id).ok_or_else(|| {
                let message =
                    format!("refers to `{id}`, which was not stored, was deleted, or is older than 30 days");
                Failure::invalid(format!("input[{at}].id"), message)
            })?,
        });
    }
    let mut out = Vec::with_capacity(body.len());
    let mut writer = ObjectWriter::open(&mut out);
    for (name, raw) in object.fields() {
        match &**name {
            "input" => writer.raw("input", &format!("[{}]", items.join(","))),
            name => writer.raw(name, raw.get()),
        }
    }
    writer.close();
    Ok(out)
}

/// The items of a list that have ids, with their text.
pub fn by_id(items: &str) -> Vec<(String, &str)> {
    let items: Vec<&RawValue> = serde_json::from_str(items).unwrap_or_default();
    let named = |item: &&'_ RawValue| serde_json::from_str::<Named>(item.get()).ok()?.id;
    items.into_iter().filter_map(|item| Some((named(&item)?, item.get()))).collect()
}

#[derive(Deserialize)]
struct Named {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    id: Option<String>,
}

fn reference(item: &str) -> Option<String> {
    let named: Named = serde_json::from_str(item).ok()?;
    // The type may be left out of a reference, which holds nothing else then.
    match named.kind.as_deref() {
        Some("item_reference") => named.id,
        _ => None,
    }
}

/// Two lists of items as one. What is no list counts as empty.
pub fn join_items(first: &str, second: &str) -> String {
    let inside = |list: &'_ str| -> Option<(usize, usize)> {
        Raw::parse(list).filter(|raw| raw.text().starts_with('['))?;
        let (open, close) = (list.find('[')? + 1, list.rfind(']')?);
        let items = list.get(open..close)?;
        (!items.trim().is_empty()).then_some((open, close))
    };
    let items = [first, second]
        .map(|list| inside(list).and_then(|(open, close)| list.get(open..close)).unwrap_or_default().trim());
    let comma = if items.iter().any(|items| items.is_empty()) { "" } else { "," };
    format!("[{}{comma}{}]", items[0], items[1])
}

/// The request `body` with `earlier` items before its own, and without `previous_response_id`: it asks for nothing that
/// another has kept. All other members keep their order and their values every byte. What a provider is to keep says
/// [`patch_request`](super::patch_request): nothing.
///
/// # Errors
///
/// As [`input_items`].
pub fn with_history(body: &[u8], earlier: &str) -> Result<Vec<u8>, Failure> {
    let items = join_items(earlier, &input_items(body)?);
    let object = json::body(body)?;
    let mut out = Vec::with_capacity(body.len() + items.len());
    let mut writer = ObjectWriter::open(&mut out);
    let mut written = false;
    for (name, raw) in object.fields() {
        match &**name {
            "previous_response_id" => {}
            "input" => {
                writer.raw("input", &items);
                written = true;
            }
            name => writer.raw(name, raw.get()),
        }
    }
    if !written {
        writer.raw("input", &items);
    }
    writer.close();
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_unless_the_caller_says_otherwise() {
        let state = |body: &'static str| read_state(body.as_bytes());
        assert_eq!(state("{}").unwrap(), State { previous_response_id: None, store: true });
        let asked = state(r#"{"previous_response_id":"resp_1","store":false}"#).unwrap();
        assert_eq!(asked, State { previous_response_id: Some("resp_1".into()), store: false });
        assert!(state(r#"{"store":"no"}"#).is_err());
    }

    #[test]
    fn items_stay_as_they_were_written() {
        let text = r#"{"input":"h\u0069"}"#;
        let message =
            r#"[{"type":"message","role":"user","content":[{"type":"input_text","text":"h\u0069"}]}]"#;
        assert_eq!(input_items(text.as_bytes()).unwrap(), message);
        assert_eq!(input_items(br#"{"input":[ {"a": 1.0}]}"#).unwrap(), r#"[ {"a": 1.0}]"#);
        assert_eq!(input_items(b"{}").unwrap(), "[]");
        assert_eq!(input_items(br#"{"input":{}}"#).unwrap_err().param.as_deref(), Some("input"));
    }

    #[test]
    fn the_items_of_an_answer_are_found_whole_and_in_a_streams_last_frame() {
        let response = r#"{"id":"resp_1","status":"incomplete","output":[{"x": 1}]}"#;
        let frame = format!(r#"{{"type":"response.incomplete","response":{response},"sluice":{{}}}}"#);
        for answer in [response, &frame] {
            assert_eq!(output_items(answer.as_bytes()), Some(("resp_1".into(), r#"[{"x": 1}]"#)));
        }
        for answer in [r#"{"id":"resp_1","status":"failed","output":[]}"#, r#"{"output":[]}"#, "", "[]"] {
            assert_eq!(output_items(answer.as_bytes()), None, "{answer}");
        }
    }

    #[test]
    fn lists_are_joined_whatever_their_spaces() {
        for (first, second, joined) in [
            ("[]", "[ ]", "[]"),
            ("[1, 2]", "[]", "[1, 2]"),
            (" [ 1 ] ", "[2]", "[1,2]"),
            ("[\"]\"]", "[\"[\"]", "[\"]\",\"[\"]"),
            ("7", "[2]", "[2]"),
        ] {
            assert_eq!(join_items(first, second), joined);
        }
    }

    #[test]
    fn a_continued_request_asks_for_nothing_kept() {
        let body = r#"{"previous_response_id":"resp_1","model":"m","input":"x","top_p": 1.0}"#;
        let continued = with_history(body.as_bytes(), r#"[{"a": 1}]"#).unwrap();
        assert_eq!(
            String::from_utf8(continued).unwrap(),
            r#"{"model":"m","input":[{"a": 1},{"type":"message","role":"user","content":[{"type":"input_text","text":"x"}]}],"top_p":1.0}"#
        );
        let continued = with_history(br#"{"model":"m"}"#, "[1]").unwrap();
        assert_eq!(String::from_utf8(continued).unwrap(), r#"{"model":"m","input":[1]}"#);
    }
}
