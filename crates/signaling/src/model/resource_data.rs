//! What a notification carries: a call, a roster, an operation, a content sharing session.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::json::FromJson;
use super::{
    Call, CallPart, CommsOperation, ContentSharingSession, DeltaParticipants, Participant,
    ParticipantJoiningNotification, ParticipantLeftNotification, UnknownProperties,
};
use crate::redacted::Redacted;

/// The `resourceData` of a notification. An array or an object, by what it is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ResourceData {
    /// What changed of a call.
    Call(Box<Call>),
    /// The whole roster: who is missing has left.
    Participants(Vec<Participant>),
    /// One participant.
    Participant(Box<Participant>),
    /// What changed of the roster: who is missing is unchanged.
    DeltaParticipants(Vec<DeltaParticipants>),
    /// An operation that ended.
    Operation(Box<CommsOperation>),
    /// Content sharing sessions.
    ContentSharingSessions(Vec<ContentSharingSession>),
    /// One content sharing session.
    ContentSharingSession(ContentSharingSession),
    /// Someone under a recording policy is about to join.
    ParticipantJoining(Box<ParticipantJoiningNotification>),
    /// Someone under a recording policy has left.
    ParticipantLeft(Box<ParticipantLeftNotification>),
    /// Something that this version does not know, or that is not what it says it is. Kept as it came.
    Other(Redacted<Value>),
}

impl ResourceData {
    /// Reads `data` as what its `@odata.type` says; without one, as what its address says.
    ///
    /// Never fails: one strange resource must not take the other notifications of the same post with it.
    pub(crate) fn read(data: Value, part: Option<&CallPart>) -> Self {
        let read = match Kind::of(&data, part) {
            Kind::Call => as_type(data, Self::Call),
            Kind::Participants => as_type(data, Self::Participants),
            Kind::Participant => as_type(data, Self::Participant),
            Kind::DeltaParticipants => as_type(data, Self::DeltaParticipants),
            Kind::Operation => as_type(data, Self::Operation),
            Kind::ContentSharingSessions => as_type(data, Self::ContentSharingSessions),
            Kind::ContentSharingSession => as_type(data, Self::ContentSharingSession),
            Kind::ParticipantJoining => as_type(data, Self::ParticipantJoining),
            Kind::ParticipantLeft => as_type(data, Self::ParticipantLeft),
            Kind::Other => Err(data),
        };
        read.unwrap_or_else(|strange| Self::Other(Redacted::new(strange)))
    }
}

fn as_type<T: FromJson>(data: Value, make: impl FnOnce(T) -> ResourceData) -> Result<ResourceData, Value> {
    T::from_json(data).map(make)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Call,
    Participants,
    Participant,
    DeltaParticipants,
    Operation,
    ContentSharingSessions,
    ContentSharingSession,
    ParticipantJoining,
    ParticipantLeft,
    Other,
}

impl Kind {
    fn of(data: &Value, part: Option<&CallPart>) -> Self {
        let (object, many) = match data {
            Value::Array(elements) => (elements.first(), true),
            Value::Object(_) => (Some(data), false),
            _ => return Self::Other,
        };
        let odata_type = object.and_then(|object| object.get("@odata.type")).and_then(Value::as_str);
        match odata_type {
            Some(name) => Self::by_type(name.rsplit('.').next().unwrap_or(name), many),
            None => part.map_or(Self::Other, |part| Self::by_part(part, many)),
        }
    }

    fn by_type(name: &str, many: bool) -> Self {
        match (name, many) {
            ("call", false) => Self::Call,
            ("participant", true) => Self::Participants,
            ("participant", false) => Self::Participant,
            ("deltaParticipants", true) => Self::DeltaParticipants,
            ("contentSharingSession", true) => Self::ContentSharingSessions,
            ("contentSharingSession", false) => Self::ContentSharingSession,
            ("participantJoiningNotification", false) => Self::ParticipantJoining,
            ("participantLeftNotification", false) => Self::ParticipantLeft,
            (name, false) if name.ends_with("Operation") => Self::Operation,
            _ => Self::Other,
        }
    }

    fn by_part(part: &CallPart, many: bool) -> Self {
        match (part, many) {
            (CallPart::Call, false) => Self::Call,
            (CallPart::Participants, true) => Self::Participants,
            (CallPart::Participants | CallPart::Participant(_), false) => Self::Participant,
            (CallPart::Operation(_), false) => Self::Operation,
            (CallPart::ContentSharingSessions, true) => Self::ContentSharingSessions,
            (CallPart::ContentSharingSessions | CallPart::ContentSharingSession(_), false) => {
                Self::ContentSharingSession
            }
            _ => Self::Other,
        }
    }
}

impl Serialize for ResourceData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Call(call) => call.serialize(serializer),
            Self::Participants(roster) => roster.serialize(serializer),
            Self::Participant(participant) => participant.serialize(serializer),
            Self::DeltaParticipants(deltas) => deltas.serialize(serializer),
            Self::Operation(operation) => operation.serialize(serializer),
            Self::ContentSharingSessions(sessions) => sessions.serialize(serializer),
            Self::ContentSharingSession(session) => session.serialize(serializer),
            Self::ParticipantJoining(joining) => joining.serialize(serializer),
            Self::ParticipantLeft(left) => left.serialize(serializer),
            Self::Other(value) => value.serialize(serializer),
        }
    }
}

impl UnknownProperties for ResourceData {
    fn collect_unknown(&self, path: &str, found: &mut Vec<String>) {
        match self {
            Self::Call(call) => call.collect_unknown(path, found),
            Self::Participants(roster) => roster.collect_unknown(path, found),
            Self::Participant(participant) => participant.collect_unknown(path, found),
            Self::DeltaParticipants(deltas) => deltas.collect_unknown(path, found),
            Self::Operation(operation) => operation.collect_unknown(path, found),
            Self::ContentSharingSessions(sessions) => sessions.collect_unknown(path, found),
            Self::ContentSharingSession(session) => session.collect_unknown(path, found),
            Self::ParticipantJoining(joining) => joining.collect_unknown(path, found),
            Self::ParticipantLeft(left) => left.collect_unknown(path, found),
            Self::Other(_) => found.push(path.to_owned()),
        }
    }
}
