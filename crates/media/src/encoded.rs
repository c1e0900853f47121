//! Opus packets as they are: to the application without jitter buffer and decoder, and from it without encoder. Pure.

use std::sync::Arc;

use crate::audio::opus::{self, RTP_CLOCK, RTP_TICKS_PER_FRAME};
use crate::frame::AudioFormat;
use crate::ledger::Stage;
use crate::receive::AudioPacket;
use crate::ring::{RingReader, RingWriter};
use crate::rtp::{ActiveSpeaker, ActiveSpeakers, AudioLevel, Encoding};
use crate::send::OutgoingAudio;
use crate::stats::SharedStats;
use crate::time::{MediaInstant, RtpTime};
use crate::units::{MediaSourceId, SampleRate, Ssrc};

/// One packet of encoded audio, in or out.
///
/// One that is received belongs to its socket and is lent until the next one is asked for; `clone` keeps it.
#[derive(Clone, Debug)]
pub struct EncodedFrame {
    pub(crate) payload: Box<[u8]>,
    pub(crate) len: usize,
    pub(crate) section: usize,
    pub(crate) encoding: Encoding,
    pub(crate) marker: bool,
    pub(crate) ssrc: Ssrc,
    pub(crate) sequence_number: u64,
    pub(crate) sender_time: RtpTime,
    pub(crate) arrival_time: MediaInstant,
    pub(crate) speakers: ActiveSpeakers,
    pub(crate) level: Option<AudioLevel>,
}

impl EncodedFrame {
    /// The most a payload can weigh, in bytes.
    pub const MAX_LEN: usize = opus::MAX_PACKET_LEN;

    /// Room for a packet.
    pub(crate) fn empty() -> Self {
        Self {
            payload: vec![0; Self::MAX_LEN].into(),
            len: 0,
            section: 0,
            encoding: Encoding::Opus,
            marker: false,
            ssrc: Ssrc(0),
            sequence_number: 0,
            sender_time: RtpTime(0),
            arrival_time: MediaInstant::ZERO,
            speakers: ActiveSpeakers::NONE,
            level: None,
        }
    }

    /// The bytes, at most [`MAX_LEN`](Self::MAX_LEN): one Opus packet, or what [`encoding`](Self::encoding) says.
    pub fn payload(&self) -> &[u8] {
        &self.payload[..self.len]
    }

    /// Which media section of the socket it came on: 0 carries the mix, the others one speaker each, 1 the first of them.
    pub fn section(&self) -> usize {
        self.section
    }

    /// What the payload is.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The first packet after a pause (RFC 3551 section 4.1), or of a telephone event (RFC 4733 section 2.5.1.2).
    pub fn marker(&self) -> bool {
        self.marker
    }

    /// The stream. Another one means that the sender began anew, with other sequence numbers and times.
    pub fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// Its place in the stream: the RTP sequence number, which here never wraps. What is missing was lost or comes later, what
    /// comes twice was doubled on its way.
    pub fn sequence_number(&self) -> u64 {
        self.sequence_number
    }

    /// When its first sample was due at the sender, on the stream's 48 kHz clock.
    pub fn sender_time(&self) -> RtpTime {
        self.sender_time
    }

    /// When it was read from the socket, on the platform's clock.
    pub fn arrival_time(&self) -> MediaInstant {
        self.arrival_time
    }

    /// Who is heard in it, if the far end says so and it is one. What names no contributing source on a section of one speaker
    /// is of its SSRC (RFC 3550 section 5.1).
    pub fn source(&self) -> Option<MediaSourceId> {
        if let [speaker] = &self.speakers[..] { Some(speaker.source) } else { None }
    }

    /// Everybody who is heard in it.
    pub fn speakers(&self) -> ActiveSpeakers {
        self.speakers
    }

    /// How loud it is, if the far end says so.
    pub fn level(&self) -> Option<AudioLevel> {
        self.level
    }

