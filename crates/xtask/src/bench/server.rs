//! The servers that are measured, with a tenant of their own.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::Host;
use crate::build::{self, Mode};
use crate::children::Running;
use crate::dev::{ensure_spin_host, start};
use crate::process::{command, root, show, target_dir};
use crate::seed::sha256_hex;

/// The bench tenant's key. It does not look like one of ours: the mock refuses those, and sees it when it is asked
/// without the gateway.
pub const KEY: &str = "bench";
/// The key of a tenant with limits and a budget, which is else the same.
pub const LIMITED_KEY: &str = "bench-limited";
/// The tenant that asks.
pub const TENANT: &str = "bench";
/// The tenant with limits and a budget.
pub const LIMITED: &str = "bench-limited";
const ADMIN_KEY: &str = "sluice-admin-bench";

/// How long a request of ours may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is run.
pub struct Programs {
    /// The load generator.
    pub load: PathBuf,
    mock: PathBuf,
}

impl Programs {
    /// Builds them.
    ///
    /// # Errors
    ///
    /// If they do not compile.
    pub fn build() -> Result<Self> {
        let mut build = command("cargo");
        build.args([
            "build",
            "--profile",
            "tool",
            "--package",
            "sluice-testing",
            "--no-default-features",
            "--features",
            "mock",
        ]);
        build.args(["--bin", "mock-provider", "--bin", "load"]);
        show("compiling the mock provider and the load generator", &mut build)?;
        let tools = target_dir().join("tool");
        Ok(Self { load: tools.join("load"), mock: tools.join("mock-provider") })
    }

    /// Starts the mock provider.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn mock(&self) -> Result<Server> {
        let mut serve = command(&self.mock);
        serve.args(["--no-log", "--exit-on-stdin-close"]);
        Server::start(&mut serve)
    }
}

/// A server that is up.
pub struct Server {
    running: Running,
    /// Its address.
    pub url: String,
    /// The process that does the work.
    pub pid: u32,
    /// From its start until it was ready, in milliseconds.
    pub start_ms: f64,
}

impl Server {
    fn start(serve: &mut std::process::Command) -> Result<Self> {
        let begun = Instant::now();
        let (running, url) = start(serve)?;
        let pid = running.child.id();
        Ok(Self {
            running,
            url,
            pid: workerd_below(pid).unwrap_or(pid),
            start_ms: milliseconds(begun.elapsed()),
        })
    }

    /// The Worker in `bundle`, in workerd.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn workerd(bundle: &Path, seed: &Path) -> Result<Self> {
        let mut serve = command("node");
        Self::start(serve.arg("tools/serve.mjs").arg("--bundle").arg(bundle).arg("--seed").arg(seed))
    }

    /// The component in our host for Spin.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn spin(host: &Path, bundle: &Path, seed: &Path, nodelay: bool) -> Result<Self> {
        let mut serve = command(host);
        serve.args(["--manifest", "spin.toml", "--components"]).arg(bundle);
        serve.arg("--seed").arg(seed).arg("--exit-on-stdin-close");
        if nodelay {
            serve.arg("--tcp-nodelay");
        }
        // Every error of the guest's would carry a stack.
        Self::start(serve.env_remove("RUST_BACKTRACE"))
    }

    /// How long one request over a connection of its own takes, in milliseconds.
    ///
    /// # Errors
    ///
    /// If it is not answered with 200.
    pub fn request_ms(&self, body: &str) -> Result<f64> {
        let begun = Instant::now();
        self.ask("POST", "/v1/chat/completions", KEY, body)?;
        Ok(milliseconds(begun.elapsed()))
    }

    /// How many requests of `tenant` the cost log holds.
    ///
    /// # Errors
    ///
    /// If the gateway does not tell.
    pub fn logged(&self, tenant: &str) -> Result<u64> {
        let answer = self.ask("GET", &format!("/admin/v1/costs?tenant={tenant}"), ADMIN_KEY, "")?;
        let (_, body) = answer.split_once("\r\n\r\n").context("an answer without a body")?;
        // Between the sizes of chunks, if the body comes in any.
        let json = body
            .find('{')
            .and_then(|from| body.get(from..=body.rfind('}')?))
            .context("costs that are not JSON")?;
        let costs: serde_json::Value = serde_json::from_str(json).context("costs that are not JSON")?;
        costs.pointer("/sum/requests").and_then(serde_json::Value::as_u64).context("costs without a sum")
    }

    /// Ends it.
    ///
    /// # Errors
    ///
    /// If the system does not tell of its end.
    pub fn stop(self) -> Result<()> {
        self.running.stop()
    }

    fn ask(&self, method: &str, path: &str, key: &str, body: &str) -> Result<String> {
        let address = self.url.trim_start_matches("http://");
        let mut stream =
            TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes())?;
        let answer = read(&mut stream).with_context(|| format!("no answer from {path}"))?;
        if !answer.starts_with("HTTP/1.1 200") {
            bail!("{method} {path}: {}", answer.lines().next().unwrap_or("no answer"));
        }
        Ok(answer)
    }
}

