//! Every documented example goes through the typed models and comes out equal, and every property of it is typed.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use offhook_signaling::model::action::{
    AnswerRequest, ChangeScreenSharingRoleRequest, ClientContextRequest, InviteRequest,
    LogTeleconferenceDeviceQualityRequest, PlayPromptRequest, RecordResponseRequest, RedirectRequest,
    RejectRequest, SendDtmfTonesRequest, StartHoldMusicRequest, TransferRequest,
    UpdateRecordingStatusRequest,
};
use offhook_signaling::model::{
    AudioRoutingGroup, Call, Collection, CommsNotifications, CommsOperation, ContentSharingSession,
    ErrorResponse, Participant, UnknownProperties,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads text as some model, checks that it is written back equal, and returns what no property of the model holds.
type RoundTrip = fn(name: &str, text: &str) -> Vec<String>;

pub(crate) fn round_trip<T>(name: &str, text: &str) -> Vec<String>
where
    T: DeserializeOwned + Serialize + UnknownProperties,
{
    let read: T = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let original: Value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), original, "{name}");
    read.unknown_properties()
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

pub(crate) fn read(folder_name: &str, name: &str) -> String {
    fs::read_to_string(folder(folder_name).join(name)).unwrap()
}

/// Names of the examples in a folder: all JSON files but the index.
pub(crate) fn names(folder_name: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder(folder_name)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".json") && name != "index.json").collect()
}

/// The requests and answers of the other pages, by how their files' names begin; the longest beginning counts.
const PAGES: &[(&str, RoundTrip)] = &[
    ("beta.audioroutinggroup-", round_trip::<AudioRoutingGroup>),
    ("beta.call-list-audioroutinggroups.response", round_trip::<Collection<AudioRoutingGroup>>),
    ("beta.call-post-audioroutinggroups.", round_trip::<AudioRoutingGroup>),
    ("beta.participant-configuremixer.response", round_trip::<CommsOperation>),
    ("beta.participant-muteall.response", round_trip::<CommsOperation>),
    ("call-addlargegalleryview.request", round_trip::<ClientContextRequest>),
    ("call-addlargegalleryview.response", round_trip::<CommsOperation>),
    ("call-answer.", round_trip::<AnswerRequest>),
    ("call-cancelmediaprocessing.request", round_trip::<ClientContextRequest>),
    ("call-cancelmediaprocessing.response", round_trip::<CommsOperation>),
    ("call-changescreensharingrole.request", round_trip::<ChangeScreenSharingRoleRequest>),
    ("call-get.", round_trip::<Call>),
    ("call-list-contentsharingsessions.response", round_trip::<Collection<ContentSharingSession>>),
    ("call-list-participants.response", round_trip::<Collection<Participant>>),
    ("call-logteleconferencedevicequality.request", round_trip::<LogTeleconferenceDeviceQualityRequest>),
    ("call-mute.request", round_trip::<ClientContextRequest>),
    ("call-mute.response", round_trip::<CommsOperation>),
    ("call-playprompt.request", round_trip::<PlayPromptRequest>),
    ("call-playprompt.response", round_trip::<CommsOperation>),
    ("call-record.ex01.request", round_trip::<RecordResponseRequest>),
    ("call-record.ex01.response", round_trip::<CommsOperation>),
    ("call-redirect.", round_trip::<RedirectRequest>),
    ("call-reject.", round_trip::<RejectRequest>),
    ("call-senddtmftones.request", round_trip::<SendDtmfTonesRequest>),
    ("call-senddtmftones.response", round_trip::<CommsOperation>),
    ("call-subscribetotone.request", round_trip::<ClientContextRequest>),
    ("call-subscribetotone.response", round_trip::<CommsOperation>),
    ("call-transfer.", round_trip::<TransferRequest>),
    ("call-unmute.request", round_trip::<ClientContextRequest>),
    ("call-unmute.response", round_trip::<CommsOperation>),
    ("call-updaterecordingstatus.request", round_trip::<UpdateRecordingStatusRequest>),
    ("call-updaterecordingstatus.response", round_trip::<CommsOperation>),
    ("contentsharingsession-get.response", round_trip::<ContentSharingSession>),
    ("error.", round_trip::<ErrorResponse>),
    ("participant-get.response", round_trip::<Participant>),
    ("participant-invite.ex01.request", round_trip::<InviteRequest>),
    ("participant-invite.ex02.request", round_trip::<InviteRequest>),
    ("participant-invite.ex03.request", round_trip::<InviteRequest>),
    ("participant-invite.ex04.request", round_trip::<InviteRequest>),
    ("participant-invite.", round_trip::<CommsOperation>),
    ("participant-mute.request", round_trip::<ClientContextRequest>),
    ("participant-mute.response", round_trip::<CommsOperation>),
    ("participant-startholdmusic.request", round_trip::<StartHoldMusicRequest>),
    ("participant-startholdmusic.response", round_trip::<CommsOperation>),
    ("participant-stopholdmusic.request", round_trip::<ClientContextRequest>),
    ("participant-stopholdmusic.response", round_trip::<CommsOperation>),
    ("throttled.response", round_trip::<ErrorResponse>),
];

