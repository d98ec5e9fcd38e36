//! POST /sso: people leave for their company's directory.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::metadata::Directory;
use super::request::Request;
use crate::auth::mail::Reader;
use crate::auth::oauth::redirect;
use crate::auth::pkce::Challenge;
use crate::auth::request::Fields;
use crate::auth::store::saml::{self, Departure};
use crate::auth::store::sso::{self, By};
use crate::auth::{Auth, Error};
use crate::pg::Transaction;

#[derive(Deserialize)]
pub(in crate::auth) struct Asked {
    provider_id: Option<String>,
    domain: Option<String>,
    redirect_to: Option<String>,
    skip_http_redirect: Option<bool>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// POST /sso.
pub(in crate::auth) async fn start(
    State(auth): State<Arc<Auth>>,
    reader: Reader,
    Fields(asked): Fields<Asked>,
) -> Result<Response, Error> {
    let party = auth.party()?;
    let method = asked.code_challenge_method.as_deref();
    let challenge = Challenge::read(asked.code_challenge.as_deref(), method)?;
    let kept = sso::find(&auth.store, asked.by()?).await?.ok_or(asked.unknown())?;

    let directory = Directory::read(&kept.metadata_xml)?;
    let sign_in_url = directory.sign_in_url.ok_or(Error::Unprocessable(
        "The identity provider takes no requests in a URL (HTTP-Redirect), as far as its metadata tell",
    ))?;
    let relay_state = Uuid::new_v4();
    // An ID begins with a letter or an underscore.
    let request_id = format!("_{}", Uuid::new_v4().simple());
    let name_format = kept.name_format.as_deref();
    let request = Request { id: &request_id, sign_in_url: &sign_in_url, name_format };
    let url = request.url(party, &relay_state.to_string())?;

    let wanted = asked.redirect_to.as_deref().filter(|url| auth.redirects.allows(url));
    let departure = Departure {
        id: relay_state,
        provider_id: kept.provider_id,
        request_id: &request_id,
        redirect_to: wanted.unwrap_or(&reader.redirect_to),
        challenge: challenge.as_ref(),
    };
    let work = async |tx: &Transaction| Ok(saml::depart(tx, &departure).await?);
    auth.store.transaction(work).await?;
    if asked.skip_http_redirect == Some(true) {
        return Ok(Json(json!({ "url": url })).into_response());
    }
    redirect(StatusCode::SEE_OTHER, &url)
}

impl Asked {
    /// By what the provider is looked for.
    fn by(&self) -> Result<By<'_>, Error> {
        let given = |text: &'_ Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        match (given(&self.provider_id), given(&self.domain)) {
            (true, true) => Err(Error::Invalid("Only one of provider_id or domain supported")),
            (false, false) => Err(Error::Invalid("A provider_id or domain needs to be provided")),
            (true, false) => {
                let id = Uuid::try_parse(self.provider_id.as_deref().unwrap_or_default());
                id.map(By::Id).map_err(|_| Error::Invalid("provider_id must be an UUID"))
            }
            (false, true) => Ok(By::Domain(self.domain.as_deref().unwrap_or_default().trim())),
        }
    }

    fn unknown(&self) -> Error {
        let by_id = self.provider_id.as_deref().is_some_and(|id| !id.is_empty());
        Error::SsoProviderNotFound(if by_id {
            "No such SSO provider"
        } else {
            "No SSO provider assigned for this domain"
        })
    }
}
