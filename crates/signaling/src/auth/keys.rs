//! The keys that callbacks are signed with: when to read them again. Pure: time comes in as an argument.
//!
//! Keys roll over without notice, so an unknown key id makes them be read again, but not at any stranger's pace. Where they
//! could not be read, the service is asked again soon, and then ever more rarely.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

/// Keys kept at most: the service lists a handful.
const MOST_KEYS: usize = 64;
/// From a failure to read the keys to the next attempt. It doubles with each further failure, up to the shortest age of keys.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// What to do about a key id.
#[derive(Clone)]
pub(crate) enum KeyPlan {
    /// Check with this key.
    Use(Arc<DecodingKey>),
    /// Read the keys, then take what [`KeyCache::settled`] says.
    Fetch,
    /// The keys are being read: wait for that.
    Wait,
    /// No such key, and the keys were read too recently to ask again.
    Unknown,
    /// There are no keys, and reading them failed a moment ago.
    Unavailable,
}

/// The keys in hand.
#[derive(Default)]
pub(crate) struct KeyCache {
    keys: HashMap<String, Arc<DecodingKey>>,
    read_at: Option<Instant>,
    tried_at: Option<Instant>,
    /// Attempts that failed since one last went well.
    failures: u32,
    reading: bool,
}

impl KeyCache {
    /// What to do at `now` about the key `kid`.
    pub(crate) fn plan(
        &self,
        kid: &str,
        now: Instant,
        shortest_age: Duration,
        longest_age: Duration,
    ) -> KeyPlan {
        let age = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        // A key in hand serves on when it is old, so there is no haste for its sake.
        let pause = if self.keys.contains_key(kid) { shortest_age } else { self.pause(shortest_age) };
        let may_try = age(self.tried_at).is_none_or(|age| age >= pause);
        let is_old = age(self.read_at).is_none_or(|age| age >= longest_age);
        match self.keys.get(kid) {
            // Old keys serve on while the service is asked, and while it cannot be asked.
            Some(_) if !is_old || !may_try || self.reading => self.settled(kid),
            None if self.reading => KeyPlan::Wait,
            _ if may_try => KeyPlan::Fetch,
            _ => self.settled(kid),
        }
    }

    /// How long to wait from one attempt to the next.
    fn pause(&self, shortest_age: Duration) -> Duration {
        match self.failures.checked_sub(1) {
            Some(doublings) => FIRST_PAUSE.saturating_mul(1 << doublings.min(16)).min(shortest_age),
            None => shortest_age,
        }
    }

    /// What the keys in hand say about `kid`, whatever their age.
    pub(crate) fn settled(&self, kid: &str) -> KeyPlan {
        match self.keys.get(kid) {
            Some(key) => KeyPlan::Use(Arc::clone(key)),
            None if self.read_at.is_some() => KeyPlan::Unknown,
            None => KeyPlan::Unavailable,
        }
    }

    /// The service is about to be asked. Followed by [`KeyCache::replace`] or [`KeyCache::failed`].
    pub(crate) fn trying(&mut self, now: Instant) {
        self.tried_at = Some(now);
        self.reading = true;
    }

    /// The service gave no keys. The pause begins now, not when it was asked: it may have taken its time.
    pub(crate) fn failed(&mut self, now: Instant) {
        self.tried_at = Some(now);
        self.failures = self.failures.saturating_add(1);
        self.reading = false;
    }

    /// The service's keys, all of them: one that is no longer listed is no longer believed.
    pub(crate) fn replace(&mut self, keys: HashMap<String, Arc<DecodingKey>>, now: Instant) {
        self.keys = keys;
        self.read_at = Some(now);
        self.failures = 0;
        self.reading = false;
    }
}

