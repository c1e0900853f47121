//! Content sharing sessions: somebody shows a screen or a document.

use offhook_signaling::model::{CallId, Collection, ContentSharingSession, ContentSharingSessionId};

use super::{Answer, CallService, GraphError};

impl CallService {
    pub(super) fn list_content_sharing(&self, call: &CallId) -> Result<Answer, GraphError> {
        let sessions =
            self.record(call)?.content_sharing.iter().map(|sharing| session(&sharing.session)).collect();
        let context = format!(
            "https://graph.microsoft.com/v1.0/$metadata#communications/calls('{call}')/contentSharingSessions"
        );
        let sessions = Collection { odata_context: context.into(), ..Collection::of(sessions) };
        Answer::with_body(200, &sessions)
    }

    pub(super) fn get_content_sharing(
        &self,
        call: &CallId,
        id: &ContentSharingSessionId,
    ) -> Result<Answer, GraphError> {
        let found = self
            .record(call)?
            .content_sharing
            .iter()
            .map(|sharing| &sharing.session)
            .find(|held| *held == id);
        let unknown = || GraphError::not_found(format!("The call has no content sharing session {id}."));
        let context = format!(
            "https://graph.microsoft.com/v1.0/$metadata#communications/calls('{call}')/contentSharingSessions/$entity"
        );
        let found = session(found.ok_or_else(unknown)?);
        Answer::with_body(200, &ContentSharingSession { odata_context: context.into(), ..found })
    }
}

fn session(id: &ContentSharingSessionId) -> ContentSharingSession {
    ContentSharingSession { id: id.clone().into(), ..ContentSharingSession::new() }
}
