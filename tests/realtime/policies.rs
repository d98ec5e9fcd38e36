//! What is understood of policies: text of a policy in, what it depends on out.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use deadpool_postgres::Pool;
use walkie::pg::{Target, pool};
use walkie::realtime::authorize::analysis::{
    Analysis, Candidates, Claims, Purpose, Read, Source, analyse,
};
use walkie::realtime::logs::Log;

use crate::support::{Database, compare_page};

async fn login(database: &Database) -> Pool {
    let target = Target::new(&database.login_url().await, "tests").expect("a URL");
    pool::pool(target, 2, Duration::from_secs(5))
}

async fn analysis_of(database: &Database, table: &str, role: &str) -> Analysis {
    let oid = database.value(&format!("select '{table}'::regclass::oid")).await;
    let pool = login(database).await;
    analyse(&pool, Log::Main, oid.parse().expect("an oid"), role, Purpose::Sight)
        .await
        .expect("can be asked")
}

/// In lines that begin with spaces: columns, claims, tables read, candidates, reasons.
fn shown(analysis: &Analysis) -> String {
    let claims = match &analysis.claims {
        Claims::Whole => "all".to_owned(),
        Claims::Of(claims) => claims.iter().cloned().collect::<Vec<_>>().join(" "),
    };
    let candidates = match &analysis.candidates {
        Candidates::Anybody => "anybody".to_owned(),
        Candidates::Of(sources) if sources.is_empty() => "nobody".to_owned(),
        Candidates::Of(sources) => {
            let sources = sources.iter().map(|source| match source {
                Source::Column(column) => column.clone(),
                Source::Rows(index) => read(&analysis.reads[*index]),
            });
            sources.collect::<Vec<_>>().join(" or ")
        }
    };
    let reads: Vec<String> = analysis.reads.iter().map(read).collect();
    let mut parts: Vec<String> = [
        ("columns", analysis.columns.join(" ")),
        ("claims", claims),
        ("reads", reads.join(", ")),
        ("asks", candidates),
    ]
    .into_iter()
    .filter(|(_, said)| !said.is_empty())
    .map(|(name, said)| format!("{name} {said}"))
    .collect();
    if !analysis.reasons.is_empty() {
        parts = analysis.reasons.iter().map(|reason| format!("! {reason}")).collect();
    }
    format!("    {}", parts.join("\n    "))
}

fn read(read: &Read) -> String {
    let keys = read.keys.iter().map(|(column, of_row)| format!("{column}={of_row}"));
    let subject = read.subject.iter().map(|column| format!("{column}=me"));
    let links: Vec<String> = keys.chain(subject).collect();
    let name = read.name.rsplit('.').next().unwrap_or_default();
    format!("{name}{}({})", if read.is_lookup { "?" } else { "" }, links.join(" "))
}

/// Each policy of the page is made and analysed; what is found must be what the page says.
#[tokio::test]
async fn policies_are_understood_as_the_page_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/realtime");
    let scene = fs::read_to_string(folder.join("policies.sql")).expect("the scene");
    let page = fs::read_to_string(folder.join("policies.txt")).expect("the page");
    let database = Database::scratch().await;
    database.sql(&scene).await;
    let pool = login(&database).await;
    let oid = database.value("select 'public.doc'::regclass::oid").await.parse().expect("an oid");
    let mut found = String::new();
    for line in page.lines().filter(|line| !line.starts_with(' ')) {
        writeln!(found, "{line}").expect("memory");
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        database.sql(&format!("create policy p on public.doc for select using ({line})")).await;
        let analysis = analyse(&pool, Log::Main, oid, "authenticated", Purpose::Sight)
            .await
            .expect("can be asked");
        writeln!(found, "{}", shown(&analysis)).expect("memory");
        database.sql("drop policy p on public.doc").await;
    }
    compare_page(Path::new("tests/realtime/policies.txt"), &found);
}

