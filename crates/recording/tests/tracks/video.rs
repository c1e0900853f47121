//! Pictures of a real session: a camera in VP8, a screen in H.264.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use offhook_media::film::{FilmPart, FilmReader};
use offhook_media::video::VideoCodec;
use offhook_media::{MediaClock, VideoSocketSender};
use offhook_recording::folder::{self, Show};
use offhook_recording::{TrackEvent, TrackRecorder};

use crate::{Call, grant, room_again};

const VP8: &[u8] = include_bytes!("../../../../assets/pattern.ivf");
const H264: &[u8] = include_bytes!("../../../../assets/pattern.h264");

/// How long an event may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two pictures.
const BETWEEN: Duration = Duration::from_millis(40);

/// An encoded picture, and whether it is a key frame.
type Frame = (bool, Vec<u8>);

/// The frames of an IVF file.
fn vp8() -> Vec<Frame> {
    let (mut rest, mut frames) = (&VP8[32..], Vec::new());
    while let Some((head, after)) = rest.split_first_chunk::<12>() {
        let len = u32::from_le_bytes(head[..4].try_into().unwrap()) as usize;
        frames.push((after[0] & 1 == 0, after[..len].to_vec()));
        rest = &after[len..];
    }
    frames
}

/// The pictures of a stream with start codes: each begins with its parameter sets, or with its first slice.
fn h264() -> Vec<Frame> {
    let starts: Vec<_> = (0..H264.len() - 3).filter(|&at| H264[at..].starts_with(&[0, 0, 1])).collect();
    let ends = starts.iter().skip(1).copied().chain([H264.len()]);
    let (mut frames, mut has_slice) = (Vec::<Frame>::new(), true);
    for (&start, end) in starts.iter().zip(ends) {
        let unit = &H264[start + 3..end];
        let kind = unit[0] & 0x1f;
        let is_slice = matches!(kind, 1 | 5);
        if has_slice && (!is_slice || unit[1] & 0x80 != 0) {
            frames.push((false, Vec::new()));
            has_slice = false;
        }
        has_slice |= is_slice;
        let (is_key, frame) = frames.last_mut().unwrap();
        *is_key |= kind == 5;
        frame.extend([0, 0, 0, 1]);
        frame.extend(unit);
    }
    frames
}

/// Shows a film over and over, and jumps to a key frame where one is asked for.
pub(crate) async fn show(mut sender: VideoSocketSender, clock: impl MediaClock) {
    let frames = match sender.codec().unwrap() {
        VideoCodec::Vp8 => vp8(),
        _ => h264(),
    };
    let mut ticks = tokio::time::interval(BETWEEN);
    let mut number = 0;
    loop {
        ticks.tick().await;
        if sender.take_key_frame_needed() {
            number = (number..).find(|number| frames[number % frames.len()].0).unwrap();
        }
        let (_, frame) = &frames[number % frames.len()];
        number += 1;
        if sender.send(frame, clock.now()).await.is_err() {
            return;
        }
    }
}

/// What players say of a file: its codec, and the times of its pictures in seconds; each of them can be decoded.
fn probed(path: &Path) -> (String, Vec<f64>) {
    let ask = |entries: &str, more: &[&str]| {
        let arguments = ["-v", "error", "-select_streams", "v", "-of", "csv=p=0", "-show_entries", entries];
        let probed = Command::new("ffprobe").args(arguments).args(more).arg(path).output().unwrap();
        assert!(probed.status.success() && probed.stderr.is_empty(), "{}: {probed:?}", path.display());
        String::from_utf8(probed.stdout).unwrap()
    };
    let times = ask("packet=pts_time", &[]);
    let times: Vec<_> = times.lines().map(|time| time.trim_end_matches(',').parse().unwrap()).collect();
    let stream = ask("stream=codec_name,nb_read_frames", &["-count_frames"]);
    let (codec, decoded) = stream.trim().split_once(',').unwrap();
    assert_eq!(decoded.parse(), Ok(times.len()), "{}", path.display());
    (codec.to_owned(), times)
}

