//! Encoded pictures and sound into Matroska, and WebM, which is the part of it for VP8 and Opus (RFC 9559), as they are. Pure.
//!
//! Matroska also holds H.264, because its clusters can be appended: what is there when a process is killed opens as it is, and
//! needs no index. The head has room for what is known at the end: how long it is, and where the index is.

use crate::opus::RATE;

/// Elements that this crate writes and reads (RFC 9559 section 5, RFC 8794 section 11.2).
pub(crate) mod id {
    pub(crate) const EBML: u32 = 0x1a45_dfa3;
    pub(crate) const DOC_TYPE: u32 = 0x4282;
    pub(crate) const SEGMENT: u32 = 0x1853_8067;
    pub(crate) const SEEK_HEAD: u32 = 0x114d_9b74;
    pub(crate) const INFO: u32 = 0x1549_a966;
    pub(crate) const TIMESTAMP_SCALE: u32 = 0x2a_d7b1;
    pub(crate) const DURATION: u32 = 0x4489;
    pub(crate) const TITLE: u32 = 0x7ba9;
    pub(crate) const TRACKS: u32 = 0x1654_ae6b;
    pub(crate) const TRACK_ENTRY: u32 = 0xae;
    pub(crate) const CODEC: u32 = 0x86;
    pub(crate) const CODEC_PRIVATE: u32 = 0x63a2;
    pub(crate) const VIDEO: u32 = 0xe0;
    pub(crate) const WIDTH: u32 = 0xb0;
    pub(crate) const HEIGHT: u32 = 0xba;
    pub(crate) const CLUSTER: u32 = 0x1f43_b675;
    pub(crate) const TIMESTAMP: u32 = 0xe7;
    pub(crate) const SIMPLE_BLOCK: u32 = 0xa3;
    pub(crate) const CUES: u32 = 0x1c53_bb6b;
    pub(crate) const VOID: u32 = 0xec;
}

/// Nanoseconds of a tick of all times in a file: those of WebM are milliseconds.
pub(crate) const TICK: u64 = 1_000_000;

/// What the index in front takes: three places of 21 bytes, and their head.
const SEEK_HEAD_LEN: usize = 68;

/// What the duration takes.
const DURATION_LEN: usize = 11;

/// Of a segment whose size is not known yet.
const UNKNOWN: u64 = (1 << 56) - 1;

/// Times in a cluster have 16 bits with a sign: a cluster is closed before that.
const LONGEST_CLUSTER: u64 = 30_000;

/// How a track of a file is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Vp8 {
        width: u16,
        height: u16,
    },
    /// With its decoder configuration (ISO/IEC 14496-15 section 5.3.3.1).
    H264 {
        width: u16,
        height: u16,
        configuration: Vec<u8>,
    },
    /// With its identification header (RFC 7845 section 5.1), which says how many samples to skip.
    Opus {
        head: Vec<u8>,
        pre_skip: u64,
    },
}

impl Coding {
    /// The end of a file's name: Matroska of VP8 is WebM.
    pub(crate) fn extension(&self) -> &'static str {
        if matches!(self, Self::H264 { .. }) { "mkv" } else { "webm" }
    }

    /// What a file calls it (RFC 9559 section 27.6).
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Vp8 { .. } => "V_VP8",
            Self::H264 { .. } => "V_MPEG4/ISO/AVC",
            Self::Opus { .. } => "A_OPUS",
        }
    }

    fn entry(&self, number: usize) -> Vec<u8> {
        let is_picture = !matches!(self, Self::Opus { .. });
        let mut entry = [
            number_element(0xd7, number as u64),
            number_element(0x73c5, number as u64),
            number_element(0x83, if is_picture { 1 } else { 2 }),
            // No lacing.
            number_element(0x9c, 0),
            element(id::CODEC, self.name().as_bytes()),
        ]
        .concat();
        match self {
            Self::Vp8 { width, height } => entry.extend(video(*width, *height)),
            Self::H264 { width, height, configuration } => {
                entry.extend(element(id::CODEC_PRIVATE, configuration));
                entry.extend(video(*width, *height));
            }
            Self::Opus { head, pre_skip } => {
                entry.extend(element(id::CODEC_PRIVATE, head));
                // The delay, and how much is decoded before a place that is sought: 80 ms, in nanoseconds.
                entry.extend(number_element(0x56aa, pre_skip * 1_000_000_000 / RATE));
                entry.extend(number_element(0x56bb, 80_000_000));
                let rate = element(0xb5, &(RATE as f64).to_be_bytes());
                entry.extend(element(0xe1, &[rate, number_element(0x9f, 1)].concat()));
            }
        }
        element(id::TRACK_ENTRY, &entry)
    }
}

