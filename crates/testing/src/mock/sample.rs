//! A value that fits a JSON schema.

use serde_json::{Map, Value, json};

/// Deeper than this, objects and lists are left empty.
const DEPTH: usize = 8;

/// Makes up a value for `schema`, the same each time.
///
/// Knows `$ref` into the schema itself, `anyOf`, `oneOf`, `allOf`, `const`, `enum`, and the types.
pub fn value(schema: &Value) -> Value {
    make(schema, schema, "value", DEPTH)
}

fn make(schema: &Value, root: &Value, name: &str, depth: usize) -> Value {
    if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
        let target = path.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return match target {
            Some(target) if 0 < depth => make(target, root, name, depth.saturating_sub(1)),
            _ => Value::Null,
        };
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(value) = schema.get("enum").and_then(|all| all.get(0)) {
        return value.clone();
    }
    for union in ["anyOf", "oneOf", "allOf"] {
        if let Some(member) = schema.get(union).and_then(|all| all.get(0)) {
            return make(member, root, name, depth);
        }
    }
    let kind = schema.get("type").and_then(|kind| kind.as_str().or_else(|| kind.get(0)?.as_str()));
    // Gemini takes types in capitals, too.
    let kind = kind.map(str::to_ascii_lowercase);
    match kind.as_deref() {
        Some("object") => object(schema, root, depth),
        Some("array") => array(schema, root, name, depth),
        Some("integer") => bounded(schema, 7).into(),
        Some("number") => json!(bounded(schema, 7) as f64 + 0.5),
        Some("boolean") => true.into(),
        Some("null") => Value::Null,
        Some(_) => text(schema, name).into(),
        None if schema.get("properties").is_some() => object(schema, root, depth),
        None => text(schema, name).into(),
    }
}

fn object(schema: &Value, root: &Value, depth: usize) -> Value {
    let mut made = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object);
    if 0 < depth {
        for (name, schema) in properties.into_iter().flatten() {
            made.insert(name.clone(), make(schema, root, name, depth.saturating_sub(1)));
        }
    }
    made.into()
}

fn array(schema: &Value, root: &Value, name: &str, depth: usize) -> Value {
    let count = schema.get("minItems").and_then(Value::as_u64).unwrap_or(2).clamp(1, 4);
    let Some(item) = schema.get("items").filter(|_| 0 < depth) else { return json!([]) };
    (0..count).map(|_| make(item, root, name, depth.saturating_sub(1))).collect()
}

fn bounded(schema: &Value, usual: i64) -> i64 {
    let least = schema.get("minimum").and_then(Value::as_i64).unwrap_or(i64::MIN);
    let most = schema.get("maximum").and_then(Value::as_i64).unwrap_or(i64::MAX);
    usual.max(least).min(most)
}

fn text(schema: &Value, name: &str) -> String {
    match schema.get("format").and_then(Value::as_str) {
        Some("date") => "2026-01-02".into(),
        Some("date-time") => "2026-01-02T03:04:05Z".into(),
        Some("email") => "ada@example.com".into(),
        Some("uri" | "url") => "https://example.com/".into(),
        Some("uuid") => "00000000-0000-4000-8000-000000000000".into(),
        _ => format!("{name} \"é漢🦀\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_fits_its_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": { "type": "string" },
                "days": { "type": "integer", "maximum": 3 },
                "unit": { "enum": ["c", "f"] },
                "near": { "type": "array", "items": { "$ref": "#/$defs/place" }, "minItems": 1 },
            },
            "$defs": { "place": { "type": "object", "properties": { "on": { "type": ["boolean", "null"] } } } },
        });
        assert_eq!(
            value(&schema),
            json!({ "city": "city \"é漢🦀\"", "days": 3, "unit": "c", "near": [{ "on": true }] })
        );
    }

    #[test]
    fn schemas_without_end_are_cut() {
        let schema = json!({ "type": "object", "properties": { "next": { "$ref": "#" } } });
        assert!(value(&schema).to_string().len() < 200);
    }
}
