//! The video sockets of a session: what is asked for, what is answered, and both ends of what was made of it.

use std::sync::Arc;
use std::task::{Wake, Waker};

use super::media_session::random_start;
use crate::blob::{MediaDirection, Modality, OffhookBlob, SocketDescription, SocketId};
use crate::clock::SystemClock;
use crate::error::MediaError;
use crate::ring::growing_frame_ring;
use crate::session::Shared;
use crate::session::connection::VideoSection as SectionPlan;
use crate::session::control::{ControlDesk, ControlError, ControlOrder, ControlPath, control_queue};
use crate::session::transport::NegotiatedVideo;
use crate::session::video::lane::FrameToSend;
use crate::session::video::queue::video_queue;
use crate::session::video::{VideoSection, VideoStage};
use crate::session::video_socket::{ScreenShareSocket, VideoEnd, VideoSocket};
use crate::settings::{MediaSessionSettings, VideoSocketSettings};
use crate::video::BitRate;
use crate::video::simulcast::{MOST_LAYERS, SimulcastLayer};
use crate::worker::thread::{Command, CommandSender};

/// Video sockets of a session, that of the screen included.
const MOST_SOCKETS: usize = 10;

/// Frames that a queue may hold: more would be minutes.
const MOST_FRAMES: usize = 1000;

const NO_RATE: BitRate = BitRate::from_bits_per_second(0);

/// One socket of a session.
pub(super) struct PlannedSocket {
    pub(super) id: SocketId,
    pub(super) modality: Modality,
    settings: VideoSocketSettings,
}

/// Refuses what cannot be, by the name of the setting.
pub(super) fn check(settings: &MediaSessionSettings) -> Result<(), MediaError> {
    let invalid = |setting, problem: String| Err(MediaError::InvalidSetting { setting, problem });
    let sockets = settings.video.len() + usize::from(settings.screen_share.is_some());
    if sockets > MOST_SOCKETS {
        return invalid(
            "video",
            format!("{sockets} sockets with that of the screen; the most is {MOST_SOCKETS}"),
        );
    }
    for (setting, socket) in settings
        .video
        .iter()
        .map(|socket| ("video", socket))
        .chain(settings.screen_share.iter().map(|socket| ("screen_share", socket)))
    {
        let codecs = &socket.codecs;
        if codecs.is_empty() || codecs.iter().enumerate().any(|(at, codec)| codecs[..at].contains(codec)) {
            return invalid(setting, "codecs: at least one, and none twice".to_owned());
        }
        if [socket.receive_queue, socket.send_queue].iter().any(|queue| !(1..=MOST_FRAMES).contains(queue)) {
            return invalid(setting, format!("a queue holds between 1 and {MOST_FRAMES} frames"));
        }
        if let Some(problem) = socket.simulcast.as_ref().and_then(|layers| simulcast_problem(socket, layers))
        {
            return invalid(setting, format!("simulcast: {problem}"));
        }
    }
    Ok(())
}

fn simulcast_problem(socket: &VideoSocketSettings, layers: &[SimulcastLayer]) -> Option<String> {
    let is_range = |layer: &SimulcastLayer| layer.rates.min <= layer.rates.max && layer.rates.max > NO_RATE;
    if !(1..=MOST_LAYERS).contains(&layers.len()) {
        Some(format!("{} layers; there are between 1 and {MOST_LAYERS}", layers.len()))
    } else if !socket.direction.sends() {
        Some("the socket does not send".to_owned())
    } else if layers.iter().any(|layer| layer.scale_down_by == 0) {
        Some("a side cannot be divided by 0".to_owned())
    } else if !layers.is_sorted_by(|small, large| small.scale_down_by >= large.scale_down_by) {
        Some("the smallest layer comes first".to_owned())
    } else if !layers.iter().all(is_range) {
        Some("a layer's rates go from the least to the most, which is not 0".to_owned())
    } else {
        None
    }
}

