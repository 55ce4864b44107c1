//! x
use std::process::ExitCode;
/// A
#[derive(clap::Args)]
pub struct Arguments {}
/// r
pub fn run(_a: &Arguments) -> anyhow::Result<ExitCode> { Ok(ExitCode::SUCCESS) }
