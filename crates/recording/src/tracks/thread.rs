//! [io] The recorder's thread: from the tap to the tracks, and from the disk to whoever listens.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use offhook_media::{Encoding, MediaInstant, MediaTap, ReceivedTone, Tapped, TappedPicture, ToneReceiver};

use super::clock::StreamKind;
use super::film::Picture;
use super::meeting::{Meeting, Packet};
use super::reports::Report;
use super::sink::{FileId, Sink};
use super::{OnTrackEvent, Order, TrackEvent};
use crate::journal::{self, Class, Entry};
use crate::opus::RATE;
use crate::writer::{DiskEvent, Writer};

/// How often the tap is read: it holds two seconds.
const READ_EVERY: Duration = Duration::from_millis(50);

/// Between two requests for key frames.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How long a disk may take for the end of each file of a recording.
const DISK_TIME: Duration = Duration::from_secs(10);

/// The recorder's thread.
pub(super) struct Recording {
    began: MediaInstant,
    tap: MediaTap,
    to_do: Receiver<Order>,
    meeting: Meeting,
    writer: Writer,
    tones: ToneReceiver,
    /// The names of files, by their ids; the timeline is the first.
    files: Vec<String>,
    dropped: u64,
    /// When key frames were asked for.
    asked: Option<MediaInstant>,
    on_event: OnTrackEvent,
}

/// What a recording came to.
pub(super) struct Ended {
    pub(super) samples: u64,
    pub(super) tracks: usize,
    pub(super) dropped: u64,
    pub(super) head: String,
}

impl Recording {
    /// A recording of `tap` that begins now.
    pub(super) fn new(
        tap: MediaTap,
        to_do: Receiver<Order>,
        meeting: Meeting,
        writer: Writer,
        on_event: OnTrackEvent,
    ) -> Self {
        let (tones, files) = (ToneReceiver::default(), Vec::new());
        Self {
            began: tap.now(),
            tap,
            to_do,
            meeting,
            writer,
            tones,
            files,
            dropped: 0,
            asked: None,
            on_event,
        }
    }

    pub(super) fn run(mut self) -> Ended {
        self.tap.request_key_frames();
        loop {
            let over = self.obey();
            self.read_tap();
            let now = position(self.began, self.tap.now());
            if over {
                return self.end(now);
            }
            self.meeting.tick(now, &mut Named { writer: &mut self.writer, names: &mut self.files });
            for event in self.writer.events() {
                self.on_disk_event(event);
            }
            self.ask_for_key_frames();
        }
    }

    /// Asks for what films cannot go on without; not more often than a far end may well take to answer.
    fn ask_for_key_frames(&mut self) {
        let now = self.tap.now();
        if self.asked.is_some_and(|asked| now.since(asked) < ASK_AGAIN) {
            return;
        }
        for section in self.meeting.want_key_frames() {
            self.tap.request_key_frame(section);
            self.asked = Some(now);
        }
    }

