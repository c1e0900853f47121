//! Scenarios from files, and the emulator's own addresses.

use offhook_emulator::{Emulator, EmulatorSettings, IncomingCall, Scenario};
use serde_json::{Value, json};

use crate::caller::Caller;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/scenario.toml");

async fn playing(scenario: Scenario) -> Caller {
    let emulator = Emulator::start_scenario(EmulatorSettings::default(), scenario).await.unwrap();
    Caller::in_emulator(emulator).await
}

fn read(text: &str) -> Result<Scenario, String> {
    Scenario::from_toml(text, EXAMPLE).map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_example_can_be_played() {
    let example = Scenario::from_file(EXAMPLE).unwrap();
    assert_eq!(example.user_ids().collect::<Vec<_>>(), ["ada", "grace", "echo", "quiet"]);
    assert_eq!(example.join_ids().collect::<Vec<_>>(), [("1234567890", Some("psw123"))]);
    let mut bot = playing(example).await;
    for _ in 0..2 {
        assert_eq!(bot.create().send().await.unwrap().headers()["retry-after"], "2.128");
    }
    // One in a hundred fails, and the seed decides which.
    bot.emulator.clear_faults();
    bot.created(bot.create()).await;
    assert_eq!(bot.states().await, ["establishing", "established"]);
}

#[test]
fn an_empty_scenario_is_an_empty_tenant() {
    let scenario = read("").unwrap();
    assert_eq!((scenario.user_ids().count(), scenario.join_ids().count()), (0, 0));
}

#[tokio::test]
async fn what_a_scenario_grants_and_swaps_is_what_the_bot_meets() {
    let text = r#"
        tenant.permissions = ["Calls.Initiate.All"]
        users = [{ id = "ada" }]
        meetings = [{ joinId = "1234567", participants = ["ada"] }]
        [[faults.notifications]]
        on = "state:establishing"
        effect = "afterNext"
    "#;
    let mut bot = playing(read(text).unwrap()).await;
    assert_eq!(bot.join().send().await.unwrap().status(), 403, "joining was not granted");
    bot.created(bot.create()).await;
    assert_eq!(bot.states().await, ["established", "establishing"]);
}

#[tokio::test]
async fn a_happening_comes_after_the_state_that_it_waits_for() {
    let text = r#"
        users = [{ id = "ada" }]
        [[happenings]]
        after = "established"
        call = 2
        do = "hold"
        [[happenings]]
        after = "hold"
        do = "resume"
        [[happenings]]
        after = "terminated"
        call = 1
        do = "expireTokens"
    "#;
    let mut bot = playing(read(text).unwrap()).await;
    let first = bot.created(bot.create()).await;
    let second = bot.created(bot.create()).await;
    let (mut of_first, mut of_second) = (Vec::new(), Vec::new());
    while of_second.len() < 4 || of_first.len() < 2 {
        let post = bot.next().await;
        let states = if second["id"] == post.call_id() { &mut of_second } else { &mut of_first };
        states.push(post.state().to_owned());
    }
    assert_eq!(of_second, ["establishing", "established", "hold", "established"]);
    assert_eq!(of_first, ["establishing", "established"], "nothing happens in the first call");
    assert_eq!(bot.hang_up(&first).await, 204);
    assert_eq!(bot.next().await.state(), "terminating");
    assert_eq!(bot.next().await.state(), "terminated");
    // Nothing tells a bot that its token has expired but the next answer.
    let none = json!({"id": "none"});
    let mut tries = 0..1000;
    while bot.hang_up(&none).await != 401 {
        tries.next().unwrap();
    }
}

#[tokio::test]
async fn a_bot_that_is_called_can_find_the_caller_gone() {
    let text = r#"
        users = [{ id = "ada" }, { id = "grace", name = "Grace" }]
        meetings = [{ joinId = "1", lobby = true, participants = ["ada", "grace"] }]
        [[happenings]]
        after = "incoming"
        do = "hangUp"
    "#;
    let mut bot = playing(read(text).unwrap()).await;
    let id = bot.emulator.call_bot(IncomingCall::new(&bot.callback_uri, "grace")).await.unwrap();
    let incoming = bot.next().await;
    assert_eq!((incoming.state(), incoming.call_id()), ("incoming", id.as_str()));
    assert_eq!(incoming.data()["source"]["identity"]["user"]["displayName"], "Grace");
    assert_eq!(bot.next().await.state(), "terminated");
}

#[test]
fn each_mistake_is_told_with_file_line_and_key() {
    let user = "[[users]]\nid = 'ada'\n";
    for (text, line, key, said) in [
        ("seed = 1\nseed = 2", 2, ".", "duplicate key"),
        ("[tenant", 1, ".", "unclosed table"),
        ("seed = -1", 1, "seed", "expected u64"),
        ("\nsead = 1", 2, "sead", "unknown field `sead`"),
        ("[timers]\ntokenLifetime = '5'", 2, "timers.tokenLifetime", "`5` is not a duration"),
        ("[timers]\nscale = 0.0", 2, "timers.scale", "above 0"),
        ("[tenant]\npermissions = ['Calls.All']", 2, "tenant.permissions[0]", "`Calls.All` is no permission"),
        ("[[users]]\nname = 'Ada'", 1, "users[0]", "missing field `id`"),
        (&format!("{user}then = 'shout'"), 3, "users[0].then", "unknown variant `shout`"),
        (&format!("{user}{user}"), 4, "users[1].id", "`ada` is there already"),
        (&format!("{user}says = 'nothing.wav'"), 3, "users[0].says", "nothing.wav"),
        (&format!("{user}says = 'built-in'\necho = true"), 4, "users[0].echo", "either says something"),
        (
            &format!("{user}[[meetings]]\njoinId = '1'\nparticipants = [\n'ada',\n'eve']"),
            7,
            "meetings[0].participants[1]",
            "no user `eve`",
        ),
        (&format!("{user}picksUp = 'later'"), 3, "users[0].picksUp", "`later` is neither"),
        (&format!("{user}[[meetings]]\nparticipants = ['ada']"), 3, "meetings[0]", "joinId, a threadId"),
        ("[[happenings]]\ndo = 'hold'", 1, "happenings[0]", "either `at` or `after`"),
        ("[[happenings]]\nat = '1s'\ndo = 'hold'", 1, "happenings[0]", "`after` says in which state"),
        ("[[happenings]]\nafter = 'asleep'\ndo = 'hold'", 2, "happenings[0].after", "not a state"),
        ("[[happenings]]\nafter = 'redirecting'\ndo = 'hold'", 2, "happenings[0].after", "is told of"),
        (
            "[[happenings]]\nat = '1s'\ndo.callBot = { callbackUri = 'ftp://x', from = '+1' }",
            3,
            "happenings[0].do.callBot.callbackUri",
            "http or https",
        ),
        (
            "[[faults.notifications]]\non = 'state:redirecting'\neffect = 'never'",
            2,
            "faults.notifications[0].on",
            "state:STATE",
        ),
        ("[[happenings]]\nafter = 'hold'\ncall = 0\ndo = 'hold'", 1, "happenings[0]", "counted from 1"),
        (
            "[[happenings]]\nafter = 'hold'\ndo = { mute = 'eve' }",
            3,
            "happenings[0].do.mute",
            "no user `eve`",
        ),
        (
            &format!(
                "{user}[[happenings]]\nat = '1s'\ndo.callBot = {{ callbackUri = 'http://x', from = 'ada', meeting = 'm' }}"
            ),
            5,
            "happenings[0].do.callBot.meeting",
            "no meeting `m`",
        ),
        (
            "[[faults.requests]]\non = 'creation'\neffect = 'drop'",
            2,
            "faults.requests[0].on",
            "`creation` is not the name",
        ),
        (
            "[[faults.notifications]]\non = 'any'\nnext = 1\nchance = 0.5\neffect = 'never'",
            1,
            "faults.notifications[0]",
            "either `next` or `chance`",
        ),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(said), "{error:?} does not say {said:?}");
        let place = format!("scenario.toml, line {line}, {key}: ");
        assert!(error.contains(&place), "{error:?} does not say {place:?}");
    }
    let missing = Scenario::from_file("none.toml").unwrap_err().to_string();
    assert!(missing.starts_with("cannot read none.toml: "), "{missing}");
}

