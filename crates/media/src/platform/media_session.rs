//! The application's handle of one call's media.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use uuid::Uuid;

use super::checks::check;
use super::negotiation::{answering, audio_description, described};
use super::{Engine, Seat, lock};
use crate::blob::{MediaBlob, MediaSessionId, SdpType};
use crate::encoded::{EncodedFrame, EncodedLane, EncodedPath, packets_in};
use crate::error::MediaError;
use crate::event::{MediaEvent, MediaStatus};
use crate::frame::{AudioFormat, AudioFrame};
use crate::ring::frame_ring;
use crate::send::player::player_queue;
use crate::send::tones::tone_queue;
use crate::send::{AudioSender, ticks_in};
use crate::session::audio_socket::{AudioSocket, wait_at};
use crate::session::connection::{AudioSections, Connection};
use crate::session::encoded_socket::EncodedAudioSocket;
use crate::session::events::{EVENTS, MediaEvents};
use crate::session::gains::Gains;
use crate::session::player::{AudioPlayer, ToneDesk, ToneError, ToneReceipt};
use crate::session::quality::QualityOfExperience;
use crate::session::state::MediaState;
use crate::session::streams::AudioStreams;
use crate::session::{Session, Shared};
use crate::settings::MediaSessionSettings;
use crate::stats::{SessionStats, SharedStats};
use crate::time::{MediaClock, MediaInstant, RtpTime};
use crate::tones::{Tone, ToneSettings};
use crate::worker::thread::Command;

/// The audio socket's id, and so the `mid` of its media section.
pub(super) const AUDIO_SOCKET: u32 = 0;

/// One call's media. Dropping it ends the session.
pub struct MediaSession {
    blob: MediaBlob,
    format: AudioFormat,
    audio: Option<AudioSocket>,
    encoded: Option<EncodedAudioSocket>,
    player: Option<AudioPlayer>,
    tones: ToneDesk,
    events: Option<MediaEvents>,
    shared: Arc<Shared>,
    /// The worker's half, until the peer's answer is known. Never locked: codecs cannot be shared between threads, and this makes
    /// the session one that can, without which no task that waits for it could be spawned.
    pending: Mutex<Option<Box<Session<Connection>>>>,
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
    /// The address of this machine that is the session's own.
    local: Option<IpAddr>,
}

impl MediaSession {
    pub(super) fn offer(engine: &Arc<Engine>, settings: &MediaSessionSettings) -> Result<Self, MediaError> {
        check(&settings.audio)?;
        let place = Place::take(engine, settings.local_address)?;
        let now = engine.clock.now();
        let sections = AudioSections { socket: AUDIO_SOCKET, unmixed: settings.audio.unmixed };
        let (transport, sdp) =
            Connection::offer(&engine.identity, now, place.address(), sections).map_err(MediaError::Core)?;
        let id = MediaSessionId::new(Uuid::new_v4());
        let blob = MediaBlob::offer(id, vec![audio_description(&settings.audio)], &sdp)?;
        Self::assemble(place, settings, transport, blob)
    }

    pub(super) fn answer(
        engine: &Arc<Engine>,
        settings: &MediaSessionSettings,
        offer: &MediaBlob,
    ) -> Result<Self, MediaError> {
        check(&settings.audio)?;
        let offer = described(offer, SdpType::Offer)?;
        let answering = answering(offer, &settings.audio)?;
        let place = Place::take(engine, settings.local_address)?;
        let now = engine.clock.now();
        let sdp = &offer.description.sdp;
        let sections = AudioSections { socket: answering.id.0, unmixed: settings.audio.sends_unmixed };
        let (transport, sdp) = Connection::answer(&engine.identity, now, place.address(), sections, sdp)
            .map_err(MediaError::Description)?;
        let blob = MediaBlob::answer(offer, vec![answering], &sdp)?;
        let mut this = Self::assemble(place, settings, transport, blob)?;
        this.begin()?;
        Ok(this)
    }

