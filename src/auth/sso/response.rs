//! A response: the message that brings an assertion. What is signed is told apart from the rest,
//! and only that is believed.
//!
//! A forger who has one honest response can wrap it in another, so that the signature is found
//! good at one place and the words are read at another. Here there is one assertion in the whole
//! message, signatures stand where they sign, and the words are read out of the bytes that were
//! signed.

use super::assertion::Assertion;
use super::cipher;
use super::key::Key;
use super::party::Party;
use super::signature::{refused, signed_text};
use super::xml::{self, ASSERTION, Node, PROTOCOL, SIGNATURE};
use crate::auth::Error;

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";

/// Longest word of a status that is passed on, in letters.
const MAX_STATUS: usize = 100;

/// An assertion that a directory has signed, and how it came.
#[derive(Debug)]
pub(super) struct Response {
    pub assertion: Assertion,
    pub destination: Option<String>,
    pub in_response_to: Option<String>,
    pub issuer: Option<String>,
    /// Whether the three above are signed too. Where they are not, they can only refuse.
    pub is_signed: bool,
}

/// Who says to have written a message. Believe it only once [`Response::read`] does.
///
/// # Errors
/// It is no response, or does not say.
pub(super) fn claimed_issuer(text: &str) -> Result<String, Error> {
    let document = xml::parse_message(text)?;
    let root = response(&document)?;
    let issuer = match root.one(ASSERTION, "Issuer")? {
        Some(issuer) => Some(issuer),
        None => match root.one(ASSERTION, "Assertion")? {
            Some(assertion) => assertion.one(ASSERTION, "Issuer")?,
            None => None,
        },
    };
    issuer.ok_or(Error::Invalid("The SAML response does not tell its Issuer"))?.text()
}

impl Response {
    /// Reads a message that one of the keys has signed, in whole or at least the assertion.
    ///
    /// # Errors
    /// It is not of the form that SAML has, says that the sign-in failed, or a signature is
    /// missing or wrong.
    pub(super) fn read(text: &str, keys: &[Key], party: &Party) -> Result<Self, Error> {
        let document = xml::parse_message(text)?;
        let root = response(&document)?;
        check_status(root)?;
        let assertion = root.one(ASSERTION, "Assertion")?;
        check_places(root, assertion)?;

        // Both are looked at in the message as it came: what is canonical of the one may lack
        // prefixes that the other was signed with.
        let whole = signed_text(root, keys)?;
        let part = match assertion {
            Some(assertion) => signed_text(assertion, keys)?,
            None => None,
        };
        let head = xml::parse_message(whole.as_deref().unwrap_or(text))?;
        let head = response(&head)?;
        check_status(head)?;
        let assertion = match (&part, &whole) {
            (Some(signed), _) => {
                let document = xml::parse_message(signed)?;
                Assertion::read(assertion_of(xml::root(&document)?)?)?
            }
            (None, Some(_)) => match head.one(ASSERTION, "Assertion")? {
                Some(assertion) => Assertion::read(assertion)?,
                None => encrypted(head, keys, party)?,
            },
            (None, None) => return Err(refused("there is none")),
        };
        let attribute = |name: &str| head.attribute(name).map(str::to_owned);
        Ok(Self {
            assertion,
            destination: attribute("Destination"),
            in_response_to: attribute("InResponseTo"),
            issuer: head.one(ASSERTION, "Issuer")?.map(Node::text).transpose()?,
            is_signed: whole.is_some(),
        })
    }
}

fn response<'d, 't>(document: &'d uppsala::Document<'t>) -> Result<Node<'d, 't>, Error> {
    let root = xml::root(document)?.named(PROTOCOL, "Response");
    let root = root.filter(|root| root.attribute("Version") == Some("2.0"));
    root.ok_or(Error::Invalid("This is no response of SAML 2.0"))
}

fn assertion_of<'d, 't>(node: Node<'d, 't>) -> Result<Node<'d, 't>, Error> {
    node.named(ASSERTION, "Assertion").ok_or(Error::Invalid("This is no assertion of SAML 2.0"))
}

/// There is one assertion, and signatures stand only right within what they sign.
fn check_places(root: Node, assertion: Option<Node>) -> Result<(), Error> {
    let open = root.deep(ASSERTION, "Assertion").len();
    let sealed = root.deep(ASSERTION, "EncryptedAssertion").len();
    let is_one = match assertion {
        Some(_) => (open, sealed) == (1, 0),
        None => open == 0 && sealed == 1,
    };
    if !is_one || !root.deep(PROTOCOL, "Response").is_empty() {
        return Err(Error::Invalid("The SAML response does not hold exactly one assertion"));
    }
    check_signatures(root, [Some(root), assertion])
}

