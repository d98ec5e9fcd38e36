//! How much is too much: requests are counted in the database by the rules it holds, for all
//! servers together.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName};

use super::{Auth, Error};

/// Endpoints whose rules are looked for; elsewhere nothing is asked.
const LIMITED: [&str; 18] = [
    "GET /authorize",
    "POST /token",
    "POST /verify",
    "GET /verify",
    "POST /signup",
    "POST /otp",
    "POST /magiclink",
    "POST /recover",
    "POST /resend",
    "PUT /user",
    "POST /sso",
    "POST /sso/saml/acs",
    "POST /factors/{id}/challenge",
    "POST /factors/{id}/verify",
    "POST /passkeys/authentication/options",
    "POST /oauth/clients/register",
    "GET /oauth/authorize",
    "POST /oauth/token",
];

/// Where a request comes from, as far as it is known.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub address: Option<IpAddr>,
    /// Under what it is counted, unless it may be a proxy's.
    pub network: Option<String>,
}

/// Remembers where a request comes from, and refuses it when too many came from there.
pub(super) async fn count(
    State(auth): State<Arc<Auth>>,
    mut request: Request,
    next: Next,
) -> Response {
    let header = auth.settings.auth_address_header.as_ref();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(address)| address.ip());
    let address = match header {
        Some(header) => last_address(request.headers(), header),
        None => peer,
    };
    // Behind a proxy that nobody told us of, all callers have its address.
    let network = address.filter(|ip| header.is_some() || is_global(*ip)).map(network);
    request.extensions_mut().insert(Origin { address, network: network.clone() });
    if let (Some(address), Some(endpoint)) = (network, endpoint(&request))
        && let Err(refused) = auth.pass(&endpoint, Some(&address), None).await
    {
        return refused.into_response();
    }
    next.run(request).await
}

impl Auth {
    /// Counts a request against the rules of an endpoint.
    ///
    /// # Errors
    /// It is too much; when to come back.
    pub(super) async fn pass(
        &self,
        endpoint: &str,
        address: Option<&str>,
        account: Option<&str>,
    ) -> Result<(), Error> {
        match self.store.pass(endpoint, address, account).await? {
            0 => Ok(()),
            seconds => Err(Error::OverRequestRate(seconds)),
        }
    }
}

/// Method and path as the rules name them; for tokens the grant too.
pub(super) fn endpoint(request: &Request) -> Option<String> {
    let path = request.extensions().get::<MatchedPath>()?.as_str();
    let path = path.strip_prefix("/auth/v1").unwrap_or(path);
    let endpoint = format!("{} {path}", request.method());
    if !LIMITED.contains(&endpoint.as_str()) {
        return None;
    }
    if endpoint != "POST /token" {
        return Some(endpoint);
    }
    let query = request.uri().query().unwrap_or_default();
    let grant = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "grant_type");
    // Nothing given there may still be a password, as the body tells.
    let grant = grant.filter(|(_, grant)| !grant.is_empty());
    Some(format!("{endpoint} {}", grant.map_or("password".into(), |(_, grant)| grant)))
}

/// The last address of the header: the proxy wrote it, the ones before anybody may have.
fn last_address(headers: &HeaderMap, name: &HeaderName) -> Option<IpAddr> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    value.rsplit(',').next()?.trim().parse().ok()
}

/// One household has all addresses of a /64.
fn network(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

fn is_global(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            !(ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified())
        }
        IpAddr::V6(ip) => {
            let is_local = ip.is_unique_local() || ip.is_unicast_link_local();
            !(ip.is_loopback() || ip.is_unspecified() || is_local)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_proxy_are_the_last_ones() {
        let name = HeaderName::from_static("x-forwarded-for");
        let last = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(&name, http::HeaderValue::from_static(value));
            last_address(&headers, &name).map(network)
        };
        assert_eq!(last("1.2.3.4").as_deref(), Some("1.2.3.4"));
        assert_eq!(last("9.9.9.9, 1.2.3.4").as_deref(), Some("1.2.3.4"));
        assert_eq!(last("::ffff:1.2.3.4").as_deref(), Some("1.2.3.4"));
        assert_eq!(last("2001:db8:1:2:3::1").as_deref(), Some("2001:db8:1:2::/64"));
        assert_eq!(last("unknown"), None);
    }

    #[test]
    fn local_peers_are_proxies_or_ourselves() {
        let global = |ip: &str| is_global(ip.parse().expect("an address"));
        for ip in
            ["127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.1.1", "::1", "fd00::1", "fe80::1"]
        {
            assert!(!global(ip), "{ip}");
        }
        assert!(global("8.8.8.8") && global("2001:4860::8888"));
    }
}
