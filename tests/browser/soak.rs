//! Many pages and many calls for minutes: memory stays where it is, and the pages live.
//!
//! The calls stay the same: of each that is over, the emulator keeps the far end, for tests that ask what was heard.
//!
//! ```sh
//! OFFHOOK_BROWSER_MODULES=$PWD/target/browser/node cargo test --test browser soak -- --ignored --nocapture
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use offhook::media::{AudioSocketSender, MediaError};
use offhook::prelude::*;
use serde_json::json;

use crate::driver::{Driver, Page, is_there};
use crate::scene;

/// Pages that are nothing but their streams of events.
const STREAMS: usize = 95;
/// Pages in browsers.
const PAGES: [&str; 5] = ["one", "two", "three", "four", "five"];
const CALLS: usize = 50;
/// After so long, all that is made once is there.
const WARM_UP: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes five minutes, or as many seconds as OFFHOOK_SOAK_SECONDS says"]
async fn a_hundred_idle_pages_and_fifty_calls_leave_memory_flat() {
    if !is_there() {
        return;
    }
    let seconds =
        std::env::var("OFFHOOK_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    let (emulator, bot) = scene().await;
    let mut driver = Driver::start("soak");
    for page in PAGES.map(Page) {
        driver.open(page, emulator.page_url(), 440.0).await;
    }
    let read = Arc::new(AtomicU64::new(0));
    let http = reqwest::Client::new();
    let url = emulator.graph_url();
    for _ in 0..STREAMS {
        let mut events = http.get(format!("{url}/emulator/events")).send().await.unwrap();
        let read = Arc::clone(&read);
        tokio::spawn(async move {
            while let Ok(Some(part)) = events.chunk().await {
                read.fetch_add(part.len() as u64, Relaxed);
            }
        });
    }
    fill_timeline(&http, &url).await;
    let mut calls = Vec::new();
    for _ in 0..CALLS {
        calls.push(call(&bot).await);
    }
    let begun = Instant::now();
    let mut settled = None;
    while begun.elapsed() < Duration::from_secs(seconds) {
        tokio::time::sleep(Duration::from_secs(10)).await;
        // So that there is something to tell.
        let fault = json!({"on": "keys", "effect": {"delay": "1ms"}, "next": 1});
        http.post(format!("{url}/emulator/faults/requests")).json(&fault).send().await.unwrap();
        http.delete(format!("{url}/emulator/faults")).send().await.unwrap();
        let resident = resident_kib();
        println!(
            "{:4} s: {resident} KiB resident, {} KiB read by {STREAMS} streams",
            begun.elapsed().as_secs(),
            read.load(Relaxed) / 1024
        );
        if begun.elapsed() > WARM_UP {
            settled.get_or_insert(resident);
        }
    }
    let page = Page(PAGES[4]);
    driver.see(page, "#link", "live").await;
    driver.see(page, "#calls .badge", "established").await;
    driver.shot(page, "after").await;
    let (before, after) = (settled.unwrap_or_else(resident_kib), resident_kib());
    println!("{before} KiB after {WARM_UP:?}, {after} KiB in the end");
    assert!(after < before + before / 10, "memory has grown from {before} to {after} KiB");
    driver.assert_no_complaints().await;
}

/// A call in which the bot listens, once the engine has room for it: on a busy machine it refuses some.
async fn call(bot: &Bot) -> (BotCall, AudioSocketSender) {
    let mut call = loop {
        match bot.call(NewCall::to_user("ada"), &MediaSessionSettings::default()).await {
            Ok(call) => break call,
            Err(BotError::Media(MediaError::Overloaded { .. })) => {
                tokio::time::sleep(Duration::from_secs(1)).await
            }
            Err(error) => panic!("{error}"),
        }
    };
    call.established().await.unwrap();
    let (mut listener, speaker) = call.take_audio_socket().unwrap().split();
    tokio::spawn(async move { while listener.receive().await.is_ok() {} });
    (call, speaker)
}

/// The timeline keeps 8 MiB: what is measured begins with all of it there.
async fn fill_timeline(http: &reqwest::Client, url: &str) {
    let url = format!("{url}/emulator/faults/requests");
    for _ in 0..4_000 {
        let nonsense = http.post(&url).json(&"x".repeat(3_000)).send().await.unwrap();
        assert_eq!(nonsense.status(), 400);
    }
}

/// What this process holds of memory: bots, emulator and streams together.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
