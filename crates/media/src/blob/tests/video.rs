//! What a video section says of its codecs.

use super::*;
use crate::blob::peer::PeerDescription;
use crate::blob::video::{FeedbackKinds, VideoFormat};
use crate::video::VideoCodec;

fn formats(media: &str, lines: &[&str]) -> Vec<VideoFormat> {
    let lines: String = lines.iter().map(|line| format!("a={line}\n")).collect();
    let sdp = with_video()
        .replace("SAVPF 96\n", &format!("SAVPF {media}\n"))
        .replace("a=rtpmap:96 VP8/90000\n", &lines);
    assert_eq!(audio_refusal(&sdp), None, "{sdp}");
    PeerDescription::read(SdpType::Offer, &sdp).unwrap().sections[1].video.clone()
}

#[test]
fn of_each_codec_the_first_type_counts_and_of_h264_the_first_in_a_mode_that_carries_any_picture() {
    let read = formats(
        "100 101 96 97 98 102",
        &[
            "rtpmap:102 H264/90000",
            "fmtp:102 profile-level-id=42e01f; packetization-mode=1",
            "rtpmap:100 h264/90000",
            "fmtp:100 packetization-mode=0",
            "rtpmap:101 rtx/90000",
            "fmtp:101 apt=100",
            "rtpmap:96 VP8/90000",
            "rtpmap:97 rtx/90000",
            "fmtp:97 apt=96",
            "rtpmap:98 VP8/90000",
            "rtcp-fb:* nack",
            "rtcp-fb:96 nack pli",
            "rtcp-fb:96 goog-remb",
            "rtcp-fb:102 transport-cc",
            "rtcp-fb:102 ccm fir",
            "ssrc-group:FID 11 12",
            "ssrc-group:SIM 11 13",
        ],
    );
    let nack = FeedbackKinds { nack: true, ..FeedbackKinds::default() };
    let vp8 = VideoFormat {
        codec: VideoCodec::Vp8,
        number: 96,
        repair: Some(97),
        parameters: None,
        feedback: FeedbackKinds { picture_loss: true, ..nack },
    };
    let h264 = VideoFormat {
        codec: VideoCodec::H264,
        number: 102,
        repair: None,
        parameters: Some("profile-level-id=42e01f; packetization-mode=1".to_owned()),
        feedback: FeedbackKinds { full_intra: true, arrivals: true, ..nack },
    };
    assert_eq!(read, [vp8, h264]);
}

#[test]
fn h264_in_single_packets_is_better_than_nothing_and_what_is_unknown_is_passed_over() {
    let read = formats("99 100", &["rtpmap:99 VP9/90000", "rtpmap:100 H264/90000", "rtcp-fb:99 nack"]);
    assert_eq!(
        read.iter().map(|format| (format.codec, format.number)).collect::<Vec<_>>(),
        [(VideoCodec::H264, 100)]
    );
    assert_eq!(read[0].feedback, FeedbackKinds::default());
    assert_eq!(formats("99", &["rtpmap:99 VP9/90000"]), []);
}
