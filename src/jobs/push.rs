//! A browser is woken: what is said to it goes, sealed, to the push service it has named.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{Request, StatusCode, header};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::pkcs8::EncodePrivateKey;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::sealing::{self, Browser};
use super::store::{self, Job};
use super::vault::{Target, Vault};
use super::{Failure, SetupError};
use crate::config::PushSettings;
use crate::http::Outbound;
use crate::identity::unix_now;
use crate::pg::Pg;

/// Kind of these jobs.
pub(super) const KIND: &str = "push";

/// How long a signature is good for; services refuse more than a day.
const SIGNATURE_SECONDS: i64 = 12 * 3600;

/// What a push job says; written by `walkie.push`.
#[derive(Deserialize)]
struct Call {
    subscription: String,
    body: Value,
    topic: Option<String>,
    ttl_s: u32,
}

/// What a push service is told of who asks.
#[derive(serde::Serialize)]
struct Claims {
    aud: String,
    exp: i64,
    sub: String,
}

/// Wakes browsers.
pub(super) struct Bell {
    pg: Pg,
    vault: Vault,
    outbound: Outbound,
    signing: EncodingKey,
    /// What front-ends hand to `pushManager.subscribe`.
    pub public_key: String,
    contact: String,
}

impl Bell {
    /// Nothing without a key. `address` may be written to unless another contact is set.
    pub(super) fn new(
        pg: Pg,
        vault: Vault,
        settings: &PushSettings,
        address: &str,
    ) -> Result<Option<Self>, SetupError> {
        let Some(key) = &settings.push_key else { return Ok(None) };
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(key.trim().trim_end_matches('='));
        let key = bytes.ok().and_then(|bytes| SecretKey::from_slice(&bytes).ok());
        let key = key.ok_or(SetupError::PushKey)?;
        let der = key.to_pkcs8_der().map_err(|_| SetupError::PushKey)?;
        let hosts = settings.push_private_hosts.iter().map(|host| host.trim().to_owned());
        Ok(Some(Self {
            pg,
            vault,
            outbound: Outbound::new(hosts),
            signing: EncodingKey::from_ec_der(der.as_bytes()),
            public_key: BASE64_URL_SAFE_NO_PAD.encode(key.public_key().to_encoded_point(false)),
            contact: settings.push_contact.clone().unwrap_or_else(|| format!("mailto:{address}")),
        }))
    }

    /// Wakes one browser; one that is gone is forgotten.
    pub(super) async fn ring(&self, job: &Job) -> Result<(), Failure> {
        let call: Call = serde_json::from_value(job.payload.clone())
            .map_err(|_| Failure::lasting("the payload is no push"))?;
        let Some(target) = self.vault.open(&call.subscription).await? else { return Ok(()) };
        let Ok(endpoint) = self.outbound.check(&target.endpoint) else {
            return self.forget(&call.subscription).await;
        };
        let sealed = seal(&call.body, &target)?;
        let request = self.request(&endpoint, &call, sealed)?;
        let answer = self.outbound.send(request).await;
        let status = answer.map_err(|error| Failure::passing(error.to_string()))?.status();
        match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => self.forget(&call.subscription).await,
            status if status.is_success() => Ok(()),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Err(refused(status)),
            status if status.is_server_error() => Err(refused(status)),
            status => Err(Failure { is_final: true, ..refused(status) }),
        }
    }

    async fn forget(&self, subscription: &str) -> Result<(), Failure> {
        let dropped = store::drop_push_target(&self.pg, subscription).await;
        dropped.map_err(|error| Failure::passing(error.to_string()))
    }

    fn request(
        &self,
        endpoint: &Url,
        call: &Call,
        sealed: Vec<u8>,
    ) -> Result<Request<Vec<u8>>, Failure> {
        let claims = Claims {
            aud: endpoint.origin().ascii_serialization(),
            exp: unix_now() + SIGNATURE_SECONDS,
            sub: self.contact.clone(),
        };
        let header = Header::new(Algorithm::ES256);
        let token = jsonwebtoken::encode(&header, &claims, &self.signing)
            .map_err(|_| Failure::lasting("the push cannot be signed"))?;
        let mut request = Request::post(endpoint.as_str())
            .header(header::AUTHORIZATION, format!("vapid t={token}, k={}", self.public_key))
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_ENCODING, "aes128gcm")
            .header("TTL", call.ttl_s)
            .header("Urgency", "high");
        if let Some(topic) = &call.topic {
            request = request.header("Topic", topic);
        }
        request.body(sealed).map_err(|_| Failure::lasting("the push cannot be written"))
    }
}

fn seal(body: &Value, target: &Target) -> Result<Vec<u8>, Failure> {
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let browser = decode(&target.p256dh)
        .zip(decode(&target.auth))
        .and_then(|(key, secret)| Browser::read(&key, &secret));
    let browser = browser.ok_or_else(|| Failure::lasting("the browser's keys are none"))?;
    let own = loop {
        // Nearly every number is a key.
        if let Ok(key) = SecretKey::from_slice(&rand::random::<[u8; 32]>()) {
            break key;
        }
    };
    sealing::seal(body.to_string().as_bytes(), &browser, &own, rand::random())
        .ok_or_else(|| Failure::lasting("there is too much to say"))
}

fn refused(status: StatusCode) -> Failure {
    Failure::passing(format!("the push service refused with {}", status.as_u16()))
}
