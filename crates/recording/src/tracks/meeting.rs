//! All tracks of a recording, and its timeline: what is heard, said and told comes in with the time, files come out. Pure.

use std::collections::{BTreeMap, HashMap};

use offhook_media::FrameOrigin;

use super::clock::{LOOK, SessionClock, StreamId, StreamKind};
use super::film::{Film, Picture, Segments};
use super::reports::Report;
use super::sink::{FileId, Sink};
use super::track::{Track, TrackPacket};
use crate::journal::{self, Class, Entry, GrantEntry, Journal};
use crate::opus::{self, FRAME, RATE};

/// A pause in which a clock can be corrected is at least this long: 100 ms.
const QUIET: i64 = 100 * 48;

/// The loudest that is no voice, in -dBov.
const NO_VOICE: u8 = 60;

/// How often the timeline vouches for files that are not closed yet: 10 s.
const VOUCH: i64 = 10 * 48_000;

/// A packet of sound, as it came or was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    /// 0 is the mix.
    pub(crate) section: usize,
    pub(crate) ssrc: u32,
    /// `None` of a copy that came in another packet.
    pub(crate) sequence: Option<u16>,
    /// Its RTP time.
    pub(crate) time: u32,
    /// When it came, or was sent.
    pub(crate) at: i64,
    /// Who is heard in it, on the section of one speaker.
    pub(crate) source: Option<u32>,
    /// How loud it is, in -dBov.
    pub(crate) level: Option<u8>,
    pub(crate) payload: &'a [u8],
}

/// A track by what is in it; in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Mix,
    Speaker(u32),
    Bot,
}

/// A recording in the making.
pub(crate) struct Meeting {
    journal: Journal,
    timeline: FileId,
    /// Lines that the disk's queue has not taken yet.
    untold: Vec<u8>,
    start: Entry,
    tracks: BTreeMap<Key, Track>,
    /// What video sockets show.
    films: BTreeMap<usize, Film>,
    segments: Segments,
    clock: SessionClock,
    /// Pictures of streams that have no place yet.
    unplaced: HashMap<StreamId, Vec<Picture>>,
    /// Pictures that have one, and are not given to their film.
    placed: Vec<(i64, Picture)>,
    /// Packets of streams that have no place yet.
    waiting: HashMap<StreamId, Vec<Waiting>>,
    /// Which stream is heard on a section, whose track it is, and where its next frame is heard.
    heard: BTreeMap<usize, (StreamId, Key, Option<i64>)>,
    /// The first packet that was sent: its time, and when.
    said: Option<(u32, i64)>,
    last_voice: i64,
    vouched: i64,
    /// Nothing is written before this: time does not go back.
    now: i64,
}

struct Waiting {
    key: Key,
    time: u32,
    at: i64,
    packet: TrackPacket,
}

impl Meeting {
    /// Begins a recording.
    pub(crate) fn begin(wall_millis: u64, grant: GrantEntry, sink: &mut dyn Sink) -> Self {
        let start = Entry::Started { wall_millis, sample_rate: RATE as u32, grant };
        let mut this = Self {
            journal: Journal::new(),
            timeline: sink.open(journal::FILE, Class::Timeline),
            untold: Vec::new(),
            start: start.clone(),
            tracks: BTreeMap::new(),
            films: BTreeMap::new(),
            segments: Segments::new(),
            unplaced: HashMap::new(),
            placed: Vec::new(),
            clock: SessionClock::default(),
            waiting: HashMap::new(),
            heard: BTreeMap::new(),
            said: None,
            last_voice: 0,
            vouched: 0,
            now: 0,
        };
        this.tell(start, sink);
        this
    }

    /// Writes a line at the present.
    pub(crate) fn tell(&mut self, entry: Entry, sink: &mut dyn Sink) {
        let line = self.journal.line(self.now.max(0).unsigned_abs(), entry);
        self.untold.extend(line);
        // A line that is left out would break the chain.
        if sink.append(self.timeline, self.untold.clone()) {
            self.untold.clear();
        }
    }

    /// The hash that vouches for the timeline so far.
    pub(crate) fn head(&self) -> &str {
        self.journal.head()
    }

    /// A packet came.
    pub(crate) fn received(&mut self, packet: Packet<'_>) {
        let key = match (packet.section, packet.source) {
            (0, _) => Key::Mix,
            (_, Some(source)) => Key::Speaker(source),
            (_, None) => Key::Speaker(packet.ssrc),
        };
        let stream = StreamId { kind: StreamKind::Sound, section: packet.section, ssrc: packet.ssrc };
        let own = track_packet(&packet, stream);
        if own.is_voice {
            self.last_voice = self.last_voice.max(packet.at);
        }
        if !self.waiting.contains_key(&stream) && self.clock.knows(stream, packet.time, packet.at) {
            // A copy comes later than its packet would have, and says nothing of how fast packets are.
            let position = match packet.sequence {
                Some(_) => self.clock.arrived(stream, packet.time, packet.at),
                None => self.clock.position(stream, packet.time),
            };
            let Some(position) = position else { return };
            let is_settled = self.clock.is_settled(stream);
            self.track(key).insert(position, own, is_settled);
        } else if packet.sequence.is_some() {
            let waiting = Waiting { key, time: packet.time, at: packet.at, packet: own };
            self.waiting.entry(stream).or_default().push(waiting);
        }
        let next = self.heard.get(&packet.section).and_then(|(_, _, next)| *next);
        self.heard.insert(packet.section, (stream, key, next));
    }

