//! `POST /communications/calls`: what the request asks for, or why it is refused. Permissions are checked here and only
//! here, as Graph does.

use offhook_media::blob::{MediaBlob, OffhookBlob, SdpType};
use offhook_signaling::model::{Call, MediaConfig, MeetingInfo};
use url::Url;

use super::GraphError;
use crate::directory::{Directory, Meeting, User};
use crate::settings::EmulatorSettings;

/// A call that may be made.
#[derive(Debug)]
pub(crate) struct CreatePlan {
    pub(crate) call: Call,
    pub(crate) callback_uri: String,
    /// Who answers.
    pub(crate) far_end: User,
    pub(crate) is_meeting: bool,
    /// The bot's offer; none when the service hosts the media.
    pub(crate) offer: Option<OffhookBlob>,
}

/// Checks a request's body.
pub(crate) fn plan(
    body: &[u8],
    settings: &EmulatorSettings,
    directory: &Directory,
) -> Result<CreatePlan, GraphError> {
    let call: Call = serde_json::from_slice(body)
        .map_err(|error| GraphError::bad_request(format!("Unable to read JSON request payload: {error}.")))?;
    let callback_uri = callback_uri(&call, settings)?;
    let is_meeting = call.meeting_info.is_value() || call.chat_info.is_value();
    let offer = offer(&call)?;
    check_permissions(settings, is_meeting, call.targets.items().len(), offer.is_some())?;
    let far_end =
        if is_meeting { in_meeting(&call, settings, directory)? } else { called(&call, directory)? };
    Ok(CreatePlan { call, callback_uri, far_end, is_meeting, offer })
}

fn callback_uri(call: &Call, settings: &EmulatorSettings) -> Result<String, GraphError> {
    let missing = || GraphError::bad_request("The property callbackUri is required.");
    let text = call.callback_uri.as_str().ok_or_else(missing)?;
    let url = Url::parse(text);
    let url =
        url.map_err(|error| GraphError::bad_request(format!("callbackUri is not an address: {error}.")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(GraphError::bad_request("callbackUri must be an http or https address."));
    }
    let is_loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if !is_loopback && !settings.callbacks_beyond_loopback {
        return Err(GraphError::bad_request(
            "The emulator calls back on loopback only, unless it is told otherwise.",
        ));
    }
    Ok(text.to_owned())
}

/// The offer in the media configuration.
fn offer(call: &Call) -> Result<Option<OffhookBlob>, GraphError> {
    let config = match call.media_config.value() {
        Some(MediaConfig::AppHosted(config)) => config,
        Some(MediaConfig::ServiceHosted(_)) => return Ok(None),
        _ => return Err(GraphError::missing_media_config()),
    };
    let blob = config.blob.value().ok_or_else(GraphError::missing_media_config)?;
    match MediaBlob::parse(blob.expose()) {
        Ok(MediaBlob::Offhook(blob)) if blob.description.kind == SdpType::Offer => Ok(Some(blob)),
        Ok(MediaBlob::Offhook(_)) => {
            Err(GraphError::bad_request("The media blob holds an answer, not an offer."))
        }
        Ok(_) => Err(GraphError::bad_request(
            "The emulator's far ends speak media blobs of profile offhook/1 only.",
        )),
        Err(error) => Err(GraphError::bad_request(format!("Invalid media blob: {error}."))),
    }
}

fn check_permissions(
    settings: &EmulatorSettings,
    is_meeting: bool,
    targets: usize,
    app_hosted: bool,
) -> Result<(), GraphError> {
    let any_of: &[&str] = match (is_meeting, targets) {
        (true, _) => &["Calls.JoinGroupCall.All", "Calls.JoinGroupCallAsGuest.All"],
        (false, 0..=1) => &["Calls.Initiate.All"],
        (false, _) => &["Calls.InitiateGroupCall.All"],
    };
    let granted = |permission: &&str| settings.permissions.iter().any(|granted| granted == *permission);
    if !any_of.iter().any(granted) {
        return Err(GraphError::missing_permission(&any_of.join(" or ")));
    }
    if app_hosted && !granted(&"Calls.AccessMedia.All") {
        return Err(GraphError::missing_permission("Calls.AccessMedia.All"));
    }
    Ok(())
}

/// Who answers a call to a user.
fn called(call: &Call, directory: &Directory) -> Result<User, GraphError> {
    let target = match call.targets.items() {
        [] => return Err(GraphError::bad_request("The property targets or meetingInfo is required.")),
        [target] => target,
        _ => return Err(GraphError::bad_request("The emulator does not make group calls yet.")),
    };
    let identity = target.identity.value().and_then(|set| set.first());
    let id = identity.and_then(|identity| identity.id.as_str());
    let id = id.ok_or_else(|| GraphError::bad_request("targets[0].identity has no id."))?;
    let unknown = || GraphError::not_found(format!("The emulator has no user {id}."));
    directory.users.get(id).cloned().ok_or_else(unknown)
}

/// Who waits in the meeting that is joined.
fn in_meeting(call: &Call, settings: &EmulatorSettings, directory: &Directory) -> Result<User, GraphError> {
    if call.tenant_id.as_str() != Some(&settings.tenant_id) {
        return Err(GraphError::tenant_mismatch());
    }
    let find = |key: &str| {
        let unknown = || GraphError::not_found(format!("The emulator has no meeting {key}."));
        directory.meetings.get(key).ok_or_else(unknown)
    };
    let meeting: &Meeting = match call.meeting_info.value() {
        Some(MeetingInfo::JoinMeetingId(info)) => {
            let id = info.join_meeting_id.as_str();
            let meeting =
                find(id.ok_or_else(|| GraphError::bad_request("meetingInfo has no joinMeetingId."))?)?;
            let passcode = info.passcode.value().map(|passcode| passcode.expose().as_str());
            if meeting.passcode.as_deref() != passcode {
                return Err(GraphError::bad_request("The passcode is wrong."));
            }
            meeting
        }
        Some(MeetingInfo::Organizer(_)) => {
            let thread = call.chat_info.value().and_then(|chat| chat.thread_id.as_str());
            find(thread.ok_or_else(|| GraphError::bad_request("chatInfo.threadId is required."))?)?
        }
        _ => return Err(GraphError::bad_request("The emulator joins meetings by join id or by organizer.")),
    };
    Ok(meeting.participant.clone())
}
