//! Where links lead: the app's own URL, or one that the operator allows.

use url::{Host, Url};

use super::SetupError;

/// The longest URL that is looked at, in bytes.
const MAX_BYTES: usize = 2048;

/// What clients of the PKCE flow may add to any URL.
const FLOW_PARAMETER: &str = "sb_flow_id";

/// The URLs that links may lead to.
pub(super) struct Redirects {
    /// As the operator wrote it.
    site_url: String,
    site: Url,
    patterns: Vec<String>,
}

impl Redirects {
    /// The app's URL and what else is allowed.
    pub(super) fn new(site_url: &str, patterns: &[String]) -> Result<Self, SetupError> {
        let site = Url::parse(site_url).map_err(|_| SetupError::SiteUrl(site_url.to_owned()))?;
        let patterns = patterns.iter().map(|pattern| pattern.trim().to_owned());
        Ok(Self {
            site_url: site_url.to_owned(),
            site,
            patterns: patterns.filter(|pattern| !pattern.is_empty()).collect(),
        })
    }

    /// The app's URL.
    pub(super) fn site_url(&self) -> &str {
        &self.site_url
    }

    /// The first of the candidates that is allowed, else the app's URL.
    pub(super) fn choose<'a>(&'a self, mut candidates: impl Iterator<Item = &'a str>) -> String {
        candidates.find(|url| self.allows(url)).unwrap_or(&self.site_url).to_owned()
    }

    /// Whether a link may lead there.
    pub(super) fn allows(&self, text: &str) -> bool {
        if text.len() > MAX_BYTES || text.chars().any(char::is_control) {
            return false;
        }
        let Ok(url) = Url::parse(text) else { return false };
        // `https://app.example@evil.example` looks like one place and is another.
        if !url.username().is_empty() || url.password().is_some() {
            return false;
        }
        if self.is_of_site(&url) {
            return true;
        }
        let is_loopback = matches!(url.host(), Some(Host::Ipv4(ip)) if ip.is_loopback());
        // Patterns are compared with the text, so the text must say what a browser reads.
        if !is_loopback && url.host_str().is_some_and(|host| !text.to_lowercase().contains(host)) {
            return false;
        }
        let without_fragment = text.split('#').next().unwrap_or_default();
        let without_flow = without_flow(&url);
        self.patterns.iter().any(|pattern| {
            matches(pattern, without_fragment)
                || without_flow.as_ref().is_some_and(|text| matches(pattern, text))
        })
    }

    /// Scheme, host and port are those of the app; on one's own machine ports come and go.
    fn is_of_site(&self, url: &Url) -> bool {
        let is_loopback = match url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => return false,
        };
        url.scheme() == self.site.scheme()
            && url.host() == self.site.host()
            && (is_loopback || url.port_or_known_default() == self.site.port_or_known_default())
    }
}

/// The URL without what the client adds to it, if it added something.
fn without_flow(url: &Url) -> Option<String> {
    url.query_pairs().find(|(name, _)| name == FLOW_PARAMETER)?;
    let rest: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| name != FLOW_PARAMETER)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let mut bare = url.clone();
    bare.set_fragment(None);
    bare.set_query(None);
    if !rest.is_empty() {
        bare.query_pairs_mut().extend_pairs(rest);
    }
    Some(bare.into())
}

/// Whether all of `text` is as the pattern says: `*` is any run without `.` and `/`, `**` any run,
/// `?` one letter that is neither. Takes time in proportion to both lengths.
fn matches(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // reached[n]: the pattern so far can be the first n letters.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        let mut next = vec![false; text.len() + 1];
        if letter == '*' {
            let is_any = letters.next_if_eq(&'*').is_some();
            next[0] = reached[0];
            for (at, &found) in text.iter().enumerate() {
                let goes_on = next[at] && (is_any || !matches!(found, '.' | '/'));
                next[at + 1] = reached[at + 1] || goes_on;
            }
        } else {
            for (at, &found) in text.iter().enumerate() {
                let fits = match letter {
                    '?' => !matches!(found, '.' | '/'),
                    letter => letter == found,
                };
                next[at + 1] = reached[at] && fits;
            }
        }
        reached = next;
    }
    reached[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirects(patterns: &[&str]) -> Redirects {
        let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        Redirects::new("https://app.example.com", &patterns).unwrap()
    }

    #[test]
    fn links_lead_home_unless_somewhere_else_is_allowed() {
        let redirects = redirects(&["https://*.preview.example.com/**", "walkie://login"]);
        for allowed in [
            "https://app.example.com/anywhere?x=1#y",
            "https://one.preview.example.com/a/b",
            "https://one.preview.example.com/a/b?sb_flow_id=1",
            "walkie://login",
            "walkie://login?sb_flow_id=7",
        ] {
            assert_eq!(redirects.choose([allowed].into_iter()), allowed);
        }
        for refused in [
            "",
            "not a url",
            "http://app.example.com/",
            "https://app.example.com:8443/",
            "https://app.example.com@evil.example/",
            "https://app.example.com.evil.example/",
            "https://evil.example/#https://one.preview.example.com/",
            "https://evil.example/.preview.example.com/",
            "https://a.b.preview.example.com/",
            "https://one.preview.example.com\u{7f}/",
            "http://2130706433/",
            "javascript:alert(1)",
            "walkie://logout",
        ] {
            assert_eq!(redirects.choose([refused].into_iter()), "https://app.example.com");
        }
    }

    #[test]
    fn ports_of_ones_own_machine_come_and_go() {
        let redirects = Redirects::new("http://localhost:3000", &[]).unwrap();
        assert!(redirects.allows("http://localhost:5173/welcome"));
        assert!(!redirects.allows("https://localhost:3000/"));
        assert!(!redirects.allows("http://127.0.0.1:3000/"));
    }

    #[test]
    fn stars_stop_where_they_should() {
        assert!(matches("a*c", "abbc") && !matches("a*c", "a.c") && matches("a**c", "a./c"));
        assert!(matches("a?c", "abc") && !matches("a?c", "a/c") && !matches("a?c", "ac"));
        assert!(matches("**", "") && !matches("", "x") && !matches("*", "a/b"));
        assert!(!matches("**a**a**a**a**a**b", &"a".repeat(MAX_BYTES)));
    }
}
