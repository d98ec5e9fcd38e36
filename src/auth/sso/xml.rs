//! XML as SAML has it: strict, with namespaces, of bounded size, and without document types.

use uppsala::{Document, Element, NodeId, NodeKind, Parser};

use crate::auth::Error;

/// Namespaces of SAML 2.0 and XML Signature.
pub(super) const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
pub(super) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub(super) const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
pub(super) const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";

/// Largest document, in bytes; messages of directories have some ten thousand.
pub(super) const MAX_BYTES: usize = 512 * 1024;

/// How deep elements may lie in each other, and how many nodes there may be: what comes after is
/// recursive, or looks at each node with all others.
const MAX_DEPTH: u32 = 32;
const MAX_NODES: usize = 10_000;

/// Longest text that is read out of a document, in bytes.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Names under which elements are referred to.
const ID_NAMES: [&str; 4] = ["ID", "Id", "id", "AssertionID"];

/// An element of a document.
#[derive(Clone, Copy)]
pub(super) struct Node<'d, 't> {
    pub document: &'d Document<'t>,
    pub id: NodeId,
}

/// Reads a document.
///
/// # Errors
/// It is no well-formed XML, larger than anybody needs, or has a document type.
pub(super) fn parse(text: &str) -> Result<Document<'_>, Error> {
    if text.len() > MAX_BYTES {
        return Err(Error::Invalid("The SAML document is too large"));
    }
    let parser =
        Parser::new().with_forbid_dtd(true).with_max_depth(MAX_DEPTH).with_max_entity_expansion(0);
    let document =
        parser.parse(text).map_err(|_| Error::Invalid("The SAML document is no plain XML"))?;
    let nodes = document.descendants(document.root());
    if nodes.len() > MAX_NODES {
        return Err(Error::Invalid("The SAML document is too large"));
    }
    Ok(document)
}

/// Reads a message: as [`parse`], and nothing in it is said twice or beside the words. Comments
/// split text for some readers and not for others; IDs that stand twice lead two readers to two
/// places.
///
/// # Errors
/// As of [`parse`]; comments, processing instructions or IDs that are not unique.
pub(super) fn parse_message(text: &str) -> Result<Document<'_>, Error> {
    let document = parse(text)?;
    let mut ids = Vec::new();
    for id in document.descendants(document.root()) {
        match document.node_kind(id) {
            Some(NodeKind::Comment(_) | NodeKind::ProcessingInstruction(_)) => {
                return Err(Error::Invalid(
                    "The SAML message holds comments or processing instructions",
                ));
            }
            Some(NodeKind::Element(element)) => ids.extend(ids_of(element)),
            _ => {}
        }
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() < all {
        return Err(Error::Invalid("The SAML message uses an ID twice"));
    }
    Ok(document)
}

fn ids_of<'e>(element: &'e Element<'_>) -> impl Iterator<Item = &'e str> {
    let is_id = |name: &str| ID_NAMES.contains(&name);
    element
        .attributes
        .iter()
        .filter(move |attribute| is_id(&attribute.name.local_name))
        .map(|attribute| attribute.value.as_ref())
}

/// The outermost element.
pub(super) fn root<'d, 't>(document: &'d Document<'t>) -> Result<Node<'d, 't>, Error> {
    let id = document.document_element();
    let id = id.ok_or(Error::Invalid("The SAML document is empty"))?;
    Ok(Node { document, id })
}

impl<'d, 't> Node<'d, 't> {
    /// Whether the element has this name.
    pub(super) fn is(self, namespace: &str, name: &str) -> bool {
        self.element().is_some_and(|element| element.matches_name_ns(namespace, name))
    }

    /// The same, or nothing.
    pub(super) fn named(self, namespace: &str, name: &str) -> Option<Self> {
        self.is(namespace, name).then_some(self)
    }

    /// The elements directly within, in their order.
    pub(super) fn children(self) -> impl Iterator<Item = Self> {
        let document = self.document;
        document.children_iter(self.id).filter_map(move |id| {
            document.element(id)?;
            Some(Self { document, id })
        })
    }

