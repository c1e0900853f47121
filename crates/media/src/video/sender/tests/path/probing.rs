//! Paths that carry more than is sent.

use super::*;

#[test]
fn a_sender_of_little_learns_what_the_path_has() {
    for made in [40, 250] {
        let mut call = Call::new(300, Path::new(2000), Encoder::Makes(kilobits(made)), 3);
        call.run(6);
        let (estimate, filled) = (call.sender.estimate().bits_per_second(), call.counters().bytes_filled);
        let what = format!("{made} kb/s: {estimate} after {filled} bytes; {:?} queued", call.queued);
        assert!((1_700_000..=2_050_000).contains(&estimate), "{what}");
        assert!(call.queued < Duration::from_millis(150) && call.dropped == 0, "{what}");
        call.begin_again();
        call.run(60);
        let (estimate, filled) =
            (call.sender.estimate().bits_per_second(), call.counters().bytes_filled - filled);
        let what = format!("{made} kb/s: {estimate}, {filled} bytes in a minute; {:?} queued", call.queued);
        assert!((1_700_000..=2_050_000).contains(&estimate), "{what}");
        assert!(filled < 100_000 && call.dropped == 0 && call.gaps() == 0, "{what}");
    }
}

#[test]
fn a_sender_that_may_have_all_that_it_wants_fills_nothing() {
    let mut call = Call::new(300, Path::new(2000), Encoder::Makes(kilobits(150)), 3);
    call.sender = sender(300, settings(0, 200));
    call.run(20);
    assert_eq!((call.counters().packets_filled, call.gaps()), (0, 0));
}

#[test]
fn a_path_that_becomes_wide_again_is_found_out() {
    let mut call = Call::new(300, Path::new(2000), Encoder::Makes(kilobits(300)), 3);
    call.run(5);
    call.path.rate = kilobits(200);
    call.run(5);
    let narrow = call.sender.estimate().bits_per_second();
    assert!(narrow < 350_000, "{narrow}");
    call.path.rate = kilobits(2000);
    call.run(15);
    let wide = call.sender.estimate().bits_per_second();
    assert!(wide > 1_700_000, "{wide}");
}

#[test]
fn a_layer_that_is_off_comes_on_when_the_path_is_seen_to_carry_it() {
    for (rate, carries) in [(2000, true), (500, false)] {
        let mut call = Call::new(300, Path::new(rate), Encoder::Makes(kilobits(120)), 3);
        let limits = BandwidthLimits { start: kilobits(300), ..BandwidthLimits::default() };
        call.sender = VideoSender::new(limits);
        call.sender.add_section(&[settings(0, 150), settings(600, 1500)], at(0));
        call.run(5);
        let large = call.sender.sections[0].layers[1].target;
        assert_eq!(large > BitRate::default(), carries, "{large:?} of {:?}", call.sender.estimate());
        assert_eq!((call.gaps(), call.dropped), (0, 0));
    }
}

#[test]
fn without_a_stream_of_retransmissions_the_path_is_not_probed() {
    let mut call = Call::new(300, Path::new(2000), Encoder::Makes(kilobits(150)), 3);
    call.sender = sender(300, VideoStreamSettings { has_repair_stream: false, ..settings(0, 5000) });
    call.run(10);
    assert_eq!((call.counters().packets_filled, call.gaps()), (0, 0));
    assert!(!call.sender.estimator.has_cluster());
}
