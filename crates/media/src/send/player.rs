//! Plays what the application enqueues: spans of any length one after another, exact to the sample, a frame a tick.
//!
//! This is the media thread's end, pure: told at each tick where the stream is. It owns no memory of the application's:
//! the spans are shared, and the application's end holds them until it has read what became of them.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::control::{Now, SendControl};
use super::fade::{fade_in, fade_len, fade_out};
use crate::audio::opus::{RTP_CLOCK, RTP_TICKS_PER_FRAME};
use crate::audio::source::{Sound, SoundError};
use crate::event::{MarkId, MediaEvent};
use crate::frame::AudioFormat;
use crate::orders::{OrderReader, OrderWriter, order_ring};
use crate::time::RtpTime;

/// Orders that a player holds: spans, live spans and marks that are not answered yet.
pub(crate) const ORDERS: usize = 256;

/// PCM to be played: mono, at the socket's rate, of any length. Cloning it shares the samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioSpan(Arc<[i16]>);

impl AudioSpan {
    /// `sound`, brought to the rate of `format`.
    ///
    /// # Errors
    /// When its rate cannot be converted.
    pub fn of(sound: &Sound, format: AudioFormat) -> Result<Self, SoundError> {
        Ok(sound.resampled(format.sample_rate())?.samples().into())
    }

    /// The samples.
    pub fn samples(&self) -> &[i16] {
        &self.0
    }
}

impl From<Arc<[i16]>> for AudioSpan {
    fn from(samples: Arc<[i16]>) -> Self {
        Self(samples)
    }
}

impl From<Vec<i16>> for AudioSpan {
    fn from(samples: Vec<i16>) -> Self {
        Self(samples.into())
    }
}

impl From<&[i16]> for AudioSpan {
    fn from(samples: &[i16]) -> Self {
        Self(samples.into())
    }
}

/// What became of what was enqueued.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Playout {
    /// All of it was sent.
    Sent {
        /// The RTP time of its first sample, and that behind its last. Pauses and tones in between count.
        rtp: Range<RtpTime>,
    },
    /// It was cleared while it played, or the session ended.
    PlayedInPart {
        /// The RTP time of its first sample, and that behind the last one that was sent.
        rtp: Range<RtpTime>,
        /// How many of its samples were sent: what the far end may have heard.
        up_to_sample: usize,
    },
    /// None of it was sent.
    Cancelled,
}

/// What a player is told to do.
#[derive(Clone, Debug)]
pub(crate) struct PlayerOrder {
    /// How often speech had been cleared when it was given.
    pub(crate) clears: u64,
    pub(crate) what: Play,
}

#[derive(Clone, Debug)]
pub(crate) enum Play {
    Span(AudioSpan),
    /// The frames of the plain socket, until something else is enqueued and no frame waits.
    Live,
    Mark(MarkId),
}

/// Gives orders to a [`Player`].
pub(crate) type PlayerWriter = OrderWriter<PlayerOrder, Playout>;

/// Makes the two ends of a player for `format` that says so when fewer than `low_water` samples remain.
pub(crate) fn player_queue(
    format: AudioFormat,
    low_water: u64,
    control: Arc<SendControl>,
) -> (PlayerWriter, Player) {
    let (writer, orders) = order_ring(ORDERS);
    let player = Player {
        format,
        orders,
        clears: control.clears(),
        control,
        current: None,
        next: None,
        paused: false,
        fade_in: false,
        low_water,
        above_low_water: false,
        playing: false,
        answered: false,
    };
    (writer, player)
}

/// What a player is told of a tick.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick {
    /// The RTP time of its first sample.
    pub(crate) time: RtpTime,
    pub(crate) now: Now,
    /// The plain socket has frames.
    pub(crate) socket_waits: bool,
}

/// Who has a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The player: the frame is filled.
    Player,
    /// The plain socket.
    Socket,
    /// Nobody: speech is paused.
    Nobody,
}

