//! The item of Responses that tells of a search, as OpenAI's own file search has it.

use serde_json::json;
use sluice_types::json::{Raw, Str};

use super::Grounds;

/// What the ids of our items begin with. They come back with a conversation, and no provider knows them.
const ID: &str = "fs_sluice_";

/// The item of the request `id`, with the passages if those are wanted.
pub fn of(grounds: &Grounds, id: &str, results: bool) -> Option<Raw<'static>> {
    let found: Vec<_> = grounds
        .passages
        .iter()
        .map(|passage| {
            json!({
                "file_id": passage.file,
                "filename": passage.filename,
                "score": passage.score,
                "text": passage.chunk.text,
                "attributes": passage.attributes,
                "vector_store_id": passage.store,
            })
        })
        .collect();
    Raw::write(&json!({
        "id": format!("{ID}{}", id.strip_prefix("req_").unwrap_or(id)),
        "type": "file_search_call",
        "status": "completed",
        "queries": [grounds.query],
        "results": results.then_some(found),
    }))
}

/// Whether `raw` is such an item of ours.
pub fn is_ours(raw: &Raw<'_>) -> bool {
    #[derive(serde::Deserialize)]
    struct Item<'a> {
        #[serde(borrow)]
        id: Option<Str<'a>>,
    }

    raw.read::<Item<'_>>().is_ok_and(|item| item.id.is_some_and(|id| id.starts_with(ID)))
}

#[cfg(test)]
mod tests {
    use super::{super::cite::tests::grounds, *};

    #[test]
    fn an_item_is_told_as_openais_and_known_again() {
        let item = of(&grounds(), "req_7", true).unwrap();
        assert!(is_ours(&item));
        let value: serde_json::Value = item.read().unwrap();
        assert_eq!(value["results"][0]["file_id"], "file-1");
        assert_eq!(value["queries"][0], "How high is the lighthouse?");
        assert!(of(&grounds(), "req_7", false).unwrap().text().contains("\"results\":null"));
        assert!(!is_ours(&Raw::parse(r#"{"id":"fs_68"}"#).unwrap()));
    }
}
