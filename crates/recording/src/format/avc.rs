//! H.264 as it comes, with start codes (ITU-T H.264 annex B), to what files hold: units behind their lengths, parameter sets apart
//! (ISO/IEC 14496-15 section 5). Nothing of a picture is changed.

/// Types of units (ITU-T H.264 table 7-1).
const SEQUENCE_PARAMETERS: u8 = 7;
const PICTURE_PARAMETERS: u8 = 8;
const DELIMITER: u8 = 9;

/// The profile whose configuration also says how pictures are sampled.
const HIGH: u8 = 100;

/// The units of a frame, without their start codes.
pub(crate) fn units(frame: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(frame);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let end = bytes.windows(3).position(|three| three == [0, 0, 1]);
        rest = end.map(|end| &bytes[end + 3..]);
        let unit = &bytes[..end.unwrap_or(bytes.len())];
        // The zeroes before a start code are not the unit's, whose last byte is none (section 7.4.1).
        let len = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Some(&unit[..len])
    })
    .filter(|unit| !unit.is_empty())
}

fn after_start_code(frame: &[u8]) -> Option<&[u8]> {
    let at = frame.windows(3).position(|three| three == [0, 0, 1])?;
    Some(&frame[at + 3..])
}

fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |head| head & 0x1f)
}

/// The decoder configuration by the parameter sets of a key frame; `None` where it has none, and cannot be decoded by itself.
pub(crate) fn configuration(key_frame: &[u8]) -> Option<Vec<u8>> {
    let of_kind = |wanted: u8| {
        let mut sets: Vec<&[u8]> = units(key_frame).filter(|unit| kind(unit) == wanted).collect();
        sets.dedup();
        sets
    };
    let (sequence, picture) = (of_kind(SEQUENCE_PARAMETERS), of_kind(PICTURE_PARAMETERS));
    let &[_, profile, compatible, level, ..] = *sequence.first()? else { return None };
    let is_long = |set: &&[u8]| set.len() > usize::from(u16::MAX);
    let is_odd = picture.is_empty() || sequence.len() > 31 || picture.len() > 255;
    if is_odd || sequence.iter().chain(&picture).any(is_long) {
        return None;
    }
    // Lengths have four bytes.
    let mut record = vec![1, profile, compatible, level, 0xff, 0xe0 | sequence.len() as u8];
    let put = |sets: &[&[u8]], record: &mut Vec<u8>| {
        for set in sets {
            record.extend((set.len() as u16).to_be_bytes());
            record.extend(*set);
        }
    };
    put(&sequence, &mut record);
    record.push(picture.len() as u8);
    put(&picture, &mut record);
    if profile == HIGH {
        // 4:2:0, 8 bits each, which is all that this profile has but for grey pictures; no extensions.
        record.extend([0xfd, 0xf8, 0xf8, 0]);
    }
    Some(record)
}

/// A frame as a file holds it: without what its configuration says already.
pub(crate) fn sample(frame: &[u8]) -> Vec<u8> {
    let mut sample = Vec::with_capacity(frame.len() + 8);
    let apart = [SEQUENCE_PARAMETERS, PICTURE_PARAMETERS, DELIMITER];
    for unit in units(frame).filter(|unit| !apart.contains(&kind(unit))) {
        sample.extend((unit.len() as u32).to_be_bytes());
        sample.extend(unit);
    }
    sample
}

/// Whether a frame brings parameter sets that `configuration` does not hold: what follows may need them.
pub(crate) fn brings_others(frame: &[u8], configuration: &[u8]) -> bool {
    let held = parameter_sets(configuration);
    let is_parameter_set = |unit: &&[u8]| [SEQUENCE_PARAMETERS, PICTURE_PARAMETERS].contains(&kind(unit));
    units(frame).filter(is_parameter_set).any(|unit| !held.contains(&unit))
}

/// The parameter sets of a decoder configuration: a count before those of each kind, a length before each.
fn parameter_sets(configuration: &[u8]) -> Vec<&[u8]> {
    let mut sets = Vec::new();
    let mut rest = configuration.get(5..).unwrap_or_default();
    for mask in [0x1f, 0xff] {
        let Some((count, mut behind)) = rest.split_first() else { break };
        for _ in 0..count & mask {
            let Some(([high, low], set)) = behind.split_first_chunk() else { return sets };
            let len = u16::from_be_bytes([*high, *low]).into();
            let Some((set, next)) = set.split_at_checked(len) else { return sets };
            sets.push(set);
            behind = next;
        }
        rest = behind;
    }
    sets
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 28] =
        [0, 0, 0, 1, 0x67, 66, 192, 31, 5, 0, 0, 1, 0x68, 9, 8, 0, 0, 0, 1, 0x65, 1, 0, 0, 3, 2, 0, 0, 0];

    #[test]
    fn parameter_sets_go_apart_and_units_get_their_lengths() {
        let kinds: Vec<_> = units(&KEY).map(kind).collect();
        assert_eq!(kinds, [7, 8, 5]);
        let expected = [1, 66, 192, 31, 0xff, 0xe1, 0, 5, 0x67, 66, 192, 31, 5, 1, 0, 3, 0x68, 9, 8];
        assert_eq!(configuration(&KEY).unwrap(), expected);
        assert_eq!(sample(&KEY), [0, 0, 0, 6, 0x65, 1, 0, 0, 3, 2]);
        assert_eq!(configuration(&KEY[17..]), None, "nobody could decode it");
    }

    #[test]
    fn parameter_sets_that_come_again_are_no_others() {
        let held = configuration(&KEY).unwrap();
        assert_eq!(parameter_sets(&held), [&KEY[4..9], &KEY[12..15]]);
        // All of them, one, none, and one that differs in a byte.
        assert!(!brings_others(&KEY, &held) && !brings_others(&KEY[9..], &held));
        assert!(!brings_others(&KEY[17..], &held));
        let mut other = KEY;
        other[14] = 7;
        assert!(brings_others(&other, &held));
        assert!(brings_others(&KEY, &held[..9]) && brings_others(&KEY, &[]));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(0_u8..3, 0..200)) {
            _ = (configuration(&bytes), sample(&bytes), brings_others(&bytes, &bytes), parameter_sets(&bytes));
        }
    }
}
