//! One session's connection to its peer: ICE and DTLS from libraries, the path of the media our own. Pure: told the time
//! and the bytes.

mod channel;
mod describe;
mod dtls;
mod ice;
mod media;
mod negotiate;
mod records;
mod reports;
mod sctp;
mod streams;
mod stun;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use channel::Channel;
pub(crate) use describe::{AudioSections, VideoSection};
pub(crate) use dtls::Identity;
use dtls::{Dtls, DtlsEvent};
use ice::{Ice, IceState};
use media::{MediaPath, Received};

use super::transport::{
    Dropped, Negotiated, NegotiatedVideo, OurFeedback, PeerFeedback, ReceivedAudio, ReceivedVideo, Transmit,
    Transport, TransportError, TransportEvent, VideoIndex,
};
use crate::blob::peer::{PayloadTypes, PeerDescription};
use crate::blob::video::VideoFormat;
use crate::send::OutgoingAudio;
use crate::time::MediaInstant;
use crate::video::sender::OutgoingVideo;

/// How long the DTLS handshake may take once there is a way to the peer: as long as ICE waits for a peer that is silent.
const HANDSHAKE_TIME: Duration = Duration::from_secs(30);

/// One session's ICE, DTLS-SRTP, RTP and RTCP.
pub(crate) struct Connection {
    epoch: Instant,
    ice: Ice,
    /// Until the peer's certificate is announced, there is nobody to speak to.
    dtls: Option<Dtls>,
    media: MediaPath,
    sections: AudioSections,
    video_sections: Vec<VideoSection>,
    is_offerer: bool,
    /// The data socket.
    data: Option<u32>,
    /// The longest message that the peer takes, where both ends have it.
    longest_message: Option<usize>,
    channel: Option<Channel>,
    /// The last instant that was told.
    now: MediaInstant,
    handshake: Handshake,
    /// What the session was told of last.
    told: Option<TransportEvent>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<TransportEvent>,
    audio: Option<ReceivedAudio>,
    video: Option<ReceivedVideo>,
    /// When ICE, DTLS or SCTP is due: asked anew only after they were called.
    control_due: Option<MediaInstant>,
    is_round_trip_reported: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handshake {
    Waiting,
    Begun { until: MediaInstant },
    Done,
    Failed,
}

impl Connection {
    fn new(
        identity: &Identity,
        now: MediaInstant,
        local: SocketAddr,
        (sections, speakers_sent, video_sections, data): (AudioSections, u8, Vec<VideoSection>, Option<u32>),
        is_offerer: bool,
    ) -> Result<Self, TransportError> {
        let at = identity.epoch + now.as_duration();
        let ice = Ice::new(&identity.provider, at, local, is_offerer)
            .map_err(|error| TransportError::new("setting up ICE", error))?;
        Ok(Self {
            epoch: identity.epoch,
            ice,
            dtls: None,
            media: MediaPath::new(speakers_sent, &video_sections),
            // More packets than the pacer of pictures lets leave at once; of speech it is one or two.
            transmits: VecDeque::with_capacity(if video_sections.is_empty() { 4 } else { 32 }),
            sections,
            video_sections,
            is_offerer,
            data,
            longest_message: None,
            channel: None,
            now,
            handshake: Handshake::Waiting,
            told: None,
            events: VecDeque::new(),
            audio: None,
            video: None,
            control_due: None,
            is_round_trip_reported: false,
        })
    }

    /// Both descriptions are known: looks for the peer. `is_server`: of DTLS, as the offerer is.
    fn start(
        &mut self,
        identity: &Identity,
        now: MediaInstant,
        peer: &PeerDescription,
        is_server: bool,
        types: PayloadTypes,
    ) -> Result<(), TransportError> {
        let at = self.instant(now);
        let dtls = Dtls::new(identity, !is_server, peer.fingerprint);
        self.dtls = Some(dtls.map_err(|error| TransportError::new("setting up DTLS", error))?);
        let by_mid =
            |mid: String| peer.sections.iter().find(move |section| section.mid.as_deref() == Some(&mid));
        self.media.agree(self.sections.mids().map(by_mid), types);
        let data = self.data.and_then(|socket| by_mid(socket.to_string()));
        self.longest_message = data.filter(|data| data.is_in_use).and_then(|data| data.longest_message);
        // The offerer is the server of DTLS, and its numbers are ours.
        let offered = |codec| is_server.then(|| VideoFormat::offered(codec));
        self.media.agree_video(&self.video_sections, |socket| by_mid(socket.to_string()), offered);
        self.ice.start(at, peer).map_err(|error| TransportError::new("starting ICE", error))?;
        self.now = now;
        self.after_control();
        Ok(())
    }

    /// Our ICE user name fragment, which the peer's STUN requests begin with.
    pub(crate) fn local_ufrag(&self) -> &str {
        self.ice.credentials().0
    }

    /// How many speakers may be sent on sections of their own: 1 to so many.
    pub(crate) fn speakers_sent(&self) -> u8 {
        (1..).take_while(|&section| self.media.source(section).is_some()).count() as u8
    }

