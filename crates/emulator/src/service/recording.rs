//! `recordResponse`: what the far end says, cut to what was asked for, as a WAV file behind an address with a token.

use std::fmt;
use std::time::{Duration, SystemTime};

use offhook_media::Sound;
use offhook_signaling::model::action::RecordResponseRequest;
use offhook_signaling::model::{
    CallId, Field, Integer, Open, OperationId, RecordCompletionReason, RecordOperation, ResultInfo, Tone,
};
use uuid::Uuid;

use super::actions::{check_context, check_prompts};
use super::operations::{Effect, Outline, Pending, answered, cancelled, succeeded, told};
use super::{Answer, CallService, GraphError, KEPT_RECORDINGS, Request};

/// Samples per second of a recording without sound.
const SILENT_RATE: u32 = 16_000;

/// Bytes of a WAV file before its samples.
const WAV_HEADER: usize = 44;

/// A recording that can be fetched.
#[derive(Clone)]
pub(super) struct Recording {
    /// The last part of its address.
    name: String,
    token: String,
    operation: OperationId,
    begins: SystemTime,
    wav: Vec<u8>,
}

impl Recording {
    /// Cuts off what would be heard later than `lasts` after its beginning.
    fn cut(&mut self, lasts: Duration) {
        let Ok(heard) = Sound::read_wav(self.wav.as_slice()) else { return };
        self.wav = wav(Some(&heard), lasts.min(heard.duration()));
    }
}

/// Says nothing of token and sound.
impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("bytes", &self.wav.len()).finish_non_exhaustive()
    }
}

/// How a recording will end if nobody ends it: what it holds, and why.
struct Course {
    lasts: Duration,
    reason: RecordCompletionReason,
    result: ResultInfo,
}

impl CallService {
    pub(super) fn record_response(
        &mut self,
        now: SystemTime,
        call: &CallId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let body: RecordResponseRequest = request.read()?;
        let record = self.record(call)?;
        record.need_service_hosted()?;
        check_context(&body.client_context)?;
        check_prompts(body.prompts.items(), 1)?;
        let initial_silence =
            seconds(&body.initial_silence_timeout_in_seconds, "initialSilenceTimeoutInSeconds")?;
        let silence = seconds(&body.max_silence_timeout_in_seconds, "maxSilenceTimeoutInSeconds")?;
        let longest = seconds(&body.max_record_duration_in_seconds, "maxRecordDurationInSeconds")?;
        let stop_tones =
            body.stop_tones.items().iter().map(|key| stop_tone(key)).collect::<Result<Vec<_>, _>>()?;

        let clip = record.far_end.script.clip();
        let speech = clip.map(|clip| clip.sound().clone());
        let course = course(speech.as_ref().map(Sound::duration), initial_silence, silence, longest);
        let outline = Outline::new(&record.id, body.client_context);
        let prompts = self.limits.prompts(body.prompts.items().len());
        let recording = Recording {
            name: Uuid::new_v4().simple().to_string(),
            token: Uuid::new_v4().simple().to_string(),
            operation: outline.id.clone(),
            begins: record.media_busy_until.max(now) + prompts,
            wav: wav(speech.as_ref(), course.lasts),
        };
        let location = format!("{}/recordings/{}", self.url, recording.name);
        let over = |reason: RecordCompletionReason, result: ResultInfo, is_kept: bool| {
            let (location, token) =
                if is_kept { (location.as_str(), recording.token.as_str()) } else { ("", "") };
            let (location, token) = (Field::from(location), token.into());
            let reason = Open::from(reason).into();
            if is_kept {
                told!(RecordOperation, outline, Completed, result, recording_location: location, recording_access_token: token, completion_reason: reason)
            } else {
                told!(RecordOperation, outline, Failed, result, recording_location: location, recording_access_token: token, completion_reason: reason)
            }
        };
        let pending = Pending {
            finished: over(course.reason, course.result, true),
            cancelled: Some(over(RecordCompletionReason::OperationCanceled, cancelled(), false)),
            stopped: Some((stop_tones, over(RecordCompletionReason::StopToneDetected, succeeded(), true))),
            effect: Effect::Nothing,
        };
        if self.recordings.len() >= KEPT_RECORDINGS {
            self.recordings.remove(0);
        }
        self.recordings.push(recording);
        let lasts = prompts + self.limits.scaled(course.lasts);
        let running = answered!(RecordOperation, outline, Running, recording_location: Field::Null);
        self.start_media(now, call, outline, running, pending, lasts)
    }

    /// A key has been pressed that ends a recording at `now`.
    pub(super) fn recording_stops(&mut self, now: SystemTime, operation: &OperationId) {
        let limits = self.limits;
        if let Some(recording) = self.recordings.iter_mut().find(|held| held.operation == *operation) {
            let lasts = now.duration_since(recording.begins).unwrap_or_default();
            recording.cut(limits.unscaled(lasts));
        }
    }

    /// A recording by the last part of its address: its bytes, with nothing inside when the token is not its own.
    pub(crate) fn recording(&self, name: &str, token: Option<&str>) -> Option<Option<&[u8]>> {
        let recording = self.recordings.iter().find(|held| held.name == name)?;
        Some((token == Some(recording.token.as_str())).then_some(recording.wav.as_slice()))
    }
}

