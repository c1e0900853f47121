//! Opus in Ogg (RFC 7845): pages come apart in the library `ogg`, packets are decoded by our own codec.
//!
//! Streams one after the other (chained) are heard one after the other; of streams side by side, the first of Opus is.

use std::io::{self, Read};

use ogg::reading::{BasePacketReader, PageParser};

use super::{Blocks, SoundError};
use crate::audio::opus::{self, OpusDecoder};
use crate::units::SampleRate;

/// Bytes of a page before its table of segments (RFC 3533 section 6).
const PAGE_HEADER: usize = 27;

/// Pages that one packet may be spread over: 16 MB, for a picture in the comments. A packet without end would fill the memory.
const MOST_PAGES_A_PACKET: u32 = 256;

/// Rate that is decoded at, which is that of granule positions (RFC 7845 section 4).
const RATE: SampleRate = SampleRate::HZ_48000;

/// The first Opus stream of a file.
pub(super) struct OggOpus {
    file: Box<dyn Read + Send>,
    stream: Option<Stream>,
    damaged: u64,
}

/// One logical stream.
struct Stream {
    serial: u32,
    packets: BasePacketReader,
    head: Head,
    decoder: OpusDecoder,
    /// The comments came, and the next packet is sound.
    tagged: bool,
    /// Pages since the last packet.
    pages: u32,
    /// Samples that are still to be left out at the beginning.
    skip: u64,
    /// Samples decoded, with those left out.
    decoded: u64,
    /// The granule position of the first sample; `None` before the first page with sound.
    begins_at: Option<u64>,
}

/// What the first packet says (RFC 7845 section 5.1).
struct Head {
    pre_skip: u16,
    gain: f32,
}

impl Head {
    fn read(packet: &[u8]) -> Result<Self, SoundError> {
        let (magic, rest) =
            packet.split_first_chunk::<8>().ok_or_else(|| wrong("its header is too short"))?;
        if magic != b"OpusHead" {
            return Err(wrong("it does not begin with an OpusHead"));
        }
        let [version, channels, skip0, skip1, _, _, _, _, gain0, gain1, family, ..] = *rest else {
            return Err(wrong("its header is too short"));
        };
        match (version, family, channels) {
            (16.., ..) => Err(wrong(&format!("version {version} is not known"))),
            (_, 0, 1 | 2) => {
                // Decibels in 256ths.
                let gain = f32::from(i16::from_le_bytes([gain0, gain1])) / 256.0;
                Ok(Self { pre_skip: u16::from_le_bytes([skip0, skip1]), gain: 10_f32.powf(gain / 20.0) })
            }
            _ => Err(wrong(&format!(
                "{channels} channels in mapping {family} are not read, one or two in 0 are"
            ))),
        }
    }
}

/// A page as it stands in the file.
struct Page {
    begins: bool,
    ends: bool,
    granule: u64,
    serial: u32,
    parser: PageParser,
    segments: Vec<u8>,
}

impl OggOpus {
    pub(super) fn open(file: impl Read + Send + 'static) -> Result<Self, SoundError> {
        let mut this = Self { file: Box::new(file), stream: None, damaged: 0 };
        // Until it is known that there is Opus in it.
        let mut block = Vec::new();
        while this.stream.is_none() {
            if !this.next(&mut block)? {
                return Err(wrong("there is no Opus stream in it"));
            }
        }
        Ok(this)
    }

    /// The next page without its body; `None` at the end, also at one that cuts a page off.
    fn next_page(&mut self) -> Result<Option<Page>, SoundError> {
        let mut header = [0; PAGE_HEADER];
        if !fill(&mut self.file, &mut header)? {
            return Ok(None);
        }
        // Pattern, version, flags, granule position, serial and page number, checksum, segments.
        let [b'O', b'g', b'g', b'S', _, flags, granule @ .., s0, s1, s2, s3, _, _, _, _, _, _, _, _, _] =
            header
        else {
            return Err(wrong("a page does not begin where the one before ends"));
        };
        let (parser, segments) = PageParser::new(header).map_err(refused)?;
        let mut table = vec![0; segments];
        if !fill(&mut self.file, &mut table)? {
            return Ok(None);
        }
        Ok(Some(Page {
            begins: flags & 0x02 != 0,
            ends: flags & 0x04 != 0,
            granule: u64::from_le_bytes(granule),
            serial: u32::from_le_bytes([s0, s1, s2, s3]),
            parser,
            segments: table,
        }))
    }
}

impl Blocks for OggOpus {
    fn rate(&self) -> SampleRate {
        RATE
    }

