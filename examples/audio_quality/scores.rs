//! What recordings are worth: PESQ-WB here, STOI and PLCMOS by a Python script.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Value, json};

use crate::Outcome;
use crate::align::{self, PIECE, Piece};
use crate::report::Row;

/// Computes STOI and PLCMOS; how is said in it.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/audio_quality/score.py");

/// Fills in the scores of `rows`, each the mean over each `every`th piece of 10 s. `reference` is where `said` is, as WAV.
pub(crate) fn score(
    rows: &mut [Row],
    said: &[i16],
    reference: &Path,
    python: &Path,
    every: usize,
) -> Outcome {
    let pieces: Vec<Vec<Piece>> = shared(rows, |row| align::pieces(said, &row.heard.samples, every));
    for (row, pieces) in rows.iter_mut().zip(&pieces) {
        row.pieces_scored = pieces.len();
    }
    let found: Vec<_> = rows.iter().zip(&pieces).collect();
    let pesq = shared(&found, |(row, pieces)| {
        let scores = pieces.iter().filter_map(|piece| {
            let heard = &row.heard.samples[piece.heard..piece.heard + PIECE];
            pesq::pesq_wb(&said[piece.said..piece.said + PIECE], heard).ok().map(f64::from)
        });
        mean(&scores.collect::<Vec<_>>())
    });
    for (row, score) in rows.iter_mut().zip(pesq) {
        row.pesq_wb = score;
    }
    if !python.exists() {
        eprintln!(
            "no STOI and no PLCMOS: {} is not there; script/audio_quality installs it",
            python.display()
        );
        return Ok(());
    }
    let jobs: Vec<_> = rows
        .iter()
        .zip(&pieces)
        .map(|(row, pieces)| json!({ "said": reference, "heard": row.recording, "pieces": pieces, "len": PIECE }))
        .collect();
    for (row, scores) in rows.iter_mut().zip(by_python(python, &Value::from(jobs))?) {
        row.stoi = scores["stoi"].as_f64();
        row.plcmos = scores["plcmos"].as_f64();
    }
    Ok(())
}

/// Does each item on one of a few threads; what comes back is in the order of the items.
fn shared<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = items.len().div_ceil(threads).max(1);
    let work = &work;
    thread::scope(|scope| {
        let parts: Vec<_> = items
            .chunks(part)
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Vec<_>>()))
            .collect();
        parts.into_iter().flat_map(|part| part.join().expect("scoring does not panic")).collect()
    })
}

fn mean(scores: &[f64]) -> Option<f64> {
    (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
}

/// Hands the jobs to the script on its standard input; it answers with an object of scores for each.
fn by_python(python: &Path, jobs: &Value) -> Outcome<Vec<Value>> {
    let mut child = Command::new(python).arg(SCRIPT).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().expect("it was asked for");
    input.write_all(jobs.to_string().as_bytes())?;
    // The end of the file is what it waits for.
    drop(input);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("{SCRIPT} failed; its message is above").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
