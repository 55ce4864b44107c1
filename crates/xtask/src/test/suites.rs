//! What is checked, in this order: what is quick and likely to fail first, what needs the bundles after they are built.

use std::path::PathBuf;
use std::process::Command;
use std::thread;

use anyhow::Result;

use crate::Host;
use crate::build::{self, Mode};
use crate::dev::ensure_spin_host;
use crate::process::{command, root, show, step, target_dir};
use crate::setup;
use crate::terraform::{self, Moto, Terraform};

use super::Count;
use super::count::counted;

/// One group of checks.
pub struct Suite {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it checks.
    pub about: &'static str,
    /// Runs it.
    pub run: fn() -> Result<Count>,
    /// Whether it may run beside others, and what has to end first.
    pub aside: Option<Start>,
}

/// When a suite may begin that runs beside others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the first.
    AtOnce,
    /// When this one has ended.
    After(&'static str),
}

impl Suite {
    const fn new(name: &'static str, about: &'static str, run: fn() -> Result<Count>) -> Self {
        Self { name, about, run, aside: None }
    }

    const fn aside(self, start: Start) -> Self {
        Self { aside: Some(start), ..self }
    }
}

/// All of them.
pub const SUITES: &[Suite] = &[
    Suite::new("fmt", "formatting", fmt),
    Suite::new("clippy", "lints of the native crates", clippy),
    Suite::new("clippy-wasm", "lints of the hosts' crates", clippy_wasm),
    Suite::new("unit", "unit and doc tests, cases", unit),
    Suite::new("spin-host", "our host for Spin components", spin_host),
    // Half of its time is one core's.
    Suite::new("bundles", "release bundles of both hosts", bundles).aside(Start::AtOnce),
    Suite::new("deploy", "wrangler deploy --dry-run", deploy),
    Suite::new("scenarios", "HTTP against the built bundles on both hosts", scenarios),
    Suite::new("sdk", "the official SDKs against the gateway", sdk),
    Suite::new("schemathesis", "requests made up from /openapi.json", schemathesis),
    // Most of its time it waits; the SDKs do not mind.
    Suite::new("terraform", "infra/: checked, tested, applied to a stand-in of AWS", terraform)
        .aside(Start::After("scenarios")),
    Suite::new("browser", "a page in Chromium against the gateway", browser),
];

fn fmt() -> Result<Count> {
    counted(command("cargo").args(["fmt", "--all", "--check"]))
}

/// The crates that need a WASM target or bring wasmtime; other suites build them.
const ELSEWHERE: [&str; 7] = [
    "sluice-cloudflare",
    "sluice-cloudflare-contract",
    "sluice-cloudflare-ingest",
    "sluice-spin",
    "sluice-spin-contract",
    "sluice-spin-ingest",
    "sluice-spin-host",
];

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
    for (package, target) in
        [("sluice-cloudflare", "wasm32-unknown-unknown"), ("sluice-spin", "wasm32-wasip2")]
    {
        let mut cargo = command("cargo");
        let action = if toolchain.name.is_some() { "check" } else { "clippy" };
        // All bundles' code at once.
        cargo.args([
            action,
            "--package",
            package,
            "--target",
            target,
            "--features",
            "gateway,ingest,contract",
        ]);
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
    counted(&mut cargo)
}

fn bundles() -> Result<Count> {
    for host in [Host::Cloudflare, Host::Spin] {
        build::bundle(host, Mode::Release)?;
        build::print_sizes(&build::folders(host, Mode::Release))?;
        build::contract(host)?;
    }
    Ok(Count { passed: 6, failed: 0 })
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
    let mut scenarios = served("scenarios")?;
    scenarios.env("SLUICE_CLOUDFLARE_CONTRACT", build::contract(Host::Cloudflare)?);
    scenarios.env("SLUICE_SPIN_CONTRACT", build::contract(Host::Spin)?);
    let mut count = counted(&mut scenarios)?;
    // Many callers at once want the machine for themselves.
    count.add(counted(served("load")?.args(["--", "--test-threads=1"]))?);
    Ok(count)
}

fn sdk() -> Result<Count> {
    let folder = root().join("tests/sdk");
    let python = setup::ensure_python("venv", &folder.join("python/requirements.txt"))?;
    let frameworks = setup::ensure_python("venv-frameworks", &folder.join("frameworks/requirements.txt"))?;
    setup::ensure_node_modules(&folder.join("node"))?;
    counted(served("sdk")?.env("SLUICE_PYTHON", python).env("SLUICE_FRAMEWORKS_PYTHON", frameworks))
}

fn schemathesis() -> Result<Count> {
    let requirements = root().join("tests/schemathesis/requirements.txt");
    let python = setup::ensure_python("venv-schemathesis", &requirements)?;
    counted(served("schemathesis")?.env("SLUICE_SCHEMATHESIS_PYTHON", python))
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
    let mut served = served("sqs")?;
    served.env("SLUICE_SQS_URL", &queues.url).env("SLUICE_SQS_DEAD_URL", &queues.dead_letter_url);
    count.add(counted(&mut served)?);
    moto.stop()?;
    Ok(count)
}

fn browser() -> Result<Count> {
    let chromium = setup::ensure_chromium()?;
    setup::ensure_node_modules(&root().join("tests/browser"))?;
    counted(served("browser")?.env("SLUICE_CHROMIUM", chromium))
}

/// A target of `tests`, of the running gateway: builds what that needs, and tells it where it is.
fn served(target: &str) -> Result<Command> {
    let mut tests = command("cargo");
    tests.args(["test", "--package", "sluice-tests", "--test", target, "--no-fail-fast"]);
    tests.env("SLUICE_CLOUDFLARE_BUNDLE", build::bundle(Host::Cloudflare, Mode::Release)?);
    tests.env("SLUICE_INGEST_BUNDLE", build::ingest_dir(Mode::Release));
    tests.env("SLUICE_SERVE", root().join("tools/serve.mjs"));
    tests.env("SLUICE_SPIN_BUNDLE", build::bundle(Host::Spin, Mode::Release)?);
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
