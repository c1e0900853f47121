//! What becomes of notifications, call by call.

use super::*;

fn about(id: &str) -> Verified<CommsNotification> {
    let resource_url = format!("/communications/calls/{id}").into();
    Verified::checked_elsewhere(CommsNotification { resource_url, ..CommsNotification::new() })
}

fn waiting(feed: &mut Feed) -> usize {
    std::iter::from_fn(|| feed.try_next()).count()
}

#[test]
fn what_comes_before_the_call_is_followed_is_held_for_it() {
    let registry = Arc::new(Registry::default());
    let creating = registry.creating();
    registry.deliver(about("A-1"), 100);
    registry.deliver(about("a1"), 100);
    let mut feed = registry.follow(&"a1".into()).unwrap();
    drop(creating);
    registry.deliver(about("A1"), 100);
    assert_eq!(waiting(&mut feed), 3);
    assert_eq!(registry.stats(), DeliveryStats { delivered: 1, held: 2, ..DeliveryStats::default() });
    assert!(!feed.has_missed());
}

#[test]
fn a_call_that_nobody_creates_is_reported_once() {
    let registry = Arc::new(Registry::default());
    registry.deliver(about("1"), 100);
    registry.deliver(about("1"), 100);
    assert_eq!(registry.stats().unknown_calls, 1);
    let creating = registry.creating();
    registry.deliver(about("2"), 100);
    assert_eq!(registry.stats().unknown_calls, 1, "it may be the one that is being created");
    drop(creating);
    assert_eq!(registry.stats().unknown_calls, 2, "it was not");
}

#[test]
fn what_comes_after_the_end_is_late_and_not_unknown() {
    let registry = Registry::default();
    let id = CallId::from("1");
    let _feed = registry.follow(&id).unwrap();
    registry.leave(&id);
    registry.deliver(about("1"), 100);
    assert_eq!(registry.stats(), DeliveryStats { late: 1, ..DeliveryStats::default() });
}

#[test]
fn memory_is_bounded_and_losses_are_counted_and_told() {
    let registry = Registry::default();
    let mut feed = registry.follow(&"1".into()).unwrap();
    (0..QUEUE + 5).for_each(|_| registry.deliver(about("1"), 100));
    assert_eq!(registry.stats().dropped, 5);
    assert!(feed.has_missed() && !feed.has_missed());
    assert_eq!(waiting(&mut feed), QUEUE);

    (0..HELD_EACH + 3).for_each(|_| registry.deliver(about("2"), 100));
    assert_eq!(registry.stats().dropped, 8);
    assert!(registry.follow(&"2".into()).unwrap().has_missed());

    (0..HELD_CALLS + 2).for_each(|n| registry.deliver(about(&format!("x{n}")), 100));
    assert_eq!(registry.stats().dropped, 10);
    assert_eq!(registry.inner().held.len(), HELD_CALLS);
    registry.deliver(about("x9"), 100);
    assert_eq!(registry.inner().held.len(), HELD_CALLS, "one that is held already takes nobody's place");
}

fn calls_in(id: &str) -> Verified<CommsNotification> {
    let call = Call { state: CallState::Incoming.into(), ..Call::new() };
    let notification = CommsNotification {
        resource_data: ResourceData::Call(Box::new(call)).into(),
        ..about(id).into_inner()
    };
    Verified::checked_elsewhere(notification)
}

#[test]
fn an_incoming_call_is_brought_once_to_the_one_who_listens() {
    let registry = Registry::default();
    registry.deliver(calls_in("early"), 100);
    assert_eq!(registry.stats().unknown_calls, 1, "nobody listens");
    let mut invitations = registry.listen().unwrap();
    assert!(registry.listen().is_none());
    registry.deliver(calls_in("1"), 100);
    registry.deliver(calls_in("1"), 100);
    let Invitation { call, mut feed, .. } = invitations.try_recv().unwrap();
    assert_eq!(call.id.as_str(), Some("1"));
    assert_eq!(waiting(&mut feed), 1, "the double belongs to the call that is followed now");
    assert!(invitations.try_recv().is_err());
    registry.leave(&"1".into());
    registry.deliver(calls_in("1"), 100);
    assert!(invitations.try_recv().is_err(), "it is over: what comes late invites nobody");
    drop(invitations);
    assert!(registry.listen().is_some());
}

#[test]
fn a_call_is_followed_by_one() {
    let registry = Registry::default();
    let _feed = registry.follow(&"1".into()).unwrap();
    assert!(registry.follow(&"1".into()).is_none());
}

#[test]
fn what_is_held_is_bounded_in_bytes_too() {
    let registry = Registry::default();
    registry.deliver(about("old"), HELD_BYTES / 2);
    registry.deliver(about("new"), HELD_BYTES / 2);
    assert_eq!(registry.stats().dropped, 0);
    registry.deliver(about("newest"), 1);
    assert_eq!(registry.stats().dropped, 1, "the longest held went");
    assert_eq!(registry.inner().held_bytes, HELD_BYTES / 2 + 1);
    registry.deliver(about("new"), HELD_BYTES);
    assert_eq!(registry.stats().dropped, 2, "it alone is too much");
    assert!(registry.follow(&"new".into()).unwrap().has_missed());
    assert_eq!(registry.inner().held_bytes, 1);
}
