//! From a frame to a payload: Opus, silence that is not sent (DTX), and copies of the packets before (RED).

use super::loss::LossControl;
use crate::audio::opus::{self, OpusEncoder, OpusError, RTP_TICKS_PER_FRAME};
use crate::red;
use crate::rtp::Encoding;
use crate::settings::AudioSocketSettings;
use crate::time::RtpTime;

/// The most that a packet with copies may weigh: what is left of an Ethernet frame beside IPv6, UDP, SRTP and TURN.
const MAX_RED_LEN: usize = 1_200;

/// The most copies that a packet carries.
const COPIES: usize = 2;

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoded {
    /// The payload is of this kind and length.
    Payload(Encoding, usize),
    /// It is silent, as the one before: nothing need be sent.
    Silence,
}

/// A payload that went out, for copies of it.
#[derive(Clone)]
struct Past {
    sender_time: RtpTime,
    len: usize,
    payload: [u8; red::MAX_COPY_LEN],
}

/// Encodes one stream.
pub(crate) struct SpeechEncoder {
    encoder: OpusEncoder,
    packet: Box<[u8; opus::MAX_PACKET_LEN]>,
    /// A packet with its copies; apart from `packet`, which is one of its parts.
    red: Box<[u8; MAX_RED_LEN]>,
    sends_red: bool,
    past: Box<[Past; COPIES]>,
    loss: LossControl,
    /// The payload type of Opus, when the peer understands copies.
    copied_type: Option<u8>,
}

impl SpeechEncoder {
    pub(crate) fn new(settings: &AudioSocketSettings) -> Result<Self, OpusError> {
        let opus = &settings.encoder;
        let past = Past { sender_time: RtpTime(0), len: 0, payload: [0; red::MAX_COPY_LEN] };
        Ok(Self {
            encoder: OpusEncoder::new(settings.format.sample_rate(), opus)?,
            packet: Box::new([0; opus::MAX_PACKET_LEN]),
            red: Box::new([0; MAX_RED_LEN]),
            sends_red: false,
            past: Box::new([past.clone(), past]),
            loss: LossControl::new(settings.redundancy, opus.expected_loss, opus.highest_expected_loss),
            copied_type: None,
        })
    }

    /// Whether the peer understands copies, and the payload type of Opus in them.
    pub(crate) fn agree(&mut self, copied_type: Option<u8>) {
        self.copied_type = copied_type;
    }

    /// See [`LossControl::on_report`].
    pub(crate) fn on_report(&mut self, fraction_lost: f32) {
        if let Some(expected) = self.loss.on_report(fraction_lost, self.copied_type.is_some()) {
            self.encoder.expect_loss(expected);
        }
    }

    /// Lets a tick pass, whether or not something is said; returns how many copies a packet is to carry.
    pub(crate) fn tick(&mut self) -> usize {
        self.loss.tick()
    }

    /// Encodes the frame whose first sample is at `time`, with up to `copies` of those before; `None` when libopus fails.
    pub(crate) fn encode(&mut self, pcm: &[i16], time: RtpTime, copies: usize) -> Option<Encoded> {
        let len = self.encoder.encode(pcm, &mut self.packet[..])?;
        if len <= opus::DTX_PAYLOAD_LEN {
            // libopus itself refreshes the comfort noise each 400 ms, in a packet of more bytes.
            return Some(Encoded::Silence);
        }
        let red = self.copied_type.and_then(|copied_type| self.with_copies(copied_type, len, time, copies));
        self.remember(len, time);
        self.sends_red = red.is_some();
        Some(red.map_or(Encoded::Payload(Encoding::Opus, len), |len| Encoded::Payload(Encoding::Red, len)))
    }

    /// Writes a packet with as many copies as there are and fit; `None` when that is none.
    fn with_copies(&mut self, copied_type: u8, len: usize, time: RtpTime, copies: usize) -> Option<usize> {
        let [older, newer] = &*self.past;
        let copy_of = |past: &Past, frames: u32| {
            let offset = RTP_TICKS_PER_FRAME * frames;
            // What was said before a pause is no longer waited for.
            (past.len > 0 && past.sender_time.plus(offset) == time).then_some(offset as u16)
        };
        let newer =
            copy_of(newer, 1).filter(|_| copies >= 1).map(|offset| (offset, &newer.payload[..newer.len]));
        let older =
            copy_of(older, 2).filter(|_| copies >= 2).map(|offset| (offset, &older.payload[..older.len]));
        let primary = &self.packet[..len];
        let out = &mut self.red[..];
        match (older, newer) {
            (Some(older), Some(newer)) => red::write(copied_type, primary, &[older, newer], out)
                .or_else(|_| red::write(copied_type, primary, &[newer], out))
                .ok(),
            (_, Some(newer)) => red::write(copied_type, primary, &[newer], out).ok(),
            (_, None) => None,
        }
    }

    fn remember(&mut self, len: usize, time: RtpTime) {
        self.past.rotate_left(1);
        let [_, newest] = &mut *self.past;
        newest.sender_time = time;
        newest.len = 0;
        if let (Some(kept), Some(payload)) = (newest.payload.get_mut(..len), self.packet.get(..len)) {
            kept.copy_from_slice(payload);
            newest.len = len;
        }
    }

