//! Second factors, the questions put to them, and what their answers raise.

use std::net::IpAddr;

use serde_json::Value;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use uuid::Uuid;

use super::raw;
use crate::config::FactorKind;
use crate::pg::{self, Transaction};

/// Wrong answers in a row after which a factor rests, and for how many seconds.
const MAX_FAILURES: i16 = 10;
const REST_SECONDS: f64 = 900.0;

/// How long a question waits for its answer, and a new factor for its first one.
pub(in crate::auth) const CHALLENGE_SECONDS: i64 = 300;

/// A second factor.
pub(in crate::auth) struct Factor {
    pub id: Uuid,
    pub kind: FactorKind,
    pub is_verified: bool,
    pub friendly_name: String,
    /// Where its codes are sent.
    pub phone: Option<String>,
    /// Sealed.
    pub secret: Option<String>,
    pub credential: Option<Value>,
    /// How long it rests after too many wrong answers.
    pub rests_seconds: Option<i64>,
    /// The factor as the wire has it.
    pub document: Box<RawValue>,
}

/// A factor to be.
pub(in crate::auth) struct NewFactor<'a> {
    pub id: Uuid,
    pub user_id: Uuid,
    pub kind: FactorKind,
    pub is_verified: bool,
    pub friendly_name: &'a str,
    pub secret: Option<&'a str>,
    pub phone: Option<&'a str>,
}

/// A question put to a factor.
pub(in crate::auth) struct Challenge {
    pub ip: IpAddr,
    /// Whether it was answered already or waited too long.
    pub is_over: bool,
    pub ceremony: Option<Value>,
    /// Of the code that was sent.
    pub code_hash: Option<String>,
}

/// A question to be.
pub(in crate::auth) struct NewChallenge<'a> {
    pub id: Uuid,
    pub factor_id: Uuid,
    pub ip: IpAddr,
    pub ceremony: Option<&'a Value>,
    pub code_hash: Option<&'a str>,
}

/// How far a session is proven.
pub(in crate::auth) struct Assurance {
    pub is_aal2: bool,
    /// Whether that is as far as its person can.
    pub is_enough: bool,
}

/// What a session needs to be given new tokens.
pub(in crate::auth) struct Holder {
    pub refresh_key: Option<String>,
    pub active_hash: Option<String>,
}

/// Lets only one request at a time change a person's factors and the level of their sessions.
/// Signing in elsewhere goes on meanwhile.
pub(in crate::auth) async fn lock_person(tx: &Transaction, user_id: Uuid) -> Result<(), pg::Error> {
    tx.query("select id from auth.users where id = $1 for no key update", &[&user_id]).await?;
    Ok(())
}

/// What a session has shown of its person.
pub(in crate::auth) async fn assurance(
    tx: &Transaction,
    user_id: Uuid,
    session_id: Option<Uuid>,
) -> Result<Assurance, pg::Error> {
    let row = tx
        .query_opt(
            "select exists (select from auth.sessions s
                             where s.id = $2 and s.user_id = $1 and s.aal >= 'aal2') as is_aal2,
                    auth.has_needed_level($1, $2) as is_enough",
            &[&user_id, &session_id],
        )
        .await?;
    let row = row.expect("a select without a table gives one row");
    Ok(Assurance { is_aal2: row.try_get("is_aal2")?, is_enough: row.try_get("is_enough")? })
}

/// All factors of a person, the oldest first.
pub(in crate::auth) async fn factors(
    tx: &Transaction,
    user_id: Uuid,
) -> Result<Vec<Factor>, pg::Error> {
    let sql = concat!(
        "select ",
        factor!(),
        " from auth.mfa_factors f where f.user_id = $1 order by f.created_at, f.id"
    );
    tx.query(sql, &[&user_id]).await?.iter().map(factor).collect()
}

/// A factor of this person.
pub(in crate::auth) async fn factor_of(
    tx: &Transaction,
    user_id: Uuid,
    id: Uuid,
) -> Result<Option<Factor>, pg::Error> {
    let sql = concat!(
        "select ",
        factor!(),
        " from auth.mfa_factors f where f.user_id = $1 and f.id = $2"
    );
    tx.query_opt(sql, &[&user_id, &id]).await?.as_ref().map(factor).transpose()
}

