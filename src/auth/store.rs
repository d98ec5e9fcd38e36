//! All SQL of this slice. It runs as the owner of schema `auth`.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio_postgres::Row;
use uuid::Uuid;

use super::Error;
use super::refresh::{Active, Presented};
use super::request::Device;
use crate::pg::{self, Pg, Session, Transaction, names};

/// How long a refresh waits for another of the same session.
const LOCK_TIMEOUT: &str = "5s";

/// An expression for a time as the wire has it; infinite and missing ones are null.
macro_rules! stamp {
    ($column:literal) => {
        concat!("to_char(", $column, r#" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#)
    };
}

/// Columns of a [`User`], of `auth.users u`. `document` is the user as the wire has it.
macro_rules! user {
    () => {
        concat!(
            "u.id,
             nullif(u.encrypted_password, '') as password_hash,
             u.confirmed_at is not null as is_confirmed,
             coalesce(u.banned_until > statement_timestamp(), false) as is_banned,
             (jsonb_build_object(
               'id', u.id,
               'aud', coalesce(u.aud, ''),
               'role', coalesce(u.role, ''),
               'email', coalesce(u.email, ''),
               'phone', coalesce(u.phone, ''),
               'app_metadata', coalesce(u.raw_app_meta_data, '{}'),
               'user_metadata', coalesce(u.raw_user_meta_data, '{}'),
               'is_anonymous', u.is_anonymous,
               'identities', coalesce(
                 (select jsonb_agg(
                    jsonb_build_object(
                      'identity_id', i.id,
                      'id', i.provider_id,
                      'user_id', i.user_id,
                      'identity_data', i.identity_data,
                      'provider', i.provider,
                      'last_sign_in_at', ",
            stamp!("i.last_sign_in_at"),
            ",
                      'created_at', ",
            stamp!("i.created_at"),
            ",
                      'updated_at', ",
            stamp!("i.updated_at"),
            ")
                    || jsonb_strip_nulls(jsonb_build_object('email', i.email))
                    order by i.created_at, i.id)
                    from auth.identities i
                   where i.user_id = u.id),
                 '[]'))
             || jsonb_strip_nulls(jsonb_build_object(
               'email_confirmed_at', ",
            stamp!("u.email_confirmed_at"),
            ",
               'invited_at', ",
            stamp!("u.invited_at"),
            ",
               'phone_confirmed_at', ",
            stamp!("u.phone_confirmed_at"),
            ",
               'confirmation_sent_at', ",
            stamp!("u.confirmation_sent_at"),
            ",
               'confirmed_at', ",
            stamp!("u.confirmed_at"),
            ",
               'recovery_sent_at', ",
            stamp!("u.recovery_sent_at"),
            ",
               'new_email', nullif(u.email_change, ''),
               'email_change_sent_at', ",
            stamp!("u.email_change_sent_at"),
            ",
               'new_phone', nullif(u.phone_change, ''),
               'phone_change_sent_at', ",
            stamp!("u.phone_change_sent_at"),
            ",
               'reauthentication_sent_at', ",
            stamp!("u.reauthentication_sent_at"),
            ",
               'last_sign_in_at', ",
            stamp!("u.last_sign_in_at"),
            ",
               'created_at', ",
            stamp!("u.created_at"),
            ",
               'updated_at', ",
            stamp!("u.updated_at"),
            ",
               'banned_until', ",
            stamp!("u.banned_until"),
            ",
               'deleted_at', ",
            stamp!("u.deleted_at"),
            ")))::text as document"
        )
    };
}

/// An account.
pub(super) struct User {
    pub id: Uuid,
    /// The user as the wire has it.
    pub document: Box<RawValue>,
    pub password_hash: Option<String>,
    pub is_confirmed: bool,
    pub is_banned: bool,
}

/// An account to be.
pub(super) struct NewUser<'a> {
    pub id: Uuid,
    pub email: &'a str,
    pub password_hash: Option<&'a str>,
    pub aud: &'a str,
    pub role: &'a str,
    pub app_metadata: Value,
    pub user_metadata: Value,
}

/// A session to be.
pub(super) struct NewSession<'a> {
    pub id: Uuid,
    pub user_id: Uuid,
    /// The hash that was proven; when it is no longer the user's, no session is made.
    pub proven_hash: &'a str,
    /// How it was proven, as claim `amr` names it.
    pub method: &'a str,
    pub refresh_key: &'a str,
    pub token_hash: &'a str,
    pub device: &'a Device,
}

/// A session at the moment one of its refresh tokens is presented.
pub(super) struct Refreshing {
    pub session_id: Uuid,
    pub user: User,
    pub refresh_key: Option<String>,
    pub aal: String,
    pub is_over: bool,
    pub presented: Presented,
}

/// One proof of a session: how, and when in seconds since 1970.
#[derive(Serialize)]
pub(super) struct Amr {
    pub method: String,
    pub timestamp: i64,
}

/// Which sessions of a person end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    All,
    One(Option<Uuid>),
    AllBut(Option<Uuid>),
}

/// One page of accounts.
pub(super) struct Page {
    pub users: Box<RawValue>,
    /// How many there are on all pages.
    pub total: i64,
}

/// The accounts and sessions in the database.
pub(super) struct Store {
    pg: Pg,
}

impl Store {
    pub(super) fn new(pg: Pg) -> Self {
        Self { pg }
    }

    /// Does `work` in one transaction: kept when it succeeds, undone when it fails.
    pub(super) async fn transaction<T>(
        &self,
        work: impl AsyncFnOnce(&Transaction) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let session = Session::own(names::AUTH_ROLE).set("lock_timeout", LOCK_TIMEOUT);
        let tx = self.pg.begin(&session).await?;
        match work(&tx).await {
            Ok(done) => {
                tx.commit().await?;
                Ok(done)
            }
            Err(error) => {
                // A connection that cannot even roll back is closed, which undoes the work too.
                let _: Result<(), pg::Error> = tx.rollback().await;
                Err(error)
            }
        }
    }

    /// The user a token speaks for, and whether its session still is.
    pub(super) async fn find_caller(
        &self,
        id: Uuid,
        session_id: Option<Uuid>,
    ) -> Result<Option<(User, bool)>, pg::Error> {
        let session_id = session_id.map(|id| id.to_string());
        let rows = self
            .read(
                concat!(
                    "select ",
                    user!(),
                    ",
                            exists (select from auth.sessions s
                                     where s.id = $2::uuid and s.user_id = u.id) as has_session
                       from auth.users u
                      where u.id = $1::uuid and u.deleted_at is null"
                ),
                &[Some(&id.to_string()), session_id.as_deref()],
            )
            .await?;
        rows.first().map(|row| Ok((user(row)?, row.try_get("has_session")?))).transpose()
    }

    /// The account an address signs in to.
    pub(super) async fn find_by_email(&self, email: &str) -> Result<Option<User>, pg::Error> {
        let rows = self
            .read(
                concat!(
                    "select ",
                    user!(),
                    "
                       from auth.users u
                      where u.email = $1::text and not u.is_sso_user and u.deleted_at is null"
                ),
                &[Some(email)],
            )
            .await?;
        rows.first().map(user).transpose()
    }

    /// An account, even one that is marked as deleted.
    pub(super) async fn find(&self, id: Uuid) -> Result<Option<User>, pg::Error> {
        let rows = self
            .read(
                concat!("select ", user!(), " from auth.users u where u.id = $1::uuid"),
                &[Some(&id.to_string())],
            )
            .await?;
        rows.first().map(user).transpose()
    }

    /// A page of all accounts, the newest first.
    pub(super) async fn list(&self, limit: u32, offset: u64) -> Result<Page, pg::Error> {
        let rows = self
            .read(
                concat!(
                    "select (select count(*) from auth.users) as total,
                            coalesce(json_agg(document), '[]')::text as users
                       from (select (document)::json
                               from (select ",
                    user!(),
                    "
                                       from auth.users u
                                      order by u.created_at desc nulls last, u.id
                                      limit $1::bigint offset $2::bigint) page) page"
                ),
                &[Some(&limit.to_string()), Some(&offset.to_string())],
            )
            .await?;
        let row = rows.first().expect("an aggregate gives one row");
        Ok(Page { users: raw(row.try_get("users")?), total: row.try_get("total")? })
    }

    async fn read(&self, sql: &str, params: &[pg::Text<'_>]) -> Result<Vec<Row>, pg::Error> {
        self.pg.run(&Session::own(names::AUTH_ROLE).read_only(), sql, params).await
    }
}

/// An account as this transaction left it.
pub(super) async fn find(tx: &Transaction, id: Uuid) -> Result<Option<User>, pg::Error> {
    let sql = concat!("select ", user!(), " from auth.users u where u.id = $1");
    tx.query_opt(sql, &[&id]).await?.as_ref().map(user).transpose()
}

/// Makes an account and its e-mail identity, not confirmed yet. The first insert carries all
/// metadata, because people's triggers read it there.
pub(super) async fn create(tx: &Transaction, new: &NewUser<'_>) -> Result<(), pg::Error> {
    tx.query(
        "with person as (
           insert into auth.users (instance_id, id, aud, role, email, encrypted_password,
                                   raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
           values ('00000000-0000-0000-0000-000000000000', $1, $2, $3, $4, $5, $6, $7, now(), now())
           returning id, email)
         insert into auth.identities (provider_id, user_id, identity_data, provider,
                                      last_sign_in_at, created_at, updated_at)
         select person.id::text,
                person.id,
                jsonb_build_object('sub', person.id, 'email', person.email,
                                   'email_verified', false, 'phone_verified', false),
                'email', now(), now(), now()
           from person",
        &[
            &new.id,
            &new.aud,
            &new.role,
            &new.email,
            &new.password_hash,
            &new.app_metadata,
            &new.user_metadata,
        ],
    )
    .await?;
    Ok(())
}

/// Confirms the address, in a statement of its own: people's triggers wait for this update.
pub(super) async fn confirm(tx: &Transaction, id: Uuid) -> Result<(), pg::Error> {
    tx.query(
        "update auth.users
            set email_confirmed_at = now(), updated_at = now()
          where id = $1 and email_confirmed_at is null",
        &[&id],
    )
    .await?;
    Ok(())
}

/// Makes a session with its first refresh token. Gives nothing when the password was changed
/// or the account deleted since it was proven.
pub(super) async fn sign_in(
    tx: &Transaction,
    new: &NewSession<'_>,
) -> Result<Option<User>, pg::Error> {
    let sql = concat!(
        "with person as (
           update auth.users
              set last_sign_in_at = now(), updated_at = now()
            where id = $1 and encrypted_password = $2 and deleted_at is null
           returning *),
         session as (
           insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip,
                                      refresh_token_hmac_key)
           select $3, id, now(), now(), 'aal1', $4, $5, $6 from person),
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
                &new.proven_hash,
                &new.id,
                &new.device.user_agent,
                &new.device.ip,
                &new.refresh_key,
                &new.method,
                &new.token_hash,
            ],
        )
        .await?;
    row.as_ref().map(user).transpose()
}

