//! Node, and what npm installs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{output_of, root, step};

/// The oldest Node the pinned wrangler runs on.
const NODE_MAJOR: u32 = 20;

/// Installs wrangler, esbuild and wasm-opt as `tools/package-lock.json` pins them; returns the folder of their programs.
///
/// # Errors
///
/// If Node is missing or too old, or npm fails.
pub fn ensure_node_tools() -> Result<PathBuf> {
    let folder = root().join("tools");
    ensure_node_modules(&folder)?;
    Ok(folder.join("node_modules/.bin"))
}

/// Runs `npm ci` in `folder` unless its `node_modules` already is what the lock file says.
///
/// # Errors
///
/// If Node is missing or too old, there is no lock file, or npm fails.
pub fn ensure_node_modules(folder: &Path) -> Result<()> {
    ensure_node()?;
    let lock = fs::read(folder.join("package-lock.json"))
        .with_context(|| format!("cannot read {}", folder.join("package-lock.json").display()))?;
    let stamp = folder.join("node_modules/.installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let name = folder.strip_prefix(root()).unwrap_or(folder).display().to_string();
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
    step(&format!("npm ci in {name}"), &mut npm)?;
    fs::write(&stamp, lock).with_context(|| format!("cannot write {}", stamp.display()))
}

fn ensure_node() -> Result<()> {
    let hint =
        format!("install Node {NODE_MAJOR} or newer (https://nodejs.org, or: apt-get install nodejs npm)");
    let Some(version) = output_of(Command::new("node").arg("--version")) else {
        bail!("node is not on PATH: {hint}");
    };
    let major = version.trim_start_matches('v').split('.').next().and_then(|part| part.parse().ok());
    if major.is_none_or(|major: u32| major < NODE_MAJOR) {
        bail!("node {version} is too old: {hint}");
    }
    if crate::process::find_on_path("npm").is_none() {
        bail!("npm is not on PATH: {hint}");
    }
    Ok(())
}
