//! Everything a tenant would give: the Graph calls service and far ends over real WebRTC, in one process on loopback.
//!
//! An [`Emulator`] listens like Microsoft Graph and the login service beside it: tokens by client credentials, the calls
//! API with Graph's error shapes, signed callbacks. Whoever the bot calls is a [`FarEnd`] that follows a
//! [script](FarEndScript): it speaks a [`Clip`], echoes, or listens, over real ICE, DTLS-SRTP and Opus.
//!
//! What goes wrong in a tenant is set by [faults](RequestFault), and what happens there by a [`Scenario`] or a
//! [`Happening`] at a time.
//!
//! What a network does to packets is a [`link::Link`], on any clock, or a [`link::UdpRelay`] between two sockets.
//!
//! Apart from HTTP and media, all of it is a [`CallService`], which a test can drive through hours in a moment.
//!
//! Those in a meeting hear each other over a bridge: bots, scripts, and people in browsers, who join by WHIP.

mod bridge;
mod callbacks;
mod directory;
mod duration_text;
mod durations;
mod error;
mod exchange;
mod far_end;
mod faults;
mod host;
pub mod link;
mod page;
mod routes;
mod scenario;
mod service;
mod settings;
mod timeline;
mod whip;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

pub use bridge::{
    BridgeError, LinkSettings, MemberKind, MemberView, RoomView, ScriptKind, SlotView, SourceIds,
};
pub use directory::{Meeting, User};
pub use error::EmulatorError;
pub use far_end::{
    AfterSpeech, Clip, ClipError, FarEnd, FarEndReport, FarEndScript, FarEndState, Film, FilmError,
    HeardPacket, HeardTone, PeerError, SeenPictures,
};
pub use faults::{
    Fault, MediaEffect, MediaFault, MediaPattern, NotificationEffect, NotificationFault, NotificationPattern,
    OPERATION_NAMES, Occurrence, PatternError, RequestEffect, RequestFault, RequestPattern,
};
use offhook_signaling::model::CallId;
pub use scenario::{Contradiction, Happening, IncomingCall, Scenario, ScenarioError};
pub use service::{
    Answer, CallService, Certificate, CertificateError, GraphError, HappeningError, MediaOffer, Method,
    OldKey, Owed, Post, Question, Request,
};
pub use settings::{ALL_PERMISSIONS, EmulatorSettings};
use tokio::net::TcpListener;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinHandle;

use crate::callbacks::Courier;
use crate::exchange::Exchange;
use crate::faults::{Connection, Faults, Listening};
use crate::host::ForPeople;
use crate::page::{Guard, Page};
use crate::service::{KeyRing, SigningKey};
use crate::timeline::Timeline;

/// A running emulator. Dropping it stops it.
pub struct Emulator {
    exchange: Arc<Exchange>,
    faults: Arc<Faults>,
    address: SocketAddr,
    server: JoinHandle<()>,
    clock: JoinHandle<()>,
    rooms: JoinHandle<()>,
    player: Option<JoinHandle<()>>,
    page: JoinHandle<()>,
    page_url: String,
}

impl Emulator {
    /// Starts to listen. Its directory is empty: [`add_user`](Self::add_user), [`add_meeting`](Self::add_meeting).
    ///
    /// # Errors
    /// When the address is taken, or the system gives no randomness.
    pub async fn start(settings: EmulatorSettings) -> Result<Self, EmulatorError> {
        Self::start_with(settings, None).await
    }

    /// Starts to listen, and plays `scenario`, which also sets what it says of `settings`.
    ///
    /// # Errors
    /// As for [`start`](Self::start), and when the scenario lets somebody in who is not there, or calls a bot where `settings`
    /// do not let it.
    pub async fn start_scenario(
        settings: EmulatorSettings,
        scenario: Scenario,
    ) -> Result<Self, EmulatorError> {
        Self::start_with(scenario.settings(settings), Some(scenario)).await
    }