    /// A picture came whole.
    pub(crate) fn shown(&mut self, picture: Picture) {
        let stream = StreamId { kind: StreamKind::Picture, section: picture.section, ssrc: picture.ssrc };
        if !self.unplaced.contains_key(&stream) && self.clock.knows(stream, picture.time, picture.at) {
            let position = self.clock.arrived(stream, picture.time, picture.at);
            self.placed.extend(position.map(|position| (position, picture)));
        } else {
            self.unplaced.entry(stream).or_default().push(picture);
        }
    }

    /// The far end says how the clock of a stream stands.
    pub(crate) fn reported(&mut self, kind: StreamKind, section: usize, ssrc: u32, report: Report) {
        self.clock.reported(StreamId { kind, section, ssrc }, report);
        self.follow_moves();
    }

    /// Tells tracks of streams that stand elsewhere than was thought.
    fn follow_moves(&mut self) {
        for (stream, by) in self.clock.take_moves() {
            self.tracks.values_mut().for_each(|track| track.moved(stream, by));
            let heard = self.heard.values_mut().filter(|(heard, ..)| *heard == stream);
            heard.filter_map(|(.., next)| next.as_mut()).for_each(|next| *next += by);
        }
    }

    /// The video sockets that show nothing more before a key frame.
    pub(crate) fn want_key_frames(&self) -> impl Iterator<Item = usize> + '_ {
        self.films.iter().filter(|(_, film)| film.wants_key_frame()).map(|(section, _)| *section)
    }

    /// We sent a packet, on our own clock.
    pub(crate) fn sent(&mut self, packet: Packet<'_>) {
        let (first, at) = *self.said.get_or_insert((packet.time, packet.at));
        let position = at + i64::from(packet.time.wrapping_sub(first).cast_signed());
        let stream = StreamId { kind: StreamKind::Sound, section: packet.section, ssrc: packet.ssrc };
        self.track(Key::Bot).insert(position, track_packet(&packet, stream), true);
    }

    /// What the jitter buffer of a section made of a tick.
    pub(crate) fn heard(&mut self, section: usize, origin: FrameOrigin, time: Option<u32>) {
        let Some(&(stream, key, next)) = self.heard.get(&section) else { return };
        let known = time.and_then(|time| self.clock.position(stream, time));
        let next = match origin {
            FrameOrigin::Concealed => {
                if let Some(position) = next {
                    self.track(key).guessed(position, stream);
                }
                next.map(|position| position + FRAME as i64)
            }
            FrameOrigin::Silence => None,
            _ => known.map(|position| position + FRAME as i64),
        };
        self.heard.insert(section, (stream, key, next));
    }

    /// Writes what is due at `now`.
    pub(crate) fn tick(&mut self, now: i64, sink: &mut dyn Sink) {
        self.now = self.now.max(now);
        self.place_waiting(now, LOOK);
        let quiet = now - self.last_voice > QUIET;
        if let Some(step) = self.clock.correct(now, quiet) {
            self.tell(Entry::Clock { by: step.by, drift_ppm: step.drift_ppm }, sink);
        }
        self.follow_moves();
        let mut told = self.write_pictures(sink);
        for film in self.films.values_mut() {
            told.extend(film.tick(now, sink));
        }
        for track in self.tracks.values_mut() {
            told.extend(track.tick(now, sink));
        }
        for (stream, is_reported) in self.clock.settle(now) {
            told.extend(self.tracks.values_mut().filter_map(|track| track.settled(stream, is_reported)));
        }
        told.into_iter().for_each(|entry| self.tell(entry, sink));
        if now - self.vouched >= VOUCH {
            self.vouched = now;
            // What may be written anew is vouched for later.
            let tracks = self.tracks.values().filter(|track| track.young.is_none());
            let tracks = tracks.filter_map(Track::file_id);
            let films = self.films.values().filter_map(Film::file_id);
            tracks.chain(films).for_each(|file| sink.hash(file));
        }
    }

    /// Ends all tracks at `now`, and closes their files. [`stopped`](Self::stopped) follows, when they are closed.
    pub(crate) fn finish(&mut self, now: i64, sink: &mut dyn Sink) {
        self.now = self.now.max(now);
        self.place_waiting(now, 0);
        let mut told = self.write_pictures(sink);
        for film in self.films.values_mut() {
            told.extend(film.finish(self.now, sink));
        }
        for track in self.tracks.values_mut() {
            told.extend(track.finish(self.now, sink));
        }
        told.into_iter().for_each(|entry| self.tell(entry, sink));
    }

    /// The disk has so many bytes of a file; when that is closed, it gets no more.
    pub(crate) fn is_there(&mut self, file: FileId, bytes: u64, is_closed: bool, sink: &mut dyn Sink) {
        let films = self.films.values_mut();
        let told: Vec<_> = films.flat_map(|film| film.is_there(file, bytes, is_closed)).collect();
        self.tracks.values_mut().for_each(|track| track.is_there(file, bytes));
        told.into_iter().for_each(|entry| self.tell(entry, sink));
    }

    /// Writes the last line.
    pub(crate) fn stopped(&mut self, sink: &mut dyn Sink) {
        let mut told: Vec<_> = self.films.values_mut().flat_map(Film::give_up).collect();
        told.extend(self.tracks.values().filter_map(Track::lacks));
        told.into_iter().for_each(|entry| self.tell(entry, sink));
        self.tell(Entry::Stopped { samples: self.now.max(0).unsigned_abs() }, sink);
        sink.close(self.timeline);
    }

    /// A file is gone: its track goes on in another. A timeline begins again.
    pub(crate) fn begin_again(&mut self, file: FileId, sink: &mut dyn Sink) {
        if file == self.timeline {
            (self.journal, self.timeline) = (Journal::new(), sink.open(journal::FILE, Class::Timeline));
            self.untold.clear();
            self.tell(self.start.clone(), sink);
        }
        let track = self.tracks.values_mut().find(|track| track.file_id() == Some(file));
        if let Some(track) = track {
            track.begin_again();
        }
        let film = self.films.values_mut().find(|film| film.file_id() == Some(file));
        if let Some(film) = film {
            film.begin_again();
        }
    }

    /// How many packets are kept until it is sure where their streams stand.
    #[cfg(test)]
    pub(crate) fn packets_kept(&self) -> usize {
        self.tracks.values().filter_map(|track| track.young.as_ref()).map(super::young::Young::len).sum()
    }

    /// How many tracks there are, those of pictures among them.
    pub(crate) fn tracks(&self) -> usize {
        self.tracks.len() + self.segments.len()
    }

    fn track(&mut self, key: Key) -> &mut Track {
        self.tracks.entry(key).or_insert_with(|| match key {
            Key::Mix => Track::new("mix".to_owned(), None, Class::Mix),
            Key::Bot => Track::new("bot".to_owned(), None, Class::Tracks),
            Key::Speaker(source) => Track::new(format!("speaker-{source}"), Some(source), Class::Tracks),
        })
    }

    fn write_pictures(&mut self, sink: &mut dyn Sink) -> Vec<Entry> {
        let mut told = Vec::new();
        for (position, picture) in self.placed.drain(..) {
            let film = self.films.entry(picture.section).or_default();
            // Whatever its sender's clock says: it was taken before it came.
            told.extend(film.write(position.min(picture.at), &picture, &mut self.segments, sink));
        }
        told
    }

    /// Gives their places to the streams of pictures that were looked at for so long.
    fn place_pictures(&mut self, now: i64, look: i64) {
        let is_due = |waiting: &Vec<Picture>| waiting.first().is_some_and(|first| now - first.at >= look);
        let mut due: Vec<_> = self.unplaced.extract_if(|_, waiting| is_due(waiting)).collect();
        due.sort_by_key(|(stream, waiting)| (stream.section, waiting.first().map(|first| first.at)));
        for (stream, waiting) in due {
            self.clock.place(stream, waiting.iter().map(|one| (one.time, one.at)));
            for picture in waiting {
                let position = self.clock.arrived(stream, picture.time, picture.at);
                self.placed.extend(position.map(|position| (position, picture)));
            }
        }
    }

    /// Gives their places to the streams that were looked at for so long.
    fn place_waiting(&mut self, now: i64, look: i64) {
        let is_due = |waiting: &Vec<Waiting>| waiting.first().is_some_and(|first| now - first.at >= look);
        let mut due: Vec<_> = self.waiting.extract_if(|_, waiting| is_due(waiting)).collect();
        // Whoever was there first is where the others are measured from.
        due.sort_by_key(|(stream, waiting)| (waiting.first().map(|first| first.at), stream.section));
        for (stream, waiting) in due {
            self.clock.place(stream, waiting.iter().map(|one| (one.time, one.at)));
            self.follow_moves();
            for Waiting { key, time, at, packet } in waiting {
                if let Some(position) = self.clock.arrived(stream, time, at) {
                    let is_settled = self.clock.is_settled(stream);
                    self.track(key).insert(position, packet, is_settled);
                }
            }
        }
        self.place_pictures(now, look);
    }
}

fn track_packet(packet: &Packet<'_>, stream: StreamId) -> TrackPacket {
    let is_voice = !opus::is_pause(packet.payload) && packet.level.is_none_or(|level| level < NO_VOICE);
    TrackPacket { payload: packet.payload.to_vec(), stream, sequence: packet.sequence, is_voice }
}
