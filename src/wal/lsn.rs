//! Positions in the log, as `X/Y` text and as numbers.

use std::fmt;
use std::str::FromStr;

/// A position in the write-ahead log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// A text that is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a position of the log")]
pub struct NotAPosition;

impl FromStr for Lsn {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let (high, low) = text.split_once('/').ok_or(NotAPosition)?;
        let part = |digits: &str| match digits.len() {
            1..=8 if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
                u32::from_str_radix(digits, 16).map_err(|_| NotAPosition)
            }
            _ => Err(NotAPosition),
        };
        Ok(Self(u64::from(part(high)?) << 32 | u64::from(part(low)?)))
    }
}

/// The place of one change: its transaction's commit position and its number in it. Places
/// are ordered as changes are delivered, and mean the same on every server of a database.
///
/// Its text is `X/Y:n`; `X/Y` alone is the place after all changes of that commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Position of the commit record.
    pub commit: Lsn,
    /// Number of the change in its transaction, from 0.
    pub index: u32,
}

impl Place {
    /// The place before every change that was committed at `commit` or later.
    pub fn before(commit: Lsn) -> Self {
        Self::after(Lsn(commit.0.saturating_sub(1)))
    }

    /// The place after every change that was committed at `commit`.
    pub fn after(commit: Lsn) -> Self {
        Self { commit, index: u32::MAX }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            u32::MAX => write!(f, "{}", self.commit),
            index => write!(f, "{}:{index}", self.commit),
        }
    }
}

impl FromStr for Place {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let Some((commit, index)) = text.split_once(':') else {
            return Ok(Self::after(text.parse()?));
        };
        if !index.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(NotAPosition);
        }
        Ok(Self { commit: commit.parse()?, index: index.parse().map_err(|_| NotAPosition)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_read_what_they_write() {
        for text in ["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"] {
            assert_eq!(text.parse::<Lsn>().expect("parses").to_string(), text);
        }
        for text in ["", "0", "/", "0/", "1/2/3", "+1/2", "123456789/0", "x/y"] {
            assert_eq!(text.parse::<Lsn>(), Err(NotAPosition), "{text}");
        }
    }

    #[test]
    fn places_read_what_they_write_and_keep_order() {
        for text in ["0/1:0", "0/1:41", "0/1", "A/B:7"] {
            assert_eq!(text.parse::<Place>().expect("parses").to_string(), text);
        }
        let place = |text: &str| text.parse::<Place>().expect("parses");
        assert!(place("0/1:41") < place("0/1") && place("0/1") < place("0/2:0"));
        assert!(Place::before(Lsn(2)) < place("0/2:0") && Place::before(Lsn(2)) >= place("0/1:9"));
        assert_eq!("0/1:-1".parse::<Place>(), Err(NotAPosition));
        assert_eq!("0/1:+1".parse::<Place>(), Err(NotAPosition));
        assert_eq!("0/1:".parse::<Place>(), Err(NotAPosition));
    }
}
