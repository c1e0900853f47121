//! The calls service alone: no HTTP, no media, and a clock that is turned by hand.

mod acting;
mod creating;
mod incoming;
mod junk;
mod people;
mod policy;
mod refusals;
mod timers;
mod transferring;

use std::time::{Duration, SystemTime};

use offhook_emulator::{
    CallService, EmulatorSettings, FarEndScript, Happening, HappeningError, Meeting, Method, Owed, Question,
    Request, User,
};
use offhook_signaling::model::CallId;
use serde_json::{Value, json};

const CALLBACK: &str = "http://127.0.0.1:9/callback";
const THREAD: &str = "19:meeting_x@thread.v2";

/// A service with people in it, and what it has posted.
pub(crate) struct Desk {
    pub(crate) service: CallService,
    pub(crate) now: SystemTime,
    /// What somebody was asked last.
    pub(crate) asked: Option<Question>,
    pub(crate) media_begun: Vec<CallId>,
    pub(crate) media_ended: Vec<CallId>,
}

/// An answer as a bot sees it.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: Value,
}

impl Answered {
    pub(crate) fn code(&self) -> (u16, &str) {
        (self.status, self.body["error"]["code"].as_str().unwrap_or_default())
    }

    pub(crate) fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(EmulatorSettings::default())
    }

    pub(crate) fn with(settings: EmulatorSettings) -> Self {
        let mut service = CallService::new(settings);
        let user = |name: &str| User::new(name, FarEndScript::new());
        service.add_user("ada", user("Ada"));
        service.add_user("grace", user("Grace").picks_up_after(Duration::from_secs(3)));
        service.add_user("slow", user("Slow").picks_up_after(Duration::from_secs(90)));
        service.add_user("absent", user("Absent").never_picks_up());
        service.add_user("busy", user("Busy").declines());
        service.add_user("+12345678901", user("A phone"));
        service.add_meeting("1234567", Meeting::empty().participant("ada", user("Ada")).passcode("psw123"));
        service.add_meeting("7654321", Meeting::empty().participant("ada", user("Ada")));
        service.add_meeting(
            THREAD,
            Meeting::empty().participant("ada", user("Ada")).participant("grace", user("Grace")),
        );
        service.add_meeting("guarded", Meeting::empty().participant("ada", user("Ada")).lobby(true));
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        Self { service, now, asked: None, media_begun: Vec::new(), media_ended: Vec::new() }
    }

    pub(crate) fn ask(&mut self, method: Method, path: &str, body: &Value) -> Answered {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        match self.service.handle(self.now, &Request::new(method, path, body)) {
            Ok(answer) => Answered {
                status: answer.status,
                location: answer.location,
                body: answer.body.unwrap_or(Value::Null),
            },
            Err(error) => {
                let body = serde_json::to_value(error.body(String::new(), "r", None)).unwrap();
                Answered { status: error.status, location: None, body }
            }
        }
    }

    pub(crate) fn create(&mut self, body: &Value) -> Answered {
        self.ask(Method::Post, "/communications/calls", body)
    }

    /// Asks for an action on a call, or for what is under another path of it.
    pub(crate) fn post(&mut self, call: &str, action: &str, body: &Value) -> Answered {
        self.ask(Method::Post, &format!("/communications/calls/{call}/{action}"), body)
    }

    pub(crate) fn get(&mut self, call: &str, part: &str) -> Answered {
        self.ask(Method::Get, &format!("/communications/calls/{call}{part}"), &Value::Null)
    }

    pub(crate) fn delete(&mut self, call: &str, part: &str) -> Answered {
        self.ask(Method::Delete, &format!("/communications/calls/{call}{part}"), &Value::Null)
    }

    /// The notifications posted since this was last asked.
    pub(crate) fn told(&mut self) -> Vec<Value> {
        let mut told = Vec::new();
        for owed in self.service.due(self.now) {
            match owed {
                Owed::Post(post) => {
                    self.asked = post.asks.or(self.asked);
                    let body = serde_json::to_value(&post.body).unwrap();
                    assert_eq!(body["@odata.type"], "#microsoft.graph.commsNotifications");
                    let notification = body["value"][0].clone();
                    assert_eq!(notification["callbackUri"], post.callback_uri);
                    told.push(notification);
                }
                Owed::MediaBegins(call) => self.media_begun.push(call),
                Owed::MediaEnds(call) => self.media_ended.push(call),
                // Who comes and goes is for rooms, which this service has none of.
                Owed::Comes(..) | Owed::Goes(..) | Owed::Mutes(..) => {}
                other => panic!("{other:?}"),
            }
        }
        told
    }

    /// What calls were said to be since this was last asked.
    pub(crate) fn states(&mut self) -> Vec<String> {
        let told = self.told();
        let state = |told: &Value| told["resourceData"]["state"].as_str().map(str::to_owned);
        told.iter().filter_map(state).collect()
    }

    pub(crate) fn wait(&mut self, duration: Duration) -> Vec<Value> {
        self.now += duration;
        self.told()
    }

    pub(crate) fn happen(&mut self, call: &str, happening: Happening) -> Result<(), HappeningError> {
        self.service.happen(self.now, &call.into(), &happening)
    }

    /// An established call of this body; what was told is forgotten.
    pub(crate) fn established(&mut self, body: &Value) -> String {
        let answer = self.create(body);
        assert_eq!(answer.status, 201, "{answer:?}");
        let id = answer.body["id"].as_str().unwrap().to_owned();
        self.service.media_connected(&id.as_str().into());
        let states = self.states();
        assert_eq!(states, ["establishing", "established"]);
        id
    }

    /// A call to Ada whose media the service hosts.
    pub(crate) fn call_to_ada(&mut self) -> String {
        self.established(&to(&["ada"]))
    }

    /// A meeting with Ada and Grace, and the roster ids of the two.
    pub(crate) fn meeting(&mut self) -> (String, String, String) {
        let call = self.established(&join());
        let [ada, grace] = ["ada", "grace"].map(|who| self.seat(&call, who));
        (call, ada, grace)
    }

    /// The roster id of somebody.
    pub(crate) fn seat(&mut self, call: &str, who: &str) -> String {
        let list = self.get(call, "/participants").body;
        let people = list["value"].as_array().unwrap();
        let is_them =
            |person: &&Value| person["info"]["identity"].to_string().contains(&format!("\"{who}\""));
        people.iter().find(is_them).unwrap()["id"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn user(id: &str) -> Value {
    json!({"@odata.type": "#microsoft.graph.invitationParticipantInfo", "identity": {
        "@odata.type": "#microsoft.graph.identitySet",
        "user": {"@odata.type": "#microsoft.graph.identity", "id": id},
    }})
}

pub(crate) fn phone() -> Value {
    json!({"@odata.type": "#microsoft.graph.invitationParticipantInfo", "identity": {
        "@odata.type": "#microsoft.graph.identitySet",
        "phone": {"@odata.type": "#microsoft.graph.identity", "id": "+12345678901"},
    }})
}

/// The body that calls these users.
pub(crate) fn to(users: &[&str]) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.call", "callbackUri": CALLBACK,
        "targets": users.iter().map(|id| user(id)).collect::<Vec<_>>(),
        "requestedModalities": ["audio"],
        "mediaConfig": {"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"},
    })
}

