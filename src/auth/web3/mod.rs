//! POST /token with grant_type=web3: whoever holds the key of a wallet signs a text that says so.
//!
//! Reading order: the grant (here), what the text says (`message`), and whether it was signed
//! (`signature`). Contracts that stand for wallets (EIP-1271) would have to be asked on their
//! chain; they are not known.

mod message;
mod signature;

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::request::Device;
use super::session::Session;
use super::signup::AUTHENTICATED;
use super::store::identity::{self, NewIdentity};
use super::store::{self, NewUser, Proof};
use super::{Auth, Error};
use crate::config::Chain;
use crate::pg::Transaction;
use message::Message;

/// As identities and metadata call it.
const PROVIDER: &str = "web3";

/// How far from now a text may have been written, before and after.
const VALIDITY: Duration = Duration::minutes(10);

/// Shortest and longest text that is looked at, in bytes.
const SIZES: std::ops::RangeInclusive<usize> = 64..=20 * 1024;

/// What the wallet signed.
#[derive(Deserialize)]
pub(super) struct Asked {
    chain: Option<String>,
    message: Option<String>,
    signature: Option<String>,
}

/// A session for a signed text.
pub(super) async fn by_wallet(
    auth: &Auth,
    asked: Asked,
    device: &Device,
) -> Result<Session, Error> {
    let chains = &auth.settings.providers.auth_web3_chains;
    if chains.is_empty() {
        return Err(Error::Web3Disabled("Web3 provider is disabled"));
    }
    let chain = match asked.chain.as_deref().unwrap_or_default() {
        "solana" => Chain::Solana,
        "ethereum" => Chain::Ethereum,
        _ => return Err(Error::Web3Chain),
    };
    if !chains.contains(&chain) {
        return Err(Error::Web3Disabled(match chain {
            Chain::Solana => "Solana Web3 provider is disabled",
            Chain::Ethereum => "Ethereum Web3 provider is disabled",
        }));
    }
    let text = asked.message.unwrap_or_default();
    if !SIZES.contains(&text.len()) {
        return Err(Error::Invalid("message must have 64 bytes at least and 20 KB at most"));
    }
    let said = Message::read(&text, chain).map_err(Error::Invalid)?;
    let is_signed = match chain {
        Chain::Solana => signature::is_of_solana,
        Chain::Ethereum => signature::is_of_ethereum,
    };
    if !is_signed(&text, &asked.signature.unwrap_or_default(), &said.address)? {
        return Err(Error::InvalidGrant("Signature does not match address in message"));
    }
    auth.check_place(&said)?;
    check_time(&said, OffsetDateTime::now_utc())?;

    let digest = hex::encode(Sha256::digest(&text));
    let name = said.name(chain);
    let work = async |tx: &Transaction| {
        if !store::is_first_use(tx, &digest).await? {
            return Err(Error::InvalidGrant("Signed message was used before"));
        }
        let user_id = auth.holder(tx, &name, said.data(chain), device).await?;
        let proof = Proof { method: PROVIDER, password_hash: None };
        auth.sign_in(tx, user_id, &proof, device).await?.ok_or(Error::CallerGone)
    };
    match auth.store.transaction(work).await {
        // Somebody with the same wallet came in at the same moment.
        Err(Error::IdentityExists(_)) => auth.store.transaction(work).await,
        outcome => outcome,
    }
}

impl Auth {
    /// The text must be meant for an app of ours: one that wallets show to their owners is no use
    /// to another site.
    fn check_place(&self, said: &Message) -> Result<(), Error> {
        let is_local = said.is_local();
        if !(said.uri.scheme() == "https" || is_local && said.uri.scheme() == "http") {
            return Err(Error::InvalidGrant("Signed message is using URI without https"));
        }
        if !self.redirects.allows(said.uri.as_str()) {
            return Err(Error::InvalidGrant(
                "Signed message is using URI which is not allowed on this server, message was signed for another app",
            ));
        }
        let home = format!("{}://{}/", said.uri.scheme(), said.domain);
        if !said.is_of_domain() || !self.redirects.allows(&home) {
            return Err(Error::InvalidGrant(
                "Signed message is using a Domain that does not match the one in URI which is not allowed on this server",
            ));
        }
        Ok(())
    }

    /// The account of a wallet; a new one when nobody knew it.
    async fn holder(
        &self,
        tx: &Transaction,
        name: &str,
        data: Value,
        device: &Device,
    ) -> Result<Uuid, Error> {
        let new = NewIdentity { provider: PROVIDER, provider_id: name, data: data.clone() };
        if let Some(user_id) = identity::owner(tx, &new).await? {
            identity::refresh(tx, &new).await?;
            let user = store::find(tx, user_id).await?.ok_or(Error::CallerGone)?;
            return if user.is_banned { Err(Error::CallerBanned) } else { Ok(user_id) };
        }
        if !self.settings.auth_signup_enabled {
            return Err(Error::SignupDisabled);
        }
        let id = Uuid::new_v4();
        let user = NewUser {
            id,
            email: None,
            phone: None,
            password_hash: None,
            aud: AUTHENTICATED,
            role: AUTHENTICATED,
            app_metadata: json!({ "provider": PROVIDER, "providers": [PROVIDER] }),
            user_metadata: data,
            identity: Some(new),
        };
        self.create(tx, &user, device).await?;
        Ok(id)
    }
}

fn check_time(said: &Message, now: OffsetDateTime) -> Result<(), Error> {
    if said.not_before.is_some_and(|from| now < from) {
        return Err(Error::InvalidGrant("Signed message becomes valid in the future"));
    }
    if said.expires_at.is_some_and(|until| now > until) {
        return Err(Error::InvalidGrant("Signed message is expired"));
    }
    let age = now - said.issued_at;
    if age > VALIDITY {
        return Err(Error::InvalidGrant("Signed message was issued too long ago"));
    }
    if age < -VALIDITY {
        return Err(Error::InvalidGrant("Signed message was issued too far in the future"));
    }
    Ok(())
}
