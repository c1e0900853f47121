//! RTCP of one session: reports, and what each end tells the other of its video.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::MediaPath;
use super::video::VideoPath;
use crate::session::connection::reports::{peer_report, round_trip};
use crate::session::connection::streams::AUDIO_RATE;
use crate::session::transport::{Dropped, OurFeedback, PeerFeedback, PeerReport, VideoIndex};
use crate::tap::ClockReport;
use crate::time::MediaInstant;
use crate::wire::replay::ReplayWindow;
use crate::wire::rtcp::feedback::{self, Feedback, FullIntraRequest};
use crate::wire::rtcp::{self, RtcpPacket};

/// Between two reports, on average: as often as a stream's quality is worth knowing, and 0.1 % of its bits.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// What a datagram of reports has at the most without what SRTCP adds, so that no network has to take it apart. Streams that do not fit
/// have their turn with the next.
const LONGEST_REPORT: usize = 1_180;

/// What one more stream adds at the most: its report, the name of this end, and a goodbye.
const STREAM_REPORT: usize = 64;

/// Reports of streams that one datagram brings, and are passed on: as many as fit into one of ours.
pub(super) const MOST_REPORTS: usize = LONGEST_REPORT / (STREAM_REPORT - 8);

/// What the peer's RTCP says of us.
#[derive(Debug, Default)]
pub(in crate::session::connection) struct AboutUs {
    /// Of our speech.
    pub(in crate::session::connection) speech: Option<PeerReport>,
    /// The path there and back, by what is said of our video.
    pub(in crate::session::connection) round_trip: Option<Duration>,
}

impl MediaPath {
    /// Reads an RTCP packet. Returns what the peer says of our streams. What it feeds back of our video waits to be asked for.
    pub(in crate::session::connection) fn receive_report(
        &mut self,
        now: MediaInstant,
        mut datagram: BytesMut,
    ) -> Result<AboutUs, Dropped> {
        let keys = self.keys.as_ref().ok_or(Dropped::NoKeys)?;
        let is_fresh = |ssrc, index| self.reporters.get(ssrc).is_none_or(|window| window.is_fresh(index));
        let opened = keys.receive.open_rtcp(&mut datagram, is_fresh).ok_or(Dropped::NotGenuine)?;
        if self.reporters.get(opened.ssrc).is_none() {
            self.reporters.add(opened.ssrc, ReplayWindow::default()).ok_or(Dropped::TooManySources)?;
        }
        if let Some(window) = self.reporters.get_mut(opened.ssrc) {
            window.note(opened.index);
        }
        datagram.truncate(opened.len);
        let (mut about_us, mut has_feedback) = (AboutUs::default(), false);
        for packet in rtcp::packets(&datagram) {
            let blocks = match packet {
                RtcpPacket::SenderReport { ssrc, report, blocks } => {
                    if let Some(stream) = self.streams.get_mut(ssrc) {
                        stream.reception.note_sender_report(report.ntp, now);
                        let place = stream.place.filter(|_| self.clock_reports.len() < MOST_REPORTS);
                        self.clock_reports.extend(place.map(|place| place.clock_report(ssrc, &report, now)));
                    }
                    blocks
                }
                RtcpPacket::ReceiverReport { blocks } => blocks,
                RtcpPacket::Goodbye { ssrc } => {
                    if let Some(stream) = self.streams.get_mut(ssrc) {
                        stream.reception.end();
                    }
                    continue;
                }
                RtcpPacket::Feedback(_) => {
                    has_feedback = !self.video.is_empty();
                    continue;
                }
                RtcpPacket::Other => continue,
            };
            let speech = blocks.iter().find(|block| Some(block.ssrc) == self.source(0));
            about_us.speech = speech.map(|block| peer_report(&block, now)).or(about_us.speech);
            let video = |ssrc| self.video.iter().any(|video| video.layer_of(ssrc).is_some());
            let video = blocks.iter().find(|block| video(block.ssrc));
            let tells = video.and_then(|block| round_trip(&block, now));
            about_us.round_trip = tells.or(about_us.round_trip);
        }
        if has_feedback {
            self.feedback = datagram.freeze();
        }
        Ok(about_us)
    }

