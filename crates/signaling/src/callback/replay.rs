//! Which posts were taken already. Pure: time comes in as an argument.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};

/// Posts that are remembered: an hour, which is how long a token lives, of eighteen posts a second. In memory 4 MiB when full.
/// Then the oldest is forgotten. Who replays that one tells of a call what was told already, which does not move it.
const MOST: usize = 65_536;

/// What makes two posts the same: token, message id and body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Half of a SHA-256: who could make two posts alike would have to be believed for both.
    pub(crate) fn of(token: &str, message_id: &[u8], body: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        for part in [token.as_bytes(), message_id, body] {
            // With its length, so that no part can pass for the end of the one before.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut half = [0; 16];
        half.copy_from_slice(&context.finish().as_ref()[..16]);
        Self(half)
    }
}

/// The posts that were taken, as long as their tokens are believed: afterwards they are refused as expired.
#[derive(Debug, Default)]
pub(crate) struct ReplayMemory {
    taken: HashSet<Fingerprint>,
    /// In the order in which they were taken, each with the end of its token's time.
    order: VecDeque<(Fingerprint, Duration)>,
}

impl ReplayMemory {
    /// Takes a post at `now` whose token is believed until `until`, both since 1970. `false`: it was taken already.
    pub(crate) fn take(&mut self, post: Fingerprint, now: Duration, until: Duration) -> bool {
        while self.order.front().is_some_and(|(_, until)| *until < now) {
            self.forget_oldest();
        }
        if !self.taken.insert(post) {
            return false;
        }
        self.order.push_back((post, until));
        if self.order.len() > MOST {
            self.forget_oldest();
        }
        true
    }

    fn forget_oldest(&mut self) {
        if let Some((oldest, _)) = self.order.pop_front() {
            self.taken.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn post(number: usize) -> Fingerprint {
        Fingerprint::of("token", number.to_string().as_bytes(), b"body")
    }

    #[test]
    fn a_post_is_taken_once_as_long_as_its_token_is_believed() {
        let mut memory = ReplayMemory::default();
        assert!(memory.take(post(1), HOUR, HOUR * 2));
        assert!(!memory.take(post(1), HOUR, HOUR * 2));
        assert!(!memory.take(post(1), HOUR * 2, HOUR * 2));
        assert!(memory.take(post(2), HOUR * 2, HOUR * 3));
        assert!(memory.take(post(3), HOUR * 3, HOUR * 4));
        assert!(memory.take(post(1), HOUR * 3, HOUR * 4), "its token had expired, so it was forgotten");
    }

    #[test]
    fn posts_differ_by_token_id_or_body_and_no_part_passes_for_another() {
        let same = Fingerprint::of("token", b"id", b"body");
        assert_eq!(Fingerprint::of("token", b"id", b"body"), same);
        for other in [
            Fingerprint::of("token2", b"id", b"body"),
            Fingerprint::of("token", b"id2", b"body"),
            Fingerprint::of("token", b"id", b"body2"),
            Fingerprint::of("tokeni", b"d", b"body"),
            Fingerprint::of("token", b"idb", b"ody"),
        ] {
            assert_ne!(other, same);
        }
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_is_forgotten() {
        let mut memory = ReplayMemory::default();
        for number in 0..=MOST {
            assert!(memory.take(post(number), HOUR, HOUR * 2));
        }
        assert_eq!((memory.taken.len(), memory.order.len()), (MOST, MOST));
        assert!(!memory.take(post(2), HOUR, HOUR * 2), "remembered");
        assert!(memory.take(post(0), HOUR, HOUR * 2), "forgotten");
    }
}
