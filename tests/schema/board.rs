//! The board of rights: what each person of the cast gets from each command on each table,
//! asked of the database and kept in `policies/MATRIX.md`.

use std::fmt::Write as _;
use std::path::Path;

use tokio_postgres::Client;

use crate::support::{Database, compare_page, rows};

/// A table, values that would make a row of it, and a column to change.
const TABLES: [(&str, &str, &str); 45] = [
    ("orgs", "(slug, name) values ('new', 'New')", "name"),
    (
        "org_members",
        "(org_id, user_id) select id, gen_random_uuid() from public.orgs limit 1",
        "role",
    ),
    ("teams", "(org_id, name) select id, 'New' from public.orgs limit 1", "name"),
    (
        "team_members",
        "(team_id, user_id) select id, tests.id('cy') from public.teams limit 1",
        "role",
    ),
    (
        "engagements",
        "(org_id, client_id, consultant_id, title) select id, tests.id('ana'), tests.id('cy'), 'New' from public.orgs limit 1",
        "status",
    ),
    (
        "profiles",
        "(id, org_id, display_name) select gen_random_uuid(), org_id, 'New' from public.profiles limit 1",
        "bio",
    ),
    (
        "user_contacts",
        "(owner_id, contact_id) values (auth.uid(), gen_random_uuid())",
        "contact_id",
    ),
    ("user_blocks", "(blocker_id, blocked_id) values (tests.id('cy'), tests.id('ana'))", "reason"),
    ("user_privacy_settings", "(user_id) values (auth.uid())", "show_typing"),
    (
        "user_restrictions",
        "(user_id, restriction_type) values (tests.id('cy'), 'shadow_ban')",
        "expires_at",
    ),
    ("conversations", "(kind, title) values ('group', 'New')", "title"),
    (
        "conversation_members",
        "(conversation_id, member_id) values (tests.conversation('watercooler'), tests.id('cy'))",
        "role",
    ),
    (
        "conversation_categories",
        "(org_id, owner_id, name) select org_id, auth.uid(), 'New' from public.profiles limit 1",
        "name",
    ),
    (
        "conversation_invites",
        "(conversation_id, invitee_id, invited_by) values (tests.conversation('lunch'), tests.id('cy'), tests.id('ana'))",
        "state",
    ),
    (
        "conversation_pins",
        "(conversation_id, message_id, pinned_by, chapter) select conversation_id, id, sender_id, 0 from public.messages order by id desc limit 1",
        "pinned_by",
    ),
    (
        "inbox",
        "(conversation_id, member_id) values (tests.conversation('watercooler'), tests.id('cy'))",
        "draft",
    ),
    (
        "read_marks",
        "(conversation_id, member_id, seq) values (tests.conversation('watercooler'), tests.id('bo'), 2)",
        "at",
    ),
    (
        "messages",
        "(conversation_id, body) values (tests.conversation('watercooler'), 'Hi')",
        "body",
    ),
    (
        "message_edits",
        "(conversation_id, message_id, version, body) select conversation_id, id, 9, 'x' from public.messages limit 1",
        "body",
    ),
    (
        "message_embeddings",
        "(conversation_id, message_id, embedding, model) select conversation_id, id, '{1}', 'toy' from public.messages order by id desc limit 1",
        "model",
    ),
    (
        "message_mentions",
        "(conversation_id, message_id, mentioned_id, seq) select conversation_id, id, sender_id, seq from public.messages limit 1",
        "seq",
    ),
    (
        "message_reactions",
        "(conversation_id, message_id, emoji) values (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', 'x')",
        "emoji",
    ),
    (
        "message_stars",
        "(user_id, conversation_id, message_id) values (auth.uid(), tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000003')",
        "message_id",
    ),
    (
        "message_hides",
        "(user_id, conversation_id, message_id) select sender_id, conversation_id, id from public.messages limit 1",
        "message_id",
    ),
    (
        "thread_members",
        "(user_id, conversation_id, thread_id) select auth.uid(), conversation_id, id from public.messages limit 1",
        "following",
    ),
    (
        "message_private",
        "(conversation_id, message_id, org_id, real_sender_id) select conversation_id, id, org_id, sender_id from public.messages order by id desc limit 1",
        "org_id",
    ),
    (
        "persona_leases",
        "(conversation_id, persona_id, org_id, admin_id, expires_at) select id, tests.id('cy'), org_id, tests.id('dee'), now() from public.conversations limit 1",
        "expires_at",
    ),
    (
        "message_templates",
        "(title, body) values ('New', 'x')",
        "title",
    ),
    (
        "scheduled_messages",
        "(conversation_id, sender_id, body, send_at) values (tests.conversation('watercooler'), tests.id('bo'), 'x', now())",
        "state",
    ),
    (
        "meetings",
        "(conversation_id, message_id, chapter, visibility, organizer_id, title, provider, join_url, starts_at, ends_at, timezone)
         select conversation_id, id, 0, 'normal', sender_id, 'x', 'other', 'https://a.example', now(), now() + interval '1 hour', 'UTC'
           from public.messages limit 1",
        "title",
    ),
    (
        "meeting_participants",
        "(meeting_id, user_id, conversation_id, chapter) select id, tests.id('cy'), conversation_id, chapter from public.meetings limit 1",
        "response",
    ),
    (
        "meeting_reminders",
        "(meeting_id, user_id, minutes_before, due_at) select meeting_id, user_id, 60, now() from public.meeting_participants limit 1",
        "due_at",
    ),
    (
        "files",
        "(id, org_id, conversation_id, owner_id, name, chapter) select gen_random_uuid(), org_id, id, tests.id('bo'), 'new.txt', 0 from public.conversations limit 1",
        "folder",
    ),
    (
        "file_versions",
        "(file_id, version, conversation_id, org_id, chapter, upload_id, object_path, name, size_bytes, mime_type, uploaded_by)
         select id, 9, conversation_id, org_id, 0, gen_random_uuid(), 'x', 'x', 1, 'text/plain', owner_id from public.files limit 1",
        "note",
    ),
    (
        "message_attachments",
        "(conversation_id, message_id, file_id, version, sender_id, chapter, visibility, position)
         select conversation_id, id, '60000000-0000-4000-8000-000000000001', 1, sender_id, 0, 'normal', 2
           from public.messages where id = '20000000-0000-4000-8000-000000000002'",
        "alt_text",
    ),
    (
        "file_quotas",
        "(org_id, scope, max_bytes) select id, 'org', 1 from public.orgs",
        "max_bytes",
    ),
    ("user_presence", "(user_id) values (auth.uid())", "status"),
    (
        "typing_states",
        "(conversation_id, actor_id, expires_at) values (tests.conversation('watercooler'), tests.id('ana'), now())",
        "expires_at",
    ),
    ("audit_log", "(action) values ('x')", "reason"),
    (
        "oversight_grants",
        "(admin_id, conversation_id, reason, expires_at) values (tests.id('ana'), tests.conversation('dm'), 'x', now())",
        "reason",
    ),
    ("notifications", "(user_id, kind) values (tests.id('bo'), 'system')", "title"),
    (
        "notification_preferences",
        "(user_id, channel, kind, enabled) values (auth.uid(), 'push', 'reply', false)",
        "enabled",
    ),
    ("notification_settings", "(user_id) values (auth.uid())", "digest"),
    ("user_settings", "(user_id) values (auth.uid())", "theme"),
    (
        "consents",
        "(user_id, purpose) values (tests.id('cy'), 'contact_exchange')",
        "withdrawn_at",
    ),
];

