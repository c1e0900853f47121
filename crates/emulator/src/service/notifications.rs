//! What is posted to a bot.

use offhook_signaling::model::{
    Call, CallId, ChangeType, CommsNotification, CommsNotifications, Participant, ResourceData,
};

/// A post about the call itself.
pub(crate) fn of_call(
    change: ChangeType,
    id: &CallId,
    callback_uri: &str,
    changed: Call,
) -> CommsNotifications {
    let data = ResourceData::Call(Box::new(changed));
    envelope(change, &format!("calls/{id}"), callback_uri, data)
}

/// A post of the whole roster.
pub(crate) fn of_roster(id: &CallId, callback_uri: &str, roster: Vec<Participant>) -> CommsNotifications {
    let data = ResourceData::Participants(roster);
    envelope(ChangeType::Updated, &format!("calls/{id}/participants"), callback_uri, data)
}

/// Both forms of the address stand in it, as in captures from the cloud.
fn envelope(change: ChangeType, path: &str, callback_uri: &str, data: ResourceData) -> CommsNotifications {
    let notification = CommsNotification {
        change_type: offhook_signaling::model::Open::from(change).into(),
        resource: format!("/app/{path}").into(),
        resource_url: format!("/communications/{path}").into(),
        callback_uri: callback_uri.into(),
        resource_data: data.into(),
        ..CommsNotification::new()
    };
    CommsNotifications { value: vec![notification].into(), ..CommsNotifications::new() }
}
