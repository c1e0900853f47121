//! The sources that the peer sends from: where each stands, whose section it speaks in, and how it arrives (RFC 3550
//! appendix A).

use std::time::Duration;

use crate::session::transport::{AudioSection, VideoIndex};
use crate::tap::ClockReport;
use crate::time::{MediaInstant, RtpTime};
use crate::units::Ssrc;
use crate::wire::replay::ReplayWindow;
use crate::wire::rtcp::{MAX_BLOCKS, ReportBlock, SenderReport};

/// Sources that one session tells apart. Only the peer itself can bring up more, and what was seen of one must not be
/// forgotten, or its packets could be played again.
const MAX_SOURCES: usize = 1024;

/// Where the packets of a source go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Audio(AudioSection),
    Video(VideoIndex),
}

/// Ticks of the RTP clock of all audio here, a second.
pub(super) const AUDIO_RATE: u64 = 48_000;
/// And of all video.
pub(super) const VIDEO_RATE: u64 = 90_000;

impl Place {
    /// Ticks of its clock, a second.
    pub(super) fn rate(self) -> u64 {
        match self {
            Self::Audio(_) => AUDIO_RATE,
            Self::Video(_) => VIDEO_RATE,
        }
    }

    /// What the sender of a stream here said of its clock, in a report that came at `now`.
    pub(super) fn clock_report(self, ssrc: u32, report: &SenderReport, now: MediaInstant) -> ClockReport {
        let (is_picture, section) = match self {
            Self::Audio(section) => (false, section),
            Self::Video(section) => (true, section),
        };
        ClockReport {
            is_picture,
            section,
            ssrc: Ssrc(ssrc),
            ntp: report.ntp,
            sender_time: RtpTime(report.rtp),
            arrival_time: now,
        }
    }
}

/// What is kept of each source.
#[derive(Debug)]
pub(super) struct Sources<T> {
    known: Vec<(u32, T)>,
    /// Where the last one that was asked for stands: most packets are of one source.
    last: usize,
}

impl<T> Sources<T> {
    pub(super) const fn new() -> Self {
        Self { known: Vec::new(), last: 0 }
    }

    pub(super) fn get(&self, ssrc: u32) -> Option<&T> {
        self.known.iter().find(|(known, _)| *known == ssrc).map(|(_, state)| state)
    }

    pub(super) fn get_mut(&mut self, ssrc: u32) -> Option<&mut T> {
        if self.known.get(self.last).is_none_or(|(known, _)| *known != ssrc) {
            self.last = self.known.iter().position(|(known, _)| *known == ssrc)?;
        }
        self.known.get_mut(self.last).map(|(_, state)| state)
    }

    /// Adds a source that has proved genuine; `None` when there are too many.
    pub(super) fn add(&mut self, ssrc: u32, state: T) -> Option<&mut T> {
        if self.known.len() >= MAX_SOURCES {
            return None;
        }
        self.last = self.known.len();
        self.known.push((ssrc, state));
        self.known.last_mut().map(|(_, state)| state)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        self.known.iter_mut().map(|(ssrc, state)| (*ssrc, state))
    }
}

/// One source of RTP.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) window: ReplayWindow,
    /// Where its packets go, once that is known.
    pub(super) place: Option<Place>,
    pub(super) reception: Reception,
}

/// How a stream arrives.
#[derive(Debug, Default)]
pub(super) struct Reception {
    /// Index of the first packet and of the newest; `None` before any.
    span: Option<(u64, u64)>,
    received: u64,
    /// Expected and received at the report before.
    reported: (u64, u64),
    /// Arrival less sender's time of the packet before, in ticks.
    transit: Option<u32>,
    /// In sixteenths of a tick.
    jitter: u32,
    sender_report: Option<(u32, MediaInstant)>,
    /// Something has come since the report before.
    is_active: bool,
}

impl Reception {
    /// Takes note of a packet of a stream whose clock has that rate. One whose time is not that of its sound, such as a repeated
    /// telephone event, says nothing of the jitter.
    pub(super) fn receive(
        &mut self,
        index: u64,
        sender_time: Option<RtpTime>,
        arrival: MediaInstant,
        rate: u64,
    ) {
        let (first, newest) = self.span.unwrap_or((index, index));
        self.span = Some((first.min(index), newest.max(index)));
        self.received += 1;
        self.is_active = true;
        let Some(sender_time) = sender_time else { return };
        let transit = ticks(arrival.as_duration(), rate).wrapping_sub(sender_time.0);
        if let Some(before) = self.transit.replace(transit) {
            let difference = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            // RFC 3550 appendix A.8. What is off by seconds is another clock, not jitter.
            let difference = difference.min(rate as u32);
            self.jitter = self.jitter + difference - ((self.jitter + 8) >> 4);
        }
    }

