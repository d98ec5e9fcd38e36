//! The Auth dialect: companies whose own directory signs their people in, by SAML 2.0.

use clap::Args;

/// How this server takes part in SAML.
#[derive(Debug, Clone, Args)]
pub struct SingleSignOnSettings {
    /// Whether people may sign in with their company's directory by SAML 2.0
    #[arg(long, env = "WALKIE_AUTH_SAML_ENABLED", default_value_t = false, action = clap::ArgAction::Set)]
    pub auth_saml_enabled: bool,
    /// RSA key that signs requests to directories, 2048 to 4096 bits: PKCS#1 or PKCS#8 as DER in
    /// base64, or PEM
    #[arg(
        long,
        env = "WALKIE_AUTH_SAML_PRIVATE_KEY",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    pub auth_saml_private_key: Option<String>,
    /// Key that will take its place: its certificate stands in the metadata already, so that
    /// directories know it in time
    #[arg(
        long,
        env = "WALKIE_AUTH_SAML_PRIVATE_KEY_NEXT",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    pub auth_saml_private_key_next: Option<String>,
    /// Whether assertions may come encrypted, within a response that is signed
    #[arg(long, env = "WALKIE_AUTH_SAML_ALLOW_ENCRYPTED_ASSERTIONS", default_value_t = false, action = clap::ArgAction::Set)]
    pub auth_saml_allow_encrypted_assertions: bool,
    /// How long somebody may be away at their directory, in seconds
    #[arg(long, env = "WALKIE_AUTH_SAML_RELAY_STATE_SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub auth_saml_relay_state_seconds: u32,
    /// URL that directories know this dialect by [default: WALKIE_PUBLIC_URL with /auth/v1]
    #[arg(long, env = "WALKIE_AUTH_SAML_EXTERNAL_URL")]
    pub auth_saml_external_url: Option<String>,
}
