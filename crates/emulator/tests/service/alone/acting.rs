//! What a bot does in a call.

use std::time::Duration;

use offhook_emulator::{Clip, EmulatorSettings, FarEndScript, Happening, Method, User};
use offhook_media::{SampleRate, Sound};
use offhook_signaling::model::Tone;
use serde_json::{Value, json};

use super::{Desk, example, example_notification, has_all_of, join, to, user};

const LONG: Duration = Duration::from_secs(200);

fn prompt() -> Value {
    example("call-playprompt.request")
}

#[test]
fn a_prompt_runs_and_then_ends_in_deleted() {
    let mut desk = Desk::new();
    let call = desk.call_to_ada();
    let answer = desk.post(&call, "playPrompt", &prompt());
    assert_eq!(answer.status, 200);
    has_all_of(&example("call-playprompt.response"), &answer.body);
    assert_eq!(answer.body["status"], "running");
    let location = answer.location.unwrap();
    assert_eq!(desk.ask(Method::Get, &location, &Value::Null).body["status"], "running");
    assert!(desk.told().is_empty());
    let told = desk.wait(LONG);
    has_all_of(&example_notification("call-playprompt.notification-operation-completed"), &told[0]);
    assert_eq!(told[0]["changeType"], "deleted");
    assert_eq!(told[0]["resourceUrl"], location);
    assert_eq!((told.len(), &told[0]["resourceData"]["resultInfo"]["code"]), (1, &json!(200)));
    assert_eq!(desk.ask(Method::Get, &location, &Value::Null).body["status"], "completed");
}

#[test]
fn prompts_play_one_after_the_other() {
    let mut desk = Desk::new();
    let call = desk.call_to_ada();
    desk.post(&call, "playPrompt", &prompt());
    desk.post(&call, "playPrompt", &prompt());
    assert_eq!(desk.wait(Duration::from_secs(2)).len(), 1);
    assert_eq!(desk.wait(Duration::from_secs(2)).len(), 1);
}

#[test]
fn cancelling_fails_prompts_and_recordings_but_completes_tones() {
    let mut desk = Desk::new();
    let call = desk.call_to_ada();
    desk.post(&call, "subscribeToTone", &json!({}));
    desk.post(&call, "recordResponse", &example("call-record.ex01.request"));
    desk.post(&call, "playPrompt", &prompt());
    desk.post(&call, "sendDtmfTones", &example("call-senddtmftones.request"));
    let answer = desk.post(&call, "cancelMediaProcessing", &example("call-cancelmediaprocessing.request"));
    assert_eq!(answer.status, 200);
    has_all_of(&example("call-cancelmediaprocessing.response"), &answer.body);
    let told = desk.told();
    let name = "call-cancelmediaprocessing.notification-operation-canceled-for-recordresponse";
    has_all_of(&example_notification(name), &told[0]);
    for failed in &told[..2] {
        let operation = &failed["resourceData"];
        assert_eq!(operation["status"], "failed");
        assert_eq!(
            (&operation["resultInfo"]["code"], &operation["resultInfo"]["subcode"]),
            (&json!(400), &json!(8508))
        );
    }
    has_all_of(&example_notification("call-senddtmftones.notification-operation-canceled"), &told[2]);
    assert_eq!(told[2]["resourceData"]["status"], "completed");
    assert_eq!(told[2]["resourceData"]["completionReason"], "mediaOperationCanceled");
    assert!(desk.wait(LONG).is_empty(), "each ends once");
    desk.happen(&call, Happening::PressTone(Tone::Tone1)).unwrap();
    assert_eq!(desk.told().len(), 1, "hearing of tones is not cancelled");
}

