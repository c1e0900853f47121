//! Whether the pictures that a frame refers to were given: only then can it be decoded.

use crate::video::payload::{Layer, Piece};

/// What was given so far, as far as a later frame depends on it.
#[derive(Debug, Default)]
pub(super) struct References {
    /// Nothing between the last frame that was given and the next one is lost. `false` before the first key frame.
    is_intact: bool,
    /// Nor is anything of the layers above the base.
    is_intact_above: bool,
    /// A frame of the base layer that was given last, as the sender counts them.
    base: Option<u8>,
    /// Nothing but a key frame helps.
    needs_key: bool,
}

/// What to do with a whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Give it.
    Decodable,
    /// What it refers to was not given.
    Undecodable,
}

impl References {
    /// Something after the last frame that was given is lost.
    pub(super) fn lose(&mut self) {
        self.is_intact = false;
        // Where the sender counts base frames, the next one tells whether it was one of them.
        self.needs_key |= self.base.is_none();
    }

    /// Whether nothing but a key frame helps.
    pub(super) fn wants_key(&self) -> bool {
        self.needs_key || !self.is_intact && self.base.is_none()
    }

    /// Judges a whole frame, and notes it as given where it can be decoded. Without its beginning nothing can be.
    pub(super) fn judge(&mut self, piece: &Piece, is_from_its_beginning: bool) -> Verdict {
        let is_decodable = is_from_its_beginning && self.can_decode(piece);
        if !is_decodable {
            let is_above = piece.layer.is_some_and(|layer| layer.temporal > 0);
            // Nothing of the base refers to what is above it.
            if is_above && is_from_its_beginning {
                self.is_intact_above = false;
            } else {
                self.is_intact = false;
                self.needs_key = true;
            }
            return Verdict::Undecodable;
        }
        if piece.is_key {
            (self.is_intact_above, self.needs_key) = (true, false);
        }
        match piece.layer {
            Some(Layer { temporal: 0, base, .. }) => {
                self.is_intact_above &= self.is_intact || piece.is_key;
                (self.base, self.is_intact) = (Some(base), true);
            }
            Some(layer) => self.is_intact_above |= layer.is_sync && layer.temporal == 1,
            None => (self.base, self.is_intact) = (None, true),
        }
        Verdict::Decodable
    }

    fn can_decode(&self, piece: &Piece) -> bool {
        if piece.is_key {
            return true;
        }
        if self.needs_key {
            return false;
        }
        match (piece.layer, self.base) {
            (Some(Layer { temporal: 0, base, .. }), Some(last)) => base == last.wrapping_add(1),
            (Some(Layer { base, is_sync, .. }), Some(last)) => {
                base == last && (is_sync || self.is_intact && self.is_intact_above)
            }
            _ => self.is_intact,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Piece {
        Piece { is_key: true, layer: layer(0, 0, false), ..Piece::default() }
    }

    fn layer(temporal: u8, base: u8, is_sync: bool) -> Option<Layer> {
        Some(Layer { temporal, base, is_sync })
    }

    fn of(temporal: u8, base: u8, is_sync: bool) -> Piece {
        Piece { layer: layer(temporal, base, is_sync), ..Piece::default() }
    }

    fn judged(references: &mut References, piece: Piece) -> bool {
        references.judge(&piece, true) == Verdict::Decodable
    }

    #[test]
    fn without_layers_a_loss_needs_a_key_frame() {
        let (mut references, plain) = (References::default(), Piece::default());
        assert!(references.wants_key());
        assert!(!judged(&mut references, plain));
        assert!(judged(&mut references, Piece { is_key: true, ..plain }));
        assert!(judged(&mut references, plain));
        assert!(!references.wants_key());
        references.lose();
        assert!(references.wants_key());
        assert!(!judged(&mut references, plain));
        assert!(judged(&mut references, Piece { is_key: true, ..plain }));
        assert_eq!(references.judge(&plain, false), Verdict::Undecodable, "half a frame");
    }

    #[test]
    fn a_loss_above_the_base_costs_what_is_above_until_a_sync() {
        let mut references = References::default();
        assert!(judged(&mut references, key()));
        assert!(judged(&mut references, of(1, 0, true)));
        references.lose();
        assert!(!references.wants_key(), "it may have been one of those above");
        assert!(judged(&mut references, of(0, 1, false)), "it was: the base goes on");
        assert!(!judged(&mut references, of(1, 1, false)), "this one may refer to what was lost");
        assert!(!references.wants_key());
        assert!(judged(&mut references, of(0, 2, false)));
        assert!(judged(&mut references, of(1, 2, true)));
        assert!(judged(&mut references, of(2, 2, false)));
    }

    #[test]
    fn a_loss_in_the_base_needs_a_key_frame() {
        let mut references = References::default();
        assert!(judged(&mut references, key()));
        references.lose();
        assert!(!judged(&mut references, of(0, 2, false)));
        assert!(references.wants_key());
        assert!(!judged(&mut references, of(1, 0, true)), "nothing until then");
        assert!(judged(&mut references, key()));
    }
}
