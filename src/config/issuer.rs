//! Whose tokens are accepted beside our own.

use ::http::Uri;
use clap::Args;
use url::Url;

/// Whose tokens are accepted beside our own.
#[derive(Debug, Clone, Default, Args)]
pub struct IssuerSettings {
    /// URL of a set of JSON Web Keys (JWKS): REST and Realtime accept tokens that these sign too
    #[arg(long, env = "WALKIE_JWKS_URL", value_parser = web_url)]
    pub jwks_url: Option<Uri>,
    /// What claim iss of such tokens must be [default: anything]
    #[arg(long, env = "WALKIE_JWKS_ISSUER", requires = "jwks_url")]
    pub jwks_issuer: Option<String>,
}

/// Reads a URL of something on the web.
///
/// # Errors
/// It is none; why.
pub fn web_url(text: &str) -> Result<Uri, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("it begins with neither https:// nor http://".to_owned());
    }
    url.as_str().parse().map_err(|error: ::http::uri::InvalidUri| error.to_string())
}
