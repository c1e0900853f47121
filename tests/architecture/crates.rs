//! Which crate may use which.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::source::{assert_none, root, sources};

/// ARCHITECTURE.md, "Crates and arrows".
const ARROWS: [(&str, &[&str]); 5] = [
    ("offhook", &["offhook-emulator", "offhook-media", "offhook-recording", "offhook-signaling"]),
    ("offhook-emulator", &["offhook-media", "offhook-signaling"]),
    ("offhook-media", &[]),
    ("offhook-recording", &["offhook-media"]),
    ("offhook-signaling", &[]),
];

/// What cargo knows of the packages of the workspace.
pub(crate) fn packages() -> Vec<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// The dependencies of a package, of each kind.
pub(crate) fn dependencies(package: &Value) -> impl Iterator<Item = &Value> {
    package["dependencies"].as_array().unwrap().iter()
}

pub(crate) fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap()
}

/// Tests of a crate are part of it, so what they use counts too. The root package is all tests.
#[test]
fn crates_use_only_the_drawn_arrows() {
    let packages = packages();
    let crates = || packages.iter().filter(|package| name(package) != "offhook-workspace");
    let drawn: BTreeSet<_> = ARROWS.iter().map(|(from, _)| *from).collect();
    assert_eq!(crates().map(name).collect::<BTreeSet<_>>(), drawn, "each crate has its place in the picture");
    let arrow = |from: &str, to: &str| ARROWS.iter().any(|(name, uses)| *name == from && uses.contains(&to));
    assert_none(crates().flat_map(|package| {
        let ours = dependencies(package).map(name).filter(|to| drawn.contains(to));
        let wrong = ours.filter(|to| !arrow(name(package), to));
        wrong.map(|to| format!("{} uses {to}", name(package))).collect::<Vec<_>>()
    }));
}

#[test]
fn the_facade_can_do_without_the_emulator() {
    let packages = packages();
    let facade = packages.iter().find(|package| name(package) == "offhook").unwrap();
    let emulator = dependencies(facade).find(|to| name(to) == "offhook-emulator").unwrap();
    assert_eq!(emulator["optional"], true);
    let features = &facade["features"];
    assert_eq!(features["emulator"], serde_json::json!(["dep:offhook-emulator"]));
    assert_eq!(features["default"], serde_json::json!(["emulator"]), "it is there unless it is left out");
}

/// The emulator shares Graph's words with the client, and nothing that works with them: the two would agree on a mistake.
#[test]
fn the_emulator_knows_only_the_models_of_signaling() {
    let sources = sources("crates/emulator/src");
    let uses = sources.iter().flat_map(|source| {
        source.names_after("offhook_signaling::").into_iter().map(move |name| (&source.path, name))
    });
    let uses: Vec<_> = uses.collect();
    assert!(!uses.is_empty(), "it does use them");
    let wrong = uses.iter().filter(|(_, name)| name != "model");
    assert_none(wrong.map(|(path, name)| format!("{} names offhook_signaling::{name}", path.display())));
}
