//! Numbers that the service may spell as text.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Number;

use super::Field;

/// A whole number that the service writes as a number or, in documented examples, as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Integer {
    /// Written as a number.
    Number(i64),
    /// Written as text, which need not be a number.
    Text(String),
}

impl Integer {
    /// The number, unless it is text that is no number.
    pub fn get(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }
}

impl From<i64> for Integer {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<i64> for Field<Integer> {
    fn from(number: i64) -> Self {
        Self::Value(number.into())
    }
}

impl Serialize for Integer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;
        impl Visitor<'_> for NumberOrText {
            type Value = Integer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or one as text")
            }

            fn visit_i64<X: de::Error>(self, number: i64) -> Result<Integer, X> {
                Ok(Integer::Number(number))
            }

            fn visit_u64<X: de::Error>(self, number: u64) -> Result<Integer, X> {
                i64::try_from(number).map(Integer::Number).map_err(|_| X::custom("number beyond 64 bits"))
            }

            fn visit_str<X: de::Error>(self, text: &str) -> Result<Integer, X> {
                Ok(Integer::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(NumberOrText)
    }
}

/// A number with a fraction. A whole one stays whole, and text (`"NaN"`, `"INF"`) stays text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Decimal {
    /// Written as a number.
    Number(Number),
    /// Written as text, which need not be a number.
    Text(String),
}

impl Decimal {
    /// The number, unless it is text that is no number.
    pub fn get(&self) -> Option<f64> {
        match self {
            Self::Number(number) => number.as_f64(),
            Self::Text(text) if text.eq_ignore_ascii_case("-inf") => Some(f64::NEG_INFINITY),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }
}

impl From<f64> for Decimal {
    /// What JSON has no number for becomes text, as OData spells it: `NaN`, `INF`, `-INF`.
    fn from(number: f64) -> Self {
        let as_text = || {
            if number.is_nan() {
                "NaN"
            } else if number > 0.0 {
                "INF"
            } else {
                "-INF"
            }
        };
        Number::from_f64(number).map_or_else(|| Self::Text(as_text().to_owned()), Self::Number)
    }
}

impl From<f64> for Field<Decimal> {
    fn from(number: f64) -> Self {
        Self::Value(number.into())
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;
        impl Visitor<'_> for NumberOrText {
            type Value = Decimal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or one as text")
            }

            fn visit_i64<X: de::Error>(self, number: i64) -> Result<Decimal, X> {
                Ok(Decimal::Number(number.into()))
            }

            fn visit_u64<X: de::Error>(self, number: u64) -> Result<Decimal, X> {
                Ok(Decimal::Number(number.into()))
            }

            fn visit_f64<X: de::Error>(self, number: f64) -> Result<Decimal, X> {
                Ok(Decimal::from(number))
            }

            fn visit_str<X: de::Error>(self, text: &str) -> Result<Decimal, X> {
                Ok(Decimal::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(NumberOrText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_text_are_read_and_written_back_as_text() {
        for (json, number) in [("200", Some(200)), ("\"200\"", Some(200)), ("\"x\"", None)] {
            let read: Integer = serde_json::from_str(json).unwrap();
            assert_eq!(read.get(), number, "{json}");
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        }
        assert!(serde_json::from_str::<Integer>("18446744073709551615").is_err());
    }

    #[test]
    fn decimals_keep_their_spelling_and_every_number_has_one() {
        for (json, number) in
            [("0", Some(0.0)), ("0.01", Some(0.01)), ("\"INF\"", Some(f64::INFINITY)), ("\"x\"", None)]
        {
            let read: Decimal = serde_json::from_str(json).unwrap();
            assert_eq!(read.get(), number, "{json}");
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        }
        for number in [0.0, -1.5, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Decimal::from(number).get(), Some(number));
        }
        assert!(Decimal::from(f64::NAN).get().unwrap().is_nan());
    }
}
