//! What callers say of stores and members, read and checked.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sluice_types::{
    error::{ErrorKind, Failure},
    json::from_bytes,
    knowledge::{Attributes, Filter},
};

use super::record::Chunking;

/// The most files of one request.
const MAX_FILES: usize = 2_000;

/// A store to be made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewStore {
    /// What can be changed later too.
    pub change: StoreChange,
    /// The files that it begins with.
    pub members: Vec<NewMember>,
}

/// What is to be changed of a store; `None` leaves it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreChange {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// After how many days without use it is deleted; `Some(None)` for never.
    pub expires_after_days: Option<Option<u32>>,
    /// What the caller keeps beside it.
    pub metadata: Option<BTreeMap<String, String>>,
    /// The model that embeds it.
    pub model: Option<String>,
}

/// A file that is to be put into a store.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct NewMember {
    /// The file.
    pub file: String,
    /// What is said of it.
    pub attributes: Attributes,
    /// How it is cut.
    pub chunking: Chunking,
}

/// A search.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// What is searched for; never empty.
    pub queries: Vec<String>,
    /// Which files are looked at.
    pub filter: Option<Filter>,
    /// The most results.
    pub most: u32,
    /// The least score.
    pub threshold: f64,
    /// Who puts the results in order: OpenAI's `auto`, `none` and `default-…`, or the name of a model that reranks.
    pub ranker: Option<String>,
}

/// The members of a JSON body; an empty one has none.
fn object(body: &[u8]) -> Result<Map<String, Value>, Failure> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match from_bytes(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Failure::new(ErrorKind::InvalidRequest, "the body must be a JSON object")),
        Err(error) => {
            Err(Failure::new(ErrorKind::InvalidRequest, format!("the body is not valid JSON: {error}")))
        }
    }
}

/// A member that is there and not null.
fn given<'v>(members: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    members.get(name).filter(|value| !value.is_null())
}

fn text(members: &Map<String, Value>, name: &str, most: usize) -> Result<Option<String>, Failure> {
    let Some(value) = given(members, name) else { return Ok(None) };
    let text = value.as_str().filter(|text| text.chars().count() <= most);
    let wrong = || Failure::invalid(name, format!("must be a string of at most {most} characters"));
    text.map(|text| Some(text.to_owned())).ok_or_else(wrong)
}

/// Reads a store to be made.
///
/// # Errors
///
/// What is wrong with the body.
pub fn new_store(body: &[u8]) -> Result<NewStore, Failure> {
    let body = object(body)?;
    let members = match given(&body, "file_ids") {
        None => Vec::new(),
        Some(_) => named_files(&body)?,
    };
    Ok(NewStore { change: change(&body)?, members })
}

/// Reads what is to be changed of a store.
///
/// # Errors
///
/// What is wrong with the body.
pub fn store_change(body: &[u8]) -> Result<StoreChange, Failure> {
    change(&object(body)?)
}

fn change(body: &Map<String, Value>) -> Result<StoreChange, Failure> {
    let expires_after_days = match body.get("expires_after") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(value) => {
            let wrong = "must be {\"anchor\": \"last_active_at\", \"days\": 1 to 365}";
            let days = value.get("days").and_then(Value::as_u64).and_then(|days| u32::try_from(days).ok());
            let anchored = value.get("anchor").and_then(Value::as_str) == Some("last_active_at");
            let days = days.filter(|days| anchored && (1..=365).contains(days));
            Some(Some(days.ok_or_else(|| Failure::invalid("expires_after", wrong))?))
        }
    };
    let own = given(body, "sluice").and_then(Value::as_object);
    let model = own.map(|own| text(own, "embedding_model", 256)).transpose()?.flatten();
    Ok(StoreChange {
        name: text(body, "name", 256)?,
        description: text(body, "description", 512)?,
        expires_after_days,
        metadata: given(body, "metadata").map(metadata).transpose()?,
        model,
    })
}

fn metadata(value: &Value) -> Result<BTreeMap<String, String>, Failure> {
    let wrong = || {
        Failure::invalid("metadata", "takes up to 16 texts of 512 characters under names of 64 characters")
    };
    let members = value.as_object().filter(|members| members.len() <= 16).ok_or_else(wrong)?;
    let text = |(name, value): (&String, &Value)| {
        let value = value.as_str().filter(|value| value.chars().count() <= 512)?;
        (name.chars().count() <= 64).then(|| (name.clone(), value.to_owned()))
    };
    members.iter().map(text).collect::<Option<_>>().ok_or_else(wrong)
}

/// Reads a file that is to be put into a store.
///
/// # Errors
///
/// What is wrong with the body.
pub fn new_member(body: &[u8]) -> Result<NewMember, Failure> {
    member(&object(body)?)
}

fn member(body: &Map<String, Value>) -> Result<NewMember, Failure> {
    let file = given(body, "file_id").and_then(Value::as_str);
    let file = file.ok_or_else(|| Failure::invalid("file_id", "is required: the id of an uploaded file"))?;
    Ok(NewMember {
        file: file.to_owned(),
        attributes: given(body, "attributes").map(attributes).transpose()?.unwrap_or_default(),
        chunking: given(body, "chunking_strategy").map(chunking).transpose()?.unwrap_or_default(),
    })
}

