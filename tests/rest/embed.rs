//! Related rows inside of rows.

use reqwest::Method;
use serde_json::json;

use super::{archive, get, header, library, refusal, request, write};
use crate::support::Answer;

#[tokio::test]
async fn every_kind_of_relation_is_embedded() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let to_one =
        get(&server, "books?select=author:author_id(name),editor:people!editor_id(name)&id=eq.2")
            .await;
    let to_many = get(&server, "people?select=name,books!author_id(title)&id=eq.1").await;
    let one_to_one = get(&server, "people?select=name,badges(color)&order=id&limit=2").await;
    let through = get(&server, "books?select=title,readers:people!loans(name)&id=eq.1").await;

    assert_eq!(to_one.body, json!([{ "author": { "name": "Ana" }, "editor": null }]));
    assert_eq!(
        to_many.body,
        json!([{ "name": "Ana", "books": [{ "title": "Walks" }, { "title": "Talks" }] }])
    );
    assert_eq!(
        one_to_one.body,
        json!([{ "name": "Ana", "badges": { "color": "red" } }, { "name": "Bo", "badges": null }])
    );
    assert_eq!(
        through.body,
        json!([{ "title": "Walks", "readers": [{ "name": "Bo" }, { "name": "Cy" }] }])
    );
    Ok(())
}

#[tokio::test]
async fn embeds_nest_and_have_parameters_of_their_own() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let answer = get(
        &server,
        "people?select=name,works:books!author_id(title,loans(people(name)))&id=eq.1\
         &works.order=year.desc&works.year=lt.2000&works.limit=1&works.loans.person_id=eq.3",
    )
    .await;

    let loans = json!([{ "people": { "name": "Cy" } }]);
    assert_eq!(
        answer.body,
        json!([{ "name": "Ana", "works": [{ "title": "Walks", "loans": loans }] }])
    );
    Ok(())
}

#[tokio::test]
async fn inner_embed_leaves_out_rows_without_any() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let path = "people?select=name,books!author_id!inner(title)&books.title=eq.Rocks";
    let counted = request(&server, Method::GET, path).header("prefer", "count=exact");
    let answer = Answer::of(counted).await;

    assert_eq!(answer.body, json!([{ "name": "Bo", "books": [{ "title": "Rocks" }] }]));
    assert_eq!(header(&answer, "content-range"), "0-0/1");
    Ok(())
}

#[tokio::test]
async fn rows_are_chosen_by_what_is_not_embedded() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let without = get(&server, "people?select=name,badges()&badges=is.null&order=id").await;
    let with = get(&server, "people?select=name,badges()&badges=not.is.null").await;

    assert_eq!(without.body, json!([{ "name": "Bo" }, { "name": "Cy" }]));
    assert_eq!(with.body, json!([{ "name": "Ana" }]));
    Ok(())
}

#[tokio::test]
async fn ambiguous_relation_names_the_ways() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let answer = get(&server, "books?select=people(name)").await;

    assert_eq!(refusal(&answer), (300, "PGRST201"));
    let ways = answer.body["details"].as_array().map(Vec::len);
    assert_eq!(ways, Some(3), "author, editor and loans: {}", answer.text);
    assert_eq!(
        answer.body["details"][0],
        json!({
            "cardinality": "many-to-one",
            "embedding": "books with people",
            "relationship": "books_author_id_fkey using books(author_id) and people(id)",
        })
    );
    let hint = answer.body["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("'people!books_author_id_fkey'") && hint.contains("'people!loans'"));
    Ok(())
}

#[tokio::test]
async fn missing_relation_is_told_with_a_likely_name() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    let answer = get(&server, "badges?select=peeple(name)").await;

    assert_eq!(refusal(&answer), (400, "PGRST200"));
    assert_eq!(answer.body["hint"], "Perhaps you meant 'people' instead of 'peeple'.");
    Ok(())
}

