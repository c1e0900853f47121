//! Two people, a bot and scripted far ends in one meeting.

use offhook::prelude::*;
use offhook::signaling::model::JoinMeetingIdMeetingInfo;

use crate::driver::{Driver, Page, is_there};
use crate::scene;

#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_three_far_ends_and_a_bot_meet_and_stay_through_loss() {
    if !is_there() {
        return;
    }
    let (emulator, bot) = scene().await;
    let mut driver = Driver::start("meeting");
    let (ada, ben) = (Page("ada"), Page("ben"));
    for (page, name, hertz) in [(ada, "Ada", 440.0), (ben, "Ben", 660.0)] {
        driver.open(page, emulator.page_url(), hertz).await;
        driver.fill(page, "#name", name).await;
        driver.fill(page, "#meeting", "4242").await;
        driver.choose(page, "#camera", "").await;
        driver.click(page, "#process").await;
        driver.click(page, "#join").await;
        driver.see(page, "#incall-state", "connected").await;
    }
    driver.see(ada, "#incall-state", "connected with Ben").await;
    driver.hear(ada, 660.0).await;
    driver.hear(ben, 440.0).await;
    driver.watch(ada, ".tile:not(.own) video", 10).await;
    driver.watch(ben, ".tile:not(.own) video", 10).await;
    driver.shot(ada, "1-two").await;

    let meeting = JoinMeetingIdMeetingInfo::without_passcode("4242");
    let new = NewCall::join_meeting(meeting, emulator.tenant_id());
    let mut call = bot.call(new, &MediaSessionSettings::default()).await.unwrap();
    call.established().await.unwrap();
    driver.see(ada, "#incall-state", "connected with 2 others").await;
    let (mut listener, _speaker) = call.take_audio_socket().unwrap().split();
    let listening = tokio::spawn(async move { while listener.receive().await.is_ok() {} });

    driver.click(ada, "#add-picture").await;
    driver.click(ada, "#add").await;
    driver.see(ben, "#roster", "Speaker").await;
    driver.watch(ben, ".tile:has-text('Speaker') video", 10).await;
    driver.click(ada, "#add-picture").await;
    driver.choose(ada, "#add-kind", "pattern").await;
    driver.click(ada, "#add").await;
    driver.see(ben, "#roster", "Pattern").await;
    driver.choose(ada, "#add-kind", "tone").await;
    driver.fill(ada, "#add-detail", "1000").await;
    driver.click(ada, "#add").await;
    driver.see(ben, "#incall-state", "connected with 5 others").await;
    driver.see(ada, "#incall-state", "connected with 5 others").await;
    let size = driver.watch(ben, ".tile:has-text('Pattern') video", 10).await;
    assert_eq!(size, (640, 360));
    driver.shot(ada, "2-six").await;
    driver.shot(ben, "3-six").await;
    driver.click(ben, "#tab-media").await;
    driver.see(ben, "#videos tr:has-text('Pattern')", "640 x 360").await;
    driver.shot(ben, "3-media").await;
    driver.click(ben, "#tab-call").await;

    // The bot is told of everybody.
    let mut changes = call.signaling().changes();
    while changes.next().await.unwrap().roster.participants().len() < 6 {}

    driver.click(ada, "#tab-faults").await;
    driver.click(ada, "#fault-link-loss").await;
    driver.see(ada, "#armed", "5 % loss").await;
    driver.shot(ada, "4-loss").await;
    while call.media_stats().counters.packets_lost == 0 {
        tokio::task::yield_now().await;
    }
    driver.see(ben, "#roster .item", "on a bad link").await;
    driver.hear(ben, 1_000.0).await;
    driver.click(ada, "#fault-link-loss").await;
    driver.see(ada, "#armed-empty", "All goes well").await;
    driver.click(ada, "#tab-call").await;

    driver.click(ben, "#hang-up").await;
    driver.see(ada, "#incall-state", "connected with 4 others").await;
    driver.unsee(ada, "#roster .item:has-text('Ben')").await;
    driver.click(ada, "#hang-up").await;
    call.hang_up().await.unwrap();
    listening.abort();
    driver.assert_no_complaints().await;
    emulator.shut_down().await;
}
