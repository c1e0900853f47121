//! On a virtual clock, against a model of the audio player that takes a frame at each tick.

use proptest::prelude::*;

use super::*;

const FRAME: Duration = Duration::from_millis(20);
const PICTURE: Duration = Duration::from_millis(33);

/// A frame of AAC at 44.1 kHz, in nanoseconds.
const AAC: Duration = Duration::from_nanos(1_024_000_000_000 / 44_100_000);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The schedule between an application and the wire.
struct Bench {
    now: MediaInstant,
    schedule: Schedule<(Duration, Duration), Duration>,
    /// What the audio player holds: where each piece begins, and what is left of it.
    player: VecDeque<(Duration, Duration)>,
    next_tick: MediaInstant,
    paused: bool,
    /// When what was heard, and when what was seen.
    heard: Vec<(MediaInstant, Duration)>,
    seen: Vec<(MediaInstant, Duration)>,
}

impl Bench {
    /// The wire's ticks lie `phase` behind the start.
    fn new(phase: Duration) -> Self {
        let now = MediaInstant::ZERO + ms(1000);
        Self {
            now,
            schedule: Schedule::new(),
            player: VecDeque::new(),
            next_tick: now + phase,
            paused: false,
            heard: Vec::new(),
            seen: Vec::new(),
        }
    }

    fn sound(&mut self, at: Duration, lasts: Duration) {
        self.schedule.enqueue_sound(at, lasts, (at, lasts));
    }

    /// Sound as a file holds it: in pieces whose times are rounded to milliseconds.
    fn all_sound(&mut self, from: Duration, to: Duration) {
        let mut exact = from;
        while exact < to {
            self.sound(ms(exact.as_millis() as u64), AAC);
            exact += AAC;
        }
    }

    fn all_pictures(&mut self, from: Duration, to: Duration) {
        let mut at = from;
        while at < to {
            self.schedule.enqueue_picture(at, at);
            at += PICTURE;
        }
    }

    /// Runs for a while, at each deadline and each tick.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            while let Some(due) = self.schedule.next(self.now) {
                match due {
                    Due::Sound((at, lasts), cut) => self.player.push_back((at + cut, lasts - cut)),
                    Due::Picture(at, _) => self.seen.push((self.now, at)),
                }
            }
            if self.now >= self.next_tick {
                self.next_tick += FRAME;
                self.tick();
            }
            let deadline = self.schedule.deadline().filter(|at| *at > self.now);
            let next = deadline.map_or(self.next_tick, |at| at.min(self.next_tick));
            if next > end {
                break;
            }
            self.now = next;
        }
        self.now = end;
    }

    /// The wire takes 20 ms, if there are any.
    fn tick(&mut self) {
        if self.paused {
            return;
        }
        let mut filled = Duration::ZERO;
        while filled < FRAME
            && let Some((at, left)) = self.player.front_mut()
        {
            // Where the frame would begin, had this piece filled it from its front.
            self.heard.push((self.now + filled, *at));
            let part = (*left).min(FRAME - filled);
            (*at, *left, filled) = (*at + part, *left - part, filled + part);
            if left.is_zero() {
                self.player.pop_front();
            }
        }
    }

    /// How far sound and pictures are apart at worst, in milliseconds, by how late each went out.
    fn worst(&self, from: MediaInstant) -> f64 {
        let late =
            |(when, at): &(MediaInstant, Duration)| when.as_duration().as_secs_f64() - at.as_secs_f64();
        let after = |all: &[(MediaInstant, Duration)]| -> Vec<f64> {
            all.iter().filter(|(when, _)| *when >= from).map(late).collect()
        };
        let (heard, seen) = (after(&self.heard), after(&self.seen));
        let latest = |all: &[f64]| all.iter().copied().fold(f64::MIN, f64::max);
        let earliest = |all: &[f64]| all.iter().copied().fold(f64::MAX, f64::min);
        (latest(&heard) - earliest(&seen)).max(latest(&seen) - earliest(&heard)) * 1000.0
    }
}

/// Less than a picture, and than what anybody notices (ITU-R BT.1359: 45 ms of sound before its picture).
const APART: f64 = 20.0;

#[test]
fn sound_and_picture_are_together_wherever_the_ticks_lie() {
    for phase in 0..20 {
        let mut bench = Bench::new(ms(phase));
        bench.all_sound(ms(0), ms(10_000));
        bench.all_pictures(ms(0), ms(10_000));
        bench.run(ms(11_000));
        assert_eq!(bench.seen.len(), 304);
        assert!(
            bench.worst(MediaInstant::ZERO) < APART,
            "phase {phase}: {} ms",
            bench.worst(MediaInstant::ZERO)
        );
    }
}

#[test]
fn sound_alone_and_pictures_alone_keep_their_times() {
    let mut bench = Bench::new(ms(7));
    bench.all_sound(ms(5000), ms(7000));
    bench.run(ms(3000));
    let gaps = bench.heard.windows(2).filter(|pair| pair[1].0.since(pair[0].0) > FRAME).count();
    assert_eq!(gaps, 0, "the player never ran dry");

    let mut bench = Bench::new(ms(7));
    bench.all_pictures(ms(5000), ms(7000));
    bench.run(ms(3000));
    let steps: Vec<_> = bench.seen.windows(2).map(|pair| pair[1].0.since(pair[0].0)).collect();
    assert_eq!(steps, vec![PICTURE; 60]);
    assert_eq!(bench.seen[0].0, MediaInstant::ZERO + ms(1000), "it begins at once, whatever its first time");
}

