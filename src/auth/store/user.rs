//! Accounts and the identity that comes with an address.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::identity::{self, NewIdentity};
use super::sso::SSO;
use super::{Ending, end_sessions, find};
use crate::pg::{self, Transaction};

/// An account to be.
pub(in crate::auth) struct NewUser<'a> {
    pub id: Uuid,
    pub email: Option<&'a str>,
    pub phone: Option<&'a str>,
    pub password_hash: Option<&'a str>,
    pub aud: &'a str,
    pub role: &'a str,
    pub app_metadata: Value,
    pub user_metadata: Value,
    /// How a provider knows the person; stands in for those of address and number.
    pub identity: Option<NewIdentity<'a>>,
}

/// Makes an account with an identity for its address and one for its number, not confirmed yet. An
/// identity of single sign-on makes an account that is its company's.
/// The first insert carries all metadata, because people's triggers read it there.
pub(in crate::auth) async fn create(tx: &Transaction, new: &NewUser<'_>) -> Result<(), pg::Error> {
    tx.query(
        "with person as (
           insert into auth.users (instance_id, id, aud, role, email, phone, encrypted_password,
                                   raw_app_meta_data, raw_user_meta_data, is_sso_user, created_at,
                                   updated_at)
           values ('00000000-0000-0000-0000-000000000000', $1, $2, $3, $4, $5, $6, $7, $8, $10, now(),
                   now())
           returning id, email, phone)
         insert into auth.identities (provider_id, user_id, identity_data, provider,
                                      last_sign_in_at, created_at, updated_at)
         select person.id::text,
                person.id,
                jsonb_build_object('sub', person.id, way.provider, way.address,
                                   'email_verified', false, 'phone_verified', false),
                way.provider, now(), now(), now()
           from person,
                lateral (values ('email', person.email::text), ('phone', person.phone))
                        as way (provider, address)
          where way.address is not null and not $9",
        &[
            &new.id,
            &new.aud,
            &new.role,
            &new.email,
            &new.phone,
            &new.password_hash,
            &new.app_metadata,
            &new.user_metadata,
            &new.identity.is_some(),
            &new.identity.as_ref().is_some_and(|identity| identity.provider.starts_with(SSO)),
        ],
    )
    .await?;
    match &new.identity {
        Some(identity) => identity::add(tx, new.id, identity).await,
        None => Ok(()),
    }
}

/// Makes an account without a name; `data` is what it says of itself.
pub(in crate::auth) async fn create_anonymous(
    tx: &Transaction,
    id: Uuid,
    data: &Value,
) -> Result<(), pg::Error> {
    tx.query(
        "insert into auth.users (instance_id, id, aud, role, raw_app_meta_data, raw_user_meta_data,
                                 is_anonymous, created_at, updated_at)
         values ('00000000-0000-0000-0000-000000000000', $1, 'authenticated', 'authenticated', '{}',
                 $2, true, now(), now())",
        &[&id, data],
    )
    .await?;
    Ok(())
}

/// Confirms the address, in a statement of its own: people's triggers wait for this update.
pub(in crate::auth) async fn confirm(tx: &Transaction, id: Uuid) -> Result<(), pg::Error> {
    tx.query(
        "with person as (
           update auth.users
              set email_confirmed_at = now(),
                  raw_user_meta_data = coalesce(raw_user_meta_data, '{}')
                                       || '{\"email_verified\": true}',
                  is_anonymous = false,
                  updated_at = now()
            where id = $1 and email_confirmed_at is null
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

/// Gives the account another address, and its e-mail identity too. The same address changes
/// nothing.
pub(in crate::auth) async fn set_email(
    tx: &Transaction,
    id: Uuid,
    email: &str,
) -> Result<(), pg::Error> {
    tx.query(
        "with person as (
           update auth.users
              set email = $2::text,
                  raw_user_meta_data = coalesce(raw_user_meta_data, '{}')
                                       || jsonb_build_object('email', $2::text),
                  raw_app_meta_data = case when is_anonymous
                    then coalesce(raw_app_meta_data, '{}')
                         || jsonb_build_object('provider', 'email',
                                               'providers', jsonb_build_array('email'))
                    else raw_app_meta_data end,
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

/// Changes the password, voids what is on its way to the person, then ends sessions. The update holds the account's row, so a sign-in
/// with the old password either fails or made a session that the second statement sees.
pub(in crate::auth) async fn set_password(
    tx: &Transaction,
    id: Uuid,
    hash: &str,
    ending: Ending,
) -> Result<(), pg::Error> {
    set_hash(tx, id, hash).await?;
    tx.query("delete from auth.one_time_tokens where user_id = $1", &[&id]).await?;
    end_sessions(tx, id, ending).await
}

/// Keeps another hash, be it of a new password or a better one of the same.
pub(in crate::auth) async fn set_hash(
    tx: &Transaction,
    id: Uuid,
    hash: &str,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.users set encrypted_password = $2, updated_at = now() where id = $1",
        &[&id, &hash],
    )
    .await?;
    Ok(())
}

/// Merges what the person says of themselves; null removes a key.
pub(in crate::auth) async fn merge_user_metadata(
    tx: &Transaction,
    id: Uuid,
    data: Map<String, Value>,
) -> Result<(), pg::Error> {
    merge_metadata(tx, "raw_user_meta_data", id, data).await
}

/// Merges what the service says of the person; null removes a key.
pub(in crate::auth) async fn merge_app_metadata(
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
pub(in crate::auth) async fn set_role(
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
pub(in crate::auth) async fn ban(
    tx: &Transaction,
    id: Uuid,
    seconds: Option<f64>,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.users
            set banned_until = now() + make_interval(secs => $2), updated_at = now()
          where id = $1",
        &[&id, &seconds],
    )
    .await?;
    Ok(())
}

/// Removes the account with everything that refers to it. Says whether there was one.
pub(in crate::auth) async fn delete(tx: &Transaction, id: Uuid) -> Result<bool, pg::Error> {
    Ok(tx.query_opt("delete from auth.users where id = $1 returning id", &[&id]).await?.is_some())
}

/// Makes the account a shell: nobody can sign in or be recognised, but the row and what refers to
/// it stay. Doing it again changes nothing. Says whether there was an account.
pub(in crate::auth) async fn mark_deleted(tx: &Transaction, id: Uuid) -> Result<bool, pg::Error> {
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
    tx.query("delete from auth.mfa_factors where user_id = $1", &[&id]).await?;
    tx.query("delete from auth.webauthn_credentials where user_id = $1", &[&id]).await?;
    Ok(find(tx, id).await?.is_some())
}

/// What to set and what to remove.
fn split_nulls(data: Map<String, Value>) -> (Value, Vec<String>) {
    let (removed, kept): (Map<_, _>, Map<_, _>) =
        data.into_iter().partition(|(_, value)| value.is_null());
    (Value::Object(kept), removed.into_iter().map(|(name, _)| name).collect())
}
