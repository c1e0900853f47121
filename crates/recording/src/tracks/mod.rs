//! [io] One file for each participant, on one timeline: a thread reads what a session taps, and another writes it.

mod clock;
mod film;
mod given;
mod meeting;
mod reports;
pub(crate) mod sink;
mod spurts;
mod thread;
mod track;
mod young;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use offhook_media::MediaTap;

use self::meeting::Meeting;
use self::thread::{Ended, Recording};
use crate::disk::{Directory, Disk};
use crate::error::RecordingError;
use crate::grant::{RecordingGrant, SpentGrant};
use crate::journal::{self, Class, Entry};
use crate::opus::RATE;
use crate::writer::Writer;

/// Records the tap of a session into a directory: a track for each participant, the mix, what the bot says, and a timeline.
///
/// All files begin at the same instant and stay aligned. A kill of the process costs less than a second of them; what is
/// there opens everywhere. Dropping the recorder stops it; [`stop`](Self::stop) also says how it went, and gives the grant back.
pub struct TrackRecorder {
    directory: PathBuf,
    orders: Sender<Order>,
    thread: Option<JoinHandle<Ended>>,
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
        let recording = Recording::new(tap, to_do, meeting, writer, Box::new(on_event));
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
        let ended = match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => Ok(ended),
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
