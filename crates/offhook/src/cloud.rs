//! Where Microsoft Graph and what belongs to it are: three addresses that go together.

use offhook_signaling::{CallbackReceiverBuilder, CallsClientBuilder};

/// A cloud: Graph, the authority that gives tokens, and the service that calls back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloud {
    graph_url: String,
    authority_url: String,
    openid_metadata_url: Option<String>,
}

impl Cloud {
    /// Microsoft's global cloud.
    pub fn global() -> Self {
        Self::new("https://graph.microsoft.com", "https://login.microsoftonline.com")
    }

    /// The cloud whose Graph is at `graph_url`: one of Microsoft's
    /// (<https://learn.microsoft.com/graph/deployments>), else a service that has everything at one address, as
    /// offhook's emulator does.
    pub fn at(graph_url: impl Into<String>) -> Self {
        let graph_url = graph_url.into();
        let graph_url = graph_url.trim_end_matches('/');
        match graph_url {
            "https://graph.microsoft.com" => Self::global(),
            "https://graph.microsoft.us" | "https://dod-graph.microsoft.us" => {
                let calls_back = "https://apigcch.botframework.azure.us/v1/.well-known/OpenIdConfiguration";
                Self::new(graph_url, "https://login.microsoftonline.us").openid_metadata_url(calls_back)
            }
            _ => Self::new(graph_url, graph_url)
                .openid_metadata_url(format!("{graph_url}/v1/.well-known/OpenIdConfiguration")),
        }
    }

    fn new(graph_url: &str, authority_url: &str) -> Self {
        Self {
            graph_url: graph_url.to_owned(),
            authority_url: authority_url.to_owned(),
            openid_metadata_url: None,
        }
    }

    /// Another authority.
    #[must_use]
    pub fn authority_url(mut self, url: impl Into<String>) -> Self {
        self.authority_url = url.into();
        self
    }

    /// Where else the keys are described that callbacks are signed with.
    #[must_use]
    pub fn openid_metadata_url(mut self, url: impl Into<String>) -> Self {
        self.openid_metadata_url = Some(url.into());
        self
    }

    /// Points a client at this cloud.
    pub(crate) fn client(&self, builder: CallsClientBuilder) -> CallsClientBuilder {
        builder.graph_url(&self.graph_url).authority(&self.authority_url)
    }

    /// Lets a receiver believe this cloud.
    pub(crate) fn receiver(&self, builder: CallbackReceiverBuilder) -> CallbackReceiverBuilder {
        match &self.openid_metadata_url {
            Some(url) => builder.metadata_url(url),
            None => builder,
        }
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

    #[test]
    fn microsofts_addresses_are_known_and_others_have_all_in_one_place() {
        assert_eq!(Cloud::at("https://graph.microsoft.com/"), Cloud::global());
        assert_eq!(Cloud::at("https://graph.microsoft.us").authority_url, "https://login.microsoftonline.us");
        let emulator = Cloud::at("http://127.0.0.1:9440");
        assert_eq!(emulator.authority_url, emulator.graph_url);
        let metadata = emulator.openid_metadata_url.unwrap();
        assert_eq!(metadata, "http://127.0.0.1:9440/v1/.well-known/OpenIdConfiguration");
    }
}
