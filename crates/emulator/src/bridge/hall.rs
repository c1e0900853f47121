//! [io] A room on the real clock: its members' connections, and the task that lets it tick.

mod measured;
mod pictures;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use self::measured::Ticks;
pub(crate) use self::measured::{MeasuredMember, MeasuredRoom};
use offhook_media::MediaSourceId;
use tokio::sync::mpsc::channel;
use tokio::time::Instant;

use super::ear::Ear;
use super::events::{Listeners, RoomEvent};
use super::inside::{End, Inside, OUTBOX, Script};
use super::mix::SILENT;
use super::path::Path;
use super::person::{Answered, Person};
use super::room::{Happened, Member};
use super::stage::Stage;
use super::video::Videos;
use super::view::{BridgeError, MemberKind, RoomView, SourceIds};
use super::voice::{PeerVoice, ScriptVoice, Voice};
use super::{BotSeat, Scripted, Sources};

/// Between two ticks.
const TICK: Duration = Duration::from_millis(20);

/// Ticks between two looks at levels: ten a second.
const LOOK: u64 = 5;

/// A room, and what leads to it.
pub(super) struct Hall {
    pub(super) id: String,
    inside: Mutex<Inside>,
    videos: Mutex<Videos>,
    /// Whether somebody looks after pictures: before the first who can show or see any, there is nothing to do.
    has_pictures: AtomicBool,
    began: Instant,
    listeners: Listeners,
    sources: Arc<Sources>,
    ticks: Ticks,
}

impl Hall {
    pub(super) fn new(id: &str, listeners: Listeners, sources: Arc<Sources>) -> Arc<Self> {
        let (inside, videos) = (Mutex::new(Inside::new()), Mutex::default());
        let has_pictures = AtomicBool::new(false);
        let (id, began) = (id.to_owned(), Instant::now());
        let ticks = Ticks::default();
        Arc::new(Self { id, inside, videos, has_pictures, began, listeners, sources, ticks })
    }

    /// Nothing that is locked here waits, and nothing is left half changed by a panic.
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn view(&self) -> RoomView {
        let mut view = {
            let inside = self.inside();
            let mut view = inside.room.view(&self.id);
            for member in &mut view.members {
                member.link = inside.ends.get(&member.id).and_then(|end| end.path()?.settings());
            }
            view
        };
        let videos = self.videos();
        for member in &mut view.members {
            [member.video, member.sharing] = videos.is_on(&member.id);
            member.slots = videos.slots(&member.id);
        }
        view
    }

    /// Whether somebody is in it, or about to come, who has a connection.
    pub(super) fn is_used(&self) -> bool {
        let inside = self.inside();
        inside.expected > 0 || inside.ends.values().any(|end| !matches!(end, End::Script(_)))
    }

    /// Somebody is about to come: it is not forgotten meanwhile.
    pub(super) fn expect(self: &Arc<Self>) -> Expected {
        self.inside().expected += 1;
        Expected(Arc::clone(self))
    }

    /// Nobody is there any more: those who follow scripts go, too.
    pub(super) fn ends(&self) {
        for id in self.inside().ids(|end| matches!(end, End::Script(_))) {
            self.listeners.tell(RoomEvent::Left { room: self.id.clone(), id });
        }
    }

    /// Those who have joined by WHIP.
    pub(super) fn people(&self) -> Vec<Arc<Person>> {
        let inside = self.inside();
        let people = inside.ends.values().filter_map(|end| match end {
            End::Person(person) => Some(Arc::clone(person)),
            _ => None,
        });
        people.collect()
    }

    /// A bot comes, with the people of its call who follow scripts. It is in once it is [let in](Self::let_in).
    pub(super) fn seat(self: &Arc<Self>, seat: BotSeat) {
        if seat.far_end.has_video() {
            self.begin_pictures();
        }
        seat.far_end.show_on(Stage::new(Arc::downgrade(self), &seat.call));
        let mut inside = self.inside();
        let sources = SourceIds { audio: seat.source.0, video: None, sharing: None };
        inside.room.join(Member::new(&seat.call, &seat.name, MemberKind::Bot, sources));
        let carrier = seat.people.first().map(|person| person.id.clone());
        inside.ends.insert(seat.call.clone(), End::Bot { far_end: seat.far_end, carrier });
        let mut newcomers = Vec::new();
        for person in seat.people {
            newcomers.extend(inside.take_place(&person));
        }
        let (is_open, needs_mixing) = (inside.is_open, inside.needs_mixing());
        if is_open {
            inside.connect(&seat.call);
        }
        drop(inside);
        newcomers.iter().for_each(|id| self.begin_film(id));
        if is_open {
            self.give_voices(newcomers, 0);
        }
        if needs_mixing {
            self.open();
        }
        self.listeners.changed();
    }