/// Reads a JSON Web Key Set (RFC 7517): the RSA keys for signatures that have a key id. Others are skipped.
pub(crate) fn read_key_set(body: &[u8]) -> Option<HashMap<String, Arc<DecodingKey>>> {
    #[derive(Deserialize)]
    struct KeySet {
        keys: Vec<Value>,
    }
    #[derive(Deserialize)]
    struct RsaKey {
        kty: String,
        kid: String,
        #[serde(rename = "use")]
        usage: Option<String>,
        n: String,
        e: String,
    }
    let set: KeySet = serde_json::from_slice(body).ok()?;
    let rsa = set.keys.into_iter().filter_map(|key| serde_json::from_value::<RsaKey>(key).ok());
    let rsa = rsa.filter(|key| key.kty == "RSA" && key.usage.as_deref().is_none_or(|usage| usage == "sig"));
    let keys: HashMap<_, _> = rsa
        .filter_map(|key| Some((key.kid, Arc::new(DecodingKey::from_rsa_components(&key.n, &key.e).ok()?))))
        .take(MOST_KEYS)
        .collect();
    (!keys.is_empty()).then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORTEST: Duration = Duration::from_secs(30);
    const LONGEST: Duration = Duration::from_secs(7200);

    fn keys(ids: &[&str]) -> HashMap<String, Arc<DecodingKey>> {
        ids.iter().map(|id| ((*id).to_owned(), Arc::new(DecodingKey::from_secret(b"")))).collect()
    }

    fn plan(cache: &KeyCache, kid: &str, now: Instant) -> &'static str {
        match cache.plan(kid, now, SHORTEST, LONGEST) {
            KeyPlan::Use(_) => "use",
            KeyPlan::Fetch => "fetch",
            KeyPlan::Wait => "wait",
            KeyPlan::Unknown => "unknown",
            KeyPlan::Unavailable => "unavailable",
        }
    }

    #[test]
    fn an_unknown_key_is_asked_for_at_a_limited_pace() {
        let (mut cache, start) = (KeyCache::default(), Instant::now());
        assert_eq!(plan(&cache, "a", start), "fetch");
        cache.trying(start);
        cache.replace(keys(&["a"]), start);
        assert_eq!(plan(&cache, "a", start), "use");
        assert_eq!(plan(&cache, "b", start + SHORTEST - Duration::from_millis(1)), "unknown");
        assert_eq!(plan(&cache, "b", start + SHORTEST), "fetch");
    }

    #[test]
    fn old_keys_are_read_again_and_serve_on_when_that_fails() {
        let (mut cache, start) = (KeyCache::default(), Instant::now());
        cache.trying(start);
        cache.replace(keys(&["a"]), start);
        assert_eq!(plan(&cache, "a", start + LONGEST), "fetch");
        cache.trying(start + LONGEST);
        assert_eq!(plan(&cache, "a", start + LONGEST), "use", "while they are read");
        cache.failed(start + LONGEST);
        assert_eq!(plan(&cache, "a", start + LONGEST), "use");
        assert_eq!(
            plan(&cache, "a", start + LONGEST + SHORTEST - Duration::from_millis(1)),
            "use",
            "no haste"
        );
        assert_eq!(plan(&cache, "a", start + LONGEST + SHORTEST), "fetch");
    }

    #[test]
    fn who_comes_while_the_keys_are_read_waits_for_them() {
        let (mut cache, start) = (KeyCache::default(), Instant::now());
        cache.trying(start);
        assert_eq!(plan(&cache, "a", start), "wait");
        cache.replace(keys(&["a"]), start);
        assert_eq!(plan(&cache, "a", start), "use");
        cache.trying(start);
        assert_eq!(plan(&cache, "b", start), "wait", "it may be the one that is new");
    }

    #[test]
    fn without_any_keys_nobody_is_called_unknown() {
        let (mut cache, start) = (KeyCache::default(), Instant::now());
        cache.trying(start);
        cache.failed(start);
        assert_eq!(plan(&cache, "a", start), "unavailable");
    }

    #[test]
    fn keys_that_could_not_be_read_are_asked_for_again_soon_and_then_ever_more_rarely() {
        let (mut cache, mut now) = (KeyCache::default(), Instant::now());
        for pause in [1, 2, 4, 8, 16, 30, 30].map(Duration::from_secs) {
            cache.trying(now);
            // The service took its time to say no.
            now += Duration::from_secs(10);
            cache.failed(now);
            assert_eq!(plan(&cache, "a", now + pause - Duration::from_millis(1)), "unavailable", "{pause:?}");
            now += pause;
            assert_eq!(plan(&cache, "a", now), "fetch", "{pause:?}");
        }
        cache.trying(now);
        cache.replace(keys(&["a"]), now);
        assert_eq!(plan(&cache, "b", now + FIRST_PAUSE), "unknown", "it went well: no haste");
        cache.trying(now + SHORTEST);
        cache.failed(now + SHORTEST);
        assert_eq!(plan(&cache, "b", now + SHORTEST), "unknown");
        assert_eq!(plan(&cache, "b", now + SHORTEST + FIRST_PAUSE), "fetch", "it may be the new one");
    }

    #[test]
    fn a_withdrawn_key_is_no_longer_believed() {
        let (mut cache, start) = (KeyCache::default(), Instant::now());
        cache.trying(start);
        cache.replace(keys(&["a"]), start);
        cache.replace(keys(&["b"]), start);
        assert_eq!(plan(&cache, "a", start), "unknown");
    }

    #[test]
    fn a_key_set_is_read_past_keys_that_we_cannot_use() {
        let set = br#"{"keys":[{"kty":"EC","kid":"1","crv":"P-256"},{"kty":"RSA","n":"AQAB","e":"AQAB"},7,
            {"kty":"RSA","use":"enc","kid":"2","n":"AQAB","e":"AQAB"},{"kty":"RSA","use":"sig","kid":"3","n":"AQAB","e":"AQAB"},
            {"kty":"RSA","kid":"4","n":"AQAB","e":"AQAB","x5t":"4","alg":"novel"}]}"#;
        let mut ids: Vec<_> = read_key_set(set).unwrap().into_keys().collect();
        ids.sort();
        assert_eq!(ids, ["3", "4"]);
        for junk in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":{}}"#] {
            assert!(read_key_set(junk.as_bytes()).is_none(), "{junk}");
        }
    }
}
