//! Opus packets into Ogg pages, as they are (RFC 7845). Pure: pages come out as bytes, each complete in itself.

use super::ogg_page::{self, FIRST, LAST};
use crate::opus;

/// By how much the output of a decoder lags behind what libopus was given (RFC 7845 section 4.2): 6.5 ms.
pub(crate) const LOOKAHEAD: u64 = 312;

/// Packets of a page at the most.
const PACKETS_A_PAGE: usize = 40;

/// A stream in the making. A copy of it goes on from here in another way.
#[derive(Clone)]
pub(crate) struct OggOpusWriter {
    /// Pages that were not given away.
    pages: Vec<u8>,
    /// The number of the next page.
    number: u32,
    /// What is in the page that is being filled.
    table: Vec<u8>,
    body: Vec<u8>,
    serial: u32,
    /// The end of what was pushed: samples of a decoder's output, those that are skipped included.
    granule: u64,
    /// The latest packet, which may turn out to end a page.
    held: Option<Vec<u8>>,
    in_page: usize,
}

/// What follows a packet.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    More,
    AnotherPage,
    Nothing,
}

impl OggOpusWriter {
    /// A stream whose headers say to skip `pre_skip` samples, and these comments.
    pub(crate) fn new(serial: u32, pre_skip: u16, comments: &[(&str, String)]) -> Self {
        let (pages, table, body) = (Vec::new(), Vec::new(), Vec::new());
        let mut this = Self { pages, number: 0, table, body, serial, granule: 0, held: None, in_page: 0 };
        for header in [head(pre_skip), tags(comments)] {
            this.held = Some(header);
            this.write_held(Then::AnotherPage);
        }
        this
    }

    /// Adds a packet of so many samples.
    pub(crate) fn push(&mut self, packet: Vec<u8>, samples: u64) {
        let held = self.held.as_ref().map_or(0, |held| ogg_page::places(held.len()));
        let places = self.table.len() + held + ogg_page::places(packet.len());
        let is_full = self.in_page >= PACKETS_A_PAGE || places > ogg_page::PLACES;
        self.write_held(if is_full { Then::AnotherPage } else { Then::More });
        self.held = Some(packet);
        self.granule += samples;
    }

    /// Samples pushed so far.
    pub(crate) fn granule(&self) -> u64 {
        self.granule
    }

    /// Ends the page, and gives all pages since it was last asked for.
    pub(crate) fn pages(&mut self) -> Vec<u8> {
        self.write_held(Then::AnotherPage);
        self.full_pages()
    }

    /// The pages that are full since it was last asked for any. That which is being filled goes on.
    pub(crate) fn full_pages(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pages)
    }

    /// Ends the stream at `end`, which lies in the last packet or behind it; gives the last pages.
    pub(crate) fn finish(&mut self, end: u64) -> Vec<u8> {
        let missing = end.saturating_sub(self.granule).next_multiple_of(opus::QUANTUM);
        // The page that says that it is the last holds a packet.
        let least = if self.held.is_none() { opus::QUANTUM } else { 0 };
        for (packet, samples) in opus::silence(missing.max(least)) {
            self.push(packet, samples);
        }
        self.granule = end.min(self.granule);
        self.write_held(Then::Nothing);
        self.full_pages()
    }

    fn write_held(&mut self, then: Then) {
        let Some(packet) = self.held.take() else { return };
        ogg_page::put_packet(packet.len(), &mut self.table);
        self.body.extend(packet);
        self.in_page += 1;
        if then == Then::More {
            return;
        }
        let first = if self.number == 0 { FIRST } else { 0 };
        let flags = first | if then == Then::Nothing { LAST } else { 0 };
        let (serial, number) = (self.serial, self.number);
        self.pages.extend(ogg_page::page(flags, self.granule, serial, number, &self.table, &self.body));
        self.number += 1;
        self.in_page = 0;
        self.table.clear();
        self.body.clear();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::read_opus;

    #[test]
    fn packets_of_any_length_fit_into_pages_as_they_are() {
        let mut ogg = OggOpusWriter::new(7, LOOKAHEAD as u16, &[]);
        let packets: Vec<_> = (0..200).map(|number| vec![9 << 3; 1 + number * 255 % 7_000]).collect();
        packets.iter().for_each(|packet| ogg.push(packet.clone(), 960));
        let file = ogg.finish(200 * 960);
        let read = read_opus(&file).unwrap().packets.into_iter().map(|(_, packet)| packet);
        assert!(read.eq(packets));
    }

    #[test]
    fn a_copy_goes_on_by_itself() {
        let mut ogg = OggOpusWriter::new(7, LOOKAHEAD as u16, &[]);
        (0..70).for_each(|number| ogg.push(vec![9 << 3, number], 960));
        let (before, mut copy) = (ogg.full_pages(), ogg.clone());
        let files = [(&mut ogg, 1), (&mut copy, 2)].map(|(ogg, number)| {
            ogg.push(vec![9 << 3, 100, number], 960);
            [&before[..], &ogg.finish(71 * 960)].concat()
        });
        for (file, number) in files.iter().zip([1, 2]) {
            assert_eq!(read_opus(file).unwrap().packets[70].1, [9 << 3, 100, number]);
        }
    }
}
