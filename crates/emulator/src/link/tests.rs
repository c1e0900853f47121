//! Promises of the model, over many packets and one seed.

use proptest::prelude::*;

use super::*;

const PACKET: Duration = Duration::from_millis(20);
const MANY: u32 = 200_000;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The fates of `packets` packets, one each 20 ms.
fn fates(mut link: Link, packets: u32) -> Vec<Arrivals> {
    (0..packets).map(|packet| link.send(PACKET * packet, 120)).collect()
}

/// The share of lost packets, and the mean length of runs of them.
fn loss_and_burst(fates: &[Arrivals]) -> (f64, f64) {
    let lost: Vec<bool> = fates.iter().map(Arrivals::is_lost).collect();
    let bursts =
        lost.iter().enumerate().filter(|(at, lost)| **lost && (*at == 0 || !fates[at - 1].is_lost()));
    let (bursts, lost) = (bursts.count(), lost.iter().filter(|lost| **lost).count());
    (lost as f64 / fates.len() as f64, lost as f64 / bursts as f64)
}

#[track_caller]
fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance * expected, "{found} is not near {expected}");
}

#[test]
fn random_loss_has_its_share_and_no_memory() {
    let (loss, burst) = loss_and_burst(&fates(Link::seeded(1).loss(Loss::random(0.1)), MANY));
    assert_near(loss, 0.1, 0.03);
    assert_near(burst, 1.0 / 0.9, 0.02);
}

#[test]
fn bursty_loss_has_its_share_and_its_bursts() {
    for (share, mean) in [(0.05, 3.0), (0.1, 3.0), (0.2, 8.0), (0.8, 2.0)] {
        let (loss, burst) = loss_and_burst(&fates(Link::seeded(2).loss(Loss::bursty(share, mean)), MANY));
        assert_near(loss, share, 0.05);
        // At 80 %, good runs of one packet are the shortest, which bursts of 4 go with.
        assert_near(burst, if share == 0.8 { 4.0 } else { mean }, 0.05);
    }
}

#[test]
fn each_state_loses_its_own_share() {
    // Bad a third of the time: 0.1 / (0.1 + 0.2).
    let (loss, _) =
        loss_and_burst(&fates(Link::seeded(3).loss(Loss::gilbert_elliott(0.1, 0.2, 0.03, 0.6)), MANY));
    assert_near(loss, 0.03 * 2.0 / 3.0 + 0.6 / 3.0, 0.04);
}

#[test]
fn jitter_has_the_documented_distribution() {
    let link = Link::seeded(4).jitter(Jitter::mean(millis(20)).overtaking());
    let mut extra: Vec<f64> = Vec::new();
    for (packet, fate) in fates(link, MANY).into_iter().enumerate() {
        extra.extend(fate.into_iter().map(|at| (at - PACKET * packet as u32).as_secs_f64() * 1000.0));
    }
    extra.sort_by(f64::total_cmp);
    let at = |share: f64| extra[(share * extra.len() as f64) as usize];
    assert_near(extra.iter().sum::<f64>() / extra.len() as f64, 20.0, 0.02);
    assert_near(at(0.95), 47.4, 0.02);
    assert_near(at(0.99), 66.4, 0.02);
    assert!(extra.last().unwrap() <= &80.0);
}

#[test]
fn without_overtaking_packets_keep_their_order() {
    let in_order = |link: Link| {
        let arrivals: Vec<_> = fates(link, 20_000).into_iter().flatten().collect();
        arrivals.is_sorted()
    };
    assert!(in_order(Link::seeded(5).jitter(Jitter::mean(millis(60)))));
    assert!(!in_order(Link::seeded(5).jitter(Jitter::mean(millis(60)).overtaking())));
}

#[test]
fn a_reordered_packet_comes_later_and_holds_up_nobody() {
    let fates = fates(Link::seeded(6).delay(millis(40)).reorder(0.05, millis(50)), MANY);
    let extra = |packet: usize| fates[packet].as_slice()[0] - PACKET * packet as u32 - millis(40);
    let held_back = (0..fates.len()).filter(|&packet| extra(packet) == millis(50)).count();
    let on_time = (0..fates.len()).filter(|&packet| extra(packet).is_zero()).count();
    assert_eq!(held_back + on_time, fates.len());
    assert_near(held_back as f64 / f64::from(MANY), 0.05, 0.05);
}

