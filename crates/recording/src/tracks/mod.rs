//! [io] One file for each participant, on one timeline: a thread reads what a session taps, and another writes it.

// Long because what an application meets of a recorder stands beside the thread that does it.

mod clock;
mod meeting;
pub(crate) mod sink;
mod spurts;
mod track;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use offhook_media::{Encoding, MediaInstant, MediaTap, ReceivedTone, Tapped, ToneReceiver};

use self::meeting::{Meeting, Packet};
use self::sink::{FileId, Sink};
use crate::disk::{Directory, Disk};
use crate::error::RecordingError;
use crate::grant::{RecordingGrant, SpentGrant};
use crate::journal::{self, Class, Entry};
use crate::opus::RATE;
use crate::writer::{DiskEvent, Writer};

/// How often the tap is read: it holds two seconds.
const READ_EVERY: Duration = Duration::from_millis(50);

/// How long a disk may take for the end of a recording.
const DISK_TIME: Duration = Duration::from_secs(10);

/// Records the tap of a session into a directory: a track for each participant, the mix, what the bot says, and a timeline.
///
/// All files begin at the same instant and stay aligned. A kill of the process costs less than a second of them; what is
/// there opens everywhere. Dropping the recorder stops it; [`stop`](Self::stop) also says how it went, and gives the grant back.
pub struct TrackRecorder {
    directory: PathBuf,
    orders: Sender<Order>,
    thread: Option<JoinHandle<io::Result<Ended>>>,
    grant: Option<RecordingGrant>,
}

/// What the application knows of a call and the media does not: who is there, and where the call stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Note {
    /// Someone is in the call.
    Joined {
        /// As the service names them.
        participant: String,
        /// Their media source id, where it is known.
        source: Option<u32>,
        /// What they are called.
        name: Option<String>,
    },
    /// Someone has left.
    Left {
        /// As the service names them.
        participant: String,
    },
    /// Someone was muted, or no longer is.
    Muted {
        /// As the service names them.
        participant: String,
        /// Whether they are now.
        muted: bool,
    },
    /// The call is in another state.
    State {
        /// As Graph spells it.
        state: String,
    },
}

impl From<Note> for Entry {
    fn from(note: Note) -> Self {
        match note {
            Note::Joined { participant, source, name } => Self::Joined { participant, source, name },
            Note::Left { participant } => Self::Left { participant },
            Note::Muted { participant, muted } => Self::Muted { participant, muted },
            Note::State { state } => Self::State { state },
        }
    }
}

/// What the recorder's thread is told.
enum Order {
    Note(Note),
    Stop,
}

/// Writes notes into the timeline of a recording, from wherever things are learnt.
#[derive(Clone)]
pub struct NoteTaker(Sender<Order>);

impl NoteTaker {
    /// Writes into the timeline what the application knows. Nothing once the recording is over.
    pub fn note(&self, note: Note) {
        _ = self.0.send(Order::Note(note));
    }
}

/// What happens to a recording while it is made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TrackEvent {
    /// The disk does not take all: this is not recorded any more, until it does.
    Degraded {
        /// Video first, then the mix, then the tracks.
        without: Vec<Class>,
        /// What the system says.
        cause: String,
    },
    /// The disk takes more again.
    Resumed {
        /// What is still not recorded.
        without: Vec<Class>,
    },
    /// Somebody took a file away; its track goes on in another one.
    FileGone,
}

/// What a recording holds that was stopped.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TracksReport {
    /// Its directory.
    pub directory: PathBuf,
    /// How long it is.
    pub duration: Duration,
    /// How many tracks it has.
    pub tracks: usize,
    /// Packets and ticks that were not recorded, because the recorder was too slow.
    pub dropped: u64,
    /// The hash that vouches for all of it: whoever keeps it elsewhere can prove that nothing was changed since.
    pub head: String,
}

struct Ended {
    samples: u64,
    tracks: usize,
    dropped: u64,
    head: String,
}

/// Hears of events.
type OnTrackEvent = Box<dyn Fn(TrackEvent) + Send>;

impl TrackRecorder {
    /// Begins to record into `directory`, which is made, and must not hold a recording. `on_event` is called on the recorder's
    /// thread.
    ///
    /// # Errors
    /// When the directory holds a recording, or the system refuses it or the threads.
    pub fn start(
        grant: RecordingGrant,
        directory: impl AsRef<Path>,
        tap: MediaTap,
        on_event: impl Fn(TrackEvent) + Send + 'static,
    ) -> Result<Self, RecordingError> {
        let directory = directory.as_ref().to_owned();
        let disk = |source| RecordingError::Disk {
            task: "cannot record into",
            path: directory.clone(),
            safe: Duration::ZERO,
            source,
        };
        std::fs::create_dir_all(&directory).map_err(disk)?;
        if directory.join(journal::FILE).exists() {
            return Err(disk(io::ErrorKind::AlreadyExists.into()));
        }
        let disk_thread: Box<dyn Disk> = Box::new(Directory(directory.clone()));
        let mut writer = Writer::start(disk_thread).map_err(disk)?;
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let wall_millis = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        let meeting = Meeting::begin(wall_millis, grant.entry().clone(), &mut writer);
        let (orders, to_do) = channel();
        let recording = Recording {
            began: tap.now(),
            tap,
            to_do,
            meeting,
            writer,
            tones: ToneReceiver::default(),
            files: Vec::new(),
            dropped: 0,
            on_event: Box::new(on_event),
        };
        let thread = std::thread::Builder::new()
            .name("offhook-recorder".to_owned())
            .spawn(move || recording.run())
            .map_err(disk)?;
        Ok(Self { directory, orders, thread: Some(thread), grant: Some(grant) })
    }

