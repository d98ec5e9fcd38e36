//! What buckets and objects may be called.

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::Error;

/// Longest name of an object, in bytes; as in S3.
const MAX_KEY_BYTES: usize = 1024;

/// Longest name of a bucket, in characters.
const MAX_BUCKET_LENGTH: usize = 100;

/// So much of a refused name is repeated, in characters.
const MAX_SHOWN: usize = 128;

/// A suffix that belongs to others.
const RESERVED_SUFFIX: &str = "--table-s3";

/// What names may hold besides letters and digits.
const MARKS: &str = "_!.*'()&$@=;:+,?- ";

/// A bucket's name that may be given.
///
/// # Errors
/// It may not.
pub(super) fn bucket(name: &str) -> Result<&str, Error> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || MARKS.contains(c);
    let is_good = (1..=MAX_BUCKET_LENGTH).contains(&name.chars().count())
        && name.chars().all(is_plain)
        && name.trim() == name
        && !name.ends_with(RESERVED_SUFFIX);
    if is_good { Ok(name) } else { Err(Error::BucketName) }
}

/// An object's name as it is kept: any script, in one spelling (NFC). A name is never a path of
/// this machine; even so, none climbs.
///
/// # Errors
/// It may not be called so.
pub(super) fn key(name: &str) -> Result<String, Error> {
    let refuse = || Err(Error::InvalidKey(format!("Invalid key: {}", shown(name))));
    if name.is_empty() || name.len() > MAX_KEY_BYTES {
        return refuse();
    }
    let name: String = if is_nfc(name) { name.to_owned() } else { name.nfc().collect() };
    let is_odd = |c: char| c.is_control() || "%#\\^~`{}[]|<>\"".contains(c) || is_unseen(c);
    let climbs = name.split('/').any(|part| part == "." || part == "..");
    if name.len() > MAX_KEY_BYTES || climbs || name.chars().any(is_odd) {
        return refuse();
    }
    Ok(name)
}

/// A name that is looked for: as [`key`], but one that nobody can have is just not there.
///
/// # Errors
/// There can be no such object.
pub(super) fn sought(name: &str) -> Result<String, Error> {
    key(name).map_err(|_| Error::NoSuchKey)
}

/// What turns the direction of writing or breaks lines, so that a name looks like another.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(MAX_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_script_are_kept_in_one_spelling() {
        assert_eq!(key("Grüße/日本.txt").expect("a name"), "Grüße/日本.txt");
        assert_eq!(key("Gru\u{308}ße").expect("a name"), "Grüße");
        assert_eq!(key("a//b c&d.txt").expect("a name"), "a//b c&d.txt");
    }

    #[test]
    fn odd_climbing_and_endless_names_are_refused() {
        for name in [
            "",
            "a\0b",
            "a%b",
            "a#b",
            "a\\b",
            "../a",
            "a/../b",
            "a/.",
            "\u{85}",
            "a\u{202e}gnp.exe",
        ] {
            assert!(key(name).is_err(), "{name:?}");
        }
        assert!(key(&"a".repeat(1024)).is_ok());
        assert!(key(&"a".repeat(10_000)).is_err());
        let Err(Error::InvalidKey(told)) = key(&"#".repeat(10_000)) else { panic!("refused") };
        assert!(told.len() < 200);
    }

    #[test]
    fn buckets_have_plain_names() {
        assert!(bucket("chat-files_2 (old)").is_ok());
        for name in ["", "a/b", " a", "a ", "é", "x--table-s3", &"a".repeat(101)] {
            assert!(bucket(name).is_err(), "{name:?}");
        }
    }
}
