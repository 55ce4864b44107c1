//! Running other programs: where the repository is, what is on PATH, and steps that show how long they take.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result, bail};

use crate::children::Running;
use crate::progress::Progress;

/// How much of a failed tool's output is worth showing.
const LINES_KEPT: usize = 40;

/// The repository's root folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The folder cargo builds into: `CARGO_TARGET_DIR`, else `target` in the repository.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// The program `name` in a folder of PATH, if there is one.
pub fn find_on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// A command that runs in the repository's root.
///
/// What `cargo run` said about this crate is taken out of its environment: some build scripts (ring's) look at it, and
/// would run again each time cargo is called from here after it was called by hand.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in names.filter(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a quick command and returns its trimmed standard output; `None` if it is missing or fails.
pub fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    if !output.status.success() {
        return None;
    }
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a command whose output is worth seeing, such as cargo's own progress; its standard output goes to standard error.
///
/// # Errors
///
/// If it cannot be started or fails; the error names `what` was being done.
pub fn show(what: &str, command: &mut Command) -> Result<()> {
    let running =
        Running::start(command.stdin(Stdio::null()).stdout(std::io::stderr())).context(what.to_owned())?;
    check(what, running.wait()?)
}

/// Runs a long command quietly, showing `what` is going on and for how long.
///
/// # Errors
///
/// If it cannot be started or fails: its last lines of output are printed, and the error names `what` was being done.
pub fn step(what: &str, command: &mut Command) -> Result<()> {
    let progress = Progress::start(what);
    let (status, lines) = run_captured(command).context(what.to_owned())?;
    if status.success() {
        progress.done();
        return Ok(());
    }
    progress.failed();
    eprintln!("{}", without_hosts(&lines.join("\n")));
    check(what, status)
}

/// Like [`step`], but a failure is an answer and prints nothing.
pub fn attempt(what: &str, command: &mut Command) -> bool {
    let progress = Progress::start(what);
    let worked = run_captured(command).is_ok_and(|(status, _)| status.success());
    if worked {
        progress.done();
    } else {
        progress.failed();
    }
    worked
}

/// Runs a command quietly; tells how it ended and its last lines of output.
///
/// # Errors
///
/// If it cannot be started.
pub fn run_captured(command: &mut Command) -> Result<(ExitStatus, Vec<String>)> {
    let mut running =
        Running::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (sender, lines) = mpsc::channel();
    collect(running.child.stdout.take(), sender.clone());
    collect(running.child.stderr.take(), sender);
    let mut kept = VecDeque::new();
    for line in lines {
        if kept.len() == LINES_KEPT {
            kept.pop_front();
        }
        kept.push_back(line);
    }
    Ok((running.wait()?, kept.into()))
}

fn collect(stream: Option<impl Read + Send + 'static>, lines: mpsc::Sender<String>) {
    let Some(stream) = stream else { return };
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
}

fn check(what: &str, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(())
}

/// Takes the names of download hosts out of a tool's output: they belong to this machine's network, not in a log.
fn without_hosts(text: &str) -> String {
    let mut hosts: Vec<&str> = text
        .split("://")
        .skip(1)
        .map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || "-._:@".contains(c))).next().unwrap_or(""))
        .map(|host| host.trim_end_matches(['.', ':']))
        .filter(|host| !host.is_empty())
        .flat_map(|host| [host, host.split(':').next().unwrap_or(host)])
        .collect();
    hosts.sort_by_key(|host| std::cmp::Reverse(host.len()));
    hosts.iter().fold(text.to_owned(), |text, host| text.replace(host, "(host)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_do_not_reach_the_output() {
        let text = "Err:1 http://mirror.lan:80/debian x\nCould not connect to mirror.lan";
        assert_eq!(without_hosts(text), "Err:1 http://(host)/debian x\nCould not connect to (host)");
    }

    #[test]
    fn text_without_addresses_is_left_alone() {
        assert_eq!(without_hosts("error: no space left"), "error: no space left");
    }
}
