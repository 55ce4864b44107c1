//! The mock provider: `crates/testing/src/mock.rs` says what it can be told.

use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::Request;
use crate::place;
use crate::process::Server;

/// A running mock provider.
pub struct Mock(Server);

impl Mock {
    /// The one that all gateways of this process share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Mock> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        let mut command = Command::new(place::mock_provider());
        command.args(["--port", "0", "--exit-on-stdin-close"]);
        Self(Server::start(command))
    }

    /// A base URL at which these clauses hold, with the path below which a format is spoken.
    pub fn base_url(&self, clauses: &str, path: &str) -> String {
        format!("{}/f/{clauses}{path}", self.0.url)
    }

    /// Without a path.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// What was asked under this id, oldest first.
    pub fn log(&self, id: &str) -> Vec<Value> {
        let answer = Request::new(self.0.address(), "GET", &format!("/_log?id={id}")).send().expect(200);
        answer.json().as_array().cloned().unwrap_or_default()
    }

    /// The log once all its requests are over.
    pub fn settled_log(&self, id: &str) -> Vec<Value> {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let log = self.log(id);
            let running = log.iter().any(|entry| entry["outcome"] == "running");
            if (!running && !log.is_empty()) || deadline < Instant::now() {
                return log;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Which base URLs were asked under this id, by the first id of each: `primary`, `secondary`, …
    pub fn asked(&self, id: &str) -> Vec<String> {
        let name = |entry: &Value| entry["ids"][0].as_str().unwrap_or_default().to_owned();
        self.log(id).iter().map(name).collect()
    }
}
