//! What does it cost to hand a frame from one thread to another, beside channels that carry a frame each?
//!
//! A ring's frames are made once. What a channel carries is made by who sends it and freed by who receives it: that is
//! its price, and why the engine has rings.

use std::hint::{black_box, spin_loop};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use crossbeam_channel::bounded;
use offhook_media::ring::{RingReader, RingWriter, frame_ring};
use offhook_media::{AudioFormat, AudioFrame, MediaInstant};

/// As many as a send queue of 100 ms holds.
const CAPACITY: usize = 5;

/// Some tens of microseconds: hundreds of times what a frame needs.
const SPINS: usize = 10_000;

/// Written and read by one thread: the work alone, without the way between two cores.
fn hop_on_one_thread(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hop_on_one_thread");
    let frame = frame();
    group.bench_function("copying the samples alone", |bencher| {
        let mut copy = frame.clone();
        bencher.iter(|| black_box(&mut copy).samples_mut().copy_from_slice(black_box(&frame).samples()));
    });
    group.bench_function("offhook frame_ring", |bencher| {
        let (mut writer, mut reader) = frame_ring(CAPACITY, || frame.clone());
        bencher.iter(|| {
            put(&mut writer, black_box(&frame));
            black_box(reader.read());
        });
    });
    group.bench_function("std mpsc", |bencher| through_one_thread(bencher, &frame, std_channel()));
    group.bench_function("crossbeam-channel", |bencher| {
        through_one_thread(bencher, &frame, crossbeam_channel());
    });
    group.finish();
}

/// To another thread and back, halved. Both spin: what it costs to wake a sleeper is in the `wire` benchmark.
fn hop_between_threads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hop_between_threads");
    let frame = frame();
    group.bench_function("offhook frame_ring", |bencher| {
        let (mut there, mut far) = frame_ring(CAPACITY, || frame.clone());
        let (mut back, mut near) = frame_ring(CAPACITY, || frame.clone());
        bencher.iter_custom(|rounds| {
            let (far, back) = (&mut far, &mut back);
            let echo = move || (0..rounds).for_each(|_| put(back, wait(far)));
            halved(echo, || {
                for _ in 0..rounds {
                    put(&mut there, &frame);
                    black_box(wait(&mut near));
                }
            })
        });
    });
    group.bench_function("std mpsc", |bencher| {
        through_two_threads(bencher, &frame, std_channel(), std_channel());
    });
    group.bench_function("crossbeam-channel", |bencher| {
        through_two_threads(bencher, &frame, crossbeam_channel(), crossbeam_channel());
    });
    group.finish();
}

fn frame() -> AudioFrame {
    AudioFrame::silent(AudioFormat::Pcm16K, MediaInstant::ZERO)
}

fn put(ring: &mut RingWriter<AudioFrame>, frame: &AudioFrame) {
    let written = ring.write(|slot| slot.samples_mut().copy_from_slice(frame.samples()));
    assert!(written, "one frame is on its way at a time");
}

fn wait(ring: &mut RingReader<AudioFrame>) -> &AudioFrame {
    spin(|| (ring.queued() > 0).then_some(()));
    ring.read().expect("one waits, and only this end reads")
}

/// The two ends of a channel, so that any channel can be measured in the same way.
type Ends<S, R> = (S, R);

fn std_channel() -> Ends<impl FnMut(AudioFrame) + Send, impl FnMut() -> Option<AudioFrame> + Send> {
    let (sender, receiver) = sync_channel(CAPACITY);
    (move |frame| sender.try_send(frame).expect("there is room"), move || receiver.try_recv().ok())
}

fn crossbeam_channel() -> Ends<impl FnMut(AudioFrame) + Send, impl FnMut() -> Option<AudioFrame> + Send> {
    let (sender, receiver) = bounded(CAPACITY);
    (move |frame| sender.try_send(frame).expect("there is room"), move || receiver.try_recv().ok())
}

fn through_one_thread(
    bencher: &mut Bencher<'_>,
    frame: &AudioFrame,
    (mut send, mut receive): Ends<impl FnMut(AudioFrame), impl FnMut() -> Option<AudioFrame>>,
) {
    bencher.iter(|| {
        send(black_box(frame).clone());
        black_box(receive());
    });
}

fn through_two_threads<S, R>(
    bencher: &mut Bencher<'_>,
    frame: &AudioFrame,
    (mut there, mut far): Ends<S, R>,
    (mut back, mut near): Ends<S, R>,
) where
    S: FnMut(AudioFrame) + Send,
    R: FnMut() -> Option<AudioFrame> + Send,
{
    bencher.iter_custom(|rounds| {
        let (far, back) = (&mut far, &mut back);
        let echo = move || (0..rounds).for_each(|_| back(spin(&mut *far).clone()));
        halved(echo, || {
            for _ in 0..rounds {
                there(frame.clone());
                black_box(spin(&mut near));
            }
        })
    });
}

/// Half of the time that `rounds` take while another thread runs `echo`.
fn halved(echo: impl FnOnce() + Send, rounds: impl FnOnce()) -> Duration {
    std::thread::scope(|scope| {
        scope.spawn(echo);
        let start = Instant::now();
        rounds();
        start.elapsed() / 2
    })
}

fn spin<T>(mut poll: impl FnMut() -> Option<T>) -> T {
    loop {
        for _ in 0..SPINS {
            match poll() {
                Some(value) => return value,
                None => spin_loop(),
            }
        }
        // On a machine that is busy otherwise, the other thread may be waiting for this very core.
        std::thread::yield_now();
    }
}

criterion_group!(benches, hop_on_one_thread, hop_between_threads);
criterion_main!(benches);
