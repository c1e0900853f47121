//! What the examples share: where the call is made. With no arguments, inside an emulator that they bring along.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;

use clap::Args;
use offhook::emulator::{EmulatorSettings, FarEndScript, Meeting, User};
use offhook::prelude::*;

/// How an example ends. What went wrong is shown in words, with its causes, and not as Rust's `Debug`.
pub(crate) type Outcome = Result<(), Failure>;

/// What went wrong.
pub(crate) struct Failure(Box<dyn Error>);

impl<E: Into<Box<dyn Error>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some errors say their cause themselves.
            if !said.contains(&text) {
                write!(f, "\n  because: {text}")?;
            }
            (said, cause) = (text, error.source());
        }
        Ok(())
    }
}

/// Any Graph, or an emulator of one's own.
#[derive(Args)]
pub(crate) struct Place {
    /// Graph's address, as https://graph.microsoft.com or that of a running `offhook emulator` [default: an emulator of
    /// this example's own]
    #[arg(long, env = "OFFHOOK_GRAPH", value_name = "URL")]
    graph: Option<String>,
    /// Tenant to sign in to
    #[arg(long, env = "OFFHOOK_TENANT", requires = "graph", default_value = "")]
    pub(crate) tenant: String,
    /// Application to sign in as
    #[arg(long, env = "OFFHOOK_CLIENT_ID", requires = "graph", default_value = "")]
    client_id: String,
    /// Its secret
    #[arg(
        long,
        env = "OFFHOOK_CLIENT_SECRET",
        requires = "graph",
        hide_env_values = true,
        default_value = ""
    )]
    client_secret: String,
    /// Where to listen for callbacks
    #[arg(long, env = "OFFHOOK_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where Graph reaches that [default: the address itself]
    #[arg(long, env = "OFFHOOK_CALLBACK", value_name = "URL")]
    callback: Option<String>,
    /// User to call, by object id
    #[arg(long, env = "OFFHOOK_USER", value_name = "ID", default_value = "ada")]
    pub(crate) user: String,
}

/// The meeting of the emulator that an example brings along: join id and passcode.
pub(crate) const MEETING: (&str, &str) = ("1234567890", "psw123");

/// Whom an example meets in its own emulator.
pub(crate) trait People {
    /// Brings them there; a single one is the user of this id.
    fn come_to(self, emulator: &Emulator, user: &str);
}

/// Ada, who does what the script says, at home and in the meeting.
impl People for FarEndScript {
    fn come_to(self, emulator: &Emulator, user: &str) {
        let ada = User::new("Ada", self);
        emulator.add_user(user, ada.clone());
        Meeting::new(ada).come_to(emulator, user);
    }
}

/// Those in the meeting.
impl People for Meeting {
    fn come_to(self, emulator: &Emulator, _: &str) {
        emulator.add_meeting(MEETING.0, self.passcode(MEETING.1));
    }
}

impl Place {
    /// Starts a bot there. In an emulator of its own, which lives as long as what is returned, it meets `people`.
    pub(crate) async fn open(&self, people: impl People) -> Result<(Bot, Option<Emulator>), Box<dyn Error>> {
        let (emulator, bot) = match &self.graph {
            Some(graph) => {
                let credentials =
                    Credentials::client_secret(&self.tenant, &self.client_id, self.client_secret.as_str());
                (None, Bot::builder(credentials).cloud(Cloud::at(graph)))
            }
            None => {
                let emulator = Emulator::start(EmulatorSettings::default()).await?;
                people.come_to(&emulator, &self.user);
                let bot = Bot::in_emulator(&emulator);
                (Some(emulator), bot)
            }
        };
        let bot = bot.listen(self.listen);
        let bot = match &self.callback {
            Some(uri) => bot.callback_uri(uri),
            None => bot,
        };
        Ok((bot.start().await?, emulator))
    }
}
