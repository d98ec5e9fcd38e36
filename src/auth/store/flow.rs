//! Sign-ins under way that come back with a code.

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
}

/// Remembers a flow; some that are long over are forgotten instead.
pub(in crate::auth) async fn begin(tx: &Transaction, new: &NewFlow<'_>) -> Result<(), pg::Error> {
    tx.query(
        "with over as (
           select id from auth.flow_state
            where created_at < now() - interval '2 days' limit 20
              for update skip locked),
         gone as (delete from auth.flow_state f using over where f.id = over.id)
         insert into auth.flow_state (id, user_id, code_challenge_method, code_challenge,
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
                       extract(epoch from now() - auth_code_issued_at)::float8 as age",
            &[&code_hash],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let method: Option<String> = row.try_get("challenge_method")?;
    let value: Option<String> = row.try_get("code_challenge")?;
    let challenge = value.zip(method).map(|(value, method)| Challenge {
        value,
        method: if method == "s256" { "s256" } else { "plain" },
    });
    Ok(Some(Flow {
        user_id: row.try_get("user_id")?,
        challenge,
        method: row.try_get("authentication_method")?,
        age_seconds: row.try_get::<_, Option<f64>>("age")?.unwrap_or(f64::INFINITY),
        provider_token: row.try_get("provider_access_token")?,
        provider_refresh_token: row.try_get("provider_refresh_token")?,
    }))
}