    fn instant(&self, now: MediaInstant) -> Instant {
        self.epoch + now.as_duration()
    }

    fn media_instant(&self, at: Instant) -> MediaInstant {
        MediaInstant::from_duration(at.saturating_duration_since(self.epoch))
    }

    fn handle_stun(&mut self, from: SocketAddr, datagram: BytesMut) -> Result<(), Dropped> {
        let at = self.instant(self.now);
        let is_answer = stun::is_answer(&datagram);
        let read = self.ice.read(at, from, datagram);
        self.after_control();
        // Who sends hears of the round trip in reports; who only looks has the answers to checks.
        let asks = !self.video_sections.is_empty() && !self.is_round_trip_reported;
        if is_answer && asks && self.told == Some(TransportEvent::Connected) {
            self.events.extend(self.ice.round_trip(at).map(TransportEvent::RoundTrip));
        }
        read.map_err(|_| Dropped::Control)
    }

    fn handle_dtls(&mut self, from: SocketAddr, datagram: BytesMut) -> Result<(), Dropped> {
        let at = self.instant(self.now);
        // Only from where ICE has found the peer: a stranger must not have a say in the handshake.
        let is_known = self.ice.knows(at, from);
        let dtls = self.dtls.as_mut().filter(|_| is_known);
        let dtls = dtls.ok_or(Dropped::Stranger)?;
        let read = dtls.read(at, datagram);
        if dtls.is_impostor() {
            self.handshake = Handshake::Failed;
        }
        let Ok(happened) = read else {
            self.after_control();
            return Err(Dropped::Control);
        };
        match happened {
            Some(DtlsEvent::Connected(keys)) => {
                self.handshake = Handshake::Done;
                self.media.begin(self.now, keys);
                let channel = |longest| Channel::new(at, dtls.is_client(), self.is_offerer, longest);
                self.channel = self.longest_message.map(channel);
            }
            Some(DtlsEvent::Closed) => self.tell(TransportEvent::Closed),
            None => {}
        }
        while let Some(packet) = self.dtls.as_mut().and_then(Dtls::poll_received) {
            if let Some(channel) = &mut self.channel {
                channel.read(at, packet);
            }
        }
        self.after_control();
        Ok(())
    }

    fn handle_rtp(&mut self, datagram: BytesMut) -> Result<(), Dropped> {
        match self.media.receive(self.now, datagram)? {
            Received::Audio(packet) => self.audio = Some(packet),
            Received::Video(packet) => self.video = Some(packet),
        }
        Ok(())
    }

    fn handle_rtcp(&mut self, datagram: BytesMut) -> Result<(), Dropped> {
        let about_us = self.media.receive_report(self.now, datagram)?;
        let of_speech = about_us.speech.and_then(|speech| speech.round_trip_time);
        self.is_round_trip_reported |= about_us.round_trip.or(of_speech).is_some();
        self.events.extend(about_us.speech.map(TransportEvent::Report));
        self.events.extend(about_us.round_trip.map(TransportEvent::RoundTrip));
        self.events.extend(self.media.take_clock_reports().map(TransportEvent::ClockReport));
        Ok(())
    }

    /// Passes on what ICE, DTLS and SCTP want to send and to tell, and asks when they are due.
    fn after_control(&mut self) {
        let at = self.instant(self.now);
        if self.ice.state() == IceState::Connected && self.handshake == Handshake::Waiting {
            self.handshake = Handshake::Begun { until: self.now + HANDSHAKE_TIME };
            if self.dtls.as_mut().is_some_and(|dtls| dtls.start(at).is_err()) {
                self.handshake = Handshake::Failed;
            }
        }
        if let (Some(channel), Some(dtls)) = (&mut self.channel, &mut self.dtls) {
            while let Some(packet) = channel.poll_transmit() {
                // What cannot be sent is lost, as on the wire.
                let _ = dtls.write(at, &packet);
            }
            if channel.is_lost() {
                self.channel = None;
                self.events.push_back(TransportEvent::ControlLost);
            }
        }
        while let Some((to, datagram)) = self.ice.poll_transmit() {
            self.transmits.push_back(Transmit { to, datagram });
        }
        if let Some(to) = self.ice.destination() {
            let dtls = self.dtls.iter_mut();
            let datagrams = dtls.flat_map(|dtls| std::iter::from_fn(|| dtls.poll_transmit()));
            self.transmits.extend(datagrams.map(|datagram| Transmit { to, datagram }));
        }
        match (self.ice.state(), self.handshake) {
            (IceState::Failed, _) | (_, Handshake::Failed) => self.tell(TransportEvent::Failed),
            (IceState::Connected, Handshake::Done) => self.tell(TransportEvent::Connected),
            (IceState::Disconnected, Handshake::Done) => self.tell(TransportEvent::Disconnected),
            _ => {}
        }
        let handshake = if let Handshake::Begun { until } = self.handshake { Some(until) } else { None };
        let dtls = self.dtls.as_ref().and_then(Dtls::poll_deadline);
        let channel = self.channel.as_ref().and_then(Channel::poll_deadline);
        let due =
            [self.ice.poll_deadline(), dtls, channel].into_iter().flatten().map(|at| self.media_instant(at));
        self.control_due = due.chain(handshake).min();
    }

