//! A room on its own clock: each tick takes a frame of everybody, and gives each what they hear of it.

use std::collections::HashMap;

use bytes::Bytes;
use offhook_media::{MediaSourceId, Tone};

use super::ear::{Coder, Ear};
use super::mix::{Frame, Limiter, SILENT, Sum};
use super::speakers::{Activity, Dominance};
use super::view::{MemberKind, MemberView, RoomView, SourceIds};
use super::voice::{Beside, KeyPacket, Voice};
use crate::far_end::{MOST_VOICES, level};

/// Keys that are shown.
const SHOWN_KEYS: usize = 32;

/// Somebody in a room.
pub(super) struct Member {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kind: MemberKind,
    pub(super) sources: SourceIds,
    pub(super) is_muted: bool,
    /// Hears nobody, and is not heard.
    pub(super) is_on_hold: bool,
    /// Whether they are in: a bot whose phone still rings, or that waits in the lobby, is not; and a script that waits for its
    /// bot has not begun.
    pub(super) is_in: bool,
    pub(super) voice: Option<Voice>,
    pub(super) ear: Option<Ear>,
    /// Codes what they say where somebody wants it unmixed.
    solo: Option<Coder>,
    number: u32,
    activity: Activity,
    frame: Frame,
    tones: String,
}

impl Member {
    /// Somebody who is not in yet, and neither hears nor says anything.
    pub(super) fn new(id: &str, name: &str, kind: MemberKind, sources: SourceIds) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            kind,
            sources,
            is_muted: false,
            is_on_hold: false,
            is_in: false,
            voice: None,
            ear: None,
            solo: None,
            number: 0,
            activity: Activity::new(),
            frame: SILENT,
            tones: String::new(),
        }
    }

    fn is_heard(&self) -> bool {
        self.is_in && !self.is_muted && !self.is_on_hold
    }

    /// Takes the next frame of what they say.
    fn speak(&mut self, tick: u64) -> Beside {
        let goes_on = self.is_in || self.kind != MemberKind::Script;
        let spoken = self.voice.as_mut().filter(|_| goes_on).map(|voice| voice.speak(tick));
        let (frame, beside) = spoken.unwrap_or_else(|| (SILENT, Beside::default()));
        self.frame = if self.is_heard() { frame } else { SILENT };
        self.activity.hear(level(&self.frame));
        for tone in &beside.tones {
            self.tones.push(key(*tone));
            if self.tones.len() > SHOWN_KEYS {
                self.tones.remove(0);
            }
        }
        beside
    }

    fn source(&self) -> (MediaSourceId, u8) {
        (MediaSourceId(self.sources.audio), self.activity.level())
    }

    fn view(&self) -> MemberView {
        MemberView {
            id: self.id.clone(),
            name: self.name.clone(),
            kind: self.kind,
            source_ids: self.sources,
            muted: self.is_muted,
            level_dbov: self.activity.level(),
            speaking: self.activity.speaks(),
            video: false,
            sharing: self.sources.sharing.is_some(),
            tones: self.tones.clone(),
            slots: Vec::new(),
            link: None,
        }
    }
}

/// What others have to know of what has happened in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    /// A member has pressed a key.
    Tone { member: String, tone: Tone },
    /// A script has said all that it says.
    Finished { member: String },
}

/// Those who hear each other.
pub(super) struct Room {
    members: Vec<Member>,
    dominance: Dominance,
    /// Members by when they last were the dominant speaker, the latest first.
    spoke: Vec<u32>,
    numbers: u32,
    tick: u64,
    echo: Limiter,
    /// The levels and the dominant speaker that were last looked at.
    looked_at: (Vec<u8>, Option<u32>),
}

impl Room {
    pub(super) fn new() -> Self {
        let (members, dominance) = (Vec::new(), Dominance::default());
        let looked_at = (Vec::new(), None);
        Self { members, dominance, spoke: Vec::new(), numbers: 0, tick: 0, echo: Limiter::new(), looked_at }
    }

    pub(super) fn join(&mut self, mut member: Member) {
        self.numbers += 1;
        member.number = self.numbers;
        self.members.push(member);
    }

    pub(super) fn leave(&mut self, id: &str) -> Option<Member> {
        let place = self.members.iter().position(|member| member.id == id)?;
        let member = self.members.remove(place);
        self.spoke.retain(|number| *number != member.number);
        Some(member)
    }

    /// The ids of those who have spoken, by when they last spoke most, the latest first.
    pub(super) fn spoke(&self) -> Vec<String> {
        let named = |number: &u32| self.members.iter().find(|member| member.number == *number);
        self.spoke.iter().filter_map(named).map(|member| member.id.clone()).collect()
    }

