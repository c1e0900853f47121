//! The application's handle of one call's media.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::checks::check;
use super::closer::MediaSessionCloser;
use super::negotiation::{answering, audio_description, declined, described};
use super::place::Place;
use super::video::{PlannedSocket, VideoSockets};
use super::{Engine, lock, video};
use crate::blob::{MediaBlob, MediaSessionId, SdpType, SocketDescription};
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
use crate::session::control::{ControlError, ControlOrder};
use crate::session::encoded_socket::EncodedAudioSocket;
use crate::session::events::{EVENTS, MediaEvents};
use crate::session::gains::Gains;
use crate::session::player::{AudioPlayer, ToneDesk, ToneError, ToneReceipt};
use crate::session::quality::QualityOfExperience;
use crate::session::state::MediaState;
use crate::session::streams::AudioStreams;
use crate::session::transport::Transport as _;
use crate::session::video_socket::{ScreenShareSocket, VideoSocket};
use crate::session::{Session, Shared};
use crate::settings::MediaSessionSettings;
use crate::stats::{SessionStats, SharedStats};
use crate::tap::{MediaTap, Tap};
use crate::time::{MediaClock, MediaInstant, RtpTime};
use crate::tones::{Tone, ToneSettings};
use crate::video::BitRate;
use crate::worker::thread::Command;

/// The audio socket's id, and so the `mid` of its media section.
pub(super) const AUDIO_SOCKET: u32 = 0;

/// One call's media. Dropping it ends the session.
pub struct MediaSession {
    blob: MediaBlob,
    format: AudioFormat,
    audio: Option<AudioSocket>,
    encoded: Option<EncodedAudioSocket>,
    video: VideoSockets,
    player: Option<AudioPlayer>,
    tones: ToneDesk,
    events: Option<MediaEvents>,
    tap: Option<MediaTap>,
    shared: Arc<Shared>,
    /// The worker's half, until the peer's answer is known. Never locked: codecs cannot be shared between threads, and this makes
    /// the session one that can, without which no task that waits for it could be spawned.
    pending: Mutex<Option<Box<Session<Connection>>>>,
    place: Arc<Place>,
}

impl MediaSession {
    pub(super) fn offer(engine: &Arc<Engine>, settings: &MediaSessionSettings) -> Result<Self, MediaError> {
        check(&settings.audio)?;
        video::check(settings)?;
        let place = Place::take(engine, settings.local_address)?;
        let now = engine.clock.now();
        let shown = video::offering(settings);
        let audio = AudioSections { socket: AUDIO_SOCKET, unmixed: settings.audio.unmixed };
        let data = video::data_socket(&shown);
        let sections = (audio, shown.iter().map(PlannedSocket::section).collect(), data.map(|data| data.0));
        let (transport, sdp) =
            Connection::offer(&engine.identity, now, place.address(), sections).map_err(MediaError::Core)?;
        let id = MediaSessionId::new(Uuid::new_v4());
        let sockets = std::iter::once(audio_description(&settings.audio));
        let sockets = sockets.chain(shown.iter().map(PlannedSocket::offered));
        let sockets = sockets.chain(data.map(SocketDescription::data)).collect();
        let blob = MediaBlob::offer(id, sockets, &sdp)?;
        Self::assemble(place, settings, shown, transport, blob)
    }

    pub(super) fn answer(
        engine: &Arc<Engine>,
        settings: &MediaSessionSettings,
        offer: &MediaBlob,
    ) -> Result<Self, MediaError> {
        check(&settings.audio)?;
        video::check(settings)?;
        let offer = described(offer, SdpType::Offer)?;
        let audio = answering(offer, &settings.audio)?;
        let place = Place::take(engine, settings.local_address)?;
        let now = engine.clock.now();
        let sdp = &offer.description.sdp;
        let shown = video::answering(offer, settings);
        let speech = AudioSections { socket: audio.id.0, unmixed: settings.audio.sends_unmixed };
        let data = video::data_socket_of(offer, &shown).map(|data| data.0);
        let sections = (speech, shown.iter().map(PlannedSocket::section).collect(), data);
        let (transport, sdp) = Connection::answer(&engine.identity, now, place.address(), sections, sdp)
            .map_err(MediaError::Description)?;
        let answer = |offered: &SocketDescription| {
            let shown = shown.iter().enumerate().find(|(_, socket)| socket.id == offered.id);
            match shown {
                Some((nth, socket)) => socket.answered(transport.negotiated_video(nth)),
                None if offered.id == audio.id => audio.clone(),
                None => declined(offered),
            }
        };
        let blob = MediaBlob::answer(offer, offer.sockets.iter().map(answer).collect(), &sdp)?;
        let mut this = Self::assemble(place, settings, shown, transport, blob)?;
        this.begin()?;
        Ok(this)
    }