    fn next(&mut self, block: &mut Vec<f32>) -> Result<bool, SoundError> {
        let Some(mut page) = self.next_page()? else { return Ok(false) };
        let mut body = vec![0; page.parser.parse_segments(page.segments)];
        if !fill(&mut self.file, &mut body)? {
            return Ok(false);
        }
        let page_of = page.parser.parse_packet_data(body).map_err(refused)?;
        if page.begins && self.stream.is_none() {
            let mut packets = BasePacketReader::new();
            packets.push_page(page_of).map_err(refused)?;
            let first = packets.read_packet().map(|packet| packet.data).unwrap_or_default();
            if first.starts_with(b"OpusHead") {
                self.stream = Some(Stream::new(page.serial, packets, Head::read(&first)?)?);
            }
            return Ok(true);
        }
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.serial == page.serial) else {
            return Ok(true);
        };
        stream.packets.push_page(page_of).map_err(refused)?;
        self.damaged += stream.hear(page.granule, page.ends, block)?;
        if page.ends {
            self.stream = None;
        }
        Ok(true)
    }

    fn damaged(&self) -> u64 {
        self.damaged
    }
}

impl Stream {
    fn new(serial: u32, packets: BasePacketReader, head: Head) -> Result<Self, SoundError> {
        let decoder = OpusDecoder::new(RATE).map_err(|error| wrong(&error.to_string()))?;
        let skip = u64::from(head.pre_skip);
        Ok(Self {
            serial,
            packets,
            head,
            decoder,
            tagged: false,
            pages: 0,
            skip,
            decoded: 0,
            begins_at: None,
        })
    }

    /// Decodes the packets that a page completes; returns how many were damaged.
    fn hear(&mut self, granule: u64, ends: bool, block: &mut Vec<f32>) -> Result<u64, SoundError> {
        let before = block.len();
        let mut damaged = 0;
        self.pages += 1;
        while let Some(packet) = self.packets.read_packet() {
            self.pages = 0;
            if !std::mem::replace(&mut self.tagged, true) {
                if !packet.data.starts_with(b"OpusTags") {
                    return Err(wrong("its second packet is no OpusTags"));
                }
                continue;
            }
            damaged += u64::from(!self.decode(&packet.data, block));
        }
        if self.pages > MOST_PAGES_A_PACKET {
            return Err(wrong("a packet in it has no end"));
        }
        self.trim(granule, ends, before, block);
        Ok(damaged)
    }

    /// Appends what a packet holds; `false` when it is no Opus, and what is missing was made up.
    fn decode(&mut self, packet: &[u8], block: &mut Vec<f32>) -> bool {
        let longest =
            RATE.samples_in(std::time::Duration::from_millis(opus::MAX_PACKET_MILLIS.into())) as usize;
        let mut pcm = vec![0; longest];
        let decoded = if packet.is_empty() { None } else { self.decoder.decode(packet, &mut pcm) };
        let frame = opus::RTP_TICKS_PER_FRAME as usize;
        let samples = decoded.or_else(|| self.decoder.conceal(&mut pcm[..frame])).unwrap_or(frame);
        self.decoded += samples as u64;
        block.extend(pcm[..samples].iter().map(|&sample| f32::from(sample) * self.head.gain));
        decoded.is_some()
    }

    /// Leaves out what stands before the stream's beginning and behind its end (RFC 7845 sections 4.2 to 4.5).
    fn trim(&mut self, granule: u64, ends: bool, before: usize, block: &mut Vec<f32>) {
        if block.len() == before {
            return;
        }
        let begins_at = *self.begins_at.get_or_insert_with(|| {
            // A recording of a broadcast does not begin at zero; one that ends on its first page does.
            if ends { 0 } else { granule.saturating_sub(self.decoded) }
        });
        // A page on which no packet ends says -1.
        if ends && granule != u64::MAX {
            let too_many = (begins_at + self.decoded).saturating_sub(granule) as usize;
            block.truncate(block.len().saturating_sub(too_many).max(before));
        }
        let skipped = self.skip.min((block.len() - before) as u64);
        self.skip -= skipped;
        block.drain(before..before + skipped as usize);
    }
}

/// Fills `bytes`; `false` at the end of the file.
fn fill(file: &mut impl Read, bytes: &mut [u8]) -> Result<bool, SoundError> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(SoundError::Io(error)),
    }
}

fn wrong(problem: &str) -> SoundError {
    SoundError::OggOpus { problem: problem.to_owned() }
}

fn refused(error: ogg::OggReadError) -> SoundError {
    wrong(&error.to_string())
}
