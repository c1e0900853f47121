//! What ties a recording to its call: the service's agreement, and what the service knows of who is there.

use std::path::Path;

use offhook_recording::{
    Note, NoteTaker, RecordingAuthority, RecordingError, RecordingGrant, TrackEvent, TrackRecorder,
};
use offhook_signaling::model::{Modality, Participant, RecordingStatus};
use offhook_signaling::track::CallEvent;
use offhook_signaling::{Call, Heard};

use crate::call::BotCall;
use crate::error::BotError;

impl RecordingAuthority for BotCall {
    type Error = BotError;

    async fn recording_begins(&self) -> Result<(String, String), BotError> {
        let operation = self.signaling().update_recording_status(RecordingStatus::Recording).await?;
        operation.finished().await.map_err(BotError::RecordingRefused)?;
        Ok((self.id().as_str().to_owned(), operation.id().as_str().to_owned()))
    }

    async fn recording_ended(&self) -> Result<(), BotError> {
        let operation = self.signaling().update_recording_status(RecordingStatus::NotRecording).await?;
        operation.finished().await.map(|_| ()).map_err(BotError::RecordingRefused)
    }
}

impl BotCall {
    /// Tells the service that the call is recorded, and returns when it has agreed (`updateRecordingStatus`): before that, Graph
    /// forbids to persist any media of the call. It agrees in calls under a recording policy only; elsewhere, whoever records
    /// has to have permission another way ([`RecordingGrant::i_have_permission`]).
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn may_record(&self) -> Result<RecordingGrant, BotError> {
        RecordingGrant::of(self).await
    }

    /// Records the call into `directory`: a track for each speaker, the mix, and who was there when. Its media has to be
    /// [tapped](offhook_media::MediaSessionSettings::tapped). `on_event` is called on the recorder's thread.
    ///
    /// # Errors
    /// When the media is not tapped, or is recorded already; when the directory holds a recording, or the system refuses.
    pub fn record_tracks(
        &mut self,
        grant: RecordingGrant,
        directory: impl AsRef<Path>,
        on_event: impl Fn(TrackEvent) + Send + 'static,
    ) -> Result<TrackRecorder, RecordingError> {
        let tap = self.media_mut().take_tap().ok_or(RecordingError::NotTapped)?;
        let recorder = TrackRecorder::start(grant, directory, tap, on_event)?;
        tokio::spawn(follow(self.signaling().clone(), recorder.notes()));
        Ok(recorder)
    }
}

/// Notes who comes and goes, until the call is over.
async fn follow(call: Call, notes: NoteTaker) {
    let mut events = call.events();
    while let Some(heard) = events.next().await {
        let Heard::Event(event) = heard else { continue };
        let note = match &event.event {
            CallEvent::State(change) => Some(Note::State { state: change.state.to_string() }),
            CallEvent::ParticipantJoined(who) => id(who).map(|participant| Note::Joined {
                participant,
                source: who.source_ids(Modality::Audio).find_map(|source| source.parse().ok()),
                name: who
                    .identity()
                    .and_then(|who| who.display_name.value())
                    .map(|name| name.expose().clone()),
            }),
            CallEvent::ParticipantChanged(who) => id(who)
                .zip(who.is_muted.value().copied())
                .map(|(participant, muted)| Note::Muted { participant, muted }),
            CallEvent::ParticipantLeft(who) => id(who).map(|participant| Note::Left { participant }),
            _ => None,
        };
        note.into_iter().for_each(|note| notes.note(note));
    }
}

fn id(who: &Participant) -> Option<String> {
    who.id.as_str().map(str::to_owned)
}
