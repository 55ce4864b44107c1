//! `cargo xtask test`: every check, one entry of [`SUITES`] each.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::Host;
use crate::build::{self, Entry, Mode};
use crate::children::Running;
use crate::dev::ensure_spin_host;
use crate::process::{command, root, show, step, target_dir};
use crate::progress::seconds;
use crate::setup;
use crate::terraform::{self, Moto, Terraform};

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Run only these suites
    #[arg(value_name = "SUITE")]
    names: Vec<String>,
    /// Tell the suites and end
    #[arg(long)]
    list: bool,
}

/// One group of checks.
struct Suite {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<Count>,
}

/// In this order: what is quick and likely to fail comes first, what needs the bundles after they are built.
const SUITES: &[Suite] = &[
    Suite { name: "fmt", about: "formatting", run: fmt },
    Suite { name: "clippy", about: "lints of the native crates", run: clippy },
    Suite { name: "clippy-wasm", about: "lints of the hosts' crates", run: clippy_wasm },
    Suite { name: "unit", about: "unit and doc tests, cases", run: unit },
    Suite { name: "bundles", about: "release bundles of both hosts", run: bundles },
    Suite { name: "deploy", about: "wrangler deploy --dry-run", run: deploy },
    Suite { name: "spin-host", about: "our host for Spin components", run: spin_host },
    Suite { name: "scenarios", about: "HTTP against the built bundles on both hosts", run: scenarios },
    Suite { name: "sdk", about: "the official SDKs against the gateway", run: sdk },
    Suite { name: "schemathesis", about: "requests made up from /openapi.json", run: schemathesis },
    Suite {
        name: "terraform",
        about: "infra/: checked, tested, applied to a stand-in of AWS",
        run: terraform,
    },
    Suite { name: "browser", about: "a page in Chromium against the gateway", run: browser },
];

/// Tests that passed and failed; a suite that tells no numbers counts as one, one that was left out as none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    passed: usize,
    failed: usize,
}

impl Count {
    const ONE: Self = Self { passed: 1, failed: 0 };

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Reads the summary lines of `cargo test` and of TAP (`node --test`).
    fn read(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("test result: ") {
            let before =
                |word: &str| rest.split(word).next()?.split_whitespace().next_back()?.parse::<usize>().ok();
            self.passed += before(" passed;").unwrap_or(0);
            self.failed += before(" failed;").unwrap_or(0);
        } else if let Some(number) = line.strip_prefix("# pass ").or(line.strip_prefix("ℹ pass ")) {
            self.passed += number.trim().parse::<usize>().unwrap_or(0);
        } else if let Some(number) = line.strip_prefix("# fail ").or(line.strip_prefix("ℹ fail ")) {
            self.failed += number.trim().parse::<usize>().unwrap_or(0);
        }
    }
}

/// Runs `cargo xtask test`.
///
/// # Errors
///
/// If a suite is asked for that does not exist.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(unknown) =
        arguments.names.iter().find(|name| !SUITES.iter().any(|suite| suite.name == **name))
    {
        let known: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
        bail!("there is no suite {unknown}; the suites are {}", known.join(", "));
    }
    let wanted =
        |suite: &&Suite| arguments.names.is_empty() || arguments.names.iter().any(|name| name == suite.name);
    if arguments.list {
        SUITES.iter().filter(wanted).for_each(|suite| println!("{:<12} {}", suite.name, suite.about));
        return Ok(ExitCode::SUCCESS);
    }

    let mut total = Count::default();
    let mut summary = Vec::new();
    for suite in SUITES.iter().filter(wanted) {
        println!("\n== {}: {}", suite.name, suite.about);
        let started = Instant::now();
        let (count, note) = match (suite.run)() {
            Ok(count) => (count, String::new()),
            Err(error) => (Count { passed: 0, failed: 1 }, format!("{error:#}")),
        };
        if !note.is_empty() {
            println!("{note}");
        }
        let word = match count {
            Count { passed: 0, failed: 0 } => "left out",
            Count { failed: 0, .. } => "ok",
            _ => "FAILED",
        };
        let time = seconds(started.elapsed());
        summary.push(format!(
            "{word:<8} {:<12} {:>5} passed {:>3} failed  {time:>13}  {note}",
            suite.name, count.passed, count.failed
        ));
        total.add(count);
    }

    println!("\n== summary");
    summary.iter().for_each(|line| println!("{}", line.trim_end()));
    println!("{} passed, {} failed", total.passed, total.failed);
    let good = total.failed == 0 && 0 < total.passed;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn fmt() -> Result<Count> {
    counted(command("cargo").args(["fmt", "--all", "--check"]))
}

/// The crates that need a WASM target or bring wasmtime; other suites build them.
const ELSEWHERE: [&str; 3] = ["sluice-cloudflare", "sluice-spin", "sluice-spin-host"];

