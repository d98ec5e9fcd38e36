//! Filters beyond plain comparison: documents, arrays, ranges, paths, quantifiers.

use serde_json::{Value, json};

use super::{archive, get, refusal};
use crate::support::Server;

/// The ids of the films that pass, or what was said instead.
async fn ids(server: &Server, filter: &str) -> Value {
    let answer = get(server, &format!("films?select=id&order=id&{filter}")).await;
    match answer.body.as_array() {
        Some(rows) => rows.iter().map(|row| row["id"].clone()).collect(),
        None => answer.body,
    }
}

#[tokio::test]
async fn documents_are_searched_in_text_json_and_vectors() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    assert_eq!(ids(&server, "notes=fts.rain").await, json!([1]));
    assert_eq!(ids(&server, "notes=fts(english).falling%7Crunning").await, json!([1, 2]));
    assert_eq!(ids(&server, "notes=plfts(english).city%20rain").await, json!([1]));
    assert_eq!(ids(&server, "notes=phfts(english).city%20rain").await, json!([]));
    assert_eq!(ids(&server, "notes=phfts(english).rain%20falls").await, json!([1]));
    assert_eq!(ids(&server, "notes=wfts(english).city%20or%20run").await, json!([1, 2]));
    assert_eq!(ids(&server, "notes=not.fts(english).rain").await, json!([2, 4]));
    assert_eq!(ids(&server, "data=fts(simple).sad").await, json!([1]));
    assert_eq!(ids(&server, "data-%3E%3Emood=fts(simple).glad").await, json!([2]));
    assert_eq!(ids(&server, "words=fts(simple).fog").await, json!([3]));
    assert_eq!(ids(&server, "or=(notes.fts(english).run,title.eq.Ice)").await, json!([2, 4]));
    let unknown = get(&server, "films?notes=fts(klingon).rain").await;
    assert_eq!(refusal(&unknown), (400, "42704"));
    Ok(())
}

#[tokio::test]
async fn arrays_and_ranges_are_compared_as_sets() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    assert_eq!(ids(&server, "tags=cs.{silent}").await, json!([1]));
    assert_eq!(ids(&server, "tags=cd.{city,noisy}").await, json!([2, 3]));
    assert_eq!(ids(&server, "tags=ov.{noisy,city}").await, json!([1, 2]));
    assert_eq!(ids(&server, "tags=not.ov.{city}").await, json!([3]));
    assert_eq!(ids(&server, "or=(tags.cs.{silent,city},id.eq.4)").await, json!([1, 4]));
    assert_eq!(ids(&server, "span=ov.[1,4)").await, json!([1, 3]));
    assert_eq!(ids(&server, "span=cs.[6,7)").await, json!([2, 3]));
    assert_eq!(ids(&server, "span=cd.[1,7)").await, json!([1, 3]));
    assert_eq!(ids(&server, "span=sl.[5,9)").await, json!([1]));
    assert_eq!(ids(&server, "span=sr.[1,4)").await, json!([2]));
    assert_eq!(ids(&server, "span=nxr.[3,7)").await, json!([1, 3]));
    assert_eq!(ids(&server, "span=nxl.[3,7)").await, json!([2, 3]));
    assert_eq!(ids(&server, "span=adj.[5,6)").await, json!([1]));
    Ok(())
}

#[tokio::test]
async fn paths_lead_into_json_composites_and_arrays() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    assert_eq!(ids(&server, "data-%3E%3Emood=eq.sad").await, json!([1]));
    assert_eq!(ids(&server, "data-%3Etakes-%3E-1=eq.3").await, json!([1]));
    assert_eq!(ids(&server, "data-%3Etakes-%3E%3E0=in.(1,9)").await, json!([1, 2]));
    assert_eq!(ids(&server, "made-%3E%3Ecity=eq.Paris").await, json!([2]));
    assert_eq!(ids(&server, "made-%3Edays=gte.3").await, json!([1]));
    assert_eq!(ids(&server, "tags-%3E%3E0=eq.silent").await, json!([1]));
    let shown = get(
        &server,
        "films?select=city:made-%3E%3Ecity,tags-%3E-1,last:data-%3Etakes-%3E%3E-1::int\
         &order=data-%3E%3Emood.desc.nullslast,id&limit=1",
    )
    .await;
    assert_eq!(shown.text, r#"[{"city":"Berlin","tags":"city","last":3}]"#);
    Ok(())
}

