//! No call hears another: each direction of each call carries a pair of tones of its own, and nobody hears a tone that is not
//! theirs, while calls end and new ones take their seats, their memory and their addresses.
//!
//! Two hundred calls in all, at most forty at a time: two cores cannot carry all of them at once in the dev profile.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod tones;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use offhook_media::{
    AudioFormat, AudioFrame, AudioSocket, AudioSocketSettings, FrameOrigin, HealthSettings, MediaInstant,
    MediaPlatform, MediaPlatformSettings, MediaSessionSettings, OpusSettings,
};
use tokio::sync::Semaphore;
use tones::{RATE, Tag};

const CALLS: usize = 200;
const AT_A_TIME: usize = 40;
const FORMAT: AudioFormat = AudioFormat::Pcm16K;

/// Frames that a call speaks and hears. They differ, so that calls do not end together.
fn frames_of(call: usize) -> usize {
    50 + call % 7 * 8
}

/// Sets up a call, has both ends speak and hear, and returns what each heard. The far end has an address of its own, since
/// all calls share one port at either end.
async fn run(bot: &MediaPlatform, peer: &MediaPlatform, call: usize, place: usize) -> [Vec<AudioFrame>; 2] {
    let encoder = OpusSettings::default().complexity(0);
    let settings =
        MediaSessionSettings::default().audio(AudioSocketSettings::default().format(FORMAT).encoder(encoder));
    let own = IpAddr::from(Ipv4Addr::new(127, 0, 9, place as u8 + 1));
    let mut offering = bot.create_session(&settings).unwrap();
    let mut answering = peer.answer_session(&settings.local_address(own), offering.blob()).unwrap();
    offering.accept_answer(answering.blob()).unwrap();
    offering.connected().await.unwrap();
    answering.connected().await.unwrap();
    let ends = [offering.take_audio_socket().unwrap(), answering.take_audio_socket().unwrap()];
    let talks = ends.into_iter().zip([Tag::of(2 * call), Tag::of(2 * call + 1)]);
    let talks: Vec<_> = talks.map(|(socket, tag)| tokio::spawn(talk(socket, tag, frames_of(call)))).collect();
    let mut heard = Vec::new();
    for talk in talks {
        heard.push(talk.await.unwrap());
    }
    heard.try_into().unwrap()
}

/// Says a tag's tones, and hears for as long.
async fn talk(socket: AudioSocket, tag: Tag, frames: usize) -> Vec<AudioFrame> {
    let (mut listener, mut speaker) = socket.split();
    let speaking = tokio::spawn(async move {
        for number in 0..frames + 10 {
            let samples = tag.samples(number * FORMAT.samples_per_frame(), FORMAT.samples_per_frame());
            let frame = AudioFrame::new(FORMAT, MediaInstant::ZERO, &samples).unwrap();
            // The other end has heard enough, and has gone.
            if speaker.send(&frame).await.is_err() {
                return;
            }
        }
    });
    let mut heard = Vec::new();
    while heard.len() < frames {
        let Ok(frame) = listener.receive().await else { break };
        heard.push(frame.clone());
    }
    speaking.await.unwrap();
    heard
}

/// Looks at each three frames in a row; returns in how many of them the tag was heard. `last` is the last call that had begun by its end:
/// of one that comes later nothing can be heard, and what sounds like it is what a tone becomes that is stretched and torn.
fn check(call: usize, tag: Tag, last: usize, heard: &[AudioFrame]) -> usize {
    let mut own = 0;
    for (at, window) in heard.windows(3).enumerate() {
        // What a decoder makes up of what it has decoded before is no other call's, and no pure tone.
        if window.iter().any(|frame| frame.origin() == FrameOrigin::Concealed) {
            continue;
        }
        let samples: Vec<i16> = window.iter().flat_map(|frame| frame.samples()).copied().collect();
        let foreign = tag.foreign(&samples, |number| number / 2 <= last);
        assert!(foreign.is_none(), "call {call}, frame {at}: {:?} Hz of another call", foreign.unwrap());
        own += usize::from(tag.is_heard(&samples));
    }
    own
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hears_a_sample_of_another_call_while_calls_come_and_go() {
    assert_eq!(u32::try_from(RATE).unwrap(), FORMAT.sample_rate().get());
    let lenient = HealthSettings::default().admit_overloaded(true);
    let settings = MediaPlatformSettings::default().workers(2).health(lenient);
    let bot = MediaPlatform::start(settings.clone()).unwrap();
    let everywhere =
        settings.bind_address(Ipv4Addr::UNSPECIFIED.into()).public_address(Ipv4Addr::LOCALHOST.into());
    let peer = MediaPlatform::start(everywhere).unwrap();
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    let free: Arc<std::sync::Mutex<Vec<usize>>> = Arc::new(std::sync::Mutex::new((0..AT_A_TIME).collect()));
    let begun = Arc::new(AtomicUsize::new(0));
    let calls: Vec<_> = (0..CALLS)
        .map(|call| {
            let (bot, peer, places, free, begun) =
                (bot.clone(), peer.clone(), Arc::clone(&places), Arc::clone(&free), Arc::clone(&begun));
            tokio::spawn(async move {
                let _permit = places.acquire().await.unwrap();
                let place = free.lock().unwrap().pop().unwrap();
                begun.fetch_max(call, Relaxed);
                let heard = run(&bot, &peer, call, place).await;
                let last = begun.load(Relaxed);
                free.lock().unwrap().push(place);
                (last, heard)
            })
        })
        .collect();
    let mut silent = 0;
    for (call, run) in calls.into_iter().enumerate() {
        let (last, [by_bot, by_peer]) = run.await.unwrap();
        let own = tokio::task::spawn_blocking(move || {
            // Each hears what the other says.
            [
                check(call, Tag::of(2 * call + 1), last, &by_bot),
                check(call, Tag::of(2 * call), last, &by_peer),
            ]
        });
        silent += own.await.unwrap().iter().filter(|&&own| own < 10).count();
    }
    // On a machine that stalls, a call or two may have hardly anything that is not concealed.
    assert!(
        silent < CALLS / 10,
        "in {silent} directions the tones were not heard, so that the test says nothing"
    );
    assert_eq!(bot.stats().sessions_begun, CALLS as u64);
}
