//! A disk that refuses, in all its ways, when it is told to.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{Context, SHA256};

use super::*;
use crate::disk::DiskFile;

/// What is on the disk, and how it refuses.
#[derive(Default)]
struct State {
    files: HashMap<String, Vec<u8>>,
    /// Which files it refuses, and how.
    refuses: Option<(&'static str, ErrorKind)>,
    /// How much of a write is there although it failed.
    torn: usize,
    /// It takes this long for each write.
    pause: Duration,
    /// What is handed to it waits for the other end of this to go.
    syncs_with: Option<Receiver<()>>,
    synced: Vec<String>,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<State>>);

struct FakeFile {
    name: String,
    disk: Fake,
}

impl Disk for Fake {
    fn create(&mut self, name: &str, first: &[u8]) -> io::Result<Box<dyn DiskFile>> {
        self.0.lock().unwrap().files.insert(name.to_owned(), Vec::new());
        let mut file = FakeFile { name: name.to_owned(), disk: self.clone() };
        if let Err(error) = file.append(first) {
            self.0.lock().unwrap().files.remove(name);
            return Err(error);
        }
        Ok(Box::new(file))
    }
}

impl DiskFile for FakeFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let pause = self.disk.0.lock().unwrap().pause;
        std::thread::sleep(pause);
        let mut state = self.disk.0.lock().unwrap();
        let refused = state.refuses.filter(|(which, _)| self.name.contains(which)).map(|(_, kind)| kind);
        let torn = state.torn.min(bytes.len());
        let file = state.files.get_mut(&self.name).unwrap();
        match refused {
            Some(kind) => {
                file.extend(&bytes[..torn]);
                Err(kind.into())
            }
            None => {
                file.extend(bytes);
                Ok(())
            }
        }
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.disk.0.lock().unwrap().files.get_mut(&self.name).unwrap().truncate(len as usize);
        Ok(())
    }

    fn rewrite(&mut self, from: u64, bytes: &[u8]) -> io::Result<Context> {
        let mut state = self.disk.0.lock().unwrap();
        if let Some((_, kind)) = state.refuses.filter(|(which, _)| self.name.contains(which)) {
            return Err(kind.into());
        }
        let file = state.files.get_mut(&self.name).unwrap();
        file.truncate(from as usize);
        file.extend(bytes);
        let mut context = Context::new(&SHA256);
        context.update(file);
        Ok(context)
    }

    fn begin_with(&mut self, head: &[u8]) -> io::Result<Context> {
        let mut state = self.disk.0.lock().unwrap();
        let file = state.files.get_mut(&self.name).unwrap();
        file[..head.len()].copy_from_slice(head);
        let mut context = Context::new(&SHA256);
        context.update(file);
        Ok(context)
    }

    fn is_gone(&self) -> bool {
        false
    }

    fn sync(&mut self) -> io::Result<()> {
        let syncs_with = self.disk.0.lock().unwrap().syncs_with.take();
        if let Some(waits) = syncs_with {
            _ = waits.recv();
        }
        self.disk.0.lock().unwrap().synced.push(self.name.clone());
        Ok(())
    }
}

