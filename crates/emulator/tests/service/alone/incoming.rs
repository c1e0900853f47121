//! Calls to the bot.

use std::time::Duration;

use offhook_emulator::{EmulatorSettings, Happening, HappeningError, IncomingCall};
use serde_json::{Value, json};

use super::{CALLBACK, Desk, example, example_notification, has_all_of, phone, user};

fn called(desk: &mut Desk, incoming: IncomingCall) -> (String, Value) {
    let id = desk.service.call_bot(desk.now, &incoming).unwrap().to_string();
    let told = desk.told();
    assert_eq!((told.len(), &told[0]["changeType"]), (1, &json!("created")));
    (id, told[0].clone())
}

fn answer() -> Value {
    let mut body = example("call-answer.ex01.request");
    body["callbackUri"] = json!("http://127.0.0.1:9/this-call");
    body
}

#[test]
fn a_call_comes_is_answered_and_ends() {
    let mut desk = Desk::new();
    let (call, told) = called(&mut desk, IncomingCall::new(CALLBACK, "ada"));
    has_all_of(&example_notification("call-answer.ex02.notification-incoming"), &told);
    let answered = desk.post(&call, "microsoft.graph.answer", &answer());
    assert_eq!((answered.status, answered.body), (202, Value::Null));
    let told = desk.told();
    has_all_of(&example_notification("call-answer.ex01.notification-establishing"), &told[0]);
    has_all_of(&example_notification("call-answer.ex01.notification-established"), &told[1]);
    assert_eq!(told[0]["callbackUri"], "http://127.0.0.1:9/this-call", "as the answer says");
    desk.happen(&call, Happening::HangUp).unwrap();
    assert_eq!(desk.told()[0]["resourceData"]["resultInfo"]["subcode"], 4521);
}

#[test]
fn an_answer_with_media_gets_the_answer_of_the_far_end() {
    use offhook_emulator::{Method, Request};
    let mut desk = Desk::new();
    let (call, _) = called(&mut desk, IncomingCall::new(CALLBACK, "ada"));
    let mut body = example("call-answer.ex02.request");
    body["callbackUri"] = json!(CALLBACK);
    let request = Request::new(Method::Post, format!("/app/calls/{call}/answer"), body.to_string());
    let offer = desk.service.media_offer(&request).unwrap().unwrap();
    assert_eq!(offer.blob, "<Media Session Configuration Blob>");
    assert!(!format!("{offer:?}").contains("Media Session Configuration"));
    desk.service.handle(desk.now, &request.media_answer("the answer")).unwrap();
    let told = desk.told();
    assert_eq!(told[0]["resourceData"]["mediaConfig"]["blob"], "the answer");
    assert_eq!(desk.get(&call, "").body["mediaConfig"]["blob"], "the answer");
    assert_eq!(told.len(), 1, "media is waited for");
    desk.service.media_connected(&call.as_str().into());
    assert_eq!(desk.states(), ["established"]);
}

#[test]
fn a_rejected_call_is_deleted() {
    let mut desk = Desk::new();
    let (call, _) = called(&mut desk, IncomingCall::new(CALLBACK, "ada"));
    assert_eq!(desk.post(&call, "reject", &json!({"reason": "sleepy"})).status, 400);
    assert_eq!(desk.post(&call, "reject", &example("call-reject.ex01.request")).status, 202);
    let told = desk.told();
    has_all_of(&example_notification("call-reject.ex02.notification-deleted"), &told[0]);
    assert_eq!(told[0]["resourceData"]["state"], "terminated");
    assert_eq!(desk.post(&call, "answer", &answer()).code(), (404, "8522"));
}

#[test]
fn a_redirected_call_ends_when_somebody_picks_up() {
    for (targets, wait, answered) in [
        (json!([user("ada")]), 0, true),
        (json!([user("absent"), user("grace")]), 3, true),
        (json!([user("absent")]), 55, false),
        (json!([phone()]), 0, true),
    ] {
        let mut desk = Desk::new();
        let (call, _) = called(&mut desk, IncomingCall::new(CALLBACK, "ada"));
        let body = json!({"targets": targets, "callbackUri": CALLBACK});
        assert_eq!(desk.post(&call, "redirect", &body).status, 202);
        assert_eq!(desk.get(&call, "").body["state"], "redirecting");
        let told = desk.wait(Duration::from_secs(wait));
        assert_eq!(told[0]["changeType"], "deleted", "{targets}");
        assert_eq!(told[0]["resourceData"]["resultInfo"].is_null(), answered);
        if answered {
            let mut expected = example_notification("call-redirect.ex01.notification-terminated");
            expected["resourceData"].as_object_mut().unwrap().remove("targets");
            has_all_of(&expected, &told[0]);
        }
        let is_phone = targets.to_string().contains("phone");
        assert_eq!(told[0]["resourceData"]["answeredBy"]["identity"]["encrypted"].is_object(), is_phone);
        assert!(desk.wait(Duration::from_secs(100)).is_empty());
    }
}