fn workspace(cargo: &mut Command) -> &mut Command {
    cargo.arg("--workspace");
    ELSEWHERE.iter().for_each(|package| {
        cargo.args(["--exclude", package]);
    });
    cargo
}

fn clippy() -> Result<Count> {
    let mut cargo = command("cargo");
    counted(workspace(cargo.arg("clippy")).args(["--all-targets", "--all-features", "--", "-Dwarnings"]))
}

fn clippy_wasm() -> Result<Count> {
    let toolchain = setup::ensure_wasm()?;
    let mut count = Count::default();
    let hosts = [("sluice-cloudflare", "wasm32-unknown-unknown"), ("sluice-spin", "wasm32-wasip2")];
    let bundles = hosts.into_iter().flat_map(|host| Entry::ALL.map(|entry| (host, entry)));
    for ((package, target), entry) in bundles {
        let mut cargo = command("cargo");
        let action = if toolchain.name.is_some() { "check" } else { "clippy" };
        cargo.args([action, "--package", package, "--target", target]).args(entry.features());
        build::wasm_environment(&toolchain, &mut cargo);
        match action {
            "clippy" => cargo.args(["--", "-Dwarnings"]),
            // Debian's toolchain has no clippy that fits it.
            _ => cargo.env("CARGO_BUILD_WARNINGS", "deny"),
        };
        count.add(counted(&mut cargo)?);
    }
    Ok(count)
}

fn unit() -> Result<Count> {
    let mut cargo = command("cargo");
    workspace(cargo.arg("test")).args(["--exclude", "sluice-tests", "--no-fail-fast"]);
    let mut count = counted(&mut cargo)?;
    if let Some(cases) = test_target("cases", &[]) {
        count.add(cases?);
    }
    Ok(count)
}

fn bundles() -> Result<Count> {
    for host in [Host::Cloudflare, Host::Spin] {
        build::bundle(host, Mode::Release)?;
        build::print_sizes(&build::folders(host, Mode::Release))?;
    }
    Ok(Count { passed: 4, failed: 0 })
}

fn deploy() -> Result<Count> {
    let wrangler = setup::ensure_node_tools()?.join("wrangler");
    let mut count = Count::default();
    for manifest in ["wrangler.toml", "wrangler.ingest.toml"] {
        let mut deploy = command(&wrangler);
        deploy.args(["deploy", "--config", manifest, "--dry-run", "--outdir"]);
        deploy.arg(root().join("target/deploy").join(manifest)).env("WRANGLER_SEND_METRICS", "false");
        step(&format!("wrangler deploy --config {manifest} --dry-run"), &mut deploy)?;
        count.add(Count::ONE);
    }
    Ok(count)
}

fn spin_host() -> Result<Count> {
    ensure_spin_host()?;
    let mut cargo = command("cargo");
    counted(cargo.args(["test", "--profile", "tool", "--package", "sluice-spin-host", "--no-fail-fast"]))
}

fn scenarios() -> Result<Count> {
    let mut count = test_target("scenarios", &[]).context("tests/scenarios is missing")??;
    // Many callers at once want the machine for themselves.
    count.add(test_target("load", &["--test-threads=1"]).context("tests/load is missing")??);
    Ok(count)
}

fn sdk() -> Result<Count> {
    let folder = root().join("tests/sdk");
    let python = setup::ensure_python("venv", &folder.join("python/requirements.txt"))?;
    let frameworks = setup::ensure_python("venv-frameworks", &folder.join("frameworks/requirements.txt"))?;
    setup::ensure_node_modules(&folder.join("node"))?;
    let mut cargo = command("cargo");
    cargo
        .args(["test", "--package", "sluice-tests", "--test", "sdk", "--no-fail-fast"])
        .env("SLUICE_PYTHON", python)
        .env("SLUICE_FRAMEWORKS_PYTHON", frameworks);
    counted(artefacts(&mut cargo)?)
}

fn schemathesis() -> Result<Count> {
    let requirements = root().join("tests/schemathesis/requirements.txt");
    let python = setup::ensure_python("venv-schemathesis", &requirements)?;
    let mut cargo = command("cargo");
    cargo
        .args(["test", "--package", "sluice-tests", "--test", "schemathesis", "--no-fail-fast"])
        .env("SLUICE_SCHEMATHESIS_PYTHON", python);
    counted(artefacts(&mut cargo)?)
}

