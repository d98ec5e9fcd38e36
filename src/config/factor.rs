//! The Auth dialect: second factors and passkeys.

use clap::{Args, ValueEnum};

/// A kind of second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum FactorKind {
    /// A code from an authenticator app.
    Totp,
    /// A code in a text message.
    Phone,
    /// A security key, or a passkey beside a password.
    Webauthn,
    /// Codes on paper, each for once.
    RecoveryCode,
}

/// Second factors and passkeys.
#[derive(Debug, Clone, Args)]
pub struct FactorSettings {
    /// Second factors that people may add, separated by commas; phone needs a send_sms hook too
    #[arg(
        long,
        env = "WALKIE_AUTH_MFA_ENROLL",
        value_enum,
        value_delimiter = ',',
        default_value = "totp,phone,webauthn,recovery_code"
    )]
    pub auth_mfa_enroll: Vec<FactorKind>,
    /// Second factors that count, separated by commas
    #[arg(
        long,
        env = "WALKIE_AUTH_MFA_VERIFY",
        value_enum,
        value_delimiter = ',',
        default_value = "totp,phone,webauthn,recovery_code"
    )]
    pub auth_mfa_verify: Vec<FactorKind>,
    /// Most second factors of a person
    #[arg(long, env = "WALKIE_AUTH_MFA_MAX_FACTORS", default_value_t = 10)]
    pub auth_mfa_max_factors: u16,
    /// What authenticator apps call this service [default: the host of the site]
    #[arg(long, env = "WALKIE_AUTH_MFA_ISSUER")]
    pub auth_mfa_issuer: Option<String>,
    /// Whether people may sign in with passkeys; needs a domain, see WALKIE_AUTH_WEBAUTHN_RP_ID
    #[arg(long, env = "WALKIE_AUTH_PASSKEYS_ENABLED", default_value_t = true, action = clap::ArgAction::Set)]
    pub auth_passkeys_enabled: bool,
    /// Domain that passkeys and security keys belong to; another one makes them all worthless
    /// [default: the host of the site, if it has a name]
    #[arg(long, env = "WALKIE_AUTH_WEBAUTHN_RP_ID")]
    pub auth_webauthn_rp_id: Option<String>,
    /// Origins of the pages that may ask for passkeys and security keys, separated by commas
    /// [default: the site's]
    #[arg(long, env = "WALKIE_AUTH_WEBAUTHN_RP_ORIGINS", value_delimiter = ',')]
    pub auth_webauthn_rp_origins: Vec<String>,
    /// What browsers call this service when they ask for a passkey [default: the domain]
    #[arg(long, env = "WALKIE_AUTH_WEBAUTHN_RP_NAME")]
    pub auth_webauthn_rp_name: Option<String>,
}
