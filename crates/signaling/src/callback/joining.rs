//! What a recording bot answers when someone under its policy is about to join. Pure, as far as the application's hook is.
//!
//! Sources: <https://learn.microsoft.com/graph/api/resources/participantjoiningnotification> and the pages that it leads to.
//! The status of the answer and the form of the post are not documented: 200 is sent, and every form is read.

use serde::Deserialize;

use crate::auth::{Caller, Verified};
use crate::model::{
    CommsNotification, CommsNotifications, ParticipantJoiningNotification, ParticipantJoiningResponse,
    PolicyNotification, ResourceData,
};

/// The application's say.
pub(super) type JoiningHook =
    Box<dyn Fn(&Verified<ParticipantJoiningNotification>) -> ParticipantJoiningResponse + Send + Sync>;

/// Those in a post who are about to join.
pub(super) fn all(notifications: &CommsNotifications) -> Vec<ParticipantJoiningNotification> {
    notifications.value.value().into_iter().flatten().filter_map(joining).collect()
}

/// What is answered to a post with these in it. `None` when it asks nothing: 202 and no body.
///
/// There is one answer to a post. Of several who are about to join, all are asked for, and the first that is not let in at once
/// decides.
pub(super) fn answer(
    caller: &Caller,
    joining: Vec<ParticipantJoiningNotification>,
    hook: &JoiningHook,
) -> Option<ParticipantJoiningResponse> {
    let answers: Vec<_> = joining.into_iter().map(|joining| hook(&caller.vouch(joining))).collect();
    let accepts =
        |answer: &&ParticipantJoiningResponse| matches!(answer, ParticipantJoiningResponse::AcceptJoin(_));
    answers.iter().find(|answer| !accepts(answer)).or(answers.first()).cloned()
}

/// The notification of someone who is about to join, whether this one carries it or is it.
fn joining(notification: &CommsNotification) -> Option<ParticipantJoiningNotification> {
    match (notification.resource_data.value(), notification.policy()?) {
        (Some(ResourceData::ParticipantJoining(joining)), _) => Some((**joining).clone()),
        (_, PolicyNotification::Joining { .. }) => {
            // By way of JSON, so that what only one of the two types knows is kept too.
            let json = serde_json::to_value(notification).ok()?;
            ParticipantJoiningNotification::deserialize(json).ok()
        }
        _ => None,
    }
}
