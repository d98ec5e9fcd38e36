//! A company's directory that these tests run themselves: it has metadata and real keys, and
//! answers as it is told, wrongly too. What it signs is written in canonical form by hand, so that
//! server and test do not agree because they share the code.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Url;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rsa::RsaPrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;
use walkie::identity::unix_now;

/// Where the server is that was not told.
pub const SELF: &str = "http://127.0.0.1:54321/auth/v1/sso/saml";

pub const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";

const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
pub const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const ECDSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";

/// What signs.
pub enum Signer {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

impl Signer {
    /// The key of the directory.
    pub fn rsa() -> Self {
        let key = RsaPrivateKey::from_pkcs8_pem(include_str!("../keys/rsa.pem")).expect("a key");
        let der = key.to_pkcs1_der().expect("a key");
        Self::Rsa(RsaKeyPair::from_der(der.as_bytes()).expect("a key"))
    }

    /// A key that is not the directory's.
    pub fn other() -> Self {
        let key = RsaPrivateKey::from_pkcs1_pem(include_str!("../keys/saml.pem")).expect("a key");
        let der = key.to_pkcs1_der().expect("a key");
        Self::Rsa(RsaKeyPair::from_der(der.as_bytes()).expect("a key"))
    }

    /// The key of a directory with an elliptic one.
    pub fn p256() -> Self {
        let der = bytes_of_pem(include_str!("../keys/p256.pem"));
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new());
        Self::P256(key.expect("a key"))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => RSA_SHA256,
            Self::P256(_) => ECDSA_SHA256,
        }
    }

    fn sign(&self, text: &str) -> String {
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                let signed = key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature);
                signed.expect("it signs");
                signature
            }
            Self::P256(key) => {
                key.sign(&random, text.as_bytes()).expect("it signs").as_ref().to_vec()
            }
        };
        BASE64_STANDARD.encode(signature)
    }
}

/// What the directory signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    Assertion,
    Response,
    Both,
    Nothing,
}

/// What a directory says of somebody; tests change it before it is signed.
#[derive(Clone)]
pub struct Word {
    pub id: String,
    pub issuer: String,
    pub destination: String,
    pub audience: String,
    pub recipient: String,
    pub in_response_to: Option<String>,
    pub name: String,
    pub name_format: String,
    pub attributes: Vec<(&'static str, Vec<&'static str>)>,
    pub from: i64,
    pub until: i64,
    pub session_end: Option<i64>,
    pub status: &'static str,
    pub signs: Signs,
    /// Of signatures, where it is not the key's own.
    pub algorithm: Option<&'static str>,
    pub digest: &'static str,
    pub transform: &'static str,
    /// Whether values are told with their types, as many directories do: the prefix of those is
    /// used in a text, where only the signature names it.
    pub has_types: bool,
}

impl Word {
    /// The assertion in canonical form, without a signature.
    pub fn assertion(&self) -> String {
        let Self { id, issuer, audience, recipient, name, name_format, .. } = self;
        let (from, until) = (time(self.from), time(self.until));
        let answers = attribute("InResponseTo", self.in_response_to.as_deref());
        let end = self.session_end.map(time);
        let end = attribute("SessionNotOnOrAfter", end.as_deref());
        let (types, value_start) = if self.has_types {
            (
                " xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"",
                "<saml:AttributeValue xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
                 xsi:type=\"xs:string\">",
            )
        } else {
            ("", "<saml:AttributeValue>")
        };
        let mut attributes = String::new();
        for (name, values) in &self.attributes {
            let start = format!("<saml:Attribute Name=\"{name}\">");
            attributes.push_str(&start);
            for value in values {
                attributes.extend([value_start, value, "</saml:AttributeValue>"]);
            }
            attributes.push_str("</saml:Attribute>");
        }
        format!(
            "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"{types} ID=\"{id}\" \
             IssueInstant=\"{from}\" Version=\"2.0\"><saml:Issuer>{issuer}</saml:Issuer>\
             <saml:Subject><saml:NameID Format=\"{name_format}\">{name}</saml:NameID>\
             <saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
             <saml:SubjectConfirmationData{answers} NotOnOrAfter=\"{until}\" \
             Recipient=\"{recipient}\"></saml:SubjectConfirmationData></saml:SubjectConfirmation>\
             </saml:Subject><saml:Conditions NotBefore=\"{from}\" NotOnOrAfter=\"{until}\">\
             <saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience>\
             </saml:AudienceRestriction></saml:Conditions>\
             <saml:AuthnStatement AuthnInstant=\"{from}\"{end}></saml:AuthnStatement>\
             <saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion>"
        )
    }

