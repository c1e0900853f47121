//! How requests leave the process: one seam ([`Transport`]), when they are tried again, and what a refusal says.

mod graph_error;
pub(crate) mod retry;
mod transport;

pub use graph_error::GraphError;
pub use retry::RetryPolicy;
pub use transport::{HttpTransport, Request, Response, Transport, TransportError};
