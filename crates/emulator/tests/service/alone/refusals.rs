//! What is refused, and in which words.

use offhook_emulator::{ALL_PERMISSIONS, EmulatorSettings, Method};
use serde_json::{Value, json};

use super::{Desk, join, join_by_id, phone, to, user};

fn changed(mut body: Value, change: impl Fn(&mut Value)) -> Value {
    change(&mut body);
    body
}

#[test]
fn each_mistake_in_a_creation_is_named() {
    let without =
        |name: &'static str| move |body: &mut Value| drop(body.as_object_mut().unwrap().remove(name));
    let cases: Vec<(Value, u16, &str, &str)> = vec![
        (changed(to(&["ada"]), without("callbackUri")), 400, "BadRequest", "callbackUri"),
        (changed(to(&["ada"]), without("mediaConfig")), 400, "8523", "Missing mediaConfig information."),
        (
            changed(to(&["ada"]), |body| {
                body["mediaConfig"] = json!({"@odata.type": "#microsoft.graph.appHostedMediaConfig"})
            }),
            400,
            "8523",
            "Missing mediaConfig information.",
        ),
        (to(&[]), 400, "BadRequest", "targets"),
        (to(&["ada"; 6]), 400, "BadRequest", "targets holds more than 5"),
        (to(&["nobody"]), 404, "NotFound", "no user nobody"),
        (
            changed(to(&["ada"]), |body| body["targets"] = json!([phone()])),
            400,
            "BadRequest",
            "applicationInstance",
        ),
        (
            changed(to(&["ada"]), |body| body["ringingTimeoutInSeconds"] = json!(116)),
            400,
            "BadRequest",
            "ringingTimeoutInSeconds",
        ),
        (
            changed(to(&["ada", "grace"]), |body| body["ringingTimeoutInSeconds"] = json!(20)),
            400,
            "BadRequest",
            "ringingTimeoutInSeconds",
        ),
        (changed(join(), without("tenantId")), 403, "7505", "tenant mismatch"),
        (changed(join(), without("chatInfo")), 400, "BadRequest", "chatInfo.threadId"),
        (
            changed(join(), |body| body["meetingInfo"]["organizer"] = Value::Null),
            400,
            "BadRequest",
            "organizer",
        ),
        (join_by_id("1234567", None), 400, "BadRequest", "passcode"),
        (join_by_id("1234567", Some("wrong")), 400, "BadRequest", "passcode"),
        (join_by_id("9999999", None), 404, "NotFound", "no meeting"),
        (json!([]), 400, "BadRequest", "JSON"),
    ];
    for (body, status, code, message) in cases {
        let mut desk = Desk::new();
        let answer = desk.create(&body);
        assert_eq!(answer.code(), (status, code), "{answer:?} for {body}");
        assert!(answer.message().contains(message), "{:?} does not say {message}", answer.message());
        assert!(desk.told().is_empty() && desk.service.next_due().is_none(), "nothing has happened");
    }
}

#[test]
fn each_mistake_in_an_action_is_named() {
    let long = "x".repeat(257);
    let prompts = |count: usize| json!({"prompts": vec![json!({"@odata.type": "#microsoft.graph.mediaPrompt", "mediaInfo": {"uri": "u"}}); count]});
    let cases = [
        ("mute", json!({"clientContext": long}), "clientContext"),
        ("participants/invite", json!({"participants": []}), "participants"),
        (
            "participants/invite",
            json!({"participants": vec![user("x"); 6]}),
            "participants holds more than 5",
        ),
        ("participants/invite", json!({"participants": [{}]}), "participants[0].identity"),
        ("playPrompt", json!({}), "prompts"),
        ("playPrompt", prompts(21), "prompts holds more than 20"),
        (
            "playPrompt",
            json!({"prompts": [{"@odata.type": "#microsoft.graph.mediaPrompt"}]}),
            "prompts[0].mediaInfo.uri",
        ),
        ("recordResponse", prompts(2), "prompts holds more than 1"),
        ("recordResponse", json!({"maxRecordDurationInSeconds": 121}), "maxRecordDurationInSeconds"),
        ("recordResponse", json!({"stopTones": ["x"]}), "stopTones"),
        ("sendDtmfTones", json!({"tones": []}), "tones"),
        ("sendDtmfTones", json!({"tones": ["tone1", "tone11"]}), "tones[1]"),
        ("sendDtmfTones", json!({"tones": ["tone1"], "delayBetweenTonesMs": -1}), "delayBetweenTonesMs"),
        ("changeScreenSharingRole", json!({"role": "viewer"}), "appHostedMediaConfig"),
        ("transfer", json!({}), "transferTarget"),
        ("answer", json!({}), "incoming"),
        ("audioRoutingGroups", json!({"routingMode": "anyhow"}), "routingMode"),
        ("audioRoutingGroups", json!({"routingMode": "multicast", "sources": []}), "sources"),
        ("logTeleconferenceDeviceQuality", json!({}), ""),
    ];
    let mut desk = Desk::new();
    let (call, ..) = desk.meeting();
    for (action, body, message) in cases {
        let answer = desk.post(&call, action, &body);
        assert!(matches!(answer.status, 400 | 404), "{action} {body}: {answer:?}");
        assert!(
            answer.message().contains(message),
            "{action}: {:?} does not say {message}",
            answer.message()
        );
        assert!(desk.told().is_empty(), "{action}");
    }
    let nobody = desk.post(&call, "participants/nobody/mute", &json!({}));
    assert_eq!(nobody.status, 404);
}

