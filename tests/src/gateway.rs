//! The gateway on one of its hosts.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::{Answer, Live, Request};
use crate::mock::Mock;
use crate::process::Server;
use crate::protocol::Protocol;
use crate::{place, seed};

/// What runs the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// The built Worker in workerd.
    Cloudflare,
    /// The built component in our host for Spin.
    Spin,
}

/// All of them.
pub const HOSTS: [Host; 2] = [Host::Cloudflare, Host::Spin];

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cloudflare => "cloudflare",
            Self::Spin => "spin",
        })
    }
}

impl Host {
    /// Whether `SLUICE_HOSTS` names it; without that variable all are wanted.
    pub fn is_wanted(self) -> bool {
        let Ok(wanted) = std::env::var("SLUICE_HOSTS") else { return true };
        wanted.split(',').any(|name| name.trim() == self.to_string())
    }

    /// The gateway, and `ingest` beside it.
    fn deployed(self) -> Command {
        match self {
            Self::Cloudflare => worker(&place::cloudflare_bundle(), &place::ingest_bundle()),
            Self::Spin => component(&place::spin_manifest(), &place::spin_bundle()),
        }
    }

    /// The contracts of the ports; on Cloudflare in both Workers, which share their stores and objects.
    fn contracts(self) -> Command {
        match self {
            Self::Cloudflare => worker(&place::cloudflare_contract(), &place::cloudflare_contract()),
            Self::Spin => component(&place::spin_contract_manifest(), &place::spin_contract()),
        }
    }
}

fn worker(bundle: &Path, ingest: &Path) -> Command {
    let mut command = Command::new("node");
    command.arg(place::serve_script()).arg("--bundle").arg(bundle).arg("--ingest").arg(ingest);
    command.args(["--port", "0"]);
    command
}

fn component(manifest: &Path, folder: &Path) -> Command {
    let mut command = Command::new(place::spin_host());
    command.arg("--manifest").arg(manifest).arg("--components").arg(folder);
    command.args(["--listen", "127.0.0.1:0", "--exit-on-stdin-close", "--tcp-nodelay"]);
    command
}

/// A running gateway.
pub struct Gateway {
    /// What runs it.
    pub host: Host,
    server: Server,
}

impl Gateway {
    /// The gateway on `host` that all scenarios of this process share.
    pub fn shared(host: Host) -> &'static Self {
        static SHARED: [OnceLock<Gateway>; 2] = [OnceLock::new(), OnceLock::new()];
        SHARED[host as usize].get_or_init(|| Self::start(host, &seed::seed()))
    }

    /// A gateway of its own, which ends when it is dropped.
    pub fn start(host: Host, seed: &Value) -> Self {
        Self::start_in(host, seed, None)
    }

    /// What answers on `host` in the gateway's place where the contracts of the ports are run, with the same bindings.
    pub fn start_contracts(host: Host, seed: &Value) -> Self {
        Self::serve(host, host.contracts(), seed)
    }

    /// A gateway of its own whose state is kept in a folder.
    pub fn start_in(host: Host, seed: &Value, state: Option<&Path>) -> Self {
        let mut command = host.deployed();
        if let Some(state) = state {
            command.arg("--state").arg(state);
        }
        Self::serve(host, command, seed)
    }

    fn serve(host: Host, mut command: Command, seed: &Value) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sluice-test-{}-{number}-{host}.json", std::process::id());
        let file = std::env::temp_dir().join(name);
        let mut opened =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file).expect("a seed file");
        opened.write_all(seed.to_string().as_bytes()).expect("a seed file");
        command.arg("--seed").arg(&file);
        let server = Server::start(command);
        // It has been read by now.
        let _ = fs::remove_file(&file);
        Self { host, server }
    }

    /// Ends it at once, as a crash of the machine would.
    pub fn kill(self) {
        self.server.kill();
    }

    /// A request to `ingest`.
    pub fn ingest(&self, method: &str, path: &str) -> Request {
        let url = self.server.ingest.as_deref().unwrap_or(&self.server.url);
        Request::new(url.trim_start_matches("http://"), method, path)
    }

    /// Without a path.
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// The provider behind it.
    pub fn mock(&self) -> &'static Mock {
        Mock::shared()
    }

    /// A name nothing else has, for `[[id NAME]]`.
    pub fn unique(&self, name: &str) -> String {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        format!("{name}-{}-{}", self.host, NUMBER.fetch_add(1, Ordering::Relaxed))
    }

    /// A request without a credential.
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.server.address(), method, path)
    }

    /// A GET with the usual key.
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path).key(&seed::key(seed::TENANT)).send()
    }

    /// A POST with the usual key.
    pub fn post(&self, path: &str, body: &Value) -> Request {
        self.request("POST", path).key(&seed::key(seed::TENANT)).json(body)
    }

    /// Asks in a protocol and reads the whole answer.
    pub fn ask(&self, protocol: Protocol, model: &str, text: &str) -> Answer {
        self.post(&protocol.path(model, false), &protocol.ask(model, text, false)).send()
    }

    /// Asks for a stream and reads all of it.
    pub fn stream(&self, protocol: Protocol, model: &str, text: &str) -> Answer {
        self.open(protocol, model, text).rest()
    }

    /// Asks for a stream and reads its head.
    pub fn open(&self, protocol: Protocol, model: &str, text: &str) -> Live {
        self.post(&protocol.path(model, true), &protocol.ask(model, text, true)).open()
    }

    /// The cost log's sums for a tenant today, once there are `requests` of them.
    pub fn costs(&self, tenant: &str, requests: u64) -> Value {
        let path = format!("/admin/v1/costs?tenant={tenant}");
        let deadline = Instant::now() + Duration::from_secs(8);
        loop {
            let costs = self.request("GET", &path).key(seed::ADMIN_KEY).send().expect(200).json();
            let counted = costs["sum"]["requests"].as_u64().unwrap_or_default();
            if requests <= counted || deadline < Instant::now() {
                assert_eq!(counted, requests, "requests in the cost log of {tenant}: {costs}");
                return costs["sum"].clone();
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}