#[tokio::test]
async fn our_own_policies_may_be_remembered() {
    let database = Database::new().await;
    let messages = analysis_of(&database, "public.messages", "authenticated").await;
    assert_eq!(
        shown(&messages),
        "    columns conversation_id chapter sender_id visibility org_id\n    claims sub\n    reads overseers(org_id=org_id user_id=me), conversation_members(conversation_id=conversation_id member_id=me)\n    asks overseers(org_id=org_id user_id=me) or conversation_members(conversation_id=conversation_id member_id=me)"
    );
    let conversations = analysis_of(&database, "public.conversations", "authenticated").await;
    assert_eq!(
        shown(&conversations),
        "    columns id org_id created_by member_count\n    claims sub\n    reads overseers(org_id=org_id user_id=me), conversation_members(conversation_id=id member_id=me)\n    asks overseers(org_id=org_id user_id=me) or created_by or conversation_members(conversation_id=id member_id=me)"
    );
    for table in [
        "public.conversation_members",
        "public.profiles",
        "public.orgs",
        "public.files",
        "public.file_versions",
        "public.message_attachments",
    ] {
        let analysis = analysis_of(&database, table, "authenticated").await;
        assert_eq!(analysis.reasons, [] as [&str; 0], "{table}");
    }
}

/// Nothing of it is asked by the clock, but whether a ban has ended.
#[tokio::test]
async fn our_own_private_channels_follow_the_rows_that_decide() {
    let database = Database::new().await;
    let pool = login(&database).await;
    let oid = database.value("select 'realtime.messages'::regclass::oid").await;
    let oid = oid.parse().expect("an oid");
    let analysis = async |purpose| {
        analyse(&pool, Log::Main, oid, "authenticated", purpose).await.expect("can be asked")
    };
    let hearing = analysis(Purpose::Hearing).await;
    assert_eq!(
        shown(&hearing),
        "    columns topic extension\n    claims sub\n    reads conversation_members(member_id=me)\n    asks conversation_members(member_id=me)"
    );
    let speech = analysis(Purpose::Speech).await;
    assert!(!speech.is_blind, "{speech:?}");
    assert!(speech.reasons.iter().all(|reason| reason.starts_with("now() ")), "{speech:?}");
    let reads: Vec<String> = speech.reads.iter().map(read).collect();
    assert_eq!(
        reads,
        [
            "user_restrictions()",
            "user_restrictions?(user_id=me)",
            "user_privacy_settings(user_id=me)",
            "conversation_members(member_id=me)",
        ]
    );
}

#[tokio::test]
async fn restrictive_policies_narrow_what_the_others_permit() {
    let database = Database::scratch().await;
    let scene = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/realtime/policies.sql");
    database.sql(&fs::read_to_string(scene).expect("the scene")).await;
    database
        .sql(
            "create policy a on public.doc for select using (open);
             create policy b on public.doc using (is_in(room));
             create policy c on public.doc as restrictive using (owner = auth.uid());
             create policy d on public.doc for select to service_role using (born > now());
             create policy e on public.doc for update using (born > now());",
        )
        .await;
    let analysis = analysis_of(&database, "public.doc", "authenticated").await;
    assert_eq!(
        shown(&analysis),
        "    columns room owner open\n    claims sub\n    reads member(room=room person=owner person=me)\n    asks owner"
    );
    database.sql("drop policy a on public.doc; drop policy b on public.doc").await;
    let analysis = analysis_of(&database, "public.doc", "authenticated").await;
    assert_eq!(shown(&analysis), "    columns owner\n    claims sub\n    asks nobody");
}

#[tokio::test]
async fn rights_of_the_functions_owner_decide_what_it_reads() {
    let database = Database::scratch().await;
    let scene = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/realtime/policies.sql");
    database.sql(&fs::read_to_string(scene).expect("the scene")).await;
    database
        .sql(
            "create policy p on public.doc for select using (room in (select guarded_rooms_as_owner()));
             alter function public.guarded_rooms_as_owner() owner to anon;
             create policy anyone on public.guarded to anon using (room is not null);
             create policy others on public.guarded to service_role using (room > now()::text::uuid);",
        )
        .await;
    let analysis = analysis_of(&database, "public.doc", "authenticated").await;
    assert_eq!(
        shown(&analysis),
        "    columns room\n    claims sub\n    reads guarded(room=room)\n    asks anybody"
    );
}
