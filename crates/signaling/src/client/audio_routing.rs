//! Audio routing groups: who hears whom besides the mixed room. Not in US Government clouds.

use super::CallsClient;
use super::operations::OperationKind;
use super::request::Ask;
use super::rules::require;
use crate::error::CallsError;
use crate::model::{AudioRoutingGroup, AudioRoutingGroupId, CallId};

impl CallsClient {
    /// The groups of a call: `GET .../audioRoutingGroups`, all pages.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn list_audio_routing_groups(&self, id: &CallId) -> Result<Vec<AudioRoutingGroup>, CallsError> {
        self.list(OperationKind::ListAudioRoutingGroups, &[id.as_str()]).await
    }

    /// Makes a group: `POST .../audioRoutingGroups`. Even in one, only the four loudest speakers are forwarded.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn create_audio_routing_group(
        &self,
        id: &CallId,
        group: &AudioRoutingGroup,
    ) -> Result<AudioRoutingGroup, CallsError> {
        require(group.routing_mode.is_value(), "an audio routing group needs a routing mode")?;
        require(!group.sources.items().is_empty(), "an audio routing group needs someone who is heard")?;
        let ids = [id.as_str()];
        self.send(Ask::new(OperationKind::CreateAudioRoutingGroup, &ids).body(group)).await?.read()
    }

    /// One group: `GET .../audioRoutingGroups/{id}`.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn get_audio_routing_group(
        &self,
        id: &CallId,
        group: &AudioRoutingGroupId,
    ) -> Result<AudioRoutingGroup, CallsError> {
        self.send(Ask::new(OperationKind::GetAudioRoutingGroup, &[id.as_str(), group.as_str()])).await?.read()
    }

    /// Changes who is in a group: `PATCH .../audioRoutingGroups/{id}`, with what `changed` says.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn update_audio_routing_group(
        &self,
        id: &CallId,
        group: &AudioRoutingGroupId,
        changed: &AudioRoutingGroup,
    ) -> Result<AudioRoutingGroup, CallsError> {
        let ids = [id.as_str(), group.as_str()];
        self.send(Ask::new(OperationKind::UpdateAudioRoutingGroup, &ids).body(changed)).await?.read()
    }

    /// Dissolves a group: `DELETE .../audioRoutingGroups/{id}`.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn delete_audio_routing_group(
        &self,
        id: &CallId,
        group: &AudioRoutingGroupId,
    ) -> Result<(), CallsError> {
        let ids = [id.as_str(), group.as_str()];
        self.send(Ask::new(OperationKind::DeleteAudioRoutingGroup, &ids)).await.map(drop)
    }
}
