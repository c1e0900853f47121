//! The page's addresses: what is seen of a call there, and by whom.

use offhook_emulator::{Emulator, EmulatorError, EmulatorSettings, FarEndScript};
use offhook_media::{AudioFormat, AudioFrame, MediaInstant};
use serde_json::{Value, json};

use crate::support::{Bot, tone};

/// Events of the stream that a page reads.
struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(http: &reqwest::Client, url: &str, last: Option<&str>) -> Self {
        let request = http.get(format!("{url}/emulator/events"));
        let request = last.into_iter().fold(request, |request, last| request.header("last-event-id", last));
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event: its id, its name, its data.
    async fn next(&mut self) -> (String, String, Value) {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .unwrap_or_default()
                        .trim()
                        .to_owned()
                };
                let data = field("data:");
                if !data.is_empty() {
                    return (field("id:"), field("event:"), serde_json::from_str(&data).unwrap());
                }
                continue;
            }
            let more = self.response.chunk().await.unwrap().expect("the stream goes on");
            self.text.push_str(std::str::from_utf8(&more).unwrap());
        }
    }

    /// The next event of this name that `wanted` is true of.
    async fn find(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> (String, Value) {
        loop {
            let (id, event, data) = self.next().await;
            if event == name && wanted(&data) {
                return (id, data);
            }
        }
    }
}

/// A bot's metrics, as `offhook::metrics_router` serves them; gives their address.
async fn metrics_of(platform: &offhook_media::MediaPlatform) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/metrics", listener.local_addr().unwrap());
    let platform = platform.clone();
    let told = axum::routing::get(move || async move { platform.prometheus() });
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().route("/metrics", told)).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_told_how_long_the_stages_take_in_the_room_and_in_the_bots_engine() {
    let mut bot = Bot::start(EmulatorSettings::default(), FarEndScript::new()).await;
    let settings = EmulatorSettings::default().bot_metrics(metrics_of(&bot.platform).await);
    bot = Bot { platform: bot.platform, ..Bot::start(settings, FarEndScript::new().say(tone())).await };
    let url = bot.emulator.graph_url();
    let mut stream = Stream::open(&bot.http, &url, None).await;
    let mut session = bot.session();
    let call = bot.call(bot.body(&session.blob().to_string()), &mut session).await;
    let (mut listener, mut speaker) = session.take_audio_socket().unwrap().split();
    let _listening = tokio::spawn(async move { while listener.receive().await.is_ok() {} });
    let _speaking = tokio::spawn(async move {
        let frame = AudioFrame::new(AudioFormat::Pcm16K, MediaInstant::ZERO, &[900; 320]).unwrap();
        while speaker.send(&frame).await.is_ok() {}
    });
    // With somebody more, the room mixes.
    let room = call["id"].as_str().unwrap();
    let members = format!("{url}/emulator/rooms/{room}/members");
    let hum = json!({"script": {"tone": 700}, "name": "Hum"});
    assert_eq!(bot.http.post(&members).json(&hum).send().await.unwrap().status(), 201);
    let took = |stages: &Value, name: &str| {
        stages.as_array().unwrap().iter().any(|stage| {
            stage["stage"] == name
                && stage["count"].as_u64().unwrap() > 0
                && stage["p50Ms"].as_f64().unwrap() <= stage["p99Ms"].as_f64().unwrap()
        })
    };
    let all_told = |stages: &Value| {
        let engine = ["jitter_buffer", "decode", "encode", "wire_out", "tick_lateness"];
        let Some(mixing) = stages["rooms"].as_array().unwrap().iter().find(|found| found["room"] == room)
        else {
            return false;
        };
        let Some(member) = mixing["members"].as_array().unwrap().iter().find(|member| member["id"] == room)
        else {
            return false;
        };
        engine.iter().all(|name| took(&stages["bot"]["stages"], name))
            && ["tick_lateness", "mix"].iter().all(|name| took(&mixing["stages"], name))
            && ["queue", "out"].iter().all(|name| took(&member["stages"], name))
            && member["roundTripMs"].as_f64().is_some_and(|trip| trip > 0.0)
            && member["jitterMs"].as_f64().is_some_and(|jitter| jitter > 0.0)
    };
    stream.find("stages", all_told).await;
    // The bot is gone, and the page is told so.
    let settings = EmulatorSettings::default().bot_metrics("http://127.0.0.1:1/metrics");
    let alone = Emulator::start(settings).await.unwrap();
    let mut stream = Stream::open(&bot.http, &alone.graph_url(), None).await;
    let (_, stages) = stream.find("stages", |_| true).await;
    assert_eq!(stages["bot"]["problem"], "it cannot be reached");
}

