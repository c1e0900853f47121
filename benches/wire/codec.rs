//! libopus alone: the same speech with the same settings in a tight loop, and so with warm caches.

use std::hint::black_box;
use std::time::{Duration, Instant};

use offhook_media::AudioFrame;
use opus::{Channels, Decoder};

use crate::process::own_time_on_cpu;
use crate::{FORMAT, Result, speech};

/// Long enough that the grain of the thread's clock, some milliseconds, does not show.
const SPAN: Duration = Duration::from_secs(1);

/// More than a packet at 32 kb/s weighs.
const MAX_PACKET_LEN: usize = 1500;

/// The speech as packets, as the engine would send it.
pub(crate) fn packets(frames: &[AudioFrame], complexity: u8) -> Result<Vec<Vec<u8>>> {
    let mut encoder = speech::encoder(FORMAT, complexity)?;
    let encode = |frame: &AudioFrame| Ok(encoder.encode_vec(frame.samples(), MAX_PACKET_LEN)?);
    frames.iter().map(encode).collect()
}

/// CPU of encoding a frame, in microseconds.
pub(crate) fn encode_micros(frames: &[AudioFrame], complexity: u8) -> Result<f64> {
    let mut encoder = speech::encoder(FORMAT, complexity)?;
    let mut packet = [0; MAX_PACKET_LEN];
    micros_each(frames, |frame| Ok(black_box(encoder.encode(frame.samples(), &mut packet)?)))
}

/// CPU of decoding a packet, in microseconds.
pub(crate) fn decode_micros(packets: &[Vec<u8>]) -> Result<f64> {
    let mut decoder = Decoder::new(FORMAT.sample_rate().get(), Channels::Mono)?;
    let mut pcm = vec![0; FORMAT.samples_per_frame()];
    micros_each(packets, |packet| Ok(black_box(decoder.decode(packet, &mut pcm, false)?)))
}

fn micros_each<T>(items: &[T], mut work: impl FnMut(&T) -> Result<usize>) -> Result<f64> {
    let (start, before, mut done) = (Instant::now(), own_time_on_cpu()?, 0);
    while start.elapsed() < SPAN {
        for item in items {
            work(item)?;
        }
        done += items.len();
    }
    Ok((own_time_on_cpu()? - before).as_secs_f64() * 1e6 / done as f64)
}
