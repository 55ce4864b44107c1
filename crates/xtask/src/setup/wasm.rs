//! The standard library for the two WASM targets: from rustup, or built with Debian's compiler where rustup cannot
//! fetch it (an air-gapped or mirrored network).
//!
//! `SLUICE_WASM=debian` asks for the second way even where the first would work.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{attempt, find_on_path, output_of, step};

use super::{apt, cache_dir};

/// What the Cloudflare bundle is compiled for.
pub const CLOUDFLARE: &str = "wasm32-unknown-unknown";
/// What the Spin bundle is compiled for.
pub const SPIN: &str = "wasm32-wasip2";

const TARGETS: [&str; 2] = [CLOUDFLARE, SPIN];
const DEBIAN_TOOLCHAIN: &str = "debian-wasm";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm"];
/// The oldest Debian release whose `wasi-libc` knows `wasm32-wasip2`.
const WASI_LIBC_SUITE: &str = "forky";
const WASI_LIBC_FILES: [&str; 3] = ["crt1-command.o", "crt1-reactor.o", "libc.a"];

/// The compiler that builds for WASM here.
#[derive(Clone, Debug)]
pub struct WasmToolchain {
    /// The rustup toolchain to ask for; `None` is the one in use.
    pub name: Option<&'static str>,
    /// The folder of the linkers it needs on PATH.
    pub linkers: Option<PathBuf>,
}

impl WasmToolchain {
    /// Makes `command` (cargo, or a program that runs it) build with this toolchain.
    pub fn apply(&self, command: &mut Command) {
        let Some(name) = self.name else { return };
        command.env("RUSTUP_TOOLCHAIN", name);
        // Set by rustup's cargo for the toolchain that runs us.
        command.env_remove("CARGO").env_remove("RUSTC");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(self.linkers.clone());
        if let Ok(path) = std::env::join_paths(folders) {
            command.env("PATH", path);
        }
    }
}

/// Finds a toolchain that builds both WASM targets, or installs what is missing.
///
/// # Errors
///
/// If neither rustup nor Debian can bring the targets; the error tells what to run.
pub fn ensure_wasm() -> Result<WasmToolchain> {
    let debian_only = std::env::var("SLUICE_WASM").is_ok_and(|way| way == "debian");
    if !debian_only && has_targets(None) {
        return Ok(WasmToolchain { name: None, linkers: None });
    }
    if has_targets(Some(DEBIAN_TOOLCHAIN)) {
        return debian_toolchain();
    }
    if find_on_path("rustup").is_none() {
        bail!(
            "rustup is not on PATH: install it (https://rustup.rs), or run: rustup target add {}",
            TARGETS.join(" ")
        );
    }
    let mut add = Command::new("rustup");
    add.args(["target", "add"]).args(TARGETS);
    if !debian_only && attempt("rustup target add (WASM targets)", &mut add) && has_targets(None) {
        return Ok(WasmToolchain { name: None, linkers: None });
    }
    if find_on_path("apt-get").is_none() {
        bail!("the WASM targets are missing, run: rustup target add {}", TARGETS.join(" "));
    }
    install_debian_toolchain()?;
    if !has_targets(Some(DEBIAN_TOOLCHAIN)) {
        bail!(
            "the WASM targets were built but {DEBIAN_TOOLCHAIN} does not find them, run: rustup target add {}",
            TARGETS.join(" ")
        );
    }
    debian_toolchain()
}

fn has_targets(toolchain: Option<&str>) -> bool {
    TARGETS.iter().all(|target| {
        let libraries = output_of(rustc(toolchain).args(["--print", "target-libdir", "--target", target]));
        libraries.is_some_and(|folder| has_std(Path::new(&folder), target))
    })
}

fn has_std(folder: &Path, target: &str) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    let has_rlib = entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    });
    has_rlib && (target != SPIN || folder.join("self-contained/libc.a").is_file())
}

fn rustc(toolchain: Option<&str>) -> Command {
    let mut command = Command::new("rustc");
    if let Some(name) = toolchain {
        command.env("RUSTUP_TOOLCHAIN", name);
    }
    command
}

