//! Options of a call: Graph's `callOptions` with its two subtypes, which add nothing to it but their names.

use super::object::graph_object;

graph_object! {
    /// Which notifications a call sends and how it treats the bot (Graph `callOptions`).
    ///
    /// The subtype is in `odata_type`: [`CallOptions::outgoing`] and [`CallOptions::incoming`] set it. Not in US Government
    /// clouds.
    pub struct CallOptions: "#microsoft.graph.callOptions" {
        /// Whether the bot leaves the roster when a call becomes a group call.
        "hideBotAfterEscalation" hide_bot_after_escalation: bool,
        /// Whether content sharing sends notifications.
        "isContentSharingNotificationEnabled" is_content_sharing_notification_enabled: bool,
        /// Whether rosters come as what changed, instead of whole.
        "isDeltaRosterEnabled" is_delta_roster_enabled: bool,
        /// Whether the bot can be acted on in the roster.
        "isInteractiveRosterEnabled" is_interactive_roster_enabled: bool,
    }
}

impl CallOptions {
    /// Options for a call that the bot makes (`outgoingCallOptions`).
    pub fn outgoing() -> Self {
        Self { odata_type: "#microsoft.graph.outgoingCallOptions".into(), ..Self::default() }
    }

    /// Options for a call that the bot answers (`incomingCallOptions`).
    pub fn incoming() -> Self {
        Self { odata_type: "#microsoft.graph.incomingCallOptions".into(), ..Self::default() }
    }
}