#[test]
fn tones_are_told_once_they_are_wanted() {
    let mut desk = Desk::new();
    let call = desk.call_to_ada();
    desk.happen(&call, Happening::PressTone(Tone::Tone1)).unwrap();
    assert!(desk.told().is_empty());
    let answer = desk.post(&call, "subscribeToTone", &example("call-subscribetotone.request"));
    has_all_of(&example("call-subscribetotone.response"), &answer.body);
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("completed")));
    for (tone, number) in [(Tone::Tone1, 1), (Tone::Pound, 2)] {
        desk.happen(&call, Happening::PressTone(tone)).unwrap();
        let told = desk.told();
        has_all_of(&example_notification("call-subscribetotone.notification-tone-notification"), &told[0]);
        assert_eq!(told[0]["resourceData"]["toneInfo"]["sequenceId"], number);
        assert_eq!(told[0]["resourceData"]["toneInfo"]["tone"], tone.to_string());
    }
}

#[test]
fn tones_are_sent_in_their_time() {
    let mut desk = Desk::new();
    let call = desk.call_to_ada();
    let answer = desk.post(&call, "sendDtmfTones", &example("call-senddtmftones.request"));
    assert_eq!(answer.status, 200);
    has_all_of(&example("call-senddtmftones.response"), &answer.body);
    assert!(desk.wait(Duration::from_secs(11)).is_empty(), "twelve tones, a second apart");
    let told = desk.wait(Duration::from_secs(5));
    has_all_of(&example_notification("call-senddtmftones.notification-operation-completed"), &told[0]);
    assert_eq!(told[0]["resourceData"]["completionReason"], "completedSuccessfully");
}

fn speaking_desk(seconds: usize) -> Desk {
    let mut desk = Desk::new();
    let sound = Sound::new(SampleRate::HZ_16000, vec![1000; 16_000 * seconds]);
    let script = FarEndScript::new().say(std::sync::Arc::new(Clip::new(sound).unwrap()));
    desk.service.add_user("ada", User::new("Ada", script));
    desk
}

#[test]
fn a_recording_ends_at_its_maximum_and_says_where_it_is() {
    let mut desk = speaking_desk(60);
    let call = desk.call_to_ada();
    let answer = desk.post(&call, "recordResponse", &example("call-record.ex01.request"));
    assert_eq!(answer.status, 200);
    has_all_of(&example("call-record.ex01.response"), &answer.body);
    assert!(desk.wait(Duration::from_secs(10)).is_empty());
    let told = desk.wait(Duration::from_secs(3));
    has_all_of(&example_notification("call-record.ex01.notification-operation-completed"), &told[0]);
    assert_eq!(told[0]["resourceData"]["resultInfo"]["subcode"], 8515);
    assert!(told[0]["resourceData"]["recordingLocation"].as_str().unwrap().contains("/recordings/"));
}

#[test]
fn a_recording_ends_when_nobody_speaks_or_a_key_is_pressed() {
    for (seconds, reason) in [(0, "initialSilenceTimeout"), (1, "maxSilenceTimeout")] {
        let mut desk = if seconds == 0 { Desk::new() } else { speaking_desk(seconds) };
        let call = desk.call_to_ada();
        desk.post(&call, "recordResponse", &example("call-record.ex01.request"));
        let told = desk.wait(LONG);
        assert_eq!(told[0]["resourceData"]["completionReason"], reason);
    }
    let mut desk = speaking_desk(60);
    let call = desk.call_to_ada();
    desk.post(&call, "recordResponse", &example("call-record.ex01.request"));
    desk.happen(&call, Happening::PressTone(Tone::Tone5)).unwrap();
    assert!(desk.told().is_empty(), "5 does not stop it");
    desk.happen(&call, Happening::PressTone(Tone::Pound)).unwrap();
    assert_eq!(desk.told()[0]["resourceData"]["completionReason"], "stopToneDetected");
}

