//! Whose account somebody has whom their directory signs in: one that is the directory's alone.
//!
//! An address in it leads to no other account, and other accounts never to it: a directory may
//! say what it likes of its own people, and nothing of anybody else's.

use serde_json::{Value, json};
use uuid::Uuid;

use super::mapping::Person;
use crate::auth::request::Device;
use crate::auth::session::check_size;
use crate::auth::signup::AUTHENTICATED;
use crate::auth::store::identity::{self, NewIdentity};
use crate::auth::store::sso::SSO;
use crate::auth::store::{self, NewUser};
use crate::auth::{Auth, Error};
use crate::pg::Transaction;

impl Auth {
    /// The account of somebody whom a directory signs in; a new one when nobody knew them.
    ///
    /// # Errors
    /// They are banned, nobody new may come, or there is too much to say of them.
    pub(super) async fn enter_managed(
        &self,
        tx: &Transaction,
        provider_id: Uuid,
        person: &Person,
        device: &Device,
    ) -> Result<Uuid, Error> {
        let provider = format!("{SSO}{provider_id}");
        let data = Value::Object(person.data.clone());
        let new = NewIdentity { provider: &provider, provider_id: &person.subject, data };
        let user_id = match identity::owner(tx, &new).await? {
            Some(user_id) => {
                identity::refresh(tx, &new).await?;
                store::merge_user_metadata(tx, user_id, person.data.clone()).await?;
                user_id
            }
            None => self.make_managed(tx, new, person, device).await?,
        };
        let user = store::find(tx, user_id).await?.ok_or(Error::CallerGone)?;
        if user.is_banned {
            return Err(Error::CallerBanned);
        }
        if user.is_managed && user.facts()?.email != person.email {
            identity::set_address(tx, user_id, &person.email).await?;
        }
        let user = store::find(tx, user_id).await?.ok_or(Error::CallerGone)?;
        check_size(&user.document)?;
        Ok(user_id)
    }

    async fn make_managed(
        &self,
        tx: &Transaction,
        identity: NewIdentity<'_>,
        person: &Person,
        device: &Device,
    ) -> Result<Uuid, Error> {
        if !self.settings.auth_signup_enabled {
            return Err(Error::SignupDisabled);
        }
        let id = Uuid::new_v4();
        let provider = identity.provider;
        let new = NewUser {
            id,
            email: Some(&person.email),
            phone: None,
            password_hash: None,
            aud: AUTHENTICATED,
            role: AUTHENTICATED,
            app_metadata: json!({ "provider": provider, "providers": [provider] }),
            user_metadata: identity.data.clone(),
            identity: Some(identity),
        };
        self.create(tx, &new, device).await?;
        store::confirm(tx, id).await?;
        Ok(id)
    }
}
