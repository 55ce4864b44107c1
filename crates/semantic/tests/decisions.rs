//! Whole decisions with the committed model and verifier.
#![cfg(feature = "embedded-model")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use proptest::prelude::*;
use sluice_semantic::{
    calibration::{DEFAULT_RATE, threshold},
    decide::{Engine, Miss, Outcome},
    eligible::{Refusal, Scope},
    model::{EMBEDDED, Model},
    route::{Abstain, Head, Routed},
    vector::Page,
    verify::{Question, Verifier, Veto, feature_values, veto},
};

fn engine() -> Engine<'static> {
    Engine { model: Model::parse(EMBEDDED.unwrap()).unwrap(), verifier: Verifier::trained().unwrap() }
}

/// What becomes of `text` where `earlier` was answered.
fn ask(engine: &Engine<'_>, earlier: &[&str], text: &str) -> Outcome {
    let mut page = Page::default();
    earlier.iter().for_each(|earlier| page.push(&engine.model.embed(earlier).0));
    engine.decide(text, Scope::default(), &page, earlier, threshold(DEFAULT_RATE).unwrap())
}

#[test]
fn the_same_question_in_other_words_is_a_hit() {
    let engine = engine();
    for (a, b) in [
        ("How do I reset the admin password?", "How can I reset the admin password?"),
        ("What's the best way to learn Rust?", "What is the best way to learn Rust?"),
        ("How can I increase my credit limit?", "How do I increase my credit limit?"),
    ] {
        assert!(
            matches!(ask(&engine, &["Who painted the Mona Lisa?", a], b), Outcome::Hit { row: 1, .. }),
            "{a} | {b}: {:?}",
            ask(&engine, &[a], b)
        );
    }
}

#[test]
fn differences_of_kind_are_vetoed() {
    let engine = engine();
    for (a, b, kind) in [
        ("What is 15% of 240?", "What is 15% of 420?", Veto::Number),
        ("Convert 5 miles to kilometres", "Convert 5 miles to metres", Veto::Unit),
        ("Is the shop open in the morning?", "Is the shop not open in the morning?", Veto::Negation),
        ("How do I enable two-factor login?", "How do I disable two-factor login?", Veto::Opposite),
        ("How long do flights to Paris take?", "How long do flights to London take?", Veto::Name),
        ("How tall is Mount Kenya in feet?", "How tall is Mount Fuji in feet?", Veto::Name),
        ("Flights leaving from Zagreb to Skopje", "Flights leaving from Skopje to Zagreb", Veto::Order),
        ("Why did Germany attack France?", "Why did France attack Germany?", Veto::Order),
        ("What does a tenant owe a landlord?", "What does a landlord owe a tenant?", Veto::Order),
        ("Convert Celsius to Fahrenheit", "Please convert Fahrenheit to Celsius. Thanks!", Veto::Order),
        ("What is the largest city in Texas?", "What is the second largest city in Texas?", Veto::Extreme),
        ("Opening hours on Sunday please", "Opening hours on Monday please", Veto::Time),
        ("What is the cheapest phone plan?", "What is the best phone plan?", Veto::Extreme),
        ("Symptoms of flu in adults", "Symptoms of flu in infants", Veto::Audience),
        ("Return the answer as JSON.", "Return the answer as XML.", Veto::Form),
        ("Which trains are late this week?", "Which trains are late next week?", Veto::Extreme),
        ("Explain the water cycle in one sentence", "Explain the water cycle in detail", Veto::Form),
        ("When was the company founded?", "Where was the company founded?", Veto::Ask),
    ] {
        let question = |text| Question::new(&engine.model, text);
        assert_eq!(veto(&question(a), &question(b)), Some(kind), "{a} | {b}");
        assert!(
            matches!(ask(&engine, &[a], b), Outcome::Miss(Miss::Vetoed(_) | Miss::NothingNear)),
            "{a} | {b}"
        );
    }
}

#[test]
fn other_order_of_the_same_is_not_vetoed() {
    let engine = engine();
    for (a, b) in [
        ("How do I improve my laptop performance?", "How can I improve the performance of my laptop?"),
        ("Convert 5 miles to kilometres", "How many kilometres are 5 miles?"),
        ("What differs between Rust and Java?", "What differs between Java and Rust?"),
        ("How do I feel better when I am ill?", "How can I feel better if I am ill?"),
    ] {
        let question = |text| Question::new(&engine.model, text);
        assert_eq!(veto(&question(a), &question(b)), None, "{a} | {b}");
    }
}