    /// The source of whoever speaks most.
    pub(super) fn dominant_source(&self) -> Option<MediaSourceId> {
        let dominant = self.dominance.dominant()?;
        let member = self.members.iter().find(|member| member.number == dominant)?;
        Some(MediaSourceId(member.sources.audio))
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(super) fn member(&mut self, id: &str) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.id == id)
    }

    pub(super) fn view(&self, id: &str) -> RoomView {
        let dominant = self.members.iter().find(|member| Some(member.number) == self.dominance.dominant());
        RoomView {
            id: id.to_owned(),
            members: self.members.iter().map(Member::view).collect(),
            dominant: dominant.map(|member| member.id.clone()),
        }
    }

    /// Whether levels or the dominant speaker are others than when this was last asked.
    pub(super) fn has_moved(&mut self) -> bool {
        let levels = self.members.iter().map(|member| member.activity.level()).collect();
        let now = (levels, self.dominance.dominant());
        let has_moved = self.looked_at != now;
        self.looked_at = now;
        has_moved
    }

    /// Lets 20 ms pass.
    pub(super) fn tick(&mut self) -> Vec<Happened> {
        let tick = self.tick;
        self.tick += 1;
        let (mut happened, mut keys) = (Vec::new(), Vec::new());
        for member in &mut self.members {
            let beside = member.speak(tick);
            let tone = |tone| Happened::Tone { member: member.id.clone(), tone };
            happened.extend(beside.tones.into_iter().map(tone));
            if beside.is_finished {
                happened.push(Happened::Finished { member: member.id.clone() });
            }
            if member.is_heard() {
                keys.extend(beside.keys.into_iter().map(|key| (member.number, key)));
            }
        }
        self.dominance.hear(self.members.iter().map(|member| (member.number, member.activity)));
        self.note_dominance();
        let sum = Sum::of(self.members.iter().map(|member| &member.frame));
        let speaking = self.speaking();
        self.echo();
        self.hear(tick, &sum, &speaking, &keys);
        self.hear_unmixed(tick, &speaking);
        happened
    }

    fn note_dominance(&mut self) {
        let Some(dominant) =
            self.dominance.dominant().filter(|dominant| self.spoke.first() != Some(dominant))
        else {
            return;
        };
        self.spoke.retain(|number| *number != dominant);
        self.spoke.insert(0, dominant);
    }

    /// Those who speak, by number, with their source: the dominant speaker first, then the louder ones.
    fn speaking(&self) -> Vec<(u32, (MediaSourceId, u8))> {
        let speaking = self.members.iter().filter(|member| member.activity.speaks());
        let mut speaking: Vec<_> = speaking.map(|member| (member.number, member.source())).collect();
        let dominant = self.dominance.dominant();
        speaking.sort_by_key(|(number, (_, level))| (Some(*number) != dominant, *level));
        speaking
    }

    /// Lets those who echo hear everybody who does not: they would hear each other for ever.
    fn echo(&mut self) {
        let is_echo = |member: &&Member| matches!(member.voice, Some(Voice::Echo(_)));
        if self.members.iter().any(|member| is_echo(&member)) {
            let others = self.members.iter().filter(|member| !is_echo(member));
            let heard = self.echo.limit(&Sum::of(others.map(|member| &member.frame)).without(&SILENT));
            for member in &mut self.members {
                if let Some(Voice::Echo(frame)) = &mut member.voice {
                    **frame = heard;
                }
            }
        }
    }

    fn hear(
        &mut self,
        tick: u64,
        sum: &Sum,
        speaking: &[(u32, (MediaSourceId, u8))],
        keys: &[(u32, KeyPacket)],
    ) {
        for member in self.members.iter_mut().filter(|member| member.is_in) {
            let Some(ear) = &mut member.ear else { continue };
            if member.is_on_hold {
                ear.hear_nothing(tick);
                continue;
            }
            let others = speaking.iter().filter(|(number, _)| *number != member.number);
            let sources = others.map(|(_, source)| *source).take(MOST_VOICES).collect();
            ear.hear(tick, sum, &member.frame, sources);
            let others = keys.iter().filter(|(number, _)| *number != member.number);
            others.for_each(|(_, key)| ear.hear_key(key));
        }
    }

    /// Each speaker is coded once for all who want them by themselves.
    fn hear_unmixed(&mut self, tick: u64, speaking: &[(u32, (MediaSourceId, u8))]) {
        let mut wanted: Vec<(usize, usize, u32)> = Vec::new();
        for (place, member) in self.members.iter_mut().enumerate() {
            let Some(ear) = member.ear.as_mut().filter(|_| member.is_in && !member.is_on_hold) else {
                continue;
            };
            let others: Vec<u32> = speaking
                .iter()
                .map(|(number, _)| *number)
                .filter(|number| *number != member.number)
                .collect();
            let sections = ear.sections(&others).into_iter().enumerate();
            wanted.extend(sections.filter_map(|(section, who)| Some((place, section + 1, who?))));
        }
        let mut coded: HashMap<u32, Option<Bytes>> = HashMap::new();
        for (listener, section, who) in wanted {
            let Some(speaker) = self.members.iter_mut().find(|member| member.number == who) else { continue };
            let source = speaker.source();
            let payload = coded.entry(who).or_insert_with(|| {
                if speaker.solo.is_none() {
                    speaker.solo = Coder::new().ok();
                }
                speaker.solo.as_mut()?.code(&speaker.frame)
            });
            let Some(payload) = payload.clone() else { continue };
            if let Some(ear) = &self.members[listener].ear {
                ear.hear_speaker(tick, section, payload, source);
            }
        }
    }
}

/// A key as it stands on a telephone.
fn key(tone: Tone) -> char {
    match tone.code() {
        digit @ 0..=9 => char::from(b'0' + digit),
        10 => '*',
        11 => '#',
        letter @ 12..=15 => char::from(b'A' + letter - 12),
        _ => '!',
    }
}

#[cfg(test)]
mod tests;
