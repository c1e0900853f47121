//! When packets arrived, told to who sent them: transport-wide feedback
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1). This is what follows on the SSRC of the source in an RTCP
//! packet of type 205, format 15.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::time::MediaInstant;

/// Length of what stands before the chunks.
const HEAD: usize = 8;
/// What deltas count.
const TICK: Duration = Duration::from_micros(250);
/// Ticks in one step of the reference time, which is 64 ms.
const TICKS_PER_STEP: i64 = 256;
/// The reference time has 24 bits: twelve days.
const STEPS: i64 = 1 << 24;

/// Arrivals that are remembered until they are told.
const REMEMBERED: usize = 1024;
/// Packets that one feedback speaks of: with the largest of deltas it stays within a datagram.
const MOST_TOLD: u64 = 400;

/// How a packet stands in a feedback (section 3.1.1).
const LOST: u16 = 0;
const SMALL_DELTA: u16 = 1;
const LARGE_DELTA: u16 = 2;

/// What became of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketResult {
    /// Its transport-wide number; wraps.
    pub number: u16,
    /// When it arrived by the far end's clock, since that clock began; `None` when it has not.
    pub arrival: Option<Duration>,
}

/// Reads feedbacks of one far end, in their order.
#[derive(Debug, Default)]
pub struct FeedbackReader {
    /// The last reference time without its wrap.
    reference: Option<i64>,
}

impl FeedbackReader {
    /// Tells `each` packet that `body` speaks of, in order. What is cut off ends it: `false` then, and nothing wrong was told.
    pub fn read(&mut self, body: &[u8], mut each: impl FnMut(PacketResult)) -> bool {
        let Some((&[n0, n1, c0, c1, r0, r1, r2, _], rest)) = body.split_first_chunk::<HEAD>() else {
            return false;
        };
        let (first, count) = (u16::from_be_bytes([n0, n1]), usize::from(u16::from_be_bytes([c0, c1])));
        let Some(chunks) = count_chunks(rest, count) else { return false };
        let Some((chunks, mut deltas)) = rest.split_at_checked(2 * chunks) else { return false };
        let mut ticks = self.reference(i64::from(u32::from_be_bytes([0, r0, r1, r2]))) * TICKS_PER_STEP;
        let mut number = first;
        for symbol in symbols(chunks).take(count) {
            let delta = match symbol {
                LOST => None,
                SMALL_DELTA => match deltas.split_first() {
                    Some((&delta, rest)) => {
                        deltas = rest;
                        Some(i64::from(delta))
                    }
                    None => return false,
                },
                LARGE_DELTA => match deltas.split_first_chunk() {
                    Some((&delta, rest)) => {
                        deltas = rest;
                        Some(i64::from(i16::from_be_bytes(delta)))
                    }
                    None => return false,
                },
                _ => return false,
            };
            let arrival = delta.map(|delta| {
                ticks += delta;
                Duration::from_micros(ticks.max(0).unsigned_abs() * TICK.as_micros() as u64)
            });
            each(PacketResult { number, arrival });
            number = number.wrapping_add(1);
        }
        true
    }

    /// A reference time without its wrap: the one nearest to the last.
    fn reference(&mut self, steps: i64) -> i64 {
        let last = self.reference.unwrap_or(steps);
        let ahead = (steps - last).rem_euclid(STEPS);
        let reference = last + if ahead < STEPS / 2 { ahead } else { ahead - STEPS };
        self.reference = Some(reference);
        reference
    }
}

/// How many chunks tell of `count` packets; `None` when there are fewer.
fn count_chunks(mut bytes: &[u8], count: usize) -> Option<usize> {
    let (mut told, mut chunks) = (0, 0);
    while told < count {
        let (&chunk, rest) = bytes.split_first_chunk()?;
        told += length_of(u16::from_be_bytes(chunk));
        (bytes, chunks) = (rest, chunks + 1);
    }
    Some(chunks)
}

/// The packets that a chunk tells of.
fn length_of(chunk: u16) -> usize {
    match chunk >> 14 {
        0b10 => 14,
        0b11 => 7,
        _ => usize::from(chunk & 0x1fff),
    }
}

/// How each packet stands.
fn symbols(chunks: &[u8]) -> impl Iterator<Item = u16> + '_ {
    let (chunks, _) = chunks.as_chunks();
    chunks.iter().map(|chunk| u16::from_be_bytes(*chunk)).flat_map(|chunk| {
        (0..length_of(chunk)).map(move |at| match chunk >> 14 {
            0b10 => chunk >> (13 - at) & 1,
            0b11 => chunk >> (12 - 2 * at) & 3,
            _ => chunk >> 13 & 3,
        })
    })
}

/// Remembers when packets arrived, and writes it down.
#[derive(Debug)]
pub struct FeedbackWriter {
    arrivals: Vec<Option<MediaInstant>>,
    /// What was told already lies below.
    begin: u64,
    /// One above the highest that has come.
    end: u64,
    sent: u8,
    /// Where the deltas are put together.
    deltas: Vec<u8>,
    symbols: Vec<u16>,
}

