//! Lists of large buckets: a page is read, not the bucket, and no folder is entered to name it.

use serde_json::{Value, json};

use super::Stage;

/// What stands before policies here: everybody sees what is not hidden.
const POLICY: &str = "create policy shown on storage.objects for select to authenticated
    using (bucket_id = 'b' and not starts_with(name, 'hidden'))";

/// Fifty folders with two thousand objects each, and ten objects beside them.
const MANY: &str = "
    insert into storage.objects (bucket_id, name, metadata)
    select 'b', format('F%s/deep/%s.txt', folder, number), '{}'
      from generate_series(10, 59) folder, generate_series(1, 2000) number;
    insert into storage.objects (bucket_id, name, metadata)
    select 'b', format('top %s.txt', number), '{}' from generate_series(0, 9) number;
    analyze storage.objects";

fn names(list: &Value) -> Vec<&str> {
    let entries = list.as_array().unwrap_or_else(|| panic!("{list}"));
    entries.iter().map(|entry| entry["name"].as_str().expect("a name")).collect()
}

/// How many blocks a query reads as somebody who is signed in.
async fn blocks(stage: &Stage, sql: &str) -> i64 {
    let client = stage.database.connect().await;
    let claims = r#"{"sub": "a0000000-0000-4000-8000-00000000000a", "role": "authenticated"}"#;
    let become_ana =
        format!("begin; set local role authenticated; set local request.jwt.claims = '{claims}'");
    client.batch_execute(&become_ana).await.expect("it can be done");
    // What is read of the catalogs for the first time is no part of it.
    client.batch_execute(sql).await.expect("it answers");
    let explain = format!("explain (analyze, buffers, format json) {sql}");
    let told = crate::support::rows(&client, &explain).await.expect("it is explained").concat();
    let told: Value =
        serde_json::from_str(&told.into_iter().flatten().collect::<String>()).expect("JSON");
    let plan = &told[0]["Plan"];
    ["Shared Hit Blocks", "Shared Read Blocks"]
        .map(|name| plan[name].as_i64().expect("a count"))
        .iter()
        .sum()
}

#[tokio::test]
async fn folders_are_passed_in_one_step() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    stage.database.sql(POLICY).await;
    stage.database.sql(MANY).await;

    let walk = |more: &str| format!("select count(*) from storage.walk_level('b', {more})");
    let all = blocks(&stage, "select count(*) from storage.objects").await;
    assert!(all > 1_500, "there is much to read: {all}");
    for (what, more) in [
        ("the top", "'', '/', null, false, 1000"),
        ("the top from behind", "'', '/', null, true, 1000"),
        ("a page of folders", "'', '/', 'F30/' || U&'\\+10FFFF', false, 20"),
        ("a page of a full folder", "'F20/deep/', '/', 'F20/deep/1500.txt', false, 100"),
        ("a page without folders", "'', '', 'F40/', false, 100"),
    ] {
        let read = blocks(&stage, &walk(more)).await;
        assert!(read < all / 3, "{what}: {read} of {all}");
    }

    let top = stage.post(&stage.ana, "/object/list/b", json!({ "prefix": "" })).await;
    let found = names(&top.body);
    assert_eq!((found.len(), found[0], found[49], found[59]), (60, "F10", "F59", "top 9.txt"));
    let inside = json!({ "prefix": "f10/DEEP", "limit": 3, "offset": 1998 });
    let inside = stage.post(&stage.ana, "/object/list/b", inside).await;
    assert_eq!(names(&inside.body), ["998.txt", "999.txt"]);
    let some = json!({ "prefix": "", "search": "P 3" });
    assert_eq!(names(&stage.post(&stage.ana, "/object/list/b", some).await.body), ["top 3.txt"]);
    let newest =
        json!({ "prefix": "", "limit": 51, "sortBy": { "column": "created_at", "order": "desc" } });
    let newest = stage.post(&stage.ana, "/object/list/b", newest).await;
    assert_eq!((names(&newest.body)[0], names(&newest.body).len()), ("F59", 51));
}

#[tokio::test]
async fn pages_of_a_list_are_the_list() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    stage.database.sql(POLICY).await;
    for name in
        ["docs/x", "docs/y/z", "docs-1", "docs.txt", "docs", "B", "a", "zoo/1", "ü/1", "hidden/1"]
    {
        stage.put(&stage.service, &format!("b/{name}"), "x").await;
    }
    let by_name = ["B", "a", "docs", "docs-1", "docs.txt", "docs", "zoo", "ü"];
    for is_descending in [false, true] {
        let order = if is_descending { "desc" } else { "asc" };
        for column in ["name", "created_at"] {
            let list = async |limit: usize, offset: usize| {
                let sort = json!({ "column": column, "order": order });
                let asked =
                    json!({ "prefix": "", "limit": limit, "offset": offset, "sortBy": sort });
                let page = stage.post(&stage.ana, "/object/list/b", asked).await;
                names(&page.body).into_iter().map(str::to_owned).collect::<Vec<_>>()
            };
            let whole = list(100, 0).await;
            if column == "name" {
                let mut expected = by_name.to_vec();
                if is_descending {
                    expected.reverse();
                }
                assert_eq!(whole, expected);
            }
            for limit in [1, 3] {
                let mut pages = Vec::new();
                for offset in (0..8).step_by(limit) {
                    pages.extend(list(limit, offset).await);
                }
                assert_eq!(pages, whole, "{column} {order} by {limit}");
            }
        }
        for (column, by_folder, count) in [
            ("name", true, 8),
            ("name", false, 9),
            ("updated_at", true, 8),
            ("updated_at", false, 9),
        ] {
            let mut found = Vec::new();
            let mut cursor = Value::Null;
            loop {
                let asked = json!({
                    "limit": 1, "cursor": cursor, "with_delimiter": by_folder,
                    "sortBy": { "column": column, "order": order },
                });
                let page = stage.post(&stage.ana, "/object/list-v2/b", asked).await;
                for kind in ["folders", "objects"] {
                    let entries =
                        page.body[kind].as_array().unwrap_or_else(|| panic!("{}", page.text));
                    found.extend(
                        entries
                            .iter()
                            .map(|entry| entry["name"].as_str().expect("a name").to_owned()),
                    );
                }
                cursor = page.body["nextCursor"].clone();
                if page.body["hasNext"] != true {
                    break;
                }
            }
            assert_eq!(found.len(), count, "{column} {order} {found:?}");
            if column == "name" {
                let mut sorted = found.clone();
                sorted.sort();
                if is_descending {
                    sorted.reverse();
                }
                assert_eq!(found, sorted);
            }
        }
    }
}

#[tokio::test]
async fn capitals_do_not_matter_in_the_name_of_a_folder() {
    let stage = Stage::new().await;
    stage.bucket("b", json!({})).await;
    for name in ["Dir/a", "dir/b", "DIR/sub/c", "dir/SUB/d", "dir-e", "other"] {
        stage.put(&stage.service, &format!("b/{name}"), "x").await;
    }
    let list = async |prefix: &str| {
        let page = stage.post(&stage.service, "/object/list/b", json!({ "prefix": prefix })).await;
        names(&page.body).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(list("dIR").await, ["SUB", "a", "b", "sub"]);
    assert_eq!(list("dir/sub").await, ["c", "d"]);
    assert_eq!(list("").await, ["DIR", "Dir", "dir-e", "dir", "other"]);
    assert_eq!(list("none").await, Vec::<String>::new());
}
