//! Files of each kind, whole, cut off, broken and made up.

use ogg::writing::{PacketWriteEndInfo, PacketWriter};
use proptest::prelude::*;

use super::super::Sound;
use super::*;
use crate::audio::opus::{MAX_PACKET_LEN, OpusEncoder};
use crate::settings::OpusSettings;

const WAV: &[u8] = include_bytes!("../../../../../../assets/announcement.wav");
const MP3: &[u8] = include_bytes!("../../../../tests/fixtures/announcement.mp3");
const FLAC: &[u8] = include_bytes!("../../../../tests/fixtures/announcement.flac");
const OPUS: &[u8] = include_bytes!("../../../../tests/fixtures/announcement.opus");
const KINDS: [(&str, &[u8]); 4] = [("wav", WAV), ("mp3", MP3), ("flac", FLAC), ("opus", OPUS)];

/// The sound of a file, read in spans of this many samples.
fn read_in_spans(file: &[u8], rate: SampleRate, span: usize) -> Result<Vec<i16>, SoundError> {
    let mut reader = SoundReader::new(Cursor::new(file.to_vec()))?.at_rate(rate)?;
    let (mut all, mut samples) = (Vec::new(), vec![0; span]);
    loop {
        let read = reader.read(&mut samples)?;
        all.extend_from_slice(&samples[..read]);
        if read < span {
            assert_eq!(reader.read(&mut samples)?, 0, "behind the end there is nothing");
            return Ok(all);
        }
    }
}

/// How alike two sounds are: 1 when they differ by loudness only.
fn likeness(one: &[i16], other: &[i16]) -> f64 {
    let product = |one: &[i16], other: &[i16]| {
        one.iter().zip(other).map(|(&one, &other)| f64::from(one) * f64::from(other)).sum::<f64>()
    };
    product(one, other) / (product(one, one) * product(other, other)).sqrt()
}

#[test]
fn each_kind_of_file_is_the_sound_that_it_was_made_from_at_any_rate() {
    for (kind, file) in KINDS {
        for rate in [8_000, 16_000, 44_100, 48_000].map(|hz| SampleRate::new(hz).unwrap()) {
            let original = Sound::read_wav(WAV).unwrap().resampled(rate).unwrap();
            let read = read_in_spans(file, rate, 4_800).unwrap();
            let missing = read.len().abs_diff(original.samples().len());
            assert!(
                missing <= 3,
                "{kind} at {rate}: {} samples, not {}",
                read.len(),
                original.samples().len()
            );
            let likeness = likeness(&read, original.samples());
            // Opus keeps what is heard and not the wave: what ffmpeg decodes is 0.93 like it, and half a sample makes 0.03.
            let least = if kind == "opus" { 0.85 } else { 0.97 };
            assert!(likeness > least, "{kind} at {rate}: {likeness:.3}");
            let loudness = |samples: &[i16]| crate::rtp::AudioLevel::of(samples);
            assert!(
                loudness(&read).minus_dbov().abs_diff(loudness(original.samples()).minus_dbov()) <= 1,
                "{kind} at {rate}: {:?}",
                loudness(&read)
            );
        }
    }
}

#[test]
fn a_sound_is_the_same_as_a_whole_and_in_spans_of_any_length() {
    for (kind, file) in KINDS {
        let whole = Sound::read(Cursor::new(file)).unwrap();
        for span in [1, 319, 320, 50_000] {
            let spans = read_in_spans(file, whole.sample_rate(), span).unwrap();
            assert!(spans == whole.samples(), "{kind} in spans of {span}");
        }
    }
    let whole = Sound::read(Cursor::new(WAV)).unwrap();
    assert_eq!(whole, Sound::read_wav(WAV).unwrap(), "a WAV file is read to the bit");
}

#[test]
fn a_file_that_is_cut_off_is_read_up_to_there() {
    for (kind, file) in KINDS {
        let whole = Sound::read(Cursor::new(file)).unwrap();
        let half = read_in_spans(&file[..file.len() * 2 / 3], whole.sample_rate(), 1_000).unwrap();
        let share = half.len() as f64 / whole.samples().len() as f64;
        assert!((0.3..0.8).contains(&share), "{kind}: {share:.2} of it");
        let same = half.len() - 3_000;
        assert!(likeness(&half[..same], &whole.samples()[..same]) > 0.99, "{kind}");
    }
}

