//! Requests to other people's servers: short, bounded, never redirected, and never to an address
//! of a private network unless the operator named that host.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::HeaderValue;
use http::header::USER_AGENT;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use tokio::time::timeout;
use tower::Service;
use url::{Host, Url};

/// How long a connection and a whole answer may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// How many connections to a server wait for the next request, and how long.
const IDLE_CONNECTIONS: usize = 2;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

const OURSELVES: HeaderValue =
    HeaderValue::from_static(concat!("walkie/", env!("CARGO_PKG_VERSION")));

type Fault = Box<dyn Error + Send + Sync>;
type Connections = Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The URL does not read or leads where no request goes.
    #[error("{0} is no public https address, nor a host that the operator named")]
    Forbidden(String),
    /// The answer is larger than anybody needs.
    #[error("the answer is too large")]
    TooLarge,
    /// No answer in time.
    #[error("there is no answer in time")]
    TooSlow,
    /// No connection, or a broken answer.
    #[error("the request failed")]
    Failed(#[source] Fault),
}

/// Asks other servers. Cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    trusted: Arc<[String]>,
    time_limit: Duration,
    connections: Arc<OnceLock<Connections>>,
}

impl Outbound {
    /// `trusted` are hosts that the operator named: those may be private, and without TLS.
    pub fn new(trusted: impl IntoIterator<Item = String>) -> Self {
        let trusted = trusted.into_iter().map(|host| host.to_lowercase()).collect();
        Self { trusted, time_limit: TIMEOUT, connections: Arc::default() }
    }

    /// The same with another limit for a whole answer, instead of five seconds.
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// Reads a URL that requests may go to, as far as its text tells.
    ///
    /// # Errors
    /// See [`OutboundError::Forbidden`].
    pub fn check(&self, text: &str) -> Result<Url, OutboundError> {
        let forbidden = || OutboundError::Forbidden(text.chars().take(200).collect());
        let url = Url::parse(text).map_err(|_| forbidden())?;
        let has_user = !url.username().is_empty() || url.password().is_some();
        let host = url.host().filter(|_| !has_user).ok_or_else(forbidden)?;
        let is_trusted = trusts(&self.trusted, host.to_string().trim_matches(['[', ']']));
        let is_fit = match (url.scheme(), host) {
            ("http" | "https", _) if is_trusted => true,
            ("https", Host::Ipv4(address)) => is_public(address.into()),
            ("https", Host::Ipv6(address)) => is_public(address.into()),
            ("https", Host::Domain(name)) => name != "localhost" && !name.ends_with(".localhost"),
            _ => false,
        };
        if is_fit { Ok(url) } else { Err(forbidden()) }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// See [`OutboundError`].
    pub async fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, OutboundError> {
        self.check(&request.uri().to_string())?;
        timeout(self.time_limit, self.exchange(request))
            .await
            .map_err(|_| OutboundError::TooSlow)?
    }

    async fn exchange(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, OutboundError> {
        let mut request = request.map(Full::from);
        request.headers_mut().insert(USER_AGENT, OURSELVES);
        let failed = |fault: Fault| {
            if fault.is::<LengthLimitError>() {
                OutboundError::TooLarge
            } else {
                OutboundError::Failed(fault)
            }
        };
        let answer = self.connections().request(request).await;
        let (parts, body) = answer.map_err(|error| failed(error.into()))?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(failed)?;
        Ok(http::Response::from_parts(parts, body.to_bytes().to_vec()))
    }

    /// Made on first use, since reading the machine's authorities takes a moment.
    fn connections(&self) -> &Connections {
        self.connections.get_or_init(|| {
            let resolver = Resolver { trusted: Arc::clone(&self.trusted) };
            let mut http = HttpConnector::new_with_resolver(resolver);
            http.enforce_http(false);
            http.set_connect_timeout(Some(CONNECT_TIMEOUT));
            let https = HttpsConnectorBuilder::new()
                .with_tls_config(tls())
                .https_or_http()
                .enable_http1()
                .wrap_connector(http);
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_TIMEOUT)
                .pool_max_idle_per_host(IDLE_CONNECTIONS)
                .build(https)
        })
    }
}

fn trusts(trusted: &[String], host: &str) -> bool {
    trusted.iter().any(|trusted| trusted.eq_ignore_ascii_case(host))
}

/// The well-known authorities, and those of this machine.
fn tls() -> rustls::ClientConfig {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring offers TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Resolves names, and drops private addresses of names that the operator did not name: whoever
/// owns a name may let it lead anywhere.
#[derive(Clone)]
struct Resolver {
    trusted: Arc<[String]>,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Fault;
    type Future = BoxFuture<'static, Result<Self::Response, Fault>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let is_trusted = trusts(&self.trusted, name.as_str());
        async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let fit: Vec<SocketAddr> =
                found.filter(|address| is_trusted || is_public(address.ip())).collect();
            if fit.is_empty() {
                return Err(OutboundError::Forbidden(name.as_str().to_owned()).into());
            }
            Ok(fit.into_iter())
        }
        .boxed()
    }
}

/// Whether an address is of the internet at large.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    // This network, carrier NAT, IETF protocols, benchmarks; multicast and reserved.
    let is_special = matches!(
        (a, b, c),
        (0 | 224.., _, _) | (100, 64..=127, _) | (192, 0, 0) | (198, 18..=19, _)
    );
    !(is_special
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation())
}

/// Global unicast without those parts of it that lead to an IPv4 address or nowhere.
fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let [first, second, ..] = address.segments();
    let is_global = (0x2000..=0x3fff).contains(&first);
    // Teredo and its neighbours, documentation, 6to4.
    let leads_elsewhere =
        (first == 0x2001 && (second < 0x0200 || second == 0x0db8)) || first == 0x2002;
    is_global && !leads_elsewhere
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_go_to_the_public_internet_over_tls() {
        let outbound = Outbound::new([]);
        for url in
            ["https://accounts.google.com/", "https://8.8.8.8/", "https://[2606:4700::1111]/x"]
        {
            assert!(outbound.check(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "accounts.google.com",
            "http://accounts.google.com/",
            "file:///etc/passwd",
            "https://user@accounts.google.com/",
            "https://localhost/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[fd00::1]/",
            "https://[fe80::1]/",
            "https://[2002:0a00:0001::]/",
            "https://[64:ff9b::10.0.0.1]/",
        ] {
            assert!(outbound.check(url).is_err(), "{url}");
        }
    }

    #[test]
    fn hosts_that_the_operator_named_may_be_private() {
        let outbound =
            Outbound::new(["127.0.0.1".to_owned(), "Keycloak".to_owned(), "::1".to_owned()]);
        for url in ["http://127.0.0.1:8080/", "https://keycloak/realms/x", "http://[::1]:1/"] {
            assert!(outbound.check(url).is_ok(), "{url}");
        }
        assert!(outbound.check("http://127.0.0.2/").is_err());
        assert!(outbound.check("ftp://127.0.0.1/").is_err());
    }

    #[tokio::test]
    async fn names_that_lead_to_private_addresses_are_dropped() {
        let resolve = async |trusted: &[&str]| {
            let trusted = trusted.iter().map(|&host| host.to_owned()).collect();
            Resolver { trusted }.call("localhost".parse().unwrap()).await
        };
        assert!(resolve(&[]).await.is_err());
        assert!(resolve(&["localhost"]).await.is_ok());
    }
}
