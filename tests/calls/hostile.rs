//! What strangers send, before and during a call: it is refused or dropped, counted, and the call goes on.

use std::net::SocketAddr;

use offhook::emulator::FarEndScript;
use offhook::signaling::model::CallState;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use reqwest::StatusCode;
use tokio::net::UdpSocket;

use crate::support::{hear, hums, scene, share_of_tone};

/// Datagrams that begin like each protocol on a media port (RFC 7983), and go on like none.
fn junk(runner: &mut TestRunner) -> Vec<u8> {
    let first = prop_oneof![Just(0_u8), Just(1), 20..64_u8, 128..192_u8, any::<u8>()];
    let rest = proptest::collection::vec(any::<u8>(), 0..1400);
    let stun = any::<bool>();
    let (first, mut rest, stun) = (first, rest, stun).new_tree(runner).unwrap().current();
    if stun && rest.len() > 8 {
        rest[3..7].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
    }
    rest.insert(0, first);
    rest
}

async fn flood(port: SocketAddr, datagrams: usize) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut runner = TestRunner::deterministic();
    for _ in 0..datagrams {
        socket.send_to(&junk(&mut runner), port).await.unwrap();
        // A burst that overruns the kernel's buffer would only be lost there.
        tokio::task::yield_now().await;
    }
    socket.send_to(&[], port).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn junk_at_the_media_port_is_counted_and_costs_no_call_a_packet() {
    let scene = scene(hums(440.0, 4.0)).await;
    let ports = scene.bot.platform().media_addresses().to_vec();
    for &port in &ports {
        flood(port, 200).await;
    }
    let mut call = scene.call().await;
    let (mut listener, _speaker) = call.take_audio_socket().unwrap().split();
    let flooding = futures_util::future::join_all(ports.iter().map(|&port| flood(port, 1000)));
    let (heard, _) = tokio::join!(hear(&mut listener, 2.0), flooding);
    assert!(share_of_tone(&heard[8_000..24_000], 440.0) > 0.8);
    assert_eq!(call.media_stats().counters.packets_lost, 0);
    assert!(scene.bot.platform().stats().datagrams_unroutable >= 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_callbacks_change_nothing() {
    let scene = scene(FarEndScript::new()).await;
    let call = scene.call().await;
    let http = reqwest::Client::new();
    let post = |body: String, token: Option<&str>| {
        let request = http.post(scene.bot.callback_uri()).header("content-type", "application/json");
        let request = token.iter().fold(request, |request, token| request.bearer_auth(token));
        async { request.body(body).send().await.unwrap().status() }
    };
    let terminated = format!(
        r##"{{"value":[{{"changeType":"deleted","resourceUrl":"/communications/calls/{}",
            "resourceData":{{"@odata.type":"#microsoft.graph.call","state":"terminated"}}}}]}}"##,
        call.id()
    );
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJhdWQiOiJ4In0.";
    for token in [None, Some("junk"), Some(unsigned)] {
        for body in [terminated.clone(), "{".to_owned(), "[".repeat(10_000)] {
            assert_eq!(post(body, token).await, StatusCode::UNAUTHORIZED);
        }
    }
    assert_eq!(call.state(), CallState::Established);
    assert_eq!(scene.bot.receiver().stats().unauthorized, 9);
    call.hang_up().await.unwrap();
    assert!(call.ended().await.was_established());
}
