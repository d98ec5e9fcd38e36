//! The ways in which accounts prove themselves.

use serde_json::Value;
use uuid::Uuid;

use super::{Ending, end_sessions};
use crate::pg::{self, Transaction};

/// An identity as a provider tells it.
pub(in crate::auth) struct NewIdentity<'a> {
    pub provider: &'a str,
    /// The person's name at the provider.
    pub provider_id: &'a str,
    /// What is kept of it.
    pub data: Value,
}

/// An identity of an account.
pub(in crate::auth) struct Owned {
    pub id: Uuid,
    pub provider: String,
}

/// Whose identity it is, held until the end of the transaction.
pub(in crate::auth) async fn owner(
    tx: &Transaction,
    identity: &NewIdentity<'_>,
) -> Result<Option<Uuid>, pg::Error> {
    let row = tx
        .query_opt(
            "select i.user_id
               from auth.identities i
               join auth.users u on u.id = i.user_id and u.deleted_at is null
              where i.provider = $1 and i.provider_id = $2
                for update",
            &[&identity.provider, &identity.provider_id],
        )
        .await?;
    row.map(|row| row.try_get("user_id")).transpose().map_err(Into::into)
}

/// The accounts that these proven addresses lead to, held until the end of the transaction.
pub(in crate::auth) async fn candidates(
    tx: &Transaction,
    addresses: &[&str],
) -> Result<Vec<Uuid>, pg::Error> {
    let rows = tx
        .query(
            "select id
               from auth.users
              where id in (select auth.accounts_of_addresses($1::text[]))
              order by id
                for update",
            &[&addresses],
        )
        .await?;
    rows.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>().map_err(Into::into)
}

/// Whether an account has this address.
pub(in crate::auth) async fn is_taken(tx: &Transaction, email: &str) -> Result<bool, pg::Error> {
    let sql = "select from auth.users where email = $1 and not is_sso_user";
    Ok(tx.query_opt(sql, &[&email]).await?.is_some())
}

/// Gives an account one more identity.
pub(in crate::auth) async fn add(
    tx: &Transaction,
    user_id: Uuid,
    identity: &NewIdentity<'_>,
) -> Result<(), pg::Error> {
    tx.query(
        "insert into auth.identities (provider_id, user_id, identity_data, provider,
                                      last_sign_in_at, created_at, updated_at)
         values ($1, $2, $3, $4, now(), now(), now())",
        &[&identity.provider_id, &user_id, &identity.data, &identity.provider],
    )
    .await?;
    Ok(())
}

/// Writes down what a provider says of an identity now, and that it was used.
pub(in crate::auth) async fn refresh(
    tx: &Transaction,
    identity: &NewIdentity<'_>,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.identities
            set identity_data = $3, last_sign_in_at = now(), updated_at = now()
          where provider = $1 and provider_id = $2",
        &[&identity.provider, &identity.provider_id, &identity.data],
    )
    .await?;
    Ok(())
}

/// Writes the providers of an account into what the service says of it, the oldest first.
pub(in crate::auth) async fn note_providers(tx: &Transaction, id: Uuid) -> Result<(), pg::Error> {
    tx.query(
        "with ways as (
           select provider, min(created_at) as since
             from auth.identities
            where user_id = $1
            group by provider),
         named as (
           select jsonb_agg(provider order by since, provider) as providers from ways)
         update auth.users u
            set raw_app_meta_data = coalesce(u.raw_app_meta_data, '{}')
                || jsonb_build_object('provider', n.providers -> 0, 'providers', n.providers),
                updated_at = now()
           from named n
          where u.id = $1
            and n.providers is not null
            and coalesce(u.raw_app_meta_data, '{}') -> 'providers' is distinct from n.providers",
        &[&id],
    )
    .await?;
    Ok(())
}

