//! Whole streams, a letter for what is played at each tick.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::audio::opus::{MAX_PACKET_LEN, OpusEncoder};
use crate::receive::slab::Held;
use crate::settings::OpusSettings;

const MILLIS_20: Duration = Duration::from_millis(20);

/// A packet of 20 ms, sent as the `index`th of its stream.
fn packet(index: u16, arrival: Duration, payload: &[u8]) -> AudioPacket<'_> {
    AudioPacket {
        ssrc: Ssrc(7),
        sequence_number: index,
        sender_time: RtpTime(u32::from(index) * 960),
        arrival_time: MediaInstant::from_duration(arrival),
        payload,
        ..AudioPacket::default()
    }
}

/// A packet that decodes, with or without a copy of the one before it.
fn speech(copies: bool) -> Vec<u8> {
    let settings = OpusSettings::default().forward_error_correction(copies, 20);
    let mut encoder = OpusEncoder::new(SampleRate::HZ_16000, &settings).unwrap();
    let mut packet = vec![0; MAX_PACKET_LEN];
    let mut len = 0;
    for from in 0..5_u16 {
        let voice = |i: u16| (f64::from(i) * 0.1).sin() * 8000.0 + (f64::from(i) * 0.5).sin() * 3000.0;
        let pcm: Vec<i16> = (0..320).map(|i| voice(from * 320 + i) as i16).collect();
        len = encoder.encode(&pcm, &mut packet).unwrap();
    }
    packet.truncate(len);
    assert_eq!(opus::has_copy(&packet), copies);
    packet
}

/// What came out, a letter a tick: P packet, R recovered, L lost, l late, - nothing, . pause.
fn play(buffer: &mut JitterBuffer, payload: &[u8], arrivals: &[(u64, u16)], ticks: u64) -> String {
    (0..ticks)
        .map(|tick| {
            let now = MILLIS_20 * tick as u32;
            for (_, index) in arrivals.iter().filter(|(at, _)| *at == tick) {
                buffer.insert(&packet(*index, now, payload));
            }
            buffer.tick(MediaInstant::from_duration(now), 0);
            match buffer.next(0) {
                Next::Nothing => '-',
                Next::Packet { .. } => 'P',
                Next::Recovered { .. } => 'R',
                Next::Lost { .. } => 'L',
                Next::Late => 'l',
                Next::Pause => '.',
            }
        })
        .collect()
}

fn buffer() -> JitterBuffer {
    JitterBuffer::new(JitterBufferSettings::default())
}

#[test]
fn packets_wait_for_the_start_delay_and_play_in_order() {
    let arrivals = [(0, 0), (2, 2), (2, 1), (3, 3)];
    assert_eq!(play(&mut buffer(), &speech(false), &arrivals, 6), "--PPPP");
}

#[test]
fn a_hole_is_lost_once_its_turn_comes_and_something_later_is_there() {
    let mut buffer = buffer();
    let arrivals = [(0, 0), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6)];
    assert_eq!(play(&mut buffer, &speech(false), &arrivals, 6), "--PLPP");
    assert_eq!(buffer.take_fates(), Fates { lost: 1, ..Fates::default() });
}

#[test]
fn a_hole_before_a_packet_with_a_copy_is_recovered() {
    let mut buffer = buffer();
    let arrivals = [(0, 0), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6)];
    assert_eq!(play(&mut buffer, &speech(true), &arrivals, 6), "--PRPP");
    assert_eq!(buffer.take_fates().lost, 1);
}

#[test]
fn what_is_only_late_is_waited_for_and_then_played() {
    let arrivals = [(0, 0), (5, 1), (5, 2)];
    assert_eq!(play(&mut buffer(), &speech(false), &arrivals, 7), "--PllPP");
}

#[test]
fn what_was_made_up_while_it_might_be_late_counts_once_it_is_lost() {
    let arrivals = [(0, 0), (5, 3), (6, 4)];
    let played = play(&mut buffer(), &speech(false), &arrivals, 7);
    assert_eq!(played, "--PllPP", "two were lost, and two frames were made up: no third");
}

#[test]
fn a_sender_that_stops_becomes_a_pause_and_is_heard_again_with_at_most_a_tick_less_delay() {
    let arrivals = [(0, 0), (20, 20), (21, 21), (22, 22)];
    assert_eq!(play(&mut buffer(), &speech(false), &arrivals, 24), "--Pllllllllll--------PPP");
}

