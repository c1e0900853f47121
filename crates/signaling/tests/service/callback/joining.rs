//! A recording policy: who is about to join waits for the bot's answer, and who has left is told of.

use std::sync::{Arc, Mutex};

use axum::body::to_bytes;
use axum::http::{Request, StatusCode, header as names};
use offhook_signaling::model::{ParticipantJoiningResponse, RejectReason};
use offhook_signaling::{CallbackReceiver, CallbackReceiverBuilder, Redacted};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::posts;
use crate::support::{Graph, Signer, about, post_of, receiver};

const JOINING: &str = "#microsoft.graph.participantJoiningNotification";

fn joining() -> Value {
    let call = json!({"@odata.type": "#microsoft.graph.call", "id": "call-1", "subject": "standup"});
    json!({"@odata.type": JOINING, "call": call})
}

/// Each form in which it may come: alone, as a notification, and in one.
fn forms() -> [Value; 3] {
    [joining(), post_of(&[joining()]), post_of(&[about("call-1", "updated", joining())])]
}

/// A body's answer: status, and body if there is one.
async fn post(receiver: &CallbackReceiver, body: &Value) -> (StatusCode, Value) {
    let request = Request::post("/callback")
        .header(names::AUTHORIZATION, format!("Bearer {}", Signer::service().token()))
        .header(names::CONTENT_TYPE, "application/json")
        .header("X-Microsoft-Skype-Message-ID", "m-1")
        .body(body.to_string())
        .unwrap();
    let answer = receiver.service().oneshot(request).await.unwrap();
    let (status, is_json) = (
        answer.status(),
        answer.headers().get(names::CONTENT_TYPE).is_some_and(|it| it == "application/json"),
    );
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    assert_eq!(is_json, !body.is_empty());
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn settings() -> CallbackReceiverBuilder {
    receiver(&Graph::new())
}

#[tokio::test]
async fn who_is_about_to_join_may_unless_the_application_says_otherwise() {
    for body in forms() {
        let receiver = settings().build().unwrap();
        let accepted = json!({"@odata.type": "#microsoft.graph.acceptJoinResponse"});
        assert_eq!(post(&receiver, &body).await, (StatusCode::OK, accepted), "{body}");
        assert_eq!(posts(&receiver), [1, 0, 0, 0, 0, 0, 0]);
        // It is told to the call as well.
        assert_eq!(receiver.stats().notifications.held, 1, "{body}");
        let again = post(&receiver, &body).await;
        assert_eq!(again.0, StatusCode::OK, "who asks once more still waits for the answer");
    }
}

#[tokio::test]
async fn the_application_sees_the_call_and_its_answer_is_sent() {
    let reject = || ParticipantJoiningResponse::reject(RejectReason::Busy);
    let invite = || ParticipantJoiningResponse::invite_new_bot("https://other.contoso.com/callback");
    for (answer, expected) in [
        (
            reject as fn() -> _,
            json!({"@odata.type": "#microsoft.graph.rejectJoinResponse", "reason": "busy"}),
        ),
        (
            invite,
            json!({
                "@odata.type": "#microsoft.graph.inviteNewBotResponse",
                "inviteUri": "https://other.contoso.com/callback",
            }),
        ),
    ] {
        for body in forms() {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let seeing = Arc::clone(&seen);
            let receiver = settings().on_participant_joining(move |joining| {
                let call = joining.get().call.value().unwrap();
                seeing.lock().unwrap().push((call.id.clone(), call.subject.clone()));
                answer()
            });
            let receiver = receiver.build().unwrap();
            assert_eq!(post(&receiver, &body).await, (StatusCode::OK, expected.clone()), "{body}");
            let seen = seen.lock().unwrap();
            assert_eq!(seen.as_slice(), [("call-1".into(), Redacted::from("standup").into())], "{body}");
        }
    }
}

#[tokio::test]
async fn of_several_in_one_post_the_one_who_may_not_decides() {
    let rejected = json!({"@odata.type": "#microsoft.graph.rejectJoinResponse", "reason": "forbidden"});
    let receiver = settings().on_participant_joining(|joining| {
        match joining.get().call.value().and_then(|call| call.id.as_str()) {
            Some("call-1") => ParticipantJoiningResponse::accept(),
            _ => ParticipantJoiningResponse::reject(RejectReason::Forbidden),
        }
    });
    let other = json!({"@odata.type": JOINING, "call": {"id": "call-2"}});
    let body = post_of(&[joining(), other, joining()]);
    assert_eq!(post(&receiver.build().unwrap(), &body).await, (StatusCode::OK, rejected));
}

#[tokio::test]
async fn a_stranger_gets_no_answer_and_the_application_is_not_asked() {
    let receiver = settings().on_participant_joining(|_| panic!("asked")).build().unwrap();
    let request = Request::post("/callback")
        .header(names::AUTHORIZATION, format!("Bearer {}", Signer::stranger().token()))
        .header(names::CONTENT_TYPE, "application/json")
        .body(joining().to_string())
        .unwrap();
    assert_eq!(receiver.service().oneshot(request).await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn who_has_left_is_told_of_like_anything_else() {
    let left = json!({
        "@odata.type": "#microsoft.graph.participantLeftNotification", "participantId": "p-1",
        "call": {"@odata.type": "#microsoft.graph.call", "id": "call-1"},
    });
    for body in
        [left.clone(), post_of(std::slice::from_ref(&left)), post_of(&[about("call-1", "updated", left)])]
    {
        let receiver = settings().on_participant_joining(|_| panic!("asked")).build().unwrap();
        assert_eq!(post(&receiver, &body).await, (StatusCode::ACCEPTED, Value::Null), "{body}");
        assert_eq!(receiver.stats().notifications.held, 1, "{body}");
    }
}
