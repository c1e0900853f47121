//! H.264 in RTP (RFC 6184): single NAL units, several in a packet (STAP-A), and parts of one (FU-A).

pub(super) mod parameters;

use super::payload::{PayloadError, Piece};

/// What stands before each NAL unit in Annex B form, the long one, which every decoder takes.
pub(super) const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Types of NAL units (ITU-T H.264 table 7-1) and of RTP's structures around them (RFC 6184 table 1).
pub(super) mod kind {
    pub(crate) const IDR_SLICE: u8 = 5;
    pub(crate) const SEQUENCE_PARAMETERS: u8 = 7;
    pub(crate) const PICTURE_PARAMETERS: u8 = 8;
    pub(crate) const DELIMITER: u8 = 9;
    pub(crate) const STAP_A: u8 = 24;
    pub(crate) const FU_A: u8 = 28;
}

/// Type of a NAL unit, from its first byte.
pub(super) fn kind_of(header: u8) -> u8 {
    header & 0x1f
}

/// A payload, taken apart.
enum Structure<'a> {
    Single(&'a [u8]),
    Several(Several<'a>),
    Fragment { header: u8, begins: bool, part: &'a [u8] },
}

/// The NAL units of a STAP-A, each behind its length.
struct Several<'a>(&'a [u8]);

impl<'a> Iterator for Several<'a> {
    type Item = Result<&'a [u8], PayloadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let unit = match self.0 {
            [] => return None,
            [high, low, rest @ ..] => {
                let len = usize::from(u16::from_be_bytes([*high, *low]));
                rest.split_at_checked(len).filter(|(unit, _)| !unit.is_empty())
            }
            _ => None,
        };
        let Some((unit, rest)) = unit else {
            self.0 = &[];
            return Some(Err(PayloadError::CutOff));
        };
        self.0 = rest;
        Some(Ok(unit))
    }
}

impl<'a> Structure<'a> {
    fn read(payload: &'a [u8]) -> Result<Self, PayloadError> {
        let (&header, rest) = payload.split_first().ok_or(PayloadError::CutOff)?;
        match kind_of(header) {
            kind::STAP_A => Ok(Self::Several(Several(rest))),
            kind::FU_A => {
                let (&fragment, part) = rest.split_first().ok_or(PayloadError::CutOff)?;
                // How important it is stands in the outer header, its type in the inner one.
                let header = header & 0xe0 | kind_of(fragment);
                Ok(Self::Fragment { header, begins: fragment & 0x80 != 0, part })
            }
            1..=23 => Ok(Self::Single(payload)),
            other => Err(PayloadError::Structure(other)),
        }
    }
}

/// What a packet says of its frame. Where one begins, H.264 does not say: it is where the one before ends.
pub(super) fn read(payload: &[u8]) -> Result<Piece, PayloadError> {
    let mut piece = Piece::default();
    let mut note = |unit: &[u8]| {
        let Some(&header) = unit.first() else { return };
        match kind_of(header) {
            kind::IDR_SLICE => piece.is_key = true,
            kind::SEQUENCE_PARAMETERS => {
                // Nothing but a frame's first packets has parameters.
                piece.begins = true;
                piece.size = parameters::size(unit);
            }
            _ => {}
        }
    };
    match Structure::read(payload)? {
        Structure::Single(unit) => note(unit),
        Structure::Several(units) => {
            for unit in units {
                note(unit?);
            }
        }
        Structure::Fragment { header, .. } => note(&[header]),
    }
    Ok(piece)
}

/// Appends what a packet carries, in Annex B form.
pub(super) fn append(payload: &[u8], frame: &mut Vec<u8>) -> Result<(), PayloadError> {
    let mut begin = |unit: &[u8]| {
        frame.extend_from_slice(&START_CODE);
        frame.extend_from_slice(unit);
    };
    match Structure::read(payload)? {
        Structure::Single(unit) => begin(unit),
        Structure::Several(units) => {
            for unit in units {
                begin(unit?);
            }
        }
        Structure::Fragment { header, begins: true, part } => {
            begin(&[header]);
            frame.extend_from_slice(part);
        }
        Structure::Fragment { begins: false, .. } if frame.is_empty() => return Err(PayloadError::Fragment),
        Structure::Fragment { part, .. } => frame.extend_from_slice(part),
    }
    Ok(())
}

