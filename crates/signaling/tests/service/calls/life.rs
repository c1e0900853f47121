//! Whatever reaches the bot of a call's documented life, in whatever order, the call ends and never goes back.

use std::time::Duration;

use offhook_signaling::model::CallState;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::states;
use crate::support::{Bot, eventually};

/// The notifications of one life, in the order in which Graph sends them. The last is the end.
#[derive(Clone, Copy, Debug)]
struct Life(&'static [&'static str]);

const LIVES: [Life; 6] = [
    Life(&["establishing", "established", "terminating", "terminated"]),
    Life(&["establishing", "terminated"]),
    Life(&["establishing", "established", "established", "terminated"]),
    Life(&["establishing", "established", "hold", "established", "hold", "terminating", "terminated"]),
    Life(&["establishing", "established", "transferring", "transferAccepted", "terminated"]),
    Life(&["establishing", "established", "transferring", "established!", "terminating", "terminated"]),
];

impl Life {
    fn notification(self, step: usize) -> (&'static str, Value) {
        let state = self.0[step];
        let told = match state.strip_suffix("!") {
            Some(state) => json!({"state": state, "resultInfo": {"code": 500, "subcode": 7000}}),
            None if state == "terminated" => {
                json!({"state": state, "resultInfo": {"code": 200, "subcode": 4097}})
            }
            None => json!({"state": state}),
        };
        (if state == "terminated" { "deleted" } else { "updated" }, told)
    }

    fn may_come_back(self) -> bool {
        self.0.iter().any(|state| state.ends_with('!'))
    }
}

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// The call goes on, and a notification of it is under way.
    Step,
    /// One of those under way arrives, and stays under way: it may arrive again.
    Arrive(Index),
    /// One of those under way is lost.
    Lose(Index),
    /// Time passes, and the call may be asked.
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => Just(Event::Step),
        4 => any::<Index>().prop_map(Event::Arrive),
        1 => any::<Index>().prop_map(Event::Lose),
        1 => (0u64..70).prop_map(Event::Wait),
    ]
}

/// Whether `after` may follow `before`, told anew rather than asked of the code: up the ladder, between established and hold,
/// and back to established from a transfer that failed.
fn goes_forward(life: Life, before: CallState, after: CallState) -> bool {
    use CallState::{
        Established, Establishing, Hold, Terminated, Terminating, TransferAccepted, Transferring,
    };
    let ladder = [Establishing, Established, Hold, Transferring, TransferAccepted, Terminating, Terminated];
    let rung = |state| ladder.iter().position(|known| *known == state).unwrap();
    match (before, after) {
        (Hold, Established) => true,
        (Transferring | TransferAccepted, Established) => life.may_come_back(),
        _ => rung(after) > rung(before),
    }
}

/// Lives a call through these events and gives how it ended.
async fn live(life: Life, events: &[Event]) -> offhook_signaling::CallEnded {
    let bot = Bot::new();
    let call = bot.create().await;
    let mut steps = 0;
    let mut under_way = Vec::new();
    for event in events {
        match event {
            Event::Step if steps < life.0.len() => {
                under_way.push(life.notification(steps));
                match life.0[steps].trim_end_matches('!') {
                    "terminated" => bot.graph.forget(),
                    state => bot.graph.describe(json!({"id": "call-1", "state": state})),
                }
                steps += 1;
            }
            Event::Arrive(index) if !under_way.is_empty() => {
                let (change, data) = index.get(&under_way).clone();
                bot.tell(change, data).await;
            }
            Event::Lose(index) if !under_way.is_empty() => {
                under_way.swap_remove(index.index(under_way.len()));
            }
            Event::Wait(seconds) => tokio::time::sleep(Duration::from_secs(*seconds)).await,
            _ => {}
        }
    }
    bot.graph.forget();
    eventually("the end", call.terminated()).await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_life_heard_of_in_any_way_ends_and_never_goes_back(
        life in prop::sample::select(LIVES.to_vec()),
        events in prop::collection::vec(event(), 0..40),
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let ended = runtime.block_on(live(life, &events));
        let states = states(&ended.snapshot);
        prop_assert!(ended.snapshot.is_terminated());
        for pair in states.windows(2) {
            prop_assert!(goes_forward(life, pair[0], pair[1]), "{:?}", states);
        }
        // The end was told with its reason, or found without one; never with that of the transfer.
        let code = ended.result_info.as_ref().and_then(|reason| reason.code_number());
        prop_assert_eq!(code, (!ended.snapshot.was_gone).then_some(200));
    }
}
