//! Documents in the words of OpenAI's files and vector stores.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::http::Request;
use crate::seed;

/// How long a document may take to go in, tries after failures included.
const PATIENCE: Duration = Duration::from_secs(90);

/// One tenant's documents.
#[derive(Clone, Copy)]
pub struct Documents<'a> {
    gateway: &'a Gateway,
    tenant: &'a str,
}

impl<'a> Documents<'a> {
    /// Those of `tenant`.
    pub fn of(gateway: &'a Gateway, tenant: &'a str) -> Self {
        Self { gateway, tenant }
    }

    fn request(&self, method: &str, path: &str) -> Request {
        self.gateway.request(method, path).key(&seed::key(self.tenant))
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.request("POST", path).json(body).send().expect(200).json()
    }

    /// Uploads a file; its id.
    pub fn upload(&self, name: &str, bytes: &[u8]) -> String {
        let boundary = "7c1f0f2b4e";
        let mut body = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n\
             --{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             content-type: application/octet-stream\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(bytes);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        let content_type = format!("multipart/form-data; boundary={boundary}");
        let request = self.request("POST", "/v1/files").header("content-type", &content_type).bytes(body);
        id(&request.send().expect(200).json())
    }

    /// Makes a store whose documents `model` embeds; its id.
    pub fn store(&self, model: &str) -> String {
        id(&self.post(
            "/v1/vector_stores",
            &json!({ "name": "documents", "sluice": { "embedding_model": model } }),
        ))
    }

    /// Brings a file on its way into a store.
    pub fn attach(&self, store: &str, file: &str) -> Value {
        self.post(&format!("/v1/vector_stores/{store}/files"), &json!({ "file_id": file }))
    }

    /// How a file in a store stands.
    pub fn member(&self, store: &str, file: &str) -> Value {
        self.request("GET", &format!("/v1/vector_stores/{store}/files/{file}")).send().expect(200).json()
    }

    /// The same once it is on its way no more. `meanwhile` is done every half second, as a scheduler would.
    pub fn settled(&self, store: &str, file: &str, meanwhile: impl Fn()) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let member = self.member(store, file);
            if member["status"] != "in_progress" {
                return member;
            }
            assert!(Instant::now() < deadline, "still on its way: {member}");
            meanwhile();
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// The texts that are found.
    pub fn search(&self, store: &str, question: &str) -> Vec<String> {
        let path = format!("/v1/vector_stores/{store}/search");
        let found = self.post(&path, &json!({ "query": question }));
        let texts = found["data"].as_array().into_iter().flatten();
        texts.map(|hit| hit["content"][0]["text"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

fn id(made: &Value) -> String {
    made["id"].as_str().unwrap_or_else(|| panic!("no id: {made}")).to_owned()
}
