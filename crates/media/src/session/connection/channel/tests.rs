use std::time::Duration;

use super::*;

#[expect(
    clippy::disallowed_methods,
    reason = "SCTP counts from some instant, and there is no other way to make one"
)]
fn some_instant() -> Instant {
    Instant::now()
}

const OFFERING: usize = 0;
const ANSWERING: usize = 1;

/// Two ends, and the line between them: each packet takes as long as it is given, in milliseconds, or gets lost.
struct Line {
    now: Instant,
    ends: [Channel; 2],
    /// With when they arrive, and where.
    under_way: Vec<(Instant, usize, Bytes)>,
    delay: Box<dyn FnMut() -> Option<u64>>,
    heard: [Vec<BytesMut>; 2],
}

impl Line {
    fn new(client: usize, delay: impl FnMut() -> Option<u64> + 'static) -> Self {
        let now = some_instant();
        let ends = [OFFERING, ANSWERING]
            .map(|end| Channel::new(now, end == client, end == OFFERING, MAX_MESSAGE_LEN));
        Self { now, ends, under_way: Vec::new(), delay: Box::new(delay), heard: Default::default() }
    }

    fn connected() -> Self {
        let mut line = Self::new(ANSWERING, || Some(1));
        line.pass(Duration::from_millis(20));
        assert_eq!(line.states(), [State::Open; 2]);
        line
    }

    fn states(&self) -> [State; 2] {
        self.ends.each_ref().map(|end| end.state)
    }

    /// Lets `span` pass in steps of a millisecond.
    fn pass(&mut self, span: Duration) {
        for _ in 0..span.as_millis() {
            self.now += Duration::from_millis(1);
            let now = self.now;
            for (from, end) in self.ends.iter_mut().enumerate() {
                if end.poll_deadline().is_some_and(|due| due <= now) {
                    end.handle_timeout(now);
                }
                for packet in std::iter::from_fn(|| end.poll_transmit()) {
                    let delay = (self.delay)();
                    let arrival = delay.map(|millis| now + Duration::from_millis(millis));
                    self.under_way.extend(arrival.map(|arrival| (arrival, 1 - from, packet)));
                }
            }
            let said = self.ends.each_mut().map(|end| std::iter::from_fn(move || end.poll_message()));
            self.heard.iter_mut().zip(said).for_each(|(heard, said)| heard.extend(said));
            let arrived: Vec<_> = self.under_way.extract_if(.., |(arrival, ..)| *arrival <= now).collect();
            for (_, to, packet) in arrived {
                self.ends[to].read(now, BytesMut::from(&packet[..]));
                self.heard[to].extend(std::iter::from_fn(|| self.ends[to].poll_message()));
            }
        }
    }

    fn say(&mut self, end: usize, text: &str) -> bool {
        self.ends[end].send(self.now, text.into())
    }

    fn heard(&mut self, end: usize) -> Vec<String> {
        let heard = std::mem::take(&mut self.heard[end]).into_iter();
        heard.map(|text| String::from_utf8(text.to_vec()).unwrap()).collect()
    }
}

