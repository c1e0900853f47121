//! [io] Where the service and the far ends meet: makes calls, watches over them, ends them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use offhook_media::MediaSourceId;
use offhook_media::blob::{MediaBlob, MediaDirection, SocketDescription};
use offhook_signaling::model::{Call, CallId};
use serde_json::Value;
use tokio::sync::watch;

use crate::callbacks::{CallbackQueue, Courier};
use crate::directory::Directory;
use crate::far_end::{FarEnd, FarEndState, PeerError};
use crate::service::{Calls, CreatePlan, Ended, FAR_END_SOURCE, GraphError, TokenError, Tokens, plan};
use crate::settings::EmulatorSettings;

/// The emulator's inside.
pub(crate) struct Exchange {
    settings: EmulatorSettings,
    url: String,
    courier: Arc<Courier>,
    state: Mutex<Service>,
    /// Far ends by call; kept when the call is over, so that a test can ask what was heard.
    far_ends: watch::Sender<HashMap<CallId, FarEnd>>,
}

struct Service {
    tokens: Tokens,
    calls: Calls,
    directory: Directory,
    queues: HashMap<CallId, CallbackQueue>,
}

/// Far ends of calls that are over are forgotten once there are so many.
const KEPT_FAR_ENDS: usize = 1000;

impl Exchange {
    pub(crate) fn new(settings: EmulatorSettings, url: String, courier: Courier) -> Self {
        let service = Service {
            tokens: Tokens::new(&settings),
            calls: Calls::default(),
            directory: Directory::default(),
            queues: HashMap::new(),
        };
        let far_ends = watch::Sender::new(HashMap::new());
        Self { settings, url, courier: Arc::new(courier), state: Mutex::new(service), far_ends }
    }

    /// Nothing that is locked here waits, and nothing is left half changed by a panic.
    fn lock(&self) -> MutexGuard<'_, Service> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settings(&self) -> &EmulatorSettings {
        &self.settings
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn public_key(&self) -> Value {
        self.courier.key().jwk()
    }

    pub(crate) fn change_directory(&self, change: impl FnOnce(&mut Directory)) {
        change(&mut self.lock().directory);
    }

    pub(crate) fn issue_token(
        &self,
        now: SystemTime,
        form: &HashMap<String, String>,
    ) -> Result<(String, Duration), TokenError> {
        self.lock().tokens.issue(now, form)
    }

    pub(crate) fn check_token(
        &self,
        now: SystemTime,
        authorization: Option<&str>,
    ) -> Result<(), &'static str> {
        self.lock().tokens.check(now, authorization)
    }

    /// Makes a call: the far end answers the offer, and the notifications begin.
    pub(crate) async fn create_call(self: &Arc<Self>, body: &[u8]) -> Result<(CallId, Call), GraphError> {
        let plan = plan(body, &self.settings, &self.lock().directory)?;
        let (far_end, answer) = answer(&plan).await?.unzip();
        let queue = self.courier.open(plan.callback_uri.clone());
        let (id, call) = {
            let mut service = self.lock();
            let (id, call) = service.calls.create(plan, answer, &self.settings);
            queue.send(service.calls.establishing(&id));
            service.queues.insert(id.clone(), queue);
            (id, call)
        };
        if let Some(far_end) = &far_end {
            self.far_ends.send_modify(|far_ends| {
                if far_ends.len() >= KEPT_FAR_ENDS {
                    far_ends.retain(|_, far_end| far_end.state() < FarEndState::HungUp);
                }
                far_ends.insert(id.clone(), far_end.clone());
            });
        }
        tracing::info!(call = %id, "a bot calls");
        tokio::spawn(Arc::clone(self).watch_over(id.clone(), far_end));
        Ok((id, call))
    }

    /// Follows a call until its far end is gone.
    async fn watch_over(self: Arc<Self>, id: CallId, far_end: Option<FarEnd>) {
        let Some(far_end) = far_end else {
            self.establish(&id);
            return;
        };
        let connecting = far_end.reached(FarEndState::Connected);
        match tokio::time::timeout(self.settings.media_timeout, connecting).await {
            Ok(state) if state < FarEndState::Closed => self.establish(&id),
            _ => return self.end_call(&id, Ended::NoMedia).await,
        }
        let why = match far_end.reached(FarEndState::HungUp).await {
            FarEndState::HungUp => Ended::ByFarEnd,
            _ => Ended::NoMedia,
        };
        self.end_call(&id, why).await;
    }

    fn establish(&self, id: &CallId) {
        tracing::info!(call = %id, "the call is established");
        let mut service = self.lock();
        let owed = service.calls.establish(id);
        if let Some(queue) = service.queues.get(id) {
            queue.send(owed);
        }
    }

    pub(crate) fn get_call(&self, id: &CallId) -> Option<Call> {
        self.lock().calls.get(id).cloned()
    }

    /// Ends the bot's leg; `false` when there is no such call.
    pub(crate) async fn delete_call(&self, id: &CallId) -> bool {
        let exists = self.lock().calls.get(id).is_some();
        if exists {
            self.end_call(id, Ended::ByBot).await;
        }
        exists
    }

    async fn end_call(&self, id: &CallId, why: Ended) {
        {
            let mut service = self.lock();
            let Some(owed) = service.calls.end(id, why) else { return };
            // Its task delivers what is owed, and ends with this, its last handle.
            if let Some(queue) = service.queues.remove(id) {
                queue.send(owed);
            }
        }
        tracing::info!(call = %id, ?why, "the call is over");
        let far_end = self.far_ends.borrow().get(id).cloned();
        if let Some(far_end) = far_end {
            far_end.hang_up().await;
        }
    }

    /// The far end of a call, once there is one.
    pub(crate) async fn far_end(&self, id: &CallId) -> Option<FarEnd> {
        let mut far_ends = self.far_ends.subscribe();
        let found = far_ends.wait_for(|far_ends| far_ends.contains_key(id)).await.ok()?;
        found.get(id).cloned()
    }

    /// Every far end leaves.
    pub(crate) async fn close(&self) {
        let far_ends: Vec<FarEnd> = self.far_ends.borrow().values().cloned().collect();
        for far_end in far_ends {
            far_end.hang_up().await;
        }
    }
}

/// Lets the far end of `plan` answer the bot's offer.
async fn answer(plan: &CreatePlan) -> Result<Option<(FarEnd, String)>, GraphError> {
    let Some(offer) = &plan.offer else { return Ok(None) };
    let source: Option<MediaSourceId> = plan.is_meeting.then_some(FAR_END_SOURCE);
    let answered = FarEnd::answer(&offer.description.sdp, &plan.far_end.script, source).await;
    let (far_end, sdp) = answered.map_err(|error| match error {
        PeerError::Offer(_) => GraphError::bad_request(format!("Invalid media blob: {error}.")),
        _ => GraphError::internal(error.to_string()),
    })?;
    let sockets = offer.sockets.iter().map(answering).collect();
    match MediaBlob::answer(offer, sockets, &sdp) {
        Ok(blob) => Ok(Some((far_end, blob.to_string()))),
        Err(error) => {
            far_end.hang_up().await;
            Err(GraphError::bad_request(format!("Invalid media blob: {error}.")))
        }
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