    /// The first `len` bytes of what [`encode`](Self::encode) made last.
    pub(crate) fn payload(&self, len: usize) -> &[u8] {
        if self.sends_red { &self.red[..len] } else { &self.packet[..len] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::AudioFormat;
    use crate::red::Blocks;
    use crate::settings::{OpusSettings, Redundancy};

    fn hum(frame: usize) -> Vec<i16> {
        (0..320).map(|i| (((frame * 320 + i) as f64 * 0.17).sin() * 8_000.0) as i16).collect()
    }

    /// The bytes that are sent for the frame at each of `times`, in frames.
    fn send(encoder: &mut SpeechEncoder, times: &[u32]) -> Vec<(Encoding, Vec<u8>)> {
        let frames = times.iter().enumerate().filter_map(|(at, &time)| {
            let copies = encoder.tick();
            let time = RtpTime(time.wrapping_mul(RTP_TICKS_PER_FRAME));
            match encoder.encode(&hum(at), time, copies)? {
                Encoded::Payload(encoding, len) => Some((encoding, encoder.payload(len).to_vec())),
                Encoded::Silence => None,
            }
        });
        frames.collect()
    }

    fn encoder(settings: &AudioSocketSettings) -> SpeechEncoder {
        let mut encoder = SpeechEncoder::new(settings).unwrap();
        encoder.agree(Some(111));
        encoder
    }

    #[test]
    fn copies_are_the_very_packets_that_went_before() {
        let always = AudioSocketSettings::default().redundancy(Redundancy::Always);
        let plain = send(&mut SpeechEncoder::new(&always).unwrap(), &[0, 1, 2, 3]);
        assert!(plain.iter().all(|(encoding, _)| *encoding == Encoding::Opus), "the peer has not agreed");
        let mut encoder = encoder(&always);
        encoder.on_report(0.0);
        let sent = send(&mut encoder, &[0, 1, 2, 3]);
        assert_eq!(sent[0], plain[0], "nothing went before the first");
        for (at, (encoding, payload)) in sent.iter().enumerate().skip(1) {
            assert_eq!(*encoding, Encoding::Red);
            let blocks: Vec<_> =
                Blocks::new(payload).unwrap().map(|block| (block.timestamp_offset, block.payload)).collect();
            assert_eq!(blocks, [(960, &plain[at - 1].1[..]), (0, &plain[at].1)], "packet {at}");
        }
    }

    #[test]
    fn loss_brings_one_copy_and_more_loss_two() {
        let mut encoder = encoder(&AudioSocketSettings::default());
        let copies = |sent: Vec<(Encoding, Vec<u8>)>| -> Vec<usize> {
            let blocks = |(encoding, payload): &(Encoding, Vec<u8>)| match encoding {
                Encoding::Red => Blocks::new(payload).unwrap().count() - 1,
                _ => 0,
            };
            sent.iter().map(blocks).collect()
        };
        assert_eq!(copies(send(&mut encoder, &[0, 1])), [0, 0]);
        encoder.on_report(0.08);
        assert_eq!(copies(send(&mut encoder, &[2, 3])), [1, 1]);
        encoder.on_report(0.4);
        assert_eq!(copies(send(&mut encoder, &[4, 5])), [2, 2]);
        assert_eq!(
            copies(send(&mut encoder, &[9, 10, 11])),
            [0, 1, 2],
            "what lies before a pause is not repeated"
        );
    }

    #[test]
    fn packets_too_large_for_copies_go_out_alone() {
        let settings = AudioSocketSettings::default().redundancy(Redundancy::Always);
        let settings = settings.format(AudioFormat::Pcm48K).encoder(OpusSettings::default().bitrate(510_000));
        let mut encoder = encoder(&settings);
        let mut random = 1_u32;
        let mut noise = || -> Vec<i16> {
            let mut next = || {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 18) as i16
            };
            (0..960).map(|_| next()).collect()
        };
        for frame in 0..5_u32 {
            let encoded = encoder.encode(&noise(), RtpTime(frame * 960), 2);
            let Some(Encoded::Payload(Encoding::Opus, len)) = encoded else { panic!("{encoded:?}") };
            assert!(len > MAX_RED_LEN / 2, "{len} bytes: two do not fit into a packet");
        }
    }

    #[test]
    fn silence_is_sent_at_least_each_400_milliseconds_and_speech_whole() {
        let dtx = OpusSettings::default().discontinuous_transmission(true);
        let mut encoder = encoder(&AudioSocketSettings::default().encoder(dtx));
        let mut sent = Vec::new();
        for frame in 0..250_u32 {
            let pcm = if (100..150).contains(&frame) { hum(frame as usize) } else { vec![0; 320] };
            let encoded = encoder.encode(&pcm, RtpTime(frame * 960), 0).unwrap();
            sent.push(encoded != Encoded::Silence);
        }
        let quiet = &sent[50..100];
        assert!(quiet.iter().filter(|&&sent| sent).count() <= 4, "{quiet:?}");
        assert!(sent[100..150].iter().all(|&sent| sent), "speech goes out");
        let longest = sent.split(|&sent| sent).map(<[bool]>::len).max().unwrap();
        assert!((1..=20).contains(&longest), "{longest} frames without a packet");
        let mut without = SpeechEncoder::new(&AudioSocketSettings::default()).unwrap();
        let all = (0..100)
            .all(|frame| without.encode(&[0; 320], RtpTime(frame * 960), 0) != Some(Encoded::Silence));
        assert!(all, "DTX is off by default");
    }

    #[test]
    fn what_the_peer_reports_changes_what_packets_hold() {
        let settings = AudioSocketSettings::default().redundancy(Redundancy::Off);
        let sent_after = |report: f32| {
            let mut encoder = encoder(&settings);
            encoder.on_report(report);
            send(&mut encoder, &(0..30).collect::<Vec<_>>())
        };
        assert_eq!(sent_after(0.0), sent_after(0.05), "within what is expected anyway");
        assert_ne!(sent_after(0.0), sent_after(0.5));
    }
}
