//! The roster of a call: who is in it, and what the bot is told of them.

use offhook_media::MediaSourceId;
use offhook_signaling::model::{
    DeltaParticipants, IdentitySet, Integer, MediaDirection, Modality, Participant, ParticipantId,
    ParticipantInfo, RemovedState, ResourceData,
};
use uuid::Uuid;

use super::FAR_END_SOURCE;
use super::participants::stream;

/// The bot's own source id. Whoever carries the media has [`FAR_END_SOURCE`], and the others have the next ones.
const BOT_SOURCE: MediaSourceId = MediaSourceId(100);

/// An id for somebody who joins.
pub(super) fn new_seat() -> ParticipantId {
    Uuid::new_v4().to_string().into()
}

/// Somebody in a call.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) participant: Participant,
    /// Whether they hear music instead of the call.
    pub(super) hears_music: bool,
    /// Whether a recording policy applies to them.
    pub(super) is_recorded: bool,
    /// The id that people know them by, where the bot is not told it.
    pub(super) known_as: Option<String>,
}

impl Seat {
    pub(super) fn id(&self) -> &ParticipantId {
        // `Roster::seat_as` is the only maker of seats, and gives each an id.
        self.participant.id.value().expect("a seat has an id")
    }

    pub(super) fn is_in_lobby(&self) -> bool {
        self.participant.is_in_lobby.value() == Some(&true)
    }

    /// The id that people know them by.
    pub(super) fn name(&self) -> Option<&str> {
        let identity = || self.participant.identity().and_then(|identity| identity.id.as_str());
        self.known_as.as_deref().or_else(identity)
    }

    /// The source of their sound.
    pub(super) fn audio(&self) -> Option<MediaSourceId> {
        self.source_of(Modality::Audio)
    }

    /// The source of their camera, where it is on.
    pub(super) fn shows_camera(&self) -> Option<MediaSourceId> {
        self.source_of(Modality::Video)
    }

    fn source_of(&self, modality: Modality) -> Option<MediaSourceId> {
        let mut streams = self.participant.media_streams.items().iter();
        let found = streams.find(|stream| stream.media_type.known() == Some(modality))?;
        found.source_id.as_str()?.parse().ok().map(MediaSourceId)
    }

    /// Their camera is on under this source, or off.
    pub(super) fn show_camera(&mut self, source: Option<MediaSourceId>) {
        let Some(streams) = self.participant.media_streams.value_mut() else { return };
        streams.retain(|stream| stream.media_type.known() != Some(Modality::Video));
        streams.extend(source.map(|source| stream(Modality::Video, source, MediaDirection::SendOnly)));
    }

    /// Whether `who` names them: by roster id, or by the id of their identity.
    fn is_called(&self, who: &str) -> bool {
        *self.id() == ParticipantId::from(who)
            || self.known_as.as_deref() == Some(who)
            || self.participant.identity().and_then(|identity| identity.id.as_str()) == Some(who)
    }
}

/// Who is in a call, the bot included: it sees itself there.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    seats: Vec<Seat>,
    sources: u32,
    sequence: i64,
}

impl Roster {
    /// Seats the bot, before all others.
    pub(super) fn seat_bot(&mut self, id: ParticipantId, identity: IdentitySet) -> &mut Seat {
        self.seat_as(id, identity, BOT_SOURCE)
    }

    /// Seats whoever carries the call's media.
    pub(super) fn seat_far_end(&mut self, id: ParticipantId, identity: IdentitySet) -> &mut Seat {
        self.seat_as(id, identity, FAR_END_SOURCE)
    }

    /// Seats somebody else, with a source id of their own.
    pub(super) fn seat(&mut self, id: ParticipantId, identity: IdentitySet) -> &mut Seat {
        let source = self.next_source();
        self.seat_as(id, identity, source)
    }

    /// Seats somebody whose sound has this source id.
    pub(super) fn seat_as(
        &mut self,
        id: ParticipantId,
        identity: IdentitySet,
        source: MediaSourceId,
    ) -> &mut Seat {
        let info = ParticipantInfo {
            id: id.clone().into(),
            identity: identity.into(),
            language_id: "en-US".into(),
            ..ParticipantInfo::new()
        };
        let participant = Participant {
            id: id.into(),
            info: info.into(),
            media_streams: vec![stream(Modality::Audio, source, MediaDirection::SendReceive)].into(),
            is_muted: false.into(),
            is_in_lobby: false.into(),
            ..Participant::new()
        };
        // The bot is seated first, and stands last, as on the pages.
        let place = self.seats.len().saturating_sub(1);
        self.seats
            .insert(place, Seat { participant, hears_music: false, is_recorded: false, known_as: None });
        &mut self.seats[place]
    }

    /// The next free media source id.
    pub(super) fn next_source(&mut self) -> MediaSourceId {
        self.sources += 1;
        MediaSourceId(FAR_END_SOURCE.0 + self.sources)
    }

    pub(super) fn seats(&self) -> &[Seat] {
        &self.seats
    }

    pub(super) fn participants(&self) -> Vec<Participant> {
        self.seats.iter().map(|seat| seat.participant.clone()).collect()
    }

    /// Whoever has this roster id: the only name that the API knows.
    pub(super) fn by_id(&self, id: &ParticipantId) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.id() == id)
    }

    pub(super) fn by_id_mut(&mut self, id: &ParticipantId) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.id() == id)
    }

    /// Whoever is called `who`, as happenings name people.
    pub(super) fn find(&self, who: &str) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.is_called(who))
    }

    pub(super) fn find_mut(&mut self, who: &str) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.is_called(who))
    }

    pub(super) fn remove(&mut self, id: &ParticipantId) -> Option<Seat> {
        let place = self.seats.iter().position(|seat| seat.id() == id)?;
        Some(self.seats.remove(place))
    }

    /// What the bot is told: everybody, or with delta rosters who changed and who is gone.
    pub(super) fn told(
        &mut self,
        delta: bool,
        changed: Vec<Participant>,
        gone: Vec<Participant>,
    ) -> ResourceData {
        self.sequence += 1;
        if !delta {
            return ResourceData::Participants(self.participants());
        }
        let numbered = |mut participant: Participant| {
            participant.roster_sequence_number = Integer::from(self.sequence).into();
            participant
        };
        let removed = |mut participant: Participant| {
            let reason = "Removed from roster".into();
            participant.removed_state = RemovedState { reason, ..RemovedState::default() }.into();
            participant
        };
        let participants =
            changed.into_iter().chain(gone.into_iter().map(removed)).map(numbered).collect::<Vec<_>>();
        ResourceData::DeltaParticipants(vec![DeltaParticipants {
            participants: participants.into(),
            sequence_number: Integer::from(self.sequence).into(),
            ..DeltaParticipants::new()
        }])
    }
}
