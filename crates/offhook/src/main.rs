//! The `offhook` command.

mod command;

use std::io::IsTerminal;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// What is logged unless `OFFHOOK_LOG` says otherwise: of the WebRTC core only what is wrong.
const LOG: &str = "error,offhook=info,offhook_emulator=info,offhook_media=info,offhook_signaling=info";

/// Calling bots over Microsoft Graph: what helps to build and try them.
///
/// OFFHOOK_LOG sets what is logged, as in OFFHOOK_LOG=debug.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Bench(command::bench::Arguments),
    #[cfg(feature = "emulator")]
    Emulator(command::emulator::Arguments),
    Permissions(command::permissions::Arguments),
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let filter = EnvFilter::try_from_env("OFFHOOK_LOG").unwrap_or_else(|_| EnvFilter::new(LOG));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(std::io::stderr().is_terminal());
    log.with_writer(std::io::stderr).init();
    let done = match Cli::parse().command {
        Command::Bench(arguments) => command::bench::run(arguments).await,
        #[cfg(feature = "emulator")]
        Command::Emulator(arguments) => command::emulator::run(arguments).await,
        Command::Permissions(arguments) => command::permissions::run(&arguments),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("offhook: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