/// Debian's compiler with the linkers of rustup's.
fn debian_toolchain() -> Result<WasmToolchain> {
    let sysroot = output_of(rustc(None).args(["--print", "sysroot"])).context("rustc does not run")?;
    let about = output_of(rustc(None).arg("-vV")).context("rustc does not run")?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let linkers = Path::new(&sysroot).join("lib/rustlib").join(host).join("bin");
    Ok(WasmToolchain { name: Some(DEBIAN_TOOLCHAIN), linkers: Some(linkers) })
}

/// Builds the standard library with Debian's compiler and puts it where that compiler looks.
fn install_debian_toolchain() -> Result<()> {
    apt::ensure_packages("building for WASM", &DEBIAN_PACKAGES)?;
    let scratch = cache_dir()?.join("debian-wasm");
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(scratch.join("src"))
        .with_context(|| format!("cannot create {}", scratch.display()))?;
    fs::write(scratch.join("Cargo.toml"), "[package]\nname = \"empty\"\nedition = \"2024\"\n[workspace]\n")?;
    fs::write(scratch.join("src/lib.rs"), "#![no_std]\n")?;
    for target in TARGETS {
        build_std(&scratch, target)?;
        install_std(&scratch, target)?;
    }
    install_wasi_libc(&scratch)?;
    step(
        "rustup toolchain link",
        Command::new("rustup").args(["toolchain", "link", DEBIAN_TOOLCHAIN, "/usr"]),
    )?;
    fs::remove_dir_all(&scratch).with_context(|| format!("cannot remove {}", scratch.display()))
}

fn build_std(scratch: &Path, target: &str) -> Result<()> {
    let mut build = Command::new("/usr/bin/cargo");
    build.args(["build", "--release", "-Zbuild-std=std,panic_abort,panic_unwind", "--target", target]);
    build.current_dir(scratch).env("RUSTC_BOOTSTRAP", "1").env("RUSTC", "/usr/bin/rustc");
    // Link-time optimisation of the bundles reads the bitcode.
    build.env("RUSTFLAGS", "-Cembed-bitcode=yes").env("CARGO_TARGET_DIR", scratch.join("target"));
    build.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
    step(&format!("building Rust's standard library for {target} (about a minute, once)"), &mut build)
}

fn install_std(scratch: &Path, target: &str) -> Result<()> {
    let built = scratch.join("target").join(target).join("release/deps");
    let libraries: Vec<PathBuf> = fs::read_dir(&built)
        .with_context(|| format!("cannot read {}", built.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "rlib"))
        .filter(|file| !file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libempty-")))
        .collect();
    install_files(&format!("installing it for {target}"), &libraries, &debian_libraries(target)?)
}

/// Takes three files out of a newer Debian's `wasi-libc`, without installing it.
fn install_wasi_libc(scratch: &Path) -> Result<()> {
    let sources = scratch.join("sources");
    fs::create_dir_all(&sources)?;
    fs::create_dir_all(scratch.join("lists/partial"))?;
    write_sources(&sources)?;
    let with_sources = |action: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.current_dir(scratch).arg("-qq");
        for (option, path) in [
            ("Dir::Etc::sourcelist", Path::new("/dev/null")),
            ("Dir::Etc::sourceparts", &sources),
            ("Dir::Etc::preferencesparts", Path::new("/dev/null")),
            ("Dir::State::lists", &scratch.join("lists")),
            ("Dir::Cache::pkgcache", Path::new("")),
            ("Dir::Cache::srcpkgcache", Path::new("")),
        ] {
            apt.arg("-o").arg(format!("{option}={}", path.display()));
        }
        apt.args(["-o", "APT::Sandbox::User=root"]).args(action);
        apt
    };
    step("reading the package list that has wasi-libc", &mut with_sources(&["update"]))?;
    step("downloading wasi-libc", &mut with_sources(&["download", "wasi-libc"]))?;
    let package = fs::read_dir(scratch)?
        .flatten()
        .map(|entry| entry.path())
        .find(|file| file.extension().is_some_and(|extension| extension == "deb"))
        .context("apt-get download wasi-libc left no package")?;
    let unpacked = scratch.join("wasi-libc");
    step("unpacking wasi-libc", Command::new("dpkg").arg("-x").args([&package, &unpacked]))?;
    let files = WASI_LIBC_FILES
        .iter()
        .map(|name| {
            find_file(&unpacked, Path::new(SPIN), name)
                .with_context(|| format!("wasi-libc has no {SPIN}/{name}"))
        })
        .collect::<Result<Vec<_>>>()?;
    install_files(
        "installing wasi-libc's start files",
        &files,
        &debian_libraries(SPIN)?.join("self-contained"),
    )
}

