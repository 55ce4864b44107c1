//! The command `sluice`: check and compile a configuration, mint a key, price a usage, list what is known.
//!
//! It works on files and on what is compiled in, and talks to a running gateway's operator's API.

#![allow(clippy::disallowed_methods, reason = "a native tool: it has an environment")]

mod audit;
mod cache;
mod config;
mod costs;
mod guard;
mod ingest;
mod key;
mod list;
mod price;
mod remote;
mod table;
mod tenant;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Check a configuration of Sluice, mint a key, price a usage
#[derive(Parser)]
#[command(name = "sluice", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    remote: remote::Remote,
}

#[derive(Subcommand)]
enum Command {
    /// Check sluice.yaml, turn it into what a gateway reads, print its JSON Schema
    #[command(subcommand)]
    Config(config::Command),
    /// Make, rotate and revoke virtual keys
    #[command(subcommand)]
    Key(key::Command),
    /// Make and change tenants of a running gateway
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// See and set what tenants may spend
    #[command(subcommand)]
    Budget(tenant::Budget),
    /// What requests used and cost
    Costs(costs::Arguments),
    /// Delete answers that are given again
    #[command(subcommand)]
    Cache(cache::Command),
    /// Who changed what, and whether the log is whole
    #[command(subcommand)]
    Audit(audit::Command),
    /// Try guardrails on a text
    #[command(subcommand)]
    Guard(guard::Command),
    /// Put documents into a vector store, see which were given up, bring those on their way again
    Ingest(ingest::Arguments),
    /// Say what a number of tokens costs at list price
    Price(price::Arguments),
    /// List the providers that are known by name
    Providers(list::ProviderArguments),
    /// List the models whose price and limits are known
    Models(list::ModelArguments),
}

fn main() -> ExitCode {
    let Arguments { command, remote } = Arguments::parse();
    let result = match command {
        Command::Config(command) => config::run(&command),
        Command::Key(command) => key::run(&remote, &command),
        Command::Tenant(command) => tenant::run(&remote, &command),
        Command::Budget(command) => tenant::budget(&remote, &command),
        Command::Costs(arguments) => costs::run(&remote, &arguments),
        Command::Cache(command) => cache::run(&remote, &command),
        Command::Audit(command) => audit::run(&remote, &command),
        Command::Guard(command) => guard::run(&command),
        Command::Ingest(arguments) => ingest::run(&remote, &arguments),
        Command::Price(arguments) => price::run(&arguments),
        Command::Providers(arguments) => list::providers(&arguments),
        Command::Models(arguments) => list::models(&arguments),
    };
    result.unwrap_or_else(|error| {
        eprintln!("sluice: {error:#}");
        ExitCode::FAILURE
    })
}

/// Writes a line to standard output; a reader that has left (`| head`) is no error.
fn say(text: &str) {
    use std::io::Write;
    if writeln!(std::io::stdout().lock(), "{text}").is_err() {
        std::process::exit(0);
    }
}
