//! One participant's sound: packets by their place on the timeline, into an Ogg Opus file that begins with the recording. Pure.

mod ending;

use std::collections::{BTreeMap, VecDeque};

use super::clock::StreamId;
use super::given::Given;
use super::sink::{FileId, Sink};
use super::spurts::Spurts;
use super::young::Young;
use crate::format::ogg_opus::{LOOKAHEAD, OggOpusWriter};
use crate::gaps::{Gap, GapKind, GapMap};
use crate::journal::{Class, Entry, Placing};
use crate::opus::{self, FRAME, QUANTUM};

/// How long packets wait for those before them: what comes later than that finds its place taken.
pub(crate) const HOLD: i64 = 300 * 48;

/// A page is written so often: with what is held, a kill costs less than a second.
const PAGE: u64 = 400 * 48;

/// Silence is written when nothing has come for so long behind what is held.
const PATIENCE: i64 = 100 * 48;

/// How long it is remembered that a guess was heard: packets that come later than that are told to be late no more.
const REMEMBERED: i64 = 2 * 48_000;

/// A loss of so many frames is left to the decoder; a longer one is silence.
const GUESSED: u64 = 5;

/// A packet for a track.
#[derive(Clone, Debug)]
pub(crate) struct TrackPacket {
    pub(crate) payload: Vec<u8>,
    pub(crate) stream: StreamId,
    /// Its number; `None` of a copy, which came in another packet.
    pub(crate) sequence: Option<u16>,
    /// Something is said in it.
    pub(crate) is_voice: bool,
}

/// A track in the making.
#[derive(Clone)]
pub(crate) struct Track {
    pub(crate) name: String,
    source: Option<u32>,
    class: Class,
    segments: usize,
    pub(super) file: Option<File>,
    pub(super) held: BTreeMap<i64, TrackPacket>,
    last: Option<Last>,
    /// From where on silence was written without knowing why, up to now.
    unexplained: Option<u64>,
    gaps: GapMap,
    heard: VecDeque<Guess>,
    guesses: GapMap,
    spurts: Spurts,
    /// What the disk did not take yet.
    unwritten: Vec<u8>,
    /// Packets were not kept, because of the disk.
    was_suspended: bool,
    /// Where ends what is in the file, or was to be.
    ended: Option<i64>,
    /// While it is not sure where a stream stands: what was written since.
    pub(super) young: Option<Young>,
}

#[derive(Clone)]
pub(super) struct File {
    pub(super) id: FileId,
    name: String,
    ogg: OggOpusWriter,
    /// From a position on the timeline to one in the decoder's output, so that the first packet lies where one can lie.
    shift: i64,
    /// Where the page begins that is not written yet.
    page: u64,
    /// The timeline names it, which it does once there is sound in it.
    pub(super) is_told: bool,
    pub(super) given: Given,
}

/// The packet that was written last.
#[derive(Clone)]
struct Last {
    stream: StreamId,
    sequence: Option<u16>,
    samples: u64,
    toc: u8,
    was_pause: bool,
}

/// A guess of the jitter buffer that was heard at a position.
#[derive(Clone)]
struct Guess {
    position: i64,
    is_late: bool,
}

impl Track {
    pub(crate) fn new(name: String, source: Option<u32>, class: Class) -> Self {
        Self {
            name,
            source,
            class,
            segments: 0,
            file: None,
            held: BTreeMap::new(),
            last: None,
            unexplained: None,
            gaps: GapMap::default(),
            heard: VecDeque::new(),
            guesses: GapMap::default(),
            spurts: Spurts::default(),
            unwritten: Vec::new(),
            was_suspended: false,
            ended: None,
            young: None,
        }
    }

    pub(crate) fn file_id(&self) -> Option<FileId> {
        self.file.as_ref().map(|file| file.id)
    }

    /// Takes in a packet that stands at `position`. One that is there already is not taken twice. Where it is not `settled` where its
    /// stream stands, that is noted.
    pub(crate) fn insert(&mut self, position: i64, packet: TrackPacket, is_settled: bool) {
        Young::note_packet(self, position, &packet, is_settled);
        self.take(position, packet);
    }

    pub(super) fn take(&mut self, position: i64, packet: TrackPacket) {
        if packet.sequence.is_some() {
            let near = |guess: &&mut Guess| (guess.position - position).abs() < FRAME as i64 / 2;
            self.heard.iter_mut().filter(near).for_each(|guess| guess.is_late = true);
        }
        self.held.entry(position).or_insert(packet);
    }

    /// Whoever listened to `stream` heard a guess of 20 ms at `position`.
    pub(crate) fn guessed(&mut self, position: i64, stream: StreamId) {
        Young::note_guess(self, position, stream);
        self.take_guess(position);
    }

