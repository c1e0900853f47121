//! Tracks of real sessions, over real UDP, on real files.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod video;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use offhook_media::blob::MediaDirection;
use offhook_media::video::VideoCodec;
use offhook_media::{
    AudioSocketSettings, EncodedAudioSender, MediaPlatform, MediaPlatformSettings, MediaSession,
    MediaSessionSettings, MediaSourceId, Sound, VideoSocketSettings,
};
use offhook_recording::folder::{self, Problem, Show};
use offhook_recording::{
    GrantEntry, RecordingAuthority, RecordingError, RecordingGrant, TrackEvent, TrackRecorder,
};

/// A session that is tapped, and the far end that speaks to it: a mix, and two speakers.
struct Call {
    near: MediaSession,
    far: MediaSession,
    _platforms: [MediaPlatform; 2],
    speaking: Vec<tokio::task::JoinHandle<()>>,
}

impl Call {
    async fn of_two_speakers() -> Self {
        Self::of(|settings, _| settings).await
    }

    /// The far end also shows a camera in VP8, and a screen in H.264.
    async fn of_two_who_show() -> Self {
        let socket = |codec, direction| VideoSocketSettings::default().codecs([codec]).direction(direction);
        let shows = |settings: MediaSessionSettings, direction| {
            settings
                .video(socket(VideoCodec::Vp8, direction))
                .screen_share(socket(VideoCodec::H264, direction))
        };
        let mut call = Self::of(shows).await;
        let camera = call.far.take_video_sockets().remove(0).split().1;
        let screen = call.far.take_screen_share_socket().unwrap().split().1;
        for sender in [camera, screen] {
            call.speaking.push(tokio::spawn(video::show(sender, call.far.clock())));
        }
        call
    }

    async fn of(with: impl Fn(MediaSessionSettings, MediaDirection) -> MediaSessionSettings) -> Self {
        let platform = || MediaPlatform::start(MediaPlatformSettings::default().workers(1)).unwrap();
        let (bot, peer) = (platform(), platform());
        let hears = AudioSocketSettings::default().unmixed(2);
        let sends = AudioSocketSettings::default().encoded(true).sends_unmixed(2);
        let settings = |audio| MediaSessionSettings::default().audio(audio);
        let hears = with(settings(hears).tapped(true), MediaDirection::ReceiveOnly);
        let sends = with(settings(sends), MediaDirection::SendOnly);
        let mut near = bot.create_session(&hears).unwrap();
        let mut far = peer.answer_session(&sends, near.blob()).unwrap();
        near.accept_answer(far.blob()).unwrap();
        near.connected().await.unwrap();
        far.connected().await.unwrap();
        let mut mixer = far.take_encoded_audio_socket().unwrap();
        let speakers = mixer.take_speakers();
        let (_, mix) = mixer.split();
        let speaking = std::iter::once(mix).chain(speakers).enumerate();
        let speaking =
            speaking.map(|(section, sender)| tokio::spawn(speak(section as u32, sender))).collect();
        Self { near, far, _platforms: [bot, peer], speaking }
    }

