//! Recording policies.

use std::time::Duration;

use offhook_emulator::{Happening, HappeningError, IncomingCall};
use offhook_signaling::model::{ParticipantJoiningResponse, RejectReason};
use serde_json::{Value, json};

use super::{CALLBACK, Desk, example, example_notification, has_all_of, join};

/// A recorder that was brought in for Ada and takes `capacity` people; its call.
fn recorder(desk: &mut Desk, capacity: Option<i64>) -> String {
    let incoming =
        IncomingCall::new(CALLBACK, "ada").to_application_instance("instance").by_recording_policy();
    let call = desk.service.call_bot(desk.now, &incoming).unwrap().to_string();
    let told = desk.told();
    let mut expected = example_notification("call-answer.ex03.notification-incoming-policy-recording");
    let data = &mut expected["resourceData"];
    data["source"]["identity"]["user"].as_object_mut().unwrap().remove("identityProvider");
    data["targets"][0]["identity"]["applicationInstance"].as_object_mut().unwrap().remove("identityProvider");
    data["applicationMetadata"]["botData"].as_object_mut().unwrap().remove("otherSideUser");
    has_all_of(&expected, &told[0]);
    let mut body = example("call-answer.ex01.request");
    body["callbackUri"] = json!(CALLBACK);
    body["participantCapacity"] = json!(capacity);
    assert_eq!(desk.post(&call, "answer", &body).status, 202);
    assert_eq!(desk.states(), ["establishing", "established"]);
    call
}

fn joins(desk: &mut Desk, call: &str, who: &str) -> Vec<Value> {
    desk.happen(call, Happening::PolicyUserJoin(who.to_owned())).unwrap();
    desk.told()
}

fn answers(desk: &mut Desk, response: &ParticipantJoiningResponse) -> Vec<Value> {
    let body = serde_json::to_vec(response).unwrap();
    let question = desk.asked.take().unwrap();
    desk.service.joining_answered(desk.now, question, Some(&body));
    desk.told()
}

#[test]
fn a_recorder_has_5_s_to_answer() {
    let mut desk = Desk::new();
    let incoming = IncomingCall::new(CALLBACK, "ada").by_recording_policy();
    desk.service.call_bot(desk.now, &incoming).unwrap();
    desk.told();
    assert!(desk.wait(Duration::from_millis(4_900)).is_empty());
    assert_eq!(desk.wait(Duration::from_millis(100))[0]["resourceData"]["state"], "terminated");
}

#[test]
fn a_recorder_says_that_it_records() {
    let mut desk = Desk::new();
    let call = recorder(&mut desk, None);
    let body = json!({"status": "recording", "clientContext": "c"});
    let answer = desk.post(&call, "updateRecordingStatus", &body);
    assert_eq!(answer.status, 200);
    has_all_of(&example("call-updaterecordingstatus.response"), &answer.body);
    let told = desk.told();
    assert!(told[0]["resourceData"].to_string().contains("\"recordingStatus\":\"recording\""), "{told:?}");
    assert_eq!(desk.post(&call, "updateRecordingStatus", &json!({"status": "unknown"})).status, 400);
}

#[test]
fn nobody_else_says_so() {
    let mut desk = Desk::new();
    let call = desk.call_to_ada();
    let refused = desk.post(&call, "updateRecordingStatus", &json!({"status": "recording"}));
    assert_eq!(refused.code(), (400, "8506"));
    assert_eq!(
        desk.happen(&call, Happening::PolicyUserJoin("x".into())),
        Err(HappeningError::NotUnderPolicy)
    );
}

#[test]
fn the_recorder_decides_about_each_who_joins() {
    let mut desk = Desk::new();
    let call = recorder(&mut desk, Some(5));
    let told = joins(&mut desk, &call, "grace");
    assert_eq!(told[0]["resourceData"]["@odata.type"], "#microsoft.graph.participantJoiningNotification");
    assert_eq!(told[0]["resourceData"]["call"]["id"], call.as_str());
    let told = answers(&mut desk, &ParticipantJoiningResponse::accept());
    assert_eq!(told[0]["resourceData"].as_array().unwrap().len(), 3);

    joins(&mut desk, &call, "carol");
    assert!(answers(&mut desk, &ParticipantJoiningResponse::reject(RejectReason::Busy)).is_empty());

    joins(&mut desk, &call, "dave");
    let elsewhere = ParticipantJoiningResponse::invite_new_bot("http://127.0.0.1:9/other-instance");
    let told = answers(&mut desk, &elsewhere);
    assert_eq!(
        (&told[0]["changeType"], &told[0]["callbackUri"]),
        (&json!("created"), &json!("http://127.0.0.1:9/other-instance"))
    );
    assert_eq!(told[0]["resourceData"]["source"]["identity"]["user"]["id"], "dave");

    joins(&mut desk, &call, "erin");
    let question = desk.asked.take().unwrap();
    desk.service.joining_answered(desk.now, question, None);
    assert_eq!(desk.told()[0]["callbackUri"], CALLBACK, "a bot that says nothing is as one without room");
}

#[test]
fn whom_the_policy_does_not_cover_cannot_leave_it_and_stays_and_the_last_who_leaves_ends_the_call() {
    let mut desk = Desk::new();
    let call = recorder(&mut desk, None);
    desk.happen(&call, Happening::Join("grace".into())).unwrap();
    let leave = |who: &str| Happening::PolicyUserLeave(who.to_owned());
    assert_eq!(desk.happen(&call, leave("grace")), Err(HappeningError::ParticipantNotFound));
    desk.seat(&call, "grace");
    desk.happen(&call, Happening::Leave("grace".into())).unwrap();
    desk.told();
    desk.happen(&call, leave("ada")).unwrap();
    let told = desk.told();
    assert_eq!(told[0]["resourceData"]["@odata.type"], "#microsoft.graph.participantLeftNotification");
    assert_eq!(told[2]["resourceData"]["resultInfo"]["subcode"], 5010);
}

#[test]
fn a_recorder_that_joins_again_by_its_token_finds_whom_it_records() {
    let mut desk = Desk::new();
    let incoming = IncomingCall::new(CALLBACK, "ada").by_recording_policy();
    desk.service.call_bot(desk.now, &incoming).unwrap();
    let token = desk.told()[0]["resourceData"]["meetingInfo"].clone();
    let mut again = join();
    again.as_object_mut().unwrap().remove("chatInfo");
    again["meetingInfo"] = token;
    let call = desk.established(&again);
    desk.seat(&call, "ada");
}

#[test]
fn a_recorder_that_is_full_is_not_asked() {
    let mut desk = Desk::new();
    let call = recorder(&mut desk, Some(2));
    joins(&mut desk, &call, "grace");
    let told = joins(&mut desk, &call, "carol");
    assert_eq!(told[0]["changeType"], "created", "Ada, and Grace who is being asked about, fill it");
    answers(&mut desk, &ParticipantJoiningResponse::accept());
    desk.happen(&call, Happening::PolicyUserLeave("grace".into())).unwrap();
    let told = desk.told();
    assert_eq!(told[0]["resourceData"]["@odata.type"], "#microsoft.graph.participantLeftNotification");
    assert!(told[0]["resourceData"]["participantId"].is_string());
    let told = joins(&mut desk, &call, "carol");
    assert_eq!(told[0]["changeType"], "updated", "there is room again");
}
