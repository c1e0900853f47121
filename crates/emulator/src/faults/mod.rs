//! What goes wrong on purpose: with the answers to a bot's requests, with what is posted to a bot, and with its media.
//!
//! A [`Fault`] says what it is [on], how often it happens ([`Occurrence`]), and its effect. What is decided here is pure but
//! for the lock; [`middleware`] and the courier obey.
//!
//! [on]: Fault::new

mod connection;
mod media;
mod middleware;
mod notifications;
mod operations;
mod requests;
mod rule;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use connection::{Connection, Listening};
pub use media::{MediaEffect, MediaFault, MediaPattern};
pub(crate) use media::{as_read, spoilt};
pub(crate) use middleware::{Struck, Wrapped, strike};
pub(crate) use notifications::Delivery;
pub use notifications::{NotificationEffect, NotificationFault, NotificationPattern};
use offhook_signaling::model::CommsNotifications;
pub use operations::OPERATION_NAMES;
pub use requests::{RequestEffect, RequestFault, RequestPattern};
use rule::Rule;
pub use rule::{Fault, Occurrence, PatternError};
use serde::Serialize;
use serde_json::{Value, json};

/// The faults of one emulator, shared by what obeys them.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Rules>);

#[derive(Default)]
struct Rules {
    seed: u64,
    armed: u64,
    requests: Vec<Rule<RequestPattern, RequestEffect>>,
    notifications: Vec<Rule<NotificationPattern, NotificationEffect>>,
    media: Vec<Rule<MediaPattern, MediaEffect>>,
}

impl Rules {
    /// Each rule draws from a generator of its own, so that what one decides does not depend on which other was asked
    /// before it.
    fn arm<On, Effect>(&mut self, fault: Fault<On, Effect>) -> Rule<On, Effect> {
        self.armed += 1;
        Rule::new(fault, self.armed, self.seed.wrapping_add(self.armed))
    }
}

impl Faults {
    /// Nothing is left half changed by a panic.
    fn lock(&self) -> MutexGuard<'_, Rules> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What chances are drawn from, for the rules that come after.
    pub(crate) fn seed(&self, seed: u64) {
        self.lock().seed = seed;
    }

    pub(crate) fn add_request_fault(&self, fault: RequestFault) {
        let mut rules = self.lock();
        let rule = rules.arm(fault);
        rules.requests.push(rule);
    }

    pub(crate) fn add_notification_fault(&self, fault: NotificationFault) {
        let mut rules = self.lock();
        let rule = rules.arm(fault);
        rules.notifications.push(rule);
    }

    pub(crate) fn add_media_fault(&self, fault: MediaFault) {
        let mut rules = self.lock();
        let rule = rules.arm(fault);
        rules.media.push(rule);
    }

    /// From now on all goes well.
    pub(crate) fn clear(&self) {
        let mut rules = self.lock();
        rules.requests.clear();
        rules.notifications.clear();
        rules.media.clear();
    }

    /// Disarms one fault. Whether it was there.
    pub(crate) fn remove(&self, id: u64) -> bool {
        fn remove<On, Effect>(rules: &mut Vec<Rule<On, Effect>>, id: u64) -> bool {
            let before = rules.len();
            rules.retain(|rule| rule.id != id);
            rules.len() < before
        }
        let mut rules = self.lock();
        remove(&mut rules.requests, id)
            || remove(&mut rules.notifications, id)
            || remove(&mut rules.media, id)
    }

    /// What is armed, with ids by which it can be removed.
    pub(crate) fn armed(&self) -> Value {
        fn armed<On: Serialize, Effect: Serialize>(rules: &[Rule<On, Effect>]) -> Value {
            json!(rules.iter().filter_map(Rule::left).collect::<Vec<_>>())
        }
        let rules = self.lock();
        json!({
            "requests": armed(&rules.requests),
            "notifications": armed(&rules.notifications),
            "media": armed(&rules.media),
        })
    }

    /// What happens to the media of a call that begins.
    pub(crate) fn of_media(&self) -> Vec<MediaEffect> {
        media::decide(&mut self.lock().media)
    }

    /// What happens to a request.
    fn of_request(&self, method: &str, path: &str) -> Vec<RequestEffect> {
        requests::decide(&mut self.lock().requests, method, path)
    }

    /// What happens to a post.
    pub(crate) fn of_post(&self, post: &CommsNotifications) -> Delivery {
        notifications::decide(&mut self.lock().notifications, post)
    }
}
