//! The WebRTC connection of a far end, over `webrtc`'s own asynchronous driver.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use offhook_media::MediaSourceId;
use offhook_media::blob::{Modality, OffhookBlob};
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::rtp_transceiver::RTCRtpTransceiverDirection;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{PeerConnection, Registry};

use super::FarEndState;
use super::clip::ClipError;
use super::codecs::{self, Numbers};
use super::connection::{Reports, advance, connection, gathered_answer, round_trip};
use super::handler::{Echo, Handler};
use super::hearing::Hearing;
use super::outlet::{Outlet, Track, send};
use super::path;
use super::pictures::{Repairs, understand_video};
use super::repair::{self, Agreed};
use super::script::{AfterSpeech, FarEndScript};
use super::tones;
use super::view::View;
use super::voices::{FRAME, MOST_VOICES, Speech};
use crate::bridge::{self, Inlet, Outgoing, Path, Stage};
use crate::durations::Buckets;
use crate::link::UdpRelay;

/// How long a bot is waited for once it is missed: as long as the stack does by default.
const PATIENCE: Duration = Duration::from_secs(25);

/// Why a far end could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The offer is not one that WebRTC can answer.
    #[error("the offer was refused: {0}")]
    Offer(webrtc::error::Error),
    /// The connection could not be set up.
    #[error("the far end's connection failed: {0}")]
    Connection(#[from] webrtc::error::Error),
    /// Candidates were not gathered in time.
    #[error("the far end has no address to be reached at")]
    NoCandidates,
    /// The connection is over, so nothing can be sent.
    #[error("the far end's connection is over")]
    Over,
    /// The system gave no sockets or threads for the network between it and the bot.
    #[error("the far end's network: {0}")]
    Relay(#[source] std::io::Error),
    /// Its speech cannot be encoded.
    #[error("the far end's speech: {0}")]
    Clip(#[from] ClipError),
}

/// A connection, and the tracks that it speaks on.
pub(super) struct Peer {
    connection: Arc<dyn PeerConnection>,
    outlet: Outlet,
    /// Whether the bot asks for the mix.
    mixes: bool,
    report: Arc<watch::Sender<FarEndState>>,
    /// Whether it and the bot are in the call together. Media connects before that, while the phone still rings.
    begun: watch::Sender<bool>,
    relay: Mutex<Option<UdpRelay>>,
    room: Arc<InRoom>,
    view: Arc<View>,
    /// Where the bot sees others.
    slots: Vec<Track>,
}

/// Why it speaks no longer.
enum Spoken {
    /// It has said all.
    All,
    /// The bot has come into a room, which goes on with it.
    InRoom,
}

/// What leads to a room, once the bot is in one.
#[derive(Default)]
pub(super) struct InRoom {
    /// Whether it is: then the room says what the bot hears, and no longer the script.
    is_in: AtomicBool,
    /// Frames of the script that were played.
    played: AtomicU32,
    /// What the bot says.
    inlet: Arc<Inlet>,
    /// The network between the bot and the room.
    path: Arc<Path>,
}

impl InRoom {
    /// Where what the bot says goes, if it is in a room.
    pub(super) fn inlet(&self) -> Option<&Arc<Inlet>> {
        self.is_in.load(Relaxed).then_some(&self.inlet)
    }
}

impl Peer {
    /// Answers `offer`; returns the connection and the SDP of its answer.
    pub(super) async fn answer(
        offer: &OffhookBlob,
        script: &FarEndScript,
        source: Option<MediaSourceId>,
        hearing: Arc<Hearing>,
        report: Arc<watch::Sender<FarEndState>>,
    ) -> Result<(Self, String), PeerError> {
        let audio = offer.sockets.iter().find(|socket| socket.modality == Modality::Audio);
        let (mixes, unmixed) =
            audio.map_or((true, 0), |audio| (audio.mixed != Some(false), audio.unmixed.unwrap_or(0).into()));
        let named = script.voices(source).iter().filter(|voice| voice.source.is_some()).count();
        // Others may come to a meeting, and speak; nobody comes to a call between two.
        let voices = if source.is_some() { unmixed.min(MOST_VOICES) } else { named.min(unmixed) };
        let tracks: Vec<Track> = (0..=voices)
            .map(|section| {
                let ssrc = rand::random();
                Track { local: Arc::new(TrackLocalStaticRTP::new(codecs::audio_track(section, ssrc))), ssrc }
            })
            .collect();
        let (gathered, gathering) = watch::channel(false);
        let begun = watch::Sender::new(false);
        let echo = script.echo.then(|| Echo { track: tracks[0].clone(), begun: begun.subscribe() });
        let numbers = Arc::new(OnceLock::new());
        let (reporting, heard, known) = (Arc::clone(&report), Arc::clone(&hearing), Arc::clone(&numbers));
        let room = Arc::new(InRoom::default());
        let (needs, needed) = unbounded_channel();
        let view = Arc::new(View::of(offer, needed));
        let handler = Handler {
            reports: Reports { gathered, state: reporting },
            hearing: heard,
            numbers: known,
            echo,
            room: Arc::clone(&room),
            view: Arc::clone(&view),
        };
        let (mut engine, mut registry) = (codecs::media_engine()?, Registry::new());
        let agreed_types = Agreed::default();
        if view.is_there() {
            understand_video(&mut engine, Repairs::InStreamsOfTheirOwn)?;
            registry = repair::with_video(registry, needs, &agreed_types);
        }
        let connection = connection(Arc::new(handler), engine, &room.path, registry, PATIENCE).await?;
        let sdp = match &script.link {
            Some(_) => path::without_candidates(&bridge::receivable(&offer.description.sdp)),
            None => bridge::receivable(&offer.description.sdp),
        };
        let (agreed, slots) = negotiate(&*connection, sdp, &tracks, &view).await?;
        let answer = gathered_answer(&*connection, gathering).await?;
        view.agreed(&answer, &slots);
        agreed_types.learn(&answer);
        numbers.set(agreed).expect("it is agreed once");
        let (relay, answer) = match &script.link {
            Some(link) => {
                let (relay, answer) = path::through(link, &answer)?;
                (Some(relay), answer)
            }
            None => (None, answer),
        };
        let relay = Mutex::new(relay);
        let outlet = Outlet::new(tracks, agreed).with_copies(script.copies);
        let peer = Self { connection, outlet, mixes, report, begun, relay, room, view, slots };
        Ok((peer, answer))
    }

    /// The bot is in a room from now on: it hears what comes from there. Gives where what it says goes, and how many frames of
    /// the script were played.
    pub(super) fn enter_room(self: &Arc<Self>, mut outgoing: mpsc::Receiver<Outgoing>) -> (Arc<Inlet>, u32) {
        self.room.is_in.store(true, Relaxed);
        let peer = Arc::clone(self);
        tokio::spawn(async move {
            while let Some(outgoing) = outgoing.recv().await {
                let is_mix = matches!(outgoing, Outgoing::Speech { section: 0, .. });
                if is_mix && !peer.mixes {
                    continue;
                }
                if peer.outlet.carry(outgoing).await.is_err() {
                    return;
                }
            }
        });
        (Arc::clone(&self.room.inlet), self.room.played.load(Relaxed))
    }

    /// What the bot shows is shown there, and key frames that it needs are asked for there.
    pub(super) fn show_on(&self, stage: Stage) {
        self.view.show_on(stage.clone());
        let Some(mut needed) = self.view.take_needed() else { return };
        tokio::spawn(async move {
            while let Some(ssrc) = needed.recv().await {
                stage.needs_key_frame(ssrc);
            }
        });
    }

    /// The bot sees what comes from there, in the slots that are given.
    pub(super) fn watch(self: &Arc<Self>, mut outgoing: mpsc::Receiver<Outgoing>) -> Vec<bridge::Slot> {
        let peer = Arc::clone(self);
        tokio::spawn(async move {
            while let Some(outgoing) = outgoing.recv().await {
                let Outgoing::Video { slot, packet } = outgoing else { continue };
                let Some(track) = peer.slots.get(slot) else { continue };
                if send(track, *packet).await.is_err() {
                    return;
                }
            }
        });
        self.view.take_slots()
    }

    pub(super) fn view(&self) -> &View {
        &self.view
    }

    /// The sections in which the bot hears one speaker each.
    pub(super) fn unmixed(&self) -> usize {
        self.outlet.sections() - 1
    }

    pub(super) fn path(&self) -> &Arc<Path> {
        &self.room.path
    }

    /// What is measured of it while it is in a room.
    pub(super) fn measured(&self) -> (Arc<Inlet>, Buckets) {
        (Arc::clone(&self.room.inlet), self.outlet.gone().read())
    }

    /// What ICE has measured last.
    pub(super) async fn round_trip(&self) -> Option<Duration> {
        round_trip(&*self.connection).await
    }

    pub(super) fn packets_sent(&self) -> u64 {
        self.outlet.sent()
    }

    /// What its script says begins, as soon as media flows.
    pub(super) fn begin(&self) {
        self.begun.send_replace(true);
    }

    /// Plays `script` from the moment that media flows in a call that both are in. What it says itself is said by `source`.
    pub(super) async fn play(self: Arc<Self>, script: FarEndScript, source: Option<MediaSourceId>) {
        let voices = script.voices(source);
        // Encoding seconds of speech would hold up the runtime's other tasks.
        let speech = tokio::task::spawn_blocking(move || Speech::of(voices)).await;
        let (mut state, mut over, mut begun) =
            (self.report.subscribe(), self.report.subscribe(), self.begun.subscribe());
        let together = async {
            let connected = state.wait_for(|state| *state >= FarEndState::Connected).await.is_ok();
            connected && begun.wait_for(|begun| *begun).await.is_ok()
        };
        let together = tokio::select! {
            together = together => together,
            _ = over.wait_for(|state| *state >= FarEndState::Closed) => false,
        };
        if !together || script.echo {
            return;
        }
        let said = match speech {
            Ok(Ok(speech)) => self.speak(speech.as_ref(), &script).await,
            Ok(Err(error)) => Err(error.into()),
            Err(error) => Err(webrtc::error::Error::Other(error.to_string()).into()),
        };
        match said {
            Ok(Spoken::InRoom) => return,
            Ok(Spoken::All) | Err(PeerError::Over) => {}
            Err(error) => tracing::warn!(%error, "a far end stopped speaking"),
        }
        self.advance(FarEndState::SpeechFinished);
        if script.after == AfterSpeech::HangUp {
            // The exchange hears of it, ends the call, and then lets go of the connection.
            self.advance(FarEndState::HungUp);
        }
    }

    /// Sends what is said and pressed: a frame each 20 ms of an absolute schedule, so that no delay adds up.
    async fn speak(&self, speech: Option<&Speech>, script: &FarEndScript) -> Result<Spoken, PeerError> {
        let len = speech.map_or(Ok(0), Speech::len)?;
        let tones = tones::plan(&script.tones);
        let start = Instant::now();
        for frame in 0.. {
            tokio::time::sleep_until(start + FRAME * frame).await;
            if *self.report.borrow() >= FarEndState::HungUp {
                return Ok(Spoken::All);
            }
            if self.room.is_in.load(Relaxed) {
                return Ok(Spoken::InRoom);
            }
            self.room.played.store(frame, Relaxed);
            let place = frame as usize;
            if place == len {
                self.advance(FarEndState::SpeechFinished);
            }
            if let Some(packets) = place.checked_sub(len).and_then(|place| tones.get(place)) {
                self.outlet.press_planned(len as u32, packets).await?;
                continue;
            }
            let said = place - if place < len { 0 } else { tones.len() };
            let said = match (speech, script.after) {
                (None, _) => return Ok(Spoken::All),
                (Some(speech), _) if said < len => (speech, said),
                (Some(speech), AfterSpeech::Repeat) if len > 0 => (speech, said % len),
                (Some(speech), AfterSpeech::Silence) => (speech, said),
                (Some(_), _) => return Ok(Spoken::All),
            };
            self.say(frame, said).await?;
        }
        Ok(Spoken::All)
    }

    /// Sends a frame of the mix and of each voice.
    async fn say(&self, frame: u32, (speech, place): (&Speech, usize)) -> Result<(), PeerError> {
        let levels = speech.levels(place);
        let named = speech.voices.iter().filter(|voice| voice.source.is_some()).zip(&levels);
        let mix = self.mixes.then_some((&speech.mix, &levels[..]));
        let voices = named.map(|(voice, level)| Some((&voice.clip, std::slice::from_ref(level))));
        for (section, said) in std::iter::once(mix).chain(voices).take(self.outlet.sections()).enumerate() {
            let Some((clip, levels)) = said else { continue };
            let encoded = clip.encoded()?;
            let payload = encoded.speech.get(place).unwrap_or(&encoded.silence).clone();
            self.outlet.say(section, frame, payload, levels).await?;
        }
        Ok(())
    }

    pub(super) async fn close(&self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "a far end's connection did not close cleanly");
        }
        let relay = self.relay.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Its threads are waited for.
        tokio::task::spawn_blocking(move || drop(relay));
        // Where the peer said goodbye first, the driver reports no end of its own.
        self.advance(FarEndState::Closed);
    }

    pub(super) fn advance(&self, state: FarEndState) {
        advance(&self.report, state);
    }
}

