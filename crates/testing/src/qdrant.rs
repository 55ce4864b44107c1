//! A stand-in for Qdrant, after its documented HTTP API (version 1.10 and later): collections, points, filters, errors in
//! its words, and writes that are done only after the answer unless the caller waits. There is no package of the real one
//! here; what it answers otherwise than documented is not known.

#![allow(
    clippy::indexing_slicing,
    reason = "it reads JSON values, whose indexing gives null and never panics"
)]

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A server with nothing in it.
#[derive(Debug, Default)]
pub struct Qdrant {
    key: Option<String>,
    collections: BTreeMap<String, Collection>,
    /// Writes that nobody waited for: path and body.
    waiting: Vec<(String, Value)>,
    operations: u64,
}

#[derive(Debug, Default)]
struct Collection {
    size: usize,
    points: BTreeMap<String, (Vec<f64>, Value)>,
}

type Answer = Result<Value, (u16, String)>;

fn refused<T>(status: u16, what: impl Into<String>) -> Result<T, (u16, String)> {
    Err((status, what.into()))
}

impl Qdrant {
    /// One that asks for a key.
    pub fn with_key(key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..Self::default() }
    }

    /// Answers a request: status and body.
    pub fn answer(&mut self, method: &str, path: &str, key: Option<&str>, body: &[u8]) -> (u16, Value) {
        let answer = self.checked(method, path, key, body);
        match answer {
            Ok(result) => (200, json!({"result": result, "status": "ok", "time": 0.0001})),
            Err((status, error)) => (status, json!({"status": {"error": error}, "time": 0.0})),
        }
    }

    /// Loses everything.
    pub fn forget(&mut self) {
        self.collections.clear();
        self.waiting.clear();
    }

    /// Does what nobody waited for.
    pub fn catch_up(&mut self) {
        for (path, body) in std::mem::take(&mut self.waiting) {
            let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
            if let ["collections", name, "points", rest @ ..] = parts.as_slice() {
                // Who does not wait is not told that it failed.
                _ = if rest.is_empty() { self.upsert(name, &body) } else { self.delete(name, &body) };
            }
        }
    }

    /// How many points a collection has.
    pub fn count(&self, collection: &str) -> usize {
        self.collections.get(collection).map_or(0, |collection| collection.points.len())
    }

    fn checked(&mut self, method: &str, path: &str, key: Option<&str>, body: &[u8]) -> Answer {
        if self.key.as_deref().is_some_and(|wanted| key != Some(wanted)) {
            return refused(401, "Must provide an API key or an Authorization bearer token");
        }
        let body: Value = match body {
            [] => Value::Null,
            body => serde_json::from_slice(body)
                .or_else(|error| refused(400, format!("Format error in JSON body: {error}")))?,
        };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let waits = query.split('&').any(|one| one == "wait=true");
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match (method, parts.as_slice()) {
            ("GET", ["collections"]) => {
                let names = self.collections.keys().map(|name| json!({"name": name}));
                Ok(json!({"collections": names.collect::<Vec<_>>()}))
            }
            ("PUT", ["collections", name]) => self.create(name, &body),
            ("PUT", ["collections", name, "index"]) => {
                self.collection(name)?;
                body["field_name"].as_str().map_or_else(
                    || refused(400, "Format error in JSON body: missing field `field_name`"),
                    |_| Ok(self.done()),
                )
            }
            ("PUT", ["collections", name, "points"])
            | ("POST", ["collections", name, "points", "delete"])
                if !waits =>
            {
                self.collection(name)?;
                self.waiting.push((path.to_owned(), body));
                self.operations += 1;
                Ok(json!({"operation_id": self.operations, "status": "acknowledged"}))
            }
            ("PUT", ["collections", name, "points"]) => {
                self.upsert(name, &body)?;
                Ok(self.done())
            }
            ("POST", ["collections", name, "points", "delete"]) => {
                self.delete(name, &body)?;
                Ok(self.done())
            }
            ("POST", ["collections", name, "points", "query"]) => self.query(name, &body),
            _ => refused(404, ""),
        }
    }

    fn done(&mut self) -> Value {
        self.operations += 1;
        json!({"operation_id": self.operations, "status": "completed"})
    }

    fn collection(&mut self, name: &str) -> Result<&mut Collection, (u16, String)> {
        self.collections
            .get_mut(name)
            .ok_or_else(|| (404, format!("Not found: Collection `{name}` doesn't exist!")))
    }

    fn create(&mut self, name: &str, body: &Value) -> Answer {
        if self.collections.contains_key(name) {
            return refused(409, format!("Wrong input: Collection `{name}` already exists!"));
        }
        let size = body["vectors"]["size"].as_u64().filter(|size| (1..=65_536).contains(size));
        let Some(size) = size.filter(|_| body["vectors"]["distance"] == "Cosine") else {
            return refused(422, "Validation error in JSON body: [vectors.size: value must be 1 or greater]");
        };
        self.collections.insert(name.to_owned(), Collection { size: size as usize, points: BTreeMap::new() });
        Ok(Value::Bool(true))
    }

    fn upsert(&mut self, name: &str, body: &Value) -> Result<(), (u16, String)> {
        let collection = self.collection(name)?;
        let Some(points) = body["points"].as_array() else {
            return refused(400, "Format error in JSON body: missing field `points`");
        };
        let mut read = Vec::new();
        for point in points {
            let Some(id) = point["id"].as_str().filter(|id| is_uuid(id)) else {
                return refused(
                    400,
                    format!("Format error in JSON body: value {} is not a valid point ID", point["id"]),
                );
            };
            read.push((
                id.to_owned(),
                (vector(&point["vector"], collection.size)?, point["payload"].clone()),
            ));
        }
        collection.points.extend(read);
        Ok(())
    }

    fn delete(&mut self, name: &str, body: &Value) -> Result<(), (u16, String)> {
        let collection = self.collection(name)?;
        match (&body["filter"], body["points"].as_array()) {
            (Value::Null, Some(ids)) => {
                let ids: Vec<&str> = ids.iter().filter_map(Value::as_str).collect();
                collection.points.retain(|id, _| !ids.contains(&id.as_str()));
            }
            (filter, None) if filter.is_object() => {
                collection.points.retain(|id, (_, payload)| !holds(filter, id, payload));
            }
            _ => return refused(400, "Format error in JSON body: data did not match any variant"),
        }
        Ok(())
    }

    fn query(&mut self, name: &str, body: &Value) -> Answer {
        let collection = self.collection(name)?;
        let query = vector(&body["query"], collection.size)?;
        let limit = body["limit"].as_u64().unwrap_or(10) as usize;
        let filter = &body["filter"];
        let mut found: Vec<(f64, &String, &Value)> = collection
            .points
            .iter()
            .filter(|(id, (_, payload))| filter.is_null() || holds(filter, id, payload))
            .map(|(id, (vector, payload))| (vector.iter().zip(&query).map(|(a, b)| a * b).sum(), id, payload))
            .collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.truncate(limit);
        let point = |(score, id, payload): (f64, &String, &Value)| {
            let mut point = json!({"id": id, "version": 0, "score": score});
            match &body["with_payload"] {
                Value::Bool(true) => point["payload"] = payload.clone(),
                Value::Array(names) => {
                    let kept = names.iter().filter_map(Value::as_str);
                    let kept = kept.filter_map(|name| Some((name.to_owned(), payload.get(name)?.clone())));
                    point["payload"] = Value::Object(kept.collect::<Map<_, _>>());
                }
                _ => {}
            }
            point
        };
        Ok(json!({"points": found.into_iter().map(point).collect::<Vec<_>>()}))
    }
}

