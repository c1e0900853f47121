//! A call as a whole: create, get, delete, keep alive.

use super::operations::OperationKind;
use super::request::Ask;
use super::{CallsClient, NewCall};
use crate::cloud::CloudFeature;
use crate::error::CallsError;
use crate::model::{Call, CallId, CallState, Field};

impl CallsClient {
    /// Creates a call: `POST /communications/calls`. Returns the call as Graph describes it, in state `establishing`.
    ///
    /// Tried again only when Graph certainly did not process it (429, or nobody reached): a second attempt after a
    /// timeout could be a second call. To follow the call, use [`Calls::create`](crate::Calls::create).
    ///
    /// # Errors
    /// [`CallsError::InvalidRequest`] before anything is sent; else what Graph or the network said.
    pub async fn create_call(&self, new_call: NewCall) -> Result<Call, CallsError> {
        let needs = new_call.permissions();
        self.check_cloud(CloudFeature::CallOptions, new_call.has_options())?;
        let call = new_call.into_call(self.inner.allow_plain_http)?;
        let ask = Ask::new(OperationKind::CreateCall, &[]).needs(needs).body(&call);
        let answer = self.send(ask).await?;
        let location = answer.location().map(|path| path.call);
        let mut created: Call = match (answer.read(), &location) {
            (Ok(call), _) => call,
            (Err(error), Some(id)) => {
                // The call exists and costs; whoever follows it learns the rest by asking.
                tracing::warn!(%error, call = %id, "only its address tells about the new call");
                Call::new()
            }
            (Err(error), None) => return Err(error),
        };
        if created.id.as_str().is_none_or(str::is_empty) {
            // The page's answers have the id in both places; one is enough.
            created.id = Field::Value(location.ok_or_else(|| answer.without("neither `id` nor `Location`"))?);
        }
        if !created.state.is_value() {
            created.state = CallState::Establishing.into();
        }
        Ok(created)
    }

    /// Reads a call: `GET /communications/calls/{id}`.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn get_call(&self, id: &CallId) -> Result<Call, CallsError> {
        self.send(Ask::new(OperationKind::GetCall, &[id.as_str()])).await?.read()
    }

    /// Hangs up: `DELETE /communications/calls/{id}`. Ends the bot's own leg.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn delete_call(&self, id: &CallId) -> Result<(), CallsError> {
        self.send(Ask::new(OperationKind::DeleteCall, &[id.as_str()])).await.map(drop)
    }

    /// Says that the bot is still there: `POST .../keepAlive`. Graph ends a call that does not do so for 45
    /// minutes, and recommends every 15. Returns whether the call is still there.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`], but for a call that is over.
    pub async fn keep_alive(&self, id: &CallId) -> Result<bool, CallsError> {
        match self.send(Ask::new(OperationKind::KeepAlive, &[id.as_str()])).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_call_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
