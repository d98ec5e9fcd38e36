//! The text that a wallet signs, of Ethereum (EIP-4361) and of Solana: lines of fixed words with
//! the facts between them. Pure.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::{Host, Url};

use crate::config::Chain;

/// Longest statement that is kept, in bytes: it travels in every access token.
const MAX_STATEMENT_BYTES: usize = 1024;

/// What a line may begin with, besides the list of resources.
const FIELDS: [&str; 8] = [
    "URI",
    "Version",
    "Chain ID",
    "Nonce",
    "Issued At",
    "Expiration Time",
    "Not Before",
    "Request ID",
];

/// What a text says.
#[derive(Debug)]
pub(super) struct Message {
    /// Host, and port if it says one.
    pub domain: String,
    /// In the one spelling that its chain has, or lower case.
    pub address: String,
    pub statement: Option<String>,
    pub uri: Url,
    pub network: Option<String>,
    pub issued_at: OffsetDateTime,
    pub expires_at: Option<OffsetDateTime>,
    pub not_before: Option<OffsetDateTime>,
}

impl Message {
    /// Reads a text, or says what is wrong with it.
    pub(super) fn read(text: &str, chain: Chain) -> Result<Self, &'static str> {
        if text.contains('\r') {
            return Err("message must end its lines with a line feed alone");
        }
        let mut lines = text.split('\n').peekable();
        let first = lines.next().unwrap_or_default();
        let domain = domain(first, chain).ok_or("message does not begin with its domain")?;
        let address = address(lines.next().unwrap_or_default(), chain)
            .ok_or("message has no valid address in its second line")?;
        if lines.next() != Some("") {
            return Err("message has no empty line behind its address");
        }
        // Without a statement there is one empty line more in Ethereum's grammar, and none in Solana's.
        let is_statement = |line: &&str| !line.is_empty() && field(line).is_none();
        let statement = lines.next_if(is_statement);
        if lines.next_if_eq(&"").is_none() && statement.is_some() {
            return Err("message has no empty line behind its statement");
        }
        if statement.is_some_and(|statement| statement.len() > MAX_STATEMENT_BYTES) {
            return Err("message has a statement of more than 1024 bytes");
        }

        let mut values = [None; FIELDS.len()];
        while let Some((index, value)) = lines.peek().and_then(|line| field(line)) {
            if values[index].replace(value).is_some() {
                return Err("message says something twice");
            }
            lines.next();
        }
        if lines.next_if(|line| matches!(*line, "Resources:" | "Resources")).is_some() {
            while lines.next_if(|line| line.starts_with("- ")).is_some() {}
        }
        if lines.next().is_some() {
            return Err("message has a line that is not understood");
        }
        let [uri, version, network, nonce, issued_at, expires_at, not_before, _] = values;
        if version != Some("1") {
            return Err("message is not of version 1");
        }
        if nonce.is_some_and(|nonce| !is_nonce(nonce)) {
            return Err("message has a nonce of less than eight letters and digits");
        }
        let is_number = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        if chain == Chain::Ethereum && !network.is_some_and(is_number) {
            return Err("message has no valid chain id");
        }
        let time = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
        let optional_time = |text: Option<&str>| match text.map(time) {
            Some(None) => Err("message has a time that is not understood"),
            found => Ok(found.flatten()),
        };
        Ok(Self {
            domain: domain.to_owned(),
            address,
            statement: statement.map(str::to_owned),
            uri: uri.and_then(|uri| Url::parse(uri).ok()).ok_or("message has no valid URI")?,
            network: network.map(str::to_owned),
            issued_at: issued_at.and_then(time).ok_or("message does not say when it was issued")?,
            expires_at: optional_time(expires_at)?,
            not_before: optional_time(not_before)?,
        })
    }

    /// Whether it is meant for the machine it was written on.
    pub(super) fn is_local(&self) -> bool {
        match self.uri.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        }
    }

    /// Whether its domain is the one of its URI, port included.
    pub(super) fn is_of_domain(&self) -> bool {
        let home = Url::parse(&format!("{}://{}/", self.uri.scheme(), self.domain));
        home.is_ok_and(|home| home.origin() == self.uri.origin())
    }

    /// The wallet's name among all identities.
    pub(super) fn name(&self, chain: Chain) -> String {
        format!("web3:{}:{}", chain.name(), self.address)
    }

    /// What an identity keeps of it.
    pub(super) fn data(&self, chain: Chain) -> Value {
        json!({
            "sub": self.name(chain),
            "custom_claims": {
                "address": self.address,
                "chain": chain.name(),
                "network": self.network,
                "domain": self.domain,
                "statement": self.statement,
            },
        })
    }
}

