//! Passkeys and the ceremonies that make and use them.

use serde_json::Value;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use uuid::Uuid;

use super::raw;
use crate::auth::webauthn::CEREMONY;
use crate::pg::{self, Transaction};

/// A passkey that somebody presents.
pub(in crate::auth) struct Passkey {
    pub id: Uuid,
    pub user_id: Uuid,
    pub credential: Value,
}

/// What a ceremony is for.
#[derive(Debug, Clone, Copy)]
pub(in crate::auth) enum Ceremony {
    /// Of a new passkey for this person.
    Registration(Uuid),
    Authentication,
}

/// A ceremony that was begun.
pub(in crate::auth) struct Begun {
    pub state: Value,
    pub is_over: bool,
}

/// Columns of a passkey as the wire has it, of `auth.webauthn_credentials c`.
macro_rules! passkey {
    () => {
        concat!(
            "jsonb_strip_nulls(jsonb_build_object(
               'id', c.id,
               'friendly_name', nullif(c.friendly_name, ''),
               'created_at', ",
            stamp!("c.created_at"),
            ",
               'last_used_at', ",
            stamp!("c.last_used_at"),
            "))"
        )
    };
}

/// All passkeys of a person as the wire has them, the oldest first.
pub(in crate::auth) async fn passkeys(
    tx: &Transaction,
    user_id: Uuid,
) -> Result<Box<RawValue>, pg::Error> {
    let sql = concat!(
        "select coalesce(jsonb_agg(",
        passkey!(),
        " order by c.created_at, c.id), '[]')::text as documents
           from auth.webauthn_credentials c
          where c.user_id = $1"
    );
    let row = tx.query_opt(sql, &[&user_id]).await?.expect("an aggregate gives one row");
    Ok(raw(row.try_get("documents")?))
}

/// What a person's passkeys are known by on their devices.
pub(in crate::auth) async fn credential_ids(
    tx: &Transaction,
    user_id: Uuid,
) -> Result<Vec<Vec<u8>>, pg::Error> {
    let sql = "select credential_id from auth.webauthn_credentials where user_id = $1";
    tx.query(sql, &[&user_id]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Adds a passkey and gives it as the wire has it.
pub(in crate::auth) async fn add_passkey(
    tx: &Transaction,
    user_id: Uuid,
    credential_id: &[u8],
    credential: &Value,
) -> Result<Box<RawValue>, pg::Error> {
    let sql = concat!(
        "with c as (
           insert into auth.webauthn_credentials (user_id, credential_id, credential)
           values ($1, $2, $3)
           returning *)
         select ",
        passkey!(),
        "::text as document from c"
    );
    let row = tx.query_opt(sql, &[&user_id, &credential_id, &credential]).await?;
    document(&row.expect("an insert gives its row"))
}

/// Renames a person's passkey and gives it; nothing when it is not theirs.
pub(in crate::auth) async fn rename_passkey(
    tx: &Transaction,
    user_id: Uuid,
    id: Uuid,
    friendly_name: &str,
) -> Result<Option<Box<RawValue>>, pg::Error> {
    let sql = concat!(
        "update auth.webauthn_credentials c
            set friendly_name = $3, updated_at = now()
          where c.user_id = $1 and c.id = $2
         returning ",
        passkey!(),
        "::text as document"
    );
    let row = tx.query_opt(sql, &[&user_id, &id, &friendly_name]).await?;
    row.as_ref().map(document).transpose()
}

/// Removes a person's passkey. Says whether it was theirs.
pub(in crate::auth) async fn remove_passkey(
    tx: &Transaction,
    user_id: Uuid,
    id: Uuid,
) -> Result<bool, pg::Error> {
    let sql = "delete from auth.webauthn_credentials where user_id = $1 and id = $2 returning id";
    Ok(tx.query_opt(sql, &[&user_id, &id]).await?.is_some())
}

/// The passkey a device knows by this id, locked: its counter must only rise.
pub(in crate::auth) async fn passkey_presented(
    tx: &Transaction,
    credential_id: &[u8],
) -> Result<Option<Passkey>, pg::Error> {
    let row = tx
        .query_opt(
            "select c.id, c.user_id, c.credential
               from auth.webauthn_credentials c
               join auth.users u on u.id = c.user_id and u.deleted_at is null
              where c.credential_id = $1
                for no key update of c",
            &[&credential_id],
        )
        .await?;
    row.map(|row| {
        Ok(Passkey {
            id: row.try_get("id")?,
            user_id: row.try_get("user_id")?,
            credential: row.try_get("credential")?,
        })
    })
    .transpose()
}

/// Notes that a passkey was used, with its new counter.
pub(in crate::auth) async fn note_passkey(
    tx: &Transaction,
    id: Uuid,
    credential: &Value,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.webauthn_credentials set credential = $2, last_used_at = now() where id = $1",
        &[&id, &credential],
    )
    .await?;
    Ok(())
}

/// Begins a ceremony and forgets some that nobody finished.
pub(in crate::auth) async fn begin_ceremony(
    tx: &Transaction,
    id: Uuid,
    what: Ceremony,
    state: &Value,
) -> Result<(), pg::Error> {
    tx.query(
        "delete from auth.webauthn_challenges
          where id in (select id from auth.webauthn_challenges
                        where expires_at < now() - interval '5 minutes'
                        limit 100
                          for update skip locked)",
        &[],
    )
    .await?;
    let (kind, user_id) = what.columns();
    tx.query(
        "insert into auth.webauthn_challenges (id, user_id, challenge_type, session_data, expires_at)
         values ($1, $2, $3, $4, now() + make_interval(secs => $5))",
        &[&id, &user_id, &kind, &state, &CEREMONY.as_secs_f64()],
    )
    .await?;
    Ok(())
}

/// Takes a ceremony that was begun, which can be done once.
pub(in crate::auth) async fn take_ceremony(
    tx: &Transaction,
    id: Uuid,
    what: Ceremony,
) -> Result<Option<Begun>, pg::Error> {
    let (kind, user_id) = what.columns();
    let row = tx
        .query_opt(
            "delete from auth.webauthn_challenges
              where id = $1 and challenge_type = $2 and user_id is not distinct from $3
             returning session_data, expires_at <= now() as is_over",
            &[&id, &kind, &user_id],
        )
        .await?;
    row.map(|row| {
        Ok(Begun { state: row.try_get("session_data")?, is_over: row.try_get("is_over")? })
    })
    .transpose()
}

impl Ceremony {
    fn columns(self) -> (&'static str, Option<Uuid>) {
        match self {
            Self::Registration(user_id) => ("registration", Some(user_id)),
            Self::Authentication => ("authentication", None),
        }
    }
}

fn document(row: &Row) -> Result<Box<RawValue>, pg::Error> {
    Ok(raw(row.try_get("document")?))
}
