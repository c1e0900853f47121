//! What a model does not know, or does not expect, survives it: it comes out as it went in, and takes nothing else with it.

use offhook_signaling::model::action::{AnswerRequest, RecordResponseRequest};
use offhook_signaling::model::{
    Call, CallState, CommsNotifications, CommsOperation, Participant, ResourceData, UnknownProperties,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::examples::{names, read};

/// Any JSON, with numbers of every size and text of every script.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Members that no model knows: Graph's names have no `?`.
fn unknown_members() -> impl Strategy<Value = Vec<(String, Value)>> {
    prop::collection::vec((".{0,8}".prop_map(|name| format!("?{name}")), any_json()), 0..6)
}

/// Adds the members to the object at each of these places.
fn with_members(mut object: Value, places: &[&str], members: &[(String, Value)]) -> Value {
    for place in places {
        object.pointer_mut(place).unwrap().as_object_mut().unwrap().extend(members.iter().cloned());
    }
    object
}

/// Reads and writes `original`, and says how many members were not known.
fn survives<T>(original: &Value) -> Result<usize, TestCaseError>
where
    T: DeserializeOwned + Serialize + UnknownProperties,
{
    let read: T = serde_json::from_str(&original.to_string())?;
    prop_assert_eq!(&serde_json::to_value(&read).unwrap(), original);
    Ok(read.unknown_properties().len())
}

fn distinct(members: &[(String, Value)]) -> usize {
    members.iter().map(|(name, _)| name).collect::<std::collections::BTreeSet<_>>().len()
}

proptest! {
    #[test]
    fn a_call(members in unknown_members()) {
        let known = json!({
            "@odata.type": "#microsoft.graph.call",
            "id": "1",
            "state": "levitating",
            "subject": null,
            "source": {"identity": {"user": {"id": "2"}}},
            "targets": [{"identity": {"phone": {"id": "+12345678901"}}}],
            "mediaConfig": {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "b"},
            "applicationMetadata": {"botData": {"user": {"participationMethod": "Callee"}}}
        });
        let places = ["", "/source/identity/user", "/targets/0/identity/phone", "/mediaConfig", "/applicationMetadata/botData/user"];
        let unknown = survives::<Call>(&with_members(known, &places, &members))?;
        prop_assert_eq!(unknown, places.len() * distinct(&members));
    }

    #[test]
    fn an_operation(members in unknown_members(), name in "[a-zA-Z]{0,12}") {
        for odata_type in ["recordOperation", "sendDtmfTonesOperation", &name] {
            let known = json!({
                "@odata.type": format!("#microsoft.graph.{odata_type}"),
                "status": "Running",
                "resultInfo": {"code": "200", "subCode": 0}
            });
            let places = ["", "/resultInfo"];
            let unknown = survives::<CommsOperation>(&with_members(known, &places, &members))?;
            // `subCode` is read, but as a member that the model does not have.
            prop_assert_eq!(unknown, places.len() * distinct(&members) + 1);
        }
    }

    #[test]
    fn a_participant(members in unknown_members()) {
        let known = json!({
            "id": null,
            "info": {"identity": {"guest": {}}},
            "mediaStreams": [{"mediaType": "audio", "sourceId": "1"}],
            "restrictedExperience": {"videoDisabled": "watermarkProtection,novelty"},
            "rosterSequenceNumber": "7"
        });
        let places = ["", "/info", "/info/identity/guest", "/mediaStreams/0", "/restrictedExperience"];
        let unknown = survives::<Participant>(&with_members(known, &places, &members))?;
        prop_assert_eq!(unknown, places.len() * distinct(&members));
    }

    #[test]
    fn the_body_of_an_action(members in unknown_members()) {
        let known = json!({"mediaConfig": {"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"}});
        let unknown = survives::<AnswerRequest>(&with_members(known, &["", "/mediaConfig"], &members))?;
        prop_assert_eq!(unknown, 2 * distinct(&members));
        let known = json!({"prompts": [{"@odata.type": "#microsoft.graph.mediaPrompt", "mediaInfo": {}}], "playBeep": null});
        let unknown = survives::<RecordResponseRequest>(&with_members(known, &["", "/prompts/0/mediaInfo"], &members))?;
        prop_assert_eq!(unknown, 2 * distinct(&members));
    }
}

/// Where every value below `value` is.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(name, part)| (name.replace('/', "~1"), part)).collect()
        }
        Value::Array(elements) => {
            elements.iter().enumerate().map(|(n, part)| (n.to_string(), part)).collect()
        }
        _ => return,
    };
    for (name, part) in parts {
        let place = format!("{at}/{name}");
        places(part, &place, found);
        found.push(place);
    }
}

#[test]
fn a_value_of_the_wrong_type_anywhere_is_kept_and_the_notification_is_read() {
    let mut tried = 0;
    for name in names("graph-examples").iter().filter(|name| name.contains(".notification-")) {
        let original: Value = serde_json::from_str(&read("graph-examples", name)).unwrap();
        let mut found = Vec::new();
        // Without an array of objects it is no post of notifications at all.
        places(&original["value"][0], "/value/0", &mut found);
        for (place, strange) in found.iter().flat_map(|place| {
            [json!(1.5), json!(true), json!("x"), json!([7]), json!({"x": 1}), json!([[], {}])]
                .map(|one| (place, one))
        }) {
            let mut changed = original.clone();
            *changed.pointer_mut(place).unwrap() = strange;
            let read = CommsNotifications::from_slice(changed.to_string().as_bytes())
                .unwrap_or_else(|error| panic!("{name}, {place}: {error}"));
            assert_eq!(serde_json::to_value(&read).unwrap(), changed, "{name}, {place}");
            tried += 1;
        }
    }
    assert!(tried > 1000, "{tried}");
}

#[test]
fn a_call_that_ends_has_ended_whatever_else_is_said() {
    let told = json!({"value": [{"changeType": 7, "resourceUrl": "/communications/calls/1", "resourceData": {
        "state": "terminated", "resultInfo": {"code": 1.5, "subcode": 5002, "message": ["x"]}, "targets": {}, "id": 9
    }}]});
    let read = CommsNotifications::from_slice(told.to_string().as_bytes()).unwrap();
    let Some(ResourceData::Call(call)) = read.value.items()[0].resource_data.value() else {
        panic!("{read:?}")
    };
    assert_eq!(call.state.known(), Some(CallState::Terminated));
    assert_eq!(call.mistyped().collect::<Vec<_>>(), ["id", "targets"]);
    assert_eq!(call.result_info.value().and_then(|result| result.subcode_number()), Some(5002));
    let strange = [
        "/value/0/changeType",
        "/value/0/resourceData/id",
        "/value/0/resourceData/resultInfo/code",
        "/value/0/resourceData/resultInfo/message",
        "/value/0/resourceData/targets",
    ];
    let mut unknown = read.unknown_properties();
    unknown.sort();
    assert_eq!(unknown, strange);
}

#[test]
fn a_roster_with_one_strange_element_is_kept_but_is_no_roster() {
    // Read without that element, it would say that someone has left.
    let told = json!({"value": [{"resourceUrl": "/communications/calls/1/participants",
        "resourceData": [{"id": "1", "info": {"identity": {"user": {"id": "2"}}}}, 7, {"id": null}]}]});
    let read = CommsNotifications::from_slice(told.to_string().as_bytes()).unwrap();
    assert!(matches!(read.value.items()[0].resource_data.value(), Some(ResourceData::Other(_))));
    assert_eq!(serde_json::to_value(&read).unwrap(), told);
}
