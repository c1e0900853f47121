//! Asks the service what a tracker wants to know.

use crate::client::CallsClient;
use crate::error::CallsError;
use crate::model::CallId;
use crate::track::{Ask, Reading};

/// What a poll brought.
pub(super) struct Polled {
    /// The answers that came.
    pub(super) readings: Vec<Reading>,
    /// The service does not know the call any more.
    pub(super) gone: bool,
}

/// Asks each question in turn. One that fails is asked again with the next poll; one that the service does not answer is not.
pub(super) async fn poll(client: &CallsClient, call: &CallId, asks: Vec<Ask>) -> Polled {
    let mut readings = Vec::with_capacity(asks.len());
    for ask in asks {
        match question(client, call, &ask).await {
            Ok(reading) => readings.push(reading),
            Err(error) if error.is_call_not_found() && is_gone(client, call, &ask).await => {
                return Polled { readings, gone: true };
            }
            Err(error) if is_final(&error, &ask) => {
                // What the call itself says is missed; the other parts, a service may well not have.
                match ask {
                    Ask::Call => {
                        tracing::warn!(%call, %error, "the call cannot be read")
                    }
                    _ => tracing::debug!(%call, ?ask, %error, "not answered, and not asked again"),
                }
                readings.push(Reading::NotAnswered(ask));
            }
            Err(error) => tracing::warn!(%call, ?ask, %error, "the call could not be polled"),
        }
    }
    Polled { readings, gone: false }
}

async fn question(client: &CallsClient, call: &CallId, ask: &Ask) -> Result<Reading, CallsError> {
    match ask {
        Ask::Call => client.get_call(call).await.map(Box::new).map(Reading::Call),
        Ask::Participants => client.list_participants(call).await.map(Reading::Participants),
        Ask::ContentSharing => client.list_content_sharing_sessions(call).await.map(Reading::ContentSharing),
        Ask::Operation(id) => {
            let operation = client.get_operation(call, id).await?;
            Ok(Reading::Operation(id.clone(), Box::new(operation)))
        }
    }
}

/// Whether the call is over, when a question about it was answered with "not found": that may mean the part asked for.
async fn is_gone(client: &CallsClient, call: &CallId, ask: &Ask) -> bool {
    *ask == Ask::Call || client.get_call(call).await.is_err_and(|error| error.is_call_not_found())
}

/// Whether the same question would be refused again.
fn is_final(error: &CallsError, ask: &Ask) -> bool {
    match error {
        CallsError::Refused { status, .. } => matches!(status, 400 | 403 | 404 | 405 | 410 | 501),
        CallsError::InvalidRequest { .. } => true,
        // Something between may have answered in the service's place; whether it answers about operations is not documented.
        CallsError::Unreadable { .. } => matches!(ask, Ask::Operation(_)),
        _ => false,
    }
}
