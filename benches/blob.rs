//! What does a media blob cost to write and to read, beside reading the same JSON and no more?
//!
//! A call has two. The hostile ones are as long as a blob may be, and shaped to cost their reader the most.
#![expect(clippy::unwrap_used, reason = "the blobs are ours")]

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use offhook_media::blob::{MAX_BLOB_LEN, MediaBlob};
use serde_json::{Value, json};

/// The page that others implement from; its examples are an offer and its answer.
const PROFILE: &str = include_str!("../docs/blob-profile.md");
const MICROSOFT: &str = include_str!("../crates/media/tests/fixtures/blob/microsoft-1.14-video.json");

fn write(criterion: &mut Criterion) {
    let MediaBlob::Offhook(offer) = MediaBlob::parse(example(0)).unwrap() else { unreachable!() };
    criterion.bench_function("blob_write/offer", |bencher| {
        bencher.iter(|| {
            let sdp = black_box(&offer.description.sdp);
            MediaBlob::offer(offer.media_session_id, offer.sockets.clone(), sdp).unwrap().to_string()
        });
    });
    let json: Value = serde_json::from_str(example(0)).unwrap();
    criterion.bench_function("blob_write/serde_json of the same offer", |bencher| {
        bencher.iter(|| black_box(&json).to_string());
    });
}

fn read(criterion: &mut Criterion) {
    let (brackets, lines, sections, profiles) = hostile();
    for (name, blob) in [
        ("offer", example(0)),
        ("answer", example(1)),
        ("microsoft", MICROSOFT),
        ("opaque", &"x".repeat(example(0).len())),
        ("hostile_brackets", &brackets),
        ("hostile_lines", &lines),
        ("hostile_sections", &sections),
        ("hostile_profiles", &profiles),
    ] {
        let mut group = criterion.benchmark_group(format!("blob_read_{name}"));
        group.throughput(Throughput::Bytes(blob.len() as u64));
        group.bench_function("offhook", |bencher| bencher.iter(|| MediaBlob::parse(black_box(blob))));
        group.bench_function("serde_json to a Value", |bencher| {
            bencher.iter(|| serde_json::from_str::<Value>(black_box(blob)));
        });
        group.finish();
    }
}

/// The profile page's `nth` example.
fn example(nth: usize) -> &'static str {
    let (_, example) =
        PROFILE.split("```json\n").skip(1).enumerate().find(|(index, _)| *index == nth).unwrap();
    example.split("\n```").next().unwrap()
}

/// 64 KiB each: values nested just as deep as may be; an SDP of short lines; an SDP of many sections for many sockets;
/// and text that nearly claims our profile, again and again.
fn hostile() -> (String, String, String, String) {
    let nested = format!("{}{},", "[".repeat(30), "]".repeat(30));
    let brackets = format!("{{\"a\":[{}0]}}", nested.repeat((MAX_BLOB_LEN - 20) / nested.len()));
    let mut offer: Value = serde_json::from_str(example(0)).unwrap();
    let sdp = offer["description"]["sdp"].as_str().unwrap().to_owned();
    offer["description"]["sdp"] = json!(format!("{sdp}{}", "a=x\r\n".repeat(4000)));
    let lines = padded(&offer);
    let (session, section) = sdp.split_at(sdp.find("m=audio").unwrap());
    let mut sdp = session.replace("BUNDLE 0", "BUNDLE 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15");
    let socket = offer["sockets"][0].clone();
    let sockets = (0..16).map(|id| {
        write!(sdp, "{}", section.replace("a=mid:0", &format!("a=mid:{id}"))).unwrap();
        sdp.push_str(&"a=rtcp-fb:111 transport-cc\r\n".repeat(100));
        let mut socket = socket.clone();
        socket["id"] = json!(id);
        socket
    });
    offer["sockets"] = sockets.collect();
    offer["description"]["sdp"] = json!(sdp);
    let claim = r#""profile" : "offhook-1","#;
    (brackets, lines, padded(&offer), claim.repeat(MAX_BLOB_LEN / claim.len()))
}

/// The blob, made as long as may be by a member that nobody knows.
fn padded(blob: &Value) -> String {
    let mut blob = blob.clone();
    let room = MAX_BLOB_LEN - blob.to_string().len() - r#","x":"""#.len();
    blob["x"] = json!("x".repeat(room));
    blob.to_string()
}

criterion_group!(benches, write, read);
criterion_main!(benches);
