//! Ways to sign in, and what becomes of tokens and keys.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, decode_header, encode};
use offhook_emulator::{Certificate, Emulator, EmulatorSettings, OldKey};
use serde_json::{Value, json};

use crate::caller::Caller;

#[tokio::test]
async fn a_token_that_was_made_to_expire_is_refused_and_a_new_one_is_good() {
    let mut bot = Caller::start().await;
    bot.emulator.expire_tokens();
    let refused = bot.create().send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let body: Value = refused.json().await.unwrap();
    assert!(body["error"]["message"].as_str().unwrap().contains("expired"), "{body}");
    bot.sign_in().await;
    bot.created(bot.create()).await;
}

#[tokio::test]
async fn a_token_that_was_asked_of_no_tenant_is_of_no_use_in_one() {
    let mut bot = Caller::start().await;
    let ask = async |tenant: &str| {
        let scope = format!("{}/.default", bot.emulator.graph_url());
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", bot.emulator.client_id()),
            ("client_secret", bot.emulator.client_secret()),
            ("scope", &scope),
        ];
        let address = bot.url(&format!("/{tenant}/oauth2/v2.0/token"));
        bot.http.post(address).form(&form).send().await.unwrap().json::<Value>().await.unwrap()
    };
    assert_eq!(ask("44444444-dddd-4ddd-8ddd-444444444444").await["error"], "invalid_request");
    let given = ask("common").await;
    given["access_token"].as_str().unwrap().clone_into(&mut bot.token);
    let refused = bot.create().send().await.unwrap();
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], "7505");
}

#[tokio::test]
async fn no_web_page_is_served_wherever_its_own_name_leads() {
    let bot = Caller::start().await;
    let page = ("Origin", "http://page.test:9440");
    let requests = [
        bot.create(),
        bot.http.post(bot.token_endpoint()),
        bot.http.get(bot.url("/v1/.well-known/keys")),
        bot.http.get(bot.url("/recordings/1")),
        bot.http.post(bot.url("/emulator/tokens/expire")),
    ];
    for request in requests {
        assert_eq!(request.header(page.0, page.1).send().await.unwrap().status(), 403);
    }
}

#[tokio::test]
async fn callbacks_are_signed_with_the_new_key_while_the_old_one_stays_or_goes() {
    let mut bot = Caller::start().await;
    let mut previous = String::new();
    for (old, is_kept) in [(None, false), (Some(OldKey::Keep), true), (Some(OldKey::Withdraw), false)] {
        if let Some(old) = old {
            bot.emulator.rotate_signing_key(old).await.unwrap();
        }
        let call = bot.created(bot.create()).await;
        let post = bot.next().await;
        assert_eq!(post.call_id(), call["id"]);
        let token = post.header("Authorization").trim_start_matches("Bearer ").to_owned();
        let signer = decode_header(&token).unwrap().kid.unwrap();
        assert_ne!(signer, previous);
        let published = bot.http.get(bot.url("/v1/.well-known/keys")).send().await.unwrap();
        let published: Value = published.json().await.unwrap();
        let has = |id: &str| published["keys"].as_array().unwrap().iter().any(|key| key["kid"] == id);
        assert!(has(&signer));
        assert_eq!(has(&previous), is_kept);
        previous = signer;
        assert_eq!(bot.next().await.state(), "established");
    }
}

fn assertion(bot: &Caller, audience: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let id = bot.emulator.client_id();
    let claims = json!({"iss": id, "sub": id, "aud": audience, "jti": "1", "nbf": now, "exp": now + 300});
    let pem = include_str!("../fixtures/private_key.pem");
    let key: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let key = EncodingKey::from_rsa_der(&STANDARD.decode(key).unwrap());
    encode(&Header::new(Algorithm::PS256), &claims, &key).unwrap()
}

#[tokio::test]
async fn an_assertion_signed_with_the_registered_certificate_gets_a_token() {
    let certificate = Certificate::from_pem(include_str!("../fixtures/certificate.pem")).unwrap();
    let settings = EmulatorSettings::default().certificate(certificate);
    let bot = Caller::in_emulator(Emulator::start(settings).await.unwrap()).await;
    let ask = async |assertion: &str| {
        let jwt_bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        bot.request_token(&[("client_assertion_type", jwt_bearer), ("client_assertion", assertion)]).await
    };
    let good = assertion(&bot, &bot.token_endpoint());
    assert_eq!(ask(&good).await.0, 200);
    for bad in [assertion(&bot, "https://login.microsoftonline.com"), good[..good.len() - 4].to_owned()] {
        let (status, answer) = ask(&bad).await;
        assert_eq!((status, &answer["error"]), (401, &json!("invalid_client")));
    }
}

#[tokio::test]
async fn a_managed_identity_gets_a_token_only_with_its_header() {
    let mut bot = Caller::start().await;
    let address =
        bot.url("/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fgraph");
    let ask = || bot.http.get(&address);
    assert_eq!(ask().send().await.unwrap().status(), 400);
    let forwarded = ask().header("Metadata", "true").header("X-Forwarded-For", "10.0.0.1");
    assert_eq!(forwarded.send().await.unwrap().status(), 400);
    let given: Value = ask().header("Metadata", "true").send().await.unwrap().json().await.unwrap();
    assert_eq!((&given["resource"], &given["expires_in"]), (&json!("https://graph"), &json!("3600")));
    given["access_token"].as_str().unwrap().clone_into(&mut bot.token);
    bot.created(bot.create()).await;
}