    fn assemble(
        place: Place,
        settings: &MediaSessionSettings,
        transport: Connection,
        blob: MediaBlob,
    ) -> Result<Self, MediaError> {
        let audio = &settings.audio;
        check(audio)?;
        let stats = Arc::new(SharedStats::new());
        lock(&place.engine.totals).add(Arc::clone(&stats));
        let speakers = transport.speakers_sent();
        let shared = Arc::new(Shared::new(Arc::clone(&stats), speakers));
        let gains = Arc::new(Gains::default());
        let streams = AudioStreams::new(audio, &gains, &stats)?;
        let format = audio.format.codec_format();
        let coded = audio.clone().format(format);
        let low_water = format.sample_rate().samples_in(audio.low_water);
        let (to_player, player) = player_queue(format, low_water, Arc::clone(&shared.send));
        let (to_tones, tones) = tone_queue();
        let sender =
            AudioSender::with_stats(&coded, random_start(), Arc::clone(&stats), Arc::clone(&shared.send))?;
        let sender = sender.with_queues(player, tones);
        let heard = || AudioFrame::with_unmixed(format, audio.unmixed.into());
        let said = || AudioFrame::silent(format, MediaInstant::ZERO);
        let (to_app, from_worker) = frame_ring(ticks_in(audio.receive_queue) as usize, heard);
        let (to_worker, from_app) = frame_ring(ticks_in(audio.send_queue) as usize, said);
        let nothing = || MediaEvent::SendStatusChanged { status: MediaStatus::Inactive };
        let (event_in, event_out) = frame_ring(EVENTS, nothing);
        let mut session =
            Session::new(transport, (streams, sender), (to_app, from_app), event_in, Arc::clone(&shared));
        let clock = place.engine.clock;
        let player = AudioPlayer::new(format, to_player, &shared);
        let tones = ToneDesk::new(to_tones, &shared);
        let mut socket = None;
        let mut encoded_socket = None;
        if audio.encoded {
            let (to_app, from_worker) = frame_ring(packets_in(audio.receive_queue), EncodedFrame::empty);
            let lane = || {
                let (to_worker, from_app) = frame_ring(packets_in(audio.send_queue), EncodedFrame::empty);
                (to_worker, EncodedLane::new(from_app, random_start()))
            };
            let ((to_mix, mix), (to_speakers, speakers)): (_, (Vec<_>, Vec<_>)) =
                (lane(), (0..speakers).map(|_| lane()).unzip());
            let lanes = std::iter::once(mix).chain(speakers).collect();
            session = session.with_encoded(EncodedPath::new(to_app, audio.unmixed, lanes, stats));
            encoded_socket =
                Some(EncodedAudioSocket::new(from_worker, (to_mix, to_speakers), &shared, clock));
        } else {
            socket = Some(AudioSocket::new(audio, (from_worker, to_worker), gains, &shared, clock));
        }
        Ok(Self {
            blob,
            format,
            audio: socket,
            encoded: encoded_socket,
            player: Some(player),
            tones,
            events: Some(MediaEvents::new(event_out, Arc::clone(&shared))),
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
        let engine = Arc::clone(&self.place.engine);
        let pending =
            self.pending().as_mut().ok_or(MediaError::Misuse("the session has its answer already"))?;
        pending
            .transport_mut()
            .accept_answer(&engine.identity, now, &answer.description.sdp)
            .map_err(MediaError::Description)?;
        self.begin()
    }

    fn pending(&mut self) -> &mut Option<Box<Session<Connection>>> {
        self.pending.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands the worker its half.
    fn begin(&mut self) -> Result<(), MediaError> {
        let session = self.pending().take().ok_or(MediaError::Misuse("the session has begun already"))?;
        if self.state().is_over() {
            return Err(MediaError::Ended(self.state()));
        }
        let ufrag = session.transport().local_ufrag().to_owned();
        let (index, local) = (self.place.seat.index, self.place.local);
        let sent = self.place.send(Command::Add { index, ufrag, local, session });
        if sent { Ok(()) } else { Err(MediaError::ShutDown) }
    }

    /// The encoded audio socket, once: whoever takes it owns it. Only of a session that was made with
    /// [`encoded`](crate::AudioSocketSettings::encoded), which has no other.
    pub fn take_encoded_audio_socket(&mut self) -> Option<EncodedAudioSocket> {
        self.encoded.take()
    }

    /// The audio socket, once: whoever takes it owns it.
    pub fn take_audio_socket(&mut self) -> Option<AudioSocket> {
        self.audio.take()
    }

    /// The player, once: whoever takes it may clone it. It speaks beside the audio socket, as [`AudioPlayer`] says.
    pub fn take_player(&mut self) -> Option<AudioPlayer> {
        self.player.take()
    }

    /// Sends `tones`, one after another, as telephone events (RFC 4733). Speech waits meanwhile. Returns at once; the
    /// receipt says when all were sent.
    ///
    /// # Errors
    /// When the session is over, or more tones would wait than the 64 that it holds; then none is sent. That the peer
    /// understands none is told by the receipt.
    pub fn send_dtmf_tones(&self, tones: &[Tone], settings: ToneSettings) -> Result<ToneReceipt, ToneError> {
        if self.state().is_over() {
            return Err(ToneError::Closed);
        }
        self.tones.send(tones, settings)
    }

    /// Mutes all speech of the session, as [`AudioSocketSender::set_muted`](crate::AudioSocketSender::set_muted) does.
    pub fn set_muted(&self, muted: bool) {
        self.shared.send.set_muted(muted);
    }

    /// How good the media was so far, both ways: jitter, loss, round trip, concealment.
    pub fn quality_of_experience(&self) -> QualityOfExperience {
        self.shared.quality.read(&self.shared.stats.read().counters, self.format)
    }

    /// What happens to the media, once: whoever takes it reads it.
    pub fn take_events(&mut self) -> Option<MediaEvents> {
        self.events.take()
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
    fn take(engine: &Arc<Engine>, local: Option<IpAddr>) -> Result<Self, MediaError> {
        if local.is_some() && !engine.bound_to_all {
            let problem = "the platform is bound to one address, not to all".to_owned();
            return Err(MediaError::InvalidSetting { setting: "local_address", problem });
        }
        Ok(Self { seat: engine.take_seat()?, engine: Arc::clone(engine), local })
    }

    fn address(&self) -> SocketAddr {
        let advertised = self.engine.advertised[self.seat.worker];
        SocketAddr::new(self.local.unwrap_or(advertised.ip()), advertised.port())
    }

    fn send(&self, command: Command) -> bool {
        self.engine.commands[self.seat.worker].send(command)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // In this order: whoever takes the seat next sends its command after this one.
        self.send(Command::Remove { index: self.seat.index });
        self.engine.give_back(self.seat);
    }
}

/// Where an RTP stream begins: at random, so that its encryption cannot be guessed at (RFC 3550 section 5.1).
fn random_start() -> (u16, RtpTime) {
    let (time, number, ..) = Uuid::new_v4().as_fields();
    // Below 2^15, so that a lost first packet cannot leave the peer a turn behind (RFC 3711 section 3.3.1).
    (number >> 1, RtpTime(time))
}

/// Bots spawn a task a call, and what waits for a session goes to whichever thread runs it.
const _: () = {
    const fn can_be_shared<T: Send + Sync>() {}
    can_be_shared::<MediaSession>();
};
