//! What was asked, and how each answer ended.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// Older requests are forgotten.
const MOST: usize = 20_000;

/// The requests so far, oldest first.
#[derive(Default)]
pub struct Log {
    requests: Mutex<Requests>,
    /// How many requests each `id` has made, for `times=`.
    counts: Mutex<HashMap<String, u32>>,
}

#[derive(Default)]
struct Requests {
    /// The number of the oldest one kept.
    first: u64,
    kept: VecDeque<Entry>,
}

struct Entry {
    ids: Vec<String>,
    at_ms: u64,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
    status: Option<u16>,
    chunks: u64,
    outcome: Outcome,
    end_ms: Option<u64>,
    /// Tokens it would charge for, if it is answered to the end: input, of that read from a cache, output.
    usage: Option<[u64; 3]>,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not yet.
    Running,
    /// As planned, be it with an error.
    Finished,
    /// The mock reset the connection, as it was told.
    Reset,
    /// The peer went away first.
    HungUp,
}

impl Log {
    /// Counts one more request of `id`, from 1.
    pub fn count(&self, id: &str) -> u32 {
        let mut counts = lock(&self.counts);
        let count = counts.entry(id.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// Forgets the requests of `id`, or all.
    pub fn clear(&self, id: Option<&str>) {
        let Some(id) = id else {
            lock(&self.counts).clear();
            let mut requests = lock(&self.requests);
            requests.first += requests.kept.len() as u64;
            requests.kept.clear();
            return;
        };
        lock(&self.counts).remove(id);
        // Entries stay where they are, as their numbers are their places; without a name nothing finds them.
        for entry in &mut lock(&self.requests).kept {
            entry.ids.retain(|name| name != id);
        }
    }

    /// The requests of `id`, or all, as JSON.
    pub fn json(&self, id: Option<&str>) -> String {
        let requests = lock(&self.requests);
        let wanted = |entry: &&Entry| id.is_none_or(|id| entry.ids.iter().any(|name| name == id));
        let all: Vec<String> = requests.kept.iter().filter(wanted).map(Entry::json).collect();
        format!("[{}]", all.join(",\n"))
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut Entry)) {
        let mut requests = lock(&self.requests);
        let place = number.checked_sub(requests.first).and_then(|place| usize::try_from(place).ok());
        if let Some(entry) = place.and_then(|place| requests.kept.get_mut(place)) {
            change(entry);
        }
    }
}

impl Entry {
    fn json(&self) -> String {
        let headers: Map<String, Value> = self
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
            .collect();
        let outcome = match self.outcome {
            Outcome::Running => "running",
            Outcome::Finished => "finished",
            Outcome::Reset => "reset",
            Outcome::HungUp => "hung_up",
        };
        // The body goes in as it came: members in their order, numbers as they were written.
        let body = match serde_json::from_slice::<&RawValue>(&self.body) {
            Ok(body) => body.get().to_owned(),
            Err(_) => Value::from(String::from_utf8_lossy(&self.body)).to_string(),
        };
        let rest = json!({
            "ids": self.ids,
            "at_ms": self.at_ms,
            "end_ms": self.end_ms,
            "method": self.method.as_str(),
            "path": self.path,
            "headers": headers,
            "status": self.status,
            "chunks": self.chunks,
            "outcome": outcome,
            "usage": self.usage.map(|[input, cache_read, output]| {
                json!({"input": input, "cache_read": cache_read, "output": output})
            }),
        })
        .to_string();
        format!("{{\"body\":{body},{}", rest.trim_start_matches('{'))
    }
}

/// Writes down how one answer goes. If it is dropped early the peer has hung up.
pub struct Recorder {
    log: Option<(Arc<Log>, u64)>,
    chunks: u64,
    outcome: Outcome,
}

impl Recorder {
    /// Writes down a request that has just come.
    pub fn start(log: Option<&Arc<Log>>, method: &Method, path: &str, headers: &HeaderMap) -> Self {
        let log = log.map(|log| {
            let mut requests = lock(&log.requests);
            if requests.kept.len() == MOST {
                requests.kept.pop_front();
                requests.first += 1;
            }
            let number = requests.first + requests.kept.len() as u64;
            requests.kept.push_back(Entry {
                ids: Vec::new(),
                at_ms: now_ms(),
                method: method.clone(),
                path: path.to_owned(),
                headers: headers.clone(),
                body: Bytes::new(),
                status: None,
                chunks: 0,
                outcome: Outcome::Running,
                end_ms: None,
                usage: None,
            });
            drop(requests);
            (Arc::clone(log), number)
        });
        Self { log, chunks: 0, outcome: Outcome::Running }
    }

    pub fn body(&self, body: &Bytes) {
        self.change(|entry| entry.body = body.clone());
    }

    pub fn id(&self, id: &str) {
        self.change(|entry| entry.ids.push(id.to_owned()));
    }

    pub fn status(&self, status: u16) {
        self.change(|entry| entry.status = Some(status));
    }

    pub fn usage(&self, usage: &super::answer::Usage) {
        self.change(|entry| entry.usage = Some([usage.input, usage.cache_read, usage.output]));
    }

    /// One more chunk was handed over.
    pub fn chunk(&mut self) {
        self.chunks += 1;
        let chunks = self.chunks;
        self.change(|entry| entry.chunks = chunks);
    }

    pub fn end(&mut self, outcome: Outcome) {
        self.outcome = outcome;
        self.change(|entry| {
            entry.outcome = outcome;
            entry.end_ms = Some(now_ms());
        });
    }

    fn change(&self, change: impl FnOnce(&mut Entry)) {
        if let Some((log, number)) = &self.log {
            log.change(*number, change);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.outcome == Outcome::Running {
            self.end(Outcome::HungUp);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "the mock is no part of the gateway and lives in real time")]
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
