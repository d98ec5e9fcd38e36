//! Assertions that were encrypted for this server: RSA-OAEP around a key of AES-GCM.
//!
//! Older ways (PKCS#1 v1.5, CBC) tell whoever may ask often enough what is inside, and are not
//! understood.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm, Nonce};
use rsa::{Oaep, RsaPrivateKey};
use sha1_of_rsa::Sha1;

use super::own_key::OwnKey;
use super::party::Party;
use super::xml::{Node, SIGNATURE};
use crate::auth::Error;

const ENCRYPTION: &str = "http://www.w3.org/2001/04/xmlenc#";
const ENCRYPTION_11: &str = "http://www.w3.org/2009/xmlenc11#";

/// Bytes before and after what AES-GCM keeps: its nonce and its tag.
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// The text of an encrypted assertion.
///
/// # Errors
/// It is not of this form, or not for a key of this server.
pub(super) fn open(sealed: Node, party: &Party) -> Result<String, Error> {
    let data = sealed.one(ENCRYPTION, "EncryptedData")?.ok_or(UNREADABLE)?;
    let key = session_key(sealed, party)?;
    let bytes = cipher_value(data)?;
    if bytes.len() < NONCE_BYTES + TAG_BYTES {
        return Err(UNREADABLE);
    }
    let (nonce, bytes) = bytes.split_at(NONCE_BYTES);
    let nonce = Nonce::try_from(nonce).map_err(|_| UNREADABLE)?;
    let method = method(data)?.strip_prefix(ENCRYPTION_11);
    let opened = match (method, key.len()) {
        (Some("aes128-gcm"), 16) => {
            let cipher = Aes128Gcm::new_from_slice(&key).map_err(|_| UNREADABLE)?;
            cipher.decrypt(&nonce, bytes)
        }
        (Some("aes256-gcm"), 32) => {
            let cipher = Aes256Gcm::new_from_slice(&key).map_err(|_| UNREADABLE)?;
            cipher.decrypt(&nonce, bytes)
        }
        _ => return Err(UNREADABLE),
    };
    String::from_utf8(opened.map_err(|_| UNREADABLE)?).map_err(|_| UNREADABLE)
}

/// The key within, which stands beside the data or in it, for one of the keys of this server.
fn session_key(sealed: Node, party: &Party) -> Result<Vec<u8>, Error> {
    let keys = sealed.deep(ENCRYPTION, "EncryptedKey");
    let [wrapped] = keys.as_slice() else { return Err(UNREADABLE) };
    let bytes = cipher_value(*wrapped)?;
    let padding = padding(*wrapped)?;
    let open = |key: &OwnKey| unwrap(key.opening(), padding, &bytes);
    party.keys().find_map(open).ok_or(UNREADABLE)
}

/// The digests of OAEP: of its label, and of its mask.
type Padding = (Hash, Hash);

#[derive(Debug, Clone, Copy)]
enum Hash {
    Sha1,
    Sha256,
}

/// As an element names it. SHA-1 is what is meant where nothing is said, and safe here.
fn padding(wrapped: Node) -> Result<Padding, Error> {
    let named = wrapped.one(ENCRYPTION, "EncryptionMethod")?.ok_or(UNREADABLE)?;
    let digest = named.one(SIGNATURE, "DigestMethod")?;
    let label = match digest.and_then(|digest| digest.attribute("Algorithm")) {
        None | Some("http://www.w3.org/2000/09/xmldsig#sha1") => Hash::Sha1,
        Some("http://www.w3.org/2001/04/xmlenc#sha256") => Hash::Sha256,
        Some(_) => return Err(UNREADABLE),
    };
    let mask = match named.one(ENCRYPTION_11, "MGF")?.and_then(|mask| mask.attribute("Algorithm")) {
        None | Some("http://www.w3.org/2009/xmlenc11#mgf1sha1") => Hash::Sha1,
        Some("http://www.w3.org/2009/xmlenc11#mgf1sha256") => Hash::Sha256,
        Some(_) => return Err(UNREADABLE),
    };
    match method(wrapped)? {
        "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p" => Ok((label, Hash::Sha1)),
        "http://www.w3.org/2009/xmlenc11#rsa-oaep" => Ok((label, mask)),
        _ => Err(UNREADABLE),
    }
}

/// Blinded, so that the time it takes tells nothing.
fn unwrap(key: &RsaPrivateKey, padding: Padding, bytes: &[u8]) -> Option<Vec<u8>> {
    use rsa::sha2::Sha256;
    let padding = match padding {
        (Hash::Sha1, Hash::Sha1) => Oaep::new::<Sha1>(),
        (Hash::Sha1, Hash::Sha256) => Oaep::new_with_mgf_hash::<Sha1, Sha256>(),
        (Hash::Sha256, Hash::Sha1) => Oaep::new_with_mgf_hash::<Sha256, Sha1>(),
        (Hash::Sha256, Hash::Sha256) => Oaep::new::<Sha256>(),
    };
    key.decrypt_blinded(&mut rsa::rand_core::OsRng, padding, bytes).ok()
}

fn method<'d>(node: Node<'d, '_>) -> Result<&'d str, Error> {
    let method = node.one(ENCRYPTION, "EncryptionMethod")?;
    method.and_then(|method| method.attribute("Algorithm")).ok_or(UNREADABLE)
}

fn cipher_value(node: Node) -> Result<Vec<u8>, Error> {
    let data = node.one(ENCRYPTION, "CipherData")?.ok_or(UNREADABLE)?;
    data.one(ENCRYPTION, "CipherValue")?.ok_or(UNREADABLE)?.bytes()
}

/// One word for whatever is wrong: others would tell what is inside.
const UNREADABLE: Error = Error::Invalid("The encrypted SAML assertion cannot be opened");
