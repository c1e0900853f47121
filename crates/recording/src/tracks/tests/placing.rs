//! Streams that are put at a wrong tick at first, because their first packets come late: what is recorded stands right in the end, from
//! the first packet on.

use super::{Memory, Packet, Sender, meeting, payload, senders};
use crate::folder::{read_opus, verify};
use crate::gaps::GapKind;
use crate::journal::{Entry, Placing};
use crate::tracks::clock::StreamKind;
use crate::tracks::meeting::Meeting;
use crate::tracks::reports::Report;

/// When the reports of all streams come: every second, or every five as others send them.
fn report(meeting: &mut Meeting, senders: &[Sender], tick: u32) {
    let at = i64::from(tick) * 960 + 480;
    for sender in senders {
        let wall = (1 << 40) + i64::from(tick) * 960;
        let report = Report {
            ntp: ((wall as u128) << 32).div_ceil(48_000) as u64,
            time: sender.packet(tick, at, &[]).time,
            at,
        };
        meeting.reported(StreamKind::Sound, sender.section, 1000 + sender.section as u32, report);
    }
}

/// By how many samples each tick of a track stands elsewhere than in the mix.
fn apart(sink: &Memory, name: &str) -> Vec<i64> {
    let mix: std::collections::HashMap<_, _> = sink.ticks("mix.opus").into_iter().collect();
    let ticks = sink.ticks(name).into_iter();
    let apart: Vec<_> = ticks.filter_map(|(tick, at)| Some(at - mix.get(&tick)?)).collect();
    assert!(apart.len() > 100, "{name} has {} ticks in common with the mix", apart.len());
    apart
}

fn placed(sink: &Memory, of: &str) -> Vec<Placing> {
    let placed = |entry| match entry {
        Entry::Placed { track, by } if track == of => Some(by),
        _ => None,
    };
    sink.entries().into_iter().filter_map(placed).collect()
}

/// All of the first second comes late by whole ticks, as on a machine that is overloaded; one stream comes late, the other early.
#[test]
fn a_stream_whose_first_packets_come_a_tick_late_stands_right_from_the_first_on() {
    for every in [50, 250] {
        for late in [960, 1_920, 2_880, -960] {
            let [mix, ada, ..] = senders();
            let sink = meeting(2_000, |tick, meeting, _| {
                let payload = payload(tick);
                let at = i64::from(tick) * 960 + 480;
                // Before it, the mix alone is late: then she seems early.
                let (mix_late, ada_late) = if tick >= 500 { (0, 0) } else { ((-late).max(0), late.max(0)) };
                meeting.received(mix.packet(tick, at + mix_late, &payload));
                // A pause that is none of the path's.
                if !(60..90).contains(&tick) {
                    meeting.received(ada.packet(tick, at + ada_late, &payload));
                }
                if tick % every == 40 {
                    report(meeting, &[mix, ada], tick);
                }
            });
            let case = format!("{late} samples late, reports every {every} ticks");
            let apart = apart(&sink, "speaker-501.opus");
            assert!(apart.iter().all(|apart| *apart == 0), "{case}: {apart:?}");
            assert!(sink.rewritten > 0, "{case}: nothing had to be written anew");
            assert_eq!(placed(&sink, "speaker-501"), [Placing::Reports], "{case}");
            // Gaps are told as they are in what was written anew; and nothing was lost by it.
            let ticks = sink.ticks("speaker-501.opus");
            assert_eq!(ticks.len(), 2_000 - 30, "{case}");
            let place = |tick: u32| ticks.iter().find(|(found, _)| *found == tick).unwrap().1 as u64;
            let gap = (place(59) + 960, 30 * 960);
            assert!(sink.gaps("speaker-501", GapKind::Lost).contains(&gap), "{case}");
            let directory = tempfile::tempdir().unwrap();
            sink.save(directory.path());
            assert_eq!(verify(directory.path()).unwrap().problems, [], "{case}");
        }
    }
}

