//! Sends a request as often as `retry` says.
//!
//! `[io]` Waits between attempts, and throws the dice that spread many clients over time.

use super::retry::{Outcome, Repeat, RetryPolicy};
use super::{Request, Response, Transport, TransportError};

/// Sends until the policy says no more. Returns the last answer.
pub(crate) async fn send_repeated(
    transport: &dyn Transport,
    policy: &RetryPolicy,
    repeat: Repeat,
    request: &Request,
) -> Result<Response, TransportError> {
    let mut attempt = 1;
    loop {
        let answer = transport.send(request.clone()).await;
        let outcome = Outcome::of(&answer);
        let Some(wait) = policy.wait(repeat, attempt, &outcome, rand::random()) else { return answer };
        tracing::debug!(?request, ?outcome, attempt, ?wait, "will be tried again");
        tokio::time::sleep(wait).await;
        attempt += 1;
    }
}
