//! A provider is asked: where people go, what their code is worth, and who they are.

use std::borrow::Cow;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenType,
};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret,
    CsrfToken, EndpointNotSet, EndpointSet, ExtraTokenFields, HttpRequest, HttpResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, StandardRevocableToken,
    StandardTokenResponse, TokenResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::documents::{Discovery, ask};
use super::profile::Profile;
use super::provider::{Kind, Provider, Providers};
use crate::auth::Error;
use crate::http::{Outbound, OutboundError};

/// Parameters that are the server's own: whoever could write them would change what is asked.
const RESERVED: [&str; 12] = [
    "client_id",
    "client_secret",
    "redirect_uri",
    "response_type",
    "response_mode",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "request",
    "request_uri",
];

/// Longest token that is passed on, in bytes.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The token that OpenID Connect adds to OAuth's.
#[derive(Debug, Serialize, Deserialize)]
struct IdTokenField {
    id_token: Option<String>,
}

impl ExtraTokenFields for IdTokenField {}

type OAuthClient = Client<
    BasicErrorResponse,
    StandardTokenResponse<IdTokenField, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// Carries the requests of the library; its futures are boxed because the compiler cannot see
/// through the library's own that they may move between threads.
struct Carrier(Outbound);

impl<'a> AsyncHttpClient<'a> for Carrier {
    type Error = OutboundError;
    type Future = BoxFuture<'a, Result<HttpResponse, OutboundError>>;

    fn call(&'a self, request: HttpRequest) -> Self::Future {
        self.0.send(request).boxed()
    }
}

/// Where somebody leaves for, and what proves later that they left from here.
pub(super) struct Leave {
    pub url: Url,
    pub nonce: Option<String>,
    pub verifier: Option<String>,
}

/// What somebody comes back with.
pub(super) struct Return<'a> {
    pub code: &'a str,
    pub nonce: Option<&'a str>,
    pub verifier: Option<String>,
}

/// Who somebody is, and what lets the app ask the provider more.
pub(super) struct Answer {
    pub profile: Profile,
    pub token: String,
    pub refresh_token: Option<String>,
}

/// Whether a parameter is the server's own.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

impl Providers {
    /// Where to send somebody who signs in with this provider and comes back to `callback`.
    pub(super) async fn leave(
        &self,
        provider: &Provider,
        callback: &str,
        state: &str,
        scopes: &str,
        more: impl Iterator<Item = (String, String)>,
    ) -> Result<Leave, Error> {
        let discovery = self.documents.discovery(provider).await?;
        let client = client(provider, discovery.as_ref(), callback)?;
        let state = CsrfToken::new(state.to_owned());
        let asked = provider.scopes.iter().map(String::as_str);
        let asked = asked.chain(scopes.split([' ', ',']).filter(|scope| !scope.is_empty()));
        let mut names: Vec<&str> = Vec::new();
        asked.for_each(|scope| {
            if !names.contains(&scope) {
                names.push(scope);
            }
        });
        let mut leave = client
            .authorize_url(|| state)
            .add_scopes(names.into_iter().map(|name| Scope::new(name.to_owned())));
        let nonce = discovery.map(|_| hex::encode(rand::random::<[u8; 16]>()));
        if let Some(nonce) = &nonce {
            leave = leave.add_extra_param("nonce", nonce.clone());
        }
        let mut verifier = None;
        if provider.has_pkce {
            let (challenge, secret) = PkceCodeChallenge::new_random_sha256();
            leave = leave.set_pkce_challenge(challenge);
            verifier = Some(secret.into_secret());
        }
        let more = provider.parameters.iter().cloned().chain(more);
        for (name, value) in more.filter(|(name, _)| !is_reserved(name) && name != "scope") {
            leave = leave.add_extra_param(Cow::Owned(name), Cow::Owned(value));
        }
        let (url, _) = leave.url();
        Ok(Leave { url, nonce, verifier })
    }

