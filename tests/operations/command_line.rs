//! Flags, settings and their mistakes. OPS-01

use std::net::TcpListener;
use std::process::{Command, Output};

use walkie::config::ApiKey;

use crate::support::{Database, command};

const LONG_SECRET: &str = "long enough a secret, and nobody else has it";

fn run(command: &mut Command) -> (bool, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.success(), text(stdout), text(stderr))
}

#[test]
fn serve_refuses_weak_secrets() {
    for secret in [walkie::config::DEVELOPMENT_JWT_SECRET, "too-little"] {
        let url = "postgresql://nobody@127.0.0.1:1/none";
        let (ok, _, told) =
            run(command().args(["serve", "--database-url", url, "--jwt-secret", secret]));
        assert!(!ok && told.contains("WALKIE_JWT_SECRET"), "{told}");
        assert!(!told.contains(secret), "a secret is never shown: {told}");
    }
}

#[test]
fn missing_unknown_and_bad_settings_are_named() {
    let (ok, _, told) = run(command().arg("serve"));
    assert!(!ok && told.contains("--database-url"), "{told}");

    let (ok, _, told) = run(command().arg("schema").env("WALKIE_PROT", "1"));
    assert!(!ok && told.contains("WALKIE_PROT is no setting"), "{told}");

    let bad = [
        ("WALKIE_PORT", "many"),
        ("WALKIE_POOL_SIZE", "0"),
        ("WALKIE_REALTIME_SLOT", "No Slot"),
        ("WALKIE_REALTIME_SLOT", "taken_bulk"),
        ("WALKIE_LOG_FORMAT", "xml"),
    ];
    for (name, value) in bad {
        let (ok, _, told) = run(command()
            .args(["serve", "--database-url", "postgresql://x", "--jwt-secret", LONG_SECRET])
            .env(name, value));
        let flag = name.trim_start_matches("WALKIE_").to_lowercase().replace('_', "-");
        assert!(!ok && told.contains(&flag), "{name}: {told}");
    }
}

#[test]
fn settings_may_stand_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/.env.example"), folder.path().join(".env"))
        .expect("copies");
    // The example alone says which setting is still missing.
    let (ok, _, told) = run(command().arg("serve").current_dir(&folder));
    assert!(!ok && told.contains("--database-url"), "{told}");
    std::fs::write(folder.path().join(".env"), "WALKIE_LOG='unfinished\n").expect("writes");
    let (ok, _, told) = run(command().arg("keys").current_dir(&folder));
    assert!(!ok && told.contains(".env"), "{told}");
    std::fs::write(folder.path().join(".env"), format!("WALKIE_JWT_SECRET='{LONG_SECRET}'\n"))
        .expect("writes");
    let (ok, keys, told) = run(command().arg("keys").current_dir(&folder));
    assert!(ok, "{told}");
    assert!(keys.contains("ANON_KEY=ey") && keys.contains("SERVICE_ROLE_KEY=ey"), "{keys}");
}

#[test]
fn keys_speak_for_their_roles() {
    let (ok, keys, _) = run(command().args(["keys", "--jwt-secret", LONG_SECRET]));
    assert!(ok);
    let verify = walkie::identity::Keys::new(LONG_SECRET);
    let roles: Vec<String> = keys
        .lines()
        .filter_map(|line| Some(verify.verify(line.split_once('=')?.1).ok()?.role.to_string()))
        .collect();
    assert_eq!(roles, ["anon", "service_role"]);
    let value = |name: &str| {
        let line = keys.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.expect("a line").to_owned()
    };
    let made = [value("PUBLISHABLE_KEY"), value("SECRET_KEY")];
    assert_eq!(value("WALKIE_API_KEYS"), made.join(","));
    let verify = verify.with_api_keys(&made.each_ref().map(|key| ApiKey::read(key)));
    let roles = made.map(|key| verify.verify(&key).expect("good").role.to_string());
    assert_eq!(roles, ["anon", "service_role"]);
}

#[test]
fn taken_port_is_told_with_its_setting() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let (ok, _, told) = run(command().args(["dev", "--port", &port, "--data"]).arg(folder.path()));
    assert!(!ok && told.contains(&port) && told.contains("WALKIE_PORT"), "{told}");
}

#[test]
fn help_lists_every_setting_with_its_default() {
    let (ok, help, _) = run(command().args(["serve", "--help"]));
    assert!(ok);
    for line in ["WALKIE_DATABASE_URL", "WALKIE_REALTIME_WINDOW_SECONDS", "[default: 600]"] {
        assert!(help.contains(line), "{line} is not in\n{help}");
    }
}

#[tokio::test]
async fn check_names_what_is_missing_and_what_mends_it() {
    let database = Database::empty().await;
    let url = database.url().await;
    let (ok, told, _) = run(command().args(["check", "--database-url", &url]));
    assert!(!ok && told.contains("run: walkie migrate"), "{told}");
    let (ok, told, errors) = run(command().args(["migrate", "--database-url", &url]));
    assert!(ok && told.contains("installed"), "{told} {errors}");
    let (ok, told, _) = run(command().args(["migrate", "--database-url", &url]));
    assert!(ok && told.contains("nothing to do"), "{told}");
    let login = database.login_url().await;
    let (ok, told, errors) = run(command().args(["check", "--database-url", &login]));
    assert!(ok, "{told} {errors}");
    // What schema prints is what migrate installed.
    let (ok, printed, _) = run(command().arg("schema"));
    assert!(ok && printed.contains("-- sql/messages.sql") && printed.contains("create policy"));
}

#[tokio::test]
async fn policies_are_explained_for_tables_and_roles() {
    let database = Database::new().await;
    let login = database.login_url().await;
    let explain = ["policies", "explain", "public.messages", "--database-url", &login];
    let (ok, told, errors) = run(command().args(explain));
    assert!(ok, "{errors}");
    assert_eq!(
        told,
        "public.messages
  anon            sees nothing: it may not select any column
  authenticated   verdicts are remembered
    columns       conversation_id, chapter, sender_id, visibility, org_id
    claims        sub
    reads         app.overseers: a change of org_id, user_id concerns rows with org_id = its org_id and the person in its user_id
    reads         public.conversation_members: a change of conversation_id, joined_chapter, left_at, member_id concerns rows with conversation_id = its conversation_id and the person in its member_id
    asks          the people in user_id of app.overseers where org_id = org_id
    asks          the people in member_id of public.conversation_members where conversation_id = conversation_id

"
    );
    database
        .sql("create policy p on public.messages for select to authenticated using (created_at > now())")
        .await;
    let (ok, told, errors) = run(command().args(["policies", "explain", "--database-url", &login]));
    assert!(ok, "{errors}");
    for line in [
        "public.conversation_members\n",
        "  authenticated   is asked anew for every change\n    because       now() depends on",
    ] {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
    let nothing = ["policies", "explain", "public.nothing", "--database-url", &login];
    let (ok, _, errors) = run(command().args(nothing));
    assert!(!ok && errors.contains("no such table"), "{errors}");
}
