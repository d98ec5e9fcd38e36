//! Public keys of directories, as their certificates tell them, and what they have signed.
//!
//! A certificate carries a key and its dates; nobody is asked who vouches for it, since an
//! operator did by adding the directory.

use ring::signature::{self as sig, UnparsedPublicKey, VerificationAlgorithm};
use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Encode};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ELLIPTIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// What an RSA key of 2048 bits takes at least; weaker ones would sign nothing that counts.
const MIN_RSA_BYTES: usize = 256;

/// A key that signs for a directory.
#[derive(Debug)]
pub(super) struct Key {
    kind: Kind,
    bytes: Vec<u8>,
    /// First and last second in which it counts, since 1970.
    dates: (i64, i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
}

impl Key {
    /// The key in a certificate, if it is of a kind that signs here.
    pub(super) fn of_certificate(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?.tbs_certificate;
        let info = &certificate.subject_public_key_info;
        let kind = match info.algorithm.oid {
            RSA => Kind::Rsa,
            ELLIPTIC => {
                let curve = info.algorithm.parameters.as_ref()?.to_der().ok()?;
                match ObjectIdentifier::from_der(&curve).ok()? {
                    P256 => Kind::P256,
                    P384 => Kind::P384,
                    _ => return None,
                }
            }
            _ => return None,
        };
        let bytes = info.subject_public_key.as_bytes()?.to_vec();
        if kind == Kind::Rsa && bytes.len() < MIN_RSA_BYTES {
            return None;
        }
        let second = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs());
        let validity = certificate.validity;
        let dates = (second(validity.not_before).ok()?, second(validity.not_after).ok()?);
        Some(Self { kind, bytes, dates })
    }

    /// Whether the certificate is in its time.
    pub(super) fn is_of(&self, now: i64) -> bool {
        (self.dates.0..=self.dates.1).contains(&now)
    }

    /// Whether this key has signed the bytes, by an algorithm of XML Signature. None with SHA-1
    /// counts, nor does an RSA key of less than 2048 bits.
    pub(super) fn has_signed(&self, algorithm: &str, bytes: &[u8], signature: &[u8]) -> bool {
        let Some(algorithm) = self.algorithm(algorithm) else { return false };
        UnparsedPublicKey::new(algorithm, &self.bytes).verify(bytes, signature).is_ok()
    }

    fn algorithm(&self, name: &str) -> Option<&'static dyn VerificationAlgorithm> {
        let name = name.strip_prefix("http://www.w3.org/2001/04/xmldsig-more#")?;
        Some(match (self.kind, name) {
            (Kind::Rsa, "rsa-sha256") => &sig::RSA_PKCS1_2048_8192_SHA256,
            (Kind::Rsa, "rsa-sha384") => &sig::RSA_PKCS1_2048_8192_SHA384,
            (Kind::Rsa, "rsa-sha512") => &sig::RSA_PKCS1_2048_8192_SHA512,
            (Kind::P256, "ecdsa-sha256") => &sig::ECDSA_P256_SHA256_FIXED,
            (Kind::P384, "ecdsa-sha384") => &sig::ECDSA_P384_SHA384_FIXED,
            _ => return None,
        })
    }
}
