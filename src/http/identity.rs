//! Token -> Identity, from the places where clients put it.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::identity::{Error, Identity, Keys};

/// The bearer token, when there is one.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// The project key: header `apikey`, else query parameter `apikey`.
pub fn api_key(headers: &HeaderMap, query: Option<&str>) -> Option<String> {
    if let Some(key) = headers.get("apikey").and_then(|key| key.to_str().ok()) {
        return Some(key.to_owned());
    }
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(name, _)| name == "apikey")
        .map(|(_, key)| key.into_owned())
}

/// Who is calling: the bearer token speaks first, then the project key; without either, a
/// stranger.
///
/// # Errors
/// The token that speaks is refused.
pub async fn caller(
    keys: &Keys,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Identity, Error> {
    let shown = if keys.takes_api_keys() {
        bearer(headers).map(Cow::Borrowed).or_else(|| api_key(headers, query).map(Cow::Owned))
    } else {
        announced(headers).map(Cow::Borrowed)
    };
    let Some(token) = shown else { return keys.stranger() };
    keys.learn(&token).await;
    keys.verify(&token)
}

/// The token where only tokens count; empty when it is announced and not there.
fn announced(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().expect("name"), value.parse().expect("value")))
            .collect()
    }

    #[test]
    fn bearer_is_read_whatever_its_case() {
        assert_eq!(bearer(&headers(&[("authorization", "bearer abc")])), Some("abc"));
        assert_eq!(bearer(&headers(&[("authorization", "Basic abc")])), None);
        assert_eq!(bearer(&headers(&[("authorization", "Bearer ")])), None);
    }

    #[test]
    fn key_comes_from_header_or_query() {
        assert_eq!(api_key(&headers(&[("apikey", "k")]), Some("apikey=q")).as_deref(), Some("k"));
        assert_eq!(api_key(&headers(&[]), Some("a=b&apikey=q")).as_deref(), Some("q"));
        assert_eq!(api_key(&headers(&[]), None), None);
    }

    #[tokio::test]
    async fn nobody_is_anon() {
        let keys = Keys::new("a secret of at least thirty-two bytes");
        assert_eq!(caller(&keys, &headers(&[]), None).await, Ok(Identity::anon()));
    }
}
