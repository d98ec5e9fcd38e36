//! Filters: what they mean is what `where` means, and what is wrong with one is said.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Database, Person, Server, Socket};

/// Type, and values of it that rows and filters have; every column also has a null.
const COLUMNS: &[(&str, [&str; 4])] = &[
    ("int2", ["-1", "0", "7", "10"]),
    ("int4", ["-10", "9", "10", "2147483647"]),
    ("int8", ["-9007199254740993", "9", "10", "9007199254740993"]),
    ("numeric", ["1.1", "1.10", "NaN", "-2"]),
    ("float8", ["0.1", "1e20", "NaN", "-0"]),
    ("bool", ["t", "f", "true", "no"]),
    ("text", ["a", "B", "a,b", "Ä(\"x\\y\")"]),
    ("varchar(8)", ["10", "9", " x ", ""]),
    ("char(5)", ["ab", "ab   ", "b", "A"]),
    ("name", ["n", "N", "null", "o"]),
    (
        "uuid",
        [
            "a0000000-0000-4000-8000-00000000000a",
            "A0000000-0000-4000-8000-00000000000A",
            "00000000-0000-4000-8000-000000000000",
            "ffffffff-ffff-4fff-8fff-ffffffffffff",
        ],
    ),
    ("date", ["2024-01-02", "0044-03-15 BC", "infinity", "12024-01-01"]),
    ("time", ["03:04:05", "03:04:05.678", "24:00:00", "3:04"]),
    ("timetz", ["03:04:05+02", "01:04:05+00", "04:04:05+01", "00:00:00+00"]),
    ("timestamp", ["2024-01-02 03:04:05", "2024-01-02T03:04:05.5", "-infinity", "10000-01-01"]),
    (
        "timestamptz",
        ["2024-01-02 03:04:05+02", "2024-01-02 01:04:05Z", "infinity", "2023-12-31 23:00:00-05"],
    ),
    ("interval", ["1 day", "24:00:00", "-1 day +02:00:00", "1 mon"]),
    ("bytea", ["\\x01", "\\x0102", "\\x", "\\xff"]),
    ("inet", ["10.0.0.1", "10.0.0.1/8", "::1", "10.0.0.2"]),
    ("macaddr", ["08:00:2b:01:02:03", "08002b:010203", "00:00:00:00:00:00", "ff:00:00:00:00:00"]),
    ("money", ["1.10", "$1.1", "-5", "1000"]),
    ("bit(3)", ["101", "000", "111", "011"]),
    ("varbit", ["101", "1", "", "0110"]),
    ("oid", ["1", "4294967295", "10", "9"]),
    ("pg_lsn", ["0/10", "0/9", "1/0", "0/0"]),
    ("jsonb", ["{\"a\": 1}", "{\"a\":1}", "[1, 2]", "null"]),
    ("int4[]", ["{1,2}", "{1,NULL}", "{}", "[0:1]={1,2}"]),
    ("text[]", ["{a,\"b,c\"}", "{A}", "{\"\"}", "{NULL}"]),
    ("int4range", ["[1,5)", "[1,4]", "empty", "(,3)"]),
    ("mood", ["sad", "happy", "so,so", "sad"]),
    ("word", ["x", "X", "y", "x,y"]),
    ("pair", ["(1,a)", "(1,)", "(2,\"b,c\")", "(,)"]),
    ("folded", ["a", "A", "b", "B"]),
    ("text collate \"C\"", ["a", "B", "ä", "b"]),
    ("text collate blind", ["a", "A", "ä", "b"]),
];

/// Operators as filters spell them, and as SQL does.
const COMPARING: [(&str, &str); 7] = [
    ("eq", "="),
    ("neq", "<>"),
    ("lt", "<"),
    ("lte", "<="),
    ("gt", ">"),
    ("gte", ">="),
    ("isdistinct", "is distinct from"),
];

const MATCHING: [(&str, &str); 4] =
    [("like", "like"), ("ilike", "ilike"), ("match", "~"), ("imatch", "~*")];

/// Rows: more than a column has values.
const ROWS: usize = 10;

fn service(server: &Server) -> Person {
    Person { token: server.service_key() }
}