    pub(super) fn take_guess(&mut self, position: i64) {
        self.heard.push_back(Guess { position, is_late: false });
    }

    /// Writes what has waited long enough at `now`, and silence where nothing came. Gives what is to be told.
    pub(crate) fn tick(&mut self, now: i64, sink: &mut dyn Sink) -> Vec<Entry> {
        let mut told = Vec::new();
        let due = now - HOLD;
        self.write_anew(due, sink);
        self.write_held(due, sink);
        if self.end().is_some_and(|end| end + PATIENCE <= due) && !self.is_suspended(sink) {
            self.fill(due);
        }
        self.flush(PAGE, sink);
        self.tell_file(&mut told);
        // What may be written anew may have other gaps then.
        if self.young.is_none() {
            self.tell(now, &mut told);
        }
        told
    }

    /// The file is gone: the track goes on in another, which begins with the recording, too.
    pub(crate) fn begin_again(&mut self) {
        (self.file, self.was_suspended, self.young) = (None, true, None);
        self.unwritten.clear();
    }

    pub(super) fn write_held(&mut self, until: i64, sink: &mut dyn Sink) {
        while let Some(entry) = self.held.first_entry().filter(|entry| *entry.key() <= until) {
            let (position, packet) = entry.remove_entry();
            let Some(samples) = opus::duration(&packet.payload) else { continue };
            self.spurts.note(position.max(0).unsigned_abs(), samples, packet.is_voice);
            if self.file.is_none() {
                self.open(position, sink);
            }
            if self.is_suspended(sink) {
                continue;
            }
            self.write(position, samples, packet);
        }
    }

    /// Whether the disk takes nothing of this track at present.
    pub(super) fn is_suspended(&mut self, sink: &mut dyn Sink) -> bool {
        self.give(sink);
        let Some(file) = &self.file else { return false };
        let suspended = !self.unwritten.is_empty() || sink.is_suspended(file.id);
        self.was_suspended |= suspended;
        suspended
    }

    /// Gives the disk what it has not taken.
    fn give(&mut self, sink: &mut dyn Sink) {
        let Some(file) = &mut self.file else { return };
        if !self.unwritten.is_empty() && sink.append(file.id, self.unwritten.clone()) {
            file.given.give(self.unwritten.len());
            self.unwritten.clear();
        }
    }

    fn open(&mut self, position: i64, sink: &mut dyn Sink) {
        self.segments += 1;
        let number = if self.segments > 1 { format!(".{}", self.segments) } else { String::new() };
        let name = format!("{}{number}.opus", self.name);
        let shift = (-position).rem_euclid(QUANTUM as i64);
        let comments = [("TITLE", self.name.clone()), ("OFFHOOK_TRACK", self.name.clone())];
        let serial = 1 + self.segments as u32;
        let ogg = OggOpusWriter::new(serial, (LOOKAHEAD as i64 + shift) as u16, &comments);
        let id = sink.open(&name, self.class);
        self.file = Some(File { id, name, ogg, shift, page: 0, is_told: false, given: Given::default() });
    }

    /// Where on the timeline what is written ends.
    fn end(&self) -> Option<i64> {
        self.file.as_ref().map(|file| file.ogg.granule() as i64 - file.shift)
    }

    fn write(&mut self, position: i64, samples: u64, packet: TrackPacket) {
        let Some(end) = self.end() else { return };
        if position - end >= QUANTUM as i64 {
            self.bridge(&packet, (position - end).unsigned_abs());
        }
        let lost = self.lost_before(&packet);
        let kind = self.kind_of_pause();
        self.explain(kind, lost);
        let Some(end) = self.end() else { return };
        let overlap = (end - position).max(0).unsigned_abs().next_multiple_of(QUANTUM);
        self.last = Some(Last {
            stream: packet.stream,
            sequence: packet.sequence.or(self.last.as_ref().and_then(|last| last.sequence)),
            samples,
            toc: packet.payload.first().copied().unwrap_or_default(),
            was_pause: opus::is_pause(&packet.payload),
        });
        if overlap >= samples {
            // Its place is taken: it came too late, or twice.
            return;
        }
        if overlap > 0 {
            // A packet cannot be cut, so what is left of it is made up.
            let first = self.end().unwrap_or(0).max(0).unsigned_abs();
            self.gaps.add(Gap { kind: GapKind::Corrected, first_sample: first, samples: samples - overlap });
            return self.silence(samples - overlap);
        }
        if let Some(file) = &mut self.file {
            file.ogg.push(packet.payload, samples);
        }
    }

    /// Why nothing was said since the last packet.
    fn kind_of_pause(&self) -> GapKind {
        if self.was_suspended {
            return GapKind::Disk;
        }
        let Some(last) = &self.last else { return GapKind::NotSent };
        match last.was_pause {
            true => GapKind::Silent,
            false => GapKind::NotSent,
        }
    }

