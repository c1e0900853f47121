//! Who can be called, and which meetings exist: the tenant's directory.

use std::collections::HashMap;

use crate::far_end::FarEndScript;

/// A user: who answers when the bot calls.
#[derive(Clone, Debug)]
pub struct User {
    pub(crate) display_name: String,
    pub(crate) script: FarEndScript,
}

impl User {
    /// A user who does in each call what `script` says.
    pub fn new(display_name: impl Into<String>, script: FarEndScript) -> Self {
        Self { display_name: display_name.into(), script }
    }
}

/// A meeting. In this version one scripted participant carries its media; there is no bridge yet that would mix several.
#[derive(Clone, Debug)]
pub struct Meeting {
    pub(crate) passcode: Option<String>,
    pub(crate) participant: User,
}

impl Meeting {
    /// A meeting without a passcode, in which `participant` waits.
    pub fn new(participant: User) -> Self {
        Self { passcode: None, participant }
    }

    /// A passcode that is asked for.
    #[must_use]
    pub fn passcode(mut self, passcode: impl Into<String>) -> Self {
        self.passcode = Some(passcode.into());
        self
    }
}

/// Users by object id; meetings by join id, and by thread id for those joined through their organizer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    pub(crate) users: HashMap<String, User>,
    pub(crate) meetings: HashMap<String, Meeting>,
}
