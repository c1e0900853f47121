//! Who someone is: a user, an application, a phone, and the other kinds of Graph's communications identities.

use super::object::graph_object;
use super::open::{Open, open_enum};
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

open_enum! {
    /// What kind of someone began something (Graph `initiatorType`).
    pub enum InitiatorType: "initiatorType" {
        /// A user.
        "user" User,
        /// An application.
        "application" Application,
        /// The service itself.
        "system" System,
        /// Graph's stand-in for members that an old client could not know.
        "unknownFutureValue" UnknownFutureValue,
    }
}

graph_object! {
    /// One identity (Graph `identity`, an open type), with what its subtypes of communications add.
    ///
    /// The wire mostly leaves the subtype out, so one type holds what all of them have. The kind shows in the member of the
    /// [`IdentitySet`] that it stands in; where a subtype must be written, [`Self::of_user`] and its like set `odata_type`.
    pub struct Identity: "#microsoft.graph.identity" {
        /// Object id, application id, or phone number in E.164.
        "id" id: IdentityId,
        /// The name that people see.
        "displayName" display_name: Redacted<String>,
        /// Home tenant (`communicationsUserIdentity` and others).
        "tenantId" tenant_id: TenantId,
        /// Who vouches for it: AAD, MSA or None (wire, not in the metadata).
        "identityProvider" identity_provider: String,
        /// Whether it stays out of sight (`communicationsApplicationIdentity`, `communicationsApplicationInstanceIdentity`).
        "hidden" hidden: bool,
        /// What kind of application (`communicationsApplicationIdentity`).
        "applicationType" application_type: String,
        /// The resource that the user belongs to (`azureCommunicationServicesUserIdentity`).
        "azureCommunicationServicesResourceId" azure_communication_services_resource_id: String,
        /// Address (`communicationsGuestIdentity`).
        "email" email: Redacted<String>,
        /// What kind of someone (`initiator`).
        "initiatorType" initiator_type: Open<InitiatorType>,
    }
}

impl Identity {
    /// An identity with this id.
    pub fn with_id(id: impl Into<IdentityId>) -> Self {
        Self { id: id.into().into(), ..Self::new() }
    }

    /// A user, with its tenant (`communicationsUserIdentity`).
    pub fn of_user(id: impl Into<IdentityId>, tenant: impl Into<TenantId>) -> Self {
        Self {
            tenant_id: tenant.into().into(),
            ..Self::with_type("#microsoft.graph.communicationsUserIdentity", id)
        }
    }

    /// An application (`communicationsApplicationIdentity`).
    pub fn of_application(id: impl Into<IdentityId>) -> Self {
        Self::with_type("#microsoft.graph.communicationsApplicationIdentity", id)
    }

    /// An application's instance, which owns a phone number (`communicationsApplicationInstanceIdentity`).
    pub fn of_application_instance(id: impl Into<IdentityId>) -> Self {
        Self::with_type("#microsoft.graph.communicationsApplicationInstanceIdentity", id)
    }

    /// A guest (`communicationsGuestIdentity`).
    pub fn of_guest(id: impl Into<IdentityId>) -> Self {
        Self::with_type("#microsoft.graph.communicationsGuestIdentity", id)
    }

    /// A phone, by its number in E.164 (`communicationsPhoneIdentity`).
    pub fn of_phone(number: impl Into<IdentityId>) -> Self {
        Self::with_type("#microsoft.graph.communicationsPhoneIdentity", number)
    }

    /// A caller whom the bot has no permission to know (`communicationsEncryptedIdentity`).
    pub fn of_encrypted(id: impl Into<IdentityId>) -> Self {
        Self::with_type("#microsoft.graph.communicationsEncryptedIdentity", id)
    }

    /// A user of Azure Communication Services (`azureCommunicationServicesUserIdentity`).
    pub fn of_azure_communication_services_user(id: impl Into<IdentityId>) -> Self {
        Self::with_type("#microsoft.graph.azureCommunicationServicesUserIdentity", id)
    }

    /// Who began something, and what kind of someone they are (`initiator`).
    pub fn of_initiator(id: impl Into<IdentityId>, kind: InitiatorType) -> Self {
        Self { initiator_type: kind.into(), ..Self::with_type("#microsoft.graph.initiator", id) }
    }

    fn with_type(odata_type: &str, id: impl Into<IdentityId>) -> Self {
        Self { odata_type: odata_type.into(), id: id.into().into(), ..Self::default() }
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

    /// An application's instance, by its id. What a call to a phone comes from.
    pub fn application_instance(id: impl Into<IdentityId>) -> Self {
        Self { application_instance: Box::new(Identity::with_id(id)).into(), ..Self::new() }
    }

    /// A phone, by its number in E.164.
    pub fn phone(number: impl Into<IdentityId>) -> Self {
        Self { phone: Box::new(Identity::with_id(number)).into(), ..Self::new() }
    }

    /// A caller whom the bot has no permission to know.
    pub fn encrypted(id: impl Into<IdentityId>) -> Self {
        Self { encrypted: Box::new(Identity::with_id(id)).into(), ..Self::new() }
    }

    /// The same set, said to be a `communicationsIdentitySet`. Graph's examples leave it an `identitySet`.
    #[must_use]
    pub fn as_communications(self) -> Self {
        Self { odata_type: "#microsoft.graph.communicationsIdentitySet".into(), ..self }
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
