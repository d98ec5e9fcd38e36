//! Pages of long lists, as administrators leaf through them.

use http::HeaderName;
use http::header::LINK;

use super::Error;
use super::request::Parameters;

const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// Entries on a page unless asked otherwise, and the most anybody gets.
const PER_PAGE: u32 = 50;
const MAX_PER_PAGE: u32 = 1000;

/// Which page of a list is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    /// The first is 1.
    number: u32,
    per_page: u32,
}

impl Page {
    /// The page that parameters `page` and `per_page` ask for.
    ///
    /// # Errors
    /// One of them is no positive number.
    pub(super) fn read(parameters: &Parameters) -> Result<Self, Error> {
        let number_of = |name: &str, default: u32| {
            let Some(text) = parameters.get(name) else { return Ok(default) };
            text.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
                Error::InvalidValue(format!(
                    "Bad Pagination Parameters: {name} must be a positive number"
                ))
            })
        };
        let per_page = number_of("per_page", PER_PAGE)?.min(MAX_PER_PAGE);
        Ok(Self { number: number_of("page", 1)?, per_page })
    }

    /// `limit` and `offset` of the page, as SQL takes them.
    pub(super) fn bounds(self) -> (String, String) {
        let offset = u64::from(self.number - 1) * u64::from(self.per_page);
        (self.per_page.to_string(), offset.to_string())
    }

    /// How many entries there are, and where the next and the last page are: below `path`, with
    /// what else was asked.
    pub(super) fn headers(
        self,
        path: &str,
        asked: &[(&str, &str)],
        total: u64,
    ) -> [(HeaderName, String); 2] {
        [(TOTAL_COUNT, total.to_string()), (LINK, self.links(path, asked, total))]
    }

    /// The stock client reads one digit after `page=`, so `page` must come first.
    fn links(self, path: &str, asked: &[(&str, &str)], total: u64) -> String {
        let per_page = self.per_page;
        let last = total.div_ceil(u64::from(per_page)).max(1);
        let mut more = form_urlencoded::Serializer::new(String::new());
        let more = more.append_pair("per_page", &per_page.to_string()).extend_pairs(asked).finish();
        let link = |page: u64, name: &str| format!("<{path}?page={page}&{more}>; rel=\"{name}\"");
        let number = u64::from(self.number);
        let next = (number < last).then(|| link(number + 1, "next"));
        next.into_iter().chain([link(last, "last")]).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(number: u32, total: u64) -> String {
        Page { number, per_page: 50 }.links("/admin/users", &[], total)
    }

    #[test]
    fn links_lead_to_the_next_and_the_last_page() {
        assert_eq!(
            links(1, 101),
            "</admin/users?page=2&per_page=50>; rel=\"next\", \
             </admin/users?page=3&per_page=50>; rel=\"last\""
        );
        assert_eq!(links(3, 101), "</admin/users?page=3&per_page=50>; rel=\"last\"");
        assert_eq!(links(1, 0), "</admin/users?page=1&per_page=50>; rel=\"last\"");
    }

    #[test]
    fn links_repeat_what_else_was_asked() {
        let page = Page { number: 1, per_page: 1 };
        let links = page.links("/admin/audit", &[("query", "action:log in")], 1);
        assert_eq!(links, "</admin/audit?page=1&per_page=1&query=action%3Alog+in>; rel=\"last\"");
    }
}
