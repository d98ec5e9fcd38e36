//! Single sign-on by SAML 2.0: a company's own directory says who its people are.
//!
//! Reading order: the endpoints (`start`, `acs`, `party` for our metadata, `admin`), what this
//! server asks (`request`, with its `own_key`), what directories say of themselves (`metadata`,
//! `key`), what they say of people (`response`, `assertion`, and `cipher` where it is encrypted),
//! how their signatures are read (`signature`, `xml`), whether that is for us (`expectation`), what
//! is kept of it (`mapping`), and whose `account` that is.

mod account;
mod acs;
mod admin;
mod assertion;
mod cipher;
mod expectation;
mod key;
mod mapping;
mod metadata;
mod own_key;
mod party;
mod request;
mod response;
mod signature;
mod start;
mod xml;

pub(super) use acs::consume;
pub(super) use admin::{change, create, delete, list, read};
pub(super) use party::{Party, metadata};
pub(super) use start::start;
