// Long because it is one table: a row for each request of the calls API.
//! Every request that the client has, as the examples of Graph's pages have it.

use std::time::Duration;

use axum::http::Method;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use offhook_signaling::OperationKind as Kind;
use offhook_signaling::model::{
    AudioRoutingGroup, CallId, Identity, IdentitySet, InvitationParticipantInfo, MediaInfo, ParticipantInfo,
    RecordingStatus, RejectReason, RoutingMode, RoutingPolicy, ScreenSharingRole, Tone,
};
use offhook_signaling::{
    Answer, CallsClient, CallsError, PlayPrompt, RecordResponse, Redirect, SendDtmfTones, Transfer,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::compare::fixture;
use crate::support::{Ask, new_call};

/// What a client does in a row, and what it gets.
type Send = for<'a> fn(&'a CallsClient) -> BoxFuture<'a, Result<Value, CallsError>>;

/// A row of the table.
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) method: Method,
    /// Behind `.../communications/calls`.
    pub(super) path: &'static str,
    pub(super) send: Send,
    /// The page's example of the body.
    pub(super) request: Option<&'static str>,
    /// Where the body differs from it, as `differences` writes it.
    pub(super) but_for: &'static [&'static str],
    pub(super) status: u16,
    /// The body of the answer: null for none.
    pub(super) answer: Value,
}

impl Row {
    /// What the scripted Graph calls it.
    pub(super) fn ask(&self) -> Ask {
        match (self.kind, self.method.as_str()) {
            (Kind::CreateCall, _) => Ask::Create,
            (Kind::KeepAlive, _) => Ask::KeepAlive,
            (Kind::ListParticipants, _) => Ask::Participants,
            (Kind::ListContentSharingSessions, _) => Ask::Sharing,
            (Kind::GetOperation, _) => Ask::Operation,
            (_, "GET") => Ask::Get,
            (_, "DELETE") => Ask::Delete,
            _ => Ask::Act,
        }
    }

    fn request(self, name: &'static str) -> Self {
        Self { request: Some(name), ..self }
    }

    fn but_for(self, but_for: &'static [&'static str]) -> Self {
        Self { but_for, ..self }
    }

    /// Answered with this example.
    fn answer(self, name: &str) -> Self {
        Self { answer: fixture(name), ..self }
    }

    /// Answered with this.
    fn with(self, answer: Value) -> Self {
        Self { answer, ..self }
    }
}

fn row(kind: Kind, method: Method, path: &'static str, status: u16, send: Send) -> Row {
    Row { kind, method, path, send, request: None, but_for: &[], status, answer: Value::Null }
}

fn get(kind: Kind, path: &'static str, send: Send) -> Row {
    row(kind, Method::GET, path, 200, send)
}

fn post(kind: Kind, path: &'static str, status: u16, send: Send) -> Row {
    row(kind, Method::POST, path, status, send)
}

fn delete(kind: Kind, path: &'static str, send: Send) -> Row {
    row(kind, Method::DELETE, path, 204, send)
}

fn call() -> CallId {
    CallId::from("call-1")
}

fn value(result: Result<impl Serialize, CallsError>) -> Result<Value, CallsError> {
    result.map(|result| serde_json::to_value(result).unwrap())
}

/// What a request comes to, as JSON, boxed.
macro_rules! boxed {
    ($call:expr) => {
        async move { value($call.await) }.boxed()
    };
}

fn beep() -> MediaInfo {
    let resource_id = "1D6DE2D4-CD51-4309-8DAA-70768651088E";
    MediaInfo { resource_id: resource_id.into(), ..MediaInfo::with_uri("https://cdn.contoso.com/beep.wav") }
}

fn cool() -> MediaInfo {
    let resource_id = "1D6DE2D4-CD51-4309-8DAA-70768651088F";
    MediaInfo { resource_id: resource_id.into(), ..MediaInfo::with_uri("https://cdn.contoso.com/cool.wav") }
}

pub(super) fn user(id: &str, name: &str) -> IdentitySet {
    let identity = Identity { display_name: name.into(), ..Identity::with_id(id) };
    IdentitySet { user: Box::new(identity).into(), ..IdentitySet::new() }
}

