//! A worker with a session whose peer is always there.

use std::time::Duration;

use super::*;
use crate::event::{MediaEvent, MediaStatus};
use crate::frame::{AudioFormat, AudioFrame};
use crate::ledger::Stage;
use crate::ring::{RingWriter, frame_ring};
use crate::send::{AudioSender, OutgoingAudio};
use crate::session::Shared;
use crate::session::gains::Gains;
use crate::session::streams::AudioStreams;
use crate::session::transport::{Dropped, Negotiated, ReceivedAudio, TransportError, TransportEvent};
use crate::settings::AudioSocketSettings;
use crate::stats::SharedStats;
use crate::time::RtpTime;

#[derive(Default)]
struct Present {
    is_told: bool,
    transmits: Vec<Transmit>,
}

impl Transport for Present {
    fn handle_datagram(&mut self, _: MediaInstant, _: SocketAddr, _: BytesMut) -> Result<(), Dropped> {
        Ok(())
    }

    fn handle_timeout(&mut self, _: MediaInstant) -> Result<(), TransportError> {
        Ok(())
    }

    fn poll_deadline(&mut self) -> Option<MediaInstant> {
        None
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop()
    }

    fn poll_event(&mut self) -> Option<TransportEvent> {
        (!std::mem::replace(&mut self.is_told, true)).then_some(TransportEvent::Connected)
    }

    fn poll_audio(&mut self) -> Option<ReceivedAudio> {
        None
    }

    fn send_audio(&mut self, _: MediaInstant, packet: OutgoingAudio<'_>) -> Result<(), Dropped> {
        self.transmits.push(Transmit { to: ([127, 0, 0, 1], 1).into(), datagram: packet.payload.into() });
        Ok(())
    }

    fn send_control(&mut self, _: MediaInstant, _: Vec<u8>) -> Result<(), Dropped> {
        Err(Dropped::NoChannel)
    }

    fn poll_control(&mut self) -> Option<BytesMut> {
        None
    }

    fn negotiated(&self) -> Negotiated {
        Negotiated::default()
    }

    fn close(&mut self) -> Result<(), TransportError> {
        Ok(())
    }
}

struct At(MediaInstant);

impl MediaClock for At {
    fn now(&self) -> MediaInstant {
        self.0
    }
}

/// How many datagrams went to the kernel each time.
#[derive(Default)]
struct Sizes(Vec<usize>);

impl Post for Sizes {
    fn deliver(&mut self, outgoing: &[Outgoing], doorbells: &mut Vec<Arc<Doorbell>>) -> MediaInstant {
        self.0.push(outgoing.len());
        doorbells.clear();
        MediaInstant::from_nanos(u64::MAX / 2)
    }
}

const FORMAT: AudioFormat = AudioFormat::Pcm16K;

/// A session, the application's end of what it says, and what it counts.
fn session() -> (Session<Present>, RingWriter<AudioFrame>, Arc<SharedStats>) {
    let audio = AudioSocketSettings::default().format(FORMAT);
    let stats = Arc::new(SharedStats::new());
    let shared = Arc::new(Shared::new(Arc::clone(&stats), 0, 0));
    let streams = AudioStreams::new(&audio, &Arc::new(Gains::default()), &stats).unwrap();
    let send = Arc::clone(&shared.send);
    let sender = AudioSender::with_stats(&audio, (0, RtpTime(0)), Arc::clone(&stats), send).unwrap();
    let frame = || AudioFrame::silent(FORMAT, MediaInstant::ZERO);
    let ((to_app, _), (to_worker, from_app)) = (frame_ring(1, frame), frame_ring(50, frame));
    let (events, _) = frame_ring(4, || MediaEvent::SendStatusChanged { status: MediaStatus::Inactive });
    let session = Session::new(Present::default(), (streams, sender), (to_app, from_app), events, shared);
    (session, to_worker, stats)
}

#[test]
fn what_a_late_worker_makes_up_is_sent_in_small_parts_and_all_of_it_is_in_the_ledger() {
    let (session, mut speaker, stats) = session();
    let (mut worker, mut post) = (Worker::new(), Sizes::default());
    let mut now = MediaInstant::from_duration(Duration::from_secs(1));
    worker.add(now, 0, ("local", None), session);
    worker.handle_timeout(now, &At(now), &mut post);
    let samples: Vec<i16> = (0..FORMAT.samples_per_frame()).map(|at| (at as i16 % 40 - 20) * 400).collect();
    let loud = AudioFrame::new(FORMAT, MediaInstant::ZERO, &samples).unwrap();
    (0..40).for_each(|_| assert!(speaker.write(|slot| slot.copy_from(&loud))));
    now += Duration::from_secs(1);
    let due = worker.handle_timeout(now, &At(now), &mut post);
    assert!(due.is_some_and(|due| due > now), "nothing is left to make up");
    assert_eq!(stats.counters.packets_sent.get(), 40);
    assert_eq!(post.0.iter().sum::<usize>(), 40);
    assert!(post.0.iter().all(|&sent| sent <= 8), "{:?}", post.0);
    assert_eq!(stats.ledger.read(Stage::WireOut).count(), 40);
    assert!(worker.take_ticks().made >= 48, "no tick is left out");
}
