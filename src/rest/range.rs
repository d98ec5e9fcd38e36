//! `limit`, `offset` and `Range: 0-24`: which rows of all.

use http::HeaderMap;

use super::error::{Error, RangeFault};

/// A part of all rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// Rows passed over.
    pub offset: i64,
    /// Most rows given.
    pub limit: Option<i64>,
}

impl Window {
    /// A window of these parameters; an offset below zero is zero.
    pub fn new(limit: Option<i64>, offset: Option<i64>) -> Result<Self, Error> {
        if limit.is_some_and(|limit| limit < 0) {
            return Err(Error::Range(RangeFault::NegativeLimit));
        }
        Ok(Self { offset: offset.unwrap_or(0).max(0), limit })
    }

    /// The window of a `Range` header: `first-last`, both counted from 0, or `first-`.
    /// Anything else in it means another unit and is not for us.
    pub fn of_header(headers: &HeaderMap) -> Result<Option<Self>, Error> {
        let range = headers.get("range").and_then(|range| range.to_str().ok());
        let Some((first, last)) = range.and_then(|range| range.trim().split_once('-')) else {
            return Ok(None);
        };
        let Ok(first) = first.parse::<u32>() else { return Ok(None) };
        let offset = i64::from(first);
        if last.is_empty() {
            return Ok(Some(Self { offset, limit: None }));
        }
        let Ok(last) = last.parse::<u32>() else { return Ok(None) };
        let limit = i64::from(last) - offset + 1;
        if limit < 1 {
            return Err(Error::Range(RangeFault::Reversed));
        }
        Ok(Some(Self { offset, limit: Some(limit) }))
    }

    /// The same with at most `max` rows.
    pub fn capped(self, max: Option<i64>) -> Self {
        Self { limit: self.limit.into_iter().chain(max).min(), ..self }
    }

    /// Whether all rows are asked for.
    pub fn is_everything(self) -> bool {
        self == Self::default()
    }

    /// `Content-Range` of an answer with `rows` out of `total`.
    pub fn content_range(self, rows: i64, total: Option<i64>) -> String {
        let total = total.map_or_else(|| "*".to_owned(), |total| total.to_string());
        if rows == 0 {
            return format!("*/{total}");
        }
        format!("{}-{}/{total}", self.offset, self.offset + rows - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(range: &'static str) -> Result<Option<Window>, Error> {
        Window::of_header(&HeaderMap::from_iter([(
            http::header::RANGE,
            http::HeaderValue::from_static(range),
        )]))
    }

    #[test]
    fn header_counts_from_zero_to_its_last() {
        assert_eq!(header("0-24").expect("valid"), Some(Window { offset: 0, limit: Some(25) }));
        assert_eq!(header("10-").expect("valid"), Some(Window { offset: 10, limit: None }));
        assert_eq!(header("bytes=0-24").expect("not ours"), None);
        assert!(header("5-1").is_err());
    }

    #[test]
    fn cap_only_lowers_the_limit() {
        let capped = |limit, max| Window { offset: 3, limit }.capped(max).limit;
        assert_eq!(capped(None, Some(2)), Some(2));
        assert_eq!(capped(Some(5), Some(2)), Some(2));
        assert_eq!(capped(Some(1), Some(2)), Some(1));
        assert_eq!(capped(None, None), None);
    }

    #[test]
    fn content_range_tells_what_is_there() {
        let window = Window { offset: 5, limit: Some(2) };
        assert_eq!(window.content_range(2, None), "5-6/*");
        assert_eq!(window.content_range(0, Some(3)), "*/3");
    }
}
