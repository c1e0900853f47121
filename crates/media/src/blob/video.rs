//! What a video section says of its codecs (RFC 6184 section 8.2, RFC 7741 section 6, RFC 4588 section 8.6).

use super::peer::{is, said_of, types, values};
use super::sdp::Section;
use crate::video::VideoCodec;

/// One codec of a video section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VideoFormat {
    pub(crate) codec: VideoCodec,
    /// Its payload type.
    pub(crate) number: u8,
    /// That of its retransmissions (RFC 4588).
    pub(crate) repair: Option<u8>,
    /// As in `a=fmtp`.
    pub(crate) parameters: Option<String>,
    pub(crate) feedback: FeedbackKinds,
}

/// What one end may tell the other of a stream (RFC 4585 section 4.2, RFC 5104 section 7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FeedbackKinds {
    pub(crate) nack: bool,
    pub(crate) picture_loss: bool,
    pub(crate) full_intra: bool,
    /// When packets arrived, by transport-wide numbers.
    pub(crate) arrivals: bool,
}

impl FeedbackKinds {
    pub(crate) const ALL: Self = Self { nack: true, picture_loss: true, full_intra: true, arrivals: true };

    /// Each with its name in `a=rtcp-fb`.
    pub(crate) fn named(self) -> [(bool, &'static str); 4] {
        [
            (self.nack, "nack"),
            (self.picture_loss, "nack pli"),
            (self.full_intra, "ccm fir"),
            (self.arrivals, "transport-cc"),
        ]
    }
}

impl VideoFormat {
    /// As an offer of ours has it.
    pub(crate) fn offered(codec: VideoCodec) -> Self {
        let (number, parameters) = match codec {
            VideoCodec::H264 => {
                (102, Some("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"))
            }
            VideoCodec::Vp8 => (96, None),
        };
        Self {
            codec,
            number,
            repair: Some(number + 1),
            parameters: parameters.map(str::to_owned),
            feedback: FeedbackKinds::ALL,
        }
    }
}

/// The codec's name in `a=rtpmap`.
pub(crate) fn name(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::H264 => "H264/90000",
        VideoCodec::Vp8 => "VP8/90000",
    }
}

/// One format of each codec that is known here, in the section's order. Of H.264 it is the first in packetization mode 1, which
/// can carry a picture of any size, and another only where there is none.
pub(super) fn formats(section: &Section<'_>) -> Vec<VideoFormat> {
    let of = |codec| types(section).filter(move |number| is(section, *number, name(codec)));
    let in_mode_1 = |number: &u8| {
        let mut parameters = said_of(section, *number, "fmtp").flat_map(|list| list.split(';'));
        parameters.any(|parameter| parameter.trim() == "packetization-mode=1")
    };
    let h264 = of(VideoCodec::H264).find(in_mode_1).or_else(|| of(VideoCodec::H264).next());
    let vp8 = of(VideoCodec::Vp8).next();
    let mut formats: Vec<_> = [(VideoCodec::H264, h264), (VideoCodec::Vp8, vp8)]
        .into_iter()
        .filter_map(|(codec, number)| Some(format(section, codec, number?)))
        .collect();
    formats.sort_by_key(|format| types(section).position(|number| number == format.number));
    formats
}

fn format(section: &Section<'_>, codec: VideoCodec, number: u8) -> VideoFormat {
    let repairs = |repair: &u8| {
        let mut parameters = said_of(section, *repair, "fmtp").flat_map(|list| list.split(';'));
        is(section, *repair, "rtx/90000")
            && parameters.any(|parameter| {
                parameter.trim().strip_prefix("apt=").is_some_and(|of| of.parse() == Ok(number))
            })
    };
    let feedback = values(&section.own, "rtcp-fb").filter_map(|value| value.split_once(' '));
    let feedback = feedback.filter(|(of, _)| *of == "*" || of.parse() == Ok(number)).map(|(_, kind)| kind);
    let mut kinds = FeedbackKinds::default();
    for kind in feedback {
        match kind {
            "nack" => kinds.nack = true,
            "nack pli" => kinds.picture_loss = true,
            "ccm fir" => kinds.full_intra = true,
            "transport-cc" => kinds.arrivals = true,
            _ => {}
        }
    }
    VideoFormat {
        codec,
        number,
        repair: types(section).find(repairs),
        parameters: said_of(section, number, "fmtp").next().map(str::to_owned),
        feedback: kinds,
    }
}

/// The pair in `FID <source> <source of its retransmissions>`.
pub(super) fn repair(group: &str) -> Option<(u32, u32)> {
    let (picture, repair) = group.strip_prefix("FID ")?.split_once(' ')?;
    Some((picture.parse().ok()?, repair.parse().ok()?))
}
