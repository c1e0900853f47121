//! Which worker takes the next session. Pure.

use crate::worker::SessionIndex;

/// A session's place: the worker, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) worker: usize,
    pub(crate) index: SessionIndex,
}

/// The seats of all workers.
#[derive(Debug)]
pub(crate) struct Placement {
    workers: Vec<Seats>,
    seats_per_worker: usize,
}

#[derive(Clone, Debug, Default)]
struct Seats {
    /// Seats that were taken and given back.
    free: Vec<SessionIndex>,
    /// Seats that were ever taken.
    used: usize,
}

impl Seats {
    fn taken(&self) -> usize {
        self.used - self.free.len()
    }
}

impl Placement {
    pub(crate) fn new(workers: usize, seats_per_worker: usize) -> Self {
        Self { workers: vec![Seats::default(); workers], seats_per_worker }
    }

    /// Takes a seat at the worker that has the fewest sessions; `None` when all are full.
    pub(crate) fn take(&mut self) -> Option<Seat> {
        let (worker, seats) = self.workers.iter_mut().enumerate().min_by_key(|(_, seats)| seats.taken())?;
        if seats.taken() >= self.seats_per_worker {
            return None;
        }
        let index = seats.free.pop().unwrap_or_else(|| {
            seats.used += 1;
            seats.used - 1
        });
        Some(Seat { worker, index })
    }

    pub(crate) fn give_back(&mut self, seat: Seat) {
        self.workers[seat.worker].free.push(seat.index);
    }

    /// Sessions that have a seat.
    pub(crate) fn taken(&self) -> usize {
        self.workers.iter().map(Seats::taken).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_spread_over_workers_and_seats_are_used_again() {
        let mut placement = Placement::new(2, 2);
        let seats: Vec<Seat> = std::iter::from_fn(|| placement.take()).collect();
        assert_eq!(seats.iter().map(|seat| seat.worker).collect::<Vec<_>>(), [0, 1, 0, 1]);
        assert_eq!(placement.taken(), 4);
        placement.give_back(seats[1]);
        assert_eq!(placement.take(), Some(seats[1]));
        assert_eq!(placement.take(), None);
    }
}
