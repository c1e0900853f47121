//! Tones: what is pressed on a phone.

use super::number::Integer;
use super::object::graph_object;
use super::open::{Open, open_enum};

open_enum! {
    /// A DTMF tone (Graph `tone`).
    pub enum Tone: "tone" {
        /// 0.
        "tone0" Tone0,
        /// 1.
        "tone1" Tone1,
        /// 2.
        "tone2" Tone2,
        /// 3.
        "tone3" Tone3,
        /// 4.
        "tone4" Tone4,
        /// 5.
        "tone5" Tone5,
        /// 6.
        "tone6" Tone6,
        /// 7.
        "tone7" Tone7,
        /// 8.
        "tone8" Tone8,
        /// 9.
        "tone9" Tone9,
        /// `*`.
        "star" Star,
        /// `#`.
        "pound" Pound,
        /// A.
        "a" A,
        /// B.
        "b" B,
        /// C.
        "c" C,
        /// D.
        "d" D,
        /// Hook flash.
        "flash" Flash,
    }
}

graph_object! {
    /// A tone that was pressed (Graph `toneInfo`).
    pub struct ToneInfo: "#microsoft.graph.toneInfo" {
        /// Position in the sequence of tones.
        "sequenceId" sequence_id: Integer,
        /// The tone.
        "tone" tone: Open<Tone>,
    }
}
