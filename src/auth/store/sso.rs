//! Companies whose directories sign people in, and the domains by which they are found.

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Store, raw};
use crate::pg::{self, Transaction};

/// How the providers of identities of single sign-on are called: this, and the provider's id.
pub(in crate::auth) const SSO: &str = "sso:";

/// A provider as admins see it, of `auth.sso_providers p` and `auth.saml_providers s`. `$xml` says
/// whether with its metadata, which are long.
macro_rules! provider_document {
    ($xml:literal) => {
        concat!(
            "jsonb_strip_nulls(jsonb_build_object(
               'id', p.id,
               'resource_id', p.resource_id,
               'disabled', p.disabled,
               'saml', jsonb_build_object(
                 'entity_id', s.entity_id,
                 'metadata_url', s.metadata_url,
                 'metadata_xml', case when ",
            $xml,
            " then s.metadata_xml end,
                 'attribute_mapping', s.attribute_mapping,
                 'name_id_format', s.name_id_format),
               'domains', coalesce(
                 (select jsonb_agg(jsonb_build_object('id', d.id, 'domain', d.domain,
                                                      'created_at', ",
            stamp!("d.created_at"),
            ", 'updated_at', ",
            stamp!("d.updated_at"),
            ") order by d.domain)
                    from auth.sso_domains d
                   where d.sso_provider_id = p.id),
                 '[]'),
               'created_at', ",
            stamp!("p.created_at"),
            ", 'updated_at', ",
            stamp!("p.updated_at"),
            "))"
        )
    };
}

/// A directory as it is kept.
pub(in crate::auth) struct Kept {
    pub provider_id: Uuid,
    pub entity_id: String,
    pub metadata_xml: String,
    pub attribute_mapping: Value,
    pub name_format: Option<String>,
}

/// By what a provider is looked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::auth) enum By<'a> {
    Id(Uuid),
    Domain(&'a str),
    EntityId(&'a str),
}

/// What is to be known of a provider; nothing keeps what is there.
pub(in crate::auth) struct Wanted<'a> {
    pub id: Uuid,
    /// `resource_id`, `disabled`, `attribute_mapping` and `name_id_format`, those that are given.
    pub columns: Map<String, Value>,
    pub domains: Option<&'a [String]>,
    pub metadata: Option<NewMetadata<'a>>,
}

/// A directory's description of itself, and where it was found.
#[derive(Clone, Copy)]
pub(in crate::auth) struct NewMetadata<'a> {
    pub entity_id: &'a str,
    pub xml: &'a str,
    pub url: Option<&'a str>,
}

/// The directory that this is about, unless it is switched off.
pub(in crate::auth) async fn find(store: &Store, by: By<'_>) -> Result<Option<Kept>, pg::Error> {
    let (condition, value) = match by {
        By::Id(id) => ("p.id = $1::uuid", id.to_string()),
        By::Domain(domain) => (
            "p.id = (select d.sso_provider_id from auth.sso_domains d
                      where lower(d.domain) = lower($1::text))",
            domain.to_owned(),
        ),
        By::EntityId(id) => ("s.entity_id = $1::text", id.to_owned()),
    };
    let sql = format!(
        "select p.id, s.entity_id, s.metadata_xml, s.name_id_format,
                coalesce(s.attribute_mapping, '{{}}') as attribute_mapping
           from auth.sso_providers p
           join auth.saml_providers s on s.sso_provider_id = p.id
          where {condition} and p.disabled is not true"
    );
    store.read(&sql, &[Some(&value)]).await?.first().map(kept).transpose()
}

fn kept(row: &Row) -> Result<Kept, pg::Error> {
    Ok(Kept {
        provider_id: row.try_get("id")?,
        entity_id: row.try_get("entity_id")?,
        metadata_xml: row.try_get("metadata_xml")?,
        attribute_mapping: row.try_get("attribute_mapping")?,
        name_format: row.try_get("name_id_format")?,
    })
}

/// All providers, or those with this resource id, or whose resource id begins so.
pub(in crate::auth) async fn list(
    store: &Store,
    resource_id: Option<&str>,
    prefix: Option<&str>,
) -> Result<Box<RawValue>, pg::Error> {
    let sql = concat!(
        "select coalesce(jsonb_agg(",
        provider_document!("false"),
        " order by p.created_at, p.id), '[]')::text as documents
           from auth.sso_providers p
           join auth.saml_providers s on s.sso_provider_id = p.id
          where ($1::text is null or lower(p.resource_id) = lower($1::text))
            and ($2::text is null or starts_with(lower(p.resource_id), lower($2::text)))"
    );
    let rows = store.read(sql, &[resource_id, prefix]).await?;
    let row = rows.first().expect("an aggregate gives one row");
    Ok(raw(row.try_get("documents")?))
}

/// How many there are.
pub(in crate::auth) async fn count(tx: &Transaction) -> Result<i64, pg::Error> {
    let row = tx.query_opt("select count(*) as n from auth.sso_providers", &[]).await?;
    row.map_or(Ok(0), |row| row.try_get("n")).map_err(Into::into)
}

