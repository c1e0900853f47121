//! The video sections of a bot's call: what it shows in them, and what it sees.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use offhook_media::blob::{Modality, OffhookBlob};
use rtc::rtp::Packet;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use webrtc::error::Error;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::PeerConnection;

use super::outlet::Track;
use super::pictures::{Pictures, add_slot};
use crate::bridge::{Choice, Section, Slot, Stage, Streams, VideoNumbers, receivable, sections};

/// The video sections of a bot's offer. Its camera is in the first in which it sends, its screen in that of the screen.
pub(super) struct View {
    sections: Vec<Section>,
    streams: Streams,
    /// The sections of the answer.
    answered: OnceLock<Vec<Section>>,
    pub(super) pictures: Pictures,
    /// The slots until somebody fills them.
    slots: Mutex<Vec<Slot>>,
    /// The RTP sources of slots that need a key frame.
    needed: Mutex<Option<UnboundedReceiver<u32>>>,
    /// Where the bot shows and sees, once it is in a room.
    stage: watch::Sender<Option<Stage>>,
}

impl View {
    pub(super) fn of(offer: &OffhookBlob, needed: UnboundedReceiver<u32>) -> Self {
        let is_screen = |mid: &str| {
            let mut screens =
                offer.sockets.iter().filter(|socket| socket.modality == Modality::VideoBasedScreenSharing);
            screens.any(|screen| screen.id.0.to_string() == mid)
        };
        let mut sections = sections(&receivable(&offer.description.sdp));
        sections.retain(|section| section.is_video);
        for section in &mut sections {
            section.is_slides = is_screen(&section.mid);
        }
        Self {
            sections,
            streams: Streams::default(),
            answered: OnceLock::new(),
            pictures: Pictures::counted(),
            slots: Mutex::default(),
            needed: Mutex::new(Some(needed)),
            stage: watch::Sender::new(None),
        }
    }

    /// Whether there is a section for video.
    pub(super) fn is_there(&self) -> bool {
        !self.sections.is_empty()
    }

    /// Adds a track for each section in which the bot sees somebody. Those of other sections in which it sends are made by its offer.
    pub(super) async fn add_tracks(&self, connection: &dyn PeerConnection) -> Result<Vec<Track>, Error> {
        let mut tracks = Vec::new();
        for (place, section) in self.seen() {
            tracks.push(add_slot(connection, place, section).await?);
        }
        Ok(tracks)
    }

    /// Whether the bot sends in the section of this `a=mid`.
    pub(super) fn sends(&self, mid: &str) -> bool {
        self.sections.iter().any(|section| section.mid == mid && section.sends)
    }

    /// This is what was answered, with `tracks` in the sections in which the bot sees somebody.
    pub(super) fn agreed(&self, answer: &str, tracks: &[Track]) {
        let answered = sections(answer);
        let (mut cameras, mut slots) = (0, Vec::new());
        for ((_, section), track) in self.seen().zip(tracks) {
            let numbers = answered.iter().find(|answered| answered.mid == section.mid);
            let numbers = numbers.map(VideoNumbers::of).unwrap_or_default();
            let choice = if section.is_slides { Choice::Screen } else { Choice::Speaker(cameras) };
            cameras += usize::from(!section.is_slides);
            slots.push(Slot::new(&section.mid, numbers, track.ssrc, choice));
        }
        *self.slots.lock().unwrap_or_else(PoisonError::into_inner) = slots;
        let _ = self.answered.set(answered);
    }

    fn seen(&self) -> impl Iterator<Item = (usize, &Section)> {
        self.sections.iter().enumerate().filter(|(_, section)| section.receives)
    }

    /// The slots, once.
    pub(super) fn take_slots(&self) -> Vec<Slot> {
        std::mem::take(&mut self.slots.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The bot shows and sees there from now on.
    pub(super) fn show_on(&self, stage: Stage) {
        self.pictures.show_on(stage.clone());
        self.stage.send_replace(Some(stage));
    }

    /// Where the bot shows and sees, as soon as it does.
    pub(super) fn stage(&self) -> watch::Receiver<Option<Stage>> {
        self.stage.subscribe()
    }

    /// Where it is told which slots need a key frame, once.
    pub(super) fn take_needed(&self) -> Option<UnboundedReceiver<u32>> {
        self.needed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Takes in a packet of the bot's.
    pub(super) fn take(&self, track: &Arc<dyn TrackRemote>, packet: &Packet) {
        let mut sending = self.sections.iter().filter(|section| section.sends);
        let Some(answered) = self.answered.get() else { return };
        let Some((section, layer)) = self.streams.place(sending.clone(), answered, packet) else { return };
        // A bot has one camera.
        if sending.find(|other| other.is_slides == section.is_slides) != Some(section) {
            return;
        }
        let answered = answered.iter().find(|held| held.mid == section.mid);
        let codec = answered.and_then(|held| VideoNumbers::of(held).codec(packet.header.payload_type));
        if let Some(codec) = codec {
            self.pictures.take((section.is_slides, layer), codec, track, packet);
        }
    }
}
