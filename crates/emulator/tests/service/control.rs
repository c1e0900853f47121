//! The control channel of the engine's sessions, with the far ends of `webrtc`'s driver: whom a bot sees in which section.

use std::time::Duration;

use offhook_emulator::{EmulatorSettings, FarEndScript, Film, ScriptKind};
use offhook_media::blob::MediaDirection;
use offhook_media::{
    MediaEvent, MediaEvents, MediaPlatform, MediaPlatformSettings, MediaSessionSettings, MediaSourceId,
    SubscriptionRefusal, VideoResolution, VideoSocket, VideoSocketSettings,
};

use crate::rooms::joining;
use crate::support::Bot;

/// The next event that is looked for.
async fn event<T>(events: &mut MediaEvents, wanted: impl Fn(MediaEvent) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = wanted(events.next().await.unwrap()) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), found).await.expect("it happens")
}

/// Waits until frames of that source come on the socket.
async fn shows(socket: &mut VideoSocket, source: MediaSourceId) {
    let shown = async { while socket.receive().await.unwrap().source() != Some(source) {} };
    tokio::time::timeout(Duration::from_secs(30), shown).await.expect("it is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_chooses_whom_it_sees_and_learns_who_can_be_seen() {
    let bot = Bot::start(EmulatorSettings::default(), FarEndScript::new().show(Film::pattern())).await;
    let platform = MediaPlatform::start(MediaPlatformSettings::default().workers(1)).unwrap();
    let video = || VideoSocketSettings::default().direction(MediaDirection::ReceiveOnly);
    let settings = MediaSessionSettings::default().video(video()).video(video());
    let mut session = platform.create_session(&settings).unwrap();
    let mut events = session.take_events().unwrap();
    let [mut first, second] = <[VideoSocket; 2]>::try_from(session.take_video_sockets()).ok().unwrap();
    let body = joining(&bot, "19:meeting_x@thread.v2", &session.blob().to_string());
    bot.call(body, &mut session).await;
    session.connected().await.unwrap();
    let room = bot.emulator.rooms()[0].id.clone();
    bot.emulator.add_script(&room, ScriptKind::Pattern, "Pattern").unwrap();
    let both = |event| match event {
        MediaEvent::VideoSourcesChanged { video, .. } if video.len() == 2 => Some([video[0], video[1]]),
        _ => None,
    };
    let sources = event(&mut events, both).await;
    for source in [sources[1], sources[0], sources[1]] {
        first.subscribe(VideoResolution::Sd360p, source).unwrap();
        let answer = |event| match event {
            MediaEvent::Subscribed { socket, source } => Some((socket, source)),
            _ => None,
        };
        assert_eq!(event(&mut events, answer).await, (first.id(), source));
        shows(&mut first, source).await;
    }
    let nobody = MediaSourceId(77_777);
    second.subscribe(VideoResolution::Hd720p, nobody).unwrap();
    let refused = |event| match event {
        MediaEvent::SubscriptionRefused { socket, source, reason } => Some((socket, source, reason)),
        _ => None,
    };
    let unknown = SubscriptionRefusal::UnknownSource;
    assert_eq!(event(&mut events, refused).await, (second.id(), nobody, unknown));
    first.unsubscribe().unwrap();
    // Nothing comes for longer than the film has between two frames; what was under way is let by.
    let is_still =
        async { while tokio::time::timeout(Duration::from_millis(500), first.receive()).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(30), is_still).await.expect("nothing is shown any more");
    assert_eq!(session.stats().counters.control_messages_malformed, 0);
}
