//! The address and the number of an account: found by them, proven, changed.

use uuid::Uuid;

use super::{User, user};
use crate::pg::{self, Transaction};

/// The account an address signs in to, held until the end of the transaction.
pub(in crate::auth) async fn by_email(
    tx: &Transaction,
    email: &str,
) -> Result<Option<User>, pg::Error> {
    let sql = concat!(
        "select ",
        user!(),
        "
           from auth.users u
          where u.email = $1 and not u.is_sso_user and u.deleted_at is null
            for update of u"
    );
    tx.query_opt(sql, &[&email]).await?.as_ref().map(user).transpose()
}

/// The account a number signs in to, held until the end of the transaction.
pub(in crate::auth) async fn by_phone(
    tx: &Transaction,
    phone: &str,
) -> Result<Option<User>, pg::Error> {
    let sql = concat!(
        "select ",
        user!(),
        "
           from auth.users u
          where u.phone = $1 and u.deleted_at is null
            for update of u"
    );
    tx.query_opt(sql, &[&phone]).await?.as_ref().map(user).transpose()
}

/// Proves the number. People's triggers wait for this update.
pub(in crate::auth) async fn confirm_phone(tx: &Transaction, id: Uuid) -> Result<(), pg::Error> {
    tx.query(
        "with person as (
           update auth.users
              set phone_confirmed_at = now(),
                  raw_user_meta_data = coalesce(raw_user_meta_data, '{}')
                                       || '{\"phone_verified\": true}',
                  updated_at = now()
            where id = $1 and phone_confirmed_at is null
           returning id)
         update auth.identities i
            set identity_data = i.identity_data || '{\"phone_verified\": true}', updated_at = now()
           from person
          where i.user_id = person.id and i.provider = 'phone'",
        &[&id],
    )
    .await?;
    Ok(())
}

/// Writes down that the account was invited.
pub(in crate::auth) async fn invite(tx: &Transaction, id: Uuid) -> Result<(), pg::Error> {
    tx.query("update auth.users set invited_at = now(), updated_at = now() where id = $1", &[&id])
        .await?;
    Ok(())
}

/// Writes down which address the account shall have once that is proven.
pub(in crate::auth) async fn want_email(
    tx: &Transaction,
    id: Uuid,
    email: &str,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.users
            set email_change = $2,
                email_change_confirm_status = 0,
                email_change_sent_at = now(),
                updated_at = now()
          where id = $1",
        &[&id, &email],
    )
    .await?;
    Ok(())
}

/// One of two addresses agreed to the change. Says whether it was the first.
pub(in crate::auth) async fn agree_to_change(
    tx: &Transaction,
    id: Uuid,
) -> Result<bool, pg::Error> {
    let row = tx
        .query_opt(
            "update auth.users
                set email_change_confirm_status = 1, updated_at = now()
              where id = $1 and email_change_confirm_status = 0
             returning id",
            &[&id],
        )
        .await?;
    Ok(row.is_some())
}

/// Ends a change of address that took place.
pub(in crate::auth) async fn end_email_change(tx: &Transaction, id: Uuid) -> Result<(), pg::Error> {
    tx.query(
        "with person as (
           update auth.users
              set email_change = '',
                  email_change_confirm_status = 0,
                  email_confirmed_at = now(),
                  raw_user_meta_data = coalesce(raw_user_meta_data, '{}')
                                       || '{\"email_verified\": true}',
                  is_anonymous = false,
                  updated_at = now()
            where id = $1
           returning id)
         update auth.identities i
            set identity_data = i.identity_data || '{\"email_verified\": true}', updated_at = now()
           from person
          where i.user_id = person.id and i.provider = 'email'",
        &[&id],
    )
    .await?;
    Ok(())
}

/// Writes down which number the account shall have once that is proven.
pub(in crate::auth) async fn want_phone(
    tx: &Transaction,
    id: Uuid,
    phone: &str,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.users
            set phone_change = $2, phone_change_sent_at = now(), updated_at = now()
          where id = $1",
        &[&id, &phone],
    )
    .await?;
    Ok(())
}

/// Gives the account another number, not proven yet, and its identity too.
pub(in crate::auth) async fn set_phone(
    tx: &Transaction,
    id: Uuid,
    phone: &str,
) -> Result<(), pg::Error> {
    tx.query(
        "with person as (
           update auth.users
              set phone = $2::text,
                  phone_confirmed_at = null,
                  phone_change = '',
                  is_anonymous = false,
                  updated_at = now()
            where id = $1 and (phone is distinct from $2::text or phone_change = $2::text)
           returning id)
         insert into auth.identities (provider_id, user_id, identity_data, provider,
                                      last_sign_in_at, created_at, updated_at)
         select person.id::text,
                person.id,
                jsonb_build_object('sub', person.id, 'phone', $2::text,
                                   'email_verified', false, 'phone_verified', false),
                'phone', now(), now(), now()
           from person
         on conflict (provider_id, provider) do update
            set identity_data = identities.identity_data
                                || jsonb_build_object('phone', $2::text, 'phone_verified', false),
                updated_at = now()",
        &[&id, &phone],
    )
    .await?;
    Ok(())
}

/// How long ago a session began, in seconds.
pub(in crate::auth) async fn session_age(
    tx: &Transaction,
    session_id: Option<Uuid>,
) -> Result<f64, pg::Error> {
    let row = tx
        .query_opt(
            "select extract(epoch from now() - created_at)::float8 as age
               from auth.sessions
              where id = $1",
            &[&session_id],
        )
        .await?;
    let age = row.map_or(Ok(None), |row| row.try_get::<_, Option<f64>>("age"))?;
    Ok(age.unwrap_or(f64::INFINITY))
}
