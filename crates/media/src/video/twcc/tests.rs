use proptest::prelude::*;

use super::*;

fn read(reader: &mut FeedbackReader, body: &[u8]) -> Vec<PacketResult> {
    let mut results = Vec::new();
    assert!(reader.read(body, |result| results.push(result)));
    results
}

fn at(ticks: u64) -> MediaInstant {
    MediaInstant::from_duration(TICK * ticks as u32)
}

/// From libwebrtc's own idea of it: a run of small deltas, a vector of two bits, a run of what was lost.
#[test]
fn a_feedback_of_another_stack_is_read() {
    let body = [
        0x00, 0x99, 0x00, 0x08, // number 153, 8 packets
        0x00, 0x00, 0x02, 0x07, // reference 2 x 64 ms, feedback 7
        0x20, 0x03, // three with small deltas
        0xd2, 0x00, // small, lost, large, lost, lost, and two that are none
        0x04, 0x08, 0x00, 0x10, 0xff, 0xfc, // 1, 2, 0, 4 and -1 ms
    ];
    let results = read(&mut FeedbackReader::default(), &body);
    let arrivals: Vec<_> =
        results.iter().map(|result| result.arrival.map(|arrival| arrival.as_millis())).collect();
    assert_eq!(arrivals, [Some(129), Some(131), Some(131), Some(135), None, Some(134), None, None]);
    assert_eq!(results.iter().map(|result| result.number).collect::<Vec<_>>(), Vec::from_iter(153..161));
}

#[test]
fn the_reference_time_goes_on_across_its_wrap() {
    let mut reader = FeedbackReader::default();
    let body = |steps: [u8; 3]| [&[0, 0, 0, 1][..], &steps, &[0, 0x20, 0x01, 0, 0]].concat();
    let before = read(&mut reader, &body([0xff, 0xff, 0xff]))[0].arrival.unwrap();
    let after = read(&mut reader, &body([0, 0, 0]))[0].arrival.unwrap();
    assert_eq!(after - before, Duration::from_millis(64));
    let late = read(&mut reader, &body([0xff, 0xff, 0xfe]))[0].arrival.unwrap();
    assert_eq!(before - late, Duration::from_millis(64), "a feedback may overtake another");
}

#[test]
fn a_packet_that_was_told_to_be_lost_is_told_again_when_it_comes() {
    let (mut writer, mut reader) = (FeedbackWriter::default(), FeedbackReader::default());
    writer.note(65_536, at(10));
    writer.note(65_538, at(12));
    let mut body = Vec::new();
    assert!(writer.write(&mut body));
    let lost =
        |results: &[PacketResult]| results.iter().map(|result| result.arrival.is_none()).collect::<Vec<_>>();
    assert_eq!(lost(&read(&mut reader, &body)), [false, true, false]);
    assert!(!writer.is_due());
    writer.note(65_537, at(40));
    body.clear();
    assert!(writer.write(&mut body));
    assert_eq!(lost(&read(&mut reader, &body)), [false, false]);
    body.clear();
    assert!(!writer.write(&mut body));
}

#[test]
fn arrivals_are_told_as_they_were_however_long_it_goes_on() {
    let (mut writer, mut reader) = (FeedbackWriter::default(), FeedbackReader::default());
    for turn in 0..300 {
        let places = turn * 10..turn * 10 + 10;
        places.clone().for_each(|place| writer.note(place, at(200 * turn + place)));
        let mut body = Vec::new();
        assert!(writer.write(&mut body));
        let arrivals: Vec<_> =
            read(&mut reader, &body).iter().map(|result| result.arrival.unwrap()).collect();
        assert!(
            arrivals.into_iter().eq(places.map(|place| at(200 * turn + place).as_duration())),
            "turn {turn}"
        );
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        first in 0_u64..70_000,
        packets in proptest::collection::vec((proptest::bool::weighted(0.8), 0_u64..2000), 1..900),
    ) {
        let (mut writer, mut reader) = (FeedbackWriter::default(), FeedbackReader::default());
        let mut now = 1_000_000;
        let mut arrivals = Vec::new();
        for (number, (arrived, step)) in packets.iter().enumerate() {
            // Now and then later than any delta can say.
            now += if *step == 1999 { 40_000 } else { *step };
            if *arrived {
                writer.note(first + number as u64, at(now));
                arrivals.push((first + number as u64, now));
            }
        }
        let mut told = Vec::new();
        let mut place = arrivals.first().map_or(first, |arrival| arrival.0);
        while writer.is_due() {
            let mut body = Vec::new();
            if !writer.write(&mut body) {
                break;
            }
            prop_assert!(body.len() <= 1200 && body.len() % 4 == 0, "{}", body.len());
            for result in read(&mut reader, &body) {
                prop_assert_eq!(result.number, place as u16);
                if let Some(arrival) = result.arrival {
                    told.push((place, (arrival.as_micros() / 250) as u64));
                }
                place += 1;
            }
        }
        prop_assert_eq!(told, arrivals);
    }

    #[test]
    fn no_bytes_make_it_panic(bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 1..4)) {
        let mut reader = FeedbackReader::default();
        for body in bodies {
            reader.read(&body, |_| ());
        }
    }

    #[test]
    fn no_arrivals_make_it_panic(arrivals in proptest::collection::vec((0_u64..5000, any::<u32>()), 0..60)) {
        let mut writer = FeedbackWriter::default();
        for (place, time) in arrivals {
            writer.note(place, MediaInstant::from_nanos(u64::from(time) * 1000));
            if place % 3 == 0 {
                writer.write(&mut Vec::new());
            }
        }
    }
}
