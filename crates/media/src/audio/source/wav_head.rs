//! A guard in front of the decoding library: its reader of WAV multiplies the number of channels before it looks at it, and
//! overflows where that is checked.

use std::io::{self, Read};

use super::{MOST_CHANNELS, SoundError};

/// How far into a file the library looks for where it begins.
const SEARCHED: usize = 1 << 20;

/// Passes a file on, unless it is a WAV file of more channels than are read.
pub(super) struct GuardedWav<R> {
    file: R,
    at: At,
}

/// Where in a WAV file the next byte lies.
enum At {
    /// Before `RIFF`, a length, and `WAVE`: the last bytes, and how many there were.
    Beginning([u8; 12], usize),
    /// In the name and the length of a chunk.
    ChunkHead([u8; 8], usize),
    /// In the kind of samples and the number of channels.
    Format([u8; 4], usize, u32),
    /// In what else a chunk holds.
    Rest(u32),
    /// Behind all that is of interest.
    Passed,
}

impl<R> GuardedWav<R> {
    pub(super) fn new(file: R) -> Self {
        Self { file, at: At::Beginning([0; 12], 0) }
    }

    /// Takes note of a byte.
    fn pass(&mut self, byte: u8) -> Result<(), SoundError> {
        self.at = match std::mem::replace(&mut self.at, At::Passed) {
            At::Beginning(mut last, seen) => {
                last.rotate_left(1);
                last[11] = byte;
                match last {
                    [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E'] => At::ChunkHead([0; 8], 0),
                    _ if seen < SEARCHED => At::Beginning(last, seen + 1),
                    _ => At::Passed,
                }
            }
            At::ChunkHead(mut head, seen) => {
                head[seen] = byte;
                let [n0, n1, n2, n3, l0, l1, l2, l3] = head;
                let len = u32::from_le_bytes([l0, l1, l2, l3]);
                match &[n0, n1, n2, n3] {
                    _ if seen < 7 => At::ChunkHead(head, seen + 1),
                    b"fmt " => At::Format([0; 4], 0, len),
                    // Chunks begin at even places.
                    b"data" => At::Passed,
                    _ => rest(len.saturating_add(len % 2)),
                }
            }
            At::Format(mut head, seen, len) => {
                head[seen] = byte;
                if seen < 3 {
                    At::Format(head, seen + 1, len)
                } else {
                    let [_, _, c0, c1] = head;
                    let channels = usize::from(u16::from_le_bytes([c0, c1]));
                    if channels > MOST_CHANNELS {
                        return Err(SoundError::Channels { channels });
                    }
                    rest(len.saturating_add(len % 2).saturating_sub(4))
                }
            }
            At::Rest(left) => rest(left - 1),
            At::Passed => At::Passed,
        };
        Ok(())
    }
}

fn rest(left: u32) -> At {
    if left == 0 { At::ChunkHead([0; 8], 0) } else { At::Rest(left) }
}

impl<R: Read> Read for GuardedWav<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        for &byte in &buffer[..read] {
            if matches!(self.at, At::Passed) {
                break;
            }
            self.pass(byte).map_err(io::Error::other)?;
        }
        Ok(read)
    }
}
