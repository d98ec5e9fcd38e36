//! Other people's word for who somebody is: OAuth 2.0 and OpenID Connect, as their client.
//!
//! Reading order: the endpoints (`authorize`, `callback`, `grant` for id_tokens, `identity`,
//! `custom` for admins), what a `provider` is, how it is asked (`exchange`, and `documents` it
//! publishes), what it says (`id_token`, `profile`) and whose `account` that is.

mod account;
mod authorize;
mod callback;
mod custom;
mod documents;
mod exchange;
mod grant;
mod id_token;
mod identity;
mod profile;
mod provider;

pub(super) use authorize::{authorize, link, redirect};
pub(super) use callback::{come_back, come_back_by_form};
pub(super) use custom::{change, create, delete, list, read};
pub(super) use grant::{Asked as AskedByIdToken, by_id_token};
pub(super) use identity::unlink;
pub(super) use provider::{Kind, Provider, Providers};