    /// From now on the room mixes: nobody's script speaks to a bot itself any more.
    fn open(self: &Arc<Self>) {
        self.open_beside(&[]);
    }

    /// The same, where `newcomers` have said nothing yet, and are given their voices by whoever calls.
    fn open_beside(self: &Arc<Self>, newcomers: &[String]) {
        let (scripts, played) = {
            let mut inside = self.inside();
            if std::mem::replace(&mut inside.is_open, true) {
                return;
            }
            let bots: Vec<String> = inside.ids(|end| matches!(end, End::Bot { .. }));
            let played = bots.iter().filter_map(|bot| inside.connect(bot)).max().unwrap_or_default();
            let mut scripts = inside.ids(|end| matches!(end, End::Script(_)));
            scripts.retain(|id| !newcomers.contains(id));
            (scripts, played)
        };
        self.give_voices(scripts, played as usize);
        tokio::spawn(tick(Arc::downgrade(self)));
    }

    /// Makes the voices of scripted members, which have said `at` frames already, aside: long speech takes a while. All begin at the
    /// same tick, however busy the machine is: what was written to be said together is said together.
    fn give_voices(self: &Arc<Self>, ids: Vec<String>, at: usize) {
        let inside = self.inside();
        let script = |id: String| match inside.ends.get(&id) {
            Some(End::Script(script)) => Some((id, script.clone())),
            _ => None,
        };
        let scripts: Vec<_> = ids.into_iter().filter_map(script).collect();
        drop(inside);
        let hall = Arc::downgrade(self);
        tokio::task::spawn_blocking(move || {
            let voice = |(id, script): (String, Script)| {
                if script.script.echo {
                    return Some((id, Voice::Echo(Box::new(SILENT))));
                }
                match ScriptVoice::new(script.clip.as_deref(), &script.script, at) {
                    Ok(voice) => Some((id, Voice::Script(voice))),
                    Err(error) => {
                        tracing::warn!(%error, "a script cannot be spoken");
                        None
                    }
                }
            };
            let voices: Vec<_> = scripts.into_iter().filter_map(voice).collect();
            let Some(hall) = hall.upgrade() else { return };
            let mut inside = hall.inside();
            for (id, voice) in voices {
                if let Some(member) = inside.room.member(&id) {
                    member.voice = Some(voice);
                }
            }
        });
    }

    /// The bot of this call, and the scripts that waited for it, are in from now on.
    pub(super) fn let_in(&self, call: &str) {
        let mut inside = self.inside();
        let comes =
            inside.room.member(call).is_some_and(|member| !std::mem::replace(&mut member.is_in, true));
        for id in inside.ids(|end| matches!(end, End::Script(_))) {
            if let Some(member) = inside.room.member(&id) {
                member.is_in = true;
            }
        }
        drop(inside);
        if comes {
            self.lets_see(call);
        }
        self.listeners.changed();
    }

    /// A person comes.
    pub(super) fn join(self: &Arc<Self>, name: &str, answered: Answered) -> Result<SourceIds, BridgeError> {
        let Answered { person, slots, .. } = answered;
        let video = person.has_camera.then(|| self.sources.next().0);
        let sources = SourceIds { audio: self.sources.next().0, video, sharing: None };
        let (outbox, outgoing) = channel(OUTBOX);
        let ear = Ear::new(outbox.clone(), 0, false).map_err(crate::far_end::ClipError::from)?;
        let voice = person.speaks().then(|| Voice::Peer(PeerVoice::new(person.inlet())));
        let mut member = Member::new(&person.id, name, MemberKind::Person, sources);
        (member.is_in, member.ear, member.voice) = (true, Some(ear), voice);
        {
            let mut inside = self.inside();
            inside.room.join(member);
            inside.ends.insert(person.id.clone(), End::Person(Arc::clone(&person)));
        }
        self.begin_pictures();
        let asked = self.videos().watch(self.now(), &person.id, slots, outbox);
        self.ask_for_key_frames(&asked);
        tokio::spawn(Arc::clone(&person).carry(outgoing));
        self.open();
        self.listeners.changed();
        Ok(sources)
    }

