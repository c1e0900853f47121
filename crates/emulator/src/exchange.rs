//! [io] Where the service and the far ends meet: lets far ends answer, tells the service the time, and has delivered what it owes.

mod far_ends;
mod rooms;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use offhook_media::blob::{MediaBlob, MediaDirection, OffhookBlob, SdpType, SocketDescription};
use offhook_signaling::model::CallId;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use self::far_ends::FarEnds;
use crate::bridge::{Bridge, RoomEvent};
use crate::callbacks::{Answered, CallbackQueue, Courier};
use crate::far_end::{FarEnd, FarEndReport, FarEndState, PeerError};
use crate::faults::{Faults, MediaEffect, as_read, spoilt};
use crate::scenario::{Happening, IncomingCall, Recorder};
use crate::service::{
    Answer, CallService, GraphError, HappeningError, KeyRing, MediaOffer, Occupant, Owed, Request,
    TokenError, Tokens,
};
use crate::settings::EmulatorSettings;
use crate::timeline::Timeline;

/// The emulator's inside.
pub(crate) struct Exchange {
    settings: EmulatorSettings,
    url: String,
    courier: Arc<Courier>,
    state: Mutex<Inside>,
    /// Rings when what the service waits for may have changed.
    changed: Notify,
    /// What the clock showed when it was started: from there on time is the runtime's, which a test can turn.
    started: (SystemTime, Instant),
    far_ends: watch::Sender<FarEnds>,
    /// Tells pages that there may be something new.
    stirred: watch::Sender<()>,
    bridge: Arc<Bridge>,
    /// By call: the room that its bot is in, and the bot as others see it.
    rooms_of_bots: Mutex<HashMap<String, (String, Occupant)>>,
}

struct Inside {
    tokens: Tokens,
    service: CallService,
    /// By call: where it posts to now, and the queue to there.
    queues: HashMap<CallId, (String, CallbackQueue)>,
}

impl Exchange {
    /// An exchange, and what happens in its rooms.
    pub(crate) fn new(
        settings: EmulatorSettings,
        url: String,
        courier: Courier,
    ) -> (Self, UnboundedReceiver<RoomEvent>) {
        let (bridge, happening) = Bridge::new();
        let mut service = CallService::new(settings.clone());
        service.serves_at(&url);
        let inside = Inside { tokens: Tokens::new(&settings, &url), service, queues: HashMap::new() };
        let exchange = Self {
            settings,
            url,
            courier: Arc::new(courier),
            state: Mutex::new(inside),
            changed: Notify::new(),
            started: (SystemTime::now(), Instant::now()),
            far_ends: watch::Sender::new(FarEnds::default()),
            stirred: watch::Sender::new(()),
            bridge: Arc::new(bridge),
            rooms_of_bots: Mutex::default(),
        };
        (exchange, happening)
    }

    fn rooms_of_bots(&self) -> MutexGuard<'_, HashMap<String, (String, Occupant)>> {
        self.rooms_of_bots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing that is locked here waits, and nothing is left half changed by a panic.
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settings(&self) -> &EmulatorSettings {
        &self.settings
    }

    /// The rooms of its calls and meetings.
    pub(crate) fn bridge(&self) -> &Arc<Bridge> {
        &self.bridge
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn keys(&self) -> &KeyRing {
        self.courier.keys()
    }

    /// Where what happens is written down.
    pub(crate) fn timeline(&self) -> &Timeline {
        self.courier.timeline()
    }

    /// What records what is done to the emulator.
    pub(crate) fn recorder(&self) -> &Recorder {
        self.courier.recorder()
    }

    /// What goes wrong on purpose.
    pub(crate) fn faults(&self) -> &Faults {
        self.courier.faults()
    }

    /// The same, for who outlives a look at it.
    pub(crate) fn shared_timeline(&self) -> Arc<Timeline> {
        Arc::clone(self.courier.timeline())
    }

    /// Changes whenever calls, people or faults may have.
    pub(crate) fn stirred(&self) -> watch::Receiver<()> {
        self.stirred.subscribe()
    }

    /// Something beside the service has changed that pages show.
    pub(crate) fn stir(&self) {
        self.stirred.send_replace(());
    }

    /// Looks at the service.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&CallService) -> T) -> T {
        look(&self.lock().service)
    }

    /// Fills the tenant's directory.
    pub(crate) fn change_directory(&self, change: impl FnOnce(&mut CallService)) {
        change(&mut self.lock().service);
        self.stir();
    }

    pub(crate) fn issue_token(
        &self,
        now: SystemTime,
        tenant: &str,
        form: &HashMap<String, String>,
    ) -> Result<(String, Duration), TokenError> {
        self.lock().tokens.issue(now, tenant, form)
    }

    pub(crate) fn with_tokens<T>(&self, work: impl FnOnce(&mut Tokens) -> T) -> T {
        work(&mut self.lock().tokens)
    }

