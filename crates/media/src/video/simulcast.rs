//! Who may send how much of what the path carries: sections evenly, and within a section the small layers first (RFC 8853).

use super::{BitRate, VideoSize};

/// The most layers that a section sends its picture in.
pub const MOST_LAYERS: usize = 3;

/// A layer that is off comes on with so much to spare, so that it does not come and go with every change of the estimate.
const TO_SPARE: f64 = 1.2;

/// Between which rates a layer is worth sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerRates {
    /// Below this it is not sent, unless it is the smallest layer, which always is.
    pub min: BitRate,
    /// More it does not need.
    pub max: BitRate,
}

/// One of the sizes that a picture is sent in at once: how much smaller than the picture, and what it may take.
///
/// ```
/// use offhook_media::VideoSocketSettings;
/// use offhook_media::video::simulcast::SimulcastLayer;
///
/// let settings = VideoSocketSettings::default().simulcast([
///     SimulcastLayer::QUARTER,
///     SimulcastLayer::HALF,
///     SimulcastLayer::FULL,
/// ]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimulcastLayer {
    pub(crate) scale_down_by: u8,
    pub(crate) rates: LayerRates,
}

impl SimulcastLayer {
    /// A quarter of each side: 320 by 180 of 1280 by 720, at 50 to 200 kb/s.
    pub const QUARTER: Self = Self::of(4, 50, 200);
    /// Half of each side: 640 by 360 of 1280 by 720, at 200 to 700 kb/s.
    pub const HALF: Self = Self::of(2, 200, 700);
    /// The picture as it is, at 600 kb/s to 2.5 Mb/s, which is for 1280 by 720.
    pub const FULL: Self = Self::of(1, 600, 2500);

    /// A layer of which each side is this part of the picture's, as W3C's `scaleResolutionDownBy` is: 1 for the picture as it is.
    /// Below `rates.min` it is off, unless it is the smallest; it gets no more than `rates.max`.
    #[must_use]
    pub const fn new(scale_down_by: u8, rates: LayerRates) -> Self {
        Self { scale_down_by, rates }
    }

    const fn of(scale_down_by: u8, min: u64, max: u64) -> Self {
        let [min, max] = [BitRate::from_kilobits_per_second(min), BitRate::from_kilobits_per_second(max)];
        Self::new(scale_down_by, LayerRates { min, max })
    }

    /// By how much each side is divided.
    pub const fn scale_down_by(self) -> u8 {
        self.scale_down_by
    }

    /// Between which rates it is worth sending.
    pub const fn rates(self) -> LayerRates {
        self.rates
    }

    /// The size of this layer of a picture: each side even, and at least 2.
    #[must_use]
    pub fn size_of(self, picture: VideoSize) -> VideoSize {
        let side = |pixels: u16| (pixels / u16::from(self.scale_down_by.max(1)) / 2 * 2).max(2);
        if self.scale_down_by <= 1 {
            return picture;
        }
        VideoSize { width: side(picture.width), height: side(picture.height) }
    }
}

/// Some of the layers of a picture. 0 is the smallest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LayerSet(u8);

impl LayerSet {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// The one layer of that number; none for a number that no layer has.
    #[must_use]
    pub const fn only(layer: usize) -> Self {
        if layer < MOST_LAYERS { Self(1 << layer) } else { Self::NONE }
    }

    /// These, and that one.
    #[must_use]
    pub const fn with(self, layer: usize) -> Self {
        Self(self.0 | Self::only(layer).0)
    }

    /// Whether the layer is one of them.
    pub const fn contains(self, layer: usize) -> bool {
        self.0 & Self::only(layer).0 != 0
    }

    /// How many there are.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Their numbers, small ones first.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = usize> {
        (0..MOST_LAYERS).filter(move |layer| self.contains(*layer))
    }

    /// The largest of them.
    pub fn largest(self) -> Option<usize> {
        self.iter().next_back()
    }

    /// Where the layer stands among them.
    pub(crate) fn place_of(self, layer: usize) -> Option<usize> {
        self.iter().position(|other| other == layer)
    }

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// Of what [`bits`](Self::bits) gave.
    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits & ((1 << MOST_LAYERS) - 1))
    }
}

impl FromIterator<usize> for LayerSet {
    fn from_iter<I: IntoIterator<Item = usize>>(layers: I) -> Self {
        layers.into_iter().fold(Self::NONE, Self::with)
    }
}

/// The rate that each may have at most, so that all who want up to `wanted` together have `total`: what one does not use is
/// the others'.
pub(super) fn even_share(total: BitRate, wanted: impl Iterator<Item = BitRate> + Clone) -> BitRate {
    let mut share = BitRate::default();
    loop {
        // Those who want no more than the share have what they want; the rest is the others'.
        let modest = wanted.clone().filter(|want| *want <= share);
        let used: u64 = modest.map(BitRate::bits_per_second).fold(0, u64::saturating_add);
        let others = wanted.clone().filter(|want| *want > share).count() as u64;
        if others == 0 {
            return total;
        }
        let next = total.bits_per_second().saturating_sub(used) / others;
        let next = BitRate::from_bits_per_second(next);
        if next <= share {
            return share;
        }
        share = next;
    }
}

