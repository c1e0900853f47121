//! What is shown, and what is said about recording.

use std::time::SystemTime;

use offhook_signaling::model::action::{
    ChangeScreenSharingRoleRequest, ClientContextRequest, UpdateRecordingStatusRequest,
};
use offhook_signaling::model::{
    AddLargeGalleryViewOperation, CallId, Identity, IdentitySet, MediaDirection, Modality, Open,
    RecordingInfo, RecordingStatus, ScreenSharingRole, UpdateRecordingStatusOperation,
};
use uuid::Uuid;

use super::check_context;
use crate::service::operations::{Effect, Outline, Pending, answered, succeeded, told};
use crate::service::participants::stream;
use crate::service::roster::new_seat;
use crate::service::{Answer, CallService, GraphError, Request};

impl CallService {
    pub(in crate::service) fn change_screen_sharing_role(
        &mut self,
        call: &CallId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let body: ChangeScreenSharingRoleRequest = request.read()?;
        let record = self.record_mut(call)?;
        record.need_group()?;
        if record.is_service_hosted() {
            return Err(GraphError::bad_request(
                "The action is only supported for calls with appHostedMediaConfig.",
            ));
        }
        let role = body.role.value().ok_or_else(|| GraphError::missing("role"))?.known();
        let role =
            role.ok_or_else(|| GraphError::bad_request("The property role must be viewer or sharer."))?;
        let source = record.roster.next_source();
        let me = record.me.clone();
        if let Some(seat) = record.roster.by_id_mut(&me)
            && let Some(streams) = seat.participant.media_streams.value_mut()
        {
            streams.retain(|stream| stream.media_type.known() != Some(Modality::VideoBasedScreenSharing));
            if role == ScreenSharingRole::Sharer {
                streams.push(stream(Modality::VideoBasedScreenSharing, source, MediaDirection::SendOnly));
            }
        }
        let changed = record.post_changed(&me);
        self.owe(changed);
        Ok(Answer::empty(202))
    }

    pub(in crate::service) fn add_large_gallery_view(
        &mut self,
        now: SystemTime,
        call: &CallId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let body: ClientContextRequest = request.read()?;
        check_context(&body.client_context)?;
        let record = self.record(call)?;
        record.need_group()?;
        let outline = Outline::new(&record.id, body.client_context);
        let running = answered!(AddLargeGalleryViewOperation, outline, Running);
        let finished = told!(AddLargeGalleryViewOperation, outline, Completed, succeeded());
        let pending = Pending { finished, cancelled: None, stopped: None, effect: Effect::Gallery };
        let lasts = self.limits.moment();
        self.start(now, call, outline, (202, running), pending, lasts)
    }

    /// The gallery is a participant that shows many others.
    pub(in crate::service) fn gallery_joins(&mut self, call: &CallId) {
        let Some(record) = self.calls.get_mut(call) else { return };
        let gallery = Identity {
            display_name: "Large Gallery View".into(),
            ..Identity::with_id(Uuid::new_v4().to_string())
        };
        let identity = IdentitySet { application: Box::new(gallery).into(), ..IdentitySet::new() };
        let source = record.roster.next_source();
        let seat = record.roster.seat(new_seat(), identity);
        seat.participant.media_streams =
            vec![stream(Modality::Video, source, MediaDirection::SendOnly)].into();
        let id = seat.id().clone();
        let joined = record.post_changed(&id);
        self.owe(joined);
    }

    /// Everybody is told whether the call is recorded. Only a recorder that a policy has brought in may say so.
    pub(in crate::service) fn update_recording_status(
        &mut self,
        call: &CallId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let body: UpdateRecordingStatusRequest = request.read()?;
        check_context(&body.client_context)?;
        let record = self.record_mut(call)?;
        record.need_joined()?;
        if record.policy.is_none() {
            return Err(GraphError::not_policy_recording());
        }
        let status = body.status.value().ok_or_else(|| GraphError::missing("status"))?.known();
        let status = match status {
            Some(RecordingStatus::NotRecording | RecordingStatus::Recording | RecordingStatus::Failed) => {
                status
            }
            _ => None,
        };
        let wrong =
            || GraphError::bad_request("The property status must be notRecording, recording or failed.");
        let status = status.ok_or_else(wrong)?;
        let me = record.me.clone();
        let initiator = record.roster.by_id(&me).and_then(|seat| seat.participant.info.value());
        let initiator = initiator.and_then(|info| info.identity.value().cloned());
        let recording = RecordingInfo {
            initiator: initiator.into(),
            recording_status: Open::from(status).into(),
            ..RecordingInfo::new()
        };
        if let Some(seat) = record.roster.by_id_mut(&me) {
            seat.participant.recording_info = recording.into();
        }
        let changed = record.post_changed(&me);
        let outline = Outline::new(&record.id, body.client_context);
        let operation = answered!(UpdateRecordingStatusOperation, outline, Completed);
        self.owe(changed);
        self.done(call, outline, operation)
    }
}
