//! A gateway and its pipeline on a host in memory, with two tenants.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test that fails panics"
)]

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
use futures::StreamExt;
use serde_json::Value;
use sluice_core::{
    gateway::{Call, Gateway, ReplyBody},
    key,
    port::{Body, Clock, QueueError},
};
use sluice_ingest::{Drained, drain};
use sluice_testing::memory::{Leaving, MemoryHost, Scripted, Step};
use sluice_types::time::Timestamp;

pub const KEY: &str = "sk-sluice-acme";
pub const OTHER: &str = "sk-sluice-globex";
pub const NOON: Timestamp = Timestamp(1_795_262_400_000);

pub const CONFIG: &str = r#"{
  "providers": {
    "a": {"format": "openai_chat", "base_url": "https://a.test/v1", "prices": {"e": {"input": 1.0, "output": 0.0}}}
  },
  "files": {"max_bytes": "60MB"}
}"#;

pub fn host() -> MemoryHost {
    let key = |key_: &str| key::store_key(&key::digest(key_));
    MemoryHost::at(NOON)
        .with_value(&key(KEY), r#"{"id":"key_1","tenant":"acme"}"#)
        .with_value(&key(OTHER), r#"{"id":"key_2","tenant":"globex"}"#)
        .with_value(&key::tenant_store_key("acme"), r#"{"id":"acme"}"#)
        .with_value(&key::tenant_store_key("globex"), r#"{"id":"globex"}"#)
        .with_secret("SLUICE_ADMIN_KEY", "root")
}

pub struct World {
    pub gateway: Rc<Gateway>,
    pub host: MemoryHost,
}

pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }
}

/// A form with `file` and `purpose`, in this order.
pub fn form(filename: &str, content: &[u8], more: &str) -> Bytes {
    let mut body =
        format!("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n\r\n")
            .into_bytes();
    body.extend_from_slice(content);
    body.extend_from_slice(
        format!(
            "\r\n--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n{more}--b--\r\n"
        )
        .as_bytes(),
    );
    body.into()
}

impl World {
    pub fn new() -> Self {
        Self { gateway: Gateway::new(CONFIG), host: host() }
    }

    pub fn with(config: &'static str, host: MemoryHost) -> Self {
        Self { gateway: Gateway::new(config), host }
    }

    pub fn send(&self, request: http::Request<Bytes>) -> Answer {
        self.send_steps(request.map(|body| vec![Step::Send(body)]))
    }

    pub fn send_steps(&self, request: http::Request<Vec<Step>>) -> Answer {
        let (head, steps) = request.into_parts();
        let body = Scripted::new(&self.host, steps);
        let call = Call { head, body, gone: Leaving::default().gone() };
        let reply = self.host.run(self.gateway.handle(&self.host, call));
        let (status, headers) = (reply.status.as_u16(), reply.headers.clone());
        let body = self.host.run(async {
            match reply.body {
                ReplyBody::Whole(bytes) => bytes.to_vec(),
                ReplyBody::Untouched(body) => body.whole(1 << 30).await.unwrap().to_vec(),
                ReplyBody::Passed(pieces) => {
                    pieces.map(Result::unwrap).collect::<Vec<Bytes>>().await.concat()
                }
                ReplyBody::Stream(pieces) => pieces.collect::<Vec<Bytes>>().await.concat(),
            }
        });
        self.host.settle();
        Answer { status, headers, body }
    }

    pub fn ask(&self, key: &str, method: &str, path: &str, body: &str) -> Answer {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {key}"))
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .unwrap();
        self.send(request)
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.ask(KEY, "GET", path, "").expect(200).json()
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &str) -> Value {
        self.ask(KEY, "POST", path, body).expect(200).json()
    }

    #[track_caller]
    pub fn delete(&self, path: &str) -> Value {
        self.ask(KEY, "DELETE", path, "").expect(200).json()
    }

    pub fn try_upload(&self, key: &str, form: Bytes) -> Answer {
        let request = http::Request::post("/v1/files")
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "multipart/form-data; boundary=b");
        // In pieces, as a network has them.
        let pieces = form.chunks(64 << 10).map(|piece| Step::Send(Bytes::copy_from_slice(piece)));
        self.send_steps(request.body(pieces.collect()).unwrap())
    }

    #[track_caller]
    pub fn upload_as(&self, key: &str, filename: &str, content: &[u8]) -> String {
        let answer = self.try_upload(key, form(filename, content, "")).expect(200).json();
        answer["id"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn upload(&self, filename: &str, content: &[u8]) -> String {
        self.upload_as(KEY, filename, content)
    }

    #[track_caller]
    pub fn store_as(&self, key: &str, body: &str) -> String {
        self.ask(key, "POST", "/v1/vector_stores", body).expect(200).json()["id"].as_str().unwrap().to_owned()
    }

    /// Empties the queue once.
    pub fn drain(&self) -> Drained {
        self.try_drain().unwrap()
    }

    /// Empties the queue once, on a host that may die.
    pub fn try_drain(&self) -> Result<Drained, QueueError> {
        let drained = self.host.run(async {
            let config = self.gateway.config(&self.host).await.unwrap();
            let until = self.host.now().plus(Duration::from_secs(60));
            drain(&self.gateway, &self.host, &config, until).await
        });
        self.host.settle();
        drained
    }

    /// Empties the queue until nothing comes for half an hour.
    pub fn drain_all(&self) -> Drained {
        let mut all = Drained::default();
        let mut idle = 0;
        while idle < 4 {
            let drained = self.drain();
            all.done += drained.done;
            all.again += drained.again;
            all.dead += drained.dead;
            idle = if drained == Drained::default() { idle + 1 } else { 0 };
            self.host.run(self.host.sleep(Duration::from_secs(400)));
        }
        all
    }

    #[track_caller]
    pub fn search(&self, key: &str, store: &str, query: &str) -> Vec<Value> {
        let body = serde_json::json!({"query": query}).to_string();
        let found =
            self.ask(key, "POST", &format!("/v1/vector_stores/{store}/search"), &body).expect(200).json();
        found["data"].as_array().unwrap().clone()
    }
}

/// The answer that a provider gives to a request for embeddings of `count` texts.
pub fn vectors(count: usize, dims: usize, model: &str) -> String {
    let data: Vec<Value> = (0..count)
        .map(|index| {
            let vector: Vec<f32> =
                (0..dims).map(|place| if place == index % dims { 1.0 } else { 0.1 }).collect();
            serde_json::json!({"object": "embedding", "index": index, "embedding": vector})
        })
        .collect();
    let usage = serde_json::json!({"prompt_tokens": count, "total_tokens": count});
    serde_json::json!({"object": "list", "data": data, "model": model, "usage": usage}).to_string()
}
