//! Durations as people write them in a scenario: `250ms`, `2.128s`, `45min`, `1h`.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

/// Units with their seconds. Longer names stand before those that they end with.
const UNITS: [(&str, f64); 4] = [("ms", 0.001), ("min", 60.0), ("s", 1.0), ("h", 3600.0)];

/// Longer than any test, and far from where clocks end.
const LONGEST: f64 = 365.0 * 86_400.0;

/// Reads a number with its unit. `None` for anything else, and for more than a year.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let (number, seconds) =
        UNITS.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))?;
    let seconds = number.trim_end().parse::<f64>().ok()? * seconds;
    (0.0..=LONGEST).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// For `#[serde(deserialize_with)]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| wrong(&text))
}

/// For `#[serde(default, deserialize_with)]` of something that may be left out.
pub(crate) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    deserialize(deserializer).map(Some)
}

/// A duration as it is written: in milliseconds below a second, else in seconds.
pub(crate) fn written(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{}ms", duration.as_secs_f64() * 1000.0)
    } else {
        format!("{}s", duration.as_secs_f64())
    }
}

/// For `#[serde(serialize_with)]`.
pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&written(*duration))
}

/// For `#[serde(serialize_with)]` of something that may be left out.
pub(crate) fn serialize_optional<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => serialize(duration, serializer),
        None => serializer.serialize_none(),
    }
}

fn wrong<E: Error>(text: &str) -> E {
    E::custom(format!("`{text}` is not a duration such as 250ms, 2.5s, 45min or 1h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_needs_its_unit() {
        for (text, milliseconds) in [
            ("250ms", 250),
            ("2.128s", 2128),
            ("45min", 2_700_000),
            ("1h", 3_600_000),
            ("0s", 0),
            ("1 s", 1000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for milliseconds in [0, 1, 250, 999, 1000, 2128, 3_600_000] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(parse(&written(duration)), Some(duration));
        }
        for text in ["", "s", "5", "-1s", "nans", "infs", "1e300s", "1d", "1 s s", "10000h"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
