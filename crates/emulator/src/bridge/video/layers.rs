//! The layers of a feed (simulcast, RFC 8853): how large and how fast each is, which of them come, and which one a viewer is shown.

use std::time::Duration;

use bytes::Bytes;
use offhook_media::video::VideoSize;

use super::codec::{Codec, begins_key_frame, size_in_key_frame};

/// The most layers of a feed that are received.
pub(crate) const MOST_LAYERS: usize = 3;

/// A layer is gone when so long no packet of it has come, while those of others of its feed have.
const GONE: Duration = Duration::from_secs(1);

/// Over so long it is measured how fast a layer is.
const WINDOW: Duration = Duration::from_secs(1);

/// A larger layer is shown where it fits with so much to spare, so that it does not come and go with every change of a rate: 6 of 5.
const TO_SPARE: (u64, u64) = (6, 5);

/// A key frame is asked for once in so long at the most: it takes about as long to come, and is large.
const ASKING: Duration = Duration::from_millis(300);

/// The layers of one feed. One that is not simulcast has one.
#[derive(Debug, Default)]
pub(super) struct Layers([Layer; MOST_LAYERS]);

#[derive(Debug, Default)]
struct Layer {
    /// As the latest key frame says.
    size: Option<VideoSize>,
    /// Whether a key frame has come, which may have said nothing.
    had_key_frame: bool,
    /// When the latest packet came.
    latest: Option<Duration>,
    rate: Rate,
    /// When a key frame was asked for.
    asked: Option<Duration>,
}

/// A layer that can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offered {
    pub(super) layer: usize,
    pub(super) size: Option<VideoSize>,
    /// Bits a second, once they are measured.
    pub(super) rate: Option<u64>,
}

/// What a section of a viewer can show, of one feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The layers that come, smallest first; there is one at least.
    pub(super) offered: Vec<Offered>,
    /// No larger, where one is not.
    pub(super) at_most: Option<VideoSize>,
    /// What is shown now.
    pub(super) shown: Option<usize>,
}

impl Layers {
    /// A packet of a layer has come. Says whether there is something else to choose from than before.
    pub(super) fn arrive(&mut self, now: Duration, layer: usize, codec: Codec, payload: &Bytes) -> bool {
        let newest = self.newest();
        let Some(layer) = self.0.get_mut(layer) else { return false };
        layer.rate.add(now, payload.len());
        if payload.is_empty() {
            return false;
        }
        let is_back = layer.latest.is_none_or(|latest| newest.saturating_sub(latest) >= GONE);
        layer.latest = Some(now);
        layer.had_key_frame |= begins_key_frame(codec, payload);
        let size = size_in_key_frame(codec, payload).or(layer.size);
        let is_other = size != layer.size;
        layer.size = size;
        is_back || is_other
    }

    /// When a packet of any layer came last.
    fn newest(&self) -> Duration {
        self.0.iter().filter_map(|layer| layer.latest).max().unwrap_or_default()
    }

    /// The layers that come, smallest first: as their key frames say, else as they are numbered.
    pub(super) fn offered(&self) -> Vec<Offered> {
        let newest = self.newest();
        let comes = |layer: &Layer| layer.latest.is_some_and(|latest| newest.saturating_sub(latest) < GONE);
        let coming = self.0.iter().enumerate().filter(|(_, layer)| comes(layer));
        let mut offered: Vec<Offered> = coming
            .map(|(number, layer)| Offered { layer: number, size: layer.size, rate: layer.rate.measured })
            .collect();
        let pixels = |offered: &Offered| offered.size.map(VideoSize::pixels);
        if offered.iter().all(|one| one.size.is_some()) {
            offered.sort_by_key(pixels);
        }
        offered
    }

    /// The layers of simulcast of which no key frame has come, which would tell how large they are.
    pub(super) fn of_unknown_size(&self) -> Vec<usize> {
        let offered = self.offered();
        let is_simulcast = offered.len() > 1;
        let layers = offered.into_iter().map(|one| one.layer);
        layers.filter(|layer| is_simulcast && !self.0[*layer].had_key_frame).collect()
    }