#[test]
fn a_gap_in_the_sound_is_silence_of_its_length() {
    let mut bench = Bench::new(ms(3));
    for (from, to) in [(0, 1000), (1500, 2500)] {
        bench.all_sound(ms(from), ms(to));
    }
    bench.all_pictures(ms(0), ms(2500));
    bench.run(ms(3000));
    assert!(bench.worst(MediaInstant::ZERO) < APART, "{} ms", bench.worst(MediaInstant::ZERO));
    let silence = bench.heard.windows(2).map(|pair| pair[1].0.since(pair[0].0)).max().unwrap();
    assert!((460..=520).contains(&silence.as_millis()), "{silence:?}");
}

#[test]
fn late_sound_holds_the_pictures_up_and_late_pictures_hold_up_nothing() {
    let mut bench = Bench::new(ms(3));
    bench.all_sound(ms(0), ms(1000));
    bench.all_pictures(ms(0), ms(3000));
    bench.run(ms(1400));
    let came = bench.now;
    bench.all_sound(ms(1000), ms(3000));
    bench.run(ms(3000));
    assert!(bench.worst(came + ms(100)) < APART, "{} ms", bench.worst(came + ms(100)));

    let mut bench = Bench::new(ms(3));
    bench.all_sound(ms(0), ms(3000));
    bench.all_pictures(ms(0), ms(1000));
    bench.run(ms(1400));
    let came = bench.now;
    bench.all_pictures(ms(1000), ms(3000));
    bench.run(ms(3000));
    assert_eq!(
        bench.seen.iter().filter(|(when, _)| *when == came).count(),
        12,
        "those that are late go at once"
    );
    assert!(bench.worst(came + ms(100)) < APART, "{} ms", bench.worst(came + ms(100)));
    let gaps = bench.heard.windows(2).filter(|pair| pair[1].0.since(pair[0].0) > FRAME).count();
    assert_eq!(gaps, 0, "nothing of it is heard");
}

#[test]
fn a_pause_holds_both_and_loses_nothing() {
    let mut bench = Bench::new(ms(11));
    bench.all_sound(ms(0), ms(3000));
    bench.all_pictures(ms(0), ms(3000));
    bench.run(ms(1234));
    bench.schedule.pause(bench.now);
    bench.paused = true;
    let (heard, seen) = (bench.heard.len(), bench.seen.len());
    bench.run(ms(5000));
    assert_eq!((bench.heard.len(), bench.seen.len()), (heard, seen));
    assert_eq!(bench.schedule.deadline(), None, "nobody need wake up");
    bench.schedule.resume(bench.now);
    bench.paused = false;
    let resumed = bench.now;
    bench.run(ms(3000));
    assert_eq!(bench.seen.len(), 91);
    assert!(bench.worst(resumed) < APART + 1.0, "{} ms", bench.worst(resumed));
}

#[test]
fn what_is_enqueued_after_a_clear_begins_at_once_and_together() {
    let mut bench = Bench::new(ms(11));
    bench.all_sound(ms(0), ms(3000));
    bench.all_pictures(ms(0), ms(3000));
    bench.run(ms(1000));
    bench.schedule.clear();
    bench.player.clear();
    assert_eq!(bench.schedule.count(), (0, 0));
    let cleared = bench.now;
    bench.heard.clear();
    bench.seen.clear();
    bench.all_sound(ms(0), ms(1000));
    bench.all_pictures(ms(0), ms(1000));
    bench.run(ms(2000));
    assert_eq!(bench.seen[0], (cleared, ms(0)));
    assert!(bench.worst(cleared) < APART, "{} ms", bench.worst(cleared));
}

/// A film that is over is followed by another, whose times begin at zero again, or go on much later.
#[test]
fn what_comes_after_silence_begins_at_once() {
    for at in [ms(0), ms(1000), ms(60_000)] {
        let mut bench = Bench::new(ms(11));
        bench.all_sound(ms(0), ms(1000));
        bench.run(ms(4000));
        let came = bench.now;
        bench.all_sound(at, at + ms(500));
        bench.all_pictures(at, at + ms(500));
        bench.run(ms(1000));
        assert_eq!(bench.seen[0].0, came, "{at:?}");
        assert!(bench.worst(came) < APART, "{at:?}: {} ms", bench.worst(came));
    }
}

#[test]
fn what_overlaps_is_heard_once() {
    let mut bench = Bench::new(ms(0));
    bench.sound(ms(0), ms(1000));
    bench.sound(ms(700), ms(1000));
    bench.run(ms(3000));
    let (last, at) = *bench.heard.last().unwrap();
    assert_eq!((last.as_duration(), at), (ms(2680), ms(1680)));
}

proptest! {
    /// Whatever is enqueued and whenever: in order, nothing twice, nothing lost, and the schedule comes to an end.
    #[test]
    fn all_of_it_goes_out_once_and_in_order(
        steps in proptest::collection::vec((0_u64..400, 0_u64..400, 1_u64..300, 0_u64..500), 1..20),
    ) {
        let mut bench = Bench::new(ms(0));
        let (mut sound, mut picture, mut pictures) = (0, 0, 0);
        for (after_sound, after_picture, lasts, runs) in steps {
            bench.sound(ms(sound), ms(lasts));
            sound += lasts + if after_sound > 200 { after_sound } else { 0 };
            bench.schedule.enqueue_picture(ms(picture), ms(picture));
            picture += after_picture;
            pictures += 1;
            bench.run(ms(runs));
        }
        bench.run(ms(60_000));
        prop_assert_eq!(bench.schedule.count(), (0, 0));
        prop_assert_eq!(bench.seen.len(), pictures);
        prop_assert!(bench.seen.is_sorted_by_key(|(_, at)| *at));
        prop_assert!(bench.heard.is_sorted_by_key(|(_, at)| *at));
        prop_assert_eq!(bench.schedule.waiting(), (Duration::ZERO, Duration::ZERO));
    }
}