/// Reads the files of a batch.
///
/// # Errors
///
/// What is wrong with the body.
pub fn new_batch(body: &[u8]) -> Result<Vec<NewMember>, Failure> {
    let body = object(body)?;
    let Some(files) = given(&body, "files") else { return named_files(&body) };
    if given(&body, "file_ids").is_some() {
        return Err(Failure::invalid("files", "cannot be given together with `file_ids`"));
    }
    let wrong = || Failure::invalid("files", format!("must be a list of 1 to {MAX_FILES} objects"));
    let files = files.as_array().filter(|files| (1..=MAX_FILES).contains(&files.len())).ok_or_else(wrong)?;
    files.iter().map(|file| member(file.as_object().ok_or_else(wrong)?)).collect()
}

/// The members of `file_ids`, all with the attributes and the chunking that stand beside.
fn named_files(body: &Map<String, Value>) -> Result<Vec<NewMember>, Failure> {
    let wrong = || Failure::invalid("file_ids", format!("must be a list of 1 to {MAX_FILES} ids of files"));
    let ids = given(body, "file_ids").and_then(Value::as_array);
    let ids = ids.filter(|ids| ids.len() <= MAX_FILES).ok_or_else(wrong)?;
    let attributes = given(body, "attributes").map(attributes).transpose()?.unwrap_or_default();
    let chunking = given(body, "chunking_strategy").map(chunking).transpose()?.unwrap_or_default();
    let member = |id: &Value| {
        Some(NewMember { file: id.as_str()?.to_owned(), attributes: attributes.clone(), chunking })
    };
    ids.iter().map(member).collect::<Option<_>>().ok_or_else(wrong)
}

/// Reads the change of a member's attributes.
///
/// # Errors
///
/// What is wrong with the body.
pub fn new_attributes(body: &[u8]) -> Result<Attributes, Failure> {
    let body = object(body)?;
    match body.get("attributes") {
        None => Err(Failure::invalid("attributes", "is required; null takes all away")),
        Some(Value::Null) => Ok(Attributes::new()),
        Some(value) => attributes(value),
    }
}

fn attributes(value: &Value) -> Result<Attributes, Failure> {
    let wrong = || {
        let allowed =
            "takes up to 16 texts (512 characters), numbers or booleans under names of 64 characters";
        Failure::invalid("attributes", allowed)
    };
    let members = value.as_object().filter(|members| members.len() <= 16).ok_or_else(wrong)?;
    let fits = |(name, value): (&String, &Value)| {
        name.chars().count() <= 64 && value.as_str().is_none_or(|text| text.chars().count() <= 512)
    };
    if !members.iter().all(fits) {
        return Err(wrong());
    }
    serde_json::from_value(value.clone()).map_err(|_| wrong())
}

