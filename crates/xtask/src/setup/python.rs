//! The Python environments of the suites that need one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{output_of, root, step};

/// Installs `requirements` into the virtual environment `target/NAME`; returns its Python.
///
/// # Errors
///
/// If Python or its `venv` module is missing, or pip fails.
pub fn ensure_python(name: &str, requirements: &Path) -> Result<PathBuf> {
    let wanted = fs::read(requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let venv = root().join("target").join(name);
    let python = venv.join("bin/python");
    let stamp = venv.join("installed-requirements.txt");
    if python.exists() && fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    if output_of(Command::new("python3").args(["-c", "import venv, ensurepip"])).is_none() {
        bail!("the suites in Python need Python 3 with venv, run: sudo apt-get install python3-venv");
    }
    step(&format!("creating target/{name}"), Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(requirements);
    step(&format!("pip install into target/{name}"), &mut pip)?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(python)
}
