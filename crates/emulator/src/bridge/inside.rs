//! Who is in a hall, and by what: connections beside the members of its room.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::mpsc::channel;

use super::Scripted;
use super::ear::{Ear, Outgoing};
use super::path::Path;
use super::person::Person;
use super::room::{Member, Room};
use super::view::{MemberKind, SourceIds};
use super::voice::{PeerVoice, Voice};
use crate::far_end::{AfterSpeech, Clip, FarEnd, FarEndScript, FarEndState};

/// What waits for a connection that does not keep up: a second of sound, and of video what a large key frame has.
pub(super) const OUTBOX: usize = 512;

/// A member's connection, or what there is instead.
pub(super) enum End {
    Bot { far_end: FarEnd, carrier: Option<String> },
    Person(Arc<Person>),
    Script(Script),
}

/// What a scripted member does.
#[derive(Clone)]
pub(super) struct Script {
    pub(super) clip: Option<Arc<Clip>>,
    pub(super) script: FarEndScript,
    /// Whether somebody waits for a key frame of their film.
    pub(super) asked_for_key_frame: Arc<AtomicBool>,
}

impl Script {
    fn new(clip: Option<Arc<Clip>>, script: FarEndScript) -> Self {
        Self { clip, script, asked_for_key_frame: Arc::default() }
    }
}

pub(super) struct Inside {
    pub(super) room: Room,
    pub(super) ends: HashMap<String, End>,
    /// Those who are about to come.
    pub(super) expected: u32,
    /// Whether it ticks: until then there is one bot, and one script, which speaks to it itself.
    pub(super) is_open: bool,
}

impl End {
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Bot { far_end, .. } => Some(far_end.path()),
            Self::Person(person) => Some(person.path()),
            Self::Script(_) => None,
        }
    }
}

impl Inside {
    pub(super) fn new() -> Self {
        Self { room: Room::new(), ends: HashMap::new(), expected: 0, is_open: false }
    }

    pub(super) fn ids(&self, which: impl Fn(&End) -> bool) -> Vec<String> {
        // In the order in which they came.
        let ends = self.room.members().iter().filter_map(|member| self.ends.get_key_value(&member.id));
        ends.filter(|(_, end)| which(end)).map(|(id, _)| id.clone()).collect()
    }

    /// Whether there is more than one bot with one script.
    pub(super) fn needs_mixing(&self) -> bool {
        let bots = self.ids(|end| matches!(end, End::Bot { .. })).len();
        let people = self.ids(|end| matches!(end, End::Person(_))).len();
        let doing =
            |script: &Script| script.clip.is_some() || script.script.echo || !script.script.tones.is_empty();
        // Voices of one script are said by it.
        let scripts = self.ids(|end| matches!(end, End::Script(script) if doing(script)));
        let scripts = scripts.iter().filter(|id| !id.contains(VOICE)).count();
        bots > 1 || people > 0 || scripts > 1
    }

    /// Seats somebody who follows a script, and their further voices, where they are not there yet; gives who has come.
    pub(super) fn take_place(&mut self, person: &Scripted) -> Vec<String> {
        let mut come = Vec::new();
        if self.ends.contains_key(&person.id) {
            return come;
        }
        let voices = person.script.voices(person.source);
        let main = person.script.clip.clone();
        let further = voices.into_iter().skip(usize::from(main.is_some()));
        let mut seat = |id: String, name: String, source: u32, script: Script| {
            let sources = SourceIds { audio: source, video: None, sharing: None };
            self.room.join(Member::new(&id, &name, MemberKind::Script, sources));
            self.ends.insert(id.clone(), End::Script(script));
            come.push(id);
        };
        let source = person.source.map_or(0, |source| source.0);
        let script = Script::new(main, person.script.clone());
        seat(person.id.clone(), person.name.clone(), source, script);
        for voice in further {
            let source = voice.source.map_or(0, |source| source.0);
            let after = if person.script.after == AfterSpeech::Repeat {
                AfterSpeech::Repeat
            } else {
                AfterSpeech::Silence
            };
            let script = Script::new(Some(voice.clip), FarEndScript::new().then(after));
            seat(
                format!("{}{VOICE}{source}", person.id),
                format!("{} ({source})", person.name),
                source,
                script,
            );
        }
        come
    }

    /// Whether a far end says what this script says, and would go on with it.
    pub(super) fn speaks_itself(&self, id: &str) -> bool {
        let speaks = |end: &End| {
            matches!(end, End::Bot { far_end, carrier: Some(carrier) }
            if carrier == id && far_end.state() < FarEndState::HungUp)
        };
        !self.is_open && self.ends.values().any(speaks)
    }

    /// A bot hears the room from now on. Gives how many frames of its script were played.
    pub(super) fn connect(&mut self, call: &str) -> Option<u32> {
        let Some(End::Bot { far_end, .. }) = self.ends.get(call) else { return None };
        let (outbox, outgoing) = channel::<Outgoing>(OUTBOX);
        let ear = Ear::new(outbox, far_end.unmixed(), true);
        let (inlet, played) = far_end.enter_room(outgoing);
        let member = self.room.member(call)?;
        (member.ear, member.voice) = (ear.ok(), Some(Voice::Peer(PeerVoice::new(inlet))));
        Some(played)
    }

    /// A script is over: the far ends that wait for it are told.
    pub(super) fn finished(&self, id: &str) {
        let Some(End::Script(script)) = self.ends.get(id) else { return };
        for end in self.ends.values() {
            if let End::Bot { far_end, carrier: Some(carrier) } = end
                && carrier == id
            {
                far_end.finished_speech(script.script.after == AfterSpeech::HangUp);
            }
        }
    }
}

/// Stands in the id of a further voice, between that of whoever has it and its source.
const VOICE: char = '#';
