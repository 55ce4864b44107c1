//! What Cloudflare's Vectorize is asked and answers, as JSON: the binding's methods take and give it.
//!
//! Its ids belong to the whole index, so they begin with their namespace's first digits. A query gives 100 points, or 20 with
//! what is kept beside them; filters are not Vectorize's (it filters by names that the index was made with, and finds nothing
//! by others): with a filter it is asked for 20 points, of which those are told that the filter admits. What is
//! written is seen after seconds.

use serde::Deserialize;
use serde_json::json;
use sluice_types::knowledge::{Attributes, Filter};

use super::{MOST, MOST_WITH_TEXTS, Namespace, Near, Nearest, Point, VectorsError};

/// The most bytes of what is kept beside a point.
const METADATA: usize = 10_240;

/// The most numbers of a vector.
const DIMS: usize = 1_536;

/// What `upsert` takes.
///
/// # Errors
///
/// [`VectorsError::Refused`] for what Vectorize does not take.
pub fn upsert(space: &Namespace, points: &[Point]) -> Result<String, VectorsError> {
    let mut all = Vec::with_capacity(points.len());
    for point in points {
        let metadata = json!({"text": point.text, "labels": point.labels});
        if METADATA < metadata.to_string().len() {
            return Err(VectorsError::Refused("Vectorize keeps at most 10 KB beside a vector".to_owned()));
        }
        if DIMS < point.vector.len() {
            return Err(VectorsError::Refused("Vectorize takes vectors of at most 1,536 numbers".to_owned()));
        }
        all.push(json!({
            "id": space.id(&point.id),
            "values": point.vector,
            "namespace": space.key,
            "metadata": metadata,
        }));
    }
    Ok(json!(all).to_string())
}

/// What `deleteByIds` takes.
pub fn remove(space: &Namespace, ids: &[String]) -> String {
    json!(ids.iter().map(|id| space.id(id)).collect::<Vec<_>>()).to_string()
}

/// What `query` takes: the vector, and what else is wanted.
pub fn nearest(space: &Namespace, wanted: &Nearest) -> (String, String) {
    let with_all = wanted.texts || wanted.filter.is_some();
    let most = if with_all { MOST_WITH_TEXTS } else { MOST };
    // A filter leaves some out, so all that can be had are wanted.
    let count = if wanted.filter.is_some() { most } else { wanted.count.min(most) };
    let options = json!({
        "topK": count,
        "namespace": space.key,
        "returnValues": false,
        "returnMetadata": if with_all { "all" } else { "none" },
    });
    (json!(wanted.vector).to_string(), options.to_string())
}

/// What `query` gave, as far as it is wanted.
///
/// # Errors
///
/// [`VectorsError::Down`] if it cannot be read.
pub fn found(space: &Namespace, wanted: &Nearest, matches: &str) -> Result<Vec<Near>, VectorsError> {
    #[derive(Deserialize)]
    struct Matches {
        matches: Vec<Scored>,
    }
    #[derive(Deserialize)]
    struct Scored {
        id: String,
        score: f32,
        #[serde(default)]
        metadata: Option<Metadata>,
    }
    #[derive(Default, Deserialize)]
    struct Metadata {
        #[serde(default)]
        text: String,
        #[serde(default)]
        labels: Attributes,
    }
    let matches: Matches =
        serde_json::from_str(matches).map_err(|error| VectorsError::Down(error.to_string()))?;
    let own = space.id("");
    let admits = |filter: &Option<Filter>, labels: &Attributes| {
        filter.as_ref().is_none_or(|filter| filter.admits(labels))
    };
    let near = matches.matches.into_iter().filter_map(|Scored { id, score, metadata }| {
        let Metadata { text, labels } = metadata.unwrap_or_default();
        let id = id.strip_prefix(&own)?.to_owned();
        admits(&wanted.filter, &labels).then(|| Near {
            id,
            cosine: score,
            text: if wanted.texts { text } else { String::new() },
        })
    });
    Ok(near.take(wanted.count as usize).collect())
}

/// What the binding threw: `VECTOR_QUERY_ERROR (code = 40006): …`. Codes of 40,000 and above are the caller's fault, as
/// statuses are.
pub fn problem(said: &str) -> VectorsError {
    let code = said.split_once("(code = ").and_then(|(_, rest)| rest.split_once(')'));
    let code: Option<u32> = code.and_then(|(code, _)| code.trim().parse().ok());
    let short: String = said.chars().take(200).collect();
    match code {
        // 40041 and the like say that too much is asked at once.
        Some(40_000..=40_040 | 40_042..=42_899) => VectorsError::Refused(format!("Vectorize: {short}")),
        _ => VectorsError::Down(format!("Vectorize: {short}")),
    }
}

