//! [io] Delivers what is owed to a bot: in order, signed, a few times if it must be; and worse than that where a fault says
//! so.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use offhook_signaling::model::{CallId, CallState, CommsNotifications, OpenEnum, ResourceData};
use reqwest::header::{LOCATION, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use url::Url;
use uuid::Uuid;

use crate::duration_text;
use crate::faults::{Delivery, Faults};
use crate::scenario::Recorder;
use crate::service::{KeyRing, Post, Question};
use crate::settings::EmulatorSettings;
use crate::timeline::{Happened, Timeline, hide, milliseconds, shown, shown_address};

/// Tries for one post. How often the cloud tries is not documented.
const TRIES: u32 = 3;

/// How long a bot may take to answer one.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Before another try.
const PAUSE: Duration = Duration::from_millis(250);

/// In the form of the cloud's, `Microsoft-Skype/3.0,(Calling/1.0)`.
const NAME: &str = concat!("offhook-emulator/", env!("CARGO_PKG_VERSION"), ",(Calling/1.0)");

/// A call has reached a state, as its bot is about to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) call: CallId,
    pub(crate) state: CallState,
}

/// What a bot has answered to a post that asks something; nothing when it has not.
pub(crate) type Answered = (Question, Option<Vec<u8>>);

/// Who signs and posts.
pub(crate) struct Courier {
    http: reqwest::Client,
    keys: Arc<KeyRing>,
    faults: Arc<Faults>,
    reached: UnboundedSender<Reached>,
    answered: UnboundedSender<Answered>,
    settings: EmulatorSettings,
    timeline: Arc<Timeline>,
    recorder: Arc<Recorder>,
}

/// The posts of one call, in order. They are few: a call that is over owes nothing more.
#[derive(Clone)]
pub(crate) struct CallbackQueue {
    owed: UnboundedSender<Post>,
    reached: UnboundedSender<Reached>,
    timeline: Arc<Timeline>,
    recorder: Arc<Recorder>,
}

/// Where the posts of one call go, and what their headers name.
struct Line {
    callback_uri: String,
    chain_id: String,
    scenario_id: String,
}

/// A post with its id, which stays the same however often it is tried.
#[derive(Clone)]
struct Letter {
    call: CallId,
    message_id: String,
    post: CommsNotifications,
    asks: Option<Question>,
}

impl Courier {
    /// Tells `reached` of every state that a call reaches, and `answered` what bots answer to what they are asked.
    pub(crate) fn new(
        keys: Arc<KeyRing>,
        faults: Arc<Faults>,
        reached: UnboundedSender<Reached>,
        answered: UnboundedSender<Answered>,
        settings: EmulatorSettings,
        timeline: Arc<Timeline>,
    ) -> Result<Self, reqwest::Error> {
        // Redirects are followed by hand: the method, the token and who may be reached must stay what they are.
        let http = reqwest::Client::builder().timeout(TIMEOUT).redirect(Policy::none()).no_proxy();
        Ok(Self {
            http: http.build()?,
            keys,
            faults,
            reached,
            answered,
            settings,
            timeline,
            recorder: Arc::default(),
        })
    }

    /// Where it writes what it does.
    pub(crate) fn timeline(&self) -> &Arc<Timeline> {
        &self.timeline
    }

    /// What records what is done to the emulator.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// What goes wrong on purpose.
    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    pub(crate) fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// Opens a queue to `callback_uri` for a call of the chain `chain_id`. It is worked off by a task of its own, which
    /// ends with the queue's last handle.
    pub(crate) fn open(self: &Arc<Self>, callback_uri: String, chain_id: String) -> CallbackQueue {
        let (queue, owed) = unbounded_channel();
        let line = Line { callback_uri, chain_id, scenario_id: Uuid::new_v4().to_string() };
        tokio::spawn(Arc::clone(self).deliver(Arc::new(line), owed));
        let (timeline, recorder) = (Arc::clone(&self.timeline), Arc::clone(&self.recorder));
        CallbackQueue { owed: queue, reached: self.reached.clone(), timeline, recorder }
    }

