//! How the platform stands, as its workers have measured it.

use std::future::poll_fn;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;

use super::{Engine, MediaPlatform, lock};
use crate::health::{Health, HealthStatus, WorkerHealth};
use crate::worker::load::Load;

impl MediaPlatform {
    /// How loaded the platform is. Measured by the workers themselves, once a second; reading costs nothing.
    pub fn health(&self) -> Health {
        self.engine.health()
    }

    /// Waits until the status is another than `from`, and says how the platform stands then.
    pub async fn health_changed(&self, from: HealthStatus) -> Health {
        poll_fn(|context| {
            let changed = || Some(self.health()).filter(|health| health.status != from);
            if let Some(health) = changed() {
                return Poll::Ready(health);
            }
            self.engine.health_bell.register(context.waker());
            changed().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

impl Engine {
    pub(super) fn health(&self) -> Health {
        let of = |Load { busy, miss_rate, sessions, status }| WorkerHealth {
            status,
            busy,
            deadline_miss_rate: miss_rate,
            sessions,
        };
        let workers = self.counters.iter().map(|counters| of(counters.load.read())).collect();
        Health::of(workers, lock(&self.placement).taken(), self.draining.load(Relaxed))
    }
}
