//! One line an answer on standard output, in the combined log format. The query string stays out:
//! it may hold what nobody else should read.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use http::header::{REFERER, USER_AGENT};
use http::{HeaderValue, Method, Uri, Version};
use http_body::Body as _;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::rest::Asked;

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");

/// A request, as far as the log tells of it; made into words only when the line is written.
pub struct Seen {
    peer: Option<IpAddr>,
    method: Method,
    uri: Uri,
    version: Version,
    referer: Option<HeaderValue>,
    agent: Option<HeaderValue>,
}

impl Seen {
    /// What is told of a request.
    pub fn of(request: &Request) -> Self {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        Self {
            peer: peer.map(|peer| peer.0.ip()),
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            referer: request.headers().get(REFERER).cloned(),
            agent: request.headers().get(USER_AGENT).cloned(),
        }
    }

    /// Writes the line. A log that cannot be written must not end the request.
    pub fn log(&self, response: &Response) {
        let asked = response.extensions().get::<Asked>();
        let role = asked.and_then(|asked| asked.role.as_deref()).unwrap_or("-");
        let peer = self.peer.map_or_else(|| "-".to_owned(), |peer| peer.to_string());
        let now = OffsetDateTime::now_utc().format(TIME).unwrap_or_default();
        let size = response.body().size_hint().exact();
        let size = size.map_or_else(|| "-".to_owned(), |size| size.to_string());
        let line = format!(
            "{peer} - {} [{now}] \"{} {} {:?}\" {} {size} \"{}\" \"{}\"\n",
            escaped(role),
            self.method,
            escaped(self.uri.path()),
            self.version,
            response.status().as_u16(),
            text(self.referer.as_ref()),
            text(self.agent.as_ref()),
        );
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
}

fn text(value: Option<&HeaderValue>) -> String {
    escaped(value.and_then(|value| value.to_str().ok()).unwrap_or_default())
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
