//! The Graph calls service, apart from HTTP: requests in, answers and owed notifications out. Pure but for random ids.

mod calls;
mod create;
mod error;
mod keys;
mod notifications;
mod tokens;

pub(crate) use calls::{Calls, Ended, FAR_END_SOURCE};
pub(crate) use create::{CreatePlan, plan};
pub(crate) use error::GraphError;
pub(crate) use keys::SigningKey;
pub(crate) use tokens::{TokenError, Tokens};
