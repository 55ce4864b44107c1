//! A load generator for the benches: sends one request again and again over a number of connections, reads every answer to
//! its end, checks it, and prints what it saw as JSON.
//!
//! A closed loop: each connection sends its next request when the answer before has come whole. Connections are kept
//! alive. A wrong or broken answer is an error, and the exit code of a run with errors, or without an answer, is 1.

#![allow(clippy::disallowed_methods, reason = "a native tool: it has a clock")]

mod answer;
mod connection;
mod process;
mod tally;

use std::{
    cell::RefCell,
    fmt::Write as _,
    fs,
    io::Write as _,
    process::ExitCode,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio::task::{LocalSet, spawn_local};

use crate::{answer::Wanted, connection::Connection, tally::Tally};

/// The longest that one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends one request again and again and tells how quickly it was answered.
#[derive(Parser)]
struct Arguments {
    /// Where to: `http://127.0.0.1:PORT/path`
    url: String,
    /// A file with the body, sent by POST as JSON
    #[arg(long)]
    body: std::path::PathBuf,
    /// A header, `name: value`
    #[arg(long = "header")]
    headers: Vec<String>,
    /// How many connections at once
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// How long to measure
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How long to send before that
    #[arg(long, default_value_t = 0.5)]
    warm_up: f64,
    /// The answer is a stream of at least so many server-sent events, which ends as streams of its protocol end
    #[arg(long, conflicts_with = "contains")]
    events: Option<usize>,
    /// The answer is JSON that contains this text
    #[arg(long, default_value = "")]
    contains: String,
    /// Processes whose CPU time is told
    #[arg(long = "pid")]
    pids: Vec<u32>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = LocalSet::new().block_on(&runtime, run(&arguments))?;
    writeln!(std::io::stdout(), "{report}")?;
    let is_zero = |name: &str| report.get(name).is_some_and(|count| *count == 0);
    let good = is_zero("errors") && !is_zero("requests");
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run(arguments: &Arguments) -> Result<serde_json::Value> {
    let (address, request) = request(arguments)?;
    let wanted = match arguments.events {
        Some(events) => Wanted::Events(events),
        None => Wanted::Json(arguments.contains.clone()),
    };
    let begin = Instant::now() + Duration::from_secs_f64(arguments.warm_up);
    let end = begin + Duration::from_secs_f64(arguments.seconds);
    let tally = Rc::new(RefCell::new(Tally::new(begin, end)));
    let workers: Vec<_> = (0..arguments.connections)
        .map(|_| spawn_local(work(address.clone(), request.clone(), wanted.clone(), tally.clone(), end)))
        .collect();

    tokio::time::sleep_until(begin.into()).await;
    let before = process::cpu(&arguments.pids)?;
    tokio::time::sleep_until(end.into()).await;
    let after = process::cpu(&arguments.pids)?;
    for worker in workers {
        worker.await?;
    }
    let cpu = arguments.pids.iter().zip(before.iter().zip(after)).map(|(pid, (before, after))| {
        let spent = after.saturating_sub(*before).as_micros();
        (pid.to_string(), u64::try_from(spent).unwrap_or(u64::MAX).into())
    });
    let cpu = serde_json::Value::Object(cpu.collect());
    Ok(tally.borrow_mut().report(arguments.connections, cpu))
}

/// The address to connect to, and the bytes to send.
fn request(arguments: &Arguments) -> Result<(String, Rc<[u8]>)> {
    let rest = arguments.url.strip_prefix("http://").context("the URL must begin with http://")?;
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let body =
        fs::read(&arguments.body).with_context(|| format!("cannot read {}", arguments.body.display()))?;
    let mut head = format!("POST /{path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n");
    for header in &arguments.headers {
        if !header.contains(": ") || header.contains(['\r', '\n']) {
            bail!("`{header}` is no header: write `name: value`");
        }
        write!(head, "{header}\r\n")?;
    }
    write!(head, "content-length: {}\r\n\r\n", body.len())?;
    Ok((address.to_owned(), [head.as_bytes(), &body].concat().into()))
}

/// Sends until `end` over one connection, and over another after an error.
async fn work(address: String, request: Rc<[u8]>, wanted: Wanted, tally: Rc<RefCell<Tally>>, end: Instant) {
    let mut connection: Option<Connection> = None;
    while Instant::now() < end {
        let begun = Instant::now();
        let asked = tokio::time::timeout(PATIENCE, ask(connection.take(), &address, &request)).await;
        let outcome = match asked {
            Ok(outcome) => outcome,
            Err(_) => Err(anyhow::anyhow!("no whole answer within {PATIENCE:?}")),
        };
        let outcome = outcome.and_then(|(kept, first)| {
            wanted.check(kept.answer())?;
            Ok((kept, first))
        });
        match outcome {
            Ok((kept, first)) => {
                tally.borrow_mut().answered(begun, first, Instant::now(), kept.answer().body.len());
                connection = kept.reusable();
            }
            Err(error) => {
                tally.borrow_mut().failed(&error);
                // What refuses at once would be asked far too often.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn ask(connection: Option<Connection>, address: &str, request: &[u8]) -> Result<(Connection, Instant)> {
    let mut connection = match connection {
        Some(connection) => connection,
        None => Connection::open(address).await?,
    };
    let first = connection.ask(request).await?;
    Ok((connection, first))
}