    fn record(&mut self, directory: &Path) -> TrackRecorder {
        TrackRecorder::start(grant(), directory, self.near.take_tap().unwrap(), |_| {}).unwrap()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.speaking.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Says the same for ever: SILK wideband, 20 ms.
async fn speak(section: u32, mut sender: EncodedAudioSender) {
    if section > 0 {
        sender.set_speakers([MediaSourceId(30 + section)]);
    }
    while sender.send(&[9 << 3, 1, 2, 3, 4, 5, section as u8], None).await.is_ok() {}
}

fn grant() -> RecordingGrant {
    RecordingGrant::i_have_permission("nobody in this test is a person")
}

fn opus_files(directory: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "opus")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_has_a_track_for_each_who_spoke_and_every_change_of_it_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let mut call = Call::of_two_speakers().await;
    let recorder = call.record(directory.path());
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (report, _spent) = tokio::task::spawn_blocking(|| recorder.stop()).await.unwrap().unwrap();
    assert_eq!((report.tracks, report.dropped), (3, 0));
    let verified = folder::verify(directory.path()).unwrap();
    assert_eq!((verified.problems, verified.files, verified.head), (vec![], 3, report.head));
    let mut names: Vec<_> = opus_files(directory.path());
    names.sort();
    let names: Vec<_> = names.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["mix.opus", "speaker-31.opus", "speaker-32.opus"]);
    for path in opus_files(directory.path()) {
        let sound = Sound::read(std::fs::File::open(&path).unwrap()).unwrap();
        assert!(sound.duration().abs_diff(report.duration) < Duration::from_millis(1), "{}", path.display());
        let probed =
            Command::new("ffprobe").args(["-v", "error", "-show_format"]).arg(&path).output().unwrap();
        assert!(probed.status.success() && probed.stderr.is_empty(), "{probed:?}");
    }
    let mixed = folder::mix(directory.path(), Show::Longest).unwrap();
    assert_eq!(mixed.tracks, ["speaker-31", "speaker-32"]);
    let sound = Sound::read(std::fs::File::open(&mixed.path).unwrap()).unwrap();
    assert!(sound.duration().abs_diff(report.duration) < Duration::from_millis(1));
    let picture = folder::Picture::of(directory.path()).unwrap();
    assert!(picture.to_string().contains("speaker-31"), "{picture}");
    assert!(picture.write_svg().unwrap().exists());
    assert_eq!(folder::verify(directory.path()).unwrap().problems, [], "what was made of it is no stranger");

