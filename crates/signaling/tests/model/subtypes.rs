//! What an object is, told by its `@odata.type` or by where it stands; and what of it never shows.

use offhook_signaling::model::action::AnswerRequest;
use offhook_signaling::model::{
    AppHostedMediaConfig, Call, CallId, CallState, CommsNotification, CommsNotifications, Identity,
    MediaConfig, MeetingInfo, ParticipantId, ParticipantJoiningResponse, PolicyNotification, Prompt,
    RejectReason, RoutingMode, UnknownProperties,
};
use serde_json::{Value, json};

use crate::examples::{read, round_trip};

fn call(name: &str) -> Call {
    serde_json::from_str(&read("graph-examples", name)).unwrap()
}

fn notification(element: Value) -> CommsNotification {
    serde_json::from_value(element).unwrap()
}

#[test]
fn subtypes_are_told_by_their_odata_type() {
    let app_hosted = call("ex02-p2p-app-hosted.response.json");
    assert!(matches!(app_hosted.media_config.value(), Some(MediaConfig::AppHosted(_))));
    assert_eq!(app_hosted.media_blob().unwrap().expose(), "<Media Session Configuration>");
    assert_eq!(app_hosted.state.known(), Some(CallState::Establishing));

    let service_hosted = call("ex01-p2p-service-hosted.response.json");
    assert!(matches!(service_hosted.media_config.value(), Some(MediaConfig::ServiceHosted(_))));
    assert!(service_hosted.media_blob().is_none());

    let organizer = call("ex06-join-meeting-app-hosted.request.json");
    assert!(matches!(organizer.meeting_info.value(), Some(MeetingInfo::Organizer(_))));
    let by_id = call("ex08-join-by-id-service-hosted.request.json");
    assert!(matches!(by_id.meeting_info.value(), Some(MeetingInfo::JoinMeetingId(_))));
}

#[test]
fn a_subtype_of_tomorrow_survives() {
    let text = r##"{"mediaConfig":{"@odata.type":"#microsoft.graph.holographicMediaConfig","depth":3}}"##;
    let unknown = round_trip::<Call>("tomorrow", text);
    assert_eq!(unknown, ["/mediaConfig/@odata.type", "/mediaConfig/depth"]);
    let untyped = r#"{"mediaInfo":{"uri":"https://cdn.contoso.com/beep.wav"}}"#;
    assert!(matches!(serde_json::from_str(untyped), Ok(Prompt::Unknown(_))));
    assert_eq!(round_trip::<Prompt>("untyped", untyped), ["/mediaInfo"]);
}

#[test]
fn the_body_of_an_action_has_no_type_of_its_own_but_its_objects_have() {
    let body = AnswerRequest {
        callback_uri: "https://bot.contoso.com/callback".into(),
        media_config: MediaConfig::from(AppHostedMediaConfig::with_blob("blob")).into(),
        ..AnswerRequest::default()
    };
    let expected = json!({
        "callbackUri": "https://bot.contoso.com/callback",
        "mediaConfig": {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "blob"}
    });
    assert_eq!(serde_json::to_value(body).unwrap(), expected);
}

#[test]
fn answers_to_a_participant_who_joins_say_what_they_are() {
    for (answer, expected) in [
        (ParticipantJoiningResponse::accept(), json!({"@odata.type": "#microsoft.graph.acceptJoinResponse"})),
        (
            ParticipantJoiningResponse::reject(RejectReason::Busy),
            json!({"@odata.type": "#microsoft.graph.rejectJoinResponse", "reason": "busy"}),
        ),
        (
            ParticipantJoiningResponse::invite_new_bot("https://bot-2.contoso.com/"),
            json!({"@odata.type": "#microsoft.graph.inviteNewBotResponse", "inviteUri": "https://bot-2.contoso.com/"}),
        ),
    ] {
        assert_eq!(serde_json::to_value(&answer).unwrap(), expected);
        assert_eq!(serde_json::from_value::<ParticipantJoiningResponse>(expected).unwrap(), answer);
    }
}

