//! The Auth dialect: apps of others that act for people.

use clap::Args;

/// The OAuth 2.1 server: apps of others that people let act for them.
#[derive(Debug, Clone, Args)]
pub struct OAuthServerSettings {
    /// Whether apps of others may act for people who consent (OAuth 2.1, OpenID Connect)
    #[arg(long, env = "WALKIE_AUTH_OAUTH_SERVER_ENABLED", default_value_t = false, action = clap::ArgAction::Set)]
    pub auth_oauth_server_enabled: bool,
    /// Whether such apps may register themselves
    #[arg(long, env = "WALKIE_AUTH_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION", default_value_t = false, action = clap::ArgAction::Set)]
    pub auth_oauth_server_allow_dynamic_registration: bool,
    /// Path of the page, below the site's URL, that asks people for their consent
    #[arg(long, env = "WALKIE_AUTH_OAUTH_SERVER_AUTHORIZATION_PATH", default_value = "/oauth/consent", value_parser = path)]
    pub auth_oauth_server_authorization_path: String,
    /// How long a request waits for consent, and then its code for the app, in seconds
    #[arg(long, env = "WALKIE_AUTH_OAUTH_SERVER_CODE_SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub auth_oauth_server_code_seconds: u32,
}

fn path(text: &str) -> Result<String, &'static str> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains('#');
    if is_plain && text.starts_with('/') && !text.starts_with("//") {
        return Ok(text.to_owned());
    }
    Err("expected a path such as /oauth/consent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_of_the_page_is_a_path() {
        assert_eq!(path("/oauth/consent").as_deref(), Ok("/oauth/consent"));
        for text in ["", "oauth", "//evil.example", "https://evil.example", "/a b", "/a#b"] {
            assert!(path(text).is_err(), "{text}");
        }
    }
}
