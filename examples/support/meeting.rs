//! What the examples in a meeting share: which one, and how it is joined.

use clap::Args;
use offhook::prelude::*;
use offhook::signaling::model::JoinMeetingIdMeetingInfo;

use crate::support::{MEETING, Place};

/// A meeting, and where it is.
#[derive(Args)]
pub(crate) struct Room {
    /// Join id of the meeting, from its invitation
    #[arg(long, default_value = MEETING.0)]
    join_id: String,
    /// Its passcode
    #[arg(long, default_value = MEETING.1)]
    passcode: String,
    #[command(flatten)]
    pub(crate) place: Place,
}

impl Room {
    /// Lets `bot` join it, and waits until media flows. `emulator` is the one that the bot is in, if it is one of its own.
    pub(crate) async fn join(
        &self,
        bot: &Bot,
        emulator: Option<&Emulator>,
        media: &MediaSessionSettings,
    ) -> Result<BotCall, BotError> {
        let tenant = emulator.map_or(self.place.tenant.as_str(), Emulator::tenant_id);
        let meeting = JoinMeetingIdMeetingInfo::with_passcode(&self.join_id, self.passcode.as_str());
        let mut call = bot.call(NewCall::join_meeting(meeting, tenant), media).await?;
        call.established().await?;
        Ok(call)
    }
}
