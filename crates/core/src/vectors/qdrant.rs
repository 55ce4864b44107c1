//! Qdrant's HTTP API, as far as vectors need it: <https://api.qdrant.tech>, version 1.10 and later (`points/query`).
//!
//! Namespaces share a collection a length of vectors, as Qdrant advises for many tenants: each point says its namespace
//! in the payload, which every search and removal names. Qdrant's ids are UUIDs, made of namespace and id.

use serde::Deserialize;
use serde_json::{Value, json};
use sluice_types::{
    json::from_bytes,
    knowledge::{Attribute, Attributes, Comparison, Filter},
};

use super::{Namespace, Near, Nearest, Point, VectorsError};
use crate::key;

/// A request: method, path and body.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The method.
    pub method: &'static str,
    /// The path and the query.
    pub path: String,
    /// The body.
    pub body: Value,
}

/// The name of the collection for vectors of so many numbers.
pub fn collection(prefix: &str, dims: usize) -> String {
    format!("{prefix}_{dims}")
}

/// What makes a collection, in order. Each may say that it is there already.
pub fn create(collection: &str, dims: usize) -> [Ask; 2] {
    let path = format!("/collections/{collection}");
    // Searches always name a namespace, so only each namespace's own graph is wanted.
    let body = json!({
        "vectors": {"size": dims, "distance": "Cosine"},
        "hnsw_config": {"payload_m": 16, "m": 0},
    });
    let index = json!({"field_name": "space", "field_schema": {"type": "keyword", "is_tenant": true}});
    [
        Ask { method: "PUT", path: path.clone(), body },
        Ask { method: "PUT", path: format!("{path}/index?wait=true"), body: index },
    ]
}

/// What lists collections.
pub fn list() -> Ask {
    Ask { method: "GET", path: "/collections".to_owned(), body: Value::Null }
}

/// Those of an answer to [`list`] that are ours.
///
/// # Errors
///
/// [`VectorsError::Down`] if it is none.
pub fn listed(prefix: &str, body: &[u8]) -> Result<Vec<String>, VectorsError> {
    #[derive(Deserialize)]
    struct Answer {
        result: Collections,
    }
    #[derive(Deserialize)]
    struct Collections {
        collections: Vec<Named>,
    }
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let answer: Answer = from_bytes(body).map_err(|error| VectorsError::Down(error.to_string()))?;
    let ours = |name: &String| {
        let dims = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
        dims.is_some_and(|dims| !dims.is_empty() && dims.bytes().all(|byte| byte.is_ascii_digit()))
    };
    Ok(answer.result.collections.into_iter().map(|named| named.name).filter(ours).collect())
}

/// What puts points.
pub fn upsert(collection: &str, space: &Namespace, points: &[Point]) -> Ask {
    let points: Vec<Value> = points
        .iter()
        .map(|point| {
            let payload =
                json!({"space": space.key, "id": point.id, "text": point.text, "labels": point.labels});
            json!({"id": uuid(space, &point.id), "vector": point.vector, "payload": payload})
        })
        .collect();
    let path = format!("/collections/{collection}/points?wait=true");
    Ask { method: "PUT", path, body: json!({"points": points}) }
}

/// What removes points.
pub fn remove(collection: &str, space: &Namespace, ids: &[String]) -> Ask {
    let ids: Vec<String> = ids.iter().map(|id| uuid(space, id)).collect();
    let path = format!("/collections/{collection}/points/delete?wait=true");
    let must = json!([{"has_id": ids}, {"key": "space", "match": {"value": space.key}}]);
    Ask { method: "POST", path, body: json!({"filter": {"must": must}}) }
}

/// What finds the nearest points.
pub fn nearest(collection: &str, space: &Namespace, wanted: &Nearest) -> Ask {
    let mut must = vec![json!({"key": "space", "match": {"value": space.key}})];
    must.extend(wanted.filter.as_ref().map(condition));
    let fields: &[&str] = match (wanted.texts, wanted.filter.is_some()) {
        (false, false) => &["id"],
        (true, false) => &["id", "text"],
        (false, true) => &["id", "labels"],
        (true, true) => &["id", "text", "labels"],
    };
    let body = json!({
        "query": wanted.vector,
        "filter": {"must": must},
        "limit": wanted.count,
        "with_payload": fields,
    });
    Ask { method: "POST", path: format!("/collections/{collection}/points/query"), body }
}