/// What the layers of a section, small ones first, may have of `rate`; none for one that is off. `before` is what they had.
pub(super) fn divide(
    rate: BitRate,
    layers: &[LayerRates],
    before: [BitRate; MOST_LAYERS],
) -> [BitRate; MOST_LAYERS] {
    let mut rates = [BitRate::default(); MOST_LAYERS];
    let mut left = rate;
    for (number, (layer, (share, before))) in layers.iter().zip(rates.iter_mut().zip(before)).enumerate() {
        let is_on = before > BitRate::default();
        let least = if is_on { layer.min } else { layer.min.times(TO_SPARE) };
        if number > 0 && left < least {
            break;
        }
        *share = left.min(layer.max);
        left = BitRate::from_bits_per_second(left.bits_per_second() - share.bits_per_second());
    }
    rates
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kilobits(rates: impl IntoIterator<Item = u64>) -> Vec<BitRate> {
        rates.into_iter().map(BitRate::from_kilobits_per_second).collect()
    }

    fn shared(total: u64, wanted: &[u64]) -> Vec<u64> {
        let wanted = kilobits(wanted.iter().copied());
        let share = even_share(BitRate::from_kilobits_per_second(total), wanted.iter().copied());
        wanted.iter().map(|want| (*want).min(share).bits_per_second() / 1000).collect()
    }

    #[test]
    fn sections_share_evenly_and_what_one_leaves_is_the_others() {
        assert_eq!(shared(900, &[5000, 5000, 5000]), [300, 300, 300]);
        assert_eq!(shared(900, &[100, 5000, 5000]), [100, 400, 400]);
        assert_eq!(shared(900, &[100, 350, 5000]), [100, 350, 450]);
        assert_eq!(shared(900, &[100, 200]), [100, 200]);
        assert_eq!(shared(900, &[]), [0; 0]);
        assert_eq!(shared(0, &[100]), [0]);
    }

    #[test]
    fn larger_layers_come_with_room_to_spare_and_go_without_flicker() {
        let layer = |min, max| LayerRates {
            min: BitRate::from_kilobits_per_second(min),
            max: BitRate::from_kilobits_per_second(max),
        };
        let layers = [layer(50, 200), layer(200, 700), layer(600, 2500)];
        let mut now = [BitRate::default(); MOST_LAYERS];
        for (rate, expected) in [
            (20, [20, 0, 0]),
            (420, [200, 0, 0]),
            (450, [200, 250, 0]),
            (410, [200, 210, 0]),
            (390, [190 + 10, 0, 0]),
            (1600, [200, 700, 0]),
            (1700, [200, 700, 800]),
            (1520, [200, 700, 620]),
            (9000, [200, 700, 2500]),
        ] {
            now = divide(BitRate::from_kilobits_per_second(rate), &layers, now);
            assert_eq!(now.to_vec(), kilobits(expected), "of {rate} kb/s");
        }
    }

    #[test]
    fn a_layer_is_a_part_of_the_picture_with_even_sides() {
        let size = |width, height| VideoSize { width, height };
        let layers = [SimulcastLayer::QUARTER, SimulcastLayer::HALF, SimulcastLayer::FULL];
        assert_eq!(
            layers.map(|layer| layer.size_of(size(1280, 720))),
            [size(320, 180), size(640, 360), size(1280, 720)]
        );
        assert_eq!(
            layers.map(|layer| layer.size_of(size(1366, 6))),
            [size(340, 2), size(682, 2), size(1366, 6)]
        );
        assert_eq!(SimulcastLayer::new(0, SimulcastLayer::FULL.rates).size_of(size(2, 2)), size(2, 2));
    }

    #[test]
    fn a_set_of_layers_has_them_in_order_and_no_others() {
        let set: LayerSet = [2, 0, 3, 900].into_iter().collect();
        assert_eq!((set.iter().collect::<Vec<_>>(), set.len(), set.largest()), (vec![0, 2], 2, Some(2)));
        assert_eq!([0, 1, 2, 3].map(|layer| set.place_of(layer)), [Some(0), None, Some(1), None]);
        assert_eq!(LayerSet::from_bits(set.bits()), set);
        assert_eq!(LayerSet::from_bits(0xff).len(), MOST_LAYERS);
        assert!(LayerSet::only(3).is_empty() && LayerSet::NONE.largest().is_none());
    }

    proptest! {
        #[test]
        fn no_more_is_given_than_there_is(
            total in 0_u64..10_000, wanted in proptest::collection::vec(0_u64..5000, 1..12),
        ) {
            let given: u64 = shared(total, &wanted).iter().sum();
            prop_assert!(given <= total);
            // And nothing is kept back that somebody wants, but for rounding.
            prop_assert!(given + wanted.len() as u64 >= total.min(wanted.iter().sum()));
        }
    }
}
