//! GET /verify: a link in mail is followed, and leads on to the app.
//!
//! Looking is not following: HEAD spends nothing, and where mailboxes follow links by themselves
//! the operator lets a page with a button come first.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, LOCATION, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};

use super::mail::{Reader, Values};
use super::request::{Device, Parameters};
use super::verify::{BAD_LINK, HALF_DONE, Proven, purposes};
use super::{Auth, Error};
use crate::pg::Transaction;

/// Headers of whatever holds a token or leads on with one.
const PRIVATE: [(HeaderName, HeaderValue); 2] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// The page is a form and nothing else, and stands in no frame.
const PAGE_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'");

/// A link as it is followed.
struct Followed<'a> {
    kind: &'a str,
    secret: &'a str,
}

impl<'a> Followed<'a> {
    fn read(parameters: &'a Parameters) -> Result<Self, Error> {
        let kind = parameters.get("type");
        purposes(kind)?;
        let secret = parameters.get("token").or_else(|| parameters.get("token_hash"));
        let secret = secret.ok_or(Error::Invalid("Verify requires a token or a token hash"))?;
        Ok(Self { kind: kind.unwrap_or_default(), secret })
    }
}

/// GET /verify.
pub(super) async fn follow(
    State(auth): State<Arc<Auth>>,
    parameters: Parameters,
    device: Device,
    reader: Reader,
) -> Result<Response, Error> {
    let followed = Followed::read(&parameters)?;
    if auth.settings.letters.auth_mailer_link_page {
        return Ok(page(&auth, &followed, &reader));
    }
    lead_on(&auth, &followed, &device, &reader).await
}

/// HEAD /verify.
pub(super) async fn look(parameters: Parameters) -> Result<StatusCode, Error> {
    Followed::read(&parameters).map(|_| StatusCode::OK)
}

/// POST /verify/link: the button of the page.
pub(super) async fn press(
    State(auth): State<Arc<Auth>>,
    parameters: Parameters,
    device: Device,
    reader: Reader,
) -> Result<Response, Error> {
    lead_on(&auth, &Followed::read(&parameters)?, &device, &reader).await
}

fn page(auth: &Auth, followed: &Followed<'_>, reader: &Reader) -> Response {
    let link = auth.link(followed.secret, followed.kind, &reader.redirect_to);
    let mut values = Values::default();
    values.named.insert("ConfirmationURL", link.replacen("/verify?", "/verify/link?", 1));
    values.named.insert("SiteURL", auth.redirects.site_url().to_owned());
    let html = auth.writer.link_page(&reader.languages, &values);
    (PRIVATE, [(CONTENT_SECURITY_POLICY, PAGE_POLICY)], Html(html)).into_response()
}

async fn lead_on(
    auth: &Auth,
    followed: &Followed<'_>,
    device: &Device,
    reader: &Reader,
) -> Result<Response, Error> {
    let purposes = purposes(Some(followed.kind))?;
    let work = async |tx: &Transaction| {
        let found = auth.token_of_link(tx, followed.secret, purposes).await?;
        auth.prove(tx, &found.ok_or(BAD_LINK)?, device, reader).await
    };
    let to = reader.redirect_to.as_str();
    let target = match auth.store.transaction(work).await {
        Ok(Proven::Session(session)) => with_fragment(to, &session.fragment(Some(followed.kind))),
        Ok(Proven::Code(code)) => with_query(to, &[("code", &code)]),
        Ok(Proven::Half) => with_fragment(to, &pairs(&[("message", HALF_DONE)])),
        Err(error) => {
            let (status, code, message) = error.told();
            if status.is_server_error() {
                return Err(error);
            }
            let name =
                if status == StatusCode::FORBIDDEN { "access_denied" } else { "invalid_request" };
            let told = [("error", name), ("error_code", code), ("error_description", message)];
            let to = if followed.secret.starts_with("pkce_") {
                with_query(to, &told)
            } else {
                to.to_owned()
            };
            with_fragment(&to, &pairs(&told))
        }
    };
    let location =
        HeaderValue::from_str(&target).map_err(|error| Error::Broken(Box::new(error)))?;
    Ok((StatusCode::SEE_OTHER, PRIVATE, [(LOCATION, location)]).into_response())
}

pub(super) fn pairs(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

pub(super) fn with_fragment(url: &str, fragment: &str) -> String {
    let bare = url.split('#').next().unwrap_or_default();
    // An empty `sb` tells clients that the fragment is this dialect's.
    format!("{bare}#{fragment}&sb=")
}

pub(super) fn with_query(url: &str, query: &[(&str, &str)]) -> String {
    let (bare, fragment) =
        url.split_once('#').map_or((url, None), |(bare, rest)| (bare, Some(rest)));
    let joint = if bare.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{bare}{joint}{}{fragment}", pairs(query))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_stands_where_clients_look() {
        assert_eq!(with_query("app://x?a=1#b", &[("code", "c d")]), "app://x?a=1&code=c+d#b");
        assert_eq!(with_query("https://x.y", &[("code", "1")]), "https://x.y?code=1");
        assert_eq!(with_fragment("https://x.y/#old", "a=1"), "https://x.y/#a=1&sb=");
    }
}
