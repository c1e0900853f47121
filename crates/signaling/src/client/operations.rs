//! The table of requests: verb, path, success, whether it may be sent twice, what it needs. One row per operation.

use reqwest::Method;
use url::Url;

use self::Permission::{
    AccessMedia, Initiate, InitiateGroupCall, JoinGroupCall, JoinGroupCallAsGuest, JoinGroupCallsChat,
};
use crate::cloud::CloudFeature;
use crate::error::CallsError;
use crate::http::retry::Repeat;
use crate::permissions::{Permission, Requirement};

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Operation {
    /// What it is called in errors and logs.
    pub(crate) name: &'static str,
    verb: Verb,
    /// Path under the collection of calls; `{}` stands for an id.
    path: &'static str,
    /// The status that Graph's page gives for success.
    pub(crate) success: u16,
    /// Whether it may be sent twice.
    pub(crate) repeat: Repeat,
    /// The permissions one of which it needs, the least first.
    needs: &'static [Permission],
    /// Whether it needs access to media besides, when the application hosts it.
    with_media: bool,
    /// The part of the API that it is, where some cloud lacks it.
    feature: CloudFeature,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verb {
    Get,
    Post,
    Patch,
    Delete,
}

/// Declares the operations: a doc comment, and a row for each.
macro_rules! operations {
    ($( $(#[$meta:meta])* $kind:ident = $row:expr; )+) => {
        /// A request of the calls API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum OperationKind {
            $( $(#[$meta])* $kind, )+
        }

        impl OperationKind {
            /// Every request that [`CallsClient`](crate::CallsClient) has.
            pub const ALL: &'static [Self] = &[ $( Self::$kind, )+ ];

            pub(crate) const fn row(self) -> &'static Operation {
                match self {
                    $( Self::$kind => { const ROW: Operation = $row; &ROW } )+
                }
            }
        }
    };
}

operations! {
    /// `POST /communications/calls`
    CreateCall = post("create call", "", 201)

        .needs(&[JoinGroupCallsChat, Initiate, InitiateGroupCall, JoinGroupCall, JoinGroupCallAsGuest]).with_media();
    /// `GET /communications/calls/{id}`
    GetCall = get("get call", "{}").needs(&[Initiate, AccessMedia]);
    /// `DELETE /communications/calls/{id}`
    DeleteCall = delete("delete call", "{}").needs(&[Initiate, AccessMedia]);
    /// `POST /communications/calls/{id}/answer`
    Answer = post("answer", "{}/answer", 202).needs(&[JoinGroupCall, JoinGroupCallAsGuest]).with_media();
    /// `POST /communications/calls/{id}/reject`
    Reject = post("reject", "{}/reject", 202);
    /// `POST /communications/calls/{id}/redirect`
    Redirect = post("redirect", "{}/redirect", 202).needs(&[Initiate]);
    /// `POST /communications/calls/{id}/transfer`
    Transfer = post("transfer", "{}/transfer", 202).needs(&[Initiate]);
    /// `POST /communications/calls/{id}/keepAlive`
    KeepAlive = post("keepAlive", "{}/keepAlive", 200).repeatable().needs(&[Initiate, AccessMedia]);
    /// `POST /communications/calls/{id}/mute`
    Mute = post("mute", "{}/mute", 200).repeatable().needs(&[Initiate, AccessMedia]);
    /// `POST /communications/calls/{id}/unmute`
    Unmute = post("unmute", "{}/unmute", 200).repeatable().needs(&[Initiate, AccessMedia]);
    /// `POST /communications/calls/{id}/playPrompt`
    PlayPrompt = post("playPrompt", "{}/playPrompt", 200).needs(&[Initiate, AccessMedia]);
    /// `POST /communications/calls/{id}/recordResponse`
    RecordResponse = post("recordResponse", "{}/recordResponse", 200).needs(&[AccessMedia]);
    /// `POST /communications/calls/{id}/cancelMediaProcessing`
    CancelMediaProcessing = post("cancelMediaProcessing", "{}/cancelMediaProcessing", 200)
        .needs(&[Initiate, AccessMedia]);
    /// `POST /communications/calls/{id}/subscribeToTone`
    SubscribeToTone = post("subscribeToTone", "{}/subscribeToTone", 200).needs(&[AccessMedia]);
    /// `POST /communications/calls/{id}/sendDtmfTones`
    SendDtmfTones = post("sendDtmfTones", "{}/sendDtmfTones", 200).needs(&[AccessMedia])
        .part_of(CloudFeature::SendDtmfTones);
    /// `POST /communications/calls/{id}/updateRecordingStatus`
    UpdateRecordingStatus = post("updateRecordingStatus", "{}/updateRecordingStatus", 200)
        .needs(&[AccessMedia, JoinGroupCall]);
    /// `POST /communications/calls/{id}/changeScreenSharingRole`
    ChangeScreenSharingRole = post("changeScreenSharingRole", "{}/changeScreenSharingRole", 202)
        .needs(&[AccessMedia]);
    /// `POST /communications/calls/{id}/addLargeGalleryView`
    AddLargeGalleryView = post("addLargeGalleryView", "{}/addLargeGalleryView", 202)
        .needs(&[JoinGroupCallAsGuest, JoinGroupCall, InitiateGroupCall]).part_of(CloudFeature::LargeGalleryView);
    /// `POST /communications/calls/logTeleconferenceDeviceQuality`
    LogTeleconferenceDeviceQuality = post("logTeleconferenceDeviceQuality", "logTeleconferenceDeviceQuality", 200)
        .needs(&[AccessMedia]);
    /// `GET /communications/calls/{id}/participants`
    ListParticipants = get("list participants", "{}/participants").needs(&[Initiate, AccessMedia]);
    /// `GET /communications/calls/{id}/participants/{id}`
    GetParticipant = get("get participant", "{}/participants/{}").needs(&[JoinGroupCall, JoinGroupCallAsGuest]);
    /// `DELETE /communications/calls/{id}/participants/{id}`
    RemoveParticipant = delete("remove participant", "{}/participants/{}")
        .needs(&[JoinGroupCall, JoinGroupCallAsGuest]);
    /// `POST /communications/calls/{id}/participants/invite`
    Invite = post("invite", "{}/participants/invite", 200).needs(&[InitiateGroupCall]);
    /// `POST /communications/calls/{id}/participants/{id}/mute`
    MuteParticipant = post("mute participant", "{}/participants/{}/mute", 200).repeatable()
        .needs(&[JoinGroupCall, JoinGroupCallAsGuest]);
    /// `POST /communications/calls/{id}/participants/{id}/startHoldMusic`
    StartHoldMusic = post("startHoldMusic", "{}/participants/{}/startHoldMusic", 202)
        .needs(&[JoinGroupCallAsGuest, JoinGroupCall]);
    /// `POST /communications/calls/{id}/participants/{id}/stopHoldMusic`
    StopHoldMusic = post("stopHoldMusic", "{}/participants/{}/stopHoldMusic", 202)
        .needs(&[JoinGroupCallAsGuest, JoinGroupCall]);
    // No page says what reading operations needs; taken to be what reading the call needs.
    /// `GET /communications/calls/{id}/operations`
    ListOperations = get("list operations", "{}/operations").needs(&[Initiate, AccessMedia]);
    /// `GET /communications/calls/{id}/operations/{id}`
    GetOperation = get("get operation", "{}/operations/{}").needs(&[Initiate, AccessMedia]);
    /// `GET /communications/calls/{id}/contentSharingSessions`
    ListContentSharingSessions = get("list content sharing sessions", "{}/contentSharingSessions")
        .needs(&[JoinGroupCallAsGuest, JoinGroupCall, InitiateGroupCall, Initiate])
        .part_of(CloudFeature::ContentSharingSessions);
    /// `GET /communications/calls/{id}/contentSharingSessions/{id}`
    GetContentSharingSession = get("get content sharing session", "{}/contentSharingSessions/{}")
        .needs(&[JoinGroupCallAsGuest, JoinGroupCall, InitiateGroupCall, Initiate])
        .part_of(CloudFeature::ContentSharingSessions);
    /// `GET /communications/calls/{id}/audioRoutingGroups`
    ListAudioRoutingGroups = get("list audio routing groups", "{}/audioRoutingGroups")
        .needs(&[JoinGroupCall, InitiateGroupCall]).part_of(CloudFeature::AudioRoutingGroups);
    /// `POST /communications/calls/{id}/audioRoutingGroups`
    CreateAudioRoutingGroup = post("create audio routing group", "{}/audioRoutingGroups", 200)
        .needs(&[JoinGroupCall, InitiateGroupCall]).part_of(CloudFeature::AudioRoutingGroups);
    /// `GET /communications/calls/{id}/audioRoutingGroups/{id}`
    GetAudioRoutingGroup = get("get audio routing group", "{}/audioRoutingGroups/{}")
        .needs(&[JoinGroupCall, InitiateGroupCall]).part_of(CloudFeature::AudioRoutingGroups);
    /// `PATCH /communications/calls/{id}/audioRoutingGroups/{id}`
    UpdateAudioRoutingGroup = patch("update audio routing group", "{}/audioRoutingGroups/{}")
        .needs(&[JoinGroupCall, InitiateGroupCall]).part_of(CloudFeature::AudioRoutingGroups);
    /// `DELETE /communications/calls/{id}/audioRoutingGroups/{id}`
    DeleteAudioRoutingGroup = delete("delete audio routing group", "{}/audioRoutingGroups/{}")
        .needs(&[JoinGroupCall, InitiateGroupCall]).part_of(CloudFeature::AudioRoutingGroups);
}

impl OperationKind {
    /// Whether the request of this name is about a part of a call: a participant, an operation.
    pub(crate) fn is_about_a_part(name: &str) -> bool {
        let named = Self::ALL.iter().map(|kind| kind.row()).find(|row| row.name == name);
        named.is_some_and(|row| row.path.matches("{}").count() > 1)
    }
}

const fn row(name: &'static str, verb: Verb, path: &'static str, success: u16, repeat: Repeat) -> Operation {
    Operation {
        name,
        verb,
        path,
        success,
        repeat,
        needs: &[],
        with_media: false,
        feature: CloudFeature::Calls,
    }
}

const fn get(name: &'static str, path: &'static str) -> Operation {
    row(name, Verb::Get, path, 200, Repeat::Always)
}

const fn delete(name: &'static str, path: &'static str) -> Operation {
    row(name, Verb::Delete, path, 204, Repeat::Always)
}

const fn post(name: &'static str, path: &'static str, success: u16) -> Operation {
    row(name, Verb::Post, path, success, Repeat::IfNotProcessed)
}

const fn patch(name: &'static str, path: &'static str) -> Operation {
    row(name, Verb::Patch, path, 200, Repeat::IfNotProcessed)
}

impl OperationKind {
    /// What it is called in errors, logs and metrics: `create call`, `playPrompt`.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// What it needs; `app_hosted` says whether the application hosts the call's media, which matters when a call is
    /// created or answered. What a call that is to be created needs precisely, [`NewCall::permissions`] knows.
    ///
    /// Graph looks at permissions when a call is created or answered, and by its pages not always afterwards.
    ///
    /// [`NewCall::permissions`]: crate::NewCall::permissions
    pub const fn permissions(self, app_hosted: bool) -> Requirement {
        let row = self.row();
        Requirement::any_of(row.needs).with_media(row.with_media && app_hosted)
    }

    /// The part of the API that it belongs to: [`Cloud::lacks`](crate::Cloud::lacks) says whether a cloud has it.
    pub const fn cloud_feature(self) -> CloudFeature {
        self.row().feature
    }
}

impl std::fmt::Display for OperationKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Operation {
    /// Doing it twice is doing it once.
    const fn repeatable(self) -> Self {
        Self { repeat: Repeat::Always, ..self }
    }

    const fn needs(self, permissions: &'static [Permission]) -> Self {
        Self { needs: permissions, ..self }
    }

    /// Not in every cloud.
    const fn part_of(self, feature: CloudFeature) -> Self {
        Self { feature, ..self }
    }

    const fn with_media(self) -> Self {
        Self { with_media: true, ..self }
    }

    pub(crate) fn method(&self) -> Method {
        match self.verb {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Patch => Method::PATCH,
            Verb::Delete => Method::DELETE,
        }
    }

    /// The address under `graph`, with `ids` in place of the path's `{}`.
    ///
    /// Ids come from outside: each becomes exactly one segment of the path, whatever it holds.
    pub(crate) fn url(&self, graph: &Url, ids: &[&str]) -> Result<Url, CallsError> {
        let mut url = graph.clone();
        let mut ids = ids.iter();
        {
            let rule = "must be an address with a host";
            let mut path = url
                .path_segments_mut()
                .map_err(|()| CallsError::InvalidSetting { setting: "graph_url", rule })?;
            path.pop_if_empty().extend(["v1.0", "communications", "calls"]);
            for segment in self.path.split('/').filter(|segment| !segment.is_empty()) {
                let segment = if segment == "{}" { ids.next().copied().unwrap_or_default() } else { segment };
                // `push` would drop dots, and an empty id would address the collection.
                if matches!(segment, "" | "." | "..") {
                    return Err(CallsError::InvalidRequest { rule: "an id must be neither empty nor dots" });
                }
                path.push(segment);
            }
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(kind: OperationKind, graph: &str, ids: &[&str]) -> Result<String, CallsError> {
        kind.row().url(&Url::parse(graph).unwrap(), ids).map(String::from)
    }

    #[test]
    fn an_id_stays_one_segment_whatever_it_holds() {
        let url = |ids: &[&str]| url(OperationKind::GetParticipant, "https://graph.microsoft.com", ids);
        let calls = "https://graph.microsoft.com/v1.0/communications/calls";
        assert_eq!(url(&["a-1", "p"]).unwrap(), format!("{calls}/a-1/participants/p"));
        assert_eq!(
            url(&["a/../b?c#d", "é/"]).unwrap(),
            format!("{calls}/a%2F..%2Fb%3Fc%23d/participants/%C3%A9%2F")
        );
        for id in ["", ".", ".."] {
            assert!(url(&[id, "p"]).is_err() && url(&["a", id]).is_err(), "{id}");
        }
        assert!(url(&["a"]).is_err(), "an id too few addresses something else");
    }

    #[test]
    fn graph_may_live_under_a_path() {
        for graph in ["http://127.0.0.1:9440/graph", "http://127.0.0.1:9440/graph/"] {
            let url = url(OperationKind::CreateCall, graph, &[]).unwrap();
            assert_eq!(url, "http://127.0.0.1:9440/graph/v1.0/communications/calls");
        }
    }

    #[test]
    fn only_what_is_once_when_done_twice_is_repeated() {
        let always = |kind: &OperationKind| kind.row().repeat == Repeat::Always;
        for kind in OperationKind::ALL.iter().filter(|kind| always(kind)) {
            let harmless = matches!(kind.row().verb, Verb::Get | Verb::Delete)
                || matches!(
                    kind,
                    OperationKind::KeepAlive
                        | OperationKind::Mute
                        | OperationKind::Unmute
                        | OperationKind::MuteParticipant
                );
            assert!(harmless, "{kind}");
        }
        assert_eq!(OperationKind::ALL.iter().filter(|kind| always(kind)).count(), 16);
    }

    #[test]
    fn each_request_has_its_own_name_and_address() {
        let mut seen = std::collections::HashSet::new();
        for kind in OperationKind::ALL {
            assert!(seen.insert(kind.name().to_owned()), "{kind}");
            assert!(seen.insert(format!("{:?} {}", kind.row().verb, kind.row().path)), "{kind}");
        }
    }
}
