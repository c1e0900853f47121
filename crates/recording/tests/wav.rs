//! Recordings as files, read by another library.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use offhook_media::{AudioFormat, AudioFrame, MediaInstant};
use offhook_recording::{GapKind, RecordingError, RecordingGrant, WavRecorder};
use proptest::prelude::*;

const FORMAT: AudioFormat = AudioFormat::Pcm16K;

/// A frame whose samples are all `value`.
fn frame(first_sample: u64, value: i16) -> AudioFrame {
    let samples = vec![value; FORMAT.samples_per_frame()];
    AudioFrame::new(FORMAT, MediaInstant::ZERO, &samples).unwrap().with_first_sample(first_sample)
}

fn grant() -> RecordingGrant {
    RecordingGrant::i_have_permission("a test of made-up samples")
}

fn read(path: &Path) -> Vec<i16> {
    hound::WavReader::open(path).unwrap().samples::<i16>().map(Result::unwrap).collect()
}

#[test]
fn a_frame_that_was_skipped_never_shortens_the_recording() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/call.wav");
    let mut recorder = WavRecorder::create(&path, FORMAT, &grant()).unwrap();
    for index in [100, 101, 104, 104, 103, 105] {
        recorder.write(&frame(index * 320, index as i16)).unwrap();
    }
    let report = recorder.finish().unwrap();
    assert_eq!(report.duration, Duration::from_millis(120));
    assert_eq!(report.samples_of(GapKind::Skipped), 640);
    assert_eq!((report.gaps.len(), report.gaps[0].first_sample), (1, 640));
    let firsts: Vec<i16> = read(&path).chunks(320).map(|chunk| chunk[0]).collect();
    assert_eq!(firsts, [100, 101, 0, 0, 104, 105], "what is late or doubled changes nothing");
}

#[test]
fn what_cannot_be_recorded_is_refused_and_what_was_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("call.wav");
    let mut recorder = WavRecorder::create(&path, FORMAT, &grant()).unwrap();
    recorder.write(&frame(0, 1)).unwrap();
    let other = AudioFrame::silent(AudioFormat::Pcm48K, MediaInstant::ZERO);
    assert!(matches!(recorder.write(&other), Err(RecordingError::WrongFormat { .. })));
    assert!(matches!(recorder.write(&frame(u64::MAX - 320, 1)), Err(RecordingError::Full { .. })));
    recorder.write(&frame(320, 2)).unwrap();
    drop(recorder);
    assert_eq!(read(&path).len(), 640, "dropping finishes the file");
    let refused = WavRecorder::create(directory.path(), FORMAT, &grant()).err().unwrap();
    assert!(refused.to_string().contains("cannot create"), "{refused}");
}

/// Records without end when it is started by the test below; by itself, nothing.
#[test]
fn record_until_killed() {
    let Some(path) = std::env::var_os("OFFHOOK_TEST_RECORD_TO") else { return };
    let mut recorder = WavRecorder::create(path, FORMAT, &grant()).unwrap();
    for index in 0.. {
        recorder.write(&frame(index * 320, 7)).unwrap();
        if index % 50 == 0 {
            println!("second {}", index / 50);
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_kill_at_any_instant_costs_less_than_a_second() {
    let directory = tempfile::tempdir().unwrap();
    for (attempt, seconds) in [1_u64, 2, 3, 5, 8, 13, 40].into_iter().enumerate() {
        let path = directory.path().join(format!("{attempt}.wav"));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "record_until_killed", "--nocapture"])
            .env("OFFHOOK_TEST_RECORD_TO", &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let wanted = format!("second {seconds}");
        assert!(lines.into_iter().any(|line| line.ends_with(&wanted)), "the child records");
        child.kill().unwrap();
        child.wait().unwrap();
        let samples = read(&path);
        assert!(samples.iter().all(|sample| *sample == 7));
        let recorded = FORMAT.sample_rate().duration_of(samples.len() as u64);
        assert!(
            recorded + Duration::from_secs(1) > Duration::from_secs(seconds),
            "{recorded:?} of {seconds} s"
        );
    }
}

proptest! {
    /// Whatever is skipped, doubled or late: the file lasts from the first frame to the furthest, and each sample
    /// is the one that came for its place first.
    #[test]
    fn the_length_is_the_time(steps in proptest::collection::vec(-3_i64..6, 1..60)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("call.wav");
        let mut recorder = WavRecorder::create(&path, FORMAT, &grant()).unwrap();
        let (start, mut at, mut furthest) = (1_000_u64, 1_000_u64, 1_000_u64);
        for step in steps {
            recorder.write(&frame(at * 320, 5)).unwrap();
            furthest = furthest.max(at);
            at = at.saturating_add_signed(step).max(start);
        }
        let report = recorder.finish().unwrap();
        prop_assert_eq!(report.samples, (furthest - start + 1) * 320);
        let samples = read(&path);
        prop_assert_eq!(samples.len() as u64, report.samples);
        let silent = samples.iter().filter(|sample| **sample == 0).count() as u64;
        prop_assert_eq!(silent, report.samples_of(GapKind::Skipped));
    }
}