#[cfg(test)]
mod tests {
    use sluice_types::knowledge::Attribute;

    use super::*;

    fn space() -> Namespace {
        Namespace::new("acme", "cache", "one")
    }

    fn point(id: &str) -> Point {
        let labels = Attributes::from([("team".to_owned(), Attribute::Text("x".to_owned()))]);
        Point { id: id.to_owned(), vector: vec![1.0, 0.5], text: "asked".to_owned(), labels }
    }

    fn wanted(count: u32, texts: bool, filter: Option<&str>) -> Nearest {
        let filter = filter.map(|filter| serde_json::from_str(filter).unwrap());
        Nearest { vector: vec![1.0, 0.0], count, filter, texts }
    }

    #[test]
    fn limits_are_kept() {
        let options = |wanted: &Nearest| -> serde_json::Value {
            serde_json::from_str(&nearest(&space(), wanted).1).unwrap()
        };
        assert_eq!(options(&wanted(100, false, None))["topK"], 100);
        assert_eq!(options(&wanted(50, true, None))["topK"], 20);
        assert_eq!(options(&wanted(50, true, None))["returnMetadata"], "all");
        let filter = Some(r#"{"type":"eq","key":"team","value":"x"}"#);
        assert_eq!(options(&wanted(5, false, filter))["topK"], 20);
        let upserted: serde_json::Value =
            serde_json::from_str(&upsert(&space(), &[point(&"i".repeat(43))]).unwrap()).unwrap();
        assert_eq!(upserted[0]["id"].as_str().unwrap().len(), 64);
        assert_eq!(upserted[0]["namespace"].as_str().unwrap().len(), 64);
        let long = Attributes::from([("a".to_owned(), Attribute::Text("x".repeat(3_000)))]);
        let large = Point { text: "y".repeat(8_000), labels: long, ..point("a") };
        assert!(matches!(upsert(&space(), &[large]), Err(VectorsError::Refused(_))));
        let long = Point { vector: vec![1.0; 1_537], ..point("a") };
        assert!(matches!(upsert(&space(), &[long]), Err(VectorsError::Refused(_))));
    }

    /// What `tools/vectorize.test.mjs` hands to the real binding.
    #[test]
    fn calls_are_those_that_are_tried_on_the_binding() {
        let fixture: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/fixtures/vectorize.json")).unwrap();
        let parsed = |json: &str| -> serde_json::Value { serde_json::from_str(json).unwrap() };
        assert_eq!(parsed(&upsert(&space(), &[point("a")]).unwrap()), fixture["upsert"]);
        let (vector, options) = nearest(&space(), &wanted(9, true, None));
        assert_eq!(json!([parsed(&vector), parsed(&options)]), fixture["query"]);
        assert_eq!(parsed(&remove(&space(), &["a".to_owned()])), fixture["remove"]);
    }

    #[test]
    fn matches_are_read_and_only_the_namespaces_own() {
        let own = space().id("a");
        let matches = json!({"count": 3, "matches": [
            {"id": own, "score": 0.9, "metadata": {"text": "asked", "labels": {"team": "x"}}},
            {"id": Namespace::new("other", "cache", "one").id("b"), "score": 0.8},
            {"id": space().id("c"), "score": 0.7},
        ]})
        .to_string();
        let ids = |wanted: &Nearest| -> Vec<String> {
            found(&space(), wanted, &matches).unwrap().into_iter().map(|near| near.id).collect()
        };
        assert_eq!(ids(&wanted(9, true, None)), ["a", "c"]);
        assert_eq!(ids(&wanted(1, true, None)), ["a"]);
        assert_eq!(
            ids(&wanted(9, true, Some(r#"{"type":"ne","key":"team","value":"x"}"#))),
            Vec::<String>::new()
        );
        assert!(found(&space(), &wanted(1, true, None), "no").is_err());
    }

    #[test]
    fn faults_tell_whether_to_try_again() {
        let said = "VECTOR_QUERY_ERROR (code = 40006): vector must have 256 dimensions";
        assert!(matches!(problem(said), VectorsError::Refused(_)));
        for said in [
            "VECTOR_UPSERT_ERROR (code = 10001): internal",
            "network",
            "VECTOR_QUERY_ERROR (code = 40041): x",
        ] {
            assert!(matches!(problem(said), VectorsError::Down(_)), "{said}");
        }
    }
}
