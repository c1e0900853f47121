//! Two connections, or one and a hostile line, over a wire of the test's own and with its clock.
// Long because all of these stand on the two ends and the line between them.

mod control;
mod forged;
mod simulcast;
mod speakers;
mod video;

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::blob::MediaDirection;
use crate::rtp::{ActiveSpeaker, AudioLevel, Encoding};
use crate::session::transport::PeerReport;
use crate::time::RtpTime;
use crate::units::{MediaSourceId, Ssrc};
use crate::video::VideoCodec;
use crate::wire::rtp::NewHeader;

static IDENTITY: LazyLock<Identity> = LazyLock::new(|| Identity::new(epoch()).unwrap());

#[expect(
    clippy::disallowed_methods,
    reason = "ICE and DTLS count from some instant, and there is no other way to make one"
)]
fn epoch() -> Instant {
    Instant::now()
}

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// Two ends and the line between them.
struct Line {
    now: MediaInstant,
    ends: [Connection; 2],
    events: [Vec<TransportEvent>; 2],
    heard: [Vec<ReceivedAudio>; 2],
    seen: [Vec<ReceivedVideo>; 2],
    refused: usize,
    /// Which datagrams get lost, by their number.
    loses: fn(u32) -> bool,
    carried: u32,
    is_cut: bool,
    /// How often each end had to do something for ICE or DTLS.
    control_wakes: [u32; 2],
}

const OFFERING: usize = 0;
const ANSWERING: usize = 1;

impl Line {
    fn new(unmixed: u8) -> Self {
        Self::with(unmixed, |offer| offer, |answer| answer).unwrap()
    }

    /// With an answering end that sends as many speakers on sections of their own.
    fn sending(unmixed: u8, sent: u8) -> Self {
        Self::between((unmixed, sent), |offer| offer, |answer| answer).unwrap()
    }

    /// With what is changed in the descriptions on their way.
    fn with(
        unmixed: u8,
        change_offer: impl Fn(String) -> String,
        change_answer: impl Fn(String) -> String,
    ) -> Result<Self, TransportError> {
        Self::between((unmixed, 0), change_offer, change_answer)
    }

    fn between(
        speakers: (u8, u8),
        change_offer: impl Fn(String) -> String,
        change_answer: impl Fn(String) -> String,
    ) -> Result<Self, TransportError> {
        Self::showing(speakers, (&[], &[]), change_offer, change_answer)
    }

    /// With the video sections that one end offers and the other takes.
    fn showing(
        speakers: (u8, u8),
        sections: (&[VideoSection], &[VideoSection]),
        change_offer: impl Fn(String) -> String,
        change_answer: impl Fn(String) -> String,
    ) -> Result<Self, TransportError> {
        Self::carrying(speakers, sections, None, change_offer, change_answer)
    }

    /// And with a data section that both have.
    fn carrying(
        (unmixed, sent): (u8, u8),
        (offered, taken): (&[VideoSection], &[VideoSection]),
        data: Option<u32>,
        change_offer: impl Fn(String) -> String,
        change_answer: impl Fn(String) -> String,
    ) -> Result<Self, TransportError> {
        let now = MediaInstant::from_duration(Duration::from_secs(100));
        let sections = AudioSections { socket: 0, unmixed };
        let sent = AudioSections { socket: 0, unmixed: sent };
        let (mut offering, offer) =
            Connection::offer(&IDENTITY, now, address(1), (sections, offered.to_vec(), data))?;
        let taken = (sent, taken.to_vec(), data);
        let (answering, answer) =
            Connection::answer(&IDENTITY, now, address(2), taken, &change_offer(offer))?;
        offering.accept_answer(&IDENTITY, now, &change_answer(answer))?;
        Ok(Self {
            now,
            ends: [offering, answering],
            events: Default::default(),
            heard: Default::default(),
            seen: Default::default(),
            refused: 0,
            loses: |_| false,
            carried: 0,
            is_cut: false,
            control_wakes: [0; 2],
        })
    }

    /// Lets `span` pass in steps of a millisecond.
    fn pass(&mut self, span: Duration) {
        for _ in 0..span.as_millis() {
            self.now += Duration::from_millis(1);
            for end in [OFFERING, ANSWERING] {
                let control = self.ends[end].control_due;
                self.control_wakes[end] += u32::from(control.is_some_and(|due| due <= self.now));
                if self.ends[end].poll_deadline().is_some_and(|due| due <= self.now) {
                    let _ = self.ends[end].handle_timeout(self.now);
                }
            }
            self.carry();
        }
    }

