//! A provider: Google, GitHub, any OpenID Connect issuer, or one that an admin added.

use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use super::documents::Documents;
use crate::auth::settings::is_provider;
use crate::auth::store::provider::{self, CUSTOM};
use crate::auth::{Auth, Error};
use crate::config::ProviderSettings;
use crate::http::Outbound;

/// Somebody whose word for who people are is taken.
pub(in crate::auth) struct Provider {
    /// As clients name it.
    pub name: String,
    /// The first asks; an id_token may be for any.
    pub client_ids: Vec<String>,
    pub secret: Option<String>,
    pub scopes: Vec<String>,
    /// Whether a code is bound to the one who asked for it.
    pub has_pkce: bool,
    pub is_email_optional: bool,
    /// Sent along whenever somebody leaves for the provider.
    pub parameters: Vec<(String, String)>,
    /// Which of its claims stands for which of ours.
    pub mapping: Map<String, Value>,
    /// Claims that are kept as they are.
    pub kept_claims: Vec<String>,
    pub kind: Kind,
}

/// How a provider is spoken with.
pub(in crate::auth) enum Kind {
    OpenId { issuer: String, discovery_url: Option<String>, skips_nonce: bool },
    GitHub { url: String },
    OAuth { authorization_url: String, token_url: String, userinfo_url: String },
}

/// The providers of the settings, and how any is asked.
pub(in crate::auth) struct Providers {
    configured: Vec<Arc<Provider>>,
    pub documents: Documents,
}

impl Provider {
    /// One with nothing special about it.
    pub(in crate::auth) fn new(name: &str, client_ids: Vec<String>, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            client_ids,
            secret: None,
            scopes: Vec::new(),
            has_pkce: true,
            is_email_optional: false,
            parameters: Vec::new(),
            mapping: Map::new(),
            kept_claims: Vec::new(),
            kind,
        }
    }

    /// Whether id_tokens count that hold a nonce nobody knows.
    pub(super) fn skips_nonce(&self) -> bool {
        matches!(self.kind, Kind::OpenId { skips_nonce: true, .. })
    }
}

impl Providers {
    /// Those of the settings. The hosts of these other URLs may be asked too.
    pub(in crate::auth) fn new<'a>(
        settings: &ProviderSettings,
        others: impl Iterator<Item = &'a str>,
    ) -> Self {
        let configured: Vec<_> = [google(settings), github(settings), openid(settings)]
            .into_iter()
            .flatten()
            .map(Arc::new)
            .collect();
        // Whoever wrote a URL into the settings meant its host.
        let hosts = configured.iter().filter_map(|provider| match &provider.kind {
            Kind::OpenId { issuer: url, .. } | Kind::GitHub { url } => {
                Url::parse(url).ok()?.host_str().map(str::to_owned)
            }
            Kind::OAuth { .. } => None,
        });
        let others = others.filter_map(|url| Url::parse(url).ok()?.host_str().map(str::to_owned));
        let hosts = hosts.chain(others);
        let named = settings.auth_private_hosts.iter().map(|host| host.trim().to_owned());
        let outbound = Outbound::new(hosts.chain(named.filter(|host| !host.is_empty())));
        Self { configured, documents: Documents::new(outbound) }
    }

    /// How other servers are asked.
    pub(in crate::auth) fn outbound(&self) -> &Outbound {
        self.documents.outbound()
    }

    /// The names of those in the settings.
    pub(in crate::auth) fn names(&self) -> impl Iterator<Item = &str> {
        self.configured.iter().map(|provider| provider.name.as_str())
    }

    /// The OpenID Connect provider of the settings that has this issuer.
    pub(super) fn by_issuer(&self, wanted: &str) -> Option<Arc<Provider>> {
        let has_issuer = |provider: &&Arc<Provider>| matches!(&provider.kind, Kind::OpenId { issuer, .. } if issuer == wanted);
        self.configured.iter().find(has_issuer).cloned()
    }
}

impl Auth {
    /// The provider of this name, if people may sign in with it.
    pub(super) async fn provider(&self, name: &str) -> Result<Arc<Provider>, Error> {
        let unsupported = |why: &str| Error::InvalidValue(format!("Unsupported provider: {why}"));
        let configured = self.providers.configured.iter().find(|provider| provider.name == name);
        if let Some(provider) = configured {
            return Ok(Arc::clone(provider));
        }
        let not_found = || unsupported(&format!("Provider {name} could not be found"));
        if name.starts_with(CUSTOM) {
            let row = provider::find(&self.store, name).await?.ok_or_else(not_found)?;
            let provider = row.provider(&self.seal)?;
            return provider.map(Arc::new).ok_or_else(|| unsupported("provider is not enabled"));
        }
        Err(if is_provider(name) { unsupported("provider is not enabled") } else { not_found() })
    }
}

fn google(settings: &ProviderSettings) -> Option<Provider> {
    let client_ids = given(&settings.auth_google_client_ids)?;
    let kind = Kind::OpenId {
        issuer: settings.auth_google_issuer.clone(),
        discovery_url: None,
        skips_nonce: settings.auth_google_skip_nonce_check,
    };
    Some(Provider {
        secret: settings.auth_google_secret.clone(),
        scopes: ["openid", "email", "profile"].map(str::to_owned).into(),
        kept_claims: vec!["hd".to_owned()],
        ..Provider::new("google", client_ids, kind)
    })
}

fn github(settings: &ProviderSettings) -> Option<Provider> {
    let client_id = settings.auth_github_client_id.clone().filter(|id| !id.is_empty())?;
    let url = settings.auth_github_url.trim_end_matches('/').to_owned();
    Some(Provider {
        secret: settings.auth_github_secret.clone(),
        scopes: vec!["user:email".to_owned()],
        ..Provider::new("github", vec![client_id], Kind::GitHub { url })
    })
}

fn openid(settings: &ProviderSettings) -> Option<Provider> {
    let issuer = settings.auth_oidc_issuer.clone().filter(|issuer| !issuer.is_empty())?;
    let client_ids = given(&settings.auth_oidc_client_ids)?;
    let kind = Kind::OpenId { issuer, discovery_url: None, skips_nonce: false };
    let scopes = given(&settings.auth_oidc_scopes).unwrap_or_default();
    Some(Provider {
        secret: settings.auth_oidc_secret.clone(),
        scopes: std::iter::once("openid".to_owned()).chain(scopes).collect(),
        ..Provider::new(&settings.auth_oidc_name, client_ids, kind)
    })
}

/// What a list of the settings holds, if anything.
fn given(texts: &[String]) -> Option<Vec<String>> {
    let texts = texts.iter().map(|text| text.trim().to_owned());
    let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
    (!texts.is_empty()).then_some(texts)
}
