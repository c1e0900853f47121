//! The whole receive path on a virtual clock.

use std::time::Duration;

use super::*;
use crate::audio::opus::{MAX_PACKET_LEN, OpusEncoder};
use crate::rtp::ActiveSpeaker;
use crate::settings::OpusSettings;
use crate::units::{MediaSourceId, Ssrc};

mod settings;

const TICK: Duration = AudioFormat::FRAME_DURATION;
const FORMAT: AudioFormat = AudioFormat::Pcm16K;

struct At(MediaInstant);
impl MediaClock for At {
    fn now(&self) -> MediaInstant {
        self.0
    }
}

/// A tone as Opus packets of 20 ms.
fn tone(packets: usize) -> Vec<Vec<u8>> {
    encoded(packets, &OpusSettings::default(), |_| true)
}

/// A tone that is heard in those packets that `sounds` says.
fn encoded(packets: usize, settings: &OpusSettings, sounds: impl Fn(usize) -> bool) -> Vec<Vec<u8>> {
    let mut encoder = OpusEncoder::new(FORMAT.sample_rate(), settings).unwrap();
    let mut samples =
        (0..).map(|i| ((f64::from(i) * std::f64::consts::TAU * 300.0 / 16_000.0).sin() * 9000.0) as i16);
    let mut packet = [0; MAX_PACKET_LEN];
    (0..packets)
        .map(|index| {
            let mut pcm: Vec<i16> = samples.by_ref().take(FORMAT.samples_per_frame()).collect();
            if !sounds(index) {
                pcm.fill(0);
            }
            let len = encoder.encode(&pcm, &mut packet).unwrap();
            packet[..len].to_vec()
        })
        .collect()
}

fn receiver() -> AudioReceiver {
    AudioReceiver::new(FORMAT, JitterBufferSettings::default()).unwrap()
}

fn deliver(receiver: &mut AudioReceiver, index: usize, at: MediaInstant, payload: &[u8]) {
    receiver.receive(&AudioPacket {
        ssrc: Ssrc(1),
        sequence_number: index as u16,
        sender_time: RtpTime(index as u32 * 960),
        speakers: [ActiveSpeaker { source: MediaSourceId(10), level: None }].into_iter().collect(),
        arrival_time: at,
        payload,
        ..AudioPacket::default()
    });
}

/// Plays `packets`, sent one a tick, leaving out those that `lost` says; returns the frames.
fn play(receiver: &mut AudioReceiver, packets: &[Vec<u8>], lost: impl Fn(usize) -> bool) -> Vec<AudioFrame> {
    let mut frames = Vec::new();
    for index in 0..packets.len() + 2 {
        let now = MediaInstant::from_duration(TICK * index as u32);
        if let Some(packet) = packets.get(index).filter(|_| !lost(index)) {
            deliver(receiver, index, now, packet);
        }
        frames.extend(receiver.tick(now, &At(now)).cloned());
    }
    frames
}

#[test]
fn every_packet_becomes_one_frame_on_an_unbroken_timeline() {
    let mut receiver = receiver();
    let frames = play(&mut receiver, &tone(50), |_| false);
    assert_eq!(frames.len(), 50);
    for (index, frame) in frames.iter().enumerate() {
        assert_eq!(frame.first_sample(), index as u64 * 320);
        assert_eq!(frame.origin(), FrameOrigin::Media);
        assert_eq!(frame.source(), Some(MediaSourceId(10)));
        assert_eq!(frame.sender_time(), Some(RtpTime(index as u32 * 960)));
        assert_eq!(frame.arrival_time(), Some(MediaInstant::from_duration(TICK * index as u32)));
        assert_eq!(
            frame.capture_time().since(frame.arrival_time().unwrap()),
            TICK * 2,
            "the delay to start with"
        );
    }
    let counters = receiver.stats().counters;
    assert_eq!((counters.packets_received, counters.concealed_samples, counters.packets_lost), (50, 0, 0));
}

