//! The Auth dialect: how people sign in.

use clap::Args;

use super::{
    FactorSettings, FunctionName, GuardSettings, LetterSettings, OAuthServerSettings,
    ProviderSettings, SingleSignOnSettings,
};

/// How people sign in.
#[derive(Debug, Clone, Args)]
pub struct AuthSettings {
    /// Whether people may sign themselves up
    #[arg(long, env = "WALKIE_AUTH_SIGNUP_ENABLED", default_value_t = true, action = clap::ArgAction::Set)]
    pub auth_signup_enabled: bool,
    /// Whether people may sign in without saying who they are
    #[arg(long, env = "WALKIE_AUTH_ANONYMOUS_ENABLED", default_value_t = false, action = clap::ArgAction::Set)]
    pub auth_anonymous_enabled: bool,
    /// Shortest password, in characters
    #[arg(long, env = "WALKIE_AUTH_PASSWORD_MIN_LENGTH", default_value_t = 6)]
    pub auth_password_min_length: usize,
    /// Sets of characters of which a password needs one each, separated by colons (\: is a colon)
    #[arg(long, env = "WALKIE_AUTH_PASSWORD_REQUIRED_CHARACTERS", default_value = "")]
    pub auth_password_required_characters: String,
    /// How long an access token is valid, in seconds
    #[arg(long, env = "WALKIE_AUTH_TOKEN_SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..=604_800))]
    pub auth_token_seconds: u32,
    /// How long a refresh token that was just used may be used again, in seconds
    #[arg(long, env = "WALKIE_AUTH_REFRESH_REUSE_SECONDS", default_value_t = 10)]
    pub auth_refresh_reuse_seconds: u32,
    /// How long a session lasts however much it is used, in seconds [default: for ever]
    #[arg(long, env = "WALKIE_AUTH_SESSION_SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub auth_session_seconds: Option<u32>,
    /// How long a session lasts that is not refreshed, in seconds [default: for ever]
    #[arg(long, env = "WALKIE_AUTH_INACTIVITY_SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub auth_inactivity_seconds: Option<u32>,
    /// Whether a sign-in ends the person's other sessions
    #[arg(long, env = "WALKIE_AUTH_SINGLE_SESSION", default_value_t = false, action = clap::ArgAction::Set)]
    pub auth_single_session: bool,
    /// Header with the caller's address, when a proxy stands before the server and sets it; the
    /// last address in it counts, the others anybody may claim [default: the peer's address]
    #[arg(long, env = "WALKIE_AUTH_ADDRESS_HEADER")]
    pub auth_address_header: Option<http::HeaderName>,
    /// Functions of yours that are asked.
    #[command(flatten)]
    pub hooks: HookSettings,
    /// Codes, links and letters.
    #[command(flatten)]
    pub letters: LetterSettings,
    /// What keeps machines and known passwords out.
    #[command(flatten)]
    pub guards: GuardSettings,
    /// Second factors and passkeys.
    #[command(flatten)]
    pub factors: FactorSettings,
    /// Providers that people sign in with.
    #[command(flatten)]
    pub providers: ProviderSettings,
    /// Companies whose own directory signs their people in.
    #[command(flatten)]
    pub single_sign_on: SingleSignOnSettings,
    /// Apps of others that act for people.
    #[command(flatten)]
    pub oauth_server: OAuthServerSettings,
}

/// Functions of the database that decide or do something when people sign in: each takes and
/// gives jsonb, and runs as `supabase_auth_admin` inside the transaction it is about.
#[derive(Debug, Clone, Default, Args)]
pub struct HookSettings {
    /// Function that changes the claims of each access token, as schema.name
    #[arg(long, env = "WALKIE_AUTH_HOOK_CUSTOM_ACCESS_TOKEN", value_parser = FunctionName::read)]
    pub auth_hook_custom_access_token: Option<FunctionName>,
    /// Function that may refuse a new account, as schema.name
    #[arg(long, env = "WALKIE_AUTH_HOOK_BEFORE_USER_CREATED", value_parser = FunctionName::read)]
    pub auth_hook_before_user_created: Option<FunctionName>,
    /// Function that hears of each password tried and may refuse it, as schema.name
    #[arg(long, env = "WALKIE_AUTH_HOOK_PASSWORD_VERIFICATION_ATTEMPT", value_parser = FunctionName::read)]
    pub auth_hook_password_verification_attempt: Option<FunctionName>,
    /// Function that hears of each code of a second factor and may refuse it, as schema.name
    #[arg(long, env = "WALKIE_AUTH_HOOK_MFA_VERIFICATION_ATTEMPT", value_parser = FunctionName::read)]
    pub auth_hook_mfa_verification_attempt: Option<FunctionName>,
    /// Function that sends e-mail in place of the server, as schema.name
    #[arg(long, env = "WALKIE_AUTH_HOOK_SEND_EMAIL", value_parser = FunctionName::read)]
    pub auth_hook_send_email: Option<FunctionName>,
    /// Function that sends texts to phones, as schema.name
    #[arg(long, env = "WALKIE_AUTH_HOOK_SEND_SMS", value_parser = FunctionName::read)]
    pub auth_hook_send_sms: Option<FunctionName>,
    /// Function that knows whose a name is that is no address, as schema.name
    #[arg(long, env = "WALKIE_AUTH_HOOK_SIGN_IN_NAME", value_parser = FunctionName::read)]
    pub auth_hook_sign_in_name: Option<FunctionName>,
    /// Function that gives what an anonymous person has to another account, as schema.name
    #[arg(long, env = "WALKIE_AUTH_HOOK_MERGE_USERS", value_parser = FunctionName::read)]
    pub auth_hook_merge_users: Option<FunctionName>,
}
