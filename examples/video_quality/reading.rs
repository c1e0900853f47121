//! What the two ends count of a call, in one shape.

use offhook::media::SessionStats;
use serde_json::Value;

/// What an end has counted by a moment. What it does not count, or does not do, is 0.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) bytes_sent: f64,
    pub(crate) frames_sent: f64,
    pub(crate) packets_sent: f64,
    pub(crate) retransmitted: f64,
    pub(crate) freezes: f64,
    pub(crate) frozen_ms: f64,
    pub(crate) frames_received: f64,
    pub(crate) key_frames: f64,
    pub(crate) key_frames_asked: f64,
    pub(crate) nacks: f64,
}

impl Reading {
    /// Of a session of the engine.
    pub(crate) fn of_engine(stats: &SessionStats) -> Self {
        let (seen, sent) = (stats.video_inbound_rtp(), stats.video_outbound_rtp());
        Self {
            bytes_sent: sent.bytes_sent,
            frames_sent: sent.frames_sent,
            packets_sent: sent.packets_sent,
            retransmitted: sent.retransmitted_packets_sent,
            freezes: seen.freeze_count,
            frozen_ms: seen.total_freezes_duration * 1000.0,
            frames_received: seen.frames_received,
            key_frames: seen.key_frames_received,
            key_frames_asked: seen.pli_count,
            nacks: seen.nack_count,
        }
    }

    /// Of the page, as `getStats` names things (W3C webrtc-stats).
    pub(crate) fn of_page(stats: &Value) -> Self {
        let seen = |name: &str| stats["inbound"][name].as_f64().unwrap_or_default();
        let sent = |name: &str| stats["outbound"][name].as_f64().unwrap_or_default();
        Self {
            bytes_sent: sent("bytesSent"),
            frames_sent: sent("framesSent"),
            packets_sent: sent("packetsSent"),
            retransmitted: sent("retransmittedPacketsSent"),
            freezes: seen("freezeCount"),
            frozen_ms: seen("totalFreezesDuration") * 1000.0,
            frames_received: seen("framesReceived"),
            key_frames: seen("keyFramesDecoded"),
            key_frames_asked: seen("pliCount") + seen("firCount"),
            nacks: seen("nackCount"),
        }
    }

    /// What was counted since an `earlier` reading.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            bytes_sent: self.bytes_sent - earlier.bytes_sent,
            frames_sent: self.frames_sent - earlier.frames_sent,
            packets_sent: self.packets_sent - earlier.packets_sent,
            retransmitted: self.retransmitted - earlier.retransmitted,
            freezes: self.freezes - earlier.freezes,
            frozen_ms: self.frozen_ms - earlier.frozen_ms,
            frames_received: self.frames_received - earlier.frames_received,
            key_frames: self.key_frames - earlier.key_frames,
            key_frames_asked: self.key_frames_asked - earlier.key_frames_asked,
            nacks: self.nacks - earlier.nacks,
        }
    }
}
