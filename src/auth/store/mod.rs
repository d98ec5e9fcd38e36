//! All SQL of this slice, one file a noun. It runs as the owner of schema `auth`.

#[macro_use]
mod columns;
pub(super) mod address;
pub(super) mod audit;
pub(super) mod authorization;
pub(super) mod consent;
mod device;
pub(super) mod factor;
pub(super) mod flow;
mod hook;
pub(super) mod identity;
mod limit;
pub(super) mod oauth_client;
pub(super) mod passkey;
pub(super) mod provider;
pub(super) mod recovery;
pub(super) mod saml;
mod session;
pub(super) mod sso;
pub(super) mod token;
mod user;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use uuid::Uuid;

use super::Error;
use super::page::Page;
use crate::identity::{Revoked, unix_now};
use crate::pg::{self, Pg, Session, Transaction, names};

pub(super) use device::{end_session, sessions_of};
pub(super) use hook::{call, check_sign_up, leave};
pub(super) use limit::is_first_use;
pub(super) use session::{
    Amr, Ending, Grant, Life, NewSession, Proof, Proven, Refreshing, end_others, end_sessions,
    present_token, proofs, revoke_tokens, rotate_token, sign_in,
};
pub(super) use user::{
    NewUser, ban, confirm, create, create_anonymous, delete, mark_deleted, merge_app_metadata,
    merge_user_metadata, set_email, set_hash, set_password, set_role,
};

/// How long a refresh waits for another of the same session.
const LOCK_TIMEOUT: &str = "5s";

/// An account.
pub(super) struct User {
    pub id: Uuid,
    /// The user as the wire has it.
    pub document: Box<RawValue>,
    pub password_hash: Option<String>,
    pub is_confirmed: bool,
    pub is_banned: bool,
    /// Whether the account is that of a company's directory.
    pub is_managed: bool,
}

impl User {
    /// Whether the account has no name yet.
    ///
    /// # Errors
    /// Its document is not of this program.
    pub(super) fn is_anonymous(&self) -> Result<bool, Error> {
        #[derive(Deserialize)]
        struct Anonymous {
            is_anonymous: bool,
        }
        let read = serde_json::from_str(self.document.get());
        let Anonymous { is_anonymous } = read.map_err(|error| Error::Broken(Box::new(error)))?;
        Ok(is_anonymous)
    }
}

/// Whom a token speaks for.
pub(super) struct Found {
    pub user: User,
    /// Whether the session it names still is.
    pub has_session: bool,
    /// None when the session is the person's own.
    pub grant: Option<Grant>,
}

/// What stands on one page of a list.
pub(super) struct Listed {
    /// As the wire has them, in one array.
    pub documents: Box<RawValue>,
    /// How many there are on all pages.
    pub total: u64,
}

/// The accounts and sessions in the database.
pub(super) struct Store {
    pg: Pg,
    revoked: Revoked,
    /// How long access tokens count, as SQL asks for it.
    token_seconds: String,
}

impl Store {
    /// What ends sessions is told to `revoked` before anybody is answered.
    pub(super) fn new(pg: Pg, revoked: Revoked, token_seconds: u32) -> Self {
        Self { pg, revoked, token_seconds: token_seconds.to_string() }
    }

    /// Does `work` in one transaction: kept when it succeeds, undone when it fails.
    pub(super) async fn transaction<T>(
        &self,
        work: impl AsyncFnOnce(&Transaction) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let session = Session::own(names::AUTH_ROLE)
            .set("lock_timeout", LOCK_TIMEOUT)
            .set("walkie.token_seconds", &self.token_seconds);
        let tx = self.pg.begin(&session).await?;
        match work(&tx).await {
            Ok(done) => {
                let revoked = revoked_lines(&tx).await?;
                tx.commit().await?;
                if let Some(lines) = revoked {
                    self.revoked.learn(&lines, unix_now());
                }
                Ok(done)
            }
            Err(error) => {
                // A connection that cannot even roll back is closed, which undoes the work too.
                let _: Result<(), pg::Error> = tx.rollback().await;
                Err(error)
            }
        }
    }