/// Adds a factor.
pub(in crate::auth) async fn add_factor(
    tx: &Transaction,
    new: &NewFactor<'_>,
) -> Result<(), pg::Error> {
    let status = if new.is_verified { "verified" } else { "unverified" };
    tx.query(
        "insert into auth.mfa_factors (id, user_id, factor_type, status, friendly_name, secret,
                                       phone, created_at, updated_at)
         values ($1, $2, $3::text::auth.factor_type, $4::text::auth.factor_status, $5, $6, $7,
                 now(), now())",
        &[
            &new.id,
            &new.user_id,
            &name(new.kind),
            &status,
            &new.friendly_name,
            &new.secret,
            &new.phone,
        ],
    )
    .await?;
    Ok(())
}

/// Gives a factor another name.
pub(in crate::auth) async fn change_factor(
    tx: &Transaction,
    id: Uuid,
    friendly_name: Option<&str>,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.mfa_factors
            set friendly_name = coalesce($2, friendly_name), updated_at = now()
          where id = $1",
        &[&id, &friendly_name],
    )
    .await?;
    Ok(())
}

/// Removes a factor; the database lowers the sessions it had raised.
pub(in crate::auth) async fn remove_factor(tx: &Transaction, id: Uuid) -> Result<(), pg::Error> {
    tx.query("delete from auth.mfa_factors where id = $1", &[&id]).await?;
    Ok(())
}

/// Forgets new factors that never answered.
pub(in crate::auth) async fn forget_stale_factors(
    tx: &Transaction,
    user_id: Uuid,
) -> Result<(), pg::Error> {
    tx.query(
        "delete from auth.mfa_factors
          where user_id = $1
            and status = 'unverified'
            and coalesce(last_challenged_at, created_at) < now() - make_interval(secs => $2)",
        &[&user_id, &seconds(CHALLENGE_SECONDS)],
    )
    .await?;
    Ok(())
}

/// Forgets the other new factors of a kind, once one of them has answered.
pub(in crate::auth) async fn forget_unverified(
    tx: &Transaction,
    user_id: Uuid,
    kind: FactorKind,
) -> Result<(), pg::Error> {
    tx.query(
        "delete from auth.mfa_factors
          where user_id = $1 and status = 'unverified' and factor_type = $2::text::auth.factor_type",
        &[&user_id, &name(kind)],
    )
    .await?;
    Ok(())
}

/// Puts a question to a factor and forgets its old ones.
pub(in crate::auth) async fn add_challenge(
    tx: &Transaction,
    new: &NewChallenge<'_>,
) -> Result<(), pg::Error> {
    tx.query(
        "delete from auth.mfa_challenges
          where factor_id = $1 and created_at < now() - make_interval(secs => $2)",
        &[&new.factor_id, &seconds(2 * CHALLENGE_SECONDS)],
    )
    .await?;
    tx.query(
        "with asked as (
           update auth.mfa_factors set last_challenged_at = now() where id = $2)
         insert into auth.mfa_challenges (id, factor_id, created_at, ip_address,
                                          web_authn_session_data, otp_code)
         values ($1, $2, now(), $3, $4, $5)",
        &[&new.id, &new.factor_id, &new.ip, &new.ceremony, &new.code_hash],
    )
    .await?;
    Ok(())
}

/// A question that was put to this factor.
pub(in crate::auth) async fn challenge(
    tx: &Transaction,
    factor_id: Uuid,
    id: Uuid,
) -> Result<Option<Challenge>, pg::Error> {
    let row = tx
        .query_opt(
            "select ip_address, web_authn_session_data, otp_code,
                    verified_at is not null
                      or created_at <= now() - make_interval(secs => $3) as is_over
               from auth.mfa_challenges
              where factor_id = $1 and id = $2",
            &[&factor_id, &id, &seconds(CHALLENGE_SECONDS)],
        )
        .await?;
    row.map(|row| {
        Ok(Challenge {
            ip: row.try_get("ip_address")?,
            is_over: row.try_get("is_over")?,
            ceremony: row.try_get("web_authn_session_data")?,
            code_hash: row.try_get("otp_code")?,
        })
    })
    .transpose()
}

/// Notes the step of a code. Says no when that code or a later one was used before.
pub(in crate::auth) async fn use_step(
    tx: &Transaction,
    factor_id: Uuid,
    step: i64,
) -> Result<bool, pg::Error> {
    let row = tx
        .query_opt(
            "update auth.mfa_factors
                set last_used_step = $2
              where id = $1 and (last_used_step is null or last_used_step < $2)
             returning id",
            &[&factor_id, &step],
        )
        .await?;
    Ok(row.is_some())
}

