//! What a room measures of itself, and of the way of its members' speech through it.

use std::sync::Arc;
use std::time::Duration;

use super::{End, Hall};
use crate::bridge::MemberKind;
use crate::bridge::person::Person;
use crate::durations::{Buckets, Durations};
use crate::far_end::FarEnd;

/// How a room keeps its time.
#[derive(Debug, Default)]
pub(in crate::bridge) struct Ticks {
    /// How late ticks begin.
    pub(super) late: Durations,
    /// How long they take: decoding, mixing and coding for everybody.
    pub(super) taken: Durations,
}

/// A room, and those in it who have a connection.
#[derive(Debug)]
pub(crate) struct MeasuredRoom {
    pub(crate) id: String,
    /// How late its ticks begin, and how long they take.
    pub(crate) late: Buckets,
    pub(crate) taken: Buckets,
    pub(crate) members: Vec<MeasuredMember>,
}

/// Somebody in a room.
#[derive(Debug)]
pub(crate) struct MeasuredMember {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: MemberKind,
    /// From when a packet of theirs comes to when the room takes it.
    pub(crate) queue: Buckets,
    /// From when a frame for them is coded to when their connection has it.
    pub(crate) out: Buckets,
    /// Of the packets that come from them.
    pub(crate) jitter: Duration,
    /// To them and back, as ICE has measured it last.
    pub(crate) round_trip: Option<Duration>,
}

enum Connected {
    Bot(FarEnd),
    Person(Arc<Person>),
}

impl Hall {
    pub(in crate::bridge) async fn measured(&self) -> MeasuredRoom {
        let connected: Vec<_> = {
            let inside = self.inside();
            let members = inside.room.members().iter().filter_map(|member| {
                let connected = match inside.ends.get(&member.id)? {
                    End::Bot { far_end, .. } => Connected::Bot(far_end.clone()),
                    End::Person(person) => Connected::Person(Arc::clone(person)),
                    End::Script(_) => return None,
                };
                Some((member.id.clone(), member.name.clone(), member.kind, connected))
            });
            members.collect()
        };
        let mut members = Vec::new();
        for (id, name, kind, connected) in connected {
            let (inlet, out) = match &connected {
                Connected::Bot(far_end) => far_end.measured(),
                Connected::Person(person) => person.measured(),
            };
            let round_trip = match &connected {
                Connected::Bot(far_end) => far_end.round_trip().await,
                Connected::Person(person) => person.round_trip().await,
            };
            let (queue, jitter) = (inlet.waits.read(), inlet.jitter());
            members.push(MeasuredMember { id, name, kind, queue, out, jitter, round_trip });
        }
        let (late, taken) = (self.ticks.late.read(), self.ticks.taken.read());
        MeasuredRoom { id: self.id.clone(), late, taken, members }
    }
}
