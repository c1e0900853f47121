//! What speech is worth after the way through a call, by PESQ-WB (ITU-T P.862.2), against the speech itself.
//!
//! Loopback loses nothing, so nothing may be concealed, and nothing may be longer or shorter than it was. A binary of its
//! own: these calls run beside each other and beside nothing else, so that what is measured is the engine.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod compare;
mod harness;

use std::sync::Arc;
use std::time::Duration;

use compare::Comparison;
use offhook::emulator::{Clip, EmulatorSettings, FarEnd, FarEndScript, User};
use offhook::media::{FrameOrigin, JitterBufferSettings, SampleRate};
use offhook::prelude::*;

const FORMAT: AudioFormat = AudioFormat::Pcm16K;

/// How much speech goes through.
const LENGTH: Duration = Duration::from_secs(10);

/// The least that speech must be worth, of at most 4.64.
const WORTH: f32 = 4.0;

/// Ten seconds of speech, and a little more behind it.
fn speech() -> Sound {
    let clip = Clip::speech();
    let samples = clip.sound().samples().iter().copied().cycle();
    let wanted = SampleRate::HZ_16000.samples_in(LENGTH + Duration::from_secs(1)) as usize;
    Sound::new(SampleRate::HZ_16000, samples.take(wanted).collect())
}

/// A call with a far end that does as `script` says. Dropping the emulator or the bot would end it.
struct Scene {
    call: BotCall,
    far_end: FarEnd,
    _bot: Bot,
    _emulator: Emulator,
}

async fn call(script: FarEndScript) -> Scene {
    let emulator = Emulator::start(EmulatorSettings::default()).await.unwrap();
    emulator.add_user("ada", User::new("Ada", script.keep_what_it_hears()));
    let bot = Bot::in_emulator(&emulator).start().await.unwrap();
    // Quality is the question here, not delay: a busy test machine that wakes the far end late must cost nothing.
    let patient = JitterBufferSettings::default().min_delay(Duration::from_millis(300));
    let media = MediaSessionSettings::default().audio(AudioSocketSettings::default().jitter(patient));
    let mut call = bot.call(NewCall::to_user("ada"), &media).await.unwrap();
    call.established().await.unwrap();
    let far_end = emulator.far_end(call.id().as_str()).await.unwrap();
    Scene { call, far_end, _bot: bot, _emulator: emulator }
}

fn speaks(speech: &Sound) -> FarEndScript {
    FarEndScript::new().say(Arc::new(Clip::new(speech.clone()).unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_the_speech_that_was_said() {
    let speech = speech();
    let mut scene = call(speaks(&speech)).await;
    let mut audio = scene.call.take_audio_socket().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("call.wav");
    let permission = RecordingGrant::i_have_permission("a test");
    let mut recorder = WavRecorder::create(&path, FORMAT, &permission).unwrap();
    while recorder.duration() < LENGTH {
        let frame = audio.receive().await.unwrap();
        assert_eq!(frame.origin(), FrameOrigin::Media);
        recorder.write(frame).unwrap();
    }
    let recording = recorder.finish().unwrap();
    assert_eq!((recording.duration, recording.gaps), (LENGTH, Vec::new()));
    let counters = scene.call.media_stats().counters;
    assert_eq!((counters.concealed_samples, counters.packets_lost, counters.packets_discarded), (0, 0, 0));

    let recorded = Sound::read_wav(std::fs::File::open(path).unwrap()).unwrap();
    let comparison = Comparison::of(speech.samples(), recorded.samples());
    println!("recorded: {comparison:?}");
    comparison.assert_keeps(WORTH);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_injected_is_what_the_far_end_hears() {
    let speech = speech();
    let mut scene = call(FarEndScript::new()).await;
    let mut audio = scene.call.take_audio_socket().unwrap();
    for frame in speech.frames(FORMAT).unwrap() {
        audio.send(&frame).await.unwrap();
    }
    scene.far_end.has_heard(LENGTH).await;
    assert_eq!(scene.far_end.report().packets_lost, 0);
    assert_eq!(scene.call.media_stats().counters.send_underruns, 0);

    let heard = scene.far_end.heard();
    let comparison = Comparison::of(speech.samples(), heard.samples());
    println!("injected: {comparison:?}");
    comparison.assert_keeps(WORTH);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_is_worth_as_much_on_each_way() {
    let speech = speech();
    let mut scene = call(speaks(&speech)).await;
    let (mut listener, mut speaker) = scene.call.take_audio_socket().unwrap().split();
    let mut said = Vec::new();
    while SampleRate::HZ_16000.duration_of(said.len() as u64) < LENGTH {
        let frame = listener.receive().await.unwrap();
        said.extend_from_slice(frame.samples());
        speaker.send(frame).await.unwrap();
    }
    speaker.wait_for_playout().await.unwrap();
    scene.far_end.has_heard(LENGTH - Duration::from_millis(100)).await;
    assert_eq!(scene.call.media_stats().counters.concealed_samples, 0);

    let heard = scene.far_end.heard();
    let (inward, outward) = (Comparison::of(speech.samples(), &said), Comparison::of(&said, heard.samples()));
    println!("echo, in: {inward:?}\necho, out: {outward:?}");
    println!("echo, both: {:?}", Comparison::of(speech.samples(), heard.samples()));
    inward.assert_keeps(WORTH);
    outward.assert_keeps(WORTH);
}
