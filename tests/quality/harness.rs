//! The comparison of receivers (`examples/audio_quality`), short, with what every machine has: its row for offhook.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use serde_json::Value;

/// Twelve seconds, of which the packets of 200 ms are lost.
fn torn() -> String {
    let mut trace = "offhook-trace 1\n".to_owned();
    for index in 0..600 {
        let sent = index * 20_000;
        if (300..310).contains(&index) {
            writeln!(trace, "{index} {sent} lost").unwrap();
        } else {
            writeln!(trace, "{index} {sent} {}", sent + 20_000).unwrap();
        }
    }
    trace
}

#[test]
fn the_comparison_of_receivers_has_a_row_for_each_trace() {
    let directory = tempfile::tempdir().unwrap();
    let (trace, out) = (directory.path().join("torn.trace"), directory.path().join("out"));
    fs::write(&trace, torn()).unwrap();
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--locked", "--example", "audio_quality"])
        // As the tests were built, so that nothing is built twice.
        .args(std::env::var("OFFHOOK_TEST_FEATURES").iter().flat_map(|features| ["--features", features]))
        .args(["--", "--json"])
        .args([
            "--minutes",
            "0.2",
            "--receivers",
            "offhook",
            "--traces",
            "clean,jitter_20",
            "--score-every",
            "1",
        ])
        .args(["--speech", "assets/speech.wav", "--python", "there-is-none"])
        .args(["--trace".as_ref(), trace.as_os_str(), "--out".as_ref(), out.as_os_str()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<Value> = output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    let names: Vec<_> = rows.iter().map(|row| row["trace"].as_str().unwrap()).collect();
    assert_eq!(names, ["clean", "jitter_20", "torn"]);
    for row in &rows {
        assert_eq!(row["receiver"], "offhook");
        assert!(row["mean_delay_ms"].as_f64().unwrap() > 0.0 && row["p95_delay_ms"].as_f64().unwrap() > 0.0);
        assert!(row["stretched"].as_f64().is_some() && row["pieces_scored"] == 1);
        // Without the Python that computes them there are none, and no made-up ones.
        assert!(row["stoi"].is_null() && row["plcmos"].is_null());
    }
    let value = |row: usize, key: &str| rows[row][key].as_f64().unwrap();
    assert_eq!(value(0, "concealed"), 0.0);
    assert!(value(0, "pesq_wb") > 4.0, "{}", rows[0]);
    // 10 packets of 590, less what FEC brings back.
    assert!((0.01..0.03).contains(&value(2, "concealed")), "{}", rows[2]);
    assert!(value(2, "pesq_wb") < value(0, "pesq_wb"));
    assert!(out.join("torn-offhook.wav").exists() && out.join("clean.trace").exists());
}
