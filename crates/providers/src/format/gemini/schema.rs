//! Schemas in Google's subset of OpenAPI, told as JSON Schema.
//!
//! Types are upper case there, `nullable` stands beside them, whole numbers may be written as text, and names may be in
//! snake case. What is not of that dialect stays as it was written.

use serde_json::value::RawValue;
use sluice_types::json::{Members, Raw, Str};

use super::names::camel;
use crate::format::json::{ObjectWriter, list, write};

/// Schemas deeper than this are left as they are.
const DEPTH: usize = 64;

/// The JSON Schema that says what `schema` says.
pub(super) fn to_json_schema(schema: &RawValue) -> Raw<'_> {
    let mut out = Vec::with_capacity(schema.get().len() + 32);
    convert(schema.get(), DEPTH, &mut out);
    let written = String::from_utf8(out).ok().and_then(|text| RawValue::from_string(text).ok());
    written.and_then(|raw| Raw::write(&raw)).unwrap_or_else(|| Raw::from(schema))
}

fn convert(schema: &str, depth: usize, out: &mut Vec<u8>) {
    let members = serde_json::from_str::<Members<'_>>(schema).ok().filter(|_| 0 < depth);
    let Some(members) = members else { return out.extend_from_slice(schema.as_bytes()) };
    let value = |name: &str| members.0.iter().find(|(key, _)| camel(key) == name).map(|(_, raw)| raw);
    let nullable = value("nullable").is_some_and(|raw| raw.text() == "true");
    let typed = value("type").is_some();
    let mut object = ObjectWriter::open(out);
    for (name, raw) in &members.0 {
        let name = camel(name);
        match &*name {
            "nullable" | "propertyOrdering" => {}
            "type" => convert_type(raw, nullable, &mut object),
            "enum" if nullable => {
                let mut words: Vec<Raw<'_>> = raw.read().unwrap_or_default();
                if !words.iter().any(Raw::is_null) {
                    words.extend(Raw::parse("null"));
                }
                object.set("enum", &words);
            }
            "anyOf" => {
                let mut schemas: Vec<Raw<'_>> = raw.read().unwrap_or_default();
                if nullable && !typed {
                    schemas.extend(Raw::parse(r#"{"type":"null"}"#));
                }
                convert_list(&schemas, depth, object.member("anyOf"));
            }
            "prefixItems" | "oneOf" | "allOf" => {
                convert_list(&raw.read::<Vec<Raw<'_>>>().unwrap_or_default(), depth, object.member(&name));
            }
            "items" | "additionalProperties" | "not" => convert(raw.text(), depth - 1, object.member(&name)),
            "properties" | "defs" | "$defs" => {
                let name = if name == "properties" { "properties" } else { "$defs" };
                let properties: Members<'_> = raw.read().unwrap_or_default();
                let mut inner = ObjectWriter::open(object.member(name));
                for (name, schema) in &properties.0 {
                    convert(schema.text(), depth - 1, inner.member(name));
                }
                inner.close();
            }
            "ref" => object.raw("$ref", raw.text()),
            "example" => {
                let examples = object.member("examples");
                list(examples, [raw], |out, raw| out.extend_from_slice(raw.text().as_bytes()));
            }
            // Says only that there is an `enum`.
            "format" if raw.text() == "\"enum\"" => {}
            "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties" => {
                object.raw(&name, number(raw));
            }
            _ => object.raw(&name, raw.text()),
        }
    }
    object.close();
}

fn convert_list(schemas: &[Raw<'_>], depth: usize, out: &mut Vec<u8>) {
    list(out, schemas, |out, schema| convert(schema.text(), depth - 1, out));
}

/// Writes `type` in lower case, with `null` beside it where that is allowed; nothing for a type that says nothing.
fn convert_type(raw: &Raw<'_>, nullable: bool, object: &mut ObjectWriter<'_>) {
    let Ok(word) = raw.read::<Str<'_>>() else { return object.raw("type", raw.text()) };
    match word.to_ascii_lowercase().as_str() {
        "type_unspecified" => {}
        "null" => object.set("type", "null"),
        word if nullable => list(object.member("type"), [word, "null"], write),
        word => object.set("type", word),
    }
}

/// A whole number, also where it is written as text.
fn number<'r>(raw: &'r Raw<'_>) -> &'r str {
    let text = raw.text();
    let digits = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    match digits.filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())) {
        // A zero at the front is no JSON number.
        Some(digits) if digits == "0" || !digits.starts_with('0') => digits,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(schema: &str) -> String {
        to_json_schema(serde_json::from_str(schema).unwrap()).text().to_owned()
    }

    #[test]
    fn the_subset_becomes_json_schema() {
        for (schema, expected) in [
            (r#"{"type":"STRING","format":"date-time"}"#, r#"{"type":"string","format":"date-time"}"#),
            (
                r#"{"type":"STRING","format":"enum","enum":["a"],"nullable":true}"#,
                r#"{"type":["string","null"],"enum":["a",null]}"#,
            ),
            (
                r#"{"type":"OBJECT","properties":{"min_items":{"type":"INTEGER","nullable":false}},"property_ordering":["min_items"],"required":["min_items"]}"#,
                r#"{"type":"object","properties":{"min_items":{"type":"integer"}},"required":["min_items"]}"#,
            ),
            (
                r#"{"type":"ARRAY","min_items":"1","maxItems":3,"items":{"any_of":[{"type":"NUMBER"}],"nullable":true}}"#,
                r#"{"type":"array","minItems":1,"maxItems":3,"items":{"anyOf":[{"type":"number"},{"type":"null"}]}}"#,
            ),
            (r#"{"type":"TYPE_UNSPECIFIED","example":{"a": 1}}"#, r#"{"examples":[{"a": 1}]}"#),
            (
                r##"{"ref":"#/$defs/a","defs":{"a":{"type":"BOOLEAN"}}}"##,
                r##"{"$ref":"#/$defs/a","$defs":{"a":{"type":"boolean"}}}"##,
            ),
            (r#"{"type":["string","null"],"x":1.50}"#, r#"{"type":["string","null"],"x":1.50}"#),
            ("true", "true"),
        ] {
            assert_eq!(converted(schema), expected, "{schema}");
        }
    }

    #[test]
    fn depth_does_no_harm() {
        let deep = format!("{}{{}}{}", r#"{"items":"#.repeat(10_000), "}".repeat(10_000));
        assert_eq!(converted(&deep), deep);
    }
}