    async fn deliver(self: Arc<Self>, line: Arc<Line>, mut owed: UnboundedReceiver<Post>) {
        let mut held: Option<Letter> = None;
        while let Some(post) = owed.recv().await {
            let delivery = self.faults.of_post(&post.body);
            let message_id = Uuid::new_v4().to_string();
            let letter = Letter { call: post.call, message_id, post: post.body, asks: post.asks };
            if delivery != Delivery::Now {
                tracing::debug!(callback_uri = line.callback_uri, ?delivery, "a fault happens to a callback");
                self.write_fault(&letter, delivery);
            }
            match delivery {
                Delivery::Now => self.hand_over(&line, &letter).await,
                Delivery::Twice => {
                    self.hand_over(&line, &letter).await;
                    self.hand_over(&line, &letter).await;
                }
                Delivery::Later(by) => {
                    let (courier, line) = (Arc::clone(&self), Arc::clone(&line));
                    tokio::spawn(async move {
                        tokio::time::sleep(by).await;
                        courier.hand_over(&line, &letter).await;
                    });
                }
                Delivery::AfterNext => {
                    // One that was held already has now seen its next.
                    if let Some(earlier) = held.replace(letter) {
                        self.hand_over(&line, &earlier).await;
                    }
                    continue;
                }
                Delivery::Never => self.tell(letter.asks, None),
            }
            if let Some(earlier) = held.take() {
                self.hand_over(&line, &earlier).await;
            }
        }
        if let Some(last) = held {
            self.hand_over(&line, &last).await;
        }
    }

    /// Posts until the bot has taken it, or the tries are used up.
    async fn hand_over(&self, line: &Line, letter: &Letter) {
        for attempt in 1..=TRIES {
            let (at, begun) = (SystemTime::now(), Instant::now());
            let posted = self.post(line, letter).await;
            self.write(line, letter, attempt, at, begun.elapsed(), &posted);
            match posted.taken {
                Ok(()) => return self.tell(letter.asks, Some(posted.body)),
                Err(problem) => {
                    let callback_uri = &line.callback_uri;
                    tracing::warn!(%callback_uri, attempt, problem, "a callback was not taken");
                }
            }
            if attempt < TRIES {
                tokio::time::sleep(PAUSE * attempt).await;
            }
        }
        self.tell(letter.asks, None);
    }

    /// Tells what a bot has answered, if it was asked something.
    fn tell(&self, question: Option<Question>, answer: Option<Vec<u8>>) {
        if let Some(question) = question {
            let _ = self.answered.send((question, answer));
        }
    }

    /// Posts once.
    async fn post(&self, line: &Line, letter: &Letter) -> Posted {
        let (mut status, mut body) = (None, Vec::new());
        let taken = self.try_post(line, letter, &mut status, &mut body).await;
        Posted { status, taken, body }
    }

    async fn try_post(
        &self,
        line: &Line,
        letter: &Letter,
        status: &mut Option<StatusCode>,
        body: &mut Vec<u8>,
    ) -> Result<(), String> {
        let answer = self.post_to(&line.callback_uri, line, letter).await?;
        *status = Some(answer.status());
        let answer = match elsewhere(&answer)? {
            Some(address) if self.settings.may_call_back(&address) => {
                self.post_to(address.as_str(), line, letter).await?
            }
            Some(_) => return Err("the bot sends it on to where the emulator does not call".to_owned()),
            None => answer,
        };
        let answered = answer.status();
        *status = Some(answered);
        // 409: it has it already.
        let is_taken = answered.is_success() || answered == StatusCode::CONFLICT;
        let read = read(answer, body).await;
        match is_taken {
            // What it was asked for has to be there.
            true if answered.is_success() && letter.asks.is_some() => read,
            true => Ok(()),
            false => Err(format!("the bot answered {answered}")),
        }
    }

    /// Writes a try into the timeline.
    fn write(
        &self,
        line: &Line,
        letter: &Letter,
        attempt: u32,
        at: SystemTime,
        took: Duration,
        posted: &Posted,
    ) {
        let happened = Happened::Notification {
            message_id: letter.message_id.clone(),
            callback_uri: shown_address(&line.callback_uri),
            attempt,
            body: letter.shown(),
            status: posted.status.map(|status| status.as_u16()),
            problem: posted.taken.as_ref().err().cloned(),
            answer: shown("", &posted.body),
            took_ms: milliseconds(took),
        };
        self.timeline.add(at, Some(&letter.call), &happened);
    }

