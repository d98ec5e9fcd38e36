//! Lists of objects: what the caller sees, by folder or flat.

use serde_json::Value;

use super::super::caller::Caller;
use super::super::{Error, Storage};
use super::{document, only};

/// Which rows of an object count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Which {
    Exclude,
    Include,
    Only,
}

/// What is asked of a list.
#[derive(Debug, Clone)]
pub(in super::super) struct Wanted<'a> {
    pub bucket: &'a str,
    /// How names begin.
    pub prefix: &'a str,
    /// What is within the part of a name that is shown.
    pub search: Option<&'a str>,
    /// Whether what lies deeper is shown as a folder.
    pub by_folder: bool,
    /// Whether upper and lower case are the same in `prefix`.
    pub is_folded: bool,
    /// Whether a name must be the prefix itself.
    pub is_exact: bool,
    pub noncurrent: Which,
    pub markers: Which,
    pub order: Order,
    pub limit: u64,
    pub offset: u64,
    /// After which entry: what it is sorted by, its name and its id.
    pub after: Option<[&'a str; 3]>,
}

/// By what a list is sorted.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Order {
    /// One of the columns' names.
    pub column: &'static str,
    pub is_descending: bool,
}

/// The entries, each as an object: name within the prefix, full name, the row's own fields, and
/// `sorted_by`. Folders have no id.
pub(in super::super) async fn entries(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    wanted: &Wanted<'_>,
) -> Result<Vec<Value>, Error> {
    let (limit, offset) = (wanted.limit.to_string(), wanted.offset.to_string());
    let [sorted_by, name, id] = wanted.after.map_or([None; 3], |after| after.map(Some));
    let params = [
        Some(wanted.bucket),
        Some(wanted.prefix),
        wanted.search,
        Some(limit.as_str()),
        Some(offset.as_str()),
        sorted_by,
        name,
        id,
    ];
    let session = caller.session(operation).read_only();
    let rows = storage.pg.run(&session, &sql(wanted), &params).await?;
    let Some(row) = only(rows) else { return Ok(Vec::new()) };
    match document(&row, "entries")? {
        Value::Array(entries) => Ok(entries),
        _ => Ok(Vec::new()),
    }
}

fn sql(wanted: &Wanted<'_>) -> String {
    let begins = match (wanted.is_exact, wanted.is_folded) {
        (true, _) => "o.name = $2::text",
        (false, false) => {
            "o.name collate \"C\" >= $2::text and o.name collate \"C\" < $2::text || U&'\\+10FFFF'"
        }
        (false, true) => {
            "lower(o.name) collate \"C\" >= lower($2::text)
             and lower(o.name) collate \"C\" < lower($2::text) || U&'\\+10FFFF'"
        }
    };
    let noncurrent = match wanted.noncurrent {
        Which::Exclude => "o.archived_at is null",
        Which::Include => "true",
        Which::Only => "o.archived_at is not null",
    };
    let markers = match wanted.markers {
        Which::Exclude => "not o.is_delete_marker",
        Which::Include => "true",
        Which::Only => "o.is_delete_marker",
    };
    let is_deeper =
        if wanted.by_folder && !wanted.is_exact { "strpos(s.rest, '/') > 0" } else { "false" };
    // An exact name is shown by its last part.
    let rest = if wanted.is_exact { "o.name" } else { "substr(o.name, length($2::text) + 1)" };
    let sorted_by = match wanted.order.column {
        "name" => "e.name",
        "updated_at" => "storage.iso(e.updated_at)",
        "last_accessed_at" => "storage.iso(e.last_accessed_at)",
        _ => "storage.iso(e.created_at)",
    };
    let (direction, beyond) = if wanted.order.is_descending { ("desc", "<") } else { ("asc", ">") };
    format!(
        "with seen as (
           select o.id, o.name, o.updated_at, o.created_at, o.last_accessed_at, o.metadata, o.version,
                  o.archived_at, o.is_delete_marker, o.is_versioned, {rest} as rest
             from storage.objects o
            where o.bucket_id = $1::text and {begins} and {noncurrent} and {markers}
              and (o.expires_at is null or o.expires_at > now())),
         entries as (
           select split_part(s.rest, '/', 1) as name, $2::text || split_part(s.rest, '/', 1) as whole,
                  null::uuid as id, max(s.updated_at) as updated_at, max(s.created_at) as created_at,
                  max(s.last_accessed_at) as last_accessed_at, null::jsonb as metadata, null as version,
                  null::timestamptz as archived_at, null::boolean as is_delete_marker, null::boolean as is_versioned
             from seen s
            where {is_deeper}
            group by split_part(s.rest, '/', 1)
           union all
           select s.rest, s.name, s.id, s.updated_at, s.created_at, s.last_accessed_at, s.metadata, s.version,
                  s.archived_at, s.is_delete_marker, s.is_versioned
             from seen s
            where not {is_deeper} and s.rest <> ''),
         sorted as (
           select e.*, ({sorted_by}) collate \"C\" as sorted_by, coalesce(e.id::text, '') collate \"C\" as tie
             from entries e),
         page as (
           select *, row_number() over (order by e.sorted_by {direction}, e.name collate \"C\" {direction}, e.tie {direction}) as place
             from sorted e
            where ($3::text is null or strpos(lower(e.name), lower($3::text)) > 0)
              and ($6::text is null
                   or (e.sorted_by, e.name collate \"C\", e.tie) {beyond} ($6::text, $7::text, $8::text))
            order by place
            limit $4::bigint offset $5::bigint)
         select coalesce(json_agg(json_build_object(
                  'name', p.name, 'whole', p.whole, 'id', p.id, 'updated_at', storage.iso(p.updated_at),
                  'created_at', storage.iso(p.created_at),
                  'last_accessed_at', storage.iso(p.last_accessed_at), 'metadata', p.metadata,
                  'version', p.version, 'archived_at', storage.iso(p.archived_at),
                  'is_delete_marker', p.is_delete_marker, 'is_versioned', p.is_versioned,
                  'sorted_by', p.sorted_by, 'tie', p.tie) order by p.place), '[]')::text as entries
           from page p"
    )
}
