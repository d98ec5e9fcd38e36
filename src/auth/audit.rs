//! GET /admin/audit: what was done to accounts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;

use super::bearer::Admin;
use super::page::Page;
use super::request::Parameters;
use super::store::audit::{self, Field};
use super::{Auth, Error};

pub(super) async fn list(
    _: Admin,
    State(auth): State<Arc<Auth>>,
    parameters: Parameters,
) -> Result<impl IntoResponse, Error> {
    let page = Page::read(&parameters)?;
    let query = parameters.get("query");
    let found = audit::list(&auth.store, page, query.map(wanted).transpose()?).await?;
    let asked: Vec<_> = query.map(|query| ("query", query)).into_iter().collect();
    Ok((page.headers("/admin/audit", &asked, found.total), Json(found.documents)))
}

/// `FIELD:TEXT`, as GoTrue has it.
fn wanted(query: &str) -> Result<(Field, &str), Error> {
    let unknown = Error::Invalid("query must be author:TEXT, action:TEXT or type:TEXT");
    match query.split_once(':') {
        Some(("author", text)) => Ok((Field::Author, text)),
        Some(("action", text)) => Ok((Field::Action, text)),
        Some(("type", text)) => Ok((Field::Type, text)),
        _ => Err(unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_looked_for_by_a_field_and_a_text() {
        assert!(matches!(wanted("action:login"), Ok((Field::Action, "login"))));
        assert!(matches!(wanted("author:a:b"), Ok((Field::Author, "a:b"))));
        for query in ["login", "actor:ana", ":", "action"] {
            assert!(wanted(query).is_err(), "{query}");
        }
    }
}
