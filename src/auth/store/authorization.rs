//! What clients of the OAuth server ask people for, from the request to the use of its code.

use tokio_postgres::Row;
use uuid::Uuid;

use super::oauth_client::{COLUMNS, Client};
use crate::pg::{self, Transaction};

/// A request to be.
pub(in crate::auth) struct NewAuthorization<'a> {
    /// By which the page that asks people knows it.
    pub id: &'a str,
    pub client_id: Uuid,
    pub redirect_uri: &'a str,
    pub scope: &'a str,
    pub state: Option<&'a str>,
    pub resource: Option<&'a str>,
    pub nonce: Option<&'a str>,
    /// Of method S256.
    pub challenge: &'a str,
    pub lasts_seconds: u32,
}

/// A request that waits for a person, held until the end of the transaction.
pub(in crate::auth) struct Pending {
    pub id: Uuid,
    pub client: Client,
    pub redirect_uri: String,
    pub scope: String,
    pub state: Option<String>,
}

/// A request that was granted, as its code finds it, held until the end of the transaction.
pub(in crate::auth) struct Granted {
    pub id: Uuid,
    pub user_id: Uuid,
    pub redirect_uri: String,
    pub scope: String,
    pub resource: Option<String>,
    pub nonce: Option<String>,
    pub challenge: String,
    /// When the person had proven who they are, in seconds since 1970.
    pub authenticated_at: i64,
    pub is_over: bool,
    /// Whether the code was used before.
    pub is_used: bool,
    /// The session it gave, while that lasts.
    pub session_id: Option<Uuid>,
}

/// Remembers a request; some that are long over are forgotten instead.
pub(in crate::auth) async fn begin(
    tx: &Transaction,
    new: &NewAuthorization<'_>,
) -> Result<(), pg::Error> {
    tx.query(
        "with over as (
           select id from auth.oauth_authorizations
            where created_at < now() - interval '2 days' limit 20
              for update skip locked)
         delete from auth.oauth_authorizations a using over where a.id = over.id",
        &[],
    )
    .await?;
    tx.query(
        "insert into auth.oauth_authorizations (authorization_id, client_id, redirect_uri, scope,
                                                state, resource, nonce, code_challenge,
                                                code_challenge_method, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 's256', now() + make_interval(secs => $9))",
        &[
            &new.id,
            &new.client_id,
            &new.redirect_uri,
            &new.scope,
            &new.state,
            &new.resource,
            &new.nonce,
            &new.challenge,
            &f64::from(new.lasts_seconds),
        ],
    )
    .await?;
    Ok(())
}

/// The request of this id for the person who looks at it. It is theirs from then on; others, and
/// whoever comes too late, find nothing.
pub(in crate::auth) async fn hold(
    tx: &Transaction,
    id: &str,
    user_id: Uuid,
) -> Result<Option<Pending>, pg::Error> {
    let sql = format!(
        "update auth.oauth_authorizations a
            set user_id = $2
           from auth.oauth_clients c
          where a.authorization_id = $1
            and c.id = a.client_id
            and c.deleted_at is null
            and a.status = 'pending'
            and a.expires_at > now()
            and coalesce(a.user_id, $2) = $2
         returning a.id, a.redirect_uri, a.scope, a.state, {COLUMNS}"
    );
    tx.query_opt(&sql, &[&id, &user_id]).await?.as_ref().map(pending).transpose()
}

fn pending(row: &Row) -> Result<Pending, pg::Error> {
    Ok(Pending {
        id: row.try_get("id")?,
        client: Client::read(row)?,
        redirect_uri: row.try_get("redirect_uri")?,
        scope: row.try_get("scope")?,
        state: row.try_get("state")?,
    })
}

/// Grants a request from this session: its code counts for so many seconds.
pub(in crate::auth) async fn approve(
    tx: &Transaction,
    id: Uuid,
    code_hash: &str,
    session_id: Option<Uuid>,
    lasts_seconds: u32,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.oauth_authorizations
            set status = 'approved',
                authorization_code = $2,
                approved_at = now(),
                expires_at = now() + make_interval(secs => $4),
                authenticated_at = coalesce(
                  (select max(proof.updated_at) from auth.mfa_amr_claims proof where proof.session_id = $3),
                  now())
          where id = $1",
        &[&id, &code_hash, &session_id, &f64::from(lasts_seconds)],
    )
    .await?;
    Ok(())
}

/// Refuses a request.
pub(in crate::auth) async fn deny(tx: &Transaction, id: Uuid) -> Result<(), pg::Error> {
    tx.query("update auth.oauth_authorizations set status = 'denied' where id = $1", &[&id])
        .await?;
    Ok(())
}

/// The request that a client got this code for.
pub(in crate::auth) async fn by_code(
    tx: &Transaction,
    code_hash: &str,
    client_id: Uuid,
) -> Result<Option<Granted>, pg::Error> {
    let row = tx
        .query_opt(
            "select id, user_id, redirect_uri, scope, resource, nonce, code_challenge, session_id,
                    extract(epoch from authenticated_at)::bigint as authenticated_at,
                    expires_at <= now() as is_over,
                    used_at is not null as is_used
               from auth.oauth_authorizations
              where authorization_code = $1 and client_id = $2 and status = 'approved'
                for update",
            &[&code_hash, &client_id],
        )
        .await?;
    row.as_ref().map(granted).transpose()
}

fn granted(row: &Row) -> Result<Granted, pg::Error> {
    Ok(Granted {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        redirect_uri: row.try_get("redirect_uri")?,
        scope: row.try_get("scope")?,
        resource: row.try_get("resource")?,
        nonce: row.try_get("nonce")?,
        challenge: row.try_get("code_challenge")?,
        authenticated_at: row.try_get("authenticated_at")?,
        is_over: row.try_get("is_over")?,
        is_used: row.try_get("is_used")?,
        session_id: row.try_get("session_id")?,
    })
}

/// Writes down what a code gave: it gives nothing more.
pub(in crate::auth) async fn spend(
    tx: &Transaction,
    id: Uuid,
    session_id: Uuid,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.oauth_authorizations set used_at = now(), session_id = $2 where id = $1",
        &[&id, &session_id],
    )
    .await?;
    Ok(())
}
