//! Whether settings are within their ranges.

use std::time::Duration;

use crate::error::MediaError;
use crate::send::ticks_in;
use crate::settings::{AudioSocketSettings, MixSource};

/// Speakers on streams of their own: more than any listener can tell apart.
const MOST_UNMIXED: u8 = 10;

/// Refuses what cannot be, by the name of the setting.
pub(super) fn check(settings: &AudioSocketSettings) -> Result<(), MediaError> {
    let invalid = |setting, problem: String| Err(MediaError::InvalidSetting { setting, problem });
    for (setting, span) in [("receive_queue", settings.receive_queue), ("send_queue", settings.send_queue)] {
        if !(1..=3000).contains(&ticks_in(span)) {
            return invalid(setting, format!("{span:?} is not between 20 ms and 60 s"));
        }
    }
    if settings.unmixed > MOST_UNMIXED {
        return invalid("unmixed", format!("{} speakers; the most is {MOST_UNMIXED}", settings.unmixed));
    }
    if settings.sends_unmixed > MOST_UNMIXED {
        let problem = format!("{} speakers; the most is {MOST_UNMIXED}", settings.sends_unmixed);
        return invalid("sends_unmixed", problem);
    }
    if settings.sends_unmixed > 0 && !settings.encoded {
        return invalid("sends_unmixed", "only packets are sent so, of an encoded socket".to_owned());
    }
    if settings.mix == MixSource::Local && settings.unmixed == 0 {
        return invalid("mix", "without unmixed streams there is nothing to mix here".to_owned());
    }
    if let Some(voice) = settings.voice_activity
        && !(0.0..=1.0).contains(&voice.threshold)
    {
        return invalid(
            "voice_activity",
            format!("the threshold {} is not between 0 and 1", voice.threshold),
        );
    }
    if settings.jitter.min_delay > settings.jitter.max_delay {
        return invalid("jitter", "the minimum delay is above the maximum".to_owned());
    }
    if !(0.0..=1.0).contains(&settings.jitter.target_quantile) {
        return invalid("jitter", "the target quantile is not between 0 and 1".to_owned());
    }
    if settings.jitter.max_delay > Duration::from_secs(1) {
        return invalid("jitter", "the maximum delay is above 1 s".to_owned());
    }
    if !(6_000..=510_000).contains(&settings.encoder.bitrate) || settings.encoder.complexity > 10 {
        return invalid("encoder", format!("{:?} is out of Opus' range", settings.encoder));
    }
    if settings.encoder.highest_expected_loss > 100 {
        return invalid("encoder", format!("{} % is no loss", settings.encoder.highest_expected_loss));
    }
    Ok(())
}
