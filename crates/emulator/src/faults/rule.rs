//! A fault and how often it happens.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

/// How often a fault happens, of all that it is on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Occurrence {
    /// Each time.
    #[default]
    Always,
    /// The next so many times, then never again.
    Next(u32),
    /// With this probability, from 0 to 1, each time. Drawn from a generator with a seed: the same run goes the same way.
    Chance(f64),
}

/// Something that goes wrong with what `on` matches.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Written<On, Effect>")]
#[serde(bound(deserialize = "On: Deserialize<'de>, Effect: Deserialize<'de>"))]
pub struct Fault<On, Effect> {
    pub(super) on: On,
    pub(super) effect: Effect,
    pub(super) occurrence: Occurrence,
}

impl<On, Effect> Fault<On, Effect> {
    /// A fault that happens each time.
    pub fn new(on: On, effect: Effect) -> Self {
        Self { on, effect, occurrence: Occurrence::Always }
    }

    /// How often it happens. Default [`Occurrence::Always`].
    #[must_use]
    pub fn occurs(mut self, occurrence: Occurrence) -> Self {
        self.occurrence = occurrence;
        self
    }
}

/// A fault as it stands in a scenario.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<On, Effect> {
    on: On,
    effect: Effect,
    next: Option<u32>,
    chance: Option<f64>,
}

impl<On, Effect> TryFrom<Written<On, Effect>> for Fault<On, Effect> {
    type Error = &'static str;

    fn try_from(written: Written<On, Effect>) -> Result<Self, Self::Error> {
        let occurrence = match (written.next, written.chance) {
            (Some(_), Some(_)) => return Err("a fault has either `next` or `chance`"),
            (Some(times), None) => Occurrence::Next(times),
            (None, Some(chance)) if (0.0..=1.0).contains(&chance) => Occurrence::Chance(chance),
            (None, Some(_)) => return Err("`chance` is a probability from 0 to 1"),
            (None, None) => Occurrence::Always,
        };
        Ok(Self { on: written.on, effect: written.effect, occurrence })
    }
}

/// As it is read.
impl<On: Serialize, Effect: Serialize> Serialize for Fault<On, Effect> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Shown { on: &self.on, effect: &self.effect, occurrence: self.occurrence.into() }.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Shown<'a, On, Effect> {
    on: &'a On,
    effect: &'a Effect,
    #[serde(flatten)]
    occurrence: ShownOccurrence,
}

#[derive(Serialize)]
struct ShownOccurrence {
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chance: Option<f64>,
}

impl From<Occurrence> for ShownOccurrence {
    fn from(occurrence: Occurrence) -> Self {
        match occurrence {
            Occurrence::Always => Self { next: None, chance: None },
            Occurrence::Next(times) => Self { next: Some(times), chance: None },
            Occurrence::Chance(chance) => Self { next: None, chance: Some(chance) },
        }
    }
}

/// A pattern that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct PatternError {
    pub(super) text: String,
    pub(super) expected: &'static str,
}

/// A fault that is armed: what is left of it.
pub(super) struct Rule<On, Effect> {
    /// Which one, of all that were armed.
    pub(super) id: u64,
    pub(super) on: On,
    pub(super) effect: Effect,
    occurrence: Occurrence,
    generator: StdRng,
}

impl<On, Effect> Rule<On, Effect> {
    pub(super) fn new(fault: Fault<On, Effect>, id: u64, seed: u64) -> Self {
        let generator = StdRng::seed_from_u64(seed);
        Self { id, on: fault.on, effect: fault.effect, occurrence: fault.occurrence, generator }
    }

    /// What is left of it, with its id; nothing when it is used up.
    pub(super) fn left(&self) -> Option<Armed<'_, On, Effect>> {
        let occurrence = self.occurrence.into();
        let is_left = self.occurrence != Occurrence::Next(0);
        is_left
            .then_some(Armed { id: self.id, fault: Shown { on: &self.on, effect: &self.effect, occurrence } })
    }

    /// Whether it happens this time. To be asked only about what it is on.
    pub(super) fn happens(&mut self) -> bool {
        match &mut self.occurrence {
            Occurrence::Always => true,
            Occurrence::Next(0) => false,
            Occurrence::Next(left) => {
                *left -= 1;
                true
            }
            Occurrence::Chance(chance) => self.generator.random::<f64>() < *chance,
        }
    }
}

/// A fault that may still happen.
#[derive(Serialize)]
pub(super) struct Armed<'a, On, Effect> {
    id: u64,
    #[serde(flatten)]
    fault: Shown<'a, On, Effect>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(occurrence: Occurrence, seed: u64) -> Vec<bool> {
        let mut rule = Rule::new(Fault::new((), ()).occurs(occurrence), 1, seed);
        (0..1000).map(|_| rule.happens()).collect()
    }

    #[test]
    fn a_fault_happens_as_often_as_it_says() {
        let count = |occurrence| times(occurrence, 7).into_iter().filter(|happens| *happens).count();
        assert_eq!(count(Occurrence::Always), 1000);
        assert_eq!(count(Occurrence::Next(2)), 2);
        assert_eq!(times(Occurrence::Next(2), 7)[..3], [true, true, false]);
        assert_eq!((count(Occurrence::Chance(0.0)), count(Occurrence::Chance(1.0))), (0, 1000));
        assert!((200..300).contains(&count(Occurrence::Chance(0.25))));
    }

    #[test]
    fn a_chance_goes_the_same_way_with_the_same_seed_and_another_with_another() {
        let chance = Occurrence::Chance(0.5);
        assert_eq!(times(chance, 7), times(chance, 7));
        assert_ne!(times(chance, 7), times(chance, 8));
    }

    #[test]
    fn a_written_fault_says_once_how_often() {
        let written = serde_json::to_value(Fault::new("x", "y").occurs(Occurrence::Next(3))).unwrap();
        assert_eq!(written, serde_json::json!({"on": "x", "effect": "y", "next": 3}));
        let read = |rest: &str| {
            let text = format!(r#"{{"on": "x", "effect": "y"{rest}}}"#);
            serde_json::from_str::<Fault<String, String>>(&text).map(|fault| fault.occurrence)
        };
        assert_eq!(read("").unwrap(), Occurrence::Always);
        assert_eq!(read(r#", "next": 3"#).unwrap(), Occurrence::Next(3));
        assert_eq!(read(r#", "chance": 0.5"#).unwrap(), Occurrence::Chance(0.5));
        for (rest, said) in [
            (r#", "next": 1, "chance": 0.5"#, "either"),
            (r#", "chance": 1.5"#, "from 0 to 1"),
            (r#", "chances": 1"#, "unknown field `chances`"),
        ] {
            let error = read(rest).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
