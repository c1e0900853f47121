//! What happens to a session's media, as its application learns of it. Plain data.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use crate::blob::SocketId;
use crate::tones::Tone;
use crate::units::MediaSourceId;
use crate::video::simulcast::LayerSet;
use crate::video::{BitRate, VideoCodec, VideoSize};

/// Whether media may be sent, or is coming.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaStatus {
    /// Nothing flows: not connected yet, or no longer.
    #[default]
    Inactive,
    /// It flows.
    Active,
}

/// Why the media of a session is gone for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamFailure {
    /// The path to the peer fell silent and did not come back, or never came to be.
    ConnectionLost,
}

/// A place in what a player was given, under a number of the application's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MarkId(pub u64);

/// What of a session's media can be good or bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QualityKind {
    /// Packets from the peer are lost on their way.
    ReceiveLoss,
    /// Much of what is heard is made up, because packets are lost or late.
    ReceiveConcealment,
    /// Packets to the peer are lost on their way, as it reports.
    SendLoss,
}

/// Whether something is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QualityState {
    /// It has become bad.
    Detected,
    /// It is good again.
    Recovered,
}

/// What happened. Plain data; the order is that in which it happened.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum MediaEvent {
    /// Frames that are sent reach the wire from now on, or no longer do.
    SendStatusChanged {
        /// Which of the two.
        status: MediaStatus,
    },
    /// Frames are heard from now on, or no longer are.
    ReceiveStatusChanged {
        /// Which of the two.
        status: MediaStatus,
    },
    /// The media is gone for good. The call has to be made, or joined, again.
    MediaStreamFailure {
        /// Why.
        cause: StreamFailure,
    },
    /// Loss or concealment has become bad, or good again.
    MediaStreamQualityChanged {
        /// Which.
        kind: QualityKind,
        /// Which of the two.
        state: QualityState,
    },
    /// The peer has pressed a key, and let it go.
    ToneReceived {
        /// Which key.
        tone: Tone,
        /// How long it was held down.
        duration: Duration,
    },
    /// All that was enqueued before a mark was sent.
    MarkReached {
        /// Which mark.
        id: MarkId,
    },
    /// Less is left in the player than its low-water mark says.
    LowOnFrames {
        /// How much.
        remaining: Duration,
    },
    /// All that was enqueued was sent or cleared.
    QueueDrained,
    /// Somebody else has the floor now, or nobody has.
    DominantSpeakerChanged {
        /// Who; `None` when who had it was silent for five seconds.
        current: Option<MediaSourceId>,
        /// Who had it, the latest first, with `current` in front.
        history: DominantSpeakers,
    },
    /// Somebody began to speak. Told with [`AudioSocketSettings::voice_activity`](crate::AudioSocketSettings::voice_activity)
    /// only, as all that follows.
    SpeechStarted {
        /// Who, on a stream of a speaker's own; `None` in the mix.
        source: Option<MediaSourceId>,
        /// Where on the timeline of the frames the speech began, which was before it was certain.
        first_sample: u64,
    },
    /// Who spoke is silent.
    SpeechEnded {
        /// As in [`SpeechStarted`](Self::SpeechStarted).
        source: Option<MediaSourceId>,
        /// The first sample behind the speech.
        end_sample: u64,
        /// How long it lasted.
        duration: Duration,
    },
    /// Who spoke has been silent for so long that an answer is due.
    TurnEnded {
        /// As in [`SpeechStarted`](Self::SpeechStarted).
        source: Option<MediaSourceId>,
        /// The first sample behind the last speech of the turn.
        end_sample: u64,
        /// From the first speech of the turn to there, pauses included.
        duration: Duration,
    },
    /// The far end began to speak while we did: what was still to be said is interrupted. Comes behind its
    /// [`SpeechStarted`](Self::SpeechStarted), for the mix only.
    ///
    /// We speak when a packet that was no silence went to the wire within the last 200 ms; that the far end hears itself in an
    /// echo of ours is not known here.
    BargeIn {
        /// Where on the timeline of the frames the far end's speech began.
        first_sample: u64,
    },
    /// What is sent on a video socket reaches the wire from now on, or no longer does.
    VideoSendStatusChanged {
        /// Which socket.
        socket: SocketId,
        /// Which of the two.
        status: MediaStatus,
        /// How frames have to be encoded, where they are sent.
        codec: Option<VideoCodec>,
        /// Which layers of the picture are sent: of those of [`simulcast`](crate::VideoSocketSettings::simulcast) the ones that the
        /// far end takes, and the largest alone where it knows nothing of layers. Without simulcast layer 0 is the picture.
        layers: LayerSet,
    },
    /// Frames may come on a video socket from now on, or no longer do.
    VideoReceiveStatusChanged {
        /// Which socket.
        socket: SocketId,
        /// Which of the two.
        status: MediaStatus,
        /// How they are encoded, most likely: the far end may choose another of those that were offered.
        codec: Option<VideoCodec>,
    },
    /// The next frame that is sent on this socket should be a key frame: the far end cannot go on without.
    KeyFrameNeeded {
        /// Which socket.
        socket: SocketId,
        /// Which layer of its picture; 0 without simulcast.
        layer: usize,
    },
    /// What frames that are sent on this socket may have from now on, by what the path carries.
    VideoTargetRateChanged {
        /// Which socket.
        socket: SocketId,
        /// Which layer of its picture; 0 without simulcast.
        layer: usize,
        /// Without the headers of packets. Zero while the layer is off, because the path does not carry it: its frames are not sent
        /// then, and when it is on again a key frame is needed.
        rate: BitRate,
    },
    /// The next frame of this socket has another size than the last, or is the first.
    VideoSizeChanged {
        /// Which socket.
        socket: SocketId,
        /// The size of its picture.
        size: VideoSize,
    },
    /// The next frame of this socket is somebody else's picture.
    VideoSourceChanged {
        /// Which socket.
        socket: SocketId,
        /// Whose; `None` when the far end does not say.
        source: Option<MediaSourceId>,
    },
    /// No frame has come on this socket for so long that it shows: three times its pace, and 150 ms more than its pace at the least
    /// (W3C webrtc-stats, freezeCount). A far end that stops to send looks the same.
    VideoFrozen {
        /// Which socket.
        socket: SocketId,
    },
    /// A frame has come again.
    VideoRecovered {
        /// Which socket.
        socket: SocketId,
        /// How long the picture stood.
        stood: Duration,
    },
    /// The service shows that source on a video socket from now on, as it was asked to.
    Subscribed {
        /// The socket's id.
        socket: SocketId,
        /// Who is seen.
        source: MediaSourceId,
    },
    /// The service does not show that source. What the socket showed before, it still shows.
    SubscriptionRefused {
        /// The socket's id.
        socket: SocketId,
        /// Who was asked for.
        source: MediaSourceId,
        /// Why.
        reason: SubscriptionRefusal,
    },
    /// Others than before can be seen, as the service says.
    VideoSourcesChanged {
        /// Who sends a picture of their camera.
        video: VideoSources,
        /// Who shares a screen.
        screen: VideoSources,
    },
    /// Who has the floor, as the service says. [`DominantSpeakerChanged`](Self::DominantSpeakerChanged) is what was heard here.
    ServiceDominantSpeakerChanged {
        /// Who; `None` for nobody.
        source: Option<MediaSourceId>,
    },
}

