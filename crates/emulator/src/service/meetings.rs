//! Which meeting a request means.

use offhook_signaling::model::{Call, ChatInfo, Identity, IdentitySet, MeetingInfo, TokenMeetingInfo};

use super::{CallService, GraphError};
use crate::directory::{Meeting, User};

impl Meeting {
    /// Its chat, which a bot learns when it joins without knowing it.
    pub(super) fn chat(&self) -> ChatInfo {
        let thread_id = self.thread_id.as_str().into();
        ChatInfo { thread_id, message_id: "0".into(), ..ChatInfo::new() }
    }
}

impl CallService {
    /// The meeting that `call` joins.
    pub(super) fn meeting(&self, call: &Call) -> Result<&Meeting, GraphError> {
        let find = |key: &str, shown: &str| {
            let unknown = || GraphError::not_found(format!("The emulator has no meeting {shown}."));
            self.directory.meetings.get(key).ok_or_else(unknown)
        };
        match call.meeting_info.value() {
            Some(MeetingInfo::JoinMeetingId(info)) => {
                let id = info.join_meeting_id.as_str();
                let id = id.ok_or_else(|| GraphError::missing("meetingInfo.joinMeetingId"))?;
                let meeting = find(id, id)?;
                let passcode = info.passcode.value().map(|passcode| passcode.expose().as_str());
                if meeting.passcode.as_deref() != passcode {
                    return Err(GraphError::bad_request("The passcode is wrong."));
                }
                Ok(meeting)
            }
            Some(MeetingInfo::Organizer(info)) => {
                let organizer = info.organizer.value().and_then(IdentitySet::first);
                if organizer.is_none_or(|organizer| !organizer.id.is_value()) {
                    return Err(GraphError::missing("meetingInfo.organizer.user.id"));
                }
                let thread = call.chat_info.value().and_then(|chat| chat.thread_id.as_str());
                let thread = thread.ok_or_else(|| GraphError::missing("chatInfo.threadId"))?;
                find(thread, thread)
            }
            Some(MeetingInfo::Token(info)) => {
                let token = info.token.value().ok_or_else(|| GraphError::missing("meetingInfo.token"))?;
                find(token.expose(), "of this token")
            }
            _ => Err(GraphError::bad_request(
                "The property meetingInfo must be an organizerMeetingInfo, a tokenMeetingInfo or a joinMeetingIdMeetingInfo.",
            )),
        }
    }

    /// A token by which the bot can join a meeting again.
    pub(super) fn token_for(&mut self, meeting: Meeting) -> TokenMeetingInfo {
        let token = self.directory.issue_token(meeting);
        TokenMeetingInfo { token: token.as_str().into(), ..TokenMeetingInfo::new() }
    }

    /// Somebody in a meeting whom the directory knows by name only.
    pub(super) fn nameless(&self, meeting: &Meeting, user: &User) -> IdentitySet {
        let id = meeting.nameless.as_str();
        let identity = Identity { display_name: user.display_name.as_str().into(), ..Identity::with_id(id) };
        IdentitySet { user: Box::new(identity).into(), ..IdentitySet::new() }
    }
}
