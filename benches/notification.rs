//! What does a notification cost from its bytes to the tracked state, beside reading the same JSON and no more?
//!
//! The notifications are those of Microsoft's documentation for joining a meeting.

use std::hint::black_box;
use std::time::SystemTime;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use offhook_signaling::auth::Verified;
use offhook_signaling::model::{CommsNotification, CommsNotifications};
use offhook_signaling::track::{Applied, CallTracker};
use serde_json::Value;

macro_rules! example {
    ($name:literal) => {
        include_bytes!(concat!("../crates/signaling/tests/fixtures/graph-examples/ex05.notification-", $name))
    };
}

/// Each with the name of what it tells.
const NOTIFICATIONS: [(&str, &[u8]); 3] = [
    ("established", example!("established.json")),
    ("whole_roster", example!("roster-full.json")),
    ("delta_roster", example!("roster-delta.json")),
];

fn notification_to_state(criterion: &mut Criterion) {
    let now = SystemTime::now();
    for (name, body) in NOTIFICATIONS {
        let mut group = criterion.benchmark_group(format!("notification_to_state_{name}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        let fresh = CallTracker::new(call_of(body), now);
        group.bench_function("offhook from_slice and apply", |bencher| {
            bencher.iter_batched_ref(
                || fresh.clone(),
                |tracker| {
                    let notifications = CommsNotifications::from_slice(black_box(body)).expect("an example");
                    for notification in notifications.value.items() {
                        let applied = tracker.apply(now, Verified::checked_elsewhere(notification));
                        assert_eq!(applied, Applied::Changed);
                    }
                },
                BatchSize::SmallInput,
            );
        });
        group.bench_function("serde_json to a Value", |bencher| {
            bencher.iter(|| serde_json::from_slice::<Value>(black_box(body)).expect("an example"));
        });
        group.finish();
    }
}

/// The call that a notification is about.
fn call_of(body: &[u8]) -> String {
    let notifications = CommsNotifications::from_slice(body).expect("an example");
    let call = notifications.value.items().iter().find_map(CommsNotification::call_id);
    call.expect("it is about a call").to_string()
}

criterion_group!(benches, notification_to_state);
criterion_main!(benches);
