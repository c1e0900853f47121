//! Reading models from JSON, so that one strange property takes nothing else with it.
//!
//! A call that has ended has ended, even if its `resultInfo` comes in a shape that nobody expects. So an object is read property by
//! property, and one whose value is not of its type stays in `other` as it came, like one that this version does not know.

use serde::Deserialize;
use serde_json::Value;

use super::open::{Open, OpenEnum};
use super::{Decimal, Field, Flags, IdentityId, Integer, IsoDuration, Other};
use crate::redacted::Redacted;

/// What is read from a JSON value, or gives the value back.
pub(crate) trait FromJson: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// The value itself, when it is not of this type.
    fn from_json(value: Value) -> Result<Self, Value>;
}

/// Takes a property out of an object if it is a `T` or null; else leaves it there.
pub(crate) fn take<T: FromJson>(object: &mut Other, name: &str) -> Field<T> {
    match object.remove(name) {
        None => Field::Absent,
        Some(Value::Null) => Field::Null,
        Some(value) => match T::from_json(value) {
            Ok(read) => Field::Value(read),
            Err(strange) => {
                object.insert(name.to_owned(), strange);
                Field::Absent
            }
        },
    }
}

impl FromJson for Value {
    fn from_json(value: Value) -> Result<Self, Value> {
        Ok(value)
    }
}

impl FromJson for String {
    fn from_json(value: Value) -> Result<Self, Value> {
        match value {
            Value::String(text) => Ok(text),
            strange => Err(strange),
        }
    }
}

impl<T: FromJson> FromJson for Redacted<T> {
    fn from_json(value: Value) -> Result<Self, Value> {
        T::from_json(value).map(Self::new)
    }
}

impl<T: FromJson> FromJson for Box<T> {
    fn from_json(value: Value) -> Result<Self, Value> {
        T::from_json(value).map(Self::new)
    }
}

impl<T: FromJson + serde::Serialize> FromJson for Vec<T> {
    /// All elements or none: a roster that misses someone says that they have left.
    fn from_json(value: Value) -> Result<Self, Value> {
        let Value::Array(elements) = value else { return Err(value) };
        let mut read = Self::with_capacity(elements.len());
        let mut rest = elements.into_iter();
        while let Some(element) = rest.next() {
            match T::from_json(element) {
                Ok(element) => read.push(element),
                Err(strange) => {
                    // What was read is written back equal, so nothing is lost.
                    let before = read.iter().map(|element| serde_json::to_value(element).unwrap_or_default());
                    return Err(Value::Array(before.chain([strange]).chain(rest).collect()));
                }
            }
        }
        Ok(read)
    }
}

impl<E: OpenEnum> FromJson for Open<E> {
    fn from_json(value: Value) -> Result<Self, Value> {
        value.as_str().map(Self::from_text).ok_or(value)
    }
}

impl<E: OpenEnum> FromJson for Flags<E> {
    fn from_json(value: Value) -> Result<Self, Value> {
        value.as_str().map(Self::from_text).ok_or(value)
    }
}

/// Implements [`FromJson`] by serde, for small types: the value must outlive the attempt.
macro_rules! by_serde {
    ($($type:ty),+) => {
        $(impl $crate::model::json::FromJson for $type {
            fn from_json(value: serde_json::Value) -> Result<Self, serde_json::Value> {
                Self::deserialize(&value).map_err(|_| value)
            }
        })+
    };
}
by_serde!(bool, Decimal, IdentityId, Integer, IsoDuration);
pub(crate) use by_serde;
