//! What happened to each packet of a stream, as a file that can be kept, read and replayed.
//!
//! The format is text, in lines:
//!
//! ```text
//! offhook-trace 1
//! # comments and empty lines are skipped
//! 0 0 40000
//! 1 20000 lost
//! 2 40000 81250
//! 2 40000 95000
//! ```
//!
//! The first line names the format and its version. Each other has the packet's index in the stream, when it was sent, and when it
//! arrived or that it was lost; times in microseconds since a common start. Indices begin at 0 and leave none out, times of
//! sending never go back, and a packet that arrived twice has two lines.

use std::io::{self, BufRead, Read, Write};
use std::time::Duration;

use super::{Arrivals, Link};

/// What the first line of a file says.
const HEADER: &str = "offhook-trace 1";

/// The longest line that is read: three numbers need less.
const MAX_LINE: u64 = 200;

/// The most packets of one trace: 22 hours at 20 ms. A file with more is refused, whatever its size.
pub(super) const MAX_PACKETS: usize = 4_000_000;

/// The latest time: 11 days. No sum of a few overflows anything.
const MAX_MICROS: u64 = 1_000_000_000_000;

/// The size of a packet where nothing else is known: 20 ms at 32 kb/s, and RTP, UDP and IP around it.
const PACKET_LEN: usize = 80 + 12 + 28;

/// The fate of a stream of packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    packets: Vec<TracePacket>,
}

/// The fate of one packet. Whole microseconds, as in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TracePacket {
    /// When it was sent.
    pub sent: Duration,
    /// When it arrived.
    pub arrivals: Arrivals,
}

/// Why a file is no trace. The file's author is at fault, or for `Io` the environment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// It cannot be read.
    #[error("the trace cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A line is not what it should be.
    #[error("line {line} of the trace {fault}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        fault: TraceFault,
    },
}

/// What is wrong with a line of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceFault {
    /// The first line names no format, or another version.
    #[error("is not {HEADER:?}")]
    Header,
    /// It is longer than any line has reason to be.
    #[error("is longer than {MAX_LINE} bytes")]
    TooLong,
    /// It is not an index, a time, and a time or `lost`.
    #[error("is not \"INDEX SENT ARRIVED\" or \"INDEX SENT lost\", times in microseconds")]
    Shape,
    /// A time is later than any trace has reason to be.
    #[error("has a time above {MAX_MICROS} microseconds")]
    TooLate,
    /// An index is left out or comes again later.
    #[error("has another index than {expected}")]
    Index {
        /// The one that comes next.
        expected: usize,
    },
    /// A packet was sent before the one in front of it, or at two times.
    #[error(
        "says that a packet was sent at another time than its other copy, or before the packet in front of it"
    )]
    SentBack,
    /// A packet arrives before it is sent.
    #[error("lets a packet arrive before it was sent")]
    Early,
    /// A packet is both lost and there, or there three times.
    #[error("says of a packet that it is both lost and there, or there more than twice")]
    Copies,
    /// There are more packets than are taken.
    #[error("is packet {MAX_PACKETS}, and no trace may have more")]
    TooMany,
}

impl Trace {
    /// What `link` does to `packets` packets that are sent one each `interval` by the sender's clock.
    #[must_use]
    pub fn record(mut link: Link, packets: usize, interval: Duration) -> Self {
        let count = packets.min(MAX_PACKETS);
        let packets = (0..count as u32).map(|index| {
            let sent = whole_micros(link.sent_at(interval * index));
            let mut arrivals = Arrivals::default();
            for arrival in link.send(sent, PACKET_LEN) {
                arrivals.push(whole_micros(arrival));
            }
            TracePacket { sent, arrivals }
        });
        Self { packets: packets.collect() }
    }

    /// The packets, in the order in which they were sent.
    #[must_use]
    pub fn packets(&self) -> &[TracePacket] {
        &self.packets
    }

