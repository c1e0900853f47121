//! The whole receive path on a virtual clock.

use super::*;
use crate::audio::opus::{MAX_PACKET_LEN, OpusEncoder};
use crate::settings::OpusSettings;
use crate::units::Ssrc;

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
        source: Some(MediaSourceId(10)),
        arrival_time: at,
        payload,
    });
}

/// Plays `packets`, sent one a tick, leaving out those that `lost` says; returns the frames.
fn play(receiver: &mut AudioReceiver, packets: &[Vec<u8>], lost: impl Fn(usize) -> bool) -> Vec<AudioFrame> {
    let mut frames = Vec::new();
    for index in 0..packets.len() + 3 {
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
        assert_eq!(frame.capture_time().since(frame.arrival_time().unwrap()), TICK * 3, "the target delay");
    }
    let counters = receiver.stats().counters;
    assert_eq!((counters.packets_received, counters.concealed_samples, counters.packets_lost), (50, 0, 0));
}

#[test]
fn a_lost_packet_never_shortens_the_timeline() {
    let mut receiver = receiver();
    let frames = play(&mut receiver, &tone(50), |index| index % 10 == 5);
    assert_eq!(frames.len(), 50);
    let concealed: Vec<usize> =
        (0..50).filter(|&index| frames[index].origin() == FrameOrigin::Concealed).collect();
    assert_eq!(concealed, [5, 15, 25, 35, 45]);
    assert!(concealed.iter().all(|&index| !frames[index].is_silence()), "a guess, not a hole");
    let counters = receiver.stats().counters;
    assert_eq!(
        (counters.packets_lost, counters.concealed_samples, counters.concealment_events),
        (5, 5 * 320, 5)
    );
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
    for tick in 0..63 {
        let now = MediaInstant::from_duration(TICK * tick);
        if tick % 3 == 0
            && let Some(packet) = joined.get(tick as usize / 3)
        {
            receiver.receive(&AudioPacket {
                ssrc: Ssrc(1),
                sequence_number: (tick / 3) as u16,
                sender_time: RtpTime(tick * 960),
                source: None,
                arrival_time: now,
                payload: packet,
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
fn delay_that_a_stall_left_behind_goes_in_the_next_silence() {
    let mut receiver = receiver();
    let mut encoder = OpusEncoder::new(FORMAT.sample_rate(), &OpusSettings::default()).unwrap();
    let mut packet = [0; MAX_PACKET_LEN];
    let len = encoder.encode(&[0; 320], &mut packet).unwrap();
    for tick in 0..400_usize {
        let now = MediaInstant::from_duration(TICK * tick as u32);
        // The network stalls for four ticks, then gives all at once.
        match tick {
            20..24 => {}
            24 => (20..=24).for_each(|index| deliver(&mut receiver, index, now, &packet[..len])),
            _ => deliver(&mut receiver, tick, now, &packet[..len]),
        }
        receiver.tick(now, &At(now));
    }
    let counters = receiver.stats().counters;
    assert_eq!(counters.packets_lost, 0, "late is not lost");
    assert!(receiver.buffer.buffered() <= TICK * 5, "{:?} stand", receiver.buffer.buffered());
}
