//! What exactly a directory has signed: the canonical bytes of one element, and nothing else.
//!
//! XML Signature can say far more than SAML needs (XPath, XSLT, files, several references), and
//! each of these has let somebody in somewhere. Here a signature stands within the element it
//! signs, refers to that by its ID, and says how it was made canonical; anything else is refused.
//! Whatever is believed afterwards is read out of the bytes that this gives, never out of the
//! message.

use bergshamra_c14n::{C14nMode, canonicalize_doc};
use bergshamra_xml::NodeSet;
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::key::Key;
use super::xml::{self, Node, SIGNATURE};
use crate::auth::Error;

const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// Prefixes that one signature may name.
const MAX_PREFIXES: usize = 32;

/// How bytes are made of an element.
struct Form {
    /// Prefixes that are told wherever they are known, used or not.
    prefixes: Vec<String>,
}

/// What a signature says it is about.
struct Told {
    algorithm: String,
    digest_algorithm: String,
    digest: Vec<u8>,
    form: Form,
}

/// The canonical text of an element without its signature, if one of the keys has signed that.
/// Nothing when the element has no signature of its own.
///
/// # Errors
/// There is a signature, and it is not one of these keys' or not of the form that SAML has.
pub(super) fn signed_text(element: Node, keys: &[Key]) -> Result<Option<String>, Error> {
    let Some(signature) = element.one(SIGNATURE, "Signature")? else { return Ok(None) };
    let id = element.attribute("ID").filter(|id| !id.is_empty());
    let id = id.ok_or(refused("the signed element has no ID"))?;

    let info = signature.one(SIGNATURE, "SignedInfo")?.ok_or(refused("SignedInfo is missing"))?;
    let method = info.one(SIGNATURE, "CanonicalizationMethod")?;
    let form = Form::read(method.ok_or(refused("CanonicalizationMethod is missing"))?)?;
    let info = form.text(info, &NodeSet::tree_without_comments(info.id, info.document))?;
    let told = Told::read(&info, id)?;

    let value = signature.one(SIGNATURE, "SignatureValue")?;
    let value = value.ok_or(refused("SignatureValue is missing"))?.bytes()?;
    let is_signed = |key: &Key| key.has_signed(&told.algorithm, info.as_bytes(), &value);
    if !keys.iter().any(is_signed) {
        return Err(refused("no key of the provider has made it, or its algorithm is too weak"));
    }

    let whole = NodeSet::tree_without_comments(element.id, element.document);
    let itself = NodeSet::tree_with_comments(signature.id, signature.document);
    let text = told.form.text(element, &whole.subtract(&itself))?;
    let digest = match told.digest_algorithm.as_str() {
        "http://www.w3.org/2001/04/xmlenc#sha256" => Sha256::digest(&text).to_vec(),
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => Sha384::digest(&text).to_vec(),
        "http://www.w3.org/2001/04/xmlenc#sha512" => Sha512::digest(&text).to_vec(),
        _ => return Err(refused("its digest is too weak")),
    };
    if bool::from(digest.ct_eq(&told.digest)) {
        Ok(Some(text))
    } else {
        Err(refused("what it signs was changed"))
    }
}

impl Told {
    /// Reads the canonical text of SignedInfo, which is what is signed.
    fn read(info: &str, id: &str) -> Result<Self, Error> {
        let document = xml::parse_message(info)?;
        let info = xml::root(&document)?;
        let names = ["CanonicalizationMethod", "SignatureMethod", "Reference"];
        let children: Vec<Node> = info.children().collect();
        let is_plain = children.len() == names.len()
            && children.iter().zip(names).all(|(child, name)| child.is(SIGNATURE, name));
        let [_, method, reference] = children.as_slice() else {
            return Err(refused("it refers to more than one thing"));
        };
        if !is_plain {
            return Err(refused("SignedInfo is not of this form"));
        }
        if reference.attribute("URI").and_then(|uri| uri.strip_prefix('#')) != Some(id) {
            return Err(refused("it does not refer to the element it stands in"));
        }
        let one = |name: &str| {
            let child = reference.one(SIGNATURE, name)?;
            child.ok_or(refused("its reference is not of this form"))
        };
        Ok(Self {
            algorithm: algorithm(*method).to_owned(),
            digest_algorithm: algorithm(one("DigestMethod")?).to_owned(),
            digest: one("DigestValue")?.bytes()?,
            form: Form::of_transforms(one("Transforms")?)?,
        })
    }
}

impl Form {
    /// The exclusive form, as an element names it.
    fn read(named: Node) -> Result<Self, Error> {
        if algorithm(named) != EXCLUSIVE {
            return Err(refused("only exclusive canonical XML without comments is understood"));
        }
        let list = named.one(EXCLUSIVE, "InclusiveNamespaces")?;
        let list = list.and_then(|list| list.attribute("PrefixList")).unwrap_or_default();
        let prefixes: Vec<String> = list.split_ascii_whitespace().map(str::to_owned).collect();
        if prefixes.len() > MAX_PREFIXES {
            return Err(refused("it names too many prefixes"));
        }
        Ok(Self { prefixes })
    }

    /// The two transforms that SAML knows: the signature itself is left out, then the rest is made
    /// canonical.
    fn of_transforms(transforms: Node) -> Result<Self, Error> {
        let transforms: Vec<Node> = transforms.children().collect();
        match transforms.as_slice() {
            [first, second]
                if algorithm(*first) == ENVELOPED
                    && [first, second].iter().all(|each| each.is(SIGNATURE, "Transform")) =>
            {
                Self::read(*second)
            }
            _ => Err(refused("its transforms are not the two that SAML knows")),
        }
    }

    fn text(&self, node: Node, part: &NodeSet) -> Result<String, Error> {
        let failed = || refused("it cannot be made canonical");
        let bytes =
            canonicalize_doc(node.document, C14nMode::Exclusive, Some(part), &self.prefixes);
        String::from_utf8(bytes.map_err(|_| failed())?).map_err(|_| failed())
    }
}

fn algorithm<'d>(node: Node<'d, '_>) -> &'d str {
    node.attribute("Algorithm").unwrap_or_default()
}

/// Why a signature does not count.
pub(super) fn refused(why: &str) -> Error {
    Error::InvalidValue(format!("The SAML signature does not count: {why}"))
}
