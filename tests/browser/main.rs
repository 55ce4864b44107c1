//! A page in Chromium, on another origin, against the running gateway. The suite is `page.test.mjs`.

use std::process::Command;

use serde_json::{Value, json};
use sluice_tests::gateway::{Gateway, Host};
use sluice_tests::{place, seed};

fn streams_to_a_page(host: Host) {
    if !host.is_wanted() {
        return;
    }
    let gateway = Gateway::start(host, &any_origin());
    let mut command = Command::new("node");
    command
        .args(["--test", "--test-reporter=tap", "page.test.mjs"])
        .current_dir(place::root().join("tests/browser"));
    command.env("SLUICE_URL", gateway.url()).env("SLUICE_KEY", seed::key(seed::TENANT));
    let status = command.status().unwrap_or_else(|error| panic!("cannot start node: {error}"));
    assert!(status.success(), "page.test.mjs: {status}");
}

/// The page's port is the system's choice, so every origin is allowed, as it is by default.
fn any_origin() -> Value {
    let mut seed = seed::seed();
    let config = &mut seed["kv"]["config/version/test"];
    let mut changed: Value =
        config.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    changed["cors"] = json!({ "origins": ["*"] });
    *config = changed.to_string().into();
    seed
}

#[test]
fn cloudflare_streams_to_a_page() {
    streams_to_a_page(Host::Cloudflare);
}

#[test]
fn spin_streams_to_a_page() {
    streams_to_a_page(Host::Spin);
}