/// Counts a wrong answer; after too many the factor rests.
pub(in crate::auth) async fn count_failure(
    tx: &Transaction,
    factor_id: Uuid,
) -> Result<(), pg::Error> {
    tx.query(
        "update auth.mfa_factors
            set failures = (failures + 1) % $2::smallint,
                locked_until = case when failures + 1 >= $2::smallint
                                    then now() + make_interval(secs => $3) end
          where id = $1",
        &[&factor_id, &MAX_FAILURES, &REST_SECONDS],
    )
    .await?;
    Ok(())
}

/// Notes that a factor has answered, with the key it answered with.
pub(in crate::auth) async fn note_answer(
    tx: &Transaction,
    factor_id: Uuid,
    challenge_id: Option<Uuid>,
    credential: Option<&Value>,
) -> Result<(), pg::Error> {
    tx.query(
        "with answered as (
           update auth.mfa_challenges set verified_at = now() where id = $2)
         update auth.mfa_factors
            set status = 'verified',
                failures = 0,
                locked_until = null,
                web_authn_credential = coalesce($3, web_authn_credential),
                updated_at = now()
          where id = $1",
        &[&factor_id, &challenge_id, &credential],
    )
    .await?;
    Ok(())
}

/// Raises a session to the second level and ends those of the person that are still at the first;
/// those of OAuth clients, which never rise, only when the factor is new: whoever let them in may
/// have been somebody else. Nothing when the session has ended.
pub(in crate::auth) async fn raise_session(
    tx: &Transaction,
    user_id: Uuid,
    session_id: Uuid,
    factor: &Factor,
    method: &str,
) -> Result<Option<Holder>, pg::Error> {
    let row = tx
        .query_opt(
            "update auth.sessions s
                set aal = 'aal2', factor_id = $3, updated_at = now()
              where s.id = $2 and s.user_id = $1
             returning s.refresh_token_hmac_key as refresh_key,
                       (select t.token::text
                          from auth.refresh_tokens t
                         where t.session_id = s.id and t.revoked is not true
                         order by t.id desc
                         limit 1) as active_hash",
            &[&user_id, &session_id, &factor.id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    tx.query(
        "insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at,
                                          authentication_method)
         values (gen_random_uuid(), $1, now(), now(), $2)
         on conflict (session_id, authentication_method) do update set updated_at = now()",
        &[&session_id, &method],
    )
    .await?;
    tx.query(
        "delete from auth.sessions
          where user_id = $1 and (aal is null or aal < 'aal2')
            and (oauth_client_id is null or not $2)",
        &[&user_id, &factor.is_verified],
    )
    .await?;
    Ok(Some(Holder {
        refresh_key: row.try_get("refresh_key")?,
        active_hash: row.try_get("active_hash")?,
    }))
}

/// Replaces all refresh tokens of a session by this one.
pub(in crate::auth) async fn replace_tokens(
    tx: &Transaction,
    session_id: Uuid,
    parent: Option<&str>,
    token_hash: &str,
) -> Result<(), pg::Error> {
    super::revoke_tokens(tx, session_id).await?;
    tx.query(
        "insert into auth.refresh_tokens (token, parent, user_id, revoked, created_at, updated_at,
                                          session_id)
         select $3, $2, user_id::text, false, now(), now(), id from auth.sessions where id = $1",
        &[&session_id, &parent, &token_hash],
    )
    .await?;
    Ok(())
}

/// The kind as the database has it.
pub(in crate::auth) fn name(kind: FactorKind) -> &'static str {
    match kind {
        FactorKind::Totp => "totp",
        FactorKind::Phone => "phone",
        FactorKind::Webauthn => "webauthn",
        FactorKind::RecoveryCode => "recovery_code",
    }
}

/// A kind that the database has.
pub(in crate::auth) fn kind(name: &str) -> Option<FactorKind> {
    use FactorKind::{Phone, RecoveryCode, Totp, Webauthn};
    [Totp, Phone, Webauthn, RecoveryCode].into_iter().find(|kind| self::name(*kind) == name)
}

#[expect(clippy::cast_precision_loss, reason = "a few minutes")]
fn seconds(seconds: i64) -> f64 {
    seconds as f64
}

fn factor(row: &Row) -> Result<Factor, pg::Error> {
    let kind = kind(row.try_get("kind")?).expect("the enum of the database has these four");
    Ok(Factor {
        id: row.try_get("id")?,
        kind,
        is_verified: row.try_get("is_verified")?,
        friendly_name: row.try_get("friendly_name")?,
        phone: row.try_get("phone")?,
        secret: row.try_get("secret")?,
        credential: row.try_get("web_authn_credential")?,
        rests_seconds: row.try_get("rests_seconds")?,
        document: raw(row.try_get("document")?),
    })
}
