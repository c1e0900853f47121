//! `offhook recording`: what is done with tracks that were recorded.

use std::error::Error;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use offhook::recording::folder::{self, Picture};

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
    /// Make one playable file of all speakers: mixdown.opus.
    Mix {
        /// Directory of the recording.
        directory: PathBuf,
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
        What::Mix { directory } => {
            let mixed = folder::mix(directory)?;
            eprintln!("{:.3} s of {}", mixed.duration.as_secs_f64(), mixed.tracks.join(", "));
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
