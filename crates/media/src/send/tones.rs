//! Sends tones as telephone events (RFC 4733): one packet a tick at most, with the durations and gaps that were asked for.

use crate::audio::opus::RTP_TICKS_PER_FRAME;
use crate::orders::{OrderReader, OrderWriter, order_ring};
use crate::time::RtpTime;
use crate::tones::{LONGEST_SEGMENT, TelephoneEvent, Tone, ToneSettings, ticks};

/// Tones that can wait: more than any number that is dialled.
const TONES: usize = 64;

/// How often the end of a tone is said, so that it survives loss (RFC 4733 section 2.5.1.4).
const ENDS: u8 = 3;

/// A tone to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ToneOrder {
    pub(crate) tone: Tone,
    pub(crate) settings: ToneSettings,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToneAnswer {
    /// It was sent, and its end three times.
    Sent,
    /// The peer understands no telephone events.
    Refused,
}

/// Gives tones to a [`ToneSender`].
pub(crate) type ToneWriter = OrderWriter<ToneOrder, ToneAnswer>;

/// Makes the two ends for tones.
pub(crate) fn tone_queue() -> (ToneWriter, ToneSender) {
    let (writer, orders) = order_ring(TONES);
    (writer, ToneSender { orders, agreed: false, sounding: None, free_from: None, answered: false })
}

/// A packet of a tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TonePacket {
    /// When the tone, or its present segment, began.
    pub(crate) sender_time: RtpTime,
    /// The first packet of a tone.
    pub(crate) marker: bool,
    pub(crate) payload: [u8; TelephoneEvent::LEN],
}

/// What a tick holds for the rest of the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToneTurn {
    /// A packet of a tone, and no audio.
    Packet(TonePacket),
    /// A gap between two tones, and no audio.
    Gap,
    /// No tone: audio has the tick.
    Free,
}

/// The tone that is being sent.
#[derive(Clone, Copy, Debug)]
struct Sounding {
    order: ToneOrder,
    /// When its present segment began.
    segment: RtpTime,
    /// Ticks of the whole tone that lie before that.
    before: u32,
    begun: bool,
    ends_said: u8,
}

/// The media thread's end.
pub(crate) struct ToneSender {
    orders: OrderReader<ToneOrder, ToneAnswer>,
    agreed: bool,
    sounding: Option<Sounding>,
    /// The earliest RTP time at which the next tone may begin.
    free_from: Option<RtpTime>,
    answered: bool,
}

impl ToneSender {
    /// Whether the peer understands telephone events.
    pub(crate) fn agree(&mut self, agreed: bool) {
        self.agreed = agreed;
    }

    /// Whether anything was answered since this was last asked.
    pub(crate) fn take_answered(&mut self) -> bool {
        std::mem::take(&mut self.answered)
    }

    /// Takes no more tones: the session is over. What waits is never answered, which its giver learns by the end.
    pub(crate) fn end(&mut self) {
        self.sounding = None;
        self.orders.close();
        self.answered = true;
    }

    /// What is due at the tick whose audio would begin at `now`.
    pub(crate) fn tick(&mut self, now: RtpTime) -> ToneTurn {
        let horizon = now.plus(RTP_TICKS_PER_FRAME);
        if self.sounding.is_none() {
            let Some(order) = self.next_order() else {
                self.free_from = self.free_from.filter(|free| free.since(now) > 0);
                return ToneTurn::Free;
            };
            // It may lie a little back: the ends of the tone before had the tick, and its gap is to be exact.
            let segment = self.free_from.take().unwrap_or(now);
            self.sounding = Some(Sounding { order, segment, before: 0, begun: false, ends_said: 0 });
        }
        let Some(tone) = &mut self.sounding else { return ToneTurn::Free };
        let Ok(elapsed @ 1..) = u32::try_from(horizon.since(tone.segment)) else { return ToneTurn::Gap };
        let left = ticks(tone.order.settings.duration) - tone.before;
        let last_segment = left <= LONGEST_SEGMENT;
        let duration = elapsed.min(left).min(LONGEST_SEGMENT);
        let end = last_segment && duration == left;
        let packet = TonePacket {
            sender_time: tone.segment,
            marker: !std::mem::replace(&mut tone.begun, true),
            payload: TelephoneEvent {
                code: tone.order.tone.code(),
                end,
                volume: tone.order.settings.volume,
                duration: u16::try_from(duration).unwrap_or(u16::MAX),
            }
            .bytes(),
        };
        if !last_segment && duration == LONGEST_SEGMENT {
            tone.segment = tone.segment.plus(LONGEST_SEGMENT);
            tone.before += LONGEST_SEGMENT;
        }
        tone.ends_said += u8::from(end);
        if tone.ends_said == ENDS {
            self.free_from = Some(tone.segment.plus(left).plus(ticks(tone.order.settings.gap)));
            self.sounding = None;
            self.answer(ToneAnswer::Sent);
        }
        ToneTurn::Packet(packet)
    }

    /// The next tone, if the peer understands any.
    fn next_order(&mut self) -> Option<ToneOrder> {
        while let Some(order) = self.orders.take() {
            if self.agreed {
                return Some(order);
            }
            self.answer(ToneAnswer::Refused);
        }
        None
    }

