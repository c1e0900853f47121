//! A far end: somebody in a call with the bot, over real WebRTC on another stack's driver.
//!
//! It answers the bot's offer, plays what its [script](FarEndScript) says once both are in the call, and keeps what it hears.

mod clip;
mod codecs;
mod connection;
mod film;
mod handler;
mod hearing;
mod outlet;
mod path;
mod peer;
mod pictures;
mod red;
mod repair;
mod script;
mod seeing;
mod tones;
mod view;
mod voices;

use std::sync::Arc;
use std::time::Duration;

pub use clip::{Clip, ClipError};
pub(crate) use codecs::{Numbers, audio_track, media_engine};
pub(crate) use connection::{Reports, advance, connection, gathered_answer, round_trip};
pub use film::{Film, FilmError};
use hearing::Hearing;
pub use hearing::{FarEndReport, HeardPacket};
use offhook_media::blob::OffhookBlob;
use offhook_media::{MediaSourceId, Sound};
pub(crate) use outlet::{Outlet, Track, send};
use peer::Peer;
pub use peer::PeerError;
pub(crate) use pictures::{Pictures, Repairs, add_slot, add_track, understand_video};
pub use script::{AfterSpeech, FarEndScript};
pub use seeing::SeenPictures;
pub(crate) use seeing::{size_in_parameters, size_of_vp8};
use tokio::sync::{mpsc, watch};
pub use tones::HeardTone;
pub(crate) use tones::{ToneListener, TonePacket, plan as plan_tones};
pub(crate) use voices::{MOST_VOICES, level};

use crate::bridge::{Inlet, Outgoing, Path, Slot, Stage};
use crate::durations::Buckets;

/// Where a far end's media stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FarEndState {
    /// ICE and DTLS are not done yet.
    Connecting,
    /// Media flows.
    Connected,
    /// All of its speech has been sent.
    SpeechFinished,
    /// It has hung up by itself, as its script says.
    HungUp,
    /// The connection is over.
    Closed,
}

/// A handle of one far end in one call. A clone is another handle to the same one.
#[derive(Clone)]
pub struct FarEnd {
    peer: Arc<Peer>,
    hearing: Arc<Hearing>,
    state: watch::Receiver<FarEndState>,
}

impl FarEnd {
    /// Answers `offer`; returns the far end and the SDP of its answer. It begins its script once connected and
    /// told to [`begin`](Self::begin).
    pub(crate) async fn answer(
        offer: &OffhookBlob,
        script: &FarEndScript,
        source: Option<MediaSourceId>,
    ) -> Result<(Self, String), PeerError> {
        let (report, state) = watch::channel(FarEndState::Connecting);
        let hearing = Arc::new(Hearing::new(script.keeps_what_it_hears()));
        let (peer, answer) =
            Peer::answer(offer, script, source, Arc::clone(&hearing), Arc::new(report)).await?;
        let peer = Arc::new(peer);
        tokio::spawn(Arc::clone(&peer).play(script.clone(), source));
        Ok((Self { peer, hearing, state }, answer))
    }

    /// It is in the call together with the bot: what its script says begins.
    pub(crate) fn begin(&self) {
        self.peer.begin();
    }

    /// Where its media stands.
    pub fn state(&self) -> FarEndState {
        *self.state.borrow()
    }

    /// Waits until its media stands at `state` or beyond; gives where it then stands.
    pub async fn reached(&self, state: FarEndState) -> FarEndState {
        let mut watched = self.state.clone();
        // The sender is gone only when the connection is.
        watched.wait_for(|now| *now >= state).await.map_or(FarEndState::Closed, |now| *now)
    }

    /// Waits until all of its speech has been sent, or the connection is over.
    pub async fn speech_finished(&self) {
        self.reached(FarEndState::SpeechFinished).await;
    }

    /// Waits until it has heard `duration` of sound, or the connection is over.
    pub async fn has_heard(&self, duration: Duration) {
        let state = self.state.clone();
        self.hearing.has_heard(duration, state).await;
    }