    /// Does what is ordered until the tap has to be read again; `true` at once when it is time to stop.
    fn obey(&mut self) -> bool {
        let until = self.tap.now() + READ_EVERY;
        loop {
            match self.to_do.recv_timeout(until.since(self.tap.now())) {
                Ok(Order::Note(note)) => self.tell(note.into()),
                Err(RecvTimeoutError::Timeout) => return false,
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
    }

    fn tell(&mut self, entry: Entry) {
        self.meeting.tell(entry, &mut self.writer);
    }

    fn read_tap(&mut self) {
        let mut tones = Vec::new();
        while let Some(tapped) = self.tap.read() {
            match tapped {
                Tapped::Received(frame) | Tapped::Copy(frame) | Tapped::Sent(frame) => {
                    let at = frame.arrival_time();
                    if frame.encoding() == Encoding::TelephoneEvent {
                        if let Tapped::Received(_) = tapped {
                            tones.extend(self.tones.receive(
                                frame.ssrc(),
                                frame.sender_time(),
                                frame.payload(),
                                at,
                            ));
                        }
                        continue;
                    }
                    let packet = Packet {
                        section: frame.section(),
                        ssrc: frame.ssrc().0,
                        sequence: (!matches!(tapped, Tapped::Copy(_)))
                            .then_some(frame.sequence_number() as u16),
                        time: frame.sender_time().0,
                        at: position(self.began, at),
                        source: frame.source().map(|source| source.0),
                        level: frame.level().map(|level| level.minus_dbov()),
                        payload: frame.payload(),
                    };
                    match tapped {
                        Tapped::Sent(_) => self.meeting.sent(packet),
                        _ => self.meeting.received(packet),
                    }
                }
                Tapped::Heard(tick) => {
                    let time = |frame: &offhook_media::HeardFrame| frame.sender_time.map(|time| time.0);
                    self.meeting.heard(0, tick.mix.origin, time(&tick.mix));
                    for speaker in tick.speakers() {
                        self.meeting.heard(speaker.section, speaker.frame.origin, time(&speaker.frame));
                    }
                }
                Tapped::Report(report) => {
                    let kind = if report.is_picture { StreamKind::Picture } else { StreamKind::Sound };
                    let at = position(self.began, report.arrival_time);
                    let own = Report { ntp: report.ntp, time: report.sender_time.0, at };
                    self.meeting.reported(kind, report.section, report.ssrc.0, own);
                }
                Tapped::Picture(picture) => self.meeting.shown(picture_of(picture, self.began)),
                _ => {}
            }
        }
        tones.extend(self.tones.handle_timeout(self.tap.now()));
        for ReceivedTone { tone, .. } in tones {
            self.tell(Entry::Tone { tone: tone.to_string() });
        }
        let dropped = self.tap.dropped();
        if std::mem::replace(&mut self.dropped, dropped) != dropped {
            self.tell(Entry::Dropped { items: dropped });
        }
    }

    fn on_disk_event(&mut self, event: DiskEvent) {
        match event {
            DiskEvent::Without { classes, cause } => {
                let (event, entry) = match cause {
                    Some(cause) => (
                        TrackEvent::Degraded { without: classes.clone(), cause: cause.clone() },
                        Entry::Degraded { without: classes, cause },
                    ),
                    None => (
                        TrackEvent::Resumed { without: classes.clone() },
                        Entry::Resumed { without: classes },
                    ),
                };
                (self.on_event)(event);
                self.tell(entry);
            }
            DiskEvent::Gone { file } => {
                (self.on_event)(TrackEvent::FileGone);
                let mut sink = Named { writer: &mut self.writer, names: &mut self.files };
                self.meeting.begin_again(file, &mut sink);
            }
            DiskEvent::Hash { file, bytes, sha256, closed } => {
                if let Some(name) = self.files.get(file).filter(|name| *name != journal::FILE) {
                    let entry = Entry::Hash { file: name.clone(), bytes, sha256, closed };
                    self.tell(entry);
                    self.meeting.is_there(file, bytes, closed, &mut self.writer);
                }
            }
        }
    }

    fn end(mut self, now: i64) -> Ended {
        // The timeline vouches for the files, so they are closed before it is.
        self.meeting.finish(now, &mut Named { writer: &mut self.writer, names: &mut self.files });
        while self.writer.closing() > 0
            && let Some(event) = self.writer.next_event(DISK_TIME)
        {
            self.on_disk_event(event);
        }
        self.meeting.stopped(&mut self.writer);
        let tracks = self.meeting.tracks();
        self.writer.finish(DISK_TIME);
        Ended {
            samples: now.max(0).unsigned_abs(),
            tracks,
            dropped: self.dropped,
            head: self.meeting.head().to_owned(),
        }
    }
}

fn picture_of(tapped: &TappedPicture, began: MediaInstant) -> Picture {
    let frame = &tapped.frame;
    Picture {
        section: tapped.section,
        is_screen: tapped.is_screen,
        ssrc: tapped.ssrc.0,
        source: frame.source().map(|source| source.0),
        codec: frame.codec(),
        is_key: frame.is_key(),
        size: frame.size(),
        time: frame.sender_time().0,
        at: position(began, frame.first_arrival()),
        after_loss: tapped.after_loss,
        after_drop: tapped.after_drop,
        data: frame.data().to_vec(),
    }
}

/// Where an instant stands on the timeline.
fn position(began: MediaInstant, at: MediaInstant) -> i64 {
    let samples = |nanos: u64| (u128::from(nanos) * u128::from(RATE) / 1_000_000_000) as i64;
    samples(at.as_nanos()) - samples(began.as_nanos())
}

/// The disk, with a list of what its files are called.
pub(super) struct Named<'a> {
    pub(super) writer: &'a mut Writer,
    pub(super) names: &'a mut Vec<String>,
}

impl Sink for Named<'_> {
    fn open(&mut self, name: &str, class: Class) -> FileId {
        let file = self.writer.open(name, class);
        self.names.resize(file, journal::FILE.to_owned());
        self.names.push(name.to_owned());
        file
    }

    fn append(&mut self, file: FileId, bytes: Vec<u8>) -> bool {
        self.writer.append(file, bytes)
    }

    fn rewrite(&mut self, file: FileId, from: u64, bytes: Vec<u8>) -> bool {
        self.writer.rewrite(file, from, bytes)
    }

    fn is_suspended(&self, file: FileId) -> bool {
        self.writer.is_suspended(file)
    }

    fn close(&mut self, file: FileId) {
        self.writer.close(file);
    }

    fn close_with(&mut self, file: FileId, head: Vec<u8>) {
        self.writer.close_with(file, head);
    }

    fn hash(&mut self, file: FileId) {
        self.writer.hash(file);
    }
}
