//! The descriptions of a session: ours offered or answered, the peer's taken in.

use std::net::SocketAddr;

use uuid::Uuid;

use super::describe::{
    AudioSections, Local, LocalSection, VideoSection, answer_section, answer_video, speakers_heard,
};
use super::media::{OFFERED_EXTENSIONS, OFFERED_TYPES, video_extensions};
use super::{Connection, Identity};
use crate::blob::peer::{PeerDescription, PeerSection};
use crate::blob::video::VideoFormat;
use crate::blob::{MediaDirection, SdpType};
use crate::session::transport::{TransportError, VideoIndex};
use crate::time::MediaInstant;

impl Connection {
    /// Begins a session that offers `sections`, reached at `local`. Returns it with its SDP.
    pub(crate) fn offer(
        identity: &Identity,
        now: MediaInstant,
        local: SocketAddr,
        (sections, video, data): (AudioSections, Vec<VideoSection>, Option<u32>),
    ) -> Result<(Self, String), TransportError> {
        let this = Self::new(identity, now, local, (sections, 0, video, data), true)?;
        let audio = |(nth, mid)| LocalSection::Audio {
            mid,
            direction: if nth == 0 { MediaDirection::SendReceive } else { MediaDirection::ReceiveOnly },
            types: OFFERED_TYPES,
            extensions: OFFERED_EXTENSIONS,
            is_bundled: true,
            source: this.media.source(nth),
        };
        let video = |(nth, section): (VideoIndex, &VideoSection)| {
            Some(LocalSection::Video {
                mid: section.socket.to_string(),
                direction: section.direction,
                formats: section.codecs.iter().copied().map(VideoFormat::offered).collect(),
                extensions: video_extensions(section),
                is_bundled: true,
                sources: this.media.video_sources(nth)?,
                layers: section.layers,
            })
        };
        let shown = this.video_sections.iter().enumerate().filter_map(video);
        let data = data.map(|socket| LocalSection::Data { mid: socket.to_string(), is_bundled: true });
        let described: Vec<_> = sections.mids().enumerate().map(audio).chain(shown).chain(data).collect();
        let sdp = this.describe(identity, SdpType::Offer, &described);
        Ok((this, sdp))
    }

    /// Begins a session that answers the SDP `offer`, of which the sockets of `sections` are taken; of the speakers' sections, as
    /// many are sent as both ends have. Returns it with its SDP.
    pub(crate) fn answer(
        identity: &Identity,
        now: MediaInstant,
        local: SocketAddr,
        (sections, video, data): (AudioSections, Vec<VideoSection>, Option<u32>),
        offer: &str,
    ) -> Result<(Self, String), TransportError> {
        let reading = |error| TransportError::new("reading the offer", error);
        let peer = PeerDescription::read(SdpType::Offer, offer).map_err(reading)?;
        let sections = AudioSections { unmixed: speakers_heard(&peer, sections), ..sections };
        let mut this = Self::new(identity, now, local, (sections, sections.unmixed, video, data), false)?;
        let answer = |section| this.answer_to(section, sections);
        let described: Vec<_> = peer.sections.iter().map(answer).collect();
        let sdp = this.describe(identity, SdpType::Answer, &described);
        let types = described.iter().find_map(|section| match section {
            LocalSection::Audio { direction, types, .. } if *direction != MediaDirection::Inactive => {
                Some(*types)
            }
            _ => None,
        });
        this.start(identity, now, &peer, false, types.unwrap_or(OFFERED_TYPES))?;
        Ok((this, sdp))
    }

    /// Applies the peer's answer to our offer.
    pub(crate) fn accept_answer(
        &mut self,
        identity: &Identity,
        now: MediaInstant,
        answer: &str,
    ) -> Result<(), TransportError> {
        let reading = |error| TransportError::new("reading the answer", error);
        let peer = PeerDescription::read(SdpType::Answer, answer).map_err(reading)?;
        self.start(identity, now, &peer, true, OFFERED_TYPES)
    }

    fn answer_to<'a>(&self, offered: &'a PeerSection, sections: AudioSections) -> LocalSection<'a> {
        let is = |section: &VideoSection| offered.mid.as_deref() == Some(&*section.socket.to_string());
        let nth = self.video_sections.iter().position(is);
        let is_data = self.data.is_some_and(|socket| offered.mid == Some(socket.to_string()));
        if is_data && offered.is_in_use && offered.longest_message.is_some() {
            return LocalSection::Data {
                mid: offered.mid.clone().unwrap_or_default(),
                is_bundled: offered.is_bundled,
            };
        }
        match nth.and_then(|nth| Some((self.video_sections.get(nth)?, self.media.video_sources(nth)?))) {
            Some((section, sources)) => answer_video(offered, section, sources),
            None => answer_section(offered, sections.socket, |nth| self.media.source(nth)),
        }
    }

    fn describe(&self, identity: &Identity, kind: SdpType, sections: &[LocalSection<'_>]) -> String {
        let (ice_ufrag, ice_pwd) = self.ice.credentials();
        let (number, _) = Uuid::new_v4().as_u64_pair();
        Local {
            kind,
            // 63 bits: some readers take it for a number with a sign (RFC 8829 section 5.2.1).
            number: number >> 1,
            ice_ufrag,
            ice_pwd,
            fingerprint: &identity.fingerprint,
            candidate: &self.ice.candidate(),
            name: self.media.name(),
        }
        .describe(sections)
    }
}
