//! The application's handle of one call's media.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use uuid::Uuid;

use super::{Engine, Seat, lock};
use crate::blob::{
    MediaBlob, MediaDirection, MediaSessionId, Modality, OffhookBlob, SdpType, SocketDescription, SocketId,
};
use crate::error::MediaError;
use crate::frame::AudioFrame;
use crate::receive::AudioReceiver;
use crate::ring::frame_ring;
use crate::send::{AudioSender, ticks_in};
use crate::session::audio_socket::{AudioSocket, wait_at};
use crate::session::rtc::RtcTransport;
use crate::session::state::MediaState;
use crate::session::{Session, Shared};
use crate::settings::{AudioSocketSettings, MediaSessionSettings};
use crate::stats::{SessionStats, SharedStats};
use crate::time::{MediaClock, MediaInstant, RtpTime};
use crate::worker::thread::Command;

/// The audio socket's id, and so the `mid` of its media section.
const AUDIO_SOCKET: u32 = 0;

/// One call's media. Dropping it ends the session.
pub struct MediaSession {
    blob: MediaBlob,
    audio: Option<AudioSocket>,
    shared: Arc<Shared>,
    /// The worker's half, until the peer's answer is known. Never locked: codecs cannot be shared between threads, and this makes
    /// the session one that can, without which no task that waits for it could be spawned.
    pending: Mutex<Option<Box<Session<RtcTransport>>>>,
    place: Arc<Place>,
}

/// Ends a session from elsewhere: for whoever learns that the call is over and does not hold its session.
#[derive(Clone)]
pub struct MediaSessionCloser {
    place: Weak<Place>,
    shared: Arc<Shared>,
}

impl MediaSessionCloser {
    /// Ends the session, as dropping it would. What was received before can still be heard.
    pub fn close(&self) {
        self.shared.end();
        if let Some(place) = self.place.upgrade() {
            place.send(Command::Remove { index: place.seat.index });
        }
    }
}

/// A seat at a worker, given back when dropped.
struct Place {
    engine: Arc<Engine>,
    seat: Seat,
}

impl MediaSession {
    pub(super) fn offer(engine: &Arc<Engine>, settings: &MediaSessionSettings) -> Result<Self, MediaError> {
        let place = Place::take(engine)?;
        let now = engine.clock.now();
        let (transport, sdp) = RtcTransport::offer(&engine.core, now, place.address(), AUDIO_SOCKET)
            .map_err(MediaError::Core)?;
        let id = MediaSessionId::new(Uuid::new_v4());
        let blob = MediaBlob::offer(id, vec![audio_description(&settings.audio)], &sdp)?;
        Self::assemble(place, settings, transport, blob)
    }

    pub(super) fn answer(
        engine: &Arc<Engine>,
        settings: &MediaSessionSettings,
        offer: &MediaBlob,
    ) -> Result<Self, MediaError> {
        let offer = described(offer, SdpType::Offer)?;
        let answering = answering(offer, &settings.audio)?;
        let place = Place::take(engine)?;
        let now = engine.clock.now();
        let (transport, sdp) =
            RtcTransport::answer(&engine.core, now, place.address(), &offer.description.sdp)
                .map_err(MediaError::Description)?;
        let blob = MediaBlob::answer(offer, vec![answering], &sdp)?;
        let mut this = Self::assemble(place, settings, transport, blob)?;
        this.begin()?;
        Ok(this)
    }

