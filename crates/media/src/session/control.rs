//! Who is to be seen where: what the application asks of the far end, and what comes back (`docs/blob-profile.md`).

use std::sync::{Mutex, PoisonError};

use super::transport::Transport;
use super::{Outbox, Session};
use crate::blob::SocketId;
use crate::control::{BotMessage, Malformed, Reason, ServiceMessage, VideoResolution, read, sources, write};
use crate::event::{MediaEvent, SubscriptionRefusal};
use crate::orders::{OrderReader, OrderWriter, order_ring};
use crate::time::MediaInstant;
use crate::units::MediaSourceId;
use crate::video::BitRate;

/// Orders that wait for the media thread, which takes them at each tick of a session that is connected.
const ORDERS: usize = 64;

/// What the application wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ControlOrder {
    Subscribe {
        socket: SocketId,
        source: MediaSourceId,
        resolution: VideoResolution,
    },
    Unsubscribe {
        socket: SocketId,
    },
    /// Of all video that comes; zero: no limit.
    LimitReceiving(BitRate),
    /// Of all video that is sent; zero: no limit but that of the settings.
    LimitSending(BitRate),
}

/// Why an order was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// Only the end that made the offer has a far end that shows it whom it wants.
    #[error("the session was not offered by this end, so there is nobody to ask")]
    NotOffered,
    /// A session without video sockets has nothing to order.
    #[error("the session has no video sockets")]
    NoVideo,
    /// 64 orders wait. They are taken every 20 ms, from when the session is connected.
    #[error("too many orders wait for the session to take them")]
    Full,
    /// The session is over.
    #[error("the session is over")]
    Closed,
}

/// The two ends of what is ordered; `is_offered`: this end made the offer.
pub(crate) fn control_queue(is_offered: bool) -> (ControlDesk, ControlPath) {
    let (writer, orders) = order_ring(ORDERS);
    let desk = ControlDesk { writer: Mutex::new(writer), is_offered };
    let path = ControlPath { orders, is_offered, asked: Vec::new(), own_limit: None, peer_limit: None };
    (desk, path)
}

/// The application's end. Locks, and so is never met by a media thread.
pub(crate) struct ControlDesk {
    writer: Mutex<OrderWriter<ControlOrder, ()>>,
    is_offered: bool,
}

impl ControlDesk {
    /// Gives an order. What the far end makes of it is told by events.
    pub(crate) fn give(&self, order: ControlOrder) -> Result<(), ControlError> {
        if !self.is_offered && !matches!(order, ControlOrder::LimitSending(_)) {
            return Err(ControlError::NotOffered);
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.read_answers(|()| ()) {
            return Err(ControlError::Closed);
        }
        if writer.give(order) { Ok(()) } else { Err(ControlError::Full) }
    }
}

/// What a message of the far end asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    /// To tell the application.
    Event(MediaEvent),
    /// To answer.
    Answer(Vec<u8>),
    /// To send no more than that, all video together; nothing for no limit.
    Limit(Option<BitRate>),
    /// Nothing that is known here.
    Nothing,
}

/// The worker's end.
pub(crate) struct ControlPath {
    orders: OrderReader<ControlOrder, ()>,
    is_offered: bool,
    /// Sockets, and who was asked for, until the far end has answered.
    asked: Vec<(SocketId, MediaSourceId)>,
    /// What is to be sent at the most, as the application and as the far end has it.
    own_limit: Option<BitRate>,
    peer_limit: Option<BitRate>,
}

impl ControlPath {
    /// The next order.
    pub(super) fn next(&mut self) -> Option<ControlOrder> {
        let order = self.orders.take()?;
        self.orders.answer(());
        if let ControlOrder::Subscribe { socket, source, .. } = order {
            self.asked.retain(|(known, _)| *known != socket);
            self.asked.push((socket, source));
        }
        Some(order)
    }

