//! Makes a scenario of what somebody does to a running emulator.
//!
//! Each step is tied to the state that its call reached last for the first time, and to how long ago that was: so it comes at the same
//! point of the call however long the bot takes to get there. A far end that somebody adds to a room is in each call there from when
//! that is established, which is when it can be let in again. Pure: it is told the time.

mod written;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use offhook_signaling::model::{CallId, CallState};
use serde_json::{Value, json};

use super::happening::Happening;
use crate::bridge::ScriptKind;
use crate::callbacks::Reached;
use crate::directory::Directory;

/// More steps than this are no scenario that anybody reads.
const MOST_STEPS: usize = 1_000;

/// How exact the times of steps are: people are no more exact.
const EXACTNESS: Duration = Duration::from_millis(10);

/// Records, while it is told to.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    /// Calls that are not over, in the order in which they began: also those that began before the recording.
    calls: Vec<Followed>,
    /// Far ends that were added to rooms and are there, by their ids.
    there: BTreeMap<String, Added>,
    recording: Option<Recording>,
}

struct Followed {
    call: CallId,
    /// Counted from 1, within the recording.
    number: u32,
    state: CallState,
    /// The states that it has been in, each at its first time: happenings are due at the first.
    reached: Vec<(CallState, Instant)>,
    /// The room that its bot is in.
    room: Option<String>,
    /// Far ends that steps have let in, by their ids.
    joined: Vec<String>,
}

struct Added {
    room: String,
    /// The words that a scenario has for it.
    user: Value,
    muted: bool,
}

struct Recording {
    begun: Instant,
    /// Calls that there have been.
    calls: u32,
    /// Faults that were armed when it began.
    faults: Value,
    steps: Vec<Step>,
    /// Far ends that steps have let in, by their ids; with the words that a scenario has for them.
    users: BTreeMap<String, Value>,
}

pub(crate) struct Step {
    when: When,
    /// What happens, as a scenario has it.
    happening: Value,
}

#[derive(Clone, Copy)]
enum When {
    At(Duration),
    After { state: CallState, delay: Duration, call: u32 },
}

impl Recorder {
    /// Nothing is left half changed by a panic.
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call has reached a state.
    pub(crate) fn reached(&self, now: Instant, reached: &Reached) {
        let mut inside = self.lock();
        let Inside { calls, recording, .. } = &mut *inside;
        if reached.state == CallState::Terminated {
            calls.retain(|followed| followed.call != reached.call);
            return;
        }
        match calls.iter_mut().find(|followed| followed.call == reached.call) {
            Some(followed) => {
                followed.state = reached.state;
                if !followed.has_been(reached.state) {
                    followed.reached.push((reached.state, now));
                }
            }
            None => {
                let number = recording.as_mut().map_or(0, |recording| {
                    recording.calls += 1;
                    recording.calls
                });
                calls.push(Followed {
                    call: reached.call.clone(),
                    number,
                    state: reached.state,
                    reached: vec![(reached.state, now)],
                    room: None,
                    joined: Vec::new(),
                });
            }
        }
        inside.let_in(now);
    }

    /// The bot of a call comes to a room.
    pub(crate) fn comes_to(&self, now: Instant, call: &CallId, room: &str) {
        let mut inside = self.lock();
        if let Some(followed) = inside.calls.iter_mut().find(|followed| followed.call == *call) {
            followed.room = Some(room.to_owned());
        }
        inside.let_in(now);
    }

    /// Begins anew, with what is armed: the faults as pages are shown them.
    pub(crate) fn start(&self, now: Instant, faults: &Value) {
        let mut inside = self.lock();
        for (number, followed) in (1..).zip(&mut inside.calls) {
            followed.number = number;
            followed.joined.clear();
        }
        let calls = inside.calls.last().map_or(0, |last| last.number);
        let (steps, users) = (Vec::new(), BTreeMap::new());
        inside.recording = Some(Recording { begun: now, calls, faults: faults.clone(), steps, users });
        inside.let_in(now);
    }