    fn write_fault(&self, letter: &Letter, delivery: Delivery) {
        let effect = match delivery {
            Delivery::Now => return,
            Delivery::Later(by) => format!("late by {}", duration_text::written(by)),
            Delivery::Twice => "twice".to_owned(),
            Delivery::AfterNext => "after the next one".to_owned(),
            Delivery::Never => "never".to_owned(),
        };
        let happened =
            Happened::Fault { message_id: letter.message_id.clone(), effect, body: letter.shown() };
        self.timeline.add(SystemTime::now(), Some(&letter.call), &happened);
    }

    async fn post_to(&self, address: &str, line: &Line, letter: &Letter) -> Result<Response, String> {
        let EmulatorSettings { issuer, client_id, tenant_id, .. } = &self.settings;
        let token = self.keys.token(SystemTime::now(), issuer, client_id, tenant_id);
        let request = self.http.post(address).bearer_auth(token.ok_or("it could not be signed")?);
        let request = request
            .header(USER_AGENT, NAME)
            .header("X-Microsoft-Skype-Chain-ID", &line.chain_id)
            .header("X-Microsoft-Skype-Message-ID", &letter.message_id)
            .header("Scenario-Id", &line.scenario_id)
            .header("Client-Request-Id", Uuid::new_v4().to_string());
        request.json(&letter.post).send().await.map_err(|error| error.to_string())
    }
}

/// What came of a try.
struct Posted {
    status: Option<StatusCode>,
    /// The body of the bot's answer, as far as it was read.
    body: Vec<u8>,
    /// Else why it counts as not taken.
    taken: Result<(), String>,
}

impl Letter {
    /// What is sent, without what is secret.
    fn shown(&self) -> Value {
        let mut body = serde_json::to_value(&self.post).unwrap_or_default();
        hide(&mut body);
        body
    }
}

/// More of a bot's answer is not read: who joins is asked for in a few hundred bytes.
const LONGEST_ANSWER: usize = 64 << 10;

/// Reads a bot's answer, up to [`LONGEST_ANSWER`].
async fn read(mut answer: Response, body: &mut Vec<u8>) -> Result<(), String> {
    while let Some(part) = answer.chunk().await.map_err(|error| error.to_string())? {
        if body.len() + part.len() > LONGEST_ANSWER {
            return Err("the bot's answer is too long".to_owned());
        }
        body.extend_from_slice(&part);
    }
    Ok(())
}

/// Where the bot wants it sent instead: to another deployment (302 as documented, 307 in samples).
fn elsewhere(answer: &Response) -> Result<Option<Url>, String> {
    if !matches!(answer.status(), StatusCode::FOUND | StatusCode::TEMPORARY_REDIRECT) {
        return Ok(None);
    }
    let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let location = location.ok_or("the bot sends it on without a Location")?;
    let address = answer.url().join(location).map_err(|_| "the bot sends it on to what is no address")?;
    Ok(Some(address))
}

impl CallbackQueue {
    /// Adds a post. A queue whose task has ended takes none; then the emulator is stopping.
    pub(crate) fn send(&self, post: Post) {
        for reached in states(&post.body) {
            self.timeline.state("call", &reached.call, reached.state.name());
            self.recorder.reached(Instant::now(), &reached);
            let _ = self.reached.send(reached);
        }
        let _ = self.owed.send(post);
    }
}

/// The states that a post tells of.
fn states(post: &CommsNotifications) -> impl Iterator<Item = Reached> {
    post.value.items().iter().filter_map(|notification| {
        let Some(ResourceData::Call(call)) = notification.resource_data.value() else { return None };
        // With a tone, an established call says again that it is established.
        let state = call.state.value()?.known().filter(|_| !call.tone_info.is_value())?;
        Some(Reached { call: notification.call_id()?, state })
    })
}