    async fn start_with(
        settings: EmulatorSettings,
        mut scenario: Option<Scenario>,
    ) -> Result<Self, EmulatorError> {
        if let Some(scenario) = &mut scenario {
            scenario.check(&settings)?;
        }
        if !settings.listen.ip().is_loopback() && settings.exposure.is_none() {
            return Err(EmulatorError::NotExposed { address: settings.listen });
        }
        if let Some(address) = &settings.bot_metrics {
            page::may_scrape(&settings, address)?;
        }
        let refused = |source| EmulatorError::Listen { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let keys = Arc::new(KeyRing::new(SigningKey::generate().ok_or(EmulatorError::Key)?));
        let faults = Arc::new(Faults::default());
        let (reached, states) = unbounded_channel();
        let (answered, answers) = unbounded_channel();
        let timeline = Arc::new(Timeline::default());
        let courier = Courier::new(keys, Arc::clone(&faults), reached, answered, settings.clone(), timeline)?;
        let guard = Guard::new(&settings, address);
        let page_url = page_url(&settings, address);
        let (exchange, happening) = Exchange::new(settings, format!("http://{address}"), courier);
        let exchange = Arc::new(exchange);
        let clock = tokio::spawn(Arc::clone(&exchange).keep_time(answers));
        let rooms = tokio::spawn(Arc::clone(&exchange).follow_rooms(happening));
        let player = scenario.map(|scenario| {
            let happenings = scenario.furnish(&exchange, &faults);
            tokio::spawn(scenario::play(Arc::clone(&exchange), happenings, states))
        });
        let Page { files, api, upkeep } = Page::new(&exchange, &faults);
        let api = scenario::control(Arc::clone(&exchange)).merge(api);
        let for_people = ForPeople { page: files, api, whip: whip::router(Arc::clone(&exchange)) };
        let router = host::router(Arc::clone(&exchange), Arc::clone(&faults), guard, for_people);
        let server = tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<Connection>();
            if let Err(error) = axum::serve(Listening(listener), service).await {
                tracing::error!(%error, "the emulator stopped listening");
            }
        });
        Ok(Self { exchange, faults, address, server, clock, rooms, player, page: upkeep, page_url })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The page that a person opens. With the token that it asks for, where the emulator is [exposed](EmulatorSettings::expose).
    pub fn page_url(&self) -> &str {
        &self.page_url
    }

    /// The address to use in place of `https://graph.microsoft.com`.
    pub fn graph_url(&self) -> String {
        self.exchange.url().to_owned()
    }

    /// The address to use in place of `https://login.microsoftonline.com`.
    pub fn authority_url(&self) -> String {
        self.exchange.url().to_owned()
    }

    /// Where the keys that sign callbacks are described.
    pub fn openid_metadata_url(&self) -> String {
        format!("{}/v1/.well-known/OpenIdConfiguration", self.exchange.url())
    }

    /// Who signs callbacks.
    pub fn issuer(&self) -> &str {
        &self.exchange.settings().issuer
    }

    /// The tenant.
    pub fn tenant_id(&self) -> &str {
        &self.exchange.settings().tenant_id
    }

    /// The application that may call.
    pub fn client_id(&self) -> &str {
        &self.exchange.settings().client_id
    }

    /// Its secret.
    pub fn client_secret(&self) -> &str {
        &self.exchange.settings().client_secret
    }

    /// Adds a user by object id, or a phone by its number (`+` and digits); or replaces the one with this id.
    pub fn add_user(&self, id: impl Into<String>, user: User) {
        let id = id.into();
        self.exchange.change_directory(|service| service.add_user(id, user));
    }

    /// Adds a meeting under its join id or its token, and under its thread id for joining through the organizer.
    pub fn add_meeting(&self, key: impl Into<String>, meeting: Meeting) {
        let key = key.into();
        self.exchange.change_directory(|service| service.add_meeting(key, meeting));
    }

    /// The far end of the call `call_id`, waiting until there is one. It can be asked after the call, too, as long as no more than a
    /// hundred calls have ended since; of one that is over for longer, or was never answered, there is none.
    pub async fn far_end(&self, call_id: &str) -> Option<FarEnd> {
        self.exchange.far_end(&call_id.into()).await
    }

    /// From now on, some answers to requests go wrong.
    pub fn add_request_fault(&self, fault: RequestFault) {
        self.faults.add_request_fault(fault);
    }

    /// From now on, some of what is posted to bots goes wrong.
    pub fn add_notification_fault(&self, fault: NotificationFault) {
        self.faults.add_notification_fault(fault);
    }

    /// From now on, the media of some calls that begin goes wrong.
    pub fn add_media_fault(&self, fault: MediaFault) {
        self.faults.add_media_fault(fault);
    }

