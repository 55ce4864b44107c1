//! A small host for Spin components, for machines where no `spin` binary is to be had.
//!
//! It runs the built components of a `spin.toml` on Wasmtime with the interfaces, limits and errors that Spin
//! gives a guest of spin-sdk 7, and serves it on a loopback port. It is for tests and local development: what
//! differs from Spin is listed in this crate's README.

#![expect(clippy::disallowed_methods, reason = "a native program: the bans are for code that runs in WASM")]

mod component;
mod guest;
mod key_value;
mod outbound;
mod serve;
mod sqlite;
mod wit;

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use serde::Deserialize;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use wasmtime_wasi_http::{handler::ProxyPre, p3::bindings::ServicePre};

use sluice_spin_host::{
    allowed_hosts::AllowedHosts,
    manifest::{Component, Manifest},
    store::Stores,
    variables::{self, Variables},
};

use crate::{
    guest::{Guest, Host},
    outbound::{Network, Outbound},
    serve::{Reuse, Server},
};

/// Serves the HTTP components of a Spin application on a loopback port.
#[derive(Parser)]
struct Arguments {
    /// The manifest, or its folder.
    #[arg(long, default_value = "spin.toml")]
    manifest: PathBuf,
    /// A folder that holds the components, in place of the one that each `source` of the manifest names.
    #[arg(long)]
    components: Option<PathBuf>,
    /// JSON `{"kv": {...}, "variables": {...}}`: pairs of the default store and values of variables.
    #[arg(long)]
    seed: Option<PathBuf>,
    /// A folder that keeps key-value pairs and databases; without it they end with the process.
    #[arg(long)]
    state: Option<PathBuf>,
    /// Where to listen; port 0 is any free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Set TCP_NODELAY on accepted connections, which Spin does not.
    #[arg(long)]
    tcp_nodelay: bool,
    /// PEM file of authorities to trust beside the public ones, for outbound requests.
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// Stores and databases configured beside `default`, as a Spin runtime configuration would.
    #[arg(long = "label")]
    labels: Vec<String>,
    /// Requests an instance serves in its life.
    #[arg(long, default_value = "128")]
    max_instance_reuse_count: NonZeroUsize,
    /// Requests an instance has unanswered at a time.
    #[arg(long, default_value = "16")]
    max_instance_concurrent_reuse_count: NonZeroUsize,
    /// How long an instance without work is kept, in seconds.
    #[arg(long, default_value = "1", value_parser = seconds)]
    idle_instance_timeout: Duration,
    /// Stop when stdin ends, which it does when the parent dies.
    #[arg(long)]
    exit_on_stdin_close: bool,
}

