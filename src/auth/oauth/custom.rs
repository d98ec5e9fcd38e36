//! /admin/custom-providers: providers that admins add while the server runs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::exchange::is_reserved;
use crate::auth::bearer::Admin;
use crate::auth::request::{Fields, Parameters};
use crate::auth::store::provider::{self, CUSTOM, Wanted};
use crate::auth::{Auth, Error};
use crate::pg::Transaction;

/// Providers there may be.
const MAX_PROVIDERS: i64 = 100;

/// Longest identifier behind `custom:`, and longest of most other texts, in bytes.
const MAX_IDENTIFIER_BYTES: usize = 63;
const MAX_TEXT_BYTES: usize = 2048;

/// Longest lists.
const MAX_ITEMS: usize = 50;

/// What no word of a provider stands for.
const PROTECTED: [&str; 13] = [
    "id",
    "aud",
    "role",
    "app_metadata",
    "created_at",
    "updated_at",
    "confirmed_at",
    "email_confirmed_at",
    "phone_confirmed_at",
    "email_verified",
    "phone_verified",
    "banned_until",
    "is_super_admin",
];

/// A provider to be, or to change; what is not given stays as it is.
#[derive(Deserialize, Serialize)]
pub(in crate::auth) struct Asked {
    #[serde(skip_serializing)]
    provider_type: Option<String>,
    #[serde(skip_serializing)]
    identifier: Option<String>,
    name: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    acceptable_client_ids: Option<Vec<String>>,
    scopes: Option<Vec<String>>,
    pkce_enabled: Option<bool>,
    attribute_mapping: Option<Map<String, Value>>,
    custom_claims_allowlist: Option<Vec<String>>,
    authorization_params: Option<Map<String, Value>>,
    enabled: Option<bool>,
    email_optional: Option<bool>,
    issuer: Option<String>,
    discovery_url: Option<String>,
    skip_nonce_check: Option<bool>,
    authorization_url: Option<String>,
    token_url: Option<String>,
    userinfo_url: Option<String>,
    jwks_uri: Option<String>,
}

pub(in crate::auth) async fn list(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    parameters: Parameters,
) -> Result<Json<Value>, Error> {
    let provider_type = parameters.get("type");
    if provider_type.is_some_and(|wanted| !is_type(wanted)) {
        return Err(Error::Invalid("type must be either 'oauth2' or 'oidc'"));
    }
    let providers = provider::list(&auth.store, provider_type).await?;
    Ok(Json(json!({ "providers": providers })))
}

pub(in crate::auth) async fn read(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    Path(identifier): Path<String>,
) -> Result<Json<Box<RawValue>>, Error> {
    check_prefix(&identifier)?;
    auth.store.transaction(async |tx: &Transaction| document(tx, &identifier).await).await.map(Json)
}

pub(in crate::auth) async fn create(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    Fields(asked): Fields<Asked>,
) -> Result<(StatusCode, Json<Box<RawValue>>), Error> {
    let provider_type = asked.provider_type.clone().unwrap_or_default();
    if !is_type(&provider_type) {
        return Err(Error::Invalid("provider_type must be either 'oauth2' or 'oidc'"));
    }
    asked.require(&provider_type)?;
    let identifier = asked.identifier.clone().unwrap_or_default();
    let wanted = Wanted {
        identifier: &identifier,
        provider_type: Some(&provider_type),
        columns: asked.columns(&auth, &identifier, &provider_type, true)?,
    };
    let work = async |tx: &Transaction| {
        if provider::count(tx).await? >= MAX_PROVIDERS {
            return Err(Error::TooManyCustomProviders);
        }
        provider::add(tx, &wanted).await?;
        document(tx, &identifier).await
    };
    Ok((StatusCode::CREATED, Json(auth.store.transaction(work).await?)))
}

pub(in crate::auth) async fn change(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    Path(identifier): Path<String>,
    Fields(asked): Fields<Asked>,
) -> Result<Json<Box<RawValue>>, Error> {
    check_prefix(&identifier)?;
    let work = async |tx: &Transaction| {
        let found = provider::document(tx, &identifier).await?;
        let (provider_type, _) = found.ok_or(Error::CustomProviderNotFound)?;
        let columns = asked.columns(&auth, &identifier, &provider_type, false)?;
        let wanted = Wanted { identifier: &identifier, provider_type: None, columns };
        provider::change(tx, &wanted).await?;
        document(tx, &identifier).await
    };
    auth.store.transaction(work).await.map(Json)
}

pub(in crate::auth) async fn delete(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    Path(identifier): Path<String>,
) -> Result<StatusCode, Error> {
    check_prefix(&identifier)?;
    let work = async |tx: &Transaction| {
        let was_there = provider::remove(tx, &identifier).await?;
        if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(Error::CustomProviderNotFound) }
    };
    auth.store.transaction(work).await
}

async fn document(tx: &Transaction, identifier: &str) -> Result<Box<RawValue>, Error> {
    let found = provider::document(tx, identifier).await?;
    found.map(|(_, document)| document).ok_or(Error::CustomProviderNotFound)
}

