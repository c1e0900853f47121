//! Who can be called, and which meetings exist: the tenant's directory.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use offhook_signaling::model::{Identity, IdentitySet};
use uuid::Uuid;

use crate::far_end::FarEndScript;

/// What the ids of all threads begin with.
const THREAD_PREFIX: &str = "19:";

/// What the tokens that calls give to their bots begin with.
const TOKEN_PREFIX: &str = "emulated-meeting-";

/// What somebody does when they are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PickingUp {
    /// Picks up after some time.
    After(Duration),
    /// Lets it ring.
    Never,
    /// Declines.
    Declines,
}

/// A user or a phone: who answers when the bot calls, and what they then do.
#[derive(Clone, Debug)]
pub struct User {
    pub(crate) display_name: String,
    pub(crate) script: FarEndScript,
    pub(crate) picking_up: PickingUp,
}

impl User {
    /// A user who picks up at once and does in each call what `script` says.
    pub fn new(display_name: impl Into<String>, script: FarEndScript) -> Self {
        let picking_up = PickingUp::After(Duration::ZERO);
        Self { display_name: display_name.into(), script, picking_up }
    }

    /// Lets it ring for so long before picking up. Default zero. On the emulator's clock, which
    /// [`time_scale`](crate::EmulatorSettings::time_scale) runs faster or slower.
    #[must_use]
    pub fn picks_up_after(mut self, ringing: Duration) -> Self {
        self.picking_up = PickingUp::After(ringing);
        self
    }

    /// Never picks up: calls to them end when they have rung for long, transfers to them fail.
    #[must_use]
    pub fn never_picks_up(mut self) -> Self {
        self.picking_up = PickingUp::Never;
        self
    }

    /// Declines every call.
    #[must_use]
    pub fn declines(mut self) -> Self {
        self.picking_up = PickingUp::Declines;
        self
    }
}

/// A meeting. A bot hears all of its participants, mixed. Where only one of them does anything, their far end speaks to it itself.
#[derive(Clone, Debug)]
pub struct Meeting {
    pub(crate) passcode: Option<String>,
    pub(crate) participants: Vec<(Option<String>, User)>,
    pub(crate) has_lobby: bool,
    /// The thread of its chat.
    pub(crate) thread_id: String,
    /// What it is called: the key that it was added under.
    pub(crate) key: String,
    /// The id of the participant without one.
    pub(crate) nameless: String,
}

impl Meeting {
    /// A meeting without a passcode, in which `participant` waits.
    pub fn new(participant: User) -> Self {
        Self { participants: vec![(None, participant)], ..Self::empty() }
    }

    /// A meeting in which nobody is yet.
    pub fn empty() -> Self {
        let thread_id = format!("19:meeting_{}@thread.v2", Uuid::new_v4().simple());
        let (key, nameless) = (thread_id.clone(), Uuid::new_v4().to_string());
        Self { passcode: None, participants: Vec::new(), has_lobby: false, thread_id, key, nameless }
    }

    /// A further participant, by object id.
    #[must_use]
    pub fn participant(mut self, id: impl Into<String>, user: User) -> Self {
        self.participants.push((Some(id.into()), user));
        self
    }

    /// A passcode that is asked for.
    #[must_use]
    pub fn passcode(mut self, passcode: impl Into<String>) -> Self {
        self.passcode = Some(passcode.into());
        self
    }

    /// The id of the thread of its chat, by which it is joined through its organizer. Default one that nobody else has.
    #[must_use]
    pub fn thread_id(mut self, id: impl Into<String>) -> Self {
        self.thread_id = id.into();
        self
    }

    /// Bots wait in the lobby until somebody admits them. Default off.
    #[must_use]
    pub fn lobby(mut self, has_lobby: bool) -> Self {
        self.has_lobby = has_lobby;
        self
    }
}

/// Tokens that calls have given to their bots are forgotten once there are more; the oldest go.
const KEPT_TOKENS: usize = 500;

/// Users by object id and phones by number; meetings by join id, by thread id for those joined through their organizer, and by
/// token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    pub(crate) users: HashMap<String, User>,
    pub(crate) meetings: HashMap<String, Meeting>,
    /// The tokens that [`issue_token`](Self::issue_token) has made, the oldest first.
    tokens: VecDeque<String>,
}

impl Directory {
    /// A meeting, under a key and under the thread that a bot in it is told of. A key that is a thread's id is that thread.
    pub(crate) fn add_meeting(&mut self, key: String, mut meeting: Meeting) {
        if key.starts_with(THREAD_PREFIX) {
            meeting.thread_id.clone_from(&key);
        }
        meeting.key.clone_from(&key);
        self.meetings.insert(meeting.thread_id.clone(), meeting.clone());
        self.meetings.insert(key, meeting);
    }

    /// Meetings by join id: those that people can join. Neither the threads nor the tokens of meetings are among them.
    pub(crate) fn meetings_to_join(&self) -> impl Iterator<Item = (&String, &Meeting)> {
        let is_join_id = |key: &str| !key.starts_with(THREAD_PREFIX) && !key.starts_with(TOKEN_PREFIX);
        self.meetings.iter().filter(move |(key, _)| is_join_id(key))
    }

    /// A token by which a bot can join `meeting` again.
    pub(crate) fn issue_token(&mut self, meeting: Meeting) -> String {
        if self.tokens.len() >= KEPT_TOKENS
            && let Some(oldest) = self.tokens.pop_front()
        {
            self.meetings.remove(&oldest);
        }
        let token = format!("{TOKEN_PREFIX}{}", Uuid::new_v4().simple());
        self.meetings.insert(token.clone(), meeting);
        self.tokens.push_back(token.clone());
        token
    }

    /// Whoever has this id. Somebody who is not in the directory listens, and is called by their id.
    pub(crate) fn user_or_stranger(&self, id: &str) -> User {
        self.users.get(id).cloned().unwrap_or_else(|| User::new(id, FarEndScript::new()))
    }

    /// The identity of whoever has this id: a phone when the id is a number.
    pub(crate) fn identity(&self, id: &str) -> IdentitySet {
        if is_phone_number(id) {
            let phone = Box::new(Identity::with_id(id));
            return IdentitySet { phone: phone.into(), ..IdentitySet::new() };
        }
        let name = self.user_or_stranger(id).display_name;
        let user = Identity { display_name: name.as_str().into(), ..Identity::with_id(id) };
        IdentitySet { user: Box::new(user).into(), ..IdentitySet::new() }
    }
}

/// Whether an id is a number in E.164.
pub(crate) fn is_phone_number(id: &str) -> bool {
    id.strip_prefix('+')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
}
