//! Providers that admins added while the server runs.

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio_postgres::Row;

use super::{Store, raw};
use crate::auth::Error;
use crate::auth::oauth::{Kind, Provider};
use crate::pg::{self, Seal, Transaction};

/// How the names of such providers begin.
pub(in crate::auth) const CUSTOM: &str = "custom:";

/// The row as admins see it: its secret stays where it is.
const DOCUMENT: &str = "(to_jsonb(p) - 'client_secret')::text as document";

/// A provider as it is kept.
pub(in crate::auth) struct Kept {
    row: Row,
}

/// A provider to be, or what is to change about one: null keeps what is there.
pub(in crate::auth) struct Wanted<'a> {
    pub identifier: &'a str,
    pub provider_type: Option<&'a str>,
    /// The other columns by name, as JSON; `client_secret` is sealed.
    pub columns: Map<String, Value>,
}

impl Kept {
    /// The provider in it, unless it is switched off.
    pub(in crate::auth) fn provider(&self, seal: &Seal) -> Result<Option<Provider>, Error> {
        if !self.row.try_get("enabled").map_err(pg::Error::from)? {
            return Ok(None);
        }
        let (provider, sealed) = self.read().map_err(pg::Error::from)?;
        let secret = match sealed.as_str() {
            "" => None,
            sealed => Some(seal.open(&provider.name, sealed)?),
        };
        Ok(Some(Provider { secret, ..provider }))
    }

    /// The provider without its secret, and the secret as it is sealed.
    fn read(&self) -> Result<(Provider, String), tokio_postgres::Error> {
        let text = |name: &str| self.row.try_get::<_, Option<String>>(name);
        let url = |name: &str| text(name).map(Option::unwrap_or_default);
        let list = |name: &str| self.row.try_get::<_, Vec<String>>(name);
        let object = |name: &str| self.row.try_get::<_, Value>(name).map(object);
        let identifier: String = self.row.try_get("identifier")?;
        let provider_type: String = self.row.try_get("provider_type")?;
        let kind = if provider_type == "oidc" {
            Kind::OpenId {
                issuer: url("issuer")?,
                discovery_url: text("discovery_url")?.filter(|url| !url.is_empty()),
                skips_nonce: self.row.try_get("skip_nonce_check")?,
            }
        } else {
            Kind::OAuth {
                authorization_url: url("authorization_url")?,
                token_url: url("token_url")?,
                userinfo_url: url("userinfo_url")?,
            }
        };
        let own: String = self.row.try_get("client_id")?;
        let client_ids = std::iter::once(own).chain(list("acceptable_client_ids")?).collect();
        let sealed: String = self.row.try_get("client_secret")?;
        let parameters = object("authorization_params")?.into_iter();
        let provider = Provider {
            scopes: list("scopes")?,
            has_pkce: self.row.try_get("pkce_enabled")?,
            is_email_optional: self.row.try_get("email_optional")?,
            parameters: parameters
                .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
                .collect(),
            mapping: object("attribute_mapping")?,
            kept_claims: list("custom_claims_allowlist")?,
            ..Provider::new(&identifier, client_ids, kind)
        };
        Ok((provider, sealed))
    }
}

/// The provider of this name.
pub(in crate::auth) async fn find(store: &Store, name: &str) -> Result<Option<Kept>, pg::Error> {
    let sql = "select * from auth.custom_oauth_providers where identifier = $1::text";
    let rows = store.read(sql, &[Some(name)]).await?;
    Ok(rows.into_iter().next().map(|row| Kept { row }))
}

/// All providers of a type, or all there are.
pub(in crate::auth) async fn list(
    store: &Store,
    provider_type: Option<&str>,
) -> Result<Box<RawValue>, pg::Error> {
    let sql =
        "select coalesce(jsonb_agg(to_jsonb(p) - 'client_secret' order by p.created_at, p.id),
                               '[]')::text as documents
                 from auth.custom_oauth_providers p
                where $1::text is null or p.provider_type = $1::text";
    let rows = store.read(sql, &[provider_type]).await?;
    let row = rows.first().expect("an aggregate gives one row");
    Ok(raw(row.try_get("documents")?))
}

/// How many there are.
pub(in crate::auth) async fn count(tx: &Transaction) -> Result<i64, pg::Error> {
    let row = tx.query_opt("select count(*) as n from auth.custom_oauth_providers", &[]).await?;
    row.map_or(Ok(0), |row| row.try_get("n")).map_err(Into::into)
}

/// The provider as admins see it.
pub(in crate::auth) async fn document(
    tx: &Transaction,
    identifier: &str,
) -> Result<Option<(String, Box<RawValue>)>, pg::Error> {
    let sql = format!(
        "select {DOCUMENT}, p.provider_type
           from auth.custom_oauth_providers p
          where p.identifier = $1
            for update"
    );
    let Some(row) = tx.query_opt(&sql, &[&identifier]).await? else { return Ok(None) };
    Ok(Some((row.try_get("provider_type")?, raw(row.try_get("document")?))))
}

/// Adds a provider; columns that are not given have their defaults.
pub(in crate::auth) async fn add(tx: &Transaction, wanted: &Wanted<'_>) -> Result<(), pg::Error> {
    tx.query(
        "insert into auth.custom_oauth_providers (identifier, provider_type, name, client_id)
         values ($1, $2, $3::jsonb ->> 'name', $3::jsonb ->> 'client_id')",
        &[&wanted.identifier, &wanted.provider_type, &Value::Object(wanted.columns.clone())],
    )
    .await?;
    change(tx, wanted).await
}

/// Changes the columns that are given.
pub(in crate::auth) async fn change(
    tx: &Transaction,
    wanted: &Wanted<'_>,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.custom_oauth_providers p
            set name = w.name,
                client_id = w.client_id,
                client_secret = w.client_secret,
                acceptable_client_ids = w.acceptable_client_ids,
                scopes = w.scopes,
                pkce_enabled = w.pkce_enabled,
                attribute_mapping = w.attribute_mapping,
                custom_claims_allowlist = w.custom_claims_allowlist,
                authorization_params = w.authorization_params,
                enabled = w.enabled,
                email_optional = w.email_optional,
                issuer = w.issuer,
                discovery_url = w.discovery_url,
                skip_nonce_check = w.skip_nonce_check,
                authorization_url = w.authorization_url,
                token_url = w.token_url,
                userinfo_url = w.userinfo_url,
                jwks_uri = w.jwks_uri,
                updated_at = now()
           from auth.custom_oauth_providers old,
                lateral jsonb_populate_record(old, $2::jsonb) as w
          where old.identifier = $1 and p.id = old.id",
        &[&wanted.identifier, &Value::Object(wanted.columns.clone())],
    )
    .await?;
    Ok(())
}

/// Removes a provider. Says whether there was one.
pub(in crate::auth) async fn remove(tx: &Transaction, identifier: &str) -> Result<bool, pg::Error> {
    let sql = "delete from auth.custom_oauth_providers where identifier = $1 returning id";
    Ok(tx.query_opt(sql, &[&identifier]).await?.is_some())
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}