impl Asked {
    /// What a new provider cannot be without, in the order in which this dialect refuses.
    fn require(&self, provider_type: &str) -> Result<(), Error> {
        let is_missing = |text: &Option<String>| text.as_deref().is_none_or(str::is_empty);
        if is_missing(&self.identifier) {
            return Err(Error::Invalid("identifier is required"));
        }
        check_identifier(self.identifier.as_deref().unwrap_or_default())?;
        let always = [
            (&self.name, "name is required"),
            (&self.client_id, "client_id is required"),
            (&self.client_secret, "client_secret is required"),
        ];
        let openid = [(&self.issuer, "issuer is required for OIDC providers")];
        let oauth = [
            (&self.authorization_url, "authorization_url is required for OAuth2 providers"),
            (&self.token_url, "token_url is required for OAuth2 providers"),
            (&self.userinfo_url, "userinfo_url is required for OAuth2 providers"),
        ];
        let more: &[_] = if provider_type == "oidc" { &openid } else { &oauth };
        match always.iter().chain(more).find(|(text, _)| is_missing(text)) {
            Some((_, words)) => Err(Error::Invalid(words)),
            None => Ok(()),
        }
    }

    /// The columns to write, checked, with the secret sealed.
    fn columns(
        &self,
        auth: &Auth,
        identifier: &str,
        provider_type: &str,
        is_new: bool,
    ) -> Result<Map<String, Value>, Error> {
        self.check(auth)?;
        let written = serde_json::to_value(self).map_err(|error| Error::Broken(Box::new(error)))?;
        let Value::Object(mut columns) = written else { return Ok(Map::new()) };
        columns.retain(|_, value| !value.is_null() && value != "");
        if let Some(secret) = columns.get("client_secret").and_then(Value::as_str) {
            let sealed = auth.seal.seal(identifier, secret)?;
            columns.insert("client_secret".to_owned(), sealed.into());
        }
        if provider_type == "oidc" {
            let given = self.scopes.clone().or_else(|| is_new.then(Vec::new));
            if let Some(scopes) = given {
                let others = scopes.into_iter().filter(|scope| scope != "openid");
                let scopes: Vec<String> =
                    std::iter::once("openid".to_owned()).chain(others).collect();
                columns.insert("scopes".to_owned(), json!(scopes));
            }
        }
        Ok(columns)
    }

    fn check(&self, auth: &Auth) -> Result<(), Error> {
        for (name, value) in self.authorization_params.iter().flatten() {
            if is_reserved(name) {
                return invalid(format!("Cannot override reserved OAuth parameter: {name}"));
            }
            if !value.is_string() {
                return invalid(format!("Authorization parameter {name:?} must be a string"));
            }
        }
        for name in self.attribute_mapping.iter().flat_map(Map::keys) {
            if PROTECTED.contains(&name.as_str()) {
                return invalid(format!("Cannot map to protected system field: {name}"));
            }
        }
        let urls = [
            &self.issuer,
            &self.discovery_url,
            &self.authorization_url,
            &self.token_url,
            &self.userinfo_url,
            &self.jwks_uri,
        ];
        for url in urls.into_iter().flatten().filter(|url| !url.is_empty()) {
            let checked = auth.providers.outbound().check(url);
            checked.map_err(|error| Error::InvalidValue(error.to_string()))?;
        }
        let texts = urls.into_iter().chain([&self.name, &self.client_id, &self.client_secret]);
        let lists = [&self.acceptable_client_ids, &self.scopes, &self.custom_claims_allowlist];
        let is_large = texts.flatten().any(|text| text.len() > MAX_TEXT_BYTES)
            || lists.into_iter().flatten().any(|list| {
                list.len() > MAX_ITEMS || list.iter().any(|text| text.len() > MAX_TEXT_BYTES)
            })
            || [&self.attribute_mapping, &self.authorization_params]
                .into_iter()
                .flatten()
                .any(|map| map.len() > MAX_ITEMS);
        if is_large {
            return Err(Error::Invalid("A field of the provider is too long"));
        }
        Ok(())
    }
}

fn invalid(words: String) -> Result<(), Error> {
    Err(Error::InvalidValue(words))
}

fn is_type(text: &str) -> bool {
    ["oauth2", "oidc"].contains(&text)
}

fn check_prefix(identifier: &str) -> Result<(), Error> {
    if identifier.starts_with(CUSTOM) {
        return Ok(());
    }
    let example: String = identifier.chars().take(MAX_IDENTIFIER_BYTES).collect();
    invalid(format!("identifier must start with 'custom:' prefix, e.g. 'custom:{example}'"))
}

fn check_identifier(identifier: &str) -> Result<(), Error> {
    check_prefix(identifier)?;
    let name = identifier.strip_prefix(CUSTOM).unwrap_or_default();
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let begins_well = name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    if begins_well && name.len() <= MAX_IDENTIFIER_BYTES && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(Error::Invalid(
        "identifier must be 'custom:' and up to 63 small letters, digits, hyphens and underscores",
    ))
}
