//! POST /token with grant_type=web3: sign-in with a wallet.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ed25519_dalek::Signer;
use serde_json::{Value, json};
use sha3::{Digest, Keccak256};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::factors::claims;
use super::{Reply, get, post, put};
use crate::support::{Database, Server};

const FLAGS: [&str; 4] =
    ["--auth-web3-chains", "solana,ethereum", "--auth-site-url", "https://app.example.com"];

const URI: &str = "https://app.example.com/welcome";

async fn house() -> (Database, Server) {
    let database = Database::new().await;
    let server = Server::start_with(&database, &FLAGS).await;
    (database, server)
}

/// A wallet of either chain.
enum Wallet {
    Solana(ed25519_dalek::SigningKey),
    Ethereum(k256::ecdsa::SigningKey),
}

impl Wallet {
    fn solana() -> Self {
        Self::Solana(ed25519_dalek::SigningKey::from_bytes(&rand::random()))
    }

    fn ethereum() -> Self {
        let secret: [u8; 32] = rand::random();
        Self::Ethereum(k256::ecdsa::SigningKey::from_slice(&secret).expect("a random scalar"))
    }

    fn chain(&self) -> &'static str {
        match self {
            Self::Solana(_) => "solana",
            Self::Ethereum(_) => "ethereum",
        }
    }

    fn address(&self) -> String {
        match self {
            Self::Solana(key) => bs58::encode(key.verifying_key()).into_string(),
            Self::Ethereum(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                let hash = Keccak256::digest(&point.as_bytes()[1..]);
                format!("0x{}", hex::encode(&hash[12..]))
            }
        }
    }

    fn sign(&self, text: &str) -> String {
        match self {
            Self::Solana(key) => {
                BASE64_URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()).to_bytes())
            }
            Self::Ethereum(key) => {
                let whole = format!("\x19Ethereum Signed Message:\n{}{text}", text.len());
                let digest = Keccak256::digest(whole);
                let (both, parity) = key.sign_prehash_recoverable(&digest).expect("it signs");
                format!("0x{}{:02x}", hex::encode(both.to_bytes()), parity.to_byte() + 27)
            }
        }
    }

    /// What the stock client makes such a wallet sign.
    fn text(&self, uri: &str, issued_at: OffsetDateTime, more: &str) -> String {
        let (address, issued_at) = (self.address(), issued_at.format(&Rfc3339).expect("a time"));
        let domain = url::Url::parse(uri).expect("a URL");
        let domain = &domain[url::Position::BeforeHost..url::Position::AfterPort];
        match self {
            Self::Solana(_) => format!(
                "{domain} wants you to sign in with your Solana account:\n{address}\n\nCome in\n\n\
                 Version: 1\nURI: {uri}\nIssued At: {issued_at}{more}"
            ),
            Self::Ethereum(_) => format!(
                "{domain} wants you to sign in with your Ethereum account:\n{address}\n\n\n\
                 URI: {uri}\nVersion: 1\nChain ID: 1\nIssued At: {issued_at}{more}"
            ),
        }
    }

    fn body(&self, text: &str) -> Value {
        json!({ "chain": self.chain(), "message": text, "signature": self.sign(text) })
    }
}

async fn show(server: &Server, body: Value) -> anyhow::Result<Reply> {
    post(server, "/token?grant_type=web3", body).await
}

async fn enter(server: &Server, wallet: &Wallet) -> anyhow::Result<Reply> {
    let text = wallet.text(URI, OffsetDateTime::now_utc(), "");
    let reply = show(server, wallet.body(&text)).await?;
    anyhow::ensure!(reply.status == 200, "{}", reply.body);
    Ok(reply)
}

