//! Codes and links on their way, and how often something may be sent.

use tokio_postgres::Row;
use uuid::Uuid;

use crate::pg::{self, Transaction};

/// Wrong guesses at a code before only its link is good.
const MAX_ATTEMPTS: i32 = 10;

/// The newest tokens of one address that a code is compared with.
const MAX_TOKENS: u8 = 10;

/// What a code or link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::auth) enum Purpose {
    Confirmation,
    Recovery,
    EmailChangeNew,
    EmailChangeCurrent,
    PhoneChange,
    Reauthentication,
}

impl Purpose {
    const ALL: [Self; 6] = [
        Self::Confirmation,
        Self::Recovery,
        Self::EmailChangeNew,
        Self::EmailChangeCurrent,
        Self::PhoneChange,
        Self::Reauthentication,
    ];

    /// A value of `auth.one_time_token_type`.
    pub(in crate::auth) fn name(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation_token",
            Self::Recovery => "recovery_token",
            Self::EmailChangeNew => "email_change_token_new",
            Self::EmailChangeCurrent => "email_change_token_current",
            Self::PhoneChange => "phone_change_token",
            Self::Reauthentication => "reauthentication_token",
        }
    }

    /// The column of `auth.users` that tells when it was sent.
    fn sent_at(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation_sent_at",
            Self::Recovery => "recovery_sent_at",
            Self::EmailChangeNew | Self::EmailChangeCurrent => "email_change_sent_at",
            Self::PhoneChange => "phone_change_sent_at",
            Self::Reauthentication => "reauthentication_sent_at",
        }
    }
}

/// A code and a link to be.
pub(in crate::auth) struct NewToken<'a> {
    pub user_id: Uuid,
    pub purpose: Purpose,
    /// The address or number it goes to.
    pub relates_to: &'a str,
    pub secret_hash: &'a str,
    pub code_hash: &'a str,
    pub flow_id: Option<Uuid>,
}

/// A code or link that somebody shows.
pub(in crate::auth) struct Token {
    pub id: Uuid,
    pub user_id: Uuid,
    pub purpose: Purpose,
    pub relates_to: String,
    /// None once it was guessed at too often.
    pub code_hash: Option<String>,
    pub flow_id: Option<Uuid>,
    pub age_seconds: f64,
}

/// Keeps a token in place of an older one of the same purpose, and writes down when it was sent.
/// Some that are long over are forgotten.
pub(in crate::auth) async fn issue(tx: &Transaction, new: &NewToken<'_>) -> Result<(), pg::Error> {
    tx.query(
        "with over as (
           select id from auth.one_time_tokens
            where created_at < timezone('utc', now()) - interval '2 days' limit 20
              for update skip locked)
         delete from auth.one_time_tokens t using over where t.id = over.id",
        &[],
    )
    .await?;
    let sql = format!(
        "with person as (
           update auth.users set {} = now(), updated_at = now() where id = $1)
         insert into auth.one_time_tokens (user_id, token_type, relates_to, token_hash, code_hash,
                                           flow_id)
         values ($1, ($2::text)::auth.one_time_token_type, $3, $4, $5, $6)
         on conflict (user_id, token_type) do update
            set relates_to = excluded.relates_to,
                token_hash = excluded.token_hash,
                code_hash = excluded.code_hash,
                flow_id = excluded.flow_id,
                attempts = 0,
                created_at = excluded.created_at,
                updated_at = excluded.updated_at",
        new.purpose.sent_at()
    );
    tx.query(
        &sql,
        &[
            &new.user_id,
            &new.purpose.name(),
            &new.relates_to,
            &new.secret_hash,
            &new.code_hash,
            &new.flow_id,
        ],
    )
    .await?;
    Ok(())
}

/// The token of a link, held until the end of the transaction.
pub(in crate::auth) async fn by_secret(
    tx: &Transaction,
    secret_hash: &str,
    purposes: &[Purpose],
) -> Result<Option<Token>, pg::Error> {
    Ok(find(tx, "token_hash = $1", secret_hash, purposes).await?.into_iter().next())
}

/// The tokens that were sent to an address or number, held until the end of the transaction: one
/// for each purpose, and those of others who want the address.
pub(in crate::auth) async fn by_address(
    tx: &Transaction,
    address: &str,
    purposes: &[Purpose],
) -> Result<Vec<Token>, pg::Error> {
    find(tx, "relates_to = $1", address, purposes).await
}