#[tokio::test]
async fn operators_compare_with_any_or_all() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    assert_eq!(ids(&server, "title=eq(any).{Rain,Fog}").await, json!([1, 3]));
    assert_eq!(ids(&server, "title=like(all).{*i*,*n}").await, json!([1]));
    assert_eq!(ids(&server, "title=not.like(any).{*i*,*n}").await, json!([3, 4]));
    assert_eq!(ids(&server, "title=ilike(any).{ICE,sun}").await, json!([2, 4]));
    assert_eq!(ids(&server, "budget=gt(all).{50,150}").await, json!([2]));
    assert_eq!(ids(&server, "budget=lte(any).{50,100}").await, json!([1, 3]));
    assert_eq!(ids(&server, "title=match(any).{^R,g$}").await, json!([1, 3]));
    assert_eq!(ids(&server, "title=imatch(all).{^r,N$}").await, json!([1]));
    let other = get(&server, "films?id=neq(any).{1}").await;
    assert_eq!(refusal(&other), (400, "PGRST100"));
    Ok(())
}

#[tokio::test]
async fn nothing_is_in_an_empty_list() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    assert_eq!(ids(&server, "title=in.()").await, json!([]));
    assert_eq!(ids(&server, "title=not.in.()").await, json!([1, 2, 3, 4]));
    assert_eq!(ids(&server, "budget=is.not_null").await, json!([1, 2, 3]));
    assert_eq!(ids(&server, "budget=not.is.not_null").await, json!([4]));
    assert_eq!(ids(&server, "budget=isdistinct.50").await, json!([1, 2, 4]));
    assert_eq!(ids(&server, "budget=not.isdistinct.50").await, json!([3]));
    Ok(())
}

#[tokio::test]
async fn computed_columns_are_read_filtered_and_ordered_by() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    let films = get(&server, "films?select=label&label=like.*1960*&order=label").await;
    let called = get(
        &server,
        "rpc/from_country?code=FR&select=*,age:century&century=eq.20&order=century,name.desc",
    )
    .await;

    assert_eq!(films.text, "[{\"label\":\"Fog (1960)\"}, \n {\"label\":\"Sun (1960)\"}]");
    assert_eq!(called.body[0]["name"], "Cleo");
    assert_eq!(called.body[1]["age"], 20);
    // What was computed does not show among all columns.
    let columns = called.body[0].as_object().map(serde_json::Map::len);
    assert_eq!(columns, Some(6), "{}", called.text);
    Ok(())
}

#[tokio::test]
async fn what_does_not_read_is_told_with_its_place() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    for (query, message, details) in [
        (
            "id=foo.1",
            r#""failed to parse filter (foo.1)" (line 1, column 1)"#,
            r#"unexpected "f" expecting "not" or operator (eq, gt, ...)"#,
        ),
        (
            "id=eq",
            r#""failed to parse filter (eq)" (line 1, column 3)"#,
            "unexpected end of input expecting delimiter (.)",
        ),
        (
            "or=(id.in.1,2,id.eq.3)",
            r#""failed to parse logic tree ((id.in.1,2,id.eq.3))" (line 1, column 10)"#,
            r#"unexpected "1" expecting "(""#,
        ),
        (
            "or=()",
            r#""failed to parse logic tree (())" (line 1, column 4)"#,
            r#"unexpected ")" expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)"#,
        ),
        (
            "budget=is.nothing",
            r#""failed to parse filter (is.nothing)" (line 1, column 4)"#,
            r#"unexpected "n" expecting isVal: (null, not_null, true, false, unknown)"#,
        ),
    ] {
        let answer = get(&server, &format!("films?{query}")).await;
        assert_eq!(refusal(&answer), (400, "PGRST100"), "{query}");
        assert_eq!(answer.body["message"], message, "{query}");
        assert_eq!(answer.body["details"], details, "{query}");
    }
    Ok(())
}