/// The body that joins the meeting with Ada and Grace through its organizer.
pub(crate) fn join() -> Value {
    json!({
        "@odata.type": "#microsoft.graph.call", "callbackUri": CALLBACK, "requestedModalities": ["audio"],
        "mediaConfig": {"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"},
        "chatInfo": {"@odata.type": "#microsoft.graph.chatInfo", "threadId": THREAD, "messageId": "0"},
        "meetingInfo": {
            "@odata.type": "#microsoft.graph.organizerMeetingInfo",
            "organizer": {"@odata.type": "#microsoft.graph.identitySet",
                          "user": {"@odata.type": "#microsoft.graph.identity", "id": "bob", "displayName": "Bob"}},
            "allowConversationWithoutHost": true,
        },
        "tenantId": "11111111-aaaa-4aaa-8aaa-111111111111",
    })
}

/// The body that joins a meeting by its id.
pub(crate) fn join_by_id(id: &str, passcode: Option<&str>) -> Value {
    let mut body = join();
    body.as_object_mut().unwrap().remove("chatInfo");
    body["meetingInfo"] = json!({
        "@odata.type": "#microsoft.graph.joinMeetingIdMeetingInfo", "joinMeetingId": id, "passcode": passcode,
    });
    body
}

/// A documented example.
pub(crate) fn example(name: &str) -> Value {
    let folder = if name.starts_with("ex") { "graph-examples" } else { "graph-examples-other" };
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../signaling/tests/fixtures");
    let text = std::fs::read_to_string(format!("{root}/{folder}/{name}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The notification in a documented example.
pub(crate) fn example_notification(name: &str) -> Value {
    example(name)["value"][0].clone()
}

/// Fails unless `actual` has every property that `example` has, of the same `@odata.type`. An array in the example says what the
/// elements have.
#[track_caller]
pub(crate) fn has_all_of(example: &Value, actual: &Value) {
    let mut missing = Vec::new();
    compare(example, actual, "", &mut missing);
    assert!(missing.is_empty(), "missing {missing:?} in {actual:#}");
}

fn compare(example: &Value, actual: &Value, path: &str, missing: &mut Vec<String>) {
    match (example, actual) {
        (Value::Object(example), Value::Object(actual)) => {
            for (name, value) in example {
                let path = format!("{path}/{name}");
                match actual.get(name) {
                    Some(held) if name == "@odata.type" => {
                        if held != value {
                            missing.push(format!("{path} is {held}"));
                        }
                    }
                    Some(held) => compare(value, held, &path, missing),
                    None => missing.push(path),
                }
            }
        }
        (Value::Array(example), Value::Array(actual)) => {
            if let (Some(example), Some(actual)) = (example.first(), actual.first()) {
                compare(example, actual, &format!("{path}/0"), missing);
            }
        }
        (Value::Object(_) | Value::Array(_), other) => missing.push(format!("{path} is {other}")),
        _ => {}
    }
}
