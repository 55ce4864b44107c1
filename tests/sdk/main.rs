//! The official SDKs, unmodified, against the running gateway with the mock behind; and against the mock itself, which
//! proves that it answers as their providers do.
//!
//! The suites themselves are in `python/` and `node/`. This only starts what they need.

use std::process::Command;

use sluice_tests::gateway::{Gateway, Host};
use sluice_tests::mock::Mock;
use sluice_tests::{place, run, seed};

/// A suite and how it is run.
type Suite = fn() -> Command;

fn python() -> Command {
    let mut command = Command::new(place::python());
    command.args(["-B", "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"]);
    command.current_dir(place::root().join("tests/sdk/python"));
    command
}

fn frameworks() -> Command {
    let mut command = Command::new(place::frameworks_python());
    command.args(["-B", "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"]);
    command.current_dir(place::root().join("tests/sdk/frameworks"));
    command
}

fn node() -> Command {
    let mut command = Command::new("node");
    command.args(["--test", "--test-reporter=spec"]).current_dir(place::root().join("tests/sdk/node"));
    command
}

fn against_gateway(gateway: &Gateway, suite: Suite) {
    check(suite().env("SLUICE_URL", gateway.url()).env("SLUICE_KEY", seed::key(seed::TENANT)));
}

fn against_mock(suite: Suite) {
    let url = Mock::shared().url();
    check(suite().env("SLUICE_URL", url).env("SLUICE_KEY", "sk-upstream").env("SLUICE_DIRECT", "1"));
}

fn check(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}

#[test]
fn python_and_the_mock() {
    against_mock(python);
}

#[test]
fn node_and_the_mock() {
    against_mock(node);
}

#[test]
fn python_and_cloudflare() {
    run(Host::Cloudflare, |gateway| against_gateway(gateway, python));
}

#[test]
fn frameworks_and_cloudflare() {
    run(Host::Cloudflare, |gateway| against_gateway(gateway, frameworks));
}

#[test]
fn frameworks_and_spin() {
    run(Host::Spin, |gateway| against_gateway(gateway, frameworks));
}

#[test]
fn node_and_cloudflare() {
    run(Host::Cloudflare, |gateway| against_gateway(gateway, node));
}

#[test]
fn python_and_spin() {
    run(Host::Spin, |gateway| against_gateway(gateway, python));
}

#[test]
fn node_and_spin() {
    run(Host::Spin, |gateway| against_gateway(gateway, node));
}
