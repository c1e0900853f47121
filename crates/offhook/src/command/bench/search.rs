//! Which number of calls to try next: doubled until too many, then halfway between. Pure.

/// The first try.
const FIRST: u32 = 25;

/// The most that a worker has seats for.
const MOST: u32 = 4000;

/// The search ends when what is not known is this part of what is carried: the load of a machine varies by more.
const PRECISION: u32 = 20;

/// How often a number that something else disturbed is tried.
const TRIES: u32 = 3;

/// How a number of calls went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// In time.
    Carried,
    /// Not in time, and not for want of time: something else had the machine.
    Disturbed,
    /// Not in time.
    TooMany,
}

#[derive(Debug, Default)]
pub(crate) struct Search {
    carried: u32,
    too_many: Option<u32>,
    trying: u32,
    /// How often that was disturbed.
    disturbed: u32,
}

impl Search {
    /// The number to try; `None` when it is found.
    pub(crate) fn next(&mut self) -> Option<u32> {
        if self.disturbed > 0 {
            return Some(self.trying);
        }
        let next = match self.too_many {
            None if self.carried == 0 => FIRST,
            None => (self.carried * 2).min(MOST),
            Some(too_many) => self.carried.midpoint(too_many),
        };
        let close =
            self.too_many.is_some_and(|too_many| too_many - self.carried <= self.carried.div_ceil(PRECISION));
        if close || next == self.carried || next == 0 {
            return None;
        }
        self.trying = next;
        Some(next)
    }

    /// How it went.
    pub(crate) fn tell(&mut self, verdict: Verdict) {
        let disturbed = std::mem::take(&mut self.disturbed) + 1;
        match verdict {
            Verdict::Carried => self.carried = self.trying,
            Verdict::Disturbed if disturbed < TRIES => self.disturbed = disturbed,
            Verdict::Disturbed | Verdict::TooMany => self.too_many = Some(self.trying),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found where `limit` calls can be carried, and after how many tries.
    fn found(limit: u32) -> (u32, usize) {
        let (mut search, mut tries) = (Search::default(), 0);
        while let Some(calls) = search.next() {
            search.tell(if calls <= limit { Verdict::Carried } else { Verdict::TooMany });
            tries += 1;
        }
        (search.carried, tries)
    }

    #[test]
    fn what_is_found_is_carried_and_little_more_is_not() {
        for limit in [1, 7, 24, 25, 26, 99, 100, 640, 1337, 3999, 4000, 9999] {
            let (found, tries) = found(limit);
            let reachable = limit.min(MOST);
            assert!(
                found <= reachable && reachable - found <= found.div_ceil(PRECISION),
                "{found} of {limit}"
            );
            assert!(tries <= 15, "{tries} tries for {limit}");
        }
        assert_eq!(found(0).0, 0);
    }

    #[test]
    fn what_was_disturbed_is_tried_again_and_not_for_ever() {
        let mut search = Search::default();
        for verdict in [Verdict::Disturbed, Verdict::Disturbed, Verdict::Carried] {
            assert_eq!(search.next(), Some(FIRST));
            search.tell(verdict);
        }
        for _ in 0..TRIES {
            assert_eq!(search.next(), Some(2 * FIRST));
            search.tell(Verdict::Disturbed);
        }
        assert_eq!(search.next(), Some(FIRST + FIRST / 2), "then it is too many");
    }
}