fn video(width: u16, height: u16) -> Vec<u8> {
    let size = [number_element(id::WIDTH, width.into()), number_element(id::HEIGHT, height.into())];
    element(id::VIDEO, &size.concat())
}

/// A file in the making.
pub(crate) struct MatroskaWriter {
    tracks: Vec<Coding>,
    title: String,
    /// What was given away of the segment's content.
    len: u64,
    /// The cluster that is being filled: its time, and its blocks.
    cluster: Option<(u64, Vec<u8>)>,
    /// Clusters that are closed, and not given away.
    closed: Vec<u8>,
    /// Where clusters lie that begin with a key frame: time and place.
    cues: Vec<(u64, u64)>,
}

impl MatroskaWriter {
    /// A file of these tracks, which are numbered from 0.
    pub(crate) fn new(tracks: Vec<Coding>, title: &str) -> Self {
        let mut this = Self {
            tracks,
            title: title.to_owned(),
            len: 0,
            cluster: None,
            closed: Vec::new(),
            cues: Vec::new(),
        };
        let (head, content) = this.head(None);
        this.len = (head.len() - content) as u64;
        this
    }

    /// What a file begins with whose end is not known.
    pub(crate) fn beginning(&self) -> Vec<u8> {
        self.head(None).0
    }

    /// Adds a frame that is shown or heard at `at` milliseconds. Each track's times grow.
    pub(crate) fn push(&mut self, track: usize, at: u64, is_key: bool, data: &[u8]) {
        let is_cue = is_key && !matches!(self.tracks.get(track), Some(Coding::Opus { .. }));
        if self.cluster.as_ref().is_some_and(|(since, _)| is_cue || at.abs_diff(*since) >= LONGEST_CLUSTER) {
            self.close_cluster();
        }
        let place = self.len + self.closed.len() as u64;
        let (since, blocks) = self.cluster.get_or_insert_with(|| (at, Vec::new()));
        if is_cue {
            self.cues.push((at, place));
        }
        let relative = (at as i64 - *since as i64) as i16;
        let [high, low] = relative.to_be_bytes();
        let head = [0x80 | (track + 1) as u8, high, low, if is_key { 0x80 } else { 0 }];
        put_id(id::SIMPLE_BLOCK, blocks);
        put_size((head.len() + data.len()) as u64, blocks);
        blocks.extend(head);
        blocks.extend(data);
    }

    /// When the cluster begins that is being filled.
    pub(crate) fn cluster_began(&self) -> Option<u64> {
        self.cluster.as_ref().map(|(since, _)| *since)
    }

    fn close_cluster(&mut self) {
        let Some((since, blocks)) = self.cluster.take() else { return };
        let content = [number_element(id::TIMESTAMP, since), blocks].concat();
        self.closed.extend(element(id::CLUSTER, &content));
    }

    /// Ends the cluster, and gives all since it was last asked for.
    pub(crate) fn clusters(&mut self) -> Vec<u8> {
        self.close_cluster();
        self.closed_clusters()
    }

    /// The clusters that are closed since it was last asked for any. That which is being filled goes on.
    pub(crate) fn closed_clusters(&mut self) -> Vec<u8> {
        self.len += self.closed.len() as u64;
        std::mem::take(&mut self.closed)
    }

    /// Ends the file at `end` milliseconds: what is still to be appended, and what takes the place of its beginning.
    pub(crate) fn finish(&mut self, end: u64) -> (Vec<u8>, Vec<u8>) {
        let mut tail = self.clusters();
        let cues_at = self.len;
        let cue = |(at, place): &(u64, u64)| {
            let positions = [number_element(0xf7, 1), number_element(0xf1, *place)].concat();
            element(0xbb, &[number_element(0xb3, *at), element(0xb7, &positions)].concat())
        };
        let cues = (!self.cues.is_empty()).then(|| {
            let cues = self.cues.iter().flat_map(cue).collect::<Vec<_>>();
            tail.extend(element(id::CUES, &cues));
            self.len = cues_at + element(id::CUES, &cues).len() as u64;
            cues_at
        });
        (tail, self.head(Some(End { at: end, len: self.len, cues })).0)
    }