#[tokio::test]
async fn metrics_are_read_on_loopback_only_unless_it_is_told_otherwise() {
    for (address, beyond, starts) in [
        ("http://localhost:9464/metrics", false, true),
        ("http://192.0.2.1/metrics", false, false),
        ("http://192.0.2.1/metrics", true, true),
        ("file:///etc/passwd", true, false),
        ("metrics", true, false),
    ] {
        let settings =
            EmulatorSettings::default().bot_metrics(address).allow_callbacks_beyond_loopback(beyond);
        let started = Emulator::start(settings).await;
        let refused = matches!(started.err(), Some(EmulatorError::BotMetrics { .. }));
        assert_eq!(refused, !starts, "{address}");
    }
}

#[tokio::test]
async fn a_page_sees_a_call_from_the_first_request_to_its_end_and_no_secret() {
    let mut bot = Bot::start(EmulatorSettings::default(), FarEndScript::new().say(tone())).await;
    let url = bot.emulator.graph_url();
    let mut page = Stream::open(&bot.http, &url, None).await;
    let (_, state) = page.find("state", |_| true).await;
    assert_eq!((&state["calls"], &state["users"][0]["name"]), (&json!([]), &json!("Ada")));
    assert_eq!(state["meetings"][0]["joinMeetingId"], "1234567");

    let mut session = bot.session();
    let body = bot.body(&session.blob().to_string());
    let call = bot.call(body, &mut session).await;
    let id = call["id"].as_str().unwrap();
    page.find("timeline", |entry| {
        entry["path"].as_str().is_some_and(|path| path.ends_with("/oauth2/v2.0/token"))
    })
    .await;
    let (_, created) =
        page.find("timeline", |entry| entry["kind"] == "request" && entry["status"] == 201).await;
    assert_eq!((created["method"].as_str(), created["call"].as_str()), (Some("POST"), Some(id)));
    assert_eq!(created["answer"]["state"], "establishing");
    let (last, told) = page.find("timeline", |entry| entry["kind"] == "notification").await;
    assert_eq!((&told["attempt"], &told["status"], &told["call"]), (&json!(1), &json!(200), &json!(id)));
    assert_eq!(told["body"]["value"][0]["resourceData"]["state"], "establishing");
    page.find("timeline", |entry| entry["of"] == "media" && entry["state"] == "connected").await;
    let (_, state) = page.find("state", |state| state["calls"][0]["state"] == "established").await;
    assert_eq!(state["calls"][0]["participants"].as_array().unwrap().len(), 2);

    // One that was cut off goes on where it was.
    let mut again = Stream::open(&bot.http, &url, Some(&last)).await;
    let (next, entry) = again.find("timeline", |_| true).await;
    let number = |id: &str| id.rsplit_once('.').unwrap().1.parse::<u64>().unwrap();
    assert_eq!((number(&next), entry["id"].as_u64()), (number(&last) + 1, Some(number(&last) + 1)));
    // The ids of another run say nothing.
    let mut stranger = Stream::open(&bot.http, &url, Some("other.1000")).await;
    assert_eq!(stranger.find("timeline", |_| true).await.1["id"], 1);

    let hang_up = bot.http.delete(format!("{}/{id}", bot.calls_url())).bearer_auth(&bot.token);
    assert_eq!(hang_up.send().await.unwrap().status(), 204);
    page.find("timeline", |entry| entry["of"] == "call" && entry["state"] == "terminated").await;
    page.find("state", |state| state["calls"] == json!([])).await;
    let mut pwd = None;
    while let Some(callback) = bot.callbacks.recv().await {
        pwd = pwd.or(Some(callback.token.clone()));
        if callback.state() == Some("terminated") {
            break;
        }
    }

    let export = bot.http.get(format!("{url}/emulator/timeline")).send().await.unwrap();
    assert_eq!(export.headers()["content-type"], "application/x-ndjson");
    let export = export.text().await.unwrap();
    let lines: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.windows(2).all(|pair| pair[0]["id"].as_u64() < pair[1]["id"].as_u64()), "in order");
    let ice = |blob: &Value| {
        let blob = blob["mediaConfig"]["blob"].as_str().unwrap_or_default();
        let (_, after) = blob.split_once("a=ice-pwd:").expect("blobs have it");
        after.chars().take_while(|c| !"\\\r\n\"".contains(*c)).collect::<String>()
    };
    let secrets = [bot.emulator.client_secret(), &bot.token, &pwd.unwrap(), &ice(&call)];
    for secret in secrets {
        assert!(secret.len() > 8 && !export.contains(secret), "{secret} is in the timeline");
    }
}

