//! The sessions of one thread. A plain object: its thread reads the clock and the socket, and calls it.

pub(crate) mod bell;
pub(crate) mod demux;
pub(crate) mod socket;
pub(crate) mod thread;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use demux::Demux;

use crate::frame::AudioFormat;
use crate::session::transport::Transport;
use crate::session::{Outbox, Session};
use crate::time::{MediaClock, MediaInstant};

/// Where a session stands in its worker.
pub(crate) type SessionIndex = usize;

/// The golden ratio's fraction: multiples of it, modulo one, stay spread however many there are.
const GOLDEN: f64 = 0.618_033_988_749_895;

struct Entry<T> {
    session: Session<T>,
    deadline: MediaInstant,
    ticking: bool,
}

/// Owns sessions; knows which one is due and which one a datagram is for.
pub(crate) struct Worker<T> {
    entries: Vec<Option<Entry<T>>>,
    demux: Demux,
    out: Outbox,
    begun: u32,
}

impl<T: Transport> Worker<T> {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), demux: Demux::default(), out: Outbox::new(), begun: 0 }
    }

    /// Takes over a session that is reached by the ICE user name fragment `ufrag`.
    pub(crate) fn add(&mut self, now: MediaInstant, index: SessionIndex, ufrag: &str, session: Session<T>) {
        if index >= self.entries.len() {
            self.entries.resize_with(index + 1, || None);
        }
        self.demux.add(index, ufrag);
        self.entries[index] = Some(Entry { session, deadline: now, ticking: false });
    }

    /// Ends a session and forgets it.
    pub(crate) fn remove(&mut self, index: SessionIndex) {
        self.demux.remove(index);
        if let Some(mut entry) = self.entries.get_mut(index).and_then(Option::take) {
            entry.session.close(&mut self.out);
        }
    }

    /// Ends every session.
    pub(crate) fn remove_all(&mut self) {
        (0..self.entries.len()).for_each(|index| self.remove(index));
    }

    /// How many sessions it has.
    pub(crate) fn sessions(&self) -> usize {
        self.entries.iter().flatten().count()
    }

    /// Gives a datagram to the session it is for; `false` when it is for none.
    pub(crate) fn handle_datagram(
        &mut self,
        now: MediaInstant,
        from: SocketAddr,
        datagram: BytesMut,
        post: &mut impl Post,
    ) -> bool {
        let index = self.demux.route(from, &datagram);
        let Some(index) = index.filter(|&index| self.entries.get(index).is_some_and(Option::is_some)) else {
            return false;
        };
        self.with(index, now, post, |session, out| session.handle_datagram(now, from, datagram, out));
        true
    }

    /// Does all that is due at `now`; returns when to call again at the latest.
    pub(crate) fn handle_timeout(
        &mut self,
        now: MediaInstant,
        clock: &impl MediaClock,
        post: &mut impl Post,
    ) -> Option<MediaInstant> {
        for index in 0..self.entries.len() {
            if self.entries[index].as_ref().is_some_and(|entry| entry.deadline <= now) {
                self.with(index, now, post, |session, out| session.handle_timeout(now, clock, out));
            }
        }
        self.entries.iter().flatten().map(|entry| entry.deadline).min()
    }

    /// Gives out what is still owed, such as the goodbyes of sessions that were removed.
    pub(crate) fn flush(&mut self, post: &mut impl Post) {
        post.deliver(&mut self.out);
        self.out.transmits.clear();
    }

    /// Lets `act` work on a session, sends what comes of it, and notes when it is due again.
    fn with(
        &mut self,
        index: SessionIndex,
        now: MediaInstant,
        post: &mut impl Post,
        act: impl FnOnce(&mut Session<T>, &mut Outbox),
    ) {
        let Some(entry) = self.entries.get_mut(index).and_then(Option::as_mut) else { return };
        act(&mut entry.session, &mut self.out);
        if !entry.ticking && entry.session.is_ticking() {
            entry.ticking = true;
            entry.session.shift_ticks(phase(self.begun));
            self.begun = self.begun.wrapping_add(1);
        }
        for transmit in &self.out.transmits {
            self.demux.note_sent(transmit.to, &transmit.datagram, index);
        }
        let sent = post.deliver(&mut self.out);
        self.out.transmits.clear();
        entry.session.sent(sent);
        entry.deadline = entry.session.deadline(now);
    }
}

/// Puts datagrams on the wire and doorbells to the bell thread. What the thread gives to its worker.
pub(crate) trait Post {
    /// Sends all of `out`, empties its doorbells, and returns the time at which the kernel had the datagrams.
    fn deliver(&mut self, out: &mut Outbox) -> MediaInstant;
}

/// How far into the 20 ms the `nth` session ticks.
fn phase(nth: u32) -> Duration {
    AudioFormat::FRAME_DURATION.mul_f64((f64::from(nth) * GOLDEN).fract())
}