/// Why a video socket does not show who was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SubscriptionRefusal {
    /// Nobody has that source.
    UnknownSource,
    /// Its sender sends no picture.
    NotSending,
    /// The session has no such socket.
    UnknownSocket,
    /// The far end cannot be asked: it has no control channel, or has closed it.
    Unavailable,
    /// The service has another reason.
    Other,
}

/// Sources that a list names: as many as a session can show at once.
const MOST_LISTED: usize = 10;

/// Who can be seen: the first ten, in the service's order, and how many there are. The others are in the call's roster. Derefs to
/// a slice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VideoSources {
    sources: [MediaSourceId; MOST_LISTED],
    total: u16,
}

impl VideoSources {
    /// How many there are, with those that are not named here; at most 65,535.
    pub fn total(&self) -> u16 {
        self.total
    }
}

impl FromIterator<MediaSourceId> for VideoSources {
    fn from_iter<I: IntoIterator<Item = MediaSourceId>>(all: I) -> Self {
        let mut sources = [MediaSourceId(0); MOST_LISTED];
        let mut total = 0_u16;
        for source in all {
            if let Some(place) = sources.get_mut(usize::from(total)) {
                *place = source;
            }
            total = total.saturating_add(1);
        }
        Self { sources, total }
    }
}

impl Deref for VideoSources {
    type Target = [MediaSourceId];

    fn deref(&self) -> &[MediaSourceId] {
        &self.sources[..usize::from(self.total).min(MOST_LISTED)]
    }
}

impl fmt::Debug for VideoSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {}", &self[..], self.total)
    }
}

/// Speakers that a history remembers.
const MOST_REMEMBERED: usize = 8;

/// Who had the floor, the latest first, each once; up to eight. Derefs to a slice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DominantSpeakers {
    sources: [MediaSourceId; MOST_REMEMBERED],
    len: u8,
}

impl DominantSpeakers {
    /// Nobody.
    pub const NONE: Self = Self { sources: [MediaSourceId(0); MOST_REMEMBERED], len: 0 };

    /// Puts `source` in front; where it was before, it is no longer, and one beyond the eighth is forgotten.
    pub fn put_first(&mut self, source: MediaSourceId) {
        let known = self.iter().position(|&one| one == source);
        let new_len = if known.is_some() { self.len } else { (self.len + 1).min(MOST_REMEMBERED as u8) };
        let moved = known.unwrap_or(usize::from(new_len) - 1);
        self.sources[..=moved].rotate_right(1);
        self.sources[0] = source;
        self.len = new_len;
    }
}

impl Deref for DominantSpeakers {
    type Target = [MediaSourceId];

    fn deref(&self) -> &[MediaSourceId] {
        &self.sources[..usize::from(self.len)]
    }
}

impl fmt::Debug for DominantSpeakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self[..].fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_holds_each_once_and_the_latest_first() {
        let mut history = DominantSpeakers::NONE;
        [1, 2, 3, 1].into_iter().for_each(|source| history.put_first(MediaSourceId(source)));
        assert_eq!(history[..], [1, 3, 2].map(MediaSourceId));
        (10..30).for_each(|source| history.put_first(MediaSourceId(source)));
        assert_eq!((history.len(), history[0]), (MOST_REMEMBERED, MediaSourceId(29)));
    }
}
