//! What was done to accounts, as it was written down.

use super::{Listed, Store, listed};
use crate::auth::page::Page;
use crate::pg;

/// What entries are looked for by.
#[derive(Debug, Clone, Copy)]
pub(in crate::auth) enum Field {
    /// Who did it, by name.
    Author,
    /// What was done.
    Action,
    /// What kind of thing it was done to.
    Type,
}

impl Field {
    /// Expression for the text of an entry `e`.
    fn text(self) -> &'static str {
        match self {
            Self::Author => {
                "concat_ws(' ', e.payload ->> 'actor_username', e.payload ->> 'actor_name')"
            }
            Self::Action => "e.payload ->> 'action'",
            Self::Type => "e.payload ->> 'log_type'",
        }
    }
}

/// A page of all entries, or of those that hold a text in a field whatever its case, the newest
/// first.
pub(in crate::auth) async fn list(
    store: &Store,
    page: Page,
    wanted: Option<(Field, &str)>,
) -> Result<Listed, pg::Error> {
    let condition = wanted.map_or("$3::text is null".to_owned(), |(field, _)| {
        format!("position(lower($3::text) in lower({})) > 0", field.text())
    });
    let sql = format!(
        "select (select count(*) from auth.audit_log_entries e where {condition}) as total,
                coalesce(json_agg(document), '[]')::text as documents
           from (select json_build_object(
                          'id', e.id,
                          'payload', e.payload,
                          'created_at', {},
                          'ip_address', e.ip_address) as document
                   from auth.audit_log_entries e
                  where {condition}
                  order by e.created_at desc, e.id
                  limit $1::bigint offset $2::bigint) page",
        stamp!("e.created_at"),
    );
    let (limit, offset) = page.bounds();
    let text = wanted.map(|(_, text)| text);
    listed(&store.read(&sql, &[Some(&limit), Some(&offset), text]).await?)
}