#[tokio::test]
async fn what_a_scenario_wants_and_its_settings_do_not_give_is_told_before_it_begins() {
    let start = async |text: &str, settings: EmulatorSettings| {
        let started = Emulator::start_scenario(settings, read(text).unwrap()).await;
        started.map(drop).map_err(|error| error.to_string())
    };
    let admit = |who: &str| format!("[[happenings]]\nafter = 'established'\ndo.admit = '{who}'");
    let calls = "[[happenings]]\nat = '1h'\ndo.callBot = { callbackUri = 'http://bot.test', from = '+1' }";
    let own = EmulatorSettings::default().application("own", "secret");
    assert_eq!(start(&admit("own"), own.clone()).await, Ok(()));
    assert_eq!(start(&format!("tenant.clientId = 'x'\n{}", admit("x")), own).await, Ok(()));
    assert_eq!(start(calls, EmulatorSettings::default().allow_callbacks_beyond_loopback(true)).await, Ok(()));
    for (text, key, said) in [
        (&admit("typo"), "happenings[0].do.admit", "`typo`"),
        (&calls.to_owned(), "happenings[0].do.callBot.callbackUri", "loopback only"),
    ] {
        let error = start(text, EmulatorSettings::default()).await.unwrap_err();
        let place = format!("scenario.toml, line 3, {key}: ");
        assert!(error.contains(&place) && error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn the_thread_of_a_meeting_is_the_one_of_the_file() {
    let text = r#"
        users = [{ id = "ada" }]
        meetings = [{ joinId = "1234567", threadId = "19:abc@thread.v2", participants = ["ada"] }]
    "#;
    let bot = playing(read(text).unwrap()).await;
    let call = bot.created(bot.join()).await;
    assert_eq!(call["chatInfo"]["threadId"], "19:abc@thread.v2");
}

async fn control(bot: &Caller, path: &str, body: Value) -> (u16, Value) {
    let response = bot.http.post(bot.url(&format!("/emulator{path}"))).json(&body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

#[tokio::test]
async fn faults_and_tokens_are_in_reach_of_tests_in_other_languages() {
    let mut bot = Caller::start().await;
    let fault = json!({"on": "create", "next": 1, "effect": {"fail": {"status": 503}}});
    assert_eq!(control(&bot, "/faults/requests", fault.clone()).await.0, 204);
    assert_eq!(bot.create().send().await.unwrap().status(), 503);
    let swap = json!({"on": "state:establishing", "effect": "afterNext"});
    assert_eq!(control(&bot, "/faults/notifications", swap).await.0, 204);
    bot.created(bot.create()).await;
    assert_eq!(bot.states().await, ["established", "establishing"]);
    control(&bot, "/faults/requests", fault).await;
    let cleared = bot.http.delete(bot.url("/emulator/faults")).send().await.unwrap();
    assert_eq!(cleared.status(), 204);
    bot.created(bot.create()).await;
    assert_eq!(control(&bot, "/keys/rotate", json!({"oldKey": "keep"})).await.0, 204);
    assert_eq!(control(&bot, "/tokens/expire", json!({})).await.0, 204);
    assert_eq!(bot.create().send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn what_people_do_is_in_reach_of_tests_in_other_languages() {
    let mut bot = Caller::start().await;
    let call = json!({"callbackUri": bot.callback_uri, "from": "ada"});
    let (status, incoming) = control(&bot, "/calls", call).await;
    let post = bot.next().await;
    assert_eq!((status, post.state(), &incoming["id"]), (201, "incoming", &json!(post.call_id())));
    let path = |call: &Value, rest: &str| format!("/calls/{}/{rest}", call["id"].as_str().unwrap());
    assert_eq!(control(&bot, &path(&incoming, "hangUp"), json!({})).await.0, 204);
    assert_eq!(bot.next().await.state(), "terminated");

    let call = bot.created(bot.join()).await;
    assert_eq!(bot.states().await, ["establishing", "established", "participants"]);
    for (rest, body, told) in [
        ("participants", json!({"user": "grace"}), &["participants"][..]),
        ("participants/grace/mute", json!({}), &["participants"]),
        ("participants/grace/startSharing", json!({}), &["participants"]),
        ("participants/grace/stopSharing", json!({}), &["participants"]),
        ("participants/grace/unmute", json!({}), &["participants"]),
        ("hold", json!({}), &["hold"]),
        ("resume", json!({}), &["established"]),
    ] {
        let (status, answer) = control(&bot, &path(&call, rest), body).await;
        assert_eq!(status, 204, "{rest}: {answer}");
        for expected in told {
            assert_eq!(bot.next().await.state(), *expected, "after {rest}");
        }
    }
    let grace = bot.url(&format!("/emulator{}", path(&call, "participants/grace")));
    assert_eq!(bot.http.delete(&grace).send().await.unwrap().status(), 204);
    assert_eq!(bot.next().await.state(), "participants");
    assert_eq!(bot.http.delete(&grace).send().await.unwrap().status(), 404, "she has left");
    assert_eq!(control(&bot, &path(&call, "tones"), json!({"tone": "5"})).await.0, 204);
    assert_eq!(control(&bot, &path(&call, "endMeeting"), json!({})).await.0, 204);
    assert_eq!(bot.next().await.state(), "terminated");
}

#[tokio::test]
async fn what_cannot_happen_is_refused_and_no_fault_strikes_the_control() {
    let bot = Caller::start().await;
    let drop = json!({"on": "/**", "effect": "drop"});
    assert_eq!(control(&bot, "/faults/requests", drop).await.0, 204);
    for (path, body, status, said) in [
        ("/calls/none/hold", json!({}), 404, "Call not found"),
        ("/calls/none/tones", json!({"tone": "5"}), 404, "Call not found"),
        ("/calls/none/tones", json!({"tone": "E"}), 400, "tone: `E` is not a tone"),
        ("/calls/none/dance", json!({}), 404, "no dance"),
        ("/calls", json!({"callbackUri": "https://bot.contoso.com", "from": "ada"}), 400, "loopback"),
        ("/calls", json!({"callbackUri": "file:///x", "from": "ada"}), 400, "http or https"),
        (
            "/calls",
            json!({"callbackUri": bot.callback_uri, "from": "ada", "meeting": "7"}),
            404,
            "no such meeting",
        ),
        ("/calls", json!({"from": "ada"}), 400, "missing field `callbackUri`"),
        ("/faults/requests", json!({"on": "any", "effect": "explode"}), 400, "unknown variant `explode`"),
        ("/keys/rotate", json!({"oldKey": "sell"}), 400, "oldKey: unknown variant"),
    ] {
        let (got, answer) = control(&bot, path, body).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert_eq!(got, status, "{path}: {message}");
        assert!(message.contains(said), "{message:?} does not say {said:?}");
    }
    let expire = || bot.http.post(bot.url("/emulator/tokens/expire"));
    let from_a_page = expire().header("Origin", "http://127.0.0.1:9440").send().await.unwrap();
    assert_eq!(from_a_page.status(), 403);
    assert_eq!(expire().send().await.unwrap().status(), 204);
}
