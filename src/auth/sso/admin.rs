//! /admin/sso/providers: companies whose directories sign people in, in the hands of whoever runs
//! the server.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::mapping::Mapping;
use super::metadata::Directory;
use super::party::NAME_FORMATS;
use super::xml;
use crate::auth::bearer::Admin;
use crate::auth::request::{Fields, Parameters};
use crate::auth::store::sso::{self, NewMetadata, Wanted};
use crate::auth::{Auth, Error};
use crate::pg::Transaction;

/// Providers there may be, and domains of one.
const MAX_PROVIDERS: i64 = 10_000;
const MAX_DOMAINS: usize = 100;

/// Longest domain (RFC 1035), and longest of other texts, in bytes.
const MAX_DOMAIN_BYTES: usize = 253;
const MAX_TEXT_BYTES: usize = 2048;

/// A provider to be, or to change; what is not given stays as it is.
#[derive(Deserialize)]
pub(in crate::auth) struct Asked {
    #[serde(rename = "type")]
    kind: Option<String>,
    metadata_url: Option<String>,
    metadata_xml: Option<String>,
    domains: Option<Vec<String>>,
    attribute_mapping: Option<Value>,
    name_id_format: Option<String>,
    resource_id: Option<String>,
    disabled: Option<bool>,
}

/// Metadata as they were found.
struct Found {
    xml: String,
    url: Option<String>,
    directory: Directory,
}

/// The provider that a path names.
pub(in crate::auth) struct ProviderId(Uuid);

impl FromRequestParts<Arc<Auth>> for ProviderId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, auth: &Arc<Auth>) -> Result<Self, Error> {
        let id = Path::<Uuid>::from_request_parts(parts, auth).await;
        id.map(|Path(id)| Self(id)).map_err(|_| NOT_FOUND)
    }
}

const NOT_FOUND: Error = Error::SsoProviderNotFound("SSO Identity Provider not found");

pub(in crate::auth) async fn list(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    parameters: Parameters,
) -> Result<Json<Value>, Error> {
    let resource_id = parameters.get("resource_id");
    let prefix = parameters.get("resource_id_prefix");
    let items = sso::list(&auth.store, resource_id, prefix).await?;
    Ok(Json(json!({ "items": items })))
}

pub(in crate::auth) async fn read(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    ProviderId(id): ProviderId,
) -> Result<Json<Box<RawValue>>, Error> {
    auth.store.transaction(async |tx: &Transaction| document(tx, id).await).await.map(Json)
}

pub(in crate::auth) async fn create(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    Fields(asked): Fields<Asked>,
) -> Result<(StatusCode, Json<Box<RawValue>>), Error> {
    if asked.kind.as_deref() != Some("saml") {
        return Err(Error::Invalid("Only 'saml' supported for SSO provider type"));
    }
    let domains = asked.domains()?;
    let columns = asked.columns()?;
    let found = asked.metadata(&auth).await?;
    let found = found.ok_or(Error::Invalid("Either metadata_xml or metadata_url must be set"))?;
    let id = Uuid::new_v4();
    let wanted = Wanted { id, columns, domains: domains.as_deref(), metadata: None };
    let work = async |tx: &Transaction| {
        if sso::count(tx).await? >= MAX_PROVIDERS {
            return Err(Error::Invalid("There are too many SSO providers"));
        }
        sso::add(tx, &wanted, found.kept()).await?;
        document(tx, id).await
    };
    Ok((StatusCode::CREATED, Json(auth.store.transaction(work).await?)))
}

pub(in crate::auth) async fn change(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    ProviderId(id): ProviderId,
    Fields(asked): Fields<Asked>,
) -> Result<Json<Box<RawValue>>, Error> {
    let domains = asked.domains()?;
    let columns = asked.columns()?;
    let found = asked.metadata(&auth).await?;
    let metadata = found.as_ref().map(Found::kept);
    let wanted = Wanted { id, columns, domains: domains.as_deref(), metadata };
    let work = async |tx: &Transaction| {
        let (entity_id, _) = sso::document(tx, id).await?.ok_or(NOT_FOUND)?;
        if let Some(other) = metadata.filter(|metadata| metadata.entity_id != entity_id) {
            return Err(Error::SamlEntityIdMismatch(format!(
                "SAML Metadata can be updated only if the EntityID matches for the provider; \
                 expected '{entity_id}' but got '{}'",
                other.entity_id
            )));
        }
        sso::change(tx, &wanted).await?;
        document(tx, id).await
    };
    auth.store.transaction(work).await.map(Json)
}

pub(in crate::auth) async fn delete(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    ProviderId(id): ProviderId,
) -> Result<Json<Box<RawValue>>, Error> {
    let work = async |tx: &Transaction| {
        let document = document(tx, id).await?;
        sso::remove(tx, id).await?;
        Ok(document)
    };
    auth.store.transaction(work).await.map(Json)
}

