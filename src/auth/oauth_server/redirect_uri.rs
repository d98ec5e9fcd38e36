//! Where people go back to with a code: only where the client said when it was registered.

use url::{Host, Url};

/// Longest URI, in bytes.
const MAX_BYTES: usize = 2048;

/// Schemes that are no app's own.
const FOREIGN: [&str; 18] = [
    "about",
    "blob",
    "chrome",
    "chrome-extension",
    "data",
    "file",
    "filesystem",
    "ftp",
    "ftps",
    "intent",
    "jar",
    "javascript",
    "mailto",
    "moz-extension",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

/// Whether a client may be registered with this URI: https, http on the person's own machine, or
/// a scheme of its own.
pub(super) fn may_be_registered(text: &str) -> bool {
    let Some(url) = read(text) else { return false };
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_loopback(&url),
        scheme => !FOREIGN.contains(&scheme),
    }
}

/// Whether a request may name this URI for one that was registered: letter by letter, except that
/// apps on the person's own machine take whatever port is free (RFC 8252, 7.3).
pub(super) fn matches(registered: &str, named: &str) -> bool {
    if registered == named {
        return true;
    }
    let (Some(registered), Some(named)) = (read(registered), read(named)) else { return false };
    let is_local = |url: &Url| url.scheme() == "http" && is_loopback(url);
    is_local(&registered)
        && is_local(&named)
        && registered.host() == named.host()
        && registered.path() == named.path()
        && registered.query() == named.query()
}

/// Whether nobody but the client can be behind this URI: names are owned, schemes and ports are
/// whoever's takes them first.
pub(super) fn proves_the_client(text: &str) -> bool {
    read(text).is_some_and(|url| url.scheme() == "https")
}

/// The URI without its query, as people are shown it.
pub(super) fn bare(text: &str) -> &str {
    text.split_once('?').map_or(text, |(bare, _)| bare)
}

/// A URI as its text says it: of plain letters, without fragment and without a user, so that
/// nothing looks like one place and is another.
fn read(text: &str) -> Option<Url> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.len() > MAX_BYTES || !is_plain || text.contains(['#', '\\']) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    (!has_user).then_some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_live_on_https_on_the_own_machine_or_under_a_scheme_of_their_own() {
        for uri in [
            "https://app.example/callback?a=1",
            "http://127.0.0.1:8080/callback",
            "http://[::1]/callback",
            "http://localhost:3000",
            "com.example.app:/callback",
            "cursor://somebody.extension/callback",
        ] {
            assert!(may_be_registered(uri), "{uri}");
        }
        for uri in [
            "",
            "callback",
            "http://app.example/callback",
            "http://127.0.0.1.evil.example/",
            "https://app.example/callback#here",
            "https://app.example/call back",
            "https://app.example/\u{7f}",
            "https://bücher.example/",
            "https://user@app.example/",
            "https://app.example\\@evil.example/",
            "javascript:alert(1)",
            "data:text/html,hello",
            "file:///etc/passwd",
        ] {
            assert!(!may_be_registered(uri), "{uri}");
        }
        assert!(!may_be_registered(&format!("https://app.example/{}", "a".repeat(MAX_BYTES))));
    }

    #[test]
    fn uris_match_letter_by_letter_but_for_ports_of_the_own_machine() {
        let registered = "https://app.example/callback";
        assert!(matches(registered, registered));
        for other in [
            "https://app.example/callback/",
            "https://app.example/Callback",
            "https://app.example:8443/callback",
            "https://app.example/callback?a=1",
            "https://app.example/x/../callback",
            "http://app.example/callback",
        ] {
            assert!(!matches(registered, other), "{other}");
        }
        let local = "http://127.0.0.1/callback";
        assert!(matches(local, "http://127.0.0.1:51234/callback"));
        assert!(matches("http://localhost:1/callback", "http://localhost:2/callback"));
        for other in [
            "http://localhost/callback",
            "http://127.0.0.2/callback",
            "http://127.0.0.1:51234/other",
            "http://127.0.0.1:51234/callback?a=1",
            "http://127.0.0.1:51234/callback#a",
            "https://127.0.0.1/callback",
        ] {
            assert!(!matches(local, other), "{other}");
        }
    }

    #[test]
    fn only_names_that_are_owned_prove_the_client() {
        assert!(proves_the_client("https://app.example/callback"));
        assert!(!proves_the_client("http://127.0.0.1/callback"));
        assert!(!proves_the_client("com.example.app:/callback"));
    }
}
