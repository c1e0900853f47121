//! A recording as the text of a scenario.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use offhook_signaling::model::OpenEnum;
use serde_json::{Value, json};

use super::{EXACTNESS, FAULTS, Recording, Step, When, armed};
use crate::directory::{Directory, User};
use crate::duration_text;
use crate::far_end::AfterSpeech;

impl Recording {
    pub(super) fn write(&self, text: &mut String, directory: &Directory) {
        let mut users: BTreeMap<&String, Value> =
            directory.users.iter().map(|(id, user)| (id, written_user(id, user))).collect();
        users.extend(self.users.iter().map(|(id, user)| (id, user.clone())));
        // People in browsers, who are in no directory: in a test somebody speaks in their place.
        let names = self.steps.iter().filter_map(|step| step.named());
        for id in names.filter(|id| !directory.users.contains_key(*id) && !self.users.contains_key(*id)) {
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
        let steps = |duration: Duration| duration.as_millis() / EXACTNESS.as_millis();
        let rounded = |duration| EXACTNESS * u32::try_from(steps(duration)).unwrap_or(u32::MAX);
        match self.when {
            When::At(at) => json!({"at": duration_text::written(rounded(at)), "do": self.happening}),
            When::After { state, delay, call } => json!({
                "after": state.name(), "delay": duration_text::written(rounded(delay)), "call": call,
                "do": self.happening,
            }),
        }
    }
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
