//! What does a packet cost on its way to a frame, beside libopus decoding the same packets?
//!
//! Each iteration takes in one packet of real speech and gives one frame of 20 ms. The clock is virtual: what reading
//! the real one costs is in the `wire` benchmark.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use offhook_media::receive::{AudioPacket, AudioReceiver};
use offhook_media::{
    AudioFormat, FrameOrigin, JitterBufferSettings, MediaClock, MediaInstant, RtpTime, Ssrc,
};
use opus::{Channels, Decoder};

#[path = "support/speech.rs"]
mod speech;

/// The engine's default. What is decoded costs the same whatever it took to encode.
const COMPLEXITY: u8 = 5;

/// Samples of the 48 kHz RTP clock in 20 ms.
const RTP_TICKS_PER_FRAME: u32 = 960;

/// A clock that stands where it was put.
struct Virtual(MediaInstant);

impl MediaClock for Virtual {
    fn now(&self) -> MediaInstant {
        self.0
    }
}

/// More than a packet at 32 kb/s weighs.
const MAX_PACKET_LEN: usize = 1500;

fn packets(format: AudioFormat) -> opus::Result<Vec<Vec<u8>>> {
    let mut encoder = speech::encoder(format, COMPLEXITY)?;
    let frames = speech::frames(format);
    frames.iter().map(|frame| encoder.encode_vec(frame.samples(), MAX_PACKET_LEN)).collect()
}

fn packet_to_frame(criterion: &mut Criterion) {
    for (name, format) in [("16_khz", AudioFormat::Pcm16K), ("48_khz", AudioFormat::Pcm48K)] {
        let packets = packets(format).expect("speech can be encoded");
        let mut group = criterion.benchmark_group(format!("packet_to_frame_at_{name}"));
        group.bench_function("offhook AudioReceiver", |bencher| {
            let mut receiver =
                AudioReceiver::new(format, JitterBufferSettings::default()).expect("libopus starts");
            let mut clock = Virtual(MediaInstant::ZERO);
            let (mut sequence_number, mut sender_time) = (0_u16, RtpTime(0));
            let mut speech = packets.iter().cycle();
            bencher.iter(|| {
                let payload = speech.next().expect("speech that repeats has no end");
                receiver.receive(&AudioPacket {
                    ssrc: Ssrc(7),
                    sequence_number,
                    sender_time,
                    arrival_time: clock.0,
                    payload,
                    ..AudioPacket::default()
                });
                sequence_number = sequence_number.wrapping_add(1);
                sender_time = sender_time.plus(RTP_TICKS_PER_FRAME);
                clock.0 += Duration::from_millis(20);
                black_box(receiver.tick(clock.0, &clock).map(|frame| frame.origin() == FrameOrigin::Media));
            });
            // A path that concealed, or threw packets away, would be another one than it is meant to be.
            let counters = receiver.stats().counters;
            assert_eq!(
                (counters.packets_lost, counters.packets_discarded, counters.concealed_samples),
                (0, 0, 0)
            );
        });
        group.bench_function("libopus alone", |bencher| {
            let rate = format.sample_rate().get();
            let mut decoder = Decoder::new(rate, Channels::Mono).expect("libopus starts");
            let mut pcm = vec![0; format.samples_per_frame()];
            let mut speech = packets.iter().cycle();
            bencher.iter(|| {
                let payload = speech.next().expect("speech that repeats has no end");
                black_box(decoder.decode(payload, &mut pcm, false).expect("it was encoded"));
            });
        });
        group.finish();
    }
}

criterion_group!(benches, packet_to_frame);
criterion_main!(benches);
