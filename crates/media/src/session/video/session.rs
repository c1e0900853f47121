//! Video in the session that carries it.

use std::time::Duration;

use super::VideoStage;
use crate::event::MediaStatus;
use crate::session::transport::Transport;
use crate::session::{Outbox, Session};
use crate::time::MediaInstant;
use crate::video::BitRate;

/// Between two looks at video, when nothing comes: the step of a busy worker's grid.
const LEAST_WAIT: Duration = Duration::from_millis(1);

impl<T: Transport> Session<T> {
    /// Lets it carry video.
    pub(crate) fn with_video(mut self, video: VideoStage) -> Self {
        self.video = Some(Box::new(video));
        self
    }

    /// Does what is due of video, and takes what the application gave.
    pub(crate) fn drive_video(&mut self, now: MediaInstant, out: &mut Outbox) {
        let Some(video) = &mut self.video else { return };
        video.drive(now, &mut self.transport, &mut self.tap, out);
        // All that was due is done.
        self.video_due = video.deadline(now).map(|due| due.max(now + LEAST_WAIT));
        self.tell_video(out);
        out.transmits.extend(std::iter::from_fn(|| self.transport.poll_transmit()));
    }

    /// Passes on what the transport has of video; returns how many packets it had. What has to be answered is answered when all that
    /// has come is taken in.
    pub(in crate::session) fn drain_video(&mut self, now: MediaInstant, out: &mut Outbox) -> usize {
        let Some(video) = &mut self.video else { return 0 };
        video.take_feedback(&mut self.transport, now);
        let mut packets = 0;
        while let Some(packet) = self.transport.poll_video() {
            packets += 1;
            video.receive(&packet, &mut self.tap, out);
        }
        self.video_due = video.deadline(now);
        packets
    }

    pub(in crate::session) fn connect_video(&mut self, now: MediaInstant) {
        if let Some(video) = &mut self.video {
            video.connect(&self.transport, now);
        }
    }

    pub(in crate::session) fn set_round_trip(&mut self, round_trip: Option<Duration>) {
        if let (Some(video), Some(round_trip)) = (&mut self.video, round_trip) {
            video.set_round_trip(round_trip);
        }
    }

    /// No more than this is sent from now on, whatever the settings allow.
    pub(in crate::session) fn limit_video(&mut self, most: Option<BitRate>, now: MediaInstant) {
        if let Some(video) = &mut self.video {
            video.limit(most, now);
            self.video_due = video.deadline(now);
        }
    }

    pub(in crate::session) fn tell_video_status(&mut self, status: MediaStatus, out: &mut Outbox) {
        if let Some(video) = &mut self.video {
            video.set_status(status, &self.transport);
            self.tell_video(out);
        }
    }

    /// Nothing flows any more: whoever waits learns of it.
    pub(in crate::session) fn end_video(&mut self, out: &mut Outbox) {
        self.video_due = None;
        let lanes = self.shared.video.iter();
        lanes.flat_map(|lane| [&lane.shown, &lane.room]).for_each(|doorbell| out.press(doorbell));
    }

    /// Tells what has become known.
    fn tell_video(&mut self, out: &mut Outbox) {
        let Some(mut video) = self.video.take() else { return };
        video.events.drain(..).for_each(|event| self.tell(event, out));
        self.video = Some(video);
    }
}