    /// The user a token speaks for, whether its session still is, and the OAuth client that has it.
    pub(super) async fn find_caller(
        &self,
        id: Uuid,
        session_id: Option<Uuid>,
    ) -> Result<Option<Found>, pg::Error> {
        let session_id = session_id.map(|id| id.to_string());
        let rows = self
            .read(
                concat!(
                    "select ",
                    user!(),
                    ",
                            s.id is not null as has_session,
                            s.oauth_client_id,
                            s.scopes
                       from auth.users u
                       left join auth.sessions s
                         on s.id = $2::uuid and s.user_id = u.id
                        and (s.not_after is null or s.not_after > now())
                      where u.id = $1::uuid and u.deleted_at is null"
                ),
                &[Some(&id.to_string()), session_id.as_deref()],
            )
            .await?;
        let found = |row: &Row| {
            let has_session = row.try_get("has_session")?;
            Ok(Found { user: user(row)?, has_session, grant: Grant::read(row)? })
        };
        rows.first().map(found).transpose()
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

    /// The account a number signs in to.
    pub(super) async fn find_by_phone(&self, phone: &str) -> Result<Option<User>, pg::Error> {
        let rows = self
            .read(
                concat!(
                    "select ",
                    user!(),
                    " from auth.users u where u.phone = $1::text and u.deleted_at is null"
                ),
                &[Some(phone)],
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
    pub(super) async fn list(&self, page: Page) -> Result<Listed, pg::Error> {
        let (limit, offset) = page.bounds();
        let rows = self
            .read(
                concat!(
                    "select (select count(*) from auth.users) as total,
                            coalesce(json_agg(document), '[]')::text as documents
                       from (select (document)::json
                               from (select ",
                    user!(),
                    "
                                       from auth.users u
                                      order by u.created_at desc nulls last, u.id
                                      limit $1::bigint offset $2::bigint) page) page"
                ),
                &[Some(&limit), Some(&offset)],
            )
            .await?;
        listed(&rows)
    }

    async fn write(&self, sql: &str, params: &[pg::Text<'_>]) -> Result<Vec<Row>, pg::Error> {
        self.pg.run(&Session::own(names::AUTH_ROLE), sql, params).await
    }

    async fn read(&self, sql: &str, params: &[pg::Text<'_>]) -> Result<Vec<Row>, pg::Error> {
        self.pg.run(&Session::own(names::AUTH_ROLE).read_only(), sql, params).await
    }
}

/// What this transaction has revoked, as `auth.tell_revocations` notes it.
async fn revoked_lines(tx: &Transaction) -> Result<Option<String>, pg::Error> {
    let sql = "select nullif(current_setting('walkie.revoked', true), '')";
    Ok(tx.query_opt(sql, &[]).await?.map(|row| row.try_get(0)).transpose()?.flatten())
}

/// An account as this transaction left it.
pub(super) async fn find(tx: &Transaction, id: Uuid) -> Result<Option<User>, pg::Error> {
    let sql = concat!("select ", user!(), " from auth.users u where u.id = $1");
    tx.query_opt(sql, &[&id]).await?.as_ref().map(user).transpose()
}

fn user(row: &Row) -> Result<User, pg::Error> {
    Ok(User {
        id: row.try_get("id")?,
        document: raw(row.try_get("document")?),
        password_hash: row.try_get("password_hash")?,
        is_confirmed: row.try_get("is_confirmed")?,
        is_banned: row.try_get("is_banned")?,
        is_managed: row.try_get("is_managed")?,
    })
}

/// A page of a list, of a query whose only row has `documents` and `total`.
fn listed(rows: &[Row]) -> Result<Listed, pg::Error> {
    let row = rows.first().expect("an aggregate gives one row");
    let total: i64 = row.try_get("total")?;
    let documents = raw(row.try_get("documents")?);
    Ok(Listed { documents, total: u64::try_from(total).unwrap_or_default() })
}

fn raw(json: String) -> Box<RawValue> {
    RawValue::from_string(json).expect("Postgres writes valid JSON")
}
