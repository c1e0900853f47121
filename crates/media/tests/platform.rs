//! What a platform does beside its calls: admission, draining, totals, scheduling, several addresses.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::net::IpAddr;
use std::time::Duration;

use offhook_media::{
    AudioFormat, AudioFrame, Fault, HealthSettings, HealthStatus, MediaError, MediaInstant, MediaPlatform,
    MediaPlatformSettings, MediaSession, MediaSessionSettings, MediaState, Stage, WorkerPinning,
};

fn settings() -> MediaPlatformSettings {
    MediaPlatformSettings::default().workers(1)
}

fn platform() -> MediaPlatform {
    MediaPlatform::start(settings()).unwrap()
}

async fn connect(
    bot: &MediaPlatform,
    peer: &MediaPlatform,
    answering: &MediaSessionSettings,
) -> (MediaSession, MediaSession) {
    let mut offering = bot.create_session(&MediaSessionSettings::default()).unwrap();
    let mut answering = peer.answer_session(answering, offering.blob()).unwrap();
    offering.accept_answer(answering.blob()).unwrap();
    offering.connected().await.unwrap();
    answering.connected().await.unwrap();
    (offering, answering)
}

/// Says `frames` frames of one level to the other end; returns what is heard there.
async fn say(from: &mut MediaSession, to: &mut MediaSession, frames: usize) -> Vec<AudioFrame> {
    let (mut speaker, mut listener) = (from.take_audio_socket().unwrap(), to.take_audio_socket().unwrap());
    let frame = AudioFrame::new(AudioFormat::Pcm16K, MediaInstant::ZERO, &[1000; 320]).unwrap();
    let mut heard = Vec::new();
    let speaking = async {
        for _ in 0..frames {
            speaker.send(&frame).await.unwrap();
        }
    };
    let hearing = async {
        while heard.len() < frames {
            heard.push(listener.receive().await.unwrap().clone());
        }
    };
    futures_util::future::join(speaking, hearing).await;
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_drains_takes_no_more_calls_and_waits_for_those_it_has() {
    let (bot, peer) = (platform(), platform());
    let (offering, mut answering) = connect(&bot, &peer, &MediaSessionSettings::default()).await;
    let drained = tokio::spawn(bot.drain(Duration::from_secs(60)));
    assert!(bot.health().draining);
    let refused = bot.create_session(&MediaSessionSettings::default()).err().unwrap();
    assert!(matches!(refused, MediaError::Draining), "{refused}");
    assert_eq!(offering.state(), MediaState::Connected, "the call goes on");
    drop(offering);
    assert_eq!(drained.await.unwrap().unwrap().left, 0);
    assert_eq!(answering.ended().await, MediaState::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_outlast_the_deadline_are_ended_and_counted() {
    let (bot, peer) = (platform(), platform());
    let (mut offering, _answering) = connect(&bot, &peer, &MediaSessionSettings::default()).await;
    assert_eq!(bot.drain(Duration::from_millis(1)).await.unwrap().left, 1);
    assert_eq!(offering.ended().await, MediaState::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_platform_refuses_sessions_and_says_why() {
    let anything_is_too_much = HealthSettings::default().heavily_loaded(0.0, 0.0).overloaded(0.0, 0.0);
    let [bot, lenient] = [anything_is_too_much, anything_is_too_much.admit_overloaded(true)]
        .map(|health| MediaPlatform::start(settings().health(health)).unwrap());
    assert_eq!(bot.health().status, HealthStatus::Normal);
    let (one, two) = tokio::join!(
        bot.health_changed(HealthStatus::Normal),
        // Two may wait.
        bot.health_changed(HealthStatus::Normal)
    );
    assert_eq!((one.status, two.status), (HealthStatus::Overloaded, HealthStatus::Overloaded));
    let refused = bot.create_session(&MediaSessionSettings::default()).err().unwrap();
    assert_eq!(refused.fault(), Fault::Environment);
    assert!(refused.to_string().contains("overloaded: the least loaded of 1 workers"), "{refused}");
    lenient.health_changed(HealthStatus::Normal).await;
    assert!(lenient.create_session(&MediaSessionSettings::default()).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_platform_has_counted_survives_its_sessions() {
    let (bot, peer) = (platform(), platform());
    for call in 1..=2 {
        let (mut offering, mut answering) = connect(&bot, &peer, &MediaSessionSettings::default()).await;
        say(&mut offering, &mut answering, 10).await;
        drop((offering, answering));
        let stats = bot.session_stats();
        assert_eq!(stats.counters.packets_sent, 10 * call);
        assert_eq!(stats.stage(Stage::Encode).count(), 10 * call);
        assert_eq!((bot.stats().sessions, bot.stats().sessions_begun), (0, call));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_with_addresses_of_their_own_share_a_port_at_both_ends() {
    let everywhere = settings().bind_address([0, 0, 0, 0].into()).public_address([127, 0, 0, 1].into());
    let (bot, peer) = (platform(), MediaPlatform::start(everywhere).unwrap());
    let mut calls = Vec::new();
    for last in 1..=3 {
        let own = MediaSessionSettings::default().local_address(IpAddr::from([127, 0, 3, last]));
        calls.push(connect(&bot, &peer, &own).await);
    }
    for (offering, answering) in &mut calls {
        let heard = say(offering, answering, 20).await;
        assert!(heard.iter().any(|frame| frame.samples().iter().any(|&sample| sample > 500)));
        assert_eq!(answering.stats().counters.packets_received, 20, "its own and no other's");
    }
    assert_eq!(peer.stats().datagrams_unroutable, 0);
    let elsewhere = MediaSessionSettings::default().local_address([127, 0, 3, 1].into());
    assert!(bot.create_session(&elsewhere).is_err(), "a platform that is bound to one address has no other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_carries_calls_whether_or_not_its_scheduling_was_granted() {
    for (core, priority) in [(0, 5), (1023, 99)] {
        let asking =
            settings().pin_workers(WorkerPinning::Cores(vec![core])).realtime_priority(Some(priority));
        let bot = MediaPlatform::start(asking).unwrap();
        connect(&bot, &platform(), &MediaSessionSettings::default()).await;
    }
    for wrong in [settings().realtime_priority(Some(0)), settings().pin_workers(WorkerPinning::Cores(vec![]))]
    {
        let refused = MediaPlatform::start(wrong).err().unwrap();
        assert!(matches!(refused, MediaError::InvalidSetting { .. }), "{refused}");
    }
}

/// The value of a sample with these labels, as another implementation reads the text.
fn sample<'a>(
    scrape: &'a prometheus_parse::Scrape,
    name: &str,
    label: Option<(&str, &str)>,
) -> &'a prometheus_parse::Value {
    let found = scrape.samples.iter().find(|sample| {
        sample.metric == name && label.is_none_or(|(key, value)| sample.labels.get(key) == Some(value))
    });
    &found.unwrap_or_else(|| panic!("no {name} with {label:?}")).value
}

#[tokio::test(flavor = "multi_thread")]
async fn another_implementation_reads_the_metrics_and_they_are_right() {
    use prometheus_parse::{Scrape, Value};
    let (bot, peer) = (platform(), platform());
    let (mut offering, mut answering) = connect(&bot, &peer, &MediaSessionSettings::default()).await;
    say(&mut offering, &mut answering, 10).await;
    let text = bot.prometheus();
    assert!(text.ends_with("# EOF\n"), "OpenMetrics ends so");
    assert!(text.contains("# UNIT offhook_stage_duration_seconds seconds"), "{text}");
    let scrape = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).unwrap();
    let untyped = |name, label| match sample(&scrape, name, label) {
        Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => *value,
        other => panic!("{name} is {other:?}"),
    };
    assert_eq!(untyped("offhook_packets_sent_total", None), 10.0);
    assert_eq!(untyped("offhook_sessions", None), 1.0);
    assert_eq!(untyped("offhook_health", Some(("status", "normal"))), 1.0);
    assert_eq!(untyped("offhook_health", Some(("status", "overloaded"))), 0.0);
    assert!(untyped("offhook_worker_busy_seconds_total", Some(("worker", "0"))) > 0.0);
    let Value::Histogram(buckets) =
        sample(&scrape, "offhook_stage_duration_seconds", Some(("stage", "encode")))
    else {
        panic!("a stage is a histogram")
    };
    let counts: Vec<f64> = buckets.iter().map(|bucket| bucket.count).collect();
    assert!(counts.is_sorted(), "cumulative: {counts:?}");
    assert_eq!(counts.last(), Some(&10.0));
    assert_eq!(buckets.last().map(|bucket| bucket.less_than), Some(f64::INFINITY));
}
