//! Compiles the component, or takes what an earlier run compiled.
//!
//! Compiled code lies beside the component as `NAME.HASH.cwasm`, the hash being that of the component, of
//! this program's version of Wasmtime and of its settings; others of the same name are deleted.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use wasmtime::{Config, Engine, component::Component};

/// The version of Wasmtime compiled in. Loading code of another one fails and compiles anew, so a stale number
/// here costs time only.
const WASMTIME: &str = "48.0.8";

/// The engine all instances run on.
///
/// # Errors
///
/// This machine cannot run what the settings ask for.
pub fn engine() -> Result<Engine> {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    Ok(Engine::new(&config)?)
}

/// Loads the component in `file`.
///
/// # Errors
///
/// The file cannot be read or is not a component.
pub fn load(engine: &Engine, file: &Path) -> Result<Component> {
    let bytes = fs::read(file).with_context(|| format!("cannot read the component {}", file.display()))?;
    let cached = cache_file(file, &bytes);
    if let Some(component) = load_compiled(engine, &cached) {
        return Ok(component);
    }
    let component = Component::new(engine, &bytes).map_err(anyhow::Error::from);
    let component = component.with_context(|| format!("cannot compile {}", file.display()))?;
    if let Err(error) = keep(&component, file, &cached) {
        eprintln!("spin-host: cannot keep the compiled component: {error:#}");
    }
    Ok(component)
}

fn cache_file(file: &Path, bytes: &[u8]) -> PathBuf {
    let hash = Sha256::new().chain_update(WASMTIME).chain_update(bytes).finalize();
    let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    file.with_extension(format!("{hash}.cwasm"))
}

#[expect(unsafe_code, reason = "the only way to load compiled code")]
fn load_compiled(engine: &Engine, cached: &Path) -> Option<Component> {
    if !cached.is_file() {
        return None;
    }
    // SAFETY: the file was written by `keep` of this program: it lies in the build's own folder under a name
    // derived from the component. Who can write there can change the component and this program as well.
    unsafe { Component::deserialize_file(engine, cached) }.ok()
}

fn keep(component: &Component, file: &Path, cached: &Path) -> Result<()> {
    let (Some(folder), Some(stem)) = (file.parent(), file.file_stem().and_then(|stem| stem.to_str())) else {
        return Ok(());
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name();
        let hash =
            name.to_str().and_then(|name| name.strip_prefix(stem)?.strip_prefix('.')?.strip_suffix(".cwasm"));
        if hash.is_some_and(|hash| hash.len() == 16) {
            fs::remove_file(entry.path())?;
        }
    }
    // Written aside and renamed, because another host may start at the same moment.
    let aside = cached.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&aside, component.serialize()?)?;
    fs::rename(&aside, cached)?;
    Ok(())
}