#[test]
fn media_of_the_service_is_not_to_be_had_in_other_calls() {
    let mut desk = Desk::new();
    let mut body = to(&["ada"]);
    body["mediaConfig"] = json!({"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "<opaque>"});
    let call = desk.established(&body);
    for action in ["playPrompt", "recordResponse", "subscribeToTone"] {
        let answer = desk.post(&call, action, &json!({}));
        assert!(answer.status == 400 && answer.message().contains("serviceHostedMediaConfig"), "{answer:?}");
    }
}

#[test]
fn a_call_that_is_not_there_is_8522_whatever_is_asked_of_it() {
    let mut desk = Desk::new();
    for action in ["answer", "mute", "keepAlive", "transfer", "participants/invite", "audioRoutingGroups"] {
        assert_eq!(desk.post("gone", action, &json!({})).code(), (404, "8522"), "{action}");
    }
    assert_eq!(
        desk.ask(Method::Get, "/communications/calls", &Value::Null).status,
        404,
        "calls cannot be listed"
    );
}

#[test]
fn each_form_needs_its_permission_and_says_no_more_than_graph() {
    let app_hosted = |mut body: Value| {
        body["mediaConfig"] =
            json!({"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "<opaque>"});
        body
    };
    for (body, needed) in [
        (to(&["ada"]), "Calls.Initiate.All"),
        (app_hosted(to(&["ada"])), "Calls.AccessMedia.All"),
        (to(&["ada", "grace"]), "Calls.InitiateGroupCall.All"),
        (app_hosted(to(&["ada", "grace"])), "Calls.AccessMedia.All"),
    ] {
        let granted = ALL_PERMISSIONS.into_iter().filter(|permission| *permission != needed);
        let answer = Desk::with(EmulatorSettings::default().permissions(granted)).create(&body);
        assert_eq!(answer.code(), (403, "7504"), "{needed}");
        assert_eq!(answer.message(), "Insufficient enterprise tenant permissions, cannot access this API.");
        assert!(answer.body["error"]["innerError"]["message"].as_str().unwrap().contains(needed));
    }
    for enough in [
        "Calls.JoinGroupCall.All",
        "Calls.JoinGroupCallAsGuest.All",
        "Calls.JoinGroupCalls.Chat",
        "Calls.JoinGroupCalls.All",
    ] {
        let answer = Desk::with(EmulatorSettings::default().permissions([enough])).create(&join());
        assert_eq!(answer.status, 201, "{enough}");
    }
    let answer = Desk::with(EmulatorSettings::default().permissions(["Calls.Initiate.All"])).create(&join());
    assert_eq!(answer.code(), (403, "7504"));
}

#[test]
fn a_bot_on_which_calling_is_not_enabled_is_not_registered() {
    let mut desk = Desk::with(EmulatorSettings::default().calling_enabled(false));
    let answer = desk.create(&to(&["ada"]));
    assert_eq!(answer.code(), (403, "7503"));
    assert_eq!(answer.message(), "Application is not registered in our store.");
}

#[test]
fn later_actions_are_checked_only_when_that_is_asked_for() {
    for (strict, status) in [(false, 200), (true, 403)] {
        let settings =
            EmulatorSettings::default().permissions(["Calls.JoinGroupCall.All"]).check_every_action(strict);
        let mut desk = Desk::with(settings);
        let call = desk.established(&join());
        assert_eq!(desk.get(&call, "").status, status);
    }
}