    /// What the far end has said.
    pub(super) fn hear(&mut self, text: &[u8]) -> Result<Heard, Malformed> {
        if self.is_offered { read(text).map(|said| self.on_service(said)) } else { read(text).map(on_bot) }
    }

    fn on_service(&mut self, said: ServiceMessage) -> Heard {
        Heard::Event(match said {
            ServiceMessage::Subscribed { socket, source } => {
                let (socket, source) = self.settle(socket, source);
                MediaEvent::Subscribed { socket, source }
            }
            ServiceMessage::Refused { socket, source, reason } => {
                let (socket, source) = self.settle(socket, source);
                MediaEvent::SubscriptionRefused { socket, source, reason: reason.into() }
            }
            ServiceMessage::Sources { video, screen } => {
                MediaEvent::VideoSourcesChanged { video: sources(&video), screen: sources(&screen) }
            }
            ServiceMessage::DominantSpeaker { source } => {
                MediaEvent::ServiceDominantSpeakerChanged { source: source.map(MediaSourceId) }
            }
            ServiceMessage::Unknown => return Heard::Nothing,
        })
    }

    /// That was answered.
    fn settle(&mut self, socket: u32, source: u32) -> (SocketId, MediaSourceId) {
        let settled = (SocketId(socket), MediaSourceId(source));
        self.asked.retain(|asked| *asked != settled);
        settled
    }

    /// What may be sent at the most, by both ends.
    fn send_limit(&self) -> Option<BitRate> {
        self.own_limit.into_iter().chain(self.peer_limit).min()
    }

    /// An order that cannot be passed on.
    fn give_up(&mut self, order: ControlOrder) -> Option<MediaEvent> {
        let ControlOrder::Subscribe { socket, source, .. } = order else { return None };
        self.asked.retain(|asked| *asked != (socket, source));
        Some(unavailable(socket, source))
    }

    /// The far end cannot be asked: an answer to what is open, oldest first.
    pub(super) fn refuse(&mut self) -> Option<MediaEvent> {
        let (socket, source) = (!self.asked.is_empty()).then(|| self.asked.remove(0))?;
        Some(unavailable(socket, source))
    }
}

fn unavailable(socket: SocketId, source: MediaSourceId) -> MediaEvent {
    MediaEvent::SubscriptionRefused { socket, source, reason: SubscriptionRefusal::Unavailable }
}

/// This end shows what its application sends, and has nobody else to show.
fn on_bot(said: BotMessage) -> Heard {
    match said {
        BotMessage::Subscribe { socket, source, .. } => {
            Heard::Answer(write(&ServiceMessage::Refused { socket, source, reason: Reason::UnknownSource }))
        }
        BotMessage::ReceiveBandwidth { bits_per_second } => {
            Heard::Limit(limit(BitRate::from_bits_per_second(bits_per_second)))
        }
        BotMessage::Unsubscribe { .. } | BotMessage::Unknown => Heard::Nothing,
    }
}

/// Zero is none.
fn limit(rate: BitRate) -> Option<BitRate> {
    Some(rate).filter(|rate| *rate > BitRate::default())
}

/// What the far end is told of an order; nothing of those that are ours to keep.
pub(super) fn text_of(order: ControlOrder) -> Option<Vec<u8>> {
    Some(write(&match order {
        ControlOrder::Subscribe { socket: SocketId(socket), source: MediaSourceId(source), resolution } => {
            let size = resolution.size();
            BotMessage::Subscribe { socket, source, width: size.width, height: size.height }
        }
        ControlOrder::Unsubscribe { socket: SocketId(socket) } => BotMessage::Unsubscribe { socket },
        ControlOrder::LimitReceiving(limit) => {
            BotMessage::ReceiveBandwidth { bits_per_second: limit.bits_per_second() }
        }
        ControlOrder::LimitSending(_) => return None,
    }))
}

impl<T: Transport> Session<T> {
    /// Lets the application order who is to be seen.
    pub(crate) fn with_control(mut self, path: ControlPath) -> Self {
        self.control = Some(path);
        self
    }

