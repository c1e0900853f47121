//! What a member says: packets that come from their connection, or a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use offhook_media::{SampleRate, Tone};
use opus::{Channels, Decoder};
use tokio::time::Instant;

use super::mix::{Frame, RATE, SAMPLES, SILENT};
use super::queue::{Next, Queue};
use crate::durations::Durations;
use crate::far_end::{AfterSpeech, Clip, ClipError, FarEndScript, ToneListener, TonePacket, plan_tones};

/// The longest Opus packet, 120 ms, in samples.
const LONGEST_PACKET: usize = SAMPLES * 6;

/// Packets of keys that wait for the next frame; more are passed over.
const WAITING_TONES: usize = 64;

/// What comes from a member's connection, between the tasks that receive and the room that plays.
#[derive(Debug)]
pub(crate) struct Inlet {
    waiting: Mutex<Waiting>,
    began: Instant,
    /// From when a packet of speech comes to when the room takes it.
    pub(super) waits: Durations,
}

impl Default for Inlet {
    fn default() -> Self {
        Self { waiting: Mutex::default(), began: Instant::now(), waits: Durations::default() }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    queue: Queue,
    /// Packets of keys, by the RTP time at which their key was pressed.
    tones: VecDeque<(u32, Bytes)>,
    listener: ToneListener,
    jitter: Jitter,
}

/// The interarrival jitter of speech (RFC 3550 section 6.4.1), in seconds.
#[derive(Debug, Default)]
struct Jitter {
    transit: Option<f64>,
    seconds: f64,
}

impl Jitter {
    fn comes(&mut self, now: Duration, time: u32) {
        let transit = now.as_secs_f64() - f64::from(time) / f64::from(RATE);
        let moved = self.transit.map_or(0.0, |before| (transit - before).abs());
        self.transit = Some(transit);
        // More than a second is no jitter: the RTP time has wrapped, or the sender has begun anew.
        if moved < 1.0 {
            self.seconds += (moved - self.seconds) / 16.0;
        }
    }
}

impl Inlet {
    fn with<T>(&self, work: impl FnOnce(&mut Waiting) -> T) -> T {
        work(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes in a packet of Opus.
    pub(crate) fn speech(&self, time: u32, payload: Bytes) {
        let now = self.began.elapsed();
        self.with(|waiting| {
            waiting.jitter.comes(now, time);
            waiting.queue.push(now, time, payload);
        });
    }

    /// The jitter of speech that comes.
    pub(super) fn jitter(&self) -> Duration {
        Duration::from_secs_f64(self.with(|waiting| waiting.jitter.seconds))
    }

    /// Takes in a packet of a key (RFC 4733).
    pub(crate) fn tone(&self, time: u32, payload: &Bytes) {
        self.with(|waiting| {
            waiting.listener.receive(time, payload);
            if waiting.tones.len() < WAITING_TONES {
                waiting.tones.push_back((time, payload.clone()));
            }
        });
    }
}

/// A packet of a key, on its way to those who listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyPacket {
    /// The frame in which its key was pressed.
    pub(super) since: u64,
    pub(super) is_first: bool,
    pub(super) payload: Bytes,
}

/// What else a frame brings, beside sound.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub(super) keys: Vec<KeyPacket>,
    /// Keys that were released.
    pub(super) tones: Vec<Tone>,
    /// All of a script's speech has been said.
    pub(super) is_finished: bool,
}

/// What a member says.
pub(super) enum Voice {
    Peer(PeerVoice),
    Script(ScriptVoice),
    /// Says whatever it hears.
    Echo(Box<Frame>),
}

impl Voice {
    /// The next frame of it, which is the room's frame number `tick`.
    pub(super) fn speak(&mut self, tick: u64) -> (Frame, Beside) {
        match self {
            Self::Peer(peer) => peer.speak(tick),
            Self::Script(script) => script.speak(tick),
            Self::Echo(heard) => (**heard, Beside::default()),
        }
    }
}

/// Sound from a connection.
pub(super) struct PeerVoice {
    inlet: Arc<Inlet>,
    decoder: Decoder,
    /// Samples that were decoded and are not played yet.
    ahead: VecDeque<i16>,
    /// The key that is held: its RTP time, and the frame in which it was pressed.
    held: Option<(u32, u64)>,
}

impl PeerVoice {
    pub(super) fn new(inlet: Arc<Inlet>) -> Self {
        let decoder =
            Decoder::new(RATE, Channels::Mono).expect("libopus decodes 48 kHz mono while there is memory");
        Self { inlet, decoder, ahead: VecDeque::new(), held: None }
    }

