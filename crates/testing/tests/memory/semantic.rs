//! Answers to questions that mean the same, on the memory host.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::{rc::Rc, time::Duration};

use crate::support::{EVENTS, KEY, WHOLE, asking, parsed, post, rows, send, told};
use bytes::Bytes;
use serde_json::{Value, json};
use sluice_core::{
    gateway::Gateway,
    key,
    port::{Clock as _, Kv as _},
};
use sluice_testing::memory::{MemoryHost, Step, answer, stream};

const CONFIG: &str = r#"{
  "providers": {
    "a": {"format": "openai_chat", "base_url": "https://a.test/v1", "api_key": "$A_KEY",
          "prices": {"m": {"input": 1.0, "output": 2.0}}}
  },
  "models": {
    "faq": {"targets": ["a/m"], "cache": {"mode": "semantic", "ttl": "60s"}},
    "daring": {"targets": ["a/m"], "cache": {"mode": "semantic", "max_wrong": 0.05}},
    "other": {"targets": ["a/m"], "cache": {"mode": "semantic", "ttl": "60s"}},
    "own": {"targets": ["a/m"], "cache": {"mode": "semantic", "scope": "user"}},
    "checked": {"targets": ["a/m"], "cache": {"mode": "semantic", "check": 1}},
    "strict": {"targets": ["a/m"], "cache": {"mode": "semantic", "max_wrong": 0}},
    "routed": {"strategy": "semantic", "targets": [
      {"model": "a/code", "examples": ["Fix this Python function", "Write a unit test for my class", "Why does my loop crash?"]},
      {"model": "a/travel", "examples": ["Find me a flight to Rome", "Which hotel is near the beach?", "Plan a trip to Japan"]},
      "a/rest"]},
    "exact": {"targets": ["a/m"], "cache": {"mode": "exact"}}
  }
}"#;

/// A question, and the same in other words.
const ASKED: &str = "How do I reset my password?";
const AGAIN: &str = "How can I reset my password?";

/// The objects of the tenant's vectors and of what is known of them.
const VECTORS: &str = "~vectors/acme/cache";
const CATALOGUE: &str = "~cache/acme";

/// How many questions a host has vectors of, and how many are known.
fn questions(host: &MemoryHost) -> (usize, usize) {
    let count =
        |owner: &str, prefix: &str| host.cells(owner).iter().filter(|key| key.starts_with(prefix)).count();
    (count(VECTORS, "d/"), count(CATALOGUE, "e/"))
}

fn gateway() -> Rc<Gateway> {
    Gateway::new(CONFIG)
}

/// A host whose provider answers `times` times.
fn host(times: usize) -> MemoryHost {
    (0..times).fold(crate::support::host(), |host, _| host.reply("a.test", answer(200, WHOLE)))
}

fn ask(gateway: &Rc<Gateway>, host: &MemoryHost, model: &str, text: &str) -> String {
    let (status, headers, body) = send(gateway, host, asking(model, text, &json!({})));
    assert_eq!(status, 200, "{body}");
    told(&headers).to_owned()
}

/// The rows' notes on the cache, by status.
fn notes(host: &MemoryHost, status: &str) -> Vec<Value> {
    let notes = rows(host).into_iter().map(|row| row["cache"].clone());
    notes.filter(|note| note["status"] == status).collect()
}

