//! [io] The WebRTC connection of a person, who has offered it by WHIP.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use tokio::sync::mpsc::{Receiver, unbounded_channel};
use tokio::sync::watch;
use webrtc::error::Error;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{PeerConnection, Registry, Slot};

use super::ear::Outgoing;
use super::hall::Hall;
use super::incoming::{Handler, Incoming};
use super::key_frames::{KeyFrameNeeds, NEAREST_TO_APPLICATION};
use super::offer::{self, Fragment, Section};
use super::path::Path;
use super::rids::{self, receivable};
use super::stage::Stage;
use super::video::{self, Choice, Numbers as VideoNumbers};
use super::voice::Inlet;
use crate::durations::Buckets;
use crate::far_end::{
    FarEndState, Numbers, Outlet, PeerError, Pictures, Repairs, Reports, Track, add_slot, add_track, advance,
    audio_track, connection, gathered_answer, media_engine, round_trip, send, understand_video,
};

/// How long the answer to a restart may take to gather; on loopback it takes a millisecond.
const GATHERING_TIME: Duration = Duration::from_secs(5);

/// How long somebody is waited for once they are missed. A browser whose page is closed says nothing that the stack passes on.
const PATIENCE: Duration = Duration::from_secs(5);

/// Somebody who has joined by WHIP.
pub(crate) struct Person {
    pub(super) id: String,
    connection: Arc<dyn PeerConnection>,
    outlet: OnceLock<Outlet>,
    /// Where others are seen.
    slots: Vec<Track>,
    path: Arc<Path>,
    inlet: Arc<Inlet>,
    sections: Arc<Vec<Section>>,
    pictures: Arc<Pictures>,
    negotiation: tokio::sync::Mutex<Negotiation>,
    gathering: watch::Receiver<bool>,
    report: Arc<watch::Sender<FarEndState>>,
    /// Whether pictures of a camera can come.
    pub(super) has_camera: bool,
}

/// The latest offer, and how often there was one.
struct Negotiation {
    offer: String,
    round: u64,
}

/// What a person's connection is answered with.
pub(super) struct Answered {
    pub(super) person: Arc<Person>,
    pub(super) sdp: String,
    pub(super) slots: Vec<video::Slot>,
}

