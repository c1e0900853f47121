//! Fades, so that speech that is cut does not click.

use crate::units::SampleRate;

/// Samples in the 5 ms that a fade takes: below what is heard as a click, and a quarter of a frame.
pub(crate) const fn fade_len(rate: SampleRate) -> usize {
    (rate.get() / 200) as usize
}

/// Brings `samples` from full down to nothing.
pub(crate) fn fade_out(samples: &mut [i16]) {
    let len = samples.len();
    for (i, sample) in samples.iter_mut().enumerate() {
        *sample = scaled(*sample, len - i, len + 1);
    }
}

/// Brings `samples` from nothing up to full.
pub(crate) fn fade_in(samples: &mut [i16]) {
    let len = samples.len();
    for (i, sample) in samples.iter_mut().enumerate() {
        *sample = scaled(*sample, i + 1, len + 1);
    }
}

fn scaled(sample: i16, part: usize, whole: usize) -> i16 {
    (i64::from(sample) * part as i64 / whole as i64) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fade_goes_evenly_between_full_and_nothing() {
        let (mut out, mut into) = ([i16::MIN; 3], [1_000; 3]);
        fade_out(&mut out);
        assert_eq!(out, [-24_576, -16_384, -8_192]);
        fade_in(&mut into);
        assert_eq!(into, [250, 500, 750]);
        fade_out(&mut []);
        assert_eq!(fade_len(SampleRate::HZ_16000), 80);
    }
}
