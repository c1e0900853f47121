//! A session's counters in the shape of W3C webrtc-stats, whose names they have in snake case:
//! <https://www.w3.org/TR/webrtc-stats/>.

use crate::stats::SessionStats;

/// What a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatUnit {
    /// Things.
    Count,
    /// Samples of one channel, at the socket's rate.
    Samples,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// A share, 0 to 1.
    Share,
}

macro_rules! stats {
    ($(#[doc = $of:literal])* $name:ident: $kind:literal, $($(#[doc = $doc:literal])* $field:ident: $unit:ident,)*) => {
        $(#[doc = $of])*
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub struct $name { $($(#[doc = $doc])* pub $field: f64,)* }

        impl $name {
            /// The `type` of these statistics (RTCStatsType).
            pub const KIND: &'static str = $kind;

            /// Each value with its name and unit.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64, StatUnit)> {
                [$((stringify!($field), self.$field, StatUnit::$unit),)*].into_iter()
            }
        }
    };
}

stats! {
    /// The stream that is heard (RTCInboundRtpStreamStats).
    InboundRtpStats: "inbound-rtp",
    /// RTP packets that arrived.
    packets_received: Count,
    /// Their payload.
    bytes_received: Bytes,
    /// Packets that never came, or came too late.
    packets_lost: Count,
    /// Packets that came and were not played.
    packets_discarded: Count,
    /// How unevenly packets came, as of the last one.
    jitter: Seconds,
    /// Time in the jitter buffer, summed over samples: divided by `jitter_buffer_emitted_count` it is the mean.
    jitter_buffer_delay: Seconds,
    /// The delay that was aimed at, summed likewise.
    jitter_buffer_target_delay: Seconds,
    /// Samples of packets that left the jitter buffer.
    jitter_buffer_emitted_count: Samples,
    /// Packets that held a copy of another.
    fec_packets_received: Count,
    /// Samples made up for packets that were lost or late.
    concealed_samples: Samples,
    /// Those of them that are silence.
    silent_concealed_samples: Samples,
    /// How often concealment began.
    concealment_events: Count,
    /// Samples by which the delay grew.
    inserted_samples_for_deceleration: Samples,
    /// Samples by which the delay shrank.
    removed_samples_for_acceleration: Samples,
}

stats! {
    /// The stream that is sent (RTCOutboundRtpStreamStats).
    OutboundRtpStats: "outbound-rtp",
    /// RTP packets sent.
    packets_sent: Count,
    /// Their payload.
    bytes_sent: Bytes,
}

stats! {
    /// The pictures that are seen, of all sockets together (RTCInboundRtpStreamStats).
    VideoInboundRtpStats: "inbound-rtp",
    /// RTP packets that arrived.
    packets_received: Count,
    /// Their payload.
    bytes_received: Bytes,
    /// Packets that came on a stream of retransmissions.
    retransmitted_packets_received: Count,
    /// Their payload.
    retransmitted_bytes_received: Bytes,
    /// Whole frames.
    frames_received: Count,
    /// Those of them that were key frames.
    key_frames_received: Count,
    /// Frames that the application did not take in time.
    frames_dropped: Count,
    /// How often a picture stood still.
    freeze_count: Count,
    /// For how long.
    total_freezes_duration: Seconds,
    /// Requests for missing packets, sent.
    nack_count: Count,
    /// Requests for a key frame, sent.
    pli_count: Count,
}

stats! {
    /// The pictures that are sent, of all sockets together (RTCOutboundRtpStreamStats).
    VideoOutboundRtpStats: "outbound-rtp",
    /// RTP packets sent.
    packets_sent: Count,
    /// Their payload.
    bytes_sent: Bytes,
    /// Packets that were sent again.
    retransmitted_packets_sent: Count,
    /// Their payload.
    retransmitted_bytes_sent: Bytes,
    /// Whole frames.
    frames_sent: Count,
    /// Requests for missing packets that came.
    nack_count: Count,
    /// Requests for a key frame that came.
    pli_count: Count,
    /// Such with a number.
    fir_count: Count,
}

stats! {
    /// The stream that is sent, as its peer hears it and reports (RTCRemoteInboundRtpStreamStats). Of several sessions, what is as
    /// of the last report is that of the worst.
    RemoteInboundRtpStats: "remote-inbound-rtp",
    /// Packets of ours that never came there.
    packets_lost: Count,
    /// The share of them between its last two reports.
    fraction_lost: Share,
    /// How unevenly packets come there, as of the last report.
    jitter: Seconds,
    /// There and back, as of the last report; 0 until it is known.
    round_trip_time: Seconds,
    /// All of these, summed: divided by `round_trip_time_measurements` it is the mean.
    total_round_trip_time: Seconds,
    /// How often there and back was measured.
    round_trip_time_measurements: Count,
}

impl SessionStats {
    /// The stream that is heard.
    pub fn inbound_rtp(&self) -> InboundRtpStats {
        let counters = &self.counters;
        // Exact up to 2^53.
        let count = |counter: u64| counter as f64;
        let seconds = |nanos: u64| nanos as f64 / 1e9;
        InboundRtpStats {
            packets_received: count(counters.packets_received),
            bytes_received: count(counters.bytes_received),
            packets_lost: count(counters.packets_lost),
            packets_discarded: count(counters.packets_discarded),
            jitter: self.jitter.as_secs_f64(),
            jitter_buffer_delay: seconds(counters.jitter_buffer_delay),
            jitter_buffer_target_delay: seconds(counters.jitter_buffer_target_delay),
            jitter_buffer_emitted_count: count(counters.jitter_buffer_emitted_count),
            fec_packets_received: count(counters.fec_packets_received),
            concealed_samples: count(counters.concealed_samples),
            silent_concealed_samples: count(counters.silent_concealed_samples),
            concealment_events: count(counters.concealment_events),
            inserted_samples_for_deceleration: count(counters.inserted_samples_for_deceleration),
            removed_samples_for_acceleration: count(counters.removed_samples_for_acceleration),
        }
    }

    /// The stream that is sent.
    pub fn outbound_rtp(&self) -> OutboundRtpStats {
        let count = |counter: u64| counter as f64;
        OutboundRtpStats {
            packets_sent: count(self.counters.packets_sent),
            bytes_sent: count(self.counters.bytes_sent),
        }
    }

    /// The pictures that are seen, of all sockets together.
    pub fn video_inbound_rtp(&self) -> VideoInboundRtpStats {
        let (counters, count) = (&self.counters, |counter: u64| counter as f64);
        VideoInboundRtpStats {
            packets_received: count(counters.video_packets_received),
            bytes_received: count(counters.video_bytes_received),
            retransmitted_packets_received: count(counters.video_retransmitted_packets_received),
            retransmitted_bytes_received: count(counters.video_retransmitted_bytes_received),
            frames_received: count(counters.video_frames_received),
            key_frames_received: count(counters.video_key_frames_received),
            frames_dropped: count(counters.video_frames_dropped),
            freeze_count: count(counters.video_freeze_count),
            total_freezes_duration: count(counters.video_total_freezes_duration) / 1e9,
            nack_count: count(counters.video_nack_count),
            pli_count: count(counters.video_pli_count),
        }
    }

    /// The pictures that are sent, of all sockets together.
    pub fn video_outbound_rtp(&self) -> VideoOutboundRtpStats {
        let (counters, count) = (&self.counters, |counter: u64| counter as f64);
        VideoOutboundRtpStats {
            packets_sent: count(counters.video_packets_sent),
            bytes_sent: count(counters.video_bytes_sent),
            retransmitted_packets_sent: count(counters.video_retransmitted_packets_sent),
            retransmitted_bytes_sent: count(counters.video_retransmitted_bytes_sent),
            frames_sent: count(counters.video_frames_sent),
            nack_count: count(counters.video_nack_received_count),
            pli_count: count(counters.video_pli_received_count),
            fir_count: count(counters.video_fir_received_count),
        }
    }

    /// The stream that is sent, as the peer reports of it: about once a second. All zero until its first report.
    pub fn remote_inbound_rtp(&self) -> RemoteInboundRtpStats {
        let peer = &self.peer;
        RemoteInboundRtpStats {
            packets_lost: peer.packets_lost as f64,
            fraction_lost: peer.fraction_lost,
            jitter: peer.jitter.as_secs_f64(),
            round_trip_time: peer.round_trip_time.as_secs_f64(),
            total_round_trip_time: peer.total_round_trip_time.as_secs_f64(),
            round_trip_time_measurements: peer.round_trip_time_measurements as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::stats::SharedStats;

    #[test]
    fn statistics_have_their_w3c_names_and_seconds_are_seconds() {
        let shared = SharedStats::new();
        shared.counters.packets_lost.add(3);
        shared.counters.jitter_buffer_delay.add(140_000_000);
        shared.counters.jitter_buffer_emitted_count.add(2);
        shared.jitter.set(3_000_000);
        let inbound = shared.read().inbound_rtp();
        let value = |wanted: &str| {
            inbound.iter().find(|(name, ..)| *name == wanted).map(|(_, value, unit)| (value, unit))
        };
        assert_eq!(value("packets_lost"), Some((3.0, StatUnit::Count)));
        assert_eq!(value("jitter_buffer_delay"), Some((0.14, StatUnit::Seconds)));
        assert_eq!(value("jitter_buffer_emitted_count"), Some((2.0, StatUnit::Samples)));
        assert_eq!(value("jitter"), Some((0.003, StatUnit::Seconds)));
    }

    #[test]
    fn what_the_peer_reports_is_summed_where_it_adds_up_and_else_as_of_the_last_report() {
        let (one, two) = (SharedStats::new(), SharedStats::new());
        let millis = Duration::from_millis;
        one.peer.note(3, 0.25, millis(4), Some(millis(30)));
        let before = one.read();
        one.peer.note(5, 0.1, millis(2), Some(millis(50)));
        one.peer.note(6, 0.125, millis(2), None);
        two.peer.note(-1, 0.0, millis(7), None);
        let expected = RemoteInboundRtpStats {
            packets_lost: 6.0,
            fraction_lost: 0.125,
            jitter: 0.007,
            round_trip_time: 0.05,
            total_round_trip_time: 0.08,
            round_trip_time_measurements: 2.0,
        };
        let mut both = one.read();
        both.merge(&two.read());
        assert_eq!(both.remote_inbound_rtp(), expected);
        let since = one.read().since(&before).remote_inbound_rtp();
        assert_eq!((since.packets_lost, since.total_round_trip_time), (3.0, 0.05));
    }

    #[test]
    fn the_jitter_of_several_sessions_is_that_of_the_worst() {
        let (one, two) = (SharedStats::new(), SharedStats::new());
        one.jitter.set(5_000_000);
        two.jitter.set(3_000_000);
        let mut both = one.read();
        both.merge(&two.read());
        assert_eq!(both.jitter.as_millis(), 5);
    }
}
