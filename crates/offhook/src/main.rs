//! The `offhook` command.

mod command;

use clap::{CommandFactory, Parser, Subcommand};

/// Calling bots over Microsoft Graph: run them, and what helps to build and try them.
#[derive(Parser)]
#[command(version, propagate_version = true)]
#[command(after_help = "Try it without an account, in two terminals:

    offhook emulator
    offhook echo --graph http://127.0.0.1:9440 --answer")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    logging: command::logging::Logging,
}

#[derive(Subcommand)]
enum Command {
    #[cfg(feature = "emulator")]
    Emulator(command::emulator::Arguments),
    Record(command::record::Arguments),
    Recording(command::recording::Arguments),
    Play(command::play::Arguments),
    Echo(command::echo::Arguments),
    Bench(command::bench::Arguments),
    Permissions(command::permissions::Arguments),
    Completions(command::completions::Arguments),
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    cli.logging.begin();
    let done = match cli.command {
        #[cfg(feature = "emulator")]
        Command::Emulator(arguments) => command::emulator::run(arguments).await,
        Command::Record(arguments) => command::record::run(arguments).await,
        Command::Recording(arguments) => command::recording::run(&arguments),
        Command::Play(arguments) => command::play::run(arguments).await,
        Command::Echo(arguments) => command::echo::run(arguments).await,
        Command::Bench(arguments) => command::bench::run(arguments).await,
        Command::Permissions(arguments) => command::permissions::run(&arguments),
        Command::Completions(arguments) => command::completions::run(&arguments, Cli::command()),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("offhook: {}", command::with_causes(&*error));
            command::code_of(&*error)
        }
    }
}
