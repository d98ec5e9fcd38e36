//! The edge: where the server listens, what requests may ask and take.

use std::net::IpAddr;

use clap::Args;

/// Where and how the server listens.
#[derive(Debug, Clone, Args)]
pub struct HttpSettings {
    /// Address to listen on
    #[arg(long, env = "WALKIE_HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port to listen on
    #[arg(long, env = "WALKIE_PORT", default_value_t = 54321)]
    pub port: u16,
    /// URL under which clients reach the server; the issuer of its tokens
    /// [default: http://HOST:PORT]
    #[arg(long, env = "WALKIE_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// What requests may ask and take.
    #[command(flatten)]
    pub limits: LimitSettings,
}

/// What requests may ask and take.
#[derive(Debug, Clone, Args)]
pub struct LimitSettings {
    /// Origins browsers may call from, separated by commas
    #[arg(long, env = "WALKIE_CORS_ORIGINS", default_value = "*", value_delimiter = ',')]
    pub cors_origins: Vec<String>,
    /// Largest request body, in bytes
    #[arg(long, env = "WALKIE_MAX_BODY_BYTES", default_value_t = 10 * 1024 * 1024)]
    pub max_body_bytes: usize,
    /// Longest a request may take, in seconds
    #[arg(long, env = "WALKIE_REQUEST_TIMEOUT_SECONDS", default_value_t = 30)]
    pub request_timeout_seconds: u64,
    /// How long a shutdown waits for what does not end by itself, in seconds: for sockets that
    /// were told to close, and then for requests
    #[arg(long, env = "WALKIE_DRAIN_SECONDS", default_value_t = 10)]
    pub drain_seconds: u64,
}

impl HttpSettings {
    /// Whether only this machine reaches the server, as far as it knows.
    pub fn is_local(&self) -> bool {
        let is_own = |url: &String| {
            let url = url::Url::parse(url).ok();
            url.as_ref().and_then(url::Url::host_str).is_some_and(|host| {
                host == "localhost" || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback())
            })
        };
        self.host.is_loopback() && self.public_url.as_ref().is_none_or(is_own)
    }

    /// URL under which clients reach the server, without a slash at its end.
    pub fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}:{}", self.host, self.port),
        }
    }
}
