//! Whose speech a tick carries: the player's first, then the plain socket's.

use std::collections::VecDeque;
use std::sync::Arc;

use super::control::SendControl;
use super::fade::{fade_len, fade_out};
use super::player::{Player, Tick, Turn};
use crate::event::MediaEvent;
use crate::frame::{AudioFormat, AudioFrame};
use crate::ring::RingReader;
use crate::time::{MediaInstant, RtpTime};

/// A pause of at most this many ticks was not meant: the application was late (an underrun).
const UNDERRUN_TICKS: u32 = 10;

/// How the plain socket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    /// Nothing to say, for this many ticks; `None` when the pause was meant, or nothing was ever said.
    Paused {
        ticks: Option<u32>,
    },
    /// Frames wait, and are held for this many ticks more.
    Leading {
        ticks: u32,
        after: Option<u32>,
    },
    Speaking,
}

/// A frame to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    /// When the application gave it, where it gave it as a frame.
    pub(crate) ring_in: Option<MediaInstant>,
    /// The application had begun to speak, and was late with it.
    pub(crate) after_underrun: bool,
}

/// Takes a frame a tick from whoever has the turn.
pub(crate) struct Source {
    pub(crate) player: Option<Player>,
    control: Arc<SendControl>,
    fade_len: usize,
    lead_ticks: u32,
    speech: Speech,
    clears: u64,
    paused: bool,
    /// The sample that was sent last; zero after a pause.
    last: i16,
}

impl Source {
    pub(crate) fn new(format: AudioFormat, lead_ticks: u32, control: Arc<SendControl>) -> Self {
        Self {
            player: None,
            clears: control.clears(),
            control,
            fade_len: fade_len(format.sample_rate()),
            lead_ticks,
            speech: Speech::Paused { ticks: None },
            paused: false,
            last: 0,
        }
    }

    /// Fills `pcm` with what is due at a tick whose first sample is at `time`; `None` when nothing is.
    pub(crate) fn tick(
        &mut self,
        pcm: &mut [i16],
        time: RtpTime,
        frames: &mut RingReader<AudioFrame>,
        events: &mut VecDeque<MediaEvent>,
    ) -> Option<Due> {
        let due = self.fill(pcm, time, frames, events);
        self.last = due.and(pcm.last().copied()).unwrap_or(0);
        due
    }

    fn fill(
        &mut self,
        pcm: &mut [i16],
        time: RtpTime,
        frames: &mut RingReader<AudioFrame>,
        events: &mut VecDeque<MediaEvent>,
    ) -> Option<Due> {
        let now = self.control.now();
        let faded = self.discard(now.clears, pcm, frames);
        let waiting = frames.queued();
        let turn = match &mut self.player {
            Some(player) => player.tick(pcm, faded, Tick { time, now, socket_waits: waiting > 0 }, events),
            None if now.paused => Turn::Nobody,
            None => Turn::Socket,
        };
        let pausing = now.paused && !std::mem::replace(&mut self.paused, now.paused);
        if turn == Turn::Player {
            self.hold(waiting);
            return Some(Due::default());
        }
        if faded > 0 {
            pcm[faded..].fill(0);
            return Some(Due::default());
        }
        let pausing = pausing && self.speech == Speech::Speaking;
        if turn == Turn::Nobody && !pausing {
            self.hold(waiting);
            return None;
        }
        let due = self.take(pcm, frames)?;
        if pausing {
            let end = pcm.len() - self.fade_len.min(pcm.len());
            fade_out(&mut pcm[end..]);
            self.speech = Speech::Paused { ticks: None };
        }
        if let Some(player) = &mut self.player {
            player.has_spoken_live(time);
        }
        Some(due)
    }

    /// Drops the frames that were given before speech was last cleared. What was being said falls silent from its last
    /// sample on, at the front of `pcm`; returns how many samples that took.
    ///
    /// No sample that was cleared is in it: a frame may be on its way to the wire while the application clears, and it
    /// stays the only one.
    fn discard(&mut self, clears: u64, pcm: &mut [i16], frames: &mut RingReader<AudioFrame>) -> usize {
        if std::mem::replace(&mut self.clears, clears) == clears {
            return 0;
        }
        while frames.peek().is_some_and(|frame| frame.clears < clears) && frames.read().is_some() {
            self.speech = Speech::Paused { ticks: None };
        }
        if self.speech == Speech::Speaking {
            self.speech = Speech::Paused { ticks: None };
        }
        if self.last == 0 {
            return 0;
        }
        let tail = &mut pcm[..self.fade_len];
        tail.fill(self.last);
        fade_out(tail);
        tail.len()
    }

    /// The socket's frames wait for their turn. Those that do need no lead any more.
    fn hold(&mut self, waiting: usize) {
        let (ready, nothing) = (Speech::Leading { ticks: 0, after: None }, Speech::Paused { ticks: None });
        self.speech = if waiting > 0 { ready } else { nothing };
    }

    /// Takes the socket's next frame, if it is its time.
    fn take(&mut self, pcm: &mut [i16], frames: &mut RingReader<AudioFrame>) -> Option<Due> {
        let after_underrun = self.begin(frames.queued())?;
        let Some(frame) = frames.read() else {
            self.speech = Speech::Paused { ticks: Some(0) };
            return None;
        };
        pcm.copy_from_slice(frame.samples());
        Some(Due { ring_in: Some(frame.stages.ring_in), after_underrun })
    }

    /// Whether the socket speaks at this tick, and whether it should have before.
    fn begin(&mut self, queued: usize) -> Option<bool> {
        if let Speech::Paused { ticks } = self.speech {
            let after = ticks.map(|ticks| ticks.saturating_add(1));
            if queued == 0 {
                self.speech = Speech::Paused { ticks: after };
                return None;
            }
            self.speech = Speech::Leading { ticks: self.lead_ticks, after };
        }
        let Speech::Leading { ticks, after } = self.speech else { return Some(false) };
        if ticks > 0 {
            self.speech = Speech::Leading { ticks: ticks - 1, after };
            return None;
        }
        self.speech = Speech::Speaking;
        Some(after.is_some_and(|ticks| ticks <= UNDERRUN_TICKS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::frame_ring;
    use crate::send::player::player_queue;

    const FORMAT: AudioFormat = AudioFormat::Pcm16K;

    #[test]
    fn what_is_cleared_falls_silent_within_five_milliseconds_without_a_sample_of_it() {
        let control = Arc::new(SendControl::default());
        let mut source = Source::new(FORMAT, 0, Arc::clone(&control));
        source.player = Some(player_queue(FORMAT, 0, Arc::clone(&control)).1);
        let frame = || AudioFrame::silent(FORMAT, MediaInstant::ZERO);
        let (mut say, mut frames) = frame_ring(5, frame);
        (0..3).for_each(|loud| assert!(say.write(|frame| frame.samples_mut().fill(9_000 + loud))));
        let (mut pcm, mut events) = ([0; 320], VecDeque::new());
        assert!(source.tick(&mut pcm, RtpTime(0), &mut frames, &mut events).is_some());
        assert_eq!(pcm, [9_000; 320]);
        control.clear();
        assert!(source.tick(&mut pcm, RtpTime(960), &mut frames, &mut events).is_some());
        let (fade, silence) = pcm.split_at(80);
        assert!(fade.is_sorted_by(|one, next| one > next) && fade[0] < 9_000, "{fade:?}");
        assert_eq!(silence, [0; 240]);
        assert_eq!(source.tick(&mut pcm, RtpTime(1_920), &mut frames, &mut events), None);
    }
}
