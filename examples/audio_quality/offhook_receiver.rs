//! offhook's own receiver, on a virtual clock.

use std::time::Duration;

use offhook::media::receive::{AudioPacket, AudioReceiver};
use offhook::media::{
    AudioFormat, JitterBufferSettings, MediaClock, MediaInstant, RtpTime, SampleRate, Sound, Ssrc,
};

use crate::Outcome;
use crate::report::{Delay, Heard, seconds};
use crate::speech::{PACKET, Speech};
use crate::traces::NamedTrace;

/// How far ticks are from the packets of a clean path. A worker spreads its sessions over the 20 ms, so a packet waits for half a
/// tick on average; this is that average.
const PHASE: Duration = Duration::from_millis(10);

/// What it hands over: at 48 kHz, as a browser does, and brought to the rate of the scores by the same resampler.
const FORMAT: AudioFormat = AudioFormat::Pcm48K;

/// Samples of the 48 kHz RTP clock in a packet.
const RTP_TICKS: u32 = 960;

struct At(MediaInstant);

impl MediaClock for At {
    fn now(&self) -> MediaInstant {
        self.0
    }
}

pub(crate) fn listen(speech: &Speech, traces: &[NamedTrace]) -> Outcome<Vec<Heard>> {
    traces.iter().map(|trace| hear(speech, trace)).collect()
}

/// Plays one trace to a receiver with the default settings.
fn hear(speech: &Speech, trace: &NamedTrace) -> Outcome<Heard> {
    let mut receiver = AudioReceiver::new(FORMAT, JitterBufferSettings::default())?;
    let deliveries = trace.trace.deliveries();
    let mut waiting = deliveries.iter().peekable();
    let last = deliveries.last().map_or(Duration::ZERO, |(at, _)| *at);
    let (mut samples, mut delay, mut counted) = (Vec::new(), Delay::default(), Waited::default());
    for (number, tick) in (1..).map(|n| (n, PHASE + PACKET * n)).take_while(|(_, tick)| *tick <= last) {
        while let Some((at, index)) = waiting.next_if(|(at, _)| *at <= tick) {
            // A trace may be longer than the speech.
            let Some(payload) = speech.packets.get(*index) else { continue };
            receiver.receive(&AudioPacket {
                ssrc: Ssrc(7),
                sequence_number: *index as u16,
                sender_time: RtpTime((*index as u32).wrapping_mul(RTP_TICKS)),
                arrival_time: MediaInstant::from_duration(*at),
                payload,
                ..AudioPacket::default()
            });
        }
        let now = MediaInstant::from_duration(tick);
        if let Some(frame) = receiver.tick(now, &At(now)) {
            samples.extend_from_slice(frame.samples());
        }
        // Once a second, as a browser is asked.
        if number % 50 == 0 {
            let before = counted;
            counted.read(&receiver);
            let (waited, left) = (counted.sum - before.reported.0, counted.samples - before.reported.1);
            delay.add_sum(seconds(tick), waited, left);
            counted.reported = (counted.sum, counted.samples);
        }
    }
    let counters = receiver.stats().counters;
    let moved = counters.inserted_samples_for_deceleration + counters.removed_samples_for_acceleration;
    counted.read(&receiver);
    let total = samples.len().max(1) as f64;
    let concealed = counters.concealed_samples as f64 / total;
    // The sender never pauses: what is not from a packet is made up, so the two counters must agree.
    let in_no_packet = 1.0 - counted.samples / total;
    if (concealed - in_no_packet).abs() > 1e-6 {
        return Err(
            format!("{}: {concealed} is concealed, and {in_no_packet} from no packet", trace.name).into()
        );
    }
    let samples =
        Sound::new(FORMAT.sample_rate(), samples).resampled(SampleRate::HZ_16000)?.samples().to_vec();
    Ok(Heard { delay, concealed, stretched: moved as f64 / total, samples })
}

/// How long samples from packets were held, in seconds summed over samples, and how many they were.
#[derive(Clone, Copy, Default)]
struct Waited {
    sum: f64,
    samples: f64,
    /// What of it the delay has been told of.
    reported: (f64, f64),
}

impl Waited {
    /// By the receiver's counters, which know of each sample.
    fn read(&mut self, receiver: &AudioReceiver) {
        let counters = receiver.stats().counters;
        self.sum = counters.jitter_buffer_delay as f64 / 1e9;
        self.samples = counters.jitter_buffer_emitted_count as f64;
    }
}
