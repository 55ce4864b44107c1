//! `sluice tenant`, `key`, `budget`, `costs` and `audit` against a gateway that plays its part of the conversation.

#![allow(clippy::disallowed_methods, reason = "a test of a native tool: it has an environment and threads")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod gateway;

use gateway::{Gateway, sluice};
use serde_json::{Value, json};
use sluice_core::gateway::object::{GENESIS, chained};

/// What a command printed, what it complained about, and whether it was content.
fn said(gateway: &Gateway, arguments: &[&str]) -> (String, String, bool) {
    let output = sluice(gateway, arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.success())
}

fn sent(gateway: &Gateway, line: &str) -> Value {
    serde_json::from_str(&gateway.body(line)).unwrap()
}

#[test]
fn a_tenant_and_its_keys_are_made_changed_and_listed() {
    let gateway = Gateway::start(Box::new(|asked, _| match asked.line.as_str() {
        "POST /admin/v1/tenants" => (201, json!({"id": "acme"})),
        "POST /admin/v1/tenants/acme/keys" => (201, json!({"id": "key_1", "key": "pk-sluice-x"})),
        "PATCH /admin/v1/tenants/acme/keys/key_1" => (200, json!({"id": "key_1", "disabled": true})),
        "GET /admin/v1/tenants/acme/keys" => (
            200,
            json!({"data": [{"id": "key_1", "kind": "publishable", "disabled": true, "models": ["a", "b"]}]}),
        ),
        other => (404, json!({"error": {"message": format!("nothing at {other}")}})),
    }));
    let limits = r#"{"requests_per_minute":60}"#;
    let (out, err, fine) =
        said(&gateway, &["tenant", "create", "acme", "--regions", "eu,us", "--limits", limits]);
    assert!(fine && out.contains("now give it a key: sluice key create acme"), "{out}{err}");
    let body = json!({"id": "acme", "regions": ["eu", "us"], "limits": {"requests_per_minute": 60}});
    assert_eq!(sent(&gateway, "POST /admin/v1/tenants"), body);

    let page =
        ["--publishable", "--origin", "https://a.example", "--models", "a,b", "--visitor-requests", "5"];
    let more = ["--tag", "team=web", "--knowledge", "search", "--expires", "2027-01-31"];
    let arguments = [&["key", "create", "acme"][..], &page[..], &more[..]].concat();
    let (out, err, fine) = said(&gateway, &arguments);
    assert!(fine && out.contains("key  pk-sluice-x") && out.contains("shown this once"), "{out}{err}");
    let body = json!({"kind": "publishable", "origins": ["https://a.example"], "models": ["a", "b"],
        "visitor_requests_per_minute": 5, "tags": {"team": "web"}, "knowledge": "search",
        "expires_at": 1_801_353_600_000_u64});
    assert_eq!(sent(&gateway, "POST /admin/v1/tenants/acme/keys"), body);

    let (.., fine) = said(&gateway, &["key", "update", "acme", "key_1", "--disabled", "true"]);
    assert!(fine);
    assert_eq!(sent(&gateway, "PATCH /admin/v1/tenants/acme/keys/key_1"), json!({"disabled": true}));
    let (_, err, fine) = said(&gateway, &["key", "update", "acme", "key_1"]);
    assert!(!fine && err.contains("nothing to change"), "{err}");

    let (out, ..) = said(&gateway, &["key", "list", "acme"]);
    let head = "id     name  kind         disabled  models  origins  expires_at";
    assert_eq!(
        out.lines().collect::<Vec<_>>(),
        [head, "key_1  -     publishable  true      a,b     -        -"]
    );
    let (out, ..) = said(&gateway, &["key", "list", "acme", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["data"][0]["id"], "key_1");
}

#[test]
fn budgets_and_costs_are_told_in_dollars() {
    let usage = "/admin/v1/usage?from=2026-11-01&by=model";
    let gateway = Gateway::start(Box::new(move |asked, _| match asked.line.as_str() {
        "GET /admin/v1/tenants/acme/budgets?user=ann" => (
            200,
            json!({"data": [{"what": "$50 per month", "unit": "nano_usd", "limit": 50_000_000_000_u64, "used": 20_000,
                "reserved": 0, "remaining": 49_999_980_000_u64}]}),
        ),
        "GET /admin/v1/tenants/acme" => (200, json!({"limits": {"requests_per_minute": 5}})),
        "PATCH /admin/v1/tenants/acme" => (200, json!({"id": "acme"})),
        line if line == format!("GET {usage}") => (
            200,
            json!({"cost_usd": "0.000020000", "guardrails": [{"stage": "input", "check": "pii", "action": "redact",
                "dry_run": true, "requests": 3}], "data": [{"model": "m", "cost_usd": "0.000020000", "sum": {"requests": 1,
                "errors": 0, "unpriced": 0, "input_tokens": 10, "output_tokens": 5}}]}),
        ),
        other => (404, json!({"error": {"message": format!("nothing at {other}")}})),
    }));
    let (out, err, fine) = said(&gateway, &["budget", "show", "acme", "--user", "ann"]);
    assert!(fine, "{err}");
    assert!(
        out.lines().nth(1).unwrap().ends_with("50.000000000  0.000020000  0.000000000  49.999980000"),
        "{out}"
    );

    let (out, err, fine) =
        said(&gateway, &["budget", "set", "acme", "--tokens", "1000", "--per", "day", "--move-to", "small"]);
    assert!(fine && out.trim() == "acme may use 1000 tokens per day", "{out}{err}");
    let limits = json!({"requests_per_minute": 5,
        "budget": {"tokens": 1000, "per": "day", "hard": true, "move_to": "small"}});
    assert_eq!(sent(&gateway, "PATCH /admin/v1/tenants/acme"), json!({"limits": limits}));
    let (_, err, fine) = said(&gateway, &["budget", "set", "acme"]);
    assert!(!fine && err.contains("--usd"), "{err}");

    let (out, err, _) = said(&gateway, &["costs", "--by", "model", "--from", "2026-11-01"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines,
        [
            "model  requests  errors  unpriced  input_tokens  output_tokens     cost_usd",
            "m             1       0         0            10              5  0.000020000",
            "total $0.000020000",
            "input.pii=would-redact in 3 requests"
        ],
        "{err}"
    );
}

#[test]
fn a_broken_audit_log_fails_the_command() {
    let log = |text: &str| {
        let first = chained(GENESIS, "{\"action\":1}");
        let second = chained(&first, "{\"action\":2}");
        json!([{"number": 1, "text": "{\"action\":1}", "hash": first}, {"number": 2, "text": text, "hash": second}])
    };
    for (text, whole) in [("{\"action\":2}", true), ("{\"action\":3}", false)] {
        let entries = log(text);
        let gateway = Gateway::start(Box::new(move |asked, _| match asked.line.as_str() {
            "GET /admin/v1/audit?after=0&limit=1000" => (200, json!({"data": entries})),
            _ => (200, json!({"data": []})),
        }));
        let (out, err, fine) = said(&gateway, &["audit", "verify"]);
        assert_eq!((fine, out.starts_with("whole: 2 entries")), (whole, whole), "{out}{err}");
        assert_eq!(out.contains("BROKEN: entry 2 was changed"), !whole, "{out}");
        let (out, ..) = said(&gateway, &["audit", "verify", "--json"]);
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["whole"], whole);
    }
}

#[test]
fn errors_say_what_the_gateway_says_and_what_to_do() {
    let gateway = Gateway::start(Box::new(|_, _| {
        (400, json!({"error": {"message": "`id` is taken by another tenant"}}))
    }));
    let (_, err, fine) = said(&gateway, &["tenant", "create", "acme"]);
    assert_eq!((err.trim(), fine), ("sluice: `id` is taken by another tenant", false));
    let (_, err, fine) = said(&gateway, &["tenant", "delete", "acme"]);
    assert!(!fine && err.contains("say --yes"), "{err}");
    let nowhere = Gateway { url: "http://127.0.0.1:9".to_owned(), ..gateway };
    let (_, err, fine) = said(&nowhere, &["tenant", "list"]);
    assert!(!fine && err.contains("does not answer") && err.contains("SLUICE_URL"), "{err}");
}
