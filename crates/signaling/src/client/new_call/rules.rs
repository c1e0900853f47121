//! Which rules Graph has for a call that is to be created. Pure.

use super::NewCall;
use crate::client::rules::{self, has_id, require, within};
use crate::error::CallsError;
use crate::model::{Call, InvitationParticipantInfo, MeetingInfo};

/// People that a group call can be made to.
const LARGEST_GROUP: usize = 5;
/// Seconds that a call rings at most.
const LONGEST_RINGING: i64 = 115;

/// Refuses what Graph would refuse.
pub(super) fn check(new_call: &NewCall, allow_plain_http: bool) -> Result<(), CallsError> {
    let call = &new_call.call;
    rules::callback_uri(&call.callback_uri, allow_plain_http)?;
    require(!call.requested_modalities.items().is_empty(), "a call needs at least one modality")?;
    rules::media(call.media_config.value())?;
    match call.meeting_info.value() {
        Some(meeting) => check_meeting(call, meeting)?,
        None => check_targets(call)?,
    }
    let by_organizer = matches!(call.meeting_info.value(), Some(MeetingInfo::Organizer(_)));
    require(
        new_call.allows_talk_without_host.is_none() || by_organizer,
        "only a meeting by organizer says whether people may talk without the host",
    )
}

fn check_meeting(call: &Call, meeting: &MeetingInfo) -> Result<(), CallsError> {
    let is_there = |id: Option<&str>| id.is_some_and(|id| !id.is_empty());
    require(call.targets.items().is_empty(), "a call has targets or a meeting, not both")?;
    require(
        is_there(call.tenant_id.as_str()),
        "a join needs the meeting's tenant at the top level (Graph answers 7505 without it)",
    )?;
    check_is_not_to_one(call)?;
    let has_chat = call.chat_info.value().is_some_and(|chat| is_there(chat.thread_id.as_str()));
    match meeting {
        MeetingInfo::Organizer(info) => {
            let organizer = info.organizer.value().and_then(|who| who.user.value());
            let rule = "a meeting by organizer needs the organizer's user id";
            require(organizer.is_some_and(|user| has_id(user)), rule)?;
            require(has_chat, "a meeting by organizer needs its chat's thread id")
        }
        MeetingInfo::JoinMeetingId(info) => {
            require(is_there(info.join_meeting_id.as_str()), "a meeting by join id needs the id")?;
            require(!has_chat, "a meeting by join id goes without chat")
        }
        MeetingInfo::Token(info) => {
            let token = info.token.value().map(|token| token.expose().as_str());
            require(is_there(token), "a meeting by token needs the token")
        }
        MeetingInfo::Unknown(_) => Ok(()),
    }
}

fn check_targets(call: &Call) -> Result<(), CallsError> {
    let targets = call.targets.items();
    require(!targets.is_empty(), "a call needs someone to call, or a meeting to join")?;
    let few_enough = targets.len() <= LARGEST_GROUP;
    require(few_enough, "a group call is made to at most five; invite more once it is established")?;
    rules::targets(targets)?;
    let source = call.source.value().and_then(|source| source.identity.value());
    let by_instance =
        source.is_some_and(|from| from.application_instance.value().is_some_and(|id| has_id(id)));
    require(
        by_instance || !targets.iter().any(is_phone),
        "a phone is called from an application instance, which owns a number: set it as the source",
    )?;
    if targets.len() > 1 {
        require(!call.chat_info.is_value(), "a group call goes without chat")?;
        return check_is_not_to_one(call);
    }
    let rule = "a call rings for at least 1 s and at most 115 s";
    within(&call.ringing_timeout_in_seconds, 1..=LONGEST_RINGING, rule)
}

fn is_phone(target: &InvitationParticipantInfo) -> bool {
    target.identity.value().is_some_and(|identity| identity.phone.is_value())
}

