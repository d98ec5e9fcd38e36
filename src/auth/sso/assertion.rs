//! An assertion: what a directory says of one person, for whom, and for how long.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::xml::{ASSERTION, Node};
use crate::auth::Error;

const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// Confirmations, audiences, attributes and values that are looked at.
const MAX_ITEMS: usize = 500;

/// Longest ID, as this server and directories make them, in bytes.
const MAX_ID_BYTES: usize = 512;

/// What a directory says of somebody.
#[derive(Debug)]
pub(super) struct Assertion {
    pub id: String,
    pub issuer: String,
    pub name: Option<Name>,
    pub confirmations: Vec<Confirmation>,
    /// Of the conditions.
    pub valid: Span,
    /// For whom it is: one of each list.
    pub audiences: Vec<Vec<String>>,
    /// Whether the directory says that the person has signed in there.
    pub has_sign_in: bool,
    /// When their session there ends at the latest, in seconds since 1970.
    pub session_end: Option<i64>,
    pub attributes: Vec<Attribute>,
}

/// How a directory calls a person.
#[derive(Debug)]
pub(super) struct Name {
    pub text: String,
    pub format: String,
}

/// Under what circumstances whoever brings the assertion is the person.
#[derive(Debug)]
pub(super) struct Confirmation {
    pub recipient: Option<String>,
    pub in_response_to: Option<String>,
    pub valid: Span,
}

/// From when, and before when, in seconds since 1970.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Span {
    pub from: Option<i64>,
    pub until: Option<i64>,
}

/// A word for something, another for people, and what is said of the person.
#[derive(Debug)]
pub(super) struct Attribute {
    pub name: String,
    pub friendly_name: String,
    pub values: Vec<String>,
}

impl Assertion {
    /// Reads an assertion, of which every byte is signed.
    ///
    /// # Errors
    /// Something is missing that each has, or there is too much.
    pub(super) fn read(node: Node) -> Result<Self, Error> {
        if node.attribute("Version") != Some("2.0") {
            return Err(Error::Invalid("The SAML assertion is not of version 2.0"));
        }
        let id = node.attribute("ID").filter(|id| !id.is_empty() && id.len() <= MAX_ID_BYTES);
        let issuer = node.one(ASSERTION, "Issuer")?;
        let subject = node.one(ASSERTION, "Subject")?;
        let conditions = node.one(ASSERTION, "Conditions")?;
        let (Some(id), Some(issuer), Some(subject), Some(conditions)) =
            (id, issuer, subject, conditions)
        else {
            return Err(Error::Invalid(
                "The SAML assertion lacks an ID, an Issuer, a Subject or Conditions",
            ));
        };
        let sign_ins: Vec<Node> = node.all(ASSERTION, "AuthnStatement").collect();
        let ends = sign_ins.iter().map(|sign_in| second(*sign_in, "SessionNotOnOrAfter"));
        let ends: Vec<Option<i64>> = ends.collect::<Result<_, _>>()?;
        Ok(Self {
            id: id.to_owned(),
            issuer: issuer.text()?,
            name: name(subject)?,
            confirmations: confirmations(subject)?,
            valid: Span::read(conditions)?,
            audiences: audiences(conditions)?,
            has_sign_in: !sign_ins.is_empty(),
            session_end: ends.into_iter().flatten().min(),
            attributes: attributes(node)?,
        })
    }
}

impl Span {
    fn read(node: Node) -> Result<Self, Error> {
        Ok(Self { from: second(node, "NotBefore")?, until: second(node, "NotOnOrAfter")? })
    }
}

fn name(subject: Node) -> Result<Option<Name>, Error> {
    let Some(node) = subject.one(ASSERTION, "NameID")? else { return Ok(None) };
    let format = node.attribute("Format").unwrap_or_default().trim().to_owned();
    Ok(Some(Name { text: node.text()?, format }))
}

fn confirmations(subject: Node) -> Result<Vec<Confirmation>, Error> {
    let all = subject.all(ASSERTION, "SubjectConfirmation");
    let bearers = all.filter(|node| node.attribute("Method") == Some(BEARER));
    let mut confirmations = Vec::new();
    for bearer in bearers.take(MAX_ITEMS) {
        let Some(data) = bearer.one(ASSERTION, "SubjectConfirmationData")? else { continue };
        confirmations.push(Confirmation {
            recipient: data.attribute("Recipient").map(str::to_owned),
            in_response_to: data.attribute("InResponseTo").map(str::to_owned),
            valid: Span::read(data)?,
        });
    }
    Ok(confirmations)
}

fn audiences(conditions: Node) -> Result<Vec<Vec<String>>, Error> {
    let restrictions = conditions.all(ASSERTION, "AudienceRestriction").take(MAX_ITEMS);
    restrictions
        .map(|restriction| {
            let audiences = restriction.all(ASSERTION, "Audience").take(MAX_ITEMS);
            audiences.map(Node::text).collect()
        })
        .collect()
}

fn attributes(node: Node) -> Result<Vec<Attribute>, Error> {
    let mut attributes = Vec::new();
    let mut values_in_all = 0;
    for statement in node.all(ASSERTION, "AttributeStatement") {
        for told in statement.all(ASSERTION, "Attribute") {
            let mut values = Vec::new();
            for value in told.all(ASSERTION, "AttributeValue") {
                values_in_all += 1;
                // What is not plain text stands for nothing that is kept.
                values.extend(value.text().ok().filter(|text| !text.is_empty()));
            }
            attributes.push(Attribute {
                name: told.attribute("Name").unwrap_or_default().to_owned(),
                friendly_name: told.attribute("FriendlyName").unwrap_or_default().to_owned(),
                values,
            });
            if attributes.len() > MAX_ITEMS || values_in_all > MAX_ITEMS {
                return Err(Error::Invalid("The SAML assertion holds too many attributes"));
            }
        }
    }
    Ok(attributes)
}

/// A moment, which SAML always tells with its zone (SAML core 1.3.3).
fn second(node: Node, name: &str) -> Result<Option<i64>, Error> {
    let Some(text) = node.attribute(name) else { return Ok(None) };
    let time = OffsetDateTime::parse(text.trim(), &Rfc3339);
    let time = time.map_err(|_| Error::Invalid("The SAML assertion holds a time that is none"))?;
    Ok(Some(time.unix_timestamp()))
}
