//! How long Opus packets last, and packets of silence of any length (RFC 6716 section 3). Nothing is decoded.

/// Samples in a second of every position here: the clock of Opus in RTP and in Ogg (RFC 7587 section 4.1, RFC 7845 section 4).
pub(crate) const RATE: u64 = 48_000;

/// The shortest Opus frame, 2.5 ms: every packet lasts a multiple of it.
pub(crate) const QUANTUM: u64 = 120;

/// A frame of 20 ms.
pub(crate) const FRAME: u64 = 960;

/// The longest packet, 120 ms.
const LONGEST: u64 = 5760;

/// A CELT frame that says that it is silence.
const SILENT: [u8; 2] = [0xff, 0xfe];

/// Samples that a packet lasts; `None` when it is no Opus packet.
pub(crate) fn duration(packet: &[u8]) -> Option<u64> {
    let (&toc, rest) = packet.split_first()?;
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(rest.first()? & 0x3f),
    };
    let samples = frames * frame_samples(toc);
    (1..=LONGEST).contains(&samples).then_some(samples)
}

/// Samples of each frame of a packet that begins with `toc` (RFC 6716 section 3.1, table 2).
fn frame_samples(toc: u8) -> u64 {
    let config = toc >> 3;
    let size = usize::from(config & 3);
    match config {
        0..12 => [480, 960, 1920, 2880][size],
        12..16 => [480, 960][size & 1],
        _ => [120, 240, 480, 960][size],
    }
}

/// Whether a packet only says that nothing is said (DTX, RFC 6716 section 3.1; comfort noise is that short too).
pub(crate) fn is_pause(packet: &[u8]) -> bool {
    packet.len() <= 2
}

/// Packets of silence that together last `samples`, rounded down to a multiple of [`QUANTUM`]; each with what it lasts.
pub(crate) fn silence(samples: u64) -> impl Iterator<Item = (Vec<u8>, u64)> {
    let mut left = samples / QUANTUM * QUANTUM;
    std::iter::from_fn(move || {
        // CELT, full band, mono: 120 ms as six frames, then single frames of 20, 10, 5 and 2.5 ms.
        let (head, frames, samples): (&[u8], usize, u64) = match left {
            0 => return None,
            LONGEST.. => (&[0xfb, 6], 6, LONGEST),
            960.. => (&[0xf8], 1, 960),
            480.. => (&[0xf0], 1, 480),
            240.. => (&[0xe8], 1, 240),
            _ => (&[0xe0], 1, QUANTUM),
        };
        left -= samples;
        Some(([head, &SILENT.repeat(frames)].concat(), samples))
    })
}

/// Whether a packet only takes up time: it is one of [`silence`], or without content.
pub(crate) fn is_filler(packet: &[u8]) -> bool {
    let content = match packet {
        [] | [_] => return true,
        [0xfb, 6, content @ ..] => content,
        [0xe0 | 0xe8 | 0xf0 | 0xf8, content @ ..] => content,
        _ => return is_pause(packet),
    };
    content.chunks(SILENT.len()).all(|frame| frame == SILENT)
}

/// A packet as long as one frame of `like`, without content: a decoder makes up what was lost (RFC 6716 section 4.4).
pub(crate) fn missing(like: u8) -> (Vec<u8>, u64) {
    (vec![like & !3], frame_samples(like))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_last_what_the_standard_says() {
        for (packet, samples) in [
            (&[9 << 3, 1][..], Some(960)),
            (&[11 << 3, 1], Some(2880)),
            (&[30 << 3 | 1, 1, 1], Some(960)),
            (&[15 << 3, 1], Some(960)),
            (&[16 << 3, 1], Some(120)),
            (&[31 << 3 | 3, 6, 0], Some(5760)),
            (&[31 << 3 | 3, 7, 0], None),
            (&[31 << 3 | 3, 0], None),
            (&[31 << 3 | 3], None),
            (&[], None),
        ] {
            assert_eq!(duration(packet), samples, "{packet:?}");
        }
    }

    #[test]
    fn silence_lasts_exactly_as_long_as_asked_and_is_silent() {
        let mut decoder = ::opus::Decoder::new(RATE as u32, ::opus::Channels::Mono).unwrap();
        for samples in [120, 240, 360, 960, 1080, 5760, 48_000, 5760 + 960 + 480 + 240 + 120] {
            let packets: Vec<_> = silence(samples).collect();
            assert_eq!(packets.iter().map(|(_, samples)| samples).sum::<u64>(), samples);
            for (packet, samples) in packets {
                assert_eq!(duration(&packet), Some(samples), "{packet:?}");
                let mut pcm = [1; 5760];
                assert_eq!(decoder.decode(&packet, &mut pcm, false).unwrap() as u64, samples);
                assert!(pcm[..samples as usize].iter().all(|&sample| sample == 0), "{packet:?}");
            }
        }
        assert_eq!(silence(119).count(), 0);
    }
}
