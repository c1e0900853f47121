//! What a far end shows: a film, cut into the payloads that its packets carry. The stack cuts it, not the engine: the two cannot
//! agree on a mistake.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rtc::rtp::codec::h264::H264Payloader;
use rtc::rtp::codec::vp8::Vp8Payloader;
use rtc::rtp::packetizer::Payloader;

use crate::bridge::Codec;

/// The moving pattern: 25 pictures a second, each 25th a key frame; `assets/README.md` says where it comes from.
const PATTERN_VP8: &[u8] = include_bytes!("../../../../assets/pattern.ivf");
const PATTERN_H264: &[u8] = include_bytes!("../../../../assets/pattern.h264");

/// Pictures a second of a file that does not say so.
const RATE: u32 = 25;

/// What fits into a packet on any path, with room for headers.
const LONGEST: usize = 1_200;

/// A film that a far end shows over and over, silently: pictures of a camera, in H.264, VP8 or both.
#[derive(Debug)]
pub struct Film {
    between: Duration,
    versions: Vec<Version>,
}

/// All pictures in one codec.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) codec: Codec,
    pictures: Vec<Picture>,
}

/// A picture, as the payloads of its packets.
#[derive(Debug)]
struct Picture {
    is_key: bool,
    payloads: Vec<Bytes>,
}

/// Why a film cannot be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilmError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is neither an IVF file of VP8 nor a stream of H.264.
    #[error("{path} is neither VP8 in an IVF file nor H.264 with start codes (Annex B)")]
    Format {
        /// Which.
        path: PathBuf,
    },
    /// It cannot begin: a film begins with a key frame.
    #[error("{path} does not begin with a key frame")]
    NoKeyFrame {
        /// Which.
        path: PathBuf,
    },
}

impl Film {
    /// A moving pattern, 640 x 360 with 25 pictures a second, in H.264 (constrained baseline) and VP8.
    pub fn pattern() -> Arc<Self> {
        let versions = [(Codec::H264, h264(PATTERN_H264)), (Codec::Vp8, vp8(PATTERN_VP8).1)];
        let versions = versions.map(|(codec, pictures)| Version { codec, pictures });
        Arc::new(Self { between: Duration::from_secs(1) / RATE, versions: versions.into() })
    }

    /// A film in one codec: VP8 in an IVF file with its rate, or H.264 with start codes (Annex B), 25 pictures a second. Whoever cannot
    /// read the codec sees nothing of it.
    ///
    /// # Errors
    /// When the file cannot be read, is neither, or does not begin with a key frame.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, FilmError> {
        let path = || path.as_ref().to_owned();
        let file = std::fs::read(path()).map_err(|source| FilmError::File { path: path(), source })?;
        let (between, version) = if file.starts_with(b"DKIF") {
            let (between, pictures) = if is_vp8(&file) { vp8(&file) } else { Default::default() };
            (between, Version { codec: Codec::Vp8, pictures })
        } else {
            (Duration::from_secs(1) / RATE, Version { codec: Codec::H264, pictures: h264(&file) })
        };
        match version.pictures.first() {
            None => Err(FilmError::Format { path: path() }),
            Some(first) if !first.is_key => Err(FilmError::NoKeyFrame { path: path() }),
            Some(_) => Ok(Self { between, versions: vec![version] }),
        }
    }

    /// From one picture to the next.
    pub(crate) fn between(&self) -> Duration {
        self.between
    }

    /// The same film in each codec.
    pub(crate) fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The place of the next key frame, from `place` on. Without an end: behind the last picture comes the first.
    pub(crate) fn next_key_frame(&self, place: usize) -> usize {
        let Some(version) = self.versions.first() else { return place };
        let len = version.pictures.len();
        (place..place + len).find(|place| version.pictures[place % len].is_key).unwrap_or(place)
    }
}

impl Version {
    /// The payloads of the picture at `place`. Without an end.
    pub(crate) fn payloads(&self, place: usize) -> &[Bytes] {
        &self.pictures[place % self.pictures.len()].payloads
    }
}

/// Whether an IVF file says that VP8 is in it.
fn is_vp8(file: &[u8]) -> bool {
    file.get(8..12) == Some(b"VP80")
}

/// The pictures of an IVF file of VP8, and what is between two of them: behind a header of 32 bytes each stands behind its length and
/// 8 bytes of its time. What is cut off is left out.
fn vp8(file: &[u8]) -> (Duration, Vec<Picture>) {
    let mut between = Duration::from_secs(1) / RATE;
    let Some((header, mut rest)) = file.split_first_chunk::<32>() else { return (between, Vec::new()) };
    let [.., a, b, c, d, e, f, g, h, _, _, _, _, _, _, _, _] = *header;
    let (per_second, ticks) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
    if per_second > 0 && (1..=per_second).contains(&ticks) {
        between = Duration::from_secs(1) * ticks / per_second;
    }
    let mut pictures = Vec::new();
    while let Some((header, behind)) = rest.split_first_chunk::<12>() {
        let [a, b, c, d, ..] = *header;
        let Some((frame, next)) = behind.split_at_checked(u32::from_le_bytes([a, b, c, d]) as usize) else {
            break;
        };
        // The lowest bit of a frame says that it is no key frame (RFC 6386 section 9.1).
        let is_key = frame.first().is_some_and(|byte| byte & 1 == 0);
        let payloads = Vp8Payloader::default().payload(LONGEST, &Bytes::copy_from_slice(frame));
        pictures.push(Picture { is_key, payloads: payloads.unwrap_or_default() });
        rest = next;
    }
    (between, pictures)
}