#[test]
fn what_is_no_sound_is_refused_in_words() {
    let said = |file: &[u8]| Sound::read(Cursor::new(file.to_vec())).unwrap_err().to_string();
    assert!(said(b"").contains("not a WAV, MP3, FLAC or Ogg Opus"), "{}", said(b""));
    assert!(said(&[7; 5_000]).contains("not a WAV, MP3, FLAC or Ogg Opus"), "{}", said(&[7; 5_000]));
    assert!(said(b"OggS").contains("no Opus stream"), "{}", said(b"OggS"));
    let mut fast = WAV.to_vec();
    fast[24..28].copy_from_slice(&500_000_u32.to_le_bytes());
    assert!(said(&fast).contains("500000 Hz"), "{}", said(&fast));
}

/// An Ogg file of our own: the head, comments, and `seconds` of a tone in packets of 20 ms, the last page at `granule`.
struct Ogg {
    head: Vec<u8>,
    packets: Vec<Vec<u8>>,
    /// Granule position before the first packet.
    begins_at: u64,
    /// Granule position of the last page, from the first packet.
    lasts: u64,
    serial: u32,
}

impl Ogg {
    fn new() -> Self {
        let mut encoder = OpusEncoder::new(SampleRate::HZ_48000, &OpusSettings::default()).unwrap();
        let mut packet = [0; MAX_PACKET_LEN];
        let step = 400.0 * std::f64::consts::TAU / 48_000.0;
        let packets = (0..50)
            .map(|frame| {
                let pcm: Vec<i16> =
                    (0..960).map(|i| ((f64::from(frame * 960 + i) * step).sin() * 8_000.0) as i16).collect();
                let len = encoder.encode(&pcm, &mut packet).unwrap();
                packet[..len].to_vec()
            })
            .collect();
        // Version 1, one channel, a pre-skip of 312, 48 kHz, no gain, mapping 0.
        let head = b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0".to_vec();
        Self { head, packets, begins_at: 0, lasts: 48_000, serial: 1 }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = PacketWriter::new(&mut file);
        let tags = b"OpusTags\0\0\0\0\0\0\0\0".to_vec();
        writer.write_packet(self.head.clone(), self.serial, PacketWriteEndInfo::EndPage, 0).unwrap();
        writer.write_packet(tags, self.serial, PacketWriteEndInfo::EndPage, 0).unwrap();
        for (index, packet) in self.packets.iter().enumerate() {
            let last = index + 1 == self.packets.len();
            let behind = (index as u64 + 1) * 960;
            let granule = self.begins_at + if last { self.lasts } else { behind };
            let end = match (last, index % 10) {
                (true, _) => PacketWriteEndInfo::EndStream,
                (_, 9) => PacketWriteEndInfo::EndPage,
                _ => PacketWriteEndInfo::NormalPacket,
            };
            writer.write_packet(packet.clone(), self.serial, end, granule).unwrap();
        }
        file
    }

    fn read(&self) -> Result<Vec<i16>, SoundError> {
        read_in_spans(&self.bytes(), SampleRate::HZ_48000, 1_000)
    }
}

#[test]
fn the_pre_skip_and_what_is_behind_the_last_granule_position_are_left_out() {
    let mut ogg = Ogg::new();
    assert_eq!(ogg.read().unwrap().len(), 48_000 - 312);
    ogg.lasts = 47_700;
    assert_eq!(ogg.read().unwrap().len(), 47_700 - 312);
    ogg.begins_at = 1_000_000;
    assert_eq!(ogg.read().unwrap().len(), 47_700 - 312, "a recording of a broadcast");
    ogg.lasts = 0;
    assert_eq!(ogg.read().unwrap().len(), 40 * 960 - 312, "no page takes back what those before it gave");
}

#[test]
fn the_gain_of_the_header_is_applied() {
    let mut ogg = Ogg::new();
    let plain = ogg.read().unwrap();
    // -6.02 dB in 256ths.
    ogg.head[16..18].copy_from_slice(&(-1_541_i16).to_le_bytes());
    let quiet = ogg.read().unwrap();
    assert!(plain.iter().zip(&quiet).all(|(&plain, &quiet)| (plain / 2 - quiet).abs() <= 2));
}

#[test]
fn streams_one_after_the_other_are_heard_one_after_the_other_and_streams_beside_it_are_not() {
    let (first, mut second) = (Ogg::new(), Ogg::new());
    second.serial = 2;
    let alone = first.read().unwrap();
    let chained = [first.bytes(), second.bytes()].concat();
    assert_eq!(read_in_spans(&chained, SampleRate::HZ_48000, 1_000).unwrap(), alone.repeat(2));
    second.packets.truncate(1);
    let mut beside = first.bytes();
    let head_page = 28 + first.head.len();
    beside.splice(head_page..head_page, second.bytes());
    assert_eq!(read_in_spans(&beside, SampleRate::HZ_48000, 1_000).unwrap(), alone);
}

