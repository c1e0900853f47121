//! A [`Transport`] that plays Graph, the authority and the list of callback keys, by a script.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use futures_util::future::BoxFuture;
use offhook_signaling::http::{Request, Response, Transport, TransportError};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

use super::Signer;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    Token,
    Create,
    Get,
    Delete,
    KeepAlive,
    Participants,
    Sharing,
    Operation,
    /// An action on a call or in it.
    Act,
    Metadata,
    Keys,
}

type Answer = Result<Response, TransportError>;

/// Answers as scripted; what is not scripted goes well.
pub(crate) struct Graph {
    script: Mutex<Script>,
    /// Grows with each request.
    arrivals: watch::Sender<u64>,
}

#[derive(Default)]
struct Script {
    next: HashMap<Ask, VecDeque<Step>>,
    always: HashMap<Ask, Arc<dyn Fn() -> Answer + Send + Sync>>,
    requests: Vec<(Ask, Request)>,
}

enum Step {
    Answer(Answer),
    /// This answer, or the usual one, once the gate opens.
    Held(oneshot::Receiver<()>, Option<Answer>),
}

impl Graph {
    /// A Graph on which everything goes well.
    pub(crate) fn new() -> Arc<Self> {
        let graph = Self { script: Mutex::default(), arrivals: watch::Sender::new(0) };
        graph.list_keys(&[Signer::service()]);
        Arc::new(graph)
    }

    /// Answers the next request of this kind so; those after it in the order in which they are scripted.
    pub(crate) fn next(&self, ask: Ask, answer: Answer) {
        self.script.lock().unwrap().next.entry(ask).or_default().push_back(Step::Answer(answer));
    }

    /// Holds the next request of this kind until what is returned is dropped.
    pub(crate) fn hold(&self, ask: Ask) -> oneshot::Sender<()> {
        self.hold_step(ask, None)
    }

    /// The same, and then answers it so.
    pub(crate) fn hold_for(&self, ask: Ask, answer: Answer) -> oneshot::Sender<()> {
        self.hold_step(ask, Some(answer))
    }

    fn hold_step(&self, ask: Ask, answer: Option<Answer>) -> oneshot::Sender<()> {
        let (open, gate) = oneshot::channel();
        self.script.lock().unwrap().next.entry(ask).or_default().push_back(Step::Held(gate, answer));
        open
    }

    /// Answers every request of this kind so, once those scripted singly are used up.
    pub(crate) fn always(&self, ask: Ask, answer: impl Fn() -> Answer + Send + Sync + 'static) {
        self.script.lock().unwrap().always.insert(ask, Arc::new(answer));
    }

    /// What a read of the call gives from now on.
    pub(crate) fn describe(&self, call: Value) {
        self.always(Ask::Get, move || answer(200, call.clone()));
    }

    /// From now on Graph does not know the call.
    pub(crate) fn forget(&self) {
        self.always(Ask::Get, || refusal(404, "8522", "Call not found."));
        self.always(Ask::Delete, || refusal(404, "8522", "Call not found."));
    }

    /// The keys that the service lists from now on.
    pub(crate) fn list_keys(&self, signers: &[&Signer]) {
        let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
        self.always(Ask::Keys, move || answer(200, json!({"keys": keys})));
    }

    /// Requests of this kind so far.
    pub(crate) fn requests(&self, ask: Ask) -> Vec<Request> {
        let script = self.script.lock().unwrap();
        script
            .requests
            .iter()
            .filter(|(asked, _)| *asked == ask)
            .map(|(_, request)| request.clone())
            .collect()
    }

    /// How many requests of this kind came so far.
    pub(crate) fn count(&self, ask: Ask) -> usize {
        self.requests(ask).len()
    }

    /// Waits until so many requests of this kind have come.
    pub(crate) async fn asked(&self, ask: Ask, times: usize) {
        let mut arrivals = self.arrivals.subscribe();
        super::eventually("the request", arrivals.wait_for(|_| self.count(ask) >= times)).await.unwrap();
    }