    /// Takes over a packet of a section that is not longer than [`MAX_LEN`](Self::MAX_LEN).
    pub(crate) fn copy_from(&mut self, section: usize, sequence_number: u64, packet: &AudioPacket<'_>) {
        self.set_payload(packet.payload);
        self.section = section;
        self.encoding = packet.encoding;
        self.marker = packet.marker;
        self.ssrc = packet.ssrc;
        self.sequence_number = sequence_number;
        self.sender_time = packet.sender_time;
        self.arrival_time = packet.arrival_time;
        self.speakers = packet.speakers;
        self.level = packet.level;
    }

    pub(crate) fn set_payload(&mut self, payload: &[u8]) -> bool {
        let Some(room) = self.payload.get_mut(..payload.len()) else { return false };
        room.copy_from_slice(payload);
        self.len = payload.len();
        true
    }
}

/// RTP ticks that an Opus packet lasts; `None` when it is none.
pub(crate) fn duration(packet: &[u8]) -> Option<u32> {
    debug_assert_eq!(RTP_CLOCK, SampleRate::HZ_48000.get());
    opus::packet_samples(packet, SampleRate::HZ_48000).map(|samples| samples as u32)
}

/// What is sent on one section.
pub(crate) struct EncodedLane {
    from_app: RingReader<EncodedFrame>,
    sequence_number: u16,
    /// When the present tick is due.
    sender_time: RtpTime,
    /// RTP ticks from there to the end of what was sent.
    ahead: u32,
    speaking: bool,
}

impl EncodedLane {
    /// A lane whose stream begins at the given place and time, which a session draws at random.
    pub(crate) fn new(from_app: RingReader<EncodedFrame>, first: (u16, RtpTime)) -> Self {
        Self { from_app, sequence_number: first.0, sender_time: first.1, ahead: 0, speaking: false }
    }

    fn tick(&mut self) {
        self.sender_time = self.sender_time.plus(RTP_TICKS_PER_FRAME);
        self.ahead = self.ahead.saturating_sub(RTP_TICKS_PER_FRAME);
        self.speaking &= self.from_app.queued() > 0 || self.ahead > 0;
    }
}

/// The encoded path of a session, both ways.
pub(crate) struct EncodedPath {
    to_app: RingWriter<EncodedFrame>,
    /// Of each section that is heard: the stream, and the highest number seen in it.
    heard: Box<[Option<(Ssrc, u64)>]>,
    /// One for each section that is sent, that of the mix first.
    lanes: Box<[EncodedLane]>,
    stats: Arc<SharedStats>,
}

impl EncodedPath {
    /// A path that hears the mix and as many speakers beside it.
    pub(crate) fn new(
        to_app: RingWriter<EncodedFrame>,
        speakers_heard: u8,
        lanes: Box<[EncodedLane]>,
        stats: Arc<SharedStats>,
    ) -> Self {
        Self { to_app, heard: vec![None; 1 + usize::from(speakers_heard)].into(), lanes, stats }
    }

    /// Gives a packet of a section to the application, in the order of arrival. One that it does not take in time is dropped
    /// and counted.
    pub(crate) fn receive(&mut self, section: usize, packet: &AudioPacket<'_>) {
        let counters = &self.stats.counters;
        counters.packets_received.add(1);
        counters.bytes_received.add(packet.payload.len() as u64);
        let heard = self.heard.get_mut(section);
        let Some(heard) = heard.filter(|_| packet.payload.len() <= EncodedFrame::MAX_LEN) else {
            counters.packets_discarded.add(1);
            return;
        };
        let sequence_number = extend(heard, packet.ssrc, packet.sequence_number);
        let mut speakers = packet.speakers;
        if section > 0 && speakers.is_empty() {
            speakers.push(ActiveSpeaker { source: MediaSourceId(packet.ssrc.0), level: packet.level });
        }
        let packet = AudioPacket { speakers, ..*packet };
        let written = self.to_app.write(|slot| slot.copy_from(section, sequence_number, &packet));
        if written { counters.frames_delivered.add(1) } else { counters.frames_dropped.add(1) }
    }

    /// Sections that are sent: 0 to so many.
    pub(crate) fn sections(&self) -> usize {
        self.lanes.len()
    }

    /// Packets of the application that wait for that section.
    pub(crate) fn queued(&self, section: usize) -> usize {
        self.lanes.get(section).map_or(0, |lane| lane.from_app.queued())
    }