/// A filter, and the expression of SQL that it must be.
type Pair = (String, String);

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// SQL guesses the type of a bare literal, but for rows.
fn typed(kind: &str, value: &str) -> String {
    let cast = if kind == "pair" { "::pair" } else { "" };
    format!("{}{cast}", literal(value))
}

/// Every operator on every column, with one of its values, plain and negated.
fn pairs() -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (number, (kind, values)) in COLUMNS.iter().enumerate() {
        let column = format!("c{number}");
        for (turn, (operator, sql)) in COMPARING.iter().enumerate() {
            let value = values[(number + turn) % values.len()];
            let of = format!("{column} {sql} {}", typed(kind, value));
            pairs.push((format!("{column}.{operator}.{}", quoted(value)), of.clone()));
            pairs.push((
                format!("{column}.not.{operator}.{}", quoted(value)),
                format!("not ({of})"),
            ));
        }
        let two = [values[number % 4], values[(number + 1) % 4]];
        for (listed, null) in [(", null", "null, "), ("", "")] {
            let list =
                format!("{column} in ({null}{}, {})", typed(kind, two[0]), typed(kind, two[1]));
            let filter = format!("in.({},{}{listed})", quoted(two[0]), quoted(two[1]));
            pairs.push((format!("{column}.{filter}"), list.clone()));
            pairs.push((format!("{column}.not.{filter}"), format!("not ({list})")));
        }
        pairs.push((format!("{column}.is.null"), format!("{column} is null")));
        pairs.push((format!("{column}.not.is.null"), format!("not ({column} is null)")));
        if *kind == "bool" {
            for word in ["true", "false", "unknown"] {
                pairs.push((format!("{column}.is.{word}"), format!("{column} is {word}")));
                let not = format!("{column} is not {word}");
                pairs.push((format!("{column}.not.is.{word}"), not));
            }
        }
        let is_text =
            ["text", "varchar(8)", "char(5)", "name", "text collate \"C\"", "word", "folded"];
        if is_text.contains(kind) {
            for (operator, sql) in MATCHING {
                for value in ["A%", "_", "^a", "b|X", "%"] {
                    let of = format!("{column} {sql} {}", literal(value));
                    pairs.push((format!("{column}.{operator}.{value}"), of.clone()));
                    pairs.push((format!("{column}.not.{operator}.{value}"), format!("not ({of})")));
                }
            }
        }
    }
    pairs
}

/// Groups of those, three deep, by chance that is the same each time.
fn groups(pairs: &[Pair], count: usize) -> Vec<Pair> {
    let mut state = 0x2545_f491_u64;
    let mut chance = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    let mut group = |members: [Pair; 3]| {
        let (joint, sql) = [("or", "or"), ("and", "and")][chance(2)];
        let (not, sql_not) = [("", ""), ("not.", "not")][chance(2)];
        let filters = members.each_ref().map(|(filter, _)| filter.as_str()).join(",");
        let conditions = members.map(|(_, condition)| format!("({condition})"));
        let sql = conditions.join(&format!(" {sql} "));
        (format!("{not}{joint}({filters})"), format!("{sql_not} ({sql})"))
    };
    let mut pick = 0;
    let mut next = || {
        pick = (pick + 7919) % pairs.len();
        pairs[pick].clone()
    };
    (0..count)
        .map(|_| {
            let inner = group([next(), next(), next()]);
            let middle = group([inner, next(), next()]);
            group([next(), middle, next()])
        })
        .collect()
}

/// As a member of the outer list.
fn listed(filter: &str) -> String {
    let (name, rest) = match filter.find('(') {
        Some(at) if ["or", "and", "not.or", "not.and"].contains(&&filter[..at]) => {
            filter.split_at(at)
        }
        _ => filter.split_once('.').expect("a column and a test"),
    };
    format!("{name}={rest}")
}