    /// Carries all that waits.
    fn carry(&mut self) {
        loop {
            let mut is_quiet = true;
            for from in [OFFERING, ANSWERING] {
                while let Some(Transmit { to, datagram }) = self.ends[from].poll_transmit() {
                    let other = 1 - from;
                    assert_eq!(to, address(other as u16 + 1), "who is there");
                    self.carried += 1;
                    if !self.is_cut && !(self.loses)(self.carried) {
                        self.deliver(other, datagram);
                        is_quiet = false;
                    }
                }
                while let Some(event) = self.ends[from].poll_event() {
                    self.events[from].push(event);
                }
            }
            if is_quiet {
                return;
            }
        }
    }

    fn deliver(&mut self, to: usize, datagram: BytesMut) {
        let from = address(2 - to as u16);
        let (now, end) = (self.now, &mut self.ends[to]);
        let taken = end.handle_datagram(now, from, datagram);
        self.refused += usize::from(taken.is_err());
        self.heard[to].extend(end.poll_audio());
        self.seen[to].extend(end.poll_video());
    }

    fn connected(unmixed: u8) -> Self {
        let mut line = Self::new(unmixed);
        line.pass(Duration::from_millis(200));
        for events in &mut line.events {
            assert_eq!(std::mem::take(events), [TransportEvent::Connected]);
        }
        line
    }

    fn say(&mut self, end: usize, packet: OutgoingAudio<'_>) -> Result<(), Dropped> {
        self.ends[end].send_audio(self.now, packet)
    }
}

fn packet(number: u16) -> OutgoingAudio<'static> {
    OutgoingAudio {
        section: 0,
        sequence_number: number,
        sender_time: RtpTime(960 * u32::from(number)),
        marker: number == 0,
        encoding: Encoding::Opus,
        level: Some(AudioLevel::from_minus_dbov(30)),
        speakers: &[],
        payload: &[1, 2, 3],
    }
}

#[test]
fn what_one_end_sends_the_other_hears_with_all_that_goes_with_it() {
    let mut line = Line::connected(0);
    for end in [OFFERING, ANSWERING] {
        for (number, encoding) in [(0, Encoding::Opus), (1, Encoding::Red), (2, Encoding::TelephoneEvent)] {
            line.say(end, OutgoingAudio { encoding, ..packet(number) }).unwrap();
        }
        line.carry();
        let heard = std::mem::take(&mut line.heard[1 - end]);
        let told: Vec<_> =
            heard.iter().map(|audio| (audio.sequence_number, audio.encoding, audio.marker)).collect();
        let sent =
            [(0, Encoding::Opus, true), (1, Encoding::Red, false), (2, Encoding::TelephoneEvent, false)];
        assert_eq!(told, sent);
        for audio in &heard {
            assert_eq!((audio.section, &audio.payload[..]), (0, &[1, 2, 3][..]));
            assert_eq!(audio.level, Some(AudioLevel::from_minus_dbov(30)));
            assert_eq!(audio.ssrc, Ssrc(line.ends[end].media.source(0).unwrap()));
            assert!(audio.speakers.is_empty());
        }
    }
    let all = Negotiated { red: true, telephone_event: true, opus_payload_type: 111 };
    assert_eq!(line.ends.each_ref().map(Connection::negotiated), [all, all]);
    assert_eq!(line.refused, 0);
}

#[test]
fn a_peer_that_knows_only_opus_gets_only_opus() {
    let plain = |sdp: String| {
        let dropped = ["rtpmap:63", "fmtp:63", "rtpmap:110", "fmtp:110", "extmap:"];
        let lines = sdp.lines().filter(|line| !dropped.iter().any(|name| line.contains(name)));
        lines.map(|line| format!("{}\r\n", line.replace(" 111 63 110", " 111"))).collect::<String>()
    };
    let mut line = Line::with(0, plain, |answer| answer).unwrap();
    line.pass(Duration::from_millis(200));
    for end in [OFFERING, ANSWERING] {
        assert_eq!(
            line.ends[end].negotiated(),
            Negotiated { opus_payload_type: 111, ..Negotiated::default() }
        );
        for encoding in [Encoding::Red, Encoding::TelephoneEvent] {
            assert!(line.say(end, OutgoingAudio { encoding, ..packet(0) }).is_err());
        }
        line.say(end, packet(0)).unwrap();
    }
    line.carry();
    assert!(line.heard.iter().all(|heard| heard.len() == 1 && heard[0].level.is_none()));
}