#[tokio::test]
async fn wallet_is_an_account_and_the_same_one_later() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    for wallet in [Wallet::solana(), Wallet::ethereum()] {
        let session = enter(&server, &wallet).await?;
        let later = enter(&server, &wallet).await?;

        let user = &session.body["user"];
        let name = format!("web3:{}:{}", wallet.chain(), wallet.address());
        let identity = &user["identities"][0];
        assert_eq!((&identity["provider"], &identity["id"]), (&json!("web3"), &json!(name)));
        let told = &identity["identity_data"]["custom_claims"];
        assert_eq!(
            (&told["address"], &told["chain"]),
            (&json!(wallet.address()), &json!(wallet.chain()))
        );
        assert_eq!(user["app_metadata"], json!({ "provider": "web3", "providers": ["web3"] }));
        assert_eq!((&user["email"], &user["is_anonymous"]), (&json!(""), &json!(false)));
        assert_eq!(later.body["user"]["id"], user["id"]);
        let claims = claims(session.text("access_token"));
        assert_eq!((&claims["aal"], &claims["amr"][0]["method"]), (&json!("aal1"), &json!("web3")));
        assert_eq!(get(&server, "/user", later.text("access_token")).await?.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn spelling_of_an_address_makes_no_other_person() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let wallet = Wallet::ethereum();
    let first = enter(&server, &wallet).await?;
    let text = wallet.text(URI, OffsetDateTime::now_utc(), "");
    let capitals = wallet.address().to_uppercase().replacen("0X", "0x", 1);
    let text = text.replace(&wallet.address(), &capitals);

    let again = show(&server, wallet.body(&text)).await?;

    assert_eq!(again.body["user"]["id"], first.body["user"]["id"], "{}", again.body);
    Ok(())
}

#[tokio::test]
async fn signed_text_opens_once() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let wallet = Wallet::solana();
    let text = wallet.text(URI, OffsetDateTime::now_utc(), "");
    assert_eq!(show(&server, wallet.body(&text)).await?.status, 200);

    let again = show(&server, wallet.body(&text)).await?;

    assert_eq!((again.status.as_u16(), again.text("error")), (400, "invalid_grant"));
    assert_eq!(again.text("error_description"), "Signed message was used before");
    Ok(())
}

