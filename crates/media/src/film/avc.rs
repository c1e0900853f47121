//! H.264 as it lies in MP4 and Matroska files (ISO/IEC 14496-15 section 5): units behind their lengths, and parameter sets
//! apart. A socket wants Annex B form: units behind start codes, parameter sets in front of each key frame.

use super::FilmError;

/// What stands before each unit in Annex B form.
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Types of units (ITU-T H.264 table 7-1).
const SLICE: u8 = 1;
const IDR_SLICE: u8 = 5;
const SEQUENCE_PARAMETERS: u8 = 7;

/// What a picture refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refers {
    /// To none: a key frame.
    Nowhere,
    Back,
    /// To pictures that are shown after it, as well: it has a B slice.
    Forward,
}

/// What the file says of a track: `AVCDecoderConfigurationRecord` (section 5.3.3.1).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AvcTrack {
    length_size: usize,
    /// Sequence and picture parameter sets, in Annex B form.
    parameters: Vec<u8>,
}

impl AvcTrack {
    pub(super) fn read(record: &[u8]) -> Result<Self, FilmError> {
        let cut_off = || FilmError::wrong("its H.264 configuration is cut off");
        let (head, mut rest) = record.split_first_chunk::<5>().ok_or_else(cut_off)?;
        let [version, _, _, _, length] = *head;
        if version != 1 {
            return Err(FilmError::wrong("its H.264 configuration is of an unknown version"));
        }
        let mut parameters = Vec::new();
        // The number of sequence parameter sets has 5 bits, that of picture parameter sets 8.
        for mask in [0x1f, 0xff] {
            let (count, after) = rest.split_first().ok_or_else(cut_off)?;
            rest = after;
            for _ in 0..count & mask {
                let (unit, after) = split_unit(rest, 2).ok_or_else(cut_off)?;
                rest = after;
                push(unit, &mut parameters);
            }
        }
        Ok(Self { length_size: usize::from(length & 3) + 1, parameters })
    }

    /// Brings a sample to Annex B form.
    pub(super) fn convert(&self, mut sample: &[u8], frame: &mut Vec<u8>) -> Result<Refers, FilmError> {
        frame.clear();
        let (mut refers, mut has_parameters) = (Refers::Back, false);
        while !sample.is_empty() {
            let (unit, after) = split_unit(sample, self.length_size)
                .ok_or_else(|| FilmError::wrong("a unit of its H.264 is cut off"))?;
            sample = after;
            let kind = unit.first().map_or(0, |header| header & 0x1f);
            has_parameters |= kind == SEQUENCE_PARAMETERS;
            if kind == IDR_SLICE && refers != Refers::Nowhere {
                refers = Refers::Nowhere;
                if !has_parameters {
                    frame.extend_from_slice(&self.parameters);
                }
            }
            if kind == SLICE && is_bidirectional(unit) {
                refers = Refers::Forward;
            }
            push(unit, frame);
        }
        Ok(refers)
    }
}

/// Whether a slice is a B slice: the second number in its header is 1 or 6 (ITU-T H.264 table 7-6).
fn is_bidirectional(slice: &[u8]) -> bool {
    let mut head = [0; 8];
    for (byte, from) in head.iter_mut().zip(slice.get(1..).unwrap_or_default()) {
        *byte = *from;
    }
    let bits = u64::from_be_bytes(head);
    // Exp-Golomb: so many zeroes, a one, and as many bits (section 9.1). The first number is 0 in most slices.
    let number = |bits: u64| {
        let zeroes = bits.leading_zeros();
        let len = 2 * zeroes + 1;
        (zeroes < 16).then(|| ((bits >> (64 - len)) - 1, bits << len))
    };
    let kind = number(bits).and_then(|(_, rest)| number(rest)).map(|(kind, _)| kind);
    matches!(kind, Some(1 | 6))
}

fn push(unit: &[u8], to: &mut Vec<u8>) {
    if !unit.is_empty() {
        to.extend_from_slice(&START_CODE);
        to.extend_from_slice(unit);
    }
}

/// Takes a unit off the front, behind a length of `size` bytes.
fn split_unit(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(size)?;
    let length = length.iter().fold(0_u64, |length, &byte| length << 8 | u64::from(byte));
    rest.split_at_checked(usize::try_from(length).ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lengths of 4 bytes, one sequence parameter set of 3 bytes, one picture parameter set of 2.
    const RECORD: [u8; 16] = [1, 66, 192, 31, 0xff, 0xe1, 0, 3, 0x67, 1, 2, 1, 0, 2, 0x68, 3];

    #[test]
    fn a_key_frame_gets_its_parameter_sets_and_another_frame_none() {
        let track = AvcTrack::read(&RECORD).unwrap();
        let mut frame = Vec::new();
        assert_eq!(track.convert(&[0, 0, 0, 2, 0x65, 9], &mut frame).unwrap(), Refers::Nowhere);
        assert_eq!(frame, [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 9]);
        // First macroblock 0, kind 0: a P slice. Kind 1, as `010`, is a B slice.
        let of_kind = |head: u8| [0, 0, 0, 2, 0x41, head, 0, 0, 0, 1, 0x41];
        assert_eq!(track.convert(&of_kind(0b1100_0000), &mut frame).unwrap(), Refers::Back);
        assert_eq!(frame, [0, 0, 0, 1, 0x41, 0b1100_0000, 0, 0, 0, 1, 0x41]);
        assert_eq!(track.convert(&of_kind(0b1010_0000), &mut frame).unwrap(), Refers::Forward);
    }

    #[test]
    fn a_key_frame_that_has_them_keeps_its_own() {
        let track = AvcTrack::read(&RECORD).unwrap();
        let mut frame = Vec::new();
        let sample = [0, 0, 0, 1, 0x67, 0, 0, 0, 2, 0x65, 9];
        assert_eq!(track.convert(&sample, &mut frame).unwrap(), Refers::Nowhere);
        assert_eq!(frame, [0, 0, 0, 1, 0x67, 0, 0, 0, 1, 0x65, 9]);
    }

    #[test]
    fn what_is_cut_off_says_so() {
        for len in 0..RECORD.len() {
            assert!(AvcTrack::read(&RECORD[..len]).is_err(), "{len} bytes");
        }
        let error =
            AvcTrack::read(&RECORD).unwrap().convert(&[0, 0, 0, 3, 0x65], &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("cut off"), "{error}");
    }

    proptest! {
        #[test]
        fn no_file_panics(
            record in proptest::collection::vec(any::<u8>(), 0..40),
            sample in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let _ = AvcTrack::read(&record);
            let _ = AvcTrack::read(&RECORD).unwrap().convert(&sample, &mut Vec::new());
        }
    }
}
