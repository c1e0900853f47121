//! The whole receive path on a virtual clock.

use std::time::Duration;

use super::*;
use crate::audio::opus::{MAX_PACKET_LEN, OpusEncoder};
use crate::rtp::ActiveSpeaker;
use crate::settings::OpusSettings;
use crate::units::{MediaSourceId, Ssrc};

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
    let mut encoder = OpusEncoder::new(FORMAT.sample_rate(), &OpusSettings::default()).unwrap();
    let mut samples =
        (0..).map(|i| ((f64::from(i) * std::f64::consts::TAU * 300.0 / 16_000.0).sin() * 9000.0) as i16);
    let mut packet = [0; MAX_PACKET_LEN];
    (0..packets)
        .map(|_| {
            let pcm: Vec<i16> = samples.by_ref().take(FORMAT.samples_per_frame()).collect();
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
    assert_eq!(
        counters.concealed_samples,
        (5 - recovered as u64) * 320,
        "what was recovered is not concealed"
    );
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
fn an_outage_fades_and_the_stream_comes_back_at_its_old_delay() {
    let mut receiver = receiver();
    let packets = tone(400);
    let frames = play(&mut receiver, &packets, |index| (200..300).contains(&index));
    assert_eq!(frames.len(), 400, "time is never lost");
    assert!(frames[220..295].iter().all(AudioFrame::is_silence), "nothing is made up for two seconds");
    let back = &frames[320];
    assert_eq!(back.origin(), FrameOrigin::Media);
    assert!(back.capture_time().since(back.arrival_time().unwrap()) <= TICK * 2);
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