    /// Whether a key frame of a layer may be asked for; then it is.
    pub(super) fn asks(&mut self, now: Duration, layer: usize) -> bool {
        let Some(layer) = self.0.get_mut(layer) else { return false };
        let may = layer.asked.is_none_or(|asked| now.saturating_sub(asked) >= ASKING);
        if may {
            layer.asked = Some(now);
        }
        may
    }
}

/// Bits a second.
#[derive(Debug, Default)]
struct Rate {
    since: Option<Duration>,
    bits: u64,
    measured: Option<u64>,
}

impl Rate {
    fn add(&mut self, now: Duration, bytes: usize) {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_sub(since);
        if passed >= WINDOW {
            let rate = u128::from(self.bits) * 1_000 / passed.as_millis().max(1);
            let rate = u64::try_from(rate).unwrap_or(u64::MAX);
            // Key frames are not in every second.
            self.measured = Some(self.measured.map_or(rate, |before| before.midpoint(rate)));
            (self.since, self.bits) = (Some(now), 0);
        }
        self.bits = self.bits.saturating_add(bytes as u64 * 8);
    }
}

/// Which layer each of the sections of a viewer shows, where all of them together have at most `limit` bits a second: the largest that is
/// no larger than wanted. The smallest is always shown.
pub(super) fn choose(seen: &[Seen], limit: Option<u64>) -> Vec<usize> {
    let highest = seen.iter().map(|one| {
        let fits = |offered: &Offered| match (offered.size, one.at_most) {
            (_, None) => true,
            (Some(size), Some(most)) => size.width <= most.width && size.height <= most.height,
            (None, Some(_)) => false,
        };
        one.offered.iter().rposition(fits).unwrap_or_default()
    });
    let highest: Vec<usize> = highest.collect();
    let places = match limit {
        None => highest,
        Some(limit) => within(limit, seen, &highest),
    };
    let layer = |(one, place): (&Seen, usize)| one.offered.get(place).map_or(0, |offered| offered.layer);
    seen.iter().zip(places).map(layer).collect()
}

