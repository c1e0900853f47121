//! Transfers.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Desk, example_notification, has_all_of, user};

const STEP: Duration = Duration::from_millis(500);

fn transfer(to: &str, replaces: Option<&str>) -> Value {
    let mut target = user(to);
    target["replacesCallId"] = json!(replaces);
    json!({"transferTarget": target, "clientContext": "c"})
}

#[test]
fn a_transfer_goes_step_by_step() {
    let mut desk = Desk::new();
    let call = desk.call_to_ada();
    let answer = desk.post(&call, "transfer", &transfer("grace", None));
    assert_eq!((answer.status, answer.body), (202, Value::Null));
    let steps = [desk.told(), desk.wait(STEP), desk.wait(STEP)];
    for (told, page) in steps.iter().zip(["transferring", "transfer-accepted", "transfer-completed"]) {
        has_all_of(&example_notification(&format!("call-transfer.ex01.notification-{page}")), &told[0]);
        assert_eq!(told.len(), 1);
    }
    let result = &steps[2][0]["resourceData"]["resultInfo"];
    assert_eq!((&result["code"], &result["subcode"]), (&json!(0), &json!(7015)));
    assert_eq!(desk.media_ended.len(), 1);
}

#[test]
fn a_consultative_transfer_ends_both_calls() {
    let mut desk = Desk::new();
    let call = desk.call_to_ada();
    let other = desk.call_to_ada();
    desk.post(&call, "transfer", &transfer("grace", Some(&other)));
    let told = [desk.told(), desk.wait(STEP), desk.wait(STEP)].concat();
    has_all_of(&example_notification("call-transfer.ex02.notification-transfer-completed"), &told[2]);
    assert_eq!(told[3]["resourceUrl"], format!("/communications/calls/{other}"));
    assert_eq!(desk.service.calls().count(), 0);
}

#[test]
fn a_transfer_that_fails_gives_the_call_back() {
    for (target, replaces, subcode, page) in [
        ("absent", None, 7000, "ex01"),
        ("grace", Some("nonexistent"), 7700, "ex02"),
        ("nobody", None, 7000, "ex01"),
    ] {
        let mut desk = Desk::new();
        let call = desk.call_to_ada();
        desk.post(&call, "transfer", &transfer(target, replaces));
        assert_eq!(desk.states(), ["transferring"]);
        let told = desk.wait(STEP);
        let mut expected =
            example_notification(&format!("call-transfer.{page}.notification-transfer-failed"));
        // The page spells this one `subCode`.
        expected["resourceData"]["resultInfo"].as_object_mut().unwrap().remove("subCode");
        has_all_of(&expected, &told[0]);
        let result = &told[0]["resourceData"]["resultInfo"];
        assert_eq!((&result["code"], &result["subcode"]), (&json!(500), &json!(subcode)));
        assert_eq!(told[0]["resourceData"]["state"], "established");
        assert_eq!(
            desk.post(&call, "transfer", &transfer("grace", None)).status,
            202,
            "it can be tried again"
        );
    }
}

#[test]
fn in_a_group_one_person_is_transferred() {
    let mut desk = Desk::new();
    let (call, ada, _) = desk.meeting();
    let mut request = transfer("carol", None);
    let refused = desk.post(&call, "transfer", &request);
    assert!(refused.message().contains("transferee"), "{refused:?}");
    request["transferee"] = json!({"identity": {"user": {"id": "ada"}}, "participantId": ada});
    let other = desk.call_to_ada();
    request["transferTarget"] = transfer("grace", Some(&other))["transferTarget"].clone();
    assert_eq!(desk.post(&call, "transfer", &request).status, 202);
    let told = [desk.told(), desk.wait(STEP), desk.wait(STEP)].concat();
    assert_eq!(told[2]["resourceData"]["state"], "established");
    assert_eq!(told[3]["resourceData"].as_array().unwrap().len(), 2);
    assert_eq!(told[4]["resourceUrl"], format!("/communications/calls/{other}"), "it is replaced");
    assert_eq!(told[4]["resourceData"]["state"], "terminated");
}
