//! What an assertion says of a person -> what an identity keeps of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::assertion::{Assertion, Attribute};
use super::party::NAME_FORMATS;
use crate::auth::{Error, email};

/// Longest text that is kept, in bytes: all of it travels in every access token.
const MAX_TEXT_BYTES: usize = 1024;

/// Longest name of a person at a directory, in bytes.
const MAX_SUBJECT_BYTES: usize = 255;

/// Claims that a mapping may have, names that one may look for, and their longest.
const MAX_KEYS: usize = 100;
const MAX_NAMES: usize = 20;
const MAX_NAME_BYTES: usize = 512;

/// Attributes that directories tell an address by: its OID, the claims of Microsoft, plain names.
const EMAIL_NAMES: [&str; 6] = [
    "urn:oid:0.9.2342.19200300.100.1.3",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
    "http://schemas.xmlsoap.org/claims/EmailAddress",
    "mail",
    "Mail",
    "email",
];

/// Attributes that name a person for ever, where the directory has one (SAML subject identifier
/// attributes 1.0, and its forerunner).
const SUBJECT_NAMES: [&str; 2] =
    ["urn:oasis:names:tc:SAML:attribute:subject-id", "urn:oid:1.3.6.1.4.1.5923.1.1.1.13"];

/// Claims of OpenID Connect that stand among the person's own words; others stand together in
/// `custom_claims`.
const STANDARD: [&str; 18] = [
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
    "avatar_url",
    "full_name",
    "slug",
    "user_name",
];

/// What only this server says of somebody.
const PROTECTED: [&str; 8] = [
    "sub",
    "iss",
    "aud",
    "role",
    "provider_id",
    "email_verified",
    "phone_verified",
    "custom_claims",
];

/// Which attributes stand for which claims.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Mapping {
    #[serde(default)]
    keys: Map<String, Value>,
}

/// Where one claim is found.
#[derive(Debug, Deserialize)]
struct Source {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    default: Option<Value>,
    #[serde(default)]
    array: Option<bool>,
}

/// A person in the words of their directory.
#[derive(Debug)]
pub(super) struct Person {
    /// Their name there, which never changes.
    pub subject: String,
    pub email: String,
    /// What an identity keeps.
    pub data: Map<String, Value>,
}

impl Mapping {
    /// Reads what is kept of a mapping; nothing else was let in.
    pub(super) fn kept(value: Value) -> Self {
        serde_json::from_value(value).unwrap_or_default()
    }

    /// Reads a mapping that an admin gives.
    ///
    /// # Errors
    /// It is none, or claims what is not the directory's to say.
    pub(super) fn read(value: &Value) -> Result<Self, Error> {
        let wrong = || {
            Error::Invalid("attribute_mapping must be {\"keys\": {claim: {\"name\": attribute}}}")
        };
        if !value.is_object() {
            return Err(wrong());
        }
        let mapping: Self = serde_json::from_value(value.clone()).map_err(|_| wrong())?;
        if mapping.keys.len() > MAX_KEYS || value.to_string().len() > MAX_KEYS * MAX_NAME_BYTES {
            return Err(Error::Invalid("attribute_mapping is too large"));
        }
        for (claim, source) in &mapping.keys {
            if PROTECTED.contains(&claim.as_str()) {
                return Err(Error::InvalidValue(format!(
                    "Cannot map to protected system field: {claim}"
                )));
            }
            if !source.is_object() {
                return Err(wrong());
            }
            let source: Source = serde_json::from_value(source.clone()).map_err(|_| wrong())?;
            let names = source.names.as_ref().map_or(0, Vec::len);
            if names > MAX_NAMES || source.names().any(|name| name.len() > MAX_NAME_BYTES) {
                return Err(Error::Invalid("attribute_mapping is too large"));
            }
        }
        Ok(mapping)
    }

    /// The claims that attributes give, in the order of the mapping.
    fn claims(&self, attributes: &[Attribute]) -> Map<String, Value> {
        let mut claims = Map::new();
        for (claim, source) in &self.keys {
            let Ok(source) = serde_json::from_value::<Source>(source.clone()) else { continue };
            if let Some(value) = source.value(attributes) {
                claims.insert(claim.clone(), value);
            }
        }
        claims
    }
}

impl Source {
    fn names(&self) -> impl Iterator<Item = &str> {
        let more = self.names.iter().flatten().map(String::as_str);
        self.name.as_deref().into_iter().chain(more).filter(|name| !name.is_empty())
    }

    /// The values of the first attribute that has some, else what stands for none.
    fn value(&self, attributes: &[Attribute]) -> Option<Value> {
        let found = self.names().find_map(|name| {
            let values: Vec<&str> = values(attributes, name).collect();
            let first = *values.first()?;
            Some(if self.array == Some(true) { json!(values) } else { json!(first) })
        });
        found.or_else(|| self.default.clone().filter(|default| !default.is_null()))
    }
}

impl Person {
    /// Who an assertion is about.
    ///
    /// # Errors
    /// It tells no lasting name or no address.
    pub(super) fn read(assertion: &Assertion, mapping: &Mapping) -> Result<Self, Error> {
        let mut claims = mapping.claims(&assertion.attributes);
        let subject = subject(assertion).ok_or(Error::SamlNoSubject)?;
        let address = claims.remove("email");
        let address = address.as_ref().and_then(Value::as_str);
        let address = address.or_else(|| told_email(assertion)).ok_or(Error::SamlNoEmail)?;
        let email = email::normal(address).map_err(|_| Error::SamlNoEmail)?;
        let mut data = Map::new();
        for name in STANDARD {
            if let Some(value) = claims.remove(name).filter(Value::is_string) {
                data.insert(name.to_owned(), value);
            }
        }
        if !claims.is_empty() {
            data.insert("custom_claims".to_owned(), Value::Object(claims));
        }
        data.insert("iss".to_owned(), json!(assertion.issuer));
        data.insert("sub".to_owned(), json!(subject));
        data.insert("provider_id".to_owned(), json!(subject));
        data.insert("email".to_owned(), json!(email));
        data.insert("email_verified".to_owned(), json!(true));
        data.insert("phone_verified".to_owned(), json!(false));
        Ok(Self { subject, email, data })
    }
}

/// An attribute that names the person for ever, else the name in the subject, unless that is
/// another one at each sign-in.
fn subject(assertion: &Assertion) -> Option<String> {
    let told = SUBJECT_NAMES.iter().find_map(|name| values(&assertion.attributes, name).next());
    let lasting = assertion.name.as_ref().filter(|name| name.format != NAME_FORMATS[2]);
    let subject = told.or_else(|| Some(lasting?.text.as_str()))?;
    let is_fit = !subject.is_empty() && subject.len() <= MAX_SUBJECT_BYTES;
    is_fit.then(|| subject.to_owned())
}

/// The address in an attribute that many directories have, else a name that is an address.
fn told_email(assertion: &Assertion) -> Option<&str> {
    let told = EMAIL_NAMES.iter().find_map(|name| values(&assertion.attributes, name).next());
    let name = assertion.name.as_ref().filter(|name| name.format == NAME_FORMATS[1]);
    told.or_else(|| Some(name?.text.as_str()))
}

/// What attributes of this name say, as far as it is kept.
fn values<'a>(attributes: &'a [Attribute], name: &str) -> impl Iterator<Item = &'a str> {
    let named = attributes
        .iter()
        .filter(move |attribute| attribute.name == name || attribute.friendly_name == name);
    let values = named.flat_map(|attribute| attribute.values.iter().map(String::as_str));
    values.filter(|text| text.len() <= MAX_TEXT_BYTES && !text.contains('\0'))
}
