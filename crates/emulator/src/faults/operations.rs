//! The names of what a bot asks for, with verb and path.

/// A name, a verb, a path: `*` stands for one segment, `**` for any number at the end. `communications` stands for `app`
/// too, its deprecated twin.
type Operation = (&'static str, Option<&'static str>, &'static str);

/// Graph's calls API as of v1.0, and what is asked beside it.
#[rustfmt::skip]
const OPERATIONS: [Operation; 37] = [
    ("any", None, "communications/**"),
    ("token", Some("POST"), "*/oauth2/v2.0/token"),
    ("managedIdentityToken", Some("GET"), "metadata/identity/oauth2/token"),
    ("keys", Some("GET"), "v1/.well-known/**"),
    ("create", Some("POST"), "communications/calls"),
    ("get", Some("GET"), "communications/calls/*"),
    ("hangUp", Some("DELETE"), "communications/calls/*"),
    ("answer", Some("POST"), "communications/calls/*/answer"),
    ("reject", Some("POST"), "communications/calls/*/reject"),
    ("redirect", Some("POST"), "communications/calls/*/redirect"),
    ("transfer", Some("POST"), "communications/calls/*/transfer"),
    ("keepAlive", Some("POST"), "communications/calls/*/keepAlive"),
    ("mute", Some("POST"), "communications/calls/*/mute"),
    ("unmute", Some("POST"), "communications/calls/*/unmute"),
    ("playPrompt", Some("POST"), "communications/calls/*/playPrompt"),
    ("recordResponse", Some("POST"), "communications/calls/*/recordResponse"),
    ("cancelMediaProcessing", Some("POST"), "communications/calls/*/cancelMediaProcessing"),
    ("subscribeToTone", Some("POST"), "communications/calls/*/subscribeToTone"),
    ("sendDtmfTones", Some("POST"), "communications/calls/*/sendDtmfTones"),
    ("updateRecordingStatus", Some("POST"), "communications/calls/*/updateRecordingStatus"),
    ("changeScreenSharingRole", Some("POST"), "communications/calls/*/changeScreenSharingRole"),
    ("addLargeGalleryView", Some("POST"), "communications/calls/*/addLargeGalleryView"),
    ("listParticipants", Some("GET"), "communications/calls/*/participants"),
    ("getParticipant", Some("GET"), "communications/calls/*/participants/*"),
    ("removeParticipant", Some("DELETE"), "communications/calls/*/participants/*"),
    ("invite", Some("POST"), "communications/calls/*/participants/invite"),
    ("muteParticipant", Some("POST"), "communications/calls/*/participants/*/mute"),
    ("startHoldMusic", Some("POST"), "communications/calls/*/participants/*/startHoldMusic"),
    ("stopHoldMusic", Some("POST"), "communications/calls/*/participants/*/stopHoldMusic"),
    ("listAudioRoutingGroups", Some("GET"), "communications/calls/*/audioRoutingGroups"),
    ("createAudioRoutingGroup", Some("POST"), "communications/calls/*/audioRoutingGroups"),
    ("getAudioRoutingGroup", Some("GET"), "communications/calls/*/audioRoutingGroups/*"),
    ("updateAudioRoutingGroup", Some("PATCH"), "communications/calls/*/audioRoutingGroups/*"),
    ("deleteAudioRoutingGroup", Some("DELETE"), "communications/calls/*/audioRoutingGroups/*"),
    ("listContentSharingSessions", Some("GET"), "communications/calls/*/contentSharingSessions"),
    ("getContentSharingSession", Some("GET"), "communications/calls/*/contentSharingSessions/*"),
    ("getOperation", Some("GET"), "communications/calls/*/operations/*"),
];

/// What a [`RequestPattern`](super::RequestPattern) can be called by.
pub const OPERATION_NAMES: [&str; OPERATIONS.len()] = {
    let mut names = [""; OPERATIONS.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = OPERATIONS[i].0;
        i += 1;
    }
    names
};

/// Verb and path of the operation `name`.
pub(super) fn find(name: &str) -> Option<(Option<&'static str>, &'static str)> {
    OPERATIONS.iter().find(|(known, ..)| *known == name).map(|(_, verb, path)| (*verb, *path))
}
