//! Meetings in which the far end says how its clocks stand.

use std::collections::{BTreeSet, HashMap};

use super::{meeting, payload, senders};
use crate::tracks::clock::StreamKind;
use crate::tracks::reports::Report;

/// What a far end says of the clocks of its streams.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Says {
    Nothing,
    /// One report late, and one that overtakes another.
    TheTruth,
    /// Of a clock of its own, for one speaker.
    Nonsense,
}

/// The first seconds of a meeting in which the path of one speaker takes 25 ms longer, as it does when a machine is busy: by when
/// packets come, nobody can tell that from another tick.
#[test]
fn reports_tell_the_tick_where_arrivals_cannot_and_nonsense_is_not_believed() {
    for says in [Says::Nothing, Says::TheTruth, Says::Nonsense] {
        let [mix, ada, ..] = senders();
        let sink = meeting(3000, |tick, meeting, _| {
            let payload = payload(tick);
            let at = i64::from(tick) * 960 + 480;
            meeting.received(mix.packet(tick, at, &payload));
            if tick >= 2 {
                let sent = tick - 2;
                meeting.received(ada.packet(sent, i64::from(sent) * 960 + 1680, &super::payload(sent)));
            }
            if says == Says::Nothing || tick % 50 != 40 {
                return;
            }
            for sender in [mix, ada] {
                let wrong = if says == Says::Nonsense && sender.section == ada.section { 48_000 } else { 0 };
                // One was written when its sender was late.
                let late = if tick == 240 { 900 } else { 0 };
                let tick = if tick == 340 { tick - 100 } else { tick };
                let wall = (1 << 40) + i64::from(tick) * 960;
                let report = Report {
                    ntp: ((wall as u128) << 32).div_ceil(48_000) as u64,
                    time: sender.packet(tick, at, &[]).time.wrapping_add(wrong).wrapping_sub(late),
                    at,
                };
                meeting.reported(StreamKind::Sound, sender.section, 1000 + sender.section as u32, report);
            }
        });
        let mixed: HashMap<_, _> = sink.ticks("mix.opus").into_iter().collect();
        let apart = |(tick, at): (u32, i64)| Some(at - mixed.get(&tick)?);
        // From the first packet on, though up to the second report nobody knew.
        let apart: BTreeSet<_> = sink.ticks("speaker-501.opus").into_iter().filter_map(apart).collect();
        let expected = if says == Says::TheTruth { 0 } else { 960 };
        assert_eq!(apart, BTreeSet::from([expected]), "{says:?}");
    }
}
