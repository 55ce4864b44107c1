//! Packages of Debian and its relatives.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process::{find_on_path, output_of, step};

/// Installs those of `packages` that are missing, as root or through `sudo -n`.
///
/// # Errors
///
/// If this machine has no apt, if we may not use it (the error then tells the command to run), or if it fails.
pub fn ensure_packages(why: &str, packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if find_on_path("apt-get").is_none() {
        bail!("{why} needs {list}: install them with this system's package manager");
    }
    let Some(mut update) = as_root("apt-get") else {
        bail!("{why} needs {list}, run: sudo apt-get install --no-install-recommends {list}");
    };
    let mut install = as_root("apt-get").unwrap_or_else(|| Command::new("apt-get"));
    step("apt-get update", update.args(["update", "-qq"]))?;
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(&missing);
    step(&format!("apt-get install {list}"), &mut install)
}

/// A command that runs `program` as root; `None` if we neither are root nor may become it without a password.
pub fn as_root(program: &str) -> Option<Command> {
    if nix::unistd::geteuid().is_root() {
        return Some(Command::new(program));
    }
    output_of(Command::new("sudo").args(["-n", "true"]))?;
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    Some(command)
}

fn is_installed(package: &str) -> bool {
    let status = output_of(Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]));
    status.as_deref() == Some("installed")
}