/// One row of each kind that the cast does not have, so that there is something to be denied.
const ROWS: &str = "
    insert into public.teams (id, org_id, name) select '40000000-0000-4000-8000-000000000001', id, 'Red' from public.orgs;
    insert into public.team_members (team_id, user_id) values ('40000000-0000-4000-8000-000000000001', tests.id('bo'));
    insert into public.engagements (org_id, client_id, consultant_id, title) select id, tests.id('bo'), tests.id('dee'), 'Site' from public.orgs;
    insert into public.user_contacts (owner_id, contact_id) values (tests.id('bo'), tests.id('ana'));
    insert into public.user_blocks (blocker_id, blocked_id) values (tests.id('bo'), tests.id('cy'));
    insert into public.user_privacy_settings (user_id) values (tests.id('dee'));
    insert into public.notifications (user_id, kind) values (tests.id('bo'), 'system');
    insert into public.notification_preferences (user_id, channel, kind, enabled) values (tests.id('bo'), 'push', 'dm', false);
    insert into public.notification_settings (user_id) values (tests.id('bo'));
    insert into public.user_settings (user_id) values (tests.id('bo'));
    insert into public.consents (user_id, purpose) values (tests.id('bo'), 'contact_exchange');
    insert into public.conversation_categories (org_id, name) select id, 'Projects' from public.orgs;
    insert into public.conversation_invites (conversation_id, invitee_id, invited_by)
      values (tests.conversation('watercooler'), tests.id('cy'), tests.id('ana'));
    insert into public.conversation_pins (conversation_id, message_id, pinned_by, chapter)
      values (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', tests.id('ana'), 0);
    insert into public.read_marks (conversation_id, member_id, seq) values (tests.conversation('watercooler'), tests.id('bo'), 3);
    update public.messages set body = 'It is back.' where id = '20000000-0000-4000-8000-000000000001';
    insert into public.message_embeddings (conversation_id, message_id, embedding, model)
      values (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', '{1}', 'toy');
    insert into public.message_mentions (conversation_id, message_id, mentioned_id, seq)
      values (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', tests.id('bo'), 1);
    insert into public.message_reactions (conversation_id, message_id, actor_id, emoji, chapter)
      values (tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001', tests.id('bo'), 'b', 0);
    insert into public.message_stars (user_id, conversation_id, message_id)
      values (tests.id('bo'), tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001');
    insert into public.message_hides (user_id, conversation_id, message_id)
      values (tests.id('bo'), tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001');
    insert into public.thread_members (user_id, conversation_id, thread_id)
      values (tests.id('bo'), tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000001');
    insert into public.message_private (conversation_id, message_id, org_id, real_sender_id)
      select conversation_id, id, org_id, tests.id('dee') from public.messages where id = '20000000-0000-4000-8000-000000000001';
    insert into public.persona_leases (conversation_id, persona_id, org_id, admin_id, expires_at)
      select id, tests.id('bo'), org_id, tests.id('dee'), 'infinity' from public.conversations where title = 'Watercooler';
    insert into public.message_templates (org_id, scope, title, body) select id, 'org', 'Shared', 'x' from public.orgs;
    insert into public.message_templates (org_id, scope, title, body) select id, 'admin', 'Quick', 'x' from public.orgs;
    insert into public.scheduled_messages (conversation_id, sender_id, body, send_at)
      values (tests.conversation('watercooler'), tests.id('bo'), 'Later', 'infinity');
    insert into public.meetings (id, conversation_id, message_id, chapter, visibility, organizer_id, title, provider, join_url, starts_at, ends_at, timezone)
      values ('50000000-0000-4000-8000-000000000001', tests.conversation('watercooler'), '20000000-0000-4000-8000-000000000003', 0, 'normal',
              tests.id('ana'), 'Plan', 'other', 'https://a.example', '2040-01-01 09:00+00', '2040-01-01 10:00+00', 'UTC');
    insert into public.meeting_participants (meeting_id, user_id, conversation_id, chapter)
      values ('50000000-0000-4000-8000-000000000001', tests.id('bo'), tests.conversation('watercooler'), 0);
    insert into public.meeting_reminders (meeting_id, user_id, minutes_before, due_at)
      values ('50000000-0000-4000-8000-000000000001', tests.id('bo'), 10, '2040-01-01 08:50+00');
    insert into public.files (id, org_id, conversation_id, owner_id, name, chapter, last_version)
      select '60000000-0000-4000-8000-000000000001', org_id, id, tests.id('bo'), 'a.txt', 0, 1 from public.conversations where title = 'Watercooler';
    insert into public.file_versions (file_id, version, conversation_id, org_id, chapter, upload_id, object_path, object_version, name, size_bytes, mime_type, uploaded_by, scan_status)
      select id, 1, conversation_id, org_id, 0, id, 'x', id, 'a.txt', 1, 'text/plain', owner_id, 'clean' from public.files;
    insert into public.message_attachments (conversation_id, message_id, file_id, version, sender_id, chapter, visibility, position)
      select conversation_id, id, '60000000-0000-4000-8000-000000000001', 1, sender_id, 0, 'normal', 1
        from public.messages where id = '20000000-0000-4000-8000-000000000001';
    insert into public.file_quotas (org_id, scope, user_id, max_bytes) select id, 'person', tests.id('bo'), 1000000 from public.orgs;
    insert into public.user_presence (user_id, status) values (tests.id('bo'), 'online');
    insert into public.typing_states (conversation_id, actor_id, expires_at)
      values (tests.conversation('watercooler'), tests.id('bo'), 'infinity');
    insert into public.oversight_grants (admin_id, conversation_id, reason, expires_at)
      values (tests.id('dee'), tests.conversation('dm'), 'A report', 'infinity');
    insert into public.audit_log (org_id, action) select id, 'x' from public.orgs;
    update public.orgs set settings = '{\"oversight_mode\": \"open\"}';";

/// Who, what they are to the room `watercooler`, and the roles in the organisation in which each
/// gets the same. Admins oversee.
const PEOPLE: [(&str, &str, &[&str]); 7] = [
    ("nobody", "nobody", &["member"]),
    ("cy", "cy, outsider: client, consultant, member or moderator of the organisation", MANY),
    ("bo", "bo, member: client, consultant, member or moderator of the organisation", MANY),
    ("ana", "ana, owner", &["member"]),
    ("dee", "dee, not in it: admin of the organisation", &["admin"]),
    ("dee", "dee, not in it: superadmin of the organisation", &["superadmin"]),
    ("service", "service_role", &["member"]),
];

const MANY: &[&str] = &["client", "consultant", "member", "moderator"];

const HEAD: &str = "# Who may do what\n\n\
    Printed from the database by a test: rows that the cast's people get or touch with each command, \
    without a filter, or that they are refused. The organisation oversees: its `oversight_mode` is open. `bin/test rust` fails when this page no longer says what \
    the policies do; run it once with `UPDATE_PAGES=1` and read what changed.\n";

// TEN-02
#[tokio::test]
async fn board_says_what_the_policies_do() {
    let database = Database::new().await;
    let client = database.connect().await;
    database.sql(ROWS).await;
    let mut board = String::from(HEAD);
    for (table, values, column) in TABLES {
        let _ = write!(
            board,
            "\n## {table}\n\n| | select | insert | update | delete |\n| --- | --- | --- | --- | --- |\n"
        );
        let commands = [
            format!("select from public.{table}"),
            format!("insert into public.{table} {values}"),
            format!("update public.{table} set {column} = {column}"),
            format!("delete from public.{table}"),
        ];
        for (person, title, roles) in PEOPLE {
            let mut lines = Vec::new();
            for role in roles {
                let mut cells = Vec::new();
                for command in &commands {
                    cells.push(outcome(&client, (person, role), command).await);
                }
                lines.push(cells.join(" | "));
            }
            lines.dedup();
            assert_eq!(lines.len(), 1, "{table}, {person}: a role in {roles:?} differs: {lines:?}");
            let _ = writeln!(board, "| {title} | {} |", lines[0]);
        }
    }
    compare_page(Path::new("policies/MATRIX.md"), &board);
}

#[tokio::test]
async fn board_has_every_table() {
    let database = Database::new().await;
    let known = TABLES.map(|(table, ..)| table);
    let tables = database
        .rows(
            "select relname from pg_class
              where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition",
        )
        .await;
    let missing: Vec<_> =
        tables.into_iter().flatten().flatten().filter(|table| !known.contains(&&**table)).collect();
    assert!(missing.is_empty(), "give them a policies/ file and a row in TABLES: {missing:?}");
}

// CNV-01
#[tokio::test]
async fn every_table_has_a_key_and_is_under_row_security() {
    let database = Database::new().await;
    let lacking = database
        .rows(
            "select c.relname
               from pg_class c
              where c.relnamespace = 'public'::regnamespace
                and c.relkind in ('r', 'p')
                and (not c.relrowsecurity
                     or not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'p')
                     or not exists (select from pg_description d where d.objoid = c.oid and d.objsubid = 0))",
        )
        .await;
    assert!(lacking.is_empty(), "no key, no row security or no comment: {lacking:?}");
}

/// The number of rows, or how it was refused.
async fn outcome(client: &Client, (person, role): (&str, &str), command: &str) -> String {
    client.batch_execute("begin").await.expect("begins");
    let appoint =
        format!("update org_members set role = '{role}' where user_id = tests.id('{person}')");
    rows(client, &appoint).await.expect("has the role");
    rows(client, &format!("select tests.be('{person}')")).await.expect("becomes");
    let outcome = match client.execute(command, &[]).await {
        Ok(count) => count.to_string(),
        Err(error) => match error.code().map(|code| code.code().to_owned()).as_deref() {
            Some("42501") => "denied".to_owned(),
            Some(other) => format!("refused ({other})"),
            None => panic!("{command}: {error}"),
        },
    };
    client.batch_execute("rollback").await.expect("rolls back");
    outcome
}
