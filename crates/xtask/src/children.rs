//! The programs we started, each in a process group of its own, so that one signal to us ends all of them.

use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How long a program may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(8);

static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());
static STOPPING: AtomicBool = AtomicBool::new(false);
static SERVING: AtomicBool = AtomicBool::new(false);

/// A program that is ended when we are.
pub struct Running {
    /// The process, for its pipes.
    pub child: Child,
    group: Pid,
    /// Open until we end: `Child::wait` would close it, and servers stop when it is.
    _stdin: Option<ChildStdin>,
}

impl Running {
    /// Starts `command`.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        // Held meanwhile, so that a signal waits until the new program is on the list.
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if STOPPING.load(Ordering::SeqCst) {
            bail!("stopping");
        }
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command.process_group(0).spawn().with_context(|| format!("cannot start {name}"))?;
        let group = Pid::from_raw(i32::try_from(child.id()).context("a process id that is too large")?);
        running.push(group);
        let stdin = child.stdin.take();
        Ok(Self { child, group, _stdin: stdin })
    }

    /// Waits until it ends by itself. If it ends because we were told to stop, this does not return.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn wait(mut self) -> Result<ExitStatus> {
        let status = self.child.wait()?;
        forget(self.group);
        while STOPPING.load(Ordering::SeqCst) {
            thread::park();
        }
        Ok(status)
    }

    /// Tells it to end, and waits for that.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn stop(self) -> Result<()> {
        let _ = killpg(self.group, Signal::SIGTERM);
        self.wait().map(drop)
    }
}

/// Ends every program we started, and then us, on SIGINT (exit code 130), SIGTERM and SIGHUP (143, and 0 once
/// [`serving`], where being told to stop is how it ends well).
///
/// # Errors
///
/// If the system does not let us listen to signals.
pub fn stop_on_signals() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot listen to signals")?;
    thread::spawn(move || {
        let Some(signal) = signals.forever().next() else { return };
        STOPPING.store(true, Ordering::SeqCst);
        stop_all();
        let code = match signal {
            SIGINT => 130,
            _ if SERVING.load(Ordering::SeqCst) => 0,
            _ => 143,
        };
        std::process::exit(code);
    });
    Ok(())
}

/// From now on, SIGTERM is the ordinary end.
pub fn serving() {
    SERVING.store(true, Ordering::SeqCst);
}

fn stop_all() {
    let groups = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for group in &groups {
        let _ = killpg(*group, Signal::SIGTERM);
    }
    let deadline = Instant::now() + PATIENCE;
    while groups.iter().any(|group| killpg(*group, None).is_ok()) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    for group in &groups {
        let _ = killpg(*group, Signal::SIGKILL);
    }
}

fn forget(group: Pid) {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| *other != group);
}