async fn find(
    tx: &Transaction,
    condition: &'static str,
    value: &str,
    purposes: &[Purpose],
) -> Result<Vec<Token>, pg::Error> {
    let names: Vec<&str> = purposes.iter().map(|purpose| purpose.name()).collect();
    // Accounts are held before their tokens, as whoever sends a token does it.
    let people = format!(
        "select id from auth.users
          where id in (select user_id from auth.one_time_tokens
                        where {condition} and token_type::text = any ($2))
          order by id
            for update"
    );
    tx.query(&people, &[&value, &names]).await?;
    let sql = format!(
        "select id, user_id, token_type::text as purpose, relates_to, code_hash, flow_id,
                extract(epoch from timezone('utc', now()) - created_at)::float8 as age
           from auth.one_time_tokens
          where {condition} and token_type::text = any ($2)
          order by created_at desc, id
          limit {MAX_TOKENS}
            for update"
    );
    let rows = tx.query(&sql, &[&value, &names]).await?;
    rows.iter().map(token).collect()
}

fn token(row: &Row) -> Result<Token, pg::Error> {
    let name: String = row.try_get("purpose")?;
    let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.name() == name);
    Ok(Token {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        purpose: purpose.expect("only these were asked for"),
        relates_to: row.try_get("relates_to")?,
        code_hash: row.try_get("code_hash")?,
        flow_id: row.try_get("flow_id")?,
        age_seconds: row.try_get("age")?,
    })
}

/// Takes a token away: it was used.
pub(in crate::auth) async fn spend(tx: &Transaction, token: &Token) -> Result<(), pg::Error> {
    tx.query("delete from auth.one_time_tokens where id = $1", &[&token.id]).await?;
    Ok(())
}

/// Counts a wrong guess. After some the code is void, and only the link is good.
pub(in crate::auth) async fn count_guess(tx: &Transaction, id: Uuid) -> Result<(), pg::Error> {
    tx.query(
        "update auth.one_time_tokens
            set attempts = attempts + 1,
                code_hash = case when attempts + 1 < $2 then code_hash end,
                updated_at = timezone('utc', now())
          where id = $1",
        &[&id, &MAX_ATTEMPTS],
    )
    .await?;
    Ok(())
}

/// Voids what is on its way to a person.
pub(in crate::auth) async fn void(
    tx: &Transaction,
    user_id: Uuid,
    purposes: &[Purpose],
) -> Result<(), pg::Error> {
    let names: Vec<&str> = purposes.iter().map(|purpose| purpose.name()).collect();
    tx.query(
        "delete from auth.one_time_tokens where user_id = $1 and token_type::text = any ($2)",
        &[&user_id, &names],
    )
    .await?;
    Ok(())
}

/// Takes a turn at sending to an address; gives the seconds to wait when the last one was too
/// short ago. Addresses without an account take turns like others, so that nothing shows.
pub(in crate::auth) async fn take_turn(
    tx: &Transaction,
    address_hash: &str,
    purpose: &str,
    every_seconds: u32,
) -> Result<Option<i64>, pg::Error> {
    tx.query(
        "with over as (
           select address_hash, purpose from auth.sendings
            where sent_at < now() - interval '1 day' limit 20
              for update skip locked)
         delete from auth.sendings s using over
          where s.address_hash = over.address_hash and s.purpose = over.purpose",
        &[],
    )
    .await?;
    let every = f64::from(every_seconds);
    let taken = tx
        .query_opt(
            "insert into auth.sendings as s (address_hash, purpose, sent_at)
             values ($1, $2, clock_timestamp())
             on conflict (address_hash, purpose) do update
                set sent_at = excluded.sent_at
              where s.sent_at <= excluded.sent_at - make_interval(secs => $3)
             returning 1",
            &[&address_hash, &purpose, &every],
        )
        .await?;
    if taken.is_some() {
        return Ok(None);
    }
    let row = tx
        .query_opt(
            "select greatest(1, ceil(extract(epoch from
                      sent_at + make_interval(secs => $3) - clock_timestamp())))::bigint as wait
               from auth.sendings
              where address_hash = $1 and purpose = $2",
            &[&address_hash, &purpose, &every],
        )
        .await?;
    row.map_or(Ok(Some(1)), |row| Ok(Some(row.try_get("wait")?)))
}

/// Hands a message to the jobs; it leaves when the transaction is committed.
pub(in crate::auth) async fn enqueue(
    tx: &Transaction,
    message: &serde_json::Value,
) -> Result<(), pg::Error> {
    tx.query("select walkie.enqueue_job('mail', $1)", &[message]).await?;
    Ok(())
}