#[test]
fn the_bot_and_others_are_muted_in_a_meeting() {
    let mut desk = Desk::new();
    let (call, ada, _) = desk.meeting();
    let me = desk.get(&call, "").body["myParticipantId"].as_str().unwrap().to_owned();
    for (path, who, muted, page) in [
        ("mute".to_owned(), &me, true, "call-mute"),
        ("unmute".to_owned(), &me, false, "call-unmute"),
        (format!("participants/{ada}/mute"), &ada, true, "participant-mute"),
    ] {
        let answer = desk.post(&call, &path, &example(&format!("{page}.request")));
        assert_eq!(answer.status, 200);
        has_all_of(&example(&format!("{page}.response")), &answer.body);
        assert!(answer.location.unwrap().ends_with(answer.body["id"].as_str().unwrap()));
        let told = desk.told();
        let people = told[0]["resourceData"].as_array().unwrap();
        let them = people.iter().find(|person| person["id"] == **who).unwrap();
        assert_eq!(them["isMuted"], muted, "{path}");
        let suffix = if muted { "muted" } else { "unmuted" };
        let expected = format!("{page}.notification-roster-updated-with-participant-{suffix}");
        let mut expected = example_notification(&expected);
        expected["resourceData"][0]["info"].as_object_mut().unwrap().remove("region");
        expected["resourceData"][0]["info"]["identity"].as_object_mut().unwrap().remove("user");
        has_all_of(&expected, &told[0]);
    }
}

#[test]
fn music_begins_and_ends_for_one_person_at_a_time() {
    let mut desk = Desk::new();
    let (call, ada, grace) = desk.meeting();
    for (action, page) in
        [("startHoldMusic", "participant-startholdmusic"), ("stopHoldMusic", "participant-stopholdmusic")]
    {
        let path = format!("participants/{ada}/{action}");
        let answer = desk.post(&call, &path, &example(&format!("{page}.request")));
        assert_eq!(answer.status, 202);
        has_all_of(&example(&format!("{page}.response")), &answer.body);
        let told = desk.wait(LONG);
        has_all_of(&example_notification(&format!("{page}.notification-operation-completed")), &told[0]);
        if action == "startHoldMusic" {
            let refused = desk.post(&call, &format!("participants/{grace}/startHoldMusic"), &json!({}));
            assert_eq!(refused.status, 400);
        }
    }
}

#[test]
fn people_are_invited_and_join() {
    let mut desk = Desk::new();
    let (call, ..) = desk.meeting();
    let other = desk.call_to_ada();
    let mut person = user("carol");
    person["replacesCallId"] = json!(other);
    let request = json!({"participants": [person, user("dave")], "clientContext": "c"});
    let answer = desk.post(&call, "participants/invite", &request);
    assert_eq!((answer.status, answer.body["status"].as_str().unwrap()), (200, "running"));
    has_all_of(&example("participant-invite.ex04.response"), &{
        let mut body = answer.body.clone();
        body["participants"][0]["identity"]["phone"] =
            json!({"@odata.type": "#microsoft.graph.identity", "id": ""});
        body
    });
    assert_eq!(
        answer.body["participants"].as_array().unwrap().len(),
        1,
        "with replacesCallId only the first counts"
    );
    let told = desk.wait(LONG);
    let mut expected = example_notification("participant-invite.ex01.notification-operation-completed");
    expected["resourceData"]["participants"][0]["identity"]["user"]
        .as_object_mut()
        .unwrap()
        .remove("displayName");
    has_all_of(&expected, &told[0]);
    assert_eq!(told[1]["resourceData"].as_array().unwrap().len(), 4, "Carol is in the roster");
    assert_eq!(
        told[2]["resourceData"]["terminationReason"], "AppTransferred",
        "and left the call that she was in"
    );
    assert_eq!(desk.get(&other, "").code(), (404, "8522"));
}

#[test]
fn participants_are_listed_and_removed() {
    let mut desk = Desk::new();
    let (call, ada, _) = desk.meeting();
    let with_user = |mut example: Value, at: &str| {
        let identity = example.pointer_mut(at).unwrap();
        *identity = json!({"@odata.type": "#microsoft.graph.identitySet", "application": null, "device": null, "phone": null});
        example
    };
    let expected = with_user(example("call-list-participants.response"), "/value/0/info/identity");
    has_all_of(&expected, &desk.get(&call, "/participants").body);
    let expected = with_user(example("participant-get.response"), "/info/identity");
    has_all_of(&expected, &desk.get(&call, &format!("/participants/{ada}")).body);
    assert_eq!(desk.delete(&call, &format!("/participants/{ada}")).status, 204);
    assert_eq!(desk.told()[0]["resourceData"].as_array().unwrap().len(), 2);
    assert_eq!(desk.get(&call, &format!("/participants/{ada}")).status, 404);
}

