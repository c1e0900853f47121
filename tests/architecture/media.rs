//! Which module of the media crate may use which, and who may do what.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::source::{Source, assert_none, sources};

const MEDIA: &str = "crates/media/src";

/// From high to low: a module may use what stands in its row, and that stands below it. Every module has a row.
///
/// The picture in ARCHITECTURE.md is platform, worker, session, {receive, send, blob}, {audio, frame, ring}, {units, time}.
/// Beside it stand what many use: `error` collects the errors of its parts, and is met only where the application is;
/// counters and the ledger are written by every stage, the settings are read by every stage. `clock` is the one real clock,
/// which the application's ends read.
const MODULES: [(&str, &[&str]); 31] = [
    (
        "platform",
        &[
            "blob", "clock", "encoded", "error", "event", "frame", "health", "ledger", "receive", "ring",
            "send", "session", "settings", "stats", "tap", "time", "tones", "video", "worker",
        ],
    ),
    ("worker", &["clock", "error", "frame", "health", "session", "stats", "sync", "time"]),
    ("error", &["audio", "blob", "health", "session"]),
    ("film", &["audio", "frame", "raw_video", "send", "session", "time", "units", "video"]),
    ("raw_video", &["clock", "session", "time", "video"]),
    (
        "session",
        &[
            "audio", "blob", "clock", "control", "encoded", "event", "frame", "ledger", "orders", "receive",
            "ring", "rtp", "send", "sequence", "settings", "stats", "sync", "tap", "time", "tones", "units",
            "video", "wire",
        ],
    ),
    (
        "tap",
        &["clock", "encoded", "frame", "receive", "red", "ring", "rtp", "send", "time", "units", "video"],
    ),
    ("control", &["event", "units", "video"]),
    ("encoded", &["audio", "frame", "ledger", "receive", "ring", "rtp", "send", "stats", "time", "units"]),
    (
        "receive",
        &[
            "audio", "event", "frame", "ledger", "red", "rtp", "sequence", "settings", "stats", "time",
            "units",
        ],
    ),
    (
        "send",
        &[
            "audio", "event", "frame", "ledger", "orders", "red", "ring", "rtp", "settings", "stats", "time",
            "tones", "units",
        ],
    ),
    ("wire", &["rtp", "units"]),
    ("stats", &["ledger"]),
    ("ledger", &[]),
    ("audio", &["frame", "settings", "time", "units"]),
    ("orders", &["sync"]),
    ("ring", &["sync"]),
    ("clock", &["time"]),
    ("settings", &["blob", "frame", "health", "video"]),
    ("health", &[]),
    ("event", &["blob", "tones", "units", "video"]),
    ("tones", &["time", "units"]),
    ("blob", &["frame", "video"]),
    ("video", &["sequence", "time", "units"]),
    ("frame", &["rtp", "time", "units"]),
    ("sequence", &[]),
    ("red", &[]),
    ("rtp", &["units"]),
    ("sync", &[]),
    ("time", &[]),
    ("units", &[]),
];

/// The files whose code counts: tests may use anything.
fn code_files() -> impl Iterator<Item = Source> {
    sources(MEDIA).into_iter().filter(|source| !source.is_test())
}

fn file(path: &str) -> PathBuf {
    Path::new(MEDIA).join(path)
}

/// The module at the top of the crate that a file belongs to; none for `lib.rs`.
fn module_of(path: &Path) -> Option<String> {
    let below = path.strip_prefix(MEDIA).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
    let module = first.trim_end_matches(".rs");
    (module != "lib").then(|| module.to_owned())
}

#[test]
fn the_table_of_modules_is_drawn_from_high_to_low() {
    let place = |module: &str| MODULES.iter().position(|(name, _)| *name == module);
    for (at, (module, uses)) in MODULES.iter().enumerate() {
        for used in *uses {
            assert!(
                place(used).is_some_and(|place| place > at),
                "{module} uses {used}, which is not below it"
            );
        }
    }
    let there: BTreeSet<_> = code_files().filter_map(|source| module_of(&source.path)).collect();
    let drawn: BTreeSet<_> = MODULES.iter().map(|(module, _)| (*module).to_owned()).collect();
    assert_eq!(there, drawn, "each module has its row");
}