fn heidi() -> InvitationParticipantInfo {
    InvitationParticipantInfo {
        endpoint_type: offhook_signaling::model::EndpointType::Default.into(),
        ..InvitationParticipantInfo::with_identity(user(
            "550fae72-d251-43ec-868c-373732c2704f",
            "Heidi Steen",
        ))
    }
}

fn invited() -> InvitationParticipantInfo {
    InvitationParticipantInfo {
        replaces_call_id: "a7ebfb2d-871e-419c-87af-27290b22e8db".into(),
        ..InvitationParticipantInfo::with_identity(user("278405a3-f568-4b3e-b684-009193463064", "string"))
    }
}

fn routing_group(receivers: &[&str]) -> AudioRoutingGroup {
    AudioRoutingGroup {
        id: "oneToOne".into(),
        routing_mode: RoutingMode::OneToOne.into(),
        sources: vec!["632899f8-2ea1-4604-8413-27bd2892079f".into()].into(),
        receivers: receivers.iter().map(|id| (*id).into()).collect::<Vec<_>>().into(),
        ..AudioRoutingGroup::new()
    }
}

const CONTEXT: Option<&str> = Some("clientContext-value");
const CONTEXT_ID: &str = "d45324c1-fcb5-430a-902c-f20af696537c";
const BOT: &str = "https://bot.contoso.com/api/calls";
const OWN_BOT: &str = "https://bot.contoso.com/api/calls/24701998-1a73-4d42-8085-bf46ed0ae039";
const TYPE: &[&str] = &["+/@odata.type"];

/// Every request. Those without an example of a body have none on Graph's pages.
pub(super) fn every() -> Vec<Row> {
    let mut rows = calls();
    rows.extend(incoming_calls());
    rows.extend(media());
    rows.extend(participants());
    rows.extend(reads_and_groups());
    rows
}

fn calls() -> Vec<Row> {
    vec![
        post(Kind::CreateCall, "", 201, |client| boxed!(client.create_call(new_call())))
            .with(json!({"id": "call-1", "state": "establishing"})),
        get(Kind::GetCall, "/call-1", |client| boxed!(client.get_call(&call())))
            .answer("call-get.ex01.response"),
        delete(Kind::DeleteCall, "/call-1", |client| boxed!(client.delete_call(&call()))),
        post(Kind::KeepAlive, "/call-1/keepAlive", 200, |client| boxed!(client.keep_alive(&call()))),
        post(Kind::Mute, "/call-1/mute", 200, |client| boxed!(client.mute(&call(), CONTEXT)))
            .request("call-mute.request")
            .answer("call-mute.response"),
        post(Kind::Unmute, "/call-1/unmute", 200, |client| boxed!(client.unmute(&call(), CONTEXT)))
            .request("call-unmute.request")
            .answer("call-unmute.response"),
        // The page's example gives the choice of statuses as one text.
        post(Kind::UpdateRecordingStatus, "/call-1/updateRecordingStatus", 200, |client| {
            let status = RecordingStatus::Recording;
            boxed!(client.update_recording_status(&call(), status, CONTEXT))
        })
        .request("call-updaterecordingstatus.request")
        .but_for(&["!/status"])
        .answer("call-updaterecordingstatus.response"),
        post(Kind::ChangeScreenSharingRole, "/call-1/changeScreenSharingRole", 202, |client| {
            let role = ScreenSharingRole::Viewer;
            boxed!(client.change_screen_sharing_role(&call(), role))
        })
        .request("call-changescreensharingrole.request"),
        post(Kind::AddLargeGalleryView, "/call-1/addLargeGalleryView", 202, |client| {
            let context = Some("785f4929-92ca-497b-863f-c778c77c9758");
            boxed!(client.add_large_gallery_view(&call(), context))
        })
        .request("call-addlargegalleryview.request")
        .answer("call-addlargegalleryview.response"),
        post(Kind::LogTeleconferenceDeviceQuality, "/logTeleconferenceDeviceQuality", 200, |client| {
            let body = fixture("call-logteleconferencedevicequality.request");
            let quality = serde_json::from_value(body["quality"].clone()).unwrap();
            boxed!(client.log_teleconference_device_quality(quality))
        })
        .request("call-logteleconferencedevicequality.request"),
    ]
}