/// The provider as admins see it, with the name of its directory; held until the end of the
/// transaction.
pub(in crate::auth) async fn document(
    tx: &Transaction,
    id: Uuid,
) -> Result<Option<(String, Box<RawValue>)>, pg::Error> {
    let sql = concat!(
        "select ",
        provider_document!("true"),
        "::text as document, s.entity_id
           from auth.sso_providers p
           join auth.saml_providers s on s.sso_provider_id = p.id
          where p.id = $1
            for update"
    );
    let Some(row) = tx.query_opt(sql, &[&id]).await? else { return Ok(None) };
    Ok(Some((row.try_get("entity_id")?, raw(row.try_get("document")?))))
}

/// Adds a provider.
pub(in crate::auth) async fn add(
    tx: &Transaction,
    wanted: &Wanted<'_>,
    metadata: NewMetadata<'_>,
) -> Result<(), pg::Error> {
    tx.query(
        "with provider as (
           insert into auth.sso_providers (id, created_at, updated_at) values ($1, now(), now())
           returning id)
         insert into auth.saml_providers (id, sso_provider_id, entity_id, metadata_xml, metadata_url,
                                          created_at, updated_at)
         select gen_random_uuid(), id, $2, $3, $4, now(), now() from provider",
        &[&wanted.id, &metadata.entity_id, &metadata.xml, &metadata.url],
    )
    .await?;
    change(tx, wanted).await
}

/// Changes what is given.
pub(in crate::auth) async fn change(
    tx: &Transaction,
    wanted: &Wanted<'_>,
) -> Result<(), pg::Error> {
    tx.query(
        "with saml as (
           update auth.saml_providers s
              set attribute_mapping = w.attribute_mapping,
                  name_id_format = nullif(w.name_id_format, ''),
                  updated_at = now()
             from auth.saml_providers old, lateral jsonb_populate_record(old, $2::jsonb) as w
            where old.sso_provider_id = $1 and s.id = old.id)
         update auth.sso_providers p
            set resource_id = nullif(w.resource_id, ''),
                disabled = w.disabled,
                updated_at = now()
           from auth.sso_providers old, lateral jsonb_populate_record(old, $2::jsonb) as w
          where old.id = $1 and p.id = old.id",
        &[&wanted.id, &Value::Object(wanted.columns.clone())],
    )
    .await?;
    if let Some(metadata) = wanted.metadata {
        tx.query(
            "update auth.saml_providers
                set metadata_xml = $2, metadata_url = $3, metadata_tried_at = null
              where sso_provider_id = $1",
            &[&wanted.id, &metadata.xml, &metadata.url],
        )
        .await?;
    }
    if let Some(domains) = wanted.domains {
        set_domains(tx, wanted.id, domains).await?;
    }
    Ok(())
}

async fn set_domains(tx: &Transaction, id: Uuid, domains: &[String]) -> Result<(), pg::Error> {
    tx.query(
        "delete from auth.sso_domains
          where sso_provider_id = $1 and lower(domain) <> all ($2::text[])",
        &[&id, &domains],
    )
    .await?;
    tx.query(
        "insert into auth.sso_domains (id, sso_provider_id, domain, created_at, updated_at)
         select gen_random_uuid(), $1, wanted.domain, now(), now()
           from (select distinct unnest($2::text[]) as domain) wanted
          where not exists (select from auth.sso_domains d
                             where d.sso_provider_id = $1 and lower(d.domain) = wanted.domain)",
        &[&id, &domains],
    )
    .await?;
    Ok(())
}

/// Removes a provider with its domains and whoever is on the way there; accounts remain.
pub(in crate::auth) async fn remove(tx: &Transaction, id: Uuid) -> Result<(), pg::Error> {
    tx.query("delete from auth.sso_providers where id = $1", &[&id]).await?;
    Ok(())
}

/// Where news of a directory's metadata are, if they are older than a day and nobody has asked in
/// the last hour. Whoever gets this asks, and nobody else for an hour.
pub(in crate::auth) async fn take_news(
    store: &Store,
    id: Uuid,
) -> Result<Option<String>, pg::Error> {
    let sql = "update auth.saml_providers
                  set metadata_tried_at = now()
                where sso_provider_id = $1::uuid
                  and metadata_url is not null
                  and updated_at < now() - interval '1 day'
                  and coalesce(metadata_tried_at < now() - interval '1 hour', true)
               returning metadata_url";
    let rows = store.write(sql, &[Some(&id.to_string())]).await?;
    rows.first().map(|row| row.try_get("metadata_url")).transpose().map_err(Into::into)
}

/// Keeps what a directory says of itself now.
pub(in crate::auth) async fn keep_news(
    store: &Store,
    id: Uuid,
    xml: &str,
) -> Result<(), pg::Error> {
    let sql = "update auth.saml_providers
                  set metadata_xml = $2::text, updated_at = now()
                where sso_provider_id = $1::uuid";
    store.write(sql, &[Some(&id.to_string()), Some(xml)]).await?;
    Ok(())
}