/// Files that no model is meant for, with the reason.
const NOT_MODELLED: &[(&str, &str)] = &[
    ("beta.participant-configuremixer.request.json", "beta alone has the action"),
    ("beta.participant-muteall.request.json", "beta alone has the action, and deprecates it"),
    ("blob.1-11-audio.json", "a media blob is opaque to signaling"),
    ("blob.1-14-video.json", "a media blob is opaque to signaling"),
    ("blob.1-5-object-2018.json", "a media blob is opaque to signaling"),
    ("callback-token.claims.json", "authentication reads a token's claims"),
];

/// Properties that no model has, with the reason.
const NOT_TYPED: &[(&str, &str)] = &[(
    "/resultInfo/subCode",
    "a slip of the pages for `subcode`, which `ResultInfo::subcode_number` reads too",
)];

#[test]
fn every_example_of_create_call_survives_and_every_property_of_it_is_typed() {
    let names = names("graph-examples");
    assert_eq!(names.len(), 29, "examples on the page");
    for name in names {
        let text = read("graph-examples", &name);
        let unknown = if name.contains(".notification-") {
            round_trip::<CommsNotifications>(&name, &text)
        } else {
            round_trip::<Call>(&name, &text)
        };
        assert!(unknown.is_empty(), "{name}: untyped {unknown:?}");
    }
}

#[test]
fn every_example_of_the_other_pages_survives_and_every_property_of_it_is_typed() {
    let names = names("graph-examples-other");
    assert_eq!(names.len(), 140, "examples on the other pages");
    let mut unused: BTreeSet<&str> = PAGES.iter().map(|(beginning, _)| *beginning).collect();
    for name in names {
        if NOT_MODELLED.iter().any(|(exception, _)| *exception == name) {
            continue;
        }
        let text = read("graph-examples-other", &name);
        let unknown = if name.contains(".notification-") {
            round_trip::<CommsNotifications>(&name, &text)
        } else {
            let matching = PAGES.iter().filter(|(beginning, _)| name.starts_with(beginning));
            let (beginning, model) = matching
                .max_by_key(|(beginning, _)| beginning.len())
                .unwrap_or_else(|| panic!("{name} has no model"));
            unused.remove(beginning);
            model(&name, &text)
        };
        for path in unknown {
            let excused = NOT_TYPED.iter().any(|(exception, _)| path.ends_with(exception));
            assert!(excused, "{name}: untyped {path}");
        }
    }
    assert!(unused.is_empty(), "no file begins with {unused:?}");
}

#[test]
fn every_exception_is_a_file() {
    let names = names("graph-examples-other");
    for (exception, reason) in NOT_MODELLED {
        assert!(names.contains(*exception), "{exception} ({reason}) is no file");
    }
}

#[test]
fn an_added_property_is_reported_wherever_it_is() {
    // Guards the tests above: were nothing ever reported as unknown, they would prove nothing.
    let added = |folder: &str, name: &str, pointer: &str| {
        let mut example: Value = serde_json::from_str(&read(folder, name)).unwrap();
        let object = example.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        object.insert("novelty".to_owned(), Value::Bool(true));
        example.to_string()
    };
    let text = added(
        "graph-examples",
        "ex05.notification-roster-full.json",
        "/value/0/resourceData/1/mediaStreams/0",
    );
    let unknown = round_trip::<CommsNotifications>("a notification", &text);
    assert_eq!(unknown, ["/value/0/resourceData/1/mediaStreams/0/novelty"]);

    let text = added("graph-examples-other", "call-playprompt.request.json", "/prompts/0/mediaInfo");
    let unknown = round_trip::<PlayPromptRequest>("the body of an action", &text);
    assert_eq!(unknown, ["/prompts/0/mediaInfo/novelty"]);

    let text = added("graph-examples-other", "call-list-participants.response.json", "/value/0");
    assert_eq!(round_trip::<Collection<Participant>>("a collection", &text), ["/value/0/novelty"]);

    let text = added("graph-examples-other", "throttled.response.json", "/error/innerError");
    assert_eq!(round_trip::<ErrorResponse>("an error", &text), ["/error/innerError/novelty"]);
}
