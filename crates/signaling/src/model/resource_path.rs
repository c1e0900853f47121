//! Addresses of a call and of what hangs under it.

use super::{CallId, ContentSharingSessionId, OperationId, ParticipantId};

/// What a notification is about, read from its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourcePath {
    /// The call.
    pub call: CallId,
    /// The part of it.
    pub part: CallPart,
}

/// A part of a call that has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallPart {
    /// The call itself.
    Call,
    /// Its roster.
    Participants,
    /// One participant.
    Participant(ParticipantId),
    /// Its operations.
    Operations,
    /// One operation.
    Operation(OperationId),
    /// Its content sharing sessions.
    ContentSharingSessions,
    /// One content sharing session.
    ContentSharingSession(ContentSharingSessionId),
    /// Something else, as it was written.
    Other(String),
}

impl ResourcePath {
    /// Reads `/communications/calls/{id}...` or `/app/calls/{id}...`: with or without the leading slash, host and version
    /// in front, in any case, with a key in parentheses (`calls('{id}')`), and without what follows `?`.
    pub fn parse(address: &str) -> Option<Self> {
        let address = address.split(['?', '#']).next().unwrap_or_default();
        let segments: Vec<&str> =
            address.split('/').flat_map(split_key).filter(|part| !part.is_empty()).collect();
        let calls = segments.windows(2).position(|pair| {
            ["communications", "app"].iter().any(|root| pair[0].eq_ignore_ascii_case(root))
                && pair[1].eq_ignore_ascii_case("calls")
        })?;
        let (call, rest) = segments.get(calls + 2..)?.split_first()?;
        Some(Self { call: CallId::from(*call), part: CallPart::parse(rest) })
    }
}

impl CallPart {
    fn parse(segments: &[&str]) -> Self {
        let named = |name: &str| segments.first().is_some_and(|first| first.eq_ignore_ascii_case(name));
        match segments {
            [] => Self::Call,
            [_] if named("participants") => Self::Participants,
            [_, id] if named("participants") => Self::Participant(ParticipantId::from(*id)),
            [_] if named("operations") => Self::Operations,
            [_, id] if named("operations") => Self::Operation(OperationId::from(*id)),
            [_] if named("contentSharingSessions") => Self::ContentSharingSessions,
            [_, id] if named("contentSharingSessions") => {
                Self::ContentSharingSession(ContentSharingSessionId::from(*id))
            }
            _ => Self::Other(segments.join("/")),
        }
    }
}

/// `calls('id')` as `calls` and `id`; anything else as it is.
fn split_key(segment: &str) -> [&str; 2] {
    match segment.split_once('(') {
        Some((name, key)) => [name, key.trim_end_matches(')').trim_matches('\'')],
        None => [segment, ""],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address_is_read() {
        for address in [
            "/communications/calls/a-1/participants",
            "communications/calls/A1/participants",
            "/app/calls/a1/Participants",
            "https://graph.microsoft.com/v1.0/communications/calls/a1/participants?$top=1",
            "/communications/calls('a1')/participants",
        ] {
            let path = ResourcePath::parse(address).unwrap();
            assert_eq!(path.call, CallId::from("a1"), "{address}");
            assert_eq!(path.part, CallPart::Participants, "{address}");
        }
    }

    #[test]
    fn each_part_is_told_apart() {
        let part = |address: &str| ResourcePath::parse(address).map(|path| path.part);
        assert_eq!(part("/app/calls/1"), Some(CallPart::Call));
        assert_eq!(part("/app/calls/1/operations/2"), Some(CallPart::Operation("2".into())));
        assert_eq!(part("/app/calls/1/contentsharingsessions"), Some(CallPart::ContentSharingSessions));
        assert_eq!(part("/app/calls/1/new/thing"), Some(CallPart::Other("new/thing".to_owned())));
        for junk in ["", "/", "/calls/1", "/communications/calls", "/communications/calls/", "é/app/calls//"]
        {
            assert_eq!(part(junk), None, "{junk}");
        }
    }
}