fn chunking(value: &Value) -> Result<Chunking, Failure> {
    let wrong = || {
        let allowed = "must be {\"type\": \"auto\"} or {\"type\": \"static\", \"static\": {\"max_chunk_size_tokens\": 100 to 4096, \"chunk_overlap_tokens\": at most half of it}}";
        Failure::invalid("chunking_strategy", allowed)
    };
    match value.get("type").and_then(Value::as_str) {
        Some("auto") => Ok(Chunking::default()),
        Some("static") => {
            let sizes = value.get("static").ok_or_else(wrong)?;
            let number = |name: &str| {
                sizes.get(name).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok())
            };
            let (max, overlap) =
                number("max_chunk_size_tokens").zip(number("chunk_overlap_tokens")).ok_or_else(wrong)?;
            let fits = (100..=4_096).contains(&max) && overlap <= max / 2;
            fits.then_some(Chunking { max, overlap }).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

/// Reads a search. `rewrite_query` changes nothing: a query by itself has no turns before it that it could lean on, and no
/// model is asked to word it anew.
///
/// # Errors
///
/// What is wrong with the body.
pub fn search(body: &[u8]) -> Result<Search, Failure> {
    let body = object(body)?;
    let queries = match given(&body, "query") {
        Some(Value::String(text)) => Some(vec![text.clone()]),
        Some(Value::Array(texts)) => texts.iter().map(|text| text.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    let sized = |queries: &Vec<String>| {
        (1..=MAX_QUERIES).contains(&queries.len())
            && queries.iter().all(|query| !query.trim().is_empty() && query.len() <= MAX_QUERY)
    };
    let queries = queries.filter(sized).ok_or_else(|| {
        let allowed =
            format!("is required: a text of at most {MAX_QUERY} bytes, or a list of 1 to {MAX_QUERIES}");
        Failure::invalid("query", allowed)
    })?;
    let most = match given(&body, "max_num_results") {
        None => 10,
        Some(number) => {
            let number = number.as_u64().and_then(|number| u32::try_from(number).ok());
            let wrong = || Failure::invalid("max_num_results", "must be a number from 1 to 50");
            number.filter(|number| (1..=50).contains(number)).ok_or_else(wrong)?
        }
    };
    let ranking = given(&body, "ranking_options");
    let threshold = match ranking.and_then(|options| options.get("score_threshold")) {
        None | Some(Value::Null) => 0.0,
        Some(value) => {
            let wrong =
                || Failure::invalid("ranking_options.score_threshold", "must be a number from 0 to 1");
            value.as_f64().filter(|score| (0.0..=1.0).contains(score)).ok_or_else(wrong)?
        }
    };
    let ranker = ranking.and_then(|options| options.get("ranker")).and_then(Value::as_str);
    let filter = match given(&body, "filters") {
        None => None,
        Some(value) => Some(serde_json::from_value(value.clone()).map_err(|_| {
            let allowed =
                "must be {type: eq|ne|gt|gte|lt|lte|in|nin, key, value} or {type: and|or, filters: […]}";
            Failure::invalid("filters", allowed)
        })?),
    };
    if given(&body, "rewrite_query").is_some_and(|wish| !wish.is_boolean()) {
        return Err(Failure::invalid("rewrite_query", "must be true or false"));
    }
    Ok(Search { queries, filter, most, threshold, ranker: ranker.map(str::to_owned) })
}

/// The most texts of one search, and the most bytes of each.
const MAX_QUERIES: usize = 16;
const MAX_QUERY: usize = 16_384;

#[cfg(test)]
mod tests {
    use sluice_types::knowledge::Attribute;

    use super::*;

    #[test]
    fn what_sdks_send_is_read() {
        let store = new_store(br#"{"name":"docs","file_ids":["file-1","file-2"],"expires_after":{"anchor":"last_active_at","days":7},"metadata":{"a":"b"},"chunking_strategy":{"type":"static","static":{"max_chunk_size_tokens":400,"chunk_overlap_tokens":100}},"sluice":{"embedding_model":"e"}}"#).unwrap();
        assert_eq!(store.change.name.as_deref(), Some("docs"));
        assert_eq!(store.change.expires_after_days, Some(Some(7)));
        assert_eq!(store.change.model.as_deref(), Some("e"));
        assert_eq!(store.members[1].chunking, Chunking { max: 400, overlap: 100 });
        assert_eq!(new_store(b"").unwrap(), NewStore::default());
        assert_eq!(store_change(br#"{"expires_after":null}"#).unwrap().expires_after_days, Some(None));
        let batch = new_batch(br#"{"files":[{"file_id":"file-1","attributes":{"year":2024,"public":true}},{"file_id":"file-2"}]}"#).unwrap();
        assert_eq!(batch[0].attributes["year"], Attribute::Number(2024.0));
        assert!(batch[1].attributes.is_empty());
        let search = search(br#"{"query":["a","b"],"max_num_results":3,"filters":{"type":"eq","key":"k","value":"v"},"ranking_options":{"ranker":"auto","score_threshold":0.5},"rewrite_query":true}"#).unwrap();
        assert_eq!((search.queries.len(), search.most, search.threshold), (2, 3, 0.5));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let param = |failure: Option<Failure>| failure.and_then(|failure| failure.param);
        for (body, name) in [
            (r#"{"name":1}"#, "name"),
            (r#"{"expires_after":{"anchor":"created_at","days":7}}"#, "expires_after"),
            (r#"{"expires_after":{"anchor":"last_active_at","days":0}}"#, "expires_after"),
            (r#"{"metadata":{"a":1}}"#, "metadata"),
            (r#"{"file_ids":"file-1"}"#, "file_ids"),
            (
                r#"{"file_ids":["f"],"chunking_strategy":{"type":"static","static":{"max_chunk_size_tokens":99,"chunk_overlap_tokens":0}}}"#,
                "chunking_strategy",
            ),
            (
                r#"{"file_ids":["f"],"chunking_strategy":{"type":"static","static":{"max_chunk_size_tokens":200,"chunk_overlap_tokens":101}}}"#,
                "chunking_strategy",
            ),
            (r#"{"file_ids":["f"],"attributes":{"a":[]}}"#, "attributes"),
        ] {
            assert_eq!(param(new_store(body.as_bytes()).err()).as_deref(), Some(name), "{body}");
        }
        for (body, name) in [
            ("{}", "query"),
            (r#"{"query":[]}"#, "query"),
            (r#"{"query":" "}"#, "query"),
            (r#"{"query":"a","max_num_results":51}"#, "max_num_results"),
            (r#"{"query":"a","ranking_options":{"score_threshold":2}}"#, "ranking_options.score_threshold"),
            (r#"{"query":"a","rewrite_query":"yes"}"#, "rewrite_query"),
            (r#"{"query":"a","filters":{"type":"like","key":"a","value":"b"}}"#, "filters"),
        ] {
            assert_eq!(param(search(body.as_bytes()).err()).as_deref(), Some(name), "{body}");
        }
        assert_eq!(param(new_member(b"{}").err()).as_deref(), Some("file_id"));
        assert_eq!(param(new_attributes(b"{}").err()).as_deref(), Some("attributes"));
        assert!(new_store(b"[]").is_err() && new_store(b"{").is_err());
    }
}