    pub(crate) fn check_token(&self, now: SystemTime, authorization: Option<&str>) -> Result<(), GraphError> {
        self.lock().tokens.check(now, authorization)
    }

    fn now(&self) -> SystemTime {
        let (at, instant) = self.started;
        at + instant.elapsed()
    }

    /// Lets the service do something, and sees to what it then owes.
    fn with_service<T>(&self, work: impl FnOnce(&mut CallService, SystemTime) -> T) -> T {
        let now = self.now();
        let (mut begun, mut ended, mut moved) = (Vec::new(), Vec::new(), Vec::new());
        let result = {
            let mut inside = self.lock();
            let result = work(&mut inside.service, now);
            for owed in inside.service.due(now) {
                match owed {
                    Owed::Post(post) => inside
                        .queue(&self.courier, &post.call, &post.callback_uri, post.call_chain.as_str())
                        .send(*post),
                    Owed::MediaBegins(call) => begun.push(call),
                    Owed::Comes(..) | Owed::Goes(..) | Owed::Mutes(..) => moved.push(owed),
                    Owed::MediaEnds(call) => {
                        // The queue's task delivers what is owed, and ends with this, its last handle.
                        inside.queues.remove(&call);
                        ended.push(call);
                    }
                }
            }
            result
        };
        self.changed.notify_one();
        self.stir();
        for call in begun {
            if let Some(far_end) = self.far_ends.borrow().of(&call) {
                far_end.begin();
            }
            self.let_in(&call);
        }
        moved.into_iter().for_each(|owed| self.moves(owed));
        for call in ended {
            tracing::info!(%call, "the call is over");
            self.leave(&call);
            let far_end = self.far_ends.borrow().of(&call).cloned();
            if let Some(far_end) = far_end {
                self.far_ends.send_modify(|far_ends| far_ends.end(&call));
                tokio::spawn(async move { far_end.hang_up().await });
            }
        }
        result
    }

    /// Lets happen what is due, and hands on what bots answer, until the emulator stops.
    pub(crate) async fn keep_time(self: Arc<Self>, mut answers: UnboundedReceiver<Answered>) {
        loop {
            let due = self.lock().service.next_due();
            let wait = due.map(|due| due.duration_since(self.now()).unwrap_or_default());
            let due = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => self.with_service(|_, _| ()),
                () = self.changed.notified() => {}
                Some((question, body)) = answers.recv() => {
                    self.with_service(|service, now| service.joining_answered(now, question, body.as_deref()));
                }
            }
        }
    }

    /// Answers a request. Where it offers media, the far end answers first.
    pub(crate) async fn handle(self: &Arc<Self>, request: Request) -> Result<Answer, GraphError> {
        let offer = self.lock().service.media_offer(&request)?;
        let Some(offer) = offer else {
            return self.with_service(|service, now| service.handle(now, &request));
        };
        let (far_end, blob) = answer_offer(&offer, &self.faults().of_media()).await?;
        let request = request.media_answer(blob);
        let handled = self.with_service(|service, now| service.handle(now, &request));
        let answer = match handled {
            Ok(answer) => answer,
            Err(error) => {
                far_end.hang_up().await;
                return Err(error);
            }
        };
        let created = answer.body.as_ref().and_then(|body| body["id"].as_str()).map(CallId::from);
        let Some(id) = request.call().or(created) else { return Ok(answer) };
        self.far_ends.send_modify(|far_ends| far_ends.add(id.clone(), far_end.clone()));
        tracing::info!(call = %id, "somebody is at the far end of a call");
        self.seat(&id, &far_end, offer.people);
        if self.lock().service.call(&id).is_none() {
            // It has ended before its end could reach the far end.
            self.far_ends.send_modify(|far_ends| far_ends.end(&id));
            far_end.hang_up().await;
        }
        tokio::spawn(Arc::clone(self).watch_over(id, far_end));
        Ok(answer)
    }

    /// Follows a call until its far end is gone.
    async fn watch_over(self: Arc<Self>, id: CallId, far_end: FarEnd) {
        let connecting = far_end.reached(FarEndState::Connected);
        match tokio::time::timeout(self.settings.media_timeout, connecting).await {
            Ok(state) if state < FarEndState::Closed => {
                self.timeline().state("media", &id, "connected");
                self.with_service(|service, _| service.media_connected(&id));
            }
            _ => {
                self.timeline().state("media", &id, "did not connect");
                self.with_service(|service, _| service.media_lost(&id));
                return far_end.hang_up().await;
            }
        }
        if far_end.reached(FarEndState::HungUp).await == FarEndState::HungUp {
            self.with_service(|service, _| service.far_end_hangs_up(&id));
            self.happens_in_room(&id, &Happening::HangUp);
        }
        // In a meeting the call may go on without them; when it does not, this is its end.
        far_end.reached(FarEndState::Closed).await;
        self.timeline().state("media", &id, "closed");
        self.with_service(|service, _| service.media_lost(&id));
    }

    /// Lets people do something in a call.
    pub(crate) fn happen(&self, call: &CallId, happening: &Happening) -> Result<(), HappeningError> {
        self.with_service(|service, now| service.happen(now, call, happening))?;
        self.happens_in_room(call, happening);
        Ok(())
    }

    /// Somebody calls the bot.
    pub(crate) fn call_bot(&self, incoming: &IncomingCall) -> Result<CallId, HappeningError> {
        self.with_service(|service, now| service.call_bot(now, incoming))
    }

    pub(crate) fn calls(&self) -> Vec<CallId> {
        self.lock().service.calls().cloned().collect()
    }

    /// Where the far ends of calls that are not over stand, and what they have counted.
    pub(crate) fn far_ends(&self) -> Vec<(CallId, FarEndState, FarEndReport)> {
        let far_ends = self.far_ends.borrow();
        let of_call = |id: CallId| {
            far_ends.of(&id).map(|end| (end.state(), end.report())).map(|(state, report)| (id, state, report))
        };
        self.calls().into_iter().filter_map(of_call).collect()
    }

    /// A recording: its bytes, or nothing inside when the token is not its own.
    pub(crate) fn recording(&self, name: &str, token: Option<&str>) -> Option<Option<Vec<u8>>> {
        self.lock().service.recording(name, token).map(|wav| wav.map(<[u8]>::to_vec))
    }

    /// The far end of a call, once there is one. None where the call is over and there is none, or none any more.
    pub(crate) async fn far_end(&self, id: &CallId) -> Option<FarEnd> {
        let (mut far_ends, mut stirred) = (self.far_ends.subscribe(), self.stirred());
        loop {
            // In this order: a call that has ended since has left its far end behind.
            let goes_on = self.look(|service| service.call(id).is_some());
            let found = far_ends.borrow_and_update().of(id).cloned();
            if found.is_some() || !goes_on {
                return found;
            }
            tokio::select! {
                changed = far_ends.changed() => changed.ok()?,
                changed = stirred.changed() => changed.ok()?,
            }
        }
    }

    /// Every far end leaves.
    pub(crate) async fn close(&self) {
        let far_ends: Vec<FarEnd> = self.far_ends.borrow().all().cloned().collect();
        for far_end in far_ends {
            far_end.hang_up().await;
        }
        self.bridge.close().await;
    }
}

