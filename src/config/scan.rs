//! Looking for viruses: who does it.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

/// Looking for viruses in files.
#[derive(Debug, Clone, Args)]
pub struct ScanSettings {
    /// clamd that looks at files, as host:port or as the path of its socket; once a server had
    /// one, files wait for it [default: nothing looks]
    #[arg(long, env = "WALKIE_CLAMD")]
    pub clamd: Option<ClamdAddress>,
    /// Most bytes of a file that clamd is asked about; keep it at clamd's StreamMaxLength, since
    /// what is larger is never given to others
    #[arg(long, env = "WALKIE_CLAMD_MAX_BYTES", default_value_t = 25 * 1024 * 1024)]
    pub clamd_max_bytes: u64,
    /// How long looking at one file may take, in seconds
    #[arg(long, env = "WALKIE_CLAMD_TIMEOUT_SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub clamd_timeout_seconds: u64,
}

/// Where clamd listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClamdAddress {
    /// `host:port`.
    Tcp(String),
    /// A socket of this machine.
    Unix(PathBuf),
}

impl FromStr for ClamdAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with('/') {
            return Ok(Self::Unix(text.into()));
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                Ok(Self::Tcp(text.to_owned()))
            }
            _ => Err("neither host:port nor the path of a socket"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clamd_is_somewhere_on_the_net_or_here() {
        let unix = ClamdAddress::Unix("/run/clamav/clamd.ctl".into());
        assert_eq!("/run/clamav/clamd.ctl".parse(), Ok(unix));
        assert_eq!("[::1]:3310".parse(), Ok(ClamdAddress::Tcp("[::1]:3310".to_owned())));
        for wrong in ["clamd", ":3310", "clamd:", "clamd:99999", ""] {
            assert!(wrong.parse::<ClamdAddress>().is_err(), "{wrong}");
        }
    }
}