    /// The usual answer.
    fn usual(&self, ask: Ask) -> Answer {
        // Called without the lock: an answer may panic.
        let always = self.script.lock().unwrap().always.get(&ask).cloned();
        if let Some(always) = always {
            return always();
        }
        match ask {
            Ask::Token => answer(
                200,
                json!({"token_type": "Bearer", "expires_in": 3599,
                "access_token": format!("token-{}", self.count(Ask::Token))}),
            ),
            Ask::Create => answer(201, json!({"id": "call-1", "state": "establishing"})),
            Ask::Get => answer(200, json!({"id": "call-1", "state": "establishing"})),
            Ask::Delete => answer(204, Value::Null),
            Ask::KeepAlive => answer(200, Value::Null),
            Ask::Participants | Ask::Sharing => answer(200, json!({"value": []})),
            Ask::Operation => refusal(404, "8522", "Operation not found."),
            Ask::Act => answer(200, json!({"id": "operation-1", "status": "running"})),
            Ask::Metadata => answer(
                200,
                json!({"issuer": "https://elsewhere.example", "jwks_uri": "https://keys.example/keys"}),
            ),
            Ask::Keys => unreachable!("keys are always scripted"),
        }
    }
}

impl Transport for Graph {
    fn send(&self, request: Request) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let ask = what_is_asked(&request);
            let step = {
                let mut script = self.script.lock().unwrap();
                script.requests.push((ask, request));
                script.next.get_mut(&ask).and_then(VecDeque::pop_front)
            };
            self.arrivals.send_modify(|arrivals| *arrivals += 1);
            match step {
                Some(Step::Answer(answer)) => answer,
                Some(Step::Held(gate, answer)) => {
                    let _ = gate.await;
                    answer.unwrap_or_else(|| self.usual(ask))
                }
                None => self.usual(ask),
            }
        })
    }
}

fn what_is_asked(request: &Request) -> Ask {
    let path = request.url.path();
    match request.method {
        Method::POST if path.ends_with("/oauth2/v2.0/token") => Ask::Token,
        // Azure's own, for managed identities.
        Method::GET if path.ends_with("/token") => Ask::Token,
        Method::POST if path.ends_with("/communications/calls") => Ask::Create,
        Method::POST if path.ends_with("/keepAlive") => Ask::KeepAlive,
        Method::GET if path.ends_with("/participants") => Ask::Participants,
        Method::GET if path.ends_with("/contentSharingSessions") => Ask::Sharing,
        Method::GET if path.contains("/operations/") => Ask::Operation,
        Method::GET if path.contains("/communications/calls/") => Ask::Get,
        Method::DELETE => Ask::Delete,
        Method::POST | Method::PATCH if path.contains("/communications/calls/") => Ask::Act,
        Method::GET if path.ends_with("/OpenIdConfiguration") => Ask::Metadata,
        Method::GET if path == "/keys" => Ask::Keys,
        _ => panic!("unexpected {request:?}"),
    }
}

/// An answer with this status and JSON body. Null stands for no body.
pub(crate) fn answer(status: u16, body: Value) -> Answer {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Ok(Response { status, headers: HeaderMap::new(), body })
}

/// A refusal in Graph's words.
pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Answer {
    answer(
        status,
        json!({"error": {"code": code, "message": message, "innerError": {"request-id": "request-7"}}}),
    )
}

/// An answer with one more header.
pub(crate) fn with_header(answer: Answer, name: &'static str, value: &'static str) -> Answer {
    answer.map(|mut answer| {
        answer.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        answer
    })
}

/// Nobody was reached.
pub(crate) fn not_sent() -> Answer {
    Err(TransportError::NotSent("connection refused".into()))
}

/// No answer came in time.
pub(crate) fn timed_out() -> Answer {
    Err(TransportError::TimedOut(Duration::from_secs(30)))
}
