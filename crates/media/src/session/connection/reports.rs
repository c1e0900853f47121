//! What is reported of our stream, and what the peer reports of it (RFC 3550 section 6.4).

use std::time::Duration;

use super::streams::{AUDIO_RATE, ntp, short_ntp, ticks};
use crate::session::transport::PeerReport;
use crate::time::{MediaInstant, RtpTime};
use crate::wire::replay::ReplayWindow;
use crate::wire::rtcp::{ReportBlock, SenderReport};

/// What was sent on one section.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) window: ReplayWindow,
    packets: u32,
    octets: u32,
    /// The time of the last packet on both clocks.
    last: Option<(RtpTime, MediaInstant)>,
}

impl Sent {
    /// Takes note of a packet.
    pub(super) fn note(&mut self, index: u64, sender_time: RtpTime, now: MediaInstant, payload_len: usize) {
        self.window.note(index);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload_len as u32);
        self.last = Some((sender_time, now));
    }

    /// What there is to report of a stream whose clock has that rate, once something was sent.
    pub(super) fn report(&self, now: MediaInstant, rate: u64) -> Option<SenderReport> {
        let (time, at) = self.last?;
        Some(SenderReport {
            // This end has no wall clock: the time since the platform began (RFC 3550 section 6.4.1 allows that).
            ntp: ntp(now.as_duration()),
            rtp: time.plus(ticks(now.since(at), rate)).0,
            packets: self.packets,
            octets: self.octets,
        })
    }
}

/// How long the path there and back is, as `block`, which is about a stream of ours and came at `now`, tells.
pub(super) fn round_trip(block: &ReportBlock, now: MediaInstant) -> Option<Duration> {
    // RFC 3550 section 6.4.1. Clocks that disagree make it less than nothing.
    let there_and_back = short_ntp(now.as_duration())
        .wrapping_sub(block.last_sender_report)
        .wrapping_sub(block.since_sender_report)
        .cast_signed();
    let nanos = (u64::from(there_and_back.max(0).unsigned_abs()) * 1_000_000_000) >> 16;
    (block.last_sender_report != 0).then_some(Duration::from_nanos(nanos))
}

/// What `block`, which is about our speech and came at `now`, says.
pub(super) fn peer_report(block: &ReportBlock, now: MediaInstant) -> PeerReport {
    PeerReport {
        fraction_lost: f32::from(block.fraction_lost) / 256.0,
        packets_lost: block.packets_lost.into(),
        jitter: Duration::from_nanos(u64::from(block.jitter) * 1_000_000_000 / AUDIO_RATE),
        round_trip_time: round_trip(block, now),
    }
}
