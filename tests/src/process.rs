//! Servers as child processes.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A server that runs until this is dropped, or until this process ends: its standard input closes then.
pub struct Server {
    child: Child,
    /// Open as long as the server shall live.
    _alive: ChildStdin,
    /// Where it serves, as it said itself.
    pub url: String,
    /// Where its second Worker serves, if it said so.
    pub ingest: Option<String>,
}

impl Server {
    /// Starts `command` in a process group of its own and waits for its line `ready URL`.
    pub fn start(mut command: Command) -> Self {
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let alive = child.stdin.take().expect("a pipe");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let mut ingest = None;
        let url = lines.by_ref().find_map(|line| {
            if let Some(url) = line.strip_prefix("ingest ") {
                ingest = Some(url.trim().to_owned());
            }
            line.strip_prefix("ready ").map(|url| url.trim().to_owned())
        });
        let Some(url) = url else {
            let _ = child.kill();
            panic!("{command:?} ended before it said `ready URL`: {:?}", child.wait());
        };
        // Nobody reads on, and a full pipe would stop the server.
        std::thread::spawn(move || lines.for_each(|line| eprintln!("{line}")));
        Self { child, _alive: alive, url, ingest }
    }

    /// Ends it at once, as a crash of the machine would.
    pub fn kill(mut self) {
        self.signal("-KILL");
        let _ = self.child.wait();
    }

    fn signal(&self, name: &str) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args([name, "--", &group]).stderr(Stdio::null()).status();
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap_or(&self.url).trim_end_matches('/')
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Who was killed has no group any more.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal("-TERM");
            let _ = self.child.wait();
        }
    }
}
