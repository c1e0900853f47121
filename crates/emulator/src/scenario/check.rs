//! From the text of a scenario to one that holds together.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Contradiction;
use super::file::{self, BUILT_IN, File, PATTERN, PicksUp};
use super::happening::Happening;
use super::locate::{line_of, line_of_key};
use super::{Demand, Demanded, Scenario, ScenarioError};
use crate::directory::{Meeting, User, is_phone_number};
use crate::far_end::{AfterSpeech, Clip, FarEndScript, Film};
use crate::service::Certificate;
use crate::settings::{BEYOND_LOOPBACK, callback_uri};

/// Reads and checks.
pub(super) fn read(text: &str, path: &Path) -> Result<Scenario, ScenarioError> {
    let file = parse(text, path)?;
    let check = Check { text, path };
    let users = check.users(&file.users)?;
    let meetings = check.meetings(&file.meetings, &users)?;
    let demands = check.happenings(&file.happenings, &users, &meetings)?;
    let certificate = check.certificate(file.tenant.certificate.as_deref())?;
    let with_join_id = |meeting: file::Meeting| Some((meeting.join_id?, meeting.passcode));
    Ok(Scenario {
        seed: file.seed,
        tenant: file.tenant,
        timers: file.timers,
        certificate,
        users,
        meetings,
        join_ids: file.meetings.into_iter().filter_map(with_join_id).collect(),
        request_faults: file.faults.requests,
        notification_faults: file.faults.notifications,
        media_faults: file.faults.media,
        happenings: file.happenings,
        demands,
    })
}

fn parse(text: &str, path: &Path) -> Result<File, ScenarioError> {
    let written = |error: &toml::de::Error, key: String| ScenarioError::Written {
        file: path.to_owned(),
        line: line_of(text, &error.span().unwrap_or_default()),
        key,
        problem: error.message().to_owned(),
    };
    let deserializer = toml::Deserializer::parse(text).map_err(|error| written(&error, ".".to_owned()))?;
    serde_path_to_error::deserialize(deserializer)
        .map_err(|error| written(error.inner(), error.path().to_string()))
}

