//! What a video section says of layers.

use proptest::prelude::*;

use super::*;
use crate::blob::peer::{HeaderExtensions, PeerDescription, PeerSection};

fn section(lines: &[&str]) -> PeerSection {
    let lines: String = lines.iter().map(|line| format!("a={line}\n")).collect();
    let sdp = with_video() + &lines;
    assert_eq!(audio_refusal(&sdp), None, "{sdp}");
    PeerDescription::read(SdpType::Offer, &sdp).unwrap().sections.remove(1)
}

fn taken(lines: &[&str]) -> Vec<String> {
    section(lines).receives_layers
}

const NAMED: [&str; 3] = ["rid:0 recv", "rid:1 recv", "rid:2 recv"];

fn with_names(simulcast: &str) -> Vec<String> {
    taken(&[&NAMED[..], &[simulcast]].concat())
}

#[test]
fn the_layers_that_a_section_receives_are_those_that_both_lines_name() {
    assert_eq!(with_names("simulcast:recv 0;1;2"), ["0", "1", "2"]);
    assert_eq!(with_names("simulcast:recv 2;0"), ["2", "0"], "in the order of the line");
    assert_eq!(with_names("simulcast:send 5;6 recv 1"), ["1"]);
    assert_eq!(with_names("simulcast:recv 1 send 5"), ["1"]);
    assert_eq!(with_names("simulcast:recv 0;7;2"), ["0", "2"], "7 has no a=rid");
    assert_eq!(taken(&["rid:0 recv", "rid:1 send", "simulcast:recv 0;1"]), ["0"]);
    assert_eq!(taken(&["rid:lo-w_9 recv", "simulcast:recv lo-w_9"]), ["lo-w_9"]);
    assert_eq!(with_names("x"), [""; 0], "names alone ask for nothing");
    assert_eq!(taken(&["simulcast:recv 0;1;2"]), [""; 0]);
}

#[test]
fn of_alternatives_the_first_that_is_not_paused_counts_and_what_is_paused_is_not_taken() {
    assert_eq!(with_names("simulcast:recv 0;~1;2"), ["0", "2"]);
    assert_eq!(with_names("simulcast:recv ~0,1;2,0"), ["1", "2"]);
    assert_eq!(with_names("simulcast:recv ~0;~1"), [""; 0]);
}

#[test]
fn a_name_with_restrictions_is_not_taken() {
    let lines = ["rid:0 recv", "rid:1 recv max-width=320", "rid:2 recv pt=96", "simulcast:recv 0;1;2"];
    assert_eq!(taken(&lines), ["0"]);
}

#[test]
fn a_line_that_cannot_be_read_counts_as_not_written_and_of_two_the_first_counts() {
    for broken in [
        "simulcast",
        "simulcast:",
        "simulcast:recv",
        "simulcast:recv 0;",
        "simulcast:recv ;0",
        "simulcast:recv 0;;1",
        "simulcast:recv 0,;1",
        "simulcast:recv ~~0",
        "simulcast:recv 0;1~",
        "simulcast:recv  0",
        "simulcast:recv 0 1",
        "simulcast:recv 0;1 send",
        "simulcast:recv 0 recv 1",
        "simulcast:recv 0 send 1 recv 2",
        "simulcast:recv 0 rcv 1",
        "simulcast:Recv 0",
        "simulcast: recv rid=0;1",
        "simulcast:recv 0;é",
    ] {
        assert_eq!(with_names(broken), [""; 0], "{broken}");
        assert_eq!(taken(&[&NAMED[..], &[broken, "simulcast:recv 1"]].concat()), ["1"], "behind {broken}");
    }
    let two = [&NAMED[..], &["simulcast:recv 0", "simulcast:recv 1"]].concat();
    assert_eq!(taken(&two), ["0"]);
    assert_eq!(taken(&["rid:0", "rid: recv", "rid:0  recv", "rid:0 recv;", "simulcast:recv 0"]), [""; 0]);
}

#[test]
fn the_numbers_of_the_names_in_packets_are_read() {
    let section = section(&[
        "extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "extmap:7 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        "extmap:8 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    ]);
    let expected = HeaderExtensions {
        mid: Some(4),
        layer: Some(7),
        repaired_layer: Some(8),
        ..HeaderExtensions::default()
    };
    assert_eq!(section.extensions, expected);
}

proptest! {
    #[test]
    fn whatever_stands_there_names_only_what_is_named(
        names in proptest::collection::vec("[0-2a-z]{1,3} (recv|send)( pt=96)?|[ -~]{0,12}", 0..5),
        list in "(recv|send) [0-2a-z~;,]{0,12}( (recv|send) [0-2a-z~;,]{0,6})?|[ -~]{0,20}",
    ) {
        // Without white space at the ends, which no line may have.
        let lines: Vec<String> = names.iter().map(|name| format!("rid:{name}")).collect();
        let list = format!("simulcast:{list}");
        let mut lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
        lines.push(list.trim());
        for taken in taken(&lines) {
            prop_assert!(names.iter().any(|name| name.trim() == format!("{taken} recv")), "{taken}");
            prop_assert!(list.contains(&taken) && list.contains("recv"));
        }
    }
}
