//! [io] Delivers what is owed to a bot: in order, signed, a few times if it must be.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use offhook_signaling::model::CommsNotifications;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::service::SigningKey;

/// Tries for one post. How often the cloud tries is not documented.
const TRIES: u32 = 3;

/// How long a bot may take to answer one.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Before another try.
const PAUSE: Duration = Duration::from_millis(250);

/// Who signs and posts.
pub(crate) struct Courier {
    http: reqwest::Client,
    key: SigningKey,
    issuer: String,
    audience: String,
    tenant: String,
}

/// The posts of one call, in order. They are few: a call that is over owes nothing more.
#[derive(Clone)]
pub(crate) struct CallbackQueue(UnboundedSender<CommsNotifications>);

impl Courier {
    pub(crate) fn new(
        key: SigningKey,
        issuer: &str,
        audience: &str,
        tenant: &str,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build()?;
        let (issuer, audience, tenant) = (issuer.to_owned(), audience.to_owned(), tenant.to_owned());
        Ok(Self { http, key, issuer, audience, tenant })
    }

    pub(crate) fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Opens a queue to `callback_uri`. It is worked off by a task of its own, which ends with the queue's last handle.
    pub(crate) fn open(self: &Arc<Self>, callback_uri: String) -> CallbackQueue {
        let (queue, owed) = unbounded_channel();
        tokio::spawn(Arc::clone(self).deliver(callback_uri, owed));
        CallbackQueue(queue)
    }

    async fn deliver(self: Arc<Self>, callback_uri: String, mut owed: UnboundedReceiver<CommsNotifications>) {
        while let Some(post) = owed.recv().await {
            for attempt in 1..=TRIES {
                match self.post(&callback_uri, &post).await {
                    Ok(()) => break,
                    Err(problem) => {
                        tracing::warn!(%callback_uri, attempt, problem, "a callback was not taken")
                    }
                }
                if attempt < TRIES {
                    tokio::time::sleep(PAUSE * attempt).await;
                }
            }
        }
    }

    async fn post(&self, callback_uri: &str, post: &CommsNotifications) -> Result<(), String> {
        let token = self.key.token(SystemTime::now(), &self.issuer, &self.audience, &self.tenant);
        let token = token.ok_or("it could not be signed")?;
        let request = self.http.post(callback_uri).bearer_auth(token).json(post);
        let response = request.send().await.map_err(|error| error.to_string())?;
        let status = response.status();
        if status.is_success() { Ok(()) } else { Err(format!("the bot answered {status}")) }
    }
}

impl CallbackQueue {
    /// Adds posts. A queue whose task has ended takes none; then the emulator is stopping.
    pub(crate) fn send(&self, posts: impl IntoIterator<Item = CommsNotifications>) {
        for post in posts {
            let _ = self.0.send(post);
        }
    }
}
