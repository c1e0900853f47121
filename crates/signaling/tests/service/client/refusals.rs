//! What Graph says when it refuses, in each of its shapes, and what is tried again.

use offhook_signaling::model::CallId;
use offhook_signaling::{CallsError, Fault};
use serde_json::{Value, json};

use crate::support::{Ask, Graph, answer, client, new_call, not_sent, refusal, timed_out, with_header};

/// What creating a call comes to when Graph answers so.
async fn refused(status: u16, body: Value) -> CallsError {
    let graph = Graph::new();
    let answer = with_header(answer(status, body), "request-id", "request-of-the-header");
    graph.next(Ask::Create, answer);
    client(&graph).build().unwrap().create_call(new_call()).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn each_shape_of_refusal_gives_code_message_request_and_fault() {
    let ids = json!({"date": "2025-09-30T05:03:57", "request-id": "request-7", "client-request-id": "ours"});
    for (status, body, code, message, request, fault) in [
        (
            403,
            json!({"error": {"code": "7505", "message": "Request authorization tenant mismatch.", "innerError": ids}}),
            "7505",
            "Request authorization tenant mismatch.",
            "request-7",
            Fault::Caller,
        ),
        (
            403,
            json!({"error": {"code": "UnknownError", "innererror": ids,
                "message": r#"{"errorCode":"7503","message":"Application is not registered in our store.","instanceAnnotations":[]}"#}}),
            "7503",
            "Application is not registered in our store.",
            "request-7",
            Fault::Caller,
        ),
        (
            400,
            json!({"error": {"code": "BadRequest", "message": "Bad.", "innerError": {"code": "8523",
                "message": "Missing mediaConfig information.", "innerError": ids}}}),
            "8523",
            "Missing mediaConfig information.",
            "request-7",
            Fault::Caller,
        ),
        (
            500,
            json!({"error": {"code": "9999", "message": "Oh."}}),
            "9999",
            "Oh.",
            "request-of-the-header",
            Fault::Service,
        ),
        (502, json!("<html>"), "", "", "request-of-the-header", Fault::Service),
        (404, Value::Null, "", "", "request-of-the-header", Fault::Caller),
    ] {
        let error = refused(status, body.clone()).await;
        let graph = error.graph().unwrap();
        assert_eq!((graph.code.as_str(), graph.message.as_str()), (code, message), "{body}");
        assert_eq!((graph.request_id.as_deref(), error.fault()), (Some(request), fault), "{body}");
        let CallsError::Refused { status: told, client_request_id, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*told, status);
        let text = error.to_string();
        assert!([code, message, request, client_request_id].iter().all(|part| text.contains(part)), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_there_is_told_apart() {
    for (status, code, gone) in
        [(404, "8522", true), (404, "", true), (400, "8522", true), (400, "8523", false)]
    {
        let error = refused(status, json!({"error": {"code": code, "message": "x"}})).await;
        assert_eq!(error.is_call_not_found(), gone, "{status} {code}");
    }
}

#[tokio::test(start_paused = true)]
async fn reading_and_hanging_up_are_tried_again_after_trouble() {
    let id = CallId::from("call-1");
    for trouble in [
        timed_out as fn() -> _,
        not_sent,
        || refusal(500, "9999", "Unknown internal server error."),
        || refusal(503, "", ""),
        || refusal(429, "TooManyRequests", ""),
    ] {
        let graph = Graph::new();
        let client = client(&graph).build().unwrap();
        for ask in [Ask::Get, Ask::Delete] {
            graph.next(ask, trouble());
        }
        client.get_call(&id).await.unwrap();
        client.delete_call(&id).await.unwrap();
        assert_eq!((graph.count(Ask::Get), graph.count(Ask::Delete)), (2, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_from_outside_addresses_nothing_but_a_call() {
    let graph = Graph::new();
    let client = client(&graph).build().unwrap();
    client.delete_call(&CallId::from("a/../../me?b#c")).await.unwrap();
    let paths: Vec<String> =
        graph.requests(Ask::Delete).iter().map(|request| request.url.to_string()).collect();
    assert_eq!(paths, ["https://graph.microsoft.com/v1.0/communications/calls/a%2F..%2F..%2Fme%3Fb%23c"]);
    for id in ["", ".", ".."] {
        let error = client.delete_call(&CallId::from(id)).await.unwrap_err();
        assert!(matches!(error, CallsError::InvalidRequest { .. }), "{error:?}");
    }
    assert_eq!(graph.count(Ask::Delete), 1);
}

#[tokio::test(start_paused = true)]
async fn a_success_that_cannot_be_read_is_the_services_fault() {
    let graph = Graph::new();
    let client = client(&graph).build().unwrap();
    for body in [Value::Null, json!([]), json!("text")] {
        graph.next(Ask::Get, answer(200, body.clone()));
        let error = client.get_call(&CallId::from("call-1")).await.unwrap_err();
        assert!(matches!(error, CallsError::Unreadable { .. }), "{body}: {error:?}");
        assert_eq!(error.fault(), Fault::Service);
    }
}
