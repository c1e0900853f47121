//! [`Bot`]: the media platform, the calls client and the callback receiver of one application, put together.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use offhook_media::blob::MediaBlob;
use offhook_media::{MediaPlatform, MediaPlatformSettings, MediaSession, MediaSessionSettings};
use offhook_signaling::{
    Answer, Call, CallbackReceiver, CallbackReceiverBuilder, Calls, CallsClient, CallsClientBuilder,
    CallsError, Cloud, Credentials, IncomingCall, IncomingCalls, NewCall,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::call::BotCall;
use crate::error::BotError;

/// How long the service may take to tell its media blob, once it has agreed that a call is answered.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// Path of the callback URI, unless another is set.
const CALLBACK_PATH: &str = "/callback";

/// A calling bot: makes calls over Graph and carries their media.
///
/// To be started inside a tokio runtime. Dropping it stops its callback server; its calls should be over by then.
pub struct Bot {
    platform: MediaPlatform,
    calls: Calls,
    receiver: CallbackReceiver,
    callback_uri: String,
    server: Option<JoinHandle<()>>,
}

/// Settings of a [`Bot`].
#[must_use = "a bot is made by `start`"]
pub struct BotBuilder {
    credentials: Credentials,
    cloud: Cloud,
    media: MediaPlatformSettings,
    listen: Option<SocketAddr>,
    callback_uri: Option<String>,
    receiver: Change<CallbackReceiverBuilder>,
    client: Change<CallsClientBuilder>,
}

/// A change of somebody else's settings.
type Change<T> = Box<dyn FnOnce(T) -> T + Send>;

impl Bot {
    /// A bot that signs in with `credentials`.
    pub fn builder(credentials: Credentials) -> BotBuilder {
        BotBuilder {
            credentials,
            cloud: Cloud::global(),
            media: MediaPlatformSettings::default(),
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            callback_uri: None,
            receiver: Box::new(|settings| settings),
            client: Box::new(|settings| settings),
        }
    }

    /// Makes a call whose media this bot hosts. Returns once the service has agreed to it and the media session knows its
    /// peer; [`BotCall::established`] waits for the rest.
    ///
    /// The callback URI and the media blob of `new_call` are filled in here.
    ///
    /// # Errors
    /// When the media platform is full, Graph refuses, or its answer holds no blob that this engine speaks; then the
    /// call, if there is one, is hung up.
    pub async fn call(&self, new_call: NewCall, media: &MediaSessionSettings) -> Result<BotCall, BotError> {
        let session = self.platform.create_session(media)?;
        let new_call = new_call.callback_uri(&self.callback_uri).app_hosted_media(session.blob().to_string());
        let call = self.calls.create(new_call).await?;
        self.with_media(session, call).await
    }

    /// Gives the service's answer to the session. A call without media that works is hung up.
    async fn with_media(&self, mut session: MediaSession, call: Call) -> Result<BotCall, BotError> {
        if let Err(error) = accept_answer(&mut session, &call) {
            let unwanted = HangUp(Some(call.clone()));
            if let Err(left) = call.hang_up().await {
                tracing::warn!(call = %call.id(), error = %left, "a call without media could not be hung up");
            }
            unwanted.disarm();
            return Err(error);
        }
        Ok(BotCall::new(call, session))
    }

    /// Takes the calls that come in: someone calls the bot, or a recording policy brings it into a call.
    ///
    /// # Errors
    /// When someone takes them already.
    pub fn incoming(&self) -> Result<IncomingCalls, CallsError> {
        self.calls.incoming()
    }

    /// Answers a call with media that this bot hosts. Returns once the service has agreed and the media session knows its peer;
    /// [`BotCall::established`] waits for the rest.
    ///
    /// # Errors
    /// When the media platform is full or Graph refuses, and the call still waits to be decided; when it is too late; or when no blob
    /// that this engine speaks comes back in time, and then the call is hung up.
    pub async fn answer(
        &self,
        incoming: &IncomingCall,
        media: &MediaSessionSettings,
    ) -> Result<BotCall, BotError> {
        let session = self.platform.create_session(media)?;
        let answer =
            Answer::new().callback_uri(&self.callback_uri).app_hosted_media(session.blob().to_string());
        let call = match incoming.answer(answer).await {
            Ok(call) => call,
            Err(error) => {
                // It may have been answered all the same, and nobody would hold it.
                if let CallsError::NoAnswer { .. } = error {
                    incoming.call().clone().hang_up_behind();
                }
                return Err(error.into());
            }
        };
        // Should whoever waits for this go away.
        let unwanted = HangUp(Some(call.clone()));
        // Where the service's blob comes is not documented: the answer has no body. It is taken wherever the call shows it.
        if tokio::time::timeout(ANSWER_TIME, has_media_blob(&call)).await.is_err() {
            tracing::debug!(call = %call.id(), "the service has told no media blob");
        }
        unwanted.disarm();
        self.with_media(session, call).await
    }

    /// What takes Graph's notifications at `path`: for a bot that was [mounted](BotBuilder::mounted_at) in a server of
    /// its own.
    pub fn router(&self, path: &str) -> Router {
        self.receiver.router(path)
    }

    /// Where Graph posts this bot's notifications.
    pub fn callback_uri(&self) -> &str {
        &self.callback_uri
    }

    /// The calls API, for what has no verb here.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// The callback receiver, and what it has counted.
    pub fn receiver(&self) -> &CallbackReceiver {
        &self.receiver
    }

    /// The media engine.
    pub fn platform(&self) -> &MediaPlatform {
        &self.platform
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

impl BotBuilder {
    /// Which Graph. Default Microsoft's global cloud.
    pub fn cloud(mut self, cloud: Cloud) -> Self {
        self.cloud = cloud;
        self
    }

    /// The media engine. Default: one worker a core, reached on this machine only.
    pub fn media(mut self, media: MediaPlatformSettings) -> Self {
        self.media = media;
        self
    }

    /// Where to listen for callbacks, over plain HTTP: in production behind something that ends TLS. Default 127.0.0.1 and
    /// any free port.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = Some(address);
        self
    }

    /// Where Graph reaches what is listened at, as `https://bot.contoso.com/callback`. Its path is the one that is
    /// served. Default `http://ADDRESS/callback`, which reaches only from this machine.
    pub fn callback_uri(mut self, uri: impl Into<String>) -> Self {
        self.callback_uri = Some(uri.into());
        self
    }

    /// Listens at nothing: the application mounts [`Bot::router`] in a server of its own, which Graph reaches at `uri`.
    pub fn mounted_at(mut self, uri: impl Into<String>) -> Self {
        (self.listen, self.callback_uri) = (None, Some(uri.into()));
        self
    }

    /// Settings of the callback receiver, beyond what the cloud decides: who may join under a recording policy, limits, clocks.
    ///
    /// ```
    /// use offhook::prelude::*;
    /// use offhook::signaling::model::{ParticipantJoiningResponse, RejectReason};
    ///
    /// let bot = Bot::builder(Credentials::client_secret("tenant", "app", "secret")).receiver(|settings| {
    ///     settings.on_participant_joining(|_| ParticipantJoiningResponse::reject(RejectReason::Busy))
    /// });
    /// ```
    pub fn receiver(
        mut self,
        change: impl FnOnce(CallbackReceiverBuilder) -> CallbackReceiverBuilder + Send + 'static,
    ) -> Self {
        self.receiver = Box::new(change);
        self
    }

    /// Settings of the calls client, beyond what the cloud decides: timeouts, how often requests are repeated, the transport.
    pub fn client(
        mut self,
        change: impl FnOnce(CallsClientBuilder) -> CallsClientBuilder + Send + 'static,
    ) -> Self {
        self.client = Box::new(change);
        self
    }

    /// Starts the bot: opens its ports and starts its threads. Signs in with the first request only.
    ///
    /// # Errors
    /// When a port is taken or a setting cannot be used.
    pub async fn start(self) -> Result<Bot, BotError> {
        if let Some(uri) = &self.callback_uri {
            path_of(uri)?;
        }
        let receiver = CallbackReceiver::builder(self.credentials.client_id()).cloud(&self.cloud);
        let receiver = (self.receiver)(receiver).build()?;
        let client = (self.client)(CallsClient::builder(self.credentials).cloud(self.cloud)).build()?;
        let calls = Calls::new(client, &receiver);
        let platform = MediaPlatform::start(self.media)?;
        let mut bot = Bot {
            platform,
            calls,
            receiver,
            callback_uri: self.callback_uri.unwrap_or_default(),
            server: None,
        };
        if let Some(address) = self.listen {
            bot.serve_callbacks(address).await?;
        }
        Ok(bot)
    }
}

impl Bot {
    async fn serve_callbacks(&mut self, address: SocketAddr) -> Result<(), BotError> {
        let refused = |source| BotError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        if self.callback_uri.is_empty() {
            let bound = listener.local_addr().map_err(refused)?;
            self.callback_uri = format!("http://{bound}{CALLBACK_PATH}");
        }
        let router = self.receiver.router(&path_of(&self.callback_uri)?);
        self.server = Some(tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "callbacks are no longer listened for");
            }
        }));
        Ok(())
    }
}

/// Hangs up a call that is dropped on its way to who asked for it.
struct HangUp(Option<Call>);

impl HangUp {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for HangUp {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call.hang_up_behind();
        }
    }
}

/// Waits until the service has told its media blob, or the call is over.
async fn has_media_blob(call: &Call) {
    let mut changes = call.changes();
    while call.media_blob().is_none() && changes.next().await.is_some() {}
}

/// Hands the service's answer to the media session.
fn accept_answer(session: &mut MediaSession, call: &Call) -> Result<(), BotError> {
    let answer = call.media_blob().ok_or(BotError::NoMediaAnswer)?;
    let answer = MediaBlob::parse(answer.expose()).map_err(offhook_media::MediaError::from)?;
    Ok(session.accept_answer(&answer)?)
}

/// The path of a callback URI.
fn path_of(uri: &str) -> Result<String, BotError> {
    let uri = url::Url::parse(uri).ok().filter(|uri| matches!(uri.scheme(), "http" | "https"));
    let rule = "must be an address such as https://bot.contoso.com/callback";
    uri.map(|uri| uri.path().to_owned())
        .ok_or(BotError::Calls(CallsError::InvalidSetting { setting: "callback_uri", rule }))
}
