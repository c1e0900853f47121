//! [io] Where a happening is handed to the exchange: the one place, whether a scenario, a test or a request asks for it.

use std::sync::Arc;
use std::time::SystemTime;

use offhook_signaling::model::CallId;

use super::happening::Happening;
use crate::exchange::Exchange;
use crate::service::{HappeningError, OldKey, SigningKey};

/// Lets something happen, in `call` where it happens in one. Gives the id of a call that it began.
pub(crate) async fn apply(
    exchange: &Arc<Exchange>,
    call: Option<&CallId>,
    happening: &Happening,
) -> Result<Option<CallId>, HappeningError> {
    match happening {
        Happening::ExpireTokens => exchange.with_tokens(|tokens| tokens.expire_all(SystemTime::now())),
        Happening::RotateKey(old) => rotate_key(exchange, *old).await?,
        Happening::RequestFault(fault) => exchange.faults().add_request_fault(fault.clone()),
        Happening::NotificationFault(fault) => exchange.faults().add_notification_fault(fault.clone()),
        Happening::MediaFault(fault) => exchange.faults().add_media_fault(fault.clone()),
        Happening::ClearFaults => exchange.faults().clear(),
        Happening::CallBot(incoming) => return exchange.call_bot(incoming).map(Some),
        in_call => exchange.happen(call.ok_or(HappeningError::CallNotFound)?, in_call)?,
    }
    // Faults are no part of the service, and pages show them.
    exchange.stir();
    Ok(None)
}

/// Making a key takes a core for a while, so it is made aside.
async fn rotate_key(exchange: &Exchange, old: OldKey) -> Result<(), HappeningError> {
    let key = tokio::task::spawn_blocking(SigningKey::generate).await.ok().flatten();
    exchange.keys().rotate(key.ok_or(HappeningError::Key)?, old);
    Ok(())
}