/// Random numbers from a seed (SplitMix64).
fn random(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

#[test]
fn it_opens_and_carries_messages_both_ways_whichever_end_is_the_client_of_dtls() {
    for client in [OFFERING, ANSWERING] {
        let mut line = Line::new(client, || Some(10));
        assert!(line.say(OFFERING, "early"), "it waits");
        line.pass(Duration::from_millis(100));
        assert_eq!(line.states(), [State::Open; 2]);
        assert_eq!(line.heard(ANSWERING), ["early"]);
        let long = "x".repeat(MAX_MESSAGE_LEN);
        for end in [OFFERING, ANSWERING] {
            assert!(["a", &long, "b"].iter().all(|text| line.say(end, text)));
        }
        line.pass(Duration::from_secs(5));
        for end in [OFFERING, ANSWERING] {
            assert!(line.heard(end) == ["a", &long, "b"], "client {client}, end {end}");
        }
    }
}

#[test]
fn a_line_that_loses_a_fifth_and_mixes_up_the_rest_loses_no_message_and_keeps_their_order() {
    for seed in 0..32 {
        let mut random = random(seed);
        let delay = move || (!random().is_multiple_of(5)).then(|| 1 + random() % 60);
        let mut line = Line::new(seed as usize % 2, delay);
        let texts: Vec<String> = (0..MOST_WAITING).map(|number| format!("{number} of {seed}")).collect();
        for end in [OFFERING, ANSWERING] {
            assert!(texts.iter().all(|text| line.say(end, text)));
            assert!(!line.say(end, "one too many"));
        }
        let mut seconds = 0;
        while line.heard.iter().any(|heard| heard.len() < texts.len()) && seconds < 300 {
            line.pass(Duration::from_secs(1));
            seconds += 1;
        }
        assert_eq!([line.heard(OFFERING), line.heard(ANSWERING)], [texts.clone(), texts], "seed {seed}");
    }
}

#[test]
fn a_peer_that_never_answers_is_given_up_and_nothing_more_is_due() {
    for client in [OFFERING, ANSWERING] {
        let mut line = Line::new(client, || None);
        assert!(line.say(OFFERING, "hello"));
        line.pass(Duration::from_secs(400));
        assert_eq!(line.states(), [State::Lost; 2], "client {client}");
        assert!(!line.say(OFFERING, "hello"));
        assert!(line.ends.iter().all(|end| end.poll_deadline().is_none()));
    }
}

#[test]
fn a_peer_that_leaves_the_beginning_to_the_offerer_is_not_waited_for() {
    let mut line = Line::new(ANSWERING, || Some(1));
    // It would begin, too, but much later.
    line.ends[ANSWERING] = Channel::new(line.now + Duration::from_secs(60), false, false, MAX_MESSAGE_LEN);
    line.pass(Duration::from_millis(500));
    assert_eq!(line.states(), [State::Opening; 2]);
    line.pass(Duration::from_millis(700));
    assert_eq!(line.states(), [State::Open; 2]);
}

#[test]
fn where_both_have_begun_there_is_one_association() {
    // The client's first INIT is lost: the server begins in the meantime.
    let mut sent = 0;
    let delay = move || {
        sent += 1;
        (sent > 1).then_some(1)
    };
    let mut line = Line::new(ANSWERING, delay);
    line.say(OFFERING, "hello");
    line.pass(Duration::from_secs(4));
    assert_eq!(line.states(), [State::Open; 2]);
    assert_eq!(line.heard(ANSWERING), ["hello"]);
}

#[test]
fn the_media_has_its_turn_between_messages() {
    let mut line = Line::connected();
    for number in 0..3 * MESSAGES_PER_WAKE {
        assert!(line.say(OFFERING, &number.to_string()));
    }
    let packets: Vec<_> = std::iter::from_fn(|| line.ends[OFFERING].poll_transmit()).collect();
    let end = &mut line.ends[ANSWERING];
    for packet in packets {
        end.read(line.now, BytesMut::from(&packet[..]));
    }
    for wake in 0..3 {
        let read = std::iter::from_fn(|| end.poll_message()).count();
        assert_eq!(read, MESSAGES_PER_WAKE, "wake {wake}");
        assert!(
            end.poll_deadline().is_some_and(|due| wake == 2 || due <= line.now),
            "the rest is due at once"
        );
        end.handle_timeout(line.now);
    }
}

/// An end of the test's own, and ours, connected.
fn strange_peer() -> (Instant, Sctp, Channel) {
    let now = some_instant();
    let (mut peer, mut ours) = (Sctp::new(now, true), Channel::new(now, false, false, 10));
    carry(now, &mut peer, &mut ours);
    assert_eq!(peer.poll_event(), Some(SctpEvent::Connected));
    (now, peer, ours)
}

fn carry(now: Instant, peer: &mut Sctp, ours: &mut Channel) {
    loop {
        let packets = [peer.poll_transmit(), ours.poll_transmit()];
        if packets == [None, None] {
            return;
        }
        let [to_us, to_peer] = packets.map(|packet| packet.map(|packet| BytesMut::from(&packet[..])));
        to_us.into_iter().for_each(|packet| ours.read(now, packet));
        to_peer.into_iter().for_each(|packet| peer.read(now, packet));
    }
}

fn ask(now: Instant, peer: &mut Sctp, stream: StreamId, channel_type: ChannelType, label: &str) {
    let open = Message::DataChannelOpen(DataChannelOpen {
        channel_type,
        priority: 0,
        reliability_parameter: 0,
        label: label.into(),
        protocol: Vec::new(),
    });
    peer.open(stream);
    assert!(peer.send(now, stream, MessageKind::Establishment, &open.marshal().unwrap().freeze()));
}

#[test]
fn other_channels_are_refused_and_the_one_is_taken() {
    let (now, mut peer, mut ours) = strange_peer();
    ask(now, &mut peer, 2, ChannelType::Reliable, "chat");
    ask(now, &mut peer, 4, ChannelType::ReliableUnordered, LABEL);
    peer.open(8);
    assert!(peer.send(now, 8, MessageKind::Text, &Bytes::from_static(b"without a word before")));
    carry(now, &mut peer, &mut ours);
    assert_eq!((ours.state, ours.refused, ours.poll_message()), (State::Opening, 3, None));
    ask(now, &mut peer, 6, ChannelType::Reliable, LABEL);
    carry(now, &mut peer, &mut ours);
    assert_eq!((ours.state, ours.stream), (State::Open, Some(6)));
    let (kind, bytes) = peer.read_message(now, 6).unwrap();
    assert_eq!((kind, &bytes[..]), (MessageKind::Establishment, &[2][..]), "the answer");
    for (kind, bytes) in [
        (MessageKind::Establishment, &[255, 1][..]),
        (MessageKind::Other, b"binary"),
        (MessageKind::Text, b"text"),
    ] {
        assert!(peer.send(now, 6, kind, &Bytes::copy_from_slice(bytes)));
    }
    carry(now, &mut peer, &mut ours);
    let heard: Vec<_> = std::iter::from_fn(|| ours.poll_message()).collect();
    assert_eq!(heard, [&b""[..], b"text"]);
    ask(now, &mut peer, 10, ChannelType::Reliable, LABEL);
    carry(now, &mut peer, &mut ours);
    assert_eq!((ours.state, ours.stream, ours.refused), (State::Open, Some(6), 4), "there is one");
}

#[test]
fn a_peer_that_opens_one_after_another_is_cut_off() {
    let (now, mut peer, mut ours) = strange_peer();
    for stream in 0..=MOST_REFUSED as u16 {
        assert!(!ours.is_lost(), "after {stream}");
        ask(now, &mut peer, 2 * stream, ChannelType::Reliable, "chat");
        carry(now, &mut peer, &mut ours);
    }
    assert!(ours.is_lost());
    assert!(std::iter::from_fn(|| peer.poll_event()).any(|event| event == SctpEvent::Lost));
}

#[test]
fn a_channel_that_the_peer_closes_is_lost() {
    let (now, mut peer, mut ours) = strange_peer();
    ask(now, &mut peer, 0, ChannelType::Reliable, LABEL);
    carry(now, &mut peer, &mut ours);
    assert!(!ours.send(now, b"longer than 10 bytes".to_vec()));
    assert!(ours.send(now, b"{}".to_vec()));
    peer.reset(now, 0);
    carry(now, &mut peer, &mut ours);
    assert!(ours.is_lost());
    assert!(!ours.send(now, b"{}".to_vec()));
}
