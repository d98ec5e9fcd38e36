//! Clients of the OAuth server: apps of others.

use serde_json::value::RawValue;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Listed, Store, listed, raw};
use crate::auth::oauth_server::Metadata;
use crate::auth::page::Page;
use crate::pg::{self, Transaction};

/// A client of `auth.oauth_clients c` as administrators see it, without its secret.
macro_rules! client_document {
    () => {
        concat!(
            "jsonb_build_object(
               'client_id', c.id,
               'client_name', c.client_name,
               'client_type', c.client_type,
               'token_endpoint_auth_method', c.token_endpoint_auth_method,
               'registration_type', c.registration_type,
               'redirect_uris', c.redirect_uris,
               'grant_types', c.grant_types,
               'response_types', '[\"code\"]'::jsonb,
               'created_at', ",
            stamp!("c.created_at"),
            ",
               'updated_at', ",
            stamp!("c.updated_at"),
            ")
             || jsonb_strip_nulls(jsonb_build_object(
                  'client_uri', c.client_uri, 'logo_uri', c.logo_uri, 'scope', c.scope))"
        )
    };
}

/// How long a client that registered itself is kept while nobody lets it in, and how many are
/// forgotten when another one comes.
const UNUSED_DAYS: i32 = 30;
const FORGOTTEN_AT_ONCE: i64 = 20;

/// A client, as far as it is asked for when it acts.
pub(in crate::auth) struct Client {
    pub id: Uuid,
    pub name: String,
    pub uri: Option<String>,
    pub logo_uri: Option<String>,
    /// None for a public client.
    pub secret_hash: Option<String>,
    pub redirect_uris: Vec<String>,
    pub grant_types: Vec<String>,
    /// None for any.
    pub scope: Option<String>,
}

impl Client {
    /// From the columns that [`COLUMNS`] names.
    pub(super) fn read(row: &Row) -> Result<Self, pg::Error> {
        Ok(Self {
            id: row.try_get("client_id")?,
            name: row.try_get("client_name")?,
            uri: row.try_get("client_uri")?,
            logo_uri: row.try_get("logo_uri")?,
            secret_hash: row.try_get("client_secret_hash")?,
            redirect_uris: row.try_get("redirect_uris")?,
            grant_types: row.try_get("grant_types")?,
            scope: row.try_get("client_scope")?,
        })
    }

    /// Whether it cannot keep a secret.
    pub(in crate::auth) fn is_public(&self) -> bool {
        self.secret_hash.is_none()
    }

    /// Whether it may come with such a grant.
    pub(in crate::auth) fn may(&self, grant_type: &str) -> bool {
        self.grant_types.iter().any(|known| known == grant_type)
    }
}

/// Columns of a [`Client`], of `auth.oauth_clients c`.
pub(super) const COLUMNS: &str =
    "c.id as client_id, c.client_name, c.client_uri, c.logo_uri, c.client_secret_hash,
     c.redirect_uris, c.grant_types, c.scope as client_scope";

/// The client of this id, kept from going away until the end of the transaction.
pub(in crate::auth) async fn find(tx: &Transaction, id: Uuid) -> Result<Option<Client>, pg::Error> {
    let sql = format!(
        "select {COLUMNS}
           from auth.oauth_clients c
          where c.id = $1 and c.deleted_at is null
            for key share"
    );
    tx.query_opt(&sql, &[&id]).await?.as_ref().map(Client::read).transpose()
}

/// A page of all clients, the newest first.
pub(in crate::auth) async fn list(store: &Store, page: Page) -> Result<Listed, pg::Error> {
    let (limit, offset) = page.bounds();
    let rows = store
        .read(
            concat!(
                "select (select count(*) from auth.oauth_clients where deleted_at is null) as total,
                        coalesce(jsonb_agg(document), '[]')::text as documents
                   from (select ",
                client_document!(),
                " as document
                           from auth.oauth_clients c
                          where c.deleted_at is null
                          order by c.created_at desc, c.id
                          limit $1::bigint offset $2::bigint) page"
            ),
            &[Some(&limit), Some(&offset)],
        )
        .await?;
    listed(&rows)
}

