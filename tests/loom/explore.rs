//! Running a model in every order, and mutants in processes of their own.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Runs `model` in every order of its threads with up to `preemptions` changes of thread where none is forced. Returns how
/// many orders there were: one that tries a single order finds nothing.
pub(crate) fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) -> usize {
    let tried = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&tried);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        count.fetch_add(1, SeqCst);
        model();
    });
    tried.load(SeqCst)
}

/// Runs each test of `mutants`, which is ignored otherwise, in a process of its own, as loom does not survive a thread that
/// never wakes. Each must fail, and say what follows its name.
pub(crate) fn assert_found_out(mutants: &[(&str, &str)]) {
    for (mutant, complaint) in mutants {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", mutant, "--ignored", "--nocapture"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains(complaint),
            "{mutant} was not found out by {complaint:?}: {said}"
        );
    }
}
