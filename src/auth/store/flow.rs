//! Sign-ins under way: to a mailbox or a provider, and back with a code.

use tokio_postgres::Row;
use uuid::Uuid;

use crate::auth::pkce::Challenge;
use crate::pg::{self, Transaction};

/// A sign-in that leaves for a mailbox.
pub(in crate::auth) struct NewFlow<'a> {
    pub id: Uuid,
    pub user_id: Uuid,
    pub challenge: &'a Challenge,
    pub provider: &'a str,
    /// As claim `amr` will name it.
    pub method: &'a str,
}

/// A sign-in that came back.
pub(in crate::auth) struct Flow {
    pub user_id: Option<Uuid>,
    pub challenge: Option<Challenge>,
    pub method: String,
    /// Since its code was given.
    pub age_seconds: f64,
    pub provider_token: Option<String>,
    pub provider_refresh_token: Option<String>,
    /// When the session ends at the latest, in seconds since 1970.
    pub session_end: Option<i64>,
}

/// Somebody who leaves for a provider.
pub(in crate::auth) struct Departure {
    /// What they come back with.
    pub id: Uuid,
    pub provider: String,
    /// Of the client that shall get a code in the end; without one it gets a session.
    pub challenge: Option<Challenge>,
    /// Where the app goes on, which is allowed.
    pub redirect_to: String,
    /// What the provider's id_token must repeat.
    pub nonce: Option<String>,
    /// What proves to the provider that the code comes from who asked for it.
    pub verifier: Option<String>,
    /// The account that gets one more identity.
    pub target: Option<Uuid>,
    /// Hash of the secret they were invited with.
    pub invite_hash: Option<String>,
}

/// Somebody who came back from a provider and waits for their client to fetch the session.
pub(in crate::auth) struct Arrival<'a> {
    pub user_id: Uuid,
    pub provider: &'a str,
    pub challenge: &'a Challenge,
    pub code_hash: &'a str,
    /// Sealed, as is the next.
    pub token: String,
    pub refresh_token: Option<String>,
}

/// Remembers who leaves; some who never came back are forgotten instead.
pub(in crate::auth) async fn depart(tx: &Transaction, left: &Departure) -> Result<(), pg::Error> {
    forget_some(tx).await?;
    let challenge = left.challenge.as_ref();
    tx.query(
        "insert into auth.flow_state (id, provider_type, authentication_method,
                                      code_challenge_method, code_challenge, referrer, nonce,
                                      provider_verifier, linking_target_id, invite_token,
                                      created_at, updated_at)
         values ($1, $2, 'oauth', ($3::text)::auth.code_challenge_method, $4, $5, $6, $7, $8, $9,
                 now(), now())",
        &[
            &left.id,
            &left.provider,
            &challenge.map(|challenge| challenge.method),
            &challenge.map(|challenge| &challenge.value),
            &left.redirect_to,
            &left.nonce,
            &left.verifier,
            &left.target,
            &left.invite_hash,
        ],
    )
    .await?;
    Ok(())
}

