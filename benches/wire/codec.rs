//! libopus alone: the same speech with the same settings in a tight loop. With one coder it finds its caches warm; with as many
//! as there are calls, in turn, each finds them as cold as in a call.

use std::hint::black_box;
use std::time::{Duration, Instant};

use offhook_media::AudioFrame;
use opus::{Channels, Decoder};

use crate::load::PLACES_APART;
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

/// CPU of encoding a frame by each of so many encoders in turn, in microseconds.
pub(crate) fn encode_micros(frames: &[AudioFrame], complexity: u8, calls: usize) -> Result<f64> {
    let encoder = || speech::encoder(FORMAT, complexity);
    let mut encoders =
        std::iter::repeat_with(encoder).take(calls).collect::<std::result::Result<Vec<_>, _>>()?;
    let mut packet = [0; MAX_PACKET_LEN];
    micros_each(calls, frames, |call, frame| {
        Ok(black_box(encoders[call].encode(frame.samples(), &mut packet)?))
    })
}

/// CPU of decoding a packet by each of so many decoders in turn, in microseconds.
pub(crate) fn decode_micros(packets: &[Vec<u8>], calls: usize) -> Result<f64> {
    let decoder = || Decoder::new(FORMAT.sample_rate().get(), Channels::Mono);
    let mut decoders =
        std::iter::repeat_with(decoder).take(calls).collect::<std::result::Result<Vec<_>, _>>()?;
    let mut pcm = vec![0; FORMAT.samples_per_frame()];
    micros_each(calls, packets, |call, packet| Ok(black_box(decoders[call].decode(packet, &mut pcm, false)?)))
}

/// Each call is at a place of its own.
fn micros_each<T>(
    calls: usize,
    items: &[T],
    mut work: impl FnMut(usize, &T) -> Result<usize>,
) -> Result<f64> {
    let (start, before, mut done) = (Instant::now(), own_time_on_cpu()?, 0);
    let mut tick = 0;
    while start.elapsed() < SPAN {
        for call in 0..calls {
            work(call, &items[(tick + call * PLACES_APART) % items.len()])?;
        }
        (tick, done) = (tick + 1, done + calls);
    }
    Ok((own_time_on_cpu()? - before).as_secs_f64() * 1e6 / done as f64)
}
