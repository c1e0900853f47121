//! Somebody calls the bot from a browser.

use offhook::media::{AudioSocket, Digit, MediaEvent, Tone};
use offhook::prelude::*;
use offhook::signaling::model::CallState;

use crate::driver::{Driver, Page, is_there};
use crate::scene;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_calls_the_bot_and_sits_in_the_call_from_beginning_to_end() {
    if !is_there() {
        return;
    }
    let (emulator, bot) = scene().await;
    let mut calls = bot.incoming().unwrap();
    let mut driver = Driver::start("call");
    let page = Page("ada");
    driver.open(page, emulator.page_url(), 440.0).await;
    driver.fill(page, "#callback", bot.callback_uri()).await;
    driver.fill(page, "#name", "Ada Lovelace").await;
    driver.choose(page, "#camera", "").await;
    // Else the browser would take the echo for what it has to cancel.
    driver.click(page, "#process").await;
    driver.click(page, "#preview-toggle").await;
    driver.watch(page, "#preview", 3).await;
    driver.shot(page, "1-preview").await;
    driver.click(page, "#call-bot").await;

    let incoming = calls.next().await.unwrap();
    let name = incoming.caller().unwrap().display_name.value().unwrap();
    assert_eq!(name.expose(), "Ada Lovelace");
    driver.see(page, "#incall-state", "ringing at the bot").await;
    driver.shot(page, "2-ringing").await;
    let mut call = bot.answer(&incoming, &MediaSessionSettings::default()).await.unwrap();
    call.established().await.unwrap();
    assert_eq!(call.state(), CallState::Established);
    driver.see(page, "#incall-state", "connected with").await;

    let mut events = call.take_media_events().unwrap();
    let echoing = tokio::spawn(echo(call.take_audio_socket().unwrap()));
    driver.hear(page, 440.0).await;
    driver.watch(page, ".tile.own video", 10).await;
    driver.see(page, "#roster .dominant", "").await;
    driver.shot(page, "3-echo").await;
    driver.change_network(page).await;
    driver.hear(page, 440.0).await;

    driver.click(page, "#pad [data-tone='5']").await;
    driver.press(page, "#").await;
    let five = Tone::Digit(Digit::new(5).unwrap());
    for expected in [five, Tone::Pound] {
        let pressed = loop {
            if let MediaEvent::ToneReceived { tone, .. } = events.next().await.unwrap() {
                break tone;
            }
        };
        assert_eq!(pressed, expected);
    }
    driver.see(page, "#pad-sent", "5#").await;
    driver.see(page, "#roster", "pressed 5#").await;

    driver.click(page, "#share").await;
    driver.see(page, "#roster", "shares the screen").await;
    driver.watch(page, ".tile.screen video", 3).await;
    driver.shot(page, "4-sharing").await;
    driver.click(page, "#share").await;
    driver.unsee(page, ".tile.screen").await;
    driver.unsee(page, "#roster .item:has-text('shares the screen')").await;

    driver.press(page, "m").await;
    driver.see(page, "#roster", "muted").await;
    driver.see(page, "#mute", "Unmute").await;
    driver.press(page, "m").await;

    // Its echo could cancel out the tone that comes next.
    echoing.abort();
    driver.choose(page, "#add-kind", "tone").await;
    driver.fill(page, "#add-detail", "880").await;
    driver.click(page, "#add").await;
    driver.see(page, "#roster", "Tone 880 Hz").await;
    driver.click(page, "#mute").await;
    driver.hear(page, 880.0).await;
    driver.shot(page, "5-far-end").await;
    driver.click(page, "#roster .item:has-text('Tone 880 Hz') [data-act=remove]").await;
    driver.unsee(page, "#roster .item:has-text('Tone 880 Hz')").await;

    driver.click(page, "#tab-media").await;
    driver.see(page, "#media-facts", "connected").await;
    driver.see(page, "#chart-jitter header", "ms").await;
    driver.see(page, "#videos", "Your camera").await;
    driver.shot(page, "6-media").await;
    driver.click(page, "#tab-timeline").await;
    driver.see(page, ".entry .title", "/whip").await;
    driver.shot(page, "7-timeline").await;
    driver.click(page, "#tab-call").await;

    driver.press(page, "h").await;
    let ended = call.ended().await;
    assert!(ended.was_established());
    driver.see(page, "#lobby", "Call my bot").await;
    driver.see(page, "#calls-empty", "No call yet").await;
    assert_eq!(emulator.calls(), []);
    driver.shot(page, "8-over").await;
    driver.assert_no_complaints().await;
    emulator.shut_down().await;
}

/// As `examples/echo` does it.
async fn echo(audio: AudioSocket) {
    let (mut listener, mut speaker) = audio.split();
    while let Ok(frame) = listener.receive().await {
        if speaker.send(frame).await.is_err() {
            return;
        }
    }
}
