//! Whole meetings on a clock of our own: what is sent is known, and what is in the files is held against it.

mod disk;
mod memory;
mod placing;
mod reports;

use std::collections::{BTreeMap, HashMap};

use offhook_media::FrameOrigin;

pub(super) use self::memory::Memory;
use super::film::Picture;
use super::meeting::{Meeting, Packet};
use crate::folder::{read_opus, verify};
use crate::format::ogg_opus::LOOKAHEAD;
use crate::gaps::GapKind;
use crate::journal::{Class, Entry, GrantEntry};

/// SILK wideband, a frame of 20 ms; and a byte by which packets of senders here are known.
const TOC: u8 = 9 << 3;
const MARK: u8 = 0xa5;

fn payload(tick: u32) -> Vec<u8> {
    [&[TOC, MARK][..], &tick.to_be_bytes()].concat()
}

pub(super) fn begin(sink: &mut Memory) -> Meeting {
    Meeting::begin(0, GrantEntry::OwnResponsibility { statement: "a test".to_owned() }, sink)
}

/// Somebody who sends on a section.
#[derive(Clone, Copy)]
struct Sender {
    section: usize,
    source: Option<u32>,
    first_time: u32,
    first_number: u16,
}

impl Sender {
    fn packet<'a>(&self, tick: u32, at: i64, payload: &'a [u8]) -> Packet<'a> {
        Packet {
            section: self.section,
            ssrc: 1000 + self.section as u32,
            sequence: Some(self.first_number.wrapping_add(tick as u16)),
            time: self.first_time.wrapping_add(960 * tick),
            at,
            source: self.source,
            level: Some(20),
            payload,
        }
    }
}

fn senders() -> [Sender; 5] {
    [0, 1, 2, 3, 4].map(|section| Sender {
        section,
        source: (section > 0).then_some(500 + section as u32),
        first_time: 0xffff_0000_u32.wrapping_add(77_777 * section as u32),
        first_number: 65_000 + 100 * section as u16,
    })
}

fn name(sender: &Sender) -> String {
    sender.source.map_or("mix.opus".to_owned(), |source| format!("speaker-{source}.opus"))
}

