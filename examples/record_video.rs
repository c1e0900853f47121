//! Calls somebody and writes their picture to a file as it comes: nothing is decoded or encoded again.
//!
//! ```sh
//! cargo run --example record_video -- --out recordings --seconds 5
//! ```
//!
//! What is written is what players call a raw stream: `OUT/video.h264` (with start codes), or `OUT/video.ivf` for VP8.

mod support;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use offhook::emulator::{Clip, FarEndScript, Film};
use offhook::media::video::{EncodedVideoFrame, VideoCodec, VideoSize};
use offhook::media::{RtpTime, VideoSocketSettings};
use offhook::prelude::*;

/// Record somebody's picture.
#[derive(Parser)]
struct Arguments {
    /// Directory for the recording
    #[arg(long, default_value = "recordings")]
    out: PathBuf,
    /// How long
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Ask for VP8 in place of H.264
    #[arg(long)]
    vp8: bool,
    #[command(flatten)]
    place: support::Place,
}

#[tokio::main]
async fn main() -> support::Outcome {
    let arguments = Arguments::parse();
    let script = FarEndScript::new().say(Clip::speech().into()).show(Film::pattern());
    let (bot, _emulator) = arguments.place.open(script).await?;

    let codec = if arguments.vp8 { VideoCodec::Vp8 } else { VideoCodec::H264 };
    let settings = MediaSessionSettings::default().video(VideoSocketSettings::default().codecs([codec]));
    let mut call = bot.call(NewCall::to_user(arguments.place.user.as_str()), &settings).await?;
    call.established().await?;
    println!("established; recording {:.1} s", arguments.seconds);

    let mut video = call.take_video_sockets().remove(0);
    let mut file: Option<VideoFile> = None;
    let until = tokio::time::Instant::now() + Duration::from_secs_f64(arguments.seconds);
    // The first frame is a key frame, and none comes before what it refers to: whatever is written can be decoded.
    while let Ok(frame) = tokio::time::timeout_at(until, video.receive()).await {
        let frame = frame?;
        let file = match &mut file {
            Some(file) => file,
            none => none.insert(VideoFile::create(&arguments.out, frame)?),
        };
        file.write(frame)?;
    }
    call.hang_up().await?;
    println!("{}\n", call.ended().await);
    match file {
        Some(file) => println!("{}", file.finish()?),
        None => println!("no picture came"),
    }
    Ok(())
}

/// A raw stream of one codec.
struct VideoFile {
    path: PathBuf,
    out: BufWriter<File>,
    codec: VideoCodec,
    size: Option<VideoSize>,
    first: RtpTime,
    last: RtpTime,
    frames: u32,
}

impl VideoFile {
    fn create(directory: &Path, frame: &EncodedVideoFrame) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let (codec, size) = (frame.codec(), frame.size());
        let path = directory.join(if codec == VideoCodec::H264 { "video.h264" } else { "video.ivf" });
        let mut out = BufWriter::new(File::create(&path)?);
        if codec == VideoCodec::Vp8 {
            let VideoSize { width, height } = size.unwrap_or(VideoSize { width: 0, height: 0 });
            // IVF: version 0, a head of 32 bytes, times in 90,000ths of a second, and a number of frames that nobody reads.
            out.write_all(b"DKIF\0\0\x20\0VP80")?;
            [width, height].iter().try_for_each(|side| out.write_all(&side.to_le_bytes()))?;
            [90_000_u32, 1, 0, 0].iter().try_for_each(|number| out.write_all(&number.to_le_bytes()))?;
        }
        let (first, last) = (frame.sender_time(), frame.sender_time());
        Ok(Self { path, out, codec, size, first, last, frames: 0 })
    }

    fn write(&mut self, frame: &EncodedVideoFrame) -> io::Result<()> {
        self.last = frame.sender_time();
        if self.codec == VideoCodec::Vp8 {
            self.out.write_all(&(frame.data().len() as u32).to_le_bytes())?;
            self.out.write_all(&u64::from(self.last.0.wrapping_sub(self.first.0)).to_le_bytes())?;
        }
        self.frames += 1;
        self.out.write_all(frame.data())
    }

    fn finish(mut self) -> io::Result<String> {
        self.out.flush()?;
        let seconds = f64::from(self.last.0.wrapping_sub(self.first.0)) / 90_000.0;
        let size = self.size.map_or_else(String::new, |size| format!(" of {} x {}", size.width, size.height));
        Ok(format!("{} frames{size}, {seconds:.1} s, in {}", self.frames, self.path.display()))
    }
}
