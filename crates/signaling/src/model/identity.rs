//! Who someone is: a user, an application, a phone, and the other kinds of Graph's communications identities.

use super::open::{Open, graph_object, open_enum};
use super::{IdentityId, TenantId};
use crate::redacted::Redacted;

open_enum! {
    /// What someone calls with (Graph `endpointType`).
    pub enum EndpointType: "endpointType" {
        /// A Teams client.
        "default" Default,
        /// Voicemail.
        "voicemail" Voicemail,
        /// Skype for Business.
        "skypeForBusiness" SkypeForBusiness,
        /// A Skype for Business phone.
        "skypeForBusinessVoipPhone" SkypeForBusinessVoipPhone,
        /// Graph's stand-in for members that an old client could not know.
        "unknownFutureValue" UnknownFutureValue,
    }
}

graph_object! {
    /// One identity (Graph `identity`, an open type).
    pub struct Identity: "#microsoft.graph.identity" {
        /// Object id, application id, or phone number in E.164.
        "id" id: IdentityId,
        /// The name that people see.
        "displayName" display_name: Redacted<String>,
        /// Home tenant (`communicationsUserIdentity` and others).
        "tenantId" tenant_id: TenantId,
        /// Who vouches for it: AAD, MSA or None (wire, not in the metadata).
        "identityProvider" identity_provider: String,
        /// Whether it stays out of sight (`communicationsApplicationIdentity`).
        "hidden" hidden: bool,
    }
}

impl Identity {
    /// An identity with this id.
    pub fn with_id(id: impl Into<IdentityId>) -> Self {
        Self { id: id.into().into(), ..Self::new() }
    }
}

graph_object! {
    /// Someone, by each kind of identity known (Graph `identitySet` with the kinds of `communicationsIdentitySet`).
    pub struct IdentitySet: "#microsoft.graph.identitySet" {
        /// An application: a bot.
        "application" application: Box<Identity>,
        /// A device.
        "device" device: Box<Identity>,
        /// A user.
        "user" user: Box<Identity>,
        /// An application's instance, which owns a phone number.
        "applicationInstance" application_instance: Box<Identity>,
        /// An identity that someone asserts.
        "assertedIdentity" asserted_identity: Box<Identity>,
        /// A user of Azure Communication Services.
        "azureCommunicationServicesUser" azure_communication_services_user: Box<Identity>,
        /// A caller whom the bot has no permission to know.
        "encrypted" encrypted: Box<Identity>,
        /// What they call with.
        "endpointType" endpoint_type: Open<EndpointType>,
        /// A guest.
        "guest" guest: Box<Identity>,
        /// A user of a server on premises.
        "onPremises" on_premises: Box<Identity>,
        /// A phone; its id is the number in E.164.
        "phone" phone: Box<Identity>,
    }
}

impl IdentitySet {
    /// A user, by object id.
    pub fn user(id: impl Into<IdentityId>) -> Self {
        Self { user: Box::new(Identity::with_id(id)).into(), ..Self::new() }
    }

    /// An application, by its id.
    pub fn application(id: impl Into<IdentityId>) -> Self {
        Self { application: Box::new(Identity::with_id(id)).into(), ..Self::new() }
    }

    /// The first identity that has a value, with people before machines.
    pub fn first(&self) -> Option<&Identity> {
        let kinds = [
            &self.user,
            &self.guest,
            &self.phone,
            &self.azure_communication_services_user,
            &self.on_premises,
            &self.asserted_identity,
            &self.encrypted,
            &self.application,
            &self.application_instance,
            &self.device,
        ];
        kinds.into_iter().find_map(|kind| kind.value()).map(Box::as_ref)
    }
}
