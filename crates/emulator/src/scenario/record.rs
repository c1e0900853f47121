//! Makes a scenario of what somebody does to a running emulator.
//!
//! Each step is tied to the state that its call reached last, and to how long ago that was: so it comes at the same point of the
//! call however long the bot takes to get there. Pure: it is told the time.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use offhook_signaling::model::{CallId, CallState, OpenEnum};
use serde_json::{Value, json};

use super::happening::Happening;
use crate::bridge::ScriptKind;
use crate::callbacks::Reached;
use crate::directory::{Directory, User};
use crate::duration_text;
use crate::far_end::AfterSpeech;

/// More steps than this are no scenario that anybody reads.
const MOST_STEPS: usize = 1_000;

/// Records, while it is told to.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    /// Calls that are not over, in the order in which they began: also those that began before the recording.
    calls: Vec<Followed>,
    recording: Option<Recording>,
}

struct Followed {
    call: CallId,
    /// Counted from 1, within the recording.
    number: u32,
    state: CallState,
    since: Instant,
}

struct Recording {
    begun: Instant,
    /// Calls that there have been.
    calls: u32,
    /// Faults that were armed when it began.
    faults: Value,
    steps: Vec<Step>,
    /// Far ends that were added, by their ids in the call; with the words that a scenario has for them.
    added: BTreeMap<String, Value>,
}

pub(crate) struct Step {
    when: When,
    /// What happens, as a scenario has it.
    happening: Value,
}

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
        let Inside { calls, recording } = &mut *inside;
        if reached.state == CallState::Terminated {
            calls.retain(|followed| followed.call != reached.call);
            return;
        }
        match calls.iter_mut().find(|followed| followed.call == reached.call) {
            // That it is established is said more than once, and a happening is due at the first.
            Some(followed) if followed.state == reached.state => {}
            Some(followed) => (followed.state, followed.since) = (reached.state, now),
            None => {
                let number = recording.as_mut().map_or(0, |recording| {
                    recording.calls += 1;
                    recording.calls
                });
                calls.push(Followed { call: reached.call.clone(), number, state: reached.state, since: now });
            }
        }
    }

    /// Begins anew, with what is armed: the faults as pages are shown them.
    pub(crate) fn start(&self, now: Instant, faults: &Value) {
        let mut inside = self.lock();
        for (number, followed) in (1..).zip(&mut inside.calls) {
            followed.number = number;
        }
        let calls = inside.calls.last().map_or(0, |last| last.number);
        let (steps, added) = (Vec::new(), BTreeMap::new());
        inside.recording = Some(Recording { begun: now, calls, faults: faults.clone(), steps, added });
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
        self.lock().step_of(now, call, serde_json::to_value(happening).ok()?)
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

    /// A scripted far end was added.
    pub(crate) fn far_end_added(&self, now: Instant, id: &str, name: &str, kind: &ScriptKind, picture: bool) {
        let mut inside = self.lock();
        let Some(recording) = &mut inside.recording else { return };
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
        recording.added.insert(id.to_owned(), user);
        inside.step_in_last_call(now, json!({ "join": id }));
    }

    /// Somebody was removed from a room.
    pub(crate) fn far_end_left(&self, now: Instant, id: &str) {
        self.about_added(now, id, json!({ "leave": id }));
    }

    /// Somebody in a room was muted, or is heard again.
    pub(crate) fn far_end_muted(&self, now: Instant, id: &str, muted: bool) {
        self.about_added(now, id, if muted { json!({ "mute": id }) } else { json!({ "unmute": id }) });
    }

    fn about_added(&self, now: Instant, id: &str, happening: Value) {
        let mut inside = self.lock();
        if inside.recording.as_ref().is_some_and(|recording| recording.added.contains_key(id)) {
            inside.step_in_last_call(now, happening);
        }
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
            Some(Followed { number, state, since, .. }) => {
                When::After { state: *state, delay: now.saturating_duration_since(*since), call: *number }
            }
            None if call.is_none() => When::At(now.saturating_duration_since(recording.begun)),
            // The call is over, or never was.
            None => return None,
        };
        Some(Step { when, happening })
    }

    fn step_in_last_call(&mut self, now: Instant, happening: Value) {
        let last = self.calls.last().map(|followed| followed.call.clone());
        if let Some(call) = last {
            self.step(now, Some(&call), happening);
        }
    }
}

