//! Sections of an audio socket: whose stream is heard on which.

use super::*;

/// An RTP packet of the answering end from a source of its own.
fn from_source(line: &mut Line, ssrc: u32, number: u16, payload_type: u8, mid: Option<&str>) -> BytesMut {
    let header = NewHeader {
        marker: false,
        payload_type,
        sequence_number: number,
        timestamp: 0,
        ssrc,
        level: None,
        transport_number: None,
        names: [None; 2],
        contributing: &[],
    };
    line.ends[ANSWERING].media.seal_for_test(header, mid, &[7; 20])
}

#[test]
fn speakers_on_streams_of_their_own_are_told_apart_by_name_by_source_and_by_habit() {
    let announce = |answer: String| {
        let (head, tail) = answer.split_once("a=mid:0.2\r\n").unwrap();
        format!("{head}a=mid:0.2\r\na=ssrc:222 cname:x\r\n{}", tail.replacen("a=inactive", "a=sendonly", 1))
    };
    let mut line = Line::with(3, |offer| offer, announce).unwrap();
    line.pass(Duration::from_millis(200));
    for (ssrc, mid, section) in [
        (111, Some("0.1"), 1),
        (222, None, 2),
        (333, Some("0.3"), 3),
        (333, None, 3),
        (111, Some("0.2"), 2),
        (444, None, 0),
        (444, Some("9.9"), 0),
    ] {
        let number = line.heard[OFFERING].len() as u16;
        let datagram = from_source(&mut line, ssrc, number, 111, mid);
        line.deliver(OFFERING, datagram);
        let heard = line.heard[OFFERING].last().unwrap();
        assert_eq!((heard.ssrc, heard.section), (Ssrc(ssrc), section), "{mid:?}");
    }
    let unknown = from_source(&mut line, 111, 99, 100, None);
    line.deliver(OFFERING, unknown);
    assert_eq!(line.refused, 1, "of a type that was not agreed on");
}

#[test]
fn an_offer_of_speakers_streams_is_answered_with_none_where_there_are_none() {
    let line = Line::connected(4);
    assert_eq!(line.ends[OFFERING].sections, AudioSections { socket: 0, unmixed: 4 });
    assert_eq!(AudioSections { socket: 7, unmixed: 2 }.mids().collect::<Vec<_>>(), ["7", "7.1", "7.2"]);
}

#[test]
fn speakers_that_an_answer_sends_are_heard_each_on_its_section_under_its_name() {
    // More than were asked for.
    let mut line = Line::sending(2, 4);
    line.pass(Duration::from_millis(200));
    assert_eq!(line.ends.each_ref().map(Connection::speakers_sent), [0, 2]);
    let speaker = |source| ActiveSpeaker { source: MediaSourceId(source), level: None };
    for (section, speakers) in
        [(0, &[speaker(31), speaker(32)][..]), (1, &[speaker(31)]), (2, &[speaker(32)]), (1, &[])]
    {
        let number = line.heard[OFFERING].len() as u16;
        line.say(ANSWERING, OutgoingAudio { section, speakers, ..packet(number) }).unwrap();
        line.carry();
        let heard = line.heard[OFFERING].last().unwrap();
        assert_eq!((heard.section, &heard.speakers[..]), (section, speakers));
        let ssrc = line.ends[ANSWERING].media.source(section).unwrap();
        assert_eq!(heard.ssrc, Ssrc(ssrc), "each section has a source of its own");
    }
    assert!(line.say(ANSWERING, OutgoingAudio { section: 3, ..packet(9) }).is_err(), "nobody asked");
    assert!(line.say(OFFERING, OutgoingAudio { section: 1, ..packet(9) }).is_err(), "it only hears");
    // The reports of the three streams are read, and about each of them comes one.
    line.pass(Duration::from_secs(3));
    assert_eq!(line.refused, 0);
    assert!(line.events[ANSWERING].iter().any(|event| matches!(event, TransportEvent::Report(_))));
}

#[test]
fn who_hears_no_more_speakers_than_the_first_is_sent_the_first() {
    let declines = |offer: String| {
        let (head, tail) = offer.split_once("a=mid:0.2\r\n").unwrap();
        format!("{head}a=mid:0.2\r\n{}", tail.replacen("a=recvonly", "a=inactive", 1))
    };
    let line = Line::between((3, 3), declines, |answer| answer).unwrap();
    assert_eq!(line.ends[ANSWERING].speakers_sent(), 1);
}
