//! What people do: those whom a bot meets in a call, and those who call it.

use std::time::SystemTime;

use offhook_media::MediaSourceId;
use offhook_signaling::model::{
    Call, CallId, CallMediaState, CallState, ChangeType, ContentSharingSessionId, Field, MediaDirection,
    MediaState, Modality, Open, ParticipantId,
};
use uuid::Uuid;

use super::calls::{Record, Sharing, Size};
use super::participants::stream;
use super::roster::{Seat, new_seat};
use super::timers::Due;
use super::{CallService, Ended, Owed, Post};
use crate::directory::{Meeting, is_phone_number};
use crate::scenario::Happening;

/// Why something cannot happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HappeningError {
    /// It happens in a call, and there is none with this id, or it is over.
    #[error("there is no such call")]
    CallNotFound,
    /// Nobody in the call has this id.
    #[error("nobody in the call has this id")]
    ParticipantNotFound,
    /// The emulator has no meeting of this key.
    #[error("there is no such meeting")]
    MeetingNotFound,
    /// The call is in a state in which this cannot happen.
    #[error("this cannot happen in a call that is {state}")]
    NotNow {
        /// The state.
        state: CallState,
    },
    /// There is no meeting to do this in.
    #[error("this can only happen in a meeting or a group call")]
    NotInGroup,
    /// Nothing is being shown.
    #[error("nothing is being shown")]
    NothingShared,
    /// No recording policy applies to the call.
    #[error("no recording policy applies to the call")]
    NotUnderPolicy,
    /// It does not happen in a call.
    #[error("this does not happen in a call")]
    NotInCall,
    /// A bot cannot be called at this address.
    #[error("the bot cannot be told: {reason}")]
    CallbackUri {
        /// What is wrong with it.
        reason: String,
    },
    /// The system gives no randomness for a key.
    #[error("cannot make the key that callbacks are signed with")]
    Key,
}

impl CallService {
    /// Lets people do something in a call.
    ///
    /// # Errors
    /// When it cannot happen; then nothing has changed.
    pub fn happen(
        &mut self,
        now: SystemTime,
        call: &CallId,
        happening: &Happening,
    ) -> Result<(), HappeningError> {
        let record = self.calls.get(call).ok_or(HappeningError::CallNotFound)?;
        match happening {
            Happening::PressTone(tone) => {
                need(record, &[CallState::Established])?;
                self.tone_is_pressed(now, call, *tone);
                Ok(())
            }
            Happening::Join(who) => self.joins(call, who, false),
            Happening::WaitInLobby(who) => self.joins(call, who, true),
            Happening::Admit(who) => self.is_admitted(call, who),
            Happening::Leave(who) => self.leaves(call, who),
            Happening::Mute(who) => self.changes(call, who, |seat| seat.participant.is_muted = true.into()),
            Happening::Unmute(who) => {
                self.changes(call, who, |seat| seat.participant.is_muted = false.into())
            }
            Happening::StartSharing(who) => self.starts_sharing(call, who),
            Happening::ChangeSharing(who) => self.changes_sharing(call, who),
            Happening::StopSharing(who) => self.stops_sharing(call, who),
            Happening::Hold => self.holds(call, true),
            Happening::Resume => self.holds(call, false),
            Happening::RemoveBot => self.ends_group(call, Ended::Removed),
            Happening::EndMeeting => self.ends_group(call, Ended::MeetingOver),
            Happening::HangUp => {
                self.far_end_hangs_up(call);
                Ok(())
            }
            // The bot is told nothing of it.
            Happening::Link(_) => Ok(()),
            Happening::PolicyUserJoin(who) => self.policy_user_joins(now, call, who),
            Happening::PolicyUserLeave(who) => self.policy_user_leaves(call, who),
            // All others happen in no call.
            _ => Err(HappeningError::NotInCall),
        }
    }

    fn joins(&mut self, call: &CallId, who: &str, in_lobby: bool) -> Result<(), HappeningError> {
        let identity = self.directory.identity(who);
        let record = self.calls.get_mut(call).ok_or(HappeningError::CallNotFound)?;
        // A call between two changes its state by it, which it does not in the middle of something else.
        need(record, if record.size == Size::PeerToPeer { &JOINED[..1] } else { &JOINED })?;
        let seat = record.roster.seat(new_seat(), identity);
        seat.participant.is_in_lobby = in_lobby.into();
        let id = seat.id().clone();
        if record.size == Size::PeerToPeer {
            self.escalates(call)?;
            self.owed.push(Owed::Comes(call.clone(), id));
            return Ok(());
        }
        let joined = record.post_changed(&id);
        self.owe(joined);
        if !in_lobby {
            self.owed.push(Owed::Comes(call.clone(), id));
        }
        Ok(())
    }