    /// Passes on what the application has ordered; returns whether there is something to send.
    pub(super) fn pass_orders(&mut self, now: MediaInstant, out: &mut Outbox) -> bool {
        let mut sent = false;
        while let Some(control) = &mut self.control
            && let Some(order) = control.next()
        {
            if let ControlOrder::LimitSending(rate) = order {
                control.own_limit = limit(rate);
                let most = control.send_limit();
                self.limit_video(most, now);
                continue;
            }
            let Some(text) = text_of(order) else { continue };
            if self.transport.send_control(now, text).is_ok() {
                sent = true;
            } else if let Some(event) = control.give_up(order) {
                self.tell(event, out);
            }
        }
        sent
    }

    /// Takes what the far end has said.
    pub(super) fn hear_control(&mut self, now: MediaInstant, out: &mut Outbox) {
        while let Some(text) = self.transport.poll_control() {
            let Some(control) = &mut self.control else { continue };
            match control.hear(&text) {
                Ok(Heard::Event(event)) => self.tell(event, out),
                // A peer that asks faster than it reads gets no answer.
                Ok(Heard::Answer(text)) => drop(self.transport.send_control(now, text)),
                Ok(Heard::Limit(limit)) => {
                    control.peer_limit = limit;
                    let most = control.send_limit();
                    self.limit_video(most, now);
                }
                Ok(Heard::Nothing) => {}
                Err(Malformed) => self.shared.stats.counters.control_messages_malformed.add(1),
            }
        }
    }

