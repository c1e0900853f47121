//! A call as it is, the same call as it is known, and what is on its way between the two.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use offhook::emulator::{
    CallService, EmulatorSettings, FarEndScript, Happening, Meeting, Method, Owed, Request, User,
};
use offhook_signaling::auth::Verified;
use offhook_signaling::model::{
    Call, CallId, CallState, CommsNotification, CommsOperation, ContentSharingSession, MediaState, Operation,
    OperationId, Participant, Tone,
};
use offhook_signaling::track::{Ask, CallTracker, Marks, Reading};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Who may come to the meeting.
const PEOPLE: [&str; 4] = ["ada", "ben", "cleo", "dan"];

/// What [`Step::Happen`] takes for somebody's beginning to share, and for the end of it.
pub(crate) const START_SHARING: u8 = 17;
pub(crate) const STOP_SHARING: u8 = 21;

/// One thing that happens, to the call or to what is told of it.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Somebody does something.
    Happen { what: u8, who: u8 },
    /// The bot does something.
    Act { what: u8, who: u8 },
    /// A notification arrives; `again` when it will arrive once more.
    Deliver { which: u8, again: bool },
    /// A notification never arrives.
    Lose { which: u8 },
    /// Time passes, and with it what the service does by itself.
    Pass { seconds: u16 },
    /// The bot begins to ask.
    BeginPoll,
    /// The service answers what the bot asked.
    AnswerPoll,
    /// The answers reach the bot.
    EndPoll,
}

/// What both sides are compared by.
#[derive(Debug, PartialEq)]
pub(crate) struct Picture {
    state: CallState,
    audio: Option<MediaState>,
    roster: BTreeMap<String, (bool, bool, String)>,
    sharing: BTreeSet<String>,
    operations: BTreeMap<String, bool>,
}

pub(crate) struct World {
    service: CallService,
    tracker: CallTracker,
    call: CallId,
    now: SystemTime,
    pub(crate) on_the_way: Vec<CommsNotification>,
    poll: Option<Poll>,
    /// States known so far, which no notification may lead back over.
    was_terminated: bool,
    over: BTreeSet<String>,
}

struct Poll {
    began: Marks,
    asks: Vec<Ask>,
    answers: Option<Vec<Result<Reading, u16>>>,
}

