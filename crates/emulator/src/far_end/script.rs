//! What a far end does in its call.

use std::sync::Arc;

use super::clip::Clip;

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
    pub(super) clip: Option<Arc<Clip>>,
    pub(super) after: AfterSpeech,
    pub(super) echo: bool,
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

    /// What follows the speech. Default [`AfterSpeech::Silence`].
    #[must_use]
    pub fn then(mut self, after: AfterSpeech) -> Self {
        self.after = after;
        self
    }

    /// Sends back every packet that it hears, instead of speech.
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

    /// What it says.
    pub(crate) fn clip(&self) -> Option<&Clip> {
        self.clip.as_deref()
    }

    pub(super) fn keeps_what_it_hears(&self) -> bool {
        self.keep
    }
}