/// Reads an answer to its end, which servers tell sooner than they close a connection.
fn read(stream: &mut TcpStream) -> Result<String> {
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length =
                head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
            let whole =
                length.map_or_else(|| body.ends_with("0\r\n\r\n"), |length: usize| length <= body.len());
            if whole {
                return Ok(text.into_owned());
            }
        }
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(text.into_owned());
        }
        drop(text);
        answer.extend(piece.iter().take(read));
    }
}

/// Builds a host's release bundle.
///
/// # Errors
///
/// If it does not build.
pub fn bundle(host: Host) -> Result<PathBuf> {
    build::bundle(host, Mode::Release)
}

/// The pass-through Worker, which needs no building.
pub fn passthrough() -> PathBuf {
    root().join("tools/bench/passthrough")
}

/// The Worker in plain JavaScript that does for the platform what the gateway does.
pub fn javascript() -> PathBuf {
    root().join("tools/bench/javascript")
}

/// Builds our host for Spin components.
///
/// # Errors
///
/// If it does not compile.
pub fn spin_host() -> Result<PathBuf> {
    ensure_spin_host()
}

/// Writes what the servers start with: a key of a tenant, one of a tenant with limits, and one model whose one target is the mock.
///
/// # Errors
///
/// If it cannot be written.
pub fn seed(folder: &Path, mock: &str) -> Result<PathBuf> {
    let config = json!({
        "providers": {"house": {"format": "openai_chat", "base_url": format!("{mock}/v1"), "api_key": "$HOUSE_KEY",
            "prices": {"m": {"input": 1, "output": 2}}}},
        "models": {TENANT: {"targets": ["house/m"]}},
    });
    // So much that nothing is ever refused.
    let limits = json!({"requests_per_minute": 1_000_000_000, "tokens_per_minute": 1_000_000_000_000_u64,
        "concurrent_requests": 1_000_000, "budget": {"usd": 1_000_000, "per": "month"}});
    let seed = json!({
        "kv": {
            format!("key/{}", sha256_hex(LIMITED_KEY)): json!({"id": "key_limited", "tenant": LIMITED}).to_string(),
            format!("tenant/{LIMITED}"): json!({"id": LIMITED, "limits": limits}).to_string(),
            format!("key/{}", sha256_hex(KEY)): json!({"id": "key_bench", "tenant": TENANT}).to_string(),
            format!("tenant/{TENANT}"): json!({"id": TENANT}).to_string(),
            "config/active": "bench",
            "config/version/bench": config.to_string(),
        },
        "variables": {"HOUSE_KEY": "bench", "SLUICE_ADMIN_KEY": ADMIN_KEY},
    });
    write(&folder.join("seed.json"), &seed)
}

/// Writes what the pass-through Worker and the one in plain JavaScript start with.
///
/// # Errors
///
/// If it cannot be written.
pub fn passthrough_seed(folder: &Path, mock: &str) -> Result<PathBuf> {
    write(&folder.join("passthrough.json"), &json!({"variables": {"UPSTREAM": mock}}))
}

fn write(file: &Path, seed: &serde_json::Value) -> Result<PathBuf> {
    fs::write(file, seed.to_string()).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file.to_owned())
}

/// The workerd that a Node process has started, if any.
fn workerd_below(parent: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    let mut children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    children.find(|pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "workerd")
    })
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
