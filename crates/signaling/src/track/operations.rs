//! Operations on a call: which are owed an answer. An operation that is over stays so, whatever comes late.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::{CommsOperation, Operation, OperationId};

/// Operations kept; those that are over go first, the oldest before the others.
const KEPT: usize = 128;

/// The operations of a call, as last told. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Operations(Arc<VecDeque<Entry>>);

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    id: OperationId,
    operation: Arc<CommsOperation>,
    over: bool,
    /// Whether the service answers when it is asked for this one; whether Microsoft's does is not documented.
    askable: bool,
}

impl Operations {
    /// The operation with this id, as last told.
    pub fn get(&self, id: &OperationId) -> Option<&CommsOperation> {
        self.entry(id).map(|entry| entry.operation.as_ref())
    }

    /// All that are known, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &CommsOperation> {
        self.0.iter().map(|entry| entry.operation.as_ref())
    }

    /// Whether this operation is over: told so by its status, or by its end being told.
    pub fn is_over(&self, id: &OperationId) -> bool {
        self.entry(id).is_some_and(|entry| entry.over)
    }

    /// Operations whose end is owed and which can be asked for.
    pub(super) fn owed(&self) -> impl Iterator<Item = &OperationId> {
        self.0.iter().filter(|entry| !entry.over && entry.askable).map(|entry| &entry.id)
    }

    /// Takes what was told of an operation; `ended` when its end was told, whatever its status says. Gives what became
    /// of it.
    pub(super) fn take(&mut self, id: &OperationId, told: &CommsOperation, ended: bool) -> Told {
        let over = ended || told.is_over();
        let mut told = told.clone();
        if told.common().id.is_none() {
            told.set_id(id.clone());
        }
        let Some(index) = self.0.iter().position(|entry| entry.id == *id) else {
            self.insert(Entry { id: id.clone(), operation: Arc::new(told.clone()), over, askable: true });
            return if over { Told::Ended(Arc::new(told)) } else { Told::Changed };
        };
        let held = &self.0[index];
        if held.over && !over {
            return Told::Stale;
        }
        let mut merged = CommsOperation::clone(&held.operation);
        // Two ends may be told: by a poll and by a notification. The first failure or reason is not unsaid by the second.
        merged.update_from(&told);
        if merged == *held.operation && held.over == over {
            return Told::Known;
        }
        let was_over = held.over;
        let merged = Arc::new(merged);
        let entry = &mut Arc::make_mut(&mut self.0)[index];
        (entry.operation, entry.over) = (Arc::clone(&merged), over);
        if over && !was_over { Told::Ended(merged) } else { Told::Changed }
    }

    /// The service does not answer for this operation: only a notification can tell its end.
    pub(super) fn not_askable(&mut self, id: &OperationId) {
        if let Some(index) = self.0.iter().position(|entry| entry.id == *id) {
            Arc::make_mut(&mut self.0)[index].askable = false;
        }
    }

    fn entry(&self, id: &OperationId) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.id == *id)
    }

    fn insert(&mut self, entry: Entry) {
        let entries = Arc::make_mut(&mut self.0);
        if entries.len() == KEPT {
            let oldest = entries.iter().position(|entry| entry.over).unwrap_or(0);
            entries.remove(oldest);
        }
        entries.push_back(entry);
    }
}

/// What became of something that was told of an operation.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    /// It is over, which it was not before.
    Ended(Arc<CommsOperation>),
    /// It is otherwise news.
    Changed,
    /// It was known.
    Known,
    /// It is older than what is known.
    Stale,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{OperationStatus, PlayPromptOperation, ResultInfo};

    fn prompt(status: OperationStatus) -> CommsOperation {
        PlayPromptOperation { id: "1".into(), status: status.into(), ..PlayPromptOperation::new() }.into()
    }

    #[test]
    fn an_operation_that_is_over_stays_so() {
        let (mut operations, id) = (Operations::default(), OperationId::from("1"));
        assert_eq!(operations.take(&id, &prompt(OperationStatus::Running), false), Told::Changed);
        assert_eq!(operations.owed().count(), 1);
        let ended = operations.take(&id, &prompt(OperationStatus::Completed), true);
        assert!(matches!(ended, Told::Ended(_)));
        assert_eq!(operations.take(&id, &prompt(OperationStatus::Running), false), Told::Stale);
        assert_eq!(operations.take(&id, &prompt(OperationStatus::Completed), true), Told::Known);
        assert!(operations.is_over(&id) && operations.owed().count() == 0);
    }

    #[test]
    fn the_end_may_be_told_before_the_beginning_and_without_an_id() {
        let (mut operations, id) = (Operations::default(), OperationId::from("1"));
        let nameless: CommsOperation =
            PlayPromptOperation { result_info: ResultInfo::with_codes(200, 0).into(), ..Default::default() }
                .into();
        assert!(matches!(operations.take(&id, &nameless, true), Told::Ended(_)));
        assert_eq!(operations.get(&id).unwrap().common().id, Some(&id));
        assert_eq!(operations.take(&id, &prompt(OperationStatus::Running), false), Told::Stale);
    }

    #[test]
    fn memory_is_bounded_and_those_under_way_stay_longest() {
        let mut operations = Operations::default();
        let running = OperationId::from("running");
        operations.take(&running, &prompt(OperationStatus::Running), false);
        for n in 0..KEPT + 5 {
            operations.take(&format!("{n}").into(), &prompt(OperationStatus::Completed), true);
        }
        assert_eq!(operations.iter().count(), KEPT);
        assert!(operations.get(&running).is_some());
    }
}