/// A filter as a condition that every point fulfils which the filter admits. Qdrant orders numbers only and does not look
/// at types as [`Filter::admits`] does, so what is found is looked at once more.
fn condition(filter: &Filter) -> Value {
    let key = |name: &str| format!("labels.\"{}\"", name.replace(['"', '\\'], ""));
    let is = |name: &str, value: &Attribute| match value {
        // Qdrant matches whole numbers, texts and flags; a range finds any number.
        Attribute::Number(number) => json!({"key": key(name), "range": {"gte": number, "lte": number}}),
        Attribute::Flag(_) | Attribute::Text(_) => json!({"key": key(name), "match": {"value": value}}),
    };
    let empty = |name: &str| json!({"is_empty": {"key": key(name)}});
    let range = |with: &Comparison, bound: &str| match &with.value {
        Attribute::Number(number) => json!({"key": key(&with.key), "range": {bound: number}}),
        Attribute::Flag(_) | Attribute::Text(_) => json!({"must_not": [empty(&with.key)]}),
    };
    let all = |filters: &[Filter]| filters.iter().map(condition).collect::<Vec<_>>();
    match filter {
        Filter::And { filters } => json!({"must": all(filters)}),
        Filter::Or { filters } if filters.is_empty() => never(),
        Filter::Or { filters } => json!({"should": all(filters)}),
        Filter::Eq(with) => is(&with.key, &with.value),
        Filter::Ne(with) => json!({"must_not": [empty(&with.key), is(&with.key, &with.value)]}),
        Filter::Gt(with) => range(with, "gt"),
        Filter::Gte(with) => range(with, "gte"),
        Filter::Lt(with) => range(with, "lt"),
        Filter::Lte(with) => range(with, "lte"),
        Filter::In(with) if with.value.is_empty() => never(),
        Filter::In(with) => {
            json!({"should": with.value.iter().map(|value| is(&with.key, value)).collect::<Vec<_>>()})
        }
        Filter::Nin(with) => {
            let values = with.value.iter().map(|value| is(&with.key, value));
            json!({"must_not": values.chain([empty(&with.key)]).collect::<Vec<_>>()})
        }
    }
}

/// What no point fulfils.
fn never() -> Value {
    json!({"key": "space", "match": {"value": ""}})
}

/// The points of an answer to [`nearest`] that the filter admits.
///
/// # Errors
///
/// [`VectorsError::Down`] if it is none.
pub fn found(body: &[u8], filter: Option<&Filter>) -> Result<Vec<Near>, VectorsError> {
    #[derive(Deserialize)]
    struct Answer {
        result: Points,
    }
    #[derive(Deserialize)]
    struct Points {
        points: Vec<Scored>,
    }
    #[derive(Deserialize)]
    struct Scored {
        score: f32,
        payload: Payload,
    }
    #[derive(Deserialize)]
    struct Payload {
        id: String,
        #[serde(default)]
        text: String,
        #[serde(default)]
        labels: Attributes,
    }
    let answer: Answer = from_bytes(body).map_err(|error| VectorsError::Down(error.to_string()))?;
    let admitted = answer
        .result
        .points
        .into_iter()
        .filter(|found| filter.is_none_or(|filter| filter.admits(&found.payload.labels)));
    let near = |Scored { score, payload: Payload { id, text, .. } }| Near { id, cosine: score, text };
    Ok(admitted.map(near).collect())
}

/// What an answer that is no success says.
pub fn problem(status: u16, body: &[u8]) -> VectorsError {
    #[derive(Deserialize)]
    struct Answer {
        status: Status,
    }
    #[derive(Deserialize)]
    struct Status {
        error: String,
    }
    let said = from_bytes::<Answer>(body).map(|answer| answer.status.error);
    let said: String = said.unwrap_or_default().chars().take(200).collect();
    let what = format!("Qdrant answered {status}: {said}");
    match status {
        400..=407 | 409..=428 => VectorsError::Refused(what),
        _ => VectorsError::Down(what),
    }
}

/// A UUID (version 8: its bits are our own) of a namespace and an id.
fn uuid(space: &Namespace, id: &str) -> String {
    let mut digest = key::digest(&format!("{}\n{id}", space.key));
    {
        let [_, _, _, _, _, _, version, _, variant, ..] = &mut digest;
        *version = *version & 0x0f | 0x80;
        *variant = *variant & 0x3f | 0x80;
    }
    let hex = key::hex(&digest);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_of_their_namespace() {
        let (one, other) = (Namespace::new("a", "cache", "x"), Namespace::new("b", "cache", "x"));
        let id = uuid(&one, "point");
        assert_eq!((id.len(), id.get(14..15)), (36, Some("8")));
        assert!(matches!(id.get(19..20), Some("8" | "9" | "a" | "b")));
        assert_ne!(id, uuid(&other, "point"));
    }

    #[test]
    fn every_request_names_its_namespace() {
        let space = Namespace::new("a", "cache", "x");
        let ask = remove("c", &space, &["p".to_owned()]);
        assert_eq!(ask.body["filter"]["must"][1]["match"]["value"], json!(space.key));
        let wanted = Nearest { vector: vec![1.0], count: 3, filter: None, texts: false };
        let ask = nearest("c", &space, &wanted);
        assert_eq!(ask.body["filter"]["must"][0]["match"]["value"], json!(space.key));
        assert_eq!(ask.body["with_payload"], json!(["id"]));
    }

    #[test]
    fn failures_tell_whether_to_try_again() {
        let body = br#"{"status":{"error":"Wrong input: Vector dimension error"},"time":0.1}"#;
        assert_eq!(
            problem(400, body),
            VectorsError::Refused("Qdrant answered 400: Wrong input: Vector dimension error".to_owned())
        );
        for status in [408, 429, 500, 503] {
            assert!(matches!(problem(status, b"x"), VectorsError::Down(_)), "{status}");
        }
    }
}
