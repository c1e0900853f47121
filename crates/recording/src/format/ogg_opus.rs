//! Opus packets into Ogg pages, as they are (RFC 7845). Pure: pages come out as bytes, each complete in itself.

use std::io;

use ogg::writing::{PacketWriteEndInfo, PacketWriter};

use crate::opus;

/// By how much the output of a decoder lags behind what libopus was given (RFC 7845 section 4.2): 6.5 ms.
pub(crate) const LOOKAHEAD: u64 = 312;

/// Packets of a page at the most: its table has 255 places, and a packet of up to 1275 bytes takes up to six.
const PACKETS_A_PAGE: usize = 40;

/// A stream in the making.
pub(crate) struct OggOpusWriter {
    pages: PacketWriter<'static, Vec<u8>>,
    serial: u32,
    /// The end of what was pushed: samples of a decoder's output, those that are skipped included.
    granule: u64,
    /// The latest packet, which may turn out to end a page.
    held: Option<Vec<u8>>,
    in_page: usize,
}

impl OggOpusWriter {
    /// A stream whose headers say to skip `pre_skip` samples, and these comments.
    ///
    /// # Errors
    /// Never in practice: memory is written to.
    pub(crate) fn new(serial: u32, pre_skip: u16, comments: &[(&str, String)]) -> io::Result<Self> {
        let mut pages = PacketWriter::new(Vec::new());
        pages.write_packet(head(pre_skip), serial, PacketWriteEndInfo::EndPage, 0)?;
        pages.write_packet(tags(comments), serial, PacketWriteEndInfo::EndPage, 0)?;
        Ok(Self { pages, serial, granule: 0, held: None, in_page: 0 })
    }

    /// Adds a packet of so many samples.
    pub(crate) fn push(&mut self, packet: Vec<u8>, samples: u64) -> io::Result<()> {
        let full = self.in_page >= PACKETS_A_PAGE;
        self.write_held(if full { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket })?;
        self.held = Some(packet);
        self.granule += samples;
        Ok(())
    }

    /// Samples pushed so far.
    pub(crate) fn granule(&self) -> u64 {
        self.granule
    }

    /// Ends the page, and gives all pages since it was last asked for.
    pub(crate) fn pages(&mut self) -> io::Result<Vec<u8>> {
        self.write_held(PacketWriteEndInfo::EndPage)?;
        Ok(std::mem::take(self.pages.inner_mut()))
    }

    /// Ends the stream at `end`, which lies in the last packet or behind it; gives the last pages.
    pub(crate) fn finish(&mut self, end: u64) -> io::Result<Vec<u8>> {
        let missing = end.saturating_sub(self.granule).next_multiple_of(opus::QUANTUM);
        // The page that says that it is the last holds a packet.
        let least = if self.held.is_none() { opus::QUANTUM } else { 0 };
        for (packet, samples) in opus::silence(missing.max(least)) {
            self.push(packet, samples)?;
        }
        self.granule = end.min(self.granule);
        self.write_held(PacketWriteEndInfo::EndStream)?;
        Ok(std::mem::take(self.pages.inner_mut()))
    }

    fn write_held(&mut self, end: PacketWriteEndInfo) -> io::Result<()> {
        let Some(packet) = self.held.take() else { return Ok(()) };
        self.in_page = if end == PacketWriteEndInfo::NormalPacket { self.in_page + 1 } else { 0 };
        self.pages.write_packet(packet, self.serial, end, self.granule)
    }
}

/// The identification header (RFC 7845 section 5.1): one channel, which also decodes packets of two.
pub(crate) fn head(pre_skip: u16) -> Vec<u8> {
    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend(pre_skip.to_le_bytes());
    head.extend((opus::RATE as u32).to_le_bytes());
    // Neither gain nor a channel mapping.
    head.extend([0, 0, 0]);
    head
}

/// The comment header (RFC 7845 section 5.2).
fn tags(comments: &[(&str, String)]) -> Vec<u8> {
    let mut tags = b"OpusTags".to_vec();
    let mut string = |text: &str| {
        tags.extend((text.len() as u32).to_le_bytes());
        tags.extend(text.as_bytes());
    };
    string("offhook");
    let count = comments.len() as u32;
    let mut all = Vec::new();
    for (name, value) in comments {
        let text = format!("{name}={value}");
        all.extend((text.len() as u32).to_le_bytes());
        all.extend(text.as_bytes());
    }
    tags.extend(count.to_le_bytes());
    tags.extend(all);
    tags
}
