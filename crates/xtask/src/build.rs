//! `cargo xtask build`: the bundles of both hosts, in `target/bundle/`: the gateway, and `ingest`, whose parsers are no
//! part of it; for tests, and with `--contract` alone, one that runs the contracts of the ports inside each host.
//!
//! Also what the manifests call as their build command. `cargo run` has released cargo's lock by the time we run, so
//! cargo may be called again from here.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};

use crate::Host;
use crate::process::{command, root, show, step, target_dir};
use crate::seed;
use crate::setup::{self, WasmToolchain};

/// What both WASM runtimes support beyond what the compiler assumes.
const RUSTFLAGS: &str = "-Ctarget-feature=+simd128";
/// What wasm-opt may use: what the compiler emits, and nothing newer than workerd.
const WASM_FEATURES: [&str; 8] = [
    "--enable-mutable-globals",
    "--enable-sign-ext",
    "--enable-nontrapping-float-to-int",
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-reference-types",
    "--enable-exception-handling",
    "--enable-simd",
];

/// The operator's configuration, compiled into what is deployed where it exists.
pub const CONFIGURATION: &str = "sluice.yaml";

/// Arguments of `cargo xtask build`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only this host
    #[arg(long)]
    host: Option<Host>,
    /// Quick to compile, slow to run; into `target/bundle/<host>-dev`
    #[arg(long)]
    dev: bool,
    /// The bundles that run the ports' contracts instead, for tests; into `target/bundle/<host>-contract`
    #[arg(long, conflicts_with = "dev")]
    contract: bool,
    /// Leave out the embedding model: 1.9 MB less to load, and `semantic` caches are exact
    #[arg(long, conflicts_with = "contract")]
    without_model: bool,
}

/// How much time the compiler takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Compiles quickly, runs slowly.
    Dev,
    /// What is deployed.
    Release,
}

/// Runs `cargo xtask build`.
///
/// # Errors
///
/// If a tool cannot be installed or the code does not compile.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mode = if arguments.dev { Mode::Dev } else { Mode::Release };
    let hosts = arguments.host.map_or(vec![Host::Cloudflare, Host::Spin], |host| vec![host]);
    for host in hosts {
        if arguments.contract {
            contract(host)?;
        } else {
            build(host, mode, !arguments.without_model)?;
            print_sizes(&folders(host, mode))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What a bundle does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// Everything a caller waits for.
    Gateway,
    /// Documents, off their queue.
    Ingest,
    /// The contracts of the ports, for tests.
    Contract,
}

impl Entry {
    /// What is deployed.
    const DEPLOYED: [Self; 2] = [Self::Gateway, Self::Ingest];

    /// Its name, and that of its component.
    fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Ingest => "ingest",
            Self::Contract => "contract",
        }
    }

    /// The package that makes it on `host`, and what cargo calls the outcome.
    fn package(self, host: Host) -> (String, String) {
        let host = match host {
            Host::Cloudflare => "cloudflare",
            Host::Spin => "spin",
        };
        let package = match self {
            Self::Gateway => format!("sluice-{host}"),
            Self::Ingest | Self::Contract => format!("sluice-{host}-{}", self.name()),
        };
        let file = format!("{}.wasm", package.replace('-', "_"));
        (package, file)
    }
}

/// Builds one host's bundles; returns the folder of the gateway's, and on Spin of all.
///
/// # Errors
///
/// If a tool cannot be installed or the code does not compile.
pub fn bundle(host: Host, mode: Mode) -> Result<PathBuf> {
    build(host, mode, true)
}

fn build(host: Host, mode: Mode, with_model: bool) -> Result<PathBuf> {
    let toolchain = setup::ensure_wasm()?;
    compile(&toolchain, host, &Entry::DEPLOYED, mode, with_model)?;
    Entry::DEPLOYED.into_iter().try_for_each(|entry| assemble(host, entry, mode))?;
    Ok(bundle_dir(host, mode))
}

/// Builds the bundle that runs the ports' contracts inside `host`, as the ones that are deployed are built; returns its folder.
///
/// # Errors
///
/// If a tool cannot be installed or the code does not compile.
pub fn contract(host: Host) -> Result<PathBuf> {
    let toolchain = setup::ensure_wasm()?;
    // With the others, whose dependencies it shares.
    let [gateway, ingest] = Entry::DEPLOYED;
    compile(&toolchain, host, &[gateway, ingest, Entry::Contract], Mode::Release, true)?;
    assemble(host, Entry::Contract, Mode::Release)?;
    Ok(folder(host, Entry::Contract, Mode::Release))
}

/// The folders that a host's bundles are built into.
pub fn folders(host: Host, mode: Mode) -> Vec<PathBuf> {
    match host {
        Host::Cloudflare => vec![bundle_dir(host, mode), ingest_dir(mode)],
        Host::Spin => vec![bundle_dir(host, mode)],
    }
}

