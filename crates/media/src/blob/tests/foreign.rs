//! Blobs that others have written.

use super::*;

const AUDIO: &str = include_str!("../../../tests/fixtures/blob/microsoft-1.11-audio.json");
const VIDEO: &str = include_str!("../../../tests/fixtures/blob/microsoft-1.14-video.json");
const OLDEST: &str = include_str!("../../../tests/fixtures/blob/microsoft-1.5-2018.json");

fn microsoft(text: &str) -> MicrosoftBlob {
    match MediaBlob::parse(text) {
        Ok(MediaBlob::Microsoft(blob)) => blob,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_documented_microsoft_shapes_are_read_and_kept_byte_for_byte() {
    for text in [AUDIO, VIDEO, OLDEST] {
        let blob = microsoft(text);
        assert_eq!(blob.as_str(), text);
        assert_eq!(MediaBlob::Microsoft(blob).to_string(), text);
    }
    let blob = microsoft(VIDEO);
    assert_eq!(blob.media_processor_uri(), Some("net.tcp://bot.example:28437/MediaProcessor"));
    assert_eq!(blob.media_session_id(), Some("11111111-2222-4333-8444-555555555514"));
    assert_eq!(blob.supported_audio_format(), Some("Pcm16K"));
    assert_eq!(blob.video_sink_encoding_formats().collect::<Vec<_>>(), ["Yuv"]);
    assert_eq!(blob.media_library_version(), Some("1.14.1.0234"));
    assert_eq!(blob.media_stack_version(), Some("2019.45.1.7"));
    assert_eq!(blob.media_processor_version(), Some("7.2.0.6941"));
    assert_eq!(blob.call_id(), Some("11111111-2222-4333-8444-555555555515"));

    assert_eq!(blob.region_affinity(), None);
    let with_region = VIDEO.replace("\"regionAffinity\": null", "\"regionAffinity\": \"somewhere\"");
    assert_eq!(microsoft(&with_region).region_affinity(), Some("somewhere"));

    let oldest = microsoft(OLDEST);
    assert_eq!((oldest.call_id(), oldest.video_sink_encoding_formats().count()), (None, 0));
}

#[test]
fn a_microsoft_blob_tells_its_contexts_by_modality() {
    let with_data = VIDEO
        .replace("\"dataRenderContexts\": null", "\"dataRenderContexts\": [\"d1\", \"d2\"]")
        .replace("\"dataSourceContexts\": null", "\"dataSourceContexts\": [null, 1]");
    for (text, modality, render, source) in [
        (
            AUDIO,
            Modality::Audio,
            vec![Some("14778cc4-f54c-43c7-989f-9092e34ef784")],
            vec![Some("a5dcfc9b-5a54-48ef-86f5-1fdd8508741a")],
        ),
        (AUDIO, Modality::Video, vec![], vec![]),
        (AUDIO, Modality::Data, vec![], vec![]),
        (VIDEO, Modality::Audio, vec![Some("11111111-2222-4333-8444-555555555511")], vec![None]),
        (
            VIDEO,
            Modality::Video,
            vec![Some("11111111-2222-4333-8444-555555555512")],
            vec![Some("11111111-2222-4333-8444-555555555513")],
        ),
        (VIDEO, Modality::VideoBasedScreenSharing, vec![], vec![]),
        (&with_data, Modality::Data, vec![Some("d1"), Some("d2")], vec![None, None]),
    ] {
        let blob = microsoft(text);
        assert_eq!(blob.render_contexts(modality).collect::<Vec<_>>(), render, "{modality:?}");
        assert_eq!(blob.source_contexts(modality).collect::<Vec<_>>(), source, "{modality:?}");
    }
}

#[test]
fn a_blob_is_microsoft_s_by_three_members_and_not_by_its_scheme() {
    let other_scheme = AUDIO.replace("net.tcp://", "https://");
    assert_eq!(microsoft(&other_scheme).as_str(), other_scheme);
    let least = r#"{"mpUri":"","mpMediaSessionId":"","audioRenderContexts":[]}"#;
    assert_eq!(microsoft(least).render_contexts(Modality::Audio).count(), 0);
    for key in ["mpUri", "mpMediaSessionId", "audioRenderContexts"] {
        for value in [json!(null), json!(1), json!({})] {
            let mut json: Value = serde_json::from_str(AUDIO).unwrap();
            json[key] = value;
            let read = MediaBlob::parse(&json.to_string());
            assert!(matches!(read, Ok(MediaBlob::Opaque(_))), "{key}: {read:?}");
        }
    }
}

#[test]
fn anything_else_is_kept_byte_for_byte() {
    for text in [
        "<Media Session Configuration>",
        "",
        " \r\n",
        " { \"a\" : 1.0 }\n",
        "[1]",
        "1e400",
        "\"{\"",
        "null",
        "{\"profile\":\"other/1\"}",
        "{\"profile\":1}",
        "{}x",
        "{not JSON}",
        "\u{feff}{}",
        "\0",
        "[",
        "{\"sdp\":\"v=0\",\"sdp\":\"v=1\"}",
    ] {
        let Ok(MediaBlob::Opaque(blob)) = MediaBlob::parse(text) else { panic!("{text}") };
        assert_eq!(blob.as_str(), text);
        assert_eq!(MediaBlob::Opaque(blob).to_string(), text);
    }
}

#[test]
fn debug_shows_nothing_of_a_foreign_blob_but_its_size_and_version() {
    let shown = format!("{:?}", microsoft(VIDEO));
    assert_eq!(shown, format!("MicrosoftBlob(Some(\"1.14.1.0234\"), {} bytes)", VIDEO.len()));
    let long = VIDEO.replace("1.14.1.0234", &"é".repeat(1000));
    let shown = format!("{:?}", microsoft(&long));
    assert_eq!(shown, format!("MicrosoftBlob(Some(\"{}\"), {} bytes)", "é".repeat(16), long.len()));
    let opaque = MediaBlob::parse("a secret").unwrap();
    assert_eq!(format!("{opaque:?}"), "Opaque(OpaqueBlob(8 bytes))");
}
