use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Duration;

use offhook_media::{SampleRate, Sound};
use opus::{Channels, Decoder};
use tokio::sync::mpsc::{Receiver, channel};

use super::super::ear::Outgoing;
use super::super::mix::{RATE, SAMPLES};
use super::super::voice::{Inlet, PeerVoice, ScriptVoice};
use super::*;
use crate::far_end::{AfterSpeech, Clip, FarEndScript};

fn tone(hertz: f64) -> Clip {
    let samples = (0..48_000).map(|at| (TAU * hertz * f64::from(at) / 48_000.0).sin() * 8_000.0);
    Clip::new(Sound::new(SampleRate::HZ_48000, samples.map(|sample| sample as i16).collect())).unwrap()
}

fn sources(audio: u32) -> SourceIds {
    SourceIds { audio, video: None, sharing: None }
}

fn hums(id: &str, source: u32, hertz: f64) -> Member {
    let script = FarEndScript::new().then(AfterSpeech::Repeat);
    let voice = ScriptVoice::new(Some(&tone(hertz)), &script, 0).unwrap();
    let member = Member::new(id, id, MemberKind::Script, sources(source));
    Member { is_in: true, voice: Some(Voice::Script(voice)), ..member }
}

/// A member who says what `member` says, and what they hear.
fn listening(member: Member, unmixed: usize) -> (Member, Receiver<Outgoing>) {
    let (outbox, heard) = channel(10_000);
    (Member { is_in: true, ear: Some(Ear::new(outbox, unmixed, true).unwrap()), ..member }, heard)
}

fn listener(unmixed: usize) -> (Member, Receiver<Outgoing>) {
    listening(Member::new("bot", "Bot", MemberKind::Bot, sources(1)), unmixed)
}

/// What was heard in each section.
struct Heard {
    sections: Vec<Vec<i16>>,
    sources: Vec<Vec<Vec<u32>>>,
    keys: Vec<(u64, bool)>,
}

fn heard(receiver: &mut Receiver<Outgoing>) -> Heard {
    let mut decoders: Vec<_> = (0..5).map(|_| Decoder::new(RATE, Channels::Mono).unwrap()).collect();
    let mut heard = Heard { sections: vec![Vec::new(); 5], sources: vec![Vec::new(); 5], keys: Vec::new() };
    while let Ok(outgoing) = receiver.try_recv() {
        match outgoing {
            Outgoing::Speech { section, payload, sources, .. } => {
                let mut pcm = [0; SAMPLES];
                decoders[section].decode(&payload, &mut pcm, false).unwrap();
                heard.sections[section].extend_from_slice(&pcm);
                heard.sources[section].push(sources.iter().map(|(source, _)| source.0).collect());
            }
            Outgoing::Key { since, is_first, .. } => heard.keys.push((since, is_first)),
            Outgoing::Video { .. } => panic!("nobody is seen"),
        }
    }
    heard
}

/// How loud `hertz` is in `samples`, as its highest sample (Goertzel).
fn loudness(samples: &[i16], hertz: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (at, sample) in samples.iter().enumerate() {
        let (sin, cos) = (TAU * hertz * at as f64 / 48_000.0).sin_cos();
        (re, im) = (re + f64::from(*sample) * cos, im + f64::from(*sample) * sin);
    }
    2.0 * f64::hypot(re, im) / samples.len() as f64
}

fn last_second(samples: &[i16]) -> &[i16] {
    &samples[samples.len() - 48_000..]
}

#[test]
fn everybody_hears_the_others_and_not_themselves() {
    let mut room = Room::new();
    let (ada, mut ada_hears) = listening(hums("ada", 101, 440.0), 0);
    let (ben, mut ben_hears) = listening(hums("ben", 102, 620.0), 0);
    let (bot, mut bot_hears) = listener(0);
    [ada, ben, bot].into_iter().for_each(|member| room.join(member));
    (0..100).for_each(|_| _ = room.tick());
    for (receiver, hears, sources) in [
        (&mut ada_hears, [false, true], vec![102]),
        (&mut ben_hears, [true, false], vec![101]),
        (&mut bot_hears, [true, true], vec![101, 102]),
    ] {
        let heard = heard(receiver);
        assert_eq!(heard.sections[0].len(), 100 * SAMPLES, "no frame is missing");
        for (hertz, hears) in [440.0, 620.0].into_iter().zip(hears) {
            let loudness = loudness(last_second(&heard.sections[0]), hertz);
            assert!(if hears { loudness > 4_000.0 } else { loudness < 100.0 }, "{loudness} of {hertz} Hz");
        }
        let mut named = heard.sources[0][99].clone();
        named.sort_unstable();
        assert_eq!(named, sources, "the mix names who is in it");
    }
}

#[test]
fn who_is_muted_or_on_hold_is_not_heard_and_who_holds_hears_nobody() {
    let mut room = Room::new();
    let (ada, mut ada_hears) = listening(hums("ada", 101, 440.0), 0);
    let (bot, mut bot_hears) = listener(1);
    room.join(ada);
    room.join(bot);
    room.member("ada").unwrap().is_muted = true;
    (0..60).for_each(|_| _ = room.tick());
    let muted = heard(&mut bot_hears);
    assert!(loudness(last_second(&muted.sections[0]), 440.0) < 10.0);
    assert!(muted.sources.concat().concat().is_empty() && muted.sections[1].is_empty());
    room.member("ada").unwrap().is_muted = false;
    room.member("bot").unwrap().is_on_hold = true;
    (0..60).for_each(|_| _ = room.tick());
    assert!(loudness(last_second(&heard(&mut bot_hears).sections[0]), 440.0) < 10.0);
    room.member("bot").unwrap().is_on_hold = false;
    heard(&mut ada_hears);
    (0..60).for_each(|_| _ = room.tick());
    assert!(loudness(last_second(&heard(&mut bot_hears).sections[0]), 440.0) > 4_000.0);
}

