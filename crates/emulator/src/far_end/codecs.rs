//! What a far end can send and understand, and by which numbers.

use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_TELEPHONE_EVENT};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpHeaderExtensionCapability, RTCRtpSendParameters, RtpCodecKind,
};
use webrtc::error::Error;
use webrtc::peer_connection::MediaEngine;

use super::hearing::Content;

const MIME_TYPE_RED: &str = "audio/red";

/// How loud each contributing source is (RFC 6465).
const SOURCE_LEVELS: &str = "urn:ietf:params:rtp-hdrext:csrc-audio-level";

/// Numbers that a far end would choose; those of an offer win.
const OPUS: u8 = 111;
const RED: u8 = 63;
const TELEPHONE_EVENT: u8 = 110;

/// The numbers that were agreed on. Packets with others vanish without an error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    pub(crate) opus: u8,
    pub(super) red: Option<u8>,
    pub(crate) tones: Option<u8>,
    pub(crate) source_levels: Option<u8>,
}

impl Numbers {
    pub(super) fn of(agreed: &RTCRtpSendParameters) -> Result<Self, Error> {
        let agreed = &agreed.rtp_parameters;
        let number = |mime_type: &str| {
            let mut codecs = agreed.codecs.iter();
            let found = codecs.find(|codec| codec.rtp_codec.mime_type.eq_ignore_ascii_case(mime_type));
            found.map(|codec| codec.payload_type)
        };
        let levels = agreed.header_extensions.iter().find(|extension| extension.uri == SOURCE_LEVELS);
        Ok(Self {
            opus: number(MIME_TYPE_OPUS).ok_or(Error::ErrCodecNotFound)?,
            red: number(MIME_TYPE_RED),
            tones: number(MIME_TYPE_TELEPHONE_EVENT),
            source_levels: levels.and_then(|extension| u8::try_from(extension.id).ok()),
        })
    }

    /// Those of a connection of which only Opus and keys matter.
    pub(crate) fn plain(opus: u8, tones: Option<u8>) -> Self {
        Self { opus, red: None, tones, source_levels: None }
    }

    /// What packets of a payload type carry.
    pub(super) fn content(&self, payload_type: u8) -> Option<Content> {
        let is = |number: Option<u8>| number == Some(payload_type);
        if is(Some(self.opus)) {
            Some(Content::Opus)
        } else if is(self.red) {
            Some(Content::Redundant { opus: self.opus })
        } else {
            is(self.tones).then_some(Content::Tone)
        }
    }
}

/// What a far end understands.
pub(crate) fn media_engine() -> Result<MediaEngine, Error> {
    let mut media_engine = MediaEngine::default();
    let red = codec(MIME_TYPE_RED, 2, format!("{OPUS}/{OPUS}"));
    let tones = codec(MIME_TYPE_TELEPHONE_EVENT, 0, "0-16".to_owned());
    for (rtp_codec, payload_type) in [(opus(), OPUS), (red, RED), (tones, TELEPHONE_EVENT)] {
        let parameters = RTCRtpCodecParameters { rtp_codec, payload_type };
        media_engine.register_codec(parameters, RtpCodecKind::Audio)?;
    }
    let levels = RTCRtpHeaderExtensionCapability { uri: SOURCE_LEVELS.to_owned() };
    media_engine.register_header_extension(levels, RtpCodecKind::Audio, None)?;
    Ok(media_engine)
}

fn opus() -> RTCRtpCodec {
    codec(MIME_TYPE_OPUS, 2, "minptime=10;useinbandfec=1".to_owned())
}

fn codec(mime_type: &str, channels: u16, sdp_fmtp_line: String) -> RTCRtpCodec {
    let mime_type = mime_type.to_owned();
    RTCRtpCodec { mime_type, clock_rate: 48_000, channels, sdp_fmtp_line, rtcp_feedback: Vec::new() }
}

/// The track of the section with this place, and its source.
pub(crate) fn audio_track(section: usize, ssrc: u32) -> MediaStreamTrack {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        active: true,
        codec: opus(),
        ..Default::default()
    };
    let name = |part: &str| format!("far-end-{part}-{section}");
    MediaStreamTrack::new(name("stream"), name("audio"), name("audio"), RtpCodecKind::Audio, vec![coding])
}
