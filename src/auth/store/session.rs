//! Sessions, their proofs and their refresh tokens.

use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use super::saml::METHOD;
use super::sso::SSO;
use super::{User, user};
use crate::auth::refresh::{Active, Presented};
use crate::auth::request::Device;
use crate::pg::{self, Transaction};

/// What a person has just shown to be themselves.
pub(in crate::auth) struct Proof<'a> {
    /// As claim `amr` names it.
    pub method: &'a str,
    /// The hash of a proven password; when it is no longer the user's, no session is made.
    pub password_hash: Option<&'a str>,
}

/// What an OAuth client may do for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::auth) struct Grant {
    pub client_id: Uuid,
    /// Separated by spaces.
    pub scopes: String,
}

impl Grant {
    /// From the columns `oauth_client_id` and `scopes` of a session.
    pub(super) fn read(row: &Row) -> Result<Option<Self>, pg::Error> {
        let client_id: Option<Uuid> = row.try_get("oauth_client_id")?;
        let scopes: Option<String> = row.try_get("scopes")?;
        Ok(client_id.map(|client_id| Self { client_id, scopes: scopes.unwrap_or_default() }))
    }
}

/// A session to be.
pub(in crate::auth) struct NewSession<'a> {
    pub id: Uuid,
    pub user_id: Uuid,
    pub proof: &'a Proof<'a>,
    /// None when it is the person's own.
    pub grant: Option<&'a Grant>,
    pub refresh_key: &'a str,
    pub token_hash: &'a str,
    pub device: &'a Device,
    /// When it ends at the latest, in seconds since 1970.
    pub ends_at: Option<i64>,
}

/// A session at the moment one of its refresh tokens is presented.
pub(in crate::auth) struct Refreshing {
    pub session_id: Uuid,
    pub user: User,
    /// None when it is the person's own.
    pub grant: Option<Grant>,
    pub refresh_key: Option<String>,
    pub aal: String,
    pub is_over: bool,
    pub presented: Presented,
}

/// One proof of a session: how, and when in seconds since 1970.
#[derive(Serialize)]
pub(in crate::auth) struct Amr {
    pub method: String,
    pub timestamp: i64,
    /// The company whose directory vouched for the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// How a session was proven, and when it ends at the latest, in seconds since 1970.
pub(in crate::auth) struct Proven {
    pub amr: Vec<Amr>,
    pub ends_at: Option<i64>,
}

/// How many seconds a session lasts: in all, and unless it is refreshed.
#[derive(Clone, Copy)]
pub(in crate::auth) struct Life {
    pub in_all: Option<u32>,
    pub unused: Option<u32>,
}

/// Which sessions of a person end.
#[derive(Debug, Clone, Copy)]
pub(in crate::auth) enum Ending {
    All,
    One(Option<Uuid>),
    AllBut(Option<Uuid>),
}

/// Makes a session with its first refresh token; one of an OAuth client is no sign-in of the
/// person. Gives nothing when a proven password was changed or the account deleted since.
pub(in crate::auth) async fn sign_in(
    tx: &Transaction,
    new: &NewSession<'_>,
) -> Result<Option<User>, pg::Error> {
    let sql = concat!(
        "with person as (
           update auth.users
              set last_sign_in_at = case when $10::uuid is null then now() else last_sign_in_at end,
                  updated_at = now()
            where id = $1 and ($2::text is null or encrypted_password = $2) and deleted_at is null
           returning *),
         session as (
           insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip,
                                      refresh_token_hmac_key, not_after, oauth_client_id, scopes)
           select $3, id, now(), now(), 'aal1', $4, $5, $6, to_timestamp($9::bigint), $10, $11
             from person),
         proof as (
           insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at,
                                            authentication_method)
           select gen_random_uuid(), $3, now(), now(), $7 from person),
         token as (
           insert into auth.refresh_tokens (token, user_id, revoked, created_at, updated_at,
                                            session_id)
           select $8, id::text, false, now(), now(), $3 from person)
         select ",
        user!(),
        " from person u"
    );
    let row = tx
        .query_opt(
            sql,
            &[
                &new.user_id,
                &new.proof.password_hash,
                &new.id,
                &new.device.user_agent,
                &new.device.ip,
                &new.refresh_key,
                &new.proof.method,
                &new.token_hash,
                &new.ends_at,
                &new.grant.map(|grant| grant.client_id),
                &new.grant.map(|grant| grant.scopes.as_str()),
            ],
        )
        .await?;
    row.as_ref().map(user).transpose()
}

/// Locks the session a refresh token belongs to, then looks at it: the look must see what the
/// holder of the lock did, so these are two statements.
pub(in crate::auth) async fn present_token(
    tx: &Transaction,
    token_hash: &str,
    reuse_seconds: u32,
    life: Life,
) -> Result<Option<Refreshing>, pg::Error> {
    let locked = tx
        .query_opt(
            "select id
               from auth.sessions
              where id = (select session_id from auth.refresh_tokens where token = $1)
                for update",
            &[&token_hash],
        )
        .await?;
    if locked.is_none() {
        return Ok(None);
    }
    let sql = concat!(
        "select ",
        user!(),
        ",
                s.id as session_id,
                s.oauth_client_id,
                s.scopes,
                s.refresh_token_hmac_key as refresh_key,
                coalesce(s.aal, 'aal1')::text as aal,
                coalesce(s.not_after <= statement_timestamp(), false)
                  or coalesce(s.created_at + make_interval(secs => $3) <= statement_timestamp(), false)
                  or coalesce(coalesce(s.refreshed_at at time zone 'UTC', s.created_at)
                              + make_interval(secs => $4) <= statement_timestamp(), false) as is_over,
                coalesce(t.revoked, false) as is_revoked,
                t.updated_at > statement_timestamp() - make_interval(secs => $2) as is_recent,
                active.token::text as active_hash,
                active.parent::text as active_parent
           from auth.refresh_tokens t
           join auth.sessions s on s.id = t.session_id
           join auth.users u on u.id = s.user_id and u.deleted_at is null
           left join lateral (select a.token, a.parent
                                from auth.refresh_tokens a
                               where a.session_id = s.id and a.revoked is not true
                               order by a.id desc
                               limit 1) active on true
          where t.token = $1"
    );
    let row = tx
        .query_opt(
            sql,
            &[
                &token_hash,
                &f64::from(reuse_seconds),
                &life.in_all.map(f64::from),
                &life.unused.map(f64::from),
            ],
        )
        .await?;
    row.as_ref().map(|row| refreshing(row, token_hash)).transpose()
}