/// The host before the fixed words of the first line; Ethereum allows a scheme in front of it.
fn domain(line: &str, chain: Chain) -> Option<&str> {
    let domain = match chain {
        Chain::Solana => line.strip_suffix(" wants you to sign in with your Solana account:")?,
        Chain::Ethereum => {
            let origin = line.strip_suffix(" wants you to sign in with your Ethereum account:")?;
            origin.split_once("://").map_or(origin, |(_, domain)| domain)
        }
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    (!domain.is_empty() && domain.len() <= 255 && domain.bytes().all(is_plain)).then_some(domain)
}

fn address(line: &str, chain: Chain) -> Option<String> {
    match chain {
        Chain::Solana => {
            let key = bs58::decode(line).into_vec().ok()?;
            (key.len() == 32).then(|| line.to_owned())
        }
        Chain::Ethereum => {
            let digits = line.strip_prefix("0x")?;
            let is_address = digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit());
            is_address.then(|| line.to_ascii_lowercase())
        }
    }
}

/// Which field a line is, and what it says.
fn field(line: &str) -> Option<(usize, &str)> {
    let (name, value) = line.split_once(": ")?;
    Some((FIELDS.iter().position(|field| *field == name)?, value))
}

fn is_nonce(nonce: &str) -> bool {
    nonce.len() >= 8 && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETHEREUM: &str = "app.example.com wants you to sign in with your Ethereum account:
0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266

Come in

URI: https://app.example.com/welcome
Version: 1
Chain ID: 1
Nonce: 32891756
Issued At: 2026-09-30T16:25:24Z
Resources:
- https://example.com/terms";

    const SOLANA: &str = "app.example.com wants you to sign in with your Solana account:
4Nd1mBQtrMJVYVfKf2PJy9NZUZdTAsp7D4xWLs4gDB4T

Version: 1
URI: https://app.example.com/
Issued At: 2026-09-30T16:25:24.123Z
Chain ID: mainnet";

    fn ethereum(from: &str, to: &str) -> Result<Message, &'static str> {
        assert!(ETHEREUM.contains(from), "{from}");
        Message::read(&ETHEREUM.replacen(from, to, 1), Chain::Ethereum)
    }

    #[test]
    fn texts_of_both_chains_are_understood() {
        let said = Message::read(ETHEREUM, Chain::Ethereum).unwrap();
        assert_eq!(
            said.name(Chain::Ethereum),
            "web3:ethereum:0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
        );
        assert_eq!(said.statement.as_deref(), Some("Come in"));
        assert!(said.is_of_domain() && !said.is_local());
        let said = Message::read(SOLANA, Chain::Solana).unwrap();
        assert_eq!((said.statement.as_deref(), said.network.as_deref()), (None, Some("mainnet")));
        assert!(ethereum("\nCome in\n", "\n").is_ok(), "no statement");
        assert!(ethereum("app.example.com wants", "https://app.example.com wants").is_ok());
        assert!(Message::read(SOLANA, Chain::Ethereum).is_err(), "each its own");
    }

    #[test]
    fn texts_that_are_not_as_they_should_be_are_refused() {
        for (from, to, why) in [
            (
                "app.example.com wants",
                "app.example.com/x wants",
                "message does not begin with its domain",
            ),
            (
                "app.example.com wants",
                "me@app.example.com wants",
                "message does not begin with its domain",
            ),
            ("Ethereum account:", "Ethereum account", "message does not begin with its domain"),
            ("0xF39F", "0xG39F", "message has no valid address in its second line"),
            ("0xF39F", "0xF39", "message has no valid address in its second line"),
            ("92266\n\n", "92266\n", "message has no empty line behind its address"),
            ("Come in\n\n", "Come in\n", "message has no empty line behind its statement"),
            ("URI: https://app.example.com/welcome", "URI: /welcome", "message has no valid URI"),
            ("URI: https://app.example.com/welcome\n", "", "message has no valid URI"),
            ("Version: 1", "Version: 2", "message is not of version 1"),
            ("Chain ID: 1", "Chain ID: one", "message has no valid chain id"),
            (
                "Nonce: 32891756",
                "Nonce: 3289",
                "message has a nonce of less than eight letters and digits",
            ),
            ("Issued At: 2026-09-30T16:25:24Z\n", "", "message does not say when it was issued"),
            (
                "Resources:",
                "Not Before: later\nResources:",
                "message has a time that is not understood",
            ),
            ("Version: 1", "Version: 1\nVersion: 1", "message says something twice"),
            (
                "- https://example.com/terms",
                "and more",
                "message has a line that is not understood",
            ),
            ("Come in", "Come\rin", "message must end its lines with a line feed alone"),
        ] {
            assert_eq!(ethereum(from, to).unwrap_err(), why, "{from}");
        }
    }

    #[test]
    fn domain_is_compared_with_its_port() {
        let of_domain =
            |uri: &str| ethereum("https://app.example.com/welcome", uri).unwrap().is_of_domain();
        assert!(of_domain("https://app.example.com:443/"));
        assert!(!of_domain("https://app.example.com:8443/"));
        assert!(!of_domain("https://evil.example/app.example.com"));
    }
}