#[test]
fn audio_routing_groups_are_made_changed_and_removed() {
    let mut desk = Desk::new();
    let (call, ada, grace) = desk.meeting();
    let group = json!({"id": "oneToOne", "routingMode": "oneToOne", "sources": [ada], "receivers": [grace]});
    let created = desk.post(&call, "audioRoutingGroups", &group);
    assert_eq!(created.status, 200);
    has_all_of(&example("beta.call-post-audioroutinggroups.ex01.response"), &created.body);
    has_all_of(
        &example("beta.call-list-audioroutinggroups.response"),
        &desk.get(&call, "/audioRoutingGroups").body,
    );
    let path = format!("/communications/calls/{call}/audioRoutingGroups/oneToOne");
    let changed =
        desk.ask(Method::Patch, &path, &json!({"receivers": [grace, ada], "routingMode": "multicast"}));
    assert_eq!(changed.status, 200);
    let got = desk.get(&call, "/audioRoutingGroups/oneToOne").body;
    assert_eq!((&got["receivers"], &got["routingMode"]), (&json!([grace, ada]), &json!("multicast")));
    let stranger = desk.ask(Method::Patch, &path, &json!({"sources": ["nobody"]}));
    assert_eq!(stranger.status, 400);
    assert_eq!(desk.ask(Method::Delete, &path, &Value::Null).status, 204);
    assert_eq!(desk.get(&call, "/audioRoutingGroups/oneToOne").status, 404);
}

#[test]
fn the_bot_shows_its_screen_and_ceases_to() {
    let mut desk = Desk::new();
    let mut body = join();
    body["mediaConfig"] = json!({"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "<opaque>"});
    let call = desk.established(&body);
    assert_eq!(desk.post(&call, "changeScreenSharingRole", &json!({"role": "sharer"})).status, 202);
    let told = desk.told();
    let streams = |told: &Value| told["resourceData"][2]["mediaStreams"].as_array().unwrap().clone();
    let shared = &streams(&told[0])[1];
    assert_eq!(
        (&shared["mediaType"], &shared["direction"]),
        (&json!("videoBasedScreenSharing"), &json!("sendOnly"))
    );
    desk.post(&call, "changeScreenSharingRole", &json!({"role": "viewer"}));
    assert_eq!(streams(&desk.told()[0]).len(), 1);
}

#[test]
fn a_gallery_joins_the_meeting() {
    let mut desk = Desk::new();
    let (call, ..) = desk.meeting();
    let answer = desk.post(&call, "addLargeGalleryView", &example("call-addlargegalleryview.request"));
    assert_eq!(answer.status, 202);
    has_all_of(&example("call-addlargegalleryview.response"), &answer.body);
    let told = desk.wait(LONG);
    has_all_of(&example_notification("call-addlargegalleryview.notification-operation-completed"), &told[0]);
    assert!(told[1]["resourceData"].to_string().contains("Large Gallery View"));
}

#[test]
fn device_quality_is_taken() {
    let mut desk = Desk::new();
    let path = "/communications/calls/microsoft.graph.logTeleconferenceDeviceQuality";
    let answer = desk.ask(Method::Post, path, &example("call-logteleconferencedevicequality.request"));
    assert_eq!((answer.status, answer.body), (200, Value::Null));
}

#[test]
fn times_are_scaled() {
    let mut desk = Desk::with(EmulatorSettings::default().time_scale(0.01));
    let call = desk.established(&to(&["ada"]));
    desk.post(&call, "playPrompt", &prompt());
    assert_eq!(desk.wait(Duration::from_millis(20)).len(), 1);
}
