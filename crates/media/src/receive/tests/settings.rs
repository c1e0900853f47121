//! What settings of the sender and of the receiver come to.

use super::*;

#[test]
fn a_speaker_who_is_silent_by_dtx_conceals_nothing() {
    let settings = OpusSettings::default().discontinuous_transmission(true);
    let packets = encoded(600, &settings, |index| !(200..400).contains(&index));
    let speaks = |index: usize| packets[index].len() > crate::audio::opus::DTX_PAYLOAD_LEN;
    let mut receiver = receiver();
    let (mut sent, mut frames) = (0, Vec::new());
    for (index, packet) in packets.iter().enumerate() {
        let now = MediaInstant::from_duration(TICK * index as u32);
        // The first that says that there is silence is sent, and those behind it neither sent nor numbered.
        if index == 0 || speaks(index) || speaks(index - 1) {
            receiver.receive(&AudioPacket {
                ssrc: Ssrc(1),
                sequence_number: sent,
                sender_time: RtpTime(index as u32 * 960),
                arrival_time: now,
                payload: packet,
                ..AudioPacket::default()
            });
            sent += 1;
        }
        frames.extend(receiver.tick(now, &At(now)).cloned());
    }
    assert!(sent < 500, "{sent} packets were sent");
    let counters = receiver.stats().counters;
    assert_eq!((counters.concealed_samples, counters.concealment_events), (0, 0));
    assert_eq!(frames[300].origin(), FrameOrigin::Silence);
    assert_eq!(frames.last().unwrap().origin(), FrameOrigin::Media);
}

#[test]
fn each_preset_trades_delay_for_loss_as_it_says() {
    let packets = tone(3_000);
    let of = |settings: JitterBufferSettings| {
        let mut receiver = AudioReceiver::new(FORMAT, settings).unwrap();
        for tick in 0..3_000_usize {
            let now = MediaInstant::from_duration(TICK * tick as u32);
            // Each packet is up to four ticks late, and once a second eight, and none overtakes another.
            let due = |index: usize| index + if index % 50 == 7 { 8 } else { index * index % 5 };
            let at = |index: usize| (0..=8.min(index)).map(|back| due(index - back)).max().unwrap_or(0);
            let early = tick.saturating_sub(8);
            for (back, packet) in packets[early..=tick].iter().enumerate() {
                if at(early + back) == tick {
                    deliver(&mut receiver, early + back, now, packet);
                }
            }
            receiver.tick(now, &At(now));
        }
        let counters = receiver.stats().counters;
        let delay = counters.jitter_buffer_delay / counters.jitter_buffer_emitted_count / 1_000_000;
        (delay, counters.concealed_samples)
    };
    let lowest = of(JitterBufferSettings::lowest_latency().target_quantile(0.3));
    let balanced = of(JitterBufferSettings::balanced());
    let recorder = of(JitterBufferSettings::recorder());
    assert!(lowest.0 < balanced.0 && balanced.0 < recorder.0, "{lowest:?}, {balanced:?}, {recorder:?}");
    assert!(lowest.1 >= balanced.1 && balanced.1 >= recorder.1, "{lowest:?}, {balanced:?}, {recorder:?}");
    assert_eq!(recorder.1, 0);
}