    /// Forgets what was recorded.
    pub(crate) fn stop(&self) {
        self.lock().recording = None;
    }

    /// Whether it records, and how many steps it has.
    pub(crate) fn view(&self) -> Value {
        self.lock()
            .recording
            .as_ref()
            .map_or(Value::Null, |recording| json!({"steps": recording.steps.len()}))
    }

    /// What is about to happen, in `call` where it happens in one: a step, where somebody records. Asked for before it happens, for
    /// it may be the call's last.
    pub(crate) fn step(&self, now: Instant, call: Option<&CallId>, happening: &Happening) -> Option<Step> {
        let mut step = self.lock().step_of(now, call, serde_json::to_value(happening).ok()?)?;
        if let When::After { state, delay, .. } = &mut step.when
            && matches!(state, CallState::Incoming | CallState::Establishing)
            && needs_established(happening)
        {
            // It is on its way there; where it does not get there in time, this is refused, and no step.
            (*state, *delay) = (CallState::Established, Duration::ZERO);
        }
        Some(step)
    }

    /// It has happened.
    pub(crate) fn happened(&self, step: Option<Step>) {
        self.lock().add(step);
    }

    /// A fault was taken away; these are left, as pages are shown them.
    pub(crate) fn faults_left(&self, now: Instant, faults: &Value) {
        let mut inside = self.lock();
        inside.step(now, None, json!("clearFaults"));
        for (kind, name) in FAULTS {
            for fault in armed(faults, kind) {
                inside.step(now, None, json!({ name: fault }));
            }
        }
    }

    /// A scripted far end was added to a room.
    pub(crate) fn far_end_added(
        &self,
        now: Instant,
        room: &str,
        id: &str,
        name: &str,
        kind: &ScriptKind,
        picture: bool,
    ) {
        let says = match kind {
            ScriptKind::Speech(Some(file)) => json!({"says": file, "then": "repeat"}),
            ScriptKind::Speech(None) => json!({"says": "built-in", "then": "repeat"}),
            ScriptKind::Tone(hertz) => json!({"hums": hertz}),
            _ => json!({}),
        };
        let mut user = json!({"id": id, "name": name});
        if let (Some(user), Value::Object(says)) = (user.as_object_mut(), says) {
            user.extend(says);
        }
        if picture || *kind == ScriptKind::Pattern {
            user["shows"] = "pattern".into();
        }
        let mut inside = self.lock();
        inside.there.insert(id.to_owned(), Added { room: room.to_owned(), user, muted: false });
        inside.let_in(now);
    }

    /// Somebody is about to be removed from a room.
    pub(crate) fn far_end_leaves(&self, now: Instant, id: &str) {
        self.lock().about_added(now, id, &json!({ "leave": id }));
        self.far_end_gone(id);
    }

    /// Somebody is in their room no longer, for whatever reason.
    pub(crate) fn far_end_gone(&self, id: &str) {
        let mut inside = self.lock();
        inside.there.remove(id);
        for followed in &mut inside.calls {
            followed.joined.retain(|joined| joined != id);
        }
    }

    /// Somebody in a room was muted, or is heard again.
    pub(crate) fn far_end_muted(&self, now: Instant, id: &str, muted: bool) {
        let mut inside = self.lock();
        if let Some(added) = inside.there.get_mut(id) {
            added.muted = muted;
        }
        inside.about_added(now, id, &if muted { json!({ "mute": id }) } else { json!({ "unmute": id }) });
    }

    /// The scenario so far, with who is in `directory`. None when nothing is being recorded.
    pub(crate) fn scenario(&self, directory: &Directory) -> Option<String> {
        let inside = self.lock();
        let recording = inside.recording.as_ref()?;
        let mut text = String::from(
            "# Recorded with offhook emulator. Play it: offhook emulator --scenario FILE, or Scenario::from_file in a test.\n\
             # A callbackUri is where the bot was: change it to where yours is.\n",
        );
        recording.write(&mut text, directory);
        Some(text)
    }
}

