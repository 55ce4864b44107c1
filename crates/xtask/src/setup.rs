//! Installs what is missing and does nothing when it is there. Each `ensure_*` is quick the second time.

mod apt;
mod browser;
mod cargo_tools;
mod node;
mod python;
mod wasm;

use std::path::PathBuf;

use anyhow::{Context, Result};

pub use browser::ensure_chromium;
pub use cargo_tools::ensure_wasm_bindgen;
pub use node::{ensure_node_modules, ensure_node_tools};
pub use python::ensure_python;
pub use wasm::{WasmToolchain, ensure_wasm};

/// The per-user folder for tools a fresh clone need not build again.
///
/// # Errors
///
/// If neither `XDG_CACHE_HOME` nor `HOME` is set.
pub fn cache_dir() -> Result<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    Ok(base.context("set HOME or XDG_CACHE_HOME: tools are cached there")?.join("sluice"))
}
