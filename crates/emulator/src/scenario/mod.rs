//! Scenarios: a tenant, its people, and what goes wrong there, in a TOML file.
//!
//! [`Scenario::from_file`] reads one; [`Emulator::start_scenario`](crate::Emulator::start_scenario) plays it. The format is
//! described in `docs/emulator.md`, with an example in `assets/scenario.toml`.

mod apply;
mod check;
mod control;
mod error;
mod file;
mod happening;
mod locate;
mod player;
mod record;
mod script;

use std::path::Path;

pub(crate) use apply::apply;
pub(crate) use control::{Body, router as control};
pub use error::{Contradiction, ScenarioError};
pub use happening::{Happening, IncomingCall};
pub(crate) use player::play;
pub(crate) use record::Recorder;
use url::Url;

use crate::directory::{Meeting, User};
use crate::exchange::Exchange;
use crate::faults::{Faults, MediaFault, NotificationFault, RequestFault};
use crate::service::Certificate;
use crate::settings::EmulatorSettings;

/// A scenario that has been read and holds together: whoever it names is there, and what they say could be loaded.
#[derive(Debug)]
pub struct Scenario {
    seed: u64,
    tenant: file::Tenant,
    timers: file::Timers,
    certificate: Option<Certificate>,
    users: Vec<(String, User)>,
    meetings: Vec<(String, Meeting)>,
    join_ids: Vec<(String, Option<String>)>,
    request_faults: Vec<RequestFault>,
    notification_faults: Vec<NotificationFault>,
    media_faults: Vec<MediaFault>,
    happenings: Vec<file::Scripted>,
    demands: Vec<Demand>,
}

/// What has to hold of the settings with which a scenario is played: they are not known where it is read.
#[derive(Debug)]
struct Demand {
    of: Demanded,
    /// What is said when it does not hold.
    error: ScenarioError,
}

#[derive(Debug)]
enum Demanded {
    /// The application is this one.
    ClientId(String),
    /// Bots may be called at this address.
    MayCallBack(Url),
}

impl Demand {
    fn is_met(&self, settings: &EmulatorSettings) -> bool {
        match &self.of {
            Demanded::ClientId(id) => settings.client_id == *id,
            Demanded::MayCallBack(url) => settings.may_call_back(url),
        }
    }
}

impl Scenario {
    /// Reads a scenario. Files that it names lie beside it, unless their paths are absolute.
    ///
    /// # Errors
    /// When the file, or one that it names, cannot be read or used; says which line and key.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ScenarioError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScenarioError::File { path: path.to_owned(), source })?;
        Self::from_toml(&text, path)
    }

    /// A scenario from the text of a file that lies, or would lie, at `path`.
    ///
    /// # Errors
    /// As for [`from_file`](Self::from_file).
    pub fn from_toml(text: &str, path: impl AsRef<Path>) -> Result<Self, ScenarioError> {
        check::read(text, path.as_ref())
    }

    /// `settings` with what the scenario sets.
    #[must_use]
    pub fn settings(&self, mut settings: EmulatorSettings) -> EmulatorSettings {
        let file::Tenant { id, client_id, issuer, permissions, checks_every_action, calling_enabled, .. } =
            &self.tenant;
        if let Some(id) = id {
            settings = settings.tenant(id);
        }
        if let Some(client_id) = client_id {
            let secret = settings.client_secret.clone();
            settings = settings.application(client_id, secret);
        }
        if let Some(issuer) = issuer {
            settings = settings.issuer(issuer);
        }
        if let Some(permissions) = permissions {
            settings = settings.permissions(permissions.iter().map(|permission| permission.0.as_str()));
        }
        if *checks_every_action {
            settings = settings.check_every_action(true);
        }
        if let Some(enabled) = calling_enabled {
            settings = settings.calling_enabled(*enabled);
        }
        if let Some(certificate) = &self.certificate {
            settings = settings.certificate(certificate.clone());
        }
        let file::Timers { scale, media_timeout, token_lifetime } = self.timers;
        if let Some(scale) = scale {
            settings = settings.time_scale(scale);
        }
        if let Some(timeout) = media_timeout {
            settings = settings.media_timeout(timeout);
        }
        if let Some(lifetime) = token_lifetime {
            settings = settings.token_lifetime(lifetime);
        }
        settings
    }

    /// The ids of its users, as they stand in the file.
    pub fn user_ids(&self) -> impl Iterator<Item = &str> {
        self.users.iter().map(|(id, _)| id.as_str())
    }

    /// The join ids of its meetings, with the passcodes that are asked for.
    pub fn join_ids(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.join_ids.iter().map(|(id, passcode)| (id.as_str(), passcode.as_deref()))
    }

    /// Whether it can be played with `settings`, which hold what the scenario sets.
    pub(crate) fn check(&mut self, settings: &EmulatorSettings) -> Result<(), ScenarioError> {
        let unmet = self.demands.drain(..).find(|demand| !demand.is_met(settings));
        unmet.map_or(Ok(()), |demand| Err(demand.error))
    }

    /// What the scenario puts into a running emulator; gives what is left: the happenings.
    pub(crate) fn furnish(self, exchange: &Exchange, faults: &Faults) -> Vec<file::Scripted> {
        exchange.change_directory(|service| {
            self.users.into_iter().for_each(|(id, user)| service.add_user(id, user));
            self.meetings.into_iter().for_each(|(key, meeting)| service.add_meeting(key, meeting));
        });
        faults.seed(self.seed);
        for fault in self.request_faults {
            faults.add_request_fault(fault);
        }
        for fault in self.notification_faults {
            faults.add_notification_fault(fault);
        }
        for fault in self.media_faults {
            faults.add_media_fault(fault);
        }
        self.happenings
    }
}
