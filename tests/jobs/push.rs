//! Browsers that are woken: a push service of the test's own, and a browser that reads what comes.

use std::sync::{Arc, Mutex, PoisonError};

use aes_gcm::aead::Aead;
use aes_gcm::{Aes128Gcm, Nonce};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::{PublicKey, SecretKey, ecdh};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use crate::support::{Database, Server, eventually};

/// A private key as `web-push generate-vapid-keys` prints it; that of RFC 8291's example.
const KEY: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";

/// What came to the service.
type Calls = Arc<Mutex<Vec<(HeaderMap, Vec<u8>)>>>;

/// Takes what servers bring, and answers as it is told.
struct PushHost {
    origin: String,
    calls: Calls,
}

impl PushHost {
    async fn start(answer: StatusCode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let calls = Calls::default();
        let take = move |State(calls): State<Calls>, headers: HeaderMap, body: Bytes| async move {
            calls.lock().unwrap_or_else(PoisonError::into_inner).push((headers, body.to_vec()));
            answer
        };
        let app = Router::new().route("/{browser}", post(take)).with_state(Arc::clone(&calls));
        tokio::spawn(axum::serve(listener, app).into_future());
        Self { origin, calls }
    }

    fn calls(&self) -> Vec<(HeaderMap, Vec<u8>)> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A browser that lets itself be woken.
struct Browser {
    key: SecretKey,
    secret: [u8; 16],
}

impl Browser {
    fn new() -> Self {
        Self {
            key: SecretKey::from_slice(&rand::random::<[u8; 32]>()).expect("a key"),
            secret: rand::random(),
        }
    }

    fn public_key(&self) -> Vec<u8> {
        self.key.public_key().to_encoded_point(false).as_bytes().to_vec()
    }

    /// What PushSubscription.toJSON() gives.
    fn subscription(&self, service: &PushHost) -> Value {
        json!({
            "endpoint": format!("{}/firefox", service.origin),
            "expirationTime": null,
            "keys": { "p256dh": BASE64.encode(self.public_key()), "auth": BASE64.encode(self.secret) },
        })
    }

    /// Opens what came, as RFC 8188 and 8291 say.
    fn read(&self, sealed: &[u8]) -> Value {
        let (salt, rest) = sealed.split_at(16);
        assert_eq!(rest[..5], [0, 0, 16, 0, 65]);
        let (server_key, text) = rest[5..].split_at(65);
        let server = PublicKey::from_sec1_bytes(server_key).expect("a key");
        let shared = ecdh::diffie_hellman(self.key.to_nonzero_scalar(), server.as_affine());
        let mac = |key: &[u8], text: &[u8]| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
            mac.update(text);
            mac.finalize().into_bytes()
        };
        let info = [b"WebPush: info\0", &self.public_key()[..], server_key, &[1]].concat();
        let secret = mac(&mac(&self.secret, shared.raw_secret_bytes()), &info);
        let expanded = mac(salt, &secret);
        let key = mac(&expanded, b"Content-Encoding: aes128gcm\0\x01");
        let nonce = mac(&expanded, b"Content-Encoding: nonce\0\x01");
        let cipher = <Aes128Gcm as aes_gcm::KeyInit>::new_from_slice(&key[..16]).expect("16 bytes");
        let nonce = Nonce::try_from(&nonce[..12]).expect("12 bytes");
        let mut open = cipher.decrypt(&nonce, text).expect("it is for this browser");
        assert_eq!(open.pop(), Some(2));
        serde_json::from_slice(&open).expect("JSON")
    }
}

