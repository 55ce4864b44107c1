//! How large the bundles are.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::Host;
use crate::build::{self, Mode, gzip_len};

/// A bundle's size.
#[derive(Debug, Serialize)]
pub struct Size {
    /// What is deployed, and where.
    pub name: &'static str,
    /// As it is.
    pub bytes: usize,
    /// Each file compressed by itself.
    pub gzip_bytes: usize,
}

/// Builds both bundles and measures them.
///
/// # Errors
///
/// If they do not build.
pub fn measure() -> Result<Vec<Size>> {
    let hosts = [(Host::Cloudflare, "Cloudflare: script and module"), (Host::Spin, "Spin: component")];
    hosts.into_iter().map(|(host, name)| one(host, name)).collect()
}

fn one(host: Host, name: &'static str) -> Result<Size> {
    let folder = build::bundle(host, Mode::Release)?;
    let mut size = Size { name, bytes: 0, gzip_bytes: 0 };
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    // Hosts may keep what they compiled beside it.
    let is_bundle = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "js" || kind == "wasm");
    for file in entries.flatten().map(|entry| entry.path()).filter(is_bundle) {
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        size.bytes += bytes.len();
        size.gzip_bytes += gzip_len(&bytes)?;
    }
    Ok(size)
}
