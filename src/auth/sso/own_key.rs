//! The RSA key of this server, and the certificate that directories want it in.

use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::DecodePrivateKey;
use x509_cert::certificate::{Certificate, TbsCertificate, Version};
use x509_cert::der::asn1::{Any, BitString, ObjectIdentifier, UtcTime};
use x509_cert::der::{Encode, Error};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

use super::xml;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// The certificate must be the same whenever the server starts, so it has always been good, and
/// will be until the last second that certificates can write in two digits of a year: 2049.
const UNTIL: Duration = Duration::from_secs(2_524_607_999);

/// How this server signs, as XML Signature calls it.
pub(super) const ALGORITHM: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";

/// A key of this server.
pub(in crate::auth) struct OwnKey {
    signing: KeyPair,
    opening: RsaPrivateKey,
    /// As DER.
    certificate: Vec<u8>,
}

impl OwnKey {
    /// Reads a key: PKCS#1 or PKCS#8, as DER in base64 or as PEM. `host` stands in its certificate.
    ///
    /// # Errors
    /// It is no RSA key of 2048 to 4096 bits; in words without the key.
    pub(super) fn read(text: &str, host: &str) -> Result<Self, &'static str> {
        let key = if text.starts_with("-----") {
            let pkcs1 = RsaPrivateKey::from_pkcs1_pem(text).ok();
            pkcs1.or_else(|| RsaPrivateKey::from_pkcs8_pem(text).ok())
        } else {
            let der = xml::decode(text).ok_or("this is neither PEM nor base64")?;
            let pkcs1 = RsaPrivateKey::from_pkcs1_der(&der).ok();
            pkcs1.or_else(|| RsaPrivateKey::from_pkcs8_der(&der).ok())
        };
        let opening = key.ok_or("this is no RSA private key (PKCS#1 or PKCS#8)")?;
        let der = opening.to_pkcs1_der().map_err(|_| "this is no RSA private key")?;
        let signing = KeyPair::from_der(der.as_bytes())
            .map_err(|_| "this RSA key is of no use: it must have 2048 to 4096 bits")?;
        let public = opening.to_public_key().to_pkcs1_der();
        let public = public.map_err(|_| "this is no RSA private key")?;
        let certificate = certificate(&signing, public.as_bytes(), host);
        let certificate = certificate.map_err(|_| "no certificate can be made for this RSA key")?;
        Ok(Self { signing, opening, certificate })
    }

    /// Its certificate as DER.
    pub(super) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The half that opens what was encrypted for this server.
    pub(super) fn opening(&self) -> &RsaPrivateKey {
        &self.opening
    }

    /// A signature in base64, by [`ALGORITHM`].
    pub(super) fn sign(&self, text: &str) -> Option<String> {
        sign(&self.signing, text.as_bytes()).map(|signature| BASE64_STANDARD.encode(signature))
    }
}

fn sign(key: &KeyPair, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature).ok()?;
    Some(signature)
}

/// A certificate that a key gives itself. Directories look at nothing in it but the key.
fn certificate(key: &KeyPair, public: &[u8], host: &str) -> Result<Vec<u8>, Error> {
    let of = |oid| AlgorithmIdentifierOwned { oid, parameters: Some(Any::null()) };
    // Commas and the like mean something in a name.
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || ".-".contains(*letter);
    let host: String = host.chars().filter(is_plain).take(40).collect();
    let name = Name::from_str(&format!("CN=SAML 2.0 for {host}"))?;
    let tbs = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(&[1])?,
        signature: of(SHA256_WITH_RSA),
        issuer: name.clone(),
        validity: Validity {
            not_before: Time::UtcTime(UtcTime::from_unix_duration(Duration::ZERO)?),
            not_after: Time::UtcTime(UtcTime::from_unix_duration(UNTIL)?),
        },
        subject: name,
        subject_public_key_info: SubjectPublicKeyInfoOwned {
            algorithm: of(RSA),
            subject_public_key: BitString::from_bytes(public)?,
        },
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: None,
    };
    let signature = sign(key, &tbs.to_der()?).ok_or(x509_cert::der::ErrorKind::Failed)?;
    let whole = Certificate {
        tbs_certificate: tbs,
        signature_algorithm: of(SHA256_WITH_RSA),
        signature: BitString::from_bytes(&signature)?,
    };
    whole.to_der()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::sso::key::Key;

    #[test]
    fn certificate_is_always_the_same_and_vouches_for_itself() {
        let pem = include_str!("../../../tests/keys/rsa.pem");
        let key = OwnKey::read(pem, "api.example.com").unwrap();
        let again = OwnKey::read(pem, "api.example.com").unwrap();
        assert_eq!(key.certificate(), again.certificate());

        let public = Key::of_certificate(key.certificate()).unwrap();
        assert!(public.is_of(0) && public.is_of(crate::identity::unix_now()));
        let signature = xml::decode(&key.sign("text").unwrap()).unwrap();
        assert!(public.has_signed(ALGORITHM, b"text", &signature));
        assert!(!public.has_signed(ALGORITHM, b"other", &signature));
        assert!(!public.has_signed(
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            b"text",
            &signature
        ));
    }

    #[test]
    fn what_is_no_strong_rsa_key_is_refused_in_words_without_it() {
        let elliptic = include_str!("../../../tests/keys/p256.pem");
        for text in ["", "hunter2!", "aHVudGVyMg==", elliptic] {
            let why = OwnKey::read(text, "x").err().unwrap();
            assert!(!why.contains("hunter") && !why.is_empty());
        }
    }
}
