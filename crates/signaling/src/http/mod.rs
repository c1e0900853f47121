//! How requests leave the process: one seam ([`Transport`]), when they are tried again (`retry` decides, `send` waits), and
//! what a refusal says.

mod address;
mod graph_error;
pub(crate) mod retry;
pub(crate) mod send;
mod transport;

pub(crate) use address::{is_protected, is_protected_from_host};
pub use graph_error::GraphError;
pub use retry::RetryPolicy;
pub use transport::{HttpTransport, Request, Response, Transport, TransportError};
