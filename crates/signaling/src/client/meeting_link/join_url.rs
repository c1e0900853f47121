//! Links to a meeting: finding them in a text, unwrapping them, reading them.

use serde_json::Value;
use url::Url;

use super::{MeetingLink, MeetingLinkError};
use crate::model::{ChatInfo, Identity, IdentitySet, OrganizerMeetingInfo, TenantId};

/// Hosts of Teams, each with the hosts under it: global, US Government (`gov.`, `dod.`), personal accounts, and
/// the new name.
const HOSTS: [&str; 4] =
    ["teams.microsoft.com", "teams.microsoft.us", "teams.live.com", "teams.cloud.microsoft"];
/// A link may be wrapped by Safe Links around Teams' launcher around the page; more is not seen in practice.
const LAYERS: usize = 5;
/// What ends an address in running text, in HTML or between the angle brackets of a plain-text mail.
const ENDS: [char; 9] = ['<', '>', '"', '\'', '|', '\\', '^', '`', ']'];

/// The addresses in a text.
pub(super) fn addresses(text: &str) -> impl Iterator<Item = Url> + '_ {
    let starts = text.match_indices("://").filter_map(|(at, _)| {
        let scheme = ["https", "http"].iter().find(|scheme| {
            at.checked_sub(scheme.len())
                .and_then(|start| text.get(start..at))
                .is_some_and(|found| found.eq_ignore_ascii_case(scheme))
        })?;
        Some(at - scheme.len())
    });
    starts.filter_map(|start| {
        let rest = &text[start..];
        let end = rest.find(|c: char| c.is_whitespace() || ENDS.contains(&c)).unwrap_or(rest.len());
        Url::parse(&rest[..end].replace("&amp;", "&")).ok()
    })
}

/// The meeting that an address names; `None` when it is no link to a meeting.
pub(super) fn read(url: &Url) -> Option<Result<MeetingLink, MeetingLinkError>> {
    let mut url = url.clone();
    for _ in 0..LAYERS {
        if is_teams(&url) {
            let segments = segments(&url);
            if let Some(at) = segments.iter().position(|segment| segment.eq_ignore_ascii_case("meetup-join"))
            {
                return Some(by_organizer(&url, &segments[at + 1..]));
            }
            if let Some(at) = segments.iter().position(|segment| segment.eq_ignore_ascii_case("meet")) {
                return by_id(&url, segments.get(at + 1)?).map(Ok);
            }
        }
        url = wrapped(&url)?;
    }
    None
}

fn is_teams(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    HOSTS.iter().any(|known| host.strip_suffix(known).is_some_and(|sub| sub.is_empty() || sub.ends_with('.')))
}

/// The address inside this one: behind Safe Links, in Teams' launcher, or in the fragment of its page.
fn wrapped(url: &Url) -> Option<Url> {
    let host = url.host_str().unwrap_or_default();
    let is_wrapper = is_teams(url) || host.contains("safelinks") || url.path().contains("safelinks");
    if !is_wrapper {
        return None;
    }
    if let Some((_, inner)) = url.query_pairs().find(|(name, _)| name.eq_ignore_ascii_case("url")) {
        return url.join(&inner).ok();
    }
    let fragment = url.fragment().filter(|fragment| fragment.starts_with('/') && is_teams(url))?;
    url.join(fragment).ok()
}

/// `/l/meetup-join/{thread}/{message}?context={"Tid":tenant,"Oid":organizer}`.
fn by_organizer(url: &Url, segments: &[String]) -> Result<MeetingLink, MeetingLinkError> {
    let incomplete = |part| MeetingLinkError::Incomplete { part };
    let thread = segments.first().filter(|thread| !thread.is_empty());
    let thread = thread.ok_or(incomplete("no thread after `meetup-join`"))?;
    let message = segments.get(1).filter(|message| !message.is_empty()).map_or("0", String::as_str);
    let context = url.query_pairs().find(|(name, _)| name.eq_ignore_ascii_case("context"));
    let (_, context) = context.ok_or(incomplete("no `context` behind the question mark"))?;
    let context: Value =
        serde_json::from_str(&context).map_err(|_| incomplete("`context` is not readable as JSON"))?;
    let id = |name: &str| {
        let mut members = context.as_object()?.iter();
        let (_, id) = members.find(|(member, _)| member.eq_ignore_ascii_case(name))?;
        id.as_str().filter(|id| !id.is_empty())
    };
    let tenant = TenantId::from(id("Tid").ok_or(incomplete("no `Tid`, the tenant, in `context`"))?);
    let organizer = id("Oid").ok_or(incomplete("no `Oid`, the organizer, in `context`"))?;
    let organizer = Identity { tenant_id: tenant.clone().into(), ..Identity::with_id(organizer) };
    let organizer = IdentitySet { user: Box::new(organizer).into(), ..IdentitySet::new() };
    let chat = ChatInfo { thread_id: thread.as_str().into(), message_id: message.into(), ..ChatInfo::new() };
    Ok(MeetingLink {
        meeting: OrganizerMeetingInfo { organizer: organizer.into(), ..OrganizerMeetingInfo::new() }.into(),
        chat: Some(chat),
        tenant: Some(tenant),
    })
}

/// `/meet/{id}?p={passcode}`.
fn by_id(url: &Url, id: &str) -> Option<MeetingLink> {
    let id: String = id.chars().filter(|c| !c.is_whitespace()).collect();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let passcode = url.query_pairs().find(|(name, value)| name == "p" && !value.is_empty());
    Some(MeetingLink::by_id(id, passcode.map(|(_, passcode)| passcode.into_owned().into())))
}

/// The segments of the path, decoded.
fn segments(url: &Url) -> Vec<String> {
    url.path_segments().map(|segments| segments.map(decoded).collect()).unwrap_or_default()
}

/// Percent-decoding: `19%3ameeting` is `19:meeting`. What is no escape stays as it is.
fn decoded(segment: &str) -> String {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let escaped = match behind {
            [high, low, ..] if *first == b'%' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        bytes.push(escaped.map_or(*first, |(high, low)| high * 16 + low));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
