//! What people share to invite someone to a meeting, read into what a join needs. Pure.

mod invitation;
mod join_url;

use crate::model::{ChatInfo, JoinMeetingIdMeetingInfo, MeetingInfo, TenantId};
use crate::redacted::Redacted;

/// A meeting as a pasted link or invitation names it.
///
/// Source: <https://learn.microsoft.com/graph/api/resources/chatinfo> for the join URL; the text of Teams
/// invitations for the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct MeetingLink {
    meeting: MeetingInfo,
    chat: Option<ChatInfo>,
    tenant: Option<TenantId>,
}

impl MeetingLink {
    /// Finds a meeting in a text: a link alone, or a whole invitation.
    ///
    /// Links are looked for first: `https://teams.microsoft.com/l/meetup-join/...`, which names organizer, chat and
    /// tenant, and `https://teams.microsoft.com/meet/{id}?p={passcode}`; on any Teams host, wrapped by Safe Links or
    /// by Teams' own launcher or not. Then lines such as `Meeting ID: 123 456 789 01` and `Passcode: abc`, in many
    /// languages.
    ///
    /// ```
    /// use offhook_signaling::MeetingLink;
    ///
    /// let link = MeetingLink::parse("Besprechungs-ID: 123 456 789 01\nKennung: aBc1de")?;
    /// assert_eq!(link.tenant(), None); // a join by id needs to be told the tenant
    /// # Ok::<(), offhook_signaling::MeetingLinkError>(())
    /// ```
    ///
    /// # Errors
    /// [`MeetingLinkError::Incomplete`] when a join URL lacks a part, [`MeetingLinkError::NothingFound`] when there is
    /// neither.
    pub fn parse(text: &str) -> Result<Self, MeetingLinkError> {
        let mut incomplete = None;
        for address in join_url::addresses(text) {
            match join_url::read(&address) {
                Some(Ok(link)) => return Ok(link),
                Some(Err(error)) => incomplete = incomplete.or(Some(error)),
                None => {}
            }
        }
        let found = invitation::read(text).map(|(id, passcode)| Self::by_id(id, passcode));
        found.ok_or(incomplete.unwrap_or(MeetingLinkError::NothingFound))
    }

    /// The meeting.
    pub fn meeting(&self) -> &MeetingInfo {
        &self.meeting
    }

    /// Its chat, if the link names it.
    pub fn chat(&self) -> Option<&ChatInfo> {
        self.chat.as_ref()
    }

    /// Its tenant, if the link names it. A join needs one in any case.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    pub(super) fn into_parts(self) -> (MeetingInfo, Option<ChatInfo>) {
        (self.meeting, self.chat)
    }

    fn by_id(id: String, passcode: Option<Redacted<String>>) -> Self {
        let meeting = match passcode {
            Some(passcode) => JoinMeetingIdMeetingInfo::with_passcode(id, passcode),
            None => JoinMeetingIdMeetingInfo::without_passcode(id),
        };
        Self { meeting: meeting.into(), chat: None, tenant: None }
    }
}

impl std::str::FromStr for MeetingLink {
    type Err = MeetingLinkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Why a text names no meeting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MeetingLinkError {
    /// Nothing that names a meeting is there.
    #[error(
        "no meeting found: looked for a link such as https://teams.microsoft.com/l/meetup-join/... or \
         https://teams.microsoft.com/meet/..., and for a meeting id such as `Meeting ID: 123 456 789 01`"
    )]
    NothingFound,
    /// A join URL is there, and a part of it is missing or not readable; cut off when it was copied, perhaps.
    #[error("the join URL is incomplete: {part}")]
    Incomplete {
        /// What is missing, and where it should be.
        part: &'static str,
    },
}

#[cfg(test)]
mod tests;