/// A meeting over a network: 2 % of packets are lost, each takes 20 to 50 ms, the far end's clock is 100 ppm fast, and people come
/// and go. Half an hour.
#[test]
fn half_an_hour_of_loss_jitter_and_drift_keeps_every_track_aligned() {
    const SECONDS: u32 = 30 * 60;
    // Xorshift: the same network at every run.
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        (dice >> 40) as u32
    };
    let (mut sink, senders) = (Memory::default(), senders());
    let mut meeting = begin(&mut sink);
    // When each tick leaves, on our clock.
    let leaves = |tick: u32| i64::from(tick) * 960 - i64::from(tick) * 960 / 10_000;
    // Each speaker is there for a part of the meeting, and speaks in turns of four to seven seconds.
    let is_there = |section: usize, tick: u32| match section {
        0 => true,
        2 => tick > 50 * 120,
        3 => (50 * 300..50 * 900).contains(&tick),
        _ => tick.is_multiple_of(50 * 60) || !(tick / (50 * 60)).is_multiple_of(7),
    };
    let speaks = |section: usize, tick: u32| !(tick / 50).is_multiple_of(4 + section as u32);
    let mut on_their_way = BTreeMap::<(i64, usize), (Sender, u32)>::new();
    let (mut sent, mut lost) = (HashMap::<usize, Vec<u32>>::new(), HashMap::<usize, Vec<u32>>::new());
    let mut numbers = [0_u32; 5];
    let mut of_number = HashMap::new();
    for tick in 0..SECONDS * 50 {
        for sender in &senders {
            let section = sender.section;
            if !is_there(section, tick) || !speaks(section, tick) {
                continue;
            }
            let number = numbers[section];
            numbers[section] += 1;
            of_number.insert((section, tick), number);
            if random() % 50 == 0 {
                lost.entry(section).or_default().push(tick);
                continue;
            }
            sent.entry(section).or_default().push(tick);
            let takes = 960 + i64::from(random() % 1440);
            on_their_way.insert((leaves(tick) + takes, section * 10 + (tick % 7) as usize), (*sender, tick));
        }
        let now = leaves(tick);
        while let Some(entry) = on_their_way.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), (sender, tick)) = entry.remove_entry();
            let payload = payload(tick);
            let mut packet = sender.packet(tick, at, &payload);
            packet.sequence =
                Some(sender.first_number.wrapping_add(of_number[&(sender.section, tick)] as u16));
            meeting.received(packet);
        }
        if tick.is_multiple_of(2) {
            meeting.tick(now, &mut sink);
        }
    }
    let end = leaves(SECONDS * 50) + 4800;
    meeting.tick(end, &mut sink);
    meeting.finish(end, &mut sink);
    meeting.stopped(&mut sink);

    let mut places = HashMap::<u32, i64>::new();
    for sender in &senders {
        let name = name(sender);
        let file = read_opus(sink.file(&name)).unwrap();
        assert!(file.is_complete);
        assert_eq!(file.samples() as i64, end, "{name} is as long as the meeting");
        let ticks = sink.ticks(&name);
        // Each correction that fell into speech costs the packet that it shortens; the last may still be on its way.
        let expected = &sent[&sender.section];
        let missing = expected.len() - ticks.len();
        assert!(missing <= 75, "{name}: {missing} of {} packets are not there", expected.len());
        for (tick, at) in ticks {
            let off = at - leaves(tick);
            assert!((960 - 700..=960 + 1500).contains(&off), "{name}: tick {tick} is off by {off}");
            // To a sample, wherever another track has the same tick.
            assert_eq!(*places.entry(tick).or_insert(at), at, "{name}: tick {tick} is elsewhere");
        }
        let told: u64 =
            sink.gaps(name.trim_end_matches(".opus"), GapKind::Lost).iter().map(|(_, len)| len).sum();
        let truth = lost[&sender.section].len() as u64 * 960;
        assert!(
            told.abs_diff(truth) <= truth / 20,
            "{name}: {told} samples are told to be lost, {truth} were"
        );
    }
    let step = |entry| match entry {
        Entry::Clock { by, drift_ppm } => Some((by, drift_ppm)),
        _ => None,
    };
    let clock: Vec<_> = sink.entries().into_iter().filter_map(step).collect();
    let by: i64 = clock.iter().map(|(by, _)| by).sum();
    assert!((-8700..=-7800).contains(&by), "the drift of 8640 samples was corrected by {by}");
    let (_, ppm) = clock.last().unwrap();
    assert!((95.0..=105.0).contains(ppm), "{ppm} ppm were measured");
}

/// A meeting without trouble of so many ticks, to which `happens` does something at each.
fn meeting(ticks: u32, mut happens: impl FnMut(u32, &mut Meeting, &mut Memory)) -> Memory {
    let mut sink = Memory::default();
    let mut meeting = begin(&mut sink);
    for tick in 0..ticks {
        happens(tick, &mut meeting, &mut sink);
        meeting.tick(i64::from(tick) * 960 + 700, &mut sink);
        sink.answer(&mut meeting);
    }
    meeting.finish(i64::from(ticks) * 960, &mut sink);
    sink.answer(&mut meeting);
    meeting.stopped(&mut sink);
    sink
}

