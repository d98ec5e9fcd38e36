//! Whether the key behind an address signed a text. Pure.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ed25519_dalek::VerifyingKey;
use k256::ecdsa::{RecoveryId, Signature};
use sha3::{Digest, Keccak256};

use crate::auth::Error;

/// Whether an address of Solana, which is the key itself, signed this text.
pub(super) fn is_of_solana(text: &str, signature: &str, address: &str) -> Result<bool, Error> {
    let plain = signature.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(plain).ok();
    let bytes: [u8; 64] = bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(Error::Invalid("signature must be 64 bytes encoded as base64"))?;
    let key = bs58::decode(address).into_vec().ok().and_then(|key| key.try_into().ok());
    let key = key.and_then(|key: [u8; 32]| VerifyingKey::from_bytes(&key).ok());
    let signature = ed25519_dalek::Signature::from_bytes(&bytes);
    Ok(key.is_some_and(|key| key.verify_strict(text.as_bytes(), &signature).is_ok()))
}

/// Whether an address of Ethereum, which is the end of its key's hash, signed this text as
/// wallets sign texts (ERC-191), so that none can be a payment.
pub(super) fn is_of_ethereum(text: &str, signature: &str, address: &str) -> Result<bool, Error> {
    let bytes = signature.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok());
    let bytes: [u8; 65] = bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(Error::Invalid("signature must be 65 bytes in hexadecimal behind 0x"))?;
    let [both @ .., v] = bytes;
    let digest = Keccak256::new()
        .chain_update("\x19Ethereum Signed Message:\n")
        .chain_update(text.len().to_string())
        .chain_update(text)
        .finalize();
    let key = Signature::from_slice(&both).ok().and_then(|signature| {
        let parity = RecoveryId::from_byte(v.checked_sub(27).unwrap_or(v))?;
        k256::ecdsa::VerifyingKey::recover_from_prehash(&digest, &signature, parity).ok()
    });
    Ok(key.is_some_and(|key| {
        let point = key.to_encoded_point(false);
        let hash = Keccak256::digest(&point.as_bytes()[1..]);
        format!("0x{}", hex::encode(&hash[12..])) == address
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the documentation of web3.js.
    const ADDRESS: &str = "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23";
    const SIGNATURE: &str = "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd\
                             6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c";

    #[test]
    fn signatures_of_other_programs_are_understood() {
        assert!(is_of_ethereum("Some data", SIGNATURE, ADDRESS).unwrap());
        assert!(!is_of_ethereum("Some other data", SIGNATURE, ADDRESS).unwrap());
        let other = ADDRESS.replace('2', "3");
        assert!(!is_of_ethereum("Some data", SIGNATURE, &other).unwrap());
    }

    #[test]
    fn signature_must_be_one() {
        for text in ["", "0x", "0x00", "f39f", &format!("0x{}", "zz".repeat(65))] {
            assert!(is_of_ethereum("text", text, ADDRESS).is_err(), "{text}");
        }
        for text in ["", "AAAA", "!", &"A".repeat(88)] {
            assert!(is_of_solana("text", text, ADDRESS).is_err(), "{text}");
        }
        for v in ["00", "1b", "1d", "ff"] {
            let zeros = format!("0x{}{v}", "00".repeat(64));
            assert!(!is_of_ethereum("text", &zeros, ADDRESS).unwrap(), "{v}");
            let ones = format!("0x{}{v}", "11".repeat(64));
            assert!(!is_of_ethereum("text", &ones, ADDRESS).unwrap(), "{v}");
        }
        assert!(!is_of_solana("text", &"A".repeat(86), &"1".repeat(32)).unwrap(), "a weak key");
    }
}
