//! [io] How long the stages of a call take, each second: those of the emulator, which it measures itself, and those of the bot's media
//! engine, which the bot tells.
//!
//! Whoever counts does so from the beginning on; what is shown is of the time since the last look.

mod prometheus;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use url::Url;

use crate::bridge::{MeasuredMember, MeasuredRoom, MemberKind};
use crate::durations::Buckets;
use crate::error::EmulatorError;
use crate::exchange::Exchange;
use crate::settings::EmulatorSettings;
use crate::timeline::shown_address;

/// How long the bot may take to tell its numbers.
const PATIENCE: Duration = Duration::from_millis(800);

/// More than this the bot does not have to tell, in bytes: offhook's are 20 KiB.
const MOST: usize = 1 << 20;

/// What is measured, and what was when it was looked at last.
pub(super) struct Stages {
    exchange: Arc<Exchange>,
    bot: Option<BotMetrics>,
    before: Counted,
    /// Whether there was something to tell.
    was_something: bool,
}

struct BotMetrics {
    http: Client,
    address: Url,
}

impl Stages {
    pub(super) fn new(exchange: &Arc<Exchange>) -> Self {
        let settings = exchange.settings();
        let address = settings.bot_metrics.as_ref().and_then(|address| may_scrape(settings, address).ok());
        let client = Client::builder().timeout(PATIENCE).redirect(Policy::none()).no_proxy().build();
        let bot = address.zip(client.ok()).map(|(address, http)| BotMetrics { http, address });
        Self { exchange: Arc::clone(exchange), bot, before: HashMap::new(), was_something: false }
    }

    /// Nobody looks: what there is at the next look is not of that second.
    pub(super) fn forget(&mut self) {
        self.before.clear();
    }

    /// All that there is to say of the time since the last look: of the rooms that mix, and of the bot that tells. Nothing where there was
    /// none of it at the last look, either.
    pub(super) async fn measure(&mut self) -> Option<Value> {
        let told = match &self.bot {
            Some(bot) => Some((shown_address(bot.address.as_str()), bot.read().await)),
            None => None,
        };
        let mut rooms = self.exchange.bridge().measured().await;
        rooms.retain(|room| room.late.count() > 0);
        let mut look = Look { before: &mut self.before, seen: HashMap::new() };
        let rooms: Vec<Value> = rooms.iter().map(|room| look.room(room)).collect();
        let bot = told.map(|(address, told)| match told {
            Ok(stages) => {
                let stages = stages.into_iter().map(|(name, buckets)| look.stage(Of::Engine, &name, buckets));
                json!({"address": address, "stages": stages.collect::<Vec<_>>()})
            }
            Err(problem) => json!({"address": address, "stages": [], "problem": problem}),
        });
        let Look { seen, .. } = look;
        self.before = seen;
        let is_something = bot.is_some() || !rooms.is_empty();
        let was_something = std::mem::replace(&mut self.was_something, is_something);
        (is_something || was_something).then(|| json!({"rooms": rooms, "bot": bot}))
    }
}

/// What a stage is one of. Ids are only unique among their like: a meeting may have any name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Of {
    Room(String),
    Member(String),
    Engine,
}

/// What was counted, by what the stages are of and by their names.
type Counted = HashMap<(Of, String), Buckets>;

/// One look: what is seen now takes the place of what was before.
struct Look<'a> {
    before: &'a mut Counted,
    seen: Counted,
}