impl World {
    pub(crate) fn new(meeting: bool, delta: bool) -> Self {
        let mut service = CallService::new(EmulatorSettings::default());
        let user = |name: &str| User::new(name, FarEndScript::new());
        for id in PEOPLE {
            service.add_user(id, user(id));
        }
        let waiting = Meeting::new(user("ada")).participant("ben", user("ben"));
        service.add_meeting("19:meeting@thread.v2", waiting);
        let tenant = "11111111-aaaa-4aaa-8aaa-111111111111";
        let mut new_call = json!({
            "@odata.type": "#microsoft.graph.call", "callbackUri": "http://127.0.0.1:9/callback", "tenantId": tenant,
            "requestedModalities": ["audio"],
            "mediaConfig": {"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"},
            "callOptions": {
                "@odata.type": "#microsoft.graph.outgoingCallOptions",
                "isContentSharingNotificationEnabled": true, "isDeltaRosterEnabled": delta
            }
        });
        if meeting {
            new_call["chatInfo"] = json!({"threadId": "19:meeting@thread.v2", "messageId": "0"});
            new_call["meetingInfo"] = json!({
                "@odata.type": "#microsoft.graph.organizerMeetingInfo",
                "organizer": {"user": {"id": "ada", "tenantId": tenant}}
            });
        } else {
            new_call["targets"] = json!([{"identity": {"user": {"id": "ada"}}}]);
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let request = Request::new(Method::Post, "/communications/calls", new_call.to_string());
        let answer = service.handle(now, &request).expect("the emulator takes the call");
        let created: Call = serde_json::from_value(answer.body.expect("a call")).expect("a call");
        let call = created.id.value().expect("an id").clone();
        let tracker = CallTracker::created(created, now).expect("an id");
        let mut world = Self {
            service,
            tracker,
            call,
            now,
            on_the_way: Vec::new(),
            poll: None,
            was_terminated: false,
            over: BTreeSet::new(),
        };
        world.collect();
        world
    }

    pub(crate) fn take(&mut self, step: &Step) {
        match *step {
            Step::Happen { what, who } => self.happen(what, who),
            Step::Act { what, who } => self.act(what, who),
            Step::Deliver { which, again } => self.deliver(which, again),
            Step::Lose { which } => {
                if !self.on_the_way.is_empty() {
                    self.on_the_way.remove(usize::from(which) % self.on_the_way.len());
                }
            }
            Step::Pass { seconds } => self.now += Duration::from_secs(seconds.into()),
            Step::BeginPoll => {
                if self.poll.is_none() {
                    let (began, asks) = (self.tracker.marks(), self.tracker.asks());
                    self.poll = Some(Poll { began, asks, answers: None });
                }
            }
            Step::AnswerPoll => {
                if let Some(mut poll) = self.poll.take() {
                    if poll.answers.is_none() {
                        poll.answers = Some(poll.asks.iter().map(|ask| self.answer(ask)).collect());
                    }
                    self.poll = Some(poll);
                }
            }
            Step::EndPoll => self.end_poll(),
        }
        self.collect();
        self.check_that_nothing_moved_back();
    }

    fn happen(&mut self, what: u8, who: u8) {
        let who = PEOPLE[usize::from(who) % PEOPLE.len()].to_owned();
        let happening = match what % 40 {
            0..=4 => Happening::Join(who),
            5..=8 => Happening::Leave(who),
            9..=12 => Happening::Mute(who),
            13..=16 => Happening::Unmute(who),
            START_SHARING..=19 => Happening::StartSharing(who),
            20 => Happening::ChangeSharing(who),
            STOP_SHARING..=23 => Happening::StopSharing(who),
            24..=26 => Happening::Hold,
            27..=29 => Happening::Resume,
            30 | 31 => Happening::PressTone(Tone::Tone5),
            32 | 33 => Happening::WaitInLobby(who),
            34 | 35 => Happening::Admit(who),
            36 => Happening::HangUp,
            37 => Happening::RemoveBot,
            38 => Happening::EndMeeting,
            // Media of a service-hosted call is up by itself.
            _ => return,
        };
        // What cannot happen now does not.
        let _ = self.service.happen(self.now, &self.call, &happening);
    }

    fn act(&mut self, what: u8, who: u8) {
        let prompt =
            json!({"@odata.type": "#microsoft.graph.mediaPrompt", "mediaInfo": {"uri": "https://bot/a.wav"}});
        let who = PEOPLE[usize::from(who) % PEOPLE.len()];
        let target = json!({"identity": {"user": {"id": who}}});
        let (action, body) = match what % 24 {
            0..=2 => ("mute", json!({})),
            3..=5 => ("unmute", json!({})),
            6..=9 => ("playPrompt", json!({"prompts": [prompt]})),
            10 | 11 => ("recordResponse", json!({"maxRecordDurationInSeconds": 5})),
            12 | 13 => ("cancelMediaProcessing", json!({})),
            14 | 15 => ("subscribeToTone", json!({})),
            16 | 17 => ("sendDtmfTones", json!({"tones": ["tone1", "pound"]})),
            18 | 19 => ("participants/invite", json!({"participants": [target]})),
            20 => ("transfer", json!({"transferTarget": target})),
            21 => ("keepAlive", json!({})),
            22 => ("addLargeGalleryView", json!({})),
            _ => return self.hang_up(),
        };
        let path = format!("/communications/calls/{}/{action}", self.call);
        let Ok(answer) = self.service.handle(self.now, &Request::new(Method::Post, path, body.to_string()))
        else {
            return;
        };
        if let Some(operation) =
            answer.body.and_then(|body| serde_json::from_value::<CommsOperation>(body).ok())
            && let Some(id) = operation.common().id.cloned()
        {
            self.tracker.began(self.now, &id, &operation);
        }
    }

    fn hang_up(&mut self) {
        let path = format!("/communications/calls/{}", self.call);
        if self.service.handle(self.now, &Request::new(Method::Delete, path, "")).is_ok() {
            self.tracker.hung_up(self.now);
        }
    }

    fn deliver(&mut self, which: u8, again: bool) {
        if self.on_the_way.is_empty() {
            return;
        }
        let index = usize::from(which) % self.on_the_way.len();
        let notification = if again { self.on_the_way[index].clone() } else { self.on_the_way.remove(index) };
        self.tracker.apply(self.now, Verified::checked_elsewhere(&notification));
    }

    pub(crate) fn deliver_all(&mut self) {
        while !self.on_the_way.is_empty() {
            self.deliver(0, false);
        }
    }

    /// Puts what the service owes on its way.
    fn collect(&mut self) {
        for owed in self.service.due(self.now) {
            if let Owed::Post(post) = owed
                && post.call == self.call
            {
                self.on_the_way.extend(post.body.value.into_value().unwrap_or_default());
            }
        }
    }

    /// What the service says, or the status with which it refuses.
    fn answer(&mut self, ask: &Ask) -> Result<Reading, u16> {
        let call = self.call.clone();
        let path = format!("/communications/calls/{call}");
        match ask {
            Ask::Call => self.get::<Call>(path).map(Box::new).map(Reading::Call),
            Ask::Participants => {
                self.get_all::<Participant>(format!("{path}/participants")).map(Reading::Participants)
            }
            Ask::ContentSharing => self
                .get_all::<ContentSharingSession>(format!("{path}/contentSharingSessions"))
                .map(Reading::ContentSharing),
            Ask::Operation(id) => {
                let operation = self.get::<CommsOperation>(format!("{path}/operations/{id}"))?;
                Ok(Reading::Operation(id.clone(), Box::new(operation)))
            }
            _ => unreachable!("there are no other questions"),
        }
    }

    fn get<T: DeserializeOwned>(&mut self, path: String) -> Result<T, u16> {
        let answer = self.service.handle(self.now, &Request::new(Method::Get, path, ""));
        let answer = answer.map_err(|refused| refused.status)?;
        Ok(serde_json::from_value(answer.body.expect("a body")).expect("readable"))
    }

    fn get_all<T: DeserializeOwned>(&mut self, path: String) -> Result<Vec<T>, u16> {
        let mut collection = self.get::<Value>(path)?;
        Ok(serde_json::from_value(collection["value"].take()).expect("readable"))
    }

    fn end_poll(&mut self) {
        let Some(Poll { began, answers: Some(answers), .. }) =
            self.poll.take_if(|poll| poll.answers.is_some())
        else {
            return;
        };
        let mut news = false;
        for answer in answers {
            match answer {
                Ok(reading) => {
                    let applied = self.tracker.read(self.now, &reading, began);
                    news |= applied == offhook_signaling::track::Applied::Changed;
                }
                Err(_) => {
                    self.tracker.gone(self.now);
                }
            }
        }
        self.tracker.poll_ended(news);
    }

    pub(crate) fn poll_all(&mut self) {
        self.poll = None;
        [Step::BeginPoll, Step::AnswerPoll, Step::EndPoll].iter().for_each(|step| self.take(step));
    }

    /// Asks as long as something is in doubt or in change, as the task behind a call does.
    pub(crate) fn settle(&mut self) {
        self.poll = None;
        let stands =
            |state| matches!(state, CallState::Established | CallState::Hold | CallState::Terminated);
        for _ in 0..100 {
            let snapshot = self.tracker.snapshot();
            if snapshot.is_terminated() || (stands(snapshot.state) && !self.tracker.is_in_doubt()) {
                return;
            }
            // Operations and transfers come to their end in time.
            self.take(&Step::Pass { seconds: 30 });
            self.deliver_all();
            self.poll_all();
        }
        panic!("still in doubt: {:?}", self.tracker);
    }

    fn check_that_nothing_moved_back(&mut self) {
        let snapshot = self.tracker.snapshot();
        assert!(!self.was_terminated || snapshot.is_terminated(), "a call that was over is no longer");
        self.was_terminated = snapshot.is_terminated();
        for id in &self.over {
            assert!(
                snapshot.operations.is_over(&OperationId::from(id.as_str())),
                "{id} was over and is no longer"
            );
        }
        let ids = snapshot.operations.iter().filter_map(|operation| operation.common().id.cloned());
        let over = ids.filter(|id| snapshot.operations.is_over(id)).map(|id| id.to_string());
        self.over = over.collect();
        let is_there = self.service.call(&self.call).is_some();
        assert!(!(snapshot.is_terminated() && is_there), "the call is taken to be over, and is not");
    }

    pub(crate) fn truth(&self) -> Picture {
        let Some(call) = self.service.call(&self.call) else { return Picture::over() };
        // Nobody is told who is in a call between two.
        let everyone =
            if call.meeting_info.is_value() { self.service.roster(&self.call) } else { Vec::new() };
        Picture {
            state: call.state.known().expect("a known state"),
            audio: audio(call),
            roster: roster(&everyone),
            sharing: self.service.content_sharing(&self.call).map(ToString::to_string).collect(),
            operations: self.service.operations(&self.call).filter_map(one).collect(),
        }
    }

    pub(crate) fn known(&self) -> Picture {
        let snapshot = self.tracker.snapshot();
        if snapshot.is_terminated() {
            return Picture::over();
        }
        let everyone: Vec<Participant> =
            snapshot.roster.participants().iter().map(|one| Participant::clone(one)).collect();
        let sessions = snapshot.content_sharing.sessions().iter();
        let operations = snapshot.operations.iter().filter_map(|operation| {
            let id = operation.common().id?;
            Some((id.to_string(), snapshot.operations.is_over(id)))
        });
        Picture {
            state: snapshot.state,
            audio: audio(&snapshot.call),
            roster: roster(&everyone),
            sharing: sessions.filter_map(|session| session.id.as_str().map(str::to_owned)).collect(),
            operations: operations.collect(),
        }
    }
}

impl Picture {
    /// A call that is over has nothing more to agree on.
    fn over() -> Self {
        let (roster, sharing, operations) = Default::default();
        Self { state: CallState::Terminated, audio: None, roster, sharing, operations }
    }
}

fn audio(call: &Call) -> Option<MediaState> {
    call.media_state.value()?.audio.known()
}

fn one(operation: &CommsOperation) -> Option<(String, bool)> {
    Some((operation.common().id?.to_string(), operation.is_over()))
}

/// Muted, in the lobby, and streams with their directions, by roster id.
fn roster(everyone: &[Participant]) -> BTreeMap<String, (bool, bool, String)> {
    let told = |field: &offhook_signaling::model::Field<bool>| field.value().copied().unwrap_or_default();
    let described = everyone.iter().filter_map(|one| {
        let streams =
            one.media_streams.items().iter().map(|stream| {
                format!("{:?} {:?} {:?};", stream.media_type, stream.source_id, stream.direction)
            });
        Some((one.id.as_str()?.to_owned(), (told(&one.is_muted), told(&one.is_in_lobby), streams.collect())))
    });
    described.collect()
}
