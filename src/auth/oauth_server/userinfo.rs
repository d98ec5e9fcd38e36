//! GET and POST /oauth/userinfo: what a client may know of the person it acts for (OpenID Connect
//! Core, 5.3). People may ask for themselves.

use axum::Json;
use serde_json::{Map, Value};

use super::claims::about;
use super::scope::{Scope, Scopes};
use crate::auth::Error;
use crate::auth::bearer::Represented;

pub(super) async fn read(
    represented: Result<Represented, Error>,
) -> Result<Json<Map<String, Value>>, Error> {
    let Represented { caller, grant } = represented.map_err(in_words_of_oauth)?;
    let scopes = match grant {
        Some(grant) => Scopes::read(&grant.scopes),
        None => Scopes::read(&Scope::ALL.map(Scope::name).join(" ")),
    };
    let unknown = Error::OAuthToken("The scope of the token is not known any more");
    about(&caller.user, &scopes.ok_or(unknown)?).map(Json)
}

/// What is wrong with a token, as RFC 6750 has it.
fn in_words_of_oauth(error: Error) -> Error {
    match error {
        Error::NoBearer => Error::OAuthToken("An access token is required"),
        error if error.told().0.is_client_error() => {
            Error::OAuthToken("The access token counts no longer, or is none")
        }
        error => error,
    }
}
