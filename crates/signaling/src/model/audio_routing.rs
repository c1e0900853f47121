//! Private rooms for sound inside a call: who hears whom.

use super::object::graph_object;
use super::open::{Open, open_enum};
use super::{AudioRoutingGroupId, ParticipantId};

open_enum! {
    /// How sound goes through an audio routing group (Graph `routingMode`).
    pub enum RoutingMode: "routingMode" {
        /// From one source to one receiver.
        "oneToOne" OneToOne,
        /// From one source to several receivers, who may change.
        "multicast" Multicast,
        /// Graph's stand-in for members that an old client could not know.
        "unknownFutureValue" UnknownFutureValue,
    }
}

graph_object! {
    /// A private route for sound between participants of a call (Graph `audioRoutingGroup`). Not in US Government clouds.
    pub struct AudioRoutingGroup: "#microsoft.graph.audioRoutingGroup" {
        /// `@odata.context` of an answer.
        "@odata.context" odata_context: String,
        /// The group. Documented requests name it themselves: `oneToOne`, `multicast`.
        "id" id: AudioRoutingGroupId,
        /// How sound goes through it.
        "routingMode" routing_mode: Open<RoutingMode>,
        /// Roster ids of those who are heard.
        "sources" sources: Vec<ParticipantId>,
        /// Roster ids of those who hear.
        "receivers" receivers: Vec<ParticipantId>,
    }
}
