//! A provider that says and does what it is told; see [`sluice_testing::mock`].

use std::io::Write as _;
use std::net::SocketAddr;

use clap::Parser;
use sluice_testing::mock::{Mock, Options};

/// Speaks the wire formats of AI providers, for tests and benches.
#[derive(Parser)]
struct Args {
    /// The port to listen on; 0 lets the system choose.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Do not record requests for `/_log`.
    #[arg(long)]
    no_log: bool,
    /// Stop when standard input ends, which it does when the parent dies.
    #[arg(long)]
    exit_on_stdin_close: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let listen = SocketAddr::from(([127, 0, 0, 1], args.port));
    let mock = Mock::bind(Options { listen, log: !args.no_log }).await?;
    let mut out = std::io::stdout();
    writeln!(out, "ready {}", mock.url())?;
    out.flush()?;
    if args.exit_on_stdin_close {
        tokio::select! {
            served = mock.serve() => served?,
            () = stdin_closed() => {}
        }
        // A read of standard input cannot be cancelled and would keep the runtime.
        std::process::exit(0);
    }
    Ok(mock.serve().await?)
}

async fn stdin_closed() {
    let (mut from, mut into) = (tokio::io::stdin(), tokio::io::sink());
    let _ = tokio::io::copy(&mut from, &mut into).await;
}