#[test]
fn a_lost_packet_never_shortens_the_timeline() {
    let mut receiver = receiver();
    let frames = play(&mut receiver, &tone(50), |index| index % 10 == 5);
    assert_eq!(frames.len(), 50);
    let lost: Vec<usize> = (0..50).filter(|&index| frames[index].origin() != FrameOrigin::Media).collect();
    assert_eq!(lost, [5, 15, 25, 35, 45]);
    assert!(lost.iter().all(|&index| !frames[index].is_silence()), "a guess or a copy, not a hole");
    let counters = receiver.stats().counters;
    let recovered = lost.iter().filter(|&&index| frames[index].origin() == FrameOrigin::Recovered).count();
    assert_eq!(counters.packets_lost, 5);
    let lost = (5 - recovered as u64) * 320;
    assert!(counters.concealed_samples <= lost, "what was recovered is not concealed");
    assert_eq!(counters.concealment_events, 5 - recovered as u64);
}

#[test]
fn packets_of_other_lengths_keep_the_time() {
    // Three frames of 20 ms in one packet of 60 ms (code 3, RFC 6716 section 3.2.5): every third packet is sent.
    let singles = tone(60);
    let mut joined = Vec::new();
    for trio in singles.chunks(3) {
        let mut repacketizer = ::opus::Repacketizer::new().unwrap();
        let mut out = vec![0; 1500];
        let parts: Vec<&[u8]> = trio.iter().map(Vec::as_slice).collect();
        let len = repacketizer.combine(&parts, &mut out).unwrap();
        joined.push(out[..len].to_vec());
    }
    let mut receiver = receiver();
    let mut frames = Vec::new();
    for tick in 0..62 {
        let now = MediaInstant::from_duration(TICK * tick);
        if tick % 3 == 0
            && let Some(packet) = joined.get(tick as usize / 3)
        {
            receiver.receive(&AudioPacket {
                ssrc: Ssrc(1),
                sequence_number: (tick / 3) as u16,
                sender_time: RtpTime(tick * 960),
                arrival_time: now,
                payload: packet,
                ..AudioPacket::default()
            });
        }
        frames.extend(receiver.tick(now, &At(now)).cloned());
    }
    assert_eq!(frames.len(), 60);
    for (index, frame) in frames.iter().enumerate() {
        assert_eq!(frame.sender_time(), Some(RtpTime(index as u32 * 960)), "frame {index}");
    }
    assert_eq!(receiver.stats().counters.concealed_samples, 0);
}

#[test]
fn what_is_no_opus_is_counted_and_concealed() {
    let mut receiver = receiver();
    let mut packets = tone(20);
    packets[7] = vec![0b0100_1011, 48];
    let frames = play(&mut receiver, &packets, |_| false);
    assert_eq!(frames.len(), 20);
    assert_eq!(frames[7].origin(), FrameOrigin::Concealed);
    assert_eq!(receiver.stats().counters.decode_errors, 1);
}

#[test]
fn delay_that_a_stall_left_behind_goes_unheard() {
    let mut receiver = receiver();
    let packets = tone(4_000);
    let mut delays = Vec::new();
    for (tick, packet) in packets.iter().enumerate() {
        let now = MediaInstant::from_duration(TICK * tick as u32);
        // The network stalls for four ticks, then gives all at once.
        match tick {
            100..104 => {}
            104 => (100..=104).for_each(|index| deliver(&mut receiver, index, now, &packets[index])),
            _ => deliver(&mut receiver, tick, now, packet),
        }
        let frame = receiver.tick(now, &At(now));
        delays.extend(frame.and_then(|frame| Some(now.since(frame.arrival_time()?))));
    }
    let counters = receiver.stats().counters;
    assert_eq!(counters.packets_lost, 0, "late is not lost");
    assert!(counters.removed_samples_for_acceleration > 0);
    let last = delays.last().unwrap();
    assert!(*last <= TICK, "{last:?} stand");
}

/// A steady voice: no sample may jump further from the one before than it ever does in the voice itself, twice over.
fn largest_step(frames: &[AudioFrame]) -> u16 {
    let samples: Vec<i16> = frames.iter().flat_map(|frame| frame.samples().to_vec()).collect();
    samples.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap_or(0)
}

