//! Where a bot of the command lives, and whom it meets.

use std::error::Error;
use std::net::SocketAddr;

use clap::Args;
use offhook::prelude::*;
use offhook::signaling::Redacted;

/// Where to listen for callbacks when calls are waited for, so that whoever calls knows the address beforehand.
const LISTEN_FOR_CALLS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9441);

/// Which Graph, and as whom.
#[derive(Args, Clone)]
pub(crate) struct Place {
    /// Graph's address. At one of this machine, where nothing else is said, the bot signs in as `offhook emulator` expects it.
    #[arg(
        long,
        env = "OFFHOOK_GRAPH",
        value_name = "URL",
        default_value = "https://graph.microsoft.com",
        help_heading = "Graph"
    )]
    graph: String,
    /// Tenant to sign in to.
    #[arg(long, env = "OFFHOOK_TENANT", value_name = "ID", help_heading = "Graph")]
    tenant: Option<String>,
    /// Application to sign in as.
    #[arg(long, env = "OFFHOOK_CLIENT_ID", value_name = "ID", help_heading = "Graph")]
    client_id: Option<String>,
    /// Its secret; better in the variable than among the arguments, which other users of the machine can read.
    #[arg(
        long,
        env = "OFFHOOK_CLIENT_SECRET",
        value_name = "SECRET",
        hide_env_values = true,
        help_heading = "Graph"
    )]
    client_secret: Option<String>,
    /// Where to listen for callbacks [default: a free port of this machine; with --answer 127.0.0.1:9441].
    #[arg(long, env = "OFFHOOK_LISTEN", value_name = "ADDRESS", help_heading = "Graph")]
    listen: Option<SocketAddr>,
    /// Where Graph reaches that, as https://bot.contoso.com/callback [default: the address itself].
    #[arg(long, env = "OFFHOOK_CALLBACK", value_name = "URL", help_heading = "Graph")]
    callback: Option<String>,
    #[command(flatten)]
    who: Who,
    /// The meeting's passcode.
    #[arg(
        long,
        env = "OFFHOOK_PASSCODE",
        value_name = "PASSCODE",
        hide_env_values = true,
        requires = "meeting"
    )]
    passcode: Option<String>,
}

/// Whom to meet: one of these.
#[derive(Args, Clone)]
#[group(required = true, multiple = false)]
struct Who {
    /// Join this meeting: a join id, or an invitation's link.
    #[arg(long, value_name = "JOIN_ID")]
    meeting: Option<String>,
    /// Call this user, by object id.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Wait to be called, and answer each call, until Ctrl-C.
    #[arg(long)]
    answer: bool,
}

impl Place {
    /// Starts the bot there.
    ///
    /// # Errors
    /// When credentials lack, or the bot cannot start.
    pub(crate) async fn open(&self) -> Result<Bot, Box<dyn Error>> {
        let mut bot = Bot::builder(self.credentials()?).cloud(Cloud::at(&self.graph));
        let waiting = self.who.answer.then_some(LISTEN_FOR_CALLS);
        if let Some(address) = self.listen.or(waiting) {
            bot = bot.listen(address);
        }
        if let Some(uri) = &self.callback {
            bot = bot.callback_uri(uri);
        }
        Ok(bot.start().await?)
    }

    fn credentials(&self) -> Result<Credentials, String> {
        let known = self.known_credentials();
        let known = |which: fn(&Known) -> &String| known.as_ref().map(which).cloned();
        let need = |given: &Option<String>, known: Option<String>, name: &str| {
            given.clone().or(known).ok_or(format!("{} needs {name}, or its variable; see --help", self.graph))
        };
        Ok(Credentials::client_secret(
            need(&self.tenant, known(|known| &known.tenant), "--tenant")?,
            need(&self.client_id, known(|known| &known.client_id), "--client-id")?,
            need(&self.client_secret, known(|known| &known.client_secret), "--client-secret")?,
        ))
    }

    /// What everybody knows of an emulator that was told nothing else. A secret is made up for no other place.
    #[cfg(feature = "emulator")]
    fn known_credentials(&self) -> Option<Known> {
        let settings = offhook::emulator::EmulatorSettings::default();
        let is_here = url::Url::parse(&self.graph).ok()?.host().is_some_and(|host| match host {
            url::Host::Domain(name) => name == "localhost",
            url::Host::Ipv4(address) => address.is_loopback(),
            url::Host::Ipv6(address) => address.is_loopback(),
        });
        is_here.then(|| Known {
            tenant: settings.tenant_id().to_owned(),
            client_id: settings.client_id().to_owned(),
            client_secret: settings.client_secret().to_owned(),
        })
    }

    #[cfg(not(feature = "emulator"))]
    fn known_credentials(&self) -> Option<Known> {
        None
    }

    /// The call to make; `None` when calls are waited for.
    ///
    /// # Errors
    /// When a link is none of a meeting, or the tenant to join in is not known.
    pub(crate) fn new_call(&self) -> Result<Option<NewCall>, Box<dyn Error>> {
        if let Some(user) = &self.who.user {
            return Ok(Some(NewCall::to_user(user.as_str())));
        }
        let Some(meeting) = &self.who.meeting else { return Ok(None) };
        let tenant = self.tenant.clone().or_else(|| self.known_credentials().map(|known| known.tenant));
        let tenant = tenant.ok_or("a meeting is joined in a tenant: --tenant")?;
        if meeting.contains("://") {
            return Ok(Some(NewCall::join(MeetingLink::parse(meeting)?, tenant)));
        }
        let passcode = self.passcode.clone().map(Redacted::from);
        Ok(Some(NewCall::join_by_id(meeting, passcode, tenant)))
    }
}

struct Known {
    tenant: String,
    client_id: String,
    client_secret: String,
}