    /// What the file begins with, always equally long; and where in it the segment's content begins.
    fn head(&self, end: Option<End>) -> (Vec<u8>, usize) {
        let is_webm = !self.tracks.iter().any(|track| matches!(track, Coding::H264 { .. }));
        let ebml = [
            number_element(0x4286, 1),
            number_element(0x42f7, 1),
            number_element(0x42f2, 4),
            number_element(0x42f3, 8),
            element(id::DOC_TYPE, if is_webm { b"webm" } else { b"matroska" }),
            number_element(0x4287, 4),
            number_element(0x4285, 2),
        ];
        let mut head = element(id::EBML, &ebml.concat());
        put_id(id::SEGMENT, &mut head);
        head.extend((end.as_ref().map_or(UNKNOWN, |end| end.len) | 1 << 56).to_be_bytes());
        let content = head.len();
        let duration = match &end {
            Some(end) => element(id::DURATION, &(end.at as f64).to_be_bytes()),
            None => void(DURATION_LEN),
        };
        let info = [
            number_element(id::TIMESTAMP_SCALE, TICK),
            duration,
            element(id::TITLE, self.title.as_bytes()),
            element(0x4d80, b"offhook"),
            element(0x5741, b"offhook"),
        ];
        let info = element(id::INFO, &info.concat());
        let tracks: Vec<_> =
            (1..).zip(&self.tracks).flat_map(|(number, coding)| coding.entry(number)).collect();
        let tracks = element(id::TRACKS, &tracks);
        let seek_head = match end {
            None => void(SEEK_HEAD_LEN),
            Some(end) => {
                let info_at = SEEK_HEAD_LEN as u64;
                let tracks_at = info_at + info.len() as u64;
                let mut places = [seek(id::INFO, info_at), seek(id::TRACKS, tracks_at)].concat();
                places.extend(end.cues.map(|cues| seek(id::CUES, cues)).unwrap_or_else(|| void(21)));
                element(id::SEEK_HEAD, &places)
            }
        };
        head.extend([seek_head, info, tracks].concat());
        (head, content)
    }
}

/// What is known at the end.
struct End {
    /// In milliseconds.
    at: u64,
    /// The length of the segment's content.
    len: u64,
    cues: Option<u64>,
}

/// Where an element lies in the segment, in 21 bytes.
fn seek(what: u32, at: u64) -> Vec<u8> {
    let place = element(0x53ac, &at.to_be_bytes());
    element(0x4dbb, &[element(0x53ab, &what.to_be_bytes()), place].concat())
}

/// Nothing, of so many bytes.
fn void(len: usize) -> Vec<u8> {
    let mut void = vec![0; len];
    (void[0], void[1]) = (id::VOID as u8, 0x80 | (len - 2) as u8);
    void
}

fn element(id: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(content.len() + 12);
    put_id(id, &mut bytes);
    put_size(content.len() as u64, &mut bytes);
    bytes.extend(content);
    bytes
}

/// An element that is a number, in as few bytes as it needs.
fn number_element(id: u32, number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(7);
    element(id, &bytes[first..])
}

/// An identifier has its length in its first bits already (RFC 8794 section 5).
fn put_id(id: u32, to: &mut Vec<u8>) {
    let bytes = id.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(3);
    to.extend(&bytes[first..]);
}

/// A size, in as few bytes as it needs (RFC 8794 section 4). All ones would be an unknown one.
fn put_size(size: u64, to: &mut Vec<u8>) {
    let len = (1..8).find(|len| size < (1 << (7 * len)) - 1).unwrap_or(8);
    let bytes = (size | 1 << (7 * len)).to_be_bytes();
    to.extend(&bytes[8 - len as usize..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_numbers_take_as_little_as_they_need() {
        let mut sizes = Vec::new();
        [0, 126, 127, 16_382, 16_383].into_iter().for_each(|size| put_size(size, &mut sizes));
        assert_eq!(sizes, [0x80, 0xfe, 0x40, 127, 0x7f, 0xfe, 0x20, 0x3f, 0xff]);
        assert_eq!(number_element(0xd7, 0), [0xd7, 0x81, 0]);
        assert_eq!(number_element(id::TIMESTAMP_SCALE, TICK), [0x2a, 0xd7, 0xb1, 0x83, 0x0f, 0x42, 0x40]);
    }

    #[test]
    fn the_head_is_as_long_at_the_end_as_it_was() {
        let opus = Coding::Opus { head: vec![1; 19], pre_skip: 312 };
        for tracks in [vec![Coding::Vp8 { width: 640, height: 360 }], vec![opus]] {
            let mut writer = MatroskaWriter::new(tracks, "a track");
            let beginning = writer.beginning();
            writer.push(0, 5, true, &[1, 2, 3]);
            let (tail, head) = writer.finish(1000);
            assert_eq!(head.len(), beginning.len());
            assert!(!tail.is_empty());
        }
        assert_eq!(seek(id::CUES, 7).len(), 21);
    }
}
