//! The control channel between two connections, over their DTLS.

use super::*;

fn carrying(data: Option<u32>, change_answer: impl Fn(String) -> String) -> Line {
    let mut line = Line::carrying((0, 0), (&[], &[]), data, |offer| offer, change_answer).unwrap();
    line.pass(Duration::from_millis(300));
    for events in &mut line.events {
        assert_eq!(std::mem::take(events), [TransportEvent::Connected]);
    }
    line
}

fn heard(line: &mut Line, end: usize) -> Vec<String> {
    let texts = std::iter::from_fn(|| line.ends[end].poll_control());
    texts.map(|text| String::from_utf8(text.to_vec()).unwrap()).collect()
}

#[test]
fn texts_go_both_ways_beside_the_media_and_the_line_is_quiet_again() {
    let mut line = carrying(Some(1), |answer| answer);
    for end in [OFFERING, ANSWERING] {
        for text in ["a", "b"] {
            line.ends[end].send_control(line.now, text.into()).unwrap();
        }
    }
    line.say(OFFERING, packet(0)).unwrap();
    line.pass(Duration::from_millis(50));
    for end in [OFFERING, ANSWERING] {
        assert_eq!(heard(&mut line, end), ["a", "b"]);
    }
    assert_eq!((line.heard[ANSWERING].len(), line.refused), (1, 0));
    line.pass(Duration::from_secs(5));
    line.control_wakes = [0; 2];
    line.pass(Duration::from_secs(60));
    let wakes = line.control_wakes;
    assert!(wakes.iter().all(|wakes| *wakes <= 35), "no more than without: {wakes:?}");
}

#[test]
fn a_line_that_loses_a_fifth_carries_all_texts_in_their_order() {
    let mut line = carrying(Some(1), |answer| answer);
    line.loses = |number| {
        let mixed = (number ^ number >> 16).wrapping_mul(0x85eb_ca6b);
        (mixed ^ mixed >> 13).wrapping_mul(0xc2b2_ae35) >> 16 < 13_107
    };
    let texts: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let mut told = [Vec::new(), Vec::new()];
    for text in &texts {
        for end in [OFFERING, ANSWERING] {
            line.ends[end].send_control(line.now, text.clone().into()).unwrap();
        }
        line.pass(Duration::from_secs(2));
        for end in [OFFERING, ANSWERING] {
            told[end].extend(heard(&mut line, end));
        }
    }
    line.loses = |_| false;
    line.pass(Duration::from_secs(60));
    for end in [OFFERING, ANSWERING] {
        told[end].extend(heard(&mut line, end));
    }
    assert_eq!(told, [texts.clone(), texts]);
}

#[test]
fn where_one_end_has_no_data_section_there_is_no_channel() {
    let declines = |answer: String| {
        let (head, data) = answer.split_once("m=application 9").unwrap();
        format!("{head}m=application 0{data}").replace("BUNDLE 0 1", "BUNDLE 0")
    };
    let elsewhere = |answer: String| answer.replace("a=sctp-port:5000", "a=sctp-port:5001");
    let without = carrying(None, |answer| answer);
    for mut line in [without, carrying(Some(1), declines), carrying(Some(1), elsewhere)] {
        let sent = line.ends[OFFERING].send_control(line.now, b"hello".to_vec());
        assert_eq!(sent, Err(Dropped::NoChannel));
    }
}

#[test]
fn the_descriptions_say_it_as_the_profile_does() {
    let identity = &IDENTITY;
    let sections = (AudioSections { socket: 0, unmixed: 0 }, Vec::new(), Some(1));
    let now = MediaInstant::ZERO;
    let (_, offer) = Connection::offer(identity, now, address(1), sections.clone()).unwrap();
    let (_, answer) = Connection::answer(identity, now, address(2), sections, &offer).unwrap();
    for sdp in [offer, answer] {
        assert!(sdp.contains("a=group:BUNDLE 0 1\r\n"), "{sdp}");
        let (_, data) = sdp.split_once("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n").unwrap();
        for line in ["a=mid:1", "a=sctp-port:5000", "a=max-message-size:65536"] {
            assert!(data.lines().any(|said| said == line), "{line}: {data}");
        }
        assert!(!data.contains("rtcp-mux") && !data.contains("sendrecv"), "{data}");
    }
}

#[test]
fn a_channel_that_never_opens_is_given_up_once_and_the_media_goes_on() {
    let mut line = Line::carrying((0, 0), (&[], &[]), Some(1), |offer| offer, |answer| answer).unwrap();
    // It has said that it would.
    line.ends[ANSWERING].longest_message = None;
    line.pass(Duration::from_secs(1));
    assert_eq!(line.ends[OFFERING].send_control(line.now, b"hello".to_vec()), Ok(()), "it waits");
    line.pass(Duration::from_secs(400));
    assert_eq!(line.events[OFFERING], [TransportEvent::Connected, TransportEvent::ControlLost]);
    assert_eq!(line.ends[OFFERING].send_control(line.now, b"hello".to_vec()), Err(Dropped::NoChannel));
    line.say(OFFERING, packet(0)).unwrap();
    line.carry();
    assert_eq!(line.heard[ANSWERING].len(), 1);
}