#[test]
fn what_is_not_to_be_answered_by_meaning_is_refused() {
    let engine = engine();
    let passage = "The lighthouse was built in 1881 by the harbour board after three wrecks. ".repeat(9);
    for (text, refusal) in [
        ("why?".to_owned(), Refusal::TooShort),
        (format!("{passage} When was it built?"), Refusal::TooLong),
        ("Context: the lighthouse was built in 1881. Question: who built it?".to_owned(), Refusal::Context),
        ("如何重置我的密码？".to_owned(), Refusal::Script),
        ("Как мне сбросить пароль от почты?".to_owned(), Refusal::Script),
        ("What is the weather in Oslo today?".to_owned(), Refusal::Dated),
        ("Where is my order?".to_owned(), Refusal::Personal),
    ] {
        assert_eq!(ask(&engine, &[&text], &text), Outcome::Miss(Miss::Refused(refusal)), "{text}");
    }
    let mine = Scope { one_user: true, short_lived: true };
    let page = {
        let mut page = Page::default();
        page.push(&engine.model.embed("Where is my order today?").0);
        page
    };
    let outcome = engine.decide(
        "Where is my order today?",
        mine,
        &page,
        ["Where is my order today?"].as_slice(),
        -20.0,
    );
    assert!(matches!(outcome, Outcome::Hit { .. }), "{outcome:?}");
}

#[test]
fn fifty_near_duplicates_with_other_numbers_and_names_are_not_served() {
    let engine = engine();
    let base = "How do I move 25 licences from Anna to the Berlin office?";
    let names = ["Peter", "Maria", "Ivan", "Chen", "Fatima"];
    for n in 0..50 {
        let text = match n % 3 {
            0 => base.replace("25", &(26 + n).to_string()),
            1 => base.replace("Anna", names[n % 5]),
            _ => base.replace("Berlin", ["Paris", "London", "Oslo", "Madrid", "Rome"][n % 5]),
        };
        assert!(matches!(ask(&engine, &[base], &text), Outcome::Miss(_)), "{text}");
    }
}

#[test]
fn an_entry_that_is_gone_is_no_candidate() {
    let engine = engine();
    let mut page = Page::default();
    page.push(&engine.model.embed("How do I reset the admin password?").0);
    let gone: &[&str] = &[];
    let outcome = engine.decide("How do I reset the admin password?", Scope::default(), &page, gone, -20.0);
    assert_eq!(outcome, Outcome::Miss(Miss::NothingNear));
}

#[test]
fn routes_by_examples_and_the_rest_to_the_default() {
    let engine = engine();
    let routes = [
        [
            "write a python function",
            "fix this bug in my code",
            "why does this rust code not compile",
            "refactor this class",
        ],
        [
            "translate this into french",
            "how do you say hello in german",
            "what is the spanish word for dog",
            "say this in italian",
        ],
        [
            "what is two plus two",
            "solve this equation",
            "integrate x squared",
            "what is the square root of nine",
        ],
    ];
    let vectors: Vec<Vec<Vec<f32>>> =
        routes.iter().map(|texts| texts.iter().map(|text| engine.model.embed(text).0).collect()).collect();
    let head = Head::fit(&vectors, Abstain { score: 0.5, margin: 0.1 }).unwrap();
    assert_eq!(head, Head::fit(&vectors, Abstain { score: 0.5, margin: 0.1 }).unwrap());
    for (text, expected) in [
        ("debug my javascript code", 0),
        ("translate good morning into spanish", 1),
        ("solve the equation x + 3 = 9", 2),
    ] {
        assert!(
            matches!(head.route(&engine.model.embed(text).0), Routed::To { route, .. } if route == expected),
            "{text}"
        );
    }
    for text in ["book a table for dinner", "如何重置"] {
        let routed = head.route(&engine.model.embed(text).0);
        assert!(matches!(routed, Routed::Abstain { .. }), "{text}: {routed:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_a_pair_does_not_matter(a in "[a-zA-Z0-9 ?%']{0,60}", b in "[a-zA-Z0-9 ?%']{0,60}") {
        let engine = engine();
        let (x, y) = (Question::new(&engine.model, &a), Question::new(&engine.model, &b));
        prop_assert_eq!(veto(&x, &y), veto(&y, &x));
        for (forth, back) in feature_values(&x, &y).iter().zip(feature_values(&y, &x)) {
            prop_assert!((forth - back).abs() < 1e-4);
        }
    }

    #[test]
    fn another_number_is_never_a_hit(word in "[a-z]{3,9}", first in 0_u32..100_000, second in 0_u32..100_000) {
        prop_assume!(first != second);
        let ask_of = |n| format!("How many {word} are in {n} boxes?");
        let outcome = ask(&engine(), &[&ask_of(first)], &ask_of(second));
        prop_assert!(matches!(outcome, Outcome::Miss(_)), "{:?}", outcome);
    }

    #[test]
    fn any_text_is_decided_without_panic(earlier in "\\PC{0,120}", text in "\\PC{0,120}") {
        let _ = ask(&engine(), &[&earlier], &text);
    }
}
