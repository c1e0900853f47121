//! Limits of time.

use std::time::Duration;

use offhook_emulator::EmulatorSettings;
use serde_json::Value;

use super::{Desk, to};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_call_without_a_sign_of_life_ends_after_45_min() {
    let mut desk = Desk::new();
    let call = desk.call_to_ada();
    assert!(desk.wait(44 * MINUTE).is_empty());
    let answer = desk.post(&call, "keepAlive", &Value::Null);
    assert_eq!((answer.status, answer.body), (200, Value::Null));
    assert!(desk.wait(44 * MINUTE).is_empty());
    let told = desk.wait(MINUTE);
    let result = &told[0]["resourceData"]["resultInfo"];
    assert_eq!((&result["code"], &result["subcode"]), (&408.into(), &8537.into()));
    assert_eq!(desk.post(&call, "keepAlive", &Value::Null).code(), (404, "8522"));
}

#[test]
fn limits_are_scaled() {
    let mut desk = Desk::with(EmulatorSettings::default().time_scale(0.001));
    desk.established(&to(&["ada"]));
    assert!(desk.wait(Duration::from_millis(2_600)).is_empty());
    assert_eq!(desk.wait(Duration::from_millis(100)).len(), 1);
}

#[test]
fn what_comes_next_is_known_ahead() {
    let mut desk = Desk::new();
    assert_eq!(desk.service.next_due(), None);
    let call = desk.call_to_ada();
    assert_eq!(desk.service.next_due(), Some(desk.now + 45 * MINUTE));
    desk.delete(&call, "");
    assert_eq!(desk.service.next_due(), None, "a call that is over waits for nothing");
}