async fn table(database: &Database) {
    let columns: Vec<String> =
        COLUMNS.iter().enumerate().map(|(number, (kind, _))| format!("c{number} {kind}")).collect();
    database
        .sql(&format!(
            "create type public.mood as enum ('sad', 'so,so', 'happy');
             create domain public.word as text check (value <> '');
             create type public.pair as (a int, b text);
             do $$ begin
               create collation public.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
             exception when feature_not_supported then  -- a build without ICU has no such
               create collation public.blind from \"C\";
             end $$;
             do $$ begin
               create domain public.folded as extensions.citext;
             exception when undefined_object then  -- nor does each have this
               create domain public.folded as text;
             end $$;
             set search_path = public, extensions;
             create table public.t (id int primary key, {});
             alter publication supabase_realtime add table public.t;",
            columns.join(", ")
        ))
        .await;
}

async fn fill(database: &Database) {
    for row in 0..ROWS {
        let values: Vec<String> = COLUMNS
            .iter()
            .enumerate()
            .map(|(number, (_, values))| match (row + number) % 5 {
                4 => "null".to_owned(),
                place => literal(values[place]),
            })
            .collect();
        database.sql(&format!("insert into t values ({row}, {})", values.join(", "))).await;
    }
}

/// Subscribes to all of these, a hundred a channel, and to everything; gives the bindings' ids.
async fn subscribe_all(socket: &mut Socket, who: &Person, filters: &[String]) -> Vec<u64> {
    let mut ids = Vec::new();
    for (number, filters) in filters.chunks(99).enumerate() {
        let mut bindings: Vec<Value> =
            filters.iter().map(|filter| json!({"table": "t", "filter": filter})).collect();
        bindings.push(json!({"table": "t"}));
        let (status, response) = socket.join(&format!("t{number}"), who, json!(bindings)).await;
        assert_eq!(status, "ok", "{response}");
        let system = socket.event("system").await;
        assert_eq!(system["status"], "ok", "{system}");
        let answered = response["postgres_changes"].as_array().expect("a list");
        let all = answered.iter().map(|binding| binding["id"].as_u64().expect("an id"));
        ids.extend(all.take(filters.len()));
    }
    ids
}

/// Which filters let which rows through, until each channel has heard of each row.
async fn heard(socket: &mut Socket, ids: &[u64], from: &str) -> BTreeSet<(usize, u64)> {
    let channels = ids.len().div_ceil(99);
    let mut heard = BTreeSet::new();
    for _ in 0..channels * ROWS {
        let change = socket.next().await;
        assert_eq!(change[3], "postgres_changes", "{change}");
        let channel: usize = change[2]
            .as_str()
            .and_then(|topic| topic.strip_prefix("realtime:t")?.parse().ok())
            .expect("a topic");
        let row = change[4]["data"][from]["id"].as_u64().expect("a row");
        let through: Vec<u64> =
            change[4]["ids"].as_array().expect("ids").iter().filter_map(Value::as_u64).collect();
        let own = ids.iter().enumerate().skip(channel * 99).take(99);
        heard.extend(own.filter(|(_, id)| through.contains(id)).map(|(number, _)| (number, row)));
    }
    heard
}

/// What `where` lets through.
async fn selected(database: &Database, pairs: &[Pair]) -> BTreeSet<(usize, u64)> {
    let mut selected = BTreeSet::new();
    for (number, (_, sql)) in pairs.iter().enumerate() {
        let rows = database.rows(&format!("select id from t where {sql}")).await;
        selected.extend(rows.into_iter().map(|mut row| {
            let id = row.remove(0).expect("an id").parse().expect("a number");
            (number, id)
        }));
    }
    selected
}

fn differences(
    pairs: &[Pair],
    heard: &BTreeSet<(usize, u64)>,
    selected: &BTreeSet<(usize, u64)>,
) -> Vec<String> {
    let say = |(number, row): &(usize, u64), what: &str| {
        format!("{what} row {row}: {} is {}", pairs[*number].0, pairs[*number].1)
    };
    let missed = selected.difference(heard).map(|one| say(one, "missed"));
    missed.chain(heard.difference(selected).map(|one| say(one, "wrongly heard"))).collect()
}