    /// The far end can be asked no more.
    pub(super) fn lose_control(&mut self, out: &mut Outbox) {
        while let Some(event) = self.control.as_mut().and_then(ControlPath::refuse) {
            self.tell(event, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: ControlOrder = ControlOrder::Subscribe {
        socket: SocketId(1),
        source: MediaSourceId(7),
        resolution: VideoResolution::Hd720p,
    };

    fn refused(socket: u32, source: u32, reason: SubscriptionRefusal) -> MediaEvent {
        MediaEvent::SubscriptionRefused { socket: SocketId(socket), source: MediaSourceId(source), reason }
    }

    #[test]
    fn what_is_ordered_is_asked_for_and_the_answers_are_events() {
        let (desk, mut path) = control_queue(true);
        for order in [
            ORDER,
            ControlOrder::Unsubscribe { socket: SocketId(2) },
            ControlOrder::LimitReceiving(BitRate::from_kilobits_per_second(1500)),
            ControlOrder::LimitSending(BitRate::from_kilobits_per_second(1)),
        ] {
            desk.give(order).unwrap();
        }
        let asked: Vec<_> = std::iter::from_fn(|| path.next()).map(text_of).collect();
        let said = [
            Some(BotMessage::Subscribe { socket: 1, source: 7, width: 1280, height: 720 }),
            Some(BotMessage::Unsubscribe { socket: 2 }),
            Some(BotMessage::ReceiveBandwidth { bits_per_second: 1_500_000 }),
            None,
        ];
        assert_eq!(asked, said.map(|said| said.map(|said| write(&said))));
        for (answer, event) in [
            (
                r#"{"type":"refused","socket":1,"source":7,"reason":"notSending"}"#,
                refused(1, 7, SubscriptionRefusal::NotSending),
            ),
            (
                r#"{"type":"refused","socket":1,"source":7,"reason":"full"}"#,
                refused(1, 7, SubscriptionRefusal::Other),
            ),
            (
                r#"{"type":"subscribed","socket":1,"source":7}"#,
                MediaEvent::Subscribed { socket: SocketId(1), source: MediaSourceId(7) },
            ),
            (
                r#"{"type":"sources","video":[{"source":7},{"source":8}],"screen":[]}"#,
                MediaEvent::VideoSourcesChanged {
                    video: [7, 8].map(MediaSourceId).into_iter().collect(),
                    screen: std::iter::empty().collect(),
                },
            ),
            (
                r#"{"type":"dominantSpeaker","source":8}"#,
                MediaEvent::ServiceDominantSpeakerChanged { source: Some(MediaSourceId(8)) },
            ),
        ] {
            assert_eq!(path.hear(answer.as_bytes()), Ok(Heard::Event(event)), "{answer}");
        }
        assert_eq!(path.hear(br#"{"type":"applause"}"#), Ok(Heard::Nothing));
        assert_eq!(path.hear(b""), Err(Malformed));
    }

    #[test]
    fn what_was_asked_and_not_answered_is_refused_when_the_far_end_cannot_be_asked() {
        let (desk, mut path) = control_queue(true);
        let subscribe = |socket, source| ControlOrder::Subscribe {
            socket: SocketId(socket),
            source: MediaSourceId(source),
            resolution: VideoResolution::Sd360p,
        };
        for (socket, source) in [(1, 7), (2, 8), (1, 9), (3, 10)] {
            desk.give(subscribe(socket, source)).unwrap();
        }
        std::iter::from_fn(|| path.next()).for_each(drop);
        path.hear(br#"{"type":"subscribed","socket":3,"source":10}"#).unwrap();
        let events: Vec<_> = std::iter::from_fn(|| path.refuse()).collect();
        let unavailable = |socket, source| refused(socket, source, SubscriptionRefusal::Unavailable);
        assert_eq!(events, [unavailable(2, 8), unavailable(1, 9)], "once, the latest of each socket");
    }

    #[test]
    fn an_end_that_answered_asks_nobody_and_shows_nobody_else() {
        let (desk, mut path) = control_queue(false);
        assert_eq!(desk.give(ORDER), Err(ControlError::NotOffered));
        let limit = BitRate::from_kilobits_per_second(900);
        assert_eq!(desk.give(ControlOrder::LimitSending(limit)), Ok(()));
        let refusal = r#"{"type":"refused","socket":1,"source":7,"reason":"unknownSource"}"#;
        for (said, heard) in [
            (
                r#"{"type":"subscribe","socket":1,"source":7,"width":1,"height":1}"#,
                Heard::Answer(refusal.into()),
            ),
            (r#"{"type":"receiveBandwidth","bitsPerSecond":900000}"#, Heard::Limit(Some(limit))),
            (r#"{"type":"receiveBandwidth","bitsPerSecond":0}"#, Heard::Limit(None)),
            (r#"{"type":"unsubscribe","socket":1}"#, Heard::Nothing),
        ] {
            assert_eq!(path.hear(said.as_bytes()), Ok(heard), "{said}");
        }
    }

    #[test]
    fn the_lower_limit_of_both_ends_is_kept() {
        let (_, mut path) = control_queue(true);
        let kilobits = BitRate::from_kilobits_per_second;
        for (own, peer, lower) in [
            (None, None, None),
            (Some(kilobits(5)), None, Some(kilobits(5))),
            (Some(kilobits(5)), Some(kilobits(4)), Some(kilobits(4))),
            (None, Some(kilobits(4)), Some(kilobits(4))),
        ] {
            (path.own_limit, path.peer_limit) = (own, peer);
            assert_eq!(path.send_limit(), lower);
        }
        assert_eq!([limit(kilobits(0)), limit(kilobits(1))], [None, Some(kilobits(1))]);
    }

    #[test]
    fn orders_are_refused_when_too_many_wait_and_when_the_session_is_over() {
        let (desk, mut path) = control_queue(true);
        (0..ORDERS).for_each(|_| desk.give(ORDER).unwrap());
        assert_eq!(desk.give(ORDER), Err(ControlError::Full));
        assert_eq!(path.next(), Some(ORDER));
        assert_eq!(desk.give(ORDER), Ok(()));
        drop(path);
        assert_eq!(desk.give(ORDER), Err(ControlError::Closed));
    }
}
