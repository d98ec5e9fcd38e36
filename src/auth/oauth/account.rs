//! Whose account an identity is: the same identity's, that of a proven address, or a new one.
//!
//! Which accounts an address leads to is a rule of the database,
//! `auth.accounts_of_addresses`.

use serde_json::{Value, json};
use uuid::Uuid;

use super::profile::Profile;
use super::provider::Provider;
use crate::auth::mail::{Letter, Reader};
use crate::auth::one_time::Outgoing;
use crate::auth::request::Device;
use crate::auth::session::check_size;
use crate::auth::signup::{AUTHENTICATED, Address, send_confirmation};
use crate::auth::store::identity::{self, NewIdentity};
use crate::auth::store::token::{self, Purpose};
use crate::auth::store::{self, NewUser, User};
use crate::auth::{Auth, Error};
use crate::pg::Transaction;

/// Somebody in the words of a provider.
pub(super) struct Person<'a> {
    pub provider: &'a Provider,
    pub profile: &'a Profile,
}

/// What came of somebody's coming.
pub(super) enum Entry {
    /// They are this account.
    Open(Uuid),
    /// They may not come in, yet what was written is kept.
    Closed(Error),
}

impl Person<'_> {
    fn identity(&self) -> NewIdentity<'_> {
        NewIdentity {
            provider: &self.provider.name,
            provider_id: &self.profile.subject,
            data: Value::Object(self.profile.data.clone()),
        }
    }
}

impl Auth {
    /// The account of somebody who signs in.
    pub(super) async fn enter(
        &self,
        tx: &Transaction,
        person: &Person<'_>,
        device: &Device,
        reader: &Reader,
    ) -> Result<Entry, Error> {
        let new = person.identity();
        if person.profile.emails.is_empty() && !person.provider.is_email_optional {
            return Err(Error::provider_failed("Error getting user email from external provider"));
        }
        let user_id = match identity::owner(tx, &new).await? {
            Some(user_id) => {
                identity::refresh(tx, &new).await?;
                user_id
            }
            None => match identity::candidates(tx, &person.profile.verified()).await?.as_slice() {
                [] => return self.make(tx, person, device, reader).await,
                [user_id] => {
                    identity::add(tx, *user_id, &new).await?;
                    self.tell_of_link(tx, *user_id, person, reader).await?;
                    *user_id
                }
                _ => return Err(Error::MultipleAccounts),
            },
        };
        store::merge_user_metadata(tx, user_id, person.profile.data.clone()).await?;
        self.let_in(tx, user_id, person, reader, false).await
    }

    /// A new account for somebody nobody knew.
    async fn make(
        &self,
        tx: &Transaction,
        person: &Person<'_>,
        device: &Device,
        reader: &Reader,
    ) -> Result<Entry, Error> {
        if !self.settings.auth_signup_enabled {
            return Err(Error::SignupDisabled);
        }
        let email = person.profile.email().map(|email| email.address.as_str());
        // An address that is only claimed does not compete with the account that has it.
        let email = match email {
            Some(email) if identity::is_taken(tx, email).await? => None,
            email => email,
        };
        let id = Uuid::new_v4();
        let name = &person.provider.name;
        let new = NewUser {
            id,
            email,
            phone: None,
            password_hash: None,
            aud: AUTHENTICATED,
            role: AUTHENTICATED,
            app_metadata: json!({ "provider": name, "providers": [name] }),
            user_metadata: Value::Object(person.profile.data.clone()),
            identity: Some(person.identity()),
        };
        self.create(tx, &new, device).await?;
        self.let_in(tx, id, person, reader, true).await
    }

    /// Lets a person into their account when its address is proven, or by this proves it.
    async fn let_in(
        &self,
        tx: &Transaction,
        user_id: Uuid,
        person: &Person<'_>,
        reader: &Reader,
        is_new: bool,
    ) -> Result<Entry, Error> {
        let user = store::find(tx, user_id).await?.ok_or(Error::CallerGone)?;
        check_size(&user.document)?;
        if user.is_banned {
            return Err(Error::CallerBanned);
        }
        let facts = user.facts()?;
        let has_address = !facts.email.is_empty() || !facts.phone.is_empty();
        if !is_new && !user.is_confirmed && has_address {
            // Whoever made the account never proved its address, and still knows its password.
            identity::strip(tx, user_id, &person.identity()).await?;
        }
        identity::note_providers(tx, user_id).await?;
        if user.is_confirmed {
            return Ok(Entry::Open(user_id));
        }
        let verified = person.profile.verified();
        if verified.contains(&facts.email.as_str()) || (self.autoconfirm && !facts.email.is_empty())
        {
            store::confirm(tx, user_id).await?;
            return Ok(Entry::Open(user_id));
        }
        if let Some(email) = verified.first() {
            identity::set_address(tx, user_id, email).await?;
            return Ok(Entry::Open(user_id));
        }
        if facts.email.is_empty() && (self.autoconfirm || person.provider.is_email_optional) {
            return Ok(Entry::Open(user_id));
        }
        self.ask_for_proof(tx, &user, facts.email, person, reader).await
    }

