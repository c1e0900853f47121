//! [io] A [`Link`] or a [`Trace`] between two real sockets.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Link, Trace};

/// The most packets that are on their way at once: 80 s of 20 ms packets. More are dropped, and counted.
const ON_THE_WAY: usize = 4096;

/// More than fits into a datagram on any path.
const MAX_DATAGRAM: usize = 2048;

/// How often threads look whether they should end.
const ATTENTION: Duration = Duration::from_millis(50);

/// What a relay does to RTP on its way from the sender.
#[derive(Clone, Debug)]
pub enum Impairment {
    /// Asks the link at each packet. Time begins at the first packet.
    Link(Link),
    /// Does to each packet what the trace says of the one with its place in the stream, by RTP sequence number; packets beyond
    /// its end are lost.
    ///
    /// Arrivals are as far apart as the trace says, from the first packet on: where the sender is early or late by less than
    /// a packet's delay, it makes no difference.
    Trace(Trace),
    /// A path for a whole call. Each source (SSRC) of RTP, and of RTCP, meets a link of its own like this one, so that what is sent
    /// again or reported does not change the fate of what is sent first; all else takes the link's delay, and nothing more. Time
    /// begins at the first packet of each source.
    Path(Link),
}

/// Two sockets on loopback, between a sender of RTP and its receiver.
///
/// The receiver takes [`address`](Self::address) for the sender's. What it sends goes to the sender as it is, unless the relay
/// works [both ways](Self::both_ways). What the sender
/// answers goes to wherever the receiver last sent from: RTP as the [`Impairment`] says, all else (STUN, DTLS and RTCP, told
/// apart by their first bytes as in RFC 7983 and RFC 5761) at once, unless it is a [`Path`](Impairment::Path). SRTP leaves the header in the clear, so the relay needs no
/// keys. One stream is expected: of a second SSRC, packets take the place that their sequence number gives them.
///
/// Threads of its own deliver on time to a fraction of a millisecond. Dropping the relay ends them, and what is on the way is lost.
#[derive(Debug)]
pub struct UdpRelay {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What a relay has counted: packets of RTP from the sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayCounters {
    /// Those that came.
    pub received: u64,
    /// Those that the impairment lost.
    pub lost: u64,
    /// Those that went to the receiver; a doubled packet counts twice.
    pub delivered: u64,
    /// Those that were dropped because too many were on the way.
    pub overflowed: u64,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    receiver: Mutex<Option<SocketAddr>>,
    received: AtomicU64,
    lost: AtomicU64,
    delivered: AtomicU64,
    overflowed: AtomicU64,
}

/// A packet, when it is due, and its place among those that came.
type Due = (Instant, u64, Vec<u8>);

impl UdpRelay {
    /// Stands in front of `sender`.
    ///
    /// # Errors
    /// When `sender` is not on loopback, or the system gives no sockets or threads.
    pub fn in_front_of(sender: SocketAddr, impairment: Impairment) -> io::Result<Self> {
        Self::start(sender, impairment, None)
    }

    /// Stands in front of `sender`, and does to what the receiver sends what `to_sender` says, too. Counters are of both ways.
    ///
    /// # Errors
    /// As for [`in_front_of`](Self::in_front_of).
    pub fn both_ways(sender: SocketAddr, from_sender: Impairment, to_sender: Impairment) -> io::Result<Self> {
        Self::start(sender, from_sender, Some(to_sender))
    }

