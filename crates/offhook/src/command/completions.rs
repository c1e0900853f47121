//! `offhook completions`: what a shell needs to complete the command.

use std::error::Error;
use std::io::Write as _;

use clap::{Args, Command};
use clap_complete::Shell;

/// Write a shell's completions to standard output.
#[derive(Args)]
#[command(after_help = "Examples:

    offhook completions bash > ~/.local/share/bash-completion/completions/offhook
    offhook completions zsh > ~/.zfunc/_offhook
    offhook completions fish > ~/.config/fish/completions/offhook.fish")]
pub(crate) struct Arguments {
    /// Which shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, mut command: Command) -> Result<(), Box<dyn Error>> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "offhook", &mut text);
    Ok(std::io::stdout().write_all(&text)?)
}
