//! `POST /v2/rerank`: a document scores by how many of the query's words it holds.

use std::collections::BTreeSet;

use axum::http::HeaderMap;
use serde_json::Value;

use super::read::{authenticate, model};
use crate::mock::check::{self, Checked, ensure, refuse};

/// The answer to a request, and the query, for directives.
pub fn rerank(headers: &HeaderMap, body: &[u8]) -> Checked<(String, String)> {
    authenticate(headers)?;
    let object = check::object(body)?;
    let known = ["model", "query", "documents", "top_n", "max_tokens_per_doc", "priority", "relevant_spans"];
    check::known_members(&object, &known, "")?;
    model(&object)?;
    let Some(query) = object.get("query").and_then(Value::as_str).filter(|query| !query.is_empty()) else {
        return refuse("query", "invalid request: query must be specified.");
    };
    let documents = object.get("documents").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    ensure((1..=1000).contains(&documents.len()), "documents", || {
        "invalid request: list of documents must not be empty and hold at most 1000.".into()
    })?;
    let top = match object.get("top_n") {
        None => documents.len(),
        Some(top) => match top.as_u64().and_then(|top| usize::try_from(top).ok()) {
            Some(top @ 1..) => top,
            _ => return refuse("top_n", "invalid request: top_n must be at least 1."),
        },
    };
    let asked = words(query);
    let mut scores = Vec::with_capacity(documents.len());
    for (index, document) in documents.iter().enumerate() {
        let Some(text) = document.as_str() else {
            return refuse("documents", format!("invalid request: documents[{index}] must be a string."));
        };
        let held = words(text);
        let hits = asked.iter().filter(|word| held.contains(*word)).count();
        scores.push((hits as f64 / asked.len().max(1) as f64, index));
    }
    // Stable, so that equals keep their order.
    scores.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    let results: Vec<String> = scores
        .iter()
        .take(top)
        .map(|(score, index)| format!(r#"{{"index":{index},"relevance_score":{score:?}}}"#))
        .collect();
    let answer = format!(
        r#"{{"id":"mock","results":[{}],"meta":{{"api_version":{{"version":"2"}},"billed_units":{{"search_units":1}}}}}}"#,
        results.join(",")
    );
    Ok((answer, query.into()))
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_ranked_by_the_words_they_share() {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Bearer up"))]);
        let body = json!({ "model": "m", "query": "black cat", "top_n": 2, "documents": ["A dog.", "Black dog", "Cat, black!"] });
        let (answer, _) = rerank(&headers, body.to_string().as_bytes()).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(
            answer["results"],
            json!([
            { "index": 2, "relevance_score": 1.0 }, { "index": 1, "relevance_score": 0.5 }])
        );
        let empty = json!({ "model": "m", "query": "q", "documents": [] });
        assert!(rerank(&headers, empty.to_string().as_bytes()).is_err());
    }
}
