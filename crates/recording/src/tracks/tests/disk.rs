//! A meeting with pictures on a disk that hangs.

use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use aws_lc_rs::digest::Context;
use offhook_media::video::{VideoCodec, VideoSize};

use super::{Packet, Picture, Sender, TOC, senders};
use crate::disk::{Directory, Disk, DiskFile};
use crate::folder::verify;
use crate::gaps::GapKind;
use crate::journal::{self, Class, Entry, GrantEntry};
use crate::tracks::meeting::Meeting;
use crate::tracks::sink::Sink as _;
use crate::tracks::thread::Named;
use crate::writer::{DiskEvent, Writer};

/// Whoever writes waits while it is shut.
#[derive(Default)]
struct Gate {
    is_shut: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn shut(&self, is_shut: bool) {
        *self.is_shut.lock().unwrap() = is_shut;
        self.opened.notify_all();
    }

    fn pass(&self) {
        drop(self.opened.wait_while(self.is_shut.lock().unwrap(), |is_shut| *is_shut).unwrap());
    }
}

struct Gated<T>(T, Arc<Gate>);

impl Disk for Gated<Directory> {
    fn create(&mut self, name: &str, first: &[u8]) -> io::Result<Box<dyn DiskFile>> {
        self.1.pass();
        let file = self.0.create(name, first)?;
        Ok(Box::new(Gated(file, Arc::clone(&self.1))))
    }
}

impl DiskFile for Gated<Box<dyn DiskFile>> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.1.pass();
        self.0.append(bytes)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.truncate(len)
    }

    fn rewrite(&mut self, from: u64, bytes: &[u8]) -> io::Result<Context> {
        self.1.pass();
        self.0.rewrite(from, bytes)
    }

    fn begin_with(&mut self, head: &[u8]) -> io::Result<Context> {
        self.0.begin_with(head)
    }

    fn is_gone(&self) -> bool {
        self.0.is_gone()
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }
}

/// A recorder without its thread, whose clock is ours.
struct Recorder {
    meeting: Meeting,
    writer: Writer,
    names: Vec<String>,
    /// What was not recorded, each time that it changed.
    without: Vec<Vec<Class>>,
}

impl Recorder {
    fn hear(&mut self, event: DiskEvent) {
        match event {
            DiskEvent::Without { classes, cause } => {
                let without = classes.clone();
                let entry = match cause {
                    Some(cause) => Entry::Degraded { without, cause },
                    None => Entry::Resumed { without },
                };
                self.without.push(classes);
                self.meeting.tell(entry, &mut self.writer);
            }
            DiskEvent::Hash { file, bytes, sha256, closed } => {
                let name = self.names[file].clone();
                if name != journal::FILE {
                    self.meeting.tell(Entry::Hash { file: name, bytes, sha256, closed }, &mut self.writer);
                    self.meeting.is_there(file, bytes, closed, &mut self.writer);
                }
            }
            DiskEvent::Gone { file } => panic!("{} is gone", self.names[file]),
        }
    }

    /// What two say, and one shows, at a tick of 20 ms: large packets, and 500 kB of pictures a second.
    fn tick(&mut self, tick: u32) {
        let payload = [&[TOC][..], &tick.to_be_bytes(), &[7; 1_200]].concat();
        let [mix, ada, ..]: [Sender; 5] = senders();
        let at = i64::from(tick) * 960 + 480;
        for sender in [mix, ada] {
            self.meeting.received(Packet { level: Some(20), ..sender.packet(tick, at, &payload) });
        }
        if tick.is_multiple_of(2) {
            self.meeting.shown(Picture {
                section: 0,
                is_screen: false,
                ssrc: 7,
                source: Some(500),
                codec: VideoCodec::Vp8,
                is_key: tick.is_multiple_of(50),
                size: Some(VideoSize { width: 640, height: 360 }),
                time: 1800 * tick,
                at,
                after_loss: false,
                after_drop: false,
                data: vec![tick as u8; 20_000],
            });
        }
        let mut sink = Named { writer: &mut self.writer, names: &mut self.names };
        self.meeting.tick(at + 200, &mut sink);
        self.writer.events().into_iter().for_each(|event| self.hear(event));
    }

    /// Waits until the disk has done all that it was asked for.
    fn wait_for_the_disk(&mut self) {
        self.writer.hash(0);
        loop {
            let event = self.writer.next_event(Duration::from_secs(60)).expect("the disk goes on");
            if matches!(event, DiskEvent::Hash { file: 0, .. }) {
                return;
            }
            self.hear(event);
        }
    }
}

#[test]
fn a_disk_that_hangs_costs_pictures_then_the_mix_and_no_word_of_a_speaker() {
    let directory = tempfile::tempdir().unwrap();
    let gate = Arc::<Gate>::default();
    let disk = Gated(Directory(directory.path().to_owned()), Arc::clone(&gate));
    let mut writer = Writer::start(Box::new(disk)).unwrap();
    let mut names = Vec::new();
    let grant = GrantEntry::OwnResponsibility { statement: "a test".to_owned() };
    let mut sink = Named { writer: &mut writer, names: &mut names };
    let meeting = Meeting::begin(0, grant, &mut sink);
    let mut recorder = Recorder { meeting, writer, names, without: Vec::new() };
    // A minute while nothing is written: 4 MiB of pictures take eight seconds, and as much of sound half a minute.
    let (shut, opened, end) = (500, 3_500, 4_500);
    for tick in 0..end {
        match tick {
            _ if tick == shut => gate.shut(true),
            _ if tick == opened => {
                let expected = [&[Class::Video][..], &[Class::Video, Class::Mix]];
                assert_eq!(recorder.without, expected, "pictures first, then the mix");
                gate.shut(false);
                recorder.wait_for_the_disk();
            }
            _ => {}
        }
        recorder.tick(tick);
        // Our clock is faster than the disk.
        if tick % 50 == 0 && !(shut..opened).contains(&tick) {
            recorder.wait_for_the_disk();
        }
    }
    assert_eq!(recorder.without.last(), Some(&Vec::new()), "all is recorded again");
    let mut sink = Named { writer: &mut recorder.writer, names: &mut recorder.names };
    recorder.meeting.finish(i64::from(end) * 960, &mut sink);
    recorder.wait_for_the_disk();
    recorder.meeting.stopped(&mut recorder.writer);
    recorder.writer.finish(Duration::from_secs(60));

    let verified = verify(directory.path()).unwrap();
    assert_eq!((verified.problems, verified.files), (vec![], 3));
    let timeline = journal::read(&std::fs::read(directory.path().join(journal::FILE)).unwrap()).unwrap();
    let gap = |line: journal::Line| match line.entry {
        Entry::Gap { track, kind: GapKind::Disk, samples, .. } => Some((track, samples / 48_000)),
        _ => None,
    };
    let gaps: Vec<_> = timeline.lines.into_iter().filter_map(gap).collect();
    let seconds = |track: &str| gaps.iter().find(|(of, _)| of == track).map(|(_, seconds)| *seconds);
    assert!(seconds("video-500").is_some_and(|seconds| (45..60).contains(&seconds)), "{gaps:?}");
    assert!(seconds("mix").is_some_and(|seconds| (5..40).contains(&seconds)), "{gaps:?}");
    assert_eq!((seconds("speaker-501"), gaps.len()), (None, 2), "{gaps:?}");
}