/// Whether the first slice of a frame in Annex B form is one of a key frame.
pub(super) fn is_key(mut frame: &[u8]) -> bool {
    while let Some((_, after)) = start_code(frame) {
        frame = &frame[after..];
        match frame.first().map(|header| kind_of(*header)) {
            Some(kind::IDR_SLICE) => return true,
            Some(1..kind::IDR_SLICE) => return false,
            _ => {}
        }
    }
    false
}

/// The NAL units of a frame in Annex B form, behind start codes of either length.
pub(super) struct Units<'a>(&'a [u8]);

impl<'a> Units<'a> {
    /// What stands before the first start code is none of it.
    pub(super) fn of(frame: &'a [u8]) -> Self {
        Self(start_code(frame).map_or(&[], |(_, after)| &frame[after..]))
    }
}

/// Where the first start code begins and ends, the zeros before it included.
fn start_code(bytes: &[u8]) -> Option<(usize, usize)> {
    let at = bytes.windows(3).position(|three| three == [0, 0, 1])?;
    let zeros = bytes[..at].iter().rev().take_while(|byte| **byte == 0).count();
    Some((at - zeros, at + 3))
}

impl<'a> Iterator for Units<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            if self.0.is_empty() {
                return None;
            }
            let (end, next) = start_code(self.0).unwrap_or((self.0.len(), self.0.len()));
            let (unit, rest) = (&self.0[..end], &self.0[next..]);
            self.0 = rest;
            if !unit.is_empty() {
                return Some(unit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_become_annex_b() {
        let mut frame = Vec::new();
        append(&[kind::STAP_A, 0, 2, 0x67, 1, 0, 1, 0x68], &mut frame).unwrap();
        append(&[0x60 | kind::FU_A, 0x80 | 5, 7, 8], &mut frame).unwrap();
        append(&[0x60 | kind::FU_A, 0x40 | 5, 9], &mut frame).unwrap();
        append(&[0x41, 3], &mut frame).unwrap();
        let expected =
            [0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 0, 0, 0, 1, 0x65, 7, 8, 9, 0, 0, 0, 1, 0x41, 3];
        assert_eq!(frame, expected);
        let units: Vec<_> = Units::of(&frame).collect();
        assert_eq!(units, [&[0x67, 1][..], &[0x68], &[0x65, 7, 8, 9], &[0x41, 3]]);
    }

    #[test]
    fn short_start_codes_and_what_stands_around_them_are_told_apart() {
        let units: Vec<_> = Units::of(&[9, 0, 0, 1, 0x41, 0, 0, 0, 0, 1, 0x42, 0, 0, 1]).collect();
        assert_eq!(units, [[0x41], [0x42]]);
        assert_eq!(Units::of(&[0, 0, 0]).count(), 0);
        assert_eq!(Units::of(&[]).count(), 0);
    }

    #[test]
    fn what_was_not_agreed_on_or_is_cut_off_is_refused() {
        let refused = |payload: &[u8]| append(payload, &mut Vec::new()).unwrap_err();
        assert_eq!(refused(&[]), PayloadError::CutOff);
        assert_eq!(refused(&[kind::STAP_A, 0, 9, 0x41]), PayloadError::CutOff);
        assert_eq!(refused(&[kind::STAP_A, 0]), PayloadError::CutOff);
        assert_eq!(refused(&[kind::STAP_A, 0, 0]), PayloadError::CutOff);
        assert_eq!(refused(&[kind::FU_A]), PayloadError::CutOff);
        assert_eq!(refused(&[kind::FU_A, 0x05, 1]), PayloadError::Fragment);
        assert_eq!(refused(&[29, 0x85, 1]), PayloadError::Structure(29));
        assert_eq!(refused(&[0]), PayloadError::Structure(0));
    }

    #[test]
    fn a_part_of_an_idr_slice_is_key() {
        assert!(read(&[0x60 | kind::FU_A, 0x05, 1]).unwrap().is_key, "in the middle of one, too");
        assert!(!read(&[0x41, 1]).unwrap().is_key);
    }
}
