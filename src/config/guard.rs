//! The Auth dialect: what keeps machines and known passwords out.

use clap::{Args, ValueEnum};

/// What keeps machines and known passwords out.
#[derive(Debug, Clone, Args)]
pub struct GuardSettings {
    /// Secret at the captcha service; without one nobody is asked to prove they are human
    #[arg(long, env = "WALKIE_AUTH_CAPTCHA_SECRET", hide_env_values = true)]
    pub auth_captcha_secret: Option<String>,
    /// Captcha service
    #[arg(long, env = "WALKIE_AUTH_CAPTCHA_PROVIDER", value_enum, default_value = "hcaptcha")]
    pub auth_captcha_provider: CaptchaProvider,
    /// Where the captcha service answers, if not at its own address
    #[arg(long, env = "WALKIE_AUTH_CAPTCHA_URL")]
    pub auth_captcha_url: Option<String>,
    /// Where leaked passwords are looked up by the first five digits of their hash, such as
    /// https://api.pwnedpasswords.com/range/ [default: nowhere]
    #[arg(long, env = "WALKIE_AUTH_LEAKED_PASSWORDS_URL")]
    pub auth_leaked_passwords_url: Option<String>,
    /// Whether passwords are refused while they cannot be looked up
    #[arg(long, env = "WALKIE_AUTH_LEAKED_PASSWORDS_FAIL_CLOSED", default_value_t = false, action = clap::ArgAction::Set)]
    pub auth_leaked_passwords_fail_closed: bool,
}

impl GuardSettings {
    /// URLs that the operator wrote here, whose hosts are meant.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        let urls = [&self.auth_captcha_url, &self.auth_leaked_passwords_url];
        urls.into_iter().filter_map(|url| url.as_deref())
    }
}

/// A service that tells people from machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CaptchaProvider {
    /// hCaptcha.
    Hcaptcha,
    /// Cloudflare Turnstile.
    Turnstile,
}
