//! Cursors: where in an order a page ended, as a text that means nothing to clients. Pure.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::error::Error;

/// Longest cursor, in bytes: it must fit into a header and into an address.
const MAX_CURSOR_BYTES: usize = 4096;

/// Bytes of the hash that tells orders apart.
const ORDER_BYTES: usize = 9;

/// Text of each value by which rows are ordered; none for null.
pub type Values = Vec<Option<String>>;

/// Why there is no page by cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CursorFault {
    /// It is no cursor.
    Unreadable,
    /// It is one of other rows, or of another order.
    OtherOrder,
    /// Nothing tells the rows of this relation apart.
    NoKey(String),
    /// Groups of rows have no place in an order.
    Groups,
    /// The values of one row are longer than a cursor may be.
    TooLong,
    /// More rows than one answer may hold are alike in all that they are ordered by.
    TooManyAlike(i64),
}

/// A short name of an order that is `described` so.
pub fn name_order(described: &str) -> String {
    let hash = Sha256::digest(described.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(&hash[..ORDER_BYTES])
}

/// The cursor behind a row, of whose values Postgres made the array `values` in JSON.
///
/// # Errors
/// [`CursorFault::TooLong`]
pub fn write(order: &str, values: &str) -> Result<String, Error> {
    let cursor = BASE64_URL_SAFE_NO_PAD.encode(format!("[\"{order}\",{values}]"));
    if cursor.len() > MAX_CURSOR_BYTES {
        return Err(Error::Cursor(CursorFault::TooLong));
    }
    Ok(cursor)
}

/// The values in a cursor of this order, which has so many `terms`.
///
/// # Errors
/// [`CursorFault::Unreadable`], [`CursorFault::OtherOrder`]
pub fn read(cursor: &str, order: &str, terms: usize) -> Result<Values, Error> {
    let unreadable = || Error::Cursor(CursorFault::Unreadable);
    if cursor.len() > MAX_CURSOR_BYTES {
        return Err(unreadable());
    }
    let text = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| unreadable())?;
    let (of, values): (String, Values) = serde_json::from_slice(&text).map_err(|_| unreadable())?;
    if of != order || values.len() != terms {
        return Err(Error::Cursor(CursorFault::OtherOrder));
    }
    // Postgres takes no text with a NUL in it.
    if values.iter().flatten().any(|value| value.contains('\0')) {
        return Err(unreadable());
    }
    Ok(values)
}

impl CursorFault {
    /// What happened.
    pub fn message(&self) -> String {
        match self {
            Self::Unreadable => "The cursor does not read".into(),
            Self::OtherOrder => "The cursor belongs to other rows or another order".into(),
            Self::NoKey(name) => format!("Rows of '{name}' cannot be told apart"),
            Self::Groups => "Groups of rows have no cursors".into(),
            Self::TooLong => "The cursor would be too long".into(),
            Self::TooManyAlike(_) => "Too many rows are alike in their order".into(),
        }
    }

    /// More about it.
    pub fn details(&self) -> Option<String> {
        match self {
            Self::NoKey(_) => {
                Some("It has no primary key, and no unique key without nulls.".into())
            }
            Self::TooLong => Some(format!("A cursor has at most {MAX_CURSOR_BYTES} bytes.")),
            Self::TooManyAlike(rows) => Some(format!("The page would have {rows} rows.")),
            Self::Unreadable | Self::OtherOrder | Self::Groups => None,
        }
    }

    /// What might help.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable | Self::OtherOrder => {
                "Take cursors from the Link header, and go on with the order they came with."
            }
            Self::NoKey(_) => "Say by 'order' what makes each row another one.",
            Self::Groups => "Leave out aggregates, or ask for all groups at once.",
            Self::TooLong => "Order by shorter values.",
            Self::TooManyAlike(_) => "Order by more columns.",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(read: Result<Values, Error>) -> Option<CursorFault> {
        match read {
            Err(Error::Cursor(fault)) => Some(fault),
            _ => None,
        }
    }

    #[test]
    fn cursor_is_read_only_in_its_order() {
        let order = name_order("films by year");
        let cursor = write(&order, r#"["1950",null]"#).expect("short");
        let values = read(&cursor, &order, 2).expect("its own");
        assert_eq!(values, [Some("1950".into()), None]);
        let other = name_order("films by title");
        assert_eq!(fault(read(&cursor, &other, 2)), Some(CursorFault::OtherOrder));
        assert_eq!(fault(read(&cursor, &order, 3)), Some(CursorFault::OtherOrder));
    }

    #[test]
    fn cursor_has_a_bound() {
        let long = format!("[\"{}\"]", "x".repeat(MAX_CURSOR_BYTES));
        assert!(matches!(write("o", &long), Err(Error::Cursor(CursorFault::TooLong))));
        let long = "A".repeat(MAX_CURSOR_BYTES + 1);
        assert_eq!(fault(read(&long, "o", 1)), Some(CursorFault::Unreadable));
    }

    #[test]
    fn nul_is_no_value() {
        let cursor = write("o", r#"["a\u0000"]"#).expect("short");
        assert_eq!(fault(read(&cursor, "o", 1)), Some(CursorFault::Unreadable));
    }

    proptest! {
        #[test]
        fn values_come_back(values in prop::collection::vec(prop::option::of("[^\0]{0,20}"), 1..5)) {
            let text = serde_json::to_string(&values).expect("it is JSON");
            let cursor = write("o", &text).expect("short");
            prop_assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
            prop_assert_eq!(read(&cursor, "o", values.len()).expect("its own"), values);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}") {
            let _ = read(&text, "o", 1);
        }
    }
}