    fn assemble(
        place: Place,
        settings: &MediaSessionSettings,
        transport: RtcTransport,
        blob: MediaBlob,
    ) -> Result<Self, MediaError> {
        let audio = &settings.audio;
        check(audio)?;
        let stats = Arc::new(SharedStats::new());
        let shared = Arc::new(Shared::new(Arc::clone(&stats)));
        let receiver = AudioReceiver::with_stats(audio.format, audio.jitter, Arc::clone(&stats))?;
        let sender = AudioSender::with_stats(audio, random_start(), stats)?;
        let silence = || AudioFrame::silent(audio.format, MediaInstant::ZERO);
        let (to_app, from_worker) = frame_ring(ticks_in(audio.receive_queue) as usize, silence);
        let (to_worker, from_app) = frame_ring(ticks_in(audio.send_queue) as usize, silence);
        let session = Session::new(transport, (receiver, sender), (to_app, from_app), Arc::clone(&shared));
        let clock = place.engine.clock;
        let audio = AudioSocket::new(audio.format, (from_worker, to_worker), &shared, clock);
        Ok(Self {
            blob,
            audio: Some(audio),
            shared,
            pending: Mutex::new(Some(Box::new(session))),
            place: Arc::new(place),
        })
    }

    /// Names the session at both ends.
    pub fn id(&self) -> MediaSessionId {
        match &self.blob {
            MediaBlob::Offhook(blob) => blob.media_session_id,
            _ => unreachable!("a session's own blob is of the profile it speaks"),
        }
    }

    /// Our description of the session: what goes into `appHostedMediaConfig.blob`.
    pub fn blob(&self) -> &MediaBlob {
        &self.blob
    }

    /// Takes the peer's answer to our offer; from here on the session connects.
    ///
    /// # Errors
    /// When `answer` is foreign, answers another session, or describes no media that we could speak; the session
    /// then waits on for a better one.
    pub fn accept_answer(&mut self, answer: &MediaBlob) -> Result<(), MediaError> {
        let answer = described(answer, SdpType::Answer)?;
        answer.check_answers(described(&self.blob, SdpType::Offer)?)?;
        let now = self.place.engine.clock.now();
        let pending =
            self.pending().as_mut().ok_or(MediaError::Misuse("the session has its answer already"))?;
        pending
            .transport_mut()
            .accept_answer(now, &answer.description.sdp)
            .map_err(MediaError::Description)?;
        self.begin()
    }

    fn pending(&mut self) -> &mut Option<Box<Session<RtcTransport>>> {
        self.pending.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands the worker its half.
    fn begin(&mut self) -> Result<(), MediaError> {
        let session = self.pending().take().ok_or(MediaError::Misuse("the session has begun already"))?;
        if self.state().is_over() {
            return Err(MediaError::Ended(self.state()));
        }
        let ufrag = session.transport().local_ufrag().to_owned();
        let index = self.place.seat.index;
        let sent = self.place.send(Command::Add { index, ufrag, session });
        if sent { Ok(()) } else { Err(MediaError::ShutDown) }
    }

    /// The audio socket, once: whoever takes it owns it.
    pub fn take_audio_socket(&mut self) -> Option<AudioSocket> {
        self.audio.take()
    }

    /// Where the media stands.
    pub fn state(&self) -> MediaState {
        self.shared.state.get()
    }

    /// Waits until media flows.
    ///
    /// # Errors
    /// When the session ended before.
    pub async fn connected(&mut self) -> Result<(), MediaError> {
        self.wait_until(|state| state == MediaState::Connected).await
    }

    /// Waits until the session is over, and says how it ended.
    pub async fn ended(&mut self) -> MediaState {
        // The wait is for the end itself, which is no error here.
        let _ = self.wait_until(|_| false).await;
        self.state()
    }

    async fn wait_until(&mut self, wanted: impl Fn(MediaState) -> bool) -> Result<(), MediaError> {
        poll_fn(|context| {
            wait_at(&self.shared.changed, context, || {
                let state = self.state();
                if wanted(state) {
                    Some(Ok(()))
                } else {
                    state.is_over().then_some(Err(MediaError::Ended(state)))
                }
            })
        })
        .await
    }

    /// A handle that ends this session from elsewhere.
    pub fn closer(&self) -> MediaSessionCloser {
        MediaSessionCloser { place: Arc::downgrade(&self.place), shared: Arc::clone(&self.shared) }
    }

    /// Counters, and the latency of each stage.
    pub fn stats(&self) -> SessionStats {
        self.shared.stats.read()
    }
}

impl Drop for MediaSession {
    fn drop(&mut self) {
        if self.pending().take().is_some() {
            // The worker never saw this session, so nobody else would wake those who wait on its sockets.
            self.shared.end();
        }
    }
}

impl Place {
    fn take(engine: &Arc<Engine>) -> Result<Self, MediaError> {
        Ok(Self { seat: engine.take_seat()?, engine: Arc::clone(engine) })
    }

