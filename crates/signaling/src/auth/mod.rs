//! Who we are to Graph, and who may call us back.
//!
//! Outward: [`Credentials`] become access tokens (`token` decides when, `source` fetches). Inward: the JWT of a callback is
//! checked by [`CallbackVerifier`] (`claims` decides, `keys` holds the service's keys), and what it vouches for is
//! [`Verified`].

mod claims;
mod credentials;
mod error;
mod keys;
mod source;
mod token;
mod verify;

pub use claims::CallerSettings;
pub use credentials::Credentials;
pub use error::{TokenError, VerifyError};
pub(crate) use source::TokenSource;
pub use verify::{CallbackVerifier, Caller, Verified};
