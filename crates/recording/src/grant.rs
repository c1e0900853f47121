//! The permission to record, as a type: without one nothing that persists media opens.

use std::future::Future;

use crate::journal::GrantEntry;

/// The permission to record a call.
///
/// Graph forbids to persist media of a call before `updateRecordingStatus` has succeeded. Nothing here that persists media opens
/// without a grant, and only two ways lead to one: the service agrees ([`of`](Self::of)), or whoever records says that they may
/// ([`i_have_permission`](Self::i_have_permission)).
///
/// ```
/// # use offhook_media::AudioFormat;
/// # use offhook_recording::{RecordingGrant, WavRecorder};
/// # let directory = std::env::temp_dir().join("offhook-grant-doc");
/// let grant = RecordingGrant::i_have_permission("everybody was asked");
/// let recorder = WavRecorder::create(directory.join("call.wav"), AudioFormat::Pcm16K, &grant);
/// # assert!(recorder.is_ok());
/// # std::fs::remove_dir_all(directory).ok();
/// ```
///
/// Without one, none of this compiles: no sink opens,
///
/// ```compile_fail,E0061
/// # use offhook_media::AudioFormat;
/// # use offhook_recording::{RecordingGrant, WavRecorder};
/// let recorder = WavRecorder::create("call.wav", AudioFormat::Pcm16K);
/// ```
///
/// ```compile_fail,E0061
/// # use offhook_recording::TrackRecorder;
/// # fn record(tap: offhook_media::MediaTap) {
/// let recorder = TrackRecorder::start("recordings/call", tap, |_| {});
/// # }
/// ```
///
/// nobody makes a grant or copies one,
///
/// ```compile_fail,E0423
/// # use offhook_recording::{GrantEntry, RecordingGrant};
/// let statement = String::new();
/// let grant = RecordingGrant(GrantEntry::OwnResponsibility { statement });
/// ```
///
/// ```compile_fail,E0599
/// # use offhook_recording::RecordingGrant;
/// fn twice(grant: RecordingGrant) -> (RecordingGrant, RecordingGrant) {
///     (grant.clone(), grant)
/// }
/// ```
///
/// and a service is told that a recording is over only when it is: what gives the grant back comes from stopping the recorder, which
/// is gone then.
///
/// ```
/// # use offhook_recording::{RecordingAuthority, RecordingError, TrackRecorder};
/// # async fn end<A: RecordingAuthority>(recorder: TrackRecorder, call: &A) -> Result<(), RecordingError> {
/// let (_report, spent) = recorder.stop()?;
/// spent.give_back(call).await.ok();
/// # Ok(())
/// # }
/// ```
///
/// ```compile_fail,E0599
/// # use offhook_recording::{RecordingAuthority, RecordingGrant, TrackRecorder};
/// # async fn end<A: RecordingAuthority>(grant: RecordingGrant, call: &A) {
/// grant.give_back(call).await.ok();
/// # }
/// ```
///
/// ```compile_fail,E0382
/// # use offhook_recording::{RecordingAuthority, RecordingError, TrackRecorder};
/// # async fn end<A: RecordingAuthority>(recorder: TrackRecorder, call: &A) -> Result<(), RecordingError> {
/// let (_report, spent) = recorder.stop()?;
/// spent.give_back(call).await.ok();
/// recorder.notes();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a grant that is not used was asked for in vain"]
pub struct RecordingGrant(GrantEntry);

/// Asks the service to agree to a recording. The bot's own end of a call does, in the facade.
pub trait RecordingAuthority {
    /// Why it does not.
    type Error;

    /// Tells the service that the recording begins; returns when the service has agreed, with the ids of the call and of the
    /// operation by which it did.
    fn recording_begins(&self) -> impl Future<Output = Result<(String, String), Self::Error>> + Send;

    /// Tells the service that nothing is recorded any more.
    fn recording_ended(&self) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

impl RecordingGrant {
    /// Asks the service, and returns when it has agreed.
    ///
    /// # Errors
    /// When it does not.
    pub async fn of<A: RecordingAuthority>(authority: &A) -> Result<Self, A::Error> {
        let (call, operation) = authority.recording_begins().await?;
        Ok(Self(GrantEntry::Service { call, operation }))
    }

    /// For a recording to which the service has nothing to say, such as a call outside of a recording policy: whoever records
    /// vouches for it. `statement` says why they may, and stands in the recording.
    pub fn i_have_permission(statement: impl Into<String>) -> Self {
        Self(GrantEntry::OwnResponsibility { statement: statement.into() })
    }

    /// What stands in the recording of it.
    pub fn entry(&self) -> &GrantEntry {
        &self.0
    }

    /// What was recorded by it is closed.
    pub(crate) fn spend(self) -> SpentGrant {
        SpentGrant(self.0)
    }
}

/// A grant by which nothing is recorded any more: only now may the service be told that the recording is over.
#[derive(Debug)]
#[must_use = "the service still shows that the call is recorded, until it is given back"]
pub struct SpentGrant(GrantEntry);

impl SpentGrant {
    /// Tells the service that the recording is over, where it was the service that had agreed.
    ///
    /// # Errors
    /// What the service said.
    pub async fn give_back<A: RecordingAuthority>(self, authority: &A) -> Result<(), A::Error> {
        match self.0 {
            GrantEntry::Service { .. } => authority.recording_ended().await,
            GrantEntry::OwnResponsibility { .. } => Ok(()),
        }
    }
}