#[test]
fn neither_loss_nor_stalls_nor_stretching_make_a_click() {
    let packets = tone(4_000);
    let clean = largest_step(&play(&mut receiver(), &packets, |_| false)[5..]);
    let mut receiver = receiver();
    let mut frames = Vec::new();
    for tick in 0..4_000 {
        let now = MediaInstant::from_duration(TICK * tick as u32);
        match tick {
            200..203 => {}
            203 => (200..=203).for_each(|index| deliver(&mut receiver, index, now, &packets[index])),
            _ if tick % 37 == 5 => {}
            _ => deliver(&mut receiver, tick, now, &packets[tick]),
        }
        frames.extend(receiver.tick(now, &At(now)).cloned());
    }
    let counters = receiver.stats().counters;
    let stretched = counters.removed_samples_for_acceleration + counters.inserted_samples_for_deceleration;
    assert!(stretched > 0 && counters.concealment_events > 0, "there was something to hear");
    let worst = largest_step(&frames[5..]);
    assert!(worst < clean * 5 / 2, "a step of {worst} where the tone has {clean}");
}

#[test]
fn an_outage_fades_and_the_stream_comes_back_at_about_its_old_delay() {
    let mut receiver = receiver();
    let packets = tone(400);
    let frames = play(&mut receiver, &packets, |index| (200..300).contains(&index));
    assert_eq!(frames.len(), 400, "time is never lost");
    assert!(frames[220..295].iter().all(AudioFrame::is_silence), "nothing is made up for two seconds");
    let back = &frames[320];
    assert_eq!(back.origin(), FrameOrigin::Media);
    assert!(back.capture_time().since(back.arrival_time().unwrap()) <= TICK * 3);
    let counters = receiver.stats().counters;
    assert!(counters.silent_concealed_samples > 80 * 320);
    assert!(counters.concealed_samples <= 101 * 320, "{} samples", counters.concealed_samples);
}

#[test]
fn the_delay_of_a_clean_stream_falls_to_less_than_a_packet() {
    let mut receiver = receiver();
    let frames = play(&mut receiver, &tone(2_500), |_| false);
    let last = &frames[2_400];
    assert!(last.capture_time().since(last.arrival_time().unwrap()) < TICK);
    assert!(frames[..2_400].iter().all(|frame| frame.origin() == FrameOrigin::Media));
}

/// What was concealed, and what came in packets, in samples.
fn heard(receiver: &AudioReceiver) -> (u64, u64) {
    let counters = receiver.stats().counters;
    (counters.concealed_samples, counters.jitter_buffer_emitted_count)
}

#[test]
fn what_was_played_was_either_said_or_is_counted_as_concealed() {
    let mut receiver = receiver();
    // Runs of one to four, and one of two seconds.
    let is_lost = |index: usize| index % 41 < index % 5 || (700..800).contains(&index);
    let frames = play(&mut receiver, &tone(1_500), is_lost);
    let (concealed, said) = heard(&receiver);
    assert_eq!(concealed + said, frames.len() as u64 * 320);
    let lost = (0..1_500).filter(|&index| is_lost(index)).count() as u64;
    let counters = receiver.stats().counters;
    assert_eq!(counters.packets_lost, lost);
    assert!(concealed < lost * 320 && concealed > lost * 160, "{concealed} samples for {lost} packets");
    assert!(counters.silent_concealed_samples > 85 * 320 && counters.silent_concealed_samples < concealed);
}

#[test]
fn a_loss_that_the_delay_can_spare_is_shortened_and_the_delay_comes_back() {
    let packets = tone_without_copies(1_000);
    let mut receiver = receiver();
    let frames = play(&mut receiver, &packets, |index| index >= 300 && index % 100 == 0);
    let (concealed, _) = heard(&receiver);
    let counters = receiver.stats().counters;
    assert_eq!(counters.packets_lost, 7);
    assert!(concealed < 7 * 320, "{concealed} samples were made up for 7 packets of 320");
    assert!(counters.inserted_samples_for_deceleration > 0, "and speech brought the delay back");
    let last = &frames[990];
    let delay = last.capture_time().since(last.arrival_time().unwrap());
    assert!(delay <= TICK * 2, "{delay:?}");
}

/// How often a signal rises through zero: the periods of a tone.
fn periods(frames: &[AudioFrame]) -> usize {
    let samples: Vec<i16> = frames.iter().flat_map(|frame| frame.samples().to_vec()).collect();
    samples.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count()
}

