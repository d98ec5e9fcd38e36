//! What people let clients of the OAuth server do.

use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Store, raw};
use crate::pg::{self, Transaction};

/// The scopes that a person granted a client, while that stands.
pub(in crate::auth) async fn scopes(
    tx: &Transaction,
    user_id: Uuid,
    client_id: Uuid,
) -> Result<Option<String>, pg::Error> {
    let row = tx
        .query_opt(
            "select scopes
               from auth.oauth_consents
              where user_id = $1 and client_id = $2 and revoked_at is null",
            &[&user_id, &client_id],
        )
        .await?;
    row.map(|row| row.try_get("scopes")).transpose().map_err(Into::into)
}

/// Remembers what a person grants a client from now on.
pub(in crate::auth) async fn give(
    tx: &Transaction,
    user_id: Uuid,
    client_id: Uuid,
    scopes: &str,
) -> Result<(), pg::Error> {
    tx.query(
        "insert into auth.oauth_consents (user_id, client_id, scopes)
         values ($1, $2, $3)
         on conflict on constraint oauth_consents_user_client_unique do update
            set scopes = excluded.scopes, granted_at = now(), revoked_at = null",
        &[&user_id, &client_id, &scopes],
    )
    .await?;
    Ok(())
}

/// What a person let clients do, the newest first.
pub(in crate::auth) async fn list(
    store: &Store,
    user_id: Uuid,
) -> Result<Box<RawValue>, pg::Error> {
    let rows = store
        .read(
            concat!(
                "select coalesce(jsonb_agg(jsonb_build_object(
                          'client', jsonb_build_object(
                             'id', c.id,
                             'name', c.client_name,
                             'uri', coalesce(c.client_uri, ''),
                             'logo_uri', coalesce(c.logo_uri, '')),
                          'scopes', string_to_array(o.scopes, ' '),
                          'granted_at', ",
                stamp!("o.granted_at"),
                ") order by o.granted_at desc, c.id), '[]')::text as documents
                   from auth.oauth_consents o
                   join auth.oauth_clients c on c.id = o.client_id and c.deleted_at is null
                  where o.user_id = $1::uuid and o.revoked_at is null"
            ),
            &[Some(&user_id.to_string())],
        )
        .await?;
    let row = rows.first().expect("an aggregate gives one row");
    Ok(raw(row.try_get("documents")?))
}

/// Takes back what a person granted a client: codes on their way are void, sessions end. Says
/// whether there was anything.
pub(in crate::auth) async fn revoke(
    tx: &Transaction,
    user_id: Uuid,
    client_id: Uuid,
) -> Result<bool, pg::Error> {
    // Requests first, as whoever uses a code holds them: then its session is there to be ended.
    tx.query(
        "delete from auth.oauth_authorizations where user_id = $1 and client_id = $2",
        &[&user_id, &client_id],
    )
    .await?;
    let revoked = tx
        .query_opt(
            "update auth.oauth_consents
                set revoked_at = now()
              where user_id = $1 and client_id = $2 and revoked_at is null
             returning id",
            &[&user_id, &client_id],
        )
        .await?;
    tx.query(
        "delete from auth.sessions where user_id = $1 and oauth_client_id = $2",
        &[&user_id, &client_id],
    )
    .await?;
    Ok(revoked.is_some())
}
