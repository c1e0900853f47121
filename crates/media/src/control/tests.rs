use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn messages_are_written_and_read_as_the_profile_has_them() {
    for (message, text) in [
        (
            BotMessage::Subscribe { socket: 1, source: 1234, width: 1280, height: 720 },
            json!({"type": "subscribe", "socket": 1, "source": 1234, "width": 1280, "height": 720}),
        ),
        (BotMessage::Unsubscribe { socket: 1 }, json!({"type": "unsubscribe", "socket": 1})),
        (
            BotMessage::ReceiveBandwidth { bits_per_second: 1_500_000 },
            json!({"type": "receiveBandwidth", "bitsPerSecond": 1_500_000}),
        ),
    ] {
        assert_eq!(serde_json::to_value(&message).unwrap(), text);
        assert_eq!(read(&write(&message)), Ok(message));
    }
    let listed = |source| Listed { source };
    let refused = |reason| ServiceMessage::Refused { socket: 1, source: 1234, reason };
    for (message, text) in [
        (
            ServiceMessage::Subscribed { socket: 1, source: 1234 },
            json!({"type": "subscribed", "socket": 1, "source": 1234}),
        ),
        (
            refused(Reason::UnknownSource),
            json!({"type": "refused", "socket": 1, "source": 1234, "reason": "unknownSource"}),
        ),
        (
            refused(Reason::NotSending),
            json!({"type": "refused", "socket": 1, "source": 1234, "reason": "notSending"}),
        ),
        (
            refused(Reason::UnknownSocket),
            json!({"type": "refused", "socket": 1, "source": 1234, "reason": "unknownSocket"}),
        ),
        (
            refused(Reason::Other("tooMany".to_owned())),
            json!({"type": "refused", "socket": 1, "source": 1234, "reason": "tooMany"}),
        ),
        (
            ServiceMessage::Sources { video: vec![listed(1234), listed(7)], screen: vec![listed(99)] },
            json!({"type": "sources", "video": [{"source": 1234}, {"source": 7}], "screen": [{"source": 99}]}),
        ),
        (
            ServiceMessage::DominantSpeaker { source: Some(1234) },
            json!({"type": "dominantSpeaker", "source": 1234}),
        ),
    ] {
        assert_eq!(serde_json::to_value(&message).unwrap(), text);
        assert_eq!(read(&write(&message)), Ok(message));
    }
}

#[test]
fn what_a_later_version_adds_is_passed_over() {
    for (text, message) in [
        (r#"{"type":"applaud","socket":1,"of":{"a":[1]}}"#, BotMessage::Unknown),
        (r#"{"socket":2,"since":{"a":[1,2]},"type":"unsubscribe"}"#, BotMessage::Unsubscribe { socket: 2 }),
    ] {
        assert_eq!(read(text.as_bytes()), Ok(message), "{text}");
    }
    let sources = ServiceMessage::Sources { video: vec![Listed { source: 5 }], screen: Vec::new() };
    let text = r#"{"type":"sources","video":[{"source":5,"codec":"AV1"}],"whiteboard":[]}"#;
    assert_eq!(read(text.as_bytes()), Ok(sources));
    for text in [r#"{"type":"dominantSpeaker"}"#, r#"{"type":"dominantSpeaker","source":null}"#] {
        assert_eq!(read(text.as_bytes()), Ok(ServiceMessage::DominantSpeaker { source: None }), "{text}");
    }
}

#[test]
fn what_is_no_message_is_malformed() {
    let deep =
        format!(r#"{{"type":"unsubscribe","socket":1,"deep":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
    let long = format!(r#"{{"type":"unsubscribe","socket":1,"long":"{}"}}"#, "x".repeat(MAX_MESSAGE_LEN));
    for text in [
        "",
        "{}",
        "[]",
        "7",
        r#"{"type":"subscribe"}"#,
        r#"{"type":"subscribe","socket":-1,"source":1,"width":1,"height":1}"#,
        r#"{"type":"subscribe","socket":1,"source":4294967296,"width":1,"height":1}"#,
        r#"{"type":"unsubscribe","socket":1} x"#,
        r#"{"type":"unsubscribe","socket":1,"socket":2}"#,
        r#"{"type":"unsubscribe","socket":"1"}"#,
        &deep,
        &long,
    ] {
        assert_eq!(read::<BotMessage>(text.as_bytes()), Err(Malformed), "{}", &text[..text.len().min(80)]);
    }
    assert_eq!(read::<BotMessage>(b"{\"type\":\"\xff\"}"), Err(Malformed));
}

#[test]
fn a_list_holds_the_first_ten_and_says_how_many_there_are() {
    let all: Vec<Listed> = (0..300).map(|source| Listed { source }).collect();
    let sources = sources(&all);
    assert_eq!(sources[..], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(MediaSourceId));
    assert_eq!(sources.total(), 300);
    let one = super::sources(&all[7..8]);
    assert_eq!((&one[..], one.total()), (&[MediaSourceId(7)][..], 1));
}

#[test]
fn resolutions_are_sixteen_to_nine() {
    use VideoResolution::{Hd540p, Hd720p, Hd1080p, Sd180p, Sd240p, Sd360p};
    for resolution in [Sd180p, Sd240p, Sd360p, Hd540p, Hd720p, Hd1080p] {
        let size = resolution.size();
        let exact = f32::from(size.height) * 16.0 / 9.0;
        assert!((f32::from(size.width) - exact).abs() < 3.0, "{resolution:?}");
    }
}

proptest! {
    #[test]
    fn no_message_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>()) {
        let _ = read::<BotMessage>(&bytes);
        let _ = read::<ServiceMessage>(&bytes);
        let mut text = write(&BotMessage::Subscribe { socket: 1, source: 2, width: 3, height: 4 });
        let at = at.index(text.len());
        text[at] = bytes.first().copied().unwrap_or(b'}');
        let _ = read::<BotMessage>(&text);
    }

    #[test]
    fn what_is_written_is_read(socket in any::<u32>(), source in any::<u32>(), width in any::<u16>(), height in any::<u16>(), reason in "[a-z]{0,12}") {
        let asked = BotMessage::Subscribe { socket, source, width, height };
        prop_assert_eq!(read(&write(&asked)), Ok(asked));
        let refused = ServiceMessage::Refused { socket, source, reason: Reason::Other(reason) };
        prop_assert_eq!(read(&write(&refused)), Ok(refused));
    }
}
