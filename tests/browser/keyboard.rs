//! The same walk by somebody who has no mouse: from control to control by Tab, and each does what it does by Enter, space or arrows.

use offhook::media::{Digit, MediaEvent, Tone};
use offhook::prelude::*;

use crate::driver::{Driver, Page, is_there};
use crate::scene;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_without_a_mouse_calls_the_bot_and_reaches_all_that_there_is_in_the_call() {
    if !is_there() {
        return;
    }
    let (emulator, bot) = scene().await;
    let mut calls = bot.incoming().unwrap();
    let mut driver = Driver::start("keyboard");
    let page = Page("ada");
    driver.open(page, emulator.page_url(), 440.0).await;
    // Past the tabs, as whoever knows the page does.
    driver.reach(page, ".skip").await;
    driver.press(page, "Enter").await;
    driver.reach(page, "#callback").await;
    driver.write(page, bot.callback_uri()).await;
    driver.reach(page, "#name").await;
    driver.write(page, "Ada Lovelace").await;
    driver.reach(page, "#call-bot").await;
    driver.shot(page, "1-call").await;
    driver.press(page, "Enter").await;

    let incoming = calls.next().await.unwrap();
    let mut call = bot.answer(&incoming, &MediaSessionSettings::default()).await.unwrap();
    call.established().await.unwrap();
    let mut events = call.take_media_events().unwrap();
    driver.see(page, "#incall-state", "connected with").await;
    // Whoever comes into a call stands at its first control.
    driver.press(page, "Space").await;
    driver.see(page, "#mute", "Unmute").await;
    driver.press(page, "Space").await;
    driver.reach(page, "#pad [data-tone='5']").await;
    driver.shot(page, "2-pad").await;
    driver.press(page, "Enter").await;
    let pressed = loop {
        if let MediaEvent::ToneReceived { tone, .. } = events.next().await.unwrap() {
            break tone;
        }
    };
    assert_eq!(pressed, Tone::Digit(Digit::new(5).unwrap()));

    driver.reach(page, "#add-kind").await;
    for _ in ["file", "tone"] {
        driver.press(page, "ArrowDown").await;
    }
    driver.reach(page, "#add-detail").await;
    driver.write(page, "880").await;
    driver.reach(page, "#add").await;
    driver.press(page, "Enter").await;
    driver.see(page, "#roster", "Tone 880 Hz").await;
    driver.reach(page, "#roster .item:has-text('Tone 880 Hz') [data-act=remove]").await;
    driver.shot(page, "3-roster").await;
    driver.press(page, "Enter").await;
    driver.unsee(page, "#roster .item:has-text('Tone 880 Hz')").await;

    driver.reach(page, "#tab-call").await;
    driver.press(page, "ArrowRight").await;
    driver.reach(page, ".entry:first-child summary").await;
    driver.press(page, "Enter").await;
    driver.see(page, ".entry pre", "").await;
    driver.shot(page, "4-timeline").await;
    driver.reach(page, "#tab-timeline").await;
    driver.press(page, "ArrowRight").await;
    driver.see(page, "#media-facts", "connected").await;
    driver.press(page, "ArrowRight").await;
    driver.reach(page, "#fault-requests-0").await;
    driver.press(page, "Space").await;
    driver.see(page, "#tab-faults", "Faults (1)").await;
    driver.shot(page, "5-faults").await;
    driver.reach(page, "#clear-faults").await;
    driver.press(page, "Enter").await;
    driver.see(page, "#armed-empty", "All goes well").await;
    driver.press(page, "?").await;
    driver.see(page, "#shortcuts", "Keyboard").await;
    driver.press(page, "Escape").await;
    driver.unsee(page, "#shortcuts").await;

    driver.reach(page, "#tab-faults").await;
    driver.press(page, "ArrowRight").await;
    driver.reach(page, "#hang-up").await;
    driver.press(page, "Enter").await;
    assert!(call.ended().await.was_established());
    driver.see(page, "#lobby", "Call my bot").await;
    driver.assert_no_complaints().await;
    emulator.shut_down().await;
}