#[test]
fn people_under_a_policy_who_join_or_leave_are_told_inside_a_notification_or_as_one() {
    let about = |name: &str, rest: Value| {
        let mut object = json!({"@odata.type": format!("#microsoft.graph.{name}"), "call": {"id": "c-1"}});
        object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        object
    };
    let joining = about("participantJoiningNotification", json!({}));
    let left = about("participantLeftNotification", json!({"participantId": "p-1"}));
    let inside =
        |data: &Value| json!({"@odata.type": "#microsoft.graph.commsNotification", "resourceData": data});
    for (element, is_joining) in
        [(inside(&joining), true), (joining, true), (inside(&left), false), (left, false)]
    {
        let read = notification(element.clone());
        assert_eq!(serde_json::to_value(&read).unwrap(), element);
        assert!(read.unknown_properties().is_empty(), "{:?}", read.unknown_properties());
        assert_eq!(read.call_id(), Some(CallId::from("C1")));
        match read.policy() {
            Some(PolicyNotification::Joining { call }) => assert!(is_joining && call.is_some()),
            Some(PolicyNotification::Left { call, participant }) => {
                assert!(!is_joining && call.is_some());
                assert_eq!(participant, Some(&ParticipantId::from("p-1")));
            }
            other => panic!("{element}: {other:?}"),
        }
    }
}

#[test]
fn a_policy_notification_that_is_not_what_it_says_is_kept_as_it_came() {
    let element = json!({"@odata.type": "#microsoft.graph.participantLeftNotification", "call": 7, "participantId": [1]});
    let read = notification(element.clone());
    assert_eq!(serde_json::to_value(&read).unwrap(), element);
    assert_eq!(read.policy(), Some(PolicyNotification::Left { call: None, participant: None }));

    let data = json!({"@odata.type": "#microsoft.graph.participantJoiningNotification", "call": 7});
    let read = notification(json!({ "resourceData": data }));
    assert_eq!(read.policy(), Some(PolicyNotification::Joining { call: None }));
    assert_eq!(read.unknown_properties(), ["/resourceData/call"]);

    // The members mean nothing on a notification of another type.
    let element = json!({"@odata.type": "#microsoft.graph.commsNotification", "call": {"id": "1"}});
    assert_eq!(notification(element).unknown_properties(), ["/call"]);
}

#[test]
fn members_of_enumerations_are_read_in_any_case() {
    let text = r#"{"audioRoutingGroups":[{"routingMode":"OneToOne"}]}"#;
    assert!(round_trip::<Call>("case", text).is_empty());
    let read: Call = serde_json::from_str(text).unwrap();
    assert_eq!(read.audio_routing_groups.items()[0].routing_mode.known(), Some(RoutingMode::OneToOne));
}

#[test]
fn debug_output_shows_no_secret_name_address_or_number() {
    let text = r##"{
        "subject": "S3CRET subject",
        "mediaConfig": {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "S3CRET blob"},
        "meetingInfo": {"@odata.type": "#microsoft.graph.tokenMeetingInfo", "token": "S3CRET token"},
        "source": {"identity": {
            "phone": {"id": "+4912345678", "displayName": "S3CRET name"},
            "guest": {"email": "S3CRET@contoso.com"}
        }},
        "applicationMetadata": {"botData": {"otherSideUser": {"id": "4:+4912345678"}, "applicationType": "S3CRET"}},
        "operations": [{"@odata.type": "#microsoft.graph.recordOperation", "recordingAccessToken": "S3CRET"}],
        "meetingCapability": {"S3CRET": "S3CRET"},
        "novelty": "S3CRET novelty"
    }"##;
    let call: Call = serde_json::from_str(text).unwrap();
    let shown = format!("{call:?}");
    assert!(!shown.contains("S3CRET") && !shown.contains("4912345678"), "{shown}");
    let shown = format!("{:?}", Identity::of_phone("+4912345678"));
    assert!(!shown.contains("4912345678"), "{shown}");
    let text = r#"{"value":[{"resourceData":["S3CRET"]}]}"#;
    let shown = format!("{:?}", CommsNotifications::from_slice(text.as_bytes()).unwrap());
    assert!(!shown.contains("S3CRET"), "{shown}");
}