/// What is being played.
struct Current {
    order: PlayerOrder,
    /// The RTP time of its first sample, and that behind the last one that was played.
    rtp: Range<RtpTime>,
    /// Samples that were played.
    at: usize,
}

/// The media thread's end of a player.
pub(crate) struct Player {
    format: AudioFormat,
    orders: OrderReader<PlayerOrder, Playout>,
    control: Arc<SendControl>,
    clears: u64,
    current: Option<Current>,
    /// Taken from the queue while speech was paused, and not begun.
    next: Option<PlayerOrder>,
    paused: bool,
    /// The next samples come after a pause.
    fade_in: bool,
    low_water: u64,
    above_low_water: bool,
    /// Something was played since the queue was last empty.
    playing: bool,
    answered: bool,
}

impl Player {
    /// Whether anything was answered since this was last asked.
    pub(crate) fn take_answered(&mut self) -> bool {
        std::mem::take(&mut self.answered)
    }

    /// Fills `frame` from sample `from` on with what is due at `tick`. What happened is pushed to `events`, at most
    /// [`ORDERS`] and two more.
    pub(crate) fn tick(
        &mut self,
        frame: &mut [i16],
        from: usize,
        tick: Tick,
        events: &mut VecDeque<MediaEvent>,
    ) -> Turn {
        let mut filled = from;
        let Tick { time, now: Now { clears, paused }, .. } = tick;
        self.above_low_water |= self.control.remaining() > self.low_water;
        // Who has just cleared the queue knows that little is left.
        self.above_low_water &= clears == self.clears;
        self.clears = clears;
        let was_paused = std::mem::replace(&mut self.paused, paused);
        self.fade_in |= was_paused;
        let stale = self.current.as_ref().is_some_and(|current| current.order.clears < self.clears);
        if stale || self.paused {
            if !stale && !was_paused {
                filled += self.fade_out(&mut frame[filled..], time, filled);
            }
            if stale {
                self.cut();
            }
        }
        let turn = if self.paused { self.drop_stale() } else { self.play(frame, &mut filled, tick, events) };
        self.tell_depth(events);
        if filled > from {
            frame[filled..].fill(0);
            return Turn::Player;
        }
        turn
    }

    /// Plays until the frame is full or nothing more can be in it.
    fn play(
        &mut self,
        frame: &mut [i16],
        filled: &mut usize,
        Tick { time, socket_waits, .. }: Tick,
        events: &mut VecDeque<MediaEvent>,
    ) -> Turn {
        while *filled < frame.len() {
            if self.current.is_none() && !self.begin(self.place(time, *filled), events) {
                return Turn::Socket;
            }
            let Some(current) = &mut self.current else { return Turn::Socket };
            let Play::Span(span) = &current.order.what else {
                if socket_waits || self.orders.queued() == 0 {
                    self.fade_in = false;
                    return Turn::Socket;
                }
                self.finish();
                continue;
            };
            let rest = &span.samples()[current.at..];
            let count = rest.len().min(frame.len() - *filled);
            let part = &mut frame[*filled..*filled + count];
            part.copy_from_slice(&rest[..count]);
            if std::mem::take(&mut self.fade_in) && current.at > 0 {
                fade_in(&mut part[..count.min(fade_len(self.format.sample_rate()))]);
            }
            self.advance(count, filled, time);
        }
        Turn::Player
    }

    /// Fades what is being played out at the front of `frame`; returns how many samples that took.
    fn fade_out(&mut self, frame: &mut [i16], time: RtpTime, before: usize) -> usize {
        let Some(Current { order: PlayerOrder { what: Play::Span(span), .. }, at: at @ 1.., .. }) =
            &self.current
        else {
            return 0;
        };
        let rest = &span.samples()[*at..];
        let count = rest.len().min(fade_len(self.format.sample_rate())).min(frame.len());
        frame[..count].copy_from_slice(&rest[..count]);
        fade_out(&mut frame[..count]);
        let mut filled = before;
        self.advance(count, &mut filled, time);
        count
    }

