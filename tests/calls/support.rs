//! A bot in an emulator, and tones that tell who is heard.

use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Duration;

use offhook::emulator::{Clip, EmulatorSettings, FarEnd, FarEndScript, Meeting, User};
use offhook::media::{AudioSocketReceiver, AudioSocketSender, RtpTime, SampleRate};
use offhook::prelude::*;
use offhook::signaling::model::JoinMeetingIdMeetingInfo;

pub(crate) const FORMAT: AudioFormat = AudioFormat::Pcm16K;

/// Loudness of every tone here, as its highest sample.
const LOUDNESS: f64 = 8000.0;

/// A bot in an emulator where Ada follows a script, at home and in a meeting.
pub(crate) struct Scene {
    pub(crate) emulator: Emulator,
    pub(crate) bot: Bot,
}

pub(crate) const MEETING: (&str, &str) = ("1234567890", "psw123");

pub(crate) async fn scene(script: FarEndScript) -> Scene {
    let emulator = Emulator::start(EmulatorSettings::default()).await.unwrap();
    let ada = User::new("Ada", script);
    emulator.add_user("ada", ada.clone());
    emulator.add_meeting(MEETING.0, Meeting::new(ada).passcode(MEETING.1));
    let bot = Bot::in_emulator(&emulator).start().await.unwrap();
    Scene { emulator, bot }
}

impl Scene {
    /// Calls Ada, and waits until the call stands.
    pub(crate) async fn call(&self) -> BotCall {
        let media = MediaSessionSettings::default();
        let mut call = self.bot.call(NewCall::to_user("ada"), &media).await.unwrap();
        call.established().await.unwrap();
        call
    }

    /// Joins Ada's meeting, and waits until the call stands.
    pub(crate) async fn join(&self, media: &MediaSessionSettings) -> BotCall {
        let meeting = JoinMeetingIdMeetingInfo::with_passcode(MEETING.0, MEETING.1);
        let mut call =
            self.bot.call(NewCall::join_meeting(meeting, self.emulator.tenant_id()), media).await.unwrap();
        call.established().await.unwrap();
        call
    }
}

/// `seconds` of a tone.
pub(crate) fn tone(hertz: f64, seconds: f64) -> Sound {
    let rate = SampleRate::HZ_16000;
    let step = TAU * hertz / f64::from(rate.get());
    let samples =
        (0..(seconds * f64::from(rate.get())) as u32).map(|i| (step * f64::from(i)).sin() * LOUDNESS);
    Sound::new(rate, samples.map(|sample| sample as i16).collect())
}

/// A far end that hums, and goes on in silence.
pub(crate) fn hums(hertz: f64, seconds: f64) -> FarEndScript {
    FarEndScript::new().say(Arc::new(Clip::new(tone(hertz, seconds)).unwrap()))
}

/// How much of `samples` is a tone of `hertz`: 1 for a tone as loud as [`tone`]'s (Goertzel).
///
/// Taken over spans of 50 ms, so that a pause that a busy machine makes costs no more than its length.
pub(crate) fn share_of_tone(samples: &[i16], hertz: f64) -> f64 {
    let step = TAU * hertz / 16_000.0;
    let loudness = |span: &[i16]| {
        let (mut re, mut im) = (0.0, 0.0);
        for (i, &sample) in span.iter().enumerate() {
            let (sin, cos) = (step * i as f64).sin_cos();
            re += f64::from(sample) * cos;
            im += f64::from(sample) * sin;
        }
        re.hypot(im) * 2.0 / span.len() as f64
    };
    let spans = samples.chunks_exact(800);
    let count = spans.len() as f64;
    spans.map(loudness).sum::<f64>() / count / LOUDNESS
}

/// Waits until `far_end`, which keeps what it hears, has the speech before `end`.
pub(crate) async fn has_heard_up_to(far_end: &FarEnd, end: RtpTime) {
    loop {
        let count = far_end.report().packets_received;
        // The last packet may end within its 20 ms.
        if far_end.packets().last().is_some_and(|last| end.since(last.sender_time) <= 960) {
            return;
        }
        far_end.has_heard(Duration::from_millis(20) * (count as u32 + 1)).await;
    }
}

/// Hears `seconds`.
pub(crate) async fn hear(listener: &mut AudioSocketReceiver, seconds: f64) -> Vec<i16> {
    let mut heard = Vec::new();
    while (heard.len() as f64) < seconds * 16_000.0 {
        heard.extend_from_slice(listener.receive().await.unwrap().samples());
    }
    heard
}

/// Says `sound`, to the end.
pub(crate) async fn say(speaker: &mut AudioSocketSender, sound: &Sound) {
    for frame in sound.frames(FORMAT).unwrap() {
        speaker.send(&frame).await.unwrap();
    }
    speaker.wait_for_playout().await.unwrap();
}