    /// Waits until it has heard `count` tones to their end, or the connection is over.
    pub async fn has_heard_tones(&self, count: usize) {
        let state = self.state.clone();
        self.hearing.has_heard_tones(count, state).await;
    }

    /// The tones that it has heard, in their order.
    pub fn tones(&self) -> Vec<HeardTone> {
        self.hearing.tones()
    }

    /// The packets of speech that have come, in the order of their time: where it falls silent, there are none. Empty when its
    /// script does not keep what it hears.
    pub fn packets(&self) -> Vec<HeardPacket> {
        self.hearing.packets()
    }

    /// What it has counted.
    pub fn report(&self) -> FarEndReport {
        let heard = self.hearing.report();
        let [video, screen] = self.peer.view().pictures.seen();
        let packets_sent = heard.packets_sent + self.peer.packets_sent();
        FarEndReport { packets_sent, video, screen, ..heard }
    }

    /// Waits until `frames` of the bot's camera came whole, or the connection is over.
    pub async fn has_seen(&self, frames: u64) {
        self.has_seen_of(frames, false).await;
    }

    /// Waits until `frames` of the bot's screen came whole, or the connection is over.
    pub async fn has_seen_screen(&self, frames: u64) {
        self.has_seen_of(frames, true).await;
    }

    async fn has_seen_of(&self, frames: u64, is_screen: bool) {
        let (pictures, mut state) = (&self.peer.view().pictures, self.state.clone());
        tokio::select! {
            () = pictures.have_come(is_screen, frames) => {}
            _ = state.wait_for(|state| *state == FarEndState::Closed) => {}
        }
    }

    /// Whether there are sections for video.
    pub(crate) fn has_video(&self) -> bool {
        self.peer.view().is_there()
    }

    /// What the bot shows is shown there from now on.
    pub(crate) fn show_on(&self, stage: Stage) {
        self.peer.show_on(stage);
    }

    /// The bot sees what comes from there, in the slots that are given. Only the first time gives any.
    pub(crate) fn watch(&self, outgoing: mpsc::Receiver<Outgoing>) -> Vec<Slot> {
        self.peer.watch(outgoing)
    }

    /// Asks the bot for a key frame of its camera or its screen.
    pub(crate) fn ask_for_key_frame(&self, is_screen: bool, layer: usize) {
        self.peer.view().pictures.ask_for_key_frame((is_screen, layer));
    }

    /// The bot is in a room from now on: it hears what comes from there, and the room goes on with what the script says. Gives
    /// where what the bot says goes, and how many frames of the script were played.
    pub(crate) fn enter_room(&self, outgoing: mpsc::Receiver<Outgoing>) -> (Arc<Inlet>, u32) {
        self.peer.enter_room(outgoing)
    }

    /// The sections in which the bot hears one speaker each.
    pub(crate) fn unmixed(&self) -> usize {
        self.peer.unmixed()
    }

    /// What is measured of it while it is in a room: what the bot says, and how long it took what it hears to go.
    pub(crate) fn measured(&self) -> (Arc<Inlet>, Buckets) {
        self.peer.measured()
    }

    /// To the bot and back, as ICE has measured it last.
    pub(crate) async fn round_trip(&self) -> Option<Duration> {
        self.peer.round_trip().await
    }

    /// The network between the bot and whoever hears it.
    pub(crate) fn path(&self) -> &Path {
        self.peer.path()
    }

    /// The room has come to the end of the script.
    pub(crate) fn finished_speech(&self, hangs_up: bool) {
        self.peer.advance(FarEndState::SpeechFinished);
        if hangs_up {
            self.peer.advance(FarEndState::HungUp);
        }
    }

    /// What it has heard so far, mono at 16 kHz, on the timeline of the sender's clock: what never came is silence.
    /// Empty when its script does not keep what it hears.
    pub fn heard(&self) -> Sound {
        self.hearing.heard()
    }

    /// Leaves the call.
    pub async fn hang_up(&self) {
        self.peer.close().await;
    }
}
