//! Embeds the configuration that a deployment falls back on: the compiled JSON that `SLUICE_CONFIG` names, else an
//! empty one. `cargo xtask build` compiles `sluice.yaml` and sets the variable.

#![expect(clippy::disallowed_methods, reason = "cargo talks to build scripts through the environment")]

use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-env-changed=SLUICE_CONFIG");
    let out = PathBuf::from(env::var("OUT_DIR").unwrap_or_default()).join("config.json");
    let json = match env::var("SLUICE_CONFIG") {
        Ok(path) => {
            println!("cargo::rerun-if-changed={path}");
            fs::read_to_string(&path).unwrap_or_else(|error| {
                println!("cargo::error=SLUICE_CONFIG: {path}: {error}");
                String::new()
            })
        }
        Err(_) => "{}".to_owned(),
    };
    if let Err(error) = fs::write(&out, json) {
        println!("cargo::error={}: {error}", out.display());
    }
}
