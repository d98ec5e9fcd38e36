//! The TypeScript type of what REST serves.

use std::path::Path;

use crate::support::{Database, command, compare_page};

#[tokio::test]
async fn printed_type_holds_tables_views_functions_and_types() {
    let database = Database::scratch().await;
    database.sql(include_str!("../rest/library.sql")).await;
    database
        .sql(
            "create type mood as enum ('sad', 'so glad');
             create type place as (shelf text, level int);
             create domain isbn as text not null;
             create table \"odd names\" (
               \"a b\" mood, id bigint generated always as identity primary key,
               isbn isbn, at place, moods mood[], owner people, doc jsonb not null default '{}'
             );
             create view titles as select id, title from books;
             create view counted as select count(*) from books;
             create function found(term text, most int default 5)
               returns table (id int, title text) language sql stable as 'select 1, term';
             create schema other;
             create table other.things (id int primary key, book int references public.books);",
        )
        .await;

    let printed = command()
        .args(["types", "--schemas", "public,other", "--database-url", &database.url().await])
        .output()
        .expect("the binary runs");

    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let printed = String::from_utf8(printed.stdout).expect("UTF-8");
    compare_page(Path::new("tests/snapshots/library.ts"), &printed);
}
