//! The policy: the public internet and what the operator has allowed, nothing else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use url::{Host, Url};

use crate::address::{AddressClass, embedded_v4, special_class};

/// How long a check waits for a name. A slow resolver must not hold up a caller who only wants to
/// write an address down; the address is checked again before it is dialed.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Where this server may connect to.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    allowed: Arc<[IpNet]>,
}

/// A text is not a list of networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a network; write an address or a network such as 10.1.0.0/16 or fd12::/64"
)]
pub struct NotANetwork {
    text: String,
}

/// Why the policy refuses a URL.
///
/// The address that a name resolved to is left out: it would tell a caller how the operator's own
/// network looks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// Another scheme than http and https.
    #[error("only http and https are allowed, not {scheme}")]
    Scheme {
        /// The scheme that it has.
        scheme: String,
    },
    /// A user name or password in the URL: it would go to whoever the URL is shown to.
    #[error("a URL must not hold a user name or password")]
    Credentials,
    /// No host.
    #[error("a URL must name a host")]
    Host,
    /// No address of the host is one that the policy permits.
    #[error("{host} is {class}")]
    Address {
        /// The host as the URL names it.
        host: String,
        /// What its first refused address is.
        class: AddressClass,
    },
}

impl Policy {
    /// The public internet, and these networks besides.
    pub fn new(allowed: impl IntoIterator<Item = IpNet>) -> Self {
        Self {
            allowed: allowed.into_iter().collect(),
        }
    }

    /// Whether a connection to this address may be made.
    pub fn permits(&self, address: IpAddr) -> bool {
        self.refusal(address).is_none()
    }

    /// Checks a URL before it is kept: its form, and the addresses that its host has now.
    ///
    /// A name that does not resolve is no refusal: it may do so by the time that it is needed, and
    /// the dialer checks again. Of a name with several addresses one permitted is enough, since the
    /// dialer connects to permitted ones only.
    ///
    /// # Errors
    /// [`Blocked`] says what the policy refuses.
    pub async fn check_url(&self, url: &Url) -> Result<(), Blocked> {
        let Some(name) = self.check_literal(url)? else {
            return Ok(());
        };
        let port = url.port_or_known_default().unwrap_or_default();
        let lookup = tokio::time::timeout(LOOKUP_TIMEOUT, tokio::net::lookup_host((name, port)));
        match lookup.await {
            Ok(Ok(addresses)) => self.permitted(name, addresses).map(|_| ()),
            // Unknown or unanswered: see above.
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }

    /// Checks what can be seen without a resolver, and returns the name that is left to resolve.
    pub(crate) fn check_literal<'url>(&self, url: &'url Url) -> Result<Option<&'url str>, Blocked> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Blocked::Scheme {
                scheme: url.scheme().to_owned(),
            });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Blocked::Credentials);
        }
        let address = match url.host().ok_or(Blocked::Host)? {
            Host::Domain(name) if is_localhost(name) && !self.permits_loopback() => {
                return Err(Blocked::Address {
                    host: name.to_owned(),
                    class: AddressClass::Loopback,
                });
            }
            Host::Domain(name) => return Ok(Some(name)),
            Host::Ipv4(address) => IpAddr::V4(address),
            Host::Ipv6(address) => IpAddr::V6(address),
        };
        match self.refusal(address) {
            None => Ok(None),
            Some(class) => {
                let host = url.host_str().unwrap_or_default().to_owned();
                Err(Blocked::Address { host, class })
            }
        }
    }

    /// Those of a name's addresses that may be connected to; none at all is a refusal, but for a name
    /// that has no address.
    pub(crate) fn permitted(
        &self,
        host: &str,
        addresses: impl Iterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Blocked> {
        let mut permitted = Vec::new();
        let mut refused = None;
        for address in addresses {
            match self.refusal(address.ip()) {
                None => permitted.push(address),
                Some(class) => refused = refused.or(Some(class)),
            }
        }
        match refused {
            Some(class) if permitted.is_empty() => Err(Blocked::Address {
                host: host.to_owned(),
                class,
            }),
            _ => Ok(permitted),
        }
    }

    fn permits_loopback(&self) -> bool {
        self.permits(Ipv4Addr::LOCALHOST.into()) || self.permits(Ipv6Addr::LOCALHOST.into())
    }

    fn refusal(&self, address: IpAddr) -> Option<AddressClass> {
        let class = special_class(address)?;
        (!self.allows(address)).then_some(class)
    }

    fn allows(&self, address: IpAddr) -> bool {
        let embedded = match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => embedded_v4(address).map(IpAddr::V4),
        };
        self.allowed.iter().any(|network| {
            network.contains(&address) || embedded.is_some_and(|inner| network.contains(&inner))
        })
    }
}

