//! A 403 says what Graph's code means, what the request needs, and what of it the access token lacks.

use base64::Engine;
use offhook_signaling::permissions::Permission;
use offhook_signaling::{Answer, CallsError, MeetingLink, NewCall};
use serde_json::json;

use super::compare::fixture;
use crate::support::{Ask, Graph, answer, client, new_call};

/// A JWT with these roles, which Graph would not believe; the client only reads it.
fn token(roles: &[&str]) -> String {
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let claims = json!({"roles": roles}).to_string();
    format!("{}.{}.c2ln", encode(r#"{"alg":"RS256","typ":"JWT"}"#), encode(&claims))
}

/// What creating a call comes to when Graph answers so to a client with this token.
async fn forbidden(call: NewCall, access_token: String, name: &str) -> CallsError {
    let graph = Graph::new();
    let grant = json!({"token_type": "Bearer", "expires_in": 3599, "access_token": access_token});
    graph.always(Ask::Token, move || answer(200, grant.clone()));
    graph.next(Ask::Create, answer(403, fixture(name)));
    client(&graph).build().unwrap().create_call(call).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn each_code_is_explained_and_the_missing_permission_named() {
    let initiate = || token(&["Calls.Initiate.All", "User.Read.All"]);
    for (name, access_token, words) in [
        (
            "error.403-7503-wrapped",
            initiate(),
            &["enable calling", "access token lacks Calls.AccessMedia.All"][..],
        ),
        (
            "error.403-7504-no-tenant-permission",
            token(&[]),
            &["has not consented", "another tenant's", "lacks Calls.Initiate.All, and Calls.AccessMedia.All"],
        ),
        (
            "error.403-7505-tenant-mismatch",
            token(&["Calls.Initiate.All", "Calls.AccessMedia.All"]),
            &[
                "tenantId is missing",
                "needs Calls.Initiate.All, and Calls.AccessMedia.All, which the access token has",
            ],
        ),
        (
            "error.403-7504-no-tenant-permission",
            "opaque".to_owned(),
            &["needs Calls.Initiate.All, and Calls.AccessMedia.All; check that it is granted"],
        ),
    ] {
        let error = forbidden(new_call(), access_token.clone(), name).await;
        let text = error.to_string();
        assert!(words.iter().all(|words| text.contains(words)), "{text} does not say {words:?}");
        assert!(!format!("{text} {error:?}").contains(&access_token), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_call_needs_what_its_example_says() {
    let link = MeetingLink::parse("Meeting ID: 123 456 789 01").unwrap();
    for (call, needs) in [
        (NewCall::to_user("u"), "Calls.Initiate.All"),
        (NewCall::to_phone("+1", "i"), "Calls.Initiate.All"),
        (
            NewCall::to_group(["u", "v"].map(offhook_signaling::model::IdentitySet::user)),
            "Calls.InitiateGroupCall.All",
        ),
        (
            NewCall::join(link, "t"),
            "Calls.JoinGroupCalls.Chat or Calls.JoinGroupCall.All or Calls.JoinGroupCallAsGuest.All",
        ),
    ] {
        assert_eq!(call.clone().service_hosted_media().permissions().to_string(), needs);
        let with_media = call.app_hosted_media("blob").permissions();
        assert_eq!(with_media.to_string(), format!("{needs}, and Calls.AccessMedia.All"));
    }
    assert_eq!(
        Answer::new().app_hosted_media("x").permissions().least(),
        [Permission::JoinGroupCall, Permission::AccessMedia]
    );
}

#[tokio::test(start_paused = true)]
async fn other_refusals_say_nothing_of_permissions() {
    let graph = Graph::new();
    graph.next(Ask::Create, answer(400, fixture("error.400-8523-missing-media-config")));
    let error = client(&graph).build().unwrap().create_call(new_call()).await.unwrap_err();
    assert!(!error.to_string().contains("needs"), "{error}");
}