/// The pictures of a stream of H.264.
fn h264(file: &[u8]) -> Vec<Picture> {
    let (mut pictures, mut units) = (Vec::new(), Units::default());
    for unit in units_of(file) {
        if units.end_before(unit) {
            pictures.push(std::mem::take(&mut units).picture());
        }
        units.take(unit);
    }
    if units.has_slice {
        pictures.push(units.picture());
    }
    pictures
}

/// The NAL units of a stream with start codes (ITU-T H.264 annex B); zeros before a start code are no part of a unit.
pub(super) fn units_of(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts = file.windows(3).enumerate().filter(|(_, bytes)| **bytes == [0, 0, 1]);
    let starts: Vec<usize> = starts.map(|(place, _)| place).collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([file.len()]).collect();
    let unit = move |(start, end): (usize, usize)| {
        let unit = &file[start + 3..end];
        let zeros = unit.iter().rev().take_while(|byte| **byte == 0).count();
        &unit[..unit.len() - zeros]
    };
    starts.into_iter().zip(ends).map(unit).filter(|unit| !unit.is_empty())
}

/// The NAL units of a picture, with start codes.
#[derive(Default)]
struct Units {
    joined: BytesMut,
    has_slice: bool,
    is_key: bool,
}

impl Units {
    /// Whether `unit` is of the next picture (ITU-T H.264 section 7.4.1.2.3, for what encoders make): parameter sets, delimiters and
    /// messages stand before slices, and the first slice of a picture is that of its first macroblock.
    fn end_before(&self, unit: &[u8]) -> bool {
        let is_first_slice = || unit.get(1).is_some_and(|byte| byte & 0x80 != 0);
        self.has_slice
            && match kind(unit) {
                1 | 5 => is_first_slice(),
                6..=9 => true,
                _ => false,
            }
    }

    fn take(&mut self, unit: &[u8]) {
        self.joined.extend_from_slice(&[0, 0, 0, 1]);
        self.joined.extend_from_slice(unit);
        self.has_slice |= matches!(kind(unit), 1 | 5);
        self.is_key |= kind(unit) == 5;
    }

    fn picture(self) -> Picture {
        let payloads = H264Payloader::default().payload(LONGEST, &self.joined.freeze());
        Picture { is_key: self.is_key, payloads: payloads.unwrap_or_default() }
    }
}

/// The type of a NAL unit (ITU-T H.264 table 7-1).
fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |byte| byte & 0x1f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_has_a_key_frame_each_second_in_both_codecs_and_fits_into_packets() {
        let film = Film::pattern();
        for version in film.versions() {
            let keys = version.pictures.iter().enumerate().filter(|(_, picture)| picture.is_key);
            let keys: Vec<usize> = keys.map(|(place, _)| place).collect();
            assert_eq!(
                (version.pictures.len(), &keys[..]),
                (100, &[0, 25, 50, 75][..]),
                "{:?}",
                version.codec
            );
            let payloads = || version.pictures.iter().flat_map(|picture| &picture.payloads);
            assert!(payloads().all(|payload| !payload.is_empty() && payload.len() <= LONGEST));
        }
        assert_eq!(film.between(), Duration::from_millis(40));
        assert_eq!([0, 1, 25, 76].map(|place| film.next_key_frame(place)), [0, 25, 25, 100]);
        assert_eq!(film.versions()[0].payloads(3), film.versions()[0].payloads(103), "over and over");
    }

    #[test]
    fn films_are_read_from_files_of_either_codec() {
        let folder = tempfile::tempdir().unwrap();
        let film = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            Film::from_file(path)
        };
        for (name, bytes, codec) in
            [("a.ivf", PATTERN_VP8, Codec::Vp8), ("a.h264", PATTERN_H264, Codec::H264)]
        {
            let film = film(name, bytes).unwrap();
            let [version] = film.versions() else { panic!() };
            assert_eq!((version.codec, version.pictures.len()), (codec, 100));
            assert_eq!(film.between(), Duration::from_millis(40));
        }
        let cut = film("cut.ivf", &PATTERN_VP8[..PATTERN_VP8.len() - 1]).unwrap();
        assert_eq!(cut.versions()[0].pictures.len(), 99, "what is cut off is left out");
        let error = |name: &str, bytes: &[u8]| film(name, bytes).unwrap_err().to_string();
        assert!(error("text", b"no film").contains("neither"));
        assert!(error("zeros.h264", &[0, 0, 1, 0, 0, 1, 0, 0, 1]).contains("neither"));
        assert!(error("empty.ivf", b"DKIF").contains("neither"));
        let (_, second) = PATTERN_VP8.split_at(32 + 12 + first_len());
        let headless = [&PATTERN_VP8[..32], second].concat();
        assert!(error("late.ivf", &headless).contains("key frame"));
        assert!(matches!(Film::from_file(folder.path().join("none")), Err(FilmError::File { .. })));
    }

    fn first_len() -> usize {
        u32::from_le_bytes(PATTERN_VP8[32..36].try_into().unwrap()) as usize
    }
}
