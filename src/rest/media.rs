//! What the client accepts, and what we can give.

use super::error::Error;

/// A format of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// An array of rows, or a function's value.
    Json,
    /// As `Json`, without members that are null.
    ArrayStripped,
    /// Exactly one row.
    Object {
        /// Whether members that are null are left out.
        is_stripped: bool,
    },
    /// Lines of values.
    Csv,
}

impl Media {
    /// The best that `accept` allows; without the header, JSON.
    pub fn negotiate(accept: Option<&str>) -> Result<Self, Error> {
        let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
            return Ok(Self::Json);
        };
        let mut ranges: Vec<(f32, &str)> = accept.split(',').map(weighed).collect();
        // The sort is stable: of equal weights the first named wins.
        ranges.sort_by(|a, b| b.0.total_cmp(&a.0));
        ranges
            .iter()
            .filter(|(weight, _)| *weight > 0.0)
            .find_map(|(_, range)| Self::named(range))
            .ok_or_else(|| Error::MediaType(accept.to_owned()))
    }

    fn named(range: &str) -> Option<Self> {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let is_stripped = parts.any(|parameter| parameter == "nulls=stripped");
        match name.as_str() {
            "application/vnd.pgrst.array" | "application/vnd.pgrst.array+json" if is_stripped => {
                Some(Self::ArrayStripped)
            }
            "application/json"
            | "*/*"
            | "application/*"
            | "application/vnd.pgrst.array"
            | "application/vnd.pgrst.array+json" => Some(Self::Json),
            "application/vnd.pgrst.object" | "application/vnd.pgrst.object+json" => {
                Some(Self::Object { is_stripped })
            }
            "text/csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// The `Content-Type` of the answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::ArrayStripped => "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8",
            Self::Object { is_stripped: false } => {
                "application/vnd.pgrst.object+json; charset=utf-8"
            }
            Self::Object { is_stripped: true } => {
                "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8"
            }
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    /// Whether exactly one row must come back.
    pub fn is_singular(self) -> bool {
        matches!(self, Self::Object { .. })
    }
}

fn weighed(range: &str) -> (f32, &str) {
    let weight = range
        .split(';')
        .skip(1)
        .find_map(|parameter| parameter.trim().strip_prefix("q="))
        .and_then(|weight| weight.trim().parse().ok())
        .unwrap_or(1.0);
    (weight, range.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiated(accept: &str) -> Option<Media> {
        Media::negotiate(Some(accept)).ok()
    }

    #[test]
    fn heaviest_known_type_wins() {
        assert_eq!(negotiated("text/html, */*;q=0.1"), Some(Media::Json));
        assert_eq!(negotiated("application/json;q=0.2,text/csv"), Some(Media::Csv));
        assert_eq!(negotiated("text/html"), None);
        assert_eq!(Media::negotiate(None).ok(), Some(Media::Json));
    }

    #[test]
    fn objects_and_arrays_may_drop_nulls() {
        assert_eq!(
            negotiated("application/vnd.pgrst.object+json;nulls=stripped"),
            Some(Media::Object { is_stripped: true })
        );
        assert_eq!(
            negotiated("application/vnd.pgrst.array+json;nulls=stripped"),
            Some(Media::ArrayStripped)
        );
        assert_eq!(negotiated("application/vnd.pgrst.array+json"), Some(Media::Json));
    }
}
