//! Nothing that a bot sends breaks the service: each property of each body in turn is something strange.

use std::time::Duration;

use offhook_emulator::{IncomingCall, Method};
use serde_json::{Value, json};

use super::{CALLBACK, Desk, example, join, phone, to, user};

/// `body` with each of its properties, at any depth, replaced by something strange in turn.
fn disturbed(body: &Value) -> Vec<Value> {
    let strange = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(i64::MAX),
        json!(1e300),
        json!(""),
        json!("é\u{0}{}"),
        json!("#microsoft.graph.call"),
        json!([]),
        json!([null]),
        json!([{}]),
        json!({}),
    ];
    let mut paths = vec![String::new()];
    collect(body, "", &mut paths);
    let replaced = |path: &String| {
        strange.clone().map(|value| {
            let mut body = body.clone();
            *body.pointer_mut(path).unwrap() = value;
            body
        })
    };
    paths.iter().flat_map(replaced).collect()
}

fn collect(value: &Value, path: &str, paths: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(object) => {
            object.iter().map(|(name, value)| (name.replace('/', "~1"), value)).collect()
        }
        Value::Array(array) => {
            array.iter().enumerate().map(|(place, value)| (place.to_string(), value)).collect()
        }
        _ => return,
    };
    for (name, value) in children {
        let path = format!("{path}/{name}");
        collect(value, &path, paths);
        paths.push(path);
    }
}

/// Asks, lets time pass, and gives the status.
#[track_caller]
fn ask(desk: &mut Desk, method: Method, path: &str, body: &Value) -> u16 {
    let answer = desk.ask(method, path, body);
    let is_refused = answer.body["error"]["code"].is_string();
    assert_eq!(is_refused, answer.status >= 400, "{answer:?}");
    assert!(matches!(answer.status, 200 | 201 | 202 | 204 | 400 | 403 | 404), "{answer:?} for {path} {body}");
    answer.status
}

#[test]
fn strange_creations_are_refused_or_make_calls_that_live_and_end() {
    let mut app_hosted = to(&["ada"]);
    app_hosted["mediaConfig"] =
        json!({"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "<opaque>"});
    app_hosted["ringingTimeoutInSeconds"] = json!(20);
    let mut to_phone = to(&[]);
    to_phone["targets"] = json!([phone()]);
    to_phone["source"] = json!({"identity": {"applicationInstance": {"id": "instance"}}});
    let (mut created, mut refused) = (0, 0);
    for form in [join(), to(&["ada", "grace"]), app_hosted, to_phone] {
        for body in disturbed(&form) {
            let mut desk = Desk::new();
            match ask(&mut desk, Method::Post, "/communications/calls", &body) {
                201 => {
                    created += 1;
                    desk.wait(Duration::from_secs(3600));
                    assert_eq!(desk.service.calls().count(), 0, "it ends by itself: {body}");
                    assert_eq!(desk.service.next_due(), None);
                }
                _ => refused += 1,
            }
        }
    }
    assert!(created > 100 && refused > 100, "{created} created, {refused} refused");
}

#[test]
fn strange_actions_leave_a_call_that_can_be_used() {
    let mut desk = Desk::new();
    let (call, ada, grace) = desk.meeting();
    let actions = [
        ("mute".to_owned(), example("call-mute.request")),
        ("playPrompt".to_owned(), example("call-playprompt.request")),
        ("recordResponse".to_owned(), example("call-record.ex01.request")),
        ("sendDtmfTones".to_owned(), example("call-senddtmftones.request")),
        ("changeScreenSharingRole".to_owned(), json!({"role": "viewer"})),
        ("updateRecordingStatus".to_owned(), json!({"status": "recording", "clientContext": "c"})),
        ("participants/invite".to_owned(), json!({"participants": [user("carol")], "clientContext": "c"})),
        (format!("participants/{ada}/startHoldMusic"), example("participant-startholdmusic.request")),
        (
            "audioRoutingGroups".to_owned(),
            json!({"id": "g", "routingMode": "multicast", "sources": [ada], "receivers": [grace]}),
        ),
        (
            "transfer".to_owned(),
            json!({"transferTarget": user("absent"), "transferee": {"participantId": ada}}),
        ),
    ];
    for (action, form) in actions {
        for body in disturbed(&form) {
            ask(&mut desk, Method::Post, &format!("/communications/calls/{call}/{action}"), &body);
            desk.wait(Duration::from_secs(1));
            desk.post(&call, "keepAlive", &Value::Null);
        }
    }
    assert_eq!(desk.post(&call, "cancelMediaProcessing", &json!({})).status, 200);
    desk.wait(Duration::from_secs(2));
    assert_eq!(desk.get(&call, "").body["state"], "established");
}

#[test]
fn strange_answers_to_a_call_are_refused_or_answer_it() {
    let mut answer = example("call-answer.request");
    answer["callbackUri"] = json!(CALLBACK);
    let redirect = json!({"targets": [user("ada")], "timeout": 20, "callbackUri": CALLBACK});
    for (action, form) in [("answer", answer), ("redirect", redirect), ("reject", json!({"reason": "busy"}))]
    {
        for body in disturbed(&form) {
            let mut desk = Desk::new();
            let call = desk.service.call_bot(desk.now, &IncomingCall::new(CALLBACK, "ada")).unwrap();
            ask(&mut desk, Method::Post, &format!("/app/calls/{call}/{action}"), &body);
            desk.wait(Duration::from_secs(3600));
            assert_eq!(desk.service.calls().count(), 0, "{action} {body}");
        }
    }
}