    /// How much was lost between the last packet and this one, by their numbers: as long as the last for each that is missing.
    fn lost_before(&self, packet: &TrackPacket) -> u64 {
        let Some(last) = self.last.as_ref().filter(|last| last.stream == packet.stream) else { return 0 };
        let ahead = last.sequence.zip(packet.sequence).map_or(0, |(last, this)| this.wrapping_sub(last));
        // Half of all numbers lie behind.
        if ahead < 1 << 15 { u64::from(ahead.saturating_sub(1)) * last.samples } else { 0 }
    }

    /// Fills the time before `packet`: a short loss is left to the decoder.
    fn bridge(&mut self, packet: &TrackPacket, samples: u64) {
        if self.lost_before(packet) >= samples
            && !self.was_suspended
            && self.unexplained.is_none()
            && let Some(last) = &self.last
        {
            let (frame, each) = opus::missing(last.toc);
            if samples.is_multiple_of(each) && samples / each <= GUESSED {
                self.note_unexplained();
                let Some(file) = &mut self.file else { return };
                return (0..samples / each).for_each(|_| file.ogg.push(frame.clone(), each));
            }
        }
        self.note_unexplained();
        self.silence(samples);
    }

    /// Writes silence up to `until`.
    fn fill(&mut self, until: i64) {
        let samples = self.end().map_or(0, |end| until - end).max(0).unsigned_abs();
        if samples < QUANTUM {
            return;
        }
        self.note_unexplained();
        self.silence(samples);
    }

    fn silence(&mut self, samples: u64) {
        let Some(file) = &mut self.file else { return };
        opus::silence(samples).for_each(|(packet, samples)| file.ogg.push(packet, samples));
    }

    fn note_unexplained(&mut self) {
        let end = self.end().unwrap_or(0).max(0).unsigned_abs();
        self.unexplained.get_or_insert(end);
    }

    /// Notes what the silence is that was written: up to `lost` samples of it were lost, and the rest has another reason. Where in
    /// it they were lost, nobody knows; it is told of its end.
    fn explain(&mut self, kind: GapKind, lost: u64) {
        let was_suspended = std::mem::take(&mut self.was_suspended);
        let Some(first_sample) = self.unexplained.take() else { return };
        let end = self.end().unwrap_or(0).max(0).unsigned_abs();
        let samples = end - first_sample;
        let lost = if was_suspended { 0 } else { lost.min(samples) };
        let rest = samples - lost;
        // What is not even a packet long is no pause of anybody's.
        let kind = if rest < FRAME / 2 && !was_suspended { GapKind::Corrected } else { kind };
        self.gaps.add(Gap { kind, first_sample, samples: rest });
        self.gaps.add(Gap { kind: GapKind::Lost, first_sample: first_sample + rest, samples: lost });
    }

    /// Gives the disk a page, where one is due.
    pub(super) fn flush(&mut self, due: u64, sink: &mut dyn Sink) {
        let Some(file) = &mut self.file else { return };
        if file.ogg.granule() - file.page >= due.max(1) {
            file.given.wait(file.page as i64 - file.shift);
            file.page = file.ogg.granule();
            self.unwritten.extend(file.ogg.pages());
        }
        self.give(sink);
    }

    /// Tells how it is known where its streams stand.
    pub(super) fn placed(&self, by: Placing) -> Entry {
        Entry::Placed { track: self.name.clone(), by }
    }

    /// Names a file of which something was written.
    fn tell_file(&mut self, told: &mut Vec<Entry>) {
        let Some(file) = self.file.as_mut().filter(|file| !file.is_told && file.page > 0) else { return };
        file.is_told = true;
        told.push(Entry::Track { track: self.name.clone(), source: self.source, file: file.name.clone() });
    }

    /// What will not change any more.
    fn tell(&mut self, now: i64, told: &mut Vec<Entry>) {
        let is_over = |guess: &Guess| guess.position.saturating_add(REMEMBERED) < now;
        while self.heard.front().is_some_and(is_over)
            && let Some(guess) = self.heard.pop_front()
        {
            let kind = if guess.is_late { GapKind::Late } else { GapKind::Concealed };
            let first_sample = guess.position.max(0).unsigned_abs();
            self.guesses.add(Gap { kind, first_sample, samples: FRAME });
        }
        let over = if now == i64::MAX { u64::MAX } else { (now - REMEMBERED).max(0).unsigned_abs() };
        let gaps =
            [self.gaps.take_before(over), self.guesses.take_before(over.saturating_sub(FRAME))].concat();
        told.extend(gaps.into_iter().map(|gap| self.gap(gap)));
        let track = || self.name.clone();
        let spoke = self.spurts.take_before(over);
        told.extend(spoke.map(|(first, samples)| Entry::Spoke { track: track(), first, samples }));
    }
}
