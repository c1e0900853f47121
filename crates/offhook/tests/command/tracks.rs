//! `offhook record --tracks` and `offhook recording`: a meeting of four, and a recorder that is killed at any instant.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use offhook::emulator::{AfterSpeech, Clip, Emulator, EmulatorSettings, FarEndScript, Film, Meeting, User};
use offhook::media::MediaSourceId;
use offhook::recording::folder::{self, Problem};

use crate::running::{Done, Running, offhook};

const MEETING: (&str, &str) = ("2234567890", "psw456");

/// Recorders that run at the same time.
const AT_ONCE: usize = 5;

/// What a process that is busy may add to the second: the kill itself, and the time stamps around it.
const LEEWAY: Duration = Duration::from_millis(150);

/// A meeting of four who say the same at the same time, and of whom one shows something.
async fn emulator() -> Emulator {
    let emulator = Emulator::start(EmulatorSettings::default()).await.unwrap();
    let script = FarEndScript::new().then(AfterSpeech::Repeat).show(Film::pattern());
    let script =
        (31..35).fold(script, |script, source| script.speaker(MediaSourceId(source), Clip::speech()));
    emulator.add_meeting(MEETING.0, Meeting::new(User::new("Ada", script)).passcode(MEETING.1));
    emulator
}

fn record(emulator: &Emulator, out: &Path) -> Running {
    let (join_id, passcode) = MEETING;
    let record = ["record", "--tracks", "--video", "--i-have-permission", "--meeting", join_id];
    let record = [&record[..], &["--passcode", passcode, "--out"]].concat();
    offhook(emulator, &[&record[..], &[out.to_str().unwrap()]].concat())
}

fn is_sound(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "opus")
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let is_media = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| ["opus", "webm", "mkv"].map(AsRef::as_ref).contains(&extension))
    };
    let mut files: Vec<_> = files.filter(is_media).collect();
    files.sort();
    files
}

/// What a player says of a file, as ffprobe's `entries` have it.
fn ask(path: &Path, entries: &[&str]) -> String {
    let probe = [&["-v", "error", "-of", "csv=p=0"], entries].concat();
    let probed =
        Command::new("ffprobe").args(probe).arg(path).output().expect("ffprobe is installed (script/setup)");
    assert!(probed.status.success() && probed.stderr.is_empty(), "{}: {probed:?}", path.display());
    String::from_utf8(probed.stdout).unwrap()
}

/// How long a player says that a file is; of pictures that were not closed, when the last is shown.
fn probed(path: &Path) -> Duration {
    let seconds = ask(path, &["-show_entries", "format=duration"]);
    let seconds = seconds.trim().parse().unwrap_or_else(|_| {
        let times = ask(path, &["-show_entries", "packet=pts_time"]);
        times.lines().last().unwrap().trim_end_matches(',').parse().unwrap()
    });
    Duration::from_secs_f64(seconds)
}

/// Waits until everybody is heard: a far end encodes what it says first.
async fn all_speak(directory: &Path) {
    let is_heard = |source: u32| directory.join(format!("speaker-{source}.opus")).exists();
    let waits = async {
        while !(31..35).all(is_heard) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waits).await.expect("everybody is heard");
}

/// Records, and is killed so long after everybody is heard; checks what is left.
async fn recorded_until_killed(emulator: &Emulator, out: &Path, after: Duration) {
    let mut running = record(emulator, out);
    let directory = PathBuf::from(running.first_line().await);
    all_speak(&directory).await;
    tokio::time::sleep(after).await;
    let killed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    running.kill().await;
    tokio::task::spawn_blocking(move || check_killed(&directory, killed)).await.unwrap();
}

fn check_killed(directory: &Path, killed: Duration) {
    let verified = folder::verify(directory).unwrap();
    let open: Vec<_> = verified.problems.iter().filter(|problem| **problem != Problem::NotStopped).collect();
    assert!(open.is_empty() && !verified.problems.is_empty(), "{open:?}");
    let began = timeline(directory);
    let began = began.split("\"wallMillis\":").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    let began: u64 = began.parse().unwrap();
    let recorded = killed - Duration::from_millis(began);
    let files = files(directory);
    for path in &files {
        let lost = recorded.saturating_sub(probed(path));
        // Whether pictures still came when it was killed, nobody knows: a busy machine may hold them up.
        let is_sound = path.extension().is_some_and(|extension| extension == "opus");
        assert!(
            !is_sound || lost < Duration::from_secs(1) + LEEWAY,
            "{} lost {lost:?} of {recorded:?}",
            path.display()
        );
    }
    check_alignment(directory);
    folder::finalize(directory).unwrap();
    assert_eq!(folder::verify(directory).unwrap().problems, []);
    let durations: Vec<_> = files.iter().map(|path| (is_sound(path), probed(path))).collect();
    let (_, longest) = durations.iter().max_by_key(|(_, duration)| *duration).unwrap();
    // Pictures of another source may have followed in another file.
    let fits = |(is_sound, duration): &(bool, Duration)| duration == longest || !is_sound;
    assert!(durations.iter().all(fits), "{durations:?}");
}

/// A packet that is shorter than this says nothing.
const SILENT: usize = 20;

/// Where each packet stands in a track, in samples, by the hash of what is in it; those that are there once.
fn packets(path: &Path) -> HashMap<String, i64> {
    let mut places = HashMap::<String, Option<i64>>::new();
    for line in ask(path, &["-show_data_hash", "md5", "-show_entries", "packet=pts,size,data_hash"]).lines() {
        // A packet of which more is said takes two lines, and is left out; so is silence, which the recorder may have put there.
        let [place, size, hash] = line.split(',').collect::<Vec<_>>()[..] else { continue };
        let (Ok(place), Ok(SILENT..)) = (place.parse::<i64>(), size.parse::<usize>()) else { continue };
        let again = places.contains_key(hash);
        places.insert(hash.to_owned(), (!again).then_some(place));
    }
    places.into_iter().filter_map(|(hash, place)| Some((hash, place?))).collect()
}