/// How many pictures another reader finds, which takes files strictly.
fn read(path: &Path) -> usize {
    let mut film = FilmReader::open(File::open(path).unwrap(), None).unwrap();
    let mut pictures = 0;
    while let Some(part) = film.next_part().unwrap() {
        pictures += usize::from(matches!(part, FilmPart::Picture(_)));
    }
    pictures
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_and_screens_are_recorded_as_they_came_and_open_everywhere() {
    let directory = tempfile::tempdir().unwrap();
    let mut call = Call::of_two_who_show().await;
    let recorder = call.record(directory.path());
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (report, _spent) = tokio::task::spawn_blocking(|| recorder.stop()).await.unwrap().unwrap();
    assert_eq!((report.tracks, report.dropped), (5, 0));
    let verified = folder::verify(directory.path()).unwrap();
    assert_eq!((verified.problems, verified.files, verified.head), (vec![], 5, report.head));
    for (name, codec) in [("video-socket0-1.webm", "vp8"), ("screen-socket1-1.mkv", "h264")] {
        let path = directory.path().join(name);
        let (found, times) = probed(&path);
        assert_eq!(found, codec);
        assert!(times.len() >= 20 && times.is_sorted(), "{name}: {times:?}");
        assert!(times[0] < 3.0 && *times.last().unwrap() < report.duration.as_secs_f64());
        assert_eq!(read(&path), times.len(), "{name}");
    }
    for (show, name, codec) in [
        (Show::Longest, None, None),
        (Show::Track("video-socket0"), Some("mixdown.webm"), Some("vp8")),
        (Show::Track("screen-socket1"), Some("mixdown.mkv"), Some("h264")),
    ] {
        let mixed = folder::mix(directory.path(), show).unwrap();
        assert!(name.is_none_or(|name| mixed.path.ends_with(name)));
        assert_eq!(mixed.tracks.len(), 3, "{:?}", mixed.tracks);
        let (found, times) = probed(&mixed.path);
        assert!(codec.is_none_or(|codec| codec == found) && times.len() >= 20);
    }
    assert_eq!(folder::verify(directory.path()).unwrap().problems, []);
    let path = directory.path().join("video-socket0-1.webm");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_ne!(folder::verify(directory.path()).unwrap().problems, []);
}

/// A file system that is full soon. Needs root and a kernel that lets it mount.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_costs_pictures_while_it_is_full_and_nothing_before() {
    let mount = tempfile::tempdir().unwrap();
    let path = mount.path().to_owned();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(&path).output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        eprintln!("left out: this machine lets nobody mount a file system here");
        return;
    }
    let directory = path.join("call");
    let mut call = Call::of_two_who_show().await;
    let (tell, told) = mpsc::channel();
    let tap = call.near.take_tap().unwrap();
    let recorder = TrackRecorder::start(grant(), &directory, tap, move |event| _ = tell.send(event)).unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let ballast = path.join("ballast");
    // Whatever is left of it; the last write fails.
    _ = std::fs::write(&ballast, vec![1; 4 << 20]);
    room_again(ballast, told).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (report, _) = tokio::task::spawn_blocking(|| recorder.stop()).await.unwrap().unwrap();
    let verified = folder::verify(&directory).unwrap();
    let films = ["video-socket0-1.webm", "screen-socket1-1.mkv"].map(|name| probed(&directory.join(name)).1);
    let timeline = std::fs::read_to_string(directory.join("timeline.jsonl")).unwrap();
    let heard = call.near.stats().counters;
    drop(call);
    Command::new("umount").arg(&path).status().unwrap();
    assert_eq!((verified.problems, verified.files, verified.duration), (vec![], 5, report.duration));
    assert!(films.iter().all(|times| times.is_sorted() && times.len() > 20), "{films:?}");
    assert!(timeline.contains(r#""kind":"disk""#), "{timeline}");
    assert_eq!((report.dropped, heard.packets_lost), (0, 0), "the call did not notice");
}

/// A directory that can be written only later. Needs root and a kernel that lets it mount.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_directory_costs_what_comes_until_it_can_be_written() {
    let mount = tempfile::tempdir().unwrap();
    let path = mount.path().to_owned();
    let mounts = |arguments: &[&str]| {
        let mounted = Command::new("mount").args(arguments).arg(&path).output();
        mounted.is_ok_and(|mounted| mounted.status.success())
    };
    if !mounts(&["-t", "tmpfs", "-o", "size=64m", "tmpfs"]) {
        eprintln!("left out: this machine lets nobody mount a file system here");
        return;
    }
    let directory = path.join("call");
    std::fs::create_dir(&directory).unwrap();
    assert!(mounts(&["-o", "remount,ro"]));
    let mut call = Call::of_two_who_show().await;
    let (tell, told) = mpsc::channel();
    let tap = call.near.take_tap().unwrap();
    let recorder = TrackRecorder::start(grant(), &directory, tap, move |event| _ = tell.send(event)).unwrap();
    let (first, told) =
        tokio::task::spawn_blocking(move || (told.recv_timeout(PATIENCE).unwrap(), told)).await.unwrap();
    let TrackEvent::Degraded { cause, .. } = &first else { panic!("{first:?}") };
    assert!(cause.contains("Read-only"), "{cause}");
    // Some of the call is not taken.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(mounts(&["-o", "remount,rw"]));
    tokio::task::spawn_blocking(move || {
        while told.recv_timeout(PATIENCE).unwrap() != (TrackEvent::Resumed { without: vec![] }) {}
    })
    .await
    .unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (report, _) = tokio::task::spawn_blocking(|| recorder.stop()).await.unwrap().unwrap();
    let verified = folder::verify(&directory).unwrap();
    let timeline = std::fs::read_to_string(directory.join("timeline.jsonl")).unwrap();
    let films = ["video-socket0-1.webm", "screen-socket1-1.mkv"].map(|name| probed(&directory.join(name)).1);
    let heard = call.near.stats().counters;
    drop(call);
    Command::new("umount").arg(&path).status().unwrap();
    assert_eq!((verified.problems, verified.files, verified.duration), (vec![], 5, report.duration));
    assert!(films.iter().all(|times| times.is_sorted() && times.len() > 20), "{films:?}");
    for track in ["mix", "speaker-31", "video-socket0"] {
        assert!(
            timeline.contains(&format!(r#""type":"gap","track":"{track}","kind":"disk""#)),
            "{track}: {timeline}"
        );
    }
    assert_eq!((report.dropped, heard.packets_lost), (0, 0), "the call did not notice");
}
