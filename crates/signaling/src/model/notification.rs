//! What the service tells a bot: `commsNotifications`, posted to a call's `callbackUri`.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::open::{Open, graph_object, open_enum};
use super::{CallId, Field, Other, ResourceData, ResourcePath, UnknownProperties};

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

/// One notification (Graph `commsNotification`, an open type).
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
    /// Properties that this version does not know.
    #[serde(flatten)]
    pub other: Other,
}

impl CommsNotification {
    /// `@odata.type` of this type.
    pub const ODATA_TYPE: &'static str = "#microsoft.graph.commsNotification";
    /// Names on the wire of the properties that are typed here.
    pub const PROPERTIES: &'static [&'static str] =
        &["changeType", "resource", "resourceUrl", "callbackUri", "resourceData"];

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
        self.path().map(|path| path.call).or_else(|| match self.resource_data.value()? {
            ResourceData::Call(call) => call.id.value().cloned(),
            _ => None,
        })
    }
}

impl<'de> Deserialize<'de> for CommsNotification {
    /// A member that is not what it should be stays in `other` as it came: one strange notification must not take the others
    /// of the same post with it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = Other::deserialize(deserializer)?;
        let change_type = match take_text(&mut members, "changeType") {
            Field::Value(text) => Field::Value(Open::from_text(&text)),
            Field::Null => Field::Null,
            Field::Absent => Field::Absent,
        };
        let mut notification = Self {
            odata_type: take_text(&mut members, "@odata.type"),
            change_type,
            resource: take_text(&mut members, "resource"),
            resource_url: take_text(&mut members, "resourceUrl"),
            callback_uri: take_text(&mut members, "callbackUri"),
            resource_data: Field::Absent,
            other: Other::default(),
        };
        // The address tells what the data is.
        let part = notification.path().map(|path| path.part);
        notification.resource_data = match members.remove("resourceData") {
            Some(Value::Null) => Field::Null,
            Some(data) => Field::Value(ResourceData::read(data, part.as_ref())),
            None => Field::Absent,
        };
        notification.other = members;
        Ok(notification)
    }
}

/// Takes a member out if it is text or null.
fn take_text(members: &mut Other, name: &str) -> Field<String> {
    match members.remove(name) {
        Some(Value::String(text)) => Field::Value(text),
        Some(Value::Null) => Field::Null,
        Some(strange) => {
            members.insert(name.to_owned(), strange);
            Field::Absent
        }
        None => Field::Absent,
    }
}

impl UnknownProperties for CommsNotification {
    fn collect_unknown(&self, path: &str, found: &mut Vec<String>) {
        self.other.collect_unknown(path, found);
        self.resource_data.collect_unknown(&format!("{path}/resourceData"), found);
    }
}
