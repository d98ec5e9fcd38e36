//! A standard client, which knows nothing of this server but its issuer.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenType,
};
use oauth2::{
    AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, ExtraTokenFields,
    HttpRequest, HttpResponse, PkceCodeChallenge, RedirectUrl, Scope, StandardRevocableToken,
    StandardTokenResponse, TokenResponse, TokenUrl,
};
use reqwest::{Method, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer as Led, HOME, House, ISSUER, Landing};
use crate::support::Answer;

/// What OpenID Connect adds to OAuth's answer.
#[derive(Debug, Serialize, Deserialize)]
struct IdToken {
    id_token: String,
}

impl ExtraTokenFields for IdToken {}

type Standard = Client<
    BasicErrorResponse,
    StandardTokenResponse<IdToken, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;

/// Carries the library's requests.
async fn carry(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let (parts, body) = request.into_parts();
    let sent = reqwest::Client::new().request(parts.method, parts.uri.to_string());
    let answer = sent.headers(parts.headers).body(body).send().await?;
    let mut response = http::Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        headers.clone_from(answer.headers());
    }
    let body = answer.bytes().await?.to_vec();
    Ok(response.body(body).expect("what came reads"))
}

#[tokio::test]
async fn standard_client_discovers_registers_and_acts_for_a_person() -> anyhow::Result<()> {
    let house = House::new().await?;
    let base = format!("{}/auth/v1", house.server.url());
    let ask = async |path: &str| {
        let path = format!("/auth/v1{path}");
        Answer::of(house.server.request(Method::GET, &path)).await.body
    };
    let document = ask("/.well-known/openid-configuration").await;
    // The server is at another port than it was told.
    let endpoint = |name: &str| document[name].as_str().unwrap_or_default().replace(ISSUER, &base);

    let body = json!({
        "client_name": "Standard", "redirect_uris": [HOME], "scope": "openid profile email",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
    });
    let asked = reqwest::Client::new().post(endpoint("registration_endpoint")).json(&body);
    let registered = Answer::of(asked).await.body;
    let text = |name: &str| registered[name].as_str().unwrap_or_default().to_owned();
    let client = Standard::new(ClientId::new(text("client_id")))
        .set_client_secret(ClientSecret::new(text("client_secret")))
        .set_auth_uri(AuthUrl::new(endpoint("authorization_endpoint"))?)
        .set_token_uri(TokenUrl::new(endpoint("token_endpoint"))?)
        .set_redirect_uri(RedirectUrl::new(HOME.to_owned())?);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state) = client
        .authorize_url(CsrfToken::new_random)
        .add_scopes(["openid", "profile", "email"].map(|scope| Scope::new(scope.to_owned())))
        .add_extra_param("nonce", "once")
        .set_pkce_challenge(challenge)
        .url();
    let id = Led::of(Url::parse(url.as_str())?).await?.landing().query["authorization_id"].clone();
    let said = house.decide(&house.ana, &id, "approve").await?;
    let back = Landing::read(said.text("redirect_url"));
    assert_eq!(back.query["state"], *state.secret());

    let code = AuthorizationCode::new(back.query["code"].clone());
    let given = client.exchange_code(code).set_pkce_verifier(verifier);
    let given = given.request_async(&carry).await?;

    let id_token = &given.extra_fields().id_token;
    let keys: JwkSet = serde_json::from_value(ask("/.well-known/jwks.json").await)?;
    let kid = decode_header(id_token)?.kid.expect("a name");
    let key = DecodingKey::from_jwk(keys.find(&kid).expect("the key"))?;
    let mut expected = Validation::new(Algorithm::ES256);
    expected.set_audience(&[text("client_id")]);
    expected.set_issuer(&[ISSUER]);
    let told = decode::<Value>(id_token, &key, &expected)?.claims;
    assert_eq!((&told["nonce"], &told["email"]), (&json!("once"), &json!("ana@example.com")));
    let refresh_token = given.refresh_token().expect("a refresh token");
    let token = given.access_token().secret();
    let asked = reqwest::Client::new().get(endpoint("userinfo_endpoint")).bearer_auth(token);
    assert_eq!(Answer::of(asked).await.body["sub"], told["sub"]);

    // This answer has no id_token, so plain OAuth reads it.
    let plain = oauth2::basic::BasicClient::new(ClientId::new(text("client_id")))
        .set_client_secret(ClientSecret::new(text("client_secret")))
        .set_token_uri(TokenUrl::new(endpoint("token_endpoint"))?);
    let again = plain.exchange_refresh_token(refresh_token).request_async(&carry).await?;
    assert_ne!(again.access_token().secret(), "");
    assert_ne!(
        again.refresh_token().map(oauth2::RefreshToken::secret),
        Some(refresh_token.secret())
    );
    Ok(())
}
