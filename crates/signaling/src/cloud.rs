//! Where Microsoft Graph is, what belongs to it, and what of the calls API is not there. Pure.
//!
//! Source: <https://learn.microsoft.com/graph/deployments>, and which members of the calls API each deployment's metadata
//! lacks.

use crate::error::CallsError;

/// Issuers of callback tokens, by Graph's documentation and samples.
const ISSUERS: [&str; 2] = ["https://api.botframework.com", "https://graph.microsoft.com"];
/// Where the global cloud lists the keys of those issuers. The issuer in that document is another one: ordinary OpenID
/// discovery, which compares the two, rejects Graph's callbacks.
const METADATA: &str = "https://api.aps.skype.com/v1/.well-known/OpenIdConfiguration";
/// The same for the US Government clouds. Doubtful: in 2026 a user of GCC High was called with a key that is not listed there
/// (microsoft-graph-comms-samples issue 865, open). Hence [`Cloud::openid_metadata_url`].
const US_GOVERNMENT_METADATA: &str =
    "https://apigcch.botframework.azure.us/v1/.well-known/OpenIdConfiguration";

const GLOBAL: &str = "https://graph.microsoft.com";
const US_GOVERNMENT_L4: &str = "https://graph.microsoft.us";
const US_GOVERNMENT_L5: &str = "https://dod-graph.microsoft.us";
const CHINA: &str = "https://microsoftgraph.chinacloudapi.cn";

const NO_CALLS_IN_CHINA: &str = "the cloud of 21Vianet in China has no calls API";

/// A cloud: Graph, the authority that gives tokens, and the service that calls back. Default [`Cloud::global`].
///
/// ```
/// use offhook_signaling::{Cloud, CloudFeature};
///
/// assert_eq!(Cloud::global().lacks(CloudFeature::SendDtmfTones), None);
/// let reason = Cloud::us_government_l4().lacks(CloudFeature::SendDtmfTones);
/// assert_eq!(reason, Some("the US Government clouds have no `sendDtmfTones`"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloud {
    deployment: Deployment,
    graph_url: String,
    authority_url: String,
    callback_issuers: Vec<String>,
    openid_metadata_url: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deployment {
    Global,
    UsGovernment,
    China,
    Custom,
}

/// A part of the calls API that some cloud lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloudFeature {
    /// Calls at all.
    Calls,
    /// `callOptions` of a new call: content sharing notifications, delta and interactive rosters, hiding the bot.
    CallOptions,
    /// `sendDtmfTones`.
    SendDtmfTones,
    /// `addLargeGalleryView`.
    LargeGalleryView,
    /// `audioRoutingGroups`.
    AudioRoutingGroups,
    /// `contentSharingSessions`.
    ContentSharingSessions,
    /// `callOptions` of an answer.
    AnswerCallOptions,
    /// `participantCapacity` of an answer.
    ParticipantCapacity,
    /// `transferee` of a transfer.
    Transferee,
}

impl Cloud {
    /// Microsoft's global cloud, of which GCC is a part.
    pub fn global() -> Self {
        Self::of_microsoft(Deployment::Global, GLOBAL, "https://login.microsoftonline.com")
    }

    /// US Government L4, also called GCC High. Where its callback keys are listed is doubtful: should callbacks be refused
    /// with an unknown key, set [`Cloud::openid_metadata_url`].
    pub fn us_government_l4() -> Self {
        Self::of_us_government(US_GOVERNMENT_L4)
    }

    /// US Government L5, also called DoD. The same doubt as of [`Cloud::us_government_l4`].
    pub fn us_government_l5() -> Self {
        Self::of_us_government(US_GOVERNMENT_L5)
    }

    /// The cloud of 21Vianet in China. It has no calls API, so no client of calls can be built for it.
    pub fn china() -> Self {
        Self::of_microsoft(Deployment::China, CHINA, "https://login.chinacloudapi.cn")
    }

    /// The cloud whose Graph is at `graph_url`: one of Microsoft's, else a service that has everything at one address, as
    /// offhook's emulator does, and lacks nothing.
    pub fn at(graph_url: impl Into<String>) -> Self {
        let graph_url = graph_url.into();
        let graph_url = graph_url.trim_end_matches('/');
        let known = [Self::global(), Self::us_government_l4(), Self::us_government_l5(), Self::china()];
        let known = known.into_iter().find(|cloud| cloud.graph_url.eq_ignore_ascii_case(graph_url));
        known.unwrap_or_else(|| {
            Self::of_microsoft(Deployment::Custom, graph_url, graph_url)
                .openid_metadata_url(format!("{graph_url}/v1/.well-known/OpenIdConfiguration"))
        })
    }

    fn of_us_government(graph_url: &str) -> Self {
        Self::of_microsoft(Deployment::UsGovernment, graph_url, "https://login.microsoftonline.us")
            .openid_metadata_url(US_GOVERNMENT_METADATA)
    }

    fn of_microsoft(deployment: Deployment, graph_url: &str, authority_url: &str) -> Self {
        Self {
            deployment,
            graph_url: graph_url.to_owned(),
            authority_url: authority_url.to_owned(),
            callback_issuers: ISSUERS.map(str::to_owned).to_vec(),
            openid_metadata_url: METADATA.to_owned(),
        }
    }

    /// The same cloud, reached at another address. Also the scope of the access token.
    #[must_use]
    pub fn graph_url(mut self, url: impl Into<String>) -> Self {
        self.graph_url = url.into();
        self
    }

    /// Another authority.
    #[must_use]
    pub fn authority_url(mut self, url: impl Into<String>) -> Self {
        self.authority_url = url.into();
        self
    }

