//! Build tools that come from crates.io, one folder per version in the per-user cache.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::process::{command, root, show};

use super::cache_dir;

/// Installs `wasm-bindgen` in the version `Cargo.lock` holds, since the two must match; returns the program.
///
/// # Errors
///
/// If cargo cannot install it.
pub fn ensure_wasm_bindgen() -> Result<PathBuf> {
    ensure_tool("wasm-bindgen-cli", &locked_version("wasm-bindgen")?, "wasm-bindgen")
}

fn ensure_tool(package: &str, version: &str, program: &str) -> Result<PathBuf> {
    let folder = cache_dir()?.join("tools").join(format!("{package}-{version}"));
    let file = folder.join("bin").join(program);
    if file.is_file() {
        return Ok(file);
    }
    eprintln!("   installing {package} {version} (a few minutes, once)");
    let what = format!("cargo install {package} --version {version}");
    let install = |options: &[&str]| {
        let mut install = command("cargo");
        install.args(["install", "--version", version, "--root"]).arg(&folder).arg(package).args(options);
        // These spend their time in files and child processes: less optimisation halves the wait for them.
        install.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1").env("CARGO_PROFILE_RELEASE_LTO", "false");
        // Not into this workspace's target folder, nor with flags that were meant for it.
        install.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS").env_remove("RUSTUP_TOOLCHAIN");
        show(&what, &mut install)
    };
    if install(&["--locked"]).is_err() {
        // A registry mirror may lag behind what the package locked.
        eprintln!("   once more with the newest dependencies this registry has");
        install(&[])?;
    }
    Ok(file)
}

fn locked_version(package: &str) -> Result<String> {
    let text = fs::read_to_string(root().join("Cargo.lock"))
        .context("Cargo.lock is missing, run: cargo generate-lockfile")?;
    let lock: toml::Table = text.parse().context("Cargo.lock is not TOML")?;
    let packages =
        lock.get("package").and_then(|list| list.as_array()).context("Cargo.lock lists no packages")?;
    packages
        .iter()
        .find(|entry| entry.get("name").and_then(|name| name.as_str()) == Some(package))
        .and_then(|entry| entry.get("version")?.as_str())
        .map(str::to_owned)
        .with_context(|| format!("Cargo.lock has no package {package}"))
}
