//! Passwords: what is allowed, how they are hashed and checked.
//!
//! New hashes are Argon2id; bcrypt of imported and seeded accounts is understood and replaced at
//! the next sign-in.

use std::sync::{Arc, LazyLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::Error;

/// bcrypt's limit, which clients of this dialect count on, in bytes.
const MAX_BYTES: usize = 72;

/// The most memory an imported hash may ask for, in KiB.
const MAX_IMPORTED_KIB: u32 = 256 * 1024;

/// The most rounds an imported bcrypt hash may ask for, as a power of two.
const MAX_IMPORTED_COST: u32 = 15;

/// The most passes an imported Argon2 hash may ask for.
const MAX_IMPORTED_PASSES: u32 = 16;

/// Checked in place of a missing hash, so that an unknown account takes as long as a known one.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| hash_now("").expect("the fixed parameters are valid"));

/// Hashing takes 19 MiB and a core for a while, so only so many happen at once.
pub(super) struct Passwords {
    min_length: usize,
    /// One of each must be there.
    required: Vec<String>,
    places: Arc<Semaphore>,
}

/// Why a password is weak, as the wire has it.
#[derive(Debug, Serialize)]
pub(super) struct Weakness {
    pub message: String,
    pub reasons: Vec<&'static str>,
}

/// What checking a password gave.
pub(super) struct Verdict {
    pub is_right: bool,
    /// A hash to keep instead, when the old one is of an older kind.
    pub better_hash: Option<String>,
}

impl Passwords {
    /// `min_length` is in characters; `required` are sets of them, separated by colons.
    pub(super) fn new(min_length: usize, required: &str) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let required = sets(required);
        Self { min_length, required, places: Arc::new(Semaphore::new(cores.div_ceil(2))) }
    }

    /// Whether somebody may choose this password.
    pub(super) fn check(&self, password: &str) -> Result<(), Error> {
        check_length(password)?;
        self.weakness(password).map_or(Ok(()), |why| Err(Error::WeakPassword(why)))
    }

    /// Why the password is weak, if it is.
    pub(super) fn weakness(&self, password: &str) -> Option<Weakness> {
        let is_short = password.chars().count() < self.min_length;
        let lacks = |set: &String| !password.chars().any(|letter| set.contains(letter));
        let short = is_short.then(|| {
            (format!("Password should be at least {} characters.", self.min_length), "length")
        });
        let poor = self.required.iter().any(lacks).then(|| {
            let sets = self.required.join(", ");
            (
                format!("Password should contain at least one character of each: {sets}."),
                "characters",
            )
        });
        let (messages, reasons): (Vec<_>, Vec<_>) = short.into_iter().chain(poor).unzip();
        (!reasons.is_empty()).then(|| Weakness { message: messages.join(" "), reasons })
    }

    /// The hash to keep.
    pub(super) async fn hash(&self, password: String) -> Result<String, Error> {
        self.work(move || hash_now(&password).map_err(|error| Error::Broken(Box::new(error))))
            .await?
    }

    /// Whether the password made this hash. Without a hash it never did, after the same work.
    pub(super) async fn verify(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<Verdict, Error> {
        self.work(move || {
            let is_right =
                verify_now(&password, hash.as_deref().unwrap_or(&NOBODY)) && hash.is_some();
            let is_old = hash.is_some_and(|hash| !hash.starts_with("$argon2id$"));
            let better_hash = (is_right && is_old).then(|| hash_now(&password).ok()).flatten();
            Verdict { is_right, better_hash }
        })
        .await
    }

    /// The place is held by the thread itself: a client that goes away frees nothing early.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let place = Arc::clone(&self.places).acquire_owned().await.expect("it is never closed");
        let done = spawn_blocking(move || {
            let _place = place;
            work()
        });
        done.await.map_err(|error| Error::Broken(Box::new(error)))
    }
}

/// Sets of characters; a colon that belongs to one is written `\\:`.
fn sets(text: &str) -> Vec<String> {
    let parts = text.replace("\\:", "\0");
    let parts = parts.split(':').filter(|set| !set.is_empty());
    parts.map(|set| set.replace('\0', ":")).collect()
}

