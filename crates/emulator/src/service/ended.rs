//! Why a call ends, in the codes that are documented for Graph.

use offhook_signaling::model::ResultInfo;

/// Why a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The bot has hung up.
    ByBot,
    /// Whoever was called, or called, has hung up.
    ByFarEnd,
    /// The same on a phone.
    ByPhone,
    /// All others have left.
    Alone,
    /// Somebody has removed the bot.
    Removed,
    /// The meeting is over.
    MeetingOver,
    /// Media has not connected, or has broken off.
    NoMedia,
    /// Nobody has picked up.
    NotReached,
    /// Whoever is called has declined.
    Declined,
    /// The bot has not answered in time.
    Unanswered,
    /// The bot has rejected the call.
    Rejected,
    /// The call has gone elsewhere.
    Redirected,
    /// The bot has not said for long that it is there.
    KeepAlive,
    /// Nobody has let the bot in.
    Lobby,
    /// The call was transferred.
    Transferred,
    /// The call was transferred to somebody in another call.
    Replaced,
}

impl Ended {
    /// `resultInfo` of the last notification. Pages show none for some ends.
    pub(super) fn result(self) -> Option<ResultInfo> {
        let (code, subcode, text) = match self {
            Self::ByBot => (200, 10_550, "Call ended by the bot"),
            Self::ByFarEnd => (200, 4_521, "Call ended by the other participant"),
            Self::ByPhone => (200, 540_000, "Call ended by the phone user"),
            Self::Alone => (200, 5_010, "One participant is left"),
            Self::Removed => (200, 5_000, "Removed by another participant"),
            Self::MeetingOver => (200, 5_001, "The conversation has ended"),
            Self::NoMedia => (410, 301_005, "Media connectivity failure"),
            Self::NotReached | Self::Declined => (480, 10_076, "The callee could not be reached"),
            Self::Unanswered => (408, 1_106, "No acknowledgement of the call's acceptance"),
            Self::KeepAlive => (408, 8_537, "Keep-alive timeout"),
            Self::Lobby => (200, 5_855, "Nobody admitted the bot from the lobby"),
            Self::Transferred => {
                let message = "GracefulTransferCompleted".into();
                return Some(ResultInfo { message, ..ResultInfo::with_codes(0, 7_015) });
            }
            Self::Rejected | Self::Redirected | Self::Replaced => return None,
        };
        let message = format!("{text}. DiagCode: {code}#{subcode}.@");
        Some(ResultInfo { message: message.into(), ..ResultInfo::with_codes(code, subcode) })
    }

    /// The word that some ends have instead.
    pub(super) fn termination_reason(self) -> Option<&'static str> {
        (self == Self::Replaced).then_some("AppTransferred")
    }
}
