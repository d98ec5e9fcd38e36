//! `Prefer: return=representation, count=exact`: what the client would like.

use http::HeaderMap;

/// Preferences; what is not understood is not applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// Upserts: what happens to a row that is already there.
    pub resolution: Option<Resolution>,
    /// Writes: what a missing key means.
    pub missing: Option<Missing>,
    /// Writes: what comes back.
    pub representation: Option<Return>,
    /// How all rows are counted.
    pub count: Option<Count>,
    /// How the transaction ends.
    pub end: Option<End>,
    /// What happens to a preference that is not understood.
    pub handling: Option<Handling>,
    /// The time zone of timestamps, as Postgres takes it.
    pub timezone: Option<String>,
    /// Most rows that may be changed; means something only with [`Handling::Strict`].
    pub max_affected: Option<i64>,
    /// Reads: whether they come in pages, with cursors between them.
    pub cursor: bool,
    /// Reads: whether the answer tells which version it is.
    pub etag: bool,
    /// Those that are not understood.
    pub unknown: Vec<String>,
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

/// How the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The work stays.
    Commit,
    /// The work is undone.
    Rollback,
}

/// What happens to a preference that is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// The request is refused.
    Strict,
    /// It is passed over.
    Lenient,
}

const RESOLUTIONS: [(&str, Resolution); 2] = [
    ("resolution=merge-duplicates", Resolution::MergeDuplicates),
    ("resolution=ignore-duplicates", Resolution::IgnoreDuplicates),
];

const MISSING: [(&str, Missing); 2] =
    [("missing=default", Missing::Default), ("missing=null", Missing::Null)];

const RETURNS: [(&str, Return); 3] = [
    ("return=representation", Return::Representation),
    ("return=minimal", Return::Minimal),
    ("return=headers-only", Return::HeadersOnly),
];

const COUNTS: [(&str, Count); 3] = [
    ("count=exact", Count::Exact),
    ("count=planned", Count::Planned),
    ("count=estimated", Count::Estimated),
];

const ENDS: [(&str, End); 2] = [("tx=commit", End::Commit), ("tx=rollback", End::Rollback)];

const HANDLINGS: [(&str, Handling); 2] =
    [("handling=strict", Handling::Strict), ("handling=lenient", Handling::Lenient)];

const CURSOR: &str = "cursor";

const ETAG: &str = "etag";

impl Preferences {
    /// Reads every `Prefer` header; of contradicting ones the first speaks. `tx=` counts only
    /// when the client may choose how the transaction ends.
    pub fn read(headers: &HeaderMap, may_choose_end: bool) -> Self {
        let mut preferences = Self::default();
        let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        for preference in values.flat_map(|value| value.split(',')).map(str::trim) {
            preferences.apply(preference);
        }
        if !may_choose_end {
            preferences.end = None;
        }
        preferences
    }

    fn apply(&mut self, preference: &str) {
        let is_known = keep(&mut self.resolution, &RESOLUTIONS, preference)
            || keep(&mut self.missing, &MISSING, preference)
            || keep(&mut self.representation, &RETURNS, preference)
            || keep(&mut self.count, &COUNTS, preference)
            || keep(&mut self.end, &ENDS, preference)
            || keep(&mut self.handling, &HANDLINGS, preference);
        if is_known {
            return;
        }
        if preference == CURSOR {
            self.cursor = true;
        } else if preference == ETAG {
            self.etag = true;
        } else if let Some(name) = preference.strip_prefix("timezone=") {
            self.timezone.get_or_insert_with(|| name.to_owned());
        } else if let Some(rows) = preference.strip_prefix("max-affected=") {
            self.max_affected = self.max_affected.or(rows.parse().ok());
        } else {
            self.unknown.push(preference.to_owned());
        }
    }

    /// What comes back from a write.
    pub fn returns(&self) -> Return {
        self.representation.unwrap_or(Return::Minimal)
    }

    /// Whether a preference that is not understood is an error.
    pub fn is_strict(&self) -> bool {
        self.handling == Some(Handling::Strict)
    }

    /// Most rows that may be changed.
    pub fn limit(&self) -> Option<i64> {
        self.max_affected.filter(|_| self.is_strict())
    }

    /// The header that tells which were honoured, in the dialect's order.
    pub fn applied(&self) -> Option<String> {
        let timezone = self.timezone.as_ref().map(|name| format!("timezone={name}"));
        let limit = self.limit().map(|rows| format!("max-affected={rows}"));
        let applied: Vec<&str> = [
            wire(self.resolution, &RESOLUTIONS),
            wire(self.missing, &MISSING),
            wire(self.representation, &RETURNS),
            wire(self.count, &COUNTS),
            wire(self.end, &ENDS),
            wire(self.handling, &HANDLINGS),
            timezone.as_deref(),
            limit.as_deref(),
            self.cursor.then_some(CURSOR),
            self.etag.then_some(ETAG),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!applied.is_empty()).then(|| applied.join(", "))
    }
}

/// Whether `preference` is one of these; the first that is stays.
fn keep<T: Copy>(place: &mut Option<T>, known: &[(&str, T)], preference: &str) -> bool {
    let found = known.iter().find(|(wire, _)| *wire == preference);
    if let Some((_, value)) = found {
        place.get_or_insert(*value);
    }
    found.is_some()
}

/// A preference as it is written.
fn wire<T: PartialEq>(value: Option<T>, known: &[(&'static str, T)]) -> Option<&'static str> {
    let value = value?;
    known.iter().find(|(_, known)| *known == value).map(|(wire, _)| *wire)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(prefer: &[&'static str], may_choose_end: bool) -> Preferences {
        let name = http::HeaderName::from_static("prefer");
        let values = prefer.iter().map(|value| http::HeaderValue::from_static(value));
        Preferences::read(&values.map(|value| (name.clone(), value)).collect(), may_choose_end)
    }

    #[test]
    fn headers_add_up_and_the_first_speaks() {
        let headers = ["count=exact,return=representation", "return=minimal, wonders=true"];
        let preferences = read(&headers, false);
        assert_eq!(preferences.returns(), Return::Representation);
        assert_eq!(preferences.applied().as_deref(), Some("return=representation, count=exact"));
        assert_eq!(preferences.unknown, ["wonders=true"]);
        assert_eq!(Preferences::default().applied(), None);
        let own = read(&["etag, handling=strict, cursor"], false);
        assert_eq!(own.applied().as_deref(), Some("handling=strict, cursor, etag"));
    }

    #[test]
    fn end_of_the_transaction_is_chosen_only_where_that_is_allowed() {
        assert_eq!(read(&["tx=rollback"], true).end, Some(End::Rollback));
        let kept = read(&["tx=rollback"], false);
        assert_eq!((kept.end, kept.unknown.len()), (None, 0));
    }

    #[test]
    fn limit_means_something_only_when_handling_is_strict() {
        let lenient = read(&["max-affected=5"], false);
        let strict = read(&["max-affected=5, handling=strict, timezone=Asia/Tokyo"], false);
        assert_eq!((lenient.limit(), lenient.applied()), (None, None));
        assert_eq!(strict.limit(), Some(5));
        let applied = "handling=strict, timezone=Asia/Tokyo, max-affected=5";
        assert_eq!(strict.applied().as_deref(), Some(applied));
        assert_eq!(read(&["max-affected=many"], false).max_affected, None);
    }
}
