use proptest::prelude::*;

use super::*;
use crate::send::tests::walk::{Step, steps};

const FORMAT: AudioFormat = AudioFormat::Pcm16K;
const FRAME: usize = 320;
const FADE: usize = 80;

/// A player, and what comes out of it.
struct Scene {
    control: Arc<SendControl>,
    writer: PlayerWriter,
    player: Player,
    time: RtpTime,
    /// The samples so far, without what is silent; none of those enqueued is.
    played: Vec<i16>,
    events: VecDeque<MediaEvent>,
    answers: Vec<Playout>,
    given: usize,
}

impl Scene {
    fn new() -> Self {
        let control = Arc::new(SendControl::default());
        let (writer, player) = player_queue(FORMAT, 800, Arc::clone(&control));
        let (played, events, answers) = (Vec::new(), VecDeque::new(), Vec::new());
        Self { control, writer, player, time: RtpTime(0), played, events, answers, given: 0 }
    }

    fn give(&mut self, what: Play) {
        assert!(self.writer.give(PlayerOrder { clears: self.control.clears(), what }));
    }

    /// Enqueues `len` samples, each of which is known from its neighbours; returns them.
    fn enqueue(&mut self, len: usize) -> Vec<i16> {
        let span: Vec<i16> = (self.given..self.given + len).map(|i| 20_000 + (i % 12_000) as i16).collect();
        self.given += len;
        self.control.add_remaining(len);
        self.give(Play::Span(span.clone().into()));
        span
    }

    fn tick(&mut self) -> Turn {
        let mut frame = [i16::MAX; FRAME];
        let tick = Tick { time: self.time, now: self.control.now(), socket_waits: false };
        let turn = self.player.tick(&mut frame, 0, tick, &mut self.events);
        self.time = self.time.plus(RTP_TICKS_PER_FRAME);
        if turn == Turn::Player {
            self.played.extend(frame.iter().filter(|&&sample| sample != 0));
        }
        while let Some(answer) = self.writer.next_answer() {
            self.answers.push(answer);
        }
        turn
    }

    fn run(&mut self, ticks: usize) -> Vec<Turn> {
        (0..ticks).map(|_| self.tick()).collect()
    }
}

fn sent(from: u32, to: u32) -> Playout {
    Playout::Sent { rtp: RtpTime(from * 3)..RtpTime(to * 3) }
}

#[test]
fn spans_follow_each_other_to_the_sample_and_say_where_they_are() {
    let mut scene = Scene::new();
    let spans = [scene.enqueue(500), scene.enqueue(0), scene.enqueue(7), scene.enqueue(300)];
    assert_eq!(scene.run(4), [Turn::Player, Turn::Player, Turn::Player, Turn::Socket]);
    assert_eq!(scene.played, spans.concat());
    assert_eq!(scene.answers, [sent(0, 500), sent(500, 500), sent(500, 507), sent(507, 807)]);
    assert_eq!(scene.control.remaining(), 0);
}

#[test]
fn of_what_is_cleared_no_further_sample_is_played_and_the_next_follows_at_once() {
    let mut scene = Scene::new();
    let first = scene.enqueue(1_000);
    scene.enqueue(100);
    scene.tick();
    scene.control.clear();
    let next = scene.enqueue(240);
    assert_eq!(scene.run(2), [Turn::Player, Turn::Socket]);
    assert_eq!(scene.played[..FRAME], first[..FRAME]);
    assert_eq!(scene.played[FRAME..], next);
    let rtp = RtpTime(0)..RtpTime(FRAME as u32 * 3);
    let cut = Playout::PlayedInPart { rtp, up_to_sample: FRAME };
    assert_eq!(scene.answers, [cut, Playout::Cancelled, sent(320, 560)]);
}

#[test]
fn a_pause_fades_out_and_speech_goes_on_where_it_stopped() {
    let mut scene = Scene::new();
    let span = scene.enqueue(1_000);
    scene.tick();
    scene.control.set_paused(true);
    assert_eq!(scene.run(3), [Turn::Player, Turn::Nobody, Turn::Nobody]);
    assert_eq!(scene.played.len(), FRAME + FADE);
    scene.control.set_paused(false);
    scene.run(2);
    assert_eq!(scene.played.len(), span.len(), "no sample is lost or doubled");
    let resumed = &scene.played[FRAME + FADE..];
    assert!(resumed[..FADE].is_sorted_by(|one, next| one < next) && resumed[0] < 300);
    assert_eq!(resumed[FADE..], span[FRAME + 2 * FADE..]);
    assert_eq!(scene.answers.len(), 1);
}

#[test]
fn what_is_cleared_in_a_pause_is_told_at_once_and_stays_silent() {
    let mut scene = Scene::new();
    scene.enqueue(1_000);
    scene.enqueue(10);
    scene.tick();
    scene.control.set_paused(true);
    scene.run(2);
    scene.control.clear();
    let next = scene.enqueue(10);
    let played = scene.played.len();
    assert_eq!(scene.tick(), Turn::Nobody);
    assert_eq!(scene.answers.len(), 2);
    assert!(matches!(scene.answers[0], Playout::PlayedInPart { up_to_sample: 400, .. }));
    scene.control.set_paused(false);
    scene.tick();
    assert_eq!(scene.played[played..], next, "a beginning does not fade in");
}