fn terraform() -> Result<Count> {
    let Some(terraform) = Terraform::find()? else {
        println!("left out: {}", terraform::INSTALL);
        return Ok(Count::default());
    };
    let mut count = Count::default();
    terraform.fmt()?;
    count.add(Count::ONE);
    if terraform.can_init("examples/cloudflare")? {
        terraform.validate("examples/cloudflare")?;
        count.add(Count::ONE);
    } else {
        println!(
            "   infra/modules/cloudflare is formatted only: the provider cloudflare/cloudflare is not to be had here"
        );
    }
    terraform.init("examples/spin-sqs")?;
    terraform.init("modules/sqs")?;
    let moto = Moto::start()?;
    let queues = thread::scope(|scope| {
        let apply = scope.spawn(|| terraform.apply(&moto.endpoint));
        terraform.validate("examples/spin-sqs")?;
        count.add(Count::ONE);
        let (passed, failed) = terraform.test("modules/sqs")?;
        count.add(Count { passed, failed });
        println!("   terraform apply of infra/examples/spin-sqs to moto, in 100 s or so");
        apply.join().map_err(|_| anyhow::anyhow!("terraform apply ended oddly"))?
    })?;
    count.add(Count::ONE);
    println!("   applied: {} with dead letters in {}", queues.url, queues.dead_letter_url);
    let mut cargo = command("cargo");
    // Of the whole workspace, so that features are those that `unit` compiled with.
    workspace(cargo.arg("test"))
        .args(["--test", "memory", "--no-fail-fast", "sqs::"])
        .env("SLUICE_SQS_URL", &queues.url)
        .env("SLUICE_SQS_DEAD_URL", &queues.dead_letter_url);
    count.add(counted(&mut cargo)?);
    let mut cargo = command("cargo");
    cargo
        .args(["test", "--package", "sluice-tests", "--test", "sqs", "--no-fail-fast"])
        .env("SLUICE_SQS_URL", &queues.url)
        .env("SLUICE_SQS_DEAD_URL", &queues.dead_letter_url);
    count.add(counted(artefacts(&mut cargo)?)?);
    moto.stop()?;
    Ok(count)
}

fn browser() -> Result<Count> {
    let chromium = setup::ensure_chromium()?;
    setup::ensure_node_modules(&root().join("tests/browser"))?;
    let mut cargo = command("cargo");
    cargo
        .args(["test", "--package", "sluice-tests", "--test", "browser", "--no-fail-fast"])
        .env("SLUICE_CHROMIUM", chromium);
    counted(artefacts(&mut cargo)?)
}

/// Runs a test target of the package `sluice-tests`; `None` if it has none of this name.
fn test_target(name: &str, options: &[&str]) -> Option<Result<Count>> {
    let manifest = std::fs::read_to_string(root().join("tests/Cargo.toml")).ok()?;
    let manifest: toml::Table = manifest.parse().ok()?;
    let declared = manifest.get("test").and_then(|list| list.as_array()).into_iter().flatten();
    let is_declared =
        declared.into_iter().any(|target| target.get("name").and_then(|value| value.as_str()) == Some(name));
    let is_found = root().join("tests/tests").join(format!("{name}.rs")).is_file();
    if !is_declared && !is_found {
        return None;
    }
    let mut cargo = command("cargo");
    cargo.args(["test", "--package", "sluice-tests", "--test", name, "--no-fail-fast", "--"]).args(options);
    Some(artefacts(&mut cargo).and_then(counted))
}

/// Builds what tests of the running gateway need, and tells them where it is.
fn artefacts(tests: &mut Command) -> Result<&mut Command> {
    let cloudflare = build::bundle(Host::Cloudflare, Mode::Release)?;
    let spin = build::bundle(Host::Spin, Mode::Release)?;
    tests.env("SLUICE_CLOUDFLARE_BUNDLE", cloudflare);
    tests.env("SLUICE_INGEST_BUNDLE", build::ingest_dir(Mode::Release));
    tests.env("SLUICE_SERVE", root().join("tools/serve.mjs"));
    tests.env("SLUICE_SPIN_BUNDLE", spin);
    tests.env("SLUICE_SPIN_MANIFEST", root().join("spin.toml"));
    tests.env("SLUICE_SPIN_HOST", ensure_spin_host()?);
    tests.env("SLUICE_MOCK_PROVIDER", ensure_mock_provider()?);
    Ok(tests)
}

fn ensure_mock_provider() -> Result<PathBuf> {
    let mut build = command("cargo");
    build.args(["build", "--profile", "tool", "--package", "sluice-testing", "--no-default-features"]);
    build.args(["--features", "mock", "--bin", "mock-provider"]);
    show("compiling the mock provider", &mut build)?;
    Ok(target_dir().join("tool/mock-provider"))
}

/// Runs a command that tells how many tests passed and failed, showing all it prints.
fn counted(tests: &mut Command) -> Result<Count> {
    let mut running = Running::start(tests.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let mut count = Count::default();
    let stdout = running.child.stdout.take().context("a command without standard output")?;
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        count.read(&line);
        println!("{line}");
    }
    if !running.wait()?.success() {
        count.failed = count.failed.max(1);
    } else if count == Count::default() {
        count = Count::ONE;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_cargo_and_of_node_are_added_up() {
        let mut count = Count::default();
        for line in [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
            "# pass 4",
            "# fail 1",
            "test passed ... ok",
        ] {
            count.read(line);
        }
        assert_eq!(count, Count { passed: 19, failed: 3 });
    }
}
