//! What a member hears: the mix for them, coded, and on its way to their connection.

use bytes::Bytes;
use offhook_media::MediaSourceId;
use opus::{Application, Bitrate, Channels, Encoder, Signal};
use rtc::rtp::Packet;
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;

use super::mix::{Frame, Limiter, RATE, SAMPLES, SILENT, Sum};
use super::speakers::Sections;
use super::voice::KeyPacket;

/// The longest packet at the bitrate used, with much room.
const PACKET_LEN: usize = 1500;

/// Silent frames after which an encoder has forgotten what was said before: a second.
const FADED: u32 = 50;

/// Something that goes to a member's connection.
#[derive(Clone, Debug)]
pub(crate) enum Outgoing {
    /// A frame of sound.
    Speech {
        /// The section: 0 is the mix.
        section: usize,
        /// The number of the room's frame.
        tick: u64,
        payload: Bytes,
        /// Who is heard in it, and how loud, in -dBov.
        sources: Vec<(MediaSourceId, u8)>,
        /// When it was coded.
        coded: Instant,
    },
    /// A packet of a key that somebody presses.
    Key {
        /// The room's frame in which it was pressed.
        since: u64,
        is_first: bool,
        payload: Bytes,
    },
    /// A packet of video for the slot with this place. Its numbers are the slot's, its payload type is the connection's.
    Video { slot: usize, packet: Box<Packet> },
}

/// Codes one stream of sound. Silence costs nothing once it has lasted for a second: its packet is always the same.
pub(super) struct Coder {
    encoder: Encoder,
    silent_for: u32,
    silence: Option<Bytes>,
}

impl Coder {
    pub(super) fn new() -> Result<Self, opus::Error> {
        let mut encoder = Encoder::new(RATE, Channels::Mono, Application::Voip)?;
        encoder.set_bitrate(Bitrate::Bits(32_000))?;
        encoder.set_complexity(5)?;
        encoder.set_signal(Signal::Voice)?;
        encoder.set_inband_fec(true)?;
        encoder.set_packet_loss_perc(5)?;
        Ok(Self { encoder, silent_for: 0, silence: None })
    }

    /// The packet of a frame; `None` when libopus refuses it, which it does when there is no memory.
    pub(super) fn code(&mut self, frame: &Frame) -> Option<Bytes> {
        let is_silent = frame == &SILENT;
        self.silent_for = if is_silent { self.silent_for.saturating_add(1) } else { 0 };
        if self.silent_for > FADED
            && let Some(silence) = &self.silence
        {
            return Some(silence.clone());
        }
        let mut packet = [0; PACKET_LEN];
        let len = self.encoder.encode(frame, &mut packet).ok()?;
        let packet = Bytes::copy_from_slice(packet.get(..len)?);
        self.silence = (self.silent_for >= FADED).then(|| packet.clone());
        Some(packet)
    }
}

/// The receiving side of a member.
pub(super) struct Ear {
    coder: Coder,
    limiter: Limiter,
    sections: Sections,
    outbox: Sender<Outgoing>,
    /// Whether keys that others press are passed on: to bots, which are whom keys are for.
    takes_keys: bool,
}

impl Ear {
    /// Hears the mix and, in as many further sections, one speaker each.
    pub(super) fn new(
        outbox: Sender<Outgoing>,
        unmixed: usize,
        takes_keys: bool,
    ) -> Result<Self, opus::Error> {
        let (coder, limiter, sections) = (Coder::new()?, Limiter::new(), Sections::new(unmixed));
        Ok(Self { coder, limiter, sections, outbox, takes_keys })
    }

    /// What goes out is lost where the connection does not keep up: a second of it.
    fn give(&self, outgoing: Outgoing) {
        let _ = self.outbox.try_send(outgoing);
    }

    /// Hears a frame of everybody but `own`. `sources` are those of them who speak.
    pub(super) fn hear(&mut self, tick: u64, sum: &Sum, own: &Frame, sources: Vec<(MediaSourceId, u8)>) {
        let frame = self.limiter.limit(&sum.without(own));
        if let Some(payload) = self.coder.code(&frame) {
            self.give(Outgoing::Speech { section: 0, tick, payload, sources, coded: Instant::now() });
        }
    }

    /// Hears nothing of what is said.
    pub(super) fn hear_nothing(&mut self, tick: u64) {
        self.hear(tick, &Sum::of([]), &SILENT, Vec::new());
    }

    /// Who is heard in which of the further sections, where `speaking` do, the dominant one first.
    pub(super) fn sections(&mut self, speaking: &[u32]) -> Vec<Option<u32>> {
        self.sections.assign(speaking)
    }

    /// Hears one speaker by themselves in a further section, from 1 on.
    pub(super) fn hear_speaker(
        &self,
        tick: u64,
        section: usize,
        payload: Bytes,
        source: (MediaSourceId, u8),
    ) {
        let coded = Instant::now();
        self.give(Outgoing::Speech { section, tick, payload, sources: vec![source], coded });
    }

    pub(super) fn hear_key(&self, key: &KeyPacket) {
        if self.takes_keys {
            let KeyPacket { since, is_first, ref payload } = *key;
            self.give(Outgoing::Key { since, is_first, payload: payload.clone() });
        }
    }
}

const _: () = assert!(SAMPLES * 50 == RATE as usize, "a frame is 20 ms");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_becomes_one_packet_and_speech_ends_it() {
        let mut coder = Coder::new().unwrap();
        let loud: Frame = std::array::from_fn(|at| if at % 48 < 24 { 8_000 } else { -8_000 });
        let spoken = coder.code(&loud).unwrap();
        let silent: Vec<Bytes> = (0..60).map(|_| coder.code(&SILENT).unwrap()).collect();
        assert!(silent[51..].iter().all(|packet| packet.as_ptr() == silent[50].as_ptr()), "it is shared");
        assert!(silent[0].as_ptr() != silent[50].as_ptr());
        assert!(spoken.len() > silent[59].len());
        assert!(coder.code(&loud).unwrap().len() > silent[59].len());
    }
}