    fn start(sender: SocketAddr, impairment: Impairment, to_sender: Option<Impairment>) -> io::Result<Self> {
        if !sender.ip().is_loopback() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a relay stays on loopback"));
        }
        let front = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
        let back = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
        front.set_read_timeout(Some(ATTENTION))?;
        back.set_read_timeout(Some(ATTENTION))?;
        let address = front.local_addr()?;
        let shared = Arc::new(Shared::default());
        let (schedule, scheduled) = sync_channel(ON_THE_WAY);
        let (inward_schedule, inward_scheduled) = sync_channel(ON_THE_WAY);
        let is_impaired = to_sender.is_some();
        let mut fate = to_sender.map(Fate::new);
        let mut relay = Self { address, shared: Arc::clone(&shared), threads: Vec::new() };
        let (ins, outs) = ((Arc::clone(&front), Arc::clone(&back)), (Arc::clone(&front), Arc::clone(&back)));
        let inward = Arc::clone(&shared);
        relay.spawn("relay-in", move || {
            inward.carry_to_sender(
                &ins.0,
                &|datagram| to(&ins.1, datagram, sender),
                &mut fate,
                &inward_schedule,
            );
        })?;
        if is_impaired {
            let inward = Arc::clone(&shared);
            relay.spawn("relay-in-due", move || {
                inward.deliver(&|datagram| to(&back, datagram, sender), &inward_scheduled);
            })?;
        }
        let outward = Arc::clone(&shared);
        relay.spawn("relay-out", move || {
            outward.carry_from_sender(&outs.1, &outs.0, Fate::new(impairment), &schedule);
        })?;
        relay.spawn("relay-due", move || {
            shared.deliver(&|datagram| shared.give(&front, datagram), &scheduled)
        })?;
        Ok(relay)
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.threads.push(thread::Builder::new().name(name.to_owned()).spawn(run)?);
        Ok(())
    }

    /// Where the receiver finds the sender.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was counted until now.
    #[must_use]
    pub fn counters(&self) -> RelayCounters {
        RelayCounters {
            received: self.shared.received.load(Relaxed),
            lost: self.shared.lost.load(Relaxed),
            delivered: self.shared.delivered.load(Relaxed),
            overflowed: self.shared.overflowed.load(Relaxed),
        }
    }
}

impl Drop for UdpRelay {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn carry_to_sender(
        &self,
        front: &UdpSocket,
        give: &dyn Fn(&[u8]),
        fate: &mut Option<Fate>,
        schedule: &SyncSender<Due>,
    ) {
        let mut datagram = [0; MAX_DATAGRAM];
        let mut order = 0;
        while !self.stop.load(Relaxed) {
            let Ok((len, from)) = front.recv_from(&mut datagram) else { continue };
            let datagram = &datagram[..len];
            *self.receiver.lock().unwrap_or_else(PoisonError::into_inner) = Some(from);
            match fate.as_mut().filter(|fate| fate.meets(datagram)) {
                Some(fate) => self.schedule(fate, datagram, &mut order, schedule),
                None => give(datagram),
            }
        }
    }

    fn carry_from_sender(
        &self,
        back: &UdpSocket,
        front: &UdpSocket,
        mut fate: Fate,
        schedule: &SyncSender<Due>,
    ) {
        let mut datagram = [0; MAX_DATAGRAM];
        let mut order = 0;
        while !self.stop.load(Relaxed) {
            let Ok((len, _)) = back.recv_from(&mut datagram) else { continue };
            let datagram = &datagram[..len];
            if fate.meets(datagram) {
                self.schedule(&mut fate, datagram, &mut order, schedule);
            } else {
                self.give(front, datagram);
            }
        }
    }

    /// Lets a datagram meet its fate.
    fn schedule(&self, fate: &mut Fate, datagram: &[u8], order: &mut u64, schedule: &SyncSender<Due>) {
        let copies = fate.of(datagram, Instant::now());
        if rtp_sequence_number(datagram).is_some() {
            self.received.fetch_add(1, Relaxed);
            self.lost.fetch_add(copies.is_empty().into(), Relaxed);
        }
        for due in copies {
            *order += 1;
            if schedule.try_send((due, *order, datagram.to_vec())).is_err() {
                self.overflowed.fetch_add(1, Relaxed);
            }
        }
    }