#[tokio::test]
async fn a_page_that_reads_too_slowly_is_told_what_it_has_missed_and_holds_nobody_up() {
    let emulator = Emulator::start(EmulatorSettings::default()).await.unwrap();
    let http = reqwest::Client::new();
    let url = emulator.graph_url();
    let mut page = Stream::open(&http, &url, None).await;
    // What it has room for on the way is a part of this: the timeline keeps 8 MiB.
    for _ in 0..5_000 {
        let nonsense = http.post(format!("{url}/emulator/calls")).json(&"x".repeat(6_000));
        assert_eq!(nonsense.send().await.unwrap().status(), 400);
    }
    let (_, missed) = page.find("missed", |_| true).await;
    let (_, next) = page.find("timeline", |_| true).await;
    assert!(missed.as_u64().unwrap() > 0 && next["id"].as_u64().unwrap() > missed.as_u64().unwrap());
}

#[tokio::test]
async fn faults_are_shown_and_can_be_taken_away_one_by_one() {
    let bot = Bot::start(EmulatorSettings::default(), FarEndScript::new()).await;
    let url = bot.emulator.graph_url();
    let mut page = Stream::open(&bot.http, &url, None).await;
    let arm = async |kind: &str, fault: Value| {
        let answer =
            bot.http.post(format!("{url}/emulator/faults/{kind}")).json(&fault).send().await.unwrap();
        assert_eq!(answer.status(), 204);
    };
    arm("requests", json!({"on": "create", "effect": {"fail": {"status": 503}}})).await;
    arm("notifications", json!({"on": "any", "effect": {"late": "2s"}, "chance": 0.5})).await;
    arm("media", json!({"on": "any", "effect": "portClosed", "next": 1})).await;
    let (_, state) = page.find("state", |state| state["faults"]["media"][0].is_object()).await;
    assert_eq!(
        state["faults"],
        json!({
            "requests": [{"id": 1, "on": "create", "effect": {"fail": {"status": 503}}}],
            "notifications": [{"id": 2, "on": "any", "effect": {"late": "2s"}, "chance": 0.5}],
            "media": [{"id": 3, "on": "any", "effect": "portClosed", "next": 1}],
        })
    );
    let session = bot.session();
    let body = bot.body(&session.blob().to_string());
    assert_eq!(bot.post(body.to_string()).await.status(), 503);
    let (_, refused) = page.find("timeline", |entry| entry["status"] == 503).await;
    assert_eq!(refused["fault"], r#"{"fail":{"status":503}}"#);
    let remove = async |id: u64| {
        let path = format!("{url}/emulator/faults/{id}");
        bot.http.delete(path).send().await.unwrap().status().as_u16()
    };
    assert_eq!((remove(1).await, remove(1).await), (204, 404));
    page.find("state", |state| state["faults"]["requests"] == json!([])).await;
    assert_eq!(bot.post(body.to_string()).await.status(), 201);
}

#[tokio::test]
async fn media_that_is_made_to_fail_does_not_connect() {
    for effect in ["portClosed", "wrongCertificate"] {
        let settings = EmulatorSettings::default().media_timeout(std::time::Duration::from_secs(1));
        let mut bot = Bot::start(settings, FarEndScript::new()).await;
        let fault = serde_json::from_value(json!({"on": "any", "effect": effect})).unwrap();
        bot.emulator.add_media_fault(fault);
        let mut session = bot.session();
        let body = bot.body(&session.blob().to_string());
        bot.call(body, &mut session).await;
        let mut states = Vec::new();
        while states.last().map(String::as_str) != Some("terminated") {
            states.extend(bot.next().await.state().map(str::to_owned));
        }
        assert_eq!(states, ["establishing", "terminated"], "{effect}");
    }
}

#[tokio::test]
async fn what_is_done_can_be_downloaded_as_a_scenario() {
    let bot = Bot::start(EmulatorSettings::default(), FarEndScript::new()).await;
    let url = bot.emulator.graph_url();
    let recording = format!("{url}/emulator/recording");
    assert_eq!(bot.http.get(&recording).send().await.unwrap().status(), 404);
    assert_eq!(bot.http.post(&recording).send().await.unwrap().status(), 204);
    let expire = bot.http.post(format!("{url}/emulator/tokens/expire"));
    assert_eq!(expire.send().await.unwrap().status(), 204);
    let scenario = bot.http.get(&recording).send().await.unwrap().text().await.unwrap();
    assert!(scenario.contains("do = \"expireTokens\"") && scenario.contains("id = \"ada\""), "{scenario}");
    offhook_emulator::Scenario::from_toml(&scenario, "recorded.toml").unwrap();
    assert_eq!(bot.http.delete(&recording).send().await.unwrap().status(), 204);
    assert_eq!(bot.http.get(&recording).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_page_comes_from_the_emulator_and_lets_nothing_else_in() {
    let emulator = Emulator::start(EmulatorSettings::default()).await.unwrap();
    let http = reqwest::Client::new();
    let page = http.get(emulator.page_url()).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(page.text().await.unwrap().contains("offhook"));
    let own = emulator.graph_url();
    for (origin, expected) in [(own.as_str(), 204), ("http://page.test", 403), ("null", 403)] {
        let request = http.post(format!("{own}/emulator/tokens/expire")).header("origin", origin);
        assert_eq!(request.send().await.unwrap().status(), expected, "{origin}");
    }
    let rebound = http.get(format!("{own}/emulator/state")).header("host", "page.test");
    assert_eq!(rebound.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn beyond_loopback_people_need_the_token_that_is_printed() {
    let settings = EmulatorSettings::default().listen("0.0.0.0:0".parse().unwrap());
    let refused = Emulator::start(settings.clone()).await.err();
    assert!(matches!(refused, Some(EmulatorError::NotExposed { .. })), "{refused:?}");
    let emulator = Emulator::start(settings.expose("t0ken-of-page", ["bots.test"])).await.unwrap();
    let port = emulator.address().port();
    assert_eq!(emulator.page_url(), format!("http://bots.test:{port}/?token=t0ken-of-page"));
    let own = format!("http://127.0.0.1:{port}");
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let status = async |path: &str, cookie: &str| {
        http.get(format!("{own}{path}")).header("cookie", cookie).send().await.unwrap().status().as_u16()
    };
    assert_eq!((status("/", "").await, status("/emulator/state", "").await), (401, 401));
    let signed_in = http.get(format!("{own}/?token=t0ken-of-page")).send().await.unwrap();
    assert_eq!((signed_in.status().as_u16(), &signed_in.headers()["location"]), (303, &"/".parse().unwrap()));
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!((status("/", &cookie).await, status("/emulator/state", &cookie).await), (200, 200));
}
