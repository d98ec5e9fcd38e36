//! This server as directories see it: its name, its keys, and the metadata that tells both.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use uppsala::XmlWriter;
use url::Url;

use super::own_key::OwnKey;
use super::xml::{METADATA, PROTOCOL, SIGNATURE};
use crate::auth::request::Parameters;
use crate::auth::{Auth, Error};
use crate::config::SingleSignOnSettings;

/// Where responses are posted.
const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";

/// How directories may name people, the most wanted first.
pub(super) const NAME_FORMATS: [&str; 4] = [
    "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
    "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
];

/// Ways to encrypt an assertion that are understood.
const CIPHERS: [&str; 2] =
    ["http://www.w3.org/2009/xmlenc11#aes128-gcm", "http://www.w3.org/2009/xmlenc11#aes256-gcm"];

/// This server as a party of SAML.
pub(in crate::auth) struct Party {
    pub key: OwnKey,
    next: Option<OwnKey>,
    /// Where the dialect is reached, as directories know it.
    url: String,
    pub allows_encryption: bool,
    pub away_seconds: u32,
}

impl Party {
    /// As the settings say, if SAML is on. `issuer` is where the dialect is reached.
    ///
    /// # Errors
    /// A key is missing or of no use; what is wrong with it.
    pub(in crate::auth) fn new(
        settings: &SingleSignOnSettings,
        issuer: &str,
    ) -> Result<Option<Self>, String> {
        if !settings.auth_saml_enabled {
            return Ok(None);
        }
        let url = settings.auth_saml_external_url.as_deref().unwrap_or(issuer);
        let url = url.trim().trim_end_matches('/').to_owned();
        let parsed = Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        let parsed = parsed.ok_or(format!("WALKIE_AUTH_SAML_EXTERNAL_URL is no URL: {url}"))?;
        let host = parsed.host_str().unwrap_or_default();
        let read = |name: &str, key: &Option<String>| {
            let key = key.as_deref().map(str::trim).filter(|key| !key.is_empty());
            let read = |text| OwnKey::read(text, host).map_err(|why| format!("{name}: {why}"));
            key.map(read).transpose()
        };
        let key = read("WALKIE_AUTH_SAML_PRIVATE_KEY", &settings.auth_saml_private_key)?;
        let key = key.ok_or("WALKIE_AUTH_SAML_PRIVATE_KEY is missing, which SAML needs")?;
        let next = read("WALKIE_AUTH_SAML_PRIVATE_KEY_NEXT", &settings.auth_saml_private_key_next)?;
        Ok(Some(Self {
            key,
            next,
            url,
            allows_encryption: settings.auth_saml_allow_encrypted_assertions,
            away_seconds: settings.auth_saml_relay_state_seconds,
        }))
    }

    /// The name that directories know this server by, which is where its metadata are.
    pub(super) fn entity_id(&self) -> String {
        format!("{}/sso/saml/metadata", self.url)
    }

    /// Where directories send people with a response.
    pub(super) fn consumer_url(&self) -> String {
        format!("{}/sso/saml/acs", self.url)
    }

    /// Whether a key waits to take the place of the present one.
    pub(in crate::auth) fn has_next_key(&self) -> bool {
        self.next.is_some()
    }

    /// The keys that may open what is encrypted for this server.
    pub(super) fn keys(&self) -> impl Iterator<Item = &OwnKey> {
        std::iter::once(&self.key).chain(&self.next)
    }

    /// The metadata of this server (SAML metadata 2.4.4).
    fn metadata(&self) -> String {
        let mut xml = XmlWriter::new();
        xml.write_declaration();
        let entity_id = self.entity_id();
        let names = [("xmlns", METADATA), ("xmlns:ds", SIGNATURE), ("entityID", &entity_id)];
        xml.start_element("EntityDescriptor", &names);
        let told = [
            ("protocolSupportEnumeration", PROTOCOL),
            ("AuthnRequestsSigned", "true"),
            ("WantAssertionsSigned", "true"),
        ];
        xml.start_element("SPSSODescriptor", &told);
        for key in self.keys() {
            describe(&mut xml, key, "signing", &[]);
        }
        for key in self.keys().filter(|_| self.allows_encryption) {
            describe(&mut xml, key, "encryption", &CIPHERS);
        }
        for format in NAME_FORMATS {
            xml.start_element("NameIDFormat", &[]);
            xml.text(format);
            xml.end_element("NameIDFormat");
        }
        let consumer_url = self.consumer_url();
        let consumer =
            [("Binding", POST), ("Location", &consumer_url), ("index", "1"), ("isDefault", "true")];
        xml.empty_element("AssertionConsumerService", &consumer);
        xml.end_element("SPSSODescriptor");
        xml.end_element("EntityDescriptor");
        xml.into_string()
    }
}

fn describe(xml: &mut XmlWriter, key: &OwnKey, usage: &str, ciphers: &[&str]) {
    xml.start_element("KeyDescriptor", &[("use", usage)]);
    for name in ["ds:KeyInfo", "ds:X509Data", "ds:X509Certificate"] {
        xml.start_element(name, &[]);
    }
    xml.text(&BASE64_STANDARD.encode(key.certificate()));
    for name in ["ds:X509Certificate", "ds:X509Data", "ds:KeyInfo"] {
        xml.end_element(name);
    }
    for cipher in ciphers {
        xml.empty_element("EncryptionMethod", &[("Algorithm", cipher)]);
    }
    xml.end_element("KeyDescriptor");
}

impl Auth {
    /// This server as a party of SAML.
    ///
    /// # Errors
    /// SAML is off.
    pub(super) fn party(&self) -> Result<&Party, Error> {
        self.party_of_saml.as_ref().ok_or(Error::SamlDisabled)
    }
}

/// GET /sso/saml/metadata.
pub(in crate::auth) async fn metadata(
    State(auth): State<Arc<Auth>>,
    parameters: Parameters,
) -> Result<Response, Error> {
    let xml = auth.party()?.metadata();
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/xml")),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=600")),
    ];
    let mut response = (headers, xml).into_response();
    if parameters.get("download") == Some("true") {
        let attachment = HeaderValue::from_static("attachment; filename=\"metadata.xml\"");
        response.headers_mut().insert(CONTENT_DISPOSITION, attachment);
    }
    Ok(response)
}