fn incoming_calls() -> Vec<Row> {
    vec![
        post(Kind::Answer, "/call-1/answer", 202, |client| {
            let answer = Answer::new().callback_uri(BOT).service_hosted_media_with([beep(), cool()]);
            boxed!(client.answer(&call(), answer))
        })
        .request("call-answer.ex01.request")
        .but_for(&["+/mediaConfig/preFetchMedia/[]/@odata.type"]),
        post(Kind::Answer, "/call-1/answer", 202, |client| {
            let answer =
                Answer::new().callback_uri(BOT).app_hosted_media("<Media Session Configuration Blob>");
            boxed!(client.answer(&call(), answer))
        })
        .request("call-answer.ex02.request"),
        // The example's callback URI is a placeholder.
        post(Kind::Answer, "/call-1/answer", 202, |client| {
            let answer = Answer::new()
                .callback_uri(BOT)
                .app_hosted_media("<Media Session Configuration Blob>")
                .content_sharing_notifications(true)
                .participant_capacity(200);
            boxed!(client.answer(&call(), answer))
        })
        .request("call-answer.request")
        .but_for(&["!/callbackUri"]),
        post(Kind::Reject, "/call-1/reject", 202, |client| {
            boxed!(client.reject(&call(), RejectReason::Busy, None))
        })
        .request("call-reject.ex01.request"),
        post(Kind::Reject, "/call-1/reject", 202, |client| {
            boxed!(client.reject(&call(), RejectReason::None, None))
        })
        .request("call-reject.ex02.request"),
        post(Kind::Redirect, "/call-1/redirect", 202, |client| {
            let bot = Identity {
                display_name: "test bot 2".into(),
                ..Identity::with_id("22bfd41f-550e-477d-8789-f6f7bd2a5e8b")
            };
            let bot = IdentitySet { application: Box::new(bot).into(), ..IdentitySet::new() };
            let redirect = Redirect::to([bot]).callback_uri(OWN_BOT);
            boxed!(client.redirect(&call(), redirect))
        })
        .request("call-redirect.ex01.request"),
        post(Kind::Redirect, "/call-1/redirect", 202, |client| {
            let users = [
                user("98da8a1a-1b87-452c-a713-65d3f10b1253", "test user"),
                user("bf5aae9a-d11d-47a8-93b1-782504c9c3f3", "test user 2"),
            ];
            let redirect = Redirect::to(users)
                .routing_policies([RoutingPolicy::DisableForwarding])
                .callback_uri(OWN_BOT);
            boxed!(client.redirect(&call(), redirect))
        })
        .request("call-redirect.ex02.request"),
        post(Kind::Redirect, "/call-1/redirect", 202, |client| {
            let redirect = Redirect::to([IdentitySet::phone("+12345678901")])
                .timeout(Duration::from_secs(90))
                .callback_uri(OWN_BOT);
            boxed!(client.redirect(&call(), redirect))
        })
        .request("call-redirect.ex03.request")
        .but_for(&["+/timeout"]),
        post(Kind::Transfer, "/call-1/transfer", 202, |client| {
            let transfer = Transfer::to_target(heidi()).replacing("e5d39592-99bd-4db8-bca8-30fb894ec51d");
            boxed!(client.transfer(&call(), transfer))
        })
        .request("call-transfer.ex02.request"),
        post(Kind::Transfer, "/call-1/transfer", 202, |client| {
            let target = InvitationParticipantInfo {
                endpoint_type: offhook_signaling::model::EndpointType::Default.into(),
                language_id: "en-us".into(),
                region: "amer".into(),
                ..InvitationParticipantInfo::with_identity(IdentitySet::phone("+12345678901"))
            };
            let transfer = Transfer::to_target(target)
                .replacing("e5d39592-99bd-4db8-bca8-30fb894ec51d")
                .client_context("9e90d1c1-f61e-43e7-9f75-d420159aae08");
            boxed!(client.transfer(&call(), transfer))
        })
        .request("call-transfer.ex04.request"),
        // The example leaves the types out, which Graph reads all the same.
        post(Kind::Transfer, "/call-1/transfer", 202, |client| {
            let who = Identity {
                tenant_id: "72f988bf-86f1-41af-91ab-2d7cd011db47".into(),
                ..Identity::with_id("751f6800-3180-414d-bd94-333364659951")
            };
            let transferee = ParticipantInfo {
                identity: IdentitySet { user: Box::new(who).into(), ..IdentitySet::new() }.into(),
                participant_id: "909c6581-5130-43e9-88f3-fcb3582cde37".into(),
                ..ParticipantInfo::new()
            };
            let transfer = Transfer::to_target(heidi()).transferee(transferee);
            boxed!(client.transfer(&call(), transfer))
        })
        .request("call-transfer.ex05.request")
        .but_for(&[
            "+/transferTarget/@odata.type",
            "+/transferTarget/identity/@odata.type",
            "+/transferTarget/identity/user/@odata.type",
            "+/transferee/@odata.type",
            "+/transferee/identity/@odata.type",
            "+/transferee/identity/user/@odata.type",
        ]),
    ]
}

