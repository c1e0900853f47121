//! The Graph calls service, apart from HTTP and media: requests in, answers and owed posts out, on a time that comes in as an
//! argument. Pure but for random ids.

mod actions;
mod assertion;
mod audio_routing;
mod calls;
mod certificate;
mod content_sharing;
mod create;
mod ended;
mod error;
mod happenings;
mod incoming;
mod keys;
mod limits;
mod meetings;
mod notifications;
mod operations;
mod participants;
mod permissions;
mod policy;
mod recording;
mod request;
mod rooms;
mod roster;
mod timers;
mod tokens;
mod transfer;

use std::collections::HashMap;
use std::time::SystemTime;

pub use certificate::{Certificate, CertificateError};
pub use create::MediaOffer;
use ended::Ended;
pub use error::GraphError;
pub use happenings::HappeningError;
pub use keys::OldKey;
pub(crate) use keys::{KeyRing, SigningKey};
pub(crate) use notifications::TOLD_STATES;
pub use notifications::{Owed, Post, Question};
use offhook_media::MediaSourceId;
use offhook_signaling::model::{
    Call, CallId, CallState, CommsOperation, ContentSharingSessionId, Participant,
};
use recording::Recording;
pub use request::{Answer, Method, Request};
pub(crate) use request::{bare, segments};
pub(crate) use rooms::Occupant;
pub(crate) use tokens::{TokenError, Tokens};

use self::calls::Record;
use self::limits::Limits;
use self::permissions::Permissions;
use self::policy::Joining;
use self::request::{Action, OfCall, ParticipantAction, Target};
use self::roster::Seat;
use self::timers::{Due, Timers};
use crate::directory::{Directory, Meeting, User};
use crate::settings::EmulatorSettings;

/// The source id that the far end's sound is tagged with.
pub(crate) const FAR_END_SOURCE: MediaSourceId = MediaSourceId(101);

/// Recordings of service-hosted calls are kept up to so many; the oldest go.
const KEPT_RECORDINGS: usize = 20;

/// The calls service of an emulator, without HTTP and without media: what a test of a bot's view of the calls API drives, hours in a
/// moment.
///
/// After each call to it, take what it owes with [`due`](Self::due).
pub struct CallService {
    url: String,
    settings: EmulatorSettings,
    permissions: Permissions,
    limits: Limits,
    directory: Directory,
    calls: HashMap<CallId, Record>,
    timers: Timers,
    owed: Vec<Owed>,
    recordings: Vec<Recording>,
    questions: HashMap<Question, Joining>,
    asked: u64,
    /// By room: those whom all its calls see.
    occupants: HashMap<String, Vec<Occupant>>,
    /// By the id of a user: the room that they sit in.
    rooms_of_users: HashMap<String, String>,
}

impl CallService {
    /// A service in which nobody calls yet.
    pub fn new(settings: EmulatorSettings) -> Self {
        Self {
            url: "http://127.0.0.1".to_owned(),
            permissions: Permissions::new(&settings),
            limits: Limits::new(settings.time_scale),
            settings,
            directory: Directory::default(),
            calls: HashMap::new(),
            timers: Timers::default(),
            owed: Vec::new(),
            recordings: Vec::new(),
            questions: HashMap::new(),
            asked: 0,
            occupants: HashMap::new(),
            rooms_of_users: HashMap::new(),
        }
    }

    /// Where it is reached: recordings are fetched there.
    pub(crate) fn serves_at(&mut self, url: &str) {
        url.clone_into(&mut self.url);
    }

    /// Who can be called, and which meetings exist.
    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Adds a user by object id, or a phone by its number; or replaces the one with this id.
    pub fn add_user(&mut self, id: impl Into<String>, user: User) {
        self.directory.users.insert(id.into(), user);
    }

    /// Adds a meeting under its join id or its token, and under its thread id for joining through the organizer.
    pub fn add_meeting(&mut self, key: impl Into<String>, meeting: Meeting) {
        self.directory.add_meeting(key.into(), meeting);
    }