/// This machine by its name, whatever a resolver says of it (RFC 6761, section 6.3).
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// Networks and addresses with commas or spaces between, such as `127.0.0.0/8, ::1`; an empty text
/// allows nothing beyond the public internet.
impl FromStr for Policy {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        text.split(|letter: char| letter == ',' || letter.is_whitespace())
            .filter(|part| !part.is_empty())
            .map(network)
            .collect::<Result<Vec<_>, _>>()
            .map(Self::new)
    }
}

fn network(text: &str) -> Result<IpNet, NotANetwork> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    text.parse().map_err(|_| NotANetwork {
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn policy(allowed: &str) -> Policy {
        allowed.parse().unwrap()
    }

    async fn check(allowed: &str, url: &str) -> Result<(), Blocked> {
        policy(allowed).check_url(&Url::parse(url).unwrap()).await
    }

    #[rstest]
    #[case("", "https://1.1.1.1/")]
    #[case("", "https://[2606:4700:4700::1111]/")]
    #[case("127.0.0.0/8", "http://127.0.0.1:4000/")]
    #[case("127.0.0.1", "http://localhost:4000/")]
    #[case("10.0.0.0/8,127.0.0.1", "http://[::ffff:10.9.9.9]/")]
    #[case("::1 fd12::/64", "http://[fd12::7]/")]
    #[case("", "https://does-not-exist.invalid/")]
    #[tokio::test]
    async fn the_internet_and_what_is_allowed_pass(#[case] allowed: &str, #[case] url: &str) {
        assert_eq!(check(allowed, url).await, Ok(()));
    }

    #[test]
    fn an_allowed_network_allows_no_more_than_itself() {
        let policy = policy("10.1.0.0/16");

        assert!(policy.permits("10.1.255.255".parse().unwrap()));
        assert!(!policy.permits("10.2.0.0".parse().unwrap()));
        assert!(!policy.permits("127.0.0.1".parse().unwrap()));
    }

    #[rstest]
    #[case("example.com")]
    #[case("10.0.0.0/33")]
    #[case("127.0.0.1, all")]
    fn what_is_no_network_is_named(#[case] text: &str) {
        let error = text.parse::<Policy>().unwrap_err().to_string();

        assert!(error.contains("is not a network"), "{error}");
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_name_with_public_and_private_addresses_is_reached_at_the_public_ones() {
        let resolved = addresses(&["10.0.0.1:443", "1.1.1.1:443", "[::1]:443"]);

        let permitted = policy("").permitted("two.example", resolved.into_iter());

        assert_eq!(permitted, Ok(addresses(&["1.1.1.1:443"])));
    }

    #[test]
    fn a_name_that_turns_to_a_private_address_is_refused_without_telling_it() {
        let resolved = addresses(&["10.20.30.40:443"]);

        let blocked = policy("")
            .permitted("rebound.example", resolved.into_iter())
            .unwrap_err();

        let text = blocked.to_string();
        assert!(
            text.contains("rebound.example") && !text.contains("10.20.30.40"),
            "{text}"
        );
    }
}