/// A vector of length one, as Qdrant keeps them for cosines.
fn vector(value: &Value, size: usize) -> Result<Vec<f64>, (u16, String)> {
    let numbers: Vec<f64> = value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    if numbers.len() != size {
        let got = numbers.len();
        return refused(400, format!("Wrong input: Vector dimension error: expected dim: {size}, got {got}"));
    }
    let length = numbers.iter().map(|number| number * number).sum::<f64>().sqrt();
    Ok(numbers.iter().map(|number| if length == 0.0 { 0.0 } else { number / length }).collect())
}

fn is_uuid(id: &str) -> bool {
    let parts: Vec<usize> = id.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// A member by its path: names with dots between, in quotation marks where they have dots of their own.
fn member<'v>(payload: &'v Value, path: &str) -> &'v Value {
    let (mut value, mut rest) = (payload, path);
    while !rest.is_empty() {
        let (name, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
        };
        value = &value[name];
        rest = after.trim_start_matches('.');
    }
    value
}

/// Whether a filter, or one condition of it, holds for a point.
fn holds(filter: &Value, id: &str, payload: &Value) -> bool {
    let all = |name: &str| match &filter[name] {
        Value::Array(conditions) => conditions.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    if let Some(ids) = filter["has_id"].as_array() {
        return ids.iter().any(|known| known == id);
    }
    if let Some(key) = filter["is_empty"]["key"].as_str() {
        let value = member(payload, key);
        return value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    }
    if let Some(key) = filter["key"].as_str() {
        let value = member(payload, key);
        let range = &filter["range"];
        if range.is_object() {
            let Some(number) = value.as_f64() else { return false };
            let bound = |name: &str| range[name].as_f64();
            return bound("gt").is_none_or(|bound| bound < number)
                && bound("gte").is_none_or(|bound| bound <= number)
                && bound("lt").is_none_or(|bound| number < bound)
                && bound("lte").is_none_or(|bound| number <= bound);
        }
        // Numbers match whole only, as in Qdrant.
        let matches = &filter["match"]["value"];
        return !value.is_null()
            && value == matches
            && value.as_f64().is_none_or(|number| number.fract() == 0.0);
    }
    let (must, should, must_not) = (all("must"), all("should"), all("must_not"));
    must.iter().all(|one| holds(one, id, payload))
        && (should.is_empty() || should.iter().any(|one| holds(one, id, payload)))
        && !must_not.iter().any(|one| holds(one, id, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_wait_does_not_see_it_yet() {
        let mut server = Qdrant::default();
        let collection = json!({"vectors": {"size": 2, "distance": "Cosine"}});
        assert_eq!(server.answer("PUT", "/collections/a", None, collection.to_string().as_bytes()).0, 200);
        let id = "00000000-0000-0000-0000-000000000001";
        let points = json!({"points": [{"id": id, "vector": [1, 0], "payload": {}}]}).to_string();
        let (status, told) = server.answer("PUT", "/collections/a/points", None, points.as_bytes());
        assert_eq!((status, &told["result"]["status"]), (200, &json!("acknowledged")));
        assert_eq!(server.count("a"), 0);
        server.catch_up();
        assert_eq!(server.count("a"), 1);
        let gone = json!({"points": [id]}).to_string();
        let (_, told) =
            server.answer("POST", "/collections/a/points/delete?wait=true", None, gone.as_bytes());
        assert_eq!((&told["result"]["status"], server.count("a")), (&json!("completed"), 0));
        let (status, _) = server.answer("PUT", "/collections/none/points", None, points.as_bytes());
        assert_eq!(status, 404);
    }
}