    fn speak(&mut self, tick: u64) -> (Frame, Beside) {
        while self.ahead.len() < SAMPLES {
            self.decode();
        }
        let mut frame = SILENT;
        frame.iter_mut().zip(self.ahead.drain(..SAMPLES)).for_each(|(out, sample)| *out = sample);
        let (waiting, tones) = self.inlet.with(|waiting| {
            let tones = std::mem::take(&mut waiting.listener.heard);
            (std::mem::take(&mut waiting.tones), tones)
        });
        let keys = waiting.into_iter().map(|(time, payload)| {
            let is_first = self.held.is_none_or(|(held, _)| held != time);
            if is_first {
                self.held = Some((time, tick));
            }
            let since = self.held.map_or(tick, |(_, since)| since);
            KeyPacket { since, is_first, payload }
        });
        let keys = keys.collect();
        let tones = tones.into_iter().map(|heard| heard.tone).collect();
        (frame, Beside { keys, tones, is_finished: false })
    }

    fn decode(&mut self) {
        let mut pcm = [0; LONGEST_PACKET];
        let (next, came) = self.inlet.with(|waiting| (waiting.queue.next(), waiting.queue.take_arrival()));
        if let Some(came) = came {
            self.inlet.waits.record(self.inlet.began.elapsed().saturating_sub(came));
        }
        let decoded = match &next {
            Next::Packet(packet) => self.decoder.decode(packet, &mut pcm, false),
            Next::Recover(packet) => self.decoder.decode(packet, &mut pcm[..SAMPLES], true),
            Next::Guess => self.decoder.decode(&[], &mut pcm[..SAMPLES], false),
            Next::Silence => Ok(SAMPLES),
        };
        // What is no Opus takes the place of a packet.
        let len = decoded.ok().filter(|len| *len > 0).unwrap_or(SAMPLES);
        self.inlet.with(|waiting| waiting.queue.played(len));
        self.ahead.extend(&pcm[..len]);
    }
}

/// Sound of a script.
pub(super) struct ScriptVoice {
    sound: Arc<[i16]>,
    keys: Vec<Vec<TonePacket>>,
    after: AfterSpeech,
    /// Frames that it has been at it.
    at: usize,
    /// The frame in which its keys begin.
    keys_since: u64,
}

impl ScriptVoice {
    /// Says `clip` and then presses the keys of `script`, from the frame `at` on. Resamples the clip: not to be called on a
    /// task that others wait for.
    pub(super) fn new(clip: Option<&Clip>, script: &FarEndScript, at: usize) -> Result<Self, ClipError> {
        let rate = SampleRate::HZ_48000;
        let sound = match clip {
            Some(clip) => clip.sound().resampled(rate)?.samples().into(),
            None => Arc::default(),
        };
        let keys = plan_tones(&script.tones);
        Ok(Self { sound, keys, after: script.after, at, keys_since: 0 })
    }

