//! Who will read what a request causes to be sent.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::{ACCEPT_LANGUAGE, REFERER};
use http::request::Parts;

use crate::auth::request::Parameters;
use crate::auth::{Auth, Error};

/// Languages that are looked at, of those a browser names.
const MAX_LANGUAGES: usize = 8;

/// Where links shall lead and which languages are understood.
#[derive(Debug, Clone)]
pub(in crate::auth) struct Reader {
    /// An allowed URL.
    pub redirect_to: String,
    /// Tags such as `de-AT`, the most wanted first.
    pub languages: Vec<String>,
}

impl FromRequestParts<Arc<Auth>> for Reader {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, auth: &Arc<Auth>) -> Result<Self, Error> {
        let parameters = Parameters::from_request_parts(parts, auth).await?;
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let asked = parameters.get("redirect_to").or_else(|| header("redirect_to"));
        let candidates = [asked, header(REFERER.as_str())];
        Ok(Self {
            redirect_to: auth.redirects.choose(candidates.into_iter().flatten()),
            languages: languages(header(ACCEPT_LANGUAGE.as_str()).unwrap_or_default()),
        })
    }
}

impl Reader {
    /// The same, preferring a language that the person has chosen.
    pub(in crate::auth) fn languages_of(&self, chosen: Option<&str>) -> Vec<String> {
        chosen.map(str::to_owned).into_iter().chain(self.languages.iter().cloned()).collect()
    }
}

/// Browsers name the most wanted one first; weights are not looked at.
fn languages(header: &str) -> Vec<String> {
    header
        .split(',')
        .filter_map(|wish| wish.split(';').next())
        .map(|tag| tag.trim().to_owned())
        .filter(|tag| !tag.is_empty() && tag != "*")
        .take(MAX_LANGUAGES)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_come_in_the_order_of_the_browser() {
        assert_eq!(languages("de-AT, en;q=0.5,*;q=0.1"), ["de-AT", "en"]);
        assert!(languages("").is_empty());
    }
}
