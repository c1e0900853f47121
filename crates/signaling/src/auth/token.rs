//! When to fetch an access token, and who does it. Pure: time comes in as an argument.

use std::time::{Duration, Instant};

use crate::redacted::Redacted;

/// A token is renewed this long before it expires, while the old one serves on...
const RENEW_AHEAD: Duration = Duration::from_secs(300);
/// ...and is not used when less than this is left, since a request takes time to arrive.
const LAST_USE: Duration = Duration::from_secs(30);
/// After a failed renewal the old token serves on, and the next attempt waits this long.
const RENEWAL_PAUSE: Duration = Duration::from_secs(15);

/// What a caller who needs a token does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plan {
    /// Use this token.
    Use(Redacted<String>),
    /// Use this token, and have the next one fetched meanwhile.
    UseAndFetch(Redacted<String>),
    /// Have one fetched, and wait for it.
    Fetch,
    /// Wait: someone else is fetching.
    Wait,
}

/// The token in hand and whether someone is fetching the next.
#[derive(Debug, Default)]
pub(crate) struct TokenCache {
    held: Option<Held>,
    fetching: bool,
    not_before: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    token: Redacted<String>,
    renew_at: Instant,
    unusable_at: Instant,
}

impl TokenCache {
    /// What to do at `now`. Who is told to fetch owes [`TokenCache::fetched`] or [`TokenCache::failed`].
    pub(crate) fn plan(&mut self, now: Instant) -> Plan {
        let usable = self.held.as_ref().filter(|held| now < held.unusable_at);
        let pausing = self.not_before.is_some_and(|until| now < until);
        match usable {
            Some(held) if now < held.renew_at || self.fetching || pausing => Plan::Use(held.token.clone()),
            Some(held) => {
                self.fetching = true;
                Plan::UseAndFetch(held.token.clone())
            }
            None if self.fetching => Plan::Wait,
            None => {
                self.fetching = true;
                Plan::Fetch
            }
        }
    }

    /// A token came, good for `lifetime` from `now`.
    pub(crate) fn fetched(&mut self, now: Instant, token: Redacted<String>, lifetime: Duration) {
        let renew_at = now + lifetime.saturating_sub(RENEW_AHEAD.min(lifetime / 5));
        let unusable_at = now + lifetime.saturating_sub(LAST_USE.min(lifetime / 10));
        self.held = Some(Held { token, renew_at, unusable_at });
        self.fetching = false;
        self.not_before = None;
    }

    /// No token came.
    pub(crate) fn failed(&mut self, now: Instant) {
        self.fetching = false;
        self.not_before = Some(now + RENEWAL_PAUSE);
    }

    /// Graph refused this token: forget it, unless a newer one is in hand.
    pub(crate) fn discard(&mut self, token: &Redacted<String>) {
        if self.held.as_ref().is_some_and(|held| held.token == *token) {
            self.held = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn use_of(token: &str) -> Plan {
        Plan::Use(token.into())
    }

    fn renewal_of(token: &str) -> Plan {
        Plan::UseAndFetch(token.into())
    }

    #[test]
    fn one_fetches_and_the_others_wait() {
        let (mut cache, now) = (TokenCache::default(), Instant::now());
        assert_eq!(cache.plan(now), Plan::Fetch);
        assert_eq!(cache.plan(now), Plan::Wait);
        cache.fetched(now, "a".into(), HOUR);
        assert_eq!(cache.plan(now), use_of("a"));
    }

    #[test]
    fn a_token_is_renewed_ahead_and_once_while_all_use_the_old_one() {
        let (mut cache, now) = (TokenCache::default(), Instant::now());
        cache.plan(now);
        cache.fetched(now, "a".into(), HOUR);
        assert_eq!(cache.plan(now + HOUR - RENEW_AHEAD - Duration::from_secs(1)), use_of("a"));
        assert_eq!(cache.plan(now + HOUR - RENEW_AHEAD), renewal_of("a"));
        assert_eq!(cache.plan(now + HOUR - RENEW_AHEAD), use_of("a"));
    }

    #[test]
    fn an_expired_token_is_never_used() {
        let (mut cache, now) = (TokenCache::default(), Instant::now());
        cache.plan(now);
        cache.fetched(now, "a".into(), HOUR);
        assert_eq!(cache.plan(now + HOUR), Plan::Fetch);
        assert_eq!(cache.plan(now + HOUR), Plan::Wait);
        cache.failed(now + HOUR);
        assert_eq!(cache.plan(now + HOUR), Plan::Fetch, "without a usable token every new caller may try");
    }

    #[test]
    fn a_failed_renewal_is_not_repeated_at_once_while_the_old_token_serves() {
        let (mut cache, now) = (TokenCache::default(), Instant::now());
        cache.plan(now);
        cache.fetched(now, "a".into(), HOUR);
        let renewal = now + HOUR - RENEW_AHEAD;
        assert_eq!(cache.plan(renewal), renewal_of("a"));
        cache.failed(renewal);
        assert_eq!(cache.plan(renewal), use_of("a"));
        assert_eq!(cache.plan(renewal + RENEWAL_PAUSE), renewal_of("a"));
    }

    #[test]
    fn a_refused_token_is_forgotten_but_not_its_successor() {
        let (mut cache, now) = (TokenCache::default(), Instant::now());
        cache.plan(now);
        cache.fetched(now, "b".into(), HOUR);
        cache.discard(&"a".into());
        assert_eq!(cache.plan(now), use_of("b"));
        cache.discard(&"b".into());
        assert_eq!(cache.plan(now), Plan::Fetch);
    }

    #[test]
    fn short_lived_tokens_are_usable_for_most_of_their_life() {
        let (mut cache, now) = (TokenCache::default(), Instant::now());
        cache.plan(now);
        cache.fetched(now, "a".into(), Duration::from_secs(10));
        assert_eq!(cache.plan(now + Duration::from_secs(7)), use_of("a"));
        assert_eq!(cache.plan(now + Duration::from_secs(8)), renewal_of("a"));
        assert_eq!(cache.plan(now + Duration::from_secs(8)), use_of("a"));
    }
}
