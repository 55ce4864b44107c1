//! `cargo xtask dev`: the gateway on this machine, with a tenant and a key that exist nowhere else.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::Host;
use crate::build::{self, Mode};
use crate::children::{self, Running};
use crate::process::{command, find_on_path, root, show, target_dir};
use crate::seed::{ADMIN_KEY, DEV_KEY, Seed};

/// Arguments of `cargo xtask dev`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where it runs: workerd, or Spin (our own host where `spin` is not installed)
    #[arg(long, default_value = "cloudflare")]
    host: Host,
    /// The port on 127.0.0.1
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// The configuration to serve; else sluice.yaml of this folder, else the providers whose credentials are set
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Build as for deployment: slower to compile, faster to run
    #[arg(long)]
    release: bool,
    /// Keep the store in this folder; without it everything is forgotten at the end
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// Runs `cargo xtask dev`; returns only on an error, since a signal ends the process.
///
/// # Errors
///
/// If something cannot be installed or built, the port is taken, or the server ends by itself.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    check_port(arguments.port)?;
    let mode = if arguments.release { Mode::Release } else { Mode::Dev };
    let bundle = build::bundle(arguments.host, mode)?;
    let own = root().join(build::CONFIGURATION);
    let own = Some(own).filter(|file| file.is_file());
    let seed = Seed::dev(arguments.config.as_deref().or(own.as_deref()))?;
    let folder = root().join("target/dev");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let (server, url) = match arguments.host {
        Host::Cloudflare => workerd(arguments, &bundle, &seed.write(&folder.join("cloudflare.json"))?)?,
        Host::Spin if find_on_path("spin").is_some() => spin(arguments, &bundle, &seed, &folder)?,
        Host::Spin => spin_host(arguments, &bundle, &seed.write(&folder.join("spin.json"))?)?,
    };
    children::serving();
    println!("{}", welcome(&url, &seed));
    let status = server.wait()?;
    bail!("the server stopped by itself ({status})");
}

fn check_port(port: u16) -> Result<()> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            bail!("port {port} of 127.0.0.1 is taken: choose another with --port, or stop what uses it")
        }
        Err(error) => bail!("port {port} of 127.0.0.1 is not free ({error}): choose another with --port"),
    }
}

fn workerd(arguments: &Arguments, bundle: &Path, seed: &Path) -> Result<(Running, String)> {
    let mut serve = command("node");
    serve.arg("tools/serve.mjs").arg("--bundle").arg(bundle).arg("--seed").arg(seed);
    let mode = if arguments.release { Mode::Release } else { Mode::Dev };
    serve.arg("--ingest").arg(build::ingest_dir(mode));
    serve.args(["--port", &arguments.port.to_string()]);
    if let Some(state) = &arguments.state {
        serve.arg("--state").arg(absolute(state)?);
    }
    start(&mut serve)
}

fn spin_host(arguments: &Arguments, bundle: &Path, seed: &Path) -> Result<(Running, String)> {
    let mut serve = command(ensure_spin_host()?);
    serve.args(["--manifest", "spin.toml", "--components"]).arg(bundle);
    serve.arg("--seed").arg(seed).args(["--listen", &format!("127.0.0.1:{}", arguments.port)]);
    serve.args(["--exit-on-stdin-close", "--tcp-nodelay"]);
    if let Some(state) = &arguments.state {
        serve.arg("--state").arg(absolute(state)?);
    }
    start(&mut serve)
}

/// Builds our host for Spin components; returns the program.
///
/// # Errors
///
/// If it does not compile.
pub fn ensure_spin_host() -> Result<PathBuf> {
    let mut build = command("cargo");
    build.args(["build", "--profile", "tool", "--package", "sluice-spin-host", "--bin", "spin-host"]);
    show("compiling crates/spin-host", &mut build)?;
    Ok(target_dir().join("tool/spin-host"))
}

/// Starts a server that prints `ready URL`; returns that URL.
///
/// # Errors
///
/// If it ends before it is ready.
pub fn start(serve: &mut Command) -> Result<(Running, String)> {
    let mut server = Running::start(serve.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
    let stdout = server.child.stdout.take().context("the server has no standard output")?;
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    while let Some(line) = lines.next() {
        if let Some(url) = line.strip_prefix("ready ") {
            let url = url.trim().to_owned();
            thread::spawn(move || lines.for_each(|line| eprintln!("{line}")));
            return Ok((server, url));
        }
        eprintln!("{line}");
    }
    let status = server.wait()?;
    bail!("the server did not start ({status})");
}

/// Serves with Spin itself, from a copy of the manifest that names the component just built.
fn spin(arguments: &Arguments, bundle: &Path, seed: &Seed, folder: &Path) -> Result<(Running, String)> {
    let text = fs::read_to_string(root().join("spin.toml")).context("cannot read spin.toml")?;
    let built = |name: &str| bundle.join(name).display().to_string();
    let text = ["gateway.wasm", "ingest.wasm"].iter().fold(text, |text, name| {
        text.replace(&format!("\"target/bundle/spin/{name}\""), &format!("{:?}", built(name)))
    });
    let manifest = folder.join("spin.toml");
    fs::write(&manifest, text).with_context(|| format!("cannot write {}", manifest.display()))?;

    let address = format!("127.0.0.1:{}", arguments.port);
    let mut serve = command("spin");
    serve.arg("up").arg("--from").arg(&manifest).args(["--listen", &address, "--quiet"]);
    match &arguments.state {
        Some(state) => serve.arg("--state-dir").arg(absolute(state)?),
        None => {
            let memory = folder.join("spin-runtime.toml");
            fs::write(&memory, "[key_value_store.default]\ntype = \"spin\"\n")?;
            serve.arg("--runtime-config-file").arg(memory)
        }
    };
    for (key, value) in seed.kv() {
        serve.arg("--key-value").arg(format!("{key}={value}"));
    }
    for (name, value) in seed.variables() {
        serve.env(format!("SPIN_VARIABLE_{name}"), value);
    }
    let mut server = Running::start(serve.stdin(Stdio::null()).stdout(std::io::stderr()))?;
    while TcpStream::connect(&address).is_err() {
        if let Some(status) = server.child.try_wait()? {
            bail!("spin did not start ({status})");
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok((server, format!("http://{address}")))
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{} is not a path", path.display()))
}

fn welcome(url: &str, seed: &Seed) -> String {
    let credentials: Vec<&str> =
        seed.variables().map(|(name, _)| name).filter(|name| *name != "SLUICE_ADMIN_KEY").collect();
    let providers = if credentials.is_empty() {
        "provider keys: none. Set OPENAI_API_KEY=... (or another provider's) in the environment or in .dev.vars, and start again"
            .to_owned()
    } else {
        format!("provider keys: {}", credentials.join(", "))
    };
    format!(
        "ready {url}\n\n\
         curl -sN {url}/v1/chat/completions -H 'Authorization: Bearer {DEV_KEY}' -H 'Content-Type: application/json' \
         -d '{{\"model\":\"builtin/extractive\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"{QUESTION}\"}}]}}'\n\n\
         {providers}\n\
         admin key: {ADMIN_KEY} (this machine only)"
    )
}

/// Holds its own answer: no model is needed.
const QUESTION: &str = "Sluice is compiled to WASM. The gateway runs on Cloudflare Workers and on Spin. \
                        Budgets are reserved before a call and settled after it. \
                        Where does the gateway run?";
