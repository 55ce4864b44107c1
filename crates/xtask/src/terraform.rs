//! The suite `terraform`: what `infra/` declares, checked without a cloud, and made in a stand-in of AWS.
//!
//! ```text
//! fmt        all of infra/
//! validate   examples/spin-sqs, and with it modules/sqs; examples/cloudflare where its provider is to be had
//! test       modules/sqs, with a mocked provider
//! apply      examples/spin-sqs, against moto on this machine; our producer, drain, failure and redrive against that
//! ```
//!
//! `apply` takes 100 seconds, nearly all of them waits of the AWS provider, so it runs beside the rest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::children::Running;
use crate::process::{command, find_on_path, root, run_captured, step};
use crate::setup;

/// How to come by it, for machines without.
pub const INSTALL: &str = "terraform is not on PATH, install 1.7 or newer: `brew install hashicorp/tap/terraform`, or the \
                           package of https://developer.hashicorp.com/terraform/install";

/// Where administrators put providers for machines that cannot reach the registry; see [`configuration`].
const MIRROR: &str = "/opt/tf-plugins";
const MIRROR_VARIABLE: &str = "SLUICE_TERRAFORM_MIRROR";

/// How long moto may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Terraform on this machine.
pub struct Terraform {
    program: PathBuf,
    /// A configuration of its own, where providers are in a folder.
    configuration: Option<PathBuf>,
}

/// Queues that exist in a stand-in of AWS, until this is dropped.
pub struct Queues {
    /// The queue.
    pub url: String,
    /// Its dead letters.
    pub dead_letter_url: String,
}

impl Terraform {
    /// Terraform, if it is installed.
    ///
    /// # Errors
    ///
    /// If its configuration cannot be written.
    pub fn find() -> Result<Option<Self>> {
        let Some(program) = find_on_path("terraform") else { return Ok(None) };
        fs::create_dir_all(work()).with_context(|| format!("cannot create {}", work().display()))?;
        Ok(Some(Self { program, configuration: configuration()? }))
    }

    /// A command of Terraform in `infra/PATH`, whose own files are in `target/`.
    fn command(&self, path: &str) -> Command {
        let mut terraform = command(&self.program);
        terraform.current_dir(root().join("infra").join(path));
        terraform.env("TF_DATA_DIR", work().join(path)).env("TF_IN_AUTOMATION", "1");
        terraform.env("CHECKPOINT_DISABLE", "1").env("TF_CLI_ARGS", "-no-color");
        if let Some(file) = &self.configuration {
            terraform.env("TF_CLI_CONFIG_FILE", file);
        }
        terraform
    }

    /// Checks the formatting of all of `infra/`.
    ///
    /// # Errors
    ///
    /// If a file is not formatted.
    pub fn fmt(&self) -> Result<()> {
        let mut fmt = self.command("");
        step(
            "terraform fmt -check (mend: terraform fmt -recursive infra)",
            fmt.args(["fmt", "-check", "-diff", "-recursive"]),
        )
    }

    /// Gets the providers and modules of `path`.
    ///
    /// # Errors
    ///
    /// If they are not to be had.
    pub fn init(&self, path: &str) -> Result<()> {
        step(
            &format!("terraform init in infra/{path}"),
            self.command(path).args(["init", "-input=false", "-backend=false"]),
        )
    }

    /// Whether the providers of `path` are to be had here.
    ///
    /// # Errors
    ///
    /// If Terraform cannot be started.
    pub fn can_init(&self, path: &str) -> Result<bool> {
        let mut init = self.command(path);
        Ok(run_captured(init.args(["init", "-input=false", "-backend=false"]))?.0.success())
    }

    /// Checks what `path` declares against the schemas of its providers.
    ///
    /// # Errors
    ///
    /// If something is wrong.
    pub fn validate(&self, path: &str) -> Result<()> {
        step(&format!("terraform validate in infra/{path}"), self.command(path).arg("validate"))
    }

    /// Runs the tests of `path`; tells how many passed and failed.
    ///
    /// # Errors
    ///
    /// If it says no numbers.
    pub fn test(&self, path: &str) -> Result<(usize, usize)> {
        let (_, lines) = run_captured(self.command(path).arg("test"))?;
        let said = lines.iter().rev().find_map(|line| counts(line));
        if said.is_none_or(|(_, failed)| 0 < failed) {
            println!("{}", lines.join("\n"));
        }
        said.with_context(|| format!("terraform test in infra/{path} told no result"))
    }

