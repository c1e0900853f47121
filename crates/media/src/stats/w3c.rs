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
}

#[cfg(test)]
mod tests {
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
    fn the_jitter_of_several_sessions_is_that_of_the_worst() {
        let (one, two) = (SharedStats::new(), SharedStats::new());
        one.jitter.set(5_000_000);
        two.jitter.set(3_000_000);
        let mut both = one.read();
        both.merge(&two.read());
        assert_eq!(both.jitter.as_millis(), 5);
    }
}