impl Look<'_> {
    fn room(&mut self, room: &MeasuredRoom) -> Value {
        let stages = [
            self.stage(Of::Room(room.id.clone()), "tick_lateness", room.late.clone()),
            self.stage(Of::Room(room.id.clone()), "mix", room.taken.clone()),
        ];
        let members: Vec<Value> = room.members.iter().map(|member| self.member(member)).collect();
        json!({"room": room.id, "stages": stages, "members": members})
    }

    fn member(&mut self, member: &MeasuredMember) -> Value {
        let kind = match member.kind {
            MemberKind::Bot => "bot",
            MemberKind::Person => "person",
            MemberKind::Script => "script",
        };
        let stages = [
            self.stage(Of::Member(member.id.clone()), "queue", member.queue.clone()),
            self.stage(Of::Member(member.id.clone()), "out", member.out.clone()),
        ];
        let milliseconds = |time: Duration| thousandth(time.as_secs_f64());
        json!({
            "id": member.id, "name": member.name, "kind": kind, "stages": stages,
            "jitterMs": milliseconds(member.jitter), "roundTripMs": member.round_trip.map(milliseconds),
        })
    }

    /// A stage of something since the last look; without times where nothing has passed it.
    fn stage(&mut self, of: Of, name: &str, now: Buckets) -> Value {
        let key = (of, name.to_owned());
        let since = match self.before.remove(&key) {
            Some(before) => now.since(&before),
            // What there was before anybody looked is not of this second.
            None => now.since(&now),
        };
        self.seen.insert(key, now);
        let [p50, p99] = [0.5, 0.99].map(|share| since.quantile(share).map(thousandth));
        json!({"stage": name, "count": since.count(), "p50Ms": p50, "p99Ms": p99})
    }
}

/// Seconds as milliseconds, to the thousandth.
fn thousandth(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e3
}

impl BotMetrics {
    /// The stages of the bot's engine, in the order in which it tells them; else why they are not known, in words.
    async fn read(&self) -> Result<Vec<(String, Buckets)>, String> {
        let asked = self.http.get(self.address.clone()).send().await;
        let mut response = asked.map_err(|error| match error.is_timeout() {
            true => "it does not answer in time",
            false => "it cannot be reached",
        })?;
        if !response.status().is_success() {
            return Err(format!("it answers {}", response.status().as_u16()));
        }
        let mut text = Vec::new();
        while let Some(more) = response.chunk().await.map_err(|_| "its answer breaks off")? {
            text.extend_from_slice(&more);
            if text.len() > MOST {
                return Err("its answer is too long".to_owned());
            }
        }
        let stages = prometheus::stages(&String::from_utf8_lossy(&text));
        if stages.is_empty() {
            return Err(format!("its answer has no {}", prometheus::STAGES));
        }
        Ok(stages)
    }
}

/// The address of a bot's metrics, where it may be read.
pub(crate) fn may_scrape(settings: &EmulatorSettings, address: &str) -> Result<Url, EmulatorError> {
    let wrong = |reason: &str| EmulatorError::BotMetrics {
        address: shown_address(address),
        reason: reason.to_owned(),
    };
    let url = Url::parse(address).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it is no http or https address"));
    }
    if !settings.may_call_back(&url) {
        return Err(wrong("it is not on loopback, and bots may be called back there only"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durations::Durations;

    #[test]
    fn a_meeting_of_any_name_shares_nothing_with_a_member_or_the_engine() {
        let counted = |times: usize| {
            let durations = Durations::default();
            (0..times).for_each(|_| durations.record(Duration::from_millis(1)));
            durations.read()
        };
        let mut before = Counted::new();
        for times in [2, 5] {
            let mut look = Look { before: &mut before, seen: Counted::new() };
            let (late, taken) = (counted(times), counted(times));
            let [queue, out] = [counted(10 * times), counted(10 * times)];
            let member = MeasuredMember {
                id: "bot".to_owned(),
                name: "Ada".to_owned(),
                kind: MemberKind::Person,
                queue,
                out,
                jitter: Duration::ZERO,
                round_trip: None,
            };
            let room = MeasuredRoom { id: "bot".to_owned(), late, taken, members: vec![member] };
            let room = look.room(&room);
            let engine = look.stage(Of::Engine, "tick_lateness", counted(100 * times));
            if times == 5 {
                assert_eq!(room["stages"][0]["count"], 3, "{room}");
                assert_eq!(room["members"][0]["stages"][0]["count"], 30, "{room}");
                assert_eq!(engine["count"], 300);
            }
            before = look.seen;
        }
    }
}
