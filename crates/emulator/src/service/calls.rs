//! The calls that exist: their resources, and what each change owes to the bot.

use std::collections::HashMap;

use offhook_media::MediaSourceId;
use offhook_signaling::model::{
    AppHostedMediaConfig, Call, CallDirection, CallId, CallMediaState, CallState, ChangeType,
    CommsNotifications, Field, Identity, IdentitySet, MediaConfig, MediaDirection, MediaState, MediaStream,
    Modality, Open, Participant, ParticipantId, ParticipantInfo, ResultInfo,
};
use uuid::Uuid;

use super::{CreatePlan, notifications};
use crate::settings::EmulatorSettings;

/// The source id that the far end's sound is tagged with.
pub(crate) const FAR_END_SOURCE: MediaSourceId = MediaSourceId(101);

/// The bot's own source id.
const BOT_SOURCE: MediaSourceId = MediaSourceId(100);

/// Why a call ends. Codes as documented for Graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    ByBot,
    ByFarEnd,
    NoMedia,
}

impl Ended {
    fn result(self, is_meeting: bool) -> ResultInfo {
        let (code, subcode, text) = match (self, is_meeting) {
            (Self::ByBot, _) => (200, 10_550, "Call ended by the bot"),
            (Self::ByFarEnd, false) => (200, 4_521, "Call ended by the other participant"),
            (Self::ByFarEnd, true) => (200, 5_010, "One participant is left"),
            (Self::NoMedia, _) => (410, 301_005, "Media connectivity failure"),
        };
        let message = format!("{text}. DiagCode: {code}#{subcode}.@");
        ResultInfo { message: message.into(), ..ResultInfo::with_codes(code, subcode) }
    }
}

struct Record {
    call: Call,
    callback_uri: String,
    far_end_name: String,
    far_end_id: ParticipantId,
    is_meeting: bool,
}

/// The calls that exist, by id.
#[derive(Default)]
pub(crate) struct Calls(HashMap<CallId, Record>);

impl Calls {
    /// Makes the call of `plan`, whose offer is answered by `answer`; gives the resource for the 201, and its address in
    /// the table.
    pub(crate) fn create(
        &mut self,
        plan: CreatePlan,
        answer: Option<String>,
        settings: &EmulatorSettings,
    ) -> (CallId, Call) {
        let id = CallId::from(Uuid::new_v4().to_string());
        let call = resource(plan.call, id.clone(), answer, settings);
        let record = Record {
            call: call.clone(),
            callback_uri: plan.callback_uri,
            far_end_name: plan.far_end.display_name,
            far_end_id: Uuid::new_v4().to_string().into(),
            is_meeting: plan.is_meeting,
        };
        self.0.insert(id.clone(), record);
        (id, call)
    }

    pub(crate) fn get(&self, id: &CallId) -> Option<&Call> {
        self.0.get(id).map(|record| &record.call)
    }

    /// The notification that follows the 201.
    pub(crate) fn establishing(&self, id: &CallId) -> Option<CommsNotifications> {
        let record = self.0.get(id)?;
        let changed = Call { state: Open::from(CallState::Establishing).into(), ..record.delta(id) };
        Some(notifications::of_call(ChangeType::Updated, id, &record.callback_uri, changed))
    }

    /// Media has connected: the state, and in a meeting who is there.
    pub(crate) fn establish(&mut self, id: &CallId) -> Vec<CommsNotifications> {
        let Some(record) = self.0.get_mut(id) else { return Vec::new() };
        let media = CallMediaState { audio: Open::from(MediaState::Active).into(), ..CallMediaState::new() };
        record.call.state = Open::from(CallState::Established).into();
        record.call.media_state = media.clone().into();
        let changed = Call {
            state: Open::from(CallState::Established).into(),
            media_state: media.into(),
            ..record.delta(id)
        };
        let mut owed = vec![notifications::of_call(ChangeType::Updated, id, &record.callback_uri, changed)];
        if record.is_meeting {
            owed.push(notifications::of_roster(id, &record.callback_uri, record.roster()));
        }
        owed
    }

    /// The call is over, and forgotten. `None` when it was already.
    pub(crate) fn end(&mut self, id: &CallId, why: Ended) -> Option<Vec<CommsNotifications>> {
        let record = self.0.remove(id)?;
        let mut owed = Vec::new();
        if why == Ended::ByBot {
            let changed = Call { state: Open::from(CallState::Terminating).into(), ..record.delta(id) };
            owed.push(notifications::of_call(ChangeType::Updated, id, &record.callback_uri, changed));
        }
        let changed = Call {
            state: Open::from(CallState::Terminated).into(),
            result_info: why.result(record.is_meeting).into(),
            ..record.delta(id)
        };
        owed.push(notifications::of_call(ChangeType::Deleted, id, &record.callback_uri, changed));
        Some(owed)
    }
}