#[test]
fn numbers_that_the_offerer_chose_are_kept() {
    let renumber = |sdp: String| {
        let changes = [
            (" 111 63 110", " 96 97 98"),
            ("111/111", "96/96"),
            (":111 ", ":96 "),
            (":63 ", ":97 "),
            (":110 ", ":98 "),
            ("extmap:1 ", "extmap:9 "),
        ];
        changes.into_iter().fold(sdp, |sdp, (from, to)| sdp.replace(from, to))
    };
    // As an offerer with other numbers would have it: it hears what the answer's numbers say.
    let mut line = Line::with(0, renumber, |answer| answer).unwrap();
    line.pass(Duration::from_millis(200));
    line.say(OFFERING, OutgoingAudio { encoding: Encoding::Red, ..packet(0) }).unwrap();
    line.say(ANSWERING, OutgoingAudio { encoding: Encoding::TelephoneEvent, ..packet(0) }).unwrap();
    line.carry();
    assert_eq!(line.heard[ANSWERING][0].encoding, Encoding::Red);
    assert_eq!(line.heard[OFFERING][0].encoding, Encoding::TelephoneEvent);
    assert!(line.heard.iter().all(|heard| heard[0].level.is_some()));
}

#[test]
fn a_peer_that_does_not_listen_is_sent_nothing() {
    let deaf = |sdp: String| sdp.replace("a=sendrecv", "a=sendonly");
    let mut line = Line::with(0, deaf, |answer| answer).unwrap();
    line.pass(Duration::from_millis(200));
    assert!(line.say(ANSWERING, packet(0)).is_err(), "the offer does not receive");
    line.say(OFFERING, packet(0)).unwrap();
    line.carry();
    assert_eq!(line.heard[ANSWERING].len(), 1);
}

#[test]
fn a_line_that_loses_a_quarter_of_its_datagrams_connects_all_the_same() {
    for pattern in 0..24 {
        let mut line = Line::new(0);
        // The finaliser of MurmurHash3: without a pattern that could fall in with the repeats.
        line.loses = |number| {
            let mixed = (number ^ number >> 16).wrapping_mul(0x85eb_ca6b);
            let mixed = (mixed ^ mixed >> 13).wrapping_mul(0xc2b2_ae35);
            (mixed ^ mixed >> 16) >> 30 == 0
        };
        line.carried = pattern << 16;
        line.pass(Duration::from_secs(25));
        let first = line.events.each_ref().map(|events| events.first().copied());
        assert_eq!(first, [Some(TransportEvent::Connected); 2], "pattern {pattern}");
    }
}

#[test]
fn a_peer_with_another_certificate_than_was_announced_is_refused() {
    let mut line = Line::with(
        0,
        |offer| offer,
        |answer| {
            let (head, tail) = answer.split_once("sha-256 ").unwrap();
            let (first, rest) = tail.split_at(1);
            format!("{head}sha-256 {}{rest}", if first == "0" { "1" } else { "0" })
        },
    )
    .unwrap();
    line.pass(Duration::from_millis(500));
    assert_eq!(line.events[OFFERING], [TransportEvent::Failed]);
    assert!(line.events[ANSWERING].is_empty(), "{:?}", line.events[ANSWERING]);
    assert!(line.say(OFFERING, packet(0)).is_err());
}

#[test]
fn a_browser_that_hides_its_address_is_met_at_once() {
    let hide =
        |answer: String| answer.replace(" 127.0.0.1 2 ", " 9f3c2c5e-0b9a-4e0e-8d1b-0f6f7a3d2b11.local 2 ");
    let mut line = Line::with(0, |offer| offer, hide).unwrap();
    line.pass(Duration::from_millis(200));
    assert_eq!(line.events, [[TransportEvent::Connected], [TransportEvent::Connected]]);
}

#[test]
fn a_silent_line_is_told_comes_back_and_fails_at_last() {
    let mut line = Line::connected(0);
    line.is_cut = true;
    line.pass(Duration::from_secs(9));
    assert_eq!(line.events[OFFERING], [TransportEvent::Disconnected]);
    line.is_cut = false;
    line.pass(Duration::from_secs(4));
    assert_eq!(line.events[OFFERING].get(1), Some(&TransportEvent::Connected));
    line.is_cut = true;
    line.pass(Duration::from_secs(35));
    for events in &line.events {
        assert_eq!(events.last(), Some(&TransportEvent::Failed));
    }
}

