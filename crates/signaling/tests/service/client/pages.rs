//! Collections that come in pages.

use offhook_signaling::model::CallId;
use offhook_signaling::{CallsError, Fault};
use serde_json::json;

use crate::support::{Ask, Graph, answer, client};

fn page(id: &str, next: &str) -> serde_json::Value {
    json!({"value": [{"id": id}], "@odata.nextLink": next})
}

#[tokio::test(start_paused = true)]
async fn all_pages_are_read_in_their_order() {
    let graph = Graph::new();
    let next = "https://graph.microsoft.com/v1.0/communications/calls/call-1/participants?$skiptoken=2";
    graph.next(Ask::Participants, answer(200, page("p-1", next)));
    graph.next(Ask::Participants, answer(200, json!({"value": [{"id": "p-2"}]})));
    let roster = client(&graph).build().unwrap().list_participants(&CallId::from("call-1")).await.unwrap();
    let ids: Vec<_> = roster.iter().map(|participant| participant.id.as_str().unwrap()).collect();
    assert_eq!(ids, ["p-1", "p-2"]);
    assert_eq!(graph.requests(Ask::Participants)[1].url.as_str(), next);
}

#[tokio::test(start_paused = true)]
async fn a_token_does_not_follow_a_page_to_somewhere_else() {
    for next in [
        "https://graph.microsoft.com.evil.example/page",
        "http://graph.microsoft.com/page",
        "https://graph.microsoft.com:8443/page",
        "/page",
        "",
    ] {
        let graph = Graph::new();
        graph.next(Ask::Participants, answer(200, page("p-1", next)));
        let list = client(&graph).build().unwrap();
        let error = list.list_participants(&CallId::from("call-1")).await.unwrap_err();
        assert!(matches!(error, CallsError::Unreadable { .. }), "{error:?}");
        assert_eq!((graph.count(Ask::Participants), error.fault()), (1, Fault::Service), "{next}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_without_end_are_given_up() {
    let graph = Graph::new();
    let again = "https://graph.microsoft.com/v1.0/communications/calls/call-1/participants?again";
    graph.always(Ask::Participants, move || answer(200, page("p-1", again)));
    let error = client(&graph).build().unwrap().list_participants(&CallId::from("call-1")).await.unwrap_err();
    assert!(error.to_string().contains("more than 100 pages"), "{error}");
    assert_eq!(graph.count(Ask::Participants), 100);
}

#[tokio::test(start_paused = true)]
async fn an_empty_collection_is_empty() {
    let graph = Graph::new();
    graph.next(Ask::Get, answer(200, json!({"value": []})));
    let client = client(&graph).build().unwrap();
    assert!(client.list_operations(&CallId::from("call-1")).await.unwrap().is_empty());
}
