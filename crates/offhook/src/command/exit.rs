//! Exit codes that a script can tell apart: whose fault it was, in the words that all errors use.

use std::error::Error;
use std::process::ExitCode;

use offhook::BotError;
use offhook::recording::RecordingError;
use offhook::signaling::{CallsError, Fault};

/// The exit code for what went wrong. 2 is the argument parser's own.
pub(crate) fn code_of(error: &(dyn Error + 'static)) -> ExitCode {
    ExitCode::from(number_of(error))
}

fn number_of(error: &(dyn Error + 'static)) -> u8 {
    let fault = if let Some(error) = error.downcast_ref::<BotError>() {
        error.fault()
    } else if let Some(error) = error.downcast_ref::<CallsError>() {
        error.fault()
    } else if let Some(error) = error.downcast_ref::<RecordingError>() {
        match error.fault() {
            offhook::recording::Fault::Caller => Fault::Caller,
            _ => Fault::Environment,
        }
    } else if let Some(error) = error.downcast_ref::<LeftEarly>() {
        error.fault()
    } else if error.is::<std::io::Error>() {
        Fault::Environment
    } else {
        Fault::Caller
    };
    match fault {
        Fault::Service => 3,
        Fault::Peer => 4,
        Fault::Environment => 5,
        _ => 1,
    }
}

/// What went wrong, and what caused it, in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some errors say their cause themselves.
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        cause = error.source();
    }
    said
}

/// The other end went before all was done.
#[derive(Debug, thiserror::Error)]
#[error("the call was over before {what}: {ended}")]
pub(crate) struct LeftEarly {
    /// What was not done.
    pub(crate) what: &'static str,
    pub(crate) ended: Box<offhook::signaling::CallEnded>,
}

impl LeftEarly {
    /// A call that ends well, but too soon, was ended by who was called.
    fn fault(&self) -> Fault {
        match self.ended.fault() {
            Fault::Caller => Fault::Peer,
            fault => fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_can_tell_whose_fault_it_was() {
        let port_is_taken = BotError::Listen {
            address: ([127, 0, 0, 1], 1).into(),
            source: std::io::ErrorKind::AddrInUse.into(),
        };
        assert_eq!(number_of(&port_is_taken), 5);
        assert_eq!(number_of(&BotError::NoMediaAnswer), 3);
        assert_eq!(number_of(&CallsError::InvalidSetting { setting: "x", rule: "y" }), 1);
        assert_eq!(number_of(&std::io::Error::from(std::io::ErrorKind::StorageFull)), 5);
        assert_eq!(number_of(&*Box::<dyn Error>::from("no such sound")), 1);
    }
}
