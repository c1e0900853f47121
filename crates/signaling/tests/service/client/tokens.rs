//! Access tokens: fetched once for all, kept, renewed, and never shown.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use offhook_signaling::auth::{ManagedIdentity, TokenError};
use offhook_signaling::model::CallId;
use offhook_signaling::{CallsClient, CallsError, Credentials, Fault};
use serde_json::{Value, json};

use crate::support::{
    APP, Ask, Graph, answer, client, eventually, not_sent, refusal, timed_out, with_header,
};

/// The tokens that requests of this kind came with.
fn tokens_of(graph: &Graph, ask: Ask) -> Vec<String> {
    let requests = graph.requests(ask);
    requests.iter().map(|request| request.headers["authorization"].to_str().unwrap().to_owned()).collect()
}

async fn get(client: &CallsClient) -> Result<(), CallsError> {
    client.get_call(&CallId::from("call-1")).await.map(|_| ())
}

fn refused_token() -> Result<offhook_signaling::http::Response, offhook_signaling::http::TransportError> {
    answer(
        401,
        json!({"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}),
    )
}

#[tokio::test(start_paused = true)]
async fn many_callers_at_once_fetch_one_token() {
    let graph = Graph::new();
    let client = client(&graph).build().unwrap();
    let fetching = graph.hold(Ask::Token);
    let mut callers = Box::pin(join_all((0..50).map(|_| get(&client))));
    assert!((&mut callers).now_or_never().is_none());
    graph.asked(Ask::Token, 1).await;
    assert_eq!((graph.count(Ask::Token), graph.count(Ask::Get)), (1, 0));
    drop(fetching);
    let results = eventually("their answers", callers).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!((graph.count(Ask::Token), graph.count(Ask::Get)), (1, 50));
    assert!(tokens_of(&graph, Ask::Get).iter().all(|token| token == "Bearer token-1"));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_asked_for_as_the_application_and_for_this_graph() {
    let graph = Graph::new();
    get(&client(&graph).build().unwrap()).await.unwrap();
    let request = &graph.requests(Ask::Token)[0];
    assert_eq!(
        request.url.as_str(),
        "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
    );
    assert_eq!(
        String::from_utf8(request.body.clone()).unwrap(),
        "grant_type=client_credentials&client_id=0efc74f7-41c3-47a4-8775-7259bfef4241\
         &scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&client_secret=s3cret-of-the-app"
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_that_has_expired_is_not_used() {
    let graph = Graph::new();
    // As text, as some endpoints write it.
    graph.next(Ask::Token, answer(200, json!({"access_token": "short", "expires_in": "0"})));
    let client = client(&graph).build().unwrap();
    for _ in 0..3 {
        get(&client).await.unwrap();
    }
    assert_eq!(tokens_of(&graph, Ask::Get), ["Bearer short", "Bearer token-2", "Bearer token-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_reaches_all_who_wait_for_the_token() {
    let graph = Graph::new();
    graph.always(Ask::Token, refused_token);
    let client = client(&graph).build().unwrap();
    let fetching = graph.hold(Ask::Token);
    let mut callers = Box::pin(join_all((0..50).map(|_| get(&client))));
    assert!((&mut callers).now_or_never().is_none());
    drop(fetching);
    for result in eventually("their answers", callers).await {
        let error = result.unwrap_err();
        let CallsError::Token(TokenError::Refused { status, code, .. }) = &error else { panic!("{error:?}") };
        assert_eq!((*status, code.as_str(), error.fault()), (401, "invalid_client", Fault::Caller));
    }
    assert_eq!((graph.count(Ask::Token), graph.count(Ask::Get)), (1, 0));
    // The next caller may try again.
    graph.next(Ask::Token, answer(200, json!({"access_token": "good", "expires_in": 3599})));
    get(&client).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_while_fetching_does_not_leave_the_others_waiting() {
    let graph = Graph::new();
    let client = client(&graph).build().unwrap();
    let fetching = graph.hold(Ask::Token);
    let mut first = Box::pin(get(&client));
    assert!((&mut first).now_or_never().is_none());
    let mut others = Box::pin(join_all((0..5).map(|_| get(&client))));
    assert!((&mut others).now_or_never().is_none());
    graph.asked(Ask::Token, 1).await;
    drop((first, fetching));
    let results = eventually("their answers", others).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!((graph.count(Ask::Token), graph.count(Ask::Get)), (1, 5));
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_panics_leaves_nobody_waiting() {
    let graph = Graph::new();
    graph.next(Ask::Token, not_sent());
    let client = client(&graph).build().unwrap();
    let panicking = graph.hold(Ask::Token);
    graph.always(Ask::Token, || panic!("a transport of somebody else's"));
    let mut caller = Box::pin(get(&client));
    assert!((&mut caller).now_or_never().is_none());
    graph.asked(Ask::Token, 2).await;
    graph.next(Ask::Token, answer(200, json!({"access_token": "good", "expires_in": 3599})));
    drop(panicking);
    eventually("the answer", caller).await.unwrap();
    assert_eq!(tokens_of(&graph, Ask::Get), ["Bearer good"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_renewal_while_the_old_token_is_good() {
    let graph = Graph::new();
    let client = client(&graph).build().unwrap();
    get(&client).await.unwrap();
    // Of its hour, four minutes are left.
    tokio::time::advance(Duration::from_secs(3599 - 240)).await;
    let renewal = graph.hold(Ask::Token);
    for _ in 0..3 {
        get(&client).now_or_never().expect("nobody waits").unwrap();
        graph.asked(Ask::Token, 2).await;
    }
    assert_eq!(tokens_of(&graph, Ask::Get), ["Bearer token-1"; 4]);
    drop(renewal);
    tokio::time::advance(Duration::from_secs(1)).await;
    get(&client).await.unwrap();
    assert_eq!(tokens_of(&graph, Ask::Get)[4..], ["Bearer token-2"]);
    assert_eq!(graph.count(Ask::Token), 2);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_does_not_take_the_old_token_away_and_is_repeated_with_pauses() {
    let graph = Graph::new();
    let client = client(&graph).build().unwrap();
    get(&client).await.unwrap();
    tokio::time::advance(Duration::from_secs(3599 - 240)).await;
    graph.always(Ask::Token, refused_token);
    // Once a second for three minutes: the token is used until half a minute before its end.
    for _ in 0..180 {
        get(&client).now_or_never().expect("nobody waits").unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(tokens_of(&graph, Ask::Get).iter().all(|token| token == "Bearer token-1"));
    let asked = graph.count(Ask::Token) - 1;
    assert!((2..=180 / 15).contains(&asked), "asked {asked} times in three minutes");
    // Then there is none, and everybody hears why.
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(matches!(get(&client).await, Err(CallsError::Token(TokenError::Refused { .. }))));
}

#[tokio::test(start_paused = true)]
async fn a_managed_identity_signs_in_where_azure_says() {
    let graph = Graph::new();
    let identity =
        ManagedIdentity::of_app_service("http://127.0.0.1:41741/msi/token", "s3cret").user_assigned(APP);
    let client = CallsClient::builder(Credentials::managed_identity(APP, identity));
    let client = client.transport(Arc::clone(&graph) as _).build().unwrap();
    graph.next(Ask::Token, answer(404, Value::Null));
    get(&client).await.unwrap();
    let requests = graph.requests(Ask::Token);
    assert_eq!(requests.len(), 2, "a service that is being updated is asked again");
    assert_eq!(requests[0].url.host_str(), Some("127.0.0.1"));
    assert_eq!(requests[0].headers["x-identity-header"], "s3cret");
    assert_eq!(tokens_of(&graph, Ask::Get), ["Bearer token-2"]);
}

#[test]
fn a_managed_identity_that_answers_over_the_open_network_is_refused() {
    let identity = ManagedIdentity::of_machine().endpoint("http://10.0.0.1/token");
    let error = CallsClient::builder(Credentials::managed_identity(APP, identity)).build().unwrap_err();
    assert!(matches!(error, CallsError::InvalidSetting { setting: "managed identity", .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn an_authority_in_trouble_is_asked_again() {
    let graph = Graph::new();
    graph.next(Ask::Token, not_sent());
    graph.next(Ask::Token, timed_out());
    graph.next(Ask::Token, with_header(answer(429, Value::Null), "retry-after", "2.5"));
    get(&client(&graph).build().unwrap()).await.unwrap();
    assert_eq!(graph.count(Ask::Token), 4);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_graph_refuses_is_exchanged_once() {
    let graph = Graph::new();
    let expired = || refusal(401, "InvalidAuthenticationToken", "Access token has expired.");
    graph.next(Ask::Get, expired());
    let client = client(&graph).build().unwrap();
    get(&client).await.unwrap();
    assert_eq!(tokens_of(&graph, Ask::Get), ["Bearer token-1", "Bearer token-2"]);

    graph.always(Ask::Get, expired);
    let error = get(&client).await.unwrap_err();
    assert!(matches!(error, CallsError::Refused { status: 401, .. }), "{error:?}");
    assert_eq!(tokens_of(&graph, Ask::Get)[2..], ["Bearer token-2", "Bearer token-3"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_takes_no_newer_one_with_it() {
    let graph = Graph::new();
    let client = client(&graph).build().unwrap();
    get(&client).await.unwrap();
    // Two requests go out with the first token. One is refused before its successor is there, one after.
    let expired = || refusal(401, "InvalidAuthenticationToken", "Access token has expired.");
    let (early, late) = (graph.hold_for(Ask::Get, expired()), graph.hold_for(Ask::Get, expired()));
    let (mut first, mut second) = (Box::pin(get(&client)), Box::pin(get(&client)));
    assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
    drop(early);
    eventually("the first", first).await.unwrap();
    drop(late);
    eventually("the second", second).await.unwrap();
    assert_eq!(tokens_of(&graph, Ask::Get)[3..], ["Bearer token-2", "Bearer token-2"]);
    assert_eq!(graph.count(Ask::Token), 2);
}

#[tokio::test(start_paused = true)]
async fn the_secret_and_the_token_are_in_no_error() {
    let silly = |body: Value| move || answer(200, body.clone());
    let graph = Graph::new();
    let client = client(&graph).build().unwrap();
    let mut shown = format!("{client:?}");
    for (body, reason) in [
        (json!({"access_token": "", "expires_in": 3599}), "no access_token"),
        (json!({"access_token": 7, "expires_in": 3599}), "no access_token"),
        (json!({"access_token": "token-of-ours"}), "no expires_in"),
        (json!({"access_token": "token-of-ours", "expires_in": -1}), "no expires_in"),
        (json!("token-of-ours"), "no access_token"),
    ] {
        graph.always(Ask::Token, silly(body));
        let error = get(&client).await.unwrap_err();
        assert!(format!("{error:?}").contains(reason), "{error:?}");
        assert_eq!(error.fault(), Fault::Service);
        shown += &format!("{error:?} {error} ");
    }
    for failure in [timed_out as fn() -> _, not_sent, refused_token] {
        graph.always(Ask::Token, failure);
        let error = get(&client).await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap();
        shown += &format!("{error:?} {error} {source} ");
    }
    shown += &format!("{:?}", graph.requests(Ask::Token));
    for secret in ["s3cret", "token-of-ours"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("invalid_client") && shown.contains("AADSTS7000215"), "{shown}");
}
