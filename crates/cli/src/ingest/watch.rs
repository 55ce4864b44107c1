//! How far documents are: a bar each where there is a terminal, a line each where there is none.

use std::{thread, time::Duration};

use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::Value;

use super::Sent;
use crate::remote::{Remote, encoded};

/// How often the gateway is asked, at first and at last: what takes long is asked for less often.
const EVERY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// The bars of all documents.
pub struct Bars {
    all: MultiProgress,
    quiet: bool,
}

/// A document's bar.
pub struct Bar {
    bar: ProgressBar,
    name: String,
    /// Whether there is no terminal, so that lines are written instead.
    quiet: bool,
}

impl Bars {
    /// For so many documents; a great many get no bars, as they would not fit a screen.
    pub fn new(documents: usize) -> Self {
        let all = MultiProgress::new();
        let quiet = all.is_hidden() || documents > 40;
        Self { all, quiet }
    }

    /// A bar for a document.
    pub fn add(&self, name: &str) -> Bar {
        let bar = if self.quiet { ProgressBar::hidden() } else { self.all.add(ProgressBar::new(100)) };
        if let Ok(style) = ProgressStyle::with_template("{prefix:24!} {bar:20} {percent:>3}% {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        bar.set_message("uploading");
        Bar { bar, name: name.to_owned(), quiet: self.quiet }
    }
}

impl Bar {
    /// What tells the bar how many more bytes were sent. Uploading is the first tenth of the way.
    pub fn uploading(&self, size: u64) -> impl Fn(u64) + use<> {
        let (bar, sent) = (self.bar.clone(), std::cell::Cell::new(0_u64));
        move |count| {
            sent.set(sent.get() + count);
            bar.set_position((sent.get() * 10).checked_div(size).unwrap_or(10).min(10));
        }
    }

    /// The document is with the gateway.
    pub fn sent(&self, file: &str) {
        self.bar.set_position(10);
        self.bar.set_message(format!("{file} waits"));
        self.line(&format!("{}: uploaded as {file}", self.name));
    }

    /// The document is as far as its member in the store says.
    fn moved(&self, member: &Value) {
        let about = &member["sluice"];
        let percent = about["percent"].as_u64().unwrap_or(0).min(100);
        self.bar.set_position(10 + percent * 9 / 10);
        let stage = about["stage"].as_str().unwrap_or("in_progress").replace('_', " ");
        let chunks = match (about["chunks_done"].as_u64(), about["chunks"].as_u64()) {
            (Some(done), Some(all)) => format!(", {done} of {all} chunks"),
            _ => String::new(),
        };
        self.bar.set_message(format!("{stage}{chunks}"));
    }

    /// The document is in.
    fn done(&self, member: &Value) {
        let chunks = member["sluice"]["chunks"]
            .as_u64()
            .map(|chunks| format!(", {chunks} chunk{}", if chunks == 1 { "" } else { "s" }))
            .unwrap_or_default();
        self.bar.set_position(100);
        self.bar.abandon_with_message(format!("done{chunks}"));
        self.line(&format!("{}: done{chunks}", self.name));
    }

    /// The document is not going in. A reason is longer than what a terminal leaves of a bar's line, so it stands above them.
    pub fn failed(&self, why: &str) {
        let told = format!("{}: failed: {why}", self.name);
        self.bar.println(&told);
        self.bar.abandon_with_message("failed");
        self.line(&told);
    }

    fn line(&self, text: &str) {
        if self.quiet {
            eprintln!("{text}");
        }
    }
}

/// Follows documents until each is in or given up; what the gateway says of them last.
pub fn follow(remote: &Remote, store: &str, sent: Vec<(Sent, Bar)>) -> Result<Vec<Value>> {
    let mut waiting = sent;
    let mut finished = Vec::new();
    let mut pause = EVERY.0;
    while !waiting.is_empty() {
        let mut still = Vec::new();
        for (document, bar) in waiting {
            let path = format!("/v1/vector_stores/{}/files/{}", encoded(store), encoded(&document.file));
            let mut member = remote.call("GET", &path, None)?;
            member["filename"] = document.name.as_str().into();
            match member["status"].as_str() {
                Some("completed") => bar.done(&member),
                Some("failed" | "cancelled") => {
                    bar.failed(member["last_error"]["message"].as_str().unwrap_or("it was taken back"));
                }
                _ => {
                    bar.moved(&member);
                    still.push((document, bar));
                    continue;
                }
            }
            finished.push(member);
        }
        waiting = still;
        if !waiting.is_empty() {
            thread::sleep(pause);
            pause = (pause * 5 / 4).min(EVERY.1);
        }
    }
    Ok(finished)
}