impl Person {
    /// Answers an offer. `screen` is the section, by `a=mid`, in which the screen comes.
    pub(super) async fn answer(
        id: &str,
        offered: &str,
        screen: Option<&str>,
        hall: &Arc<Hall>,
    ) -> Result<Answered, PeerError> {
        let offered = receivable(&offer::without_names(offered));
        let mut sections = offer::sections(&offered);
        for section in &mut sections {
            section.is_slides |= screen == Some(&section.mid);
        }
        let sections = Arc::new(sections);
        let report = Arc::new(watch::Sender::new(FarEndState::Connecting));
        let (gathered, gathering) = watch::channel(false);
        let stage = Stage::new(Arc::downgrade(hall), id);
        let pictures = Arc::new(Pictures::shown_on(stage.clone()));
        let (path, inlet) = (Arc::new(Path::default()), Arc::new(Inlet::default()));
        let formats = Arc::new(OnceLock::new());
        let incoming = Incoming {
            inlet: Arc::clone(&inlet),
            sections: Arc::clone(&sections),
            streams: Arc::default(),
            formats: Arc::clone(&formats),
            pictures: Arc::clone(&pictures),
        };
        let handler = Handler { reports: Reports { gathered, state: Arc::clone(&report) }, incoming };
        let (needs, mut needed) = unbounded_channel();
        let registry =
            Registry::new().with(Slot::Custom(NEAREST_TO_APPLICATION), KeyFrameNeeds::told_to(needs));
        let mut engine = media_engine()?;
        understand_video(&mut engine, Repairs::AsTheyWere)?;
        let connection = connection(Arc::new(handler), engine, &path, registry, PATIENCE).await?;
        let answering = async {
            let (audio, slots) = add_tracks(&*connection, &sections).await?;
            let description = RTCSessionDescription::offer(offered.clone()).map_err(PeerError::Offer)?;
            connection.set_remote_description(description).await.map_err(PeerError::Offer)?;
            let answer = connection.create_answer(None).await.map_err(PeerError::Offer)?;
            connection.set_local_description(answer).await.map_err(PeerError::Offer)?;
            let sdp = gathered_answer(&*connection, gathering.clone()).await?;
            Ok::<_, PeerError>((audio, slots, sdp))
        };
        let (audio, slots, sdp) = match answering.await {
            Ok(answered) => answered,
            Err(error) => {
                // It is over in any case.
                let _ = connection.close().await;
                return Err(error);
            }
        };
        let agreed = offer::sections(&sdp);
        let find = |mid: &str| agreed.iter().find(|section| section.mid == mid);
        let spoken = agreed.iter().find(|section| !section.is_video);
        let numbers = spoken.and_then(|section| {
            Some(Numbers::plain(section.number("opus/48000/2")?, section.number("telephone-event/48000")))
        });
        let has_camera =
            sections.iter().any(|section| section.is_video && section.sends && !section.is_slides);
        let shown = slots.iter().map(|(mid, track)| {
            let numbers = find(mid).map(VideoNumbers::of).unwrap_or_default();
            video::Slot::new(mid, numbers, track.ssrc, Choice::Anybody)
        });
        let shown = shown.collect();
        let outlet = OnceLock::new();
        if let (Some(numbers), Some(audio)) = (numbers, audio) {
            let _ = outlet.set(Outlet::new(vec![audio], numbers));
        }
        let _ = formats.set(agreed);
        let person = Arc::new(Self {
            id: id.to_owned(),
            connection,
            outlet,
            slots: slots.into_iter().map(|(_, track)| track).collect(),
            path,
            inlet,
            sections,
            pictures,
            negotiation: tokio::sync::Mutex::new(Negotiation { offer: offered, round: 1 }),
            gathering,
            report,
            has_camera,
        });
        tokio::spawn(async move {
            while let Some(source) = needed.recv().await {
                stage.needs_key_frame(source);
            }
        });
        Ok(Answered { person, sdp, slots: shown })
    }

    /// Sends what the room gives, until it gives no more.
    pub(super) async fn carry(self: Arc<Self>, mut outgoing: Receiver<Outgoing>) {
        while let Some(outgoing) = outgoing.recv().await {
            let sent = match outgoing {
                Outgoing::Video { slot, packet } => match self.slots.get(slot) {
                    Some(track) => send(track, *packet).await,
                    None => Ok(()),
                },
                heard => match self.outlet.get() {
                    Some(outlet) => outlet.carry(heard).await,
                    None => Ok(()),
                },
            };
            if sent.is_err() {
                return;
            }
        }
    }

    /// Where what they say waits for the room.
    pub(super) fn inlet(&self) -> Arc<Inlet> {
        Arc::clone(&self.inlet)
    }

    /// What is measured of them: what they say, and how long it took what they hear to go.
    pub(super) fn measured(&self) -> (Arc<Inlet>, Buckets) {
        let gone = self.outlet.get().map(|outlet| outlet.gone().read());
        (self.inlet(), gone.unwrap_or_default())
    }