/// Refuses what only a call to one may have.
fn check_is_not_to_one(call: &Call) -> Result<(), CallsError> {
    require(!call.ringing_timeout_in_seconds.is_value(), "only a call to one has a ringing timeout")?;
    require(call.routing_policies.items().is_empty(), "only a call to one has routing policies")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{
        ChatInfo, Identity, IdentitySet, JoinMeetingIdMeetingInfo, OrganizerMeetingInfo, RoutingPolicy,
        TokenMeetingInfo,
    };

    fn ready(call: NewCall) -> NewCall {
        call.callback_uri("https://bot.contoso.com/callback").app_hosted_media("blob")
    }

    fn to_user() -> NewCall {
        ready(NewCall::to_user("u"))
    }

    fn group(size: usize) -> NewCall {
        ready(NewCall::to_group((0..size).map(|index| IdentitySet::user(format!("u{index}")))))
    }

    fn organizer() -> OrganizerMeetingInfo {
        OrganizerMeetingInfo { organizer: IdentitySet::user("o").into(), ..OrganizerMeetingInfo::new() }
    }

    fn join(meeting: impl Into<MeetingInfo>, tenant: &str) -> NewCall {
        ready(NewCall::join_meeting(meeting, tenant))
    }

    fn chat() -> ChatInfo {
        ChatInfo { thread_id: "19:meeting@thread.v2".into(), message_id: "0".into(), ..ChatInfo::new() }
    }

    fn phone(number: &str) -> IdentitySet {
        let phone = Box::new(Identity::with_id(number));
        IdentitySet { phone: phone.into(), ..IdentitySet::new() }
    }

    #[test]
    fn calls_that_graph_would_take_are_sent() {
        let most = Duration::from_secs(115);
        for call in [
            to_user(),
            to_user().callback_uri("http://127.0.0.1:1/callback"),
            to_user().ringing_timeout(most).routing_policies([RoutingPolicy::NoMissedCall]),
            to_user().ringing_timeout(Duration::from_millis(114_001)),
            ready(NewCall::to_phone("+12345678901", "instance")),
            ready(NewCall::to(IdentitySet::application("a"))),
            group(5),
            ready(NewCall::to_group([IdentitySet::user("same"), IdentitySet::application("same")])),
            join(organizer(), "t").chat(chat()).allow_conversation_without_host(true),
            ready(NewCall::join_by_id("1234567", None, "t")),
            ready(NewCall::join_by_token("token", "t")),
            ready(NewCall::join_by_organizer("o", "19:meeting@thread.v2", "t")),
        ] {
            check(&call, false).unwrap_or_else(|error| panic!("{error}: {call:?}"));
        }
    }

    #[test]
    fn each_rule_is_named_before_anything_is_sent() {
        let second = Duration::from_secs(1);
        let by_id = || JoinMeetingIdMeetingInfo::without_passcode("1");
        for (call, words) in [
            (to_user().callback_uri("http://bot.contoso.com/"), "callback URI"),
            (to_user().callback_uri("callback"), "callback URI"),
            (to_user().modalities([]), "modality"),
            (to_user().app_hosted_media(""), "needs a blob"),
            (NewCall::to_user("u").callback_uri("https://bot/"), "media configuration"),
            (to_user().ringing_timeout(116 * second), "at most 115 s"),
            (to_user().ringing_timeout(Duration::from_millis(115_001)), "at most 115 s"),
            (to_user().ringing_timeout(Duration::ZERO), "at least 1 s"),
            (to_user().ringing_timeout(Duration::MAX), "at most 115 s"),
            (to_user().allow_conversation_without_host(true), "meeting by organizer"),
            (ready(NewCall::to_user("")), "identity with an id"),
            (ready(NewCall::to(IdentitySet::new())), "identity with an id"),
            (group(0), "someone to call"),
            (group(6), "at most five"),
            (group(2).ringing_timeout(second), "ringing timeout"),
            (group(2).routing_policies([RoutingPolicy::DisableForwarding]), "routing policies"),
            (group(2).chat(chat()), "without chat"),
            (ready(NewCall::to_group(["u", "U"].map(IdentitySet::user))), "twice"),
            (ready(NewCall::to(phone("+1"))), "application instance"),
            (
                ready(NewCall::to_phone("+1", "i")).source(IdentitySet::application("a")),
                "application instance",
            ),
            (ready(NewCall::to_group([IdentitySet::user("u"), phone("+1")])), "application instance"),
            (join(organizer(), "").chat(chat()), "tenant"),
            (join(organizer(), "t"), "thread id"),
            (join(OrganizerMeetingInfo::new(), "t").chat(chat()), "user id"),
            (join(organizer(), "t").chat(chat()).ringing_timeout(second), "ringing timeout"),
            (join(by_id(), "t").chat(chat()), "without chat"),
            (join(by_id(), "t").allow_conversation_without_host(true), "meeting by organizer"),
            (join(JoinMeetingIdMeetingInfo::new(), "t"), "needs the id"),
            (join(TokenMeetingInfo::new(), "t"), "needs the token"),
        ] {
            let error = call.into_call(false).unwrap_err().to_string();
            assert!(error.contains(words), "{error} does not say {words}");
        }
        let mut both = join(by_id(), "t");
        both.call.targets = to_user().call.targets;
        assert!(check(&both, false).unwrap_err().to_string().contains("not both"));
    }

    #[test]
    fn plain_http_beyond_this_machine_needs_leave() {
        let call = to_user().callback_uri("http://bot.contoso.com/callback");
        assert!(call.clone().into_call(false).is_err() && call.into_call(true).is_ok());
    }
}
