//! What else of a call can be read: its operations and what is shared in it.

use super::CallsClient;
use super::operations::OperationKind;
use super::request::Ask;
use crate::error::CallsError;
use crate::model::{CallId, CommsOperation, ContentSharingSession, ContentSharingSessionId, OperationId};

impl CallsClient {
    /// The operations of a call: `GET .../operations`, all pages.
    ///
    /// In Graph's metadata and on no page: whether the cloud answers is unknown. Count on notifications.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn list_operations(&self, id: &CallId) -> Result<Vec<CommsOperation>, CallsError> {
        self.list(OperationKind::ListOperations, &[id.as_str()]).await
    }

    /// One operation: `GET .../operations/{id}`, where the `Location` of its answer points. The same doubt as of
    /// [`CallsClient::list_operations`].
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn get_operation(
        &self,
        id: &CallId,
        operation: &OperationId,
    ) -> Result<CommsOperation, CallsError> {
        self.send(Ask::new(OperationKind::GetOperation, &[id.as_str(), operation.as_str()])).await?.read()
    }

    /// What is shared in a call: `GET .../contentSharingSessions`, all pages. Not in US Government clouds.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn list_content_sharing_sessions(
        &self,
        id: &CallId,
    ) -> Result<Vec<ContentSharingSession>, CallsError> {
        self.list(OperationKind::ListContentSharingSessions, &[id.as_str()]).await
    }

    /// One of them: `GET .../contentSharingSessions/{id}`. Not in US Government clouds.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn get_content_sharing_session(
        &self,
        id: &CallId,
        session: &ContentSharingSessionId,
    ) -> Result<ContentSharingSession, CallsError> {
        let ids = [id.as_str(), session.as_str()];
        self.send(Ask::new(OperationKind::GetContentSharingSession, &ids)).await?.read()
    }
}
