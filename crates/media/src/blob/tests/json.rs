//! The JSON around the description: limits, members, profiles.

use proptest::prelude::*;

use super::*;

#[test]
fn a_blob_may_have_64_kib_and_not_a_byte_more() {
    let padded = |len: usize| {
        let mut json = offer_json();
        json["later"] = json!("");
        json["later"] = json!("x".repeat(len - json.to_string().len()));
        json.to_string()
    };
    assert_eq!(MediaBlob::parse(&padded(MAX_BLOB_LEN)), Ok(MediaBlob::Offhook(offer())));
    for len in [MAX_BLOB_LEN + 1, 1 << 20] {
        assert_eq!(MediaBlob::parse(&padded(len)), Err(BlobError::TooLong { len }));
        assert_eq!(MediaBlob::parse(&"x".repeat(len)), Err(BlobError::TooLong { len }), "no JSON either");
    }
    assert!(matches!(MediaBlob::parse(&"x".repeat(MAX_BLOB_LEN)), Ok(MediaBlob::Opaque(_))));
}

#[test]
fn no_blob_of_our_own_is_longer_than_one_that_is_read() {
    let direction = MediaDirection::SendReceive;
    let padded = |len: usize, sdp: &str| {
        let empty =
            MediaBlob::Offhook(offer()).to_string().len() + "a=later:\\n".len() + sdp.len() - SDP.len();
        format!("{sdp}a=later:{}\n", "x".repeat(len - empty))
    };
    for len in [MAX_BLOB_LEN, MAX_BLOB_LEN + 1, 1 << 20] {
        let offered = MediaBlob::offer(session(), vec![audio(direction)], &padded(len, SDP));
        // "answer" is a letter longer than "offer".
        let sdp = padded(len - 1, &SDP.replace("actpass", "active"));
        let answered = MediaBlob::answer(&offer(), vec![audio(direction)], &sdp);
        if len > MAX_BLOB_LEN {
            assert_eq!(
                (offered, answered),
                (Err(BlobError::TooLong { len }), Err(BlobError::TooLong { len }))
            );
        } else {
            assert_eq!(ours(offered).to_string().len(), len);
            assert_eq!(ours(answered).to_string().len(), len);
        }
    }
}

