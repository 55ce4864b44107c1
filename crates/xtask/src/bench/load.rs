//! One measurement: the load generator against one server.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::server::Programs;
use crate::process::command;

/// What the mock is asked for: a whole answer of one sentence.
const WHOLE: &str = r#"{"model":"bench","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"Say something short, please."}]}"#;
/// A stream of fifty tokens without pauses, each a frame and a write of its own.
const STREAM: &str = r#"{"model":"bench","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"[[tokens 50]]"}]}"#;
/// The least events in that stream.
const EVENTS: usize = 50;
/// How long each measurement sends before it counts.
const WARM_UP_SECONDS: &str = "0.4";

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// A chat answered as a whole.
    Whole,
    /// A chat answered as a stream.
    Stream,
}

impl Shape {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Whole, Self::Stream];

    /// The request's body.
    pub fn body(self) -> &'static str {
        match self {
            Self::Whole => WHOLE,
            Self::Stream => STREAM,
        }
    }
}

/// A server under load.
#[derive(Debug)]
pub struct Subject<'a> {
    /// What the table calls it.
    pub name: &'static str,
    /// Its address.
    pub url: &'a str,
    /// The process that does the work.
    pub pid: u32,
    /// The key that is shown.
    pub key: &'static str,
}

/// What the load generator saw.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Load {
    /// Whole answers.
    pub requests: u64,
    /// Answers that were wrong, broken or missing.
    errors: u64,
    /// The first of these.
    error: Option<String>,
    /// Whole answers per second.
    pub per_second: f64,
    /// From the request's first byte to the answer's last, in microseconds.
    pub total_us: Percentiles,
    /// To the answer's first.
    pub first_byte_us: Percentiles,
    /// CPU time of the process, by its id.
    cpu_us: BTreeMap<String, u64>,
}

/// Times that so many percent of the requests stayed below.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Percentiles {
    /// Half of them.
    pub p50: f64,
    /// All but one in a hundred.
    pub p99: f64,
}

impl Load {
    /// CPU time per request, in microseconds.
    pub fn cpu_per_request(&self) -> f64 {
        self.cpu_us.values().sum::<u64>() as f64 / self.requests.max(1) as f64
    }
}

/// Puts load on `subject`.
///
/// # Errors
///
/// If an answer is wrong.
pub fn run(
    programs: &Programs,
    folder: &Path,
    subject: &Subject<'_>,
    shape: Shape,
    connections: usize,
    seconds: f64,
) -> Result<Load> {
    let body = folder.join(format!("{shape:?}-request.json").to_lowercase());
    std::fs::write(&body, shape.body()).with_context(|| format!("cannot write {}", body.display()))?;
    let mut load = command(&programs.load);
    load.arg(format!("{}/v1/chat/completions", subject.url)).arg("--body").arg(body);
    load.args(["--header", &format!("authorization: Bearer {}", subject.key)]);
    load.args(["--connections", &connections.to_string(), "--seconds", &seconds.to_string()]);
    load.args(["--warm-up", WARM_UP_SECONDS, "--pid", &subject.pid.to_string()]);
    match shape {
        Shape::Whole => load.args(["--contains", "You said: Say something"]),
        Shape::Stream => load.args(["--events", &EVENTS.to_string()]),
    };
    let output = load
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start the load generator")?;
    let load: Load = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("no result from the load on {}", subject.name))?;
    if 0 < load.errors || load.requests == 0 {
        let first = load.error.unwrap_or_else(|| "none was answered".to_owned());
        bail!("{}: {} wrong answers, {} right ones: {first}", subject.name, load.errors, load.requests);
    }
    Ok(load)
}