    /// Moves on by one tick of 20 ms.
    pub(crate) fn tick(&mut self) {
        self.lanes.iter_mut().for_each(EncodedLane::tick);
    }

    /// The next packet of a section that is due at this tick, if one waits. Packets follow each other without a gap while the
    /// application has them in time, whatever they last; after a pause, the clock has run on.
    pub(crate) fn next(&mut self, section: usize, now: MediaInstant) -> Option<OutgoingAudio<'_>> {
        let lane = self.lanes.get_mut(section).filter(|lane| lane.ahead < RTP_TICKS_PER_FRAME)?;
        let frame = lane.from_app.read()?;
        self.stats.ledger.record(Stage::AppIn, now.since(frame.arrival_time));
        let sequence_number = lane.sequence_number;
        lane.sequence_number = sequence_number.wrapping_add(1);
        let sender_time = lane.sender_time.plus(lane.ahead);
        // Whoever let it in has seen that it is Opus.
        lane.ahead += duration(frame.payload()).unwrap_or(RTP_TICKS_PER_FRAME);
        Some(OutgoingAudio {
            section,
            sequence_number,
            sender_time,
            marker: !std::mem::replace(&mut lane.speaking, true),
            encoding: Encoding::Opus,
            level: frame.level,
            speakers: &frame.speakers,
            payload: frame.payload(),
        })
    }
}

/// Frames of 20 ms that a queue of packets holds at least.
pub(crate) fn packets_in(span: std::time::Duration) -> usize {
    span.as_nanos().div_ceil(AudioFormat::FRAME_DURATION.as_nanos()) as usize
}

