//! One line an answer on standard output, in the combined log format. The query string stays out:
//! it may hold what nobody else should read.

use std::io::Write;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use http::header::{REFERER, USER_AGENT};
use http::{HeaderMap, HeaderName};
use http_body::Body as _;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::rest::Asked;

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");

/// A request, as far as the log tells of it.
pub struct Seen {
    peer: String,
    line: String,
    referer: String,
    agent: String,
}

impl Seen {
    /// What is told of a request.
    pub fn of(request: &Request) -> Self {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let (method, path) = (request.method(), request.uri().path());
        Self {
            peer: peer.map_or_else(|| "-".to_owned(), |peer| peer.0.ip().to_string()),
            line: format!("{method} {} {:?}", escaped(path), request.version()),
            referer: header(request.headers(), REFERER),
            agent: header(request.headers(), USER_AGENT),
        }
    }

    /// Writes the line. A log that cannot be written must not end the request.
    pub fn log(&self, response: &Response) {
        let asked = response.extensions().get::<Asked>();
        let role = asked.and_then(|asked| asked.role.as_deref()).unwrap_or("-");
        let now = OffsetDateTime::now_utc().format(TIME).unwrap_or_default();
        let size = response.body().size_hint().exact();
        let size = size.map_or_else(|| "-".to_owned(), |size| size.to_string());
        let line = format!(
            "{} - {} [{now}] \"{}\" {} {size} \"{}\" \"{}\"\n",
            self.peer,
            escaped(role),
            self.line,
            response.status().as_u16(),
            self.referer,
            self.agent,
        );
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
}

fn header(headers: &HeaderMap, name: HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    escaped(value.unwrap_or_default())
}

/// Nobody ends a field or a line but us.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| match c {
            '"' | '\\' => vec!['\\', c],
            c if c.is_control() => vec!['?'],
            c => vec![c],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_end_only_where_we_end_them() {
        assert_eq!(escaped("a\"b\\c\nd\u{7f}"), "a\\\"b\\\\c?d?");
    }
}