    fn speak(&mut self, tick: u64) -> (Frame, Beside) {
        let (len, at) = (self.sound.len().div_ceil(SAMPLES), self.at);
        self.at += 1;
        let mut beside = Beside { is_finished: at == len, ..Beside::default() };
        if at == len {
            self.keys_since = tick;
        }
        let pressed = at.checked_sub(len).and_then(|place| self.keys.get(place));
        if let Some(packets) = pressed {
            beside.keys = packets.iter().map(|packet| self.key(packet)).collect();
            return (SILENT, beside);
        }
        let place = match (at < len, self.after) {
            (true, _) => at,
            (false, AfterSpeech::Repeat) if len > 0 => (at - self.keys.len()) % len,
            _ => return (SILENT, beside),
        };
        let mut frame = SILENT;
        let rest = self.sound.get(place * SAMPLES..).unwrap_or_default();
        frame.iter_mut().zip(rest).for_each(|(out, sample)| *out = *sample);
        (frame, beside)
    }

    fn key(&self, packet: &TonePacket) -> KeyPacket {
        let payload = Bytes::copy_from_slice(&packet.payload);
        KeyPacket { since: self.keys_since + u64::from(packet.since), is_first: packet.is_first, payload }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use offhook_media::Sound;

    use super::*;

    fn packet(encoder: &mut opus::Encoder, level: i16) -> Bytes {
        let mut packet = [0; 1500];
        let frame: Vec<i16> = (0..SAMPLES).map(|at| if at % 48 < 24 { level } else { -level }).collect();
        let len = encoder.encode(&frame, &mut packet).unwrap();
        Bytes::copy_from_slice(&packet[..len])
    }

    #[test]
    fn what_comes_in_packets_is_heard_and_loss_does_not_shorten_it() {
        let inlet = Arc::new(Inlet::default());
        let mut voice = Voice::Peer(PeerVoice::new(Arc::clone(&inlet)));
        let mut encoder = opus::Encoder::new(RATE, Channels::Mono, opus::Application::Voip).unwrap();
        for number in 0..10_u32 {
            let packet = packet(&mut encoder, 9_000);
            if number != 5 {
                inlet.speech(number * 960, packet);
            }
        }
        let loud: Vec<bool> =
            (0..30).map(|tick| voice.speak(tick).0.iter().any(|sample| *sample > 5_000)).collect();
        assert!(loud[..10].iter().all(|loud| *loud), "a guess stands in its place: {loud:?}");
        assert!(!loud[16..].contains(&true), "guesses fade out: {loud:?}");
    }

    #[test]
    fn keys_keep_the_frame_in_which_they_were_pressed_and_are_heard_when_released() {
        let inlet = Arc::new(Inlet::default());
        let mut voice = PeerVoice::new(Arc::clone(&inlet));
        inlet.tone(500, &Bytes::from_static(&[5, 10, 3, 192]));
        let (_, beside) = voice.speak(7);
        assert_eq!((beside.keys[0].since, beside.keys[0].is_first), (7, true));
        inlet.tone(500, &Bytes::from_static(&[5, 0x8a, 7, 128]));
        let (_, beside) = voice.speak(8);
        assert_eq!((beside.keys[0].since, beside.keys[0].is_first), (7, false));
        assert_eq!(beside.tones, [Tone::from_code(5).unwrap()]);
    }

    #[test]
    fn a_script_says_presses_and_begins_again() {
        let sound = Sound::new(SampleRate::HZ_16000, vec![1_000; 640]);
        let clip = Clip::new(sound).unwrap();
        let script =
            FarEndScript::new().tones([Tone::Star], Duration::from_millis(40)).then(AfterSpeech::Repeat);
        let mut voice = ScriptVoice::new(Some(&clip), &script, 0).unwrap();
        let mut seen = Vec::new();
        for tick in 100..112 {
            let (frame, beside) = voice.speak(tick);
            assert_eq!(beside.is_finished, tick == 102);
            assert!(beside.keys.iter().all(|key| key.since == 102));
            seen.push((frame[400] > 900, beside.keys.len()));
        }
        let (says, presses, silent) = ((true, 0), (false, 1), (false, 0));
        assert_eq!(seen[..4], [says, says, presses, (false, 3)]);
        assert_eq!(seen[4..], [silent, silent, silent, silent, silent, says, says, says]);
    }
}
