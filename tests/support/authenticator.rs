//! What people hold: an app that shows codes, and a device that keeps passkeys.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use walkie::identity::unix_now;

const STEP_SECONDS: u64 = 30;

/// Flags in what a device says: somebody is there, and it knows who.
const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const HAS_KEY: u8 = 0x40;

/// An authenticator app with one secret.
pub struct App {
    totp: totp_rs::Totp,
}

impl App {
    /// An app that was told this secret.
    pub fn new(secret: &str) -> Self {
        let secret = totp_rs::Secret::try_from_base32(secret).expect("a secret in base32");
        Self { totp: totp_rs::Builder::new().with_secret(secret).build().expect("a good secret") }
    }

    /// The code of this moment, or of so many steps from now.
    pub fn code(&self, steps: i64) -> String {
        let now = u64::try_from(unix_now()).expect("after 1970");
        let then = now.checked_add_signed(steps * 30).expect("after 1970");
        self.totp.generate(then / STEP_SECONDS * STEP_SECONDS).to_string()
    }

    /// A code of no step that could count.
    pub fn wrong_code(&self) -> String {
        let near: Vec<String> = (-2..=2).map(|steps| self.code(steps)).collect();
        let mut codes = (0..).map(|number| format!("{number:06}"));
        codes.find(|code| !near.contains(code)).expect("a million codes")
    }
}

/// A device with one key.
pub struct Device {
    key: SigningKey,
    id: Vec<u8>,
    origin: String,
    user: String,
    counter: u32,
    /// Whether it checks who holds it.
    pub verifies: bool,
}

impl Device {
    /// A device whose browser shows a page of this origin.
    pub fn new(origin: &str) -> Self {
        let secret: [u8; 32] = rand::random();
        Self {
            key: SigningKey::from_slice(&secret).expect("a random scalar"),
            id: rand::random::<[u8; 16]>().to_vec(),
            origin: origin.to_owned(),
            user: String::new(),
            counter: 0,
            verifies: true,
        }
    }

    /// Makes its key as `navigator.credentials.create` would be asked to.
    pub fn create(&mut self, options: &Value) -> Value {
        options["user"]["id"].as_str().expect("a user").clone_into(&mut self.user);
        let mut data = self.data(&options["rp"]["id"], HAS_KEY);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).expect("a short id").to_be_bytes());
        data.extend(&self.id);
        data.extend(self.public_key());
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        object.extend(u16::try_from(data.len()).expect("short data").to_be_bytes());
        object.extend(data);
        self.credential(&json!({
            "clientDataJSON": BASE64.encode(self.client_data("webauthn.create", options)),
            "attestationObject": BASE64.encode(object),
            "transports": ["internal"],
        }))
    }

    /// Uses its key as `navigator.credentials.get` would be asked to.
    pub fn get(&mut self, options: &Value) -> Value {
        self.counter += 1;
        let data = self.data(&options["rpId"], 0);
        let client_data = self.client_data("webauthn.get", options);
        let signed = [data.clone(), Sha256::digest(&client_data).to_vec()].concat();
        let signature: Signature = self.key.sign(&signed);
        self.credential(&json!({
            "clientDataJSON": BASE64.encode(client_data),
            "authenticatorData": BASE64.encode(data),
            "signature": BASE64.encode(signature.to_der()),
            "userHandle": self.user,
        }))
    }

    /// A copy of it, as a thief would make one.
    pub fn copy(&self) -> Self {
        let Self { key, id, origin, user, counter, verifies } = self;
        let (key, id, origin, user) = (key.clone(), id.clone(), origin.clone(), user.clone());
        Self { key, id, origin, user, counter: *counter, verifies: *verifies }
    }

    fn credential(&self, response: &Value) -> Value {
        let id = BASE64.encode(&self.id);
        json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
        })
    }

    fn data(&self, rp_id: &Value, flags: u8) -> Vec<u8> {
        let rp_id = rp_id.as_str().expect("a domain");
        let verified = if self.verifies { VERIFIED } else { 0 };
        let mut data = Sha256::digest(rp_id).to_vec();
        data.push(PRESENT | verified | flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let data = json!({
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": false,
        });
        data.to_string().into_bytes()
    }

    /// Its public half as COSE writes points of P-256 for ES256.
    fn public_key(&self) -> Vec<u8> {
        let point = self.key.verifying_key().to_sec1_bytes();
        let (x, y) = point[1..].split_at(32);
        [&b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20"[..], x, b"\x22\x58\x20", y].concat()
    }
}
