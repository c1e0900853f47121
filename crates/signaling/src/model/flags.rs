//! Enumerations of which several members hold at once, as text with commas.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::open::{Open, OpenEnum};

/// Members of the flags `E` as the service wrote them: `watermarkProtection`, or several with commas between.
#[derive(Clone, PartialEq, Eq)]
pub struct Flags<E> {
    text: Box<str>,
    of: PhantomData<E>,
}

impl<E: OpenEnum> Flags<E> {
    /// Reads members from text. Spaces around the commas do not count.
    pub fn from_text(text: &str) -> Self {
        Self { text: text.into(), of: PhantomData }
    }

    /// The text on the wire.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The members, in the order of the text; those that this version does not know keep their names.
    pub fn members(&self) -> impl Iterator<Item = Open<E>> + '_ {
        self.text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(Open::from_text)
    }

    /// Whether this member is among them.
    pub fn contains(&self, member: E) -> bool {
        self.members().any(|one| one == member)
    }
}

impl<E: OpenEnum> FromIterator<E> for Flags<E> {
    fn from_iter<I: IntoIterator<Item = E>>(members: I) -> Self {
        let names: Vec<_> = members.into_iter().map(OpenEnum::name).collect();
        Self::from_text(&names.join(","))
    }
}

impl<E> fmt::Debug for Flags<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<E> Serialize for Flags<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de, E: OpenEnum> Deserialize<'de> for Flags<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::from_text(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OnlineMeetingVideoDisabledReason as Reason;

    #[test]
    fn several_members_in_any_case_are_told_apart_and_written_back_as_read() {
        let json = r#""WatermarkProtection, novelty""#;
        let read: Flags<Reason> = serde_json::from_str(json).unwrap();
        assert!(read.contains(Reason::WatermarkProtection));
        assert!(!read.contains(Reason::UnknownFutureValue));
        assert_eq!(
            read.members().map(|one| one.as_str().to_owned()).collect::<Vec<_>>(),
            ["WatermarkProtection", "novelty"]
        );
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
        let made = Flags::from_iter([Reason::WatermarkProtection, Reason::UnknownFutureValue]);
        assert_eq!(made.as_str(), "watermarkProtection,unknownFutureValue");
        assert_eq!(Flags::<Reason>::from_text("").members().count(), 0);
    }
}