    /// Makes the queues of `examples/spin-sqs` in the stand-in at `endpoint`.
    ///
    /// # Errors
    ///
    /// If they cannot be made.
    pub fn apply(&self, endpoint: &str) -> Result<Queues> {
        let path = "examples/spin-sqs";
        let state = work().join("moto.tfstate");
        let _ = fs::remove_file(&state);
        let mut apply = self.command(path);
        apply.args(["apply", "-auto-approve", "-input=false", "-parallelism=20"]);
        apply.arg(format!("-state={}", state.display())).arg(format!("-var=aws_endpoint={endpoint}"));
        // What the queues are in production too, but for a document that was given up coming back at once.
        apply.args(["-var=max_receive_count=3", "-var=visibility_timeout_seconds=30"]);
        let (status, lines) = run_captured(&mut apply)?;
        if !status.success() {
            bail!("terraform apply of infra/{path} to moto failed:\n{}", lines.join("\n"));
        }
        let mut output = self.command(path);
        output.args(["output", "-json"]).arg(format!("-state={}", state.display())).arg("sluice");
        let output = output.stderr(Stdio::inherit()).output().context("terraform cannot be run")?;
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).context("terraform output")?;
        let text = |name: &str| {
            let value = told.pointer(&format!("/queue/{name}")).and_then(|value| value.as_str());
            value.map(str::to_owned).with_context(|| format!("infra/{path} tells no queue.{name}"))
        };
        Ok(Queues { url: text("url")?, dead_letter_url: text("dead_letter_url")? })
    }
}

/// The numbers of `Success! 7 passed, 0 failed.`
fn counts(line: &str) -> Option<(usize, usize)> {
    let (before, after) = line.split_once(" passed, ")?;
    let number = |text: &str, at: usize| text.split_whitespace().nth(at)?.parse::<usize>().ok();
    Some((number(before, before.split_whitespace().count().checked_sub(1)?)?, number(after, 0)?))
}

/// Terraform's own files: data folders, state.
fn work() -> PathBuf {
    root().join("target/terraform")
}

/// A configuration of Terraform's for machines whose providers are in a folder: the one that is named by
/// `SLUICE_TERRAFORM_MIRROR`, else the usual one if it is there. A configuration of the user's own wins.
fn configuration() -> Result<Option<PathBuf>> {
    let own = std::env::var_os("TF_CLI_CONFIG_FILE").map(PathBuf::from);
    if own.is_some_and(|file| file.is_file()) {
        return Ok(None);
    }
    let mirror = std::env::var_os(MIRROR_VARIABLE).map_or_else(|| PathBuf::from(MIRROR), PathBuf::from);
    if !mirror.is_dir() {
        return Ok(None);
    }
    let file = work().join("terraform.rc");
    let text = format!(
        "disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{\n    path = {:?}\n  }}\n}}\n",
        mirror.display().to_string()
    );
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Some(file))
}

/// moto, a stand-in of AWS, on a port of this machine that is free.
pub struct Moto {
    running: Running,
    /// Its address.
    pub endpoint: String,
}

impl Moto {
    /// Installs it if it is missing, and starts it.
    ///
    /// # Errors
    ///
    /// If it cannot be installed, or does not answer.
    pub fn start() -> Result<Self> {
        let python = setup::ensure_python("venv-moto", &root().join("infra/requirements.txt"))?;
        let log = work().join("moto.log");
        let file = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut moto = command(python.with_file_name("moto_server"));
        moto.args(["-H", "127.0.0.1", "-p", "0"]);
        moto.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let mut running = Running::start(&mut moto)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(endpoint) = said(&log) {
                return Ok(Self { running, endpoint });
            }
            if let Some(status) = running.child.try_wait()? {
                bail!("moto ended ({status}); it said:\n{}", fs::read_to_string(&log).unwrap_or_default());
            }
            if deadline < Instant::now() {
                bail!("moto did not say where it listens within {} s", PATIENCE.as_secs());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops it.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn stop(self) -> Result<()> {
        self.running.stop()
    }
}

/// The address in moto's log.
fn said(log: &Path) -> Option<String> {
    let text = fs::read_to_string(log).ok()?;
    let address = text.split("http://127.0.0.1:").nth(1)?;
    // The line has to be whole.
    let (port, _) = address.split_once('\n')?;
    let port: u16 = port.trim().trim_end_matches('/').parse().ok()?;
    (port != 0).then(|| format!("http://127.0.0.1:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_terraform_test_are_read() {
        assert_eq!(counts("Success! 7 passed, 0 failed."), Some((7, 0)));
        assert_eq!(counts("Failure! 6 passed, 1 failed."), Some((6, 1)));
        assert_eq!(counts("Failure! 6 passed, 1 failed, 2 skipped."), Some((6, 1)));
        assert_eq!(counts("  run \"x\"... pass"), None);
    }
}