/// The sockets of an offer: those of cameras, then that of the screen, numbered on from the audio socket.
pub(super) fn offering(settings: &MediaSessionSettings) -> Vec<PlannedSocket> {
    let cameras = settings.video.iter().map(|settings| (Modality::Video, settings));
    let screen = settings.screen_share.iter().map(|settings| (Modality::VideoBasedScreenSharing, settings));
    let sockets = (1..).map(SocketId).zip(cameras.chain(screen));
    sockets
        .map(|(id, (modality, settings))| PlannedSocket { id, modality, settings: settings.clone() })
        .collect()
}

/// Those of the offered sockets that an answer takes.
pub(super) fn answering(offer: &OffhookBlob, settings: &MediaSessionSettings) -> Vec<PlannedSocket> {
    let (mut cameras, mut screens) = (settings.video.iter(), settings.screen_share.iter());
    let take = |offered: &SocketDescription| {
        let settings = match offered.modality {
            Modality::Video => cameras.next(),
            Modality::VideoBasedScreenSharing => screens.next(),
            Modality::Audio | Modality::Data => None,
        };
        Some(PlannedSocket { id: offered.id, modality: offered.modality, settings: settings?.clone() })
    };
    offer.sockets.iter().filter_map(take).collect()
}

/// The data socket of an offer, behind those that it is for.
pub(super) fn data_socket(shown: &[PlannedSocket]) -> Option<SocketId> {
    shown.last().map(|last| SocketId(last.id.0 + 1))
}

/// That of an offer that is answered, where there is video for it.
pub(super) fn data_socket_of(offer: &OffhookBlob, shown: &[PlannedSocket]) -> Option<SocketId> {
    let data = offer.sockets.iter().find(|socket| socket.modality == Modality::Data);
    data.filter(|_| !shown.is_empty()).map(|socket| socket.id)
}

impl PlannedSocket {
    /// Whether it is that of a shared screen.
    pub(super) fn is_screen(&self) -> bool {
        self.modality == Modality::VideoBasedScreenSharing
    }

    /// Its section, as this end would have it.
    pub(super) fn section(&self) -> SectionPlan {
        let VideoSocketSettings { codecs, direction, .. } = self.settings.clone();
        SectionPlan { socket: self.id.0, direction, codecs, layers: self.layers() }
    }

    /// How many layers its picture has.
    fn layers(&self) -> usize {
        self.settings.simulcast.as_ref().map_or(1, Vec::len)
    }

    /// What an offer says of it.
    pub(super) fn offered(&self) -> SocketDescription {
        let VideoSocketSettings { codecs, direction, .. } = &self.settings;
        SocketDescription::video(self.id, self.modality, *direction, codecs)
    }

    /// What an answer says of it.
    pub(super) fn answered(&self, agreed: NegotiatedVideo) -> SocketDescription {
        let direction = match (agreed.sends, agreed.receives) {
            (Some(_), Some(_)) => MediaDirection::SendReceive,
            (Some(_), None) => MediaDirection::SendOnly,
            (None, Some(_)) => MediaDirection::ReceiveOnly,
            (None, None) => MediaDirection::Inactive,
        };
        SocketDescription::video(self.id, self.modality, direction, &self.settings.codecs)
    }
}

/// The application's ends.
#[derive(Default)]
pub(super) struct VideoSockets {
    pub(super) cameras: Vec<VideoSocket>,
    pub(super) screen: Option<ScreenShareSocket>,
    control: Option<Arc<ControlDesk>>,
}

impl VideoSockets {
    pub(super) fn order(&self, order: ControlOrder) -> Result<(), ControlError> {
        self.control.as_ref().ok_or(ControlError::NoVideo)?.give(order)
    }
}