    /// What writes into the timeline what the application knows.
    pub fn notes(&self) -> NoteTaker {
        NoteTaker(self.orders.clone())
    }

    /// Ends the recording and closes its files. Blocks until the disk has them, for some seconds where it is in trouble. Gives what is
    /// there, and the grant by which nothing is recorded any more.
    ///
    /// # Errors
    /// When the recorder failed; what is on disk stays readable.
    pub fn stop(mut self) -> Result<(TracksReport, SpentGrant), RecordingError> {
        _ = self.orders.send(Order::Stop);
        let ended = self.thread.take().map(JoinHandle::join);
        let ended = match ended {
            Some(Ok(Ok(ended))) => Ok(ended),
            Some(Ok(Err(error))) => Err(error),
            _ => Err(io::Error::other("the recorder's thread failed")),
        };
        let path = self.directory.clone();
        let failed =
            |source| RecordingError::Disk { task: "cannot complete", path, safe: Duration::ZERO, source };
        let Ended { samples, tracks, dropped, head } = ended.map_err(failed)?;
        let grant = self.grant.take().ok_or(RecordingError::Stopped)?;
        let duration = Duration::from_nanos(samples * 1_000_000 / (RATE / 1000));
        let report = TracksReport { directory: self.directory.clone(), duration, tracks, dropped, head };
        Ok((report, grant.spend()))
    }
}

impl Drop for TrackRecorder {
    fn drop(&mut self) {
        _ = self.orders.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            // Whoever wants to hear of a failure calls `stop`.
            _ = thread.join();
        }
    }
}

/// The recorder's thread.
struct Recording {
    began: MediaInstant,
    tap: MediaTap,
    to_do: Receiver<Order>,
    meeting: Meeting,
    writer: Writer,
    tones: ToneReceiver,
    /// The names of files, by their ids; the timeline is the first.
    files: Vec<String>,
    dropped: u64,
    on_event: OnTrackEvent,
}

impl Recording {
    fn run(mut self) -> io::Result<Ended> {
        loop {
            let over = self.obey();
            self.read_tap();
            let now = position(self.began, self.tap.now());
            if over {
                return self.end(now);
            }
            self.meeting.tick(now, &mut Named { writer: &mut self.writer, names: &mut self.files })?;
            for event in self.writer.events() {
                self.on_disk_event(event);
            }
            std::thread::sleep(READ_EVERY);
        }
    }

    /// Does what was ordered; `true` when it is time to stop.
    fn obey(&mut self) -> bool {
        loop {
            match self.to_do.try_recv() {
                Ok(Order::Note(note)) => self.tell(note.into()),
                Err(TryRecvError::Empty) => return false,
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return true,
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
                }
            }
        }
    }

    fn end(mut self, now: i64) -> io::Result<Ended> {
        // The timeline vouches for the files, so they are closed before it is.
        let mut open =
            self.meeting.finish(now, &mut Named { writer: &mut self.writer, names: &mut self.files })?;
        let deadline = self.tap.now() + DISK_TIME;
        while open > 0 && self.tap.now() < deadline {
            for event in self.writer.events() {
                open = open.saturating_sub(matches!(event, DiskEvent::Hash { closed: true, .. }).into());
                self.on_disk_event(event);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.meeting.stopped(&mut self.writer);
        let tracks = self.meeting.tracks();
        self.writer.finish(DISK_TIME);
        Ok(Ended {
            samples: now.max(0).unsigned_abs(),
            tracks,
            dropped: self.dropped,
            head: self.meeting.head().to_owned(),
        })
    }
}

/// Where an instant stands on the timeline.
fn position(began: MediaInstant, at: MediaInstant) -> i64 {
    let samples = |nanos: u64| (u128::from(nanos) * u128::from(RATE) / 1_000_000_000) as i64;
    samples(at.as_nanos()) - samples(began.as_nanos())
}

/// The disk, with a list of what its files are called.
struct Named<'a> {
    writer: &'a mut Writer,
    names: &'a mut Vec<String>,
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

    fn is_suspended(&self, file: FileId) -> bool {
        self.writer.is_suspended(file)
    }

    fn close(&mut self, file: FileId) {
        self.writer.close(file);
    }

    fn hash(&mut self, file: FileId) {
        self.writer.hash(file);
    }
}