#[test]
fn marks_low_water_and_the_end_are_told_in_order() {
    let mut scene = Scene::new();
    scene.enqueue(1_000);
    scene.give(Play::Mark(MarkId(7)));
    scene.enqueue(100);
    scene.run(2);
    let remaining = std::time::Duration::from_micros(48_750);
    assert_eq!(scene.events, [MediaEvent::LowOnFrames { remaining }], "780 of 1,100 samples are left");
    scene.run(3);
    let mark = MediaEvent::MarkReached { id: MarkId(7) };
    assert_eq!(scene.events.make_contiguous()[1..], [mark, MediaEvent::QueueDrained]);
    assert_eq!(scene.answers, [sent(0, 1_000), sent(1_000, 1_000), sent(1_000, 1_100)]);
    scene.give(Play::Mark(MarkId(8)));
    scene.control.clear();
    scene.tick();
    assert_eq!(scene.answers.last(), Some(&Playout::Cancelled));
    assert_eq!(scene.events.len(), 3, "a mark that was cleared is not reached");
}

#[test]
fn clearing_is_not_running_low() {
    let mut scene = Scene::new();
    scene.enqueue(10_000);
    scene.tick();
    scene.control.clear();
    scene.run(2);
    assert_eq!(scene.events, [MediaEvent::QueueDrained]);
}

#[test]
fn a_live_span_has_its_turn_until_more_is_enqueued_and_no_frame_waits() {
    let mut scene = Scene::new();
    scene.enqueue(FRAME);
    scene.give(Play::Live);
    assert_eq!(scene.run(3), [Turn::Player, Turn::Socket, Turn::Socket]);
    scene.player.has_spoken_live(RtpTime(960));
    scene.enqueue(FRAME);
    let tick = Tick { time: scene.time, now: scene.control.now(), socket_waits: true };
    assert_eq!(scene.player.tick(&mut [0; FRAME], 0, tick, &mut scene.events), Turn::Socket, "one waits");
    assert_eq!(scene.run(2), [Turn::Player, Turn::Socket]);
    assert_eq!(scene.answers[..2], [sent(0, 320), sent(320, 640)]);
}

#[test]
fn a_session_that_ends_answers_everything() {
    let mut scene = Scene::new();
    scene.enqueue(1_000);
    scene.enqueue(10);
    scene.give(Play::Mark(MarkId(1)));
    scene.tick();
    scene.player.end();
    assert!(scene.writer.is_closed() && scene.player.take_answered());
    let answers: Vec<_> = std::iter::from_fn(|| scene.writer.next_answer()).collect();
    let rtp = RtpTime(0)..RtpTime(960);
    let cut = Playout::PlayedInPart { rtp, up_to_sample: FRAME };
    assert_eq!(answers, [cut, Playout::Cancelled, Playout::Cancelled]);
    assert_eq!(scene.control.remaining(), 0);
}

/// How many samples of a span were played.
fn played(answer: &Playout, len: usize) -> usize {
    match answer {
        Playout::Sent { .. } => len,
        Playout::PlayedInPart { up_to_sample, .. } => *up_to_sample,
        Playout::Cancelled => 0,
    }
}

proptest! {
    /// Barge-in: nothing of what was cleared is played from the next frame on; and in any case what the
    /// answers say is what was played, sample by sample.
    #[test]
    fn after_a_clear_at_most_a_fade_is_played_and_the_answers_add_up(
        steps in steps(150, 900),
    ) {
        let mut scene = Scene::new();
        let mut spans = Vec::new();
        // For each clear: how many spans there were, and how many samples had been played.
        let mut clears = Vec::new();
        let (mut cuts, mut pauses) = (0, 0);
        for step in steps {
            match step {
                Step::Enqueue(len) => spans.push(scene.enqueue(len)),
                Step::Clear => {
                    scene.control.clear();
                    clears.push((spans.len(), scene.played.len()));
                    cuts += 1;
                }
                Step::Tick => { scene.tick(); }
                other => {
                    other.apply(&scene.control);
                    pauses += usize::from(matches!(other, Step::Pause));
                }
            }
        }
        scene.control.set_paused(false);
        while scene.tick() != Turn::Socket {}
        scene.tick();
        prop_assert_eq!(scene.answers.len(), spans.len(), "each has its answer");
        prop_assert_eq!(scene.control.remaining(), 0);

        let parts: Vec<usize> =
            scene.answers.iter().zip(&spans).map(|(answer, span)| played(answer, span.len())).collect();
        let whole: Vec<i16> =
            spans.iter().zip(&parts).flat_map(|(span, &part)| span[..part].iter().copied()).collect();
        prop_assert_eq!(scene.played.len(), whole.len(), "no sample lost or doubled");
        let faded = scene.played.iter().zip(&whole).filter(|(one, other)| one != other).count();
        prop_assert!(faded <= FADE * (cuts + 2 * pauses), "{} samples faded", faded);
        prop_assert!(scene.played.iter().zip(&whole).all(|(played, given)| played <= given));

        for (spans_before, played_before) in clears {
            let of_them: usize = parts[..spans_before].iter().sum();
            prop_assert!(of_them <= played_before + FADE, "{} of the cleared, {} before", of_them, played_before);
        }
        for (answer, span) in scene.answers.iter().zip(&spans) {
            if let (Playout::Sent { rtp }, 0) = (answer, pauses) {
                prop_assert_eq!(rtp.end.since(rtp.start), span.len() as i32 * 3);
            }
        }
    }
}
