//! A message leaves: over SMTP, or into the inbox of a development server.

use std::time::Duration;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters, TlsParametersBuilder};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::Deserialize;

use super::Failure;
use super::store::{self, Job};
use crate::config::{MailSettings, SmtpTls};
use crate::pg::Pg;

/// Kind of these jobs.
pub(super) const KIND: &str = "mail";

/// Why an effect cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// `WALKIE_MAIL_FROM` is no address.
    #[error("WALKIE_MAIL_FROM is no e-mail address: {0}")]
    From(#[from] lettre::address::AddressError),
    /// The connection to the SMTP server cannot be described.
    #[error("WALKIE_SMTP_HOST is no name of a server")]
    Host(#[source] lettre::transport::smtp::Error),
    /// `WALKIE_PUSH_KEY` is no key.
    #[error("WALKIE_PUSH_KEY is no private key of 32 bytes in base64url")]
    PushKey,
    /// `WALKIE_EMBEDDING_URL` leads nowhere.
    #[error("WALKIE_EMBEDDING_URL is no http or https URL")]
    EmbeddingUrl,
}

/// What a mail job says; written by whoever enqueues it.
#[derive(Deserialize)]
struct Letter {
    to: String,
    subject: String,
    text: String,
    html: String,
    /// The token by which the reader gets no more of it.
    unsubscribe: Option<String>,
}

impl Letter {
    /// The same with links that lead somewhere.
    fn addressed(mut self, links: &Links) -> (Self, Option<String>) {
        let unsubscribe = self
            .unsubscribe
            .as_ref()
            .map(|token| format!("{}/unsubscribe?token={token}", links.server));
        for text in [&mut self.text, &mut self.html] {
            *text = text.replace("{{site_url}}", &links.site);
            if let Some(url) = &unsubscribe {
                *text = text.replace("{{unsubscribe_url}}", url);
            }
        }
        (self, unsubscribe)
    }
}

/// Where links in mail lead.
#[derive(Debug, Clone)]
pub struct Links {
    /// The front-end, without a slash at its end: what mail has as `{{site_url}}`.
    pub site: String,
    /// This server, as clients reach it.
    pub server: String,
}

/// Delivers mail.
pub(super) struct Post {
    pg: Pg,
    from: Mailbox,
    way: Way,
    links: Links,
    time_limit: Duration,
}

enum Way {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Inbox,
    /// No server is set.
    None,
}

impl Post {
    pub(super) fn new(pg: Pg, settings: &MailSettings, links: Links) -> Result<Self, SetupError> {
        let time_limit = Duration::from_secs(settings.smtp_timeout_seconds);
        let way = match &settings.smtp_host {
            Some(host) => Way::Smtp(transport(host, settings, time_limit)?),
            None if settings.inbox => Way::Inbox,
            None => Way::None,
        };
        Ok(Self { pg, from: settings.mail_from.parse()?, way, links, time_limit })
    }

    /// Whom mail is from.
    pub(super) fn address(&self) -> String {
        self.from.email.to_string()
    }

    /// Hands one message over.
    pub(super) async fn deliver(&self, job: &Job) -> Result<(), Failure> {
        let letter: Letter = serde_json::from_value(job.payload.clone())
            .map_err(|_| Failure::lasting("the payload is no message"))?;
        let (letter, unsubscribe) = letter.addressed(&self.links);
        match &self.way {
            Way::Smtp(server) => self.send(server, job, letter, unsubscribe).await,
            Way::Inbox => {
                let Letter { to, subject, text, html, .. } = &letter;
                let from = self.from.to_string();
                let kept = store::receive(&self.pg, &from, to, subject, text, html).await;
                kept.map_err(|error| Failure::passing(error.to_string()))
            }
            Way::None => Err(Failure::passing("no SMTP server is set (WALKIE_SMTP_HOST)".into())),
        }
    }

    async fn send(
        &self,
        server: &AsyncSmtpTransport<Tokio1Executor>,
        job: &Job,
        letter: Letter,
        unsubscribe: Option<String>,
    ) -> Result<(), Failure> {
        let to = letter.to.parse::<Mailbox>();
        let to = to.map_err(|_| Failure::lasting("the recipient is no address"))?;
        // The same for every attempt, so that mailboxes may know a second copy.
        let id = format!("<walkie-{}-{}@{}>", job.id, digest(job), self.from.email.domain());
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(letter.subject)
            .message_id(Some(id));
        if let Some(url) = unsubscribe {
            // RFC 8058: mail programs post there themselves.
            message = message
                .raw_header(line("List-Unsubscribe", format!("<{url}>")))
                .raw_header(line("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".into()));
        }
        let message = message
            .multipart(MultiPart::alternative_plain_html(letter.text, letter.html))
            .map_err(|_| Failure::lasting("the message cannot be written"))?;
        // The library's own limit counts for each answer of the server, not for all together.
        match tokio::time::timeout(self.time_limit, server.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.is_permanent() => Err(Failure {
                // What the server says may repeat the recipient; the code tells enough.
                why: refusal(&error),
                is_final: true,
            }),
            Ok(Err(error)) => Err(Failure::passing(refusal(&error))),
            Err(_) => Err(Failure::passing("the SMTP server took too long".into())),
        }
    }
}

fn transport(
    host: &str,
    settings: &MailSettings,
    time_limit: Duration,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, SetupError> {
    let tls = match settings.smtp_tls {
        SmtpTls::Starttls => Tls::Required(trust(host)?),
        SmtpTls::Implicit => Tls::Wrapper(trust(host)?),
        SmtpTls::None => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(settings.smtp_port)
        .tls(tls)
        .timeout(Some(time_limit));
    if let (Some(user), Some(password)) = (&settings.smtp_user, &settings.smtp_password) {
        builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
    }
    Ok(builder.build())
}

/// The well-known authorities, and those of this machine: the server may be inside a company.
fn trust(host: &str) -> Result<TlsParameters, SetupError> {
    let own = rustls_native_certs::load_native_certs().certs.into_iter();
    // One that cannot be read would spoil the others.
    let own = own.filter(|own| rustls::RootCertStore::empty().add(own.clone()).is_ok());
    own.filter_map(|own| Certificate::from_der(own.to_vec()).ok())
        .fold(TlsParameters::builder(host.to_owned()), TlsParametersBuilder::add_root_certificate)
        .build()
        .map_err(SetupError::Host)
}

/// Ids of jobs begin anew in every database; the message tells them apart.
fn digest(job: &Job) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(&Sha256::digest(job.payload.to_string())[..8])
}

fn refusal(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the SMTP server refused with {code}"),
        None => format!("the SMTP server cannot be used: {error}"),
    }
}

fn line(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}
