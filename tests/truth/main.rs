//! What is known of a call ends as what is true of it, whatever becomes of the notifications on their way.
//!
//! The emulator's calls service is the truth: people act in a call, the bot acts, time passes. What it owes the bot goes into a bag
//! from which notifications are taken in any order, twice, or never; polls begin and end between them. At the end the tracker is
//! asked what it wants to know, and told; then both must agree.

mod world;

use proptest::prelude::*;
use proptest::test_runner::Config;
use world::{Step, World};

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => any::<(u8, u8)>().prop_map(|(what, who)| Step::Happen { what, who }),
        4 => any::<(u8, u8)>().prop_map(|(what, who)| Step::Act { what, who }),
        8 => any::<u8>().prop_map(|which| Step::Deliver { which, again: false }),
        3 => any::<u8>().prop_map(|which| Step::Deliver { which, again: true }),
        2 => any::<u8>().prop_map(|which| Step::Lose { which }),
        3 => (0_u16..600).prop_map(|seconds| Step::Pass { seconds }),
        3 => Just(Step::BeginPoll),
        3 => Just(Step::AnswerPoll),
        3 => Just(Step::EndPoll),
    ];
    prop::collection::vec(step, 0..60)
}

/// The beginning comes when the list has been read already, and the end never.
#[test]
fn what_was_shared_is_asked_for_when_its_beginning_comes_late() {
    let mut world = World::new(false, false);
    let take = |world: &mut World, happening| world.take(&Step::Happen { what: happening, who: 0 });
    world.deliver_all();
    world.poll_all();
    take(&mut world, world::START_SHARING);
    let begun = world.on_the_way.len();
    take(&mut world, world::STOP_SHARING);
    while world.on_the_way.len() > begun {
        world.take(&Step::Lose { which: begun as u8 });
    }
    world.poll_all();
    world.deliver_all();
    world.settle();
    assert_eq!(world.known(), world.truth());
}

proptest! {
    #![proptest_config(Config { cases: 10_000, failure_persistence: None, ..Config::default() })]

    /// With losses: one poll more than what is in doubt, as a standing call gets once a minute, and what that brings into doubt.
    #[test]
    fn any_interleaving_ends_in_the_truth(meeting: bool, delta: bool, steps in steps()) {
        let mut world = World::new(meeting, delta);
        steps.iter().for_each(|step| world.take(step));
        world.settle();
        world.poll_all();
        world.settle();
        prop_assert_eq!(world.known(), world.truth());
    }

    /// Without losses, what is in doubt is all that has to be asked: late, doubled and reordered notifications are not taken for
    /// news unnoticed.
    #[test]
    fn without_losses_what_is_in_doubt_is_all_that_is_wrong(meeting: bool, delta: bool, steps in steps()) {
        let mut world = World::new(meeting, delta);
        let kept = steps.iter().filter(|step| !matches!(step, Step::Lose { .. }));
        kept.for_each(|step| world.take(step));
        world.deliver_all();
        world.settle();
        prop_assert_eq!(world.known(), world.truth());
    }
}
