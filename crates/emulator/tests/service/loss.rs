//! What a member's network loses on its way to the room, or from there: it is asked for, and sent once more.

use std::collections::BTreeSet;
use std::time::Duration;

use offhook_emulator::{EmulatorSettings, FarEndScript, LinkSettings};

use crate::person::{Person, until};
use crate::rooms::{PICTURE, whip};
use crate::support::Bot;

/// Packets that are shown: fewer than are asked for again.
const PACKETS: u16 = 300;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_persons_network_loses_comes_in_the_end_to_the_room_and_from_there() {
    for is_lost_to_room in [true, false] {
        let bot = Bot::start(EmulatorSettings::default(), FarEndScript::new()).await;
        let (ada, ben) = (Person::new(0).await, Person::new(1).await);
        let ada_is = ada.join(&whip(&bot, "films", "?name=Ada")).await;
        let ben_is = ben.join(&whip(&bot, "films", "?name=Ben")).await;
        let mut lossy = LinkSettings::default();
        lossy.loss = 0.05;
        let lossy_is = if is_lost_to_room { ada_is.id } else { ben_is.id };
        let came = || {
            let kept = ben.kept.lock().unwrap();
            kept.pictures.iter().map(|packet| packet.header.sequence_number).collect::<BTreeSet<u16>>()
        };
        let mut pace = tokio::time::interval(Duration::from_millis(10));
        // Until the first has come there is nothing that another could be behind.
        let mut first = 0;
        while came().is_empty() {
            pace.tick().await;
            ada.shows(first, PICTURE).await;
            first += 1;
        }
        bot.emulator.set_member_link("films", &lossy_is, Some(lossy)).unwrap();
        for number in first..first + PACKETS {
            pace.tick().await;
            ada.shows(number, PICTURE).await;
        }
        // Of the last ones nothing tells before another comes behind them.
        bot.emulator.set_member_link("films", &lossy_is, None).unwrap();
        ada.shows(first + PACKETS, PICTURE).await;
        let has_all = || {
            let came = came();
            let goes_on = came.iter().zip(came.iter().skip(1)).all(|(one, next)| *next == one + 1);
            goes_on && came.len() > usize::from(PACKETS)
        };
        until(has_all).await;
    }
}
