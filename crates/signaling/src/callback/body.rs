//! What the body of a post is. Pure.

use serde_json::{Map, Value};

use crate::model::{CommsNotification, CommsNotifications};

/// What was posted.
pub(super) enum Posted {
    /// Notifications.
    Notifications(CommsNotifications),
    /// An incoming call in the form from before Graph. It comes again in Graph's form when it is answered with 204
    /// (<https://learn.microsoft.com/microsoftteams/platform/bots/calls-and-meetings/call-notifications>).
    Legacy,
}

/// Reads a body: notifications, one of someone under a recording policy on its own, or the form from before Graph.
pub(super) fn read(body: &[u8]) -> Result<Posted, serde_json::Error> {
    let error = match CommsNotifications::from_slice(body) {
        Ok(notifications) => return Ok(Posted::Notifications(notifications)),
        Err(error) => error,
    };
    if let Some(alone) =
        serde_json::from_slice(body).ok().filter(|alone| CommsNotification::policy(alone).is_some())
    {
        let notifications = CommsNotifications { value: vec![alone].into(), ..CommsNotifications::new() };
        return Ok(Posted::Notifications(notifications));
    }
    if serde_json::from_slice(body).is_ok_and(|object| is_legacy(&object)) {
        Ok(Posted::Legacy)
    } else {
        Err(error)
    }
}

/// How the old form is told is not documented: by having none of the marks of Graph's.
fn is_legacy(object: &Map<String, Value>) -> bool {
    !object.is_empty() && object.keys().all(|name| name != "value" && !name.starts_with("@odata"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(body: &str) -> &'static str {
        match read(body.as_bytes()) {
            Ok(Posted::Notifications(notifications)) => match notifications.value.value().map(Vec::len) {
                Some(1) => "one notification",
                _ => "notifications",
            },
            Ok(Posted::Legacy) => "legacy",
            Err(_) => "neither",
        }
    }

    #[test]
    fn the_form_is_told_by_its_marks() {
        for (body, expected) in [
            (r#"{"value":[]}"#, "notifications"),
            (r##"{"@odata.type":"#microsoft.graph.participantJoiningNotification"}"##, "one notification"),
            (r##"{"@odata.type":"#microsoft.graph.participantLeftNotification"}"##, "one notification"),
            (r#"{"id":"1","callState":"incoming","participants":[],"links":{}}"#, "legacy"),
            (r##"{"@odata.type":"#microsoft.graph.call"}"##, "neither"),
            (r#"{"value":{},"callState":"incoming"}"#, "neither"),
            (r#"{"callState":"#, "neither"),
            ("{}", "neither"),
            ("[]", "neither"),
            ("", "neither"),
        ] {
            assert_eq!(kind(body), expected, "{body}");
        }
    }
}
