//! Arguments, logging, the crypto provider; everything else is in the library.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use holdpoint::cli::{self, Cli, Command};
use tracing_subscriber::EnvFilter;

/// Stack of a worker thread. The decoder of the grammar's answer stops at 100 nested messages, which take up to 4 MiB without
/// optimisation; a thread that overflowed would take the whole process along.
const STACK_BYTES: usize = 32 * 1024 * 1024;

fn main() -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK_BYTES).build() {
        Ok(runtime) => runtime.block_on(start()),
        Err(_) => ExitCode::FAILURE,
    }
}

async fn start() -> ExitCode {
    let cli = Cli::parse();
    log(matches!(cli.command, Command::Serve));
    // The only other provider compiled in is none: a second call cannot happen, a failure cannot either.
    let _ = rustls::crypto::ring::default_provider().install_default();
    cli::run(cli).await.into()
}

/// Logs go to stderr: as JSON when served into a file or a journal, as text on a terminal. `HOLDPOINT_LOG` filters.
fn log(serving: bool) {
    let quiet = if serving { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env("HOLDPOINT_LOG").unwrap_or_else(|_| EnvFilter::new(quiet));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if serving && !std::io::stderr().is_terminal() {
        builder.json().init();
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).init();
    }
}
