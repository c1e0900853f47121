//! Creating a call: never twice by accident.

use std::time::Duration;

use offhook_signaling::http::{RetryPolicy, TransportError};
use offhook_signaling::model::CallState;
use offhook_signaling::{CallsError, Fault, NewCall};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Ask, Graph, answer, client, new_call, not_sent, refusal, timed_out, with_header};

/// Creates a call on this Graph, with the default policy.
async fn create(graph: &std::sync::Arc<Graph>) -> Result<String, CallsError> {
    let created = client(graph).build().unwrap().create_call(new_call()).await?;
    Ok(created.id.as_str().unwrap_or_default().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_exist_is_not_created_again() {
    for (lost, fault) in [
        (timed_out as fn() -> _, Fault::Environment),
        (|| Err(TransportError::BrokenOff("connection reset".into())), Fault::Environment),
        (|| refusal(408, "", ""), Fault::Service),
        (|| refusal(500, "9999", "Unknown internal server error."), Fault::Service),
        (|| with_header(refusal(503, "", ""), "retry-after", "1"), Fault::Service),
        (|| refusal(504, "", ""), Fault::Service),
    ] {
        let graph = Graph::new();
        graph.next(Ask::Create, lost());
        let error = create(&graph).await.unwrap_err();
        assert_eq!((graph.count(Ask::Create), error.fault()), (1, fault), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_cannot_exist_is_created_again() {
    for not_processed in [
        not_sent as fn() -> _,
        || refusal(429, "TooManyRequests", "Please retry again later."),
        || refusal(401, "InvalidAuthenticationToken", "Access token has expired."),
    ] {
        let graph = Graph::new();
        graph.next(Ask::Create, not_processed());
        assert_eq!(create(&graph).await.unwrap(), "call-1");
        let requests = graph.requests(Ask::Create);
        assert_eq!(requests.len(), 2);
        assert_eq!(requests[0].body, requests[1].body);
        assert_eq!(requests[0].headers["client-request-id"], requests[1].headers["client-request-id"]);
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_is_waited_out_for_as_long_as_graph_asks() {
    let graph = Graph::new();
    let throttled =
        |wait| with_header(refusal(429, "TooManyRequests", "Please retry again later."), "retry-after", wait);
    graph.next(Ask::Create, throttled("2.128"));
    graph.next(Ask::Create, throttled("20"));
    // The clock is the test's own: it shows what was waited for, not how fast the machine is.
    let began = Instant::now();
    create(&graph).await.unwrap();
    let waited = began.elapsed();
    assert!(waited >= Duration::from_millis(22_128) && waited < Duration::from_secs(25), "{waited:?}");
    assert_eq!(graph.count(Ask::Create), 3);
}

#[tokio::test(start_paused = true)]
async fn patience_ends() {
    let graph = Graph::new();
    graph.always(Ask::Create, || refusal(429, "TooManyRequests", "Please retry again later."));
    let error = create(&graph).await.unwrap_err();
    assert_eq!((graph.count(Ask::Create), error.fault()), (4, Fault::Service));

    graph.always(Ask::Create, || with_header(refusal(429, "", ""), "retry-after", "31"));
    let error = create(&graph).await.unwrap_err();
    let CallsError::Refused { retry_after, .. } = error else { panic!("{error:?}") };
    assert_eq!((graph.count(Ask::Create), retry_after), (5, Some(Duration::from_secs(31))));

    let once = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    graph.always(Ask::Create, not_sent);
    client(&graph).retry(once).build().unwrap().create_call(new_call()).await.unwrap_err();
    assert_eq!(graph.count(Ask::Create), 6);
}

#[tokio::test(start_paused = true)]
async fn the_monthly_limit_is_told_at_once_and_is_not_the_services_fault() {
    let graph = Graph::new();
    let wrapped = r#"{"errorCode":"8529","message":"Application reached the monthly call creation limit."}"#;
    graph.always(Ask::Create, || with_header(refusal(429, "UnknownError", wrapped), "retry-after", "1"));
    let error = create(&graph).await.unwrap_err();
    assert_eq!((graph.count(Ask::Create), error.fault()), (1, Fault::Caller));
    assert_eq!(error.graph().unwrap().code, "8529");
}

#[tokio::test(start_paused = true)]
async fn what_graph_would_refuse_is_not_sent() {
    let graph = Graph::new();
    let client = client(&graph).build().unwrap();
    let error = client.create_call(NewCall::to_user("u").app_hosted_media("blob")).await.unwrap_err();
    assert!(matches!(error, CallsError::InvalidRequest { .. }), "{error:?}");
    assert_eq!((graph.count(Ask::Token), graph.count(Ask::Create), error.fault()), (0, 0, Fault::Caller));
}

#[tokio::test(start_paused = true)]
async fn the_id_comes_from_the_body_or_else_from_where_the_call_is() {
    const LOCATION: &str = "https://graph.microsoft.com/v1.0/communications/calls/There";
    for (body, location, expected) in [
        (json!({"id": "Here"}), LOCATION, "Here"),
        (json!({"state": "establishing"}), LOCATION, "There"),
        (json!({"id": null}), "/app/calls/There", "There"),
        (json!({"id": ""}), LOCATION, "There"),
    ] {
        let graph = Graph::new();
        graph.next(Ask::Create, with_header(answer(201, body.clone()), "location", location));
        assert_eq!(create(&graph).await.unwrap(), expected, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_not_lost_when_its_description_cannot_be_read() {
    for (body, id) in [
        (Value::Null, "There"),
        (json!(["s3cret"]), "There"),
        (json!({"id": ["s3cret"]}), "There"),
        (json!({"id": "Here", "state": 7}), "Here"),
    ] {
        let graph = Graph::new();
        let location = "https://graph.microsoft.com/v1.0/communications/calls/There";
        graph.next(Ask::Create, with_header(answer(201, body.clone()), "location", location));
        let call = client(&graph).build().unwrap().create_call(new_call()).await.unwrap();
        assert_eq!(call.id.as_str(), Some(id), "{body}");
        assert_eq!(call.state.known(), Some(CallState::Establishing), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_an_id_or_without_a_call_is_unreadable_and_quotes_nothing() {
    for body in [
        json!({"state": "establishing"}),
        json!(["s3cret"]),
        json!("s3cret"),
        json!({"id": ["s3cret"]}),
        Value::Null,
    ] {
        let graph = Graph::new();
        graph.next(Ask::Create, answer(201, body.clone()));
        let error = create(&graph).await.unwrap_err();
        assert!(matches!(error, CallsError::Unreadable { .. }), "{body}: {error:?}");
        assert_eq!((graph.count(Ask::Create), error.fault()), (1, Fault::Service));
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}