#[test]
fn the_senders_pause_is_kept_when_its_clock_went_on() {
    let (mut buffer, payload) = (buffer(), speech(false));
    let played: String = (0..8_u16)
        .map(|tick| {
            let now = MILLIS_20 * tick.into();
            // Numbers follow each other, and the clock goes on by four frames.
            match tick {
                0 => _ = buffer.insert(&packet(0, now, &payload)),
                4 => {
                    _ = buffer
                        .insert(&AudioPacket { sender_time: RtpTime(960 * 4), ..packet(1, now, &payload) })
                }
                _ => {}
            }
            buffer.tick(MediaInstant::from_duration(now), 0);
            if matches!(buffer.next(0), Next::Packet { .. }) { 'P' } else { '_' }
        })
        .collect();
    assert_eq!(played, "__P___P_");
}

#[test]
fn another_ssrc_begins_anew_and_a_doubled_packet_is_discarded() {
    let (mut buffer, payload) = (buffer(), speech(false));
    assert_eq!(buffer.insert(&packet(5, Duration::ZERO, &payload)), Insert::Kept);
    assert_eq!(buffer.insert(&packet(5, Duration::ZERO, &payload)), Insert::Discarded);
    let other = AudioPacket { ssrc: Ssrc(8), ..packet(60_000, Duration::ZERO, &payload) };
    assert_eq!(buffer.insert(&other), Insert::Restarted);
    assert_eq!(buffer.insert(&packet(1, Duration::ZERO, &[0; MAX_PACKET_LEN + 1])), Insert::Discarded);
}

#[test]
fn a_burst_after_a_stall_is_cut_down_to_the_target() {
    let arrivals: Vec<(u64, u16)> = [(0, 0)].into_iter().chain((1..=60).map(|i| (60, i))).collect();
    let mut buffer = buffer();
    play(&mut buffer, &speech(false), &arrivals, 62);
    let excess = buffer.excess(0).unwrap();
    assert!(excess <= 2 * TICK, "{excess} RTP ticks stand over the target");
    assert!(buffer.take_fates().discarded > 50);
}

/// A RED payload: the packet itself behind one copy, so many packets older.
fn red(primary: &[u8], copy: &[u8], age: u16) -> Vec<u8> {
    let mut out = vec![0; MAX_PACKET_LEN];
    let len = red::write(111, primary, &[(age * 960, copy)], &mut out).unwrap();
    out.truncate(len);
    out
}

#[test]
fn a_copy_in_red_fills_a_hole_and_never_replaces_a_packet() {
    let (mut buffer, payload) = (buffer(), speech(false));
    let copy = &payload[..payload.len() - 1];
    let mut heard = Vec::new();
    for tick in 0..8_u16 {
        let now = MILLIS_20 * tick.into();
        if tick != 2 {
            let payload = red(&payload, copy, 1);
            let sent = AudioPacket { encoding: Encoding::Red, ..packet(tick, now, &payload) };
            assert_eq!(buffer.insert(&sent), Insert::Kept);
        }
        buffer.tick(MediaInstant::from_duration(now), 0);
        if let Next::Packet { held: Held { slot, payload, .. }, .. } = buffer.next(0) {
            heard.push((slot.is_copy, payload.len() == copy.len(), slot.sender_time.0 / 960));
        }
    }
    let packet = |index| (false, false, index);
    assert_eq!(heard, [packet(0), packet(1), (true, true, 2), packet(3), packet(4), packet(5)]);
    let fates = buffer.take_fates();
    assert_eq!((fates.lost, fates.discarded, fates.with_copies), (1, 0, 6));
}

proptest! {
    /// Whatever comes, in whatever order: no panic, and no packet is played twice.
    #[test]
    fn any_packets_in_any_order(steps in proptest::collection::vec(
        (any::<u16>(), any::<u32>(), 0_u32..3, 0_usize..6, any::<bool>(), any::<bool>()), 0..300,
    )) {
        let (mut buffer, payload) = (buffer(), speech(true));
        let red = red(&payload, &payload[..7], 1);
        let mut at = MediaInstant::ZERO;
        for (sequence_number, time, ssrc, kind, near, timely) in steps {
            let number = if near { sequence_number % 64 } else { sequence_number };
            let time = if timely { u32::from(number) * 960 } else { time };
            buffer.insert(&AudioPacket {
                ssrc: Ssrc(ssrc / 2), sequence_number: number, sender_time: RtpTime(time),
                arrival_time: at,
                encoding: if kind == 5 { Encoding::Red } else { Encoding::Opus },
                payload: [&payload[..], &[], &[0xff; 3], &[0b0100_1011, 48], &payload[..1], &red][kind],
                ..AudioPacket::default()
            });
            at += Duration::from_millis(7);
            buffer.tick(at, 0);
            let _ = buffer.next(0);
        }
    }
}