/// Who left with this state, and how many seconds ago. Whoever comes second finds nothing.
pub(in crate::auth) async fn return_from(
    tx: &Transaction,
    id: Uuid,
) -> Result<Option<(Departure, f64)>, pg::Error> {
    let row = tx
        .query_opt(
            "delete from auth.flow_state
              where id = $1 and authentication_method = 'oauth' and auth_code is null
             returning id, provider_type, code_challenge, code_challenge_method::text as challenge_method,
                       coalesce(referrer, '') as referrer, nonce, provider_verifier,
                       linking_target_id, invite_token,
                       extract(epoch from now() - created_at)::float8 as age",
            &[&id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let left = Departure {
        id: row.try_get("id")?,
        provider: row.try_get("provider_type")?,
        challenge: challenge(&row)?,
        redirect_to: row.try_get("referrer")?,
        nonce: row.try_get("nonce")?,
        verifier: row.try_get("provider_verifier")?,
        target: row.try_get("linking_target_id")?,
        invite_hash: row.try_get("invite_token")?,
    };
    Ok(Some((left, row.try_get::<_, Option<f64>>("age")?.unwrap_or(f64::INFINITY))))
}

/// Remembers who came back, for the client that has the code.
pub(in crate::auth) async fn arrive(tx: &Transaction, back: &Arrival<'_>) -> Result<(), pg::Error> {
    tx.query(
        "insert into auth.flow_state (id, user_id, provider_type, authentication_method,
                                      code_challenge_method, code_challenge, auth_code,
                                      provider_access_token, provider_refresh_token,
                                      auth_code_issued_at, created_at, updated_at)
         values (gen_random_uuid(), $1, $2, 'oauth', ($3::text)::auth.code_challenge_method, $4, $5,
                 $6, $7, now(), now(), now())",
        &[
            &back.user_id,
            &back.provider,
            &back.challenge.method,
            &back.challenge.value,
            &back.code_hash,
            &back.token,
            &back.refresh_token,
        ],
    )
    .await?;
    Ok(())
}

/// Forgets some flows that are long over.
async fn forget_some(tx: &Transaction) -> Result<(), pg::Error> {
    tx.query(
        "with over as (
           select id from auth.flow_state
            where created_at < now() - interval '2 days' limit 20
              for update skip locked)
         delete from auth.flow_state f using over where f.id = over.id",
        &[],
    )
    .await?;
    Ok(())
}

/// Remembers a flow; some that are long over are forgotten instead.
pub(in crate::auth) async fn begin(tx: &Transaction, new: &NewFlow<'_>) -> Result<(), pg::Error> {
    forget_some(tx).await?;
    tx.query(
        "insert into auth.flow_state (id, user_id, code_challenge_method, code_challenge,
                                      provider_type, authentication_method, created_at, updated_at)
         values ($1, $2, ($3::text)::auth.code_challenge_method, $4, $5, $6, now(), now())",
        &[
            &new.id,
            &new.user_id,
            &new.challenge.method,
            &new.challenge.value,
            &new.provider,
            &new.method,
        ],
    )
    .await?;
    Ok(())
}

/// Gives the flow the code it comes back with. Says whether there is such a flow.
pub(in crate::auth) async fn set_code(
    tx: &Transaction,
    id: Uuid,
    code_hash: &str,
) -> Result<bool, pg::Error> {
    let row = tx
        .query_opt(
            "update auth.flow_state
                set auth_code = $2, auth_code_issued_at = now(), updated_at = now()
              where id = $1
             returning id",
            &[&id, &code_hash],
        )
        .await?;
    Ok(row.is_some())
}

/// Takes the flow of a code away: whoever comes second finds nothing.
pub(in crate::auth) async fn take(
    tx: &Transaction,
    code_hash: &str,
) -> Result<Option<Flow>, pg::Error> {
    let row = tx
        .query_opt(
            "delete from auth.flow_state
              where auth_code = $1
             returning user_id, code_challenge, code_challenge_method::text as challenge_method,
                       authentication_method, provider_access_token, provider_refresh_token,
                       extract(epoch from session_not_after)::bigint as session_end,
                       extract(epoch from now() - auth_code_issued_at)::float8 as age",
            &[&code_hash],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Flow {
        user_id: row.try_get("user_id")?,
        challenge: challenge(&row)?,
        method: row.try_get("authentication_method")?,
        age_seconds: row.try_get::<_, Option<f64>>("age")?.unwrap_or(f64::INFINITY),
        provider_token: row.try_get("provider_access_token")?,
        provider_refresh_token: row.try_get("provider_refresh_token")?,
        session_end: row.try_get("session_end")?,
    }))
}

fn challenge(row: &Row) -> Result<Option<Challenge>, pg::Error> {
    let method: Option<String> = row.try_get("challenge_method")?;
    let value: Option<String> = row.try_get("code_challenge")?;
    Ok(value.zip(method).map(|(value, method)| Challenge {
        value,
        method: if method == "s256" { "s256" } else { "plain" },
    }))
}
