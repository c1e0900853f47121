//! One size in which pictures are encoded: the only one, or one of several at once.

use super::shrinking::Shrinking;
use super::{EncodedVideoSink, SinkState};
use crate::session::audio_socket::SocketClosed;
use crate::time::MediaInstant;
use crate::video::simulcast::SimulcastLayer;
use crate::video::{
    CodecError, EncodedVideoFrame, VideoEncoder, VideoEncoderSettings, VideoFrame, VideoSize,
};

/// An encoder that does what its sink asks of a layer.
pub(super) struct Layer {
    /// Its number, and what part of the picture it is; `None` for a sink that takes one picture.
    place: Option<(usize, SimulcastLayer)>,
    settings: VideoEncoderSettings,
    pub(super) encoder: VideoEncoder,
    /// Of the only picture.
    shrinking: Option<Shrinking>,
    /// What the encoder was told last.
    asked: SinkState,
}

impl Layer {
    /// The layers of a sink that has these; one for a sink without.
    pub(super) fn all(
        simulcast: &[SimulcastLayer],
        settings: &VideoEncoderSettings,
    ) -> Result<Vec<Self>, CodecError> {
        if simulcast.is_empty() {
            return Ok(vec![Self::new(None, settings)?]);
        }
        let places = simulcast.iter().copied().enumerate();
        places.map(|place| Self::new(Some(place), settings)).collect()
    }

    fn new(
        place: Option<(usize, SimulcastLayer)>,
        settings: &VideoEncoderSettings,
    ) -> Result<Self, CodecError> {
        let most = place.map_or(settings.bit_rate, |(_, layer)| layer.rates.max);
        let settings = settings.bit_rate(settings.bit_rate.min(most));
        Ok(Self {
            place,
            encoder: VideoEncoder::new(&settings)?,
            shrinking: (place.is_none() && settings.shrinks).then(Shrinking::new),
            asked: SinkState { codec: Some(settings.codec), key_frame: false, bit_rate: None, size: None },
            settings,
        })
    }

    /// Does what the sink asks for, before `picture`; `false` where nobody would see that.
    pub(super) fn follow(
        &mut self,
        sink: &mut impl EncodedVideoSink,
        picture: &VideoFrame,
    ) -> Result<bool, CodecError> {
        let state = match self.place {
            Some((number, _)) => sink.layer_state(number),
            None => sink.state(),
        };
        if let Some(codec) = state.codec.filter(|codec| *codec != self.settings.codec) {
            self.settings.codec = codec;
            self.encoder = VideoEncoder::new(&self.settings)?;
            (self.asked.bit_rate, self.asked.size) = (None, None);
        }
        self.encoder.follow(&mut self.asked, state);
        let whole = self.settings.size.unwrap_or(picture.size());
        if let Some((_, layer)) = self.place {
            self.encoder.set_size(Some(layer.size_of(whole)))?;
        } else if let (Some(shrinking), Some(rate), Some(_)) =
            (&mut self.shrinking, state.bit_rate, state.codec)
        {
            let fps = self.settings.frames_per_second;
            let size = shrinking.size_of(whole, rate, fps, picture.capture_time());
            self.encoder.set_size(Some(size))?;
        }
        Ok(state.codec.is_some())
    }

    /// Sends a frame; `false` where it was lost.
    pub(super) fn send(
        &self,
        sink: &mut impl EncodedVideoSink,
        frame: &EncodedVideoFrame,
        capture_time: MediaInstant,
    ) -> Result<bool, SocketClosed> {
        match self.place {
            Some((number, _)) => sink.send_layer(number, frame, capture_time),
            None => sink.send_frame(frame, capture_time),
        }
    }
}

impl VideoEncoder {
    /// Does what the sink asks for, where that is not what was `asked` before.
    fn follow(&mut self, asked: &mut SinkState, state: SinkState) {
        // Who sees the stream anew has none of its frames.
        if state.key_frame || (state.codec.is_some() && asked.codec.is_none()) {
            self.request_key_frame();
        }
        if let Some(rate) = state.bit_rate.filter(|_| state.bit_rate != asked.bit_rate) {
            // What the library does not take leaves it at the rate before.
            if let Err(error) = self.set_bit_rate(rate) {
                tracing::debug!(%error, "the encoder keeps its bit rate");
            }
        }
        if state.size != asked.size
            && let Err(error) = self.set_most(state.size.map(VideoSize::evened))
        {
            tracing::debug!(%error, "the encoder keeps its size");
        }
        *asked = state;
    }
}