    /// What ICE has measured last.
    pub(super) async fn round_trip(&self) -> Option<Duration> {
        round_trip(&*self.connection).await
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until their media stands at `state` or beyond; gives where it then stands.
    pub(crate) async fn reached(&self, state: FarEndState) -> FarEndState {
        let mut watched = self.report.subscribe();
        watched.wait_for(|now| *now >= state).await.map_or(FarEndState::Closed, |now| *now)
    }

    /// What tells this round of ICE from others.
    pub(crate) async fn etag(&self) -> String {
        format!("\"{}\"", self.negotiation.lock().await.round)
    }

    /// Takes candidates that come after the offer. Gives the fragment to answer with where credentials are new: then ICE begins
    /// anew (RFC 9725 section 4.3.3).
    pub(crate) async fn patch(
        &self,
        fragment: &str,
        may_restart: bool,
    ) -> Result<Option<String>, PatchError> {
        let fragment = Fragment::read(fragment).ok_or(PatchError::NoFragment)?;
        let mut negotiation = self.negotiation.lock().await;
        let known = offer::credentials(&negotiation.offer);
        match (fragment.ufrag.as_deref(), fragment.pwd.as_deref()) {
            (Some(ufrag), Some(pwd)) if Some((ufrag, pwd)) != known => {
                if !may_restart {
                    return Err(PatchError::OtherRound);
                }
                let offered = offer::with_ice(&negotiation.offer, ufrag, pwd, &fragment.candidates);
                let answer = self.restart(&offered).await.map_err(PatchError::Refused)?;
                (negotiation.offer, negotiation.round) = (offered, negotiation.round + 1);
                Ok(Some(Fragment::of(&answer)))
            }
            _ => {
                for (mid, candidate) in fragment.candidates {
                    let candidate =
                        RTCIceCandidateInit { candidate, sdp_mid: mid, ..RTCIceCandidateInit::default() };
                    // One that cannot be used is one that is not there.
                    if let Err(error) = self.connection.add_ice_candidate(candidate).await {
                        tracing::debug!(%error, "a candidate was passed over");
                    }
                }
                Ok(None)
            }
        }
    }

    async fn restart(&self, offered: &str) -> Result<String, Error> {
        let description = RTCSessionDescription::offer(rids::settled(offered))?;
        self.connection.set_remote_description(description).await?;
        let answer = self.connection.create_answer(None).await?;
        self.connection.set_local_description(answer).await?;
        let mut gathering = self.gathering.clone();
        let _ = tokio::time::timeout(GATHERING_TIME, gathering.wait_for(|done| *done)).await;
        let answer = self.connection.local_description().await;
        answer.map(|answer| answer.sdp).ok_or(Error::ErrConnectionClosed)
    }

    /// Asks for a key frame of a layer of their camera or their screen.
    pub(super) fn ask_for_key_frame(&self, is_screen: bool, layer: usize) {
        self.pictures.ask_for_key_frame((is_screen, layer));
    }

    /// Whether sound can come from them.
    pub(super) fn speaks(&self) -> bool {
        self.sections.iter().any(|section| !section.is_video && section.sends)
    }

    pub(crate) async fn close(&self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "a person's connection did not close cleanly");
        }
        advance(&self.report, FarEndState::Closed);
    }
}

/// Why a change of a connection was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PatchError {
    #[error("the body is no fragment of SDP")]
    NoFragment,
    #[error("the credentials are not those of this round of ICE")]
    OtherRound,
    #[error("ICE cannot be restarted: {0}")]
    Refused(Error),
}

/// Adds a track for each section in which the person receives, in the order of the offer: the stack gives the sections to them
/// in that order, by direction. Gives that of the sound, and those of the slots by `a=mid`.
async fn add_tracks(
    connection: &dyn PeerConnection,
    sections: &[Section],
) -> Result<(Option<Track>, Vec<(String, Track)>), PeerError> {
    let (mut audio, mut slots) = (None, Vec::new());
    for (place, section) in sections.iter().enumerate().filter(|(_, section)| section.receives) {
        if section.is_video {
            slots.push((section.mid.clone(), add_slot(connection, place, section).await?));
            continue;
        }
        let ssrc = rand::random();
        let track = Track { local: Arc::new(TrackLocalStaticRTP::new(audio_track(place, ssrc))), ssrc };
        add_track(connection, &track, section).await?;
        audio.get_or_insert(track);
    }
    Ok((audio, slots))
}
