//! [`BotCall`]: a call with its media.

use std::future::Future;
use std::time::Duration;

use offhook_media::{
    AudioPlayer, AudioSocket, MediaError, MediaEvents, MediaSession, MediaSessionCloser, MediaState,
    ScreenShareSocket, SessionStats, VideoSocket,
};
use offhook_signaling::model::{CallId, CallState};
use offhook_signaling::{Call, CallEnded, CallsError};
use tokio::sync::oneshot;

use crate::error::BotError;
use crate::report::CallReport;

/// How long to wait for the service's reason once media has failed.
const REASON_TIME: Duration = Duration::from_secs(2);

/// A call whose media this bot hosts.
///
/// When the service says that the call is over, its media ends too. Dropping it hangs up, as far as the runtime lives to do
/// so; [`hang_up`](Self::hang_up) says whether that worked.
#[must_use = "dropping a call hangs it up"]
pub struct BotCall {
    call: Call,
    media: MediaSession,
    /// Dropped with the call: the guard then hangs up.
    _alive: oneshot::Sender<()>,
}

impl BotCall {
    pub(crate) fn new(call: Call, media: MediaSession) -> Self {
        let (alive, dropped) = oneshot::channel();
        tokio::spawn(guard(call.clone(), media.closer(), dropped));
        Self { call, media, _alive: alive }
    }

    /// The call's id, as Graph spells it.
    pub fn id(&self) -> &CallId {
        self.call.id()
    }

    /// Where the call is in its life, as far as is known.
    pub fn state(&self) -> CallState {
        self.call.state()
    }

    /// Where its media stands.
    pub fn media_state(&self) -> MediaState {
        self.media.state()
    }

    /// Waits until the service says that the call is established and media flows.
    ///
    /// A person who is called may take a minute to answer; put a timeout around it where that is too long.
    ///
    /// # Errors
    /// When the call ended before, with the reason that was told; or when media could not connect.
    pub async fn established(&mut self) -> Result<(), BotError> {
        let call = self.call.clone();
        let established = async { call.established().await.map(|_| ()).map_err(BotError::from) };
        let connected = async { self.media.connected().await.map_err(BotError::from) };
        match tokio::try_join!(established, connected) {
            Ok(_) => Ok(()),
            // The service has seen it too, and knows more about why.
            Err(BotError::Media(lost)) => Err(self.reason_for(lost).await),
            Err(error) => Err(error),
        }
    }

    async fn reason_for(&self, lost: MediaError) -> BotError {
        let told = tokio::time::timeout(REASON_TIME, self.call.terminated()).await;
        told.map_or(BotError::Media(lost), BotError::from)
    }

    /// The audio socket, once: whoever takes it owns it.
    pub fn take_audio_socket(&mut self) -> Option<AudioSocket> {
        self.media.take_audio_socket()
    }

    /// The video sockets, once: as many as [`MediaSessionSettings::video`](offhook_media::MediaSessionSettings::video) asked for.
    pub fn take_video_sockets(&mut self) -> Vec<VideoSocket> {
        self.media.take_video_sockets()
    }

    /// The socket of a shared screen, once.
    pub fn take_screen_share_socket(&mut self) -> Option<ScreenShareSocket> {
        self.media.take_screen_share_socket()
    }

    /// The player, once: it speaks beside the audio socket, and stops at once when somebody interrupts.
    pub fn take_player(&mut self) -> Option<AudioPlayer> {
        self.media.take_player()
    }

    /// The events of its media, once: tones that are pressed, speech that begins and ends, quality.
    pub fn take_media_events(&mut self) -> Option<MediaEvents> {
        self.media.take_events()
    }

    /// Its media: tones, mute, quality, and what else a session can do.
    pub fn media(&self) -> &MediaSession {
        &self.media
    }

    /// Ends the bot's leg. Returns when the service has agreed; [`ended`](Self::ended) waits for the end itself.
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn hang_up(&self) -> Result<(), CallsError> {
        self.call.hang_up().await
    }

    /// Waits until the call is over, and says why.
    pub fn ended(&self) -> impl Future<Output = CallEnded> + use<> {
        let call = self.call.clone();
        async move { call.terminated().await }
    }

    /// The call as Graph sees it: state with its history, roster, events.
    pub fn signaling(&self) -> &Call {
        &self.call
    }

    pub(crate) fn media_mut(&mut self) -> &mut MediaSession {
        &mut self.media
    }

    /// Counters of its media, and the latency of each stage.
    pub fn media_stats(&self) -> SessionStats {
        self.media.stats()
    }

    /// What has happened in the call so far.
    pub fn report(&self) -> CallReport {
        CallReport::new(self.call.snapshot(), self.media.stats())
    }
}

/// Ends the media of a call that is over, and hangs up a call that nobody holds any more.
async fn guard(call: Call, media: MediaSessionCloser, dropped: oneshot::Receiver<()>) {
    tokio::select! {
        ended = call.terminated() => {
            tracing::debug!(%ended, "its media ends too");
            media.close();
        }
        _ = dropped => {
            if let Err(error) = call.hang_up().await {
                tracing::warn!(call = %call.id(), %error, "a call that was dropped could not be hung up");
            }
        }
    }
}

impl std::fmt::Debug for BotCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BotCall").field("call", &self.call).field("media", &self.media_state()).finish()
    }
}