    /// Each arrival with the index of its packet, in the order of arrival.
    #[must_use]
    pub fn deliveries(&self) -> Vec<(Duration, usize)> {
        let packets = self.packets.iter().enumerate();
        let copies =
            packets.flat_map(|(index, packet)| packet.arrivals.into_iter().map(move |at| (at, index)));
        let mut deliveries: Vec<_> = copies.collect();
        deliveries.sort_unstable();
        deliveries
    }

    /// The share of packets that never arrived; 0 for a trace without packets.
    #[must_use]
    pub fn loss(&self) -> f64 {
        let lost = self.packets.iter().filter(|packet| packet.arrivals.is_lost()).count();
        lost as f64 / self.packets.len().max(1) as f64
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When `out` takes no more.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        writeln!(out, "{HEADER}")?;
        for (index, packet) in self.packets.iter().enumerate() {
            let sent = packet.sent.as_micros();
            if packet.arrivals.is_lost() {
                writeln!(out, "{index} {sent} lost")?;
            }
            for arrival in packet.arrivals {
                writeln!(out, "{index} {sent} {}", arrival.as_micros())?;
            }
        }
        out.flush()
    }

    /// Reads a file. At most 200 bytes a line and 4,000,000 packets are taken.
    ///
    /// # Errors
    /// When it cannot be read, or is no trace: then with the number of the line.
    pub fn read(mut file: impl BufRead) -> Result<Self, TraceError> {
        let mut trace = Self::default();
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            let len = file.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut text)?;
            if len == 0 && line > 1 {
                break;
            }
            trace.take_line(line, &text).map_err(|fault| TraceError::Line { line, fault })?;
        }
        Ok(trace)
    }

    fn take_line(&mut self, line: usize, text: &[u8]) -> Result<(), TraceFault> {
        if text.len() as u64 > MAX_LINE {
            return Err(TraceFault::TooLong);
        }
        let text = str::from_utf8(text).unwrap_or("?").trim();
        if line == 1 {
            return if text == HEADER { Ok(()) } else { Err(TraceFault::Header) };
        }
        if text.is_empty() || text.starts_with('#') {
            return Ok(());
        }
        let mut fields = text.split_ascii_whitespace();
        let (Some(index), Some(sent), Some(arrived), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(TraceFault::Shape);
        };
        let index = index.parse().map_err(|_| TraceFault::Shape)?;
        let arrival = if arrived == "lost" { None } else { Some(micros(arrived)?) };
        self.take_packet(index, micros(sent)?, arrival)
    }

    fn take_packet(
        &mut self,
        index: usize,
        sent: Duration,
        arrival: Option<Duration>,
    ) -> Result<(), TraceFault> {
        if arrival.is_some_and(|arrival| arrival < sent) {
            return Err(TraceFault::Early);
        }
        let next = self.packets.len();
        if index.checked_add(1) == Some(next)
            && let Some(last) = self.packets.last_mut()
        {
            if last.sent != sent {
                return Err(TraceFault::SentBack);
            }
            let there_already = !last.arrivals.is_lost();
            let added = arrival.is_some_and(|arrival| there_already && last.arrivals.push(arrival));
            return if added { Ok(()) } else { Err(TraceFault::Copies) };
        }
        if index != next {
            return Err(TraceFault::Index { expected: next });
        }
        if self.packets.last().is_some_and(|last| last.sent > sent) {
            return Err(TraceFault::SentBack);
        }
        if next == MAX_PACKETS {
            return Err(TraceFault::TooMany);
        }
        let mut arrivals = Arrivals::default();
        if let Some(arrival) = arrival {
            arrivals.push(arrival);
        }
        self.packets.push(TracePacket { sent, arrivals });
        Ok(())
    }
}

fn micros(text: &str) -> Result<Duration, TraceFault> {
    let micros: u64 = text.parse().map_err(|_| TraceFault::Shape)?;
    if micros > MAX_MICROS { Err(TraceFault::TooLate) } else { Ok(Duration::from_micros(micros)) }
}

fn whole_micros(time: Duration) -> Duration {
    Duration::from_micros(u64::try_from(time.as_micros()).map_or(MAX_MICROS, |micros| micros.min(MAX_MICROS)))
}