impl Record {
    /// What each notification about the call carries.
    fn delta(&self, id: &CallId) -> Call {
        Call {
            id: id.clone().into(),
            chat_info: self.call.chat_info.value().cloned().into(),
            meeting_info: self.call.meeting_info.value().cloned().into(),
            ..Call::new()
        }
    }

    /// Everyone in the meeting: the far end, and the bot, which sees itself there too.
    fn roster(&self) -> Vec<Participant> {
        let bot = self.call.source.value().and_then(|source| source.identity.value().cloned());
        let person = Identity {
            display_name: self.far_end_name.as_str().into(),
            ..Identity::with_id(self.far_end_id.as_str())
        };
        let person = IdentitySet { user: Box::new(person).into(), ..IdentitySet::new() };
        let me = self.call.my_participant_id.value().cloned();
        vec![
            participant(self.far_end_id.clone(), person, FAR_END_SOURCE),
            participant(me.unwrap_or_else(|| "bot".into()), bot.unwrap_or_default(), BOT_SOURCE),
        ]
    }
}

fn participant(id: ParticipantId, identity: IdentitySet, source: MediaSourceId) -> Participant {
    let audio = MediaStream {
        media_type: Open::from(Modality::Audio).into(),
        source_id: source.to_string().into(),
        direction: Open::from(MediaDirection::SendReceive).into(),
        server_muted: false.into(),
        ..MediaStream::new()
    };
    Participant {
        id: id.into(),
        info: ParticipantInfo { identity: identity.into(), ..ParticipantInfo::new() }.into(),
        media_streams: vec![audio].into(),
        is_muted: false.into(),
        is_in_lobby: false.into(),
        ..Participant::new()
    }
}

/// The resource as the documented 201 shows it: what was asked for, what the service adds, and nulls for the rest.
fn resource(asked: Call, id: CallId, answer: Option<String>, settings: &EmulatorSettings) -> Call {
    let media_config = match (&asked.media_config, answer) {
        (Field::Value(MediaConfig::AppHosted(config)), Some(answer)) => {
            let config = AppHostedMediaConfig { blob: answer.as_str().into(), ..config.clone() };
            MediaConfig::from(config).into()
        }
        (config, _) => config.clone(),
    };
    let mut call = Call {
        state: Open::from(CallState::Establishing).into(),
        direction: Open::from(CallDirection::Outgoing).into(),
        call_chain_id: asked
            .call_chain_id
            .value()
            .cloned()
            .unwrap_or_else(|| Uuid::new_v4().to_string().into())
            .into(),
        call_routes: Vec::new().into(),
        active_modalities: Vec::new().into(),
        routing_policies: Vec::new().into(),
        media_config,
        my_participant_id: ParticipantId::from(Uuid::new_v4().to_string()).into(),
        id: id.into(),
        odata_context: "https://graph.microsoft.com/v1.0/$metadata#app/calls/$entity".into(),
        termination_reason: Field::Null,
        ringing_timeout_in_seconds: Field::Null,
        media_state: Field::Null,
        result_info: Field::Null,
        answered_by: Field::Null,
        meeting_capability: Field::Null,
        tone_info: Field::Null,
        transcription: Field::Null,
        ..asked
    };
    if call.source.is_absent() {
        call.source = Box::new(bot(settings)).into();
    }
    if call.targets.is_absent() {
        call.targets = Vec::new().into();
    }
    null_if_absent(&mut call.subject);
    null_if_absent(&mut call.chat_info);
    null_if_absent(&mut call.meeting_info);
    call
}

fn null_if_absent<T>(field: &mut Field<T>) {
    if field.is_absent() {
        *field = Field::Null;
    }
}

/// The caller that the service fills in.
fn bot(settings: &EmulatorSettings) -> ParticipantInfo {
    let bot =
        Identity { display_name: "Calling Bot".into(), ..Identity::with_id(settings.client_id.as_str()) };
    ParticipantInfo {
        identity: IdentitySet { application: Box::new(bot).into(), ..IdentitySet::new() }.into(),
        country_code: Field::Null,
        endpoint_type: Field::Null,
        region: Field::Null,
        language_id: Field::Null,
        ..ParticipantInfo::new()
    }
}