/// The number as near as can be to the highest of its stream. The first of a stream is put a whole wrap above zero, so that
/// late ones still have a place.
fn extend(heard: &mut Option<(Ssrc, u64)>, ssrc: Ssrc, number: u16) -> u64 {
    let first = u64::from(number) + (1 << 16);
    let highest = heard.filter(|(of, _)| *of == ssrc).map_or(first, |(_, highest)| highest);
    let place = highest.saturating_add_signed(number.wrapping_sub(highest as u16).cast_signed().into());
    *heard = Some((ssrc, highest.max(place)));
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::frame_ring;

    /// TOC of SILK wideband, one frame of 20 ms; of 60 ms; of CELT, 10 ms (RFC 6716 table 2).
    const TWENTY: &[u8] = &[9 << 3, 1, 2, 3];
    const SIXTY: &[u8] = &[11 << 3, 1, 2, 3];
    const TEN: &[u8] = &[30 << 3, 1, 2, 3];

    fn path() -> (EncodedPath, RingWriter<EncodedFrame>, RingReader<EncodedFrame>) {
        let (to_app, heard) = frame_ring(4, EncodedFrame::empty);
        let (say, from_app) = frame_ring(8, EncodedFrame::empty);
        let stats = Arc::new(SharedStats::new());
        let lane = EncodedLane::new(from_app, (65_535, RtpTime(u32::MAX - 959)));
        (EncodedPath::new(to_app, 2, [lane].into(), stats), say, heard)
    }

    fn packet(ssrc: u32, sequence_number: u16, payload: &[u8]) -> AudioPacket<'_> {
        AudioPacket {
            marker: false,
            ssrc: Ssrc(ssrc),
            sequence_number,
            sender_time: RtpTime(7),
            encoding: Encoding::Opus,
            speakers: ActiveSpeakers::NONE,
            level: None,
            arrival_time: MediaInstant::from_nanos(5),
            payload,
        }
    }

    /// What is sent at each of some ticks: number, time in RTP ticks since the first, marker.
    fn sent(path: &mut EncodedPath, ticks: usize) -> Vec<Vec<(u16, i32, bool)>> {
        let start = RtpTime(u32::MAX - 959);
        let mut all = Vec::new();
        for _ in 0..ticks {
            let mut tick = Vec::new();
            while let Some(out) = path.next(0, MediaInstant::ZERO) {
                tick.push((out.sequence_number, out.sender_time.since(start), out.marker));
            }
            path.tick();
            all.push(tick);
        }
        all
    }

    #[test]
    fn packets_keep_their_places_and_bytes_in_the_order_of_arrival() {
        let (mut path, _say, mut heard) = path();
        for (ssrc, number, payload) in [(1, 65_535, TWENTY), (1, 1, SIXTY), (1, 0, TEN), (2, 9, TWENTY)] {
            path.receive(0, &packet(ssrc, number, payload));
        }
        path.receive(0, &packet(2, 10, TWENTY));
        path.receive(0, &packet(2, 11, &[0; 1501]));
        let mut seen = Vec::new();
        while let Some(frame) = heard.read() {
            seen.push((frame.ssrc().0, frame.sequence_number() - (1 << 16), frame.payload().to_vec()));
        }
        let expected = [(1, 65_535, TWENTY), (1, 65_537, SIXTY), (1, 65_536, TEN), (2, 9, TWENTY)];
        assert_eq!(seen, expected.map(|(ssrc, number, payload)| (ssrc, number, payload.to_vec())));
        let counters = path.stats.read().counters;
        assert_eq!((counters.frames_dropped, counters.packets_discarded), (1, 1), "full, and too long");
    }

    #[test]
    fn packets_of_any_length_follow_each_other_without_a_gap_and_a_pause_is_time() {
        let (mut path, mut say, _heard) = path();
        for payload in [TWENTY, SIXTY, TEN, TEN, TWENTY] {
            assert!(say.write(|slot| assert!(slot.set_payload(payload))));
        }
        let expected = [
            vec![(65_535, 0, true)],
            vec![(0, 960, false)],
            vec![],
            vec![],
            vec![(1, 3840, false), (2, 4320, false)],
            vec![(3, 4800, false)],
            vec![],
        ];
        assert_eq!(sent(&mut path, 7), expected);
        say.write(|slot| assert!(slot.set_payload(TWENTY)));
        assert_eq!(sent(&mut path, 1), [vec![(4, 6720, true)]], "the clock ran on");
    }

    #[test]
    fn each_section_has_its_own_numbers_and_names_its_speaker() {
        let (mut path, _say, mut heard) = path();
        for (section, ssrc, number) in [(0, 1, 7), (1, 2, 500), (2, 3, 9), (1, 2, 501), (0, 1, 8), (3, 4, 1)]
        {
            path.receive(section, &packet(ssrc, number, TWENTY));
        }
        let mut seen = Vec::new();
        while let Some(frame) = heard.read() {
            let number = frame.sequence_number() - (1 << 16);
            seen.push((frame.section(), number, frame.source().map(|source| source.0)));
        }
        assert_eq!(seen, [(0, 7, None), (1, 500, Some(2)), (2, 9, Some(3)), (1, 501, Some(2))]);
        let counters = path.stats.read().counters;
        assert_eq!((counters.frames_dropped, counters.packets_discarded), (1, 1), "full, and not agreed on");
    }

    #[test]
    fn sections_are_paced_each_by_itself() {
        let (to_app, _heard) = frame_ring(4, EncodedFrame::empty);
        let (mut says, lanes): (Vec<_>, Vec<_>) = (0..3_u16)
            .map(|section| {
                let (say, from_app) = frame_ring(8, EncodedFrame::empty);
                (say, EncodedLane::new(from_app, (100 * section, RtpTime(0))))
            })
            .unzip();
        let mut path = EncodedPath::new(to_app, 0, lanes.into(), Arc::new(SharedStats::new()));
        let speaker = ActiveSpeaker { source: MediaSourceId(31), level: None };
        for (section, payloads) in [(1, vec![SIXTY, TWENTY]), (2, vec![TWENTY, TWENTY])] {
            for payload in payloads {
                says[section].write(|slot| {
                    slot.set_payload(payload);
                    slot.speakers = [speaker].into_iter().collect();
                });
            }
        }
        let mut sent = Vec::new();
        for tick in 0..4 {
            for section in 0..path.sections() {
                while let Some(out) = path.next(section, MediaInstant::ZERO) {
                    assert_eq!((out.section, out.speakers), (section, &[speaker][..]));
                    sent.push((tick, section, out.sequence_number));
                }
            }
            path.tick();
        }
        assert_eq!(sent, [(0, 1, 100), (0, 2, 200), (1, 2, 201), (3, 1, 101)]);
    }
}