/// What errors need to say where something stands.
struct Check<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Check<'_> {
    fn place(&self, key: &str) -> (PathBuf, usize, String) {
        (self.path.to_owned(), line_of_key(self.text, key), key.to_owned())
    }

    fn wrong(&self, key: &str, problem: Contradiction) -> ScenarioError {
        let (file, line, key) = self.place(key);
        ScenarioError::Meaning { file, line, key, problem }
    }

    /// A file that the scenario names.
    fn beside(&self, name: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(name)
    }

    fn users(&self, written: &[file::User]) -> Result<Vec<(String, User)>, ScenarioError> {
        let mut ids = HashSet::new();
        let mut users = Vec::with_capacity(written.len());
        for (index, user) in written.iter().enumerate() {
            let key = |name: &str| format!("users[{index}].{name}");
            if !ids.insert(&user.id) {
                return Err(self.wrong(&key("id"), Contradiction::Twice(user.id.clone())));
            }
            let mut script = FarEndScript::new().then(user.then.into());
            if let Some(says) = &user.says {
                script = script.say(self.clip(says, &key("says"))?);
            }
            if let Some(hertz) = user.hums {
                script = script.say(Arc::new(Clip::tone(hertz))).then(AfterSpeech::Repeat);
            }
            if user.hums.is_some() && user.says.is_some() {
                return Err(self.wrong(&key("hums"), Contradiction::SaysAndHums));
            }
            if let Some(shows) = &user.shows {
                script = script.show(self.film(shows, &key("shows"))?);
            }
            if user.echo && (user.says.is_some() || user.hums.is_some() || user.shows.is_some()) {
                return Err(self.wrong(&key("echo"), Contradiction::SaysAndEchoes));
            }
            if user.echo {
                script = script.echo();
            }
            if user.listens {
                script = script.keep_what_it_hears();
            }
            let name = user.name.as_ref().unwrap_or(&user.id);
            users.push((user.id.clone(), picking_up(User::new(name, script), user.picks_up)));
        }
        Ok(users)
    }

    fn clip(&self, says: &str, key: &str) -> Result<Arc<Clip>, ScenarioError> {
        if says == BUILT_IN {
            return Ok(Arc::new(Clip::speech()));
        }
        Clip::from_wav(self.beside(says)).map(Arc::new).map_err(|source| {
            let (file, line, key) = self.place(key);
            ScenarioError::Speech { file, line, key, source }
        })
    }

    fn film(&self, shows: &str, key: &str) -> Result<Arc<Film>, ScenarioError> {
        if shows == PATTERN {
            return Ok(Film::pattern());
        }
        Film::from_file(self.beside(shows)).map(Arc::new).map_err(|source| {
            let (file, line, key) = self.place(key);
            ScenarioError::Film { file, line, key, source }
        })
    }

    /// Meetings under each of their ids.
    fn meetings(
        &self,
        written: &[file::Meeting],
        users: &[(String, User)],
    ) -> Result<Vec<(String, Meeting)>, ScenarioError> {
        let mut meetings: Vec<(String, Meeting)> = Vec::with_capacity(written.len());
        for (index, meeting) in written.iter().enumerate() {
            let key = |name: &str| format!("meetings[{index}].{name}");
            let find = |(place, id): (usize, &String)| {
                let user = users.iter().find(|(known, _)| known == id).cloned();
                let unknown = || Contradiction::UnknownUser(id.clone());
                user.ok_or_else(|| self.wrong(&key(&format!("participants[{place}]")), unknown()))
            };
            let people = meeting.participants.iter().enumerate().map(find).collect::<Result<Vec<_>, _>>()?;
            let made = made(meeting, people);
            let ids = [("joinId", &meeting.join_id), ("threadId", &meeting.thread_id)];
            let mut ids = ids.into_iter().filter_map(|(name, id)| Some((name, id.as_ref()?))).peekable();
            if ids.peek().is_none() {
                return Err(self.wrong(&format!("meetings[{index}]"), Contradiction::NoMeetingId));
            }
            for (name, id) in ids {
                if meetings.iter().any(|(known, _)| known == id) {
                    return Err(self.wrong(&key(name), Contradiction::Twice(id.clone())));
                }
                meetings.push((id.clone(), made.clone()));
            }
        }
        Ok(meetings)
    }

    /// Gives what has to hold of the settings with which the scenario is then played.
    fn happenings(
        &self,
        happenings: &[file::Scripted],
        users: &[(String, User)],
        meetings: &[(String, Meeting)],
    ) -> Result<Vec<Demand>, ScenarioError> {
        let mut demands = Vec::new();
        for (index, scripted) in happenings.iter().enumerate() {
            let key = |name: &str| format!("happenings[{index}].do.{name}");
            if let Some(user) = scripted.happening.user()
                && !users.iter().any(|(known, _)| known == user)
                && !is_phone_number(user)
            {
                let key = key(scripted.happening.name());
                if !matches!(scripted.happening, Happening::Admit(_)) {
                    return Err(self.wrong(&key, Contradiction::UnknownUser(user.to_owned())));
                }
                let error = self.wrong(&key, Contradiction::NobodyToAdmit(user.to_owned()));
                demands.push(Demand { of: Demanded::ClientId(user.to_owned()), error });
            }
            let Happening::CallBot(call) = &scripted.happening else { continue };
            if let Some(meeting) = &call.meeting
                && !meetings.iter().any(|(known, _)| known == meeting)
            {
                let problem = Contradiction::UnknownMeeting(meeting.clone());
                return Err(self.wrong(&key("callBot.meeting"), problem));
            }
            let wrong =
                |problem| self.wrong(&key("callBot.callbackUri"), Contradiction::CallbackUri(problem));
            let url = callback_uri(&call.callback_uri).map_err(wrong)?;
            let error = wrong(BEYOND_LOOPBACK.to_owned());
            demands.push(Demand { of: Demanded::MayCallBack(url), error });
        }
        Ok(demands)
    }

    fn certificate(&self, name: Option<&str>) -> Result<Option<Certificate>, ScenarioError> {
        let Some(name) = name else { return Ok(None) };
        let path = self.beside(name);
        let pem = std::fs::read_to_string(&path).map_err(|source| ScenarioError::File { path, source })?;
        Certificate::from_pem(&pem).map(Some).map_err(|source| {
            let (file, line, key) = self.place("tenant.certificate");
            ScenarioError::Certificate { file, line, key, source }
        })
    }
}

fn picking_up(user: User, picks_up: PicksUp) -> User {
    match picks_up {
        PicksUp::After(ringing) => user.picks_up_after(ringing),
        PicksUp::Never => user.never_picks_up(),
        PicksUp::Declines => user.declines(),
    }
}

/// The meeting as the directory has it.
fn made(written: &file::Meeting, people: Vec<(String, User)>) -> Meeting {
    let mut meeting = Meeting::empty().lobby(written.lobby);
    for (id, user) in people {
        meeting = meeting.participant(id, user);
    }
    if let Some(thread_id) = &written.thread_id {
        meeting = meeting.thread_id(thread_id);
    }
    match &written.passcode {
        Some(passcode) => meeting.passcode(passcode),
        None => meeting,
    }
}