#[test]
fn a_damaged_packet_is_made_up_and_counted() {
    let mut ogg = Ogg::new();
    // A code 3 packet of more than 120 ms (RFC 6716 section 3.2.5).
    ogg.packets[20] = vec![0b0100_1011, 48];
    let mut reader = SoundReader::new(Cursor::new(ogg.bytes())).unwrap();
    let mut samples = vec![0; 96_000];
    assert_eq!(reader.read(&mut samples).unwrap(), 48_000 - 312);
    assert_eq!(reader.damaged_packets(), 1);
}

#[test]
fn heads_and_packets_that_the_format_does_not_allow_are_refused() {
    let refused = |change: &dyn Fn(&mut Ogg)| {
        let mut ogg = Ogg::new();
        change(&mut ogg);
        ogg.read().unwrap_err().to_string()
    };
    for (change, said) in [
        (&(|ogg: &mut Ogg| ogg.head[8] = 16) as &dyn Fn(&mut Ogg), "version 16 is not known"),
        (&|ogg: &mut Ogg| ogg.head[9] = 6, "6 channels in mapping 0 are not read"),
        (&|ogg: &mut Ogg| ogg.head[18] = 1, "1 channels in mapping 1 are not read"),
        (&|ogg: &mut Ogg| ogg.head.truncate(12), "its header is too short"),
        (&|ogg: &mut Ogg| ogg.head = b"vorbis".to_vec(), "there is no Opus stream in it"),
        (&|ogg: &mut Ogg| ogg.packets[30] = vec![0; 20 << 20], "a packet in it has no end"),
    ] {
        assert!(refused(change).contains(said), "{}, not {said}", refused(change));
    }
}

#[test]
fn a_gap_between_pages_and_a_wrong_checksum_are_refused() {
    let mut broken = OPUS.to_vec();
    let at = broken.len() / 2;
    broken[at] ^= 1;
    assert!(matches!(read_in_spans(&broken, SampleRate::HZ_48000, 100), Err(SoundError::OggOpus { .. })));
}

/// The library's reader multiplies them before it looks, in 16 bits; wherever the format stands, and behind any other chunk.
#[test]
fn more_channels_than_anybody_records_with_are_refused() {
    let format = |channels: u16| {
        [
            &b"fmt \x10\0\0\0\x01\0"[..],
            &channels.to_le_bytes(),
            &[0x80, 0x3e, 0, 0, 0, 0x7d, 0, 0, 2, 0, 16, 0],
        ]
        .concat()
    };
    let odd_chunk = b"junk\x03\0\0\0abc\0";
    for (before, channels) in [(&b""[..], 0x8001), (odd_chunk, 0x8001), (b"", 33)] {
        let wav = [b"RIFF\0\x10\0\0WAVE", before, &format(channels), b"data\0\x08\0\0", &[0; 2048]].concat();
        let refused = read_in_spans(&wav, SampleRate::HZ_16000, 100).unwrap_err();
        assert!(refused.to_string().contains("channels"), "{channels}: {refused}");
    }
    let stereo = [b"RIFF\0\x10\0\0WAVE", &odd_chunk[..], &format(2), b"data\0\x08\0\0", &[0; 2048]].concat();
    assert_eq!(read_in_spans(&stereo, SampleRate::HZ_16000, 100).unwrap().len(), 512);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is changed in a file: it is read, or refused, and ends.
    #[test]
    fn no_file_panics(
        kind in 0_usize..4,
        changes in proptest::collection::vec((prop_oneof![0_usize..200, 0_usize..12_000], any::<u8>()), 1..12),
        len in prop_oneof![0_usize..300, Just(12_000)],
    ) {
        let mut bytes = KINDS[kind].1[..12_000.min(KINDS[kind].1.len())].to_vec();
        for (at, byte) in changes {
            if let Some(old) = bytes.get_mut(at) { *old = byte; }
        }
        bytes.truncate(len);
        if let Ok(samples) = read_in_spans(&bytes, SampleRate::HZ_16000, 1_000) {
            // The least that a second of 4 kHz takes in any of them.
            prop_assert!(samples.len() < 16_000 * 600, "{} samples of {} bytes", samples.len(), bytes.len());
        }
    }

    #[test]
    fn no_junk_panics(kind in 0_usize..5, junk in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let magic: [&[u8]; 5] = [b"OggS", b"RIFF\0\x10\0\0WAVEfmt ", b"fLaC", b"\xff\xfb\x90", b"ID3\x04\0\0"];
        let bytes = [magic[kind], &junk].concat();
        let _ = read_in_spans(&bytes, SampleRate::HZ_16000, 1_000);
    }
}
