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
    let prefixes = serde_json::to_string(&spellings(storage, caller, operation, wanted).await?)?;
    let (limit, offset) = (wanted.limit.to_string(), wanted.offset.to_string());
    let [sorted_by, name, id] = wanted.after.map_or([None; 3], |after| after.map(Some));
    let params = [
        Some(wanted.bucket),
        Some(prefixes.as_str()),
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

/// How the prefix is really written, where capitals do not matter.
async fn spellings(
    storage: &Storage,
    caller: &Caller,
    operation: &'static str,
    wanted: &Wanted<'_>,
) -> Result<Vec<String>, Error> {
    let prefix = wanted.prefix;
    let has_letters = prefix.chars().any(|letter| letter.is_uppercase() || letter.is_lowercase());
    if wanted.is_exact || !wanted.is_folded || !has_letters {
        return Ok(vec![prefix.to_owned()]);
    }
    let sql = "select storage.spellings($1::text, $2::text) as spellings";
    let session = caller.own(operation).read_only();
    let rows = storage.pg.run(&session, sql, &[Some(wanted.bucket), Some(prefix)]).await?;
    only(rows).map_or(Ok(Vec::new()), |row| Ok(row.try_get("spellings")?))
}

fn sql(wanted: &Wanted<'_>) -> String {
    let is_plain = wanted.noncurrent == Which::Exclude && wanted.markers == Which::Exclude;
    let found = if is_plain && !wanted.is_exact { walked(wanted) } else { scanned(wanted) };
    let (direction, beyond) = if wanted.order.is_descending { ("desc", "<") } else { ("asc", ">") };
    // Folders have no times, and come first.
    let first = if wanted.order.is_descending { "U&'\\+10FFFF'" } else { "''" };
    let sorted_by = match wanted.order.column {
        "name" => "e.entry".to_owned(),
        column @ ("updated_at" | "last_accessed_at") => {
            format!("coalesce(storage.iso((e.object).{column}), {first})")
        }
        _ => format!("coalesce(storage.iso((e.object).created_at), {first})"),
    };
    format!(
        "with prefixes as (select jsonb_array_elements_text($2::jsonb) as prefix),
         found as ({found}),
         entries as (
           select distinct on (f.entry) f.prefix || rtrim(f.entry, '/') as whole, rtrim(f.entry, '/') as name,
                  f.entry, f.object
             from found f
            where (f.object).id is null
           union all
           select f.prefix || f.entry, f.entry, f.entry, f.object
             from found f
            where (f.object).id is not null and f.entry <> ''),
         sorted as (
           select e.*, ({sorted_by}) collate \"C\" as sorted_by, coalesce((e.object).id::text, '') collate \"C\" as tie
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
                  'name', p.name, 'whole', p.whole, 'id', (p.object).id,
                  'updated_at', storage.iso((p.object).updated_at),
                  'created_at', storage.iso((p.object).created_at),
                  'last_accessed_at', storage.iso((p.object).last_accessed_at), 'metadata', (p.object).metadata,
                  'version', (p.object).version, 'archived_at', storage.iso((p.object).archived_at),
                  'is_delete_marker', (p.object).is_delete_marker, 'is_versioned', (p.object).is_versioned,
                  'sorted_by', p.sorted_by, 'tie', p.tie) order by p.place), '[]')::text as entries
           from page p"
    )
}

/// What is current, along the index: a page of it where names are the order, and never what is in
/// folders.
fn walked(wanted: &Wanted<'_>) -> String {
    let delimiter = if wanted.by_folder { "/" } else { "" };
    let is_descending = wanted.order.is_descending;
    let (place, up_to) = if wanted.order.column == "name" {
        // Behind a folder is behind all that is in it.
        let beyond = if wanted.by_folder && !is_descending {
            "case when $6::text like '%/' then U&'\\+10FFFF' else '' end"
        } else {
            "''"
        };
        (format!("p.prefix || $6::text || {beyond}"), "$4::bigint + $5::bigint")
    } else {
        ("null".to_owned(), "null")
    };
    format!(
        "select p.prefix, w.entry, w.object
           from prefixes p
          cross join storage.walk_level($1::text, p.prefix, '{delimiter}', {place}, {is_descending}, {up_to}, $3::text) w"
    )
}

/// All that begins so, versions and marks of deletions included.
fn scanned(wanted: &Wanted<'_>) -> String {
    let begins = if wanted.is_exact {
        "o.name = p.prefix"
    } else {
        "o.name collate \"C\" >= p.prefix and o.name collate \"C\" < p.prefix || U&'\\+10FFFF'"
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
        if wanted.by_folder && !wanted.is_exact { "strpos(r.rest, '/') > 0" } else { "false" };
    // An exact name is shown whole.
    let prefix = if wanted.is_exact { "''" } else { "p.prefix" };
    format!(
        "select {prefix} as prefix,
                case when {is_deeper} then split_part(r.rest, '/', 1) || '/' else r.rest end as entry,
                case when not {is_deeper} then o end as object
           from prefixes p
           join storage.objects o on o.bucket_id = $1::text and {begins} and {noncurrent} and {markers}
            and (o.expires_at is null or o.expires_at > now())
          cross join lateral (select substr(o.name, length({prefix}) + 1) as rest) r"
    )
}