/// What `--seed` points to.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    #[serde(default)]
    kv: BTreeMap<String, String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text).parse::<f64>().map_err(|error| error.to_string())?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    match start(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("spin-host: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let served = runtime.block_on(run(arguments));
    // A statement that waits for rows nobody reads would keep its thread for ever.
    runtime.shutdown_background();
    served
}

async fn run(arguments: &Arguments) -> Result<()> {
    ensure!(arguments.listen.ip().is_loopback(), "--listen has to be a loopback address");
    let mut manifest = Manifest::read(&arguments.manifest)?;
    let components = std::mem::take(&mut manifest.components);
    for label in components.values().flat_map(|may| may.key_value_stores.iter().chain(&may.sqlite_databases))
    {
        if label != "default" && !arguments.labels.contains(label) {
            bail!(
                "the manifest uses `{label}`, which Spin knows only by a runtime configuration: give --label {label}"
            );
        }
    }
    let seed = match &arguments.seed {
        Some(file) => read_seed(file).with_context(|| format!("in the seed {}", file.display()))?,
        None => Seed::default(),
    };
    for name in variables::undeclared(&manifest, &seed.variables) {
        eprintln!("spin-host: the manifest declares no variable `{name}`");
    }
    let needs_databases = components.values().any(|may| !may.sqlite_databases.is_empty());
    let state = State::open(arguments.state.as_deref(), needs_databases)?;
    let pairs = arguments.state.as_ref().map(|folder| folder.join("sqlite_key_value.db"));
    let stores = Stores::open(pairs.as_deref())?;
    let pairs: Vec<_> = seed.kv.into_iter().map(|(key, value)| (key, value.into_bytes())).collect();
    stores.store("default").set_many(&pairs).map_err(anyhow::Error::msg).context("cannot seed")?;

    let listener = TcpListener::bind(arguments.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let address = listener.local_addr()?;
    let network = Arc::new(Network::new(address, arguments.ca_file.as_deref())?);
    let engine = component::engine()?;
    let reuse = Reuse {
        requests: arguments.max_instance_reuse_count.get(),
        concurrent: arguments.max_instance_concurrent_reuse_count.get(),
        idle: arguments.idle_instance_timeout,
    };
    let mut server = Server::new(std::mem::take(&mut manifest.routes));
    for (id, may) in components {
        let add = || {
            let variables =
                Variables::new(&manifest, &may, &seed.variables, |name| std::env::var(name).ok())?;
            let resolve =
                |host: &String| variables.resolve(host).with_context(|| format!("allowed host `{host}`"));
            let allowed = may.allowed_outbound_hosts.iter().map(resolve).collect::<Result<Vec<_>>>()?;
            let outbound = Outbound::new(AllowedHosts::parse(&allowed)?, network.clone());
            let pre = prepare(&engine, &component_file(&may, arguments.components.as_deref())?)?;
            anyhow::Ok((variables, outbound, pre))
        };
        let (variables, outbound, pre) = add().with_context(|| format!("component `{id}`"))?;
        let host = Host {
            may,
            variables,
            stores: stores.clone(),
            databases: state.folder.clone(),
            outbound: Arc::new(outbound),
        };
        server.add(id, engine.clone(), pre, Arc::new(host), reuse);
    }
    let server = Arc::new(server);
    network.connect(&server);
    println!("ready http://{address}");
    tokio::select! {
        () = server.serve(listener, arguments.tcp_nodelay) => Ok(()),
        stopped = stop(arguments.exit_on_stdin_close) => stopped,
    }
}

/// Where a component is: under its own name in the folder given, else where the manifest says.
fn component_file(may: &Component, folder: Option<&Path>) -> Result<PathBuf> {
    let source = may.source.as_deref().context("its source is not a file")?;
    Ok(match (folder, source.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => source.to_owned(),
    })
}

/// Compiles and links the component in `file`.
fn prepare(engine: &wasmtime::Engine, file: &Path) -> Result<ProxyPre<Guest>> {
    let component = component::load(engine, file)?;
    let pre = guest::linker(engine)?.instantiate_pre(&component).map_err(anyhow::Error::from);
    let pre = ServicePre::new(pre.context("the component does not link")?).map_err(anyhow::Error::from);
    Ok(ProxyPre::P3(pre.context("the component does not export wasi:http/handler@0.3.0")?))
}

fn read_seed(file: &Path) -> Result<Seed> {
    Ok(serde_json::from_slice(&fs::read(file)?)?)
}

/// Waits for a signal, or for the end of stdin.
async fn stop(at_end_of_stdin: bool) -> Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (ended, mut end) = tokio::sync::mpsc::channel::<()>(1);
    if at_end_of_stdin {
        // A thread of its own: reads of stdin cannot be given up.
        std::thread::spawn(move || {
            let mut stdin = std::io::stdin().lock();
            let mut buffer = [0; 256];
            while stdin.read(&mut buffer).is_ok_and(|length| length != 0) {}
            drop(ended);
        });
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = end.recv() => {}
        }
    } else {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
    Ok(())
}

/// The folder of databases: the given one, or one that goes when this value does.
struct State {
    folder: PathBuf,
    temporary: bool,
}

impl State {
    fn open(given: Option<&Path>, needed: bool) -> Result<Self> {
        let folder = match given {
            Some(folder) => folder.to_owned(),
            None => std::env::temp_dir().join(format!("spin-host-{}", std::process::id())),
        };
        if given.is_some() || needed {
            fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(Self { folder, temporary: given.is_none() && needed })
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if self.temporary {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