    /// A scripted member comes, if they are not there, and begins at once. Gives the source of their camera, where they show a film.
    pub(super) fn add(self: &Arc<Self>, person: &Scripted) -> Option<MediaSourceId> {
        let video = person.script.film.is_some().then(|| self.sources.next());
        let come = {
            let mut inside = self.inside();
            let come = inside.take_place(person);
            if come.is_empty() {
                return None;
            }
            for id in &come {
                if let Some(member) = inside.room.member(id) {
                    member.is_in = true;
                    member.sources.video = video.map(|source| source.0);
                }
            }
            come
        };
        self.open_beside(&come);
        self.give_voices(come, 0);
        self.begin_film(&person.id);
        self.listeners.changed();
        video
    }

    /// Somebody goes; says what they were. A person's connection is the caller's to close.
    pub(super) fn leave(self: &Arc<Self>, id: &str) -> Option<Gone> {
        if self.kind(id)? == MemberKind::Script && self.inside().speaks_itself(id) {
            self.open();
        }
        let end = {
            let mut inside = self.inside();
            inside.room.leave(id)?;
            inside.ends.remove(id)
        };
        let (off, asked) = self.videos().leave(self.now(), id);
        self.ask_for_key_frames(&asked);
        self.are_off(&off);
        self.listeners.changed();
        Some(match end {
            Some(End::Person(person)) => Gone::Person(person),
            Some(End::Bot { .. }) => Gone::Bot,
            Some(End::Script(_)) | None => Gone::Script,
        })
    }

    /// What somebody is.
    pub(super) fn kind(&self, id: &str) -> Option<MemberKind> {
        self.inside().room.member(id).map(|member| member.kind)
    }

    /// Whether a member is in, and does not wait any more.
    pub(super) fn is_in(&self, id: &str) -> Option<bool> {
        self.inside().room.member(id).map(|member| member.is_in)
    }

    /// Whose script the far end of this call follows.
    pub(super) fn carrier_of(&self, call: &str) -> Option<String> {
        match self.inside().ends.get(call) {
            Some(End::Bot { carrier, .. }) => carrier.clone(),
            _ => None,
        }
    }

    /// The calls whose far end follows the script of this member.
    pub(super) fn carried_by(&self, id: &str) -> Vec<String> {
        self.inside().ids(|end| matches!(end, End::Bot { carrier: Some(carrier), .. } if carrier == id))
    }

    pub(super) fn mute(self: &Arc<Self>, id: &str, muted: bool) -> Option<()> {
        self.inside().room.member(id)?.is_muted = muted;
        self.open();
        self.listeners.changed();
        Some(())
    }

    pub(super) fn hold(self: &Arc<Self>, call: &str, on_hold: bool) {
        if let Some(member) = self.inside().room.member(call) {
            member.is_on_hold = on_hold;
        }
        self.lets_see_again(call, on_hold);
        self.open();
        self.listeners.changed();
    }

    /// Does something with the network of a member; `None` where they have none.
    pub(super) fn with_path<T>(&self, id: &str, work: impl FnOnce(&Path) -> T) -> Option<T> {
        self.inside().ends.get(id)?.path().map(work)
    }

    pub(super) fn person(&self, id: &str) -> Option<Arc<Person>> {
        match self.inside().ends.get(id) {
            Some(End::Person(person)) => Some(Arc::clone(person)),
            _ => None,
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Lets 20 ms pass.
    fn tick(&self, number: u64) {
        let happened = self.inside().room.tick();
        for happened in happened {
            match happened {
                Happened::Tone { member, tone } => {
                    self.listeners.tell(RoomEvent::Pressed { room: self.id.clone(), id: member, tone });
                }
                Happened::Finished { member } => self.inside().finished(&member),
            }
        }
        if number.is_multiple_of(LOOK) {
            let has_moved = self.inside().room.has_moved();
            if has_moved {
                self.listeners.changed();
            }
        }
    }
}

/// Stands for somebody who is about to come to a room.
pub(super) struct Expected(Arc<Hall>);

impl std::ops::Deref for Expected {
    type Target = Arc<Hall>;

    fn deref(&self) -> &Arc<Hall> {
        &self.0
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.0.inside().expected -= 1;
    }
}

/// What somebody was who has gone.
pub(super) enum Gone {
    Person(Arc<Person>),
    Bot,
    Script,
}

/// Lets a room tick on an absolute schedule, so that no delay adds up, until it is gone.
async fn tick(hall: Weak<Hall>) {
    let start = Instant::now();
    for number in 0_u64.. {
        let due = start + Duration::from_millis(number * TICK.as_millis() as u64);
        tokio::time::sleep_until(due).await;
        let Some(hall) = hall.upgrade() else { return };
        let begun = Instant::now();
        hall.tick(number);
        hall.ticks.late.record(begun - due);
        hall.ticks.taken.record(begun.elapsed());
    }
}