#[test]
fn whoever_joins_late_is_written_anew_and_what_was_there_before_is_not_touched() {
    let [mix, ada, bob, ..] = senders();
    let mut before = Vec::new();
    let sink = meeting(3_000, |tick, meeting, sink| {
        let payload = payload(tick);
        let at = i64::from(tick) * 960 + 480;
        meeting.received(mix.packet(tick, at, &payload));
        meeting.received(ada.packet(tick, at, &payload));
        if tick == 1_000 {
            before = ["mix.opus", "speaker-501.opus"].map(|name| sink.file(name).to_vec()).to_vec();
        }
        // He is in her track first, as on a socket that shows whoever speaks, and 40 ms late for ten seconds.
        if tick >= 1_000 {
            let late = if tick < 1_500 { 1_920 } else { 0 };
            let source = if tick < 1_040 { ada.source } else { bob.source };
            meeting.received(Sender { source, ..bob }.packet(tick, at + late, &payload));
        }
        let streams = if tick >= 1_000 { &[mix, ada, bob][..] } else { &[mix, ada] };
        if tick % 50 == 40 {
            report(meeting, streams, tick);
        }
    });
    for (name, before) in ["mix.opus", "speaker-501.opus"].into_iter().zip(&before) {
        assert!(sink.file(name).starts_with(before), "{name}");
    }
    for name in ["speaker-501.opus", "speaker-502.opus"] {
        assert!(apart(&sink, name).iter().all(|apart| *apart == 0), "{name}");
    }
    assert_eq!(placed(&sink, "speaker-502"), [Placing::Reports]);
}

#[test]
fn at_any_instant_less_than_a_second_is_not_on_disk_though_it_is_written_anew() {
    let [mix, ada, ..] = senders();
    let sink = meeting(500, |tick, meeting, sink| {
        let payload = payload(tick);
        let at = i64::from(tick) * 960 + 480;
        meeting.received(mix.packet(tick, at, &payload));
        meeting.received(ada.packet(tick, at + 1_920, &payload));
        if tick % 50 == 40 {
            report(meeting, &[mix, ada], tick);
        }
        if tick > 100 {
            let file = read_opus(sink.file("speaker-501.opus")).unwrap();
            let missing = i64::from(tick) * 960 - file.samples() as i64;
            assert!(missing < 48_000, "{missing} samples at tick {tick}");
        }
    });
    assert!(sink.rewritten > 0);
}

#[test]
fn where_nothing_is_reported_or_the_disk_does_not_take_it_a_track_stays_as_it_was_written() {
    for is_reported in [false, true] {
        let [mix, ada, ..] = senders();
        let sink = meeting(1_500, |tick, meeting, sink| {
            let payload = payload(tick);
            let at = i64::from(tick) * 960 + 480;
            sink.refuses =
                (is_reported && (85..100).contains(&tick)).then_some(crate::journal::Class::Tracks);
            meeting.received(mix.packet(tick, at, &payload));
            meeting.received(ada.packet(tick, at + 1_200, &payload));
            if is_reported && tick % 50 == 40 {
                report(meeting, &[mix, ada], tick);
            }
        });
        assert_eq!(sink.rewritten, 0);
        assert_eq!(placed(&sink, "speaker-501"), [Placing::Arrivals], "reported: {is_reported}");
        read_opus(sink.file("speaker-501.opus")).unwrap();
    }
}

#[test]
fn whoever_begins_a_new_stream_each_moment_or_reports_nonsense_costs_no_more_than_anybody() {
    let [mix, ada, ..] = senders();
    let mut most = 0;
    let sink = meeting(10_000, |tick, meeting, _| {
        let payload = payload(tick);
        let at = i64::from(tick) * 960 + 480;
        meeting.received(mix.packet(tick, at, &payload));
        // Another stream each half second; and of the mix, what is moved to and fro.
        let ssrc = 5_000 + tick / 25;
        meeting.received(Packet { ssrc, ..ada.packet(tick, at, &payload) });
        if tick > 0 && tick.is_multiple_of(5) {
            let to_and_fro = if (tick / 5).is_multiple_of(2) { 0 } else { 1_920 };
            let wall = (1 << 40) + i64::from(tick) * 960;
            let ntp = ((wall as u128) << 32).div_ceil(48_000) as u64;
            let time = mix.packet(tick, at, &[]).time.wrapping_add(to_and_fro);
            meeting.reported(StreamKind::Sound, 0, 1_000, Report { ntp, time, at });
            let time = ada.packet(tick, at, &[]).time;
            meeting.reported(StreamKind::Sound, ada.section, ssrc, Report { ntp, time, at });
        }
        most = most.max(meeting.packets_kept());
    });
    assert!(most <= 2 * 4_096, "{most} packets were kept");
    assert!(sink.rewritten <= 2 * 8, "written anew {} times", sink.rewritten);
    read_opus(sink.file("speaker-501.opus")).unwrap();
}
