//! Domains that clients see and write in a form of their own.

use reqwest::Method;
use serde_json::json;

use super::{get, library_with, write};

const COLORS: &str = r"
    create domain color as integer;
    create function color_to_json(color) returns json
    language sql immutable as $$ select to_json('#' || lpad(upper(to_hex($1)), 6, '0')) $$;
    create function color_of_text(text) returns color
    language sql immutable as $$ select ('x' || lpad(trim(leading '#' from $1), 8, '0'))::bit(32)::integer $$;
    create function color_of_json(json) returns color
    language sql immutable as $$ select color_of_text($1 #>> '{}') $$;
    create cast (color as json) with function color_to_json(color) as implicit;
    create cast (text as color) with function color_of_text(text) as implicit;
    create cast (json as color) with function color_of_json(json) as implicit;
    create table paints (id integer primary key, name text, color color default 255);
    insert into paints values (1, 'red', 16711680), (2, 'blue', 255);
    grant all on paints to anon;
";

#[tokio::test]
async fn values_are_shown_and_filtered_in_the_form_of_their_domain() -> anyhow::Result<()> {
    let (_database, server) = library_with(COLORS, &[]).await;

    let all = get(&server, "paints?order=id").await;
    let named = get(&server, "paints?select=c:color&id=eq.2").await;
    let cast = get(&server, "paints?select=color::integer&id=eq.2").await;
    let equal = get(&server, "paints?select=name&color=eq.%23FF0000").await;
    let any = get(&server, "paints?select=name&color=in.(%23FF0000,%230000FF)&order=id").await;

    let red = json!({ "id": 1, "name": "red", "color": "#FF0000" });
    assert_eq!(all.body, json!([red, { "id": 2, "name": "blue", "color": "#0000FF" }]));
    assert_eq!(named.body, json!([{ "c": "#0000FF" }]));
    assert_eq!(cast.body, json!([{ "color": 255 }]));
    assert_eq!(equal.body, json!([{ "name": "red" }]));
    assert_eq!(any.body, json!([{ "name": "red" }, { "name": "blue" }]));
    Ok(())
}

#[tokio::test]
async fn values_are_written_in_the_form_of_their_domain() -> anyhow::Result<()> {
    let (database, server) = library_with(COLORS, &[]).await;

    let new = json!([{ "id": 3, "name": "green", "color": "#00FF00" }]);
    let inserted = write(&server, Method::POST, "paints", new.clone()).await;
    let path = "paints?color=eq.%2300FF00&select=color";
    let updated = write(&server, Method::PATCH, path, json!({ "color": "#000001" })).await;
    let put = json!({ "id": 1, "name": "rose", "color": "#FF00FF" });
    let put = write(&server, Method::PUT, "paints?id=eq.1&select=color", put).await;

    assert_eq!((inserted.status.as_u16(), inserted.body), (201, new));
    assert_eq!(updated.body, json!([{ "color": "#000001" }]));
    assert_eq!((put.status.as_u16(), put.body), (200, json!([{ "color": "#FF00FF" }])));
    assert_eq!(database.value("select color from paints where id = 3").await, "1");
    Ok(())
}
