//! What people do, and what the bot is told of it.

use std::time::Duration;

use offhook_emulator::{Happening, HappeningError, IncomingCall};
use serde_json::{Value, json};

use super::{CALLBACK, Desk, example_notification, has_all_of, join, to};

fn roster(told: &Value) -> &Vec<Value> {
    assert!(told["resourceUrl"].as_str().unwrap().ends_with("/participants"), "{told}");
    told["resourceData"].as_array().unwrap()
}

#[test]
fn a_full_roster_names_everybody_after_each_change() {
    let mut desk = Desk::new();
    let (call, ada, _) = desk.meeting();
    desk.happen(&call, Happening::Join("carol".into())).unwrap();
    assert_eq!(roster(&desk.told()[0]).len(), 4);
    desk.happen(&call, Happening::Mute("carol".into())).unwrap();
    let told = desk.told();
    let muted: Vec<bool> = roster(&told[0]).iter().map(|person| person["isMuted"] == true).collect();
    assert_eq!(muted, [false, false, true, false]);
    desk.happen(&call, Happening::Unmute("carol".into())).unwrap();
    assert!(roster(&desk.told()[0]).iter().all(|person| person["isMuted"] == false));
    desk.happen(&call, Happening::Leave(ada)).unwrap();
    assert_eq!(roster(&desk.told()[0]).len(), 3);
    assert_eq!(
        desk.happen(&call, Happening::Leave("nobody".into())),
        Err(HappeningError::ParticipantNotFound)
    );
}

#[test]
fn a_delta_roster_names_who_changed_and_who_is_gone() {
    let mut desk = Desk::new();
    let mut body = join();
    body["callOptions"] =
        json!({"@odata.type": "#microsoft.graph.outgoingCallOptions", "isDeltaRosterEnabled": true});
    let answer = desk.create(&body);
    let call = answer.body["id"].as_str().unwrap().to_owned();
    let first = desk.told().pop().unwrap();
    let delta = |told: &Value| told["resourceData"][0].clone();
    assert_eq!(
        (&delta(&first)["sequenceNumber"], delta(&first)["participants"].as_array().unwrap().len()),
        (&json!(1), 3)
    );
    desk.happen(&call, Happening::Mute("ada".into())).unwrap();
    desk.happen(&call, Happening::Leave("ada".into())).unwrap();
    let told = desk.told();
    let mut expected = example_notification("ex05.notification-roster-delta");
    let participant = &mut expected["resourceData"][0]["participants"][0];
    participant["mediaStreams"].as_array_mut().unwrap().truncate(1);
    has_all_of(&expected, &told[0]);
    for (told, number) in told.iter().zip(2..) {
        let delta = delta(told);
        assert_eq!(delta["@odata.type"], "#microsoft.graph.deltaParticipants");
        assert_eq!(delta["sequenceNumber"], number);
        let [ada] = delta["participants"].as_array().unwrap().as_slice() else { panic!("{delta}") };
        assert_eq!(ada["rosterSequenceNumber"], number);
        assert_eq!(ada["removedState"]["reason"].is_string(), number == 3);
    }
}

#[test]
fn who_waits_in_the_lobby_is_let_in() {
    let mut desk = Desk::new();
    let (call, ..) = desk.meeting();
    desk.happen(&call, Happening::WaitInLobby("carol".into())).unwrap();
    let waits = |told: &Value| roster(told).iter().any(|person| person["isInLobby"] == true);
    assert!(waits(&desk.told()[0]));
    desk.happen(&call, Happening::Admit("carol".into())).unwrap();
    assert!(!waits(&desk.told()[0]));
}

