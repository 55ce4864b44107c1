//! A gateway that plays its part of a conversation with the command.

#![allow(dead_code, reason = "each test file uses what it needs")]

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Output},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

/// What was asked: method, path, key, body.
#[derive(Clone, Debug)]
pub struct Asked {
    pub line: String,
    pub key: String,
    pub body: String,
}

/// A gateway that answers one request a connection and writes down what it was asked.
pub struct Gateway {
    pub url: String,
    pub asked: Arc<Mutex<Vec<Asked>>>,
}

type Answer = Box<dyn Fn(&Asked, usize) -> (u16, Value) + Send>;

impl Gateway {
    /// `answer` is given each request and how often its line was asked before.
    pub fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            let mut times: HashMap<String, usize> = HashMap::new();
            for stream in listener.incoming().flatten() {
                let Some(asked) = read(&stream) else { continue };
                let before = times.entry(asked.line.clone()).or_default();
                let (status, body) = answer(&asked, *before);
                *before += 1;
                log.lock().unwrap().push(asked);
                let body = body.to_string();
                let head =
                    format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\nconnection: close\r\n");
                let _ = write!(&stream, "{head}content-length: {}\r\n\r\n{body}", body.len());
            }
        });
        Self { url, asked }
    }

    pub fn lines(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|asked| asked.line.clone()).collect()
    }

    pub fn body(&self, line: &str) -> String {
        self.asked.lock().unwrap().iter().find(|asked| asked.line == line).unwrap().body.clone()
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut asked = Asked {
        line: first.rsplit_once(" HTTP").map(|(line, _)| line.to_owned())?,
        key: String::new(),
        body: String::new(),
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => value.clone_into(&mut asked.key),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8_lossy(&body).into_owned();
    Some(asked)
}

pub fn sluice(gateway: &Gateway, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(arguments)
        .env("SLUICE_URL", &gateway.url)
        .env("SLUICE_ADMIN_KEY", "the-admin-key")
        .env_remove("SLUICE_KEY")
        .output()
        .unwrap()
}
