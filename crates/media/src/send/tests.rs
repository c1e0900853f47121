pub(in crate::send) mod walk;

use proptest::prelude::*;
use walk::Step;

use super::player::{Play, PlayerOrder, PlayerWriter, Playout, player_queue};
use super::tones::{ToneOrder, ToneWriter, tone_queue};
use super::*;
use crate::ring::{RingWriter, frame_ring};
use crate::settings::OpusSettings;
use crate::time::MediaInstant;
use crate::tones::ToneSettings;

struct Still;
impl MediaClock for Still {
    fn now(&self) -> MediaInstant {
        MediaInstant::ZERO
    }
}

/// What was sent at each tick for the frames given before it: M a beginning, P a packet, - nothing.
fn send(given: &[u32], settings: &AudioSocketSettings) -> (String, Vec<u32>, AudioSender) {
    let mut sender = AudioSender::new(settings, (65_535, RtpTime(0))).unwrap();
    let silence = || AudioFrame::silent(settings.format, MediaInstant::ZERO);
    let (mut writer, mut reader) = frame_ring(50, silence);
    let mut times = Vec::new();
    let sent = given
        .iter()
        .map(|&frames| {
            (0..frames).for_each(|_| assert!(writer.write(|_| ())));
            let packet = sender.tick(&Still, &mut reader);
            times.extend(packet.map(|packet| packet.sender_time.0 / 960));
            packet.map_or('-', |packet| if packet.marker { 'M' } else { 'P' })
        })
        .collect();
    (sent, times, sender)
}

#[test]
fn the_first_frame_waits_for_the_lead_and_the_clock_runs_on_through_pauses() {
    let (sent, times, sender) = send(&[0, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0], &AudioSocketSettings::default());
    assert_eq!(sent, "--MPP---MP-");
    assert_eq!(times, [2, 3, 4, 8, 9]);
    assert_eq!(sender.stats().counters.send_underruns, 1, "a pause of a few ticks was not meant");
    assert_eq!(sender.sequence_number, 4, "numbers wrap and count packets, not ticks");
}

#[test]
fn without_lead_a_frame_goes_out_at_the_next_tick() {
    let settings = AudioSocketSettings::default().send_lead(Duration::ZERO);
    assert_eq!(send(&[1, 0, 1], &settings).0, "M-M");
}

#[test]
fn spans_round_up_to_ticks() {
    for (millis, ticks) in [(0, 0), (1, 1), (20, 1), (21, 2), (100, 5)] {
        assert_eq!(ticks_in(Duration::from_millis(millis)), ticks);
    }
}

/// A sender with all that can give it something to say.
struct Scene {
    control: Arc<SendControl>,
    player: PlayerWriter,
    tones: ToneWriter,
    frames: RingWriter<AudioFrame>,
    from_app: RingReader<AudioFrame>,
    sender: AudioSender,
}

/// The far end that a tick's packet tells of: how loud, and what kind.
type Sent = Option<(Encoding, bool, Option<u8>)>;

impl Scene {
    fn new(settings: &AudioSocketSettings) -> Self {
        let control = Arc::new(SendControl::default());
        let (player, playing) = player_queue(settings.format, 16_000, Arc::clone(&control));
        let (tones, sounding) = tone_queue();
        let silence = || AudioFrame::silent(settings.format, MediaInstant::ZERO);
        let (frames, from_app) = frame_ring(50, silence);
        let stats = Arc::new(SharedStats::new());
        let sender = AudioSender::with_stats(settings, (0, RtpTime(0)), stats, Arc::clone(&control)).unwrap();
        let mut sender = sender.with_queues(playing, sounding);
        sender.agree(Some(111), true);
        Self { control, player, tones, frames, from_app, sender }
    }

    /// Half as loud as can be: -6 dBov.
    fn play(&mut self, samples: usize) {
        self.control.add_remaining(samples);
        let what = Play::Span(vec![16_384; samples].into());
        assert!(self.player.give(PlayerOrder { clears: self.control.clears(), what }));
    }

    /// An eighth of that: -24 dBov.
    fn say(&mut self) {
        let clears = self.control.clears();
        self.frames.write(|frame| {
            frame.samples_mut().fill(2_048);
            frame.clears = clears;
        });
    }

    fn tick(&mut self) -> Sent {
        let packet = self.sender.tick(&Still, &mut self.from_app)?;
        Some((packet.encoding, packet.marker, packet.level.map(AudioLevel::minus_dbov)))
    }

    fn run(&mut self, ticks: usize) -> String {
        (0..ticks).map(|_| letter(self.tick())).collect()
    }
}