/// Locks the session a refresh token belongs to, then looks at it: the look must see what the
/// holder of the lock did, so these are two statements.
pub(super) async fn present_token(
    tx: &Transaction,
    token_hash: &str,
    reuse_seconds: u32,
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
                s.refresh_token_hmac_key as refresh_key,
                coalesce(s.aal, 'aal1')::text as aal,
                coalesce(s.not_after <= statement_timestamp(), false) as is_over,
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
    let row = tx.query_opt(sql, &[&token_hash, &f64::from(reuse_seconds)]).await?;
    row.as_ref().map(|row| refreshing(row, token_hash)).transpose()
}

/// Replaces a session's refresh token.
pub(super) async fn rotate_token(
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
pub(super) async fn revoke_tokens(tx: &Transaction, session_id: Uuid) -> Result<(), pg::Error> {
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
pub(super) async fn proofs(tx: &Transaction, session_id: Uuid) -> Result<Vec<Amr>, pg::Error> {
    let rows = tx
        .query(
            "select authentication_method as method,
                    extract(epoch from updated_at)::bigint as timestamp
               from auth.mfa_amr_claims
              where session_id = $1
              order by updated_at desc, id",
            &[&session_id],
        )
        .await?;
    rows.iter()
        .map(|row| Ok(Amr { method: row.try_get("method")?, timestamp: row.try_get("timestamp")? }))
        .collect()
}

/// Gives the account another address, and its e-mail identity too. The same address changes
/// nothing.
pub(super) async fn set_email(tx: &Transaction, id: Uuid, email: &str) -> Result<(), pg::Error> {
    tx.query(
        "with person as (
           update auth.users
              set email = $2::text,
                  raw_user_meta_data = coalesce(raw_user_meta_data, '{}')
                                       || jsonb_build_object('email', $2::text),
                  updated_at = now()
            where id = $1 and email is distinct from $2::text
           returning id)
         insert into auth.identities (provider_id, user_id, identity_data, provider,
                                      last_sign_in_at, created_at, updated_at)
         select person.id::text,
                person.id,
                jsonb_build_object('sub', person.id, 'email', $2::text,
                                   'email_verified', false, 'phone_verified', false),
                'email', now(), now(), now()
           from person
         on conflict (provider_id, provider) do update
            set identity_data = identities.identity_data
                                || jsonb_build_object('email', $2::text, 'email_verified', false),
                updated_at = now()",
        &[&id, &email],
    )
    .await?;
    Ok(())
}

/// Changes the password, then ends sessions. The update holds the account's row, so a sign-in
/// with the old password either fails or made a session that the second statement sees.
pub(super) async fn set_password(
    tx: &Transaction,
    id: Uuid,
    hash: &str,
    ending: Ending,
) -> Result<(), pg::Error> {
    set_hash(tx, id, hash).await?;
    end_sessions(tx, id, ending).await
}

/// Keeps another hash, be it of a new password or a better one of the same.
pub(super) async fn set_hash(tx: &Transaction, id: Uuid, hash: &str) -> Result<(), pg::Error> {
    tx.query(
        "update auth.users set encrypted_password = $2, updated_at = now() where id = $1",
        &[&id, &hash],
    )
    .await?;
    Ok(())
}

/// Merges what the person says of themselves; null removes a key.
pub(super) async fn merge_user_metadata(
    tx: &Transaction,
    id: Uuid,
    data: Map<String, Value>,
) -> Result<(), pg::Error> {
    merge_metadata(tx, "raw_user_meta_data", id, data).await
}

/// Merges what the service says of the person; null removes a key.
pub(super) async fn merge_app_metadata(
    tx: &Transaction,
    id: Uuid,
    data: Map<String, Value>,
) -> Result<(), pg::Error> {
    merge_metadata(tx, "raw_app_meta_data", id, data).await
}

async fn merge_metadata(
    tx: &Transaction,
    column: &'static str,
    id: Uuid,
    data: Map<String, Value>,
) -> Result<(), pg::Error> {
    let (kept, removed) = split_nulls(data);
    tx.query(
        &format!(
            "update auth.users
                set {column} = (coalesce({column}, '{{}}') || $2) - $3::text[],
                    updated_at = now()
              where id = $1"
        ),
        &[&id, &kept, &removed],
    )
    .await?;
    Ok(())
}

/// Changes the database role and the audience of the account's tokens.
pub(super) async fn set_role(
    tx: &Transaction,
    id: Uuid,
    role: Option<&str>,
    aud: Option<&str>,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.users
            set role = coalesce($2, role), aud = coalesce($3, aud), updated_at = now()
          where id = $1",
        &[&id, &role, &aud],
    )
    .await?;
    Ok(())
}

