//! The dialer: an HTTP client that asks the policy before each request and for each connection.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Method, RequestBuilder};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use url::Url;

use crate::policy::{Blocked, Policy};

/// Makes HTTP requests within the [`Policy`]: no proxy, no cookies, and no redirects, since each hop
/// is a request that must be checked.
///
/// The client behind it is not given out. An address that stands in the URL itself never reaches a
/// resolver, so a client alone would connect to `http://127.0.0.1/`.
#[derive(Debug, Clone)]
pub struct Dialer {
    client: Client,
    policy: Policy,
}

/// How long a request may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// To resolve the name, connect and agree on TLS.
    pub connect: Duration,
    /// Between two reads of an answer, its first byte included.
    pub read: Duration,
    /// From start to end, body included; a request may set its own.
    pub total: Duration,
}

impl Default for Timeouts {
    /// What people wait for a page, and five minutes for a file.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            read: Duration::from_secs(30),
            total: Duration::from_secs(300),
        }
    }
}

/// The dialer cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DialerError {
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

impl Dialer {
    /// A dialer that holds to `policy`. Servers prove themselves by the system's certificates.
    ///
    /// # Errors
    /// TLS or the client cannot be set up.
    pub fn new(policy: Policy, timeouts: Timeouts) -> Result<Self, DialerError> {
        Self::with_names(policy, timeouts, Arc::new(SystemNames))
    }

    /// The same, with names that are found elsewhere.
    pub(crate) fn with_names(
        policy: Policy,
        timeouts: Timeouts,
        names: Arc<dyn Resolve>,
    ) -> Result<Self, DialerError> {
        let client = Client::builder()
            .dns_resolver(Arc::new(PermittedAddresses {
                names,
                policy: policy.clone(),
            }))
            .tls_backend_preconfigured(tls().map_err(DialerError::Tls)?)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // A request that the source may have seen must not be sent a second time unasked.
            .retry(reqwest::retry::never())
            .connect_timeout(timeouts.connect)
            .read_timeout(timeouts.read)
            .timeout(timeouts.total)
            .build()
            .map_err(DialerError::Client)?;
        Ok(Self { client, policy })
    }

    /// Begins a request. Names are checked while it connects: see [`blocked_cause`].
    ///
    /// # Errors
    /// The policy refuses the URL as it stands.
    pub fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, Blocked> {
        self.policy.check_literal(&url)?;
        Ok(self.client.request(method, url))
    }

    /// The policy that this dialer holds to.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// The policy's refusal, where it is why a request failed.
pub fn blocked_cause(error: &reqwest::Error) -> Option<&Blocked> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(blocked) = error.downcast_ref() {
            return Some(blocked);
        }
        cause = error.source();
    }
    None
}

/// Why what came is no answer in HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoHttp {
    /// A header has a byte that none may have.
    Header,
    /// The head is longer, or has more headers, than anybody reads.
    LongHead,
    /// Anything else, such as another protocol.
    Other,
}

/// Why what came is no answer in HTTP, where that is the error.
pub fn no_http(error: &reqwest::Error) -> Option<NoHttp> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            return error.is_parse().then(|| kind_of(error));
        }
        cause = error.source();
    }
    None
}

fn kind_of(error: &hyper::Error) -> NoHttp {
    if error.is_parse_too_large() {
        NoHttp::LongHead
    } else if error.to_string() == "invalid HTTP header parsed" {
        // It has no other way to say so.
        NoHttp::Header
    } else {
        NoHttp::Other
    }
}

/// TLS with ring, handed over rather than installed for the whole process.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let verified = match builder.clone().with_platform_verifier() {
        Ok(verified) => verified,
        // A bare container has no certificates. It can still be served over http, and over https
        // each connection fails with the certificate as its reason.
        Err(error) => {
            tracing::warn!(%error, "no certificate authority is known: https connections will fail");
            builder.with_root_certificates(RootCertStore::empty())
        }
    };
    let mut config = verified.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Resolves a name for one connection and passes on permitted addresses only. The connection is made
/// to these addresses, so a name that changes between check and connection gains nothing.
struct PermittedAddresses {
    names: Arc<dyn Resolve>,
    policy: Policy,
}

impl Resolve for PermittedAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.policy.clone();
        let host = name.as_str().to_owned();
        let found = self.names.resolve(name);
        Box::pin(async move {
            let permitted = policy.permitted(&host, found.await?)?;
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

/// The system's resolver.
struct SystemNames;

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // Port 0 lets the client put the URL's own in its place.
            let addresses = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Vec<_> = addresses.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn dialer(allowed: &str) -> Dialer {
        Dialer::new(allowed.parse().unwrap(), Timeouts::default()).unwrap()
    }

    /// A server that answers each connection with `answer`; returns its port.
    async fn serve(answer: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let read = connection.read(&mut request).await.unwrap();
                assert!(read > 0, "the request has come");
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        port
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[tokio::test]
    async fn an_address_in_the_url_is_refused_before_any_request() {
        let refused = dialer("").request(Method::GET, url("http://127.0.0.1:9/"));

        assert!(matches!(refused, Err(Blocked::Address { .. })));
    }

    #[tokio::test]
    async fn an_allowed_name_is_connected_to_at_the_port_of_the_url() {
        let port = serve("HTTP/1.1 204 No Content\r\n\r\n").await;
        let url = url(&format!("http://localhost:{port}/"));

        let answer = dialer("127.0.0.1")
            .request(Method::GET, url)
            .unwrap()
            .send()
            .await
            .unwrap();

        assert_eq!(answer.status(), 204);
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let port =
            serve("HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\n\r\n")
                .await;
        let url = url(&format!("http://127.0.0.1:{port}/"));

        let answer = dialer("127.0.0.1")
            .request(Method::GET, url)
            .unwrap()
            .send()
            .await
            .unwrap();

        assert_eq!(answer.status(), 302);
    }

    #[tokio::test]
    async fn a_failed_connection_is_no_refusal_of_the_policy() {
        let free = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let url = url(&format!("http://{free}/"));

        let error = dialer("127.0.0.1")
            .request(Method::GET, url)
            .unwrap()
            .send()
            .await
            .unwrap_err();

        assert!(
            error.is_connect() && blocked_cause(&error).is_none(),
            "{error:?}"
        );
    }
}