    /// Takes note of the sender report that says `ntp` and came at `now`.
    pub(super) fn note_sender_report(&mut self, ntp: u64, now: MediaInstant) {
        self.sender_report = Some(((ntp >> 16) as u32, now));
    }

    /// The source has said goodbye: there is nothing to report until it speaks again.
    pub(super) fn end(&mut self) {
        self.is_active = false;
    }

    /// What there is to report of it, if anything has come since the report before (RFC 3550 section 6.4, appendix A.3).
    fn report(&mut self, ssrc: u32, now: MediaInstant) -> Option<ReportBlock> {
        let (first, newest) = self.span.filter(|_| std::mem::take(&mut self.is_active))?;
        let expected = newest - first + 1;
        let (expected_before, received_before) =
            std::mem::replace(&mut self.reported, (expected, self.received));
        let expected_since = expected.saturating_sub(expected_before);
        let lost_since = expected_since.saturating_sub(self.received - received_before);
        let fraction_lost = (lost_since * 256).checked_div(expected_since).unwrap_or(0).min(255) as u8;
        let lost = expected.cast_signed() - self.received.cast_signed();
        let (last_sender_report, since) =
            self.sender_report.map_or((0, Duration::ZERO), |(report, at)| (report, now.since(at)));
        Some(ReportBlock {
            ssrc,
            fraction_lost,
            packets_lost: lost.clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_sequence_number: newest as u32,
            jitter: self.jitter >> 4,
            last_sender_report,
            since_sender_report: short_ntp(since),
        })
    }
}

impl Sources<Stream> {
    /// Fills `blocks` with what there is to report.
    pub(super) fn report(&mut self, now: MediaInstant, blocks: &mut Vec<ReportBlock>) {
        blocks.clear();
        let reports = self.iter_mut().filter_map(|(ssrc, stream)| stream.reception.report(ssrc, now));
        blocks.extend(reports.take(MAX_BLOCKS));
    }
}

/// Ticks of an RTP clock of that rate; wraps.
pub(super) fn ticks(span: Duration, rate: u64) -> u32 {
    (u128::from(rate) * span.as_nanos() / 1_000_000_000) as u32
}

/// A span in the middle 32 bits of an NTP timestamp: 65536ths of a second.
pub(super) fn short_ntp(span: Duration) -> u32 {
    (ntp(span) >> 16) as u32
}

/// A span as an NTP timestamp: seconds in the upper half.
pub(super) fn ntp(span: Duration) -> u64 {
    (span.as_secs() << 32) | ((u64::from(span.subsec_nanos()) << 32) / 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> MediaInstant {
        MediaInstant::from_duration(Duration::from_millis(millis))
    }

    #[test]
    fn loss_is_counted_since_the_last_report_and_since_the_beginning() {
        let mut reception = Reception::default();
        for index in (0..100_u64).filter(|index| index % 4 != 3) {
            reception.receive(65_500 + index, Some(RtpTime(960 * index as u32)), at(20 * index), AUDIO_RATE);
        }
        let report = reception.report(7, at(2000)).unwrap();
        assert_eq!((report.fraction_lost, report.packets_lost), (62, 24));
        assert_eq!((report.highest_sequence_number, report.jitter), (65_598, 0), "with its rollover");
        assert_eq!(reception.report(7, at(3000)), None, "nothing has come");
        (100..110).for_each(|index| reception.receive(65_500 + index, None, at(20 * index), AUDIO_RATE));
        let report = reception.report(7, at(4000)).unwrap();
        assert_eq!((report.packets_lost, report.fraction_lost), (25, 23));
    }

    #[test]
    fn jitter_is_what_packets_differ_from_their_pace() {
        let mut reception = Reception::default();
        for index in 0..500_u64 {
            let late = if index % 2 == 0 { 0 } else { 10 };
            reception.receive(index, Some(RtpTime(960 * index as u32)), at(20 * index + late), AUDIO_RATE);
        }
        let jitter = reception.report(7, at(10_000)).unwrap().jitter;
        assert!((470..=480).contains(&jitter), "{jitter} of 480 ticks in 10 ms");
    }

    #[test]
    fn a_report_says_when_the_sender_was_last_heard() {
        let mut reception = Reception::default();
        reception.receive(1, None, at(0), AUDIO_RATE);
        reception.note_sender_report(ntp(Duration::from_millis(1500)), at(100));
        let report = reception.report(7, at(350)).unwrap();
        assert_eq!((report.last_sender_report, report.since_sender_report), (0x1_8000, 0x4000));
    }

    #[test]
    fn there_is_an_end_of_sources() {
        let mut sources = Sources::new();
        assert!((0..MAX_SOURCES as u32).all(|ssrc| sources.add(ssrc, ()).is_some()));
        assert!(sources.add(5000, ()).is_none());
        assert!(
            sources.get_mut(3).is_some() && sources.get(1000).is_some() && sources.get_mut(5000).is_none()
        );
    }
}