#[test]
fn each_speaker_is_heard_in_a_section_of_their_own() {
    let mut room = Room::new();
    room.join(hums("ada", 101, 440.0));
    room.join(hums("ben", 102, 620.0));
    let (bot, mut hears) = listener(3);
    room.join(bot);
    (0..100).for_each(|_| _ = room.tick());
    let heard = heard(&mut hears);
    assert!(heard.sections[3].is_empty(), "there are but two");
    let mut named = Vec::new();
    for section in [1, 2] {
        let [source] = heard.sources[section][50][..] else { panic!("a section has one speaker") };
        assert!(heard.sources[section].iter().all(|sources| sources == &[source]), "it keeps its speaker");
        let (own, other) = if source == 101 { (440.0, 620.0) } else { (620.0, 440.0) };
        let samples = last_second(&heard.sections[section]);
        assert!(loudness(samples, own) > 4_000.0 && loudness(samples, other) < 100.0);
        named.push(source);
    }
    named.sort_unstable();
    assert_eq!(named, [101, 102]);
    assert_eq!(room.view("r").dominant.as_deref(), Some("ada"));
}

#[test]
fn what_a_peer_says_and_presses_reaches_the_others() {
    let mut room = Room::new();
    let (bot, mut hears) = listener(0);
    room.join(bot);
    let inlet = Arc::new(Inlet::default());
    let voice = Some(Voice::Peer(PeerVoice::new(Arc::clone(&inlet))));
    let person = Member::new("eve", "Eve", MemberKind::Person, sources(1_001));
    room.join(Member { is_in: true, voice, ..person });
    let (mut coder, mut happened) = (Coder::new().unwrap(), Vec::new());
    let clip = tone(880.0);
    for frame in 0..70_u32 {
        let place = frame as usize * SAMPLES % 48_000;
        let packet = coder.code(clip.sound().samples()[place..][..SAMPLES].try_into().unwrap()).unwrap();
        inlet.speech(frame * 960, packet);
        match frame {
            60 => inlet.tone(9_600, &Bytes::from_static(&[11, 10, 3, 192])),
            62 => inlet.tone(9_600, &Bytes::from_static(&[11, 0x8a, 11, 64])),
            _ => {}
        }
        happened.extend(room.tick());
    }
    let heard = heard(&mut hears);
    assert!(loudness(last_second(&heard.sections[0]), 880.0) > 4_000.0);
    assert_eq!(heard.keys, [(60, true), (60, false)]);
    assert_eq!(happened, [Happened::Tone { member: "eve".to_owned(), tone: Tone::Pound }]);
    assert_eq!(room.view("r").members[1].tones, "#");
}

#[test]
fn a_room_in_which_nothing_moves_says_so() {
    let mut room = Room::new();
    room.join(hums("ada", 101, 440.0));
    assert!(room.has_moved(), "somebody has come");
    assert!(!room.has_moved());
    room.tick();
    assert!(room.has_moved(), "she hums");
    room.member("ada").unwrap().is_muted = true;
    (0..2).for_each(|_| _ = (room.tick(), room.has_moved()));
    room.tick();
    assert!(!room.has_moved(), "silence is silence");
}

#[test]
fn an_echo_says_what_it_hears_and_nobody_hears_an_echo_of_it() {
    let mut room = Room::new();
    for id in ["echo", "other"] {
        let member = Member::new(id, id, MemberKind::Script, sources(9));
        room.join(Member { is_in: true, voice: Some(Voice::Echo(Box::new(SILENT))), ..member });
    }
    let (ada, mut hears) = listening(hums("ada", 101, 440.0), 0);
    room.join(ada);
    (0..60).for_each(|_| _ = room.tick());
    assert!(loudness(last_second(&heard(&mut hears).sections[0]), 440.0) > 4_000.0);
    room.leave("ada");
    (0..3).for_each(|_| _ = room.tick());
    assert!(room.members().iter().all(|member| member.frame == SILENT), "it dies away");
}

#[test]
fn a_script_waits_until_it_is_in_and_says_when_it_is_finished() {
    let mut room = Room::new();
    let script = FarEndScript::new().tones([Tone::Star], Duration::from_millis(100));
    let clip = Clip::new(Sound::new(SampleRate::HZ_16000, vec![500; 320 * 3])).unwrap();
    let voice = Some(Voice::Script(ScriptVoice::new(Some(&clip), &script, 0).unwrap()));
    room.join(Member { voice, ..Member::new("ada", "Ada", MemberKind::Script, sources(101)) });
    let (bot, mut hears) = listener(0);
    room.join(bot);
    assert!((0..10).all(|_| room.tick().is_empty()));
    room.member("ada").unwrap().is_in = true;
    let happened: Vec<_> = (0..20).map(|_| room.tick()).collect();
    assert_eq!(happened[3], [Happened::Finished { member: "ada".to_owned() }]);
    assert_eq!(happened.concat().len(), 1);
    let heard = heard(&mut hears);
    assert!(heard.keys.len() > 5 && heard.keys.iter().all(|(since, _)| *since == 13), "{:?}", heard.keys);
}
