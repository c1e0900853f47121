//! What goes wrong on purpose, as the bot meets it.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use offhook_emulator::{NotificationEffect, NotificationFault, Occurrence, RequestEffect, RequestFault};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::caller::Caller;

fn of_requests(on: &str, effect: RequestEffect, times: u32) -> RequestFault {
    RequestFault::new(on.parse().unwrap(), effect).occurs(Occurrence::Next(times))
}

fn of_posts(on: &str, effect: NotificationEffect) -> NotificationFault {
    NotificationFault::new(on.parse().unwrap(), effect).occurs(Occurrence::Next(1))
}

async fn error(response: reqwest::Response) -> (u16, Value) {
    let (status, id) = (response.status().as_u16(), response.headers()["request-id"].clone());
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["innerError"]["request-id"], id.to_str().unwrap());
    (status, body["error"].clone())
}

#[tokio::test]
async fn a_throttled_request_says_in_decimals_how_long_to_wait() {
    let bot = Caller::start().await;
    let retry_after = Some(Duration::from_millis(2128));
    bot.emulator.add_request_fault(of_requests("create", RequestEffect::Throttle { retry_after }, 2));
    bot.emulator.add_request_fault(of_requests("create", RequestEffect::Throttle { retry_after: None }, 1));
    for expected in [Some("2.128"), Some("2.128"), None] {
        let response = bot.create().send().await.unwrap();
        let wait = response.headers().get("retry-after").map(|wait| wait.to_str().unwrap().to_owned());
        assert_eq!(wait.as_deref(), expected);
        let (status, error) = error(response).await;
        assert_eq!((status, &error["code"]), (429, &json!("TooManyRequests")));
    }
    bot.created(bot.create()).await;
}

#[tokio::test]
async fn a_refusal_has_the_code_that_the_fault_names_and_can_be_wrapped() {
    let bot = Caller::start().await;
    let fail = |status, code: Option<&str>, message: Option<&str>| RequestEffect::Fail {
        status,
        code: code.map(str::to_owned),
        message: message.map(str::to_owned),
    };
    bot.emulator.add_request_fault(of_requests("any", fail(500, None, None), 1));
    bot.emulator.add_request_fault(of_requests("create", fail(403, Some("7503"), Some("Not in store.")), 2));
    let refused = async || error(bot.create().send().await.unwrap()).await;
    assert_eq!(refused().await.1["code"], "9999");
    assert_eq!(refused().await.1["code"], "7503");
    bot.emulator.add_request_fault(RequestFault::new("any".parse().unwrap(), RequestEffect::WrapErrors));
    let (status, wrapped) = refused().await;
    assert_eq!((status, &wrapped["code"]), (403, &json!("UnknownError")));
    let inside: Value = serde_json::from_str(wrapped["message"].as_str().unwrap()).unwrap();
    assert_eq!(inside, json!({"errorCode": "7503", "message": "Not in store.", "instanceAnnotations": []}));
    bot.created(bot.create()).await;
    let calls = bot.url("/v1.0/communications/calls/none");
    let (status, own) = error(bot.http.get(calls).bearer_auth(&bot.token).send().await.unwrap()).await;
    assert_eq!(
        (status, &own["code"]),
        (404, &json!("UnknownError")),
        "refusals of the service are wrapped too"
    );
}

#[tokio::test]
async fn a_dropped_request_is_not_done_and_one_whose_answer_is_lost_is() {
    let mut bot = Caller::start().await;
    bot.emulator.add_request_fault(of_requests("create", RequestEffect::Drop, 1));
    bot.emulator.add_request_fault(of_requests("create", RequestEffect::LoseAnswer, 1));
    // A connection that has been used before is tried again by the client itself, so each request gets a new one.
    let fresh = async || {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        http.execute(bot.create().build().unwrap()).await
    };
    let dropped = fresh().await.unwrap_err();
    assert!(dropped.is_request(), "{dropped:?}");
    let lost = fresh().await.unwrap_err();
    assert!(lost.is_request(), "{lost:?}");
    let third = fresh().await.unwrap().json::<Value>().await.unwrap();
    let mut calls = Vec::new();
    while calls.len() < 4 {
        calls.push(bot.next().await.call_id().to_owned());
    }
    let of_third = calls.iter().filter(|id| third["id"] == id.as_str()).count();
    assert_eq!(of_third, 2, "the other two are of the call whose answer was lost");
    bot.hang_up(&third).await;
    assert_eq!(bot.states().await, ["terminating", "terminated"], "there is no third call");
}

/// What the emulator logs, a line an event.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("offhook_emulator") && *metadata.level() <= Level::DEBUG
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

#[tokio::test]
async fn the_log_shows_every_effect() {
    let log = Log::default();
    // The emulator runs on the thread of its test.
    let _guard = tracing::subscriber::set_default(log.clone());
    let bot = Caller::start().await;
    bot.created(bot.create()).await;
    let moment = RequestEffect::Delay(Duration::from_millis(1));
    bot.emulator.add_request_fault(of_requests("create", moment, 1));
    bot.emulator.add_request_fault(of_requests("create", RequestEffect::WrapErrors, 1));
    bot.created(bot.create()).await;
    let lines = log.0.lock().unwrap();
    let effects: Vec<&String> = lines.iter().filter(|line| line.contains("effects=")).collect();
    let [line] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(line.contains("[Delay(1ms), WrapErrors]"), "{line}");
}

