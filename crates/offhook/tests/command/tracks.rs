//! `offhook record --tracks` and `offhook recording`: a meeting of four, and a recorder that is killed at any instant.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use offhook::emulator::{AfterSpeech, Clip, Emulator, EmulatorSettings, FarEndScript, Meeting, User};
use offhook::media::MediaSourceId;
use offhook::recording::folder::{self, Problem};

use crate::running::{Done, Running, offhook};

const MEETING: (&str, &str) = ("2234567890", "psw456");

/// Recorders that run at the same time.
const AT_ONCE: usize = 5;

/// What a process that is busy may add to the second: the kill itself, and the time stamps around it.
const LEEWAY: Duration = Duration::from_millis(150);

/// A meeting of four who speak at the same time.
async fn emulator() -> Emulator {
    let emulator = Emulator::start(EmulatorSettings::default()).await.unwrap();
    let script = (31..35).fold(FarEndScript::new().then(AfterSpeech::Repeat), |script, source| {
        script.speaker(MediaSourceId(source), Clip::speech())
    });
    emulator.add_meeting(MEETING.0, Meeting::new(User::new("Ada", script)).passcode(MEETING.1));
    emulator
}

fn record(emulator: &Emulator, out: &Path) -> Running {
    let (join_id, passcode) = MEETING;
    let record =
        ["record", "--tracks", "--i-have-permission", "--meeting", join_id, "--passcode", passcode, "--out"];
    offhook(emulator, &[&record[..], &[out.to_str().unwrap()]].concat())
}

fn opus_files(directory: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "opus")).collect();
    files.sort();
    files
}

/// How long a player says that a file is.
fn probed(path: &Path) -> Duration {
    let probe = ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"];
    let probed =
        Command::new("ffprobe").args(probe).arg(path).output().expect("ffprobe is installed (script/setup)");
    assert!(probed.status.success() && probed.stderr.is_empty(), "{}: {probed:?}", path.display());
    let seconds = String::from_utf8(probed.stdout).unwrap();
    Duration::from_secs_f64(seconds.trim().parse().unwrap())
}

/// Records, and is killed `after` the first line; checks what is left.
async fn recorded_until_killed(emulator: &Emulator, out: &Path, after: Duration) {
    let mut running = record(emulator, out);
    let directory = PathBuf::from(running.first_line().await);
    tokio::time::sleep(after).await;
    let killed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    running.kill().await;
    tokio::task::spawn_blocking(move || check_killed(&directory, killed)).await.unwrap();
}

fn check_killed(directory: &Path, killed: Duration) {
    let verified = folder::verify(directory).unwrap();
    let open: Vec<_> = verified.problems.iter().filter(|problem| **problem != Problem::NotStopped).collect();
    assert!(open.is_empty() && !verified.problems.is_empty(), "{open:?}");
    let timeline = std::fs::read_to_string(directory.join("timeline.jsonl")).unwrap();
    let began = timeline.split("\"wallMillis\":").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    let began: u64 = began.parse().unwrap();
    let recorded = killed - Duration::from_millis(began);
    let files = opus_files(directory);
    for path in &files {
        let lost = recorded.saturating_sub(probed(path));
        assert!(lost < Duration::from_secs(1) + LEEWAY, "{} lost {lost:?} of {recorded:?}", path.display());
    }
    folder::finalize(directory).unwrap();
    assert_eq!(folder::verify(directory).unwrap().problems, []);
    let durations: Vec<_> = files.iter().map(|path| probed(path)).collect();
    assert!(durations.windows(2).all(|pair| pair[0] == pair[1]), "{durations:?}");
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
            // From half a second to five, in steps that fall anywhere between pages.
            let after = Duration::from_millis(500 + (number as u64 * 1_237) % 4_500);
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
    let record =
        ["record", "--tracks", "--meeting", join_id, "--passcode", passcode, "--seconds", "4", "--out"];
    let record = [&record[..], &[out.path().to_str().unwrap()]].concat();
    let Done { code, stderr, .. } = offhook(&emulator, &record).end().await;
    assert!(code != Some(0) && stderr.contains("--i-have-permission"), "the service was asked: {stderr}");
    assert!(std::fs::read_dir(out.path()).unwrap().next().is_none(), "nothing was written");

    let Done { code, stdout, stderr } =
        offhook(&emulator, &[&record[..], &["--i-have-permission"]].concat()).end().await;
    assert_eq!(code, Some(0), "{stderr}");
    let directory = stdout.trim_end();
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
    let Done { code, stdout, stderr } = recording("show").await;
    assert_eq!(code, Some(0));
    assert!(stdout.contains("speaker-31") && stdout.contains('█'), "{stdout}");
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
