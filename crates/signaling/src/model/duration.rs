//! Spans of time as Graph writes them: `PT0.03S`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A span of time as ISO 8601 text (`Edm.Duration`: days, hours, minutes and seconds), kept as it was written.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IsoDuration(Box<str>);

impl IsoDuration {
    /// The text on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The span. `None` for text that is no duration, a negative one, or one too long to count in seconds.
    pub fn get(&self) -> Option<Duration> {
        let rest = self.0.strip_prefix('P')?;
        let (days, time) = match rest.split_once('T') {
            Some((days, time)) if !time.is_empty() => (days, time),
            Some(_) => return None,
            None => (rest, ""),
        };
        if days.is_empty() && time.is_empty() {
            return None;
        }
        let (days, rest) = leading_number(days, 'D')?;
        if !rest.is_empty() {
            return None;
        }
        let (hours, time) = leading_number(time, 'H')?;
        let (minutes, time) = leading_number(time, 'M')?;
        let minutes = days.checked_mul(24)?.checked_add(hours)?.checked_mul(60)?.checked_add(minutes)?;
        Duration::from_secs(minutes.checked_mul(60)?).checked_add(seconds(time)?)
    }
}

/// The number before `unit` at the beginning of `text`, and what follows; nought when the unit is not there.
fn leading_number(text: &str, unit: char) -> Option<(u64, &str)> {
    match text.split_once(unit) {
        Some((number, rest)) => Some((whole(number)?, rest)),
        None => Some((0, text)),
    }
}

/// Digits and nothing else: `parse` alone would take a plus sign.
fn whole(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// `1.5S`, or nothing. Digits below the nanosecond are cut off.
fn seconds(text: &str) -> Option<Duration> {
    if text.is_empty() {
        return Some(Duration::ZERO);
    }
    let number = text.strip_suffix('S')?;
    let (seconds, fraction) = number.split_once('.').unwrap_or((number, "0"));
    whole(fraction.get(..fraction.len().min(18))?)?;
    let nanoseconds = format!("{fraction:0<9}");
    Some(Duration::new(whole(seconds)?, whole(nanoseconds.get(..9)?)?.try_into().ok()?))
}

impl From<Duration> for IsoDuration {
    /// In seconds, with as many decimals as it needs: `PT1200S`, `PT0.03S`.
    fn from(duration: Duration) -> Self {
        let fraction = format!("{:09}", duration.subsec_nanos());
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        Self(format!("PT{}{point}{fraction}S", duration.as_secs()).into())
    }
}

impl From<&str> for IsoDuration {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<Duration> for super::Field<IsoDuration> {
    fn from(duration: Duration) -> Self {
        Self::Value(duration.into())
    }
}

impl fmt::Debug for IsoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn documented_spellings_are_read() {
        for (text, seconds) in [
            ("PT20M", 1200.0),
            ("PT0.03S", 0.03),
            ("PT0.015S", 0.015),
            ("P1DT2H3M4.5S", 93_784.5),
            ("P2D", 172_800.0),
        ] {
            assert_eq!(IsoDuration::from(text).get(), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_none() {
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "20",
            "PT1",
            "PTS",
            "PT1X",
            "-PT1S",
            "PT-1S",
            "PT+1S",
            "PT1M2",
            "P1H",
            "PT1.S",
            "PT1S1M",
            "PT99999999999999999999S",
            "P99999999999999999D",
            "PT1.éS",
        ] {
            assert_eq!(IsoDuration::from(text).get(), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_duration_has_a_text_that_is_read_back(seconds in any::<u64>(), nanoseconds in 0u32..1_000_000_000) {
            let duration = Duration::new(seconds, nanoseconds);
            prop_assert_eq!(IsoDuration::from(duration).get(), Some(duration));
        }

        #[test]
        fn no_text_panics(text in "[P0-9DTHMS.é-]{0,20}") {
            let _ = IsoDuration::from(text.as_str()).get();
        }
    }
}
