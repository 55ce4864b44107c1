//! One line per long step: a spinner with the elapsed time on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const FRAMES: [&str; 4] = ["-", "\\", "|", "/"];

/// A step that is going on.
pub struct Progress {
    what: String,
    started: Instant,
    spinner: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Progress {
    /// Announces a step.
    pub fn start(what: &str) -> Self {
        let started = Instant::now();
        let spinner = if stderr().is_terminal() {
            Some(spin(what.to_owned(), started))
        } else {
            eprintln!("   {what} ...");
            None
        };
        Self { what: what.to_owned(), started, spinner }
    }

    /// Says that it worked.
    pub fn done(self) {
        self.finish("ok");
    }

    /// Says that it did not.
    pub fn failed(self) {
        self.finish("failed");
    }

    fn finish(self, outcome: &str) {
        if let Some((stop, thread)) = self.spinner {
            stop.store(true, Ordering::Relaxed);
            thread.thread().unpark();
            let _ = thread.join();
            eprint!("\r\x1b[2K");
        }
        eprintln!("   {}: {outcome} in {}", self.what, seconds(self.started.elapsed()));
    }
}

/// A duration as a person reads it: `0.4 s`, `1 min 12 s`.
pub fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    if whole < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {} s", whole / 60, whole % 60)
    }
}

fn spin(what: String, started: Instant) -> (Arc<AtomicBool>, JoinHandle<()>) {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = thread::spawn(move || {
        for frame in FRAMES.iter().cycle() {
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            eprint!("\r\x1b[2K {frame} {what} ({})", seconds(started.elapsed()));
            let _ = stderr().flush();
            thread::park_timeout(Duration::from_millis(200));
        }
    });
    (stop, thread)
}
