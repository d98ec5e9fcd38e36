//! POST /sso/saml/acs: people come back from their company's directory with its word, or come from
//! there in the first place, and are led on to the app.
//!
//! Whatever went wrong, they are led on too: the app says it better than a page of JSON.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::expectation::Expectation;
use super::mapping::{Mapping, Person};
use super::metadata::Directory;
use super::response::{self, Response as Message};
use super::xml;
use crate::auth::link::{with_fragment, with_query};
use crate::auth::oauth::{redirect, told};
use crate::auth::request::{Device, FieldsOrForm};
use crate::auth::store::Proof;
use crate::auth::store::saml::{self, METHOD, Return};
use crate::auth::store::sso::{self, By, Kept};
use crate::auth::{Auth, Error, refresh};
use crate::identity::unix_now;
use crate::pg::Transaction;

/// What a directory lets the browser post.
#[derive(Deserialize)]
pub(in crate::auth) struct Asked {
    #[serde(rename = "SAMLResponse")]
    response: Option<String>,
    #[serde(rename = "RelayState")]
    relay_state: Option<String>,
}

/// How somebody began.
enum Beginning {
    /// Here, and left with this.
    Here(Return),
    /// At their directory, which may say where they want to go.
    There { redirect_to: String },
}

/// Somebody whose directory vouches for them.
struct Came<'a> {
    provider_id: Uuid,
    person: Person,
    beginning: &'a Beginning,
    /// Digest of the assertion's ID, and until when that is remembered.
    assertion: (String, i64),
    session_end: Option<i64>,
}

/// POST /sso/saml/acs.
pub(in crate::auth) async fn consume(
    State(auth): State<Arc<Auth>>,
    device: Device,
    FieldsOrForm(asked): FieldsOrForm<Asked>,
) -> Result<Response, Error> {
    auth.party()?;
    let beginning = match auth.beginning(asked.relay_state.as_deref()).await {
        Ok(beginning) => beginning,
        Err(error) => {
            return redirect(StatusCode::SEE_OTHER, &told(auth.redirects.site_url(), &error));
        }
    };
    let url = match auth.consume(asked.response, &beginning, &device).await {
        Ok(url) => url,
        Err(error) => told(beginning.redirect_to(), &error),
    };
    redirect(StatusCode::SEE_OTHER, &url)
}

impl Beginning {
    fn redirect_to(&self) -> &str {
        match self {
            Self::Here(back) => &back.redirect_to,
            Self::There { redirect_to } => redirect_to,
        }
    }

    fn request_id(&self) -> Option<&str> {
        match self {
            Self::Here(back) => Some(&back.request_id),
            Self::There { .. } => None,
        }
    }

    fn flow_id(&self) -> Option<Uuid> {
        match self {
            Self::Here(back) => back.flow_id,
            Self::There { .. } => None,
        }
    }
}

impl Auth {
    /// Who left with this; nobody comes back twice. What is no name of a departure is where a
    /// directory wants to lead people that it signed in unasked.
    async fn beginning(&self, relay_state: Option<&str>) -> Result<Beginning, Error> {
        let relay_state = relay_state.unwrap_or_default();
        let Ok(id) = Uuid::try_parse(relay_state) else {
            let redirect_to = self.redirects.choose(std::iter::once(relay_state));
            return Ok(Beginning::There { redirect_to });
        };
        let take = async |tx: &Transaction| Ok(saml::return_from(tx, id).await?);
        let back = self.store.transaction(take).await?.ok_or(Error::SamlRelayStateNotFound)?;
        if back.age_seconds > f64::from(self.party()?.away_seconds) {
            return Err(Error::SamlRelayStateExpired);
        }
        Ok(Beginning::Here(back))
    }

