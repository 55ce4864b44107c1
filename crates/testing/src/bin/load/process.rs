//! How much CPU time a process has used, as Linux tells it.

use std::{fs, time::Duration};

use anyhow::{Context, Result};

/// Linux's clock ticks per second, the same on every architecture it tells them to.
const TICKS_PER_SECOND: u64 = 100;

/// User and system time of each of `pids`, all threads together, to a hundredth of a second.
///
/// # Errors
///
/// If one of them is gone, or the system is not Linux.
pub fn cpu(pids: &[u32]) -> Result<Vec<Duration>> {
    pids.iter()
        .map(|pid| one(*pid).with_context(|| format!("cannot read the CPU time of process {pid}")))
        .collect()
}

fn one(pid: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name is in parentheses and may hold anything. After it come the state and ten numbers, then these two.
    let (_, rest) = text.rsplit_once(") ").context("no name")?;
    let mut times = rest.split(' ').skip(11).map(str::parse::<u64>);
    let mut next = || times.next().context("too short")?.context("no number");
    let ticks = next()? + next()?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_time_can_be_read() {
        assert!(cpu(&[std::process::id()]).is_ok());
        assert!(cpu(&[u32::MAX]).is_err());
    }
}
