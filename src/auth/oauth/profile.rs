//! What a provider says of a person -> what an identity keeps of it.

use serde_json::{Map, Value, json};

use crate::auth::email;

/// Longest text that is kept of a claim, in bytes: all of it travels in every access token.
const MAX_TEXT_BYTES: usize = 1024;

/// Longest name of a person at a provider, in bytes.
const MAX_SUBJECT_BYTES: usize = 255;

/// Largest claim that an admin asked to keep, in bytes of JSON.
const MAX_CLAIM_BYTES: usize = 1024;

/// Claims of OpenID Connect that are kept when they are text.
const KEPT: [&str; 13] = [
    "iss",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "birthdate",
    "zoneinfo",
    "locale",
];

/// An address that a provider knows of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Email {
    pub address: String,
    pub is_verified: bool,
    pub is_primary: bool,
}

/// A person in the words of a provider.
#[derive(Debug, PartialEq)]
pub(super) struct Profile {
    /// The person's name at the provider, which never changes.
    pub subject: String,
    pub emails: Vec<Email>,
    /// What an identity keeps.
    pub data: Map<String, Value>,
}

impl Profile {
    /// From the claims of OpenID Connect; nothing without a subject.
    pub(super) fn of_claims(claims: &Map<String, Value>, kept_claims: &[String]) -> Option<Self> {
        let text =
            |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| is_short(text));
        let subject = subject(claims.get("sub")?)?;
        let mut data = Map::new();
        for name in KEPT {
            if let Some(text) = text(name) {
                data.insert(name.to_owned(), text.into());
            }
        }
        for (ours, theirs) in
            [("full_name", "name"), ("avatar_url", "picture"), ("user_name", "preferred_username")]
        {
            if let Some(text) = text(ours).or_else(|| text(theirs)) {
                data.insert(ours.to_owned(), text.into());
            }
        }
        let kept: Map<String, Value> = kept_claims
            .iter()
            .filter_map(|name| Some((name.clone(), claims.get(name)?.clone())))
            .filter(|(_, value)| value.to_string().len() <= MAX_CLAIM_BYTES)
            .collect();
        if !kept.is_empty() {
            data.insert("custom_claims".to_owned(), Value::Object(kept));
        }
        let emails = claims.get("email").and_then(Value::as_str).and_then(|address| {
            let is_verified = is_true(claims.get("email_verified"));
            Some(Email { address: email::normal(address).ok()?, is_verified, is_primary: true })
        });
        Some(Self::new(subject, emails.into_iter().collect(), data))
    }

    /// From what an OAuth provider without OpenID Connect says; `mapping` names its words for ours.
    pub(super) fn of_userinfo(
        said: &Map<String, Value>,
        mapping: &Map<String, Value>,
        kept_claims: &[String],
    ) -> Option<Self> {
        let mut claims = said.clone();
        for (ours, theirs) in mapping {
            if let Some(value) = theirs.as_str().and_then(|name| find(said, name)) {
                claims.insert(ours.clone(), value.clone());
            }
        }
        if !claims.contains_key("sub") {
            claims.insert("sub".to_owned(), said.get("id")?.clone());
        }
        Self::of_claims(&claims, kept_claims)
    }

    /// From what GitHub says of a person and of their addresses.
    pub(super) fn of_github(user: &Value, emails: &Value, api: &str) -> Option<Self> {
        let text = |name: &str| user[name].as_str().filter(|text| is_short(text));
        let subject = subject(&user["id"])?;
        let mut data = Map::new();
        data.insert("iss".to_owned(), api.into());
        for (ours, theirs) in [
            ("name", "name"),
            ("full_name", "name"),
            ("user_name", "login"),
            ("preferred_username", "login"),
            ("avatar_url", "avatar_url"),
        ] {
            if let Some(text) = text(theirs) {
                data.insert(ours.to_owned(), text.into());
            }
        }
        let emails = emails.as_array()?.iter().filter_map(|email| {
            Some(Email {
                address: email::normal(email["email"].as_str()?).ok()?,
                is_verified: email["verified"] == true,
                is_primary: email["primary"] == true,
            })
        });
        Some(Self::new(subject, emails.collect(), data))
    }

    fn new(subject: String, emails: Vec<Email>, mut data: Map<String, Value>) -> Self {
        data.insert("sub".to_owned(), json!(subject));
        data.insert("provider_id".to_owned(), json!(subject));
        let profile = Self { subject, emails, data: Map::new() };
        let email = profile.email();
        if let Some(email) = email {
            data.insert("email".to_owned(), json!(email.address));
        }
        data.insert(
            "email_verified".to_owned(),
            json!(email.is_some_and(|email| email.is_verified)),
        );
        data.insert("phone_verified".to_owned(), json!(false));
        Self { data, ..profile }
    }

    /// The address an account of this person has: the primary one, else one that is verified.
    pub(super) fn email(&self) -> Option<&Email> {
        let verified = || self.emails.iter().find(|email| email.is_verified);
        let primary = self.emails.iter().find(|email| email.is_primary);
        primary.or_else(verified).or_else(|| self.emails.first())
    }

    /// All addresses that the person has proven to the provider.
    pub(super) fn verified(&self) -> Vec<&str> {
        let verified = self.emails.iter().filter(|email| email.is_verified);
        verified.map(|email| email.address.as_str()).collect()
    }
}

