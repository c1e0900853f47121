//! Clocks of far ends, on a clock of our own.

use super::*;

const MIX: StreamId = StreamId { kind: StreamKind::Sound, section: 0, ssrc: 1 };
const ADA: StreamId = StreamId { kind: StreamKind::Sound, section: 1, ssrc: 2 };

#[test]
fn streams_of_one_far_end_stand_as_far_apart_as_they_were_sent() {
    let mut clock = SessionClock::default();
    // Both send at the same ticks from times that begin anywhere, over the wrap; packets take 3 to 9 ms.
    let late = |tick: i64, salt: i64| 144 + (tick * 7919 + salt * 104_729) % 288;
    let mix = |tick: i64| (u32::MAX - 5000).wrapping_add(960 * tick as u32);
    let ada = |tick: i64| 77_u32.wrapping_add(960 * tick as u32);
    clock.place(MIX, (0..10).map(|tick| (mix(tick), 960 * tick + late(tick, 1))));
    clock.place(ADA, (40..50).map(|tick| (ada(tick), 960 * tick + late(tick, 2))));
    for tick in 0..1000 {
        let at = 960 * tick;
        let one = clock.arrived(MIX, mix(tick), at + late(tick, 1)).unwrap();
        let other = clock.arrived(ADA, ada(tick), at + late(tick, 2)).unwrap();
        assert_eq!(one, other, "tick {tick}");
        assert!((0..=432).contains(&(one - at)), "{one} for {at}");
    }
}

#[test]
fn drift_is_measured_and_corrected_for_all_streams_at_once() {
    for ppm in [100_i64, -100] {
        let mut clock = SessionClock::default();
        // When tick number so and so of a sender that runs `ppm` fast leaves, on our clock.
        let leaves = |tick: i64| 960 * tick - 960 * tick * ppm / 1_000_000;
        let late = |tick: i64| (tick * 7919) % 480;
        clock.place(MIX, (0..10).map(|tick| (960 * tick as u32, leaves(tick) + late(tick))));
        clock.place(ADA, (0..10).map(|tick| (7 + 960 * tick as u32, leaves(tick) + late(tick))));
        let (mut steps, mut worst) = (0, 0);
        for tick in 0..30 * 60 * 50 {
            let now = leaves(tick) + late(tick);
            let one = clock.arrived(MIX, 960 * tick as u32, now).unwrap();
            assert_eq!(clock.arrived(ADA, 7 + 960 * tick as u32, now), Some(one));
            worst = worst.max((one - leaves(tick)).abs());
            steps += clock.correct(now, tick % 50 == 0).map_or(0, |step| step.by);
        }
        let expected = -30 * 60 * 48 * ppm / 1000;
        assert!((steps - expected).abs() < 600, "{steps} of {expected} samples at {ppm} ppm");
        assert!(worst < 700, "off by {worst} samples at {ppm} ppm");
        let measured = clock.drift_ppm(30 * 60 * 48_000);
        assert!((measured - ppm as f64).abs() < 2.0, "{measured} for {ppm} ppm");
    }
}

#[test]
fn a_machine_that_was_busy_when_a_stream_began_does_not_put_it_elsewhere() {
    let mut clock = SessionClock::default();
    // All of the first seconds is 25 ms late, and nothing later.
    let late = |tick: i64| if tick < 100 { 1200 } else { 10 };
    clock.place(MIX, (0..10).map(|tick| (960 * tick as u32, 960 * tick + late(tick))));
    for tick in 0..150 {
        clock.arrived(MIX, 960 * tick as u32, 960 * tick + late(tick));
    }
    clock.place(ADA, (140..150).map(|tick| (960 * tick as u32, 960 * tick + late(tick))));
    assert_eq!(clock.position(ADA, 960 * 145), clock.position(MIX, 960 * 145));
}

/// A report of what a sender's stream shows at `sample`, whose times begin at `first`; wrong by so many samples.
fn report(sample: i64, first: u32, wrong: i64, kind: StreamKind) -> Report {
    let shows = sample + wrong;
    let ticks = if kind == StreamKind::Sound { shows } else { shows * 15 / 8 };
    // The sender's wall clock counts from anywhere.
    let ntp = ((3_900_000_000_u128 * 48_000 + sample as u128) << 32) / 48_000;
    Report { ntp: ntp as u64 + 1, time: first.wrapping_add(ticks as u32), at: sample + 200 }
}

