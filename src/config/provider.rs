//! The Auth dialect: who else may say who somebody is.

use clap::{Args, ValueEnum};

/// Providers that people sign in with, and what is kept sealed for them.
#[derive(Debug, Clone, Args)]
pub struct ProviderSettings {
    /// Client ids at Google, separated by commas: the first is the website's, the others are apps
    /// whose id_tokens count too; without any there is no sign-in with Google
    #[arg(long, env = "WALKIE_AUTH_GOOGLE_CLIENT_IDS", value_delimiter = ',')]
    pub auth_google_client_ids: Vec<String>,
    /// Client secret at Google; without one only id_tokens of apps count
    #[arg(long, env = "WALKIE_AUTH_GOOGLE_SECRET", hide_env_values = true)]
    pub auth_google_secret: Option<String>,
    /// Issuer that stands for Google
    #[arg(long, env = "WALKIE_AUTH_GOOGLE_ISSUER", default_value = "https://accounts.google.com")]
    pub auth_google_issuer: String,
    /// Whether id_tokens from Google may hold a nonce that the app does not know
    #[arg(long, env = "WALKIE_AUTH_GOOGLE_SKIP_NONCE_CHECK", default_value_t = false, action = clap::ArgAction::Set)]
    pub auth_google_skip_nonce_check: bool,
    /// Client id at GitHub; without one there is no sign-in with GitHub
    #[arg(long, env = "WALKIE_AUTH_GITHUB_CLIENT_ID")]
    pub auth_github_client_id: Option<String>,
    /// Client secret at GitHub
    #[arg(long, env = "WALKIE_AUTH_GITHUB_SECRET", hide_env_values = true)]
    pub auth_github_secret: Option<String>,
    /// URL of GitHub, or of a GitHub Enterprise Server
    #[arg(long, env = "WALKIE_AUTH_GITHUB_URL", default_value = "https://github.com")]
    pub auth_github_url: String,
    /// What clients call the OpenID Connect provider below
    #[arg(long, env = "WALKIE_AUTH_OIDC_NAME", default_value = "keycloak")]
    pub auth_oidc_name: String,
    /// Issuer of any OpenID Connect provider, such as https://login.example.com/realms/staff
    #[arg(long, env = "WALKIE_AUTH_OIDC_ISSUER")]
    pub auth_oidc_issuer: Option<String>,
    /// Client ids there, separated by commas: the first is the website's
    #[arg(long, env = "WALKIE_AUTH_OIDC_CLIENT_IDS", value_delimiter = ',')]
    pub auth_oidc_client_ids: Vec<String>,
    /// Client secret there
    #[arg(long, env = "WALKIE_AUTH_OIDC_SECRET", hide_env_values = true)]
    pub auth_oidc_secret: Option<String>,
    /// Scopes asked for there besides openid, separated by commas
    #[arg(
        long,
        env = "WALKIE_AUTH_OIDC_SCOPES",
        value_delimiter = ',',
        default_value = "profile,email"
    )]
    pub auth_oidc_scopes: Vec<String>,
    /// Hosts that providers added by the service may have although their addresses are private or
    /// their URLs plain http, separated by commas [dev: 127.0.0.1,localhost]
    #[arg(long, env = "WALKIE_AUTH_PRIVATE_HOSTS", value_delimiter = ',')]
    pub auth_private_hosts: Vec<String>,
    /// Whether people may link other identities to their account and unlink them
    #[arg(long, env = "WALKIE_AUTH_MANUAL_LINKING_ENABLED", default_value_t = false, action = clap::ArgAction::Set)]
    pub auth_manual_linking_enabled: bool,
    /// Chains whose wallets people may sign in with, separated by commas: solana, ethereum
    #[arg(long, env = "WALKIE_AUTH_WEB3_CHAINS", value_enum, value_delimiter = ',')]
    pub auth_web3_chains: Vec<Chain>,
    /// Secrets that provider secrets, second factors and the keys of browsers are sealed with in the
    /// database, separated by commas: the first seals, all open [default: WALKIE_JWT_SECRET]
    #[arg(
        long,
        env = "WALKIE_AUTH_SEALING_SECRETS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub auth_sealing_secrets: Vec<String>,
}

/// A chain that wallets are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Chain {
    /// Whose addresses are keys of Ed25519.
    Solana,
    /// And the many that work as it does: one address is the same person on all of them.
    Ethereum,
}

impl Chain {
    /// As clients call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Solana => "solana",
            Self::Ethereum => "ethereum",
        }
    }
}
