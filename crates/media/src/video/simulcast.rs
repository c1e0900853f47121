//! Who may send how much of what the path carries: sections evenly, and within a section the small layers first (RFC 8853).

use super::BitRate;

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
