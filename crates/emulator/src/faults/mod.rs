//! What goes wrong on purpose: with the answers to a bot's requests, and with what is posted to a bot.
//!
//! A [`Fault`] says what it is [on], how often it happens ([`Occurrence`]), and its effect. What is decided here is pure but
//! for the lock; [`middleware`] and the courier obey.
//!
//! [on]: Fault::new

mod connection;
mod middleware;
mod notifications;
mod operations;
mod requests;
mod rule;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use connection::{Connection, Listening};
pub(crate) use middleware::{Wrapped, strike};
pub(crate) use notifications::Delivery;
pub use notifications::{NotificationEffect, NotificationFault, NotificationPattern};
use offhook_signaling::model::CommsNotifications;
pub use operations::OPERATION_NAMES;
pub use requests::{RequestEffect, RequestFault, RequestPattern};
use rule::Rule;
pub use rule::{Fault, Occurrence, PatternError};

/// The faults of one emulator, shared by what obeys them.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Rules>);

#[derive(Default)]
struct Rules {
    seed: u64,
    armed: u64,
    requests: Vec<Rule<RequestPattern, RequestEffect>>,
    notifications: Vec<Rule<NotificationPattern, NotificationEffect>>,
}

impl Rules {
    /// Each rule draws from a generator of its own, so that what one decides does not depend on which other was asked
    /// before it.
    fn next_seed(&mut self) -> u64 {
        self.armed += 1;
        self.seed.wrapping_add(self.armed)
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
        let rule = Rule::new(fault, rules.next_seed());
        rules.requests.push(rule);
    }

    pub(crate) fn add_notification_fault(&self, fault: NotificationFault) {
        let mut rules = self.lock();
        let rule = Rule::new(fault, rules.next_seed());
        rules.notifications.push(rule);
    }

    /// From now on all goes well.
    pub(crate) fn clear(&self) {
        let mut rules = self.lock();
        rules.requests.clear();
        rules.notifications.clear();
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
