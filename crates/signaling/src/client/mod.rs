//! [`CallsClient`]: requests to the calls API, one method each.
//!
//! | file | requests |
//! |---|---|
//! | `calls` | create, get, delete, keepAlive |
//! | `incoming` | answer, reject, redirect; `transfer`: pass an established call on |
//! | `prompts`, `tones` | what the service plays, records, sends and hears, when it hosts the media |
//! | `own_leg` | the bot's own part: mute, recording status, screen sharing, large gallery |
//! | `participants` | the people in the call; `audio_routing`: who hears whom |
//! | `reads` | operations and content sharing sessions |
//!
//! `operations` is the table of them all, `request` sends them, `rules` holds what several of them are checked for.

mod audio_routing;
mod builder;
mod calls;
mod incoming;
mod meeting_link;
mod new_call;
mod operations;
mod options;
mod own_leg;
mod participants;
mod prompts;
mod reads;
mod request;
mod rules;
mod tones;
mod transfer;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::auth::TokenSource;
use crate::cloud::Cloud;
use crate::http::Transport;
use crate::http::retry::RetryPolicy;

pub use builder::CallsClientBuilder;
pub(crate) use builder::is_protected;
pub use incoming::{Answer, Redirect};
pub use meeting_link::{MeetingLink, MeetingLinkError};
pub use new_call::NewCall;
pub use operations::OperationKind;
pub use prompts::{PlayPrompt, RecordResponse};
pub use tones::SendDtmfTones;
pub use transfer::Transfer;

/// A client of Graph's calls API. Cheap to clone; clones share connections and access token.
///
/// Every method says which request it sends; [`OperationKind`] has what each needs. Errors are alike for all:
/// [`CallsError::InvalidRequest`](crate::CallsError::InvalidRequest) with the rule when a request would be refused and was
/// not sent, else what Graph or the network said.
/// [`CallsError::is_call_not_found`](crate::CallsError::is_call_not_found) when the call is over.
#[derive(Clone)]
pub struct CallsClient {
    inner: Arc<Inner>,
}

struct Inner {
    cloud: Cloud,
    graph: Url,
    tokens: TokenSource,
    transport: Arc<dyn Transport>,
    retry: RetryPolicy,
    timeout: Duration,
    allow_plain_http: bool,
}

impl CallsClient {
    /// The cloud that it talks to, which knows what of the API is not there.
    pub fn cloud(&self) -> &Cloud {
        &self.inner.cloud
    }
}

impl std::fmt::Debug for CallsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallsClient").field("graph", &self.inner.graph.as_str()).finish_non_exhaustive()
    }
}