    /// Those of a name.
    pub(super) fn all(self, namespace: &str, name: &str) -> impl Iterator<Item = Self> {
        self.children().filter(move |child| child.is(namespace, name))
    }

    /// The one of a name, if there is one.
    ///
    /// # Errors
    /// There are several.
    pub(super) fn one(self, namespace: &str, name: &str) -> Result<Option<Self>, Error> {
        let mut found = self.all(namespace, name);
        let first = found.next();
        if found.next().is_some() {
            return Err(Error::Invalid("The SAML document says twice what it may say once"));
        }
        Ok(first)
    }

    /// All elements of a name, however deep.
    pub(super) fn deep(self, namespace: &str, name: &str) -> Vec<Self> {
        let document = self.document;
        let nodes = document.descendants(self.id).into_iter();
        nodes.filter_map(|id| Self { document, id }.named(namespace, name)).collect()
    }

    /// An attribute that is of no namespace.
    pub(super) fn attribute(self, name: &str) -> Option<&'d str> {
        let attributes = &self.element()?.attributes;
        let found = attributes.iter().find(|attribute| {
            attribute.name.namespace_uri.is_none() && attribute.name.local_name == name
        });
        found.map(|attribute| attribute.value.as_ref())
    }

    /// The words of an element that holds nothing but words, without space around them.
    ///
    /// # Errors
    /// Something else is in there, or too much.
    pub(super) fn text(self) -> Result<String, Error> {
        let mut text = String::new();
        for id in self.document.children_iter(self.id) {
            match self.document.node_kind(id) {
                Some(NodeKind::Text(part) | NodeKind::CData(part)) => text.push_str(part),
                _ => {
                    return Err(Error::Invalid("The SAML document holds more than text in a text"));
                }
            }
            if text.len() > MAX_TEXT_BYTES {
                return Err(Error::Invalid("A text of the SAML document is too long"));
            }
        }
        Ok(text.trim().to_owned())
    }

    /// The words of base64, which may stand on several lines, as bytes.
    ///
    /// # Errors
    /// As of [`Node::text`], or it is no base64.
    pub(super) fn bytes(self) -> Result<Vec<u8>, Error> {
        decode(&self.text()?)
            .ok_or(Error::Invalid("The SAML document holds no base64 where it should"))
    }

    fn element(self) -> Option<&'d Element<'t>> {
        self.document.element(self.id)
    }
}

/// Bytes in base64, with space anywhere.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    let dense: String = text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    base64::prelude::BASE64_STANDARD.decode(dense).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_readers_may_read_differently_is_no_message() {
        assert!(parse_message("<a ID='1'><b ID='2'>x</b></a>").is_ok());
        for text in [
            "",
            "<a>",
            "<a/><b/>",
            "<!DOCTYPE a><a/>",
            "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
            "<a>&e;</a>",
            "<a>x<!-- -->y</a>",
            "<!-- --><a/>",
            "<a><?php x?></a>",
            "<a ID='1'><b Id='1'/></a>",
            "<a ID='1' ID='2'/>",
            "<x:a/>",
            &"<a>".repeat(MAX_DEPTH as usize + 8),
            &format!("<a>{}</a>", "<b/>".repeat(MAX_NODES)),
            &format!("<a>{}</a>", "x".repeat(MAX_BYTES)),
        ] {
            assert!(parse_message(text).is_err(), "{}", text.chars().take(80).collect::<String>());
        }
    }

    #[test]
    fn text_is_nothing_but_text() {
        let read = |text: &str| {
            let document = parse(text)?;
            root(&document)?.text()
        };
        assert_eq!(read("<a> x&amp;y <![CDATA[<z>]]></a>").unwrap(), "x&y <z>");
        assert!(read("<a>x<!-- -->y</a>").is_err());
        assert!(read("<a>x<b/></a>").is_err());
    }
}