    /// Where the app goes on for whoever brings this response.
    async fn consume(
        &self,
        response: Option<String>,
        beginning: &Beginning,
        device: &Device,
    ) -> Result<String, Error> {
        let text = decoded(response.as_deref().unwrap_or_default())?;
        let by_issuer;
        let by = match beginning {
            Beginning::Here(back) => By::Id(back.provider_id),
            Beginning::There { .. } => {
                by_issuer = response::claimed_issuer(&text)?;
                By::EntityId(&by_issuer)
            }
        };
        let kept = sso::find(&self.store, by).await?.ok_or(Error::SamlIdpNotFound)?;
        let came = self.vouched(&text, &kept, beginning).await?;
        match self.finish(&came, device).await {
            // Somebody made the same account at this moment; now there is one to find.
            Err(Error::IdentityExists(_)) => self.finish(&came, device).await,
            outcome => outcome,
        }
    }

    /// Who a directory says that somebody is, if it is that directory's word.
    async fn vouched<'a>(
        &self,
        text: &str,
        kept: &Kept,
        beginning: &'a Beginning,
    ) -> Result<Came<'a>, Error> {
        let party = self.party()?;
        let now = unix_now();
        let directory = self.directory(kept).await?;
        let entity_id = directory.entity_id.clone();
        let message = Message::read(text, &directory.keys_of(now), party)?;
        let request_id = beginning.request_id();
        let expectation = Expectation { party, entity_id: &entity_id, request_id, now };
        let until = expectation.check(&message)?;
        let assertion = &message.assertion;
        let mapping = Mapping::kept(kept.attribute_mapping.clone());
        Ok(Came {
            provider_id: kept.provider_id,
            person: Person::read(assertion, &mapping)?,
            beginning,
            assertion: (hex::encode(Sha256::digest(&assertion.id)), until),
            session_end: assertion.session_end,
        })
    }

    /// A directory as its metadata tell, which are fetched anew when they are old.
    async fn directory(&self, kept: &Kept) -> Result<Directory, Error> {
        if let Some(url) = sso::take_news(&self.store, kept.provider_id).await? {
            match self.fetch_metadata(&url).await {
                Ok((xml, directory)) if directory.entity_id == kept.entity_id => {
                    sso::keep_news(&self.store, kept.provider_id, &xml).await?;
                    return Ok(directory);
                }
                Ok(_) => tracing::warn!(url, "the metadata of a directory are another's now"),
                Err(error) => error.log(),
            }
        }
        Directory::read(&kept.metadata_xml)
    }

    async fn finish(&self, came: &Came<'_>, device: &Device) -> Result<String, Error> {
        let work = async |tx: &Transaction| self.finish_in(tx, came, device).await;
        self.store.transaction(work).await
    }

    async fn finish_in(
        &self,
        tx: &Transaction,
        came: &Came<'_>,
        device: &Device,
    ) -> Result<String, Error> {
        let (id_hash, until) = &came.assertion;
        if !saml::is_first_use(tx, came.provider_id, id_hash, *until).await? {
            return Err(Error::Invalid("The SAML assertion was used before"));
        }
        let user_id = self.enter_managed(tx, came.provider_id, &came.person, device).await?;
        let to = came.beginning.redirect_to();
        if let Some(flow_id) = came.beginning.flow_id() {
            let code = Uuid::new_v4().to_string();
            let hash = refresh::hash(&code);
            if !saml::give_code(tx, flow_id, user_id, &hash, came.session_end).await? {
                return Err(Error::SamlRelayStateNotFound);
            }
            return Ok(with_query(to, &[("code", &code)]));
        }
        let proof = Proof { method: METHOD, password_hash: None };
        let session = self.sign_in_until(tx, user_id, &proof, device, came.session_end).await?;
        Ok(with_fragment(to, &session.ok_or(Error::CallerGone)?.fragment(None)))
    }
}

/// The message in a form, which browsers post as base64.
fn decoded(response: &str) -> Result<String, Error> {
    if response.is_empty() {
        return Err(Error::Invalid("SAMLResponse is missing"));
    }
    let bytes = xml::decode(response);
    let bytes = bytes.ok_or(Error::Invalid("SAMLResponse is not a valid Base64 string"))?;
    String::from_utf8(bytes).map_err(|_| Error::Invalid("SAMLResponse is not UTF-8"))
}