/// A server that wakes browsers, bo's among them, and what ana says to bo when bo has been away.
async fn woken(service: &PushHost, browser: &Browser, flags: &[&str]) -> (Database, Server) {
    let database = Database::new().await;
    let server = Server::start_with(&database, &[&["--push-key", KEY], flags].concat()).await;
    eventually("the key is on offer", || async {
        let key = server.rpc(&server.person("bo"), "push_key", json!({})).await.body;
        key.is_string().then_some(())
    })
    .await;
    let saved = json!({ "p_subscription": browser.subscription(service) });
    let saved = server.rpc(&server.person("bo"), "save_push_subscription", saved).await;
    assert_eq!(saved.status, 204, "{}", saved.text);
    eventually("nobody can read where", || async {
        let sealed = "select sealed like 'v1.%' and num_nonnulls(endpoint, p256dh, auth) = 0
                        from walkie.push_subscriptions";
        (database.value(sealed).await == "t").then_some(())
    })
    .await;
    let dm = database.value("select tests.conversation('dm')").await;
    let said = json!({ "p_conversation_id": dm, "p_body": "Tea?" });
    assert_eq!(server.rpc(&server.person("ana"), "send_message", said).await.status, 200);
    database.sql("insert into app.clock (ahead) values (interval '1 minute')").await;
    (database, server)
}

/// Lets the server find push services on this machine.
const LOCAL: [&str; 2] = ["--push-private-hosts", "127.0.0.1"];

// NTF-02
#[tokio::test]
async fn browser_reads_what_was_said_and_nobody_else_does() {
    let (service, browser) = (PushHost::start(StatusCode::CREATED).await, Browser::new());
    let (_database, server) = woken(&service, &browser, &LOCAL).await;
    let (headers, sealed) =
        eventually("the browser is woken", || async { service.calls().pop() }).await;

    let told = browser.read(&sealed);
    assert_eq!((&told["title"], &told["body"]), (&json!("Ana"), &json!("Tea?")));
    assert!(!String::from_utf8_lossy(&sealed).contains("Tea"));
    assert_eq!(headers["content-encoding"], "aes128gcm");
    assert_eq!(headers["ttl"], "86400");
    assert_eq!(headers["topic"].len(), 32);

    let shown = headers["authorization"].to_str().expect("text");
    let (token, key) =
        shown.strip_prefix("vapid t=").and_then(|rest| rest.split_once(", k=")).expect("two parts");
    let offered = server.rpc(&server.person("bo"), "push_key", json!({})).await.body;
    assert_eq!(offered, json!(key));
    let point = BASE64.decode(key).expect("base64url");
    let (x, y) = (BASE64.encode(&point[1..33]), BASE64.encode(&point[33..]));
    let decoding = DecodingKey::from_ec_components(&x, &y).expect("a key");
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[&service.origin]);
    let claims =
        jsonwebtoken::decode::<Value>(token, &decoding, &validation).expect("signed").claims;
    assert_eq!(claims["sub"], "mailto:noreply@localhost");
}

#[tokio::test]
async fn browser_that_is_gone_is_forgotten() {
    let (service, browser) = (PushHost::start(StatusCode::GONE).await, Browser::new());
    let (database, _server) = woken(&service, &browser, &LOCAL).await;
    eventually("it is forgotten", || async {
        let count = database.value("select count(*) from walkie.push_subscriptions").await;
        (count == "0").then_some(())
    })
    .await;
    assert_eq!(service.calls().len(), 1);
    eventually("its job is done", || async {
        let state = database.value("select state from walkie.jobs where kind = 'push'").await;
        (state == "done").then_some(())
    })
    .await;
}

#[tokio::test]
async fn service_in_trouble_is_tried_again() {
    let (service, browser) =
        (PushHost::start(StatusCode::SERVICE_UNAVAILABLE).await, Browser::new());
    let (database, _server) = woken(&service, &browser, &LOCAL).await;
    let told = "select state, attempts, last_error from walkie.jobs where kind = 'push'";
    let expected = ["ready", "1", "the push service refused with 503"];
    eventually("it will be tried again", || async {
        (database.rows(told).await == [expected.map(|text| Some(text.to_owned()))]).then_some(())
    })
    .await;
    assert_eq!(database.value("select count(*) from walkie.push_subscriptions").await, "1");
}

#[tokio::test]
async fn server_wakes_nobody_in_its_own_network() {
    let (service, browser) = (PushHost::start(StatusCode::CREATED).await, Browser::new());
    let (database, _server) = woken(&service, &browser, &[]).await;
    eventually("it is forgotten", || async {
        let count = database.value("select count(*) from walkie.push_subscriptions").await;
        (count == "0").then_some(())
    })
    .await;
    assert!(service.calls().is_empty());
}
