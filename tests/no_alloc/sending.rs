//! All that an application can have sent beside plain frames: spans, barge-in, tones, copies, silence that is not sent.

use std::time::Duration;

use offhook_media::ring::frame_ring;
use offhook_media::send::AudioSender;
use offhook_media::{
    AudioFormat, AudioFrame, AudioPlayer, AudioSocketSettings, AudioSpan, Encoding, MarkId, MediaClock,
    MediaInstant, MediaSession, MediaSessionSettings, OpusSettings, Playout, Redundancy, RtpTime, Ssrc,
    ToneReceiver, ToneSettings,
};

use crate::counting::{Deed, take_turn};
use crate::speech;
use crate::whole_path::{Tally, on_media_thread, platform};

const FORMAT: AudioFormat = AudioFormat::Pcm16K;

/// Rounds of a player that is interrupted while it counts.
const ROUNDS: u64 = 20;

struct Still;

impl MediaClock for Still {
    fn now(&self) -> MediaInstant {
        MediaInstant::ZERO
    }
}

/// The stages alone, where the count is exactly zero: copies, silence, and an encoder that follows the loss.
#[test]
fn redundancy_and_silence_allocate_nothing() {
    let turn = take_turn();
    let dtx = OpusSettings::default().discontinuous_transmission(true);
    let settings = AudioSocketSettings::default().encoder(dtx).redundancy(Redundancy::OnLoss);
    let mut sender = AudioSender::new(&settings, (0, RtpTime(0))).unwrap();
    sender.agree(Some(111), true);
    let silence = AudioFrame::silent(FORMAT, MediaInstant::ZERO);
    let (mut to_sender, mut from_app) = frame_ring(5, || silence.clone());
    let frames = speech(FORMAT);
    let mut tones = ToneReceiver::default();
    let mut met = [0_u64; 4];
    let mut minute = |met: &mut [u64; 4]| {
        for tick in 0..3_000_usize {
            let frame = if tick % 300 < 200 { &frames[tick % frames.len()] } else { &silence };
            to_sender.write(|slot| slot.samples_mut().copy_from_slice(frame.samples()));
            if tick % 50 == 0 {
                sender.on_report([0.0, 0.3, 0.05][tick / 1_000]);
            }
            match sender.tick(&Still, &mut from_app).map(|packet| packet.encoding) {
                Some(Encoding::Red) => met[0] += 1,
                Some(_) => met[1] += 1,
                None => met[2] += 1,
            }
            // A tone of five packets, of which one is its end, each 400 ms.
            let (time, duration, end) = (tick as u32 / 20 * 19_200, tick as u16 % 20 * 960, tick % 20 == 4);
            let payload = [5, u8::from(end) << 7, duration.to_be_bytes()[0], duration.to_be_bytes()[1]];
            let now = MediaInstant::from_duration(AudioFormat::FRAME_DURATION * tick as u32);
            if tick % 20 < 5 {
                met[3] += tones.receive(Ssrc(1), RtpTime(time), &payload, now).count() as u64;
            }
            met[3] += u64::from(tones.handle_timeout(now).is_some());
        }
    };
    minute(&mut met);
    met = [0; 4];
    let me = std::thread::current().id();
    let events = turn.record(move |thread| thread.id() == me, || minute(&mut met));
    assert!(events.is_empty(), "{} touches of the heap, the first at\n{}", events.len(), events[0].calls);
    assert!(met.iter().all(|&count| count > 100), "copies, none, silence, tones: {met:?}");
}

/// Over the wire: what the application enqueues is freed by whoever enqueued it or by the bell thread, never by a media
/// thread.
#[test]
fn a_player_that_is_interrupted_costs_a_media_thread_no_allocation_and_no_free() {
    let turn = take_turn();
    let (bot, peer) = (platform(), platform());
    let settings = MediaSessionSettings::default().audio(AudioSocketSettings::default().format(FORMAT));
    let mut session = bot.create_session(&settings).unwrap();
    let answering = peer.answer_session(&settings, session.blob()).unwrap();
    session.accept_answer(answering.blob()).unwrap();
    let player = session.take_player().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(session.connected()).unwrap();

    runtime.block_on(rounds(&session, &player, 5));
    let before = session.stats().counters.packets_sent;
    let watched =
        |thread: &std::thread::Thread| thread.name().is_some_and(|name| name.starts_with("offhook-media-"));
    let events = turn.record(watched, || runtime.block_on(rounds(&session, &player, ROUNDS)));
    let sent = session.stats().counters.packets_sent - before;
    assert!(sent >= ROUNDS * 8, "{sent} packets sent: it played");
    let tally = Tally::of(&events);
    let first = tally.not_rtcs.first();
    assert!(first.is_none(), "{} touches of the heap, the first:\n{first:?}", tally.not_rtcs.len());
    // What the application made is not watched, so its frees would look like those of what was there before.
    let spans = events.iter().filter(|event| event.deed == Deed::Freed && on_media_thread(event));
    let freed = spans.filter(|event| (LEN * 2..LEN * 2 + 64).contains(&event.bytes)).count();
    assert_eq!(freed, 0, "spans freed by a media thread");
}

/// Samples in a span: a number whose size in bytes nothing else has.
const LEN: usize = 12_345;

/// Speaks, is interrupted, says something short to its end, pauses, and sends tones if the peer takes them.
async fn rounds(session: &MediaSession, player: &AudioPlayer, rounds: u64) {
    let mut interrupted = 0;
    for round in 0..rounds {
        let cut = player.enqueue(vec![1_000; LEN]).await.unwrap();
        let never = player.enqueue(vec![1_000; LEN]).await.unwrap();
        drop(player.mark(MarkId(round)).await.unwrap());
        let live = player.enqueue_live().await.unwrap();
        drop(player.enqueue(AudioSpan::from(vec![1_000; LEN])).await.unwrap());
        while player.remaining() > Duration::from_millis(2_150) {
            tokio::task::yield_now().await;
        }
        player.clear();
        // On a machine that stands still for long the first may have been played to its end.
        interrupted += u64::from(matches!(cut.await, Playout::PlayedInPart { .. }));
        let _ = (never.await, live.await);
        let whole = player.enqueue(vec![1_000; 1_000]).await.unwrap();
        player.pause();
        player.resume();
        assert!(matches!(whole.await, Playout::Sent { .. }));
        let settings = ToneSettings::default().duration(Duration::from_millis(40));
        let tones = session.send_dtmf_tones(&["5".parse().unwrap()], settings).unwrap();
        // Whether the peer takes them is not what is asked here.
        let _ = tones.await;
    }
    assert!(interrupted > 0, "of {rounds} rounds");
}