impl Inside {
    fn step(&mut self, now: Instant, call: Option<&CallId>, happening: Value) {
        let step = self.step_of(now, call, happening);
        self.add(step);
    }

    fn add(&mut self, step: Option<Step>) {
        if let Some(recording) =
            self.recording.as_mut().filter(|recording| recording.steps.len() < MOST_STEPS)
        {
            recording.steps.extend(step);
        }
    }

    fn step_of(&self, now: Instant, call: Option<&CallId>, happening: Value) -> Option<Step> {
        let recording = self.recording.as_ref()?;
        let followed = call.and_then(|call| self.calls.iter().find(|followed| followed.call == *call));
        // What comes of no call goes with the time, unless there is a call to go by.
        let when = match followed.or_else(|| self.calls.last().filter(|_| call.is_none())) {
            Some(followed) => followed.when(now)?,
            None if call.is_none() => When::At(now.saturating_duration_since(recording.begun)),
            // The call is over, or never was.
            None => return None,
        };
        Some(Step { when, happening })
    }

    /// Far ends that were added are in the calls of their rooms that are established, as a step each.
    fn let_in(&mut self, now: Instant) {
        let Self { calls, there, recording: Some(recording) } = self else { return };
        let mut steps = Vec::new();
        // Nobody can be let into a call that is on hold, or that is not established yet.
        for followed in calls.iter_mut().filter(|followed| followed.state == CallState::Established) {
            for (id, added) in &*there {
                let is_here = followed.room.as_ref() == Some(&added.room) && !followed.joined.contains(id);
                let Some(when) = followed.when(now).filter(|_| is_here) else { continue };
                followed.joined.push(id.clone());
                if recording.steps.len() + steps.len() < MOST_STEPS {
                    recording.users.insert(id.clone(), added.user.clone());
                }
                steps.push(Step { when, happening: json!({ "join": id }) });
                if added.muted {
                    steps.push(Step { when, happening: json!({ "mute": id }) });
                }
            }
        }
        steps.into_iter().for_each(|step| self.add(Some(step)));
    }

    /// Something happens to a far end that was added, in each call that it is in.
    fn about_added(&mut self, now: Instant, id: &str, happening: &Value) {
        let is_in = |followed: &&Followed| followed.joined.iter().any(|joined| joined == id);
        let calls: Vec<CallId> =
            self.calls.iter().filter(is_in).map(|followed| followed.call.clone()).collect();
        for call in calls {
            self.step(now, Some(&call), happening.clone());
        }
    }
}

impl Followed {
    fn has_been(&self, state: CallState) -> bool {
        self.reached.iter().any(|(reached, _)| *reached == state)
    }

    /// Now, in this call.
    fn when(&self, now: Instant) -> Option<When> {
        let (state, since) = *self.reached.last()?;
        let mut delay = now.saturating_duration_since(since);
        if self.state != state {
            // It is back in a state that it was in before; what has brought it back comes first.
            delay += EXACTNESS;
        }
        Some(When::After { state, delay, call: self.number })
    }
}

/// What only happens in a call that is established.
fn needs_established(happening: &Happening) -> bool {
    use Happening::{ChangeSharing, Hold, Join, PressTone, StartSharing, WaitInLobby};
    matches!(happening, PressTone(_) | Join(_) | WaitInLobby(_) | StartSharing(_) | ChangeSharing(_) | Hold)
}

/// Kinds of faults, and what the happening is called that arms one.
const FAULTS: [(&str, &str); 3] =
    [("requests", "requestFault"), ("notifications", "notificationFault"), ("media", "mediaFault")];

/// Faults of a kind, without the ids that they have now.
fn armed(faults: &Value, kind: &str) -> Vec<Value> {
    let mut armed = faults[kind].as_array().cloned().unwrap_or_default();
    for fault in armed.iter_mut().filter_map(Value::as_object_mut) {
        fault.remove("id");
    }
    armed
}

#[cfg(test)]
mod tests;