#[test]
fn nesting_ends_at_32_and_brackets_in_strings_do_not_count() {
    let nested = |depth: usize| {
        let mut json = offer_json();
        // The object around it is the first level.
        json["later"] = (1..depth).fold(json!(1), |inner, _| json!([inner]));
        json.to_string()
    };
    assert_eq!(MediaBlob::parse(&nested(MAX_BLOB_DEPTH)), Ok(MediaBlob::Offhook(offer())));
    let too_deep = nested(MAX_BLOB_DEPTH + 1);
    let offset = too_deep.find("[1]").unwrap();
    assert_eq!(MediaBlob::parse(&too_deep), Err(BlobError::TooDeep { offset }));

    for text in [r#"["#, r#"\"["#, r#"\\\"{"#, "]}"] {
        let mut json = offer_json();
        json["later"] = json!(text.repeat(1000));
        assert_eq!(MediaBlob::parse(&json.to_string()), Ok(MediaBlob::Offhook(offer())), "in a string");
    }
    let behind = |text: &str, depth: usize| {
        format!("{{\"text\":\"{text}\",\"nested\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1))
    };
    for text in ["[".repeat(20), "]".repeat(20), "\\\\".to_owned(), "\\\"[".repeat(20)] {
        let deepest = behind(&text, MAX_BLOB_DEPTH);
        assert!(matches!(MediaBlob::parse(&deepest), Ok(MediaBlob::Opaque(_))), "{deepest}");
        let too_deep = behind(&text, MAX_BLOB_DEPTH + 1);
        let offset = too_deep.find("[]").unwrap();
        assert_eq!(MediaBlob::parse(&too_deep), Err(BlobError::TooDeep { offset }), "{too_deep}");
    }
    let side_by_side = format!("[{}[]]", "[],{},".repeat(1000));
    assert!(matches!(MediaBlob::parse(&side_by_side), Ok(MediaBlob::Opaque(_))));
}

#[test]
fn endless_nesting_is_stopped_before_anything_follows_it() {
    for open in ["[", "{", "{\"a\":", " [", "\\[", "]["] {
        let text = format!("[{}", open.repeat(10_000));
        let refused = MediaBlob::parse(&text);
        if open == "][" {
            assert!(matches!(refused, Ok(MediaBlob::Opaque(_))), "what closes again is not deep");
        } else {
            let offset = text.match_indices(['[', '{']).nth(MAX_BLOB_DEPTH).unwrap().0;
            assert_eq!(refused, Err(BlobError::TooDeep { offset }), "{open}");
        }
    }
}

#[test]
fn an_object_cut_anywhere_is_refused_and_says_where_it_ends() {
    let ours = MediaBlob::Offhook(offer()).to_string();
    let microsoft = include_str!("../../../tests/fixtures/blob/microsoft-1.14-video.json").trim_end();
    for text in [ours.as_str(), microsoft] {
        for len in 1..text.len() {
            let lines: Vec<&str> = text[..len].split('\n').collect();
            let Err(BlobError::NotJson { line, problem, .. }) = MediaBlob::parse(&text[..len]) else {
                panic!("cut at {len}")
            };
            assert_eq!((line, problem), (lines.len(), "it ends too early"), "cut at {len}");
        }
    }
    let at_the_end = BlobError::NotJson { line: 1, column: 8, problem: "it ends too early" };
    assert_eq!(at_the_end.to_string(), "the media blob is no JSON: line 1, column 8: it ends too early");
    assert_eq!(MediaBlob::parse("{\"a\": 12"), Err(at_the_end));
}

#[test]
fn broken_json_is_an_error_only_where_it_says_that_it_is_ours() {
    for (text, line, column) in [
        (r#"{"profile":"offhook/1",}"#, 1, 24),
        (r#"{"profile" : "offhook/9" "#, 1, 25),
        ("{a:1,\n\"profile\":\n\"offhook/1\"}", 1, 2),
        (r#"x "profile":"other", "profile": "offhook/1""#, 1, 1),
    ] {
        let refused = MediaBlob::parse(text);
        assert!(
            matches!(refused, Err(BlobError::NotJson { line: l, column: c, .. }) if (l, c) == (line, column)),
            "{text}: {refused:?}"
        );
    }
    for text in [r#"{"profile":"other/1",}"#, "{ a }", r#"{"profile":"offhook",}"#, r#""profile":"offhook/"#]
    {
        let read = MediaBlob::parse(text);
        let is_ours = text.contains("offhook/");
        assert_eq!(matches!(read, Err(BlobError::NotJson { .. })), is_ours, "{text}: {read:?}");
        assert_eq!(matches!(read, Ok(MediaBlob::Opaque(_))), !is_ours, "{text}: {read:?}");
    }
}

#[test]
fn an_unknown_profile_is_named_but_not_at_length() {
    let with_profile = |profile: Value| {
        let mut json = offer_json();
        json["profile"] = profile;
        MediaBlob::parse(&json.to_string())
    };
    let refused = with_profile(json!("offhook/2"));
    assert_eq!(refused, Err(BlobError::UnknownProfile { profile: "offhook/2".to_owned() }));
    let long = format!("offhook/{}", "é".repeat(100));
    let refused = with_profile(json!(long)).unwrap_err();
    assert_eq!(refused, BlobError::UnknownProfile { profile: format!("offhook/{}", "é".repeat(24)) });
    let named = with_profile(json!("offhook/\n1")).unwrap_err().to_string();
    assert_eq!(named, r#"the media blob has profile "offhook/\n1"; this version knows offhook/1"#);
    for other in [json!("other/1"), json!("offhook"), json!(1), Value::Null] {
        assert!(matches!(with_profile(other), Ok(MediaBlob::Opaque(_))));
    }
}

fn member(path: &str, problem: &str) -> BlobError {
    BlobError::Member { path: path.to_owned(), problem: problem.to_owned() }
}

#[test]
fn a_member_that_is_missing_or_wrong_is_named_by_its_path() {
    let directions = "expected one of `inactive`, `sendOnly`, `receiveOnly`, `sendReceive`";
    let modalities = "expected one of `audio`, `video`, `videoBasedScreenSharing`, `data`";
    for (at, value, path, problem) in [
        ("/mediaSessionId", Some(json!("x")), "mediaSessionId", "is no UUID"),
        ("/mediaSessionId", Some(json!(1)), "mediaSessionId", "expected a string"),
        ("/mediaSessionId", None, "mediaSessionId", "is missing"),
        ("/sockets", None, "sockets", "is missing"),
        ("/sockets", Some(json!({})), "sockets", "expected a sequence"),
        ("/sockets", Some(json!([])), "sockets", "between 1 and 16 are allowed"),
        ("/sockets", Some(json!([1])), "sockets[0]", "expected struct SocketDescription"),
        ("/sockets/0/id", None, "sockets[0].id", "is missing"),
        ("/sockets/0/id", Some(json!(-1)), "sockets[0].id", "expected u32"),
        ("/sockets/0/id", Some(json!("0")), "sockets[0].id", "expected u32"),
        ("/sockets/0/modality", None, "sockets[0].modality", "is missing"),
        ("/sockets/0/modality", Some(json!("smell")), "sockets[0].modality", modalities),
        ("/sockets/0/direction", None, "sockets[0].direction", "is missing"),
        ("/sockets/0/direction", Some(Value::Null), "sockets[0].direction", "is missing"),
        ("/sockets/0/direction", Some(json!("up, expected down")), "sockets[0].direction", directions),
        (
            "/sockets/0/format",
            Some(json!("Pcm32K")),
            "sockets[0].format",
            "expected one of `Pcm8K`, `Pcm12K`, `Pcm16K`, `Pcm24K`, `Pcm44K`, `Pcm48K`",
        ),
        ("/sockets/0/mixed", Some(json!(1)), "sockets[0].mixed", "expected a boolean"),
        ("/sockets/0/unmixed", Some(json!(256)), "sockets[0].unmixed", "expected u8"),
        ("/sockets/0/codecs", Some(json!(["VP8", 8])), "sockets[0].codecs[1]", "expected a string"),
        ("/description", None, "description", "is missing"),
        ("/description/type", None, "description.type", "is missing"),
        ("/description/type", Some(json!("pranswer")), "description.type", "expected `offer` or `answer`"),
        ("/description/sdp", None, "description.sdp", "is missing"),
        ("/description/sdp", Some(Value::Null), "description.sdp", "expected a string"),
    ] {
        let mut json = offer_json();
        let (parent, name) = at.rsplit_once('/').unwrap();
        let parent = json.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => drop(parent.insert(name.to_owned(), value)),
            None => drop(parent.remove(name).unwrap_or_default()),
        }
        assert_eq!(MediaBlob::parse(&json.to_string()), Err(member(path, problem)), "{at}");
    }
    let said = member("sockets[0].id", "is missing").to_string();
    assert_eq!(said, "the media blob's sockets[0].id: is missing");
}

/// Two readers could each take another one of them.
#[test]
fn a_member_that_is_there_twice_is_refused() {
    let text = MediaBlob::Offhook(offer()).to_string();
    for (first, path) in [
        ("\"profile\":\"offhook/2\",", "profile"),
        ("\"mediaSessionId\":\"00000000-0000-0000-0000-000000000001\",", "mediaSessionId"),
        ("\"sockets\":[],", "sockets"),
        ("\"id\":1,", "sockets[0].id"),
        ("\"direction\":\"inactive\",", "sockets[0].direction"),
        ("\"type\":\"answer\",", "description.type"),
        ("\"sdp\":\"\",", "description.sdp"),
    ] {
        let name = first.split_once(':').unwrap().0;
        assert_eq!(text.matches(&format!("{name}:")).count(), 1);
        let twice = text.replace(&format!("{name}:"), &format!("{first}{name}:"));
        assert_eq!(MediaBlob::parse(&twice), Err(member(path, "stands there a second time")), "{twice}");
    }
}

#[test]
fn members_that_a_later_version_adds_do_no_harm() {
    let mut json = offer_json();
    json["later"] = json!({"a": [1]});
    json["sockets"][0]["later"] = json!(true);
    json["description"]["later"] = Value::Null;
    assert_eq!(MediaBlob::parse(&json.to_string()), Ok(MediaBlob::Offhook(offer())));
}

#[test]
fn a_socket_has_an_id_of_its_own_and_there_are_at_most_16() {
    let sockets =
        |count: u32| (0..count).map(|id| socket(id, Modality::Video, Some(MediaDirection::SendReceive)));
    let bundle: Vec<String> = (0..20).map(|id| id.to_string()).collect();
    let video = |id: &String| BUNDLED_VIDEO.replace("mid:1", &format!("mid:{id}"));
    let mut sdp = with("m=audio 9", "m=video 9").replace("BUNDLE 0", &format!("BUNDLE {}", bundle.join(" ")));
    sdp = sdp.replace("opus/48000/2", "H264/90000");
    sdp.extend(bundle.iter().skip(1).map(video));
    let offered = |sockets: Vec<SocketDescription>| MediaBlob::offer(session(), sockets, &sdp);
    assert_eq!(ours(offered(sockets(16).collect())).sockets.len(), 16);
    let refused = offered(sockets(17).collect());
    assert_eq!(refused, Err(member("sockets", "between 1 and 16 are allowed")));
    let refused = offered(sockets(2).chain(sockets(2)).collect());
    assert_eq!(refused, Err(member("sockets[2].id", "is another socket's id too")));
    assert_eq!(offered(vec![]), Err(member("sockets", "between 1 and 16 are allowed")));
}

#[test]
fn no_error_repeats_what_stands_in_the_blob() {
    const SECRET: &str = "x, expected SECRET";
    let everywhere = [
        "/mediaSessionId",
        "/sockets",
        "/sockets/0",
        "/sockets/0/id",
        "/sockets/0/modality",
        "/sockets/0/direction",
        "/sockets/0/format",
        "/sockets/0/mixed",
        "/sockets/0/unmixed",
        "/sockets/0/codecs",
        "/description",
        "/description/type",
        "/description/sdp",
    ];
    for at in everywhere {
        for value in [json!(SECRET), json!({ SECRET: SECRET }), json!([SECRET])] {
            let mut json = offer_json();
            if json.pointer(at).is_none() {
                json["sockets"][0][at.rsplit_once('/').unwrap().1] = Value::Null;
            }
            *json.pointer_mut(at).unwrap() = value;
            if let Err(error) = MediaBlob::parse(&json.to_string()) {
                let said = format!("{error} {error:?}");
                assert!(!said.contains("SECRET"), "{at}: {said}");
            } else {
                assert_eq!(at, "/sockets/0/codecs", "codec names are free text");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,300}") {
        let _ = MediaBlob::parse(&text);
    }

    #[test]
    fn no_text_that_looks_like_json_panics(text in "[\\[\\]{}\",:\\\\ a1]{0,200}") {
        let _ = MediaBlob::parse(&text);
        let _ = MediaBlob::parse(&format!("{{\"profile\":\"offhook/1\",{text}"));
    }

    #[test]
    fn no_change_to_a_good_blob_panics(changes in proptest::collection::vec((any::<u16>(), any::<char>()), 1..4)) {
        let mut text: Vec<char> = MediaBlob::Offhook(offer()).to_string().chars().collect();
        for (at, with) in changes {
            let at = usize::from(at) % text.len();
            text[at] = with;
        }
        let text: String = text.into_iter().collect();
        if let Ok(blob) = MediaBlob::parse(&text) {
            // What is accepted is written in a form that is accepted again, and means the same.
            prop_assert_eq!(MediaBlob::parse(&blob.to_string()), Ok(blob));
        }
    }
}
