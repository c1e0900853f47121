//! The sessions of one thread. A plain object: its thread reads the clock and the socket, and calls it.

pub(crate) mod bell;
pub(crate) mod demux;
pub(crate) mod grid;
pub(crate) mod load;
pub(crate) mod scheduling;
pub(crate) mod socket;
pub(crate) mod thread;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::BytesMut;
use demux::Demux;
use grid::{Slot, TickGrid};

use crate::session::doorbell::Doorbell;
use crate::session::transport::{Transmit, Transport};
use crate::session::{Outbox, Session, Ticks};
use crate::time::{MediaClock, MediaInstant};

/// Where a session stands in its worker.
pub(crate) type SessionIndex = usize;

/// Nothing is due at an empty seat.
const NEVER: MediaInstant = MediaInstant::from_nanos(u64::MAX);

/// Datagrams that are handed to the kernel together: as many as one system call takes ([`socket::SEND_BATCH`]). More would
/// only keep the first ones waiting for the last.
const BATCH: usize = socket::SEND_BATCH;

struct Entry<T> {
    session: Session<T>,
    /// The address that it was offered at, when that is its own.
    local: Option<IpAddr>,
    /// Where it ticks, once it does.
    slot: Option<Slot>,
}

/// A datagram on its way to the kernel.
pub(crate) struct Outgoing {
    /// The address of this machine to send it from; `None` when the socket has only one.
    pub(crate) from: Option<IpAddr>,
    pub(crate) transmit: Transmit,
}

/// Owns sessions; knows which one is due and which one a datagram is for.
pub(crate) struct Worker<T> {
    entries: Vec<Option<Entry<T>>>,
    /// When each is due. Apart from the sessions, as a pass looks at every deadline and at few sessions: a thousand of
    /// them are 8 KiB, which is read faster than a heap is kept.
    deadlines: Vec<MediaInstant>,
    sessions: usize,
    grid: TickGrid,
    demux: Demux,
    out: Outbox,
    /// What the sessions of this pass send, in order.
    outgoing: Vec<Outgoing>,
    /// Those of them that want to know when it was sent.
    waiting: Vec<SessionIndex>,
}

impl<T: Transport> Worker<T> {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            deadlines: Vec::new(),
            sessions: 0,
            grid: TickGrid::default(),
            demux: Demux::default(),
            out: Outbox::new(),
            outgoing: Vec::with_capacity(2 * BATCH),
            waiting: Vec::with_capacity(2 * BATCH),
        }
    }

    /// Takes over a session that is reached by the ICE user name fragment `ufrag`, and at `local` if that is its own.
    pub(crate) fn add(
        &mut self,
        now: MediaInstant,
        index: SessionIndex,
        (ufrag, local): (&str, Option<IpAddr>),
        session: Session<T>,
    ) {
        if index >= self.entries.len() {
            self.entries.resize_with(index + 1, || None);
            self.deadlines.resize(index + 1, NEVER);
        }
        self.demux.add(index, ufrag, local);
        self.entries[index] = Some(Entry { session, local, slot: None });
        self.deadlines[index] = now;
        self.sessions += 1;
    }

    /// Ends a session and forgets it.
    pub(crate) fn remove(&mut self, index: SessionIndex, post: &mut impl Post) {
        let Some(mut entry) = self.entries.get_mut(index).and_then(Option::take) else { return };
        self.demux.remove(index, entry.local);
        entry.session.close(&mut self.out);
        let from = entry.local;
        self.outgoing.extend(self.out.transmits.drain(..).map(|transmit| Outgoing { from, transmit }));
        if let Some(slot) = entry.slot {
            self.grid.give_back(slot);
        }
        self.deadlines[index] = NEVER;
        self.sessions -= 1;
        self.flush(post);
    }

    /// Ends every session.
    pub(crate) fn remove_all(&mut self, post: &mut impl Post) {
        (0..self.entries.len()).for_each(|index| self.remove(index, post));
    }

    /// How many sessions it has.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions
    }

    /// Ticks since this was last asked.
    pub(crate) fn take_ticks(&mut self) -> Ticks {
        std::mem::take(&mut self.out.ticks)
    }

    /// Gives a datagram that came from `from` to the address `to` to the session it is for; `false` when it is for none.
    /// What the session answers is sent with the next [`flush`](Self::flush).
    pub(crate) fn handle_datagram(
        &mut self,
        now: MediaInstant,
        (from, to): (SocketAddr, Option<IpAddr>),
        datagram: BytesMut,
        post: &mut impl Post,
    ) -> bool {
        let index = self.demux.route((from, to), &datagram);
        let Some(index) = index.filter(|&index| self.entries.get(index).is_some_and(Option::is_some)) else {
            return false;
        };
        self.with(index, now, post, |session, out| session.handle_datagram(now, from, datagram, out));
        true
    }

    /// Lets a session take what its application gave it.
    pub(crate) fn handle_knock(&mut self, now: MediaInstant, index: SessionIndex, post: &mut impl Post) {
        self.with(index, now, post, |session, out| session.drive_video(now, out));
    }

    /// Does all that is due at `now` and sends it; returns when to call again at the latest.
    pub(crate) fn handle_timeout(
        &mut self,
        now: MediaInstant,
        clock: &impl MediaClock,
        post: &mut impl Post,
    ) -> Option<MediaInstant> {
        for index in 0..self.deadlines.len() {
            while self.deadlines[index] <= now {
                self.with(index, now, post, |session, out| session.handle_timeout(now, clock, out));
                if self.deadlines[index] <= now {
                    self.flush(post);
                }
            }
        }
        self.flush(post);
        self.deadlines.iter().min().copied().filter(|&deadline| deadline < NEVER)
    }

    /// Gives out what is owed.
    pub(crate) fn flush(&mut self, post: &mut impl Post) {
        let sent = post.deliver(&self.outgoing, &mut self.out.doorbells);
        self.outgoing.clear();
        for index in self.waiting.drain(..) {
            if let Some(entry) = &mut self.entries[index] {
                entry.session.sent(sent);
            }
        }
    }

    /// Lets `act` work on a session, takes what comes of it, and notes when it is due again.
    fn with(
        &mut self,
        index: SessionIndex,
        now: MediaInstant,
        post: &mut impl Post,
        act: impl FnOnce(&mut Session<T>, &mut Outbox),
    ) {
        let Some(entry) = self.entries.get_mut(index).and_then(Option::as_mut) else { return };
        act(&mut entry.session, &mut self.out);
        if entry.slot.is_none() && entry.session.is_ticking() {
            let slot = self.grid.take();
            entry.slot = Some(slot);
            entry.session.set_first_tick(TickGrid::first_tick(slot, now));
        }
        let from = entry.local;
        for transmit in self.out.transmits.drain(..) {
            self.demux.note_sent((transmit.to, from), &transmit.datagram, index);
            self.outgoing.push(Outgoing { from, transmit });
        }
        if entry.session.waits_for_wire() {
            self.waiting.push(index);
        }
        self.deadlines[index] = entry.session.deadline(now);
        if self.outgoing.len() >= BATCH {
            self.flush(post);
        }
    }
}

/// Puts datagrams on the wire and doorbells to the bell thread. What the thread gives to its worker.
pub(crate) trait Post {
    /// Sends all of `outgoing` in order, empties `doorbells`, and returns the time at which the kernel had the datagrams.
    fn deliver(&mut self, outgoing: &[Outgoing], doorbells: &mut Vec<Arc<Doorbell>>) -> MediaInstant;
}

#[cfg(test)]
mod tests;
