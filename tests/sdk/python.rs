//! [io] Runs a script under the Python that has Microsoft's SDK.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Which interpreter has the SDK. `script/test` sets it.
pub(crate) const INTERPRETER: &str = "OFFHOOK_SDK_PYTHON";

/// A script takes some ten seconds, many times that on a busy machine: it reads 1,700 modules of the SDK first.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs `script`, which is beside this file, with the variable `OFFHOOK_SDK_TENANT`. Gives what it printed.
///
/// # Errors
/// What it printed, when it failed or took too long.
pub(crate) async fn run(interpreter: &OsStr, script: &str, tenant: &str) -> Result<String, String> {
    let (mut output, writer) = std::io::pipe().map_err(|error| error.to_string())?;
    let errors = writer.try_clone().map_err(|error| error.to_string())?;
    let mut command = Command::new(interpreter);
    command
        .arg(script)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk"))
        .env("OFFHOOK_SDK_TENANT", tenant)
        .env("NO_PROXY", "127.0.0.1")
        // Else Python would leave its cache between the sources.
        .env("PYTHONPYCACHEPREFIX", Path::new(env!("CARGO_TARGET_TMPDIR")).join("python"))
        .stdout(writer)
        .stderr(errors);
    let mut child =
        command.spawn().map_err(|error| format!("{} does not run: {error}", interpreter.display()))?;
    // It holds the ends of the pipe that are written to: the script's end is then the end of its output.
    drop(command);
    let mut reading = tokio::task::spawn_blocking(move || {
        let mut text = Vec::new();
        output.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
    });
    let in_time = tokio::time::timeout(LIMIT, &mut reading).await;
    let (in_time, text) = match in_time {
        Ok(text) => (true, text),
        Err(_) => {
            child.kill().map_err(|error| error.to_string())?;
            (false, reading.await)
        }
    };
    let status = child.wait().map_err(|error| error.to_string())?;
    let text = text.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    match (in_time, status.success()) {
        (true, true) => Ok(text),
        (true, false) => Err(format!("{script}: {status}\n{text}")),
        (false, _) => Err(format!("{script}: not done after {} s\n{text}", LIMIT.as_secs())),
    }
}
