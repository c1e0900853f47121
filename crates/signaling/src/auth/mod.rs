//! Who we are to Graph, and who may call us back.
//!
//! Outward: [`Credentials`] become access tokens (`token` decides when, `ask` what is asked, `source` fetches). Inward: the JWT of a callback is
//! checked by [`CallbackVerifier`] (`claims` decides, `keys` holds the service's keys), and what it vouches for is
//! [`Verified`].

mod ask;
mod certificate;
mod claims;
mod credentials;
mod error;
mod keys;
mod managed_identity;
mod source;
mod token;
mod verify;

pub(crate) use ask::TokenAsk;
pub use certificate::{CertificateError, ClientCertificate};
pub use claims::CallerSettings;
pub use credentials::Credentials;
pub use error::{TokenError, VerifyError};
pub use managed_identity::ManagedIdentity;
pub(crate) use source::TokenSource;
pub use verify::{CallbackVerifier, Caller, Verified};
