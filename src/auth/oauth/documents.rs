//! What providers publish about themselves: where they are asked and the keys they sign with.
//!
//! Documents are kept for a while. A key that is not among them makes us look again, since
//! providers replace their keys, but not more often than every few seconds: anybody can name a
//! key that there is not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::provider::{Kind, Provider};
use crate::auth::Error;
use crate::http::Outbound;

/// How long a document counts as current.
const MAX_AGE: Duration = Duration::from_secs(600);

/// How old it must be to be looked up again for a key that it lacks.
const MIN_AGE: Duration = Duration::from_secs(5);

/// Documents that are kept; there are two a provider.
const MAX_DOCUMENTS: usize = 256;

/// Where an OpenID Connect provider says it is asked.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Discovery {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    pub userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Discovery {
    /// Whether the client's secret goes into the body rather than a header.
    pub(super) fn wants_secret_in_body(&self) -> bool {
        self.token_endpoint_auth_methods_supported.as_ref().is_some_and(|methods| {
            let offers = |method: &str| methods.iter().any(|offered| offered == method);
            offers("client_secret_post") && !offers("client_secret_basic")
        })
    }
}

/// Keys as a provider publishes them.
#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

impl Published {
    /// The keys of kinds we know; another kind does not spoil the rest.
    fn readable(self) -> JwkSet {
        let keys = self.keys.into_iter();
        JwkSet { keys: keys.filter_map(|key| serde_json::from_value(key).ok()).collect() }
    }
}

/// A document as it was read.
struct Kept {
    document: Arc<Value>,
    read_at: Instant,
}

/// What was read, by URL.
pub(in crate::auth) struct Documents {
    outbound: Outbound,
    /// Held only to look up or put; requests are made without it.
    kept: Mutex<HashMap<String, Kept>>,
}

impl Documents {
    pub(super) fn new(outbound: Outbound) -> Self {
        Self { outbound, kept: Mutex::default() }
    }

    pub(super) fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// Where this provider is asked; nothing when it does not publish that.
    pub(super) async fn discovery(&self, provider: &Provider) -> Result<Option<Discovery>, Error> {
        let Kind::OpenId { issuer, discovery_url, .. } = &provider.kind else { return Ok(None) };
        let issuer = issuer.trim_end_matches('/');
        let url = match discovery_url {
            Some(url) => url.clone(),
            None => format!("{issuer}/.well-known/openid-configuration"),
        };
        let found: Discovery = self.read(&url, MAX_AGE).await?;
        if found.issuer.trim_end_matches('/') != issuer {
            return Err(Error::provider_failed("The provider says that it is another issuer"));
        }
        Ok(Some(found))
    }

    /// The keys a provider signs with, looked up again if the one of this name is not among them.
    pub(super) async fn keys(&self, url: &str, name: Option<&str>) -> Result<JwkSet, Error> {
        let keys = self.read::<Published>(url, MAX_AGE).await?.readable();
        if name.is_none_or(|name| keys.find(name).is_some()) {
            return Ok(keys);
        }
        Ok(self.read::<Published>(url, MIN_AGE).await?.readable())
    }

    async fn read<T: DeserializeOwned>(&self, url: &str, max_age: Duration) -> Result<T, Error> {
        let document = match self.kept(url, max_age) {
            Some(document) => document,
            None => self.fetch(url).await?,
        };
        T::deserialize(&*document).map_err(|_| {
            Error::provider_failed("The provider publishes a document that does not read")
        })
    }

    fn kept(&self, url: &str, max_age: Duration) -> Option<Arc<Value>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.get(url).filter(|found| found.read_at.elapsed() < max_age)?;
        Some(Arc::clone(&found.document))
    }

    async fn fetch(&self, url: &str) -> Result<Arc<Value>, Error> {
        let document = Arc::new(ask(&self.outbound, url, None).await?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_DOCUMENTS {
            kept.retain(|_, found| found.read_at.elapsed() < MAX_AGE);
        }
        if kept.len() >= MAX_DOCUMENTS {
            kept.clear();
        }
        let read = Kept { document: Arc::clone(&document), read_at: Instant::now() };
        kept.insert(url.to_owned(), read);
        Ok(document)
    }
}

/// What a provider answers, as JSON; to whoever has this token, if one is given.
pub(super) async fn ask(
    outbound: &Outbound,
    url: &str,
    token: Option<&str>,
) -> Result<Value, Error> {
    let mut request = http::Request::get(url).header(http::header::ACCEPT, "application/json");
    if let Some(token) = token {
        request = request.header(http::header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Vec::new()).map_err(|error| Error::Broken(Box::new(error)))?;
    let answer = outbound.send(request).await.map_err(Error::provider_unreachable)?;
    if !answer.status().is_success() {
        return Err(Error::provider_failed("The provider refuses to answer"));
    }
    serde_json::from_slice(answer.body())
        .map_err(|_| Error::provider_failed("The provider answers something that is no JSON"))
}
