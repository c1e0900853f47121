//! Who shares content: sessions that have begun and not ended. One that has ended does not begin again.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::{ChangeType, ContentSharingSession, ContentSharingSessionId};

/// Sessions under way that are kept. A call has one, rarely two.
const KEPT: usize = 64;
/// Ended sessions that are remembered, so that their late beginnings are known to be old.
const ENDED: usize = 64;

/// Content sharing sessions under way. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContentSharing {
    sessions: Arc<Vec<ContentSharingSession>>,
    ended: Arc<VecDeque<ContentSharingSessionId>>,
}

/// What a notification did.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shared {
    /// A session began.
    Started(ContentSharingSession),
    /// One changed; the service does not always say in what.
    Updated(ContentSharingSession),
    /// One ended.
    Ended(ContentSharingSession),
    /// Known, or older than what is known.
    Nothing,
}

impl ContentSharing {
    /// The sessions under way.
    pub fn sessions(&self) -> &[ContentSharingSession] {
        &self.sessions
    }

    /// Takes what was told of one session.
    pub(super) fn take(
        &mut self,
        id: &ContentSharingSessionId,
        change: ChangeType,
        told: &ContentSharingSession,
    ) -> Shared {
        let held = self.sessions.iter().position(|held| held.id.value() == Some(id));
        let told = || ContentSharingSession { id: id.clone().into(), ..told.clone() };
        match (change, held) {
            (ChangeType::Deleted, held) => {
                let known_to_have_ended = self.ended.contains(id);
                self.remember_ended(id);
                match held {
                    Some(index) => Shared::Ended(Arc::make_mut(&mut self.sessions).remove(index)),
                    None if known_to_have_ended => Shared::Nothing,
                    // Its beginning was lost or comes late.
                    None => Shared::Ended(told()),
                }
            }
            (_, None) if self.ended.contains(id) => Shared::Nothing,
            (_, None) => {
                let sessions = Arc::make_mut(&mut self.sessions);
                if sessions.len() == KEPT {
                    sessions.remove(0);
                }
                sessions.push(told());
                Shared::Started(told())
            }
            (ChangeType::Created, Some(_)) => Shared::Nothing,
            (ChangeType::Updated, Some(index)) => {
                let session = &mut Arc::make_mut(&mut self.sessions)[index];
                session.update_from(&told());
                Shared::Updated(session.clone())
            }
        }
    }

    /// Takes all sessions as the service lists them. Gives what that changed.
    pub(super) fn replace(&mut self, listed: &[ContentSharingSession]) -> Vec<Shared> {
        let has = |sessions: &[ContentSharingSession], one: &ContentSharingSession| {
            sessions.iter().any(|other| other.id == one.id)
        };
        let mut changes = Vec::new();
        let gone: Vec<_> = self.sessions.iter().filter(|held| !has(listed, held)).cloned().collect();
        for session in gone {
            if let Some(id) = session.id.value() {
                self.remember_ended(id);
            }
            changes.push(Shared::Ended(session));
        }
        changes.extend(listed.iter().filter(|one| !has(&self.sessions, one)).cloned().map(Shared::Started));
        if !changes.is_empty() {
            self.sessions = Arc::new(listed.iter().take(KEPT).cloned().collect());
        }
        changes
    }

    fn remember_ended(&mut self, id: &ContentSharingSessionId) {
        if self.ended.contains(id) {
            return;
        }
        let ended = Arc::make_mut(&mut self.ended);
        if ended.len() == ENDED {
            ended.pop_front();
        }
        ended.push_back(id.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str) -> ContentSharingSession {
        ContentSharingSession { id: id.into(), ..ContentSharingSession::new() }
    }

    #[test]
    fn a_session_begins_once_and_ends_once_in_whatever_order_it_is_told() {
        let (mut sharing, id) = (ContentSharing::default(), ContentSharingSessionId::from("1"));
        let mut told = |change| sharing.take(&id, change, &session("1"));
        assert_eq!(told(ChangeType::Created), Shared::Started(session("1")));
        assert_eq!(told(ChangeType::Created), Shared::Nothing);
        assert_eq!(told(ChangeType::Updated), Shared::Updated(session("1")));
        assert_eq!(told(ChangeType::Deleted), Shared::Ended(session("1")));
        for late in [ChangeType::Created, ChangeType::Updated, ChangeType::Deleted] {
            assert_eq!(told(late), Shared::Nothing, "{late:?}");
        }
        assert!(sharing.sessions().is_empty());
    }

    #[test]
    fn a_list_settles_what_was_lost() {
        let mut sharing = ContentSharing::default();
        sharing.take(&"1".into(), ChangeType::Created, &session("1"));
        let changes = sharing.replace(&[session("2")]);
        assert_eq!(changes, [Shared::Ended(session("1")), Shared::Started(session("2"))]);
        assert!(sharing.replace(&[session("2")]).is_empty());
        assert_eq!(sharing.take(&"1".into(), ChangeType::Created, &session("1")), Shared::Nothing);
    }
}
