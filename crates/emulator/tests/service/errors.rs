//! What the emulator refuses, in Graph's shape; and that it goes on after it.

use offhook_emulator::{ALL_PERMISSIONS, EmulatorSettings, FarEndScript};
use serde_json::{Value, json};

use crate::support::Bot;

async fn bot() -> Bot {
    Bot::start(EmulatorSettings::default(), FarEndScript::new()).await
}

/// Status and code of a refusal whose body has Graph's shape.
async fn refusal(response: reqwest::Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let request_id = response.headers()["request-id"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    let error = &body["error"];
    assert_eq!(error["innerError"]["request-id"], request_id);
    assert!(error["innerError"]["date"].as_str().unwrap().starts_with("20"));
    let text = |name: &str| error[name].as_str().unwrap().to_owned();
    (status, text("code"), text("message"))
}

#[tokio::test]
async fn a_wrong_secret_gets_no_token() {
    let bot = bot().await;
    let (status, body) = bot.request_token("wrong").await;
    assert_eq!((status, &body["error"]), (401, &json!("invalid_client")));
}

#[tokio::test]
async fn without_a_token_nothing_is_done() {
    let bot = bot().await;
    for token in ["", "made-up"] {
        let request = bot.http.post(bot.calls_url()).bearer_auth(token).header("client-request-id", "my-id");
        let response = request.body("{}").send().await.unwrap();
        assert_eq!(response.headers()["client-request-id"], "my-id");
        let (status, code, _) = refusal(response).await;
        assert_eq!((status, code.as_str()), (401, "InvalidAuthenticationToken"));
    }
}

#[tokio::test]
async fn each_mistake_has_its_answer() {
    let bot = bot().await;
    let blob = bot.session().blob().to_string();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut body = bot.body(&blob);
        change(&mut body);
        body.to_string()
    };
    let meeting = |body: &mut Value| {
        body["meetingInfo"] = json!({
            "@odata.type": "#microsoft.graph.joinMeetingIdMeetingInfo", "joinMeetingId": "1234567", "passcode": null,
        });
    };
    let offer: Value = serde_json::from_str(&blob).unwrap();
    let with_sdp = |sdp: &str| {
        let mut offer = offer.clone();
        offer["description"]["sdp"] = json!(sdp);
        offer.to_string()
    };
    let sdp = offer["description"]["sdp"].as_str().unwrap();
    for (body, status, code, message) in [
        ("{\"callbackUri\":".to_owned(), 400, "BadRequest", "Unable to read JSON"),
        ("[".repeat(100_000), 400, "BadRequest", "Unable to read JSON"),
        (changed(&|body| body["callbackUri"] = Value::Null), 400, "BadRequest", "callbackUri is required"),
        (
            changed(&|body| body["callbackUri"] = json!("https://bot.contoso.com/x")),
            400,
            "BadRequest",
            "loopback",
        ),
        (
            changed(&|body| body["callbackUri"] = json!("file:///etc/passwd")),
            400,
            "BadRequest",
            "http or https",
        ),
        (changed(&|body| body["mediaConfig"] = Value::Null), 400, "8523", "Missing mediaConfig"),
        (changed(&|body| body["mediaConfig"]["blob"] = Value::Null), 400, "8523", "Missing mediaConfig"),
        (
            changed(&|body| body["mediaConfig"]["blob"] = json!("<opaque>")),
            400,
            "BadRequest",
            "offhook/1 only",
        ),
        (
            changed(&|body| body["mediaConfig"]["blob"] = json!(&blob[..200])),
            400,
            "BadRequest",
            "ends too early",
        ),
        (
            changed(&|body| body["mediaConfig"]["blob"] = json!("x".repeat(100_000))),
            400,
            "BadRequest",
            "65536",
        ),
        (
            changed(&|body| body["mediaConfig"]["blob"] = json!(with_sdp("v=0\r\nm=audio"))),
            400,
            "BadRequest",
            "line 2: m= is malformed",
        ),
        (
            changed(&|body| {
                body["mediaConfig"]["blob"] = json!(with_sdp(&sdp.replace("m=audio 9 ", "m=audio x ")))
            }),
            400,
            "BadRequest",
            "Invalid media blob",
        ),
        (changed(&|body| body["targets"] = json!([])), 400, "BadRequest", "targets or meetingInfo"),
        (
            changed(&|body| body["targets"][0]["identity"]["user"]["id"] = json!("nobody")),
            404,
            "NotFound",
            "no user nobody",
        ),
        (changed(&|body| meeting(body)), 403, "7505", "tenant mismatch"),
        (
            changed(&|body| {
                meeting(body);
                body["tenantId"] = json!(bot.emulator.tenant_id());
            }),
            400,
            "BadRequest",
            "passcode is wrong",
        ),
    ] {
        let (got, got_code, said) = refusal(bot.post(body.clone()).await).await;
        let shown = &body[..body.len().min(300)];
        assert_eq!((got, got_code.as_str()), (status, code), "{said} for {shown}");
        assert!(said.contains(message), "{said:?} does not say {message:?}");
    }
    let huge = bot.post(vec![b'x'; 2 << 20]).await;
    assert_eq!(refusal(huge).await.0, 413);
    let mut session = bot.session();
    bot.call(bot.body(&session.blob().to_string()), &mut session).await;
    session.connected().await.unwrap();
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    let bot = bot().await;
    let get = |path: &str| {
        bot.http.get(format!("{}{path}", bot.emulator.graph_url())).bearer_auth(&bot.token).send()
    };
    let (status, code, _) = refusal(get("/v1.0/communications/calls/none").await.unwrap()).await;
    assert_eq!((status, code.as_str()), (404, "8522"));
    assert_eq!(refusal(get("/v1.0/users").await.unwrap()).await.0, 404);
}

#[tokio::test]
async fn a_permission_that_was_not_granted_is_named() {
    for (missing, code) in [("Calls.Initiate.All", "7504"), ("Calls.AccessMedia.All", "7504")] {
        let granted = ALL_PERMISSIONS.into_iter().filter(|permission| *permission != missing);
        let bot = Bot::start(EmulatorSettings::default().permissions(granted), FarEndScript::new()).await;
        let body = bot.body(&bot.session().blob().to_string()).to_string();
        let response = bot.post(body).await;
        assert_eq!(response.status(), 403);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["code"], code);
        assert!(!body["error"]["message"].as_str().unwrap().contains(missing), "Graph does not say which");
        assert!(body["error"]["innerError"]["message"].as_str().unwrap().contains(missing), "{body}");
    }
}
