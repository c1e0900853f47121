//! `POST /communications/calls` in every form of the page.

use std::time::Duration;

use offhook_emulator::{Happening, IncomingCall, Method};
use serde_json::{Value, json};

use super::{CALLBACK, Desk, example, example_notification, has_all_of, join, join_by_id, phone, to, user};

/// What makes an example's request one for the people of the desk.
type Change<'a> = &'a dyn Fn(&mut Value);

/// An example's request, for the people of the desk.
fn adapted(name: &str, change: impl Fn(&mut Value)) -> Value {
    let mut body = example(name);
    body["callbackUri"] = json!(CALLBACK);
    if body.get("tenantId").is_some() {
        body["tenantId"] = join()["tenantId"].clone();
    }
    change(&mut body);
    body
}

#[test]
fn each_documented_form_is_answered_as_on_the_page() {
    let to_ada = |body: &mut Value| body["targets"] = json!([user("ada")]);
    let to_both = |body: &mut Value| body["targets"] = json!([user("ada"), user("grace")]);
    let in_thread = |body: &mut Value| body["chatInfo"]["threadId"] = json!(super::THREAD);
    let with_passcode = |body: &mut Value| {
        body["meetingInfo"]["joinMeetingId"] = json!("1234567");
        body["meetingInfo"]["passcode"] = json!("psw123");
    };
    let without_passcode = |body: &mut Value| body["meetingInfo"]["joinMeetingId"] = json!("7654321");
    let to_phone = |body: &mut Value| body["targets"] = json!([phone()]);
    let forms: [(&str, Change<'_>); 10] = [
        ("ex01-p2p-service-hosted", &to_ada),
        ("ex02-p2p-app-hosted", &to_ada),
        ("ex03-group-service-hosted", &to_both),
        ("ex04-group-app-hosted", &to_both),
        ("ex05-join-meeting-service-hosted", &in_thread),
        ("ex06-join-meeting-app-hosted", &in_thread),
        ("ex07-join-by-id-with-passcode-service-hosted", &with_passcode),
        ("ex08-join-by-id-service-hosted", &without_passcode),
        ("ex09-pstn-service-hosted", &to_phone),
        ("ex10-pstn-app-hosted", &to_phone),
    ];
    for (name, change) in forms {
        let mut desk = Desk::new();
        let request = adapted(&format!("{name}.request"), change);
        let answer = desk.create(&request);
        assert_eq!(answer.status, 201, "{name}: {answer:?}");
        let mut expected = example(&format!("{name}.response"));
        if request["mediaConfig"].get("preFetchMedia").is_none() {
            // Pages answer with what was not asked for.
            expected["mediaConfig"].as_object_mut().unwrap().remove("preFetchMedia");
        }
        if let Some(Value::Object(user)) = expected.pointer_mut("/targets/0/identity/user") {
            user.remove("displayName");
        }
        has_all_of(&expected, &answer.body);
        let id = answer.body["id"].as_str().unwrap();
        assert_eq!(answer.location.unwrap(), format!("/communications/calls/{id}"));
        assert_eq!(answer.body["state"], "establishing");
    }
}

#[test]
fn establishing_is_told_before_established() {
    let mut desk = Desk::new();
    let mut body = to(&["ada"]);
    body["callOptions"] = json!({"@odata.type": "#microsoft.graph.outgoingCallOptions"});
    desk.create(&body);
    let told = desk.told();
    has_all_of(&example_notification("ex01.notification-establishing"), &told[0]);
    has_all_of(&example_notification("ex01.notification-established"), &told[1]);
    assert_eq!(told.len(), 2, "between two there is no roster");
    assert_eq!(told[1]["resourceData"]["mediaState"]["audio"], "active");
}

#[test]
fn a_meeting_tells_who_is_there() {
    let mut desk = Desk::new();
    let call = desk.create(&join()).body;
    let told = desk.told();
    has_all_of(&example_notification("ex05.notification-establishing"), &told[0]);
    has_all_of(&example_notification("ex05.notification-established"), &told[1]);
    has_all_of(
        &example_notification("ex05.notification-roster-full")["resourceUrl"],
        &told[2]["resourceUrl"],
    );
    let people = told[2]["resourceData"].as_array().unwrap();
    assert_eq!(people.len(), 3);
    assert_eq!(people[2]["id"], call["myParticipantId"], "the bot sees itself");
    let mut sources: Vec<&Value> =
        people.iter().map(|person| &person["mediaStreams"][0]["sourceId"]).collect();
    sources.dedup();
    assert_eq!(sources.len(), 3, "everybody has a source id of their own");
}

#[test]
fn media_that_the_application_hosts_is_waited_for() {
    let mut desk = Desk::new();
    let mut body = to(&["ada"]);
    body["mediaConfig"] = json!({"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "<opaque>"});
    let call = desk.create(&body).body;
    assert_eq!(desk.states(), ["establishing"]);
    desk.service.media_connected(&call["id"].as_str().unwrap().into());
    assert_eq!(desk.states(), ["established"]);
}

#[test]
fn a_call_rings_until_somebody_picks_up() {
    let mut desk = Desk::new();
    desk.create(&to(&["grace"]));
    assert_eq!(desk.states(), ["establishing"]);
    assert!(desk.wait(Duration::from_millis(2_900)).is_empty());
    desk.now += Duration::from_millis(100);
    assert_eq!(desk.states(), ["established"]);
}

#[test]
fn who_never_picks_up_ends_the_call_after_the_ringing_that_was_asked_for() {
    let mut desk = Desk::new();
    let mut body = to(&["absent"]);
    body["ringingTimeoutInSeconds"] = json!(20);
    desk.create(&body);
    desk.told();
    assert!(desk.wait(Duration::from_secs(19)).is_empty());
    let told = desk.wait(Duration::from_secs(1));
    assert_eq!(told[0]["resourceData"]["resultInfo"]["code"], 480);
    assert_eq!((told.len(), desk.media_ended.len()), (1, 1));
}

#[test]
fn who_declines_ends_the_call_at_once() {
    let mut desk = Desk::new();
    desk.create(&to(&["busy"]));
    desk.told();
    assert_eq!(desk.wait(Duration::from_secs(1))[0]["resourceData"]["state"], "terminated");
}

#[test]
fn in_a_group_call_everybody_joins_as_they_pick_up() {
    let mut desk = Desk::new();
    desk.create(&to(&["absent", "ada", "grace"]));
    let told = desk.told();
    assert_eq!(told[1]["resourceData"]["state"], "established", "Ada carries it");
    assert_eq!(told[2]["resourceData"].as_array().unwrap().len(), 2);
    let told = desk.wait(Duration::from_secs(3));
    assert_eq!(told[0]["resourceData"].as_array().unwrap().len(), 3);
}

#[test]
fn whoever_picks_up_first_carries_the_media_and_has_its_source_id() {
    let mut desk = Desk::new();
    let call = desk.create(&to(&["slow", "grace", "ada"])).body;
    assert_eq!(desk.states(), ["establishing", "established"]);
    desk.wait(Duration::from_secs(3));
    let people = desk.get(call["id"].as_str().unwrap(), "/participants").body;
    let [ada, grace, _] = people["value"].as_array().unwrap().as_slice() else { panic!("{people}") };
    let source = |person: &Value| person["mediaStreams"][0]["sourceId"].clone();
    assert!(ada["info"].to_string().contains("ada") && grace["info"].to_string().contains("grace"));
    assert_eq!((source(ada), source(grace)), (json!("101"), json!("102")));
}

#[test]
fn a_group_call_that_somebody_has_picked_up_does_not_end_because_another_rings_for_long() {
    let mut desk = Desk::new();
    desk.create(&to(&["slow", "grace"]));
    desk.told();
    desk.now += Duration::from_secs(3);
    assert_eq!(desk.states(), ["established"]);
    let told = desk.wait(Duration::from_secs(120));
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["resourceData"].as_array().unwrap().len(), 3, "the other joins when they pick up");
}

#[test]
fn the_far_end_begins_when_it_has_picked_up_and_the_bot_is_let_in() {
    let mut desk = Desk::new();
    let mut body = to(&["grace"]);
    body["mediaConfig"] = json!({"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "<opaque>"});
    let call = desk.create(&body).body;
    desk.service.media_connected(&call["id"].as_str().unwrap().into());
    desk.wait(Duration::from_millis(2_900));
    assert_eq!(desk.media_begun, [], "it rings");
    desk.wait(Duration::from_millis(100));
    assert_eq!(desk.media_begun.pop().unwrap().as_str(), call["id"]);

    let call = desk.create(&join_by_id("guarded", None)).body;
    desk.wait(Duration::from_secs(60));
    assert_eq!(desk.media_begun, [], "the bot waits in the lobby");
    let me = call["myParticipantId"].as_str().unwrap().to_owned();
    desk.happen(call["id"].as_str().unwrap(), Happening::Admit(me)).unwrap();
    desk.told();
    assert_eq!(desk.media_begun.pop().unwrap().as_str(), call["id"]);
}

#[test]
fn a_meeting_is_found_by_the_thread_that_a_bot_in_it_is_told_of() {
    let mut desk = Desk::new();
    let call = desk.create(&join_by_id("7654321", None)).body;
    let mut through_organizer = join();
    through_organizer["chatInfo"]["threadId"] = call["chatInfo"]["threadId"].clone();
    assert_eq!(desk.create(&through_organizer).status, 201);
    let incoming = IncomingCall::new(CALLBACK, "ada").into_meeting(super::THREAD);
    desk.told();
    desk.service.call_bot(desk.now, &incoming).unwrap();
    assert_eq!(desk.told()[0]["resourceData"]["chatInfo"]["threadId"], super::THREAD);
}

#[test]
fn a_bot_waits_in_the_lobby_and_sees_only_itself() {
    let mut desk = Desk::new();
    let call = desk.create(&join_by_id("guarded", None)).body;
    let me = call["myParticipantId"].as_str().unwrap();
    let told = desk.told();
    let [alone] = told[2]["resourceData"].as_array().unwrap().as_slice() else { panic!("{told:?}") };
    assert_eq!((&alone["id"], &alone["isInLobby"]), (&json!(me), &json!(true)));
    let id = call["id"].as_str().unwrap();
    desk.happen(id, Happening::Admit(me.to_owned())).unwrap();
    let told = desk.told();
    assert_eq!(told[0]["resourceData"].as_array().unwrap().len(), 2);
    assert!(desk.wait(Duration::from_secs(31 * 60)).is_empty(), "it is no longer in the lobby");
}

#[test]
fn nobody_admits_the_bot_for_ever() {
    let mut desk = Desk::new();
    desk.create(&join_by_id("guarded", None));
    desk.told();
    let told = desk.wait(Duration::from_secs(30 * 60));
    assert_eq!(told[0]["resourceData"]["resultInfo"]["subcode"], 5855);
}

#[test]
fn what_was_created_can_be_read_and_ended() {
    let mut desk = Desk::new();
    let call = desk.call_to_ada();
    let mut expected = example("call-get.ex01.response");
    expected["mediaConfig"].as_object_mut().unwrap().remove("preFetchMedia");
    expected["targets"][0]["identity"]["user"].as_object_mut().unwrap().remove("displayName");
    let got = desk.get(&call, "");
    assert_eq!(got.status, 200);
    has_all_of(&expected, &got.body);
    assert_eq!(got.body["@odata.context"], expected["@odata.context"]);

    assert_eq!(desk.delete(&call, "").status, 204);
    let told = desk.told();
    has_all_of(&example_notification("call-delete.notification-terminating"), &told[0]);
    has_all_of(&example_notification("call-delete.notification-terminated"), &told[1]);
    assert_eq!((told.len(), desk.media_ended.len()), (2, 1));
    assert_eq!(desk.get(&call, "").code(), (404, "8522"));
    assert!(desk.wait(Duration::from_secs(3 * 3600)).is_empty(), "nothing follows");
}

#[test]
fn everything_answers_under_every_spelling_of_its_address() {
    let mut desk = Desk::new();
    let call = desk.call_to_ada();
    for path in [
        format!("/app/calls/{call}"),
        format!("/v1.0/communications/calls('{call}')"),
        format!("/communications/calls/{}", call.to_uppercase().replace('-', "")),
    ] {
        assert_eq!(desk.ask(Method::Get, &path, &Value::Null).status, 200, "{path}");
    }
}
