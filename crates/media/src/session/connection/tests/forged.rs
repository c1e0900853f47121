//! What a stranger sends in the peer's name.

use super::*;

/// A binding request in the peer's name, which claims the role of that end and is signed with something else (RFC 8445 sections
/// 7.1.3 and 7.3.1.1).
fn forged_role(ends: &[Connection; 2], end: usize) -> BytesMut {
    let ufrags = [end, 1 - end].map(|end| ends[end].local_ufrag());
    let (name, kind) = (ufrags.join(":"), if end == OFFERING { 0x802a_u16 } else { 0x8029 });
    let mut attributes = [&[0, 6, 0, name.len() as u8], name.as_bytes()].concat();
    attributes.resize(attributes.len().next_multiple_of(4), 0);
    attributes
        .extend([&kind.to_be_bytes()[..], &[0, 8], &[if end == OFFERING { 255 } else { 0 }; 8]].concat());
    attributes.extend([&[0, 8, 0, 20][..], &[7; 20]].concat());
    let head = [&[0, 1, 0, attributes.len() as u8, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    BytesMut::from(&[head, attributes].concat()[..])
}

#[test]
fn who_claims_a_role_in_the_peers_name_changes_nothing() {
    let mut line = Line::new(0);
    for _ in 0..300 {
        for end in [OFFERING, ANSWERING] {
            let forged = forged_role(&line.ends, end);
            line.deliver(end, forged);
        }
        line.pass(Duration::from_millis(1));
    }
    assert_eq!(line.events, [[TransportEvent::Connected], [TransportEvent::Connected]]);
    assert_eq!(line.refused, 600);
}

/// What anybody can send in the name of another: records of DTLS that nobody vouches for.
fn forged_records() -> Vec<BytesMut> {
    let record = |kind: u8, epoch: u8, number: u8, body: &[u8]| {
        let head = [kind, 254, 253, 0, epoch, 0, 0, 0, 0, 1, number, 0, body.len() as u8];
        BytesMut::from(&[&head[..], body].concat()[..])
    };
    let alerts = [[1, 0], [2, 0], [2, 40], [2, 80], [1, 90]];
    let alerts = alerts.iter().flat_map(|body| [0, 1, 2].map(|epoch| record(21, epoch, body[1], body)));
    let garbage = [
        (20, 0, &[2, 2][..]),
        (20, 0, &[]),
        (21, 0, &[9]),
        (22, 0, &[9; 30]),
        (23, 0, &[1; 5]),
        (63, 0, &[]),
    ];
    alerts.chain(garbage.map(|(kind, epoch, body)| record(kind, epoch, 9, body))).collect()
}

#[test]
fn what_is_forged_in_the_peers_name_ends_no_session_and_is_answered_by_nothing() {
    let mut line = Line::new(0);
    // From before there is a way, through the handshake, to where media flows. What is encrypted is let by until the keys are
    // there, and not for ever: so the whole of it comes in one part of them.
    for millisecond in 0..300 {
        for forged in forged_records().into_iter().filter(|forged| millisecond % 30 == 0 || forged[4] == 0) {
            line.deliver(OFFERING, forged.clone());
            line.deliver(ANSWERING, forged);
        }
        line.pass(Duration::from_millis(1));
    }
    assert_eq!(line.events, [[TransportEvent::Connected], [TransportEvent::Connected]]);
    let carried = line.carried;
    for forged in forged_records() {
        line.deliver(OFFERING, forged.clone());
        line.deliver(ANSWERING, forged);
    }
    line.carry();
    assert_eq!(line.carried, carried, "an answer would be the alert that ends it");
    for (end, number) in [(OFFERING, 0), (ANSWERING, 0)] {
        line.say(end, packet(number)).unwrap();
        line.carry();
        assert_eq!(line.heard[1 - end].len(), 1);
    }
    line.ends[OFFERING].close().unwrap();
    line.carry();
    assert_eq!(line.events[ANSWERING].last(), Some(&TransportEvent::Closed), "the genuine one is heard");
}