    /// What the last packet said of the clocks of its streams.
    pub(in crate::session::connection) fn take_clock_reports(
        &mut self,
    ) -> impl ExactSizeIterator<Item = ClockReport> + '_ {
        self.clock_reports.drain(..)
    }

    /// When the next report is due.
    pub(in crate::session::connection) fn next_report(&self) -> Option<MediaInstant> {
        self.next_report
    }

    /// Writes the report that is due at `now`, if one is.
    pub(in crate::session::connection) fn report(&mut self, now: MediaInstant) -> Option<BytesMut> {
        self.next_report.filter(|due| *due <= now)?;
        self.next_report = Some(self.after_interval(now));
        self.write_reports(now, false)
    }

    /// Writes the last report, with a goodbye.
    pub(in crate::session::connection) fn say_goodbye(&mut self, now: MediaInstant) -> Option<BytesMut> {
        self.next_report = None;
        let goodbye = self.write_reports(now, true);
        self.keys = None;
        goodbye
    }

    fn write_reports(&mut self, now: MediaInstant, is_last: bool) -> Option<BytesMut> {
        self.streams.report(now, &mut self.blocks);
        let ssrc = self.source(0)?;
        let mut heard = &self.blocks[..];
        let mut own = self.own.iter().map(|stream| (stream.ssrc, stream.sent.report(now, AUDIO_RATE)));
        // The first carries what was heard, whether it has sent something or not.
        let first = own.next();
        let others = own.chain(self.video.iter().flat_map(|video| video.reports(now)));
        // One that has sent nothing has nothing to say.
        let others = others.filter(|(_, sent)| sent.is_some());
        let from = self.next_to_tell % others.clone().count().max(1);
        let in_turn = others.clone().skip(from).chain(others.take(from));
        let mut told = 0;
        for (ssrc, sent) in first.into_iter().chain(in_turn) {
            let packets = self.packets.memory();
            if packets.len() + STREAM_REPORT > LONGEST_REPORT {
                break;
            }
            rtcp::write_report(packets, ssrc, sent.as_ref(), std::mem::take(&mut heard));
            rtcp::write_name(packets, ssrc, &self.name);
            if is_last {
                rtcp::write_goodbye(packets, ssrc);
            }
            told += 1;
        }
        self.next_to_tell = from + told - 1;
        self.seal_reports(ssrc)
    }

    /// Encrypts the RTCP that was written, from `ssrc`.
    fn seal_reports(&mut self, ssrc: u32) -> Option<BytesMut> {
        let keys = self.keys.as_ref()?;
        let packets = self.packets.memory();
        let Ok(trailer) = keys.send.seal_rtcp(ssrc, self.reports_sent, packets) else {
            packets.clear();
            return None;
        };
        packets.extend_from_slice(&trailer);
        self.reports_sent += 1;
        Some(packets.split())
    }

    /// Tells what the peer has fed back of our video since this was last called.
    pub(in crate::session::connection) fn take_feedback(&mut self, mut tell: impl FnMut(PeerFeedback<'_>)) {
        let compound = std::mem::replace(&mut self.feedback, Bytes::new());
        let stream = |media: u32| {
            let mut sections = self.video.iter().enumerate();
            sections.find_map(|(section, video)| Some((section, video.layer_of(media)?)))
        };
        for packet in rtcp::packets(&compound) {
            let RtcpPacket::Feedback(feedback) = packet else { continue };
            match feedback {
                Feedback::Missing { media, packets } => {
                    stream(media).into_iter().for_each(|stream| tell(PeerFeedback::Missing(stream, packets)));
                }
                Feedback::PictureLoss { media } => {
                    stream(media).into_iter().for_each(|stream| tell(PeerFeedback::PictureLoss(stream)));
                }
                Feedback::FullIntra { requests } => {
                    for FullIntraRequest { media, number } in requests.iter() {
                        let stream = stream(media).into_iter();
                        stream.for_each(|stream| tell(PeerFeedback::FullIntra(stream, number)));
                    }
                }
                Feedback::Arrivals { body } => tell(PeerFeedback::Arrivals(body)),
            }
        }
    }

    /// Writes feedback, as a packet of reduced size (RFC 5506).
    pub(in crate::session::connection) fn feed_back(
        &mut self,
        feedback: OurFeedback<'_>,
    ) -> Result<BytesMut, Dropped> {
        if self.keys.is_none() {
            return Err(Dropped::NoKeys);
        }
        let ssrc = self.source(0).ok_or(Dropped::NotAgreed)?;
        let packets = self.packets.memory();
        let shown = |section: VideoIndex| self.video.get(section).ok_or(Dropped::NotAgreed);
        match feedback {
            OurFeedback::Missing(section, numbers) => {
                let media = shown(section)?.asks().filter(|(_, kinds)| kinds.nack);
                let (media, _) = media.ok_or(Dropped::NotAgreed)?;
                // More than one packet of them are asked for again in a while.
                feedback::write_missing(packets, ssrc, media, numbers);
            }
            OurFeedback::KeyFrame(section) => {
                let (media, kinds) = shown(section)?.asks().ok_or(Dropped::NotAgreed)?;
                if kinds.picture_loss || !kinds.full_intra {
                    feedback::write_picture_loss(packets, ssrc, media);
                } else {
                    self.key_frames_asked = self.key_frames_asked.wrapping_add(1);
                    let number = self.key_frames_asked;
                    feedback::write_full_intra(packets, ssrc, FullIntraRequest { media, number });
                }
            }
            OurFeedback::Arrivals(body) => {
                let media = self.video.iter().find_map(VideoPath::asks);
                let (media, _) = media.ok_or(Dropped::NotAgreed)?;
                feedback::write_arrivals(packets, ssrc, media, body);
            }
        }
        self.seal_reports(ssrc).ok_or(Dropped::TooLarge)
    }

    /// From half to one and a half intervals on (RFC 3550 section 6.3.1).
    pub(super) fn after_interval(&mut self, now: MediaInstant) -> MediaInstant {
        // Xorshift: the times need to differ, not to be secret.
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        now + REPORT_INTERVAL / 2 + REPORT_INTERVAL * (self.dice >> 48) as u32 / (1 << 16)
    }
}
