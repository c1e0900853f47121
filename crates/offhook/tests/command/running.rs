//! A run of the command.

use std::process::Stdio;
use std::time::Duration;

use offhook::emulator::Emulator;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// How long anything here may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command that runs. It is killed with its test.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    /// What was read of both before the end.
    read: (String, String),
}

/// How it went.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Starts the command with `arguments`, at `emulator` unless they say where.
pub(crate) fn offhook(emulator: &Emulator, arguments: &[&str]) -> Running {
    let graph = emulator.graph_url();
    let mut command = command(arguments);
    if !arguments.contains(&"--graph") {
        command.env("OFFHOOK_GRAPH", graph);
    }
    Running::of(command)
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_offhook"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("OFFHOOK_")) {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::of(command(arguments))
    }

    fn of(mut command: Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (stdout, stderr) = (BufReader::new(stdout), BufReader::new(stderr));
        Self { child, stdout, stderr, read: Default::default() }
    }

    /// Waits for the first line on standard output.
    pub(crate) async fn first_line(&mut self) -> String {
        let reading = self.stdout.read_line(&mut self.read.0);
        tokio::time::timeout(PATIENCE, reading).await.unwrap().unwrap();
        self.read.0.trim_end().to_owned()
    }

    /// Waits for a line on standard error that has `text` in it.
    pub(crate) async fn says(&mut self, text: &str) {
        let mut from = self.read.1.len();
        loop {
            let reading = self.stderr.read_line(&mut self.read.1);
            let read = tokio::time::timeout(PATIENCE, reading).await.unwrap().unwrap();
            assert!(read > 0, "it ended before it said {text:?}: {}", self.read.1);
            if self.read.1[from..].contains(text) {
                return;
            }
            from = self.read.1.len();
        }
    }

    /// What Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let process = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill").args(["-INT", &process]).status().unwrap();
        assert!(sent.success());
    }

    /// Kills it: it can do nothing more.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until it has ended.
    pub(crate) async fn end(mut self) -> Done {
        let (mut stdout, mut stderr) = self.read;
        let ended = async {
            let (_, _, status) = tokio::join!(
                self.stdout.read_to_string(&mut stdout),
                self.stderr.read_to_string(&mut stderr),
                self.child.wait()
            );
            status.unwrap().code()
        };
        let code = tokio::time::timeout(PATIENCE, ended).await.unwrap();
        Done { code, stdout, stderr }
    }
}
