//! What the service tells a bot: `commsNotifications`, posted to a call's `callbackUri`.

use serde_json::Value;

use super::json::take;
use super::object::{graph_object, read_object};
use super::open::{Open, open_enum};
use super::{
    Call, CallId, Field, Other, ParticipantId, ParticipantJoiningNotification, ParticipantLeftNotification,
    ResourceData, ResourcePath, UnknownProperties,
};

open_enum! {
    /// What happened to a resource (Graph `changeType`).
    ///
    /// `Deleted` is how calls and operations end, well or badly; it is not failure.
    pub enum ChangeType: "changeType" {
        /// It came to be.
        "created" Created,
        /// It changed.
        "updated" Updated,
        /// It ended.
        "deleted" Deleted,
    }
}

graph_object! {
    /// What is posted to a callback: one or more notifications (Graph `commsNotifications`).
    pub struct CommsNotifications: "#microsoft.graph.commsNotifications" {
        /// The notifications, in order.
        "value" value: Vec<CommsNotification>,
    }
}

impl CommsNotifications {
    /// Parses the body of a callback. Pure: no clock, no I/O; never panics, whatever the bytes.
    ///
    /// # Errors
    /// When the bytes are no JSON, nest deeper than 128 levels, or do not hold a `value` array of objects.
    pub fn from_slice(body: &[u8]) -> Result<Self, serde_json::Error> {
        let notifications: Self = serde_json::from_slice(body)?;
        if notifications.value.is_value() {
            Ok(notifications)
        } else {
            Err(serde::de::Error::custom("no `value` array"))
        }
    }
}

/// What a notification tells of someone under a recording policy, whether it carries that or is that.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum PolicyNotification<'a> {
    /// They are about to join: the bot's HTTP answer says whether they may.
    Joining {
        /// The call, with the details of who joins.
        call: Option<&'a Call>,
    },
    /// They have left.
    Left {
        /// The call.
        call: Option<&'a Call>,
        /// Roster id of who has left.
        participant: Option<&'a ParticipantId>,
    },
}

/// One notification (Graph `commsNotification`, an open type).
///
/// An element may also be a `participantJoiningNotification` or a `participantLeftNotification` itself, by its `@odata.type`:
/// [`Self::policy`] reads those, there or inside `resourceData`.
///
/// Build one with `..Self::new()`, so that `@odata.type` is written.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct CommsNotification {
    /// `@odata.type` as it was read, or as [`Self::new`] sets it.
    #[serde(rename = "@odata.type", skip_serializing_if = "Field::is_absent")]
    pub odata_type: Field<String>,
    /// What happened.
    #[serde(rename = "changeType", skip_serializing_if = "Field::is_absent")]
    pub change_type: Field<Open<ChangeType>>,
    /// The resource's old address, `/app/calls/{id}...`.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub resource: Field<String>,
    /// The resource's address, `/communications/calls/{id}...`.
    #[serde(rename = "resourceUrl", skip_serializing_if = "Field::is_absent")]
    pub resource_url: Field<String>,
    /// Where the notification was sent.
    #[serde(rename = "callbackUri", skip_serializing_if = "Field::is_absent")]
    pub callback_uri: Field<String>,
    /// The resource, or what changed of it. Content sharing notifications may leave it out.
    #[serde(rename = "resourceData", skip_serializing_if = "Field::is_absent")]
    pub resource_data: Field<ResourceData>,
    /// The call, when the notification itself is about someone under a recording policy.
    #[serde(skip_serializing_if = "Field::is_absent")]
    pub call: Field<Box<Call>>,
    /// Who has left, when the notification itself is about someone under a recording policy.
    #[serde(rename = "participantId", skip_serializing_if = "Field::is_absent")]
    pub participant_id: Field<ParticipantId>,
    /// Properties that this version does not know.
    #[serde(flatten)]
    pub other: Other,
}

