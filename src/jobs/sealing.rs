//! What is said to a browser, sealed so that only it can read it (RFC 8291). Pure.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};
use hmac::{Hmac, Mac};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::{PublicKey, SecretKey, ecdh};
use sha2::Sha256;

/// What push services take at most, in bytes, head and seal included.
pub(super) const MAX_SEALED_BYTES: usize = 4096;

/// Salt, record size, length of the key, key; then a seal and a mark behind the text.
const OVERHEAD: usize = 16 + 4 + 1 + 65 + 16 + 1;

/// The browser's keys.
pub(super) struct Browser {
    pub key: PublicKey,
    pub secret: [u8; 16],
}

impl Browser {
    /// Reads the keys as a browser gives them, decoded from base64url.
    pub(super) fn read(key: &[u8], secret: &[u8]) -> Option<Self> {
        let key = PublicKey::from_sec1_bytes(key).ok()?;
        Some(Self { key, secret: secret.try_into().ok()? })
    }
}

/// Seals a text with a key and a salt that are used once; nothing when it is too long.
pub(super) fn seal(
    text: &[u8],
    browser: &Browser,
    own: &SecretKey,
    salt: [u8; 16],
) -> Option<Vec<u8>> {
    if text.len() + OVERHEAD > MAX_SEALED_BYTES {
        return None;
    }
    let own_key = own.public_key().to_encoded_point(false);
    let browser_key = browser.key.to_encoded_point(false);
    let shared = ecdh::diffie_hellman(own.to_nonzero_scalar(), browser.key.as_affine());
    let first = mac(&browser.secret, &[shared.raw_secret_bytes().as_slice()]);
    let both = [b"WebPush: info\0", browser_key.as_bytes(), own_key.as_bytes(), &[1]];
    let second = mac(&salt, &[&mac(&first, &both)]);
    let key = mac(&second, &[b"Content-Encoding: aes128gcm\0\x01"]);
    let nonce = mac(&second, &[b"Content-Encoding: nonce\0\x01"]);

    let cipher = Aes128Gcm::new_from_slice(&key[..16]).ok()?;
    let nonce = Nonce::try_from(&nonce[..12]).ok()?;
    // The mark says that this record is the last.
    let sealed = cipher.encrypt(&nonce, [text, &[2]].concat().as_slice()).ok()?;
    let head = [&salt[..], &4096_u32.to_be_bytes(), &[65], own_key.as_bytes()].concat();
    Some([head, sealed].concat())
}

/// HMAC-SHA-256: both halves of HKDF are one of it when 32 bytes are enough.
fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key)
        .expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        BASE64.decode(text).unwrap()
    }

    fn browser() -> Browser {
        let key = bytes(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        );
        Browser::read(&key, &bytes("BTBZMqHH6r4Tts7J_aSIgg")).unwrap()
    }

    fn own() -> SecretKey {
        SecretKey::from_slice(&bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")).unwrap()
    }

    // RFC 8291, appendix A.
    #[test]
    fn seal_is_that_of_the_standards_example() {
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let text = b"When I grow up, I want to be a watermelon";
        let sealed = seal(text, &browser(), &own(), salt).unwrap();
        assert_eq!(
            BASE64.encode(sealed),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6\
             TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulc\
             y4a-fN",
        );
    }

    #[test]
    fn text_that_no_service_takes_is_not_sealed() {
        let fits = vec![b'x'; MAX_SEALED_BYTES - OVERHEAD];
        assert_eq!(seal(&fits, &browser(), &own(), [0; 16]).unwrap().len(), MAX_SEALED_BYTES);
        assert!(seal(&[fits, vec![b'x']].concat(), &browser(), &own(), [0; 16]).is_none());
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        assert!(Browser::read(&[4; 65], &[0; 16]).is_none());
        assert!(
            Browser::read(browser().key.to_encoded_point(false).as_bytes(), &[0; 15]).is_none()
        );
    }
}
