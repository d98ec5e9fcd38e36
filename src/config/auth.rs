//! The Auth dialect: how people sign in.

use clap::Args;

/// How people sign in.
#[derive(Debug, Clone, Args)]
pub struct AuthSettings {
    /// Whether people may sign themselves up
    #[arg(long, env = "WALKIE_AUTH_SIGNUP_ENABLED", default_value_t = true, action = clap::ArgAction::Set)]
    pub auth_signup_enabled: bool,
    /// Shortest password, in characters
    #[arg(long, env = "WALKIE_AUTH_PASSWORD_MIN_LENGTH", default_value_t = 6)]
    pub auth_password_min_length: usize,
    /// How long an access token is valid, in seconds
    #[arg(long, env = "WALKIE_AUTH_TOKEN_SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..=604_800))]
    pub auth_token_seconds: u32,
    /// How long a refresh token that was just used may be used again, in seconds
    #[arg(long, env = "WALKIE_AUTH_REFRESH_REUSE_SECONDS", default_value_t = 10)]
    pub auth_refresh_reuse_seconds: u32,
}
