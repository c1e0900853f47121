//! What the SDK has read of a call, beside what offhook's tracker has heard of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use offhook::signaling::model::{
    Call, CommsOperation, ContentSharingSession, Integer, Modality, Operation, OperationStatus, Participant,
    RecordingStatus, ResultInfo, Tone,
};
use offhook::signaling::track::CallSnapshot;
use serde::Deserialize;

/// What the SDK has read, as it writes it. What is left out is not compared.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Expected {
    call: Option<Call>,
    participants: Option<Vec<Participant>>,
    content_sharing: Option<Vec<ContentSharingSession>>,
    #[serde(default)]
    operations: Vec<CommsOperation>,
    result_info: Option<ResultInfo>,
}

/// Where the tracker knows something else, in words. `None` when the two agree.
pub(crate) fn difference(expected: &Expected, heard: &CallSnapshot) -> Option<String> {
    let mut found = Vec::new();
    if let Some(call) = &expected.call {
        compare(&mut found, "state", call.state.known(), Some(heard.state));
        compare(&mut found, "chain", &call.call_chain_id, &heard.call.call_chain_id);
        compare(&mut found, "tone", tone(call), tone(&heard.call));
    }
    if let Some(read) = &expected.participants {
        let heard = heard.roster.participants().iter().map(|one| standing(one)).collect::<BTreeMap<_, _>>();
        compare(&mut found, "roster", read.iter().map(standing).collect(), heard);
    }
    if let Some(read) = &expected.content_sharing {
        let ids = |sessions: &[ContentSharingSession]| -> BTreeSet<String> {
            sessions.iter().filter_map(|session| session.id.as_str().map(str::to_owned)).collect()
        };
        compare(&mut found, "content sharing", ids(read), ids(heard.content_sharing.sessions()));
    }
    for read in &expected.operations {
        let told = read.common().id.and_then(|id| heard.operations.get(id));
        compare(&mut found, "operation", Some(outcome(read)), told.map(outcome));
    }
    if let Some(result) = &expected.result_info {
        compare(&mut found, "result", Some(codes(result)), heard.result_info.as_ref().map(codes));
    }
    (!found.is_empty()).then(|| found.join("\n"))
}

fn compare<T: PartialEq + Debug>(found: &mut Vec<String>, what: &str, read: T, heard: T) {
    if read != heard {
        found.push(format!("{what}: the SDK reads {read:?}, the tracker has heard {heard:?}"));
    }
}

fn tone(call: &Call) -> Option<(Option<i64>, Option<Tone>)> {
    let info = call.tone_info.value()?;
    Some((info.sequence_id.value().and_then(Integer::get), info.tone.known()))
}

/// What matters of a participant: muted, in the lobby, who they are, what they send, whether they record.
#[derive(Debug, PartialEq)]
struct Standing {
    is_muted: Option<bool>,
    is_in_lobby: Option<bool>,
    identity: Option<String>,
    audio: Vec<String>,
    screens: Vec<String>,
    recording: Option<RecordingStatus>,
}

fn standing(participant: &Participant) -> (String, Standing) {
    let streams = |modality| participant.source_ids(modality).map(str::to_owned).collect();
    let standing = Standing {
        is_muted: participant.is_muted.value().copied(),
        is_in_lobby: participant.is_in_lobby.value().copied(),
        identity: participant.identity().and_then(|identity| identity.id.as_str().map(str::to_owned)),
        audio: streams(Modality::Audio),
        screens: streams(Modality::VideoBasedScreenSharing),
        recording: participant.recording_info.value().and_then(|info| info.recording_status.known()),
    };
    (participant.id.as_str().unwrap_or_default().to_owned(), standing)
}

/// How an operation stands: status, the bot's own name for it, and result codes.
type Outcome = (Option<OperationStatus>, Option<String>, Option<(Option<i64>, Option<i64>)>);

fn outcome(operation: &CommsOperation) -> Outcome {
    let common = operation.common();
    (common.status, common.client_context.map(str::to_owned), common.result_info.map(codes))
}

fn codes(result: &ResultInfo) -> (Option<i64>, Option<i64>) {
    (result.code_number(), result.subcode_number())
}
