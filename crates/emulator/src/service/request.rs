//! What is asked and answered, apart from HTTP: methods, addresses, bodies.

use offhook_signaling::model::{CallId, ContentSharingSessionId, OperationId, ParticipantId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::GraphError;

/// An HTTP method of the calls API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates, or asks for an action.
    Post,
    /// Changes.
    Patch,
    /// Ends, or removes.
    Delete,
}

/// A request to the calls API.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
    pub(super) media_answer: Option<String>,
}

impl Request {
    /// A request of an address such as `/communications/calls/{id}/mute`, with or without the version in front.
    pub fn new(method: Method, path: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { method, path: path.into(), body: body.into(), media_answer: None }
    }

    /// The blob with which somebody has answered the offer in this request. Without one, the service makes up its own.
    #[must_use]
    pub fn media_answer(mut self, blob: impl Into<String>) -> Self {
        self.media_answer = Some(blob.into());
        self
    }

    /// The call that it is about, unless it makes one.
    pub(crate) fn call(&self) -> Option<CallId> {
        match Target::parse(self.method, &self.path)? {
            Target::OfCall(call, _) => Some(call),
            Target::CreateCall | Target::LogDeviceQuality => None,
        }
    }

    /// The body as a `T`. No body at all is an empty object: most actions need none.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, GraphError> {
        let body = if self.body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { self.body.as_slice() };
        serde_json::from_slice(body).map_err(|error| {
            GraphError::bad_request(format!("Unable to read JSON request payload: {error}."))
        })
    }
}

/// A request's answer when it is not refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Location` header, below the version: `/communications/calls/{id}/operations/{id}`.
    pub location: Option<String>,
    /// The body.
    pub body: Option<Value>,
}

impl Answer {
    /// No more than a status.
    pub(super) fn empty(status: u16) -> Self {
        Self { status, location: None, body: None }
    }

    /// A status and a body.
    pub(super) fn with_body(status: u16, body: &impl Serialize) -> Result<Self, GraphError> {
        let body = serde_json::to_value(body).map_err(|error| GraphError::internal(format!("{error}")))?;
        Ok(Self { status, location: None, body: Some(body) })
    }

    pub(super) fn at(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }
}

/// What a request is about, read from its method and address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `/calls`
    CreateCall,
    /// `/calls/logTeleconferenceDeviceQuality`
    LogDeviceQuality,
    /// `/calls/{id}`, or something that hangs under it.
    OfCall(CallId, OfCall),
}

/// What a request wants of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OfCall {
    Get,
    HangUp,
    Action(Action),
    ListParticipants,
    GetParticipant(ParticipantId),
    RemoveParticipant(ParticipantId),
    Invite,
    ParticipantAction(ParticipantId, ParticipantAction),
    ListRoutingGroups,
    CreateRoutingGroup,
    GetRoutingGroup(String),
    ChangeRoutingGroup(String),
    RemoveRoutingGroup(String),
    ListContentSharing,
    GetContentSharing(ContentSharingSessionId),
    GetOperation(OperationId),
}

/// What a bot can ask for on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    AddLargeGalleryView,
    Answer,
    CancelMediaProcessing,
    ChangeScreenSharingRole,
    KeepAlive,
    Mute,
    PlayPrompt,
    RecordResponse,
    Redirect,
    Reject,
    SendDtmfTones,
    SubscribeToTone,
    Transfer,
    Unmute,
    UpdateRecordingStatus,
}

/// What a bot can ask for on somebody in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParticipantAction {
    Mute,
    StartHoldMusic,
    StopHoldMusic,
}

/// Names in an address, as OData allows them: in any case.
const ACTIONS: [(&str, Action); 16] = [
    ("addlargegalleryview", Action::AddLargeGalleryView),
    ("answer", Action::Answer),
    ("cancelmediaprocessing", Action::CancelMediaProcessing),
    ("changescreensharingrole", Action::ChangeScreenSharingRole),
    ("keepalive", Action::KeepAlive),
    ("mute", Action::Mute),
    ("playprompt", Action::PlayPrompt),
    ("record", Action::RecordResponse),
    ("recordresponse", Action::RecordResponse),
    ("redirect", Action::Redirect),
    ("reject", Action::Reject),
    ("senddtmftones", Action::SendDtmfTones),
    ("subscribetotone", Action::SubscribeToTone),
    ("transfer", Action::Transfer),
    ("unmute", Action::Unmute),
    ("updaterecordingstatus", Action::UpdateRecordingStatus),
];

impl Target {
    /// Reads an address: below `/communications/calls` or the deprecated `/app/calls`, after any version, with action names
    /// in any case, with or without their namespace, and with keys in parentheses or as segments.
    pub(super) fn parse(method: Method, path: &str) -> Option<Self> {
        let segments = segments(path);
        let rest = match segments.as_slice() {
            [root, calls, rest @ ..]
                if (is(root, "communications") || is(root, "app")) && is(calls, "calls") =>
            {
                rest
            }
            _ => return None,
        };
        match (method, rest) {
            (Method::Post, []) => Some(Self::CreateCall),
            (Method::Post, [action]) if is(bare(action), "logTeleconferenceDeviceQuality") => {
                Some(Self::LogDeviceQuality)
            }
            (_, [call, rest @ ..]) => Some(Self::OfCall(CallId::from(*call), OfCall::parse(method, rest)?)),
            _ => None,
        }
    }
}

