//! How large the bundles are.

use std::fs;
use std::path::{Path, PathBuf};

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

/// Builds all bundles and measures them.
///
/// # Errors
///
/// If they do not build.
pub fn measure() -> Result<Vec<Size>> {
    let (workers, spin) =
        (build::bundle(Host::Cloudflare, Mode::Release)?, build::bundle(Host::Spin, Mode::Release)?);
    let worker = |folder: &Path| [folder.join("index.js"), folder.join("index_bg.wasm")];
    Ok(vec![
        of("Cloudflare: script and module", &worker(&workers))?,
        of("Cloudflare, `ingest`: script and module", &worker(&build::ingest_dir(Mode::Release)))?,
        of("Spin: component", &[spin.join("gateway.wasm")])?,
        of("Spin, `ingest`: component", &[spin.join("ingest.wasm")])?,
    ])
}

fn of(name: &'static str, files: &[PathBuf]) -> Result<Size> {
    let mut size = Size { name, bytes: 0, gzip_bytes: 0 };
    for file in files {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        size.bytes += bytes.len();
        size.gzip_bytes += gzip_len(&bytes)?;
    }
    Ok(size)
}