    /// Tells the session, once, and never anything after the end.
    fn tell(&mut self, event: TransportEvent) {
        let is_over = matches!(self.told, Some(TransportEvent::Failed | TransportEvent::Closed));
        if !is_over && self.told != Some(event) {
            self.told = Some(event);
            self.events.push_back(event);
        }
    }
}

impl Transport for Connection {
    fn handle_datagram(
        &mut self,
        now: MediaInstant,
        from: SocketAddr,
        datagram: BytesMut,
    ) -> Result<(), Dropped> {
        self.now = now;
        // RFC 7983 section 7, RFC 5761 section 4.
        match datagram[..] {
            [128..=191, 192..=223, ..] => self.handle_rtcp(datagram),
            [128..=191, ..] => self.handle_rtp(datagram),
            [0..=3, ..] => self.handle_stun(from, datagram),
            [20..=63, ..] => self.handle_dtls(from, datagram),
            _ => Err(Dropped::Malformed),
        }
    }

    fn handle_timeout(&mut self, now: MediaInstant) -> Result<(), TransportError> {
        self.now = now;
        if let Some(report) = self.media.report(now)
            && let Some(to) = self.ice.destination()
        {
            self.transmits.push_back(Transmit { to, datagram: report });
        }
        if self.control_due.is_none_or(|due| due > now) {
            return Ok(());
        }
        let at = self.instant(now);
        let checked = self.ice.handle_timeout(at);
        let repeated = self.dtls.as_mut().map_or(Ok(()), |dtls| dtls.handle_timeout(at));
        if let Some(channel) = &mut self.channel {
            channel.handle_timeout(at);
        }
        if matches!(self.handshake, Handshake::Begun { until } if until <= now) || repeated.is_err() {
            self.handshake = Handshake::Failed;
        }
        self.after_control();
        checked.map_err(|error| TransportError::new("checking the path", error))
    }

    fn poll_deadline(&mut self) -> Option<MediaInstant> {
        [self.control_due, self.media.next_report()].into_iter().flatten().min()
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    fn poll_event(&mut self) -> Option<TransportEvent> {
        self.events.pop_front()
    }

    fn poll_audio(&mut self) -> Option<ReceivedAudio> {
        self.audio.take()
    }

    fn send_audio(&mut self, now: MediaInstant, packet: OutgoingAudio<'_>) -> Result<(), Dropped> {
        let to = self.ice.destination().ok_or(Dropped::Stranger)?;
        let datagram = self.media.send(now, packet)?;
        self.transmits.push_back(Transmit { to, datagram });
        Ok(())
    }

    fn send_control(&mut self, now: MediaInstant, text: Vec<u8>) -> Result<(), Dropped> {
        self.now = now;
        let at = self.instant(now);
        let taken = self.channel.as_mut().is_some_and(|channel| channel.send(at, text));
        self.after_control();
        if taken { Ok(()) } else { Err(Dropped::NoChannel) }
    }

    fn poll_control(&mut self) -> Option<BytesMut> {
        self.channel.as_mut()?.poll_message()
    }

    fn negotiated(&self) -> Negotiated {
        self.media.negotiated()
    }

    fn poll_video(&mut self) -> Option<ReceivedVideo> {
        self.video.take()
    }

    fn send_video(
        &mut self,
        now: MediaInstant,
        section: VideoIndex,
        packet: OutgoingVideo<'_>,
    ) -> Result<(), Dropped> {
        let to = self.ice.destination().ok_or(Dropped::Stranger)?;
        let datagram = self.media.send_video(now, section, &packet)?;
        self.transmits.push_back(Transmit { to, datagram });
        Ok(())
    }

    fn take_feedback(&mut self, tell: impl FnMut(PeerFeedback<'_>)) {
        self.media.take_feedback(tell);
    }

    fn send_feedback(&mut self, feedback: OurFeedback<'_>) -> Result<(), Dropped> {
        let to = self.ice.destination().ok_or(Dropped::Stranger)?;
        let datagram = self.media.feed_back(feedback)?;
        self.transmits.push_back(Transmit { to, datagram });
        Ok(())
    }

    fn negotiated_video(&self, section: VideoIndex) -> NegotiatedVideo {
        self.media.negotiated_video(section)
    }

    fn close(&mut self) -> Result<(), TransportError> {
        let at = self.instant(self.now);
        // Before the goodbye of DTLS, after which the peer listens no more.
        if let (Some(datagram), Some(to)) = (self.media.say_goodbye(self.now), self.ice.destination()) {
            self.transmits.push_back(Transmit { to, datagram });
        }
        let closed = self.dtls.as_mut().map_or(Ok(()), |dtls| dtls.close(at));
        self.channel = None;
        self.after_control();
        let left = self.ice.close();
        self.control_due = None;
        closed.and(left).map_err(|error| TransportError::new("closing the connection", error))
    }
}

#[cfg(test)]
mod tests;