#[test]
fn a_peer_that_is_there_is_looked_at_no_more_often_than_it_is_asked_for_its_consent() {
    let mut line = Line::connected(0);
    line.pass(Duration::from_secs(4));
    line.control_wakes = [0; 2];
    line.pass(Duration::from_secs(60));
    assert!(line.control_wakes.iter().all(|wakes| (25..=35).contains(wakes)), "{:?}", line.control_wakes);
    assert!(line.events.iter().all(|events| !events.contains(&TransportEvent::Disconnected)));
}

#[test]
fn who_leaves_says_goodbye_and_nothing_follows() {
    for leaving in [OFFERING, ANSWERING] {
        let mut line = Line::connected(0);
        line.say(leaving, packet(0)).unwrap();
        line.ends[leaving].close().unwrap();
        line.carry();
        assert_eq!(line.heard[1 - leaving].len(), 1, "what was said before is heard");
        // With its goodbye it says how its clock stands.
        let is_new = |event: &&TransportEvent| !matches!(event, TransportEvent::ClockReport(_));
        assert!(line.events[1 - leaving].iter().filter(is_new).eq(&[TransportEvent::Closed]));
        line.pass(Duration::from_secs(1));
        assert!(line.events[1 - leaving].iter().filter(is_new).eq(&[TransportEvent::Closed]));
        assert!(line.say(leaving, packet(1)).is_err());
        assert_eq!(line.ends[leaving].poll_deadline(), None, "nothing is due");
    }
}

#[test]
fn reports_tell_the_sender_what_was_lost_and_how_long_the_way_is() {
    let mut line = Line::connected(0);
    for number in 0..300 {
        line.loses = if number % 4 == 3 { |_| true } else { |_| false };
        line.say(OFFERING, packet(number)).unwrap();
        line.carry();
        line.loses = |_| false;
        line.pass(Duration::from_millis(20));
    }
    let reports: Vec<PeerReport> = line.events[OFFERING]
        .iter()
        .filter_map(|event| match event {
            TransportEvent::Report(report) => Some(*report),
            _ => None,
        })
        .collect();
    assert!((3..=12).contains(&reports.len()), "one a second: {}", reports.len());
    let last = reports.last().unwrap();
    assert!((0.2..0.3).contains(&last.fraction_lost), "{last:?}");
    assert!(last.packets_lost > 40, "{last:?}");
    let round_trip = last.round_trip_time.unwrap();
    assert!(round_trip <= Duration::from_millis(2), "{round_trip:?} on a line without delay");
    assert_eq!(line.refused, 0, "each end reads the other's");
}

#[test]
fn a_packet_is_heard_once_however_often_it_comes() {
    let mut line = Line::connected(0);
    line.say(OFFERING, packet(0)).unwrap();
    let sent = line.ends[OFFERING].poll_transmit().unwrap().datagram;
    for _ in 0..3 {
        line.deliver(ANSWERING, sent.clone());
    }
    assert_eq!((line.heard[ANSWERING].len(), line.refused), (1, 2));
    assert!(line.say(OFFERING, packet(0)).is_err(), "one key stream serves one packet");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_datagram_breaks_a_connection(
        junk in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..100), 0..20),
        first in proptest::collection::vec(any::<u8>(), 20),
        flipped in any::<(prop::sample::Index, u8)>(),
    ) {
        let mut line = Line::new(1);
        for early in [true, false] {
            for (mut datagram, first) in junk.iter().cloned().zip(&first) {
                datagram.iter_mut().take(1).for_each(|byte| *byte = *first);
                line.deliver(OFFERING, BytesMut::from(&datagram[..]));
                line.deliver(ANSWERING, BytesMut::from(&datagram[..]));
            }
            line.pass(Duration::from_millis(if early { 3000 } else { 10 }));
        }
        prop_assert_eq!(line.events.each_ref().map(|events| events.first().copied()), [Some(TransportEvent::Connected); 2]);
        line.say(OFFERING, packet(0)).unwrap();
        let mut datagram = line.ends[OFFERING].poll_transmit().unwrap().datagram;
        let whole = datagram.clone();
        let (place, bits) = (flipped.0.index(datagram.len()), flipped.1.max(1));
        datagram[place] ^= bits;
        line.deliver(ANSWERING, datagram);
        prop_assert_eq!(line.heard[ANSWERING].len(), 0);
        line.deliver(ANSWERING, whole);
        prop_assert_eq!(line.heard[ANSWERING].len(), 1);
    }
}
