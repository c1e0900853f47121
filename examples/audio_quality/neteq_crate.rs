//! The receiver of the crate `neteq`, in real time: it reads the clock itself.

use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use neteq::codec::AudioDecoder;
use neteq::neteq::SpeechType;
use neteq::{AudioPacket, NetEq, NetEqConfig, NetEqError, RtpHeader};
use opus::{Channels, Decoder};

use crate::Outcome;
use crate::report::{Delay, Heard, seconds};
use crate::speech::{PACKET_SAMPLES, RATE, Speech};
use crate::traces::NamedTrace;

/// It gives 10 ms at a time.
const PULL: Duration = Duration::from_millis(10);

/// Samples in [`PULL`].
const PULL_SAMPLES: usize = RATE / 100;

const PAYLOAD_TYPE: u8 = 111;

/// libopus, and the time at which each packet reaches it. The place of a packet stands in front of its payload: the
/// crate hands a decoder nothing else.
struct Decoding {
    decoder: Decoder,
    decoded: Sender<(usize, Instant)>,
}

impl AudioDecoder for Decoding {
    fn sample_rate(&self) -> u32 {
        RATE as u32
    }

    fn channels(&self) -> u8 {
        1
    }

    fn decode(&mut self, encoded: &[u8]) -> neteq::Result<Vec<f32>> {
        let failed = |error: String| NetEqError::DecoderError(error);
        let (place, payload) =
            encoded.split_first_chunk::<4>().ok_or_else(|| failed("no packet of ours".to_owned()))?;
        // Nobody listens any more when the trace is over.
        let _ = self.decoded.send((u32::from_be_bytes(*place) as usize, Instant::now()));
        let mut samples = vec![0.0; PACKET_SAMPLES];
        let len = self
            .decoder
            .decode_float(payload, &mut samples, false)
            .map_err(|error| failed(error.to_string()))?;
        samples.truncate(len);
        Ok(samples)
    }
}

/// All traces at once, each on a thread of its own.
pub(crate) fn listen(speech: &Speech, traces: &[NamedTrace]) -> Outcome<Vec<Heard>> {
    thread::scope(|scope| {
        let threads: Vec<_> = traces.iter().map(|trace| scope.spawn(|| hear(speech, trace))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a listening thread does not panic")).collect()
    })
}

fn hear(speech: &Speech, trace: &NamedTrace) -> Outcome<Heard> {
    let mut receiver = NetEq::new(NetEqConfig { sample_rate: RATE as u32, ..NetEqConfig::default() })?;
    let (decoded, decodings) = channel();
    let decoder = Decoder::new(RATE as u32, Channels::Mono)?;
    receiver.register_decoder(PAYLOAD_TYPE, Box::new(Decoding { decoder, decoded }));
    let deliveries = trace.trace.deliveries();
    let last = deliveries.last().map_or(Duration::ZERO, |(at, _)| *at);
    let mut waiting = deliveries.iter().peekable();
    let mut arrived: Vec<Option<Instant>> = vec![None; speech.packets.len()];
    let (mut samples, mut delay, mut concealed) = (Vec::new(), Delay::default(), 0);
    let mut has_begun = false;
    let start = Instant::now();
    for pull in (0..).map(|n| PULL / 2 + PULL * n).take_while(|pull| *pull <= last) {
        // Packets come at their times, not in bundles: it takes the time when it is given them.
        while let Some((at, index)) = waiting.next_if(|(at, _)| *at <= pull) {
            let Some(payload) = speech.packets.get(*index) else { continue };
            thread::sleep((start + *at).saturating_duration_since(Instant::now()));
            arrived[*index].get_or_insert_with(Instant::now);
            has_begun = true;
            let header =
                RtpHeader::new(*index as u16, (*index * PACKET_SAMPLES) as u32, 7, PAYLOAD_TYPE, false);
            let payload = [&(*index as u32).to_be_bytes()[..], payload].concat();
            // What it refuses it conceals.
            let _ = receiver.insert_packet(AudioPacket::new(header, payload, RATE as u32, 1, 20));
        }
        thread::sleep((start + pull).saturating_duration_since(Instant::now()));
        // Where it fails, as on a packet that it cannot use, a listener would hear nothing for as long.
        let frame = receiver.get_audio();
        let Ok(frame) = frame else {
            samples.resize(samples.len() + PULL_SAMPLES, 0);
            concealed += PULL_SAMPLES;
            continue;
        };
        // Before the first packet it says nothing that anybody would miss.
        if has_begun {
            if matches!(frame.speech_type, SpeechType::Expand | SpeechType::Cng) {
                concealed += frame.samples.len();
            }
            samples.extend(
                frame.samples.iter().map(|sample| (sample * 32_767.0).clamp(-32_768.0, 32_767.0) as i16),
            );
        }
        for (index, at) in decodings.try_iter() {
            if let Some(arrival) = arrived[index] {
                delay.add(seconds(at - start), seconds(at - arrival), PACKET_SAMPLES as f64);
            }
        }
    }
    let counters = receiver.get_statistics().lifetime;
    let moved = counters.inserted_samples_for_deceleration + counters.removed_samples_for_acceleration;
    let total = samples.len().max(1) as f64;
    let (concealed, stretched) = (concealed as f64 / total, moved as f64 / total);
    Ok(Heard { samples, delay, concealed, stretched })
}
