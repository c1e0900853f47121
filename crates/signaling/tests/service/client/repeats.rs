//! Every request is repeated when that does no harm, and only then.

use offhook_signaling::http::TransportError;
use offhook_signaling::{CallsError, OperationKind as Kind};

use super::actions::body_of_answer;
use super::every::every;
use crate::support::{Graph, answer, client, not_sent, refusal, timed_out};

/// Doing these twice is doing them once.
fn is_harmless(kind: Kind) -> bool {
    ["get", "list", "delete", "remove"].iter().any(|verb| kind.name().starts_with(verb))
        || matches!(kind, Kind::KeepAlive | Kind::Mute | Kind::Unmute | Kind::MuteParticipant)
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_done_is_not_done_again_unless_that_is_harmless() {
    for lost in [
        timed_out as fn() -> _,
        || Err(TransportError::BrokenOff("connection reset".into())),
        || refusal(503, "", ""),
    ] {
        for row in every() {
            let graph = Graph::new();
            graph.next(row.ask(), lost());
            graph.next(row.ask(), answer(row.status, body_of_answer(&row)));
            let outcome = (row.send)(&client(&graph).build().unwrap()).await;
            let (times, worked) = if is_harmless(row.kind) { (2, true) } else { (1, false) };
            assert_eq!((graph.count(row.ask()), outcome.is_ok()), (times, worked), "{}", row.kind);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_certainly_not_done_is_tried_again() {
    for not_processed in [
        not_sent as fn() -> _,
        || refusal(429, "TooManyRequests", "Please retry again later."),
        || refusal(401, "InvalidAuthenticationToken", "Access token has expired."),
    ] {
        for row in every() {
            let graph = Graph::new();
            graph.next(row.ask(), not_processed());
            graph.next(row.ask(), answer(row.status, body_of_answer(&row)));
            (row.send)(&client(&graph).build().unwrap()).await.unwrap();
            let requests = graph.requests(row.ask());
            assert_eq!(requests.len(), 2, "{}", row.kind);
            assert_eq!(requests[0].body, requests[1].body);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_not_tried_again() {
    for row in every() {
        let graph = Graph::new();
        graph.next(row.ask(), refusal(400, "BadRequest", "No."));
        let error = (row.send)(&client(&graph).build().unwrap()).await.unwrap_err();
        let CallsError::Refused { operation, status: 400, needs, missing: None, .. } = error else {
            panic!("{}: {error:?}", row.kind)
        };
        assert_eq!((graph.count(row.ask()), operation), (1, row.kind.name()));
        let answers_with_media =
            row.but_for == ["!/callbackUri"] || row.request == Some("call-answer.ex02.request");
        if row.kind != Kind::CreateCall {
            assert_eq!(needs, row.kind.permissions(answers_with_media), "{}", row.kind);
        }
    }
}
