//! Real sockets; what is asserted is what arrives and in which order, never when.

use super::super::Loss;
use super::*;

/// A sender and a receiver with a relay between them that the receiver has already reached the sender through.
struct Ends {
    sender: UdpSocket,
    /// Where the sender sends to reach the receiver.
    back: SocketAddr,
    receiver: UdpSocket,
    relay: UdpRelay,
}

fn ends(impairment: Impairment) -> Ends {
    let socket = || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        // What does not come at all fails the test, and does not hang it.
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket
    };
    let (sender, receiver) = (socket(), socket());
    let relay = UdpRelay::in_front_of(sender.local_addr().unwrap(), impairment).unwrap();
    receiver.send_to(b"hello", relay.address()).unwrap();
    let mut hello = [0; 16];
    let (len, back) = sender.recv_from(&mut hello).unwrap();
    assert_eq!(&hello[..len], b"hello");
    Ends { sender, back, receiver, relay }
}

fn rtp(sequence_number: u16) -> [u8; 12] {
    let [high, low] = sequence_number.to_be_bytes();
    [128, 111, high, low, 0, 0, 0, 0, 0, 0, 0, 7]
}

impl Ends {
    fn send(&self, datagram: &[u8]) {
        self.sender.send_to(datagram, self.back).unwrap();
    }

    fn receive(&self) -> Vec<u8> {
        let mut datagram = [0; MAX_DATAGRAM];
        let (len, from) = self.receiver.recv_from(&mut datagram).unwrap();
        assert_eq!(from, self.relay.address());
        datagram[..len].to_vec()
    }

    /// The sequence number of the next packet.
    fn next(&self) -> u16 {
        rtp_sequence_number(&self.receive()).unwrap()
    }
}

fn trace(lines: &str) -> Trace {
    Trace::read(format!("offhook-trace 1\n{lines}").as_bytes()).unwrap()
}

#[test]
fn a_trace_is_replayed_by_sequence_number_over_the_wrap() {
    let ends = ends(Impairment::Trace(trace(
        "0 0 200000\n1 1000 lost\n2 2000 700000\n3 3000 400000\n4 4000 500000\n4 4000 800000\n5 5000 900000\n",
    )));
    for step in 0..7 {
        ends.send(&rtp(65_533_u16.wrapping_add(step)));
    }
    ends.send(b"end");
    assert_eq!(ends.receive(), b"end", "by now the relay has read them all");
    let arrived: Vec<_> = (0..6).map(|_| ends.next().wrapping_sub(65_533)).collect();
    assert_eq!(arrived, [0, 3, 4, 2, 4, 5], "lost, overtaken and doubled as it says");
    let counters = ends.relay.counters();
    assert_eq!((counters.received, counters.lost, counters.overflowed), (7, 2, 0), "one beyond the end");
}

#[test]
fn what_is_no_rtp_passes_a_link_that_loses_everything() {
    let ends = ends(Impairment::Link(Link::seeded(1).loss(Loss::random(1.0))));
    let stun = [0; 20];
    let dtls = [22; 40];
    let rtcp = [128, 200, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0];
    ends.send(&rtp(1));
    for datagram in [&stun[..], &dtls, &rtcp] {
        ends.send(datagram);
        assert_eq!(ends.receive(), datagram);
    }
    assert_eq!(ends.relay.counters(), RelayCounters { received: 1, lost: 1, ..RelayCounters::default() });
}

#[test]
fn a_link_delays_what_it_does_not_lose() {
    let ends = ends(Impairment::Link(Link::seeded(1).delay(Duration::from_millis(30))));
    for number in 0..50 {
        ends.send(&rtp(number));
    }
    // Sent later and not delayed.
    ends.send(b"end");
    assert_eq!(ends.receive(), b"end");
    assert_eq!((0..50).map(|_| ends.next()).collect::<Vec<_>>(), (0..50).collect::<Vec<_>>());
}

#[test]
fn the_receiver_may_move() {
    let ends = ends(Impairment::Link(Link::seeded(1)));
    let moved = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    moved.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    moved.send_to(b"here", ends.relay.address()).unwrap();
    let mut datagram = [0; 16];
    ends.sender.recv_from(&mut datagram).unwrap();
    ends.send(&rtp(9));
    let (len, _) = moved.recv_from(&mut datagram).unwrap();
    assert_eq!(rtp_sequence_number(&datagram[..len]), Some(9));
}

#[test]
fn a_relay_stays_on_loopback() {
    let error = UdpRelay::in_front_of("192.0.2.1:5000".parse().unwrap(), Impairment::Link(Link::seeded(1)));
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn on_a_path_what_is_sent_again_changes_nothing_of_what_is_sent_first() {
    let path = || Impairment::Path(Link::seeded(3).delay(Duration::from_millis(1)).loss(Loss::random(0.5)));
    let of = |ssrc: u8, number: u16| {
        let mut packet = rtp(number);
        packet[11] = ssrc;
        packet
    };
    let arrived = |with_another: bool| {
        let ends = ends(path());
        for number in 0..40 {
            ends.send(&of(7, number));
            if with_another {
                ends.send(&of(8, number));
            }
        }
        ends.send(b"end");
        let mut numbers = Vec::new();
        loop {
            match ends.receive() {
                end if end == b"end" => return numbers,
                packet if packet[11] == 7 => numbers.push(rtp_sequence_number(&packet).unwrap()),
                _ => {}
            }
        }
    };
    let alone = arrived(false);
    assert!((5..35).contains(&alone.len()), "{alone:?}");
    assert_eq!(arrived(true), alone);
}
