//! Who is in the call. Whole rosters replace; who is missing has left. Deltas change; who is missing is unchanged.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{DeltaParticipants, Integer, Participant, ParticipantId};

/// The participants, as last told. The bot sees itself among them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roster {
    participants: Arc<Vec<Arc<Participant>>>,
    /// Position of the last delta, when there are deltas.
    sequence: Option<i64>,
    incomplete: bool,
}

/// Who came, went or changed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Moved {
    Joined(Arc<Participant>),
    Changed(Arc<Participant>),
    Left(Arc<Participant>),
}

impl Roster {
    /// Everyone, in the service's order. Shared, so keeping it costs nothing.
    pub fn participants(&self) -> &Arc<Vec<Arc<Participant>>> {
        &self.participants
    }

    /// One participant.
    pub fn get(&self, id: &ParticipantId) -> Option<&Arc<Participant>> {
        self.participants.iter().find(|participant| participant.id.value() == Some(id))
    }

    /// Whether deltas are known to be missing, or the first of them may not have been whole: the service must be asked who is
    /// there.
    pub fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// Takes a whole roster. Gives what it changed.
    pub(super) fn replace(&mut self, participants: &[Participant]) -> Vec<Moved> {
        self.incomplete = false;
        let same = self.participants.len() == participants.len()
            && self.participants.iter().zip(participants).all(|(held, told)| **held == *told);
        if same {
            return Vec::new();
        }
        let held = std::mem::take(&mut self.participants);
        let told: Vec<_> = participants.iter().map(|told| Arc::new(told.clone())).collect();
        let by_id = |all: &[Arc<Participant>]| -> HashMap<ParticipantId, Arc<Participant>> {
            let known = all.iter().filter_map(|one| Some((one.id.value()?.clone(), Arc::clone(one))));
            known.collect()
        };
        let (before, after) = (by_id(&held), by_id(&told));
        let left = held.iter().filter(|one| one.id.value().is_some_and(|id| !after.contains_key(id)));
        let mut moved: Vec<_> = left.cloned().map(Moved::Left).collect();
        for one in &told {
            let Some(id) = one.id.value() else { continue };
            match before.get(id) {
                None => moved.push(Moved::Joined(Arc::clone(one))),
                Some(held) if held != one => moved.push(Moved::Changed(Arc::clone(one))),
                Some(_) => {}
            }
        }
        self.participants = Arc::new(told);
        moved
    }

    /// Takes what changed. Gives who moved.
    pub(super) fn update(&mut self, delta: &DeltaParticipants) -> Vec<Moved> {
        if let Some(sequence) = delta.sequence_number.value().and_then(Integer::get) {
            match self.sequence {
                Some(last) if sequence <= last => return Vec::new(),
                // One is missing; or this is the first, of which it is not documented whether it is whole.
                Some(last) if sequence > last.saturating_add(1) => self.incomplete = true,
                None => self.incomplete = true,
                Some(_) => {}
            }
            self.sequence = Some(sequence);
        }
        delta.participants.items().iter().filter_map(|one| self.update_one(one)).collect()
    }

    /// Takes one participant's change: joined, changed or removed.
    pub(super) fn update_one(&mut self, participant: &Participant) -> Option<Moved> {
        let id = participant.id.value()?;
        let held = self.participants.iter().position(|held| held.id.value() == Some(id));
        if held.is_some_and(|index| is_older(participant, &self.participants[index])) {
            return None;
        }
        match (held, participant.removed_state.is_value()) {
            (Some(index), true) => {
                let mut left = Arc::make_mut(&mut self.participants).remove(index);
                Arc::make_mut(&mut left).update_from(participant);
                Some(Moved::Left(left))
            }
            (Some(index), false) => {
                let mut changed = Participant::clone(&self.participants[index]);
                changed.update_from(participant);
                if changed == *self.participants[index] {
                    return None;
                }
                let changed = Arc::new(changed);
                Arc::make_mut(&mut self.participants)[index] = Arc::clone(&changed);
                Some(Moved::Changed(changed))
            }
            (None, false) => {
                let joined = Arc::new(participant.clone());
                Arc::make_mut(&mut self.participants).push(Arc::clone(&joined));
                Some(Moved::Joined(joined))
            }
            (None, true) => None,
        }
    }
}

fn is_older(heard: &Participant, held: &Participant) -> bool {
    let number =
        |participant: &Participant| participant.roster_sequence_number.value().and_then(Integer::get);
    matches!((number(heard), number(held)), (Some(heard), Some(held)) if heard < held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RemovedState;

    fn participant(id: &str, muted: bool) -> Participant {
        Participant { id: id.into(), is_muted: muted.into(), ..Participant::new() }
    }

    fn delta(sequence: i64, participants: Vec<Participant>) -> DeltaParticipants {
        DeltaParticipants {
            participants: participants.into(),
            sequence_number: Integer::from(sequence).into(),
            ..DeltaParticipants::new()
        }
    }

    fn ids(roster: &Roster) -> Vec<&str> {
        roster.participants().iter().filter_map(|participant| participant.id.as_str()).collect()
    }

    fn names(moved: &[Moved]) -> Vec<String> {
        let name = |what: &str, one: &Participant| format!("{what} {}", one.id.as_str().unwrap_or("?"));
        let names = moved.iter().map(|moved| match moved {
            Moved::Joined(one) => name("joined", one),
            Moved::Changed(one) => name("changed", one),
            Moved::Left(one) => name("left", one),
        });
        names.collect()
    }

    #[test]
    fn a_whole_roster_replaces_and_who_is_missing_has_left() {
        let mut roster = Roster::default();
        let both = [participant("a", false), participant("b", false)];
        assert_eq!(names(&roster.replace(&both)), ["joined a", "joined b"]);
        assert!(roster.replace(&both).is_empty(), "told twice");
        assert_eq!(names(&roster.replace(&[participant("b", true)])), ["left a", "changed b"]);
        assert_eq!(ids(&roster), ["b"]);
    }

    #[test]
    fn a_delta_changes_and_who_is_missing_stays() {
        let mut roster = Roster::default();
        roster.replace(&[]);
        roster.update(&delta(1, vec![participant("a", false), participant("b", false)]));
        let gone = Participant { removed_state: RemovedState::new().into(), ..participant("a", false) };
        assert_eq!(names(&roster.update(&delta(2, vec![gone]))), ["left a"]);
        assert_eq!(ids(&roster), ["b"]);
        assert!(
            roster.update(&delta(1, vec![participant("a", false)])).is_empty(),
            "an old delta changes nothing"
        );
        assert_eq!(names(&roster.update(&delta(3, vec![participant("b", true)]))), ["changed b"]);
    }

    #[test]
    fn the_first_delta_and_a_gap_are_doubted_until_a_whole_roster_comes() {
        let mut roster = Roster::default();
        roster.update(&delta(7, vec![participant("a", false)]));
        assert!(roster.is_incomplete(), "whether the first is whole is not documented");
        roster.replace(&[participant("a", false)]);
        roster.update(&delta(8, Vec::new()));
        assert!(!roster.is_incomplete());
        roster.update(&delta(10, Vec::new()));
        assert!(roster.is_incomplete());
        roster.update(&delta(11, Vec::new()));
        assert!(roster.is_incomplete(), "the next one does not close the gap");
        roster.replace(&[participant("a", false), participant("b", false)]);
        assert!(!roster.is_incomplete());
    }
}
