//! A long recording, of which little is held at a time.

mod held;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use super::{Problem, Show, finalize, mix, verify};
use crate::error::RecordingError;
use crate::format::matroska::{Coding, MatroskaWriter};
use crate::format::ogg_opus::{LOOKAHEAD, OggOpusWriter};
use crate::journal::{self, Entry, GrantEntry, Journal};
use crate::opus::FRAME;

/// Five minutes, at eight pictures a second: the film has 60 MB, the sound of each speaker 6 MB.
const PICTURES: u64 = 2_500;
const BETWEEN: u64 = 120;
const PICTURE: usize = 24_000;
const PACKETS: u64 = 15_000;
const PACKET: usize = 400;

/// What may be held: some clusters of three seconds, of 600 kB each. Not what grows with the recording.
const MOST: usize = 4 << 20;

/// A recording that was killed, of so many pictures: two speakers, and what one of them showed.
fn killed(directory: &Path, pictures: u64) {
    let put = |file: &mut File, bytes: Vec<u8>| file.write_all(&bytes).unwrap();
    let mut film = File::create(directory.join("video-1-1.webm")).unwrap();
    let mut writer = MatroskaWriter::new(vec![Coding::Vp8 { width: 1280, height: 720 }], "video-1");
    put(&mut film, writer.beginning());
    for number in 0..pictures {
        writer.push(0, BETWEEN * number, number % 25 == 0, &vec![number as u8; PICTURE]);
        put(&mut film, writer.clusters());
    }
    let grant = GrantEntry::OwnResponsibility { statement: "a test".to_owned() };
    let video = Entry::Video {
        track: "video-1".to_owned(),
        source: Some(1),
        file: "video-1-1.webm".to_owned(),
        first: 0,
        codec: "V_VP8".to_owned(),
        width: 1280,
        height: 720,
    };
    let mut entries = vec![Entry::Started { wall_millis: 0, sample_rate: 48_000, grant }, video];
    for source in [1, 2] {
        let (track, name) = (format!("speaker-{source}"), format!("speaker-{source}.opus"));
        let mut file = File::create(directory.join(&name)).unwrap();
        let mut ogg = OggOpusWriter::new(1, LOOKAHEAD as u16, &[]);
        for number in 0..pictures * PACKETS / PICTURES {
            let packet = [&[9 << 3][..], &vec![number as u8; PACKET]].concat();
            ogg.push(packet, FRAME);
            put(&mut file, ogg.full_pages());
        }
        put(&mut file, ogg.pages());
        entries.push(Entry::Track { track, source: Some(source), file: name });
    }
    let mut journal = Journal::new();
    let lines: Vec<_> = entries.into_iter().flat_map(|entry| journal.line(0, entry)).collect();
    fs::write(directory.join(journal::FILE), lines).unwrap();
}

#[test]
fn a_long_recording_is_verified_finalized_and_mixed_without_being_held() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    killed(path, PICTURES);
    let (verified, held) = held::most_during(|| verify(path).unwrap());
    assert_eq!(verified.problems, [Problem::NotStopped]);
    assert!(held < MOST, "to verify it, {held} bytes were held");
    let (finalized, held) = held::most_during(|| finalize(path).unwrap());
    assert_eq!((finalized.files, finalized.duration.as_secs()), (3, 299));
    assert!(held < MOST, "to finalize it, {held} bytes were held");
    assert_eq!(verify(path).unwrap().problems, []);
    let (mixed, held) = held::most_during(|| mix(path, Show::Longest).unwrap());
    assert_eq!(mixed.tracks, ["speaker-1", "speaker-2", "video-1"]);
    assert!(held < MOST, "to mix it, {held} bytes were held");
    let film = fs::metadata(path.join("mixdown.webm")).unwrap().len();
    assert!(film > PICTURES * PICTURE as u64, "all pictures are in it");
    let names = fs::read_dir(path).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(!names.into_iter().any(|name| name.ends_with(".part")), "nothing is left over");
}

/// Whatever of it was done: each file is as it was, or beside its place and vouched for, or in its place.
#[test]
fn whoever_is_killed_while_they_finalize_can_begin_again() {
    let whole = tempfile::tempdir().unwrap();
    killed(whole.path(), 25);
    let names = ["speaker-1.opus", "speaker-2.opus", "video-1-1.webm"];
    let before = names.map(|name| fs::read(whole.path().join(name)).unwrap());
    let first = fs::read_to_string(whole.path().join(journal::FILE)).unwrap();
    let expected = finalize(whole.path()).unwrap();
    let after = names.map(|name| fs::read(whole.path().join(name)).unwrap());
    let all = fs::read_to_string(whole.path().join(journal::FILE)).unwrap();
    let told: Vec<_> = all[first.len()..].split_inclusive('\n').collect();
    assert_eq!(told.len(), names.len() + 1);
    for done in 0..names.len() {
        for is_told in [false, true] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path();
            for (number, name) in names.iter().enumerate() {
                let content = if number < done { &after } else { &before };
                fs::write(path.join(name), &content[number]).unwrap();
            }
            fs::write(path.join(format!("{}.part", names[done])), &after[done]).unwrap();
            let lines = told[..done + usize::from(is_told)].concat();
            // A kill may cut a line, too.
            fs::write(path.join(journal::FILE), format!("{first}{lines}{{\"at\":7")).unwrap();
            let again = finalize(path).unwrap();
            let case = format!("{done} files were done; the next was told: {is_told}");
            assert_eq!(again.duration, expected.duration, "{case}");
            assert_eq!(verify(path).unwrap().problems, [], "{case}");
            let files = names.map(|name| fs::read(path.join(name)).unwrap());
            assert_eq!(files, after, "{case}");
            assert_eq!(fs::read_dir(path).unwrap().count(), names.len() + 1, "{case}: nothing lies beside");
        }
    }
    // What lies beside and was not vouched for is not taken, and a file that was changed is not closed.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    for (name, content) in names.iter().zip(&before) {
        fs::write(path.join(name), content).unwrap();
    }
    fs::write(path.join(format!("{}.part", names[0])), &before[0]).unwrap();
    fs::write(path.join(journal::FILE), format!("{first}{}", told[0])).unwrap();
    assert!(matches!(finalize(path), Err(RecordingError::NotARecording { .. })));
}