/// How a recording goes: it ends when nobody begins to speak, when nobody speaks on, or when it is as long as it may be.
fn course(
    speech: Option<Duration>,
    initial_silence: Duration,
    silence: Duration,
    longest: Duration,
) -> Course {
    let maximum = || {
        let message = "Action completed, max record duration reached.".into();
        let result = ResultInfo { message, ..ResultInfo::with_codes(200, 8515) };
        Course { lasts: longest, reason: RecordCompletionReason::MaxRecordDurationReached, result }
    };
    match speech {
        None if initial_silence < longest => Course {
            lasts: initial_silence,
            reason: RecordCompletionReason::InitialSilenceTimeout,
            result: succeeded(),
        },
        Some(speech) if speech + silence < longest => Course {
            lasts: speech + silence,
            reason: RecordCompletionReason::MaxSilenceTimeout,
            result: succeeded(),
        },
        _ => maximum(),
    }
}

/// A time from 1 to 120 s; 5 s when nothing is said.
fn seconds(field: &Field<Integer>, name: &str) -> Result<Duration, GraphError> {
    let Some(value) = field.value() else { return Ok(Duration::from_secs(5)) };
    let seconds = value.get().filter(|seconds| (1..=120).contains(seconds));
    let seconds = seconds
        .ok_or_else(|| GraphError::bad_request(format!("The property {name} must be from 1 to 120.")))?;
    Ok(Duration::from_secs(seconds.unsigned_abs()))
}

/// A key that ends a recording, as on a phone.
fn stop_tone(key: &str) -> Result<Tone, GraphError> {
    Ok(match key {
        "0" => Tone::Tone0,
        "1" => Tone::Tone1,
        "2" => Tone::Tone2,
        "3" => Tone::Tone3,
        "4" => Tone::Tone4,
        "5" => Tone::Tone5,
        "6" => Tone::Tone6,
        "7" => Tone::Tone7,
        "8" => Tone::Tone8,
        "9" => Tone::Tone9,
        "*" => Tone::Star,
        "#" => Tone::Pound,
        "A" | "a" => Tone::A,
        "B" | "b" => Tone::B,
        "C" | "c" => Tone::C,
        "D" | "d" => Tone::D,
        _ => return Err(GraphError::bad_request("The property stopTones must name keys of a phone.")),
    })
}

/// A WAV file of one channel and 16 bits: the speech, with silence behind it or cut off, so that it lasts `lasts`.
fn wav(speech: Option<&Sound>, lasts: Duration) -> Vec<u8> {
    let rate = speech.map_or(SILENT_RATE, |speech| speech.sample_rate().get());
    let count = usize::try_from(lasts.as_millis() * u128::from(rate) / 1000).unwrap_or_default();
    let spoken = speech.map_or(&[][..], Sound::samples);
    let samples = spoken.iter().copied().chain(std::iter::repeat(0)).take(count);
    let mut wav = Vec::with_capacity(WAV_HEADER + 2 * count);
    // At the longest, 120 s of 48 kHz: far below 4 GB.
    let bytes = u32::try_from(2 * count).unwrap_or(u32::MAX);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(bytes.saturating_add(36)).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16_u32.to_le_bytes());
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&rate.to_le_bytes());
    wav.extend_from_slice(&rate.saturating_mul(2).to_le_bytes());
    wav.extend_from_slice(&2_u16.to_le_bytes());
    wav.extend_from_slice(&16_u16.to_le_bytes());
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&bytes.to_le_bytes());
    for sample in samples {
        wav.extend_from_slice(&sample.to_le_bytes());
    }
    wav
}

#[cfg(test)]
mod tests {
    use offhook_media::SampleRate;

    use super::*;

    #[test]
    fn a_recording_is_the_speech_cut_to_its_maximum_or_filled_up() {
        let speech = Sound::new(SampleRate::HZ_16000, (0..16_000).map(|i| i as i16).collect());
        for (lasts, kept) in [(500, 8_000), (1_000, 16_000), (1_500, 16_000)] {
            let file = wav(Some(&speech), Duration::from_millis(lasts));
            let read = Sound::read_wav(file.as_slice()).unwrap();
            assert_eq!(read.duration(), Duration::from_millis(lasts));
            assert_eq!(read.samples()[..kept], speech.samples()[..kept]);
            assert!(read.samples()[kept..].iter().all(|sample| *sample == 0));
        }
    }

    #[test]
    fn a_recording_that_a_key_ends_is_cut_there() {
        let speech = Sound::new(SampleRate::HZ_16000, vec![7; 16_000]);
        let mut recording = Recording {
            name: String::new(),
            token: String::new(),
            operation: "1".into(),
            begins: SystemTime::UNIX_EPOCH,
            wav: wav(Some(&speech), Duration::from_secs(5)),
        };
        for (lasts, left) in [(9_000, 5_000), (250, 250), (0, 0)] {
            recording.cut(Duration::from_millis(lasts));
            assert_eq!(recording.wav.len(), WAV_HEADER + left * 32);
        }
    }
}