/// Waits for the next event of what is recorded.
fn next(writer: &mut Writer) -> (Vec<Class>, Option<String>) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        for event in writer.events() {
            if let DiskEvent::Without { classes, cause } = event {
                return (classes, cause);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("nothing happened");
}

#[test]
fn a_disk_that_refuses_a_track_costs_what_matters_less_too_and_comes_back_the_other_way_round() {
    for kind in [
        ErrorKind::StorageFull,
        ErrorKind::QuotaExceeded,
        ErrorKind::ReadOnlyFilesystem,
        ErrorKind::FileTooLarge,
    ] {
        let disk = Fake::default();
        let mut writer = Writer::start(Box::new(disk.clone())).unwrap();
        let video = writer.open("video", Class::Video);
        let mix = writer.open("mix", Class::Mix);
        let track = writer.open("track", Class::Tracks);
        for file in [video, mix, track] {
            assert!(writer.append(file, b"one ".to_vec()));
        }
        disk.0.lock().unwrap().torn = 2;
        disk.0.lock().unwrap().refuses = Some(("track", kind));
        assert!(writer.append(track, b"two ".to_vec()));
        let (without, cause) = next(&mut writer);
        assert_eq!(without, [Class::Video, Class::Mix, Class::Tracks]);
        assert!(cause.unwrap().starts_with("track: "));
        assert!([video, mix, track].into_iter().all(|file| writer.is_suspended(file)));
        disk.0.lock().unwrap().refuses = None;
        for left in [&[Class::Video, Class::Mix][..], &[Class::Video], &[]] {
            assert_eq!(next(&mut writer), (left.to_vec(), None));
        }
        assert!(writer.append(track, b"three".to_vec()));
        writer.close(track);
        let events = writer.finish(Duration::from_secs(10));
        let state = disk.0.lock().unwrap();
        assert_eq!(state.files["track"], b"one two three", "what was there in part was taken back");
        let sha = crate::journal::hash(b"one two three");
        assert!(events.iter().any(
            |event| matches!(event, DiskEvent::Hash { sha256, bytes: 13, closed: true, .. } if *sha256 == sha)
        ));
    }
}

#[test]
fn a_disk_that_refuses_the_mix_leaves_the_tracks_alone() {
    let disk = Fake::default();
    disk.0.lock().unwrap().refuses = Some(("mix", ErrorKind::StorageFull));
    let mut writer = Writer::start(Box::new(disk.clone())).unwrap();
    let mix = writer.open("mix", Class::Mix);
    let track = writer.open("track", Class::Tracks);
    writer.append(mix, b"lost".to_vec());
    assert_eq!(next(&mut writer).0, [Class::Video, Class::Mix]);
    assert!(!writer.is_suspended(track) && writer.append(track, b"kept".to_vec()));
    writer.finish(Duration::from_secs(10));
    assert_eq!(disk.0.lock().unwrap().files["track"], b"kept");
    assert!(!disk.0.lock().unwrap().files.contains_key("mix"));
}

#[test]
fn a_slow_disk_refuses_pictures_before_the_mix_and_the_mix_before_tracks_and_nobody_waits() {
    let disk = Fake::default();
    let mut writer = Writer::start(Box::new(disk.clone())).unwrap();
    let video = writer.open("video", Class::Video);
    let mix = writer.open("mix", Class::Mix);
    let track = writer.open("track", Class::Tracks);
    disk.0.lock().unwrap().pause = Duration::from_secs(1);
    let taken = |writer: &mut Writer, file| {
        let mut taken = 0;
        while writer.append(file, vec![0; 1 << 20]) {
            taken += 1;
        }
        taken
    };
    let asked = Instant::now();
    let [of_video, of_mix, of_tracks] = [video, mix, track].map(|file| taken(&mut writer, file));
    assert!(asked.elapsed() < Duration::from_secs(1), "the caller did not wait for the disk");
    assert!((4..=5).contains(&of_video) && (4..=5).contains(&of_mix) && (4..=5).contains(&of_tracks));
    assert_eq!(next(&mut writer).0, [Class::Video]);
    // The test does not wait for a disk that slow.
    disk.0.lock().unwrap().pause = Duration::ZERO;
    writer.finish(Duration::from_secs(30));
}

#[test]
fn a_file_that_is_handed_to_the_disk_keeps_no_other_waiting_but_the_end() {
    let disk = Fake::default();
    let (hold, syncs_with) = std::sync::mpsc::channel();
    disk.0.lock().unwrap().syncs_with = Some(syncs_with);
    let mut writer = Writer::start(Box::new(disk.clone())).unwrap();
    let [first, second] = ["video-1", "video-2"].map(|name| writer.open(name, Class::Video));
    assert!(writer.append(first, b"over".to_vec()));
    writer.close(first);
    assert!(writer.append(second, b"goes on".to_vec()));
    writer.hash(second);
    let is_there =
        |event: &DiskEvent| matches!(event, DiskEvent::Hash { file, bytes: 7, .. } if *file == second);
    while !is_there(&writer.next_event(Duration::from_secs(20)).expect("the other goes on")) {}
    assert!(disk.0.lock().unwrap().synced.is_empty());
    drop(hold);
    writer.close(second);
    writer.finish(Duration::from_secs(20));
    let mut synced = disk.0.lock().unwrap().synced.clone();
    synced.sort();
    assert_eq!(synced, ["video-1", "video-2"]);
}

#[test]
fn what_is_rewritten_takes_the_place_of_what_was_given_before_wherever_that_is() {
    let directory = tempfile::tempdir().unwrap();
    let disk = crate::disk::Directory(directory.path().to_owned());
    let mut writer = Writer::start(Box::new(disk)).unwrap();
    let track = writer.open("track", Class::Tracks);
    assert!(writer.append(track, b"one two three".to_vec()));
    assert!(writer.rewrite(track, 4, b"zwei".to_vec()) && writer.append(track, b" drei".to_vec()));
    writer.close(track);
    let events = writer.finish(Duration::from_secs(10));
    assert_eq!(std::fs::read(directory.path().join("track")).unwrap(), b"one zwei drei");
    let sha = crate::journal::hash(b"one zwei drei");
    assert!(
        events
            .iter()
            .any(|event| matches!(event, DiskEvent::Hash { sha256, bytes: 13, .. } if *sha256 == sha))
    );
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing lies beside it");

    // A disk that refuses meanwhile gets it later.
    let disk = Fake::default();
    let mut writer = Writer::start(Box::new(disk.clone())).unwrap();
    let track = writer.open("track", Class::Tracks);
    assert!(writer.append(track, b"one ".to_vec()));
    disk.0.lock().unwrap().refuses = Some(("track", ErrorKind::StorageFull));
    assert!(writer.append(track, b"two ".to_vec()));
    next(&mut writer);
    // In what the disk has, and in what it has not.
    assert!(writer.rewrite(track, 2, b"ce ".to_vec()) && writer.rewrite(track, 5, b"twice ".to_vec()));
    assert!(writer.rewrite(track, 11, b"more".to_vec()));
    disk.0.lock().unwrap().refuses = None;
    assert_eq!(next(&mut writer).1, None);
    writer.finish(Duration::from_secs(10));
    assert_eq!(disk.0.lock().unwrap().files["track"], b"once twice more");
}