/// Both ends of the video of a session; the worker's is `None` in a session without.
pub(super) fn assemble(
    settings: &MediaSessionSettings,
    sockets: Vec<PlannedSocket>,
    shared: &Arc<Shared>,
    clock: SystemClock,
    worker: &Waker,
    is_offered: bool,
) -> (Option<(VideoStage, ControlPath)>, VideoSockets) {
    if sockets.is_empty() {
        return (None, VideoSockets::default());
    }
    let (control, orders) = control_queue(is_offered);
    let control = Arc::new(control);
    let mut sections = Vec::with_capacity(sockets.len());
    let mut ends = VideoSockets { control: Some(Arc::clone(&control)), ..VideoSockets::default() };
    for (socket, lane) in sockets.into_iter().zip(&shared.video) {
        let layers = socket.layers();
        let PlannedSocket { id, modality, settings } = socket;
        let receive = || video_queue(settings.receive_queue, settings.latest_wins);
        let (to_app, from_worker) = settings.direction.receives().then(receive).unzip();
        let send = || growing_frame_ring(settings.send_queue * layers, FrameToSend::empty);
        let (to_worker, from_app) = settings.direction.sends().then(send).unzip();
        let (shared, worker, lane) = (Arc::clone(shared), worker.clone(), Arc::clone(lane));
        let simulcast = settings.simulcast.unwrap_or_default();
        sections.push(VideoSection::new((id, simulcast.clone()), Arc::clone(&lane), to_app, from_app));
        let end = VideoEnd { socket: id, shared, lane, clock, worker, control: Arc::clone(&control) };
        let socket = VideoSocket::new(&end, from_worker, (to_worker, simulcast));
        if modality == Modality::Video {
            ends.cameras.push(socket);
        } else {
            ends.screen = Some(ScreenShareSocket(socket));
        }
    }
    let first_numbers = || (random_start().0, random_start().0);
    let stage = VideoStage::new(sections, settings.video_bandwidth, first_numbers, Arc::clone(shared));
    (Some((stage, orders)), ends)
}

/// Wakes a worker for one session.
struct Knock {
    commands: CommandSender,
    index: usize,
}

impl Wake for Knock {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A worker that has stopped has ended the session.
        self.commands.send(Command::Knock { index: self.index });
    }
}

/// What wakes a worker for the session at `index`.
pub(super) fn knock(commands: CommandSender, index: usize) -> Waker {
    Waker::from(Arc::new(Knock { commands, index }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::simulcast::LayerRates;

    fn problem(socket: VideoSocketSettings) -> Option<String> {
        match check(&MediaSessionSettings::default().video(socket)) {
            Ok(()) => None,
            Err(MediaError::InvalidSetting { setting: "video", problem }) => Some(problem),
            Err(other) => panic!("{other}"),
        }
    }

    fn layers(layers: &[SimulcastLayer]) -> Option<String> {
        problem(VideoSocketSettings::default().simulcast(layers.iter().copied()))
    }

    #[test]
    fn a_picture_has_one_to_three_layers_that_grow() {
        let [quarter, half, full] = [SimulcastLayer::QUARTER, SimulcastLayer::HALF, SimulcastLayer::FULL];
        for sound in [&[full][..], &[quarter], &[half, full], &[quarter, half, full], &[full, full]] {
            assert_eq!(layers(sound), None, "{sound:?}");
        }
        let said = |problem: &str| Some(format!("simulcast: {problem}"));
        assert_eq!(layers(&[]), said("0 layers; there are between 1 and 3"));
        assert_eq!(layers(&[full; 4]), said("4 layers; there are between 1 and 3"));
        assert_eq!(layers(&[full, half]), said("the smallest layer comes first"));
        assert_eq!(layers(&[SimulcastLayer::new(0, full.rates)]), said("a side cannot be divided by 0"));
        let LayerRates { min, max } = full.rates;
        for rates in [LayerRates { min: max, max: min }, LayerRates { min: NO_RATE, max: NO_RATE }] {
            let refused = layers(&[half, SimulcastLayer::new(1, rates)]);
            assert_eq!(refused, said("a layer's rates go from the least to the most, which is not 0"));
        }
        let deaf = VideoSocketSettings::default().direction(MediaDirection::ReceiveOnly);
        assert_eq!(problem(deaf.simulcast([full])), said("the socket does not send"));
    }
}