/// A tick of the far end, in samples.
const TICK: i64 = 960;

/// The speakers say the same, so that each packet is in all tracks, and was sent at the same tick: it stands at the same sample. Where
/// the machine is overloaded, it may be that of another tick: before the far end has reported how its clocks stand, and after, because
/// its stack reports when it sent a packet, not when that was due. With `OFFHOOK_TEST_EXACT` it may not.
fn check_alignment(directory: &Path) {
    let ticks = if std::env::var_os("OFFHOOK_TEST_EXACT").is_some() { 0 } else { 5 };
    let timeline = timeline(directory);
    let tracks: Vec<_> =
        (31..35).map(|source| (source, packets(&directory.join(format!("speaker-{source}.opus"))))).collect();
    for (source, track) in &tracks[1..] {
        let (first, other) = &tracks[0];
        let same: Vec<_> = track.iter().filter_map(|(hash, place)| Some(place - other.get(hash)?)).collect();
        assert!(!same.is_empty(), "speakers {first} and {source} have no packet in common; {timeline}");
        let off: Vec<_> = same.iter().filter(|off| *off % TICK != 0 || off.abs() > ticks * TICK).collect();
        assert!(off.is_empty(), "speaker {source} is off by {off:?} samples; {timeline}");
    }
}

fn timeline(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("timeline.jsonl")).unwrap()
}

/// `OFFHOOK_TEST_KILLS` says how many times, by default 20.
#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_that_is_killed_at_any_instant_leaves_files_that_open_and_lack_less_than_a_second() {
    let kills: usize = std::env::var("OFFHOOK_TEST_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let emulator = emulator().await;
    let out = tempfile::tempdir().unwrap();
    for round in 0..kills.div_ceil(AT_ONCE) {
        let one = |number: usize| {
            let out = out.path().join(number.to_string());
            // Up to eight seconds, in steps that fall anywhere between pages: before it is known where tracks stand, and after.
            let after = Duration::from_millis((number as u64 * 1_237) % 8_000);
            let emulator = &emulator;
            async move { recorded_until_killed(emulator, &out, after).await }
        };
        let numbers = round * AT_ONCE..((round + 1) * AT_ONCE).min(kills);
        futures_util::future::join_all(numbers.map(one)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tracks_are_verified_mixed_and_shown() {
    let emulator = emulator().await;
    let out = tempfile::tempdir().unwrap();
    let (join_id, passcode) = MEETING;
    let record = ["record", "--tracks", "--meeting", join_id, "--passcode", passcode, "--out"];
    let record = [&record[..], &[out.path().to_str().unwrap()]].concat();
    let Done { code, stderr, .. } = offhook(&emulator, &record).end().await;
    assert!(code != Some(0) && stderr.contains("--i-have-permission"), "the service was asked: {stderr}");
    assert!(std::fs::read_dir(out.path()).unwrap().next().is_none(), "nothing was written");

    let record = [&record[..], &["--video", "1", "--i-have-permission"]].concat();
    let mut running = offhook(&emulator, &record);
    let directory = running.first_line().await;
    all_speak(Path::new(&directory)).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    running.interrupt();
    let Done { code, stderr, .. } = running.end().await;
    assert_eq!(code, Some(0), "{stderr}");
    let directory = directory.trim_end();
    let recording = |what: &str| Running::start(&["recording", what, directory]).end();
    let Done { code, stdout, stderr } = recording("verify").await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let head = stdout.trim_end().rsplit(' ').next().unwrap().to_owned();
    let Done { code, .. } = Running::start(&["recording", "verify", directory, "--head", &head]).end().await;
    assert_eq!(code, Some(0));
    let Done { stdout, .. } = recording("finalize").await;
    assert!(stdout.contains("stays as it is"), "{stdout}");
    let Done { code, stdout, stderr } = recording("mix").await;
    assert_eq!(code, Some(0));
    let mixed = probed(Path::new(stdout.trim_end()));
    assert!(mixed >= Duration::from_secs(4), "{mixed:?}; {stderr}");
    let codecs = ask(Path::new(stdout.trim_end()), &["-show_entries", "stream=codec_name"]);
    assert_eq!(codecs.lines().collect::<Vec<_>>(), ["h264", "opus"]);
    let Done { code, stdout, .. } =
        Running::start(&["recording", "mix", directory, "--video", "none"]).end().await;
    assert!(code == Some(0) && stdout.trim_end().ends_with("mixdown.opus"), "{stdout}");
    let Done { code, stderr, .. } =
        Running::start(&["recording", "mix", directory, "--video", "77"]).end().await;
    assert!(code == Some(1) && stderr.contains("no pictures of 77"), "{stderr}");
    let Done { code, stdout, stderr } = recording("show").await;
    assert_eq!(code, Some(0));
    assert!(stdout.contains("speaker-31") && stdout.contains('█') && stdout.contains('▒'), "{stdout}");
    assert!(Path::new(stderr.trim_end()).exists());
    let Done { code, .. } = Running::start(&["recording", "verify", directory, "--head", "0"]).end().await;
    assert_eq!(code, Some(1));
    std::fs::write(Path::new(directory).join("mix.opus"), "nothing").unwrap();
    let Done { code, stderr, .. } = recording("verify").await;
    assert_eq!(code, Some(1));
    assert!(stderr.contains("mix.opus was changed"), "{stderr}");
    let Done { code, .. } = Running::start(&["recording", "show", "/nowhere"]).end().await;
    assert_eq!(code, Some(1));
}