#[test]
fn a_lost_packet_never_shortens_a_track_and_a_copy_takes_its_place() {
    let [mix, ..] = senders();
    let sink = meeting(300, |tick, meeting, _| {
        let payload = payload(tick);
        match tick {
            100 | 101 | 150 => {}
            // What the packet before was, comes again in this one.
            151 => {
                let before = self::payload(150);
                meeting.received(mix.packet(151, 151 * 960 + 480, &payload));
                meeting.received(Packet { sequence: None, ..mix.packet(150, 151 * 960 + 480, &before) });
            }
            _ => meeting.received(mix.packet(tick, i64::from(tick) * 960 + 480, &payload)),
        }
    });
    let ticks = sink.ticks("mix.opus");
    let first = ticks[0].1;
    for (tick, at) in &ticks {
        assert_eq!(at - first, i64::from(*tick) * 960, "tick {tick}");
    }
    assert_eq!(ticks.len(), 298);
    assert_eq!(sink.gaps("mix", GapKind::Lost), [((100 * 960 + first) as u64, 1920)]);
    assert_eq!(read_opus(sink.file("mix.opus")).unwrap().samples(), 300 * 960);
}

#[test]
fn a_speaker_who_moves_to_another_stream_goes_on_in_the_same_track() {
    let [_, one, two, ..] = senders();
    let sink = meeting(400, |tick, meeting, _| {
        let payload = payload(tick);
        let at = i64::from(tick) * 960 + 480;
        // The other stream carries somebody else meanwhile, so that it has its place.
        let (ada, bob) = if tick < 200 { (one, two) } else { (two, one) };
        meeting.received(Packet { source: Some(501), ..ada.packet(tick, at, &payload) });
        meeting.received(Packet { source: Some(502), ..bob.packet(tick, at, &payload) });
    });
    for name in ["speaker-501.opus", "speaker-502.opus"] {
        let ticks = sink.ticks(name);
        assert!(ticks.len() >= 398, "{name} has {}", ticks.len());
        assert!(ticks.windows(2).all(|pair| pair[1].1 - pair[0].1 == 960), "{name}");
    }
}

#[test]
fn a_stream_that_begins_anew_goes_on_by_time() {
    let [mix, ..] = senders();
    let sink = meeting(400, |tick, meeting, _| {
        let payload = payload(tick);
        let sender = if tick < 200 { mix } else { Sender { first_time: 5, first_number: 9, ..mix } };
        let ssrc = if tick < 200 { 1 } else { 2 };
        meeting.received(Packet { ssrc, ..sender.packet(tick, i64::from(tick) * 960 + 480, &payload) });
    });
    let ticks = sink.ticks("mix.opus");
    assert!(ticks.windows(2).all(|pair| pair[1].1 - pair[0].1 == 960));
    assert!(ticks.len() >= 398);
}

#[test]
fn what_listeners_heard_as_a_guess_is_late_if_it_came_and_concealed_if_not() {
    let [mix, ..] = senders();
    let sink = meeting(400, |tick, meeting, _| {
        let payload = payload(tick);
        let at = |tick: u32| i64::from(tick) * 960 + 480;
        match tick {
            100 | 200 => {}
            // Five ticks late: heard as a guess, and recorded.
            105 => {
                let late = self::payload(100);
                meeting.received(mix.packet(100, at(105), &late));
                meeting.received(mix.packet(105, at(105), &payload));
            }
            _ => meeting.received(mix.packet(tick, at(tick), &payload)),
        }
        // The listener is three ticks behind.
        if let Some(heard) = tick.checked_sub(3).filter(|heard| *heard > 20) {
            let time = mix.first_time.wrapping_add(960 * heard);
            match heard {
                100 | 200 => meeting.heard(0, FrameOrigin::Concealed, None),
                _ => meeting.heard(0, FrameOrigin::Media, Some(time)),
            }
        }
    });
    let place = |tick: u32| sink.ticks("mix.opus")[0].1 as u64 + 960 * u64::from(tick);
    assert_eq!(sink.gaps("mix", GapKind::Late), [(place(100), 960)]);
    assert_eq!(sink.gaps("mix", GapKind::Concealed), [(place(200), 960)]);
    assert_eq!(sink.gaps("mix", GapKind::Lost), [(place(200), 960)]);
}

