//! Which worker takes the next session. Pure.

use crate::worker::SessionIndex;
use crate::worker::load::Load;

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

    /// Takes a seat at the worker that is least loaded; `None` when all are full. `loads` is what the workers measured last.
    pub(crate) fn take(&mut self, loads: &[Load]) -> Option<Seat> {
        let with_room = |(_, seats): &(usize, &Seats)| seats.taken() < self.seats_per_worker;
        let workers = self.workers.iter().enumerate().filter(with_room);
        let (worker, _) = workers
            .min_by_key(|&(worker, seats)| (busy_steps(worker, seats.taken(), loads), seats.taken()))?;
        let seats = &mut self.workers[worker];
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

/// Workers whose loads differ by less than this share are equally loaded, and the number of sessions decides.
const BUSY_STEP: f32 = 0.05;

/// How busy a worker will be with the sessions that it `taken` has: what it measured, and for each session since then what
/// one costs on average.
fn busy_steps(worker: usize, taken: usize, loads: &[Load]) -> u32 {
    let measured = loads.get(worker).copied().unwrap_or_default();
    let (busy, sessions) =
        loads.iter().fold((0.0, 0), |(busy, sessions), load| (busy + load.busy, sessions + load.sessions));
    let each = if sessions == 0 { 0.0 } else { busy / sessions as f32 };
    let since = taken as f32 - measured.sessions as f32;
    ((measured.busy + since * each).max(0.0) / BUSY_STEP) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(busy: f32, sessions: u32) -> Load {
        Load { busy, sessions, ..Load::default() }
    }

    #[test]
    fn the_next_session_goes_where_least_is_done_not_where_fewest_are() {
        let mut placement = Placement::new(2, 100);
        for _ in 0..4 {
            placement.take(&[]);
        }
        // Two sessions each, but those of the first cost more.
        let loads = [load(0.6, 2), load(0.1, 2)];
        assert_eq!(placement.take(&loads).map(|seat| seat.worker), Some(1));
    }

    #[test]
    fn a_burst_of_sessions_does_not_all_go_to_who_was_idle_when_last_measured() {
        let mut placement = Placement::new(2, 1000);
        for _ in 0..200 {
            placement.take(&[]);
        }
        (0..100).for_each(|index| placement.give_back(Seat { worker: 1, index }));
        let loads = [load(0.5, 100), load(0.0, 0)];
        let burst: Vec<_> = (0..300).filter_map(|_| placement.take(&loads)).collect();
        let to_idle = burst.iter().filter(|seat| seat.worker == 1).count();
        assert!((190..=210).contains(&to_idle), "{to_idle} of 300");
    }

    #[test]
    fn sessions_spread_over_workers_and_seats_are_used_again() {
        let mut placement = Placement::new(2, 2);
        let seats: Vec<Seat> = std::iter::from_fn(|| placement.take(&[])).collect();
        assert_eq!(seats.iter().map(|seat| seat.worker).collect::<Vec<_>>(), [0, 1, 0, 1]);
        assert_eq!(placement.taken(), 4);
        placement.give_back(seats[1]);
        assert_eq!(placement.take(&[]), Some(seats[1]));
        assert_eq!(placement.take(&[]), None);
    }
}
