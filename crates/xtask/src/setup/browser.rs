//! The browser that tests drive.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::process::find_on_path;

use super::apt;

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Finds Chromium or installs it; returns the program.
///
/// # Errors
///
/// If there is none and it cannot be installed.
pub fn ensure_chromium() -> Result<PathBuf> {
    if let Some(found) = find_chromium() {
        return Ok(found);
    }
    apt::ensure_packages("the browser suite", &["chromium", "chromium-driver"])?;
    find_chromium().context("chromium was installed but is not on PATH")
}

fn find_chromium() -> Option<PathBuf> {
    NAMES.into_iter().find_map(find_on_path)
}
