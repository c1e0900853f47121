//! Who is in the call. Whole rosters replace; who is missing has left. Deltas change; who is missing is unchanged.

use std::sync::Arc;

use crate::model::{DeltaParticipants, Integer, Participant, ParticipantId};

/// The participants, as last told. The bot sees itself among them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roster {
    participants: Arc<Vec<Participant>>,
    /// Position of the last delta, when there are deltas.
    sequence: Option<i64>,
    incomplete: bool,
}

impl Roster {
    /// Everyone, in the service's order. Shared, so keeping it costs nothing.
    pub fn participants(&self) -> &Arc<Vec<Participant>> {
        &self.participants
    }

    /// One participant.
    pub fn get(&self, id: &ParticipantId) -> Option<&Participant> {
        self.participants.iter().find(|participant| participant.id.value() == Some(id))
    }

    /// Whether deltas are known to be missing: the service must be asked who is there.
    pub fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// Takes a whole roster. Returns whether anything changed.
    pub(super) fn replace(&mut self, participants: &[Participant]) -> bool {
        let changed = self.participants.as_slice() != participants || self.incomplete;
        if changed {
            self.participants = Arc::new(participants.to_vec());
        }
        self.incomplete = false;
        changed
    }

    /// Takes what changed. Returns whether anything did.
    pub(super) fn update(&mut self, delta: &DeltaParticipants) -> bool {
        let was_incomplete = self.incomplete;
        if let Some(sequence) = delta.sequence_number.value().and_then(Integer::get) {
            match self.sequence {
                Some(last) if sequence <= last => return false,
                // The first delta may start anywhere: whether it is whole is not documented.
                Some(last) if sequence > last.saturating_add(1) => self.incomplete = true,
                _ => {}
            }
            self.sequence = Some(sequence);
        }
        let mut changed = false;
        for participant in delta.participants.items() {
            changed |= self.update_one(participant);
        }
        changed || self.incomplete != was_incomplete
    }

    /// Takes one participant's change: joined, changed or removed.
    pub(super) fn update_one(&mut self, participant: &Participant) -> bool {
        let Some(id) = participant.id.value() else { return false };
        let held = self.participants.iter().position(|held| held.id.value() == Some(id));
        if held.is_some_and(|index| is_older(participant, &self.participants[index])) {
            return false;
        }
        match (held, participant.removed_state.is_value()) {
            (Some(index), true) => {
                Arc::make_mut(&mut self.participants).remove(index);
            }
            (Some(index), false) if self.participants[index] == *participant => return false,
            (Some(index), false) => Arc::make_mut(&mut self.participants)[index].update_from(participant),
            (None, false) => Arc::make_mut(&mut self.participants).push(participant.clone()),
            (None, true) => return false,
        }
        true
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

    #[test]
    fn a_whole_roster_replaces_and_who_is_missing_has_left() {
        let mut roster = Roster::default();
        assert!(roster.replace(&[participant("a", false), participant("b", false)]));
        assert!(!roster.replace(&[participant("a", false), participant("b", false)]), "told twice");
        assert!(roster.replace(&[participant("b", true)]));
        assert_eq!(ids(&roster), ["b"]);
    }

    #[test]
    fn a_delta_changes_and_who_is_missing_stays() {
        let mut roster = Roster::default();
        roster.update(&delta(1, vec![participant("a", false), participant("b", false)]));
        let gone = Participant { removed_state: RemovedState::new().into(), ..participant("a", false) };
        assert!(roster.update(&delta(2, vec![gone])));
        assert_eq!(ids(&roster), ["b"]);
        assert!(!roster.update(&delta(1, vec![participant("a", false)])), "an old delta changes nothing");
        assert!(!roster.is_incomplete());
    }

    #[test]
    fn a_gap_is_told_until_a_whole_roster_closes_it() {
        let mut roster = Roster::default();
        roster.update(&delta(1, vec![participant("a", false)]));
        assert!(roster.update(&delta(3, Vec::new())), "the gap is a change");
        assert!(roster.is_incomplete());
        assert!(!roster.update(&delta(4, Vec::new())), "told once");
        roster.replace(&[participant("a", false), participant("b", false), participant("c", false)]);
        assert!(!roster.is_incomplete());
    }
}