    // A bit of any file, and of any line but the last.
    for path in opus_files(directory.path()).iter().chain([&directory.path().join("timeline.jsonl")]) {
        let is_product = path.ends_with("mixdown.opus");
        let bytes = std::fs::read(path).unwrap();
        for at in (10..bytes.len() - 200).step_by(bytes.len() / 7).filter(|_| !is_product) {
            let mut changed = bytes.clone();
            changed[at] ^= 4;
            std::fs::write(path, changed).unwrap();
            let found = folder::verify(directory.path());
            assert!(found.is_err() || !found.unwrap().problems.is_empty(), "byte {at} of {}", path.display());
        }
        std::fs::write(path, &bytes).unwrap();
    }
    std::fs::remove_file(directory.path().join("mix.opus")).unwrap();
    let problems = folder::verify(directory.path()).unwrap().problems;
    assert_eq!(problems, [Problem::Missing("mix.opus".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_taken_away_is_told_of_and_recorded_into_again() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("call");
    let mut call = Call::of_two_speakers().await;
    let (tell, told) = mpsc::channel();
    let tap = call.near.take_tap().unwrap();
    let recorder = TrackRecorder::start(grant(), &directory, tap, move |event| _ = tell.send(event)).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    std::fs::rename(&directory, parent.path().join("elsewhere")).unwrap();
    let event =
        tokio::task::spawn_blocking(move || told.recv_timeout(Duration::from_secs(20))).await.unwrap();
    assert_eq!(event, Ok(TrackEvent::FileGone));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (report, _) = tokio::task::spawn_blocking(|| recorder.stop()).await.unwrap().unwrap();
    let verified = folder::verify(&directory).unwrap();
    assert_eq!((verified.problems, verified.files, verified.duration), (vec![], 3, report.duration));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_holds_a_recording_is_not_recorded_into() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("timeline.jsonl"), "something").unwrap();
    let mut call = Call::of_two_speakers().await;
    let refused = TrackRecorder::start(grant(), directory.path(), call.near.take_tap().unwrap(), |_| {});
    assert!(matches!(refused.err().unwrap(), RecordingError::Disk { task: "cannot record into", .. }));
    assert!(call.near.take_tap().is_none(), "once");
}

/// A service that notes what it is told, in order with what is on disk.
struct Service {
    agrees: bool,
    directory: PathBuf,
    ended: std::sync::Mutex<Option<bool>>,
}

impl RecordingAuthority for Service {
    type Error = &'static str;

    async fn recording_begins(&self) -> Result<(String, String), &'static str> {
        assert!(!self.directory.join("timeline.jsonl").exists(), "nothing is persisted before it agrees");
        self.agrees.then(|| ("call".to_owned(), "operation".to_owned())).ok_or("no")
    }

    async fn recording_ended(&self) -> Result<(), &'static str> {
        let closed = folder::verify(&self.directory).unwrap().problems.is_empty();
        *self.ended.lock().unwrap() = Some(closed);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_before_the_service_agrees_and_it_is_told_of_the_end_when_all_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let service =
        |agrees| Service { agrees, directory: directory.path().to_owned(), ended: Default::default() };
    assert_eq!(RecordingGrant::of(&service(false)).await.err(), Some("no"));
    let service = service(true);
    let grant = RecordingGrant::of(&service).await.unwrap();
    let expected = GrantEntry::Service { call: "call".to_owned(), operation: "operation".to_owned() };
    assert_eq!(*grant.entry(), expected);
    let mut call = Call::of_two_speakers().await;
    let recorder =
        TrackRecorder::start(grant, directory.path(), call.near.take_tap().unwrap(), |_| {}).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (_, spent) = tokio::task::spawn_blocking(|| recorder.stop()).await.unwrap().unwrap();
    spent.give_back(&service).await.unwrap();
    assert_eq!(*service.ended.lock().unwrap(), Some(true), "all files were closed and whole");
    let timeline = std::fs::read_to_string(directory.path().join("timeline.jsonl")).unwrap();
    assert!(
        timeline.lines().next().unwrap().contains(r#""grant":{"by":"service","call":"call""#),
        "{timeline}"
    );
}

/// Waits until the recorder has said that the disk is full, takes `ballast` off it, and waits until all is recorded again.
#[cfg(target_os = "linux")]
async fn room_again(ballast: PathBuf, told: mpsc::Receiver<TrackEvent>) {
    let told = tokio::task::spawn_blocking(move || {
        let full = told.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(matches!(full, TrackEvent::Degraded { .. }), "{full:?}");
        std::fs::remove_file(ballast).unwrap();
        loop {
            match told.recv_timeout(Duration::from_secs(20)).unwrap() {
                TrackEvent::Resumed { without } if without.is_empty() => return,
                _ => {}
            }
        }
    });
    told.await.unwrap();
}

/// A file system of 192 KiB that is full soon. Needs root and a kernel that lets it mount.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_costs_what_comes_while_it_is_full_and_nothing_before() {
    let mount = tempfile::tempdir().unwrap();
    let path = mount.path().to_owned();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=192k", "tmpfs"]).arg(&path).output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        eprintln!(
            "left out: this machine lets nobody mount a file system here; src/writer/tests.rs has a disk that refuses"
        );
        return;
    }
    let directory = path.join("call");
    let mut call = Call::of_two_speakers().await;
    let (tell, told) = mpsc::channel();
    let tap = call.near.take_tap().unwrap();
    let recorder = TrackRecorder::start(grant(), &directory, tap, move |event| _ = tell.send(event)).unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let ballast = path.join("ballast");
    // Whatever is left of it; the last write fails.
    _ = std::fs::write(&ballast, vec![1; 1 << 20]);
    room_again(ballast, told).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (report, _) = tokio::task::spawn_blocking(|| recorder.stop()).await.unwrap().unwrap();
    let verified = folder::verify(&directory).unwrap();
    let timeline = std::fs::read_to_string(directory.join("timeline.jsonl")).unwrap();
    let heard = call.near.stats().counters;
    drop(call);
    Command::new("umount").arg(&path).status().unwrap();
    assert_eq!((verified.problems, verified.files, verified.duration), (vec![], 3, report.duration));
    assert!(timeline.contains(r#""kind":"disk""#), "{timeline}");
    assert_eq!((report.dropped, heard.packets_lost), (0, 0), "the call did not notice");
}