/// S for the socket's speech, L for the player's louder one, f for a fade, T for a tone; lower case at a beginning.
fn letter(sent: Sent) -> char {
    let Some((encoding, marker, level)) = sent else { return '-' };
    let letter = match (encoding, level) {
        (Encoding::TelephoneEvent, None) => 'T',
        (_, Some(6 | 7)) => 'L',
        (_, Some(24 | 25)) => 'S',
        _ => 'F',
    };
    if marker { letter.to_ascii_lowercase() } else { letter }
}

#[test]
fn the_players_queue_goes_first_and_the_sockets_frames_wait() {
    let mut scene = Scene::new(&AudioSocketSettings::default());
    (0..5).for_each(|_| scene.say());
    assert_eq!(scene.run(3), "-sS", "led by one tick");
    scene.play(2 * 320);
    assert_eq!(scene.run(6), "LLSSS-", "no lead for frames that have waited");
    scene.play(320);
    assert_eq!(scene.run(2), "l-", "and none for the player");
    assert_eq!(scene.sender.stats().counters.send_underruns, 0);
}

#[test]
fn a_clear_silences_the_socket_too_and_what_is_said_after_it_is_heard() {
    let mut scene = Scene::new(&AudioSocketSettings::default());
    (0..10).for_each(|_| scene.say());
    assert_eq!(scene.run(3), "-sS");
    scene.control.clear();
    scene.say();
    assert_eq!(scene.run(5), "F-s--", "a fade, the lead, one frame");
}

#[test]
fn mute_consumes_speech_at_its_pace_and_speech_begins_with_a_marker() {
    let mut scene = Scene::new(&AudioSocketSettings::default());
    scene.play(6 * 320);
    assert_eq!(scene.run(2), "lL");
    scene.control.set_muted(true);
    assert_eq!(scene.run(2), "--");
    scene.control.set_muted(false);
    let (faded_in, whole) = (Some(7), Some(6));
    assert_eq!(scene.tick(), Some((Encoding::Opus, true, faded_in)));
    assert_eq!(scene.tick(), Some((Encoding::Opus, false, whole)));
    assert_eq!(scene.tick(), None);
    assert_eq!(scene.player.next_answer(), Some(Playout::Sent { rtp: RtpTime(0)..RtpTime(6 * 960) }));
    assert_eq!(scene.sender.stats().counters.frames_withheld, 2);
}

#[test]
fn a_pause_holds_the_player_and_the_socket() {
    let mut scene = Scene::new(&AudioSocketSettings::default());
    (0..4).for_each(|_| scene.say());
    assert_eq!(scene.run(2), "-s");
    scene.control.set_paused(true);
    scene.play(320);
    let paused = scene.run(3);
    assert_eq!(paused[1..], *"--", "{paused}");
    scene.control.set_paused(false);
    assert_eq!(scene.run(4), "lSS-", "the player first, and no frame is lost");
}

#[test]
fn a_tone_takes_the_ticks_of_speech_which_goes_on_after_it() {
    let mut scene = Scene::new(&AudioSocketSettings::default());
    scene.play(4 * 320);
    let settings =
        ToneSettings::default().duration(Duration::from_millis(60)).gap(Duration::from_millis(100));
    assert_eq!(scene.run(1), "l");
    for tone in ["1", "2"] {
        scene.tones.give(ToneOrder { tone: tone.parse().unwrap(), settings });
    }
    assert_eq!(scene.run(16), "tTTTT---tTTTTlLL");
    assert_eq!(scene.sender.sequence_number, 14, "one stream");
    assert_eq!(scene.sender.sender_time, RtpTime(17 * 960));
}

#[test]
fn silence_that_is_not_sent_ends_with_a_marker() {
    let dtx = OpusSettings::default().discontinuous_transmission(true);
    let mut scene = Scene::new(&AudioSocketSettings::default().encoder(dtx));
    let what = Play::Span(vec![0; 60 * 320].into());
    scene.control.add_remaining(60 * 320);
    scene.player.give(PlayerOrder { clears: 0, what });
    let quiet = scene.run(60);
    assert!(quiet.ends_with("--------"), "{quiet}");
    scene.play(320);
    assert_eq!(scene.run(1), "l");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Barge-in as the far end has it: whatever went before, at most one packet after a clear, and then nothing.
    #[test]
    fn after_a_clear_at_most_one_packet_is_sent(steps in walk::steps(60, 2_000)) {
        let settings = AudioSocketSettings::default().encoder(OpusSettings::default().complexity(0));
        let mut scene = Scene::new(&settings);
        for step in steps {
            match step {
                Step::Enqueue(samples) => scene.play(samples),
                Step::Say => scene.say(),
                Step::Tick => { scene.tick(); }
                other => other.apply(&scene.control),
            }
        }
        scene.control.clear();
        let sent = scene.run(5);
        prop_assert!(matches!(&sent[..], "-----" | "F----" | "f----"), "{}", sent);
    }
}