    /// Asks the person to prove the address that the provider did not.
    async fn ask_for_proof(
        &self,
        tx: &Transaction,
        user: &User,
        email: String,
        person: &Person<'_>,
        reader: &Reader,
    ) -> Result<Entry, Error> {
        let name = &person.provider.name;
        let words = if email.is_empty() {
            format!(
                "Unverified email with {name}. Verify the email with {name} in order to sign in"
            )
        } else {
            self.take_turn(tx, &email, Purpose::Confirmation).await?;
            send_confirmation(self, tx, user, &Address::Email(email), None, reader).await?;
            format!(
                "Unverified email with {name}. A confirmation email has been sent to your {name} email"
            )
        };
        Ok(Entry::Closed(Error::ProviderEmailUnverified(words)))
    }

    /// One more identity for an account, whose owner asked for it.
    pub(super) async fn attach(
        &self,
        tx: &Transaction,
        target: Uuid,
        person: &Person<'_>,
        reader: &Reader,
    ) -> Result<Entry, Error> {
        let new = person.identity();
        match identity::owner(tx, &new).await? {
            Some(owner) if owner == target => {
                return Err(Error::IdentityExists("Identity is already linked"));
            }
            Some(_) => return Err(Error::identity_taken()),
            None => {}
        }
        let user = store::find(tx, target).await?.ok_or(Error::CallerGone)?;
        if user.is_banned {
            return Err(Error::CallerBanned);
        }
        identity::add(tx, target, &new).await?;
        if user.facts()?.email.is_empty() {
            // The account gets its address by this, so the address must be proven.
            let name = &person.provider.name;
            let verified = person.profile.verified();
            let email = verified.first().ok_or_else(|| {
                Error::ProviderEmailUnverified(format!(
                    "Unverified email with {name}. Verify the email with {name} in order to link it"
                ))
            })?;
            identity::set_address(tx, target, email).await?;
            store::merge_user_metadata(tx, target, person.profile.data.clone()).await?;
        }
        identity::note_providers(tx, target).await?;
        let user = store::find(tx, target).await?.ok_or(Error::CallerGone)?;
        check_size(&user.document)?;
        self.tell_of_link(tx, target, person, reader).await?;
        Ok(Entry::Open(target))
    }

    /// An invited person comes by a provider instead of the link in the mail.
    pub(super) async fn accept(
        &self,
        tx: &Transaction,
        invite_hash: &str,
        person: &Person<'_>,
    ) -> Result<Entry, Error> {
        let invited = token::by_secret(tx, invite_hash, &[Purpose::Confirmation]).await?;
        let invited = invited.filter(|token| self.is_fresh(token)).ok_or(Error::UserNotFound)?;
        let is_invited = |email: &super::profile::Email| email.address == invited.relates_to;
        if !person.profile.emails.iter().any(is_invited) {
            return Err(Error::Invalid(
                "Invited email does not match emails from external provider",
            ));
        }
        let user_id = invited.user_id;
        let new = person.identity();
        if identity::owner(tx, &new).await?.is_some() {
            return Err(Error::identity_taken());
        }
        identity::add(tx, user_id, &new).await?;
        identity::strip(tx, user_id, &new).await?;
        identity::note_providers(tx, user_id).await?;
        token::spend(tx, &invited).await?;
        store::confirm(tx, user_id).await?;
        Ok(Entry::Open(user_id))
    }

    async fn tell_of_link(
        &self,
        tx: &Transaction,
        user_id: Uuid,
        person: &Person<'_>,
        reader: &Reader,
    ) -> Result<(), Error> {
        let user = store::find(tx, user_id).await?.ok_or(Error::CallerGone)?;
        self.tell_of_identity(tx, &user, Letter::IdentityLinked, &person.provider.name, reader)
            .await
    }

    /// Tells a person of what became of an identity, if the operator wants people to be told.
    pub(super) async fn tell_of_identity(
        &self,
        tx: &Transaction,
        user: &User,
        letter: Letter,
        provider: &str,
        reader: &Reader,
    ) -> Result<(), Error> {
        let facts = user.facts()?;
        let more = [("Provider", provider)];
        let link_type = format!("{}_notification", letter.name());
        let link_type = link_type.as_str();
        let outgoing = Outgoing { letter, link_type, to: &facts.email, token: None, more: &more };
        self.post(tx, &facts, reader, &outgoing).await
    }
}