    /// A call between two becomes a meeting of its own, which the bot can join again by a token.
    pub(super) fn escalates(&mut self, call: &CallId) -> Result<(), HappeningError> {
        let record = self.calls.get(call).ok_or(HappeningError::CallNotFound)?;
        need(record, &JOINED[..1])?;
        // Whoever carries the media of this call carries that of the meeting.
        let mut others: Vec<&Seat> =
            record.roster.seats().iter().filter(|seat| *seat.id() != record.me).collect();
        others.sort_by_key(|seat| Some(seat.id()) != record.far_end_id.as_ref());
        let mut meeting = Meeting::empty();
        meeting.key.clone_from(&record.room);
        for seat in others {
            let is_far_end = Some(seat.id()) == record.far_end_id.as_ref();
            let name = seat.name().unwrap_or_default();
            let user =
                if is_far_end { record.far_end.clone() } else { self.directory.user_or_stranger(name) };
            meeting = meeting.participant(name, user);
        }
        let chat = meeting.chat();
        let token = self.token_for(meeting);
        let record = self.calls.get_mut(call).ok_or(HappeningError::CallNotFound)?;
        record.size = Size::Group;
        record.call.meeting_info = Field::Value(token.into());
        record.call.chat_info = chat.into();
        if record.hides_bot_after_escalation() {
            let me = record.me.clone();
            record.roster.remove(&me);
        }
        let established = record.establish();
        let everybody = record.roster.participants();
        let roster = record.post_roster(everybody, Vec::new());
        self.owe([Some(established), roster].into_iter().flatten());
        Ok(())
    }

    fn is_admitted(&mut self, call: &CallId, who: &str) -> Result<(), HappeningError> {
        let record = self.calls.get_mut(call).ok_or(HappeningError::CallNotFound)?;
        let seat = record.roster.find_mut(who).ok_or(HappeningError::ParticipantNotFound)?;
        seat.participant.is_in_lobby = false.into();
        let id = seat.id().clone();
        let told = if id == record.me {
            self.timers.cancel(call, &Due::LobbyEnds);
            let everybody = record.roster.participants();
            record.post_roster(everybody, Vec::new())
        } else {
            record.post_changed(&id)
        };
        let is_me = id == record.me;
        self.owe(told);
        if is_me {
            self.begin_if_together(call);
        } else {
            self.owed.push(Owed::Comes(call.clone(), id));
        }
        Ok(())
    }

    /// Somebody leaves.
    fn leaves(&mut self, call: &CallId, who: &str) -> Result<(), HappeningError> {
        let record = self.calls.get_mut(call).ok_or(HappeningError::CallNotFound)?;
        let seat = record.roster.find(who).ok_or(HappeningError::ParticipantNotFound)?;
        if *seat.id() == record.me {
            return Err(HappeningError::ParticipantNotFound);
        }
        if record.size == Size::PeerToPeer {
            self.far_end_hangs_up(call);
            return Ok(());
        }
        let id = seat.id().clone();
        self.departs(call, &id);
        Ok(())
    }

    /// Somebody is no longer in a call of several, whoever has brought that about: what they showed is gone with them, and a
    /// bot that is alone then has no call.
    pub(super) fn departs(&mut self, call: &CallId, who: &ParticipantId) {
        let Some(record) = self.calls.get_mut(call) else { return };
        let Some(gone) = record.roster.remove(who) else { return };
        let (shown, kept) =
            record.content_sharing.drain(..).partition::<Vec<_>, _>(|sharing| sharing.sharer == *who);
        record.content_sharing = kept;
        let mut told: Vec<Post> = shown
            .iter()
            .filter_map(|sharing| record.post_content_sharing(ChangeType::Deleted, &sharing.session))
            .collect();
        let goes = gone.name().map(|name| Owed::Goes(call.clone(), name.to_owned()));
        told.extend(record.post_roster(Vec::new(), vec![gone.participant]));
        let is_alone = record.roster.seats().iter().all(|seat| *seat.id() == record.me);
        self.owe(told);
        self.owed.extend(goes);
        if is_alone {
            self.end(call, Ended::Alone);
        }
    }

    /// Whoever carries the media of a call hangs up.
    pub(crate) fn far_end_hangs_up(&mut self, call: &CallId) {
        let Some(record) = self.calls.get(call) else { return };
        match (record.size, &record.far_end_id) {
            (Size::PeerToPeer, _) => {
                let is_phone = record.roster.seats().iter().any(|seat| {
                    seat.participant
                        .identity()
                        .and_then(|identity| identity.id.as_str())
                        .is_some_and(is_phone_number)
                });
                self.end(call, if is_phone { Ended::ByPhone } else { Ended::ByFarEnd });
            }
            (_, Some(far_end)) => {
                let far_end = far_end.clone();
                // Who has left before has nothing more to hang up.
                let _ = self.leaves(call, far_end.as_str());
            }
            (_, None) => self.end(call, Ended::Alone),
        }
    }