#[test]
fn a_doubled_packet_comes_twice() {
    let fates = fates(Link::seeded(7).duplicate(0.1, millis(5)), MANY);
    let doubled: Vec<_> = fates.iter().filter(|fate| fate.as_slice().len() == 2).collect();
    assert_near(doubled.len() as f64 / f64::from(MANY), 0.1, 0.05);
    assert!(doubled.iter().all(|fate| fate.as_slice()[1] - fate.as_slice()[0] == millis(5)));
}

#[test]
fn an_outage_loses_what_is_sent_in_it_and_changes_no_other_fate() {
    let link = || Link::seeded(8).loss(Loss::random(0.1)).jitter(Jitter::mean(millis(5)).overtaking());
    let (whole, torn) = (fates(link(), 500), fates(link().outage(millis(2000)..millis(4000)), 500));
    for packet in 0..500 {
        if (100..200).contains(&packet) {
            assert!(torn[packet].is_lost());
        } else {
            assert_eq!(torn[packet], whole[packet]);
        }
    }
}

#[test]
fn a_delay_step_holds_until_the_next() {
    let link = Link::seeded(9)
        .delay(millis(20))
        .delay_from(millis(1000), millis(120))
        .delay_from(millis(3000), millis(20));
    for (packet, fate) in fates(link, 200).into_iter().enumerate() {
        let delay = fate.as_slice()[0] - PACKET * packet as u32;
        // The step back cannot overtake what was sent before it.
        let caught_up = 150 + 5;
        match packet {
            0..50 => assert_eq!(delay, millis(20)),
            50..150 => assert_eq!(delay, millis(120)),
            _ if packet >= caught_up => assert_eq!(delay, millis(20), "packet {packet}"),
            _ => assert!(delay <= millis(120)),
        }
    }
}

#[test]
fn a_rate_limit_queues_and_then_drops() {
    // 120 bytes each 20 ms are 48 kb/s: half of it gets through once the queue is full.
    let mut link = Link::seeded(10).rate(24_000, 1200, millis(200));
    let arrivals: Vec<_> =
        (0..1000_u32).map(|packet| (PACKET * packet, link.send(PACKET * packet, 120))).collect();
    let waits = arrivals.iter().filter_map(|(sent, fate)| Some(*fate.as_slice().first()? - *sent));
    let longest = waits.max().unwrap();
    assert!(longest <= millis(200) && longest > millis(150), "{longest:?}");
    assert!(arrivals[..15].iter().all(|(sent, fate)| fate.as_slice() == [*sent]), "the burst goes at once");
    let through = arrivals.iter().filter(|(_, fate)| !fate.is_lost()).count() as f64 * 120.0;
    // 20 s at 3,000 bytes a second, the burst, and what the queue holds.
    assert_near(through, 20.0 * 3000.0 + 1200.0 + 0.2 * 3000.0, 0.02);
}

#[test]
fn a_packet_longer_than_the_bucket_passes_in_the_end() {
    let mut link = Link::seeded(11).rate(8000, 100, millis(10_000));
    assert_eq!(link.send(Duration::ZERO, 300).as_slice(), [Duration::ZERO]);
    assert_eq!(link.send(Duration::ZERO, 100).as_slice(), [millis(300)], "200 of debt, and its own 100");
}

#[test]
fn a_fast_sender_sends_more_often() {
    let link = Link::seeded(12).sender_drift_ppm(100.0);
    let trace = Trace::record(link, 30_001, PACKET);
    assert_eq!(
        trace.packets()[30_000].sent,
        Duration::from_micros(599_940_005),
        "60 ms early after ten minutes"
    );
}

fn any_link() -> impl Strategy<Value = Link> {
    let chances = (0.0..1.0, 1.0..10.0, 0.0..0.5, 0.0..0.5);
    (any::<u64>(), chances, (0_u64..200, 0_u64..100, any::<bool>()), -200.0..200.0).prop_map(
        |(seed, (loss, burst, reorder, duplicate), (delay, jitter, overtaking), ppm)| {
            let jitter = Jitter::mean(millis(jitter));
            Link::seeded(seed)
                .loss(Loss::bursty(loss, burst))
                .delay(millis(delay))
                .jitter(if overtaking { jitter.overtaking() } else { jitter })
                .reorder(reorder, millis(30))
                .duplicate(duplicate, millis(3))
                .rate(60_000, 1000, millis(100))
                .sender_drift_ppm(ppm)
        },
    )
}