#[test]
fn modules_use_only_what_their_row_allows() {
    let exported = exports();
    assert_none(code_files().flat_map(|source| {
        let Some(module) = module_of(&source.path) else { return Vec::new() };
        let (_, allowed) = MODULES.iter().find(|(name, _)| *name == module).unwrap();
        let used = source.names_after("crate::").into_iter().map(|name| {
            // A type by the path that users have for it.
            exported.iter().find(|(export, _)| *export == name).map_or(name, |(_, module)| module.clone())
        });
        let wrong = used.filter(|used| *used != module && !allowed.contains(&used.as_str()));
        wrong.map(|used| format!("{} ({module}) uses {used}", source.path.display())).collect()
    }));
}

/// The types that `lib.rs` re-exports, each with its module: `MediaState` of `session`, say.
fn exports() -> Vec<(String, String)> {
    let code = Source::at(file("lib.rs")).code();
    let statements = code.split(';').filter_map(|statement| statement.trim().strip_prefix("pub use "));
    let exports: Vec<_> = statements
        .flat_map(|path| {
            let (module, _) = path.split_once("::").unwrap();
            let (_, names) = path.rsplit_once("::").unwrap();
            let names = names.trim_matches(['{', '}', '\n', ' ']).split(',').map(str::trim);
            let names = names.filter(|name| !name.is_empty());
            names.map(|name| (name.to_owned(), module.to_owned())).collect::<Vec<_>>()
        })
        .collect();
    let state = exports.iter().find(|(name, _)| name == "MediaState");
    assert_eq!(state.map(|(_, module)| module.as_str()), Some("session"), "lib.rs was read");
    exports
}

/// Then `crate::` is the only way from one module at the top to another, and the test above sees them all.
#[test]
fn nothing_climbs_out_of_its_module_by_super() {
    assert_none(code_files().filter_map(|source| {
        let below = source.path.strip_prefix(file("")).unwrap();
        let at_the_top =
            below.components().count() == 1 || (below.ends_with("mod.rs") && below.components().count() == 2);
        let climbs =
            source.code().contains("super::super::") || (at_the_top && source.code().contains("super::"));
        climbs.then(|| format!("{} uses `super::` to leave its module", source.path.display()))
    }));
}

/// The lint forbids clocks, sockets and threads; this says who may switch it off.
#[test]
fn only_files_marked_io_may_read_clocks_open_sockets_and_start_threads() {
    let unmarked = |source: &Source| !source.text.starts_with("//! [io] ");
    let allowing = code_files().filter(|source| source.code().contains("clippy::disallowed_methods"));
    assert_none(allowing.filter(unmarked).map(|source| {
        format!(
            "{} switches the lint off, and its first line does not begin with `//! [io]`",
            source.path.display()
        )
    }));
}

#[test]
fn each_library_that_another_could_take_the_place_of_is_named_in_few_files() {
    let [channel, dtls, ice, sctp] =
        ["channel", "dtls", "ice", "sctp"].map(|name| format!("session/connection/{name}.rs"));
    for (library, only) in [
        ("rtc", &[&*channel, &*dtls, &*ice, &*sctp][..]),
        ("opus", &["audio/opus.rs"]),
        ("earshot", &["audio/vad.rs"]),
        ("symphonia", &["audio/source/container.rs", "film/reader.rs", "film/sound.rs"]),
        ("openh264", &["video/codec/h264.rs"]),
        ("vpx_sys", &["video/codec/vp8.rs"]),
        ("fast_image_resize", &["video/scale.rs"]),
    ] {
        // `rtc` is a family of crates: `rtc_ice` and its like are parts of it.
        let part = format!("{library}_");
        // A module of ours has the same name as each, so a path to the crate begins with `::`, or is a whole `use`.
        let names = |source: &Source| {
            let code = source.code();
            let paths = source.names_after("::");
            paths.iter().any(|name| name == library || name.starts_with(&part))
                || [format!("use {library}::"), format!("use {part}")].iter().any(|used| code.contains(used))
        };
        let naming: BTreeSet<_> = code_files().filter(names).map(|source| source.path).collect();
        assert_eq!(
            naming,
            only.iter().map(|path| file(path)).collect::<BTreeSet<_>>(),
            "files that name {library}"
        );
    }
}