#[test]
fn stretching_keeps_the_pitch_and_the_time() {
    let packets = tone(2_000);
    let mut receiver = receiver();
    let mut frames = Vec::new();
    for tick in 0..2_000 {
        let now = MediaInstant::from_duration(TICK * tick as u32);
        // From the tenth second to the twentieth each second packet comes two ticks late, with the next two.
        let stalls = (500..1_000).contains(&tick) && tick % 4 < 3;
        if tick % 4 == 3 && (500..1_000).contains(&tick) {
            (tick - 3..=tick).for_each(|index| deliver(&mut receiver, index, now, &packets[index]));
        } else if !stalls {
            deliver(&mut receiver, tick, now, &packets[tick]);
        }
        frames.extend(receiver.tick(now, &At(now)).cloned());
    }
    let counters = receiver.stats().counters;
    assert!(counters.removed_samples_for_acceleration >= 320, "{counters:?}");
    let settled = &frames[100..];
    let (found, expected) = (periods(settled), settled.len() * 6);
    assert!(found.abs_diff(expected) <= 12, "{found} periods of 300 Hz where there are {expected}");
}

/// A tone whose packets hold no copies of others.
fn tone_without_copies(packets: usize) -> Vec<Vec<u8>> {
    encoded(packets, &OpusSettings::default().forward_error_correction(false, 0), |_| true)
}

#[test]
fn one_copy_in_red_leaves_nothing_to_conceal_where_one_in_ten_is_lost() {
    let packets = tone_without_copies(1_000);
    let mut receiver = receiver();
    let mut payload = [0; 2 * MAX_PACKET_LEN];
    for index in 0..packets.len() {
        let now = MediaInstant::from_duration(TICK * index as u32);
        let copies: &[(u16, &[u8])] = match index {
            0 => &[],
            _ => &[(960, &packets[index - 1])],
        };
        let len = crate::red::write(111, &packets[index], copies, &mut payload).unwrap();
        if index % 10 != 5 {
            receiver.receive(&AudioPacket {
                ssrc: Ssrc(1),
                sequence_number: index as u16,
                sender_time: RtpTime(index as u32 * 960),
                arrival_time: now,
                encoding: crate::rtp::Encoding::Red,
                payload: &payload[..len],
                ..AudioPacket::default()
            });
        }
        receiver.tick(now, &At(now));
    }
    let counters = receiver.stats().counters;
    assert_eq!((counters.packets_lost, counters.concealed_samples), (100, 0));
}

#[test]
fn numbers_and_times_that_wrap_are_not_heard() {
    let packets = tone(400);
    let mut receiver = receiver();
    let mut origins = Vec::new();
    for (index, payload) in packets.iter().enumerate() {
        let now = MediaInstant::from_duration(TICK * index as u32);
        receiver.receive(&AudioPacket {
            ssrc: Ssrc(1),
            sequence_number: (index as u16).wrapping_sub(200),
            sender_time: RtpTime((index as u32 * 960).wrapping_sub(150 * 960)),
            arrival_time: now,
            payload,
            ..AudioPacket::default()
        });
        origins.extend(receiver.tick(now, &At(now)).map(AudioFrame::origin));
    }
    assert_eq!(origins, [FrameOrigin::Media; 398]);
}

#[test]
fn another_ssrc_takes_over_without_a_click() {
    let packets = tone(300);
    let clean = largest_step(&play(&mut receiver(), &packets, |_| false)[5..]);
    let mut receiver = receiver();
    let mut frames = Vec::new();
    for (index, payload) in packets.iter().enumerate() {
        let now = MediaInstant::from_duration(TICK * index as u32);
        let (ssrc, from) = if index < 150 { (1, 0) } else { (2, 40_000) };
        receiver.receive(&AudioPacket {
            ssrc: Ssrc(ssrc),
            sequence_number: index as u16 + from,
            sender_time: RtpTime(index as u32 * 960 + u32::from(from)),
            arrival_time: now,
            payload,
            ..AudioPacket::default()
        });
        frames.extend(receiver.tick(now, &At(now)).cloned());
    }
    assert_eq!(frames.len(), 298, "the timeline goes on");
    assert_eq!(frames.last().unwrap().origin(), FrameOrigin::Media);
    let worst = largest_step(&frames[5..]);
    assert!(worst < clean * 5 / 2, "a step of {worst} where the tone has {clean}");
}
