//! The question that people take to their directory, as a URL (SAML bindings 3.4).

use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use time::OffsetDateTime;
use time::macros::format_description;
use uppsala::XmlWriter;
use url::Url;

use super::own_key::ALGORITHM;
use super::party::{NAME_FORMATS, Party};
use super::xml::{ASSERTION, PROTOCOL};
use crate::auth::Error;

/// A question to a directory.
pub(super) struct Request<'a> {
    /// What the answer must name.
    pub id: &'a str,
    /// Where people are asked.
    pub sign_in_url: &'a str,
    /// How the directory shall name them.
    pub name_format: Option<&'a str>,
}

impl Request<'_> {
    /// Where people are sent, with what they bring back; signed by this server.
    pub(super) fn url(&self, party: &Party, relay_state: &str) -> Result<String, Error> {
        let told = [
            ("SAMLRequest", BASE64_STANDARD.encode(deflated(&self.xml(party)?)?)),
            ("RelayState", relay_state.to_owned()),
            ("SigAlg", ALGORITHM.to_owned()),
        ];
        // What is signed is the text of the query, in this order.
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&told).finish();
        let signature = party.key.sign(&query);
        let signature = signature.ok_or_else(|| broken(ring::error::Unspecified.to_string()))?;
        let signature = form_urlencoded::Serializer::new(String::new())
            .append_pair("Signature", &signature)
            .finish();
        let mut url = Url::parse(self.sign_in_url).map_err(|why| broken(why.to_string()))?;
        let own = url.query().filter(|own| !own.is_empty()).map(|own| format!("{own}&"));
        url.set_query(Some(&format!("{}{query}&{signature}", own.unwrap_or_default())));
        Ok(url.into())
    }

    fn xml(&self, party: &Party) -> Result<String, Error> {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        let now = OffsetDateTime::now_utc().format(format);
        let now = now.map_err(|error| Error::Broken(Box::new(error)))?;
        let (entity_id, consumer_url) = (party.entity_id(), party.consumer_url());
        let mut xml = XmlWriter::new();
        let told = [
            ("xmlns:samlp", PROTOCOL),
            ("xmlns:saml", ASSERTION),
            ("ID", self.id),
            ("Version", "2.0"),
            ("IssueInstant", &now),
            ("Destination", self.sign_in_url),
            ("AssertionConsumerServiceURL", &consumer_url),
            ("ProtocolBinding", "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"),
        ];
        xml.start_element("samlp:AuthnRequest", &told);
        xml.start_element("saml:Issuer", &[]);
        xml.text(&entity_id);
        xml.end_element("saml:Issuer");
        let name_format = self.name_format.unwrap_or(NAME_FORMATS[0]);
        let policy = [("AllowCreate", "true"), ("Format", name_format)];
        xml.empty_element("samlp:NameIDPolicy", &policy);
        xml.end_element("samlp:AuthnRequest");
        Ok(xml.into_string())
    }
}

fn deflated(text: &str) -> Result<Vec<u8>, Error> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    written.map_err(|error| Error::Broken(Box::new(error)))
}

fn broken(why: String) -> Error {
    Error::Broken(why.into())
}