/// Numbers are names too.
fn subject(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty() && text.len() <= MAX_SUBJECT_BYTES && !text.contains('\0')).then_some(text)
}

/// A claim by its name, or inside of others by names with dots between.
fn find<'a>(said: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    said.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        find(said.get(first)?.as_object()?, rest)
    })
}

/// Some providers write it as text.
fn is_true(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::Bool(true)))
        || value.and_then(Value::as_str).is_some_and(|text| text == "true")
}

fn is_short(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_TEXT_BYTES && !text.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn claims_of_openid_become_an_identity() {
        let claims = object(json!({
            "iss": "https://id.example", "sub": "7", "email": "Ana@Example.com",
            "email_verified": "true", "name": "Ana", "picture": "https://id.example/ana.png",
            "hd": "example.com", "secret": "x", "locale": 5,
        }));
        let profile = Profile::of_claims(&claims, &["hd".to_owned()]).unwrap();
        assert_eq!(profile.verified(), ["ana@example.com"]);
        assert_eq!(
            Value::Object(profile.data),
            json!({
                "iss": "https://id.example", "sub": "7", "provider_id": "7",
                "email": "ana@example.com", "email_verified": true, "phone_verified": false,
                "name": "Ana", "full_name": "Ana", "picture": "https://id.example/ana.png",
                "avatar_url": "https://id.example/ana.png",
                "custom_claims": { "hd": "example.com" },
            })
        );
    }

    #[test]
    fn an_address_counts_as_verified_only_when_the_provider_says_so() {
        for verified in [json!(false), json!(null), json!("false"), json!(1)] {
            let claims =
                object(json!({ "sub": "7", "email": "a@b.c", "email_verified": verified }));
            assert!(Profile::of_claims(&claims, &[]).unwrap().verified().is_empty(), "{verified}");
        }
    }

    #[test]
    fn nobody_without_a_subject_is_somebody() {
        for claims in
            [json!({}), json!({ "sub": "" }), json!({ "sub": null }), json!({ "sub": {} })]
        {
            assert!(Profile::of_claims(&object(claims), &[]).is_none());
        }
    }

    #[test]
    fn other_words_are_mapped_to_ours() {
        let said = object(json!({ "id": 7, "mail": "a@b.c", "who": { "label": "Ana" } }));
        let mapping = object(json!({ "email": "mail", "name": "who.label" }));
        let profile = Profile::of_userinfo(&said, &mapping, &[]).unwrap();
        assert_eq!(profile.subject, "7");
        assert_eq!(profile.data["name"], "Ana");
        assert_eq!(profile.email().unwrap().address, "a@b.c");
        assert!(profile.verified().is_empty());
    }

    #[test]
    fn github_has_several_addresses() {
        let user = json!({ "id": 583_231, "login": "octocat", "name": null, "email": null });
        let emails = json!([
            { "email": "old@b.c", "verified": true, "primary": false },
            { "email": "new@b.c", "verified": true, "primary": true },
            { "email": "claimed@b.c", "verified": false, "primary": false },
        ]);
        let profile = Profile::of_github(&user, &emails, "https://api.github.com").unwrap();
        assert_eq!(profile.subject, "583231");
        assert_eq!(profile.email().unwrap().address, "new@b.c");
        assert_eq!(profile.verified(), ["old@b.c", "new@b.c"]);
        assert_eq!(profile.data["user_name"], "octocat");
    }
}