#[tokio::test]
async fn parameter_of_something_not_embedded_is_refused() -> anyhow::Result<()> {
    let (_database, server) = library().await;

    for path in ["books?loans.person_id=eq.1", "books?loans.order=person_id", "books?loans.limit=1"]
    {
        assert_eq!(refusal(&get(&server, path).await), (400, "PGRST108"), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn spread_columns_stand_in_the_outer_row() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    for (path, expected) in [
        (
            "films?select=title,...directors(director:name,country)&id=in.(1,4)&order=id",
            json!([
                { "title": "Rain", "director": "Ada", "country": "DE" },
                { "title": "Ice", "director": null, "country": null },
            ]),
        ),
        (
            "films?select=id,...specs(*)&id=eq.1",
            json!([{ "id": 1, "film_id": 1, "camera": "Debrie" }]),
        ),
        (
            "films?select=title,cast:roles(part,...actors(name))&id=eq.1&cast.order=part",
            json!([{
                "title": "Rain",
                "cast": [{ "part": "cop", "name": "Yo" }, { "part": "thief", "name": "Xe" }],
            }]),
        ),
        (
            "specs?select=camera,...films(title,...directors(by:name,films(id)))&film_id=eq.1",
            json!([{ "camera": "Debrie", "title": "Rain", "by": "Ada", "films": [{ "id": 1 }] }]),
        ),
    ] {
        let answer = get(&server, path).await;
        assert_eq!(answer.body, expected, "{path}: {}", answer.text);
    }
    Ok(())
}

#[tokio::test]
async fn columns_spread_of_many_rows_are_arrays_in_one_order() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    for (path, expected) in [
        (
            "directors?select=name,...films(title,year)&order=name&films.order=title.desc",
            json!([
                { "name": "Ada", "title": ["Rain"], "year": [1950] },
                { "name": "Ben", "title": ["Sun", "Fog"], "year": [1960, 1960] },
                { "name": "Cleo", "title": [], "year": [] },
            ]),
        ),
        (
            "directors?select=...films!inner(titles:title,...specs(camera))&id=gt.1&films.order=id",
            json!([{ "titles": ["Sun", "Fog"], "camera": ["Arri", null] }]),
        ),
        (
            "films?select=title,...actors(names:name)&id=eq.1&actors.order=name.desc",
            json!([{ "title": "Rain", "names": ["Yo", "Xe"] }]),
        ),
        (
            "directors?select=name,...films(id,...roles(part))&id=lt.3&order=id&films.order=id\
             &films.roles.order=part",
            json!([
                { "name": "Ada", "id": [1], "part": [["cop", "thief"]] },
                { "name": "Ben", "id": [2, 3], "part": [["king"], []] },
            ]),
        ),
        (
            "specs?select=camera,...films(title,...roles(part))&film_id=eq.2",
            json!([{ "camera": "Arri", "title": "Sun", "part": ["king"] }]),
        ),
        (
            "directors?select=name,...films(title)&films=not.is.null&films.year=eq.1960",
            json!([{ "name": "Ben", "title": ["Sun", "Fog"] }]),
        ),
    ] {
        let answer = get(&server, path).await;
        assert_eq!(answer.body, expected, "{path}: {}", answer.text);
    }
    Ok(())
}

#[tokio::test]
async fn rows_are_ordered_by_a_row_they_belong_to() -> anyhow::Result<()> {
    let (_database, server) = archive().await;
    let titles = async |query: &str| {
        let answer = get(&server, &format!("films?{query}")).await;
        let rows = answer.body.as_array().cloned().unwrap_or_default();
        let titles = rows.iter().map(|row| row["title"].as_str().unwrap_or_default().to_owned());
        titles.collect::<Vec<String>>()
    };

    let shown =
        titles("select=title,directors(born)&order=directors(name).desc.nullslast,id").await;
    let hidden = titles("select=title,d:directors()&order=d(born).nullsfirst,title.desc").await;
    let spread =
        titles("select=title,...directors(name)&order=directors(name).desc,title&id=lt.4").await;
    let inside = get(
        &server,
        "actors?select=name,roles(part,films(title))&id=eq.1&roles.order=films(year).desc",
    )
    .await;

    assert_eq!(shown, ["Sun", "Fog", "Rain", "Ice"]);
    assert_eq!(hidden, ["Ice", "Rain", "Sun", "Fog"]);
    assert_eq!(spread, ["Fog", "Sun", "Rain"]);
    assert_eq!(inside.body[0]["roles"][0], json!({ "part": "king", "films": { "title": "Sun" } }));
    Ok(())
}

#[tokio::test]
async fn order_by_many_rows_or_strangers_is_refused() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    let many = get(&server, "films?select=title,cast:roles(part)&order=cast(part)").await;
    let stranger = get(&server, "films?select=title&order=directors(name)").await;

    assert_eq!(refusal(&many), (400, "PGRST118"));
    assert_eq!(many.body["message"], "A related order on 'cast' is not possible");
    assert_eq!(
        many.body["details"],
        "'films' and 'cast' do not form a many-to-one or one-to-one relationship"
    );
    assert_eq!(refusal(&stranger), (400, "PGRST108"));
    Ok(())
}