impl Recording {
    fn write(&self, text: &mut String, directory: &Directory) {
        let mut users: BTreeMap<&String, Value> =
            directory.users.iter().map(|(id, user)| (id, written_user(id, user))).collect();
        users.extend(self.added.iter().map(|(id, user)| (id, user.clone())));
        // People in browsers, who are in no directory: in a test somebody speaks in their place.
        let names = self.steps.iter().filter_map(|step| step.named());
        for id in names.filter(|id| !directory.users.contains_key(*id) && !self.added.contains_key(*id)) {
            users.insert(id, json!({"id": id, "says": "built-in", "then": "repeat"}));
        }
        for user in users.values() {
            write_table(text, "users", user);
        }
        let mut meetings: Vec<_> = directory.meetings_to_join().collect();
        meetings.sort_by_key(|(key, _)| *key);
        for (key, meeting) in meetings {
            let known = meeting.participants.iter().filter_map(|(id, user)| {
                let named =
                    || directory.users.iter().find(|(_, known)| known.display_name == user.display_name);
                id.as_ref().or_else(|| named().map(|(id, _)| id)).filter(|id| users.contains_key(id))
            });
            let mut written = json!({
                "joinId": key, "threadId": meeting.thread_id, "participants": known.collect::<Vec<_>>(),
            });
            if let Some(passcode) = &meeting.passcode {
                written["passcode"] = json!(passcode);
            }
            if meeting.has_lobby {
                written["lobby"] = true.into();
            }
            write_table(text, "meetings", &written);
        }
        for (kind, _) in FAULTS {
            for fault in armed(&self.faults, kind) {
                write_table(text, &format!("faults.{kind}"), &fault);
            }
        }
        for step in &self.steps {
            write_table(text, "happenings", &step.written());
        }
    }
}

impl Step {
    /// The user that a happening names, or that calls the bot.
    fn named(&self) -> Option<&String> {
        let Value::Object(happening) = &self.happening else { return None };
        let (name, what) = happening.iter().next()?;
        match (name.as_str(), what) {
            ("callBot", call) => match &call["from"] {
                Value::String(from) if !from.starts_with('+') => Some(from),
                _ => None,
            },
            ("pressTone" | "rotateKey" | "admit", _) => None,
            (_, Value::String(user)) => Some(user),
            _ => None,
        }
    }

    fn written(&self) -> Value {
        // To the hundredth of a second: people are no more exact.
        let rounded = |duration: Duration| Duration::from_millis(duration.as_millis() as u64 / 10 * 10);
        match self.when {
            When::At(at) => json!({"at": duration_text::written(rounded(at)), "do": self.happening}),
            When::After { state, delay, call } => json!({
                "after": state.name(), "delay": duration_text::written(rounded(delay)), "call": call,
                "do": self.happening,
            }),
        }
    }
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

fn written_user(id: &str, user: &User) -> Value {
    let mut written = json!({"id": id, "name": user.display_name});
    let script = &user.script;
    if script.echoes() {
        written["echo"] = true.into();
    } else if script.clip().is_some() {
        // Which file it was is not known here.
        written["says"] = "built-in".into();
        written["then"] = match script.after_speech() {
            AfterSpeech::Silence => "silence",
            AfterSpeech::Stop => "stop",
            AfterSpeech::Repeat => "repeat",
            AfterSpeech::HangUp => "hangUp",
        }
        .into();
    }
    if script.film.is_some() {
        // Nor is it of a film.
        written["shows"] = "pattern".into();
    }
    written
}

/// A table of an array of tables: one line a key, and in it values as they stand inline.
fn write_table(text: &mut String, name: &str, table: &Value) {
    let _ = write!(text, "\n[[{name}]]\n");
    for (key, value) in table.as_object().into_iter().flatten() {
        let _ = writeln!(text, "{key} = {}", inline(value));
    }
}

/// A value as TOML has it in a line. What is null is left out of tables, for there is no such thing in TOML.
fn inline(value: &Value) -> String {
    match value {
        // JSON's escapes are among TOML's, which has one more.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            value.to_string().replace('\u{7f}', "\\u007f")
        }
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            let members: Vec<_> = members.map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            if members.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", members.join(", ")) }
        }
    }
}

#[cfg(test)]
mod tests;