    /// A response around something, in canonical form, without a signature.
    pub fn around(&self, inner: &str) -> String {
        let Self { issuer, destination, status, .. } = self;
        let answers = attribute("InResponseTo", self.in_response_to.as_deref());
        let from = time(self.from);
        format!(
            "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" \
             Destination=\"{destination}\" ID=\"_response\"{answers} IssueInstant=\"{from}\" \
             Version=\"2.0\"><saml:Issuer xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">\
             {issuer}</saml:Issuer><samlp:Status><samlp:StatusCode \
             Value=\"urn:oasis:names:tc:SAML:2.0:status:{status}\"></samlp:StatusCode>\
             </samlp:Status>{inner}</samlp:Response>"
        )
    }

    /// An element with the signature of it within.
    pub fn signed(&self, element: &str, id: &str, signer: &Signer) -> String {
        let digest = BASE64_STANDARD.encode(Sha256::digest(element));
        let algorithm = self.algorithm.unwrap_or(signer.algorithm());
        let (digest_algorithm, transform) = (self.digest, self.transform);
        let prefixes = format!(
            "<ec:InclusiveNamespaces xmlns:ec=\"{EXCLUSIVE}\" PrefixList=\"xs\">\
             </ec:InclusiveNamespaces>"
        );
        let prefixes = if self.has_types { prefixes.as_str() } else { "" };
        let inner = format!(
            "<ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\"></ds:CanonicalizationMethod>\
             <ds:SignatureMethod Algorithm=\"{algorithm}\"></ds:SignatureMethod>\
             <ds:Reference URI=\"#{id}\"><ds:Transforms>\
             <ds:Transform Algorithm=\"{DS}enveloped-signature\"></ds:Transform>\
             <ds:Transform Algorithm=\"{transform}\">{prefixes}</ds:Transform></ds:Transforms>\
             <ds:DigestMethod Algorithm=\"{digest_algorithm}\"></ds:DigestMethod>\
             <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
        );
        let info = format!("<ds:SignedInfo xmlns:ds=\"{DS}\">{inner}</ds:SignedInfo>");
        let value = signer.sign(&info);
        let signature = format!(
            "<ds:Signature xmlns:ds=\"{DS}\"><ds:SignedInfo>{inner}</ds:SignedInfo>\
             <ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>"
        );
        element.replacen("</saml:Issuer>", &format!("</saml:Issuer>{signature}"), 1)
    }

    /// The whole message.
    pub fn xml(&self, signer: &Signer) -> String {
        let mut assertion = self.assertion();
        if matches!(self.signs, Signs::Assertion | Signs::Both) {
            assertion = self.signed(&assertion, &self.id, signer);
        }
        let response = self.around(&assertion);
        match self.signs {
            Signs::Response | Signs::Both => self.signed(&response, "_response", signer),
            Signs::Assertion | Signs::Nothing => response,
        }
    }
}

/// A running directory.
pub struct Directory {
    pub url: String,
    pub signer: Signer,
    metadata: Arc<Mutex<Option<String>>>,
    task: JoinHandle<()>,
}

