//! `offhook emulator`: a tenant on this machine.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use offhook_emulator::{
    AfterSpeech, Clip, Emulator, EmulatorSettings, FarEndScript, Meeting, Scenario, User,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The join id and passcode of the meeting that is there.
const MEETING: (&str, &str) = ("1234567890", "psw123");

/// Run a Graph calls service with its tenant, users and a meeting, on this machine.
///
/// It prints the address of a page on standard error: open it in a browser to call your bot, join meetings, see every request
/// and notification, and let things go wrong.
///
/// Bots sign in, make calls and get signed callbacks as from Microsoft Graph; whoever they call answers over real WebRTC. One
/// line of JSON on standard output says where it listens and how to sign in; the log goes to standard error. Ctrl-C stops it.
///
/// Users: `ada` speaks, `echo` sends back what it hears, `quiet` listens. The meeting has join id 1234567890 and passcode
/// psw123; Ada waits in it. A scenario has users, meetings, happenings and faults of its own; docs/emulator.md describes it.
#[derive(Args)]
#[command(after_help = "Examples:

    offhook emulator
    offhook emulator --listen 127.0.0.1:0 --scenario assets/scenario.toml | jq .graph")]
pub(crate) struct Arguments {
    /// Where to listen; port 0 takes any free one. Beyond 127.0.0.1 it needs --expose.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9440")]
    listen: SocketAddr,
    /// Let other machines in, when --listen is an address that they reach; NAME is what they call this machine.
    ///
    /// Whoever has the token in the printed address can then see every call, hear it, join it, and call bots at any address that
    /// the emulator may call. Bots need no more than the application's id and secret, which everybody knows. What is sent is not
    /// encrypted but for the media. Browsers give a microphone to a page only on 127.0.0.1 or over HTTPS.
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    expose: Option<String>,
    /// What Ada says, again and again [default: built-in speech].
    #[arg(long, value_name = "FILE.wav")]
    speech: Option<PathBuf>,
    /// Who is there, what happens and what goes wrong, in place of the users and the meeting above.
    #[arg(long, value_name = "FILE.toml", conflicts_with = "speech")]
    scenario: Option<PathBuf>,
    /// Call bots back at any address, not only on this machine.
    #[arg(long)]
    callbacks_anywhere: bool,
    /// Where the bot tells its metrics: the page then draws how long each stage of its media engine takes.
    ///
    /// As `offhook::metrics_router` serves them, for example http://127.0.0.1:9464/metrics. Read each second while a page is open. On
    /// this machine only, unless --callbacks-anywhere is said.
    #[arg(long, value_name = "URL")]
    bot_metrics: Option<String>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    if !arguments.listen.ip().is_loopback() && arguments.expose.is_none() {
        return Err(format!(
            "{} can be reached from other machines: say --expose, too, if that is meant",
            arguments.listen
        )
        .into());
    }
    let settings = EmulatorSettings::default()
        .listen(arguments.listen)
        .allow_callbacks_beyond_loopback(arguments.callbacks_anywhere);
    let settings = match &arguments.bot_metrics {
        Some(address) => settings.bot_metrics(address),
        None => settings,
    };
    let settings = match &arguments.expose {
        Some(name) => {
            settings.expose(Uuid::new_v4().simple().to_string(), Some(name).filter(|name| !name.is_empty()))
        }
        None => settings,
    };
    let (emulator, people) = match &arguments.scenario {
        Some(path) => play(settings, Scenario::from_file(path)?).await?,
        None => furnish(settings, arguments.speech).await?,
    };
    println!("{}", ready(&emulator, people));
    eprintln!("Open {} in a browser to sit in on calls", emulator.page_url());
    tracing::info!(address = %emulator.address(), "the emulator is ready; Ctrl-C stops it");
    tokio::signal::ctrl_c().await?;
    emulator.shut_down().await;
    Ok(())
}

/// An emulator and who is there: `users` and `meetings` of the line that says that it is ready.
type Furnished = Result<(Emulator, Value), Box<dyn Error>>;

async fn play(settings: EmulatorSettings, scenario: Scenario) -> Furnished {
    let users: Vec<&str> = scenario.user_ids().collect();
    let meetings: Vec<Value> = scenario.join_ids().map(|(id, passcode)| meeting(id, passcode)).collect();
    let people = json!({"users": users, "meetings": meetings});
    Ok((Emulator::start_scenario(settings, scenario).await?, people))
}

async fn furnish(settings: EmulatorSettings, speech: Option<PathBuf>) -> Furnished {
    let speech = Arc::new(match &speech {
        Some(path) => Clip::from_wav(path)?,
        None => Clip::speech(),
    });
    let emulator = Emulator::start(settings).await?;
    let ada = || User::new("Ada", FarEndScript::new().say(Arc::clone(&speech)).then(AfterSpeech::Repeat));
    emulator.add_user("ada", ada());
    emulator.add_user("echo", User::new("Echo", FarEndScript::new().echo()));
    emulator.add_user("quiet", User::new("Quiet", FarEndScript::new()));
    emulator.add_meeting(MEETING.0, Meeting::new(ada()).passcode(MEETING.1));
    let meetings = [meeting(MEETING.0, Some(MEETING.1))];
    Ok((emulator, json!({"users": ["ada", "echo", "quiet"], "meetings": meetings})))
}

fn meeting(join_id: &str, passcode: Option<&str>) -> Value {
    json!({"joinMeetingId": join_id, "passcode": passcode})
}

/// Where everything is, for a script that starts the emulator.
fn ready(emulator: &Emulator, people: Value) -> Value {
    let mut ready = json!({
        "graph": emulator.graph_url(),
        "authority": emulator.authority_url(),
        "openIdMetadata": emulator.openid_metadata_url(),
        "issuer": emulator.issuer(),
        "tenant": emulator.tenant_id(),
        "clientId": emulator.client_id(),
        "clientSecret": emulator.client_secret(),
    });
    if let (Some(ready), Value::Object(people)) = (ready.as_object_mut(), people) {
        ready.extend(people);
    }
    ready
}
