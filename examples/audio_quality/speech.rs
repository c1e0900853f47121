//! Speech, and the packets that all receivers get.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use offhook::media::{SampleRate, Sound};
use opus::{Application, Bitrate, Channels, Encoder, Signal};

use crate::Outcome;

/// Between two packets, and in one.
pub(crate) const PACKET: Duration = Duration::from_millis(20);

/// Samples a second of all that is compared here.
pub(crate) const RATE: usize = 16_000;

/// Samples in [`PACKET`].
pub(crate) const PACKET_SAMPLES: usize = RATE / 50;

/// Where Debian's package puts its prompts.
const PROMPTS: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";

/// The shortest prompt that is taken, in bytes of G.722 at 64 kb/s: 3 s. Shorter ones are single words.
const SHORTEST: u64 = 24_000;

/// What speech is brought to: -26 dB below full scale, the level at which codecs are compared (ITU-T P.56, P.800).
const LEVEL: f64 = 32_768.0 * 0.050_118_7;

/// Mono speech at 16 kHz, and its Opus packets.
pub(crate) struct Speech {
    pub(crate) samples: Vec<i16>,
    pub(crate) packets: Vec<Vec<u8>>,
}

impl Speech {
    /// `length` of the WAV file, repeated, or of Asterisk's prompts, one after the other with pauses.
    pub(crate) fn load(wav: Option<&Path>, length: Duration) -> Outcome<Self> {
        let wanted = length.as_millis() as usize / PACKET.as_millis() as usize * PACKET_SAMPLES;
        let mut parts = match wav {
            Some(path) => vec![read_wav(path)?],
            None => prompts(wanted)?,
        };
        parts.iter_mut().for_each(|part| level(part));
        let mut samples = Vec::with_capacity(wanted + RATE);
        for (at, part) in parts.iter().cycle().enumerate() {
            if samples.len() >= wanted {
                break;
            }
            samples.extend_from_slice(part);
            // A breath of 300 to 800 ms, as between sentences.
            samples.resize(samples.len() + (300 + at * 137 % 500) * RATE / 1000, 0);
        }
        samples.truncate(wanted);
        let packets = encode(&samples)?;
        Ok(Self { samples, packets })
    }

    pub(crate) fn duration(&self) -> Duration {
        SampleRate::HZ_16000.duration_of(self.samples.len() as u64)
    }
}

/// As the engine encodes by default, once for all receivers.
fn encode(samples: &[i16]) -> Outcome<Vec<Vec<u8>>> {
    let mut encoder = Encoder::new(RATE as u32, Channels::Mono, Application::Voip)?;
    encoder.set_bitrate(Bitrate::Bits(32_000))?;
    encoder.set_complexity(5)?;
    encoder.set_signal(Signal::Voice)?;
    encoder.set_inband_fec(true)?;
    encoder.set_packet_loss_perc(10)?;
    let packets = samples.chunks_exact(PACKET_SAMPLES).map(|frame| encoder.encode_vec(frame, 1500));
    Ok(packets.collect::<Result<_, _>>()?)
}

/// Enough of Asterisk's prompts to fill `wanted` samples, in the order of their names.
fn prompts(wanted: usize) -> Outcome<Vec<Vec<i16>>> {
    let missing = || {
        format!(
            "{PROMPTS} has no prompts. This installs what is missing and runs the comparison: script/audio_quality; \
             or give speech of your own with --speech FILE.wav"
        )
    };
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(PROMPTS).map_err(|_| missing())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Monkeys are no speech.
        if name.ends_with(".g722") && !name.starts_with("tt-monkeys") && entry.metadata()?.len() >= SHORTEST {
            paths.push(entry.path());
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(missing().into());
    }
    let (mut prompts, mut samples) = (Vec::new(), 0);
    for path in paths {
        if samples >= wanted {
            break;
        }
        let prompt = decode_g722(&path)?;
        samples += prompt.len();
        prompts.push(prompt);
    }
    Ok(prompts)
}

fn decode_g722(path: &Path) -> Outcome<Vec<i16>> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "g722", "-i"])
        .arg(path)
        .args(["-f", "s16le", "-ar", "16000", "-ac", "1", "-"])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("ffmpeg does not run ({error}); script/audio_quality installs it"))?;
    if !output.status.success() {
        return Err(format!("ffmpeg, {}: {}", path.display(), String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(from_bytes(&output.stdout))
}

/// Samples from little-endian bytes.
pub(crate) fn from_bytes(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// Brings the loudness of what is spoken, pauses left out, to [`LEVEL`]; less where it would clip.
fn level(samples: &mut [i16]) {
    let power = |frame: &[i16]| frame.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / frame.len() as f64;
    // -50 dB below full scale: quieter than any speech, louder than a room.
    let spoken: Vec<f64> =
        samples.chunks(PACKET_SAMPLES).map(power).filter(|power| *power > 100.0 * 100.0).collect();
    let loud = (spoken.iter().sum::<f64>() / spoken.len().max(1) as f64).sqrt();
    let peak = samples.iter().map(|s| f64::from(s.unsigned_abs())).fold(1.0, f64::max);
    if loud > 0.0 {
        let gain = (LEVEL / loud).min(32_000.0 / peak);
        samples.iter_mut().for_each(|sample| *sample = (f64::from(*sample) * gain) as i16);
    }
}

fn read_wav(path: &Path) -> Outcome<Vec<i16>> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let sound = Sound::read_wav(file).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(sound.resampled(SampleRate::HZ_16000)?.samples().to_vec())
}

pub(crate) fn write_wav(path: &Path, samples: &[i16]) -> Outcome {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE as u32,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for &sample in samples {
        writer.write_sample(sample)?;
    }
    Ok(writer.finalize()?)
}
