//! What Graph would refuse is not sent, and the rule is named.

use std::time::Duration;

use offhook_signaling::model::{
    AudioRoutingGroup, CallId, IdentitySet, InvitationParticipantInfo, MediaInfo, Modality, ParticipantInfo,
    RecordingStatus, RejectReason, RoutingMode, Tone,
};
use offhook_signaling::{
    Answer, CallsClient, CallsError, PlayPrompt, RecordResponse, Redirect, SendDtmfTones, Transfer,
};

use crate::support::{Ask, Graph, client};

/// A scripted Graph, which is to hear nothing, and a client of it.
fn bot() -> (std::sync::Arc<Graph>, CallsClient, CallId) {
    let graph = Graph::new();
    let client = client(&graph).build().unwrap();
    (graph, client, CallId::from("call-1"))
}

/// Asserts that the request was refused by the rule with these words.
#[track_caller]
fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, CallsError>, words: &str) {
    let error = outcome.expect_err(words);
    let CallsError::InvalidRequest { rule } = error else { panic!("{error:?}") };
    assert!(rule.contains(words), "{rule} does not say {words}");
}

fn users(count: usize) -> Vec<IdentitySet> {
    (0..count).map(|index| IdentitySet::user(format!("u{index}"))).collect()
}

fn invited(count: usize) -> Vec<InvitationParticipantInfo> {
    users(count).into_iter().map(InvitationParticipantInfo::with_identity).collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn of_an_incoming_call() {
    let (graph, client, id) = bot();
    let answer = || Answer::new().callback_uri("https://bot.contoso.com/").app_hosted_media("blob");
    for (answer, words) in [
        (Answer::new().app_hosted_media("blob"), "callback URI"),
        (answer().callback_uri("http://bot.contoso.com/"), "callback URI"),
        (Answer::new().callback_uri("https://bot.contoso.com/"), "media configuration"),
        (answer().app_hosted_media(""), "needs a blob"),
        (answer().modalities([]), "modality"),
        (answer().participant_capacity(0), "at least one participant"),
    ] {
        assert_refused(client.answer(&id, answer).await, words);
    }
    assert_refused(
        client.reject(&id, RejectReason::Busy, Some("http://bot.contoso.com/")).await,
        "callback URI",
    );
    for (redirect, words) in [
        (Redirect::to([]), "at least one"),
        (Redirect::to(users(26)), "at most 25"),
        (Redirect::to([IdentitySet::new()]), "identity"),
        (Redirect::to(["u", "U"].map(IdentitySet::user)), "twice"),
        (Redirect::to(users(1)).timeout(14 * SECOND), "at least 15 s"),
        (Redirect::to(users(1)).timeout(Duration::from_millis(90_001)), "at most 90 s"),
        (Redirect::to(users(1)).callback_uri("bot"), "callback URI"),
    ] {
        assert_refused(client.redirect(&id, redirect).await, words);
    }
    assert_eq!((graph.count(Ask::Token), graph.count(Ask::Act)), (0, 0));
    // The bounds themselves are within.
    for timeout in [15 * SECOND, 90 * SECOND] {
        client.redirect(&id, Redirect::to(users(25)).timeout(timeout)).await.unwrap();
    }
    client.answer(&id, answer().participant_capacity(1).modalities([Modality::Audio])).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_a_transfer() {
    let (graph, client, id) = bot();
    let to = || Transfer::to(IdentitySet::user("u"));
    for (transfer, words) in [
        (Transfer::to(IdentitySet::new()), "identity"),
        (to().transferee(ParticipantInfo::new()), "transferee"),
        (to().client_context("x".repeat(257)), "256"),
    ] {
        assert_refused(client.transfer(&id, transfer).await, words);
    }
    assert_eq!(graph.count(Ask::Act), 0);
    client.transfer(&id, to().client_context("é".repeat(256))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_prompts_and_recordings() {
    let (graph, client, id) = bot();
    let beep = || MediaInfo::with_uri("https://cdn.contoso.com/beep.wav");
    for (play, words) in [
        (PlayPrompt::of([]), "at least one"),
        (PlayPrompt::of((0..21).map(|_| beep())), "at most 20"),
        (PlayPrompt::new(""), "address"),
        (PlayPrompt::new("x").client_context("x".repeat(257)), "256"),
    ] {
        assert_refused(client.play_prompt(&id, play).await, words);
    }
    let new = RecordResponse::new;
    for (record, words) in [
        (new().prompt(MediaInfo::new()), "address"),
        (new().initial_silence(Duration::ZERO), "at least 1 s"),
        (new().initial_silence(121 * SECOND), "at most 120 s"),
        (new().max_silence(Duration::MAX), "at most 120 s"),
        (new().max_duration(Duration::from_millis(120_001)), "at most 120 s"),
        (new().client_context("x".repeat(257)), "256"),
    ] {
        assert_refused(client.record_response(&id, record).await, words);
    }
    assert_eq!(graph.count(Ask::Act), 0);
    client.play_prompt(&id, PlayPrompt::of((0..20).map(|_| beep()))).await.unwrap();
    client.record_response(&id, new().max_duration(120 * SECOND).max_silence(SECOND)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_tones_and_the_bots_own_leg() {
    let (graph, client, id) = bot();
    assert_refused(client.send_dtmf_tones(&id, SendDtmfTones::new([])).await, "at least one tone");
    let endless = SendDtmfTones::new([Tone::Star]).delay_between_tones(Duration::MAX);
    assert_refused(client.send_dtmf_tones(&id, endless).await, "31 bits");
    let unsaid = client.update_recording_status(&id, RecordingStatus::Unknown, None).await;
    assert_refused(unsaid, "notRecording, recording or failed");
    let long = "x".repeat(257);
    assert_refused(client.mute(&id, Some(&long)).await, "256");
    assert_refused(client.unmute(&id, Some(&long)).await, "256");
    assert_refused(client.subscribe_to_tone(&id, Some(&long)).await, "256");
    assert_refused(client.cancel_media_processing(&id, Some(&long)).await, "256");
    assert_refused(client.add_large_gallery_view(&id, Some(&long)).await, "256");
    assert_refused(client.update_recording_status(&id, RecordingStatus::Failed, Some(&long)).await, "256");
    assert_eq!(graph.count(Ask::Act), 0);
}

#[tokio::test(start_paused = true)]
async fn of_the_people_in_a_call() {
    let (graph, client, id) = bot();
    let participant = "p-1".into();
    for (people, words) in [
        (vec![], "at least one"),
        (invited(6), "at most five"),
        (vec![InvitationParticipantInfo::new()], "identity"),
        ([invited(1), invited(1)].concat(), "twice"),
    ] {
        assert_refused(client.invite(&id, people, None).await, words);
    }
    let silent = Some(MediaInfo::new());
    assert_refused(client.start_hold_music(&id, &participant, silent, None).await, "address");
    let long = "x".repeat(257);
    assert_refused(client.invite(&id, invited(1), Some(&long)).await, "256");
    assert_refused(client.mute_participant(&id, &participant, Some(&long)).await, "256");
    assert_refused(client.start_hold_music(&id, &participant, None, Some(&long)).await, "256");
    assert_refused(client.stop_hold_music(&id, &participant, Some(&long)).await, "256");
    let modeless = AudioRoutingGroup { sources: vec!["p".into()].into(), ..AudioRoutingGroup::new() };
    assert_refused(client.create_audio_routing_group(&id, &modeless).await, "routing mode");
    let silent =
        AudioRoutingGroup { routing_mode: RoutingMode::Multicast.into(), ..AudioRoutingGroup::new() };
    assert_refused(client.create_audio_routing_group(&id, &silent).await, "someone who is heard");
    for bad in ["", ".", ".."] {
        assert_refused(client.get_participant(&id, &bad.into()).await, "neither empty nor dots");
    }
    assert_eq!((graph.count(Ask::Act), graph.count(Ask::Get)), (0, 0));
    client.invite(&id, invited(5), None).await.unwrap();
}