#[test]
fn other_words_find_the_answer_in_every_protocol_and_form() {
    let host = host(1);
    let gateway = gateway();
    assert_eq!(ask(&gateway, &host, "faq", ASKED), "miss");
    let (_, headers, body) = send(&gateway, &host, asking("faq", AGAIN, &json!({})));
    assert_eq!(told(&headers), "hit; similarity=0.98; age=0");
    assert_eq!(headers["sluice-cost-usd"], "0.000000000");
    assert_eq!(parsed(&body)["choices"][0]["message"]["content"], "Hello.");

    // Another isolate, which has only the store, streams it and is asked in other protocols.
    let other = self::gateway();
    let asked = asking("faq", AGAIN, &json!({"stream": true, "stream_options": {"include_usage": true}}));
    let (_, headers, body) = send(&other, &host, asked);
    assert_eq!(told(&headers), "hit; similarity=0.98; age=0");
    assert!(body.contains(r#""content":"Hello.""#) && body.ends_with("data: [DONE]\n\n"), "{body}");
    let responses = json!({"model": "faq", "input": AGAIN});
    let (_, headers, body) = send(&other, &host, post("/v1/responses", responses.to_string()));
    assert_eq!(told(&headers), "hit; similarity=0.98; age=0");
    assert_eq!(parsed(&body)["output"][0]["content"][0]["text"], "Hello.");
    let gemini = json!({"contents": [{"role": "user", "parts": [{"text": AGAIN}]}]});
    let path = "/v1beta/models/faq:generateContent";
    let (_, headers, body) = send(&other, &host, post(path, gemini.to_string()));
    assert_eq!(told(&headers), "hit; similarity=0.98; age=0", "{body}");

    assert_eq!(host.asked().len(), 1);
    let hits = notes(&host, "hit");
    assert_eq!(hits.len(), 4);
    for note in hits {
        assert_eq!(note["similarity"], 0.98);
        assert_eq!(note["matched"].as_str().unwrap().len(), 16);
        assert!(note["score"].as_f64().unwrap() >= 2.1, "{note}");
        assert!(note["saved_nano_usd"].as_u64().unwrap() > 0);
    }
    assert_eq!(notes(&host, "miss")[0]["meaning"], "nothing_near");
}

#[test]
fn a_stream_is_found_once_it_is_whole() {
    let half = EVENTS.split_inclusive("\n\n").next().unwrap();
    let cut = stream([Step::Send(Bytes::from(half.to_owned()))]);
    let whole = stream([Step::Send(Bytes::from_static(EVENTS.as_bytes()))]);
    let host = crate::support::host().reply("a.test", cut).reply("a.test", whole);
    let gateway = gateway();
    for text in [ASKED, AGAIN] {
        let (_, headers, _) = send(&gateway, &host, asking("faq", text, &json!({"stream": true})));
        assert_eq!(told(&headers), "miss", "{text}");
    }
    assert!(ask(&gateway, &host, "faq", ASKED).starts_with("hit; similarity="));
}

#[test]
fn case_courtesy_and_contractions_are_no_other_question() {
    let host = host(1);
    let gateway = gateway();
    assert_eq!(ask(&gateway, &host, "strict", "What is the capital of France?"), "miss");
    for same in ["what's the capital of  france", "Hi! What is the capital of France, please? Thanks!"] {
        assert_eq!(ask(&gateway, &host, "strict", same), "hit; age=0", "{same}");
    }
}

#[test]
fn who_tolerates_no_wrong_hit_is_answered_by_equality_alone() {
    let host = host(2);
    let gateway = gateway();
    assert_eq!(ask(&gateway, &host, "strict", ASKED), "miss");
    assert_eq!(ask(&gateway, &host, "strict", AGAIN), "miss");
    assert!(notes(&host, "miss").iter().all(|note| note["meaning"] == "max_wrong"));
    assert!(host.cells(VECTORS).is_empty() && host.cells(CATALOGUE).is_empty());
}

/// Near-duplicates of which none may be given another's answer: one word decides.
fn near_duplicates() -> Vec<String> {
    let fill = |template: &str, words: &[&str]| -> Vec<String> {
        words.iter().map(|word| template.replace('_', word)).collect()
    };
    [
        fill("How many days are there in _ weeks?", &["2", "3", "5", "12", "52", "104"]),
        fill("What is _ percent of 80?", &["5", "15", "25", "50", "75"]),
        fill("Convert _ miles to kilometers", &["3", "7", "26.2", "100"]),
        fill("What happened in the year _?", &["1815", "1914", "1945", "1969", "1989"]),
        fill("What is the capital of _?", &["France", "Spain", "Italy", "Norway", "Kenya", "Chile"]),
        fill("Who is the president of _?", &["Brazil", "Mexico", "France", "Poland", "Turkey"]),
        fill("How do I say thank you in _?", &["French", "German", "Japanese", "Swahili", "Czech"]),
        fill("Who wrote the novel by _ about the sea?", &["Melville", "Conrad", "Hemingway", "Verne"]),
        fill("Is the museum open on _?", &["Monday", "Tuesday", "Friday", "Sunday"]),
        fill("How do I _ notifications on my phone?", &["enable", "disable"]),
        fill("How do I convert _?", &["euros to dollars", "dollars to euros", "dollars to yen"]),
        fill("Which is the _ lake in Europe?", &["largest", "smallest", "deepest"]),
    ]
    .concat()
}

#[test]
fn what_differs_in_a_number_or_a_name_is_never_anothers_answer() {
    let all = near_duplicates();
    assert!(50 <= all.len(), "{}", all.len());
    for model in ["faq", "daring"] {
        let host = host(all.len());
        let gateway = gateway();
        for text in &all {
            assert_eq!(ask(&gateway, &host, model, text), "miss", "{model}: {text}");
        }
        // They were kept: each finds its own.
        for text in &all {
            assert!(ask(&gateway, &host, model, text).starts_with("hit; age="), "{model}: {text}");
        }
        assert_eq!(host.asked().len(), all.len());
    }
}

#[test]
fn nothing_crosses_to_another_tenant_user_conversation_or_setting() {
    let host = host(40)
        .with_value(&key::store_key(&key::digest("sk-sluice-other")), r#"{"id":"key_1","tenant":"other"}"#)
        .with_value(&key::tenant_store_key("other"), r#"{"id":"other"}"#)
        .with_value(
            &key::store_key(&key::digest("pk-sluice-page")),
            r#"{"id":"key_2","tenant":"acme","kind":"publishable","origins":["https://app.example"],"models":["faq"]}"#,
        );
    let gateway = gateway();
    let ask = |key: &str, body: &Value| {
        let mut request = post("/v1/chat/completions", body.to_string());
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        request.headers_mut().insert("origin", "https://app.example".parse().unwrap());
        told(&send(&gateway, &host, request).1).to_owned()
    };
    let turn = |role: &str, text: &str| json!({"role": role, "content": text});
    let plain = |text: &str| json!({"model": "faq", "messages": [turn("user", text)]});
    assert_eq!(ask(KEY, &plain(ASKED)), "miss");
    assert!(ask(KEY, &plain(AGAIN)).starts_with("hit; similarity"));
    assert_eq!(ask("sk-sluice-other", &plain(AGAIN)), "miss");
    assert_eq!(ask("pk-sluice-page", &plain(AGAIN)), "miss", "a page shares with nobody");
    let with = |name: &str, value: Value| {
        let mut body = plain(AGAIN);
        body[name] = value;
        body
    };
    let history = [turn("user", "Hello"), turn("assistant", "Hi."), turn("user", AGAIN)];
    let tool = json!([{"type": "function", "function": {"name": "f"}}]);
    for other in [
        with("model", json!("other")),
        with("messages", json!([turn("system", "Be brief."), turn("user", AGAIN)])),
        with("messages", json!(history)),
        with("temperature", json!(0.5)),
        with("max_tokens", json!(50)),
        with("seed", json!(1)),
        with("stop", json!(["x"])),
        with("response_format", json!({"type": "json_object"})),
    ] {
        assert_eq!(ask(KEY, &other), "miss", "{other}");
    }
    assert_eq!(ask(KEY, &with("tools", tool)), "", "tools are not cached at all");
    // A user's answers are the user's.
    let of = |user: &str, text: &str| json!({"model": "own", "messages": [turn("user", text)], "user": user});
    assert_eq!(ask(KEY, &of("ann", ASKED)), "miss");
    assert_eq!(ask(KEY, &of("bob", AGAIN)), "miss");
    assert!(ask(KEY, &of("ann", AGAIN)).starts_with("hit; similarity"));
}

#[test]
fn what_is_asked_about_a_passage_in_another_script_or_at_length_is_answered_by_equality_alone() {
    let passage = "The Danube rises in the Black Forest and flows through ten countries to the sea. ";
    let long = passage.repeat(8);
    let cases = [
        (format!("{long}Where does it rise?"), format!("{long}Where does it flow?"), "too_long"),
        ("我怎样才能重置我的密码？".to_owned(), "我如何重置我的密码？".to_owned(), "script"),
        ("Как мне сбросить свой пароль?".to_owned(), "Как сбросить мой пароль?".to_owned(), "script"),
        ("Why?".to_owned(), "Which?".to_owned(), "too_short"),
        (format!("Context: {passage}\nWhere is it?"), format!("Context: {passage}\nWhat is it?"), "context"),
        ("When does my order arrive?".to_owned(), "When will my order arrive?".to_owned(), "personal"),
    ];
    for (one, other, why) in cases {
        let host = host(2);
        let gateway = gateway();
        assert_eq!(ask(&gateway, &host, "daring", &one), "miss", "{one}");
        assert_eq!(ask(&gateway, &host, "daring", &other), "miss", "{other}");
        assert_eq!(ask(&gateway, &host, "daring", &one), "hit; age=0", "{one}");
        let missed = notes(&host, "miss");
        assert!(missed.iter().any(|note| note["meaning"] == why), "{why}: {missed:?}");
    }
}

#[test]
fn an_answer_by_meaning_ends_with_its_time() {
    let host = host(2);
    let gateway = gateway();
    assert_eq!(ask(&gateway, &host, "faq", ASKED), "miss");
    host.run(host.sleep(Duration::from_secs(58)));
    assert!(ask(&self::gateway(), &host, "faq", AGAIN).starts_with("hit; similarity=0.98; age=5"));
    host.run(host.sleep(Duration::from_secs(5)));
    assert_eq!(ask(&self::gateway(), &host, "faq", AGAIN), "miss");
}

#[test]
fn an_operator_purges_questions_with_their_answers() {
    let host = host(9);
    let gateway = gateway();
    let delete = |path: &str| {
        let request =
            http::Request::delete(path).header("authorization", "Bearer root").body(Bytes::new()).unwrap();
        let (status, _, body) = send(&gateway, &host, request);
        assert_eq!(status, 200, "{body}");
        parsed(&body)
    };
    for model in ["faq", "other"] {
        assert_eq!(ask(&gateway, &host, model, ASKED), "miss");
    }
    assert_eq!(questions(&host), (2, 2));
    let purged = delete("/admin/v1/tenants/acme/cache?model=faq");
    assert_eq!((&purged["deleted"], &purged["next"]), (&json!(1), &Value::Null));
    assert_eq!(questions(&host), (1, 1));
    assert!(ask(&gateway, &host, "other", AGAIN).starts_with("hit; similarity"));
    assert_eq!(ask(&gateway, &host, "faq", AGAIN), "miss");
    // Where only an answer is gone, its question leads nowhere.
    let answers = host.run(host.list("cache/acme/")).unwrap();
    for listed in &answers {
        host.run(host.delete(&listed.key)).unwrap();
    }
    assert_eq!(ask(&self::gateway(), &host, "other", AGAIN), "miss");
    assert!(notes(&host, "miss").iter().any(|note| note["meaning"] == "answer_gone"));
    assert_eq!(questions(&host), (3, 3));
    delete(&format!("/admin/v1/tenants/acme/cache?before={}", crate::support::NOON.0 + 3_600_000));
    assert_eq!(questions(&host), (0, 0));
    assert_eq!(ask(&gateway, &host, "other", AGAIN), "miss");
    delete("/admin/v1/tenants/acme");
    assert_eq!((questions(&host), host.values("cache/").len()), ((0, 0), 0));
}

#[test]
fn what_is_over_is_taken_out_with_its_answer() {
    let host = host(3);
    assert_eq!(ask(&gateway(), &host, "faq", ASKED), "miss");
    assert_eq!((questions(&host), host.values("cache/").len()), ((1, 1), 1));
    host.run(host.sleep(Duration::from_secs(61)));
    assert_eq!(ask(&gateway(), &host, "faq", "What is the capital of France?"), "miss");
    assert_eq!((questions(&host), host.values("cache/").len()), ((1, 1), 1), "the next question sweeps");
    assert!(host.cells(CATALOGUE).iter().all(|key| !key.starts_with("g/")), "and says so");
}

#[test]
fn who_hears_that_it_was_wrong_gives_it_to_nobody_and_asks_for_more() {
    let host = host(12);
    let gateway = gateway();
    let judge = |id: &str, right: bool| {
        let body = json!({"id": id, "right": right}).to_string();
        let (status, _, body) = send(&gateway, &host, post("/v1/feedback", body));
        (status, parsed(&body)["counted"].clone())
    };
    let hit = |text: &str| {
        let (_, headers, _) = send(&gateway, &host, asking("faq", text, &json!({})));
        let found = told(&headers).starts_with("hit; similarity");
        (found, headers["sluice-request-id"].to_str().unwrap().to_owned())
    };
    assert_eq!(ask(&gateway, &host, "faq", ASKED), "miss");
    let (found, id) = hit(AGAIN);
    assert!(found);
    assert_eq!(judge(&id, false), (200, json!(true)));
    assert_eq!(judge(&id, false), (200, json!(false)), "once");
    assert_eq!(judge("req_unknown", false), (200, json!(false)));
    assert_eq!(judge("no id", false).0, 400);
    assert_eq!(questions(&host), (0, 0));
    assert!(!hit(AGAIN).0, "it is given to nobody any more");
    // A few more, and hits as sure as those are no more tolerated.
    for _ in 0..3 {
        let (found, id) = hit(ASKED);
        if found {
            assert_eq!(judge(&id, false), (200, json!(true)));
        }
        hit(AGAIN);
    }
    assert!(!hit(ASKED).0);
    let missed = notes(&host, "miss");
    let why = |note: &Value| note["meaning"] == "below_threshold" || note["meaning"] == "wrong_hits";
    assert!(missed.iter().any(why), "{missed:?}");
}

#[test]
fn a_hit_that_is_asked_again_is_judged_by_the_fresh_answer() {
    let settings = "Open Settings, choose Security and click Reset password. A link comes by e-mail and works for 30 minutes.";
    let invoices = "Invoices are sent on the first day of the month; under Billing you can download the last twelve of them.";
    for (fresh, left) in [(settings, 2), (invoices, 1)] {
        let says = |text: &str| answer(200, WHOLE.replace("Hello.", text));
        let host = crate::support::host().reply("a.test", says(settings)).reply("a.test", says(fresh));
        let gateway = gateway();
        assert_eq!(ask(&gateway, &host, "checked", ASKED), "miss");
        let (_, headers, body) = send(&gateway, &host, asking("checked", AGAIN, &json!({})));
        assert!(told(&headers).starts_with("hit; similarity") && body.contains(settings), "{body}");
        assert_eq!(host.asked().len(), 2, "after the answer");
        let id = headers["sluice-request-id"].to_str().unwrap();
        let (_, _, body) =
            send(&gateway, &host, post("/v1/feedback", json!({"id": id, "right": true}).to_string()));
        assert_eq!(parsed(&body)["counted"], false, "it was judged");
        // The question has an answer of its own now; the other's is gone if it was wrong.
        assert_eq!(questions(&host), (left, left));
        assert_eq!(ask(&gateway, &host, "checked", AGAIN), "hit; age=0");
        assert_eq!(notes(&host, "refresh").len(), 1);
    }
}

#[test]
fn a_day_sweeps_what_nobody_asks_for_any_more() {
    let host = host(1);
    let gateway = gateway();
    // From noon until half a minute before midnight: in the hour after that there is sweeping.
    host.run(host.sleep(Duration::from_secs(12 * 3_600 - 30)));
    assert_eq!(ask(&gateway, &host, "faq", ASKED), "miss");
    host.run(host.sleep(Duration::from_secs(30)));
    host.run(gateway.hourly(&host));
    assert_eq!(questions(&host), (1, 1), "not before its time");
    host.run(host.sleep(Duration::from_secs(61)));
    host.run(gateway.hourly(&host));
    assert_eq!((questions(&host), host.values("cache/").len()), ((0, 0), 0));
}

#[test]
fn vectors_elsewhere_find_as_well() {
    for (vectors, delay) in [(r#""host""#, 30), (r#"{"qdrant":{"url":"http://q.test:6333"}}"#, 0)] {
        let config: &'static str = CONFIG.replacen('{', &format!(r#"{{"vectors": {vectors},"#), 1).leak();
        let server = Rc::default();
        let host = host(3).with_qdrant("q.test", &server);
        host.vectors_visible_after(Duration::from_secs(delay));
        let gateway = Gateway::new(config);
        assert_eq!(ask(&gateway, &host, "faq", ASKED), "miss");
        // Who asked knows it at once, others when the service shows it.
        assert!(ask(&gateway, &host, "faq", AGAIN).starts_with("hit; similarity=0.98"), "{vectors}");
        if delay != 0 {
            let request = asking("faq", AGAIN, &json!({}));
            let (mut head, body) = request.into_parts();
            head.headers.insert("sluice-cache", "semantic, only-if-cached".parse().unwrap());
            let (status, ..) = send(&Gateway::new(config), &host, http::Request::from_parts(head, body));
            assert_eq!(status, 404);
        }
        host.run(host.sleep(Duration::from_secs(delay)));
        assert!(
            ask(&Gateway::new(config), &host, "faq", AGAIN).starts_with("hit; similarity=0.98"),
            "{vectors}"
        );
        assert_eq!(questions(&host).0, 0, "{vectors}: nothing in our own objects");
        // Its service away, it is asked afresh, and answers flow.
        host.vectors_down(true);
        server.borrow_mut().forget();
        assert_eq!(ask(&Gateway::new(config), &host, "faq", AGAIN), "miss", "{vectors}");
    }
}

#[test]
fn without_a_store_answers_flow() {
    let host = host(3);
    let gateway = gateway();
    assert_eq!(ask(&gateway, &host, "exact", ASKED), "miss");
    host.store_down(true);
    assert_eq!(ask(&gateway, &host, "faq", ASKED), "miss");
    // What this isolate remembers serves on.
    assert!(ask(&gateway, &host, "faq", AGAIN).starts_with("hit; similarity"));
}

#[test]
fn headers_choose_the_mode_of_a_request() {
    let host = host(3);
    let gateway = gateway();
    let ask = |model: &str, text: &str, mode: &'static str| {
        let mut request = asking(model, text, &json!({}));
        request.headers_mut().insert("sluice-cache", mode.parse().unwrap());
        let (_, headers, body) = send(&gateway, &host, request);
        (told(&headers).to_owned(), body)
    };
    assert_eq!(ask("exact", ASKED, "semantic").0, "miss");
    assert!(ask("exact", AGAIN, "semantic, only-if-cached").0.starts_with("hit; similarity"));
    assert!(ask("exact", AGAIN, "exact, only-if-cached").1.contains("cache_miss"));
    assert_eq!(ask("exact", AGAIN, "refresh, semantic").0, "refresh");
    assert_eq!(ask("exact", AGAIN, "semantic").0.split(';').next(), Some("hit"));
}

#[test]
fn prompts_go_where_their_like_went() {
    let host = host(4);
    let gateway = gateway();
    for (text, target) in [
        ("Fix the function in my Python class", "a/code"),
        ("A flight to Rome and a hotel, please", "a/travel"),
        ("Who painted the Mona Lisa?", "a/rest"),
        ("我怎样才能重置我的密码？", "a/rest"),
    ] {
        let mut request = asking("routed", text, &json!({}));
        request.headers_mut().insert("sluice-explain", "1".parse().unwrap());
        let (_, headers, _) = send(&gateway, &host, request);
        assert_eq!(headers["sluice-target"], target, "{text}");
        let told = parsed(headers["sluice-explain"].to_str().unwrap());
        assert!(told["reason"].as_str().unwrap().contains("examples"), "{told}");
        let scores: Vec<f64> =
            told["candidates"].as_array().unwrap().iter().filter_map(|c| c["score"].as_f64()).collect();
        assert!(scores.len() == 2 && (scores.iter().sum::<f64>() - 1.0).abs() < 0.01, "{told}");
    }
}
