//! Sessions of other kinds over UDP: one that hears each speaker on a stream of their own, and ones that pass packets on.

use std::sync::Arc;
use std::thread::Builder;

use offhook::emulator::{AfterSpeech, Clip, EmulatorSettings, FarEndScript, Meeting, User};
use offhook::media::{MediaSourceId, MixSource};
use offhook::prelude::*;
use offhook::signaling::model::JoinMeetingIdMeetingInfo;
use offhook_media::VoiceActivitySettings;
use tokio::runtime::Runtime;

use crate::counting::take_turn;
use crate::speech;
use crate::whole_path::{PATIENCE, Progress, Running, connect, count, packets, platform, reads_tap};

const FORMAT: AudioFormat = AudioFormat::Pcm16K;

/// Who speaks, beside the mix.
const SPEAKERS: [u32; 4] = [31, 32, 33, 34];

/// Four receivers, their voices, and a mix of them that is made here. The far end is the emulator's, on threads that are not
/// watched.
#[test]
fn four_speakers_over_the_wire_allocate_nothing() {
    let turn = take_turn();
    let runtime = Runtime::new().unwrap();
    let (emulator, bot) = runtime.block_on(meeting_of_four());
    let voice = VoiceActivitySettings::default();
    let audio = AudioSocketSettings::default().format(FORMAT).unmixed(4).mix(MixSource::Local);
    let settings = MediaSessionSettings::default().audio(audio.voice_activity(voice));
    let meeting = JoinMeetingIdMeetingInfo::with_passcode("1234567890", "psw123");
    let mut call = runtime.block_on(async {
        let join = NewCall::join_meeting(meeting, emulator.tenant_id());
        let mut call = bot.call(join, &settings).await.unwrap();
        call.established().await.unwrap();
        call
    });
    let (mut listener, _) = call.take_audio_socket().unwrap().split();
    let progress = Progress::of(1);
    let running = Running(Arc::clone(&progress));
    let hearing = Builder::new().name("app-hears".to_owned()).spawn(move || {
        while running.0.goes_on() {
            let frame = listener.receive_blocking(PATIENCE).unwrap().expect("a frame each 20 ms");
            let heard = frame.unmixed().iter().filter(|speaker| !speaker.samples().is_empty());
            if heard.count() == SPEAKERS.len() {
                running.0.hear(0);
            }
        }
    });
    let counted = count(&turn, &progress, || packets(&[call.media()]));
    hearing.unwrap().join().unwrap();
    counted.assert_none_is_ours();
    runtime.block_on(call.hang_up()).unwrap();
}

async fn meeting_of_four() -> (Emulator, Bot) {
    let frames = speech(FORMAT);
    let say = |source: u32| {
        // Each begins elsewhere.
        let first = source as usize * 37 % frames.len();
        let samples = frames.iter().cycle().skip(first).take(frames.len());
        let samples = samples.flat_map(|frame| frame.samples()).map(|sample| sample / 4).collect();
        Arc::new(Clip::new(Sound::new(FORMAT.sample_rate(), samples)).unwrap())
    };
    let script = FarEndScript::new().then(AfterSpeech::Repeat);
    let script = SPEAKERS
        .into_iter()
        .fold(script, |script, source| script.speaker(MediaSourceId(source), say(source)));
    let emulator = Emulator::start(EmulatorSettings::default()).await.unwrap();
    emulator.add_meeting("1234567890", Meeting::new(User::new("Ada", script)).passcode("psw123"));
    let bot = Bot::in_emulator(&emulator).start().await.unwrap();
    (emulator, bot)
}

/// One says packets at the pace of the wire, and the other sends back what it hears.
#[test]
fn packets_that_are_passed_on_as_they_are_allocate_nothing() {
    let turn = take_turn();
    let (one, other) = (platform(), platform());
    let audio = AudioSocketSettings::default().encoded(true);
    let (mut offering, mut answering) = connect(&one, &other, audio);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(offering.connected()).unwrap();
    runtime.block_on(answering.connected()).unwrap();
    let (mut listener, mut speaker) = offering.take_encoded_audio_socket().unwrap().split();
    let (mut hears, mut echoes) = answering.take_encoded_audio_socket().unwrap().split();
    let progress = Progress::of(2);
    let taps = [&mut offering, &mut answering].map(|session| reads_tap(session, &progress));
    let running = || Running(Arc::clone(&progress));
    // Each on a runtime of its own thread, as a bot that forwards would have it.
    let thread = |name: &str, work: Box<dyn FnOnce() + Send>| {
        Builder::new().name(name.to_owned()).spawn(work).unwrap()
    };
    let on_this_thread = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let speaking = running();
    let says = thread(
        "app-says",
        Box::new(move || {
            // SILK wideband, 20 ms: the first byte says so, and nobody looks at the others. Of many lengths, up to long ones.
            let packet: Vec<u8> = std::iter::once(9 << 3).chain(std::iter::repeat_n(7, 1_100)).collect();
            on_this_thread().block_on(async {
                for len in (1..packet.len()).step_by(13).cycle() {
                    if !speaking.0.goes_on() || speaker.send(&packet[..len], None).await.is_err() {
                        return;
                    }
                }
            });
        }),
    );
    let hearing = running();
    let heard = thread(
        "app-hears",
        Box::new(move || {
            on_this_thread().block_on(async {
                while hearing.0.goes_on() && listener.receive().await.is_ok() {
                    hearing.0.hear(0);
                }
            });
        }),
    );
    let echoing = running();
    let echo = thread(
        "app-echoes",
        Box::new(move || {
            on_this_thread().block_on(async {
                while echoing.0.goes_on() {
                    let Ok(frame) = hears.receive().await else { return };
                    if echoes.send(frame.payload(), frame.level()).await.is_err() {
                        return;
                    }
                    echoing.0.hear(1);
                }
            });
        }),
    );
    let counted = count(&turn, &progress, || packets(&[&offering, &answering]));
    drop((offering, answering));
    [says, heard, echo].into_iter().chain(taps).for_each(|thread| thread.join().unwrap());
    counted.assert_none_is_ours();
}
