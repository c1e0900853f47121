//! A bot that lives in an emulator's tenant.

use offhook_emulator::Emulator;
use offhook_signaling::{Cloud, Credentials};

use crate::bot::{Bot, BotBuilder};

impl Bot {
    /// A bot in `emulator`'s tenant, signed in as the application that may call there.
    ///
    /// ```
    /// use offhook::emulator::{Emulator, EmulatorSettings, FarEndScript, User};
    /// use offhook::prelude::*;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = Emulator::start(EmulatorSettings::default()).await?;
    /// emulator.add_user("ada", User::new("Ada", FarEndScript::new().echo()));
    /// let bot = Bot::in_emulator(&emulator).start().await?;
    /// let mut call = bot.call(NewCall::to_user("ada"), &MediaSessionSettings::default()).await?;
    /// call.established().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn in_emulator(emulator: &Emulator) -> BotBuilder {
        let credentials =
            Credentials::client_secret(emulator.tenant_id(), emulator.client_id(), emulator.client_secret());
        Bot::builder(credentials).cloud(cloud_of(emulator))
    }
}

/// Where everything is in an emulator.
fn cloud_of(emulator: &Emulator) -> Cloud {
    Cloud::at(emulator.graph_url())
        .authority_url(emulator.authority_url())
        .callback_issuers([emulator.issuer()])
        .openid_metadata_url(emulator.openid_metadata_url())
}