    fn assemble(
        place: Place,
        settings: &MediaSessionSettings,
        shown: Vec<PlannedSocket>,
        transport: Connection,
        blob: MediaBlob,
    ) -> Result<Self, MediaError> {
        let audio = &settings.audio;
        check(audio)?;
        let stats = Arc::new(SharedStats::new());
        lock(&place.engine.totals).add(Arc::clone(&stats));
        let speakers = transport.speakers_sent();
        let shared = Arc::new(Shared::new(Arc::clone(&stats), speakers, shown.len()));
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
        let knock = video::knock(place.commands(), place.seat.index);
        let tap = settings.tapped.then(|| {
            let is_screen: Vec<_> = shown.iter().map(PlannedSocket::is_screen).collect();
            let (tap, reader) = Tap::open(audio.unmixed, &is_screen, &knock, clock);
            session.tap = tap;
            reader
        });
        let is_offered = described(&blob, SdpType::Offer).is_ok();
        let (stage, video) = video::assemble(settings, shown, &shared, clock, &knock, is_offered);
        if let Some((stage, orders)) = stage {
            session = session.with_video(stage).with_control(orders);
        }
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
            video,
            player: Some(player),
            tones,
            events: Some(MediaEvents::new(event_out, Arc::clone(&shared))),
            tap,
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

    /// The video sockets, once: whoever takes them owns them. Of an offer, as many as its
    /// [`video`](MediaSessionSettings::video) settings; of an answer, as many of those as it was offered. One that the far end has
    /// declined is there, and nothing comes of it.
    pub fn take_video_sockets(&mut self) -> Vec<VideoSocket> {
        std::mem::take(&mut self.video.cameras)
    }

    /// The socket of a shared screen, once: whoever takes it owns it.
    pub fn take_screen_share_socket(&mut self) -> Option<ScreenShareSocket> {
        self.video.screen.take()
    }

    /// Asks the far end to send at most this much from now on, all video together; zero lifts that.
    ///
    /// # Errors
    /// When the session has no video sockets, this end did not make the offer, too many orders wait, or the session is over.
    pub fn set_receive_bandwidth_limit(&self, limit: BitRate) -> Result<(), ControlError> {
        self.video.order(ControlOrder::LimitReceiving(limit))
    }

    /// Sends at most this much from now on, all video together, where the settings allow more; zero lifts that. The far end may
    /// have a limit of its own, and the lower one is kept.
    ///
    /// # Errors
    /// When the session has no video sockets, too many orders wait, or the session is over.
    pub fn set_send_bandwidth_limit(&self, limit: BitRate) -> Result<(), ControlError> {
        self.video.order(ControlOrder::LimitSending(limit))
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

    /// The clock of all frames of the platform, for a player of films.
    pub fn clock(&self) -> impl MediaClock + Copy + Send + Sync + use<> {
        self.place.engine.clock
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

    /// What is heard and said, encoded, once: for whoever records it. Only of a session that is
    /// [tapped](MediaSessionSettings::tapped).
    pub fn take_tap(&mut self) -> Option<MediaTap> {
        self.tap.take()
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
        MediaSessionCloser::new(&self.place, &self.shared)
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

/// Where an RTP stream begins: at random, so that its encryption cannot be guessed at (RFC 3550 section 5.1).
pub(super) fn random_start() -> (u16, RtpTime) {
    let (time, number, ..) = Uuid::new_v4().as_fields();
    // Below 2^15, so that a lost first packet cannot leave the peer a turn behind (RFC 3711 section 3.3.1).
    (number >> 1, RtpTime(time))
}

/// Bots spawn a task a call, and what waits for a session goes to whichever thread runs it.
const _: () = {
    const fn can_be_shared<T: Send + Sync>() {}
    can_be_shared::<MediaSession>();
};
