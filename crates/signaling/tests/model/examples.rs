//! Every documented example of "Create call" goes through the typed models and comes out equal.

use std::fs;
use std::path::PathBuf;

use offhook_signaling::model::{
    Call, CallState, CommsNotifications, MediaConfig, MeetingInfo, UnknownProperties,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/graph-examples")
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

/// Names of the examples: all JSON files but the index.
fn examples() -> Vec<String> {
    let names =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".json") && name != "index.json").collect();
    names.sort();
    names
}

/// Reads `text` as `T`, writes it, and returns what no property of `T` holds.
fn round_trip<T: DeserializeOwned + Serialize + UnknownProperties>(name: &str, text: &str) -> Vec<String> {
    let read: T = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let original: Value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), original, "{name}");
    read.unknown_properties()
}

#[test]
fn every_example_survives_a_round_trip_and_every_property_of_it_is_typed() {
    let names = examples();
    assert_eq!(names.len(), 29, "examples on the page");
    for name in names {
        let text = read(&name);
        let unknown = if name.contains(".notification-") {
            round_trip::<CommsNotifications>(&name, &text)
        } else {
            round_trip::<Call>(&name, &text)
        };
        assert!(unknown.is_empty(), "{name}: untyped {unknown:?}");
    }
}

#[test]
fn an_added_property_is_reported_wherever_it_is() {
    // Guards the test above: were nothing ever reported as unknown, it would prove nothing.
    let mut example: Value = serde_json::from_str(&read("ex05.notification-roster-full.json")).unwrap();
    let stream = example.pointer_mut("/value/0/resourceData/1/mediaStreams/0").unwrap();
    stream.as_object_mut().unwrap().insert("novelty".to_owned(), Value::Bool(true));
    let unknown = round_trip::<CommsNotifications>("novelty", &example.to_string());
    assert_eq!(unknown, ["/value/0/resourceData/1/mediaStreams/0/novelty"]);
}

#[test]
fn subtypes_are_told_by_their_odata_type() {
    let call = |name: &str| serde_json::from_str::<Call>(&read(name)).unwrap();
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
}

#[test]
fn debug_output_shows_no_secret_name_or_number() {
    let text = r##"{
        "subject": "S3CRET subject",
        "mediaConfig": {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "S3CRET blob"},
        "meetingInfo": {"@odata.type": "#microsoft.graph.tokenMeetingInfo", "token": "S3CRET token"},
        "source": {"identity": {"phone": {"id": "+4912345678", "displayName": "S3CRET name"}}},
        "novelty": "S3CRET novelty"
    }"##;
    let call: Call = serde_json::from_str(text).unwrap();
    let shown = format!("{call:?}");
    assert!(!shown.contains("S3CRET") && !shown.contains("4912345678"), "{shown}");
    let text = r#"{"value":[{"resourceData":["S3CRET"]}]}"#;
    let shown = format!("{:?}", CommsNotifications::from_slice(text.as_bytes()).unwrap());
    assert!(!shown.contains("S3CRET"), "{shown}");
}
