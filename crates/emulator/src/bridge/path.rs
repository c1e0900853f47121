//! The network between a member and the room, where one was asked for: what a link does to each packet of RTP, both ways.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use webrtc::peer_connection::{Registry, Slot};

use super::network::Network;
use super::view::LinkSettings;
use crate::link::{Arrivals, Jitter, Link, Loss};

/// Where it stands: nearer to the wire than all that keeps packets to send them once more, or asks for those that are missing. So
/// what gets lost is repaired as on any network.
const NEAREST_TO_WIRE: usize = 500;

/// From a member to the room, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

/// The network of one member. Does nothing until it is told to.
#[derive(Debug, Default)]
pub(crate) struct Path(Mutex<Option<Links>>);

#[derive(Debug)]
struct Links {
    settings: LinkSettings,
    began: Option<Instant>,
    inward: Link,
    outward: Link,
}

impl Path {
    /// Lets all RTP of a connection pass it.
    pub(crate) fn before(self: &Arc<Self>, registry: Registry) -> Registry {
        registry.with(Slot::Custom(NEAREST_TO_WIRE), Network::of(Arc::clone(self)))
    }

    fn links(&self) -> MutexGuard<'_, Option<Links>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on packets pass a network like this; `None`: straight.
    pub(crate) fn set(&self, settings: Option<LinkSettings>) {
        self.set_seeded(settings, rand::random());
    }

    /// The same, with the chances of a seed.
    pub(super) fn set_seeded(&self, settings: Option<LinkSettings>, seed: u64) {
        let links = settings.map(|settings| {
            let link = |seed| {
                Link::seeded(seed)
                    .loss(Loss::random(settings.loss))
                    .delay(settings.delay())
                    .jitter(Jitter::mean(settings.jitter()))
            };
            Links { settings, began: None, inward: link(seed), outward: link(seed.wrapping_add(1)) }
        });
        *self.links() = links;
    }

    /// What it was told to do.
    pub(crate) fn settings(&self) -> Option<LinkSettings> {
        self.links().as_ref().map(|links| links.settings)
    }

    /// How long each copy of a packet takes: lost ones are not there. `None` where there is no network.
    pub(super) fn fate(
        &self,
        way: Way,
        now: Instant,
        len: usize,
    ) -> Option<impl Iterator<Item = Duration> + use<>> {
        let mut links = self.links();
        let links = links.as_mut()?;
        let now = now.saturating_duration_since(*links.began.get_or_insert(now));
        let link = if way == Way::In { &mut links.inward } else { &mut links.outward };
        let arrivals: Arrivals = link.send(now, len);
        Some(arrivals.into_iter().map(move |arrival| arrival.saturating_sub(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(path: &Path, way: Way, now: Instant) -> Option<Vec<Duration>> {
        path.fate(way, now, 100).map(Iterator::collect)
    }

    #[test]
    fn packets_pass_straight_until_there_is_a_network_and_then_late_or_never() {
        let (path, now) = (Path::default(), Instant::now());
        assert_eq!(fate(&path, Way::In, now), None);
        path.set(Some(LinkSettings { loss: 0.0, delay_ms: 40, jitter_ms: 0 }));
        assert_eq!(fate(&path, Way::Out, now), Some(vec![Duration::from_millis(40)]));
        path.set(Some(LinkSettings { loss: 1.0, ..LinkSettings::default() }));
        assert_eq!(fate(&path, Way::In, now), Some(vec![]));
        path.set(None);
        assert_eq!((path.settings(), fate(&path, Way::In, now)), (None, None));
    }

    #[test]
    fn each_way_loses_its_own_packets() {
        let (path, now) = (Path::default(), Instant::now());
        path.set(Some(LinkSettings { loss: 0.5, ..LinkSettings::default() }));
        let lost = |way| (0..200).map(|_| fate(&path, way, now).unwrap().is_empty()).collect::<Vec<_>>();
        let (inward, outward) = (lost(Way::In), lost(Way::Out));
        assert_ne!(inward, outward);
        assert!((60..140).contains(&inward.iter().filter(|lost| **lost).count()));
    }
}
