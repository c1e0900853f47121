//! `offhook recording`: what is done with tracks that were recorded.

use std::error::Error;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use offhook::recording::folder::{self, Picture, Show};

/// Look after a recording of tracks: verify, finalize, mix, show.
#[derive(Args)]
#[command(after_help = "Examples:

    offhook recording verify recordings/call-57dab8b1
    offhook recording finalize recordings/call-57dab8b1
    offhook recording mix recordings/call-57dab8b1
    offhook recording show recordings/call-57dab8b1

Exit codes:
    0  done; with verify: the recording is whole
    1  the recording is not whole, or is none
    2  the arguments are wrong
    5  the disk refused")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Check every file against the timeline, and the timeline against itself.
    ///
    /// Finds any change of a file or of the timeline. That the whole recording was not made anew, only a hash proves that was
    /// kept elsewhere: --head.
    Verify {
        /// Directory of the recording.
        directory: PathBuf,
        /// The hash that recording printed.
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
    /// Close a recording that was killed: each file gets its end, and all the same duration.
    Finalize {
        /// Directory of the recording.
        directory: PathBuf,
    },
    /// Make one playable file of all speakers: mixdown.opus; with pictures, where there are any: mixdown.webm or mixdown.mkv.
    Mix {
        /// Directory of the recording.
        directory: PathBuf,
        /// Whose picture is shown: a track, such as screen-7, or the media source id of a camera; or none [default: that of which there
        /// is most].
        #[arg(long, value_name = "SOURCE")]
        video: Option<String>,
    },
    /// Draw who spoke when and what is missing: here, and into timeline.svg.
    Show {
        /// Directory of the recording.
        directory: PathBuf,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    match &arguments.what {
        What::Verify { directory, head } => {
            let verified = folder::verify(directory)?;
            let seconds = verified.duration.as_secs_f64();
            println!("{} files of {seconds:.3} s; head {}", verified.files, verified.head);
            let mut problems: Vec<_> = verified.problems.iter().map(ToString::to_string).collect();
            if head.as_ref().is_some_and(|head| *head != verified.head) {
                problems.push("the timeline does not end with the hash that was given".to_owned());
            }
            if !problems.is_empty() {
                return Err(problems.join("; ").into());
            }
        }
        What::Finalize { directory } => {
            let finalized = folder::finalize(directory)?;
            let seconds = finalized.duration.as_secs_f64();
            match finalized.files {
                0 => println!("it was stopped in order, and stays as it is: {seconds:.3} s"),
                files => println!("{files} files of {seconds:.3} s; head {}", finalized.head),
            }
        }
        What::Mix { directory, video } => {
            let show = match video.as_deref() {
                None => Show::Longest,
                Some("none") => Show::Nothing,
                Some(track) => Show::Track(track),
            };
            let mixed = folder::mix(directory, show)?;
            eprintln!("{:.3} s of {}", mixed.duration.as_secs_f64(), mixed.tracks.join(", "));
            if !mixed.left_out.is_empty() {
                eprintln!("of another codec or size, and left out: {}", mixed.left_out.join(", "));
            }
            println!("{}", mixed.path.display());
        }
        What::Show { directory } => {
            let picture = Picture::of(directory)?;
            print!("{picture}");
            eprintln!("{}", picture.write_svg()?.display());
        }
    }
    Ok(())
}