/// Takes `offer` and chooses an answer to it, with `tracks` in its sections for sound, in their order; gives what is agreed on, and the
/// tracks on which others are seen.
async fn negotiate(
    connection: &dyn PeerConnection,
    offer: String,
    tracks: &[Track],
    view: &View,
) -> Result<(Numbers, Vec<Track>), PeerError> {
    let mut senders = Vec::with_capacity(tracks.len());
    for track in tracks {
        let local: Arc<dyn TrackLocal> = Arc::clone(&track.local) as _;
        senders.push(connection.add_track(local).await?);
    }
    let slots = view.add_tracks(connection).await?;
    let offer = RTCSessionDescription::offer(offer).map_err(PeerError::Offer)?;
    connection.set_remote_description(offer).await.map_err(PeerError::Offer)?;
    for transceiver in connection.get_transceivers().await {
        let is_shown = transceiver.mid().await?.is_some_and(|mid| view.sends(&mid));
        if transceiver.sender().await?.is_none() && !is_shown {
            // Nobody is heard in it.
            transceiver.set_direction(RTCRtpTransceiverDirection::Inactive).await?;
        }
    }
    let answer = connection.create_answer(None).await.map_err(PeerError::Offer)?;
    connection.set_local_description(answer).await?;
    let [first, ..] = &senders[..] else { return Err(PeerError::NoCandidates) };
    let agreed = Numbers::of(&first.get_parameters().await?).map_err(PeerError::Offer)?;
    Ok((agreed, slots))
}
