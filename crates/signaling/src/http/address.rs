//! Where secrets may be sent. Pure.

use url::{Host, Url};

/// Whether what is sent there stays secret: https, or http that does not leave this machine, unless told otherwise.
pub(crate) fn is_protected(url: &Url, allow_plain_http: bool) -> bool {
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && (local || allow_plain_http))
}

/// The same, and http to a link-local address too: there a host answers its guest, and no router passes it on.
pub(crate) fn is_protected_from_host(url: &Url, allow_plain_http: bool) -> bool {
    let link_local = matches!(url.host(), Some(Host::Ipv4(address)) if address.is_link_local());
    is_protected(url, allow_plain_http) || (url.scheme() == "http" && link_local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_of_a_machine_may_be_asked_over_a_link() {
        for (url, anywhere, by_host) in [
            ("https://graph.microsoft.com", true, true),
            ("http://127.0.0.1:1", true, true),
            ("http://169.254.169.254/metadata", false, true),
            ("http://10.0.0.1", false, false),
            ("http://169.254.169.254.example", false, false),
            ("ftp://127.0.0.1", false, false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!((is_protected(&url, false), is_protected_from_host(&url, false)), (anywhere, by_host));
        }
    }
}
