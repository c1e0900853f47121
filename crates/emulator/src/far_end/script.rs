//! What a far end does in its call.

use std::sync::Arc;
use std::time::Duration;

use offhook_media::{MediaSourceId, Tone};

use super::clip::Clip;
use super::film::Film;
use super::voices::{MOST_VOICES, Voice};
use crate::link::Link;

/// What follows once the speech is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AfterSpeech {
    /// Silence goes on being sent, as from an open microphone.
    #[default]
    Silence,
    /// Nothing is sent any more.
    Stop,
    /// The speech begins again.
    Repeat,
    /// The far end hangs up.
    HangUp,
}

/// What a far end does: what it says, when it ends, and whether it keeps what it hears. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct FarEndScript {
    pub(crate) clip: Option<Arc<Clip>>,
    pub(crate) film: Option<Arc<Film>>,
    pub(crate) after: AfterSpeech,
    pub(crate) echo: bool,
    pub(crate) tones: Vec<(Tone, Duration)>,
    pub(crate) link: Option<Arc<Link>>,
    pub(super) copies: usize,
    speakers: Vec<Voice>,
    keep: bool,
}

impl FarEndScript {
    /// A far end that listens and is silent.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says `clip` once the call is established and the bot is let in.
    #[must_use]
    pub fn say(mut self, clip: Arc<Clip>) -> Self {
        self.clip = Some(clip);
        self
    }

    /// Shows `film` as its camera, over and over, from when the bot is let in. Where the bot asks for a key frame, the film jumps to its
    /// next one.
    #[must_use]
    pub fn show(mut self, film: impl Into<Arc<Film>>) -> Self {
        self.film = Some(film.into());
        self
    }

    /// Lets `clip` be said by a further voice, under `source`, at the same time as all others: by a meeting of several, of which
    /// this far end is what a bot hears. May be called several times; beyond 15 voices, which is what an RTP packet can name, more
    /// are left out.
    ///
    /// The mix is the sum of all voices. Where the bot asks for unmixed speakers, each voice that has an id is sent by itself,
    /// too: the one that [says](Self::say) first, if it is a meeting's, then these in their order, while there are sections.
    /// Each lasts as long as the longest.
    #[must_use]
    pub fn speaker(mut self, source: MediaSourceId, clip: impl Into<Arc<Clip>>) -> Self {
        self.speakers.push(Voice { source: Some(source), clip: clip.into() });
        self
    }

    /// Presses `tones` one after another, each for `duration`, with 100 ms between them (RFC 4733): once the speech is over, or
    /// at once where there is none. May be called several times. Tones last 40 ms to 1.3 s.
    #[must_use]
    pub fn tones(mut self, tones: impl IntoIterator<Item = Tone>, duration: Duration) -> Self {
        let duration = duration.clamp(Duration::from_millis(40), Duration::from_millis(1_300));
        self.tones.extend(tones.into_iter().map(|tone| (tone, duration)));
        self
    }

    /// Puts `link` between it and the bot: what the one sends to the other passes it, each way by itself, from the same seed. RTP
    /// only: STUN, DTLS and RTCP pass unharmed. Default none.
    #[must_use]
    pub fn link(mut self, link: Link) -> Self {
        self.link = Some(Arc::new(link));
        self
    }

    /// Lets each packet of its mix carry copies of as many before it (RED, RFC 2198), where the bot understands them. Default none.
    #[must_use]
    pub fn redundant(mut self, copies: usize) -> Self {
        self.copies = copies;
        self
    }

    /// What follows the speech. Default [`AfterSpeech::Silence`].
    #[must_use]
    pub fn then(mut self, after: AfterSpeech) -> Self {
        self.after = after;
        self
    }

    /// Sends back every packet that it hears, instead of speech, and what it sees, instead of a film.
    #[must_use]
    pub fn echo(mut self) -> Self {
        self.echo = true;
        self
    }

    /// Keeps what it hears, for [`FarEnd::heard`](super::FarEnd::heard): up to ten minutes. Costs 4 MB at the most.
    #[must_use]
    pub fn keep_what_it_hears(mut self) -> Self {
        self.keep = true;
        self
    }

    /// Whether anything is heard or seen of it.
    pub(crate) fn does_anything(&self) -> bool {
        self.clip.is_some()
            || self.film.is_some()
            || self.echo
            || !self.tones.is_empty()
            || !self.speakers.is_empty()
    }

    /// Whether it sends back what it hears.
    pub(crate) fn echoes(&self) -> bool {
        self.echo
    }

    /// What follows the speech.
    pub(crate) fn after_speech(&self) -> AfterSpeech {
        self.after
    }

    /// What it says.
    pub(crate) fn clip(&self) -> Option<&Clip> {
        self.clip.as_deref()
    }

    /// All who speak. What is [said](Self::say) is said by `source`.
    pub(crate) fn voices(&self, source: Option<MediaSourceId>) -> Vec<Voice> {
        let first = self.clip.iter().map(|clip| Voice { source, clip: Arc::clone(clip) });
        first.chain(self.speakers.iter().cloned()).take(MOST_VOICES).collect()
    }

    pub(super) fn keeps_what_it_hears(&self) -> bool {
        self.keep
    }
}
