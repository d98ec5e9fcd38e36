//! People on the way to their company's directory and back, and the assertions they came with.

use uuid::Uuid;

use crate::auth::pkce::Challenge;
use crate::pg::{self, Transaction};

/// Claim `amr` of whoever a directory signs in.
pub(in crate::auth) const METHOD: &str = "sso/saml";

/// Somebody who leaves for their directory.
pub(in crate::auth) struct Departure<'a> {
    /// What they come back with.
    pub id: Uuid,
    pub provider_id: Uuid,
    /// The question that the directory's answer must name.
    pub request_id: &'a str,
    /// Where the app goes on, which is allowed.
    pub redirect_to: &'a str,
    /// Of the client that shall get a code in the end; without one it gets a session.
    pub challenge: Option<&'a Challenge>,
}

/// Somebody who came back.
pub(in crate::auth) struct Return {
    pub provider_id: Uuid,
    pub request_id: String,
    pub redirect_to: String,
    /// The sign-in that goes on with a code.
    pub flow_id: Option<Uuid>,
    pub age_seconds: f64,
}

/// Remembers who leaves; some who never came back are forgotten instead.
pub(in crate::auth) async fn depart(
    tx: &Transaction,
    left: &Departure<'_>,
) -> Result<(), pg::Error> {
    tx.query(
        "with over as (
           select id from auth.saml_relay_states
            where created_at < now() - interval '2 days' limit 20
              for update skip locked)
         delete from auth.saml_relay_states r using over where r.id = over.id",
        &[],
    )
    .await?;
    tx.query(
        "with flow as (
           insert into auth.flow_state (id, provider_type, authentication_method,
                                        code_challenge_method, code_challenge, created_at, updated_at)
           select gen_random_uuid(), 'sso/saml', $7, ($6::text)::auth.code_challenge_method, $5,
                  now(), now()
            where $5::text is not null
           returning id)
         insert into auth.saml_relay_states (id, sso_provider_id, request_id, redirect_to,
                                             flow_state_id, created_at, updated_at)
         values ($1, $2, $3, $4, (select id from flow), now(), now())",
        &[
            &left.id,
            &left.provider_id,
            &left.request_id,
            &left.redirect_to,
            &left.challenge.map(|challenge| &challenge.value),
            &left.challenge.map(|challenge| challenge.method),
            &METHOD,
        ],
    )
    .await?;
    Ok(())
}

/// Who left with this. Whoever comes second finds nothing.
pub(in crate::auth) async fn return_from(
    tx: &Transaction,
    id: Uuid,
) -> Result<Option<Return>, pg::Error> {
    let row = tx
        .query_opt(
            "delete from auth.saml_relay_states
              where id = $1
             returning sso_provider_id, request_id, coalesce(redirect_to, '') as redirect_to,
                       flow_state_id, extract(epoch from now() - created_at)::float8 as age",
            &[&id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Return {
        provider_id: row.try_get("sso_provider_id")?,
        request_id: row.try_get("request_id")?,
        redirect_to: row.try_get("redirect_to")?,
        flow_id: row.try_get("flow_state_id")?,
        age_seconds: row.try_get::<_, Option<f64>>("age")?.unwrap_or(f64::INFINITY),
    }))
}

/// Whether an assertion is brought for the first time; it is remembered until the second, since
/// 1970, from which it counts no more. Some that are long over are forgotten.
pub(in crate::auth) async fn is_first_use(
    tx: &Transaction,
    provider_id: Uuid,
    id_hash: &str,
    until: i64,
) -> Result<bool, pg::Error> {
    tx.query(
        "with over as (
           select sso_provider_id, id_hash from auth.saml_assertions
            where expires_at < now() limit 20
              for update skip locked)
         delete from auth.saml_assertions a using over
          where a.sso_provider_id = over.sso_provider_id and a.id_hash = over.id_hash",
        &[],
    )
    .await?;
    let row = tx
        .query_opt(
            "insert into auth.saml_assertions (sso_provider_id, id_hash, expires_at)
             values ($1, $2, to_timestamp($3::bigint))
             on conflict do nothing
             returning 1",
            &[&provider_id, &id_hash, &until],
        )
        .await?;
    Ok(row.is_some())
}

/// Gives the code with which a sign-in goes on; the session it is good for ends at this second
/// since 1970. Says whether there is such a sign-in.
pub(in crate::auth) async fn give_code(
    tx: &Transaction,
    flow_id: Uuid,
    user_id: Uuid,
    code_hash: &str,
    session_end: Option<i64>,
) -> Result<bool, pg::Error> {
    let row = tx
        .query_opt(
            "update auth.flow_state
                set user_id = $2,
                    auth_code = $3,
                    auth_code_issued_at = now(),
                    session_not_after = to_timestamp($4::bigint),
                    updated_at = now()
              where id = $1 and auth_code is null
             returning id",
            &[&flow_id, &user_id, &code_hash, &session_end],
        )
        .await?;
    Ok(row.is_some())
}
