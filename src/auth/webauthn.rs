//! For whom browsers make passkeys and security keys: the domain, and the pages that may ask.

use std::time::Duration;

use url::Url;
use webauthn_rs::{Webauthn, WebauthnBuilder};

use crate::config::FactorSettings;

/// How long a device may take; a question is valid as long.
pub(super) const CEREMONY: Duration = Duration::from_secs(300);

/// Most pages that one question may be for.
const MAX_ORIGINS: usize = 10;

/// The domain that keys belong to.
pub(super) struct RelyingParty {
    /// None when it has no name, such as an address in a house network.
    pub webauthn: Option<Webauthn>,
    /// Whether the operator chose it; otherwise clients may name another for second factors.
    pub is_chosen: bool,
    pub id: String,
    pub origins: Vec<Url>,
    name: Option<String>,
}

impl RelyingParty {
    /// As the settings say, else the site's own.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub(super) fn new(settings: &FactorSettings, site: &Url) -> Result<Self, String> {
        let is_chosen = settings.auth_webauthn_rp_id.is_some();
        let id = settings.auth_webauthn_rp_id.clone();
        let id = id.or_else(|| site.domain().map(str::to_owned)).unwrap_or_default();
        let origins: Result<Vec<Url>, String> = settings
            .auth_webauthn_rp_origins
            .iter()
            .map(|origin| Url::parse(origin).map_err(|error| format!("{origin}: {error}")))
            .collect();
        let mut origins = origins?;
        if origins.is_empty() {
            origins.push(site.clone());
        }
        let name = settings.auth_webauthn_rp_name.clone();
        let mut party = Self { webauthn: None, is_chosen, id, origins, name };
        if is_chosen || !party.id.is_empty() {
            party.webauthn = Some(party.with(&party.id, &party.origins)?);
        }
        Ok(party)
    }

    /// What checks keys of this domain.
    ///
    /// # Errors
    /// What is wrong with the domain or an origin.
    pub(super) fn with(&self, id: &str, origins: &[Url]) -> Result<Webauthn, String> {
        let strange = |origin: &&Url| !belongs(origin, id);
        if let Some(origin) = origins.iter().find(strange) {
            return Err(format!("{origin} is not below the domain {id:?}"));
        }
        let (Some((first, more)), true) = (origins.split_first(), origins.len() <= MAX_ORIGINS)
        else {
            return Err(format!("one origin is needed, and at most {MAX_ORIGINS}"));
        };
        let builder = WebauthnBuilder::new(id, first).map_err(|error| error.to_string())?;
        let builder = more.iter().fold(builder, WebauthnBuilder::append_allowed_origin);
        let builder = builder.timeout(CEREMONY).rp_name(self.name.as_deref().unwrap_or(id));
        builder.build().map_err(|error| error.to_string())
    }
}

/// Whether a page of this origin may ask for keys of the domain.
fn belongs(origin: &Url, id: &str) -> bool {
    let inside = |domain: &str| {
        domain.strip_suffix(id).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !id.is_empty() && origin.domain().is_some_and(inside)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        factors: FactorSettings,
    }

    fn party(site: &str, flags: &[&str]) -> Result<RelyingParty, String> {
        let flags = Flags::try_parse_from(["walkie"].iter().chain(flags)).unwrap();
        RelyingParty::new(&flags.factors, &Url::parse(site).unwrap())
    }

    #[test]
    fn site_is_the_party_when_it_has_a_name() {
        let named = party("https://app.example.com/welcome", &[]).unwrap();
        assert!(named.webauthn.is_some() && !named.is_chosen);
        assert_eq!(named.id, "app.example.com");
        assert!(party("http://127.0.0.1:3000", &[]).unwrap().webauthn.is_none());
    }

    #[test]
    fn origins_must_be_of_the_domain() {
        let site = "https://app.example.com";
        assert!(party(site, &["--auth-webauthn-rp-id", "example.com"]).is_ok());
        assert!(party(site, &["--auth-webauthn-rp-id", "ple.com"]).is_err());
        assert!(party(site, &["--auth-webauthn-rp-origins", "https://evil.com"]).is_err());
        assert!(party(site, &["--auth-webauthn-rp-origins", "nowhere"]).is_err());
    }
}