fn media() -> Vec<Row> {
    vec![
        post(Kind::PlayPrompt, "/call-1/playPrompt", 200, |client| {
            let play = PlayPrompt::of([beep()]).client_context(CONTEXT_ID);
            boxed!(client.play_prompt(&call(), play))
        })
        .request("call-playprompt.request")
        .answer("call-playprompt.response"),
        post(Kind::RecordResponse, "/call-1/recordResponse", 200, |client| {
            let record = RecordResponse::new()
                .prompt(beep())
                .barge_in(true)
                .max_duration(Duration::from_secs(10))
                .initial_silence(Duration::from_secs(5))
                .max_silence(Duration::from_secs(2))
                .beep(true)
                .stop_tones(["#", "1", "*"])
                .client_context(CONTEXT_ID);
            boxed!(client.record_response(&call(), record))
        })
        .request("call-record.ex01.request")
        .but_for(&["+/prompts/[]/mediaInfo/@odata.type"])
        .answer("call-record.ex01.response"),
        post(Kind::CancelMediaProcessing, "/call-1/cancelMediaProcessing", 200, |client| {
            boxed!(client.cancel_media_processing(&call(), CONTEXT))
        })
        .request("call-cancelmediaprocessing.request")
        .answer("call-cancelmediaprocessing.response"),
        post(Kind::SubscribeToTone, "/call-1/subscribeToTone", 200, |client| {
            let context = Some("fd1c7836-4d84-4e24-b6aa-23188688cc54");
            boxed!(client.subscribe_to_tone(&call(), context))
        })
        .request("call-subscribetotone.request")
        .answer("call-subscribetotone.response"),
        post(Kind::SendDtmfTones, "/call-1/sendDtmfTones", 200, |client| {
            let tones = [
                Tone::Tone1,
                Tone::Tone2,
                Tone::Tone3,
                Tone::Tone4,
                Tone::Tone5,
                Tone::Tone6,
                Tone::Tone7,
                Tone::Tone8,
                Tone::Tone9,
                Tone::Tone0,
                Tone::Star,
                Tone::Pound,
            ];
            let tones = SendDtmfTones::new(tones)
                .delay_between_tones(Duration::from_secs(1))
                .client_context("e0be71f1-a14f-4cec-b65a-e7aba5db7c53");
            boxed!(client.send_dtmf_tones(&call(), tones))
        })
        .request("call-senddtmftones.request")
        .answer("call-senddtmftones.response"),
    ]
}