    fn address(&self) -> SocketAddr {
        self.engine.advertised[self.seat.worker]
    }

    fn send(&self, command: Command) -> bool {
        self.engine.commands[self.seat.worker].send(command)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // In this order: whoever takes the seat next sends its command after this one.
        self.send(Command::Remove { index: self.seat.index });
        lock(&self.engine.placement).give_back(self.seat);
    }
}

/// The peer's blob, if it is of our profile and of the type that is due.
fn described(blob: &MediaBlob, kind: SdpType) -> Result<&OffhookBlob, MediaError> {
    match blob {
        MediaBlob::Offhook(blob) if blob.description.kind == kind => Ok(blob),
        MediaBlob::Offhook(blob) => {
            let problem = format!("holds an {:?}, not an {kind:?}", blob.description.kind);
            Err(MediaError::MismatchedBlob { problem })
        }
        MediaBlob::Microsoft(_) => Err(MediaError::ForeignBlob { kind: "Microsoft's media platform's" }),
        _ => Err(MediaError::ForeignBlob { kind: "of an unknown kind" }),
    }
}

/// The answer to the one socket of `offer`: as much as it allows of hearing and speaking.
fn answering(offer: &OffhookBlob, settings: &AudioSocketSettings) -> Result<SocketDescription, MediaError> {
    let [offered] = &offer.sockets[..] else {
        let problem = format!("offers {} sockets; this version carries one", offer.sockets.len());
        return Err(MediaError::MismatchedBlob { problem });
    };
    match (offered.modality, offered.direction) {
        (Modality::Audio, Some(direction)) => Ok(SocketDescription::audio(
            offered.id,
            MediaDirection::SendReceive.answer_to(direction),
            settings.format,
        )),
        _ => {
            let problem = "offers a socket that is not audio; this version carries audio only".to_owned();
            Err(MediaError::MismatchedBlob { problem })
        }
    }
}

fn audio_description(settings: &AudioSocketSettings) -> SocketDescription {
    SocketDescription::audio(SocketId(AUDIO_SOCKET), MediaDirection::SendReceive, settings.format)
}

fn check(settings: &AudioSocketSettings) -> Result<(), MediaError> {
    let invalid = |setting, problem: String| Err(MediaError::InvalidSetting { setting, problem });
    for (setting, span) in [("receive_queue", settings.receive_queue), ("send_queue", settings.send_queue)] {
        if !(1..=3000).contains(&ticks_in(span)) {
            return invalid(setting, format!("{span:?} is not between 20 ms and 60 s"));
        }
    }
    if settings.jitter.target_delay > settings.jitter.max_delay {
        return invalid("jitter", "the target delay is above the maximum".to_owned());
    }
    if settings.jitter.max_delay > std::time::Duration::from_secs(1) {
        return invalid("jitter", "the maximum delay is above 1 s".to_owned());
    }
    if !(6_000..=510_000).contains(&settings.encoder.bitrate) || settings.encoder.complexity > 10 {
        return invalid("encoder", format!("{:?} is out of Opus' range", settings.encoder));
    }
    Ok(())
}

/// Where an RTP stream begins: at random, so that its encryption cannot be guessed at (RFC 3550 section 5.1).
fn random_start() -> (u16, RtpTime) {
    let (time, number, ..) = Uuid::new_v4().as_fields();
    (number, RtpTime(time))
}

/// Bots spawn a task a call, and what waits for a session goes to whichever thread runs it.
const _: () = {
    const fn can_be_shared<T: Send + Sync>() {}
    can_be_shared::<MediaSession>();
};