#[test]
fn reports_put_a_stream_at_its_tick_and_wrong_ones_do_not() {
    // By how much the reports of one stream are wrong, whether there are any; and where the stream is at the end.
    for (wrong, is_reported, off) in
        [(0, true, 0), (0, false, 960), (48 * 3_600_000, true, 960), (-48 * 150, true, 960)]
    {
        let mut clock = SessionClock::default();
        clock.place(MIX, (0..20).map(|tick| (960 * tick as u32, 960 * tick + 10)));
        // What came first came late, and no later packet was fast enough to tell.
        clock.place(ADA, (0..20).map(|tick| (77 + 960 * tick as u32, 960 * tick + 970)));
        for tick in 20..200_i64 {
            let at = 960 * tick + 10;
            clock.arrived(MIX, 960 * tick as u32, at);
            clock.arrived(ADA, 77 + 960 * tick as u32, at + 500);
            if tick % 50 == 49 && is_reported {
                clock.reported(MIX, report(960 * tick, 0, 0, StreamKind::Sound));
                clock.reported(ADA, report(960 * tick, 77, wrong, StreamKind::Sound));
            }
        }
        let apart = clock.position(ADA, 77 + 960 * 199).unwrap() - clock.position(MIX, 960 * 199).unwrap();
        assert_eq!(apart, off, "wrong by {wrong}, reported: {is_reported}");
    }
}

#[test]
fn pictures_stand_beside_the_sound_that_was_taken_with_them_where_it_is_reported() {
    const CAMERA: StreamId = StreamId { kind: StreamKind::Picture, section: 0, ssrc: 9 };
    let mut clock = SessionClock::default();
    let first = u32::MAX - 100_000;
    let time = |sample: i64| first.wrapping_add((sample * 15 / 8) as u32);
    clock.place(MIX, (0..20).map(|tick| (960 * tick as u32, 960 * tick + 10)));
    // An encoder takes 120 ms.
    clock.place(CAMERA, (0..10).map(|number| (time(1920 * number), 1920 * number + 5760)));
    assert!(clock.position(CAMERA, time(0)).unwrap() >= 5700);
    for tick in 20..400_i64 {
        clock.arrived(MIX, 960 * tick as u32, 960 * tick + 10);
        if tick % 2 == 0 {
            clock.arrived(CAMERA, time(960 * tick), 960 * tick + 5760);
        }
        if tick % 50 == 0 {
            clock.reported(MIX, report(960 * tick, 0, 0, StreamKind::Sound));
            clock.reported(CAMERA, report(960 * tick + 300, first, 0, StreamKind::Picture));
        }
        clock.correct(960 * tick + 10, false);
    }
    let apart = clock.position(CAMERA, time(960 * 400)).unwrap() - clock.position(MIX, 960 * 400).unwrap();
    assert!(apart.abs() <= 2, "{apart} samples apart");
}

#[test]
fn packets_that_come_in_bursts_are_of_the_ticks_at_which_others_came_with_them() {
    let mut clock = SessionClock::default();
    // A busy machine looks five times in 400 ms, once in time; and then the other stream's last packet is not there yet.
    let late = [0, 800, 800, 850, 900];
    let looks = |tick: i64| 960 * (tick / 4 * 4 + 3) + 5 + late[tick as usize / 4];
    let ada = |tick: i64| looks(if tick == 3 { 4 } else { tick });
    clock.place(MIX, (0..20).map(|tick| (960 * tick as u32, looks(tick))));
    (0..20).for_each(|tick| _ = clock.arrived(MIX, 960 * tick as u32, looks(tick)));
    clock.place(ADA, (0..20).map(|tick| (7 + 960 * tick as u32, ada(tick))));
    assert_eq!(clock.position(ADA, 7 + 960 * 10), clock.position(MIX, 960 * 10));
}

#[test]
fn a_stream_that_begins_anew_is_not_known() {
    let mut clock = SessionClock::default();
    clock.place(MIX, [(1000, 0)].into_iter());
    assert!(clock.knows(MIX, 1960, 960) && clock.knows(MIX, 1960, 48_000));
    assert!(!clock.knows(MIX, 5_000_000, 1920) && !clock.knows(ADA, 1960, 960));
}