    /// From now on all goes well.
    pub fn clear_faults(&self) {
        self.faults.clear();
    }

    /// Lets every access token that is out expire.
    pub fn expire_tokens(&self) {
        self.exchange.with_tokens(|tokens| tokens.expire_all(SystemTime::now()));
    }

    /// Signs callbacks with a new key from now on.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub async fn rotate_signing_key(&self, old: OldKey) -> Result<(), HappeningError> {
        scenario::apply(&self.exchange, None, &Happening::RotateKey(old)).await.map(drop)
    }

    /// Lets something happen in the call `call_id`.
    ///
    /// # Errors
    /// When there is no such call, or it cannot happen there.
    pub async fn happen(&self, call_id: &str, happening: Happening) -> Result<(), HappeningError> {
        scenario::apply(&self.exchange, Some(&call_id.into()), &happening).await.map(drop)
    }

    /// Calls a bot; gives the id of the call.
    ///
    /// # Errors
    /// When the caller or the meeting is unknown, or the bot's address is not one to call at.
    pub async fn call_bot(&self, call: IncomingCall) -> Result<CallId, HappeningError> {
        self.exchange.call_bot(&call)
    }

    /// The calls that are not over.
    pub fn calls(&self) -> Vec<CallId> {
        self.exchange.calls()
    }

    /// The rooms that somebody is in, and who that is.
    pub fn rooms(&self) -> Vec<RoomView> {
        self.exchange.bridge().rooms()
    }

    /// Waits until the rooms are as `are_so` wants them; gives them. It is asked whenever somebody comes, goes or changes, and ten
    /// times a second while somebody is there.
    pub async fn rooms_are(&self, are_so: impl Fn(&[RoomView]) -> bool) -> Vec<RoomView> {
        let bridge = self.exchange.bridge();
        let mut changes = bridge.changes();
        loop {
            changes.mark_unchanged();
            let rooms = bridge.rooms();
            // The bridge is there as long as the emulator is.
            if are_so(&rooms) || changes.changed().await.is_err() {
                return rooms;
            }
        }
    }

    /// Mutes a member of a room, or lets them be heard again.
    ///
    /// # Errors
    /// When there is no such room or member.
    pub fn mute_member(&self, room: &str, member: &str, muted: bool) -> Result<(), BridgeError> {
        self.exchange.bridge().mute(room, member, muted)
    }

    /// A scripted member joins a room; gives their member id.
    ///
    /// # Errors
    /// When there is no such room, or what they would say cannot be said.
    pub fn add_script(&self, room: &str, kind: ScriptKind, name: &str) -> Result<String, BridgeError> {
        self.exchange.bridge().add_script(room, kind, name, false)
    }

    /// Lets a member of a room leave: a bot's call ends as if it had been removed.
    ///
    /// # Errors
    /// When there is no such room or member.
    pub fn remove_member(&self, room: &str, member: &str) -> Result<(), BridgeError> {
        self.exchange.bridge().remove(room, member)
    }

    /// Loses and delays the packets of a member from now on, both ways; `None`: no more.
    ///
    /// # Errors
    /// When there is no such room or member, or the member is a script.
    pub fn set_member_link(
        &self,
        room: &str,
        member: &str,
        link: Option<LinkSettings>,
    ) -> Result<(), BridgeError> {
        self.exchange.bridge().set_link(room, member, link)
    }

    /// Lets every far end leave and stops listening.
    pub async fn shut_down(self) {
        self.exchange.close().await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.server.abort();
        self.clock.abort();
        self.page.abort();
        self.rooms.abort();
        if let Some(player) = &self.player {
            player.abort();
        }
    }
}

/// Where a person opens the page. Nobody can open an address that stands for all of a machine's.
fn page_url(settings: &EmulatorSettings, address: SocketAddr) -> String {
    let exposure = settings.exposure.as_ref();
    let host = match exposure.and_then(|exposure| exposure.names.first()) {
        Some(name) => format!("{name}:{}", address.port()),
        None if address.ip().is_unspecified() => format!("127.0.0.1:{}", address.port()),
        None => address.to_string(),
    };
    let token = exposure.map(|exposure| format!("?token={}", exposure.token)).unwrap_or_default();
    format!("http://{host}/{token}")
}
