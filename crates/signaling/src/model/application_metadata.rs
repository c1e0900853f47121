//! Why a recorder was called: `applicationMetadata` of an incoming call under a recording policy. On the wire and on the page of
//! answer, not in the metadata.

use serde_json::Value;

use super::object::graph_object;
use super::open::{Open, open_enum};
use super::{IdentityId, ParticipantId, TenantId};
use crate::redacted::Redacted;

open_enum! {
    /// Which side of the call a user is on.
    pub enum ParticipationMethod: "participationMethod" {
        /// They called.
        "caller" Caller,
        /// They were called.
        "callee" Callee,
    }
}

graph_object! {
    /// What the service tells an application about a call that it was brought into (`applicationMetadata`).
    pub struct ApplicationMetadata {
        /// What it tells a recorder.
        "botData" bot_data: BotData,
    }
}

graph_object! {
    /// What the service tells a recorder (`botData`).
    pub struct BotData {
        /// The user's call (reported, not documented).
        "callId" call_id: String,
        /// Where the service hosts the media, such as `USEA`.
        "mediaHostedRegion" media_hosted_region: String,
        /// The user whom the policy covers.
        "user" user: BotDataUser,
        /// Whom they speak to.
        "otherSideUser" other_side_user: BotDataUser,
        /// Why the bot was invited: `PolicyBasedRecording` on the page, `ComplianceRecording` in reports.
        "inviteReasons" invite_reasons: Vec<String>,
        /// Which policy.
        "policyIdentifier" policy_identifier: String,
        /// The recorders that record the same for resilience.
        "pairedRecorders" paired_recorders: Vec<Recorder>,
        /// The other recorders in the call.
        "otherRecorders" other_recorders: Vec<Recorder>,
        /// Whether the call has, or may have, more than two people (reported, not documented).
        "isMultiParty" is_multi_party: bool,
        /// Seen only as null (reported, not documented).
        "applicationType" application_type: Redacted<Value>,
        /// Whether people must consent to recording (reported, not documented).
        "explicitRecordingConsentEnabled" explicit_recording_consent_enabled: bool,
        /// Whether they must do so by acting (reported, not documented).
        "consentActivelyRequired" consent_actively_required: bool,
    }
}

graph_object! {
    /// One of the two sides of a recorded call.
    pub struct BotDataUser {
        /// Object id, or a phone number with a prefix such as `4:`.
        "id" id: IdentityId,
        /// Roster id.
        "participantId" participant_id: ParticipantId,
        /// Home tenant.
        "tenantId" tenant_id: TenantId,
        /// Whom they call for.
        "onBehalfOf" on_behalf_of: Box<BotDataUser>,
        /// Which side they are on.
        "participationMethod" participation_method: Open<ParticipationMethod>,
        /// Where they are: a country or a region.
        "clientLocation" client_location: String,
        /// Whose policy it is (reported, not documented).
        "policyHolderId" policy_holder_id: IdentityId,
        /// The tenant of whose policy it is (reported, not documented).
        "policyHolderTenantId" policy_holder_tenant_id: TenantId,
    }
}

graph_object! {
    /// A recorder in the call.
    pub struct Recorder {
        /// The application's instance.
        "id" id: IdentityId,
        /// Roster id.
        "participantId" participant_id: ParticipantId,
    }
}