fn participants() -> Vec<Row> {
    vec![
        get(Kind::GetParticipant, "/call-1/participants/p-1", |client| {
            boxed!(client.get_participant(&call(), &"p-1".into()))
        })
        .answer("participant-get.response"),
        delete(Kind::RemoveParticipant, "/call-1/participants/p-1", |client| {
            boxed!(client.remove_participant(&call(), &"p-1".into()))
        }),
        post(Kind::Invite, "/call-1/participants/invite", 200, |client| {
            let context = Some("f2fa86af-3c51-4bc2-8fc0-475452d9764f");
            boxed!(client.invite(&call(), [invited()], context))
        })
        .request("participant-invite.ex01.request")
        .answer("participant-invite.ex01.response"),
        post(Kind::Invite, "/call-1/participants/invite", 200, |client| {
            let phone = InvitationParticipantInfo::with_identity(IdentitySet::phone("+12345678901"));
            let context = Some("f2fa86af-3c51-4bc2-8fc0-475452d9764f");
            boxed!(client.invite(&call(), [phone], context))
        })
        .request("participant-invite.ex04.request")
        .answer("participant-invite.ex04.response"),
        post(Kind::MuteParticipant, "/call-1/participants/p-1/mute", 200, |client| {
            boxed!(client.mute_participant(&call(), &"p-1".into(), Some(CONTEXT_ID)))
        })
        .request("participant-mute.request")
        .answer("participant-mute.response"),
        post(Kind::StartHoldMusic, "/call-1/participants/p-1/startHoldMusic", 202, |client| {
            let music = Some(MediaInfo::with_uri("https://bot.contoso.com/onHold.wav"));
            boxed!(client.start_hold_music(&call(), &"p-1".into(), music, Some(CONTEXT_ID)))
        })
        .request("participant-startholdmusic.request")
        .answer("participant-startholdmusic.response"),
        post(Kind::StopHoldMusic, "/call-1/participants/p-1/stopHoldMusic", 202, |client| {
            boxed!(client.stop_hold_music(&call(), &"p-1".into(), Some(CONTEXT_ID)))
        })
        .request("participant-stopholdmusic.request")
        .answer("participant-stopholdmusic.response"),
    ]
}

fn reads_and_groups() -> Vec<Row> {
    const GROUP: &str = "/call-1/audioRoutingGroups/oneToOne";
    let elements = |name: &str| fixture(name)["value"].clone();
    let operations = json!([fixture("call-playprompt.response"), fixture("call-mute.response")]);
    vec![
        get(Kind::ListParticipants, "/call-1/participants", |client| {
            boxed!(client.list_participants(&call()))
        })
        .with(elements("call-list-participants.response")),
        get(Kind::ListOperations, "/call-1/operations", |client| boxed!(client.list_operations(&call())))
            .with(operations),
        get(Kind::GetOperation, "/call-1/operations/o-1", |client| {
            boxed!(client.get_operation(&call(), &"o-1".into()))
        })
        .answer("call-playprompt.response"),
        get(Kind::ListContentSharingSessions, "/call-1/contentSharingSessions", |client| {
            boxed!(client.list_content_sharing_sessions(&call()))
        })
        .with(elements("call-list-contentsharingsessions.response")),
        get(Kind::GetContentSharingSession, "/call-1/contentSharingSessions/s-1", |client| {
            boxed!(client.get_content_sharing_session(&call(), &"s-1".into()))
        })
        .answer("contentsharingsession-get.response"),
        get(Kind::ListAudioRoutingGroups, "/call-1/audioRoutingGroups", |client| {
            boxed!(client.list_audio_routing_groups(&call()))
        })
        .with(elements("beta.call-list-audioroutinggroups.response")),
        post(Kind::CreateAudioRoutingGroup, "/call-1/audioRoutingGroups", 200, |client| {
            let group = routing_group(&["550fae72-d251-43ec-868c-373732c2704f"]);
            boxed!(client.create_audio_routing_group(&call(), &group))
        })
        .request("beta.call-post-audioroutinggroups.ex01.request")
        .but_for(TYPE)
        .answer("beta.call-post-audioroutinggroups.ex01.response"),
        get(Kind::GetAudioRoutingGroup, GROUP, |client| {
            boxed!(client.get_audio_routing_group(&call(), &"oneToOne".into()))
        })
        .answer("beta.audioroutinggroup-get.response"),
        row(Kind::UpdateAudioRoutingGroup, Method::PATCH, GROUP, 200, |client| {
            let receivers = ["550fae72-d251-43ec-868c-373732c2704f", "72f988bf-86f1-41af-91ab-2d7cd011db47"];
            let group = routing_group(&receivers);
            boxed!(client.update_audio_routing_group(&call(), &"oneToOne".into(), &group))
        })
        .request("beta.audioroutinggroup-update.request")
        .but_for(TYPE)
        .answer("beta.audioroutinggroup-update.response"),
        delete(Kind::DeleteAudioRoutingGroup, GROUP, |client| {
            boxed!(client.delete_audio_routing_group(&call(), &"oneToOne".into()))
        }),
    ]
}
