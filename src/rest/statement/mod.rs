//! [`Plan`] -> [`Statement`]: one SQL statement whose one row is the whole answer. Pure.
//!
//! Reading order: `fragment` (names, literals, parameters), `read`, `write`, `call`. Every
//! statement gives the same columns: `body`, `rows`, `total`, `headers`, `status`, `location`
//! and `updated`.

mod call;
mod fragment;
mod read;
mod write;

pub use fragment::{Statement, quote_name};

use super::media::Media;
use super::plan::Plan;
use super::prefer::Preferences;
use super::request::ApiRequest;

/// What the answer should contain.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    media: Media,
    has_body: bool,
    has_total: bool,
}

/// Writes the statement of a plan; there is none when nothing has to be asked.
pub fn render(request: &ApiRequest, plan: &Plan) -> Option<Statement> {
    let Preferences { count_exact, .. } = request.preferences;
    let wanted =
        Wanted { media: request.media, has_body: !request.is_head(), has_total: count_exact };
    match plan {
        Plan::Read(rows) => Some(read::render(rows, wanted)),
        Plan::Write(write) => Some(write::render(write, &request.payload, wanted)),
        Plan::Call(call) => Some(call::render(call, &request.payload, wanted)),
        Plan::Inspect(_) => None,
    }
}

/// Begins the outer statement: the answer's columns over `walkie_row`. `body` says how rows
/// become text.
fn answer(out: &mut Statement, body: &str, total: impl FnOnce(&mut Statement), rest: [&str; 2]) {
    out.push("select ").push(body).push(" as body, count(*) as rows, ");
    total(out);
    out.push(" as total, nullif(current_setting('response.headers', true), '') as headers");
    out.push(", nullif(current_setting('response.status', true), '') as status, ");
    out.push(rest[0]).push(" as location, ").push(rest[1]).push(" as updated from ");
}

/// How rows named `walkie_row` become the body.
fn body(wanted: Wanted, is_set: bool) -> &'static str {
    if !wanted.has_body {
        return "null::text";
    }
    match (wanted.media, is_set) {
        (Media::Json | Media::Csv, true) => "coalesce(json_agg(walkie_row), '[]')::text",
        (Media::ArrayStripped, true) => {
            "coalesce(json_strip_nulls(json_agg(walkie_row)), '[]')::text"
        }
        (Media::Object { is_stripped: true }, _) | (Media::ArrayStripped, false) => {
            "(json_strip_nulls(json_agg(walkie_row)) -> 0)::text"
        }
        (Media::Object { is_stripped: false }, _) | (Media::Json | Media::Csv, false) => {
            "(json_agg(walkie_row) -> 0)::text"
        }
    }
}
