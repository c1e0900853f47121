//! Whatever is posted to a bot, parsing it never panics, and what is read is written back.

use offhook_signaling::model::{CommsNotifications, ResourcePath};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// JSON that looks like a notification in places: real names, wrong values, wrong places.
fn near_json() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "value",
        "@odata.type",
        "changeType",
        "resource",
        "resourceUrl",
        "resourceData",
        "callbackUri",
        "id",
        "state",
        "resultInfo",
        "code",
        "subcode",
        "subCode",
        "mediaConfig",
        "meetingInfo",
        "participants",
        "sequenceNumber",
        "info",
        "identity",
        "user",
        "mediaStreams",
        "sourceId",
        "toneInfo",
        "targets",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            "#microsoft.graph.call",
            "#microsoft.graph.participant",
            "#microsoft.graph.deltaParticipants",
            "#microsoft.graph.appHostedMediaConfig",
            "#microsoft.graph.tokenMeetingInfo",
            "Established",
            "/communications/calls/1",
            "/app/calls/1/participants",
            "updated",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..8).prop_map(|members| {
                Value::Object(
                    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>(),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = CommsNotifications::from_slice(&bytes);
    }

    #[test]
    fn random_addresses_never_panic(address in ".{0,200}") {
        let _ = ResourcePath::parse(&address);
    }

    #[test]
    fn what_is_read_is_written_back_equal(members in prop::collection::vec(near_json(), 0..4)) {
        let original = json!({ "value": members });
        if let Ok(read) = CommsNotifications::from_slice(original.to_string().as_bytes()) {
            prop_assert_eq!(serde_json::to_value(&read).unwrap(), original);
        }
    }

    #[test]
    fn a_truncated_notification_is_refused(length in 0usize..200) {
        let whole = r##"{"@odata.type":"#microsoft.graph.commsNotifications","value":[{"changeType":"updated",
            "resourceUrl":"/communications/calls/1","resourceData":{"state":"established"}}]}"##;
        if length < whole.len() {
            prop_assert!(CommsNotifications::from_slice(&whole.as_bytes()[..length]).is_err());
        }
    }
}

#[test]
fn deep_nesting_is_an_error_and_not_a_stack_overflow() {
    let deep = format!(r#"{{"value":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(CommsNotifications::from_slice(deep.as_bytes()).is_err());
    let deep =
        format!(r#"{{"value":[{{"resourceData":{}1{}}}]}}"#, r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    assert!(CommsNotifications::from_slice(deep.as_bytes()).is_err());
}

#[test]
fn a_body_without_a_value_array_is_refused() {
    for body in ["{}", "null", "[]", "1", "", r#"{"value":null}"#, r#"{"value":{}}"#, r#"{"value":[1]}"#] {
        assert!(CommsNotifications::from_slice(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn a_resource_that_is_not_what_it_says_takes_no_other_notification_with_it() {
    let body = r##"{"value":[
        {"resourceUrl":"/communications/calls/1","resourceData":{"@odata.type":"#microsoft.graph.call","state":7}},
        {"resourceUrl":"/communications/calls/2","resourceData":{"@odata.type":"#microsoft.graph.call","state":"hold"}}]}"##;
    let read = CommsNotifications::from_slice(body.as_bytes()).unwrap();
    assert_eq!(read.value.items().len(), 2);
    assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::from_str::<Value>(body).unwrap());
}