    /// Who the person is that came back.
    pub(super) async fn answer(
        &self,
        provider: &Provider,
        callback: &str,
        back: Return<'_>,
    ) -> Result<Answer, Error> {
        let discovery = self.documents.discovery(provider).await?;
        let client = client(provider, discovery.as_ref(), callback)?;
        let mut request = client.exchange_code(AuthorizationCode::new(back.code.to_owned()));
        if let Some(verifier) = back.verifier {
            request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier));
        }
        let outbound = self.outbound();
        let carrier = Carrier(outbound.clone());
        let tokens = request.request_async(&carrier).boxed().await;
        let tokens = tokens.map_err(|error| {
            // What the provider says may repeat the code, so only its kind is logged.
            let kind = match error {
                oauth2::RequestTokenError::ServerResponse(_) => "refused",
                oauth2::RequestTokenError::Request(_) => "not reached",
                _ => "not understood",
            };
            tracing::info!(provider = provider.name, kind, "a code could not be exchanged");
            Error::provider_failed("Unable to exchange external code")
        })?;
        let token = tokens.access_token().secret().clone();
        let refresh_token = tokens.refresh_token().map(|token| token.secret().clone());
        if token.len() + refresh_token.as_ref().map_or(0, String::len) > MAX_TOKEN_BYTES {
            return Err(Error::provider_failed("Unable to exchange external code"));
        }
        let profile = match &provider.kind {
            Kind::GitHub { url } => self.github(url, &token).await?,
            Kind::OAuth { userinfo_url, .. } => {
                let said = ask(outbound, userinfo_url, Some(&token)).await?;
                said.as_object().and_then(|said| {
                    Profile::of_userinfo(said, &provider.mapping, &provider.kept_claims)
                })
            }
            Kind::OpenId { .. } => {
                let id_token = tokens.extra_fields().id_token.as_deref().unwrap_or_default();
                let userinfo = discovery.and_then(|discovery| discovery.userinfo_endpoint);
                self.person(provider, id_token, &token, back.nonce, userinfo).await?
            }
        };
        let unknown = "Error getting user profile from external provider";
        let profile = profile.ok_or_else(|| Error::provider_failed(unknown))?;
        Ok(Answer { profile, token, refresh_token })
    }

    /// The person of an id_token that belongs to this sign-in; nothing when it does not.
    async fn person(
        &self,
        provider: &Provider,
        id_token: &str,
        token: &str,
        nonce: Option<&str>,
        userinfo: Option<String>,
    ) -> Result<Option<Profile>, Error> {
        let Ok(verified) = self.documents.verify(provider, id_token).await? else {
            return Ok(None);
        };
        let has_nonce = match verified.text("nonce") {
            Some(_) => nonce.is_some_and(|nonce| verified.has_nonce(nonce)),
            None => provider.skips_nonce(),
        };
        if !has_nonce || !verified.goes_with(token) {
            return Ok(None);
        }
        let mut claims = verified.claims;
        // Some issuers keep the id_token short and tell the rest only when asked.
        if let Some(url) = userinfo.filter(|_| !claims.contains_key("email")) {
            let said = ask(self.outbound(), &url, Some(token)).await?;
            if said["sub"] != claims["sub"] {
                return Ok(None);
            }
            for (name, value) in said.as_object().into_iter().flatten() {
                claims.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        Ok(Profile::of_userinfo(&claims, &provider.mapping, &provider.kept_claims))
    }

    async fn github(&self, url: &str, token: &str) -> Result<Option<Profile>, Error> {
        let api = match url {
            "https://github.com" => "https://api.github.com".to_owned(),
            url => format!("{url}/api/v3"),
        };
        let user = ask(self.outbound(), &format!("{api}/user"), Some(token)).await?;
        let emails: Value =
            ask(self.outbound(), &format!("{api}/user/emails"), Some(token)).await?;
        Ok(Profile::of_github(&user, &emails, &api))
    }
}

fn client(
    provider: &Provider,
    discovery: Option<&Discovery>,
    callback: &str,
) -> Result<OAuthClient, Error> {
    let (authorize, exchange) = match (&provider.kind, discovery) {
        (Kind::OAuth { authorization_url, token_url, .. }, _) => {
            (authorization_url.clone(), token_url.clone())
        }
        (Kind::GitHub { url }, _) => {
            (format!("{url}/login/oauth/authorize"), format!("{url}/login/oauth/access_token"))
        }
        (Kind::OpenId { .. }, Some(found)) => {
            (found.authorization_endpoint.clone(), found.token_endpoint.clone())
        }
        (Kind::OpenId { .. }, None) => return Err(broken()),
    };
    let secret_in_body = discovery.is_none_or(Discovery::wants_secret_in_body);
    let auth_type = if secret_in_body { AuthType::RequestBody } else { AuthType::BasicAuth };
    let id = provider.client_ids.first().cloned().unwrap_or_default();
    let mut client = Client::new(ClientId::new(id)).set_auth_type(auth_type);
    if let Some(secret) = &provider.secret {
        client = client.set_client_secret(ClientSecret::new(secret.clone()));
    }
    let authorize = AuthUrl::new(authorize).map_err(|_| broken())?;
    if !["http", "https"].contains(&authorize.url().scheme()) {
        return Err(broken());
    }
    Ok(client
        .set_auth_uri(authorize)
        .set_token_uri(TokenUrl::new(exchange).map_err(|_| broken())?)
        .set_redirect_uri(RedirectUrl::new(callback.to_owned()).map_err(|_| broken())?))
}

fn broken() -> Error {
    Error::provider_failed("The provider publishes a URL that does not read")
}