    /// Answers a request, apart from its token.
    ///
    /// # Errors
    /// What Graph refuses with.
    pub fn handle(&mut self, now: SystemTime, request: &Request) -> Result<Answer, GraphError> {
        match self.target(request)? {
            Target::CreateCall => self.create(now, request),
            Target::LogDeviceQuality => self.log_device_quality(request),
            Target::OfCall(call, asked) => self.handle_of_call(now, &call, asked, request),
        }
    }

    fn target(&self, request: &Request) -> Result<Target, GraphError> {
        let unknown = || {
            let method = format!("{:?}", request.method).to_uppercase();
            GraphError::not_found(format!("The emulator has no {method} {}.", request.path))
        };
        Target::parse(request.method, &request.path).ok_or_else(unknown)
    }

    fn handle_of_call(
        &mut self,
        now: SystemTime,
        call: &CallId,
        asked: OfCall,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        self.record(call)?;
        self.permissions.check_action(&asked)?;
        match asked {
            OfCall::Get => Answer::with_body(200, &self.record(call)?.shown()),
            OfCall::HangUp => {
                self.end(call, Ended::ByBot);
                Ok(Answer::empty(204))
            }
            OfCall::Action(action) => self.act(now, call, action, request),
            OfCall::ListParticipants => self.list_participants(call),
            OfCall::GetParticipant(id) => self.get_participant(call, &id),
            OfCall::RemoveParticipant(id) => self.remove_participant(call, &id),
            OfCall::Invite => self.invite(now, call, request),
            OfCall::ParticipantAction(who, ParticipantAction::Mute) => {
                self.mute_participant(call, &who, request)
            }
            OfCall::ParticipantAction(who, ParticipantAction::StartHoldMusic) => {
                self.start_hold_music(now, call, &who, request)
            }
            OfCall::ParticipantAction(who, ParticipantAction::StopHoldMusic) => {
                self.stop_hold_music(now, call, &who, request)
            }
            OfCall::ListRoutingGroups => self.list_routing_groups(call),
            OfCall::CreateRoutingGroup => self.create_routing_group(call, request),
            OfCall::GetRoutingGroup(id) => self.get_routing_group(call, &id),
            OfCall::ChangeRoutingGroup(id) => self.change_routing_group(call, &id, request),
            OfCall::RemoveRoutingGroup(id) => self.remove_routing_group(call, &id),
            OfCall::ListContentSharing => self.list_content_sharing(call),
            OfCall::GetContentSharing(id) => self.get_content_sharing(call, &id),
            OfCall::GetOperation(id) => {
                let found = self.record(call)?.operations.get(&id).cloned();
                let unknown = || GraphError::not_found(format!("The call has no operation {id}."));
                Answer::with_body(200, &found.ok_or_else(unknown)?)
            }
        }
    }

    fn act(
        &mut self,
        now: SystemTime,
        call: &CallId,
        action: Action,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        match action {
            Action::Answer => self.answer(now, call, request),
            Action::Reject => self.reject(call, request),
            Action::Redirect => self.redirect(now, call, request),
            Action::Transfer => self.transfer(now, call, request),
            Action::KeepAlive => self.keep_alive(now, call),
            Action::Mute => self.mute(call, request),
            Action::Unmute => self.unmute(call, request),
            Action::PlayPrompt => self.play_prompt(now, call, request),
            Action::RecordResponse => self.record_response(now, call, request),
            Action::CancelMediaProcessing => self.cancel_media_processing(now, call, request),
            Action::SubscribeToTone => self.subscribe_to_tone(call, request),
            Action::SendDtmfTones => self.send_dtmf_tones(now, call, request),
            Action::UpdateRecordingStatus => self.update_recording_status(call, request),
            Action::ChangeScreenSharingRole => self.change_screen_sharing_role(call, request),
            Action::AddLargeGalleryView => self.add_large_gallery_view(now, call, request),
        }
    }

    /// Lets everything happen that is due at `now`, and gives what the service owes since it was last asked, in order.
    pub fn due(&mut self, now: SystemTime) -> Vec<Owed> {
        while let Some((at, call, due)) = self.timers.take(now) {
            self.happens_by_itself(at, &call, due);
        }
        std::mem::take(&mut self.owed)
    }

    /// When something will be due next, if nothing happens before.
    pub fn next_due(&self) -> Option<SystemTime> {
        self.timers.next()
    }