#[tokio::test]
async fn a_delayed_request_is_not_worked_on_before_its_time() {
    let mut bot = Caller::start().await;
    let hour = RequestEffect::Delay(Duration::from_secs(3600));
    bot.emulator.add_request_fault(of_requests("create", hour, 1));
    let impatient = bot.create().timeout(Duration::from_millis(100)).send().await.unwrap_err();
    assert!(impatient.is_timeout(), "{impatient:?}");
    let call = bot.created(bot.create()).await;
    assert_eq!(bot.next().await.call_id(), call["id"]);
}

#[tokio::test]
async fn established_can_come_before_establishing() {
    let mut bot = Caller::start().await;
    bot.emulator.add_notification_fault(of_posts("state:establishing", NotificationEffect::AfterNext));
    bot.created(bot.create()).await;
    assert_eq!(bot.states().await, ["established", "establishing"]);
    bot.created(bot.create()).await;
    assert_eq!(bot.states().await, ["establishing", "established"], "once is enough");
}

#[tokio::test]
async fn a_notification_can_be_lost_or_come_twice_or_late() {
    let mut bot = Caller::start().await;
    let late = Duration::from_secs(1);
    bot.emulator.add_notification_fault(of_posts("state:establishing", NotificationEffect::Late(late)));
    bot.emulator.add_notification_fault(of_posts("state:established", NotificationEffect::Never));
    bot.emulator.add_notification_fault(of_posts("roster", NotificationEffect::Twice));
    let call = bot.created(bot.join()).await;
    let (first, second) = (bot.next().await, bot.next().await);
    assert_eq!((first.state(), second.state()), ("participants", "participants"));
    assert_eq!(first.message_id(), second.message_id());
    assert_ne!(first.header("Client-Request-Id"), second.header("Client-Request-Id"));
    assert_eq!(bot.next().await.state(), "establishing");
    bot.hang_up(&call).await;
    assert_eq!(bot.states().await, ["terminating", "terminated"]);
}

#[tokio::test]
async fn the_last_notification_that_waits_for_its_next_comes_all_the_same() {
    let mut bot = Caller::start().await;
    bot.emulator.add_notification_fault(of_posts("state:terminated", NotificationEffect::AfterNext));
    let call = bot.created(bot.create()).await;
    bot.hang_up(&call).await;
    assert_eq!(bot.states().await, ["establishing", "established", "terminating", "terminated"]);
}

#[tokio::test]
async fn each_notification_has_the_headers_of_the_clouds() {
    let mut bot = Caller::start().await;
    let call = bot.created(bot.create()).await;
    let (first, second) = (bot.next().await, bot.next().await);
    for post in [&first, &second] {
        assert!(post.header("User-Agent").starts_with("offhook-emulator/"));
        assert_eq!(post.header("X-Microsoft-Skype-Chain-ID"), call["callChainId"]);
        assert_eq!(post.header("Scenario-Id"), first.header("Scenario-Id"));
    }
    assert_ne!(first.message_id(), second.message_id());
    assert_ne!(first.header("Client-Request-Id"), second.header("Client-Request-Id"));
}

#[tokio::test]
async fn a_notification_is_tried_again_under_its_id_unless_the_bot_has_it_already() {
    let mut bot = Caller::start().await;
    bot.answer_with(&[(StatusCode::INTERNAL_SERVER_ERROR, ""), (StatusCode::CONFLICT, "")]);
    bot.created(bot.create()).await;
    let (first, again, next) = (bot.next().await, bot.next().await, bot.next().await);
    assert_eq!([first.state(), again.state(), next.state()], ["establishing", "establishing", "established"]);
    assert_eq!(first.message_id(), again.message_id());
}

#[tokio::test]
async fn a_bot_can_send_a_notification_on_once_and_not_off_this_machine() {
    let mut bot = Caller::start().await;
    let moved = (StatusCode::TEMPORARY_REDIRECT, "/elsewhere");
    bot.answer_with(&[moved, (StatusCode::ACCEPTED, ""), (StatusCode::FOUND, "https://bot.contoso.com/")]);
    bot.created(bot.create()).await;
    let (first, sent_on) = (bot.next().await, bot.next().await);
    assert_eq!((first.path.as_str(), sent_on.path.as_str()), ("/callback", "/elsewhere"));
    assert_eq!((first.message_id(), sent_on.state()), (sent_on.message_id(), "establishing"));
    let (refused, again) = (bot.next().await, bot.next().await);
    assert_eq!((refused.message_id(), again.path.as_str()), (again.message_id(), "/callback"));

    bot.answer_with(&[moved, moved]);
    bot.created(bot.create()).await;
    let mut paths = Vec::new();
    while paths.len() < 3 {
        paths.push(bot.next().await.path);
    }
    assert_eq!(paths, ["/callback", "/elsewhere", "/callback"], "the second time it counts as not taken");
}
