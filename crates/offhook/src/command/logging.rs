//! What is logged, and in which form. The log goes to standard error; what a script reads goes to standard output.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// How much to log, for all verbs.
#[derive(Args)]
pub(crate) struct Logging {
    /// Log more: -v what the parts decide, -vv every message. OFFHOOK_LOG overrides it, as in OFFHOOK_LOG=offhook_media=trace.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Form of the log on standard error.
    #[arg(long = "log", global = true, value_enum, value_name = "FORM", default_value_t = Form::Text)]
    form: Form,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

impl Logging {
    /// Begins to log.
    pub(crate) fn begin(&self) {
        let chosen = self.filter();
        let filter = EnvFilter::try_from_env("OFFHOOK_LOG").unwrap_or_else(|_| EnvFilter::new(chosen));
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        match self.form {
            Form::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
            Form::Json => log.json().init(),
        }
    }

    /// Of the WebRTC core of the far ends, only what is wrong, unless everything is asked for.
    fn filter(&self) -> String {
        let (others, ours) = match self.verbose {
            0 => ("error", "info"),
            1 => ("error", "debug"),
            _ => ("info", "trace"),
        };
        let crates =
            ["offhook", "offhook_emulator", "offhook_media", "offhook_recording", "offhook_signaling"];
        crates.iter().fold(others.to_owned(), |filter, name| format!("{filter},{name}={ours}"))
    }
}