impl Inside {
    /// The queue of a call. When its bot has named another address, a new one goes there; the old one ends once it is empty.
    fn queue(&mut self, courier: &Arc<Courier>, call: &CallId, uri: &str, chain: &str) -> &CallbackQueue {
        let open = || (uri.to_owned(), courier.open(uri.to_owned(), chain.to_owned()));
        let queue = self.queues.entry(call.clone()).or_insert_with(open);
        if queue.0 != uri {
            *queue = open();
        }
        &queue.1
    }
}

/// Lets a far end answer the bot's offer; gives it, and its blob.
async fn answer_offer(offer: &MediaOffer, faults: &[MediaEffect]) -> Result<(FarEnd, String), GraphError> {
    let mut blob = read_offer(&offer.blob)?;
    blob.description.sdp = as_read(blob.description.sdp, faults);
    let answered = FarEnd::answer(&blob, &offer.script, offer.source).await;
    let (far_end, sdp) = answered.map_err(|error| match error {
        PeerError::Offer(_) => GraphError::bad_request(format!("Invalid media blob: {error}.")),
        _ => GraphError::internal(error.to_string()),
    })?;
    let sockets = blob.sockets.iter().map(answering).collect();
    match MediaBlob::answer(&blob, sockets, &spoilt(sdp, faults)) {
        Ok(blob) => Ok((far_end, blob.to_string())),
        Err(error) => {
            far_end.hang_up().await;
            Err(GraphError::bad_request(format!("Invalid media blob: {error}.")))
        }
    }
}

fn read_offer(blob: &str) -> Result<OffhookBlob, GraphError> {
    match MediaBlob::parse(blob) {
        Ok(MediaBlob::Offhook(blob)) if blob.description.kind == SdpType::Offer => Ok(blob),
        Ok(MediaBlob::Offhook(_)) => {
            Err(GraphError::bad_request("The media blob holds an answer, not an offer."))
        }
        Ok(_) => Err(GraphError::bad_request(
            "The emulator's far ends speak media blobs of profile offhook/1 only.",
        )),
        Err(error) => Err(GraphError::bad_request(format!("Invalid media blob: {error}."))),
    }
}

/// What the far end makes of a socket that was offered: it hears and speaks wherever it may.
fn answering(offered: &SocketDescription) -> SocketDescription {
    let direction = offered.direction.map(|direction| match direction {
        MediaDirection::SendOnly => MediaDirection::ReceiveOnly,
        MediaDirection::ReceiveOnly => MediaDirection::SendOnly,
        same => same,
    });
    let mut answering = offered.clone();
    answering.direction = direction;
    answering
}