/// The folder of the Worker `ingest`.
pub fn ingest_dir(mode: Mode) -> PathBuf {
    folder(Host::Cloudflare, Entry::Ingest, mode)
}

/// The folder that one bundle is built into. Spin has what is deployed in one.
fn folder(host: Host, entry: Entry, mode: Mode) -> PathBuf {
    let mut folder = bundle_dir(host, mode).into_os_string();
    if entry == Entry::Contract || (entry, host) == (Entry::Ingest, Host::Cloudflare) {
        folder.push("-");
        folder.push(entry.name());
    }
    folder.into()
}

/// The folder a bundle is built into.
pub fn bundle_dir(host: Host, mode: Mode) -> PathBuf {
    let name = match (host, mode) {
        (Host::Cloudflare, Mode::Release) => "cloudflare",
        (Host::Cloudflare, Mode::Dev) => "cloudflare-dev",
        (Host::Spin, Mode::Release) => "spin",
        (Host::Spin, Mode::Dev) => "spin-dev",
    };
    root().join("target/bundle").join(name)
}

/// Makes a cargo command compile for WASM the way the bundles do.
pub fn wasm_environment(toolchain: &WasmToolchain, command: &mut Command) {
    toolchain.apply(command);
    command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", RUSTFLAGS);
    command.env("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS", RUSTFLAGS);
    // As worker-build sets it, so that the crates it compiles are the same ones.
    command.env("WASM_BINDGEN_USE_JS_SYS", "1");
}

/// Compiles the packages of `entries` by one call of cargo. By one each, what all of them depend on would be compiled again for
/// every one that wants another feature of some small crate.
fn compile(
    toolchain: &WasmToolchain,
    host: Host,
    entries: &[Entry],
    mode: Mode,
    with_model: bool,
) -> Result<()> {
    let mut cargo = command("cargo");
    cargo.args(["build", "--lib", "--target", target(host), profile(mode).0]);
    let packages: Vec<String> = entries.iter().map(|entry| entry.package(host).0).collect();
    packages.iter().for_each(|package| {
        cargo.args(["--package", package]);
    });
    if !with_model {
        // A package's features but for the one of the weights.
        let features =
            packages.iter().zip(entries).map(|(package, entry)| format!("{package}/{}", entry.name()));
        cargo.args(["--no-default-features", "--features", &features.collect::<Vec<_>>().join(",")]);
    }
    wasm_environment(toolchain, &mut cargo);
    if (host, mode) == (Host::Spin, Mode::Release) {
        // wasm-opt does not read components, so the linker leaves the names out.
        cargo.env("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS", format!("{RUSTFLAGS} -Cstrip=symbols"));
    }
    cargo.envs(configuration(mode)?);
    show(&format!("compiling {}", packages.join(", ")), &mut cargo)
}

/// What cargo calls the machine of `host`.
fn target(host: Host) -> &'static str {
    match host {
        Host::Cloudflare => "wasm32-unknown-unknown",
        Host::Spin => "wasm32-wasip2",
    }
}

/// Where cargo has put what it compiled.
fn compiled(host: Host, entry: Entry, mode: Mode) -> PathBuf {
    target_dir().join(target(host)).join(profile(mode).1).join(entry.package(host).1)
}

/// Makes a bundle of what is compiled.
fn assemble(host: Host, entry: Entry, mode: Mode) -> Result<()> {
    match host {
        Host::Cloudflare => worker(entry, mode),
        Host::Spin => component(entry, mode),
    }
}

fn worker(entry: Entry, mode: Mode) -> Result<()> {
    let bindgen = setup::ensure_wasm_bindgen()?;
    let node_tools = setup::ensure_node_tools()?;
    let folder = folder(Host::Cloudflare, entry, mode);
    let compiled = compiled(Host::Cloudflare, entry, mode);
    let shim = root().join("crates/cloudflare/src/shim.js");
    let stamp = Stamp::of(&[&compiled, &bindgen, &shim, &root().join("tools/package-lock.json")])?;
    if stamp.is_on(&folder) {
        return Ok(());
    }

    let staging = root().join("target/worker").join(profile(mode).1).join(entry.name());
    let _ = fs::remove_dir_all(&staging);
    let mut glue = command(&bindgen);
    glue.arg(&compiled).arg("--out-dir").arg(&staging).args(["--target", "module", "--out-name", "index"]);
    // So that a new instance can be begun when one has ended with a panic.
    glue.args(["--no-typescript", "--experimental-reset-state-function", "--force-enable-abort-handler"]);
    step("wasm-bindgen", &mut glue)?;
    copy(&shim, &staging.join("shim.js"))?;
    let mut script = command(node_tools.join("esbuild"));
    script.current_dir(&staging);
    script.args(["shim.js", "--bundle", "--format=esm", "--outfile=bundled.js", "--log-level=warning"]);
    script.args(["--external:./index_bg.wasm", "--external:cloudflare:*"]);
    if mode == Mode::Release {
        script.arg("--minify");
    }
    step("esbuild", &mut script)?;

    prepare(&folder)?;
    let (from, to) = (staging.join("index_bg.wasm"), folder.join("index_bg.wasm"));
    match mode {
        Mode::Dev => copy(&from, &to)?,
        Mode::Release => strip(&node_tools, &from, &to)?,
    }
    let script = fs::read_to_string(staging.join("bundled.js")).context("cannot read esbuild's output")?;
    // Compiled modules are what workerd imports anyway; it does not know the new word for it.
    let script = script.replace("import source ", "import ");
    fs::write(folder.join("index.js"), script).context("cannot write index.js")?;
    stamp.put_on(&folder)
}