    fn happens_by_itself(&mut self, at: SystemTime, call: &CallId, due: Due) {
        match due {
            Due::PickUp(target) => self.picks_up(call, target),
            Due::RingingEnds => self.ringing_ends(call),
            Due::UnansweredEnds => self.end(call, Ended::Unanswered),
            Due::KeepAliveEnds => self.end(call, Ended::KeepAlive),
            Due::LobbyEnds => self.end(call, Ended::Lobby),
            Due::TransferGoesOn => self.transfer_goes_on(at, call),
            Due::RedirectEnds => self.redirect_ends(call),
            Due::OperationEnds(id) => self.operation_ends(call, &id),
        }
    }

    /// Media of a call flows: it can be established.
    pub fn media_connected(&mut self, call: &CallId) {
        if let Some(record) = self.calls.get_mut(call) {
            record.is_media_up = true;
            self.establish_if_ready(call);
        }
    }

    /// Media of a call has not come about, or has broken off.
    pub fn media_lost(&mut self, call: &CallId) {
        self.end(call, Ended::NoMedia);
    }

    /// A call that is not over.
    pub fn call(&self, id: &CallId) -> Option<&Call> {
        self.calls.get(id).map(|record| &record.call)
    }

    /// The calls that are not over.
    pub fn calls(&self) -> impl Iterator<Item = &CallId> {
        self.calls.keys()
    }

    /// Who is in a call that is not over, the bot included.
    pub fn roster(&self, id: &CallId) -> Vec<Participant> {
        self.calls.get(id).map(|record| record.roster.participants()).unwrap_or_default()
    }

    /// The content sharing sessions of a call that is not over.
    pub fn content_sharing(&self, id: &CallId) -> impl Iterator<Item = &ContentSharingSessionId> {
        let sharing = self.calls.get(id).into_iter().flat_map(|record| &record.content_sharing);
        sharing.map(|sharing| &sharing.session)
    }

    /// The operations of a call that is not over, in the order in which they were asked for; long ones forget the oldest.
    pub fn operations(&self, id: &CallId) -> impl Iterator<Item = &CommsOperation> {
        self.calls.get(id).into_iter().flat_map(|record| record.operations.all())
    }

    fn record(&self, id: &CallId) -> Result<&Record, GraphError> {
        self.calls.get(id).ok_or_else(GraphError::call_not_found)
    }

    fn record_mut(&mut self, id: &CallId) -> Result<&mut Record, GraphError> {
        self.calls.get_mut(id).ok_or_else(GraphError::call_not_found)
    }

    fn owe(&mut self, posts: impl IntoIterator<Item = Post>) {
        self.owed.extend(posts.into_iter().map(|post| Owed::Post(Box::new(post))));
    }

    /// Establishes a call once somebody has picked up and media flows.
    fn establish_if_ready(&mut self, id: &CallId) {
        let Some(record) = self.calls.get_mut(id) else { return };
        let is_ready = record.is_picked_up && record.is_media_up && record.state() == CallState::Establishing;
        if !is_ready {
            return;
        }
        self.timers.cancel(id, &Due::RingingEnds);
        let established = record.establish();
        let roster = record.post_roster(record.roster.participants(), Vec::new());
        self.owe([Some(established), roster].into_iter().flatten());
        self.begin_if_together(id);
    }

    /// Lets the far end begin once nobody waits for anybody: neither for a phone to be picked up nor in the lobby.
    fn begin_if_together(&mut self, id: &CallId) {
        let Some(record) = self.calls.get(id) else { return };
        let is_outside = record.roster.by_id(&record.me).is_some_and(Seat::is_in_lobby);
        if record.state() == CallState::Established && !is_outside {
            self.owed.push(Owed::MediaBegins(id.clone()));
        }
    }

    /// Ends a call. Nothing follows; ending it again does nothing.
    fn end(&mut self, id: &CallId, why: Ended) {
        let Some(mut record) = self.calls.remove(id) else { return };
        self.timers.forget(id);
        self.questions.retain(|_, joining| joining.call != *id);
        let terminating = (why == Ended::ByBot).then(|| record.enter(CallState::Terminating));
        let terminated = record.terminated(why);
        self.owe([terminating, Some(terminated)].into_iter().flatten());
        self.owed.push(Owed::MediaEnds(record.id));
    }
}
