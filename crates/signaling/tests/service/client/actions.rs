//! Every request is the documented one, and the documented answer is read.

use std::collections::HashSet;

use offhook_signaling::OperationKind as Kind;
use offhook_signaling::model::{CallId, Operation, PlayPromptOperation};
use offhook_signaling::{CallsError, Fault, PlayPrompt};
use serde_json::{Value, json};

use super::compare::assert_as_on_the_page;
use super::every::{Row, every};
use crate::support::{Ask, Graph, answer, client, heard, listen, refusal, with_header};

/// The body of the row's answer on the wire.
pub(super) fn body_of_answer(row: &Row) -> Value {
    if row.kind.name().starts_with("list") { json!({"value": row.answer}) } else { row.answer.clone() }
}

#[tokio::test(start_paused = true)]
async fn every_request_is_as_documented_and_its_answer_is_read() {
    for row in every() {
        let (kind, ask) = (row.kind, row.ask());
        let graph = Graph::new();
        graph.next(ask, answer(row.status, body_of_answer(&row)));
        let got =
            (row.send)(&client(&graph).build().unwrap()).await.unwrap_or_else(|e| panic!("{kind}: {e}"));
        let expected = if kind == Kind::KeepAlive { Value::Bool(true) } else { row.answer.clone() };
        assert_eq!(got, expected, "{kind}");

        let [request] = &graph.requests(ask)[..] else { panic!("{kind} is one request") };
        assert_eq!(request.method, row.method, "{kind}");
        let address = format!("https://graph.microsoft.com/v1.0/communications/calls{}", row.path);
        assert_eq!(request.url.as_str(), address, "{kind}");
        assert_eq!(request.headers.contains_key("content-type"), !request.body.is_empty(), "{kind}");
        if let Some(example) = row.request {
            let sent = serde_json::from_slice(&request.body).unwrap();
            assert_as_on_the_page(example, &sent, row.but_for);
        } else if kind != Kind::CreateCall {
            assert!(request.body.is_empty(), "{kind} has no body");
        }
    }
}

#[test]
fn no_request_is_left_out() {
    let tried: HashSet<Kind> = every().iter().map(|row| row.kind).collect();
    let missing: Vec<&Kind> = Kind::ALL.iter().filter(|kind| !tried.contains(kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test(start_paused = true)]
async fn keeping_alive_says_whether_the_call_is_still_there() {
    let graph = Graph::new();
    let client = client(&graph).build().unwrap();
    let id = CallId::from("call-1");
    graph.next(Ask::KeepAlive, answer(200, Value::Null));
    assert!(client.keep_alive(&id).await.unwrap());
    graph.next(Ask::KeepAlive, refusal(404, "8522", "Call not found."));
    assert!(!client.keep_alive(&id).await.unwrap());
    graph.next(Ask::KeepAlive, refusal(403, "7504", "No."));
    assert_eq!(client.keep_alive(&id).await.unwrap_err().fault(), Fault::Caller);
}

/// What an answer of this body and `Location` makes of an operation.
async fn played(body: Value, location: Option<&'static str>) -> Result<PlayPromptOperation, CallsError> {
    let graph = Graph::new();
    let mut begun = answer(200, body);
    if let Some(location) = location {
        begun = with_header(begun, "location", location);
    }
    graph.next(Ask::Act, begun);
    let play = PlayPrompt::new("https://cdn.contoso.com/beep.wav");
    client(&graph).build().unwrap().play_prompt(&"call-1".into(), play).await
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_was_begun_is_not_lost_for_want_of_a_readable_body() {
    const LOCATION: &str = "https://graph.microsoft.com/v1.0/communications/calls/call-1/operations/There";
    for (body, expected) in [
        (json!({"id": "Here", "status": "running"}), "Here"),
        (json!({"status": "running"}), "There"),
        (json!({"id": null}), "There"),
        (json!({"id": ""}), "There"),
        (json!({"id": 7, "status": ["junk"]}), "There"),
        (json!(["junk"]), "There"),
        (Value::Null, "There"),
    ] {
        let operation = played(body.clone(), Some(LOCATION)).await.unwrap();
        assert_eq!(operation.common().id.unwrap().as_str(), expected, "{body}");
        assert!(!operation.is_over(), "{body}");
    }
    for body in [json!(["s3cret"]), Value::Null] {
        let error = played(body.clone(), None).await.unwrap_err();
        assert!(matches!(error, CallsError::Unreadable { .. }), "{body}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_request_is_in_a_span_that_names_it_its_call_and_its_id() {
    listen();
    let graph = Graph::new();
    client(&graph).build().unwrap().mute(&"call-1".into(), None).await.unwrap();
    let id = graph.requests(Ask::Act)[0].headers["client-request-id"].to_str().unwrap().to_owned();
    let log = heard();
    let line = log.lines().find(|line| line.contains("answered")).unwrap_or_else(|| panic!("{log}"));
    let id = format!("client_request_id={id:?}");
    let expected = ["graph_request{", "operation=\"mute\"", "call=\"call-1\"", &id];
    assert!(expected.iter().all(|part| line.contains(part)), "{line}");
}
