//! The far ends of a cell: Opus packets that were encoded beforehand, from a process of their own.
//!
//! One engine carries them all, behind one port. The calls of a port are told apart by where they come from, so each far end
//! has an address of its own: loopback has sixteen million.

use std::io::{self, BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use offhook_media::blob::MediaBlob;
use offhook_media::{
    AudioFormat, AudioSocketSettings, EncodedAudioSender, HealthSettings, MediaPlatform,
    MediaPlatformSettings, MediaSessionSettings, MediaSourceId, Sound,
};
use opus::{Application, Bitrate, Channels, Encoder, Signal};

use super::{Result, Scenario};

/// `assets/README.md` says who speaks, and under which licence.
const SPEECH: &[u8] = include_bytes!("../../../../../assets/speech.wav");

/// How far apart in the speech two calls are, in frames, so that they do not all speak or pause at once.
const PLACES_APART: usize = 37;

/// The same for the voices of one call.
const VOICES_APART: usize = 71;

const FORMAT: AudioFormat = AudioFormat::Pcm16K;

/// How much the far ends give to their engine in advance, and how often: a writer that is late by less tears no hole.
const AHEAD: Duration = Duration::from_millis(600);
const REFILL: Duration = Duration::from_millis(100);

/// The lines that are no blob.
const SPEAK: &str = "speak";
const COUNT: &str = "count";

/// The process of the far ends, as seen from the cell. Its end is theirs.
pub(crate) struct FarEnds {
    child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
}

impl FarEnds {
    pub(crate) fn start(scenario: Scenario) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "--role", "far-ends", "--scenario", scenario.name()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (requests, replies) = child.stdin.take().zip(child.stdout.take()).ok_or("no pipes")?;
        Ok(Self { child, requests, replies: BufReader::new(replies) })
    }

    /// The answer of one more far end.
    pub(crate) fn answer(&mut self, offer: &MediaBlob) -> Result<MediaBlob> {
        Ok(MediaBlob::parse(self.ask(&offer.to_string())?.trim_end())?)
    }

    /// All begin to speak.
    pub(crate) fn speak(&mut self) -> Result<()> {
        self.ask(SPEAK).map(|_| ())
    }

    /// Packets that they have sent.
    pub(crate) fn sent(&mut self) -> Result<u64> {
        Ok(self.ask(COUNT)?.trim().parse()?)
    }

    fn ask(&mut self, line: &str) -> Result<String> {
        writeln!(self.requests, "{line}")?;
        let mut reply = String::new();
        if self.replies.read_line(&mut reply)? == 0 {
            return Err("the far ends have gone".into());
        }
        Ok(reply)
    }
}

impl Drop for FarEnds {
    fn drop(&mut self) {
        // It ends by itself when its input does; what it says then is of no use any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the far ends, until standard input ends.
pub(crate) async fn serve(scenario: Scenario) -> Result<()> {
    let speech = speech()?;
    let said = Said { voice: encode(&speech)?, mix: encode(&mix(&speech, scenario.speakers()))? };
    let settings = MediaPlatformSettings::default()
        .workers(1)
        .bind_address(Ipv4Addr::UNSPECIFIED.into())
        .public_address(Ipv4Addr::LOCALHOST.into())
        .health(HealthSettings::default().admit_overloaded(true));
    let platform = MediaPlatform::start(settings)?;
    let audio = AudioSocketSettings::default()
        .encoded(true)
        .sends_unmixed(scenario.speakers())
        .receive_queue(Duration::from_millis(20))
        .send_queue(AHEAD);
    let (mut sessions, mut speakers) = (Vec::new(), Vec::new());
    for line in io::stdin().lock().lines() {
        let reply = match line?.as_str() {
            SPEAK => {
                let speakers = std::mem::take(&mut speakers);
                let said = said.clone();
                std::thread::spawn(move || speak(speakers, &said));
                "speaking".to_owned()
            }
            COUNT => platform.session_stats().counters.packets_sent.to_string(),
            offer => {
                // 127.1.0.1 and on.
                let address = Ipv4Addr::from(0x7f01_0001 + sessions.len() as u32);
                let settings =
                    MediaSessionSettings::default().audio(audio.clone()).local_address(address.into());
                let mut session = platform.answer_session(&settings, &MediaBlob::parse(offer)?)?;
                let mut socket = session.take_encoded_audio_socket().ok_or("a socket is taken once")?;
                let (place, voices) = (sessions.len() * PLACES_APART, socket.take_speakers());
                for (voice, mut sender) in voices.into_iter().enumerate() {
                    sender.set_speakers([MediaSourceId(1 + voice as u32)]);
                    let next = place + voice * VOICES_APART;
                    speakers.push(Speaker { sender, next, is_mix: false });
                }
                // Nobody listens: what comes back is dropped.
                speakers.push(Speaker { sender: socket.split().1, next: place, is_mix: true });
                let answer = session.blob().to_string();
                sessions.push(session);
                answer
            }
        };
        println!("{reply}");
    }
    Ok(())
}

/// What one stream of a far end says.
struct Speaker {
    sender: EncodedAudioSender,
    next: usize,
    is_mix: bool,
}

/// What is said, in packets of 20 ms.
#[derive(Clone)]
struct Said {
    voice: Vec<Vec<u8>>,
    mix: Vec<Vec<u8>>,
}

/// Keeps every far end's queues full.
fn speak(mut speakers: Vec<Speaker>, said: &Said) {
    loop {
        for Speaker { sender, next, is_mix } in &mut speakers {
            let packets = if *is_mix { &said.mix } else { &said.voice };
            while sender.try_send(&packets[*next % packets.len()], None).is_ok() {
                *next += 1;
            }
        }
        std::thread::sleep(REFILL);
    }
}

/// Six seconds of a woman speaking, in frames.
fn speech() -> Result<Vec<Vec<i16>>> {
    let sound = Sound::read_wav(SPEECH)?.resampled(FORMAT.sample_rate())?;
    Ok(sound.samples().chunks_exact(FORMAT.samples_per_frame()).map(<[i16]>::to_vec).collect())
}

/// As many voices at once, each at its place; the speech itself, if there are none.
fn mix(speech: &[Vec<i16>], voices: u8) -> Vec<Vec<i16>> {
    let voices = usize::from(voices.max(1));
    let at = |frame: usize, sample: usize| {
        let said = |voice: usize| i32::from(speech[(frame + voice * VOICES_APART) % speech.len()][sample]);
        (0..voices).map(said).sum::<i32>().clamp(i16::MIN.into(), i16::MAX.into()) as i16
    };
    (0..speech.len())
        .map(|frame| (0..FORMAT.samples_per_frame()).map(|sample| at(frame, sample)).collect())
        .collect()
}

/// As the engine would encode it by default.
fn encode(frames: &[Vec<i16>]) -> Result<Vec<Vec<u8>>> {
    let mut encoder = Encoder::new(FORMAT.sample_rate().get(), Channels::Mono, Application::Voip)?;
    encoder.set_bitrate(Bitrate::Bits(32_000))?;
    encoder.set_signal(Signal::Voice)?;
    encoder.set_inband_fec(true)?;
    encoder.set_packet_loss_perc(5)?;
    Ok(frames
        .iter()
        .map(|samples| encoder.encode_vec(samples, 1500))
        .collect::<std::result::Result<_, _>>()?)
}
