//! Many at once: what must stay one stays one.

use futures_util::future::join_all;

use crate::support::{Database, rows};

/// The claims of a person of the cast, for a connection's whole life.
pub fn acting_as(name: &str) -> String {
    format!(
        "select set_config('request.jwt.claims',
                           jsonb_build_object('sub', tests.id('{name}'), 'role', 'authenticated')::text, false);
         set role authenticated"
    )
}

// CNV-03
#[tokio::test]
async fn fifty_callers_get_one_conversation() {
    let database = Database::new().await;
    let calls = (0..50).map(|number| {
        let (who, other) = if number % 2 == 0 { ("cy", "dee") } else { ("dee", "cy") };
        let database = &database;
        async move {
            let client = database.connect().await;
            client.batch_execute(&acting_as(who)).await.expect("becomes");
            let ask = format!("select id from get_or_create_conversation(tests.id('{other}'))");
            rows(&client, &ask).await.expect("asks").remove(0).remove(0).expect("an id")
        }
    });
    let mut given = join_all(calls).await;
    given.sort();
    given.dedup();
    assert_eq!(given.len(), 1, "{given:?}");
    let members = "select count(*) from conversation_members m join conversations c on c.id = m.conversation_id
                    where c.dm_key = tests.id('cy') || ':' || tests.id('dee')";
    assert_eq!(database.value(members).await, "2");
}

#[tokio::test]
async fn twenty_sign_ups_that_want_one_name_all_succeed() {
    let database = Database::new().await;
    let sign_ups = (0..20).map(|_| async {
        let client = database.connect().await;
        let account = "insert into auth.users (id, email, raw_user_meta_data)
                       values (gen_random_uuid(), gen_random_uuid() || '@example.com', '{\"username\": \"sam\"}')";
        client.batch_execute(account).await.expect("signs up");
    });
    join_all(sign_ups).await;
    let names = "select count(*) || ' ' || count(distinct username) from profiles where username like 'sam%'";
    assert_eq!(database.value(names).await, "20 20");
}

// MSG-20
#[tokio::test]
async fn same_client_id_sent_ten_times_at_once_is_one_message() {
    let database = Database::new().await;
    let calls = (0..10).map(|_| async {
        let client = database.connect().await;
        client.batch_execute(&acting_as("bo")).await.expect("becomes");
        let send = "select id from send_message(tests.conversation('watercooler'), 'Once',
                                                '30000000-0000-4000-8000-000000000001')";
        rows(&client, send).await.expect("sends").remove(0).remove(0).expect("an id")
    });
    let mut given = join_all(calls).await;
    given.sort();
    given.dedup();
    assert_eq!(given.len(), 1, "{given:?}");
    let last = "select last_seq || ' ' || root_count from conversations where slug = 'watercooler'";
    assert_eq!(database.value(last).await, "4 4");
}

// MTG-03, TPL-03
#[tokio::test]
async fn what_is_due_goes_out_once_however_many_look_for_it() {
    let database = Database::new().await;
    let client = database.connect().await;
    let plan = "select schedule_meeting(tests.conversation('watercooler'), 'Plan', 'other', 'https://a.example',
                                        now() + interval '1 hour', now() + interval '2 hours', p_reminders => '{0,1}');
                select schedule_message(tests.conversation('watercooler'), 'Later ' || n, now() + interval '1 minute')
                  from generate_series(1, 40) n";
    client.batch_execute(&acting_as("ana")).await.expect("becomes");
    client.batch_execute(plan).await.expect("plans");
    let workers = (0..4).map(|_| async {
        let client = database.connect().await;
        let look = "set app.test_now = '2099-01-01';
                    update public.meetings set starts_at = '2099-01-01', ends_at = '2099-01-02' where starts_at < '2099-01-01'";
        client.batch_execute(look).await.expect("a later time");
        let mut told = 0;
        for _ in 0..20 {
            told += rows(&client, "select * from app.due_reminders(1)").await.expect("looks").len();
            rows(&client, "select app.send_due_messages(3)").await.expect("looks");
        }
        told
    });
    assert_eq!(
        join_all(workers).await.into_iter().sum::<usize>(),
        4,
        "two people, two reminders each"
    );
    let sent =
        "select count(*) || ' ' || count(distinct body) from messages where body like 'Later %'";
    assert_eq!(database.value(sent).await, "40 40");
}

// Every kind of write in one conversation at once: nobody waits in a circle, and the clocks agree
// with what is there.
#[tokio::test]
async fn writers_of_every_kind_get_along_and_leave_no_gap() {
    const ROUNDS: usize = 15;
    let database = Database::new().await;
    let root = "20000000-0000-4000-8000-000000000001";
    let place = "tests.conversation('watercooler')";
    let works = [
        ("ana", format!("select send_message({place}, 'Hi')")),
        ("bo", format!("select send_message({place}, '@ana hi', p_thread_id => '{root}')")),
        ("bo", format!("select toggle_reaction({place}, '{root}', 'x')")),
        ("ana", format!("select edit_message({place}, '{root}', 'Back ' || random())")),
        ("ana", format!("select pin_message({place}, '{root}'), unpin_message({place}, '{root}')")),
        ("bo", format!("select mark_read({place}, 1000000)")),
        ("bo", format!("select mark_unread({place}, 2)")),
        ("ana", "select send_message(tests.conversation('dm'), 'Hi')".to_owned()),
        ("bo", "select send_message(tests.conversation('dm'), 'Hi')".to_owned()),
        ("ana", "select mark_all_read()".to_owned()),
        ("bo", "select mark_all_read()".to_owned()),
        (
            "ana",
            format!(
                "select count(*) from add_members({place}, array[tests.id('cy')]); select remove_member({place}, tests.id('cy'))"
            ),
        ),
    ];
    join_all(works.iter().map(|(who, work)| {
        let database = &database;
        async move {
            let client = database.connect().await;
            client.batch_execute(&acting_as(who)).await.expect("becomes");
            for _ in 0..ROUNDS {
                rows(&client, work).await.unwrap_or_else(|error| panic!("{work}: {error:?}"));
            }
        }
    }))
    .await;
    let state = "
        select c.last_seq = count(*) and c.last_seq = max(m.seq) and c.last_rev >= max(m.rev)
               and c.root_count = count(*) filter (where m.thread_id is null)
               and count(distinct m.rev) = count(*)
               and c.member_count = 2
          from conversations c join messages m on m.conversation_id = c.id
         where c.slug = 'watercooler' group by c.id";
    assert_eq!(database.value(state).await, "t");
    let counts = format!(
        "select reply_count || ' ' || (reaction_counts ->> 'x') from messages where id = '{root}'"
    );
    assert_eq!(database.value(&counts).await, format!("{ROUNDS} 1"));
}
