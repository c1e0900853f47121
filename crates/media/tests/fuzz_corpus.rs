//! What was found by fuzzing, or seeds it, again: each file of the corpus through its target.

#[expect(unreachable_pub, reason = "it is a crate of its own elsewhere")]
#[path = "../../../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

#[test]
fn nothing_in_the_corpus_panics() {
    for (name, target) in targets::TARGETS {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
        let files = std::fs::read_dir(&corpus).unwrap();
        let run = files.map(|file| target(&std::fs::read(file.unwrap().path()).unwrap())).count();
        assert!(run > 0, "{} has seeds", corpus.display());
    }
}