#[tokio::test]
async fn presence_of_embeds_is_a_condition_like_others() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    for (path, expected) in [
        (
            "films?select=id,specs(camera)&specs=is.null&order=id",
            json!([{ "id": 3, "specs": null }, { "id": 4, "specs": null }]),
        ),
        (
            "films?select=id,roles(part)&roles=is.null&order=id",
            json!([{ "id": 3, "roles": [] }, { "id": 4, "roles": [] }]),
        ),
        (
            "films?select=id,specs(),roles()&or=(specs.is.null,roles.not.is.null)&roles.part=eq.king\
             &order=id",
            json!([{ "id": 2 }, { "id": 3 }, { "id": 4 }]),
        ),
        ("films?select=id,roles()&roles=is.not_null&roles.part=eq.cop", json!([{ "id": 1 }])),
        (
            "directors?select=name,films!inner(title,specs!inner(camera))&films.specs.camera=eq.Arri",
            json!([{
                "name": "Ben", "films": [{ "title": "Sun", "specs": { "camera": "Arri" } }],
            }]),
        ),
        (
            "directors?select=name,films!inner(roles!inner())&films.roles.part=eq.king",
            json!([{ "name": "Ben" }]),
        ),
        ("films?select=title,roles(actors())&id=eq.1", json!([{ "title": "Rain" }])),
        (
            "films?select=id,...specs(camera)&specs=not.is.null&order=id&limit=1",
            json!([{ "id": 1, "camera": "Debrie" }]),
        ),
    ] {
        let answer = get(&server, path).await;
        assert_eq!(answer.body, expected, "{path}: {}", answer.text);
    }
    Ok(())
}

#[tokio::test]
async fn nothing_but_presence_can_be_asked_of_an_embed() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    let answer = get(&server, "films?select=title,specs()&specs=eq.1").await;

    assert_eq!(refusal(&answer), (400, "PGRST120"));
    assert_eq!(answer.body["message"], "Bad operator on the 'specs' embedded resource");
    assert_eq!(
        answer.body["details"],
        "Only is null or not is null filters are allowed on embedded resources"
    );
    Ok(())
}

#[tokio::test]
async fn one_relation_is_embedded_several_times_by_aliases() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    let answer = get(
        &server,
        "films?select=good:roles(part),bad:roles(part)&good.part=neq.thief&bad.part=eq.thief&id=eq.1",
    )
    .await;

    assert_eq!(answer.body, json!([{ "good": [{ "part": "cop" }], "bad": [{ "part": "thief" }] }]));
    Ok(())
}

#[tokio::test]
async fn conditions_of_a_write_are_of_its_table_alone() -> anyhow::Result<()> {
    let (database, server) = archive().await;

    let body = json!({ "year": 1 });
    let answer = write(&server, Method::PATCH, "films?select=id,specs()&specs=is.null", body).await;

    assert_eq!(refusal(&answer), (400, "42703"));
    assert_eq!(database.value("select count(*) from films where year = 1").await, "0");
    Ok(())
}

#[tokio::test]
async fn aliased_embed_goes_by_its_target_with_a_warning() -> anyhow::Result<()> {
    let (_database, server) = archive().await;

    let by_target =
        get(&server, "films?select=id,by:directors(name)&directors.name=eq.Ada&id=lt.3&order=id")
            .await;
    let by_alias = get(&server, "films?select=by:directors(name)&by.name=eq.Ada&id=eq.1").await;

    assert_eq!(
        by_target.body,
        json!([{ "id": 1, "by": { "name": "Ada" } }, { "id": 2, "by": null }])
    );
    assert!(header(&by_target, "warning").starts_with("299 - "), "{:?}", by_target.headers);
    assert_eq!(by_alias.body, json!([{ "by": { "name": "Ada" } }]));
    assert_eq!(header(&by_alias, "warning"), "");
    Ok(())
}