    /// Somebody in the roster changes.
    fn changes(
        &mut self,
        call: &CallId,
        who: &str,
        change: impl Fn(&mut Seat),
    ) -> Result<(), HappeningError> {
        let record = self.calls.get_mut(call).ok_or(HappeningError::CallNotFound)?;
        let seat = record.roster.find_mut(who).ok_or(HappeningError::ParticipantNotFound)?;
        change(seat);
        let id: ParticipantId = seat.id().clone();
        let told = record.post_changed(&id);
        self.owe(told);
        Ok(())
    }

    fn starts_sharing(&mut self, call: &CallId, who: &str) -> Result<(), HappeningError> {
        let record = self.calls.get_mut(call).ok_or(HappeningError::CallNotFound)?;
        need(record, &JOINED)?;
        let source = record.roster.next_source();
        self.starts_sharing_as(call, who, source)
    }

    /// Somebody shows their screen under this source id.
    pub(super) fn starts_sharing_as(
        &mut self,
        call: &CallId,
        who: &str,
        source: MediaSourceId,
    ) -> Result<(), HappeningError> {
        let record = self.calls.get_mut(call).ok_or(HappeningError::CallNotFound)?;
        need(record, &JOINED)?;
        let seat = record.roster.find_mut(who).ok_or(HappeningError::ParticipantNotFound)?;
        let sharer = seat.id().clone();
        if let Some(streams) = seat.participant.media_streams.value_mut() {
            streams.push(stream(Modality::VideoBasedScreenSharing, source, MediaDirection::SendOnly));
        }
        let session = ContentSharingSessionId::from(Uuid::new_v4().to_string());
        record.content_sharing.push(Sharing { session: session.clone(), sharer: sharer.clone() });
        let told = record.post_content_sharing(ChangeType::Created, &session);
        let roster = record.post_changed(&sharer);
        self.owe([told, roster].into_iter().flatten());
        Ok(())
    }

    fn changes_sharing(&mut self, call: &CallId, who: &str) -> Result<(), HappeningError> {
        let record = self.calls.get(call).ok_or(HappeningError::CallNotFound)?;
        let place = shared_by(record, who)?;
        let told = record.post_content_sharing(ChangeType::Updated, &record.content_sharing[place].session);
        self.owe(told);
        Ok(())
    }

    pub(super) fn stops_sharing(&mut self, call: &CallId, who: &str) -> Result<(), HappeningError> {
        let record = self.calls.get_mut(call).ok_or(HappeningError::CallNotFound)?;
        let place = shared_by(record, who)?;
        let Sharing { session, sharer } = record.content_sharing.remove(place);
        let told = record.post_content_sharing(ChangeType::Deleted, &session);
        if let Some(seat) = record.roster.by_id_mut(&sharer)
            && let Some(streams) = seat.participant.media_streams.value_mut()
        {
            streams.retain(|stream| stream.media_type.known() != Some(Modality::VideoBasedScreenSharing));
        }
        let roster = record.post_changed(&sharer);
        self.owe([told, roster].into_iter().flatten());
        Ok(())
    }

    fn holds(&mut self, call: &CallId, on_hold: bool) -> Result<(), HappeningError> {
        let record = self.calls.get_mut(call).ok_or(HappeningError::CallNotFound)?;
        if !on_hold {
            need(record, &[CallState::Hold])?;
            let back = record.establish();
            self.owe([back]);
            return Ok(());
        }
        need(record, &[CallState::Established])?;
        let media =
            CallMediaState { audio: Open::from(MediaState::Inactive).into(), ..CallMediaState::new() };
        record.call.state = Open::from(CallState::Hold).into();
        record.call.media_state = media.clone().into();
        let state = Open::from(CallState::Hold).into();
        let changed = Call { state, media_state: media.into(), ..record.outline() };
        let held = record.post_call(ChangeType::Updated, changed);
        self.owe([held]);
        Ok(())
    }

    fn ends_group(&mut self, call: &CallId, why: Ended) -> Result<(), HappeningError> {
        let record = self.calls.get(call).ok_or(HappeningError::CallNotFound)?;
        if record.size == Size::PeerToPeer {
            return Err(HappeningError::NotInGroup);
        }
        self.end(call, why);
        Ok(())
    }
}

/// States in which others can come and show things.
const JOINED: [CallState; 3] = [CallState::Established, CallState::Hold, CallState::Transferring];

fn need(record: &Record, states: &[CallState]) -> Result<(), HappeningError> {
    let state = record.state();
    if states.contains(&state) { Ok(()) } else { Err(HappeningError::NotNow { state }) }
}

/// Which session `who` has begun.
fn shared_by(record: &Record, who: &str) -> Result<usize, HappeningError> {
    let sharer = record.roster.find(who).ok_or(HappeningError::ParticipantNotFound)?.id();
    let place = record.content_sharing.iter().rposition(|sharing| sharing.sharer == *sharer);
    place.ok_or(HappeningError::NothingShared)
}