/// Replaces a session's refresh token.
pub(in crate::auth) async fn rotate_token(
    tx: &Transaction,
    now: &Refreshing,
    token_hash: &str,
    device: &Device,
) -> Result<(), pg::Error> {
    tx.query(
        "with used as (
           update auth.refresh_tokens set revoked = true, updated_at = now() where token = $2),
         fresh as (
           insert into auth.refresh_tokens (token, parent, user_id, revoked, created_at,
                                            updated_at, session_id)
           values ($3, $2, $4::uuid::text, false, now(), now(), $1))
         update auth.sessions
            set refreshed_at = now() at time zone 'UTC',
                updated_at = now(),
                user_agent = coalesce($5, user_agent),
                ip = coalesce($6, ip)
          where id = $1",
        &[
            &now.session_id,
            &now.presented.hash,
            &token_hash,
            &now.user.id,
            &device.user_agent,
            &device.ip,
        ],
    )
    .await?;
    Ok(())
}

/// Makes every refresh token of a session worthless.
pub(in crate::auth) async fn revoke_tokens(
    tx: &Transaction,
    session_id: Uuid,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.refresh_tokens
            set revoked = true, updated_at = now()
          where session_id = $1 and revoked is not true",
        &[&session_id],
    )
    .await?;
    Ok(())
}

/// How a session was proven, the newest proof first.
pub(in crate::auth) async fn proofs(
    tx: &Transaction,
    session_id: Uuid,
) -> Result<Proven, pg::Error> {
    let rows = tx
        .query(
            "select c.authentication_method as method,
                    extract(epoch from c.updated_at)::bigint as timestamp,
                    case when c.authentication_method = $2 then
                      (select substr(i.provider, length($3) + 1)
                         from auth.identities i
                        where i.user_id = s.user_id and starts_with(i.provider, $3)
                        order by i.last_sign_in_at desc nulls last
                        limit 1)
                    end as provider,
                    case when isfinite(s.not_after) then extract(epoch from s.not_after)::bigint
                    end as ends_at
               from auth.mfa_amr_claims c
               join auth.sessions s on s.id = c.session_id
              where c.session_id = $1
              order by c.updated_at desc, c.id",
            &[&session_id, &METHOD, &SSO],
        )
        .await?;
    let ends_at = rows.first().map(|row| row.try_get("ends_at")).transpose()?.flatten();
    let amr = rows.iter().map(|row| {
        Ok(Amr {
            method: row.try_get("method")?,
            timestamp: row.try_get("timestamp")?,
            provider: row.try_get("provider")?,
        })
    });
    Ok(Proven { amr: amr.collect::<Result<_, pg::Error>>()?, ends_at })
}

/// Lets all other sessions of a person run out now; their refresh says so. Those of OAuth clients
/// are no sign-ins and go on.
pub(in crate::auth) async fn end_others(
    tx: &Transaction,
    user_id: Uuid,
    present: Uuid,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.sessions
            set not_after = now()
          where user_id = $1 and id <> $2 and oauth_client_id is null
            and (not_after is null or not_after > now())",
        &[&user_id, &present],
    )
    .await?;
    Ok(())
}

/// Ends sessions, and with them their refresh tokens.
pub(in crate::auth) async fn end_sessions(
    tx: &Transaction,
    user_id: Uuid,
    which: Ending,
) -> Result<(), pg::Error> {
    let (sql, session_id) = match which {
        Ending::All => ("delete from auth.sessions where user_id = $1 and $2::uuid is null", None),
        Ending::One(id) => ("delete from auth.sessions where user_id = $1 and id = $2", id),
        Ending::AllBut(id) => {
            ("delete from auth.sessions where user_id = $1 and id is distinct from $2", id)
        }
    };
    tx.query(sql, &[&user_id, &session_id]).await?;
    Ok(())
}

fn refreshing(row: &Row, token_hash: &str) -> Result<Refreshing, pg::Error> {
    let active_hash: Option<String> = row.try_get("active_hash")?;
    let parent = row.try_get("active_parent")?;
    Ok(Refreshing {
        session_id: row.try_get("session_id")?,
        user: user(row)?,
        grant: Grant::read(row)?,
        refresh_key: row.try_get("refresh_key")?,
        aal: row.try_get("aal")?,
        is_over: row.try_get("is_over")?,
        presented: Presented {
            hash: token_hash.to_owned(),
            is_revoked: row.try_get("is_revoked")?,
            is_recent: row.try_get::<_, Option<bool>>("is_recent")?.unwrap_or(false),
            active: active_hash.map(|hash| Active { hash, parent }),
        },
    })
}