    fn answer(&mut self, answer: ToneAnswer) {
        self.orders.answer(answer);
        self.answered = true;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::time::MediaInstant;
    use crate::tones::ToneReceiver;
    use crate::units::Ssrc;

    const START: RtpTime = RtpTime(u32::MAX - 1_000);

    /// What is sent at each of `count` ticks for `keys`.
    fn send(keys: &str, settings: ToneSettings, count: u32) -> Vec<ToneTurn> {
        let (mut writer, mut sender) = tone_queue();
        sender.agree(true);
        for key in keys.chars() {
            assert!(writer.give(ToneOrder { tone: key.to_string().parse().unwrap(), settings }));
        }
        (0..count).map(|tick| sender.tick(START.plus(tick * RTP_TICKS_PER_FRAME))).collect()
    }

    fn packets(turns: &[ToneTurn]) -> Vec<(u32, bool, TelephoneEvent)> {
        let packets = turns.iter().filter_map(|turn| match turn {
            ToneTurn::Packet(packet) => Some(packet),
            _ => None,
        });
        packets
            .map(|packet| {
                let event = TelephoneEvent::read(&packet.payload).unwrap();
                (packet.sender_time.since(START).cast_unsigned(), packet.marker, event)
            })
            .collect()
    }

    #[test]
    fn a_tone_grows_each_tick_and_says_its_end_three_times() {
        let turns = send("7", ToneSettings::default(), 9);
        let packets = packets(&turns);
        assert!(packets.iter().all(|&(time, _, event)| time == 0 && event.code == 7 && event.volume == 10));
        let durations: Vec<_> = packets.iter().map(|(_, _, event)| event.duration).collect();
        assert_eq!(durations, [960, 1_920, 2_880, 3_840, 4_800, 4_800, 4_800]);
        let ends: Vec<_> = packets.iter().map(|(_, _, event)| event.end).collect();
        assert_eq!(ends, [false, false, false, false, true, true, true]);
        let markers: Vec<_> = packets.iter().map(|(_, marker, _)| *marker).collect();
        assert_eq!(markers, [true, false, false, false, false, false, false]);
        assert_eq!(turns[7..], [ToneTurn::Free; 2], "audio goes on");
    }

    #[test]
    fn durations_and_gaps_are_exact_though_they_are_no_whole_frames() {
        let settings = ToneSettings::default();
        let settings = settings.duration(Duration::from_millis(73)).gap(Duration::from_millis(41));
        let turns = send("12#", settings, 40);
        let ends: Vec<_> = packets(&turns).into_iter().filter(|(_, _, event)| event.end).collect();
        let times: Vec<_> = ends.iter().map(|(time, _, event)| (*time, event.duration)).collect();
        let (length, step) = (73 * 48, (73 + 41) * 48);
        let expected: Vec<_> = (0..3_u32).flat_map(|tone| [(tone * step, length as u16); 3]).collect();
        assert_eq!(times, expected);
        let last = turns.iter().rposition(|turn| matches!(turn, ToneTurn::Packet(_))).unwrap();
        assert!(!turns[..last].contains(&ToneTurn::Free), "no audio between two tones");
        let far_apart = send("12", settings.gap(Duration::from_millis(500)), 40);
        assert!(far_apart.contains(&ToneTurn::Gap));
    }

    #[test]
    fn a_tone_longer_than_a_segment_goes_on_in_the_next_one() {
        let settings = ToneSettings::default().duration(Duration::from_secs(3));
        let turns = send("a", settings, 160);
        let packets = packets(&turns);
        let starts: std::collections::BTreeSet<_> = packets.iter().map(|(time, _, _)| *time).collect();
        assert_eq!(starts.into_iter().collect::<Vec<_>>(), [0, 0xffff, 2 * 0xffff]);
        assert_eq!(packets.iter().filter(|(_, marker, _)| *marker).count(), 1);
        assert_eq!(packets.iter().filter(|(_, _, event)| event.end).count(), 3);
        let mut receiver = ToneReceiver::default();
        let heard: Vec<_> = packets
            .iter()
            .flat_map(|(time, _, event)| {
                receiver.receive(Ssrc(1), START.plus(*time), &event.bytes(), MediaInstant::ZERO)
            })
            .collect();
        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].duration, Duration::from_secs(3), "as our own receiver hears it");
    }

    #[test]
    fn a_peer_without_telephone_events_gets_none_and_the_giver_learns_it() {
        let (mut writer, mut sender) = tone_queue();
        writer.give(ToneOrder { tone: Tone::Star, settings: ToneSettings::default() });
        assert_eq!(sender.tick(START), ToneTurn::Free);
        assert!(sender.take_answered());
        assert_eq!(writer.next_answer(), Some(ToneAnswer::Refused));
    }

    #[test]
    fn each_tone_is_answered_once_it_is_sent() {
        let (mut writer, mut sender) = tone_queue();
        sender.agree(true);
        writer.give(ToneOrder { tone: Tone::Star, settings: ToneSettings::default() });
        for tick in 0..7 {
            assert_eq!(writer.next_answer(), None);
            sender.tick(START.plus(tick * RTP_TICKS_PER_FRAME));
        }
        assert_eq!(writer.next_answer(), Some(ToneAnswer::Sent));
    }
}