    /// Who else signs callbacks. A trailing slash makes no difference.
    #[must_use]
    pub fn callback_issuers(mut self, issuers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.callback_issuers = issuers.into_iter().map(Into::into).collect();
        self
    }

    /// Where else the keys are described that callbacks are signed with.
    #[must_use]
    pub fn openid_metadata_url(mut self, url: impl Into<String>) -> Self {
        self.openid_metadata_url = url.into();
        self
    }

    /// Graph's address, the authority's, the issuers of callbacks, and the address of their metadata.
    pub(crate) fn addresses(&self) -> (&str, &str, &[String], &str) {
        (&self.graph_url, &self.authority_url, &self.callback_issuers, &self.openid_metadata_url)
    }

    /// Why this cloud lacks a part of the calls API; `None` when it has it.
    ///
    /// Known from the metadata of the global cloud, of US Government L4 and of China. L5 has none of its own in public and is
    /// taken to be as L4.
    pub const fn lacks(&self, feature: CloudFeature) -> Option<&'static str> {
        match self.deployment {
            Deployment::Global | Deployment::Custom => None,
            Deployment::China => Some(NO_CALLS_IN_CHINA),
            Deployment::UsGovernment => match feature {
                CloudFeature::Calls => None,
                CloudFeature::CallOptions => Some("the US Government clouds have no `callOptions` of a call"),
                CloudFeature::SendDtmfTones => Some("the US Government clouds have no `sendDtmfTones`"),
                CloudFeature::LargeGalleryView => {
                    Some("the US Government clouds have no `addLargeGalleryView`")
                }
                CloudFeature::AudioRoutingGroups => {
                    Some("the US Government clouds have no `audioRoutingGroups`")
                }
                CloudFeature::ContentSharingSessions => {
                    Some("the US Government clouds have no `contentSharingSessions`")
                }
                CloudFeature::AnswerCallOptions => {
                    Some("the US Government clouds have no `callOptions` of an answer")
                }
                CloudFeature::ParticipantCapacity => {
                    Some("the US Government clouds have no `participantCapacity` of an answer")
                }
                CloudFeature::Transferee => {
                    Some("the US Government clouds have no `transferee` of a transfer")
                }
            },
        }
    }

    /// Refuses what this cloud lacks.
    ///
    /// # Errors
    /// [`CallsError::InvalidRequest`] with the reason that [`Cloud::lacks`] gives.
    pub fn supports(&self, feature: CloudFeature) -> Result<(), CallsError> {
        self.lacks(feature).map_or(Ok(()), |rule| Err(CallsError::InvalidRequest { rule }))
    }
}

impl Default for Cloud {
    fn default() -> Self {
        Self::global()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEATURES: [CloudFeature; 9] = [
        CloudFeature::Calls,
        CloudFeature::CallOptions,
        CloudFeature::SendDtmfTones,
        CloudFeature::LargeGalleryView,
        CloudFeature::AudioRoutingGroups,
        CloudFeature::ContentSharingSessions,
        CloudFeature::AnswerCallOptions,
        CloudFeature::ParticipantCapacity,
        CloudFeature::Transferee,
    ];

    #[test]
    fn microsofts_addresses_are_known_and_others_have_all_in_one_place() {
        for (url, cloud, authority) in [
            ("https://graph.microsoft.com/", Cloud::global(), "https://login.microsoftonline.com"),
            ("https://graph.microsoft.us", Cloud::us_government_l4(), "https://login.microsoftonline.us"),
            ("https://DoD-graph.microsoft.us", Cloud::us_government_l5(), "https://login.microsoftonline.us"),
            ("https://microsoftgraph.chinacloudapi.cn", Cloud::china(), "https://login.chinacloudapi.cn"),
        ] {
            assert_eq!(Cloud::at(url), cloud);
            assert_eq!(cloud.addresses().1, authority, "{url}");
        }
        let emulator = Cloud::at("http://127.0.0.1:9440/");
        let (graph, authority, _, metadata) = emulator.addresses();
        assert_eq!((graph, authority), ("http://127.0.0.1:9440", "http://127.0.0.1:9440"));
        assert_eq!(metadata, "http://127.0.0.1:9440/v1/.well-known/OpenIdConfiguration");
    }

    #[test]
    fn all_four_addresses_can_be_others_and_the_cloud_lacks_what_it_lacked() {
        let cloud = Cloud::us_government_l4()
            .graph_url("https://gateway.example")
            .authority_url("https://login.example")
            .callback_issuers(["https://issuer.example"])
            .openid_metadata_url("https://keys.example");
        let issuers = ["https://issuer.example".to_owned()];
        assert_eq!(
            cloud.addresses(),
            ("https://gateway.example", "https://login.example", &issuers[..], "https://keys.example")
        );
        assert!(cloud.lacks(CloudFeature::SendDtmfTones).is_some());
    }

    #[test]
    fn each_cloud_has_what_its_metadata_has() {
        for (cloud, lacking) in [
            (Cloud::global(), &FEATURES[..0]),
            (Cloud::at("http://127.0.0.1:9440"), &FEATURES[..0]),
            (Cloud::us_government_l4(), &FEATURES[1..]),
            (Cloud::us_government_l5(), &FEATURES[1..]),
            (Cloud::china(), &FEATURES[..]),
        ] {
            for feature in FEATURES {
                let reason = cloud.lacks(feature);
                assert_eq!(reason.is_some(), lacking.contains(&feature), "{cloud:?} {feature:?}");
                match (cloud.supports(feature), reason) {
                    (Ok(()), None) => {}
                    (Err(CallsError::InvalidRequest { rule }), Some(reason)) => assert_eq!(rule, reason),
                    other => panic!("{feature:?}: {other:?}"),
                }
            }
        }
    }
}
