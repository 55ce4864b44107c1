//! What providers and callers must not learn.

use sluice_tests::gateway::Gateway;
use sluice_tests::protocol::PROTOCOLS;
use sluice_tests::seed::{self, PROVIDER_KEY, TENANT};
use sluice_tests::{on_every_host, place};

fn the_callers_headers_stay_here(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for model in ["chat-openai", "chat-anthropic"] {
            let id = gateway.unique("headers");
            let body = protocol.ask(model, &format!("hi [[id {id}]]"), false);
            let mut request = gateway
                .post(&protocol.path("chat-openai", false), &body)
                .header("x-api-key", &seed::key(TENANT));
            for (name, value) in [
                ("cookie", "session=secret"),
                ("x-forwarded-for", "203.0.113.9"),
                ("cf-connecting-ip", "203.0.113.9"),
                ("x-real-ip", "203.0.113.9"),
                ("origin", "http://app.test"),
                ("referer", "http://app.test/page"),
                ("sluice-tags", "team=search"),
                ("openai-organization", "org-of-the-caller"),
                ("x-caller-private", "private"),
            ] {
                request = request.header(name, value);
            }
            // The mock refuses most of these itself.
            request.send().expect(200);
            let sent = gateway.mock().log(&id)[0]["headers"].to_string();
            for private in
                ["secret;", "session", "203.0.113.9", "app.test", "org-of-the-caller", "private", "sk-sluice"]
            {
                assert!(!sent.contains(private), "{protocol} {model}: {private} in {sent}");
            }
            assert!(sent.contains(PROVIDER_KEY), "{protocol} {model}: not the provider's own key: {sent}");
        }
    }
}

fn the_providers_secret_stays_here(gateway: &Gateway) {
    for protocol in PROTOCOLS {
        for fault in [
            "",
            "[[fault status=401]]",
            "[[fault status=500]]",
            "[[fault reset]]",
            "[[fault body=malformed]]",
        ] {
            let answer = gateway.ask(protocol, "chat-openai", fault);
            assert!(!answer.text().contains(PROVIDER_KEY), "{protocol} {fault}");
            assert!(!answer.text().contains("127.0.0.1"), "the provider's address: {}", answer.text());
            assert!(answer.header("request-id") != Some("req_mock"), "the provider's own request id");
        }
    }
}

/// The keys of local runs are data that `cargo xtask dev` seeds: nothing that is deployed knows them.
#[test]
fn the_bundles_hold_no_development_key() {
    let (gateway, ingest, spin) = (place::cloudflare_bundle(), place::ingest_bundle(), place::spin_bundle());
    let workers = [gateway, ingest]
        .into_iter()
        .flat_map(|folder| ["index_bg.wasm", "index.js"].map(|name| folder.join(name)));
    let components = ["gateway.wasm", "ingest.wasm"].map(|name| spin.join(name));
    for file in workers.chain(components) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(1_000 < bytes.len(), "{} is a bundle", file.display());
        // `sk-sluice-` alone is what every key begins with.
        for key in ["sk-sluice-dev", "sluice-admin-dev"] {
            let found = bytes.windows(key.len()).any(|window| window == key.as_bytes());
            assert!(!found, "{key} is in {}", file.display());
        }
    }
}

on_every_host!(the_callers_headers_stay_here, the_providers_secret_stays_here);