impl Directory {
    /// Starts with an RSA key.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let metadata = Arc::new(Mutex::new(Some(metadata(&url, include_str!("../keys/rsa.crt")))));
        let router = Router::new().route("/metadata", get(show)).with_state(Arc::clone(&metadata));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the directory serves");
        });
        Self { url, signer: Signer::rsa(), metadata, task }
    }

    /// How it calls itself.
    pub fn entity_id(&self) -> String {
        format!("{}/saml", self.url)
    }

    /// Its metadata with a certificate.
    pub fn metadata(&self, certificate: &str) -> String {
        metadata(&self.url, certificate)
    }

    /// Lets others find this, or nothing.
    pub fn publish(&self, text: Option<String>) {
        *self.metadata.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// What it says of Eve who comes of herself.
    pub fn word(&self) -> Word {
        let now = unix_now();
        Word {
            id: format!("_{}", Uuid::new_v4().simple()),
            issuer: self.entity_id(),
            destination: format!("{SELF}/acs"),
            audience: format!("{SELF}/metadata"),
            recipient: format!("{SELF}/acs"),
            in_response_to: None,
            name: "eve-7".to_owned(),
            name_format: PERSISTENT.to_owned(),
            attributes: vec![
                ("mail", vec!["eve@company.example"]),
                ("displayName", vec!["Eve"]),
                ("groups", vec!["staff", "sales"]),
            ],
            from: now - 5,
            until: now + 300,
            session_end: None,
            status: "Success",
            signs: Signs::Assertion,
            algorithm: None,
            digest: SHA256,
            transform: EXCLUSIVE,
            has_types: false,
        }
    }

    /// What it answers to whoever comes with this URL, and what they take back beside it. The
    /// request must be this server's, and for this directory.
    pub fn asked(&self, url: &str, certificate: &[u8]) -> anyhow::Result<(Word, String)> {
        let url = Url::parse(url)?;
        let text = |name: &str| {
            url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
        };
        let signed =
            url.query().unwrap_or_default().split("&Signature=").next().unwrap_or_default();
        let signature = BASE64_STANDARD.decode(text("Signature").unwrap_or_default())?;
        anyhow::ensure!(text("SigAlg").as_deref() == Some(RSA_SHA256));
        let key = public_key(certificate);
        let key = ring::signature::UnparsedPublicKey::new(
            &ring::signature::RSA_PKCS1_2048_8192_SHA256,
            key,
        );
        anyhow::ensure!(key.verify(signed.as_bytes(), &signature).is_ok(), "it is not signed");
        let request = BASE64_STANDARD.decode(text("SAMLRequest").unwrap_or_default())?;
        let mut request = flate2::read::DeflateDecoder::new(request.as_slice());
        let mut xml = String::new();
        request.read_to_string(&mut xml)?;
        let document = uppsala::parse(&xml).map_err(|error| anyhow::anyhow!("{error}"))?;
        let root = document.document_element().expect("a root");
        let told = |name: &str| document.get_attribute(root, name).unwrap_or_default().to_owned();
        anyhow::ensure!(told("Destination") == format!("{}/sso", self.url), "{xml}");
        anyhow::ensure!(told("AssertionConsumerServiceURL") == format!("{SELF}/acs"), "{xml}");
        anyhow::ensure!(document.text_content_deep(root) == format!("{SELF}/metadata"), "{xml}");
        let word = Word { in_response_to: Some(told("ID")), ..self.word() };
        Ok((word, text("RelayState").unwrap_or_default()))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn show(State(metadata): State<Arc<Mutex<Option<String>>>>) -> Response {
    let metadata = metadata.lock().unwrap_or_else(PoisonError::into_inner).clone();
    metadata.map_or(StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response)
}

fn metadata(url: &str, certificate: &str) -> String {
    let certificate: String =
        certificate.lines().filter(|line| !line.starts_with('-')).collect::<Vec<_>>().join("\n");
    format!(
        "<?xml version=\"1.0\"?>\n<!-- as they are made -->\n\
         <md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" \
         entityID=\"{url}/saml\"><md:IDPSSODescriptor WantAuthnRequestsSigned=\"true\" \
         protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\
         <md:KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"{DS}\"><X509Data><X509Certificate>\
         {certificate}</X509Certificate></X509Data></KeyInfo></md:KeyDescriptor>\
         <md:SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" \
         Location=\"{url}/sso\"/></md:IDPSSODescriptor></md:EntityDescriptor>"
    )
}

/// The RSA key in a certificate.
pub fn public_key(certificate: &[u8]) -> Vec<u8> {
    use x509_cert::der::Decode;
    let certificate = x509_cert::Certificate::from_der(certificate).expect("a certificate");
    let info = certificate.tbs_certificate.subject_public_key_info;
    info.subject_public_key.as_bytes().expect("a key").to_vec()
}

pub fn bytes_of_pem(pem: &str) -> Vec<u8> {
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    BASE64_STANDARD.decode(text).expect("base64")
}

fn attribute(name: &str, value: Option<&str>) -> String {
    value.map(|value| format!(" {name}=\"{value}\"")).unwrap_or_default()
}

fn time(second: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(second).expect("a time");
    time.format(&Rfc3339).expect("a time")
}