/// Whether the password is short enough for every kind of hash.
pub(super) fn check_length(password: &str) -> Result<(), Error> {
    if password.len() > MAX_BYTES {
        return Err(Error::Invalid("Password cannot be longer than 72 characters"));
    }
    Ok(())
}

/// Whether an imported hash is one that can be checked at a bearable price.
pub(super) fn is_hash(hash: &str) -> bool {
    if is_bcrypt(hash) {
        return hash
            .parse::<bcrypt::HashParts>()
            .is_ok_and(|parts| parts.get_cost() <= MAX_IMPORTED_COST);
    }
    PasswordHash::new(hash).is_ok_and(|hash| {
        matches!(hash.algorithm.as_str(), "argon2i" | "argon2id")
            && Params::try_from(&hash).is_ok_and(|params| {
                params.m_cost() <= MAX_IMPORTED_KIB && params.t_cost() <= MAX_IMPORTED_PASSES
            })
    })
}

fn is_bcrypt(hash: &str) -> bool {
    ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| hash.starts_with(prefix))
}

/// Parameters of OWASP's password storage advice (2024): 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("the parameters are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_now(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(argon2().hash_password(password.as_bytes())?.to_string())
}

/// What is no hash matches nothing.
fn verify_now(password: &str, hash: &str) -> bool {
    if is_bcrypt(hash) {
        return bcrypt::verify(password, hash).unwrap_or(false);
    }
    PasswordHash::new(hash)
        .is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2a$10$wHoLu6lD5s.wMbHE8q4yBOMZ7KnjqzfnG1lxA51OS6LOEH.mLR68e";

    #[tokio::test]
    async fn hash_is_argon2id_and_only_its_password_opens_it() {
        let passwords = Passwords::new(6, "");
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let right = passwords.verify("correct horse".into(), Some(hash.clone())).await.unwrap();
        assert!(right.is_right && right.better_hash.is_none());
        assert!(!passwords.verify("wrong horse".into(), Some(hash)).await.unwrap().is_right);
    }

    #[tokio::test]
    async fn bcrypt_is_understood_and_replaced() {
        let passwords = Passwords::new(6, "");
        let verdict = passwords.verify("walkie-demo".into(), Some(BCRYPT.into())).await.unwrap();
        assert!(verdict.is_right);
        assert!(verdict.better_hash.is_some_and(|hash| hash.starts_with("$argon2id$")));
    }

    #[tokio::test]
    async fn nothing_opens_an_account_without_a_password() {
        let passwords = Passwords::new(6, "");
        for password in ["", "\0", "anything"] {
            assert!(!passwords.verify(password.into(), None).await.unwrap().is_right);
            assert!(
                !passwords.verify(password.into(), Some("no hash".into())).await.unwrap().is_right
            );
        }
    }

    #[test]
    fn short_is_weak_and_long_is_invalid() {
        let passwords = Passwords::new(6, "");
        assert!(matches!(passwords.check("äöüäö"), Err(Error::WeakPassword(_))));
        assert!(matches!(passwords.check(&"x".repeat(73)), Err(Error::Invalid(_))));
        assert!(passwords.check("äöüäöü").is_ok());
    }

    #[test]
    fn one_character_of_each_set_must_be_there() {
        let passwords = Passwords::new(6, "abc:123:\\:;");
        let reasons = |password| passwords.weakness(password).map(|weakness| weakness.reasons);
        assert_eq!(reasons("a1;a1;"), None);
        assert_eq!(reasons("a1:a1:"), None);
        assert_eq!(reasons("a1xxxx"), Some(vec!["characters"]));
        assert_eq!(reasons("x"), Some(vec!["length", "characters"]));
    }

    #[test]
    fn imported_hashes_are_of_a_known_kind_and_price() {
        assert!(is_hash(BCRYPT));
        assert!(is_hash(&hash_now("x").unwrap()));
        assert!(!is_hash("$2a$31$wHoLu6lD5s.wMbHE8q4yBOMZ7KnjqzfnG1lxA51OS6LOEH.mLR68e"));
        assert!(!is_hash("$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNo"));
        assert!(!is_hash("5f4dcc3b5aa765d61d8327deb882cf99"));
    }
}
