//! Who lives in the tenant that a script meets, and where everything is.

use std::sync::Arc;

use offhook::emulator::{ALL_PERMISSIONS, Clip, Emulator, EmulatorSettings, FarEndScript, Meeting, User};
use serde_json::json;

use crate::bot::Bot;

const PEOPLE: [(&str, &str); 3] = [
    ("112f7296-5fa4-42ca-bae8-6a692b15d4b8", "Ada"),
    ("98da8a1a-1b87-452c-a713-65d3f10b5555", "Bob"),
    ("bf5aae9a-d11d-47a8-93b1-782504c95555", "Eve"),
];
/// Somebody who is in no meeting.
const GUEST: &str = "7e1b4346-85a6-4bdd-abe3-d11c5d420efe";
/// Somebody who never picks up.
const ABSENT: &str = "8a34a46b-3d17-4ada-a78b-55ddae222333";
const PHONE: &str = "+12345678901";
const APPLICATION_INSTANCE: &str = "3d913abb-aec0-4964-8fa6-3c6850c4f278";
const THREAD: &str = "19:meeting_Win6Ydo4wsMijFjZS00ZGVjLTk5MGUtOTRjNWY2NmNkYTFm@thread.v2";
const MEETING: &str = "7654321";
const MEETING_WITH_PASSCODE: (&str, &str) = ("1234567", "psw123");
const TOKEN: &str = "token-of-a-meeting";

/// The permission that is not granted where refusals are the matter.
const NOT_GRANTED: &str = "Calls.InitiateGroupCall.All";

/// How much slower the tenant's clock is where the bot is called: it would have 5 s to answer, in which a busy machine may not
/// even have read the SDK's modules.
const UNHURRIED: f64 = 20.0;

/// A tenant, and the bot's side of it that is not the SDK.
pub(crate) struct Tenant {
    pub(crate) emulator: Emulator,
    pub(crate) bot: Arc<Bot>,
}

impl Tenant {
    /// The tenant that `script` meets.
    pub(crate) async fn open(script: &str) -> Self {
        let settings = match script {
            "errors.py" => EmulatorSettings::default()
                .permissions(ALL_PERMISSIONS.into_iter().filter(|name| *name != NOT_GRANTED)),
            "incoming.py" => EmulatorSettings::default().time_scale(UNHURRIED),
            _ => EmulatorSettings::default(),
        };
        let emulator = Emulator::start(settings).await.unwrap();
        let speaks = FarEndScript::new().say(Arc::new(Clip::speech()));
        let people = PEOPLE.map(|(id, name)| (id, User::new(name, speaks.clone())));
        for (id, user) in people.clone() {
            emulator.add_user(id, user);
        }
        emulator.add_user(GUEST, User::new("Guest", FarEndScript::new()));
        emulator.add_user(ABSENT, User::new("Absent", FarEndScript::new()).never_picks_up());
        emulator.add_user(PHONE, User::new("Phone", FarEndScript::new()));
        let everybody = people
            .clone()
            .into_iter()
            .fold(Meeting::empty(), |meeting, (id, user)| meeting.participant(id, user));
        emulator.add_meeting(THREAD, everybody);
        let [(_, ada), ..] = people;
        emulator.add_meeting(MEETING, Meeting::new(ada.clone()));
        emulator.add_meeting(TOKEN, Meeting::new(ada.clone()));
        let (join_id, passcode) = MEETING_WITH_PASSCODE;
        emulator.add_meeting(join_id, Meeting::new(ada).passcode(passcode));
        let bot = Bot::start(&emulator).await;
        Self { emulator, bot }
    }

    /// What a script needs to know, as JSON.
    pub(crate) fn described(&self) -> String {
        let (bot, emulator) = (&self.bot, &self.emulator);
        json!({
            "graph": emulator.graph_url(),
            "authority": emulator.authority_url(),
            "id": emulator.tenant_id(),
            "clientId": emulator.client_id(),
            "clientSecret": emulator.client_secret(),
            "bot": bot.address,
            "callback": format!("{}/callback", bot.address),
            "people": PEOPLE.map(|(id, _)| id),
            "guest": GUEST,
            "absent": ABSENT,
            "phone": PHONE,
            "applicationInstance": APPLICATION_INSTANCE,
            "thread": THREAD,
            "meeting": MEETING,
            "meetingWithPasscode": MEETING_WITH_PASSCODE,
            "token": TOKEN,
        })
        .to_string()
    }
}