impl CommsNotification {
    /// `@odata.type` of this type.
    pub const ODATA_TYPE: &'static str = "#microsoft.graph.commsNotification";
    /// Names on the wire of the properties that are typed here.
    pub const PROPERTIES: &'static [&'static str] =
        &["changeType", "resource", "resourceUrl", "callbackUri", "resourceData", "call", "participantId"];

    /// A notification with its `@odata.type` and nothing else.
    pub fn new() -> Self {
        Self { odata_type: Self::ODATA_TYPE.into(), ..Self::default() }
    }

    /// What it is about, from `resourceUrl`, else from `resource`. `None` when neither points at a call.
    pub fn path(&self) -> Option<ResourcePath> {
        let addresses = [&self.resource_url, &self.resource];
        addresses.into_iter().find_map(|address| ResourcePath::parse(address.as_str()?))
    }

    /// The call that it is about: from its address, else from the call inside.
    pub fn call_id(&self) -> Option<CallId> {
        self.path().map(|path| path.call).or_else(|| self.call_inside()?.id.value().cloned())
    }

    fn call_inside(&self) -> Option<&Call> {
        match (self.resource_data.value(), self.policy()) {
            (Some(ResourceData::Call(call)), _) => Some(call),
            (_, Some(PolicyNotification::Joining { call } | PolicyNotification::Left { call, .. })) => call,
            _ => None,
        }
    }

    /// What it tells of someone under a recording policy, if that is what it is about.
    pub fn policy(&self) -> Option<PolicyNotification<'_>> {
        match self.resource_data.value() {
            Some(ResourceData::ParticipantJoining(joining)) => {
                return Some(PolicyNotification::Joining { call: boxed(&joining.call) });
            }
            Some(ResourceData::ParticipantLeft(left)) => {
                let participant = left.participant_id.value();
                return Some(PolicyNotification::Left { call: boxed(&left.call), participant });
            }
            _ => {}
        }
        let call = boxed(&self.call);
        match self.odata_type.as_str().map(bare_name)? {
            name if name == bare_name(ParticipantJoiningNotification::ODATA_TYPE) => {
                Some(PolicyNotification::Joining { call })
            }
            name if name == bare_name(ParticipantLeftNotification::ODATA_TYPE) => {
                Some(PolicyNotification::Left { call, participant: self.participant_id.value() })
            }
            _ => None,
        }
    }
}

fn boxed(call: &Field<Box<Call>>) -> Option<&Call> {
    call.value().map(Box::as_ref)
}

/// `call` for `#microsoft.graph.call`.
fn bare_name(odata_type: &str) -> &str {
    odata_type.rsplit('.').next().unwrap_or(odata_type).trim_start_matches('#')
}

impl CommsNotification {
    fn from_object(mut object: Other) -> Self {
        let mut notification = Self {
            odata_type: take(&mut object, "@odata.type"),
            change_type: take(&mut object, "changeType"),
            resource: take(&mut object, "resource"),
            resource_url: take(&mut object, "resourceUrl"),
            callback_uri: take(&mut object, "callbackUri"),
            ..Self::default()
        };
        // The address tells what the data is.
        let part = notification.path().map(|path| path.part);
        notification.resource_data = match object.remove("resourceData") {
            Some(Value::Null) => Field::Null,
            Some(data) => Field::Value(ResourceData::read(data, part.as_ref())),
            None => Field::Absent,
        };
        if notification.policy().is_some() {
            notification.call = take(&mut object, "call");
            notification.participant_id = take(&mut object, "participantId");
        }
        notification.other = object;
        notification
    }
}

read_object!(CommsNotification);

impl UnknownProperties for CommsNotification {
    fn collect_unknown(&self, path: &str, found: &mut Vec<String>) {
        self.other.collect_unknown(path, found);
        self.resource_data.collect_unknown(&format!("{path}/resourceData"), found);
        self.call.collect_unknown(&format!("{path}/call"), found);
    }
}
