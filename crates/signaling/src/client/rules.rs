//! Rules that several requests share. Pure.
//!
//! Only what the documentation or an error code says: what is refused here, Graph would refuse too, later and in
//! fewer words.

use std::ops::RangeInclusive;
use std::time::Duration;

use url::Url;

use super::is_protected;
use crate::error::CallsError;
use crate::model::action::ClientContextRequest;
use crate::model::{
    Field, Identity, IdentitySet, Integer, InvitationParticipantInfo, MediaConfig, MediaInfo,
};

/// Characters of a client context at most.
const LONGEST_CONTEXT: usize = 256;

/// Refuses a request unless the rule holds.
pub(super) fn require(holds: bool, rule: &'static str) -> Result<(), CallsError> {
    if holds { Ok(()) } else { Err(CallsError::InvalidRequest { rule }) }
}

/// What a request is recognised by, if it fits.
pub(super) fn client_context(context: Option<&str>) -> Result<Field<String>, CallsError> {
    let fits = context.is_none_or(|context| context.chars().count() <= LONGEST_CONTEXT);
    require(fits, "a client context has at most 256 characters")?;
    Ok(context.map(str::to_owned).into())
}

/// The body of an action that takes nothing else.
pub(super) fn only_client_context(context: Option<&str>) -> Result<ClientContextRequest, CallsError> {
    Ok(ClientContextRequest { client_context: client_context(context)?, ..ClientContextRequest::default() })
}

/// An address for notifications.
pub(super) fn callback_uri(uri: &Field<String>, allow_plain_http: bool) -> Result<(), CallsError> {
    let uri = uri.as_str().and_then(|uri| Url::parse(uri).ok());
    let rule = "a call needs a callback URI, which is https (or http on this machine)";
    require(uri.is_some_and(|uri| is_protected(&uri, allow_plain_http)), rule)
}

/// A media configuration, of a new call or of an answer.
pub(super) fn media(config: Option<&MediaConfig>) -> Result<(), CallsError> {
    require(config.is_some(), "a call needs a media configuration")?;
    let has_blob = match config {
        Some(MediaConfig::AppHosted(config)) => {
            config.blob.value().is_some_and(|blob| !blob.expose().is_empty())
        }
        _ => true,
    };
    require(has_blob, "application-hosted media needs a blob (Graph answers 8523 without one)")
}

/// People to be called or invited: each can be reached, and none is there twice.
pub(super) fn targets(targets: &[InvitationParticipantInfo]) -> Result<(), CallsError> {
    let identities: Vec<&IdentitySet> = targets.iter().filter_map(|target| target.identity.value()).collect();
    let all_named =
        identities.len() == targets.len() && identities.iter().all(|set| set.first().is_some_and(has_id));
    require(all_named, "everyone who is called needs an identity with an id")?;
    let named: Vec<_> = identities.iter().map(|set| ids_by_kind(set)).collect();
    let twice = named.iter().enumerate().any(|(index, ids)| {
        // Kinds that are not compared are left to Graph.
        ids.iter().any(Option::is_some) && named[..index].contains(ids)
    });
    require(!twice, "nobody is called twice at once")
}

/// Whether an identity says who it is.
pub(super) fn has_id(identity: &Identity) -> bool {
    identity.id.as_str().is_some_and(|id| !id.is_empty())
}

/// The ids of the kinds that can be called. Object ids do not depend on case.
fn ids_by_kind(set: &IdentitySet) -> [Option<String>; 5] {
    [&set.user, &set.phone, &set.application, &set.application_instance, &set.guest]
        .map(|kind| kind.value()?.id.as_str().map(str::to_ascii_lowercase))
}

/// Sound files to play or fetch.
pub(super) fn prompts<'a>(prompts: impl IntoIterator<Item = &'a MediaInfo>) -> Result<(), CallsError> {
    let all_there = prompts.into_iter().all(|prompt| prompt.uri.as_str().is_some_and(|uri| !uri.is_empty()));
    require(all_there, "a prompt needs the address of its sound")
}

/// A time in seconds; parts of a second count as a whole.
pub(super) fn seconds(time: Duration) -> Integer {
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    Integer::from(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// A number, if there is one, within bounds.
pub(super) fn within(
    number: &Field<Integer>,
    bounds: RangeInclusive<i64>,
    rule: &'static str,
) -> Result<(), CallsError> {
    let outside = number.value().is_some_and(|number| !number.get().is_some_and(|n| bounds.contains(&n)));
    require(!outside, rule)
}
