//! Web push: with which key browsers are woken.

use clap::Args;

/// How browsers are woken.
#[derive(Debug, Clone, Default, Args)]
pub struct PushSettings {
    /// Private key of web push (VAPID): 32 bytes in base64url, as `web-push generate-vapid-keys`
    /// prints it; without one browsers are not woken
    #[arg(long, env = "WALKIE_PUSH_KEY", hide_env_values = true)]
    pub push_key: Option<String>,
    /// Whom push services may write to when something is wrong: a mailto: or https: URL
    /// [default: the address in WALKIE_MAIL_FROM]
    #[arg(long, env = "WALKIE_PUSH_CONTACT")]
    pub push_contact: Option<String>,
    /// Hosts of push services that may be private or without TLS, separated by commas
    /// [dev: 127.0.0.1,localhost]
    #[arg(long, env = "WALKIE_PUSH_PRIVATE_HOSTS", value_delimiter = ',')]
    pub push_private_hosts: Vec<String>,
}
