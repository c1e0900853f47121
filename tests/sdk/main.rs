//! Microsoft's own SDK for Graph, in Python, makes, reads, changes and ends calls on the emulator, while offhook's tracker
//! follows the same calls and has to know the same of them.
//!
//! The scripts beside this file are what the author of a bot would write. They run under the interpreter that the variable
//! `OFFHOOK_SDK_PYTHON` names; `script/test` installs the SDK and sets it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod agreement;
mod bot;
mod left_out;
mod python;
mod tenant;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Write;

use left_out::LEFT_OUT;
use tenant::Tenant;

/// Each meets a tenant of its own.
const SCRIPTS: [&str; 5] = ["calls.py", "actions.py", "participants.py", "incoming.py", "errors.py"];

/// One test, so that in the end it can be told whether the scripts together have asked for everything.
#[tokio::test(flavor = "multi_thread")]
async fn microsofts_sdk_can_do_with_the_emulator_all_that_it_can_do_with_calls() {
    let Some(interpreter) = std::env::var_os(python::INTERPRETER) else {
        // Past the test harness, which keeps back what a test prints that passes.
        let skipped = format!(
            "SKIPPED tests/sdk: {} does not name a Python that has Microsoft's SDK. script/test installs it and sets this.\n",
            python::INTERPRETER
        );
        let _ = std::io::stderr().write_all(skipped.as_bytes());
        return;
    };
    let runs = SCRIPTS.map(|script| {
        let interpreter = interpreter.clone();
        tokio::spawn(async move { play(&interpreter, script).await })
    });
    let (mut asked, mut failures) = (BTreeSet::new(), Vec::new());
    for run in runs {
        match run.await.unwrap() {
            Ok(more) => asked.extend(more),
            Err(failure) => failures.push(failure),
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert_everything_was_asked(&interpreter, &asked).await;
}

/// Runs a script in a tenant of its own, and gives what it asked the SDK for.
async fn play(interpreter: &OsStr, script: &str) -> Result<Vec<String>, String> {
    let tenant = Tenant::open(script).await;
    python::run(interpreter, script, &tenant.described()).await?;
    tenant.bot.assert_all_is_over().await;
    assert_eq!(tenant.emulator.calls(), [], "{script} leaves no call");
    Ok(tenant.bot.asked())
}

/// Whatever the SDK has is asked for by a script, or stands among what is left out and why.
async fn assert_everything_was_asked(interpreter: &OsStr, asked: &BTreeSet<String>) {
    let surface = python::run(interpreter, "surface.py", "null").await.unwrap();
    let surface: BTreeSet<String> = serde_json::from_str(&surface).unwrap();
    let left_out: BTreeSet<String> = LEFT_OUT.iter().map(|(request, _)| (*request).to_owned()).collect();
    let known: BTreeSet<String> = asked.union(&left_out).cloned().collect();
    let missing: Vec<_> = surface.difference(&known).collect();
    assert!(missing.is_empty(), "no script asks for {missing:#?}");
    let in_vain: Vec<_> =
        left_out.iter().filter(|one| asked.contains(*one) || !surface.contains(*one)).collect();
    assert!(in_vain.is_empty(), "left out, though a script asks for it or the SDK has it not: {in_vain:#?}");
}