// RT-03
#[tokio::test]
async fn every_filter_lets_through_what_where_selects() {
    let database = Database::scratch().await;
    table(&database).await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let mut pairs = pairs();
    pairs.extend(groups(&pairs, 90));
    let filters: Vec<String> = pairs.iter().map(|(filter, _)| listed(filter)).collect();
    let ids = subscribe_all(&mut socket, &service(&server), &filters).await;

    fill(&database).await;
    let selected = selected(&database, &pairs).await;
    assert!(selected.len() > pairs.len(), "most filters select something: {}", selected.len());
    let heard = heard(&mut socket, &ids, "record").await;
    assert_eq!(differences(&pairs, &heard, &selected), Vec::<String>::new());

    database.sql("alter table t replica identity full; delete from t").await;
    let heard = self::heard(&mut socket, &ids, "old_record").await;
    assert_eq!(differences(&pairs, &heard, &selected), Vec::<String>::new());
}

/// A table to be wrong about.
async fn small_table(database: &Database) {
    database
        .sql(
            "create table public.t (
               id int primary key, body text, amount numeric, done bool, secret text, data json);
             revoke all on t from anon;
             grant select (id, body, amount, done, data) on t to anon;
             alter publication supabase_realtime add table public.t;",
        )
        .await;
}

/// What the channel is told of a binding, by somebody who may not see all columns.
async fn told(socket: &mut Socket, who: &Person, bindings: Value) -> String {
    let (status, response) = socket.join("t", who, bindings).await;
    assert_eq!(status, "ok", "{response}");
    let system = socket.event("system").await;
    assert_eq!(
        (&system["status"], &system["extension"]),
        (&json!("error"), &json!("postgres_changes"))
    );
    system["message"].as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn what_postgres_refuses_is_said_in_the_words_of_the_reference() {
    let database = Database::scratch().await;
    small_table(&database).await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let who = Person { token: server.anon_key() };
    let many = format!("id=in.({})", vec!["1"; 101].join(","));
    for (filter, expected) in [
        ("nope=eq.1", "ERROR P0001 (raise_exception) invalid column for filter nope"),
        ("secret=eq.1", "ERROR P0001 (raise_exception) invalid column for filter secret"),
        ("or=(id.eq.1,nope.eq.1)", "ERROR P0001 (raise_exception) invalid column for filter nope"),
        (&many, "ERROR P0001 (raise_exception) too many values for `in` filter. Maximum 100"),
        (
            "id=is.something",
            "ERROR P0001 (raise_exception) invalid value for is filter: must be null, true, false, or unknown",
        ),
        (
            "id=is.true",
            "ERROR P0001 (raise_exception) is true filter requires a boolean column, got integer",
        ),
        (
            "id=like.1%",
            "ERROR P0001 (raise_exception) operator like requires a text-compatible column type, got integer",
        ),
        (
            r"body=like.a%\",
            "ERROR P0001 (raise_exception) LIKE pattern must not end with escape character",
        ),
        (
            "body=match.(",
            "ERROR P0001 (raise_exception) invalid regular expression for match filter: parentheses () not balanced",
        ),
        (
            "id=eq.x",
            "ERROR 22P02 (invalid_text_representation) invalid input syntax for type integer: \"x\"",
        ),
        (
            "id=in.(1,x)",
            "ERROR 22P02 (invalid_text_representation) invalid input syntax for type integer: \"x\"",
        ),
        ("data=eq.{}", "ERROR 42883 (undefined_function) operator does not exist: json = json"),
    ] {
        let message = told(&mut socket, &who, json!([{"table": "t", "filter": filter}])).await;
        let start = "Unable to subscribe to changes with given parameters. An exception happened so please check your connect parameters: [event: *, schema: public, table: t, filters: [";
        assert!(message.starts_with(start), "{message}");
        assert!(message.ends_with(&format!(", select: nil]. Exception: {expected}")), "{message}");
    }
}

#[tokio::test]
async fn one_bad_binding_fails_all_of_its_channel() {
    let database = Database::scratch().await;
    small_table(&database).await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let who = Person { token: server.anon_key() };
    let bindings = json!([
        {"table": "t"},
        {"table": "t", "filter": "amount=gt.1"},
        {"table": "t", "filter": "amount=gt.much"},
    ]);
    let message = told(&mut socket, &who, bindings).await;
    assert!(message.contains(r#"filters: [{"amount", "gt", "much"}]"#), "{message}");
    let all = json!([{"table": "t", "filter": "id=eq.2"}]);
    socket.join("other", &service(&server), all).await;
    database.sql("insert into t values (1), (2)").await;
    let change = socket.next_change_of("other").await;
    assert_eq!(change["record"]["id"], 2);
}

#[tokio::test]
async fn selections_that_cannot_be_are_refused() {
    let database = Database::scratch().await;
    small_table(&database).await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let who = Person { token: server.anon_key() };
    for (binding, expected) in [
        (
            json!({"table": "t", "select": ["nope"]}),
            "(raise_exception) invalid column for select nope",
        ),
        (
            json!({"table": "t", "select": ["secret"]}),
            "(raise_exception) invalid column for select secret",
        ),
        (
            json!({"table": "t", "select": "id"}),
            "Error parsing `select` params: expected a list of column name strings, got: \"id\"",
        ),
        (
            json!({"schema": "public", "select": ["id"]}),
            "Column selection is not supported for wildcard subscriptions. Provide an explicit schema and table name.",
        ),
    ] {
        let message = told(&mut socket, &who, json!([binding])).await;
        assert!(message.ends_with(expected), "{message}");
    }
}

#[tokio::test]
async fn filter_that_takes_too_long_costs_nobody_else_their_changes() {
    let database = Database::scratch().await;
    small_table(&database).await;
    let flags = ["--realtime-policy-timeout-ms", "200"];
    let server = Server::start_with(&database, &flags).await;
    let (mut slow, mut quick) = (server.socket().await, server.socket().await);
    let who = service(&server);
    // An odd number of letters is no two times anything, but the matcher tries all ways.
    let evil = r"body=match.^(.*)(.*)(.*)(.*)(.*)(.*)(.*)\1\2\3\4\5\6\7b$";
    slow.subscribe("slow", &who, json!([{"table": "t", "filter": evil}])).await;
    quick.subscribe("quick", &who, json!([{"table": "t", "filter": "body=match.^a+b$"}])).await;
    let body = "a".repeat(63) + "b";
    let pattern = evil.trim_start_matches("body=match.");
    let alone = format!("set statement_timeout = 200; select '{body}' ~ '{pattern}'");
    let client = database.connect().await;
    assert!(client.batch_execute(&alone).await.is_err(), "it takes too long");
    database.sql(&format!("insert into t values (1, '{body}'), (2, 'no'), (3, '{body}')")).await;
    assert_eq!(quick.change().await["record"]["id"], 1);
    assert_eq!(quick.change().await["record"]["id"], 3);
    database.sql(&format!("insert into t values (4, '{body}')")).await;
    assert_eq!(quick.change().await["record"]["id"], 4);
    assert!(slow.is_alive().await);
}

#[tokio::test]
async fn changed_column_is_another_column() {
    let database = Database::scratch().await;
    small_table(&database).await;
    let server = Server::start(&database).await;
    let (mut filtered, mut whole) = (server.socket().await, server.socket().await);
    let who = service(&server);
    filtered.subscribe("f", &who, json!([{"table": "t", "filter": "body=eq.1"}])).await;
    whole.subscribe("w", &who, json!([{"table": "t"}])).await;
    database
        .sql(
            "insert into t (id, body) values (1, '1');
             alter table t rename body to words;
             insert into t (id, words) values (2, '1');
             alter table t add body int;
             insert into t (id, body) values (3, 1);
             alter table t drop body;
             alter table t rename words to body;
             insert into t (id, body) values (4, '1');",
        )
        .await;
    let records =
        [whole.change().await, whole.change().await, whole.change().await, whole.change().await]
            .map(|change| change["record"].clone());
    assert_eq!(
        records.each_ref().map(|record| record["id"].clone()),
        [1, 2, 3, 4].map(Value::from)
    );
    assert!(records.iter().all(|record| record.get("body").is_none_or(|body| *body != 2)));
    assert_eq!(filtered.change().await["record"]["id"], 1);
    assert_eq!(filtered.change().await["record"]["id"], 4);
}
