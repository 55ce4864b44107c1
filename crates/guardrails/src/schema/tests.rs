#![allow(clippy::disallowed_methods, reason = "tests of time")]

use serde_json::{Map, json};

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
        let read = Schema::new(&schema);
        for value in fitting {
            assert_eq!(read.check(&value), Ok(()), "{schema} {value}");
        }
        for value in others {
            assert!(read.check(&value).is_err(), "{schema} {value}");
        }
    }
}

#[test]
fn a_problem_names_its_place_and_not_the_value() {
    let schema =
        json!({ "properties": { "users": { "items": { "properties": { "a/b": { "type": "integer" } } } } } });
    let problem =
        Schema::new(&schema).check(&json!({ "users": [{}, { "a/b": "anna@example.org" }] })).unwrap_err();
    let what = "must be integer".to_owned();
    assert_eq!(problem, Problem { path: "/users/1/a~1b".to_owned(), what, unchecked: false });
}

/// What a check comes to: fits, does not, or given up.
fn verdict(schema: &Value, value: &Value) -> &'static str {
    match Schema::new(schema).check(value) {
        Ok(()) => "fits",
        Err(Problem { unchecked: true, .. }) => "gave up",
        Err(_) => "does not",
    }
}

#[test]
fn a_schema_that_turns_in_circles_ends() {
    let circle = json!({ "$defs": { "a": { "$ref": "#/$defs/a" } }, "$ref": "#/$defs/a" });
    let wide = json!({ "$defs": { "a": { "anyOf": [{ "$ref": "#/$defs/a" }, { "$ref": "#/$defs/a" }] } }, "$ref": "#/$defs/a" });
    // What was given up fits no `not` either.
    let turned = json!({ "$defs": { "a": { "$ref": "#/$defs/a" } }, "not": { "$ref": "#/$defs/a" } });
    for schema in [circle, wide, turned] {
        assert_eq!(verdict(&schema, &json!(1)), "gave up", "{schema}");
    }
}

/// Definitions of which each applies the next twice: 2^n steps if nothing bounds them.
fn doubling(count: usize, ballast: &str) -> Value {
    let mut definitions = Map::new();
    for at in 0..count {
        let next = json!({ "$ref": format!("#/$defs/d{}", at + 1) });
        definitions.insert(format!("d{at}"), json!({ "description": ballast, "allOf": [next, next] }));
    }
    definitions.insert(format!("d{count}"), json!({ "type": "integer" }));
    json!({ "$defs": definitions, "$ref": "#/$defs/d0" })
}

#[test]
fn chains_of_references_are_followed_and_bounded() {
    assert_eq!(verdict(&doubling(10, ""), &json!(1)), "fits");
    assert_eq!(verdict(&doubling(10, ""), &json!("x")), "does not");
    assert_eq!(verdict(&doubling(30, ""), &json!(1)), "gave up");
    assert_eq!(verdict(&doubling(100, ""), &json!(1)), "gave up");
}

/// The least of three runs, in seconds.
fn seconds(run: impl Fn()) -> f64 {
    let once = || {
        let begun = std::time::Instant::now();
        run();
        begun.elapsed().as_secs_f64()
    };
    once().min(once()).min(once())
}

#[test]
fn a_reference_costs_the_same_whatever_it_leads_to() {
    let list = vec![json!(1); 900];
    let of = |ballast: &str| {
        let schema = json!({ "$defs": { "n": { "type": "integer", "description": ballast } }, "items": { "$ref": "#/$defs/n" } });
        Schema::new(&schema)
    };
    let (small, large, list) = (of("x"), of(&"x".repeat(1 << 20)), Value::Array(list));
    let time = |schema: &Schema| seconds(|| assert_eq!(schema.check(&list), Ok(())));
    // A copy of the megabyte for each of 900 items would take some hundred times as long.
    assert!(time(&large) < 20.0 * time(&small) + 0.005);
}

#[test]
fn patterns_are_compiled_once_and_their_work_is_bounded() {
    let one = json!({ "items": { "pattern": "^(a|b|ab){1,40}$" } });
    let read = Schema::new(&one);
    assert_eq!(read.patterns.len(), 1);
    assert_eq!(read.check(&Value::Array(vec![json!("abab"); 500])), Ok(()));
    let same: Map<String, Value> =
        (0..500).map(|at| (format!("p{at}"), json!({ "pattern": "^x+$" }))).collect();
    assert_eq!(Schema::new(&json!({ "properties": same })).patterns.len(), 1);
    let many: Map<String, Value> = (0..500).map(|at| (format!("^p{at}$"), json!(true))).collect();
    assert_eq!(verdict(&json!({ "patternProperties": many }), &json!({})), "gave up");
    let slow = json!({ "pattern": "(a|aa|aaa){1,9}b" });
    assert_eq!(verdict(&slow, &json!("a".repeat(1 << 20))), "gave up");
    let large = json!({ "pattern": "((a|aa|aaa){1,90}b){90}" });
    assert_eq!(verdict(&large, &json!("a")), "gave up");
    // A pattern of another kind than RE2's says nothing.
    assert_eq!(verdict(&json!({ "pattern": "(?=a)b" }), &json!("c")), "fits");
}

#[test]
fn schemas_too_large_let_nothing_pass() {
    let parts: Vec<Value> = (0..30_000).map(|at| json!({ "const": at })).collect();
    assert_eq!(verdict(&json!({ "anyOf": parts }), &json!(3)), "gave up");
    let heavy = json!({ "allOf": vec![json!({ "uniqueItems": true }); 500] });
    let list: Vec<Value> = (0..5_000).map(|at| json!(at)).collect();
    assert_eq!(verdict(&heavy, &Value::Array(list)), "gave up");
}

#[test]
fn an_answer_of_nothing_but_commas_is_repaired_in_time() {
    let of = |count: usize| seconds(|| assert!(repair(&format!("[{}]", "[1,],".repeat(count))).is_some()));
    let (small, large) = (of(4_000), of(40_000));
    assert!(large < 40.0 * small + 0.1, "{small} {large}");
}

#[test]
fn the_first_sign_tells_early() {
    let object = json!({ "type": "object" });
    assert_eq!(Schema::new(&object).begins(" \n"), None);
    assert_eq!(Schema::new(&object).begins(" {"), Some(true));
    assert_eq!(Schema::new(&object).begins("Here"), Some(false));
    assert_eq!(Schema::new(&object).begins("[1"), Some(false));
    assert_eq!(Schema::new(&json!({ "type": "integer" })).begins("-"), Some(true));
    assert_eq!(Schema::new(&json!({})).begins("["), Some(true));
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