#[test]
fn content_sharing_is_told_to_who_asked_for_it() {
    for is_wanted in [true, false] {
        let mut desk = Desk::new();
        let mut body = join();
        body["callOptions"] = json!({
            "@odata.type": "#microsoft.graph.outgoingCallOptions", "isContentSharingNotificationEnabled": is_wanted,
        });
        let call = desk.established(&body);
        desk.happen(&call, Happening::StartSharing("ada".into())).unwrap();
        let sessions = desk.get(&call, "/contentSharingSessions").body;
        let id = sessions["value"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(desk.get(&call, &format!("/contentSharingSessions/{id}")).body["id"], id.as_str());
        desk.happen(&call, Happening::ChangeSharing("ada".into())).unwrap();
        desk.happen(&call, Happening::StopSharing("ada".into())).unwrap();
        assert_eq!(
            desk.happen(&call, Happening::StopSharing("ada".into())),
            Err(HappeningError::NothingShared)
        );
        let told = desk.told();
        let sharing: Vec<&Value> = told
            .iter()
            .filter(|told| told["resourceUrl"].as_str().unwrap().contains("contentsharing"))
            .collect();
        if is_wanted {
            let changes: Vec<&str> =
                sharing.iter().map(|told| told["changeType"].as_str().unwrap()).collect();
            assert_eq!(changes, ["created", "updated", "deleted"]);
            has_all_of(&example_notification("ex01.notification-content-sharing-started"), sharing[0]);
        } else {
            assert!(sharing.is_empty());
        }
        assert_eq!(desk.get(&call, &format!("/contentSharingSessions/{id}")).status, 404);
    }
}

#[test]
fn a_call_is_put_on_hold_and_taken_back() {
    let mut desk = Desk::new();
    let call = desk.call_to_ada();
    desk.happen(&call, Happening::Hold).unwrap();
    assert!(matches!(desk.happen(&call, Happening::Hold), Err(HappeningError::NotNow { .. })));
    desk.happen(&call, Happening::Resume).unwrap();
    let told = desk.told();
    let state = |told: &Value| {
        (told["resourceData"]["state"].clone(), told["resourceData"]["mediaState"]["audio"].clone())
    };
    assert_eq!(state(&told[0]), (json!("hold"), json!("inactive")));
    assert_eq!(state(&told[1]), (json!("established"), json!("active")));
}

#[test]
fn a_call_between_two_becomes_a_meeting_when_somebody_joins() {
    for hides in [false, true] {
        let mut desk = Desk::new();
        let mut body = to(&["ada"]);
        body["callOptions"] =
            json!({"@odata.type": "#microsoft.graph.outgoingCallOptions", "hideBotAfterEscalation": hides});
        let call = desk.established(&body);
        assert_eq!(desk.post(&call, "mute", &json!({})).status, 400, "between two nobody is muted");
        desk.happen(&call, Happening::Join("grace".into())).unwrap();
        let told = desk.told();
        assert_eq!(told[0]["resourceData"]["state"], "established");
        let token = &told[0]["resourceData"]["meetingInfo"]["token"];
        assert_eq!(roster(&told[1]).len(), if hides { 2 } else { 3 });

        let mut again = join();
        again.as_object_mut().unwrap().remove("chatInfo");
        again["meetingInfo"] = json!({"@odata.type": "#microsoft.graph.tokenMeetingInfo", "token": token});
        let again = desk.create(&again);
        assert_eq!(again.status, 201, "the token is good for joining again");
        let again = again.body["id"].as_str().unwrap().to_owned();
        desk.seat(&again, "ada");
        desk.seat(&again, "grace");
    }
}

#[test]
fn a_token_is_forgotten_once_there_are_hundreds_of_later_ones() {
    let mut desk = Desk::new();
    let incoming = IncomingCall::new(CALLBACK, "ada").into_meeting("7654321");
    let mut tokens = Vec::new();
    for _ in 0..501 {
        desk.service.call_bot(desk.now, &incoming).unwrap();
        tokens.push(desk.told()[0]["resourceData"]["meetingInfo"]["token"].clone());
    }
    let mut again = join();
    again.as_object_mut().unwrap().remove("chatInfo");
    for (token, status) in [(&tokens[0], 404), (&tokens[1], 201), (&tokens[500], 201)] {
        again["meetingInfo"] = json!({"@odata.type": "#microsoft.graph.tokenMeetingInfo", "token": token});
        assert_eq!(desk.create(&again).status, status);
    }
}

#[test]
fn requests_know_people_by_their_roster_ids_only() {
    let mut desk = Desk::new();
    let (call, ..) = desk.meeting();
    let bot =
        desk.get(&call, "").body["source"]["identity"]["application"]["id"].as_str().unwrap().to_owned();
    for who in ["ada", bot.as_str()] {
        let path = format!("/participants/{who}");
        assert_eq!(desk.get(&call, &path).status, 404, "{who}");
        assert_eq!(desk.delete(&call, &path).status, 404, "{who}");
        for action in ["mute", "startHoldMusic", "stopHoldMusic"] {
            let asked = desk.post(&call, &format!("participants/{who}/{action}"), &json!({}));
            assert_eq!(asked.status, 404, "{action} of {who}");
        }
    }
    let transferee = json!({"transferTarget": super::user("carol"), "transferee": {"participantId": "ada"}});
    assert_eq!(desk.post(&call, "transfer", &transferee).status, 400);
    assert_eq!(desk.service.roster(&call.as_str().into()).len(), 3);
}

/// What ends, in order, when Grace, who shares, and then nobody else is there any more.
fn ends_of_who_is_gone(leaves: impl Fn(&mut Desk, &str, &str)) -> Vec<String> {
    let mut desk = Desk::new();
    let mut body = join();
    body["callOptions"] = json!({
        "@odata.type": "#microsoft.graph.outgoingCallOptions", "isContentSharingNotificationEnabled": true,
    });
    let call = desk.established(&body);
    desk.happen(&call, Happening::Leave("ada".into())).unwrap();
    desk.happen(&call, Happening::StartSharing("grace".into())).unwrap();
    desk.told();
    let grace = desk.seat(&call, "grace");
    leaves(&mut desk, &call, &grace);
    let told = [desk.told(), desk.wait(Duration::from_secs(1)), desk.wait(Duration::from_secs(1))].concat();
    let part = |told: &Value| {
        let url = told["resourceUrl"].as_str().unwrap();
        let part = url.split('/').nth(4).unwrap_or_default().to_owned();
        told["resourceData"]["state"].as_str().map_or(part, str::to_owned)
    };
    told.iter().map(part).collect()
}

#[test]
fn whoever_is_gone_shows_nothing_and_a_bot_that_is_alone_has_no_call_however_that_came_about() {
    let last = ["contentsharingsessions", "participants", "terminated"];
    let left = ends_of_who_is_gone(|desk, call, grace| {
        desk.happen(call, Happening::Leave(grace.to_owned())).unwrap();
    });
    assert_eq!(left, last);
    let removed = ends_of_who_is_gone(|desk, call, grace| {
        assert_eq!(desk.delete(call, &format!("/participants/{grace}")).status, 204);
    });
    assert_eq!(removed, last);
    let transferred = ends_of_who_is_gone(|desk, call, grace| {
        let transferee = json!({"participantId": grace});
        let body = json!({"transferTarget": super::user("ada"), "transferee": transferee});
        assert_eq!(desk.post(call, "transfer", &body).status, 202);
    });
    assert_eq!(transferred[..3], ["transferring", "transferAccepted", "established"]);
    assert_eq!(transferred[3..], last);
}

#[test]
fn nobody_joins_a_call_between_two_in_the_middle_of_a_transfer() {
    let mut desk = Desk::new();
    let call = desk.call_to_ada();
    desk.post(&call, "transfer", &json!({"transferTarget": super::user("grace")}));
    let refused = desk.happen(&call, Happening::Join("carol".into()));
    assert!(matches!(refused, Err(HappeningError::NotNow { .. })));
    assert_eq!(desk.service.roster(&call.as_str().into()).len(), 2);
}

#[test]
fn each_end_has_its_codes() {
    let phone = || {
        let mut body = to(&[]);
        body["targets"] = json!([super::phone()]);
        body["source"] = json!({"identity": {"applicationInstance": {"id": "instance"}}});
        body
    };
    let cases: [(Value, Happening, i64); 5] = [
        (to(&["ada"]), Happening::HangUp, 4521),
        (phone(), Happening::HangUp, 540_000),
        (join(), Happening::RemoveBot, 5000),
        (join(), Happening::EndMeeting, 5001),
        (to(&["ada"]), Happening::Leave("ada".into()), 4521),
    ];
    for (body, happening, subcode) in cases {
        let mut desk = Desk::new();
        let call = desk.established(&body);
        desk.happen(&call, happening.clone()).unwrap();
        let told = desk.told();
        assert_eq!(told[0]["changeType"], "deleted");
        assert_eq!(told[0]["resourceData"]["resultInfo"]["subcode"], subcode, "{happening:?}");
        assert_eq!(desk.happen(&call, happening), Err(HappeningError::CallNotFound));
        assert_eq!(desk.media_ended.len(), 1);
    }
    let mut desk = Desk::new();
    let call = desk.call_to_ada();
    assert_eq!(desk.happen(&call, Happening::EndMeeting), Err(HappeningError::NotInGroup));
}

#[test]
fn a_meeting_ends_when_all_others_have_left() {
    let mut desk = Desk::new();
    let (call, ada, grace) = desk.meeting();
    desk.happen(&call, Happening::HangUp).unwrap();
    assert_eq!(roster(&desk.told()[0]).len(), 2, "who carries the media has left");
    assert_eq!(desk.happen(&call, Happening::Leave(ada)), Err(HappeningError::ParticipantNotFound));
    desk.happen(&call, Happening::Leave(grace)).unwrap();
    let told = desk.told();
    assert_eq!(told[1]["resourceData"]["resultInfo"]["subcode"], 5010);
}
