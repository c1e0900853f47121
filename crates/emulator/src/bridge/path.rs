//! The network between a member and the room, where one was asked for: what a link does to each packet of RTP, both ways.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use webrtc::peer_connection::{Registry, Slot};
use webrtc::runtime::Runtime;

use super::network::Network;
use super::view::LinkSettings;
use super::wire::Wire;
use crate::link::{Arrivals, Jitter, Link, Loss};

/// Where it stands: nearer to the wire than all that keeps packets to send them once more, or asks for those that are missing. So
/// what gets lost is repaired as on any network.
const NEAREST_TO_WIRE: usize = 500;

/// From a member to the room, or back. What is lost on the way in is so on the [wire](Path::loses).
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
    /// What loses packets on their way in, and what delays those that are left.
    wire: Link,
    inward: Link,
    outward: Link,
}

impl Links {
    /// For how long there have been packets.
    fn passed(&mut self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.began.get_or_insert(now))
    }
}

impl Path {
    /// Lets all RTP of a connection pass it, which has to run on its [wire](Self::wire), too.
    pub(crate) fn before(self: &Arc<Self>, registry: Registry) -> Registry {
        registry.with(Slot::Custom(NEAREST_TO_WIRE), Network::of(Arc::clone(self)))
    }

    /// What the connection runs on.
    pub(crate) fn wire(self: &Arc<Self>) -> Arc<dyn Runtime> {
        Arc::new(Wire(Arc::clone(self)))
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
            let lossy = |seed| Link::seeded(seed).loss(Loss::random(settings.loss));
            let slow = |link: Link| link.delay(settings.delay()).jitter(Jitter::mean(settings.jitter()));
            let (inward, outward) = (slow(Link::seeded(seed)), slow(lossy(seed.wrapping_add(1))));
            Links { settings, began: None, wire: lossy(seed), inward, outward }
        });
        *self.links() = links;
    }

    /// What it was told to do.
    pub(crate) fn settings(&self) -> Option<LinkSettings> {
        self.links().as_ref().map(|links| links.settings)
    }

    /// Whether a packet on its way in is lost.
    pub(super) fn loses(&self, now: Instant, len: usize) -> bool {
        let mut links = self.links();
        let Some(links) = links.as_mut() else { return false };
        let now = links.passed(now);
        links.wire.send(now, len).is_lost()
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
        let now = links.passed(now);
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
        assert!(!path.loses(now, 100));
        path.set(Some(LinkSettings { loss: 1.0, ..LinkSettings::default() }));
        assert!(fate(&path, Way::Out, now) == Some(vec![]) && path.loses(now, 100));
        assert_eq!(fate(&path, Way::In, now), Some(vec![Duration::ZERO]), "what is lost was so before");
        path.set(None);
        assert_eq!((path.settings(), fate(&path, Way::In, now)), (None, None));
        assert!(!path.loses(now, 100));
    }

    #[test]
    fn each_way_loses_its_own_packets() {
        let (path, now) = (Path::default(), Instant::now());
        path.set(Some(LinkSettings { loss: 0.5, ..LinkSettings::default() }));
        let outward: Vec<bool> = (0..200).map(|_| fate(&path, Way::Out, now).unwrap().is_empty()).collect();
        let inward: Vec<bool> = (0..200).map(|_| path.loses(now, 100)).collect();
        assert_ne!(inward, outward);
        assert!((60..140).contains(&inward.iter().filter(|lost| **lost).count()));
    }
}
