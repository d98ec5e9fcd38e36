//! DELETE /user/identities/{id}: one way less to sign in.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::auth::bearer::Caller;
use crate::auth::mail::{Letter, Reader};
use crate::auth::store::{self, identity};
use crate::auth::{Auth, Error};
use crate::pg::Transaction;

pub(in crate::auth) async fn unlink(
    State(auth): State<Arc<Auth>>,
    Path(id): Path<String>,
    Caller { user, .. }: Caller,
    reader: Reader,
) -> Result<Json<Value>, Error> {
    auth.require_manual_linking()?;
    let not_uuid = Error::NotFoundInvalid("identity_id must be an UUID");
    let id = Uuid::try_parse(&id).map_err(|_| not_uuid)?;
    let work = async |tx: &Transaction| {
        let owned = identity::of_user(tx, user.id).await?;
        if owned.len() <= 1 {
            return Err(Error::SingleIdentity);
        }
        let gone = owned.iter().find(|owned| owned.id == id).ok_or(Error::IdentityNotFound)?;
        identity::remove(tx, user.id, id).await?;
        if gone.provider == "phone" {
            identity::drop_phone(tx, user.id).await?;
        } else if !identity::settle_address(tx, user.id).await? {
            return Err(Error::IdentityEmailConflict);
        }
        identity::note_providers(tx, user.id).await?;
        let user = store::find(tx, user.id).await?.ok_or(Error::CallerGone)?;
        auth.tell_of_identity(tx, &user, Letter::IdentityUnlinked, &gone.provider, &reader).await?;
        Ok(Json(json!({})))
    };
    match auth.store.transaction(work).await {
        Err(Error::EmailExists) => Err(Error::IdentityEmailConflict),
        outcome => outcome,
    }
}
