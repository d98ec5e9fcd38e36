//! What is heard is what Postgres lets each person see: random worlds in short, and the product.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::differential::{Options, Tally, run};
use crate::support::{Database, Server, Socket};

/// Worlds that are the same every time.
const SEEDS: std::ops::Range<u64> = 1..6;

/// `cargo bench --bench differential` goes on for as long as one likes.
const OPTIONS: Options<'static> = Options { steps: 24, flags: &[] };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_hears_exactly_what_postgres_lets_them_see() {
    let mut tally = Tally::default();
    println!("worlds {SEEDS:?}");
    let worlds = stream::iter(SEEDS).map(|seed| run(seed, &OPTIONS));
    // They wait for the server's clock now and then.
    let mut worlds = worlds.buffer_unordered(3);
    while let Some(world) = worlds.next().await {
        tally += world.unwrap_or_else(|mismatch| panic!("{mismatch:?}"));
    }
    println!("{tally}");
    assert!(tally.delivered > 0 && tally.withheld > 0, "worlds have something to tell: {tally}");
}

const PEOPLE: usize = 50;
const MESSAGES: usize = 1_000;

/// Rooms with members who came late, left, or never were in; and one room with everybody.
const ROOMS: &str = "
    select setseed(0.42);
    insert into auth.users (id, aud, role, email, raw_user_meta_data)
    select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
           'authenticated', 'authenticated', n || '@crowd.example.com', '{}'
      from generate_series(1, 50) n;
    insert into public.conversations (id, org_id, kind, title, slug)
    select ('20000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, p.org_id, 'room', 'Room', 'crowd-' || n
      from generate_series(0, 12) n, (select org_id from public.profiles limit 1) p;
    insert into public.conversation_members (conversation_id, member_id, joined_chapter, left_at)
    select c.id, u.id,
           case when c.slug <> 'crowd-0' and random() < 0.2 then 1 else 0 end,
           case when c.slug <> 'crowd-0' and random() < 0.2 then now() end
      from public.conversations c, auth.users u
     where c.slug like 'crowd-%' and u.email like '%@crowd.example.com'
       and (c.slug = 'crowd-0' or random() < 0.4);";

/// A member of a room, some of them unseen by others, says something.
const SAY: &str = "
    do $$
    declare
      said record;
    begin
      for said in
        select m.conversation_id, m.member_id, n
          from generate_series(1, 1000) n
         cross join lateral (
           select * from public.conversation_members m
            where m.left_at is null and n > 0
              and m.conversation_id::text like '20000000-%' and m.conversation_id::text not like '%-000000000000'
            order by random() limit 1) m
      loop
        perform set_config('request.jwt.claims',
          json_build_object('role', 'authenticated', 'sub', said.member_id)::text, true);
        insert into public.messages (conversation_id, body, visibility)
        values (said.conversation_id, 'random ' || said.n,
                (array['normal', 'normal', 'normal', 'shadow', 'held'])[1 + floor(random() * 5)]);
      end loop;
    end
    $$;
    select set_config('request.jwt.claims',
      '{\"role\": \"authenticated\", \"sub\": \"00000000-0000-4000-8000-000000000001\"}', false);
    select public.send_message('20000000-0000-4000-8000-000000000000', 'the end');";

// RT-03
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_hears_of_a_thousand_messages_what_each_may_read() {
    let database = Database::new().await;
    database.sql(ROOMS).await;
    let server = Server::start(&database).await;
    let mut sockets = Vec::with_capacity(PEOPLE);
    for number in 1..=PEOPLE {
        let subject = format!("00000000-0000-4000-8000-{number:012}");
        let claims = json!({"role": "authenticated", "sub": subject, "exp": 4_000_000_000_i64});
        let mut socket = server.socket().await;
        let messages = json!([{"event": "INSERT", "schema": "public", "table": "messages"}]);
        socket.subscribe("crowd", &server.bearer(&claims), messages).await;
        sockets.push(tokio::spawn(bodies_heard(socket)));
    }
    database.sql(SAY).await;
    let (mut heard_in_all, mut all) = (0, 0);
    for (number, heard) in sockets.into_iter().enumerate() {
        let heard = heard.await.expect("hears to the end");
        let visible = database
            .rows(&format!(
                "begin read only;
                 set local role authenticated;
                 set local request.jwt.claims = '{{\"role\": \"authenticated\", \"sub\": \"00000000-0000-4000-8000-{:012}\"}}';
                 select body from public.messages where body like 'random %';
                 commit",
                number + 1
            ))
            .await;
        let visible: BTreeSet<String> = visible.into_iter().flatten().flatten().collect();
        assert_eq!(heard.len(), heard.iter().collect::<BTreeSet<_>>().len(), "nothing twice");
        assert_eq!(
            heard.iter().cloned().collect::<BTreeSet<_>>(),
            visible,
            "person {}",
            number + 1
        );
        heard_in_all += heard.len();
        all += MESSAGES;
    }
    assert!(heard_in_all > 0 && heard_in_all < all, "some see a message, and some do not");
    println!("{heard_in_all} of {all} delivered");
}

/// The texts of the random messages that came before the last one.
async fn bodies_heard(mut socket: Socket) -> Vec<String> {
    let mut bodies = Vec::new();
    loop {
        let mut change: Value = socket.change().await;
        match change["record"]["body"].take() {
            Value::String(body) if body == "the end" => return bodies,
            Value::String(body) => bodies.push(body),
            other => panic!("{other}: {change}"),
        }
    }
}