/// Signatures stand only right within these elements.
fn check_signatures(root: Node, signed: [Option<Node>; 2]) -> Result<(), Error> {
    let places: Vec<_> = signed.iter().flatten().map(|node| node.id).collect();
    let is_displaced = |signature: Node| {
        signature.document.parent(signature.id).is_none_or(|parent| !places.contains(&parent))
    };
    if root.deep(SIGNATURE, "Signature").into_iter().any(is_displaced) {
        return Err(refused("it stands where none belongs"));
    }
    Ok(())
}

/// An assertion that was encrypted. Only in a response that is signed as a whole: whoever could
/// make this server open what they wrote themselves could learn what others' words say.
fn encrypted(response: Node, keys: &[Key], party: &Party) -> Result<Assertion, Error> {
    if !party.allows_encryption {
        return Err(Error::Invalid("This server does not take encrypted SAML assertions"));
    }
    let missing = Error::Invalid("The SAML response does not hold exactly one assertion");
    let sealed = response.one(ASSERTION, "EncryptedAssertion")?.ok_or(missing)?;
    let text = cipher::open(sealed, party)?;
    let document = xml::parse_message(&text)?;
    let assertion = assertion_of(xml::root(&document)?)?;
    check_signatures(assertion, [Some(assertion), None])?;
    match signed_text(assertion, keys)? {
        Some(signed) => {
            let document = xml::parse_message(&signed)?;
            Assertion::read(assertion_of(xml::root(&document)?)?)
        }
        None => Assertion::read(assertion),
    }
}

/// Whether the person has signed in at their directory.
fn check_status(root: Node) -> Result<(), Error> {
    let code = match root.one(PROTOCOL, "Status")? {
        Some(status) => status.one(PROTOCOL, "StatusCode")?,
        None => None,
    };
    let code = code.ok_or(Error::Invalid("The SAML response tells no status"))?;
    if code.attribute("Value") == Some(SUCCESS) {
        return Ok(());
    }
    // The inner one says why, the outer one whose fault it is.
    let inner = code.one(PROTOCOL, "StatusCode")?.unwrap_or(code);
    let told = inner.attribute("Value").unwrap_or_default();
    let word = told.rsplit(':').next().unwrap_or_default();
    let word: String = word.chars().filter(char::is_ascii_alphanumeric).take(MAX_STATUS).collect();
    Err(Error::ProviderSaid {
        name: "access_denied".to_owned(),
        description: format!("The identity provider did not sign the person in: {word}"),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::auth::sso::metadata::Directory;
    use crate::config::SingleSignOnSettings;

    /// A message of the form that directories send, signed by nobody.
    const MESSAGE: &str = r##"<p:Response xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r" Version="2.0"><a:Issuer>https://id</a:Issuer><p:Status><p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></p:Status><a:Assertion ID="_a" Version="2.0"><a:Issuer>https://id</a:Issuer><d:Signature xmlns:d="http://www.w3.org/2000/09/xmldsig#"><d:SignedInfo><d:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><d:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><d:Reference URI="#_a"><d:Transforms><d:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><d:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></d:Transforms><d:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><d:DigestValue>AAAA</d:DigestValue></d:Reference></d:SignedInfo><d:SignatureValue>AAAA</d:SignatureValue></d:Signature><a:Subject><a:NameID>x</a:NameID></a:Subject><a:Conditions NotBefore="2026-01-01T00:00:00Z"/></a:Assertion></p:Response>"##;

    fn party() -> Party {
        let settings = SingleSignOnSettings {
            auth_saml_enabled: true,
            auth_saml_private_key: Some(include_str!("../../../tests/keys/saml.pem").to_owned()),
            auth_saml_private_key_next: None,
            auth_saml_allow_encrypted_assertions: true,
            auth_saml_relay_state_seconds: 120,
            auth_saml_external_url: None,
        };
        Party::new(&settings, "https://api.example.com/auth/v1").unwrap().unwrap()
    }

    fn keys() -> Vec<Key> {
        let pem = include_str!("../../../tests/keys/rsa.crt");
        let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        Key::of_certificate(&xml::decode(&text).unwrap()).into_iter().collect()
    }

    /// Puts something into the message, or takes something out.
    fn changed(at: usize, taken: usize, put: &str) -> String {
        let letters: Vec<char> = MESSAGE.chars().collect();
        let at = at % letters.len();
        let rest = letters.iter().skip(at + taken);
        letters.iter().take(at).copied().chain(put.chars()).chain(rest.copied()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

        #[test]
        fn nothing_that_is_read_brings_the_reader_down(
            text in any::<String>(),
            at in any::<usize>(),
            taken in 0_usize..200,
            put in "[<>/&;:=\"' a-zA-Z0-9!\\-\\[\\]\u{0}\u{fffd}]{0,20}",
        ) {
            let (party, keys) = (party(), keys());
            for text in [text, changed(at, taken, &put)] {
                prop_assert!(Response::read(&text, &keys, &party).is_err());
                let _: Result<String, Error> = claimed_issuer(&text);
                let _: Result<Directory, Error> = Directory::read(&text);
            }
        }
    }
}