#[test]
fn a_disk_that_refuses_leaves_a_gap_of_the_right_length_and_the_tracks_go_on_where_the_mix_does_not() {
    let [mix, ada, ..] = senders();
    let sink = meeting(1000, |tick, meeting, sink| {
        sink.refuses = match tick {
            300..500 => Some(Class::Mix),
            600..700 => Some(Class::Tracks),
            _ => None,
        };
        let payload = payload(tick);
        meeting.received(mix.packet(tick, i64::from(tick) * 960 + 480, &payload));
        meeting.received(ada.packet(tick, i64::from(tick) * 960 + 480, &payload));
    });
    for (track, out, refused) in
        [("mix", &[(300, 500), (600, 700)][..], 300), ("speaker-501", &[(600, 700)], 100)]
    {
        let file = read_opus(sink.file(&format!("{track}.opus"))).unwrap();
        assert_eq!(file.samples(), 1000 * 960, "{track} is as long as the recording");
        let ticks = sink.ticks(&format!("{track}.opus"));
        let first = ticks[0].1 - i64::from(ticks[0].0) * 960;
        assert!(ticks.iter().all(|(tick, at)| at - first == i64::from(*tick) * 960), "{track} keeps time");
        assert!(ticks.len() >= 1000 - refused - 20 * out.len(), "{track} has {} packets", ticks.len());
        let gaps = sink.gaps(track, GapKind::Disk);
        assert_eq!(gaps.len(), out.len(), "{track}: {gaps:?}");
    }
}

#[test]
fn what_the_disk_does_not_take_at_the_end_is_told() {
    let [mix, ada, ..] = senders();
    // Refused at once, or by a queue that is full, or taken by the queue and lost behind it.
    for trouble in ["refuses", "full", "loses"] {
        let sink = meeting(500, |tick, meeting, sink| {
            let bad = |of| (tick >= 450 && trouble == of).then_some(Class::Tracks);
            (sink.refuses, sink.is_full, sink.loses) = (bad("refuses"), bad("full"), bad("loses"));
            let payload = payload(tick);
            meeting.received(mix.packet(tick, i64::from(tick) * 960 + 480, &payload));
            meeting.received(ada.packet(tick, i64::from(tick) * 960 + 480, &payload));
        });
        for track in ["mix", "speaker-501"] {
            let there = read_opus(sink.file(&format!("{track}.opus"))).unwrap().samples();
            assert!((400 * 960..450 * 960).contains(&there), "{trouble}: {track} has {there} samples");
            let mut gaps = sink.gaps(track, GapKind::Disk);
            gaps.sort_unstable();
            let follows = |at, (first, samples): &(u64, u64)| (*first == at).then_some(first + samples);
            let told = gaps.iter().try_fold(there + LOOKAHEAD, follows);
            let told = told.filter(|until| (500 * 960..500 * 960 + 960).contains(until));
            assert!(told.is_some(), "{trouble}: {track} has {there} samples, told are {gaps:?}");
        }
        let directory = tempfile::tempdir().unwrap();
        sink.save(directory.path());
        assert_eq!(verify(directory.path()).unwrap().problems, [], "{trouble}");
    }
}

#[test]
fn at_any_instant_less_than_a_second_is_not_on_disk() {
    let [mix, ada, ..] = senders();
    meeting(1500, |tick, meeting, sink| {
        let payload = payload(tick);
        meeting.received(mix.packet(tick, i64::from(tick) * 960 + 480, &payload));
        // Ada falls silent, and her file goes on.
        if (100..400).contains(&tick) {
            meeting.received(ada.packet(tick, i64::from(tick) * 960 + 480, &payload));
        }
        if tick < 150 {
            return;
        }
        for name in ["mix.opus", "speaker-501.opus"] {
            let file = read_opus(sink.file(name)).unwrap();
            let missing = i64::from(tick) * 960 - file.samples() as i64;
            assert!(missing < 48_000, "{name} lacks {missing} samples at tick {tick}");
        }
    });
}
