//! The `offhook` command.

mod command;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Calling bots over Microsoft Graph: what helps to build and try them.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[cfg(feature = "emulator")]
    Emulator(command::emulator::Arguments),
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let filter = EnvFilter::try_from_env("OFFHOOK_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let done = match Cli::parse().command {
        #[cfg(feature = "emulator")]
        Command::Emulator(arguments) => command::emulator::run(arguments).await,
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("offhook: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