    fn deliver(&self, give: &dyn Fn(&[u8]), scheduled: &Receiver<Due>) {
        let mut waiting = BinaryHeap::<Reverse<Due>>::new();
        while !self.stop.load(Relaxed) {
            let now = Instant::now();
            while waiting.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
                let Some(Reverse((_, _, datagram))) = waiting.pop() else { break };
                give(&datagram);
                self.delivered.fetch_add(rtp_sequence_number(&datagram).is_some().into(), Relaxed);
            }
            let next = waiting.peek().map_or(ATTENTION, |Reverse((due, ..))| due.duration_since(now));
            match scheduled.recv_timeout(next.min(ATTENTION)) {
                Ok(due) if waiting.len() < ON_THE_WAY => waiting.push(Reverse(due)),
                Ok(_) => _ = self.overflowed.fetch_add(1, Relaxed),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn give(&self, front: &UdpSocket, datagram: &[u8]) {
        let receiver = *self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(receiver) = receiver {
            to(front, datagram, receiver);
        }
    }
}

/// A datagram that the system does not take is lost, as on any path.
fn to(socket: &UdpSocket, datagram: &[u8], address: SocketAddr) {
    let _ = socket.send_to(datagram, address);
}

/// What happens to what comes from one side, on the real clock.
struct Fate {
    impairment: Impairment,
    /// When time began, and the sequence number of the first packet.
    first: Option<(Instant, u16)>,
    /// The place in the stream of the latest packet, from which the others are extended.
    latest: i64,
    /// Of a path: each source of RTP and of RTCP, since when, and its link.
    sources: Vec<((bool, u32), Instant, Link)>,
}

impl Fate {
    fn new(impairment: Impairment) -> Self {
        Self { impairment, first: None, latest: 0, sources: Vec::new() }
    }

    /// Whether anything happens to a datagram.
    fn meets(&self, datagram: &[u8]) -> bool {
        matches!(self.impairment, Impairment::Path(_)) || rtp_sequence_number(datagram).is_some()
    }

    /// When the copies of a datagram are due.
    fn of(&mut self, datagram: &[u8], now: Instant) -> Vec<Instant> {
        let number = rtp_sequence_number(datagram).unwrap_or_default();
        let (start, first) = *self.first.get_or_insert_with(|| {
            let offset = match &self.impairment {
                Impairment::Link(_) | Impairment::Path(_) => Duration::ZERO,
                Impairment::Trace(trace) => {
                    trace.packets().first().map_or(Duration::ZERO, |packet| packet.sent)
                }
            };
            (now.checked_sub(offset).unwrap_or(now), number)
        });
        let arrivals = match &mut self.impairment {
            Impairment::Link(link) => link.send(now.duration_since(start), datagram.len()),
            Impairment::Trace(trace) => {
                let step = number.wrapping_sub(first.wrapping_add(self.latest as u16)).cast_signed();
                let place = self.latest + i64::from(step);
                self.latest = self.latest.max(place);
                let packet = usize::try_from(place).ok().and_then(|place| trace.packets().get(place));
                packet.map_or_else(Default::default, |packet| packet.arrivals)
            }
            Impairment::Path(path) => {
                let Some(source) = source(datagram) else {
                    return vec![now + path.delay_at(now.duration_since(start))];
                };
                let known = self.sources.iter().position(|(known, ..)| *known == source);
                let at = known.unwrap_or(self.sources.len());
                if known.is_none() {
                    self.sources.push((source, now, path.clone()));
                }
                let (_, start, link) = &mut self.sources[at];
                let arrivals = link.send(now.duration_since(*start), datagram.len());
                return arrivals.into_iter().map(|arrival| *start + arrival).collect();
            }
        };
        arrivals.into_iter().map(|arrival| start + arrival).collect()
    }
}

/// Whose RTP or RTCP a datagram is, and which of the two; `None` for what is neither.
fn source(datagram: &[u8]) -> Option<(bool, u32)> {
    let is_rtp = rtp_sequence_number(datagram).is_some();
    let at = if is_rtp { 8 } else { 4 };
    let is_either = is_rtp || matches!(*datagram, [128..=191, 192..=223, ..]);
    let ssrc = datagram.get(at..at + 4).filter(|_| is_either)?;
    Some((is_rtp, u32::from_be_bytes(ssrc.try_into().ok()?)))
}

/// The sequence number, where `datagram` is RTP: version 2 (RFC 7983 gives it 128 to 191) and not RTCP, whose packet type
/// stands where RTP has marker and payload type, at 192 to 223 (RFC 5761 section 4).
fn rtp_sequence_number(datagram: &[u8]) -> Option<u16> {
    match *datagram {
        [128..=191, second, high, low, ..] if datagram.len() >= 12 && !(192..=223).contains(&second) => {
            Some(u16::from_be_bytes([high, low]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
