//! Which ways lead from one relation to another: keys, views, functions.

use reqwest::Method;
use serde_json::json;

use super::{archive, get, refusal, write};

#[tokio::test]
async fn keys_of_several_columns_are_followed() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    let to_one = get(&server, "showings?select=id,halls(seats)&id=eq.1").await;
    let to_many =
        get(&server, "halls?select=city,showings(visitors)&order=city&showings.order=id").await;
    let by_name = get(&server, "showings?select=where:showings_hall(city)&id=eq.3").await;

    assert_eq!(to_one.body, json!([{ "id": 1, "halls": { "seats": 300 } }]));
    assert_eq!(
        to_many.body,
        json!([
            { "city": "Berlin", "showings": [{ "visitors": 40 }] },
            { "city": "Paris", "showings": [{ "visitors": 60 }, { "visitors": 10 }] },
        ])
    );
    assert_eq!(by_name.body, json!([{ "where": { "city": "Paris" } }]));
    Ok(())
}

#[tokio::test]
async fn junction_needs_a_key_of_both_its_keys() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    let through = get(&server, "actors?select=name,films(title)&order=name&films.order=id").await;
    let not_through = get(&server, "films?select=title,halls(seats)").await;

    assert_eq!(
        through.body,
        json!([
            { "name": "Xe", "films": [{ "title": "Rain" }, { "title": "Sun" }] },
            { "name": "Yo", "films": [{ "title": "Rain" }] },
            { "name": "Zu", "films": [] },
        ])
    );
    assert_eq!(refusal(&not_through), (400, "PGRST200"));
    assert_eq!(
        not_through.body["details"],
        "Searched for a foreign key relationship between 'films' and 'halls' in the schema \
         'public', but no matches were found."
    );
    Ok(())
}

#[tokio::test]
async fn partitions_stand_behind_their_parent() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    let of_film = get(&server, "films?select=reels(kind)&id=eq.1&reels.order=id").await;
    let of_reel = get(&server, "reels?select=kind,films(title)&id=eq.3").await;

    assert_eq!(
        of_film.body,
        json!([{ "reels": [{ "kind": "short" }, { "kind": "long" }, { "kind": "short" }] }])
    );
    assert_eq!(of_reel.body, json!([{ "kind": "long", "films": { "title": "Sun" } }]));
    assert_eq!(refusal(&get(&server, "reels_long").await), (404, "PGRST205"));
    Ok(())
}

#[tokio::test]
async fn views_have_the_keys_of_the_tables_they_show() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    for (path, expected) in [
        (
            "film_list?select=title,directors(country)&film_id=eq.2",
            json!([{ "title": "Sun", "directors": { "country": "FR" } }]),
        ),
        (
            "directors?select=name,film_list(title)&id=eq.1",
            json!([{ "name": "Ada", "film_list": [{ "title": "Rain" }] }]),
        ),
        (
            "later_films?select=title,people(name)&film_id=eq.3",
            json!([{ "title": "Fog", "people": { "name": "Ben" } }]),
        ),
        (
            "film_list?select=title,roles(part),actors(name)&film_id=eq.2",
            json!([{
                "title": "Sun", "roles": [{ "part": "king" }], "actors": [{ "name": "Xe" }],
            }]),
        ),
        (
            "prizes?select=name,films(title)&id=eq.2",
            json!([{ "name": "Palm", "films": { "title": "Sun" } }]),
        ),
        (
            "film_list?select=title,prizes(name)&film_id=eq.1",
            json!([{ "title": "Rain", "prizes": [{ "name": "Bear" }] }]),
        ),
        (
            "film_totals?select=title,directors(name),specs(camera)&id=eq.1",
            json!([{
                "title": "Rain", "directors": { "name": "Ada" }, "specs": { "camera": "Debrie" },
            }]),
        ),
        // A key's own name means the table, not the views over it.
        ("films?select=director_id(name)&id=eq.1", json!([{ "director_id": { "name": "Ada" } }])),
        (
            "films?select=by:films_director_id_fkey(name)&id=eq.1",
            json!([{ "by": { "name": "Ada" } }]),
        ),
    ] {
        let answer = get(&server, path).await;
        assert_eq!(answer.body, expected, "{path}: {}", answer.text);
    }
    assert_eq!(refusal(&get(&server, "everybody?select=films(title)").await), (400, "PGRST200"));
    Ok(())
}

#[tokio::test]
async fn table_leads_to_itself_by_a_column_there_and_a_hint_back() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    let there = get(&server, "directors?select=name,mentor:mentor_id(name)&id=eq.2").await;
    let back =
        get(&server, "directors?select=pupils:directors!mentor_id(name)&id=eq.1&pupils.order=name")
            .await;

    assert_eq!(there.body, json!([{ "name": "Ben", "mentor": { "name": "Ada" } }]));
    assert_eq!(back.body, json!([{ "pupils": [{ "name": "Ben" }, { "name": "Cleo" }] }]));
    assert_eq!(refusal(&get(&server, "directors?select=directors(name)").await), (300, "PGRST201"));
    Ok(())
}

#[tokio::test]
async fn functions_of_a_row_are_relationships() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    let many = get(&server, "films?select=title,same_year(title)&id=eq.2").await;
    let one = get(&server, "directors?select=name,teacher(name,films(title))&id=eq.2").await;
    let inner = get(&server, "directors?select=name,teacher!inner()&order=name").await;
    let filtered =
        get(&server, "films?select=title,same_year()&same_year=is.null&order=title").await;
    let nested =
        get(&server, "specs?select=films(same_year(title,directors(teacher(name))))&film_id=eq.2")
            .await;
    let override_of_key = get(&server, "films?select=showings(visitors)&id=eq.1").await;

    assert_eq!(many.body, json!([{ "title": "Sun", "same_year": [{ "title": "Fog" }] }]));
    let teacher = json!({ "name": "Ada", "films": [{ "title": "Rain" }] });
    assert_eq!(one.body, json!([{ "name": "Ben", "teacher": teacher }]));
    assert_eq!(inner.body, json!([{ "name": "Ben" }, { "name": "Cleo" }]));
    assert_eq!(filtered.body, json!([{ "title": "Ice" }, { "title": "Rain" }]));
    let teacher = json!({ "teacher": { "name": "Ada" } });
    assert_eq!(
        nested.body,
        json!([{ "films": { "same_year": [{ "title": "Fog", "directors": teacher }] } }])
    );
    assert_eq!(override_of_key.body, json!([{ "showings": [{ "visitors": 60 }] }]));
    Ok(())
}

#[tokio::test]
async fn functions_of_a_row_follow_writes_and_calls() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    let path = "directors?id=eq.2&select=name,teacher(name)";
    let written = write(&server, Method::PATCH, path, json!({ "name": "Benno" })).await;
    let called =
        get(&server, "rpc/from_country?code=FR&select=name,teacher(name)&order=name.desc").await;

    assert_eq!(written.body, json!([{ "name": "Benno", "teacher": { "name": "Ada" } }]));
    assert_eq!(called.body[0], json!({ "name": "Cleo", "teacher": { "name": "Ada" } }));
    Ok(())
}