/// Takes from an account that never proved its address all that whoever made it may know: the
/// password, other identities, factors, codes under way, sessions, and what they said of
/// themselves.
pub(in crate::auth) async fn strip(
    tx: &Transaction,
    id: Uuid,
    kept: &NewIdentity<'_>,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.users
            set encrypted_password = null,
                phone = null,
                phone_change = '',
                email_change = '',
                raw_user_meta_data = $2,
                updated_at = now()
          where id = $1",
        &[&id, &kept.data],
    )
    .await?;
    tx.query(
        "with tokens as (delete from auth.one_time_tokens where user_id = $1),
              factors as (delete from auth.mfa_factors where user_id = $1),
              passkeys as (delete from auth.webauthn_credentials where user_id = $1)
         delete from auth.identities
          where user_id = $1 and (provider, provider_id) is distinct from ($2, $3)",
        &[&id, &kept.provider, &kept.provider_id],
    )
    .await?;
    end_sessions(tx, id, Ending::All).await
}

/// Gives an account an address that is proven; who had none before is anonymous no more.
pub(in crate::auth) async fn set_address(
    tx: &Transaction,
    id: Uuid,
    email: &str,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.users
            set email = $2, email_confirmed_at = now(), is_anonymous = false, updated_at = now()
          where id = $1",
        &[&id, &email],
    )
    .await?;
    Ok(())
}

/// The identities of an account, which is held until the end of the transaction so that nobody
/// removes two at once.
pub(in crate::auth) async fn of_user(tx: &Transaction, id: Uuid) -> Result<Vec<Owned>, pg::Error> {
    tx.query("select from auth.users where id = $1 for update", &[&id]).await?;
    let sql = "select id, provider from auth.identities where user_id = $1 order by created_at, id";
    let rows = tx.query(sql, &[&id]).await?;
    rows.iter()
        .map(|row| Ok(Owned { id: row.try_get("id")?, provider: row.try_get("provider")? }))
        .collect()
}

/// Takes an identity from an account.
pub(in crate::auth) async fn remove(
    tx: &Transaction,
    user_id: Uuid,
    id: Uuid,
) -> Result<(), pg::Error> {
    let sql = "delete from auth.identities where user_id = $1 and id = $2";
    tx.query(sql, &[&user_id, &id]).await?;
    Ok(())
}

/// Takes the number from an account.
pub(in crate::auth) async fn drop_phone(tx: &Transaction, id: Uuid) -> Result<(), pg::Error> {
    tx.query(
        "update auth.users
            set phone = null, phone_confirmed_at = null, updated_at = now()
          where id = $1",
        &[&id],
    )
    .await?;
    Ok(())
}

/// Lets the address of an account be that of an identity it still has: its own if one has that,
/// else the oldest proven one that is free, else none. Says no when all proven ones are other
/// people's.
pub(in crate::auth) async fn settle_address(tx: &Transaction, id: Uuid) -> Result<bool, pg::Error> {
    let row = tx
        .query_opt(
            "with proven as (
               select i.email,
                      i.created_at,
                      exists (select from auth.users o
                               where o.email = i.email and not o.is_sso_user
                                 and o.id <> i.user_id) as is_taken
                 from auth.identities i
                where i.user_id = $1
                  and i.email is not null
                  and i.identity_data ->> 'email_verified' = 'true'),
             free as (
               select email from proven where not is_taken order by created_at limit 1),
             settled as (
               update auth.users u
                  set email = (select email from free),
                      email_confirmed_at = case when exists (select from free)
                                                then coalesce(u.email_confirmed_at, now()) end,
                      updated_at = now()
                where u.id = $1
                  and not exists (select from auth.identities i
                                   where i.user_id = u.id and i.email = u.email)
                  and (exists (select from free) or not exists (select from proven)))
             select exists (select from auth.identities i
                              join auth.users u on u.id = i.user_id and u.email = i.email
                             where u.id = $1)
                    or exists (select from free)
                    or not exists (select from proven) as is_settled",
            &[&id],
        )
        .await?;
    row.map_or(Ok(true), |row| row.try_get("is_settled")).map_err(Into::into)
}
