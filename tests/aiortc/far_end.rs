//! [io] The scripts beside this file, each as a process that is talked to line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use offhook::media::blob::MediaBlob;
use serde::Deserialize;

/// Which interpreter has aiortc. `script/test` sets it.
const INTERPRETER: &str = "OFFHOOK_AIORTC_PYTHON";

/// A script that runs. Its errors are on the test's own standard error.
pub(crate) struct Script {
    process: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
}

impl Script {
    /// Starts one with what it needs to know; `None`, and a line that says so, where there is no aiortc.
    pub(crate) fn start(name: &str, argument: &str) -> Option<Self> {
        let Some(interpreter) = std::env::var_os(INTERPRETER) else {
            // Past the test harness, which keeps back what a test prints that passes.
            let skipped = format!(
                "SKIPPED tests/aiortc: {INTERPRETER} does not name a Python that has aiortc. script/test installs it and sets this.\n"
            );
            let _ = std::io::stderr().write_all(skipped.as_bytes());
            return None;
        };
        let mut process = Command::new(interpreter)
            .args([name, argument])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aiortc"))
            .env("NO_PROXY", "127.0.0.1")
            // Else Python would leave its cache between the sources.
            .env("PYTHONPYCACHEPREFIX", Path::new(env!("CARGO_TARGET_TMPDIR")).join("python"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (requests, replies) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Some(Self { process, requests, replies: BufReader::new(replies) })
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.requests, "{line}").unwrap();
    }

    /// The next line that it prints.
    pub(crate) fn reply(&mut self) -> String {
        let mut reply = String::new();
        assert!(self.replies.read_line(&mut reply).unwrap() > 0, "the script has failed");
        reply
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // Where it has ended, nobody is there to miss it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `peer.py`.
pub(crate) struct FarEnd(Script);

/// What it has heard.
#[derive(Debug, Deserialize)]
pub(crate) struct Heard {
    pub(crate) seconds: f64,
    /// Of the tones that were asked for, over the last second.
    pub(crate) shares: Vec<f64>,
}

impl FarEnd {
    /// One that says these tones: the first as the mix, each other as a speaker of its own.
    pub(crate) fn start(says: &[f64]) -> Option<Self> {
        Script::start("peer.py", &serde_json::to_string(says).unwrap()).map(Self)
    }

    pub(crate) fn answer(&mut self, offer: &MediaBlob) -> MediaBlob {
        self.0.tell(&offer.to_string());
        MediaBlob::parse(self.0.reply().trim_end()).unwrap()
    }

    pub(crate) fn heard(&mut self, hertz: &[f64]) -> Heard {
        let tones: Vec<String> = hertz.iter().map(f64::to_string).collect();
        self.0.tell(&format!("heard {}", tones.join(" ")));
        serde_json::from_str(&self.0.reply()).unwrap()
    }

    /// It says goodbye and ends.
    pub(crate) fn leave(&mut self) {
        self.0.tell("leave");
    }
}