#[tokio::test]
async fn texts_for_another_place_or_time_are_refused() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let now = OffsetDateTime::now_utc();
    let at = |seconds: i64| (now + Duration::seconds(seconds)).format(&Rfc3339).expect("a time");
    let (past, future) = (now - Duration::minutes(11), now + Duration::minutes(11));
    for wallet in [Wallet::solana(), Wallet::ethereum()] {
        let expired = format!("\nExpiration Time: {}", at(-5));
        let early = format!("\nNot Before: {}", at(60));
        let elsewhere = wallet.text(URI, now, "").replacen("app.example.com", "evil.example", 1);
        for (text, why) in [
            (wallet.text("https://evil.example/", now, ""), "URI which is not allowed"),
            (wallet.text("http://app.example.com/", now, ""), "URI without https"),
            (elsewhere, "Domain that does not match"),
            (wallet.text(URI, past, ""), "issued too long ago"),
            (wallet.text(URI, future, ""), "issued too far in the future"),
            (wallet.text(URI, now, &expired), "is expired"),
            (wallet.text(URI, now, &early), "becomes valid in the future"),
        ] {
            let refused = show(&server, wallet.body(&text)).await?;
            assert_eq!((refused.status.as_u16(), refused.text("error")), (400, "invalid_grant"));
            let told = refused.text("error_description");
            assert!(told.contains(why), "{why}: {told}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn only_the_wallet_itself_can_sign() -> anyhow::Result<()> {
    let (database, server) = house().await;
    for (wallet, thief) in
        [(Wallet::solana(), Wallet::solana()), (Wallet::ethereum(), Wallet::ethereum())]
    {
        let text = wallet.text(URI, OffsetDateTime::now_utc(), "");
        let mut body = wallet.body(&text);
        body["signature"] = json!(thief.sign(&text));
        let stolen = show(&server, body).await?;
        let mut body = wallet.body(&text);
        body["message"] = json!(text.replace("/welcome", "/another"));
        let changed = show(&server, body).await?;
        let mut body = wallet.body(&text);
        body["signature"] = json!("no signature");
        let none = show(&server, body).await?;

        for refused in [stolen, changed] {
            assert_eq!(
                refused.text("error_description"),
                "Signature does not match address in message"
            );
        }
        assert_eq!(none.refusal(), (400, "validation_failed"));
    }
    let made = "select count(*) from auth.identities where provider = 'web3'";
    assert_eq!(database.value(made).await, "0");
    Ok(())
}

#[tokio::test]
async fn texts_and_chains_that_are_none_are_refused() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let wallet = Wallet::solana();
    let text = wallet.text(URI, OffsetDateTime::now_utc(), "");

    let short = show(&server, wallet.body("Come in")).await?;
    let long = show(&server, wallet.body(&text.replace("Come", &"x".repeat(20 * 1024)))).await?;
    let odd = show(&server, wallet.body(&text.replace("Version: 1", "Version: 2"))).await?;
    let mut body = wallet.body(&text);
    body["chain"] = json!("bitcoin");
    let chain = show(&server, body).await?;
    let nothing = show(&server, json!({ "chain": "ethereum" })).await?;

    for refused in [short, long, odd, nothing] {
        assert_eq!(refused.refusal(), (400, "validation_failed"), "{}", refused.body);
    }
    assert_eq!(chain.refusal(), (400, "web3_unsupported_chain"));
    Ok(())
}

#[tokio::test]
async fn chains_that_the_operator_left_out_are_not_offered() -> anyhow::Result<()> {
    let database = Database::new().await;
    let server = Server::start(&database).await;
    let wallet = Wallet::solana();
    let text = wallet.text(URI, OffsetDateTime::now_utc(), "");
    let none = show(&server, wallet.body(&text)).await?;
    server.stop().await;
    let flags = ["--auth-web3-chains", "ethereum", "--auth-site-url", "https://app.example.com"];
    let server = Server::start_with(&database, &flags).await;
    let other = show(&server, wallet.body(&text)).await?;

    assert_eq!(none.refusal(), (422, "web3_provider_disabled"));
    assert_eq!(other.text("message"), "Solana Web3 provider is disabled");
    Ok(())
}

#[tokio::test]
async fn banned_people_stay_out_and_nobody_new_comes_where_sign_up_is_closed() -> anyhow::Result<()>
{
    let (database, server) = house().await;
    let wallet = Wallet::ethereum();
    enter(&server, &wallet).await?;
    server.stop().await;
    let flags = [&FLAGS[..], &["--auth-signup-enabled", "false"]].concat();
    let server = Server::start_with(&database, &flags).await;
    enter(&server, &wallet).await?;
    let stranger = Wallet::ethereum();
    let text = stranger.text(URI, OffsetDateTime::now_utc(), "");
    let closed = show(&server, stranger.body(&text)).await?;
    database.sql("update auth.users set banned_until = now() + interval '1 hour'").await;
    let text = wallet.text(URI, OffsetDateTime::now_utc(), "");
    let banned = show(&server, wallet.body(&text)).await?;

    assert_eq!(closed.refusal(), (422, "signup_disabled"));
    assert_eq!(banned.refusal(), (403, "user_banned"));
    Ok(())
}

#[tokio::test]
async fn wallet_can_have_an_address_too() -> anyhow::Result<()> {
    let (_database, server) = house().await;
    let wallet = Wallet::solana();
    let session = enter(&server, &wallet).await?;
    let body = json!({ "email": "eve@example.com", "password": super::PASSWORD });
    let changed = put(&server, "/user", session.text("access_token"), body).await?;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let later = enter(&server, &wallet).await?;
    let by_name = super::sign_in(&server, "eve@example.com", super::PASSWORD).await?;
    assert_eq!(by_name.body["user"]["id"], later.body["user"]["id"], "{}", by_name.body);
    Ok(())
}
