//! WAV: 16-bit mono PCM in a RIFF file (Microsoft and IBM, "Multimedia Programming Interface and Data Specifications
//! 1.0", 1991), whose header is right at any time.
//!
//! Our own and not a library's, since what matters is *when* the header is rewritten: samples reach the file first, the
//! lengths that vouch for them after, in one write of a few bytes each.

use std::io::{self, Seek, SeekFrom, Write};

/// RIFF, fmt and data chunk headers.
const HEADER_LEN: u32 = 44;

/// Where the two lengths stand.
const RIFF_LEN_AT: u64 = 4;
const DATA_LEN_AT: u64 = 40;

/// The most samples whose length fits the header's 32 bits.
pub(crate) const MAX_SAMPLES: u64 = (u32::MAX - HEADER_LEN) as u64 / 2;

/// Appends samples to a WAV file.
pub(crate) struct WavWriter<W> {
    file: W,
    /// Samples in the file; those that the header vouches for may be fewer.
    samples: u64,
    vouched: u64,
    bytes: Vec<u8>,
}

impl<W: Write + Seek> WavWriter<W> {
    /// Writes the header of an empty file.
    pub(crate) fn new(mut file: W, rate: u32) -> io::Result<Self> {
        let mut header = Vec::with_capacity(HEADER_LEN as usize);
        header.extend(b"RIFF");
        header.extend((HEADER_LEN - 8).to_le_bytes());
        header.extend(b"WAVEfmt ");
        header.extend(16_u32.to_le_bytes());
        for field in [1_u16, 1] {
            header.extend(field.to_le_bytes()); // PCM, mono
        }
        header.extend(rate.to_le_bytes());
        header.extend((rate * 2).to_le_bytes());
        for field in [2_u16, 16] {
            header.extend(field.to_le_bytes()); // bytes a sample, bits a sample
        }
        header.extend(b"data");
        header.extend(0_u32.to_le_bytes());
        file.write_all(&header)?;
        Ok(Self { file, samples: 0, vouched: 0, bytes: Vec::new() })
    }

    /// Appends `samples`.
    pub(crate) fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        self.bytes.clear();
        self.bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        self.file.write_all(&self.bytes)?;
        self.samples += samples.len() as u64;
        Ok(())
    }

    /// Makes the header vouch for every sample written.
    pub(crate) fn vouch(&mut self) -> io::Result<()> {
        let data = u32::try_from(self.samples * 2).map_err(|_| io::ErrorKind::FileTooLarge)?;
        for (at, len) in [(RIFF_LEN_AT, data + HEADER_LEN - 8), (DATA_LEN_AT, data)] {
            self.file.seek(SeekFrom::Start(at))?;
            self.file.write_all(&len.to_le_bytes())?;
        }
        self.file.seek(SeekFrom::Start(u64::from(HEADER_LEN) + u64::from(data)))?;
        self.vouched = self.samples;
        Ok(())
    }

    /// Samples that the header vouches for.
    pub(crate) fn vouched(&self) -> u64 {
        self.vouched
    }

    pub(crate) fn file(&self) -> &W {
        &self.file
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn another_reader_reads_what_was_vouched_for() {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, 16_000).unwrap();
        writer.write(&[1, -2, 3]).unwrap();
        writer.vouch().unwrap();
        writer.write(&[4]).unwrap();
        let mut reader = hound::WavReader::new(Cursor::new(bytes.into_inner())).unwrap();
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 16_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        assert_eq!(reader.spec(), spec);
        assert_eq!(reader.samples::<i16>().map(Result::unwrap).collect::<Vec<_>>(), [1, -2, 3]);
    }

    #[test]
    fn an_empty_file_is_a_file() {
        let mut bytes = Cursor::new(Vec::new());
        WavWriter::new(&mut bytes, 48_000).unwrap();
        assert_eq!(hound::WavReader::new(Cursor::new(bytes.into_inner())).unwrap().len(), 0);
    }
}