async fn document(tx: &Transaction, id: Uuid) -> Result<Box<RawValue>, Error> {
    sso::document(tx, id).await?.map(|(_, document)| document).ok_or(NOT_FOUND)
}

impl Found {
    fn kept(&self) -> NewMetadata<'_> {
        let entity_id = self.directory.entity_id.as_str();
        NewMetadata { entity_id, xml: &self.xml, url: self.url.as_deref() }
    }
}

impl Asked {
    /// The metadata that are given, or stand where it is told.
    async fn metadata(&self, auth: &Auth) -> Result<Option<Found>, Error> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        match (given(&self.metadata_url), given(&self.metadata_xml)) {
            (Some(_), Some(_)) => {
                Err(Error::Invalid("Only one of metadata_xml or metadata_url needs to be set"))
            }
            (None, None) => Ok(None),
            (None, Some(xml)) => {
                let directory = Directory::read(&xml)?;
                Ok(Some(Found { xml, url: None, directory }))
            }
            (Some(url), None) => {
                if url.len() > MAX_TEXT_BYTES {
                    return Err(Error::Invalid("metadata_url is too long"));
                }
                let checked = auth.outbound().check(&url);
                checked.map_err(|error| Error::InvalidValue(error.to_string()))?;
                let (xml, directory) = auth.fetch_metadata(&url).await?;
                Ok(Some(Found { xml, url: Some(url), directory }))
            }
        }
    }

    /// The domains that are given, as they are compared.
    fn domains(&self) -> Result<Option<Vec<String>>, Error> {
        let Some(domains) = &self.domains else { return Ok(None) };
        if domains.len() > MAX_DOMAINS {
            return Err(Error::Invalid("An SSO provider has 100 domains at most"));
        }
        let domains: Vec<String> =
            domains.iter().map(|domain| domain.trim().to_ascii_lowercase()).collect();
        match domains.iter().find(|domain| !is_domain(domain)) {
            Some(wrong) => {
                let wrong: String = wrong.chars().take(MAX_DOMAIN_BYTES).collect();
                Err(Error::InvalidValue(format!("'{wrong}' is no domain")))
            }
            None => Ok(Some(domains)),
        }
    }

    /// The other columns, checked.
    fn columns(&self) -> Result<Map<String, Value>, Error> {
        let mut columns = Map::new();
        if let Some(mapping) = self.attribute_mapping.as_ref().filter(|mapping| !mapping.is_null())
        {
            columns.insert("attribute_mapping".to_owned(), json!(Mapping::read(mapping)?));
        }
        if let Some(format) = &self.name_id_format {
            if !format.is_empty() && !NAME_FORMATS.contains(&format.as_str()) {
                return Err(Error::InvalidValue(format!(
                    "name_id_format must be unspecified or one of {}",
                    NAME_FORMATS.join(", ")
                )));
            }
            columns.insert("name_id_format".to_owned(), json!(format));
        }
        if let Some(resource_id) = &self.resource_id {
            if resource_id.len() > MAX_TEXT_BYTES {
                return Err(Error::Invalid("resource_id is too long"));
            }
            columns.insert("resource_id".to_owned(), json!(resource_id));
        }
        if let Some(disabled) = self.disabled {
            columns.insert("disabled".to_owned(), json!(disabled));
        }
        Ok(columns)
    }
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= MAX_DOMAIN_BYTES && text.split('.').all(is_label)
}

impl Auth {
    /// The metadata at a URL, and what they say.
    ///
    /// # Errors
    /// There are none, or they are of no use.
    pub(super) async fn fetch_metadata(&self, url: &str) -> Result<(String, Directory), Error> {
        let failed = |why: &str| {
            Error::SamlMetadataFetch(format!("{why} fetching SAML Metadata from URL '{url}'"))
        };
        let request = http::Request::get(url).body(Vec::new());
        let request = request.map_err(|_| failed("This is no URL for"))?;
        let answer = self.outbound().send(request).await.map_err(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "metadata are not there");
            failed("The request failed")
        })?;
        if answer.status() != StatusCode::OK {
            return Err(failed(&format!("HTTP {} error", answer.status().as_u16())));
        }
        let text = String::from_utf8(answer.into_body());
        let text = text
            .map_err(|_| Error::Invalid("SAML Metadata XML contains invalid UTF-8 characters"))?;
        // Some begin with the mark of an encoding that a text does not need.
        let text = text.trim_start_matches('\u{feff}').to_owned();
        if text.len() > xml::MAX_BYTES {
            return Err(failed("Too much was found"));
        }
        let directory = Directory::read(&text)?;
        Ok((text, directory))
    }
}
