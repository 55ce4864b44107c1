//! Requests made up by Schemathesis from the gateway's own `/openapi.json`, against the running gateway: whatever is sent,
//! nothing is answered with 5xx, and nothing is answered without a credential.
//!
//! A gateway of its own on each host, as the operator's routes change what it holds. Bounded in time, and with a seed, so
//! that a failure can be had again; the command it prints is the way to do so.

use std::process::Command;

use sluice_tests::gateway::Gateway;
use sluice_tests::seed::{self, ADMIN_KEY};
use sluice_tests::{on_every_host, place};

/// Who asks, for which paths, for how many seconds.
const RUNS: [(&str, &str, u32); 2] =
    [("operator", "^/admin/", 30), ("caller", "^/(v1|v2|v1beta|healthz|readyz|openapi)", 25)];

fn nothing_made_up_breaks_it(shared: &Gateway) {
    let gateway = Gateway::start(shared.host, &seed::seed());
    for (who, paths, seconds) in RUNS {
        let key = if who == "operator" { ADMIN_KEY.to_owned() } else { seed::key(seed::TENANT) };
        let mut command = Command::new(place::schemathesis_python().with_file_name("st"));
        command.args(["run", &format!("{}/openapi.json", gateway.url()), "--include-path-regex", paths]);
        command.args(["--header", &format!("Authorization:Bearer {key}")]);
        command.args(["--checks", "not_a_server_error,ignored_auth", "--continue-on-failure"]);
        command.args(["--max-time", &seconds.to_string(), "--request-timeout", "15", "--seed", "5"]);
        command.args([
            "--suppress-health-check",
            "all",
            "--warnings",
            "off",
            "--no-shrink",
            "--no-color",
            "--generation-database",
            "none",
        ]);
        let status = command.current_dir(std::env::temp_dir()).env("CI", "1").status();
        let status = status.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        assert!(status.success(), "{who} on {}: {status}: {command:?}", shared.host);
        // It is still there.
        assert_eq!(gateway.request("GET", "/readyz").send().status, 200);
    }
}

on_every_host!(nothing_made_up_breaks_it);
