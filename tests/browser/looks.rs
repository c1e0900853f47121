//! What the page shows of calls in which nobody sits in a browser.

use offhook::emulator::{EmulatorSettings, Meeting, ScriptKind};
use offhook::prelude::*;
use offhook::signaling::model::JoinMeetingIdMeetingInfo;
use serde_json::json;

use crate::driver::{Driver, Page, is_there};
use crate::scene_with;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_a_call_of_a_bot_its_timeline_and_what_goes_wrong() {
    if !is_there() {
        return;
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let metrics = format!("http://{}/metrics", listener.local_addr().unwrap());
    let (emulator, bot) = scene_with(EmulatorSettings::default().bot_metrics(metrics)).await;
    let metrics = offhook::metrics_router(bot.platform());
    tokio::spawn(async move { axum::serve(listener, metrics).await });
    emulator.add_meeting("1234567890", Meeting::empty().passcode("psw123"));
    let mut driver = Driver::start("looks");
    let page = Page("ada");
    driver.open(page, emulator.page_url(), 440.0).await;
    driver.see(page, "#link", "live").await;
    driver.see(page, "#calls-empty", "No call yet").await;
    driver.see(page, "#calls", "Meeting 1234567890").await;
    driver.shot(page, "1-lobby").await;

    let mut call = bot.call(NewCall::to_user("ada"), &MediaSessionSettings::default()).await.unwrap();
    call.established().await.unwrap();
    driver.see(page, "#calls .badge", "established").await;
    driver.shot(page, "2-call").await;

    driver.press(page, "2").await;
    driver.see(page, ".entry[data-kind=request] .title", "POST /v1.0/communications/calls").await;
    driver.see(page, ".entry[data-kind=notification] .title", "established").await;
    driver.click(page, ".entry[data-kind=notification] summary").await;
    driver.see(page, ".entry pre", "resourceData").await;
    driver.shot(page, "3-timeline").await;
    driver.fill(page, "#filter", "established").await;
    driver.unsee(page, ".entry[data-kind=request]:has-text('token')").await;
    driver.fill(page, "#filter", "nothing has this").await;
    driver.see(page, "#entries-empty", "Nothing matches").await;
    driver.fill(page, "#filter", "").await;

    driver.click(page, "#tab-faults").await;
    driver.click(page, "#fault-requests-0").await;
    driver.click(page, "#fault-notifications-0").await;
    driver.see(page, "#armed", "throttle").await;
    driver.see(page, "#tab-faults", "Faults (2)").await;
    driver.shot(page, "4-faults").await;
    driver.click(page, "#clear-faults").await;
    driver.see(page, "#armed-empty", "All goes well").await;

    driver.click(page, "#tab-media").await;
    driver.see(page, "#legs", "connected").await;
    driver.see(page, "#stages-idle", "No room mixes").await;
    driver.see(page, "#engine .chart:has-text('decode')", "ms").await;
    let room = call.id().to_string();
    let hum = emulator.add_script(&room, ScriptKind::Tone(440.0), "Hum").unwrap();
    driver.see(page, "#stages .chart:has-text('Mixing for everybody')", "ms").await;
    driver.see(page, "#stages .chart:has-text('Coded to sent')", "ms").await;
    // A line of some seconds, so that there is something to look at.
    driver.see(page, "#chart-stage-mix[data-points='5'] header", "ms").await;
    driver.shot(page, "5-media").await;
    let dark = Page("dark");
    driver
        .ask("open", json!({"page": dark.0, "url": emulator.page_url(), "microphone": "", "dark": true}))
        .await;
    driver.see(dark, "#link", "live").await;
    driver.press(dark, "3").await;
    driver.see(dark, "#chart-stage-mix[data-points='5'] header", "ms").await;
    driver.shot(dark, "9-dark-media").await;
    emulator.remove_member(&room, &hum).unwrap();

    // A meeting may have any name: it shares no chart with the engine.
    emulator.add_meeting("bot", Meeting::empty());
    let meeting = JoinMeetingIdMeetingInfo::without_passcode("bot");
    let new = NewCall::join_meeting(meeting, emulator.tenant_id());
    let mut other = bot.call(new, &MediaSessionSettings::default()).await.unwrap();
    other.established().await.unwrap();
    emulator.add_script("bot", ScriptKind::Tone(440.0), "Hum").unwrap();
    driver.choose(page, "#stage-room", "bot").await;
    driver.see(page, "#stages #chart-stage-tick_lateness header", "ms").await;
    driver.see(page, "#engine #chart-engine-tick_lateness header", "ms").await;
    other.hang_up().await.unwrap();

    driver.click(page, "#tab-call").await;
    driver.click(page, "#record").await;
    driver.see(page, "#recording", "0 steps").await;
    driver.click(page, "#calls .item:has-text('Ada') button").await;
    driver.see(page, "#calls-empty", "No call yet").await;
    driver.see(page, "#recording", "1 step").await;
    assert!(call.ended().await.was_established());
    driver.shot(page, "6-recorded").await;

    driver.ask("size", json!({"page": page.0, "width": 390, "height": 844})).await;
    driver.shot(page, "7-narrow").await;
    driver.press(page, "2").await;
    driver.shot(page, "8-narrow-timeline").await;
    driver.press(page, "3").await;
    driver.shot(page, "8b-narrow-media").await;
    driver.press(dark, "1").await;
    driver.see(dark, "#calls-empty", "No call yet").await;
    driver.shot(dark, "9-dark").await;
    driver.press(dark, "2").await;
    driver.see(dark, ".entry .title", "established").await;
    driver.shot(dark, "10-dark-timeline").await;
    driver.press(dark, "4").await;
    driver.shot(dark, "11-dark-faults").await;
    driver.assert_no_complaints().await;
    emulator.shut_down().await;
}