/// All begin with the smallest layer, and in turn take one that is larger, as long as one fits.
fn within(limit: u64, seen: &[Seen], highest: &[usize]) -> Vec<usize> {
    let rate = |one: &Seen, place: usize| one.offered.get(place).and_then(|offered| offered.rate);
    let mut places = vec![0; seen.len()];
    let mut used: u64 = seen.iter().filter_map(|one| rate(one, 0)).fold(0, u64::saturating_add);
    loop {
        let before = places.clone();
        for ((one, place), highest) in seen.iter().zip(&mut places).zip(highest) {
            if *place >= *highest {
                continue;
            }
            // What is not measured yet may be anything.
            let Some(next) = rate(one, *place + 1) else { continue };
            let others = used.saturating_sub(rate(one, *place).unwrap_or_default());
            let shown = one.offered.iter().position(|offered| Some(offered.layer) == one.shown);
            let is_on = shown.is_some_and(|shown| shown > *place);
            let needed = if is_on { next } else { next.saturating_mul(TO_SPARE.0) / TO_SPARE.1 };
            if others.saturating_add(needed) <= limit {
                used = others.saturating_add(next);
                *place += 1;
            }
        }
        if places == before {
            return places;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(width: u16) -> Option<VideoSize> {
        Some(VideoSize { width, height: width / 16 * 9 })
    }

    /// Layers with these widths and rates in kbit/s.
    fn seen(layers: &[(u16, u64)], at_most: Option<u16>, shown: Option<usize>) -> Seen {
        let offered = layers.iter().enumerate();
        let offered = offered.map(|(layer, (width, rate))| Offered {
            layer,
            size: size(*width),
            rate: (*rate > 0).then_some(rate * 1_000),
        });
        Seen { offered: offered.collect(), at_most: at_most.and_then(size), shown }
    }

    const THREE: [(u16, u64); 3] = [(320, 150), (640, 500), (1_280, 1_500)];

    #[test]
    fn the_largest_is_shown_that_is_no_larger_than_wanted() {
        let shown = |at_most| choose(&[seen(&THREE, at_most, None)], None)[0];
        assert_eq!([320, 639, 640, 1_280, 1_920].map(|width| shown(Some(width))), [0, 0, 1, 2, 2]);
        assert_eq!(shown(Some(160)), 0, "the smallest where none is as small");
        assert_eq!(shown(None), 2, "who wants no size sees the largest");
        let low = Seen { at_most: Some(VideoSize { width: 1_280, height: 400 }), ..seen(&THREE, None, None) };
        assert_eq!(choose(&[low], None), [1], "neither wider nor higher");
    }

    #[test]
    fn a_layer_of_unknown_size_is_shown_to_nobody_who_wants_one() {
        let mut unknown = seen(&THREE, Some(1_280), None);
        unknown.offered[2].size = None;
        assert_eq!(choose(&[unknown], None), [1]);
    }

    #[test]
    fn all_sections_together_stay_within_the_limit_and_the_smallest_is_always_shown() {
        let both = |limit: u64, shown| {
            let seen = [seen(&THREE, None, shown), seen(&THREE, Some(640), shown)];
            choose(&seen, Some(limit * 1_000))
        };
        assert_eq!(both(100, None), [0, 0]);
        assert_eq!(both(600, None), [0, 0], "150 and 500 are more");
        assert_eq!(both(750, None), [1, 0]);
        assert_eq!(both(1_100, None), [1, 1]);
        assert_eq!(both(2_400, None), [2, 1], "1,500 and a fifth beside 500");
        assert_eq!(both(2_200, None), [1, 1]);
        assert_eq!(both(2_200, Some(2)), [2, 1], "what is shown stays where it fits");
        assert_eq!(both(1_900, Some(2)), [1, 1], "and where it no longer does, goes");
        assert_eq!(
            choose(&[seen(&[(320, 100), (640, 0)], None, None)], Some(9_000_000)),
            [0],
            "not measured"
        );
    }

    #[test]
    fn layers_come_go_and_are_measured() {
        let mut layers = Layers::default();
        let at = Duration::from_millis;
        let key = |width: u16| {
            let [low, high] = width.to_le_bytes();
            Bytes::from(vec![0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, low, high, 0xb4, 0])
        };
        let next = Bytes::from_static(&[0x10, 1, 0, 0]);
        let numbers = |layers: &Layers| layers.offered().iter().map(|one| one.layer).collect::<Vec<_>>();
        assert!(layers.arrive(at(0), 2, Codec::Vp8, &next), "one that is new");
        assert!(layers.of_unknown_size().is_empty(), "of a feed with one layer no size is needed");
        assert!(layers.arrive(at(0), 0, Codec::Vp8, &key(640)));
        assert_eq!((numbers(&layers), layers.of_unknown_size()), (vec![0, 2], vec![2]));
        assert!(!layers.arrive(at(10), 0, Codec::Vp8, &next) && !layers.arrive(at(10), 3, Codec::Vp8, &next));
        assert!(layers.arrive(at(20), 2, Codec::Vp8, &key(320)), "its size is known");
        assert_eq!(numbers(&layers), [2, 0], "by their sizes");
        let padding = Bytes::new();
        for now in (20..1_100).step_by(20) {
            layers.arrive(at(now), 0, Codec::Vp8, &Bytes::from_static(&[0x10; 250]));
            layers.arrive(at(now), 2, Codec::Vp8, &padding);
        }
        assert_eq!(numbers(&layers), [0], "padding is no picture");
        let rate = layers.offered()[0].rate.unwrap();
        assert!((95_000..105_000).contains(&rate), "{rate}");
        assert!(layers.arrive(at(1_100), 2, Codec::Vp8, &next), "it is back");
        assert!(layers.asks(at(1_100), 0) && !layers.asks(at(1_399), 0) && layers.asks(at(1_400), 0));
        assert!(layers.asks(at(1_400), 1) && !layers.asks(at(1_400), 3));
    }

    proptest! {
        #[test]
        fn what_is_chosen_fits_or_is_the_smallest(
            feeds in prop::collection::vec(prop::collection::vec((1_u16..2_000, 0_u64..3_000), 1..4), 0..5),
            limit in 0_u64..5_000_000,
            shown in prop::option::of(0_usize..3),
        ) {
            let seen: Vec<Seen> = feeds.iter().map(|layers| seen(layers, None, shown)).collect();
            let chosen = choose(&seen, Some(limit));
            let rates = seen.iter().zip(&chosen).map(|(one, layer)| one.offered[*layer].rate.unwrap_or(0));
            prop_assert!(rates.sum::<u64>() <= limit || chosen.iter().all(|layer| *layer == 0));
        }
    }
}
