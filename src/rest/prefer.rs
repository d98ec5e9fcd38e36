//! `Prefer: return=representation, count=exact`: what the client would like.

use http::HeaderMap;

/// Preferences; what is not understood is not applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Preferences {
    /// Upserts: what happens to a row that is already there.
    pub resolution: Option<Resolution>,
    /// Inserts: what a missing key means.
    pub missing: Option<Missing>,
    /// Writes: what comes back.
    pub representation: Option<Return>,
    /// How all rows are counted.
    pub count: Option<Count>,
}

/// What happens to a row that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// It takes the new values.
    MergeDuplicates,
    /// It stays.
    IgnoreDuplicates,
}

/// What a key missing in the body means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The column's default.
    Default,
    /// Null.
    Null,
}

/// What comes back from a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// Nothing.
    Minimal,
    /// Where the new row is.
    HeadersOnly,
    /// The rows.
    Representation,
}

/// How all rows are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// One by one.
    Exact,
    /// As the planner guesses.
    Planned,
    /// One by one while they are few, else as the planner guesses.
    Estimated,
}

impl Preferences {
    /// Reads every `Prefer` header; of contradicting ones the first speaks.
    pub fn read(headers: &HeaderMap) -> Self {
        let mut preferences = Self::default();
        let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        for preference in values.flat_map(|value| value.split(',')).map(str::trim) {
            preferences.apply(preference);
        }
        preferences
    }

    fn apply(&mut self, preference: &str) {
        match preference {
            "resolution=merge-duplicates" => {
                self.resolution.get_or_insert(Resolution::MergeDuplicates);
            }
            "resolution=ignore-duplicates" => {
                self.resolution.get_or_insert(Resolution::IgnoreDuplicates);
            }
            "missing=default" => {
                self.missing.get_or_insert(Missing::Default);
            }
            "missing=null" => {
                self.missing.get_or_insert(Missing::Null);
            }
            "return=minimal" => {
                self.representation.get_or_insert(Return::Minimal);
            }
            "return=headers-only" => {
                self.representation.get_or_insert(Return::HeadersOnly);
            }
            "return=representation" => {
                self.representation.get_or_insert(Return::Representation);
            }
            "count=exact" => {
                self.count.get_or_insert(Count::Exact);
            }
            "count=planned" => {
                self.count.get_or_insert(Count::Planned);
            }
            "count=estimated" => {
                self.count.get_or_insert(Count::Estimated);
            }
            _ => {}
        }
    }

    /// What comes back from a write.
    pub fn returns(self) -> Return {
        self.representation.unwrap_or(Return::Minimal)
    }

    /// The header that tells which were honoured, in the dialect's order.
    pub fn applied(self) -> Option<String> {
        let resolution = self.resolution.map(|resolution| match resolution {
            Resolution::MergeDuplicates => "resolution=merge-duplicates",
            Resolution::IgnoreDuplicates => "resolution=ignore-duplicates",
        });
        let missing = self.missing.map(|missing| match missing {
            Missing::Default => "missing=default",
            Missing::Null => "missing=null",
        });
        let returns = self.representation.map(|returns| match returns {
            Return::Minimal => "return=minimal",
            Return::HeadersOnly => "return=headers-only",
            Return::Representation => "return=representation",
        });
        let count = self.count.map(|count| match count {
            Count::Exact => "count=exact",
            Count::Planned => "count=planned",
            Count::Estimated => "count=estimated",
        });
        let applied: Vec<&str> =
            [resolution, missing, returns, count].into_iter().flatten().collect();
        (!applied.is_empty()).then(|| applied.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_add_up_and_the_first_speaks() {
        let mut headers = HeaderMap::new();
        headers.append("prefer", "count=exact,return=representation".parse().expect("value"));
        headers.append("prefer", "return=minimal, wonders=true".parse().expect("value"));
        let preferences = Preferences::read(&headers);
        assert_eq!(preferences.returns(), Return::Representation);
        assert_eq!(preferences.applied().as_deref(), Some("return=representation, count=exact"));
        assert_eq!(Preferences::default().applied(), None);
    }
}
