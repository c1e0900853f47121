//! The statistics of all sessions of a platform, past and present.

use std::sync::Arc;

use crate::stats::{SessionStats, SharedStats};

/// Sessions that live are read when somebody asks; those that are over are added up, so that nothing is ever lost and the
/// memory of a session goes with it.
#[derive(Default)]
pub(crate) struct Totals {
    live: Vec<Arc<SharedStats>>,
    past: SessionStats,
    begun: u64,
}

impl Totals {
    /// Takes note of a new session.
    pub(crate) fn add(&mut self, session: Arc<SharedStats>) {
        self.settle();
        self.live.push(session);
        self.begun += 1;
    }

    /// Adds up the sessions that nobody else holds any more, so that nobody can write to them.
    pub(crate) fn settle(&mut self) {
        let Self { live, past, .. } = self;
        live.retain_mut(|session| match Arc::get_mut(session) {
            // Proof that this is the last one, with all that was written to it.
            Some(over) => {
                past.merge(&over.read());
                // What was a state is none any more.
                past.clock_drift_ppm = None;
                false
            }
            None => true,
        });
    }

    /// All of them together.
    pub(crate) fn read(&mut self) -> SessionStats {
        self.settle();
        let mut all = self.past.clone();
        self.live.iter().for_each(|session| all.merge(&session.read()));
        all
    }

    /// Sessions that ever began.
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ledger::Stage;

    #[test]
    fn nothing_is_lost_when_a_session_ends_and_its_memory_is_not_kept() {
        let mut totals = Totals::default();
        for number in 1..=100 {
            let session = Arc::new(SharedStats::new());
            totals.add(Arc::clone(&session));
            session.counters.frames_delivered.add(number);
            session.ledger.record(Stage::Decode, Duration::from_micros(number));
            session.clock_drift.set(-1_500);
            let before = totals.read();
            drop(session);
            let after = totals.read();
            assert_eq!(after.counters, before.counters);
            assert_eq!((before.clock_drift_ppm, after.clock_drift_ppm), (Some(-1.5), None), "nobody's clock");
            assert_eq!(after.stage(Stage::Decode).count(), number);
            assert!(totals.live.is_empty());
        }
        assert_eq!((totals.read().counters.frames_delivered, totals.begun()), (5050, 100));
        assert_eq!(totals.read().stage(Stage::Decode).total(), Duration::from_micros(5050));
    }
}
