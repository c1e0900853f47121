//! Films that ffmpeg made: what is read of them, when it is heard and seen, and, with the codecs, pixel by pixel.

use std::io::Cursor;

use offhook_media::SampleRate;
use offhook_media::film::{FilmError, FilmPart, FilmPicture, FilmReader};
use offhook_media::video::{VideoCodec, VideoSize};
use proptest::prelude::*;

const FILMS: [(&str, VideoCodec); 3] =
    [("baseline.mp4", VideoCodec::H264), ("high.mp4", VideoCodec::H264), ("vp8.webm", VideoCodec::Vp8)];

fn bytes(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/video/");
    std::fs::read(format!("{folder}{name}")).expect("the fixtures are there")
}

fn open(bytes: Vec<u8>) -> Result<FilmReader, FilmError> {
    FilmReader::open(Cursor::new(bytes), Some(SampleRate::HZ_16000))
}

/// All pictures of a film, and all of its sound as it is heard from the beginning on.
fn read(mut film: FilmReader) -> Result<(Vec<FilmPicture>, Vec<i16>), FilmError> {
    let (mut pictures, mut sound) = (Vec::new(), Vec::new());
    while let Some(part) = film.next_part()? {
        match part {
            FilmPart::Picture(picture) => pictures.push(picture),
            FilmPart::Sound(part) => {
                sound.resize(SampleRate::HZ_16000.samples_in(part.at) as usize, 0);
                sound.extend(part.samples);
            }
            other => panic!("{other:?}"),
        }
    }
    Ok((pictures, sound))
}

#[test]
fn pictures_and_sound_come_with_their_times() {
    for (name, codec) in FILMS {
        let film = open(bytes(name)).unwrap();
        assert_eq!((film.codec(), film.size()), (Some(codec), Some(VideoSize { width: 160, height: 90 })));
        assert_eq!(film.sample_rate(), Some(SampleRate::HZ_16000));
        let (pictures, sound) = read(film).unwrap();
        // All of it is moved by the 7 ms that Opus has in front.
        let first = pictures[0].at;
        assert!(first.as_millis() <= 7, "{name}: {first:?}");
        let times: Vec<_> = pictures.iter().map(|picture| (picture.at - first).as_millis()).collect();
        assert_eq!(times, (0..60).map(|number| number * 40).collect::<Vec<_>>(), "{name}");
        assert!(pictures[0].is_key && !pictures[1].is_key, "{name}");
        let keys = pictures.iter().filter(|picture| picture.is_key).count();
        assert!((2..10).contains(&keys), "{name}: {keys} key frames");
        let millis = sound.len() / 16;
        assert!((2370..2460).contains(&millis), "{name}: {millis} ms of sound");
        // It is white, and there is a tone, at 0.5 s and 1.5 s.
        for second in 0..2 {
            let quiet = |from: usize, to: usize| sound[from * 16..to * 16].iter().all(|s| s.abs() < 1500);
            let begin = second * 1000 + 500;
            assert!(quiet(begin - 100, begin - 25), "{name}");
            // AAC has its priming in front.
            assert!(!quiet(begin + 5, begin + 40), "{name}: the tone is heard with the picture");
        }
    }
}

#[test]
fn pictures_out_of_order_are_refused_with_what_to_do() {
    let read = read(open(bytes("reordered.mp4")).unwrap());
    let error = read.map(|(pictures, _)| pictures.len()).unwrap_err();
    assert!(matches!(error, FilmError::Reordered { .. }), "{error}");
    assert!(error.to_string().contains("-bf 0"), "{error}");
}

#[test]
fn a_film_of_sound_alone_is_one() {
    let wav = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/announcement.wav")).unwrap();
    let film = open(wav).unwrap();
    assert_eq!((film.codec(), film.sample_rate()), (None, Some(SampleRate::HZ_16000)));
    let (pictures, sound) = read(film).unwrap();
    assert_eq!((pictures.len(), sound.len() / 1600), (0, 23));
}

#[test]
fn what_is_no_film_says_so() {
    for data in [&b""[..], b"no film", &[0; 5000]] {
        assert!(open(data.to_vec()).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_film_panics(
        film in 0..FILMS.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        early: bool,
    ) {
        let mut data = bytes(FILMS[film].0);
        let within = if early { 2000 } else { data.len() };
        for (at, byte) in changes {
            data[at.index(within)] = byte;
        }
        let _ = open(data).and_then(read);
    }
}

/// Both codecs are defined to the bit: what ffmpeg sees is what there is to see.
#[cfg(all(feature = "openh264", feature = "libvpx"))]
#[test]
fn each_pixel_is_decoded_as_ffmpeg_decodes_it() {
    use offhook_media::RtpTime;
    use offhook_media::video::{EncodedVideoFrame, PixelFormat, VideoDecoder};

    for (name, codec) in FILMS {
        let (pictures, _) = read(open(bytes(name)).unwrap()).unwrap();
        let expected = String::from_utf8(bytes(&format!("{name}.adler32"))).unwrap();
        let mut decoder = VideoDecoder::new(PixelFormat::I420, None).unwrap();
        let mut decoded = decoder.picture();
        for (FilmPicture { at, is_key, data }, expected) in pictures.into_iter().zip(expected.lines()) {
            let frame = EncodedVideoFrame::new(codec, is_key, RtpTime(0), data);
            assert!(decoder.decode(&frame, &mut decoded).unwrap(), "{name} at {at:?}");
            assert_eq!(format!("0x{:08x}", adler32(decoded.data())), expected, "{name} at {at:?}");
        }
    }
}

/// As ffmpeg has it: RFC 1950 section 8.2, begun with zeroes.
#[cfg(all(feature = "openh264", feature = "libvpx"))]
fn adler32(data: &[u8]) -> u32 {
    let (low, high) = data.iter().fold((0, 0), |(low, high): (u32, u32), &byte| {
        let low = (low + u32::from(byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

#[test]
fn a_film_can_be_read_at_its_own_rate() {
    let film = FilmReader::open(Cursor::new(bytes("baseline.mp4")), None).unwrap();
    assert_eq!(film.sample_rate(), Some(SampleRate::HZ_44100));
}
