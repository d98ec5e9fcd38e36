//! A database filled by the previous version keeps what it holds.

use walkie::pg::install::manifest;

use crate::support::Database;

/// The last migration of the previous version.
const PREVIOUS: usize = 7;

/// What a database of that version may hold; its functions are replaced whole, so none is needed,
/// except one that would take the upgrade's own changes for somebody's.
const ROWS: &str = "
    insert into auth.users (id, email) values
      ('a0000000-0000-4000-8000-00000000000a', 'ana@example.com'),
      ('b0000000-0000-4000-8000-00000000000b', 'bo@example.com');
    insert into public.profiles (id, org_id, display_name)
    select u.id, o.id, u.email from auth.users u, public.orgs o;
    insert into public.conversations (id, org_id, kind, title, last_seq, last_rev, root_count)
    select '10000000-0000-4000-8000-000000000001', id, 'group', 'Lunch', 200, 200, 200 from public.orgs;
    insert into public.conversation_members (conversation_id, member_id, last_read_seq, last_read_ord, left_at)
    values ('10000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-00000000000a', 150, 150, null),
           ('10000000-0000-4000-8000-000000000001', 'b0000000-0000-4000-8000-00000000000b', 10, 10, now());
    insert into public.messages (conversation_id, seq, ord, rev, chapter, sender_id, body)
    select '10000000-0000-4000-8000-000000000001', n, n, n, 0, 'a0000000-0000-4000-8000-00000000000a', 'Said ' || n
      from generate_series(1, 200) n;
    create function public.refuse_change() returns trigger language plpgsql as
      $$ begin raise exception 'an upgrade is no change'; end $$;
    create trigger on_messages_update__refuse before update on public.messages
      for each row execute function public.refuse_change();";

// TST-15
#[tokio::test]
async fn upgrade_keeps_every_row() {
    let database = Database::scratch().await;
    let product = manifest::product();
    let (previous, newer) = product.migrations.split_at(PREVIOUS);
    for file in previous {
        database.sql(file.text).await;
    }
    database.sql(ROWS).await;
    let what = "
        select (select string_agg(md5(concat_ws(',', id, seq, ord, rev, body, created_at)), '' order by seq) from public.messages)
            || (select string_agg(concat_ws(',', member_id, role, last_read_seq, left_at), ';' order by member_id)
                  from public.conversation_members)
            || (select string_agg(concat_ws(',', id, title, last_seq, last_rev, root_count), ';') from public.conversations)
            || (select string_agg(concat_ws(',', id, display_name), ';' order by id) from public.profiles)";
    let before = database.value(what).await;

    for file in newer {
        database.sql(file.text).await;
    }
    assert_eq!(database.value(what).await, before);
    database.sql("begin; set local check_function_bodies = off").await;
    for file in &product.restated {
        database.sql(file.text).await;
    }
    database.sql("commit").await;
    assert_eq!(database.value(what).await, before);

    let carried = "
        select (select string_agg(last_read_seq || ' ' || last_read_ord, ', ' order by member_id) from public.inbox)
            || '; ' || (select member_count from public.conversations)
            || '; ' || (select string_agg(username, ' ' order by username) from public.profiles)
            || '; ' || (select count(*) from public.org_members)
            || '; ' || (select count(*) from public.messages where org_id = (select id from public.orgs))";
    assert_eq!(database.value(carried).await, "150 150, 10 10; 1; ana bo; 2; 200");
}