fn component(entry: Entry, mode: Mode) -> Result<()> {
    let folder = folder(Host::Spin, entry, mode);
    let compiled = compiled(Host::Spin, entry, mode);
    let stamp = Stamp::of(&[&compiled])?;
    let component = folder.join(format!("{}.wasm", entry.name()));
    if !stamp.is_on(&component) {
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        copy(&compiled, &component)?;
        stamp.put_on(&component)?;
    }
    Ok(())
}

/// Tells the compiler where the compiled form of the operator's configuration is. A dev bundle has none: its server is
/// given one at start.
fn configuration(mode: Mode) -> Result<Option<(&'static str, PathBuf)>> {
    let (from, to) = (root().join(CONFIGURATION), root().join("target/bundle/config.json"));
    if mode == Mode::Dev || !from.is_file() {
        return Ok(None);
    }
    let compiled = seed::compile(&from)?;
    fs::create_dir_all(root().join("target/bundle"))?;
    // Only a change is written, or the bundles would be compiled again each time.
    if !fs::read_to_string(&to).is_ok_and(|old| old == compiled) {
        fs::write(&to, compiled).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(Some(("SLUICE_CONFIG", to)))
}

fn profile(mode: Mode) -> (&'static str, &'static str) {
    match mode {
        Mode::Dev => ("--profile=dev", "debug"),
        Mode::Release => ("--profile=release", "release"),
    }
}

/// Leaves out names and debug sections. The compiler has optimised the whole program: passes of wasm-opt take minutes and
/// leave it no smaller once compressed. Only their order does: functions that one generic was made into stand together by
/// name, and compress together.
fn strip(node_tools: &Path, from: &Path, to: &Path) -> Result<()> {
    let mut wasm_opt = command(node_tools.join("wasm-opt"));
    wasm_opt.args(["--reorder-functions-by-name", "--strip-debug", "--strip-producers"]).args(WASM_FEATURES);
    step("wasm-opt", wasm_opt.arg(from).arg("-o").arg(to))
}

/// What a bundle was made from, so that making it again can be skipped.
struct Stamp(String);

impl Stamp {
    fn of(inputs: &[&Path]) -> Result<Self> {
        let mut text = format!("{RUSTFLAGS} {WASM_FEATURES:?}\n");
        for input in inputs {
            let about = fs::metadata(input).with_context(|| format!("cannot read {}", input.display()))?;
            let written = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            text += &format!("{} {} {}\n", input.display(), about.len(), written.as_nanos());
        }
        Ok(Self(text))
    }

    fn file(folder: &Path) -> PathBuf {
        folder.with_extension("stamp")
    }

    fn is_on(&self, folder: &Path) -> bool {
        folder.exists() && fs::read_to_string(Self::file(folder)).is_ok_and(|text| text == self.0)
    }

    fn put_on(&self, folder: &Path) -> Result<()> {
        let file = Self::file(folder);
        fs::write(&file, &self.0).with_context(|| format!("cannot write {}", file.display()))
    }
}

fn prepare(folder: &Path) -> Result<()> {
    let _ = fs::remove_file(Stamp::file(folder));
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

/// How long `bytes` are when compressed.
///
/// # Errors
///
/// Never, but the encoder could.
pub fn gzip_len(bytes: &[u8]) -> Result<usize> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

/// Prints the size of each file in these folders, as it is and compressed.
///
/// # Errors
///
/// If a folder or file cannot be read.
pub fn print_sizes(folders: &[PathBuf]) -> Result<()> {
    println!("{:<40} {:>12} {:>12}", "file", "bytes", "gzip");
    for folder in folders {
        let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        // Hosts may keep what they compiled beside it.
        let is_bundle = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "js" || kind == "wasm");
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_bundle).collect();
        files.sort();
        let (mut raw, mut packed) = (0, 0);
        for file in &files {
            let bytes = read(file)?;
            let gzip = gzip_len(&bytes)?;
            println!("{:<40} {:>12} {gzip:>12}", short(file), bytes.len());
            raw += bytes.len();
            packed += gzip;
        }
        // Components of Spin are bundles each.
        if files.iter().any(|file| file.extension().is_some_and(|kind| kind == "js")) {
            println!("{:<40} {raw:>12} {packed:>12}", format!("{} in all", short(folder)));
        }
    }
    Ok(())
}

fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