    /// Takes note that `count` more samples of the present span are in the frame.
    fn advance(&mut self, count: usize, filled: &mut usize, time: RtpTime) {
        *filled += count;
        self.control.take_remaining(count);
        self.playing = true;
        let end = self.place(time, *filled);
        if let Some(current) = &mut self.current {
            current.at += count;
            current.rtp.end = end;
            if matches!(&current.order.what, Play::Span(span) if current.at == span.samples().len()) {
                self.finish();
            }
        }
    }

    /// Takes note that the frame at `time` was the socket's, if it is the socket's turn among what was enqueued.
    pub(crate) fn has_spoken_live(&mut self, time: RtpTime) {
        if let Some(current @ Current { order: PlayerOrder { what: Play::Live, .. }, .. }) = &mut self.current
        {
            current.at += self.format.samples_per_frame();
            current.rtp.end = time.plus(RTP_TICKS_PER_FRAME);
            self.playing = true;
        }
    }

    /// Begins what comes next; `false` when nothing does. Marks that stand before it are reached.
    fn begin(&mut self, time: RtpTime, events: &mut VecDeque<MediaEvent>) -> bool {
        while let Some(order) = self.next.take().or_else(|| self.orders.take()) {
            if order.clears < self.clears {
                self.cancel(&order);
            } else if let Play::Mark(id) = order.what {
                events.push_back(MediaEvent::MarkReached { id });
                self.answer(Playout::Sent { rtp: time..time });
            } else {
                self.current = Some(Current { order, rtp: time..time, at: 0 });
                return true;
            }
        }
        false
    }

    /// While speech is paused: what was cleared does not wait for it to go on.
    fn drop_stale(&mut self) -> Turn {
        while self.current.is_none() {
            let Some(order) = self.next.take().or_else(|| self.orders.take()) else { break };
            if order.clears >= self.clears {
                self.next = Some(order);
                break;
            }
            self.cancel(&order);
        }
        Turn::Nobody
    }

    fn finish(&mut self) {
        if let Some(current) = self.current.take() {
            self.answer(Playout::Sent { rtp: current.rtp });
        }
    }

    /// Ends what is being played before its end.
    fn cut(&mut self) {
        let Some(current) = self.current.take() else { return };
        if current.at == 0 {
            return self.cancel(&current.order);
        }
        if let Play::Span(span) = &current.order.what {
            self.control.take_remaining(span.samples().len() - current.at);
        }
        self.answer(Playout::PlayedInPart { rtp: current.rtp, up_to_sample: current.at });
    }

    fn cancel(&mut self, order: &PlayerOrder) {
        if let Play::Span(span) = &order.what {
            self.control.take_remaining(span.samples().len());
        }
        self.answer(Playout::Cancelled);
    }

    fn answer(&mut self, playout: Playout) {
        self.orders.answer(playout);
        self.answered = true;
    }

    /// Answers all that there is and takes no more: the session is over.
    pub(crate) fn end(&mut self) {
        self.orders.close();
        self.cut();
        while let Some(order) = self.next.take().or_else(|| self.orders.take()) {
            self.cancel(&order);
        }
        self.answered = true;
    }

    /// Says when little is left, and when nothing is.
    fn tell_depth(&mut self, events: &mut VecDeque<MediaEvent>) {
        let remaining = self.control.remaining();
        if remaining <= self.low_water && std::mem::take(&mut self.above_low_water) {
            let remaining = self.format.sample_rate().duration_of(remaining);
            events.push_back(MediaEvent::LowOnFrames { remaining });
        }
        if self.playing && self.current.is_none() && self.next.is_none() && self.orders.queued() == 0 {
            self.playing = false;
            events.push_back(MediaEvent::QueueDrained);
        }
    }

    /// The RTP time of sample `sample` of a frame that begins at `time`.
    fn place(&self, time: RtpTime, sample: usize) -> RtpTime {
        let ticks_per_sample = RTP_CLOCK / self.format.sample_rate().get();
        time.plus(u32::try_from(sample).unwrap_or(u32::MAX).saturating_mul(ticks_per_sample))
    }
}

#[cfg(test)]
mod tests;
