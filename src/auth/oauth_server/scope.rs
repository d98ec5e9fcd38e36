//! What a client may learn of a person: scopes. They say nothing of tables, which is for policies.

use std::collections::BTreeSet;
use std::fmt;

/// What is asked for when nothing is said.
const DEFAULT: &str = "email";

/// Longest text that is read, in bytes.
const MAX_BYTES: usize = 1024;

/// One thing that a client may learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// Who the person is, by an id_token.
    OpenId,
    /// Name and picture.
    Profile,
    /// E-mail address.
    Email,
    /// Number.
    Phone,
}

impl Scope {
    pub(super) const ALL: [Self; 4] = [Self::OpenId, Self::Profile, Self::Email, Self::Phone];

    /// As the wire has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OpenId => "openid",
            Self::Profile => "profile",
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }
}

/// A set of scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Reads names separated by spaces; nothing when one is not known.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let names = text.split(' ').filter(|name| !name.is_empty());
        let scope = |name| Scope::ALL.into_iter().find(|scope| scope.name() == name);
        names.map(scope).collect::<Option<_>>().map(Self)
    }

    /// What a request asks for: the default when it says nothing.
    pub(super) fn asked(text: Option<&str>) -> Option<Self> {
        let is_said = |text: &&str| !text.trim_matches(' ').is_empty();
        Self::read(text.filter(is_said).unwrap_or(DEFAULT))
    }

    pub(super) fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Whether all of `others` are here.
    pub(super) fn cover(&self, others: &Self) -> bool {
        others.0.is_subset(&self.0)
    }

    /// These and the others.
    pub(super) fn with(&self, others: &Self) -> Self {
        Self(self.0.union(&others.0).copied().collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|scope| scope.name()).collect();
        out.write_str(&names.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        Scopes::read(text).map(|scopes| scopes.to_string())
    }

    #[test]
    fn scopes_are_a_set_of_known_names() {
        assert_eq!(read("email openid  email").as_deref(), Some("openid email"));
        assert_eq!(read(""), Some(String::new()));
        for text in ["admin", "openid,email", "OpenID", "openid\temail"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&" ".repeat(MAX_BYTES + 1)), None);
    }

    #[test]
    fn nothing_said_asks_for_the_address() {
        for text in [None, Some(""), Some("  ")] {
            assert_eq!(Scopes::asked(text).unwrap().to_string(), "email");
        }
        assert_eq!(Scopes::asked(Some("phone")).unwrap().to_string(), "phone");
    }

    #[test]
    fn wider_sets_cover_narrower_ones() {
        let (wide, narrow) = (Scopes::read("openid email"), Scopes::read("email"));
        let (wide, narrow) = (wide.unwrap(), narrow.unwrap());
        assert!(wide.cover(&narrow) && !narrow.cover(&wide));
        assert_eq!(narrow.with(&wide), wide);
    }
}
