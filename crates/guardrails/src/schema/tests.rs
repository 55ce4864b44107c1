use serde_json::json;

use super::*;

/// A schema, what fits it and what does not.
fn cases() -> Vec<(Value, Vec<Value>, Vec<Value>)> {
    let tree = json!({
        "$defs": { "node": { "type": "object", "properties": { "next": { "anyOf": [{ "$ref": "#/$defs/node" }, { "type": "null" }] } }, "required": ["next"], "additionalProperties": false } },
        "$ref": "#/$defs/node",
    });
    vec![
        (
            json!({ "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"], "additionalProperties": false }),
            vec![json!({ "a": 1 }), json!({ "a": 1.0 })],
            vec![json!({}), json!({ "a": "1" }), json!({ "a": 1, "b": 2 }), json!([1])],
        ),
        (
            json!({ "type": ["string", "null"], "maxLength": 2, "pattern": "^[a-z]*$" }),
            vec![json!("ab"), json!(null)],
            vec![json!("abc"), json!("A"), json!(1)],
        ),
        (json!({ "enum": ["x", 2] }), vec![json!("x"), json!(2.0)], vec![json!("y"), json!(null)]),
        (
            json!({ "type": "array", "prefixItems": [{ "type": "string" }], "items": { "minimum": 0, "exclusiveMaximum": 10, "multipleOf": 0.5 }, "minItems": 1, "uniqueItems": true }),
            vec![json!(["a"]), json!(["a", 0, 9.5])],
            vec![json!([]), json!([1]), json!(["a", 10]), json!(["a", 0.3]), json!(["a", 1, 1])],
        ),
        (
            json!({ "oneOf": [{ "type": "integer" }, { "minimum": 5 }] }),
            vec![json!(1), json!(7.5)],
            vec![json!(7)],
        ),
        (
            json!({ "not": { "type": "string" }, "allOf": [{ "const": true }] }),
            vec![json!(true)],
            vec![json!(false), json!("x")],
        ),
        (
            json!({ "patternProperties": { "^n_": { "type": "number" } }, "additionalProperties": { "type": "string" } }),
            vec![json!({ "n_a": 1, "b": "x" })],
            vec![json!({ "n_a": "x" }), json!({ "b": 1 })],
        ),
        (json!(false), vec![], vec![json!(1)]),
        (
            tree,
            vec![json!({ "next": { "next": null } })],
            vec![json!({ "next": { "next": 1 } }), json!({ "next": null, "x": 1 })],
        ),
    ]
}

#[test]
fn values_fit_their_schemas_or_do_not() {
    for (schema, fitting, others) in cases() {
        for value in fitting {
            assert_eq!(check(&schema, &value), Ok(()), "{schema} {value}");
        }
        for value in others {
            assert!(check(&schema, &value).is_err(), "{schema} {value}");
        }
    }
}

#[test]
fn a_problem_names_its_place_and_not_the_value() {
    let schema =
        json!({ "properties": { "users": { "items": { "properties": { "a/b": { "type": "integer" } } } } } });
    let problem = check(&schema, &json!({ "users": [{}, { "a/b": "anna@example.org" }] })).unwrap_err();
    assert_eq!(problem, Problem { path: "/users/1/a~1b".to_owned(), what: "must be integer".to_owned() });
}

#[test]
fn a_schema_that_turns_in_circles_ends() {
    let schema = json!({ "$defs": { "a": { "$ref": "#/$defs/a" } }, "$ref": "#/$defs/a" });
    assert!(check(&schema, &json!(1)).is_err());
    let wide = json!({ "$defs": { "a": { "anyOf": [{ "$ref": "#/$defs/a" }, { "$ref": "#/$defs/a" }] } }, "$ref": "#/$defs/a" });
    assert!(check(&wide, &json!(1)).is_err());
}

#[test]
fn the_first_sign_tells_early() {
    let object = json!({ "type": "object" });
    assert_eq!(begins(&object, " \n"), None);
    assert_eq!(begins(&object, " {"), Some(true));
    assert_eq!(begins(&object, "Here"), Some(false));
    assert_eq!(begins(&object, "[1"), Some(false));
    assert_eq!(begins(&json!({ "type": "integer" }), "-"), Some(true));
    assert_eq!(begins(&json!({}), "["), Some(true));
}

#[test]
fn wrapped_answers_are_unwrapped_and_it_is_said_how() {
    for (answer, done) in [
        ("{\"a\": 1}", vec![]),
        ("```json\n{\"a\": 1}\n```", vec!["fence"]),
        ("Sure!\n```\n{\"a\": 1,}\n```\nBye", vec!["fence", "trailing_comma"]),
        ("Here it is: {\"a\": 1} as asked.", vec!["prose"]),
        ("\u{feff}{\"a\": 1 , }", vec!["trailing_comma"]),
    ] {
        let repaired = repair(answer).unwrap();
        assert_eq!((repaired.value, repaired.done), (json!({ "a": 1 }), done), "{answer}");
    }
    assert_eq!(repair("{\"a\": \",}\"").map(|repaired| repaired.value), None);
    assert_eq!(repair("[\"a,]\", 1,]").unwrap().value, json!(["a,]", 1]));
    for answer in ["", "no", "{\"a\": 1", "]"] {
        assert!(repair(answer).is_none(), "{answer}");
    }
}
