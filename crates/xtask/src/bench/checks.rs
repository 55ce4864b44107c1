//! The guardrails' checks in WASM, under Node: microseconds for a kilobyte of each kind of text.

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::build;
use crate::process::{command, root, show, target_dir};
use crate::setup;

/// What was measured.
#[derive(Debug, Deserialize, Serialize)]
pub struct Times {
    /// The checks, in the order of the columns.
    pub checks: Vec<String>,
    /// By kind of text.
    pub rows: Vec<Row>,
}

/// One kind of text.
#[derive(Debug, Deserialize, Serialize)]
pub struct Row {
    /// Which.
    pub text: String,
    /// How much of it.
    pub kilobytes: f64,
    /// Microseconds of CPU a kilobyte, by check: the least of many rounds.
    pub micros: Vec<f64>,
}

/// Builds the module as the bundles are built, and has Node time it.
///
/// # Errors
///
/// If it does not compile, or Node is not there.
pub fn measure() -> Result<Times> {
    let toolchain = setup::ensure_wasm()?;
    let mut cargo = command("cargo");
    cargo.args([
        "build",
        "--release",
        "--package",
        "sluice-guardrails-bench",
        "--target",
        "wasm32-unknown-unknown",
    ]);
    build::wasm_environment(&toolchain, &mut cargo);
    show("the guardrails' checks for WASM", &mut cargo)?;
    let module = target_dir().join("wasm32-unknown-unknown/release/sluice_guardrails_bench.wasm");
    let output = Command::new("node")
        .arg(root().join("tools/bench/checks.mjs"))
        .arg(&module)
        .output()
        .context("cannot run node: install Node 20 or later")?;
    if !output.status.success() {
        bail!("tools/bench/checks.mjs failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("tools/bench/checks.mjs printed no JSON")
}
