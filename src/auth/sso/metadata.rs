//! A directory's own description: its name, where people sign in, and the keys it signs with.

use url::Url;

use super::key::Key;
use super::xml::{self, METADATA, Node, SIGNATURE};
use crate::auth::Error;

const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";

/// Longest name of a directory (SAML core 8.3.6), in bytes.
const MAX_NAME_BYTES: usize = 1024;

/// Keys that a directory may have at once.
const MAX_KEYS: usize = 16;

/// A directory that signs people in.
#[derive(Debug)]
pub(super) struct Directory {
    pub entity_id: String,
    /// Where people are sent, if it takes requests in a URL.
    pub sign_in_url: Option<String>,
    pub keys: Vec<Key>,
}

impl Directory {
    /// Reads metadata: of one directory, or a list with one in it.
    ///
    /// # Errors
    /// It is not XML of that kind, or of no or of several directories; without a name or keys.
    pub(super) fn read(text: &str) -> Result<Self, Error> {
        let document = xml::parse(text)?;
        let root = xml::root(&document)?;
        let entity = entity(root)?;
        let entity_id = entity.attribute("entityID").unwrap_or_default().trim().to_owned();
        if entity_id.is_empty() {
            return Err(Error::Invalid("SAML Metadata does not contain an EntityID"));
        }
        if entity_id.len() > MAX_NAME_BYTES {
            return Err(Error::Invalid("The EntityID in the SAML Metadata is too long"));
        }
        let mut roles = entity.all(METADATA, "IDPSSODescriptor");
        let role = roles.next();
        let role =
            role.ok_or(Error::Invalid("SAML Metadata does not contain any IDPSSODescriptor"))?;
        if roles.next().is_some() {
            return Err(Error::Invalid("SAML Metadata contains multiple IDPSSODescriptors"));
        }
        let keys = keys(role)?;
        if keys.is_empty() {
            return Err(Error::Invalid(
                "SAML Metadata contains no certificate for signing that is understood: RSA of 2048 \
                 bits or more, P-256 or P-384",
            ));
        }
        Ok(Self { entity_id, sign_in_url: sign_in_url(role)?, keys })
    }

    /// The keys whose certificates count at this second.
    pub(super) fn keys_of(self, now: i64) -> Vec<Key> {
        self.keys.into_iter().filter(|key| key.is_of(now)).collect()
    }
}

/// The one descriptor of a directory.
fn entity<'d, 't>(root: Node<'d, 't>) -> Result<Node<'d, 't>, Error> {
    if root.is(METADATA, "EntityDescriptor") {
        return Ok(root);
    }
    let mut found = root
        .named(METADATA, "EntitiesDescriptor")
        .into_iter()
        .flat_map(|list| list.deep(METADATA, "EntityDescriptor"))
        .filter(|entity| entity.all(METADATA, "IDPSSODescriptor").next().is_some());
    let first = found.next();
    if found.next().is_some() {
        return Err(Error::Invalid("SAML Metadata describes several identity providers"));
    }
    first.ok_or(Error::Invalid("SAML Metadata does not contain any EntityDescriptor"))
}

fn keys(role: Node) -> Result<Vec<Key>, Error> {
    let mut keys = Vec::new();
    for descriptor in role.all(METADATA, "KeyDescriptor") {
        if descriptor.attribute("use").is_some_and(|usage| usage != "signing") {
            continue;
        }
        for certificate in descriptor.deep(SIGNATURE, "X509Certificate") {
            keys.extend(Key::of_certificate(&certificate.bytes()?));
        }
    }
    if keys.len() > MAX_KEYS {
        return Err(Error::Invalid("SAML Metadata contains too many certificates"));
    }
    Ok(keys)
}

/// Browsers are sent there, so it is a place on the web.
fn sign_in_url(role: Node) -> Result<Option<String>, Error> {
    let mut services = role.all(METADATA, "SingleSignOnService");
    let service = services.find(|service| service.attribute("Binding") == Some(REDIRECT));
    let Some(location) = service.and_then(|service| service.attribute("Location")) else {
        return Ok(None);
    };
    let url = Url::parse(location.trim()).ok();
    let url = url.filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    let url =
        url.ok_or(Error::Invalid("SAML Metadata contains a SingleSignOnService that is no URL"))?;
    Ok(Some(url.into()))
}
