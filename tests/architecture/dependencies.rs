//! One version of each dependency, declared once.

use std::collections::{BTreeMap, BTreeSet};

use crate::crates::{dependencies, name, packages};
use crate::source::{assert_none, read};

/// Dependencies of ours that other crates bring along in a second version, and which do.
const SECOND_VERSIONS: [(&str, &str); 4] = [
    ("base64", "reqwest, and rcgen's PEM reader"),
    ("quinn-udp", "reqwest's HTTP/3, which is locked and not built"),
    ("ringbuf", "neteq, which is only compared with"),
    ("thiserror", "the ASN.1 of rtc-dtls, and neteq"),
];

#[test]
fn every_dependency_is_inherited_from_the_workspace() {
    assert_none(packages().iter().flat_map(|package| {
        let manifest = package["manifest_path"].as_str().unwrap();
        let declared = declared(&read(manifest));
        assert_eq!(declared.len(), dependencies(package).count(), "{manifest} was read as cargo reads it");
        let wrong = declared.into_iter().filter(|(_, inherited)| !inherited);
        wrong.map(|(name, _)| format!("{manifest}: {name} is not `workspace = true`")).collect::<Vec<_>>()
    }));
}

/// The dependencies that a manifest declares, and whether each is inherited. Either form is read: `name.workspace = true`
/// in a table of dependencies, and a table of its own with `workspace = true` in it.
fn declared(manifest: &str) -> Vec<(String, bool)> {
    let mut found: Vec<(String, bool)> = Vec::new();
    let mut table = String::new();
    for line in manifest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('[') {
            header.trim_end_matches(']').clone_into(&mut table);
            if let Some(name) = table_of_one(&table) {
                found.push((name.to_owned(), false));
            }
        } else if is_table_of_many(&table) {
            let (name, value) = line.split_once('=').unwrap();
            let inherited = name.trim().ends_with(".workspace") || value.contains("workspace = true");
            found.push((name.trim().trim_end_matches(".workspace").to_owned(), inherited));
        } else if table_of_one(&table).is_some() && line == "workspace = true" {
            found.last_mut().unwrap().1 = true;
        }
    }
    found
}

fn is_table_of_many(table: &str) -> bool {
    table != "workspace.dependencies" && table.ends_with("dependencies")
}

fn table_of_one(table: &str) -> Option<&str> {
    let (before, name) = table.rsplit_once('.')?;
    is_table_of_many(before).then_some(name)
}

#[test]
fn a_dependency_of_ours_is_locked_in_one_version() {
    let packages = packages();
    let direct: BTreeSet<_> = packages.iter().flat_map(dependencies).map(name).collect();
    let lock = read("Cargo.lock");
    let mut versions = BTreeMap::<&str, Vec<&str>>::new();
    for package in lock.split("[[package]]").skip(1) {
        let value =
            |key: &str| package.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim_matches('"');
        versions.entry(value("name = ")).or_default().push(value("version = "));
    }
    let several = |name: &&str| versions[name].len() > 1;
    let excused: BTreeSet<_> = SECOND_VERSIONS.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<_> = direct.iter().copied().filter(several).collect();
    assert_none(found.difference(&excused).map(|name| format!("{name} is locked as {:?}", versions[name])));
    assert_none(excused.difference(&found).map(|name| format!("{name} needs no excuse any more")));
}

#[test]
fn manifests_are_read_in_either_form() {
    let manifest = "[dependencies]\na.workspace = true\nb = \"1\"\n\n[dependencies.c]\nworkspace = true\n\
                    optional = true\n\n[dev-dependencies.d]\nversion = \"1\"\n\n[build-dependencies]\n\
                    e = { workspace = true }\n\n[workspace.dependencies]\nf = \"1\"\n\n[features]\ng = []\n";
    let read: Vec<_> = declared(manifest);
    let expected = [("a", true), ("b", false), ("c", true), ("d", false), ("e", true)];
    assert_eq!(read, expected.map(|(name, inherited)| (name.to_owned(), inherited)));
}
