//! Chores of this repository: `cargo xtask dev`, `test`, `build`. One file per command; each returns an error whose
//! text is one line that says what to do.

#![allow(clippy::disallowed_methods, reason = "a native tool: it has a clock, an environment and threads")]

mod bench;
mod build;
mod children;
mod codegen;
mod configure;
mod dev;
mod learn;
mod process;
mod progress;
mod seed;
mod setup;
mod simulate;
mod terraform;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Chores of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing, build, and serve the gateway on this machine with a ready dev tenant
    Dev(dev::Arguments),
    /// Run every check: lints, unit tests, scenarios on both hosts, SDK clients, browser, Terraform
    Test(test::Arguments),
    /// Build the bundles of both hosts and print their sizes
    Build(build::Arguments),
    /// Measure throughput, latency, CPU, sizes and start-up of the bundles
    Bench(bench::Arguments),
    /// Show what each routing strategy makes of bad times, in virtual time
    Simulate(simulate::Arguments),
    /// Train what is learned, and write its weights
    Train(learn::Arguments),
    /// Measure what is learned, and print the tables of the documentation
    Eval(learn::Arguments),
    /// Write what Terraform made into the hosts' manifests
    Configure(configure::Arguments),
    /// Make the committed tables of providers and prices from their data
    Codegen(codegen::Arguments),
}

/// Where a bundle runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Host {
    /// Cloudflare Workers: workerd
    Cloudflare,
    /// Spin: a WASI component
    Spin,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = children::stop_on_signals().and_then(|()| match arguments.command {
        Command::Dev(arguments) => dev::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Build(arguments) => build::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Train(arguments) => learn::run("train", &arguments),
        Command::Eval(arguments) => learn::run("eval", &arguments),
        Command::Configure(arguments) => configure::run(&arguments),
        Command::Codegen(arguments) => codegen::run(&arguments),
    });
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
