//! [io] The network between a member and the room, where one was asked for: what a link does to each packet of RTP, both ways.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::view::LinkSettings;
use crate::link::{Jitter, Link, Loss};

/// From a member to the room, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

/// The network of one member. Does nothing until it is told to.
#[derive(Debug, Default)]
pub(crate) struct Path(Mutex<Option<Links>>);

#[derive(Debug)]
struct Links {
    settings: LinkSettings,
    began: Instant,
    inward: Link,
    outward: Link,
}

impl Path {
    /// From now on packets pass a network like this; `None`: straight.
    pub(crate) fn set(&self, settings: Option<LinkSettings>) {
        let link = |seed| {
            let link = Link::seeded(seed);
            settings.map_or(link.clone(), |settings| {
                link.loss(Loss::random(settings.loss))
                    .delay(settings.delay())
                    .jitter(Jitter::mean(settings.jitter()))
            })
        };
        let links = settings.map(|settings| {
            let (began, seed) = (Instant::now(), rand::random());
            Links { settings, began, inward: link(seed), outward: link(seed.wrapping_add(1)) }
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = links;
    }

    /// What it was told to do.
    pub(crate) fn settings(&self) -> Option<LinkSettings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|links| links.settings)
    }

    /// How long each copy of a packet takes: one takes no time where there is no network, and lost ones are not there.
    fn fate(&self, way: Way, len: usize) -> Vec<Duration> {
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(links) = links.as_mut() else { return vec![Duration::ZERO] };
        let now = links.began.elapsed();
        let link = if way == Way::In { &mut links.inward } else { &mut links.outward };
        link.send(now, len).into_iter().map(|arrival| arrival.saturating_sub(now)).collect()
    }

    /// Lets a packet of `len` bytes pass: `deliver` runs for each copy that arrives, when it does.
    pub(crate) async fn pass<F>(&self, way: Way, len: usize, deliver: impl Fn() -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        for delay in self.fate(way, len) {
            let delivered = deliver();
            if delay.is_zero() {
                delivered.await;
            } else {
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    delivered.await;
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn packets_pass_straight_until_there_is_a_network_and_then_late_or_never() {
        let path = Path::default();
        assert_eq!(path.fate(Way::In, 100), [Duration::ZERO]);
        path.set(Some(LinkSettings { loss: 0.0, delay_ms: 40, jitter_ms: 0 }));
        assert_eq!(path.fate(Way::Out, 100), [Duration::from_millis(40)]);
        path.set(Some(LinkSettings { loss: 1.0, ..LinkSettings::default() }));
        assert!(path.fate(Way::In, 100).is_empty());
        path.set(None);
        assert_eq!((path.settings(), path.fate(Way::In, 100).len()), (None, 1));
    }

    #[tokio::test]
    async fn each_way_loses_its_own_packets() {
        let path = Path::default();
        path.set(Some(LinkSettings { loss: 0.5, ..LinkSettings::default() }));
        let lost = |way| (0..200).map(|_| path.fate(way, 100).is_empty()).collect::<Vec<_>>();
        let (inward, outward) = (lost(Way::In), lost(Way::Out));
        assert_ne!(inward, outward);
        assert!((60..140).contains(&inward.iter().filter(|lost| **lost).count()));
    }
}
