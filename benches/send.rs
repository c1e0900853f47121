//! What does a frame cost on its way to a packet, beside libopus encoding the same frames?
//!
//! Each iteration puts one frame of real speech into the ring and takes one packet at the tick. The clock is virtual:
//! what reading the real one costs is in the `wire` benchmark.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use offhook_media::ring::frame_ring;
use offhook_media::send::AudioSender;
use offhook_media::{
    AudioFormat, AudioFrame, AudioSocketSettings, MediaClock, MediaInstant, OpusSettings, RtpTime,
};

#[path = "support/speech.rs"]
mod speech;

/// As many frames as a send queue of 100 ms holds.
const CAPACITY: usize = 5;

/// A clock that does not move: an encoder does not ask.
struct Still;

impl MediaClock for Still {
    fn now(&self) -> MediaInstant {
        MediaInstant::ZERO
    }
}

fn frame_to_packet(criterion: &mut Criterion) {
    for (name, format) in [("16_khz", AudioFormat::Pcm16K), ("48_khz", AudioFormat::Pcm48K)] {
        let frames = speech::frames(format);
        for complexity in [0, 5] {
            let mut group =
                criterion.benchmark_group(format!("frame_to_packet_at_{name}_complexity_{complexity}"));
            group.bench_function("offhook AudioSender", |bencher| {
                let settings = AudioSocketSettings::default()
                    .format(format)
                    .send_lead(Duration::ZERO)
                    .encoder(OpusSettings::default().complexity(complexity));
                let mut sender = AudioSender::new(&settings, (0, RtpTime(0))).expect("libopus starts");
                let silence = || AudioFrame::silent(format, MediaInstant::ZERO);
                let (mut to_worker, mut from_app) = frame_ring(CAPACITY, silence);
                let mut speech = frames.iter().cycle();
                bencher.iter(|| {
                    let frame = speech.next().expect("speech that repeats has no end");
                    to_worker.write(|slot| slot.samples_mut().copy_from_slice(frame.samples()));
                    let packet = sender.tick(&Still, &mut from_app).expect("a frame waits");
                    black_box(packet.payload.len());
                });
            });
            group.bench_function("libopus alone", |bencher| {
                let mut encoder = speech::encoder(format, complexity).expect("libopus starts");
                let (mut packet, mut speech) = ([0; 1500], frames.iter().cycle());
                bencher.iter(|| {
                    let frame = speech.next().expect("speech that repeats has no end");
                    black_box(encoder.encode(frame.samples(), &mut packet).expect("speech can be encoded"));
                });
            });
            group.finish();
        }
    }
}

criterion_group!(benches, frame_to_packet);
criterion_main!(benches);
