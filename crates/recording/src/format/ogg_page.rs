//! A page of Ogg (RFC 3533 section 6). Pure.

/// What stands before the table of segments, but for the table's length.
const MAGIC: [u8; 5] = *b"OggS\0";

/// Flags of a page.
pub(super) const FIRST: u8 = 2;
pub(super) const LAST: u8 = 4;

/// Places of the table of segments.
pub(super) const PLACES: usize = 255;

/// Where the checksum stands.
const CHECKSUM: usize = 22;

/// A page of whole packets that ends at `granule`.
pub(super) fn page(flags: u8, granule: u64, serial: u32, number: u32, table: &[u8], body: &[u8]) -> Vec<u8> {
    let mut page = Vec::with_capacity(27 + table.len() + body.len());
    page.extend(MAGIC);
    page.push(flags);
    page.extend(granule.to_le_bytes());
    page.extend(serial.to_le_bytes());
    page.extend(number.to_le_bytes());
    page.extend([0; 4]);
    page.push(table.len() as u8);
    page.extend(table);
    page.extend(body);
    let sum = checksum(&page);
    page[CHECKSUM..CHECKSUM + 4].copy_from_slice(&sum.to_le_bytes());
    page
}

/// How many places of the table a packet takes.
pub(super) fn places(len: usize) -> usize {
    len / 255 + 1
}

/// Adds a packet to the table of segments: as many of 255 bytes as it has, and what is left, which may be nothing.
pub(super) fn put_packet(len: usize, table: &mut Vec<u8>) {
    table.extend(std::iter::repeat_n(255, len / 255));
    table.push((len % 255) as u8);
}

/// The checksum of a page in which none stands: CRC-32 of 0x04c11db7, from the highest bit on.
fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |sum: u32, byte| (sum << 8) ^ TABLE[usize::from((sum >> 24) as u8 ^ byte)])
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        let mut sum = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum >> 31 == 1 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};