/// The client as administrators see it.
pub(in crate::auth) async fn document(
    tx: &Transaction,
    id: Uuid,
) -> Result<Option<Box<RawValue>>, pg::Error> {
    let sql = concat!(
        "select (",
        client_document!(),
        ")::text as document from auth.oauth_clients c where c.id = $1 and c.deleted_at is null"
    );
    let row = tx.query_opt(sql, &[&id]).await?;
    row.map(|row| Ok(raw(row.try_get("document")?))).transpose()
}

/// Adds a client, and gives its id. It has a secret unless it is public.
pub(in crate::auth) async fn add(
    tx: &Transaction,
    said: &Metadata,
    is_dynamic: bool,
    secret_hash: Option<&str>,
) -> Result<Uuid, pg::Error> {
    let row = tx
        .query_opt(
            "insert into auth.oauth_clients (client_name, client_uri, logo_uri, redirect_uris,
                                             grant_types, scope, token_endpoint_auth_method,
                                             client_type, registration_type, client_secret_hash)
             values ($1, nullif($2, ''), nullif($3, ''), $4, $5, nullif($6, ''), $7,
                     (case when $8::text is null then 'public' else 'confidential'
                       end)::auth.oauth_client_type,
                     (case when $9 then 'dynamic' else 'manual'
                       end)::auth.oauth_registration_type,
                     $8)
             returning id",
            &[
                &said.name,
                &said.uri,
                &said.logo_uri,
                &said.redirect_uris,
                &said.grant_types,
                &said.scope,
                &said.auth_method,
                &secret_hash,
                &is_dynamic,
            ],
        )
        .await?;
    row.expect("an insert gives one row").try_get("id").map_err(Into::into)
}

/// Changes what is given.
pub(in crate::auth) async fn change(
    tx: &Transaction,
    id: Uuid,
    said: &Metadata,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.oauth_clients
            set client_name = coalesce($2, client_name),
                client_uri = nullif(coalesce($3, client_uri), ''),
                logo_uri = nullif(coalesce($4, logo_uri), ''),
                redirect_uris = coalesce($5, redirect_uris),
                grant_types = coalesce($6, grant_types),
                scope = nullif(coalesce($7, scope), ''),
                token_endpoint_auth_method = coalesce($8, token_endpoint_auth_method),
                updated_at = now()
          where id = $1",
        &[
            &id,
            &said.name,
            &said.uri,
            &said.logo_uri,
            &said.redirect_uris,
            &said.grant_types,
            &said.scope,
            &said.auth_method,
        ],
    )
    .await?;
    Ok(())
}

/// Gives a client another secret; the former counts no more.
pub(in crate::auth) async fn set_secret(
    tx: &Transaction,
    id: Uuid,
    secret_hash: &str,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.oauth_clients set client_secret_hash = $2, updated_at = now() where id = $1",
        &[&id, &secret_hash],
    )
    .await?;
    Ok(())
}

/// Removes a client and all it was granted: its sessions end. Says whether there was one.
pub(in crate::auth) async fn remove(tx: &Transaction, id: Uuid) -> Result<bool, pg::Error> {
    let sql = "delete from auth.oauth_clients where id = $1 and deleted_at is null returning id";
    Ok(tx.query_opt(sql, &[&id]).await?.is_some())
}

/// Forgets some clients that registered themselves long ago and that nobody ever let in.
pub(in crate::auth) async fn forget_unused(tx: &Transaction) -> Result<(), pg::Error> {
    tx.query(
        "with unused as (
           select c.id
             from auth.oauth_clients c
            where c.registration_type = 'dynamic'
              and c.created_at < now() - make_interval(days => $1)
              and not exists (select from auth.oauth_consents o where o.client_id = c.id)
            limit $2
              for update skip locked)
         delete from auth.oauth_clients c using unused where c.id = unused.id",
        &[&UNUSED_DAYS, &FORGOTTEN_AT_ONCE],
    )
    .await?;
    Ok(())
}
