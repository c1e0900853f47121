//! What the SDK could ask of the calls API, and no script here does.
//!
//! The reverse, what a bot needs and the SDK has not: it takes no callbacks, so it neither checks who sends one nor answers
//! whether somebody may join a recorded call; it does not make media blobs; it does not fetch recordings; its transfer has no
//! `clientContext`, its prompts no `loop`, and what is only on the wire (`ringingTimeoutInSeconds`, `routingPolicies`, `answeredBy`,
//! `applicationMetadata`, `completionReason` of prompts) goes through `additional_data`; of a `Retry-After` with a fraction it makes
//! nothing. Its paths are without the namespace; `actions.py` asks for one path with it.

/// The API has no such request. The SDK is generated from Graph's metadata, which gives every collection the full set: but the
/// pages name neither the request nor a permission for it.
const ONLY_GENERATED: &str = "in the metadata, but not in the API: no page, no permission";

/// Verb and path as `surface.py` prints them, and the reason.
pub(crate) const LEFT_OUT: [(&str, &str); 16] = [
    ("GET /communications/calls", ONLY_GENERATED),
    ("GET /communications/calls/$count", ONLY_GENERATED),
    ("PATCH /communications/calls/{call%2Did}", ONLY_GENERATED),
    ("GET /communications/calls/{call%2Did}/audioRoutingGroups/$count", ONLY_GENERATED),
    ("GET /communications/calls/{call%2Did}/contentSharingSessions/$count", ONLY_GENERATED),
    ("POST /communications/calls/{call%2Did}/contentSharingSessions", ONLY_GENERATED),
    (
        "PATCH /communications/calls/{call%2Did}/contentSharingSessions/{contentSharingSession%2Did}",
        ONLY_GENERATED,
    ),
    (
        "DELETE /communications/calls/{call%2Did}/contentSharingSessions/{contentSharingSession%2Did}",
        ONLY_GENERATED,
    ),
    ("GET /communications/calls/{call%2Did}/operations", ONLY_GENERATED),
    ("GET /communications/calls/{call%2Did}/operations/$count", ONLY_GENERATED),
    ("POST /communications/calls/{call%2Did}/operations", ONLY_GENERATED),
    ("PATCH /communications/calls/{call%2Did}/operations/{commsOperation%2Did}", ONLY_GENERATED),
    ("DELETE /communications/calls/{call%2Did}/operations/{commsOperation%2Did}", ONLY_GENERATED),
    ("GET /communications/calls/{call%2Did}/participants/$count", ONLY_GENERATED),
    ("POST /communications/calls/{call%2Did}/participants", ONLY_GENERATED),
    ("PATCH /communications/calls/{call%2Did}/participants/{participant%2Did}", ONLY_GENERATED),
];