impl OfCall {
    fn parse(method: Method, rest: &[&str]) -> Option<Self> {
        use Method::{Delete, Get, Patch, Post};
        let part = rest.first().map(|part| bare(part).to_ascii_lowercase());
        match (method, part.as_deref(), rest) {
            (Get, None, []) => Some(Self::Get),
            (Delete, None, []) => Some(Self::HangUp),
            (Get, Some("participants"), [_]) => Some(Self::ListParticipants),
            (Post, Some("participants"), [_, action]) if is(bare(action), "invite") => Some(Self::Invite),
            (Get, Some("participants"), [_, id]) => Some(Self::GetParticipant(ParticipantId::from(*id))),
            (Delete, Some("participants"), [_, id]) => {
                Some(Self::RemoveParticipant(ParticipantId::from(*id)))
            }
            (Post, Some("participants"), [_, id, action]) => {
                let action = ParticipantAction::parse(bare(action))?;
                Some(Self::ParticipantAction(ParticipantId::from(*id), action))
            }
            (Get, Some("audioroutinggroups"), [_]) => Some(Self::ListRoutingGroups),
            (Post, Some("audioroutinggroups"), [_]) => Some(Self::CreateRoutingGroup),
            (Get, Some("audioroutinggroups"), [_, id]) => Some(Self::GetRoutingGroup((*id).to_owned())),
            (Patch, Some("audioroutinggroups"), [_, id]) => Some(Self::ChangeRoutingGroup((*id).to_owned())),
            (Delete, Some("audioroutinggroups"), [_, id]) => Some(Self::RemoveRoutingGroup((*id).to_owned())),
            (Get, Some("contentsharingsessions"), [_]) => Some(Self::ListContentSharing),
            (Get, Some("contentsharingsessions"), [_, id]) => {
                Some(Self::GetContentSharing(ContentSharingSessionId::from(*id)))
            }
            (Get, Some("operations"), [_, id]) => Some(Self::GetOperation(OperationId::from(*id))),
            (Post, Some(name), [_]) => {
                let (_, action) = ACTIONS.iter().find(|(known, _)| *known == name)?;
                Some(Self::Action(*action))
            }
            _ => None,
        }
    }
}

impl ParticipantAction {
    fn parse(name: &str) -> Option<Self> {
        let actions = [
            ("mute", Self::Mute),
            ("startHoldMusic", Self::StartHoldMusic),
            ("stopHoldMusic", Self::StopHoldMusic),
        ];
        actions.into_iter().find(|(known, _)| is(name, known)).map(|(_, action)| action)
    }
}

/// The parts of an address, after any version: keys stand by themselves.
pub(crate) fn segments(path: &str) -> Vec<&str> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut segments: Vec<&str> =
        path.split('/').flat_map(split_key).filter(|part| !part.is_empty()).collect();
    if segments.first().is_some_and(|version| is(version, "v1.0") || is(version, "beta")) {
        segments.remove(0);
    }
    segments
}

fn is(segment: &str, name: &str) -> bool {
    segment.eq_ignore_ascii_case(name)
}

/// A name without its namespace.
pub(crate) fn bare(segment: &str) -> &str {
    match segment.split_at_checked("microsoft.graph.".len()) {
        Some((namespace, name)) if is(namespace, "microsoft.graph.") => name,
        _ => segment,
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

    fn action(path: &str) -> Option<OfCall> {
        match Target::parse(Method::Post, path)? {
            Target::OfCall(call, rest) if call == CallId::from("c1") => Some(rest),
            _ => None,
        }
    }

    #[test]
    fn an_action_is_known_under_every_spelling_that_odata_allows() {
        for path in [
            "/communications/calls/c1/answer",
            "/v1.0/communications/calls/c1/microsoft.graph.answer",
            "/beta/app/calls('c1')/Microsoft.Graph.Answer?$x=1",
            "app/calls/C-1/ANSWER/",
        ] {
            assert_eq!(action(path), Some(OfCall::Action(Action::Answer)), "{path}");
        }
    }

    #[test]
    fn what_hangs_under_a_call_is_told_apart() {
        let mute = OfCall::ParticipantAction("p".into(), ParticipantAction::Mute);
        assert_eq!(action("/app/calls/c1/participants/p/microsoft.graph.mute"), Some(mute));
        assert_eq!(action("/app/calls/c1/participants/invite"), Some(OfCall::Invite));
        assert_eq!(Target::parse(Method::Post, "/app/calls"), Some(Target::CreateCall));
        let quality = "/communications/calls/logTeleconferenceDeviceQuality";
        assert_eq!(Target::parse(Method::Post, quality), Some(Target::LogDeviceQuality));
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        for path in
            ["", "/", "/users", "/communications/calls/c1/levitate", "/app/calls/c1/operations/1/2", "é(é"]
        {
            assert_eq!(Target::parse(Method::Post, path), None, "{path}");
        }
        assert_eq!(Target::parse(Method::Get, "/communications/calls"), None, "calls cannot be listed");
    }
}