impl Default for FeedbackWriter {
    fn default() -> Self {
        let most = MOST_TOLD as usize;
        Self {
            arrivals: vec![None; REMEMBERED],
            begin: 0,
            end: 0,
            sent: 0,
            deltas: Vec::with_capacity(2 * most),
            symbols: Vec::with_capacity(most),
        }
    }
}

impl FeedbackWriter {
    /// Notes the arrival of the packet at `place`: its transport-wide number without its wrap.
    pub fn note(&mut self, place: u64, now: MediaInstant) {
        if self.end == 0 {
            (self.begin, self.end) = (place, place);
        }
        let oldest = self.end.saturating_sub(REMEMBERED as u64);
        if place < oldest {
            return;
        }
        if place >= self.end {
            // What is remembered here is of packets long ago; places that are skipped have not come.
            for new in self.end.max(place.saturating_sub(REMEMBERED as u64 - 1))..=place {
                self.arrivals[new as usize % REMEMBERED] = None;
            }
            self.end = place + 1;
            self.begin = self.begin.max(self.end.saturating_sub(REMEMBERED as u64));
        } else if place < self.begin {
            // It was told to be lost, and is not.
            self.begin = place;
        }
        let slot = &mut self.arrivals[place as usize % REMEMBERED];
        slot.get_or_insert(now);
    }

    /// Whether there is anything to tell.
    pub fn is_due(&self) -> bool {
        self.begin < self.end
    }

    /// Appends what has to be told next, up to a datagram of it; `false` when there is nothing.
    pub fn write(&mut self, body: &mut Vec<u8>) -> bool {
        let at = |place: u64| self.arrivals[place as usize % REMEMBERED];
        let mut places = self.begin..self.end.min(self.begin + MOST_TOLD);
        let Some(reference) = places.clone().find_map(at) else {
            self.begin = self.end;
            return false;
        };
        let steps = ticks(reference) / TICKS_PER_STEP;
        let mut told = steps * TICKS_PER_STEP;
        self.deltas.clear();
        self.symbols.clear();
        let first = self.begin;
        for place in places.by_ref() {
            let Some(arrival) = at(place) else {
                self.symbols.push(LOST);
                continue;
            };
            let delta = ticks(arrival) - told;
            if let Ok(small) = u8::try_from(delta) {
                self.symbols.push(SMALL_DELTA);
                self.deltas.push(small);
            } else if let Ok(large) = i16::try_from(delta) {
                self.symbols.push(LARGE_DELTA);
                self.deltas.extend_from_slice(&large.to_be_bytes());
            } else {
                // Eight seconds: the next feedback begins here, with a reference of its own.
                break;
            }
            told += delta;
        }
        self.begin = first + self.symbols.len() as u64;
        let [_, reference @ ..] = ((steps % STEPS) as u32).to_be_bytes();
        body.extend_from_slice(&(first as u16).to_be_bytes());
        body.extend_from_slice(&(self.symbols.len() as u16).to_be_bytes());
        body.extend_from_slice(&reference);
        body.push(self.sent);
        self.sent = self.sent.wrapping_add(1);
        let mut left = &self.symbols[..];
        while !left.is_empty() {
            let (chunk, told) = chunk(left);
            body.extend_from_slice(&chunk.to_be_bytes());
            left = &left[told.min(left.len())..];
        }
        body.extend_from_slice(&self.deltas);
        // RTCP counts words; the head of eight bytes and the SSRCs before it are whole ones.
        let odd = (2 * chunks_of(&self.symbols) + self.deltas.len()) % 4;
        if odd != 0 {
            body.extend_from_slice(&[0; 4][odd..]);
        }
        true
    }
}

fn chunks_of(mut symbols: &[u16]) -> usize {
    let mut chunks = 0;
    while !symbols.is_empty() {
        let (_, told) = chunk(symbols);
        (symbols, chunks) = (&symbols[told.min(symbols.len())..], chunks + 1);
    }
    chunks
}

/// The chunk for the first of `symbols`, and for how many of them it stands.
fn chunk(symbols: &[u16]) -> (u16, usize) {
    let first = symbols.first().copied().unwrap_or(LOST);
    let run = symbols.iter().take(0x1fff).take_while(|symbol| **symbol == first).count();
    let vector = |len: usize, bits: usize| {
        let symbols = symbols.iter().take(len).enumerate();
        symbols.fold(0_u16, |chunk, (at, symbol)| chunk | symbol << (bits * (len - 1 - at)))
    };
    if run > 14 {
        return (first << 13 | run as u16, run);
    }
    if symbols.iter().take(14).all(|symbol| *symbol <= SMALL_DELTA) {
        return (0x8000 | vector(14, 1), 14);
    }
    if run > 7 { (first << 13 | run as u16, run) } else { (0xc000 | vector(7, 2), 7) }
}

fn ticks(instant: MediaInstant) -> i64 {
    (instant.as_nanos() / TICK.as_nanos() as u64).cast_signed()
}