/// Writes this machine's own package sources again, with its release's name replaced.
fn write_sources(folder: &Path) -> Result<()> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let codename = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(|name| name.trim_matches('"'));
    let codename = codename.context("/etc/os-release names no VERSION_CODENAME: this is not Debian")?;
    let parts =
        fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut written = 0;
    for file in parts.chain([PathBuf::from("/etc/apt/sources.list")]) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let (extension, sources) = match file.extension().and_then(|extension| extension.to_str()) {
            Some("sources") => ("sources", newer_stanzas(&text, codename)),
            Some("list") => ("list", newer_lines(&text, codename)),
            _ => continue,
        };
        if sources.is_empty() {
            continue;
        }
        written += 1;
        fs::write(folder.join(format!("{written}.{extension}")), sources)?;
    }
    if written == 0 {
        bail!("no package source of {codename} is set up here, run: rustup target add {}", TARGETS.join(" "));
    }
    Ok(())
}

/// The stanzas (deb822 style) that offer the plain release, for the newer one; its update and security suites are left out.
fn newer_stanzas(text: &str, codename: &str) -> String {
    let stanzas = text.split("\n\n").filter_map(|stanza| {
        let offers = stanza.lines().any(|line| {
            line.strip_prefix("Suites:")
                .is_some_and(|suites| suites.split_whitespace().any(|suite| suite == codename))
        });
        let lines = stanza.lines().map(|line| match line.strip_prefix("Suites:") {
            Some(_) => format!("Suites: {WASI_LIBC_SUITE}\n"),
            None => format!("{line}\n"),
        });
        offers.then(|| lines.collect::<String>())
    });
    stanzas.collect::<Vec<_>>().join("\n")
}

/// The same for one-line style.
fn newer_lines(text: &str, codename: &str) -> String {
    text.lines()
        .filter(|line| line.trim_start().starts_with("deb "))
        .filter(|line| line.split_whitespace().any(|word| word == codename))
        .map(|line| {
            let words =
                line.split_whitespace().map(|word| if word == codename { WASI_LIBC_SUITE } else { word });
            words.collect::<Vec<_>>().join(" ") + "\n"
        })
        .collect()
}

fn debian_libraries(target: &str) -> Result<PathBuf> {
    let folder =
        output_of(Command::new("/usr/bin/rustc").args(["--print", "target-libdir", "--target", target]));
    folder
        .map(PathBuf::from)
        .with_context(|| format!("Debian's rustc does not know {target}, run: rustup target add {target}"))
}

fn install_files(what: &str, files: &[PathBuf], folder: &Path) -> Result<()> {
    let Some(mut install) = apt::as_root("install") else {
        bail!("{} belongs to root, run once: sudo -v", folder.display());
    };
    step(what, install.args(["-D", "-m", "644", "-t"]).arg(folder).args(files))
}

/// Finds a file by name below `folder`, in a folder called `parent`.
fn find_file(folder: &Path, parent: &Path, name: &str) -> Option<PathBuf> {
    fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).find_map(|path| {
        if path.is_dir() {
            return find_file(&path, parent, name);
        }
        (path.ends_with(parent.join(name))).then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_plain_release_is_asked_for_its_newer_suite() {
        let text = "Types: deb\nURIs: http://a/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\n\
                    Types: deb\nURIs: http://a/security\nSuites: bookworm-security\n";
        assert_eq!(
            newer_stanzas(text, "bookworm"),
            "Types: deb\nURIs: http://a/debian\nSuites: forky\nComponents: main\n"
        );
    }

    #[test]
    fn one_line_sources_are_read_too() {
        let text = "# deb http://a bookworm main\ndeb [trusted=yes] http://a bookworm main\ndeb http://a bookworm-updates main\n";
        assert_eq!(newer_lines(text, "bookworm"), "deb [trusted=yes] http://a forky main\n");
    }
}