/// Bans the account for so many seconds from now; nothing lifts the ban.
pub(super) async fn ban(tx: &Transaction, id: Uuid, seconds: Option<f64>) -> Result<(), pg::Error> {
    tx.query(
        "update auth.users
            set banned_until = now() + make_interval(secs => $2), updated_at = now()
          where id = $1",
        &[&id, &seconds],
    )
    .await?;
    Ok(())
}

/// Ends sessions, and with them their refresh tokens.
pub(super) async fn end_sessions(
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

/// Removes the account with everything that refers to it. Says whether there was one.
pub(super) async fn delete(tx: &Transaction, id: Uuid) -> Result<bool, pg::Error> {
    Ok(tx.query_opt("delete from auth.users where id = $1 returning id", &[&id]).await?.is_some())
}

/// Makes the account a shell: nobody can sign in or be recognised, but the row and what refers to
/// it stay. Doing it again changes nothing. Says whether there was an account.
pub(super) async fn mark_deleted(tx: &Transaction, id: Uuid) -> Result<bool, pg::Error> {
    tx.query(
        "update auth.users
            set deleted_at = now(),
                email = encode(sha256(convert_to(id || coalesce(email, ''), 'UTF8')), 'hex'),
                phone = encode(sha256(convert_to(id || phone, 'UTF8')), 'hex'),
                encrypted_password = '',
                raw_user_meta_data = '{}',
                raw_app_meta_data = '{}',
                confirmation_token = '',
                recovery_token = '',
                email_change = '',
                email_change_token_current = '',
                email_change_token_new = '',
                phone_change = '',
                phone_change_token = '',
                reauthentication_token = '',
                updated_at = now()
          where id = $1 and deleted_at is null",
        &[&id],
    )
    .await?;
    tx.query(
        "update auth.identities
            set provider_id = encode(sha256(convert_to(id || provider_id, 'UTF8')), 'hex'),
                identity_data = '{}',
                updated_at = now()
          where user_id = $1 and identity_data <> '{}'",
        &[&id],
    )
    .await?;
    end_sessions(tx, id, Ending::All).await?;
    Ok(find(tx, id).await?.is_some())
}

fn user(row: &Row) -> Result<User, pg::Error> {
    Ok(User {
        id: row.try_get("id")?,
        document: raw(row.try_get("document")?),
        password_hash: row.try_get("password_hash")?,
        is_confirmed: row.try_get("is_confirmed")?,
        is_banned: row.try_get("is_banned")?,
    })
}

fn refreshing(row: &Row, token_hash: &str) -> Result<Refreshing, pg::Error> {
    let active_hash: Option<String> = row.try_get("active_hash")?;
    let parent = row.try_get("active_parent")?;
    Ok(Refreshing {
        session_id: row.try_get("session_id")?,
        user: user(row)?,
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

fn raw(json: String) -> Box<RawValue> {
    RawValue::from_string(json).expect("Postgres writes valid JSON")
}

/// What to set and what to remove.
fn split_nulls(data: Map<String, Value>) -> (Value, Vec<String>) {
    let (removed, kept): (Map<_, _>, Map<_, _>) =
        data.into_iter().partition(|(_, value)| value.is_null());
    (Value::Object(kept), removed.into_iter().map(|(name, _)| name).collect())
}
