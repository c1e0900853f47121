//! What is kept of calls that are over.

use offhook_emulator::{EmulatorSettings, FarEndScript, FarEndState};

use crate::support::{Bot, word};

/// Far ends that are kept of calls that are over.
const KEPT: usize = 100;

/// Makes a call, which media connects where that is waited for, and hangs up; gives its id.
async fn made_and_ended(bot: &mut Bot, connects: bool) -> String {
    let mut session = bot.session();
    let call = bot.call(bot.body(&session.blob().to_string()), &mut session).await;
    let id = call["id"].as_str().unwrap().to_owned();
    while connects && bot.next().await.state() != Some("established") {}
    let url = format!("{}/{id}", bot.calls_url());
    assert_eq!(bot.http.delete(url).bearer_auth(&bot.token).send().await.unwrap().status(), 204);
    while bot.next().await.state() != Some("terminated") {}
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn the_far_ends_of_the_latest_hundred_calls_that_are_over_can_be_asked_and_no_older_one() {
    let mut bot = Bot::start(EmulatorSettings::default(), FarEndScript::new()).await;
    let mut over = Vec::new();
    for _ in 0..KEPT + 2 {
        over.push(made_and_ended(&mut bot, false).await);
    }
    let (gone, kept) = over.split_at(2);
    for call in gone {
        assert!(bot.emulator.far_end(call).await.is_none(), "{call} is one of the oldest");
        // To the service it is a call that is over, as any other.
        let asked = bot.http.get(format!("{}/{call}", bot.calls_url())).bearer_auth(&bot.token);
        let asked = asked.send().await.unwrap();
        assert_eq!(asked.status(), 404);
        assert_eq!(asked.json::<serde_json::Value>().await.unwrap()["error"]["code"], "8522");
    }
    for call in kept {
        let far_end = bot.emulator.far_end(call).await.expect("it is one of the latest");
        assert_eq!(far_end.reached(FarEndState::Closed).await, FarEndState::Closed);
    }
    assert!(bot.emulator.far_end("no call").await.is_none(), "nobody is waited for who will not come");
}

/// ```sh
/// cargo test -p offhook-emulator --test service memory -- --ignored --nocapture
/// ```
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures: six hundred calls, for minutes"]
async fn what_memory_grows_by_for_each_call_that_is_over() {
    let mut bot = Bot::start(EmulatorSettings::default(), FarEndScript::new().say(word())).await;
    // The timeline keeps 8 MiB: what is measured begins with all of it there.
    let url = format!("{}/emulator/faults/requests", bot.emulator.graph_url());
    for _ in 0..4_000 {
        let nonsense = bot.http.post(&url).json(&"x".repeat(3_000)).send().await.unwrap();
        assert_eq!(nonsense.status(), 400);
    }
    let mut before = 0;
    for number in 0..=600 {
        if number == 200 {
            before = resident_kib();
        }
        if number % 100 == 0 {
            println!("{number:4} calls: {} KiB resident", resident_kib());
        }
        made_and_ended(&mut bot, true).await;
    }
    let grown = resident_kib() as i64 - before as i64;
    println!("{grown} KiB more after 400 calls: {:.1} KiB a call", grown as f64 / 400.0);
    assert!(grown < 400 * 36, "a tenth of what it was when all far ends were kept");
}

/// What this process holds of memory: bot and emulator together.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}