proptest! {
    #[test]
    fn nothing_arrives_before_it_was_sent_and_the_same_seed_gives_the_same_fate(link in any_link()) {
        let (first, second) = (fates(link.clone(), 300), fates(link, 300));
        for (packet, fate) in first.iter().enumerate() {
            prop_assert!(fate.into_iter().all(|arrival| arrival >= PACKET * packet as u32));
        }
        prop_assert_eq!(first, second);
    }

    #[test]
    fn a_trace_comes_back_from_its_file(link in any_link(), packets in 0_usize..200) {
        let trace = Trace::record(link, packets, PACKET);
        let mut file = Vec::new();
        trace.write(&mut file).unwrap();
        prop_assert_eq!(Trace::read(file.as_slice()).unwrap(), trace);
    }

    #[test]
    fn no_file_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), header in any::<bool>()) {
        let mut file = if header { b"offhook-trace 1\n".to_vec() } else { Vec::new() };
        file.extend(bytes);
        let _ = Trace::read(file.as_slice());
    }

    #[test]
    fn no_lines_of_numbers_make_the_reader_panic(lines in proptest::collection::vec((0_u64..4, any::<u64>(), any::<u64>()), 0..8)) {
        let mut file = String::from("offhook-trace 1\n");
        for (index, sent, arrived) in lines {
            file += &format!("{index} {sent} {arrived}\n");
        }
        let _ = Trace::read(file.as_bytes());
    }
}

#[test]
fn what_is_wrong_with_a_trace_is_said_with_its_line() {
    let long = format!("# {}\n", "x".repeat(300));
    for (lines, line, fault) in [
        ("0 0\n", 2, TraceFault::Shape),
        ("0 0 lost 1\n", 2, TraceFault::Shape),
        ("0 0 never\n", 2, TraceFault::Shape),
        ("-1 0 lost\n", 2, TraceFault::Shape),
        ("0 0 1000000000001\n", 2, TraceFault::TooLate),
        ("# comment\n\n1 0 lost\n", 4, TraceFault::Index { expected: 0 }),
        ("0 0 5\n2 0 5\n", 3, TraceFault::Index { expected: 1 }),
        ("0 10 15\n1 5 15\n", 3, TraceFault::SentBack),
        ("0 10 15\n0 11 15\n", 3, TraceFault::SentBack),
        ("0 10 9\n", 2, TraceFault::Early),
        ("0 0 lost\n0 0 5\n", 3, TraceFault::Copies),
        ("0 0 5\n0 0 lost\n", 3, TraceFault::Copies),
        ("0 0 5\n0 0 6\n0 0 7\n", 4, TraceFault::Copies),
        (long.as_str(), 2, TraceFault::TooLong),
    ] {
        let file = format!("offhook-trace 1\n{lines}");
        match Trace::read(file.as_bytes()) {
            Err(TraceError::Line { line: at, fault: found }) => {
                assert_eq!((at, found), (line, fault), "{lines}")
            }
            other => panic!("{lines} gave {other:?}"),
        }
    }
    for header in ["", "offhook-trace 2\n", "0 0 lost\n"] {
        let error = Trace::read(header.as_bytes()).unwrap_err();
        assert!(matches!(error, TraceError::Line { line: 1, fault: TraceFault::Header }), "{error}");
    }
}

#[test]
fn deliveries_are_in_the_order_of_arrival() {
    let trace = Trace::read(&b"offhook-trace 1\n0 0 50\n1 20 lost\n2 40 45\n2 40 60\n"[..]).unwrap();
    let micros = Duration::from_micros;
    assert_eq!(trace.deliveries(), [(micros(45), 2), (micros(50), 0), (micros(60), 2)]);
    assert_near(trace.loss(), 1.0 / 3.0, 1e-9);
}

#[test]
fn the_copies_of_a_packet_are_in_the_order_of_arrival_whatever_the_file_says() {
    let trace = Trace::read(&b"offhook-trace 1\n0 0 60\n0 0 50\n"[..]).unwrap();
    assert_eq!(trace.packets()[0].arrivals.as_slice(), [50, 60].map(Duration::from_micros));
}