#[test]
fn a_call_that_is_not_answered_in_15_s_is_over() {
    let mut desk = Desk::new();
    let (call, _) = called(&mut desk, IncomingCall::new(CALLBACK, "ada"));
    assert!(desk.wait(Duration::from_millis(14_900)).is_empty());
    let told = desk.wait(Duration::from_millis(100));
    assert_eq!(told[0]["resourceData"]["state"], "terminated");
    for action in ["answer", "reject", "redirect"] {
        assert_eq!(desk.post(&call, action, &answer()).code(), (404, "8522"), "{action}");
    }
}

#[test]
fn an_answered_call_does_not_end_by_itself() {
    let mut desk = Desk::new();
    let (call, _) = called(&mut desk, IncomingCall::new(CALLBACK, "ada"));
    desk.post(&call, "answer", &answer());
    assert_eq!(desk.states(), ["establishing", "established"]);
    assert!(desk.wait(Duration::from_secs(60)).is_empty());
    assert_eq!(desk.post(&call, "answer", &answer()).status, 400, "it is answered already");
}

#[test]
fn what_is_not_answered_yet_takes_no_other_action() {
    let mut desk = Desk::new();
    let (call, _) = called(&mut desk, IncomingCall::new(CALLBACK, "ada"));
    for action in ["mute", "playPrompt", "keepAlive", "subscribeToTone", "transfer"] {
        assert_eq!(desk.post(&call, action, &json!({})).status, 400, "{action}");
    }
}

#[test]
fn a_bot_is_called_into_a_meeting_and_can_join_it_again() {
    let mut desk = Desk::new();
    let (call, told) = called(&mut desk, IncomingCall::new(CALLBACK, "ada").into_meeting(super::THREAD));
    let token = told["resourceData"]["meetingInfo"]["token"].clone();
    desk.post(&call, "answer", &answer());
    let told = desk.told();
    assert_eq!(told[2]["resourceData"].as_array().unwrap().len(), 3, "Ada, Grace and the bot");
    let mut again = super::join();
    again.as_object_mut().unwrap().remove("chatInfo");
    again["meetingInfo"] = json!({"@odata.type": "#microsoft.graph.tokenMeetingInfo", "token": token});
    assert_eq!(desk.create(&again).status, 201);
    let unknown = IncomingCall::new(CALLBACK, "ada").into_meeting("none");
    assert_eq!(desk.service.call_bot(desk.now, &unknown), Err(HappeningError::MeetingNotFound));
}

#[test]
fn a_phone_calls_an_application_instance() {
    let mut desk = Desk::new();
    let incoming = IncomingCall::new(CALLBACK, "+12345678901").to_application_instance("instance");
    let (_, told) = called(&mut desk, incoming);
    let mut seen = example_notification("observed.notification-incoming");
    seen["resourceData"]["source"]["identity"].as_object_mut().unwrap().remove("user");
    has_all_of(&seen, &told);
    let call = &told["resourceData"];
    assert_eq!(call["source"]["identity"]["phone"]["id"], "+12345678901");
    assert_eq!(call["targets"][0]["identity"]["applicationInstance"]["id"], "instance");
}

#[test]
fn a_bot_without_permissions_does_not_learn_who_calls() {
    let mut desk = Desk::with(EmulatorSettings::default().permissions(Vec::<String>::new()));
    let (call, told) = called(&mut desk, IncomingCall::new(CALLBACK, "ada"));
    let identity = &told["resourceData"]["source"]["identity"];
    assert!(identity["encrypted"].is_object() && identity.get("user").is_none(), "{identity}");
    desk.post(&call, "answer", &answer());
    let people = desk.get(&call, "/participants").body;
    assert!(!people.to_string().contains("\"ada\""), "not from the roster either: {people}");
    desk.happen(&call, Happening::Leave("ada".into())).unwrap();
}

#[test]
fn a_bot_is_called_on_loopback_only() {
    let mut desk = Desk::new();
    let far = IncomingCall::new("https://bot.contoso.com/calls", "ada");
    assert!(matches!(desk.service.call_bot(desk.now, &far), Err(HappeningError::CallbackUri { .. })));
    let (call, _) = called(&mut desk, IncomingCall::new(CALLBACK, "ada"));
    for action in ["answer", "reject", "redirect"] {
        let mut body = answer();
        body["callbackUri"] = json!("https://bot.contoso.com/calls");
        body["targets"] = json!([user("ada")]);
        body["reason"] = json!("busy");
        assert_eq!(desk.post(&call, action, &body).status, 400, "{action}");
    }
}
