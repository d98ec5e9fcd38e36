//! Every type's JSON equals what Postgres itself makes of the value.

use serde_json::{Value, json};

use crate::support::{Database, Server};

/// Type and literal; the JSON is asked of Postgres.
const AS_TO_JSONB: &[(&str, &str)] = &[
    ("int2", "-7"),
    ("int4", "2147483647"),
    ("int8", "9007199254740993"),
    ("numeric", "1.10"),
    ("numeric(12,4)", "1234.5"),
    ("float4", "1.5"),
    ("float8", "1e20"),
    ("bool", "true"),
    ("text", "say \"hi\" \\ \n tab\t é 😀"),
    ("varchar(10)", "x"),
    ("name", "n"),
    ("uuid", "a0000000-0000-4000-8000-00000000000a"),
    ("date", "2024-01-02"),
    ("time", "03:04:05.678"),
    ("timetz", "03:04:05+02"),
    ("timestamp", "2024-01-02 03:04:05.678"),
    ("timestamptz", "2024-01-02 03:04:05.678+02"),
    ("interval", "1 year 2 mons 3 days 04:05:06.7"),
    ("json", "{\"a\": [1, null]}"),
    ("jsonb", "{\"a\": [1, null]}"),
    ("inet", "10.0.0.1/8"),
    ("macaddr", "08:00:2b:01:02:03"),
    ("int4range", "[1,5)"),
    ("tstzrange", "[2024-01-01 00:00:00+00,)"),
    ("point", "(1,2)"),
    ("tsvector", "'a':1 'b':2"),
    ("varbit", "101"),
    ("money", "12.34"),
    ("int4[]", "{1,NULL,3}"),
    ("int4[]", "{{1,2},{3,4}}"),
    ("int4[]", "[0:1]={7,8}"),
    ("text[]", "{a,\"b,c\",\"say \\\"hi\\\"\",\"NULL\",NULL,\"\"}"),
    ("jsonb[]", "{\"{\\\"a\\\": 1}\"}"),
    ("timestamptz[]", "{\"2024-01-02 03:04:05+00\"}"),
    ("bool[]", "{t,f}"),
    ("mood", "happy"),
    ("mood[]", "{happy,sad}"),
    ("posint", "5"),
    ("pair", "(1,\"a,b\")"),
    ("pair[]", "{\"(1,a)\",\"(2,)\"}"),
    ("deep", "(\"(1,a)\",\"{1,2}\",t)"),
    ("deep", "(,\"{NULL,2}\",)"),
    (
        "times",
        "(\"2024-01-02 03:04:05\",\"2024-01-02 03:04:05+00\",\"\\\\x01ff\",NaN,9007199254740993)",
    ),
    ("pairs", "{\"(1,a)\"}"),
    ("twopairs", "{\"(1,a)\"}"),
    ("posint[]", "{1,2}"),
    ("pairdomain", "(1,\"say \"\"hi\"\"\")"),
    ("stamps", "{\"2024-01-02 03:04:05\",infinity}"),
    ("numeric[]", "{1.10,NaN,-Infinity}"),
    ("float8[]", "{Infinity,1e-300}"),
    ("bytea[]", "{\"\\\\x01\",NULL}"),
    ("oid[]", "{1,2}"),
    ("box[]", "{(1\\,1)\\,(0\\,0);(2\\,2)\\,(0\\,0)}"),
    ("point[]", "{\"(1,2)\",NULL}"),
    ("timestamptz", "0044-03-15 12:00:00+00 BC"),
    ("timestamptz", "-infinity"),
    ("timestamp", "infinity"),
    ("timestamp", "12024-01-02 00:00:00"),
    ("timestamp", "0001-12-31 23:59:59.999999 BC"),
    ("date", "0044-03-15 BC"),
    ("date", "infinity"),
    ("interval", "-1 year -2 mons +3 days -04:05:06.7"),
    ("interval", "00:00:00"),
    ("time", "24:00:00"),
    ("float4", "1.1"),
    ("float4", "3.4e38"),
    ("numeric", "-0.00"),
    ("numeric", "123456789012345678901234567890.123456789"),
    ("\"char\"", "x"),
    ("cidr", "10.0.0.0/8"),
    ("macaddr8", "08:00:2b:01:02:03:04:05"),
    ("document", "<a b=\"c\">d</a>"),
    ("tsquery", "'a' & 'b'"),
    ("pg_lsn", "16/B374D848"),
    ("tid", "(1,2)"),
    ("xid", "7"),
    ("regclass", "pg_class"),
    ("regtype", "int4"),
    ("jsonpath", "$.\"a\""),
    ("line", "{1,2,3}"),
    ("lseg", "[(0,0),(1,1)]"),
    ("path", "((0,0),(1,1))"),
    ("polygon", "((0,0),(1,1),(1,0))"),
    ("circle", "<(0,0),1>"),
    ("numrange", "[1.10,2)"),
    ("daterange", "empty"),
    ("int4multirange", "{[1,3),[5,7)}"),
    ("int4range[]", "{\"[1,3)\"}"),
    ("json", " {\"b\" : 1, \"a\": [1.10, \"x\"]} "),
    ("jsonb", "\"text\""),
    ("jsonb", "null"),
    ("hstore", "a=>1, b=>NULL, \"c d\"=>\"x\\\"y\""),
    ("hstore[]", "{\"a=>1\"}"),
];

/// Where the protocol says otherwise than to_jsonb, and why: see the protocol's value table.
const OTHERWISE: &[(&str, &str, &str)] = &[
    ("float8", "NaN", "null"),
    ("numeric", "-Infinity", "null"),
    ("bytea", "\\x0102ff", "\"0102ff\""),
    ("char(5)", "ab", "\"ab   \""),
    ("bit(3)", "101", "\"101\""),
    ("oid", "12345", "\"12345\""),
    ("float8", "-0", "-0"),
    ("char(5)[]", "{ab}", "[\"ab   \"]"),
    ("bit(3)[]", "{101}", "[\"101\"]"),
];

#[tokio::test]
async fn values_arrive_as_postgres_writes_them_in_json() {
    let database = Database::scratch().await;
    database
        .sql(
            "create type public.mood as enum ('happy', 'sad');
             create domain public.posint as int check (value > 0);
             create type public.pair as (a int, b text);
             create type public.deep as (p public.pair, n int[], f bool);
             create type public.times as (t timestamp, z timestamptz, b bytea, n numeric, i int8);
             create domain public.pairs as public.pair[];
             create domain public.twopairs as public.pairs;
             create domain public.pairdomain as public.pair;
             create domain public.stamps as timestamp[];
             do $$ begin
               create extension hstore;
             exception when feature_not_supported or undefined_file then  -- not all builds have it
               create domain public.hstore as text;
             end $$;
             do $$ begin
               perform '<a/>'::xml;
               create domain public.document as xml;
             exception when feature_not_supported then
               create domain public.document as text;
             end $$;",
        )
        .await;
    let all: Vec<(&str, &str, Option<&str>)> = AS_TO_JSONB
        .iter()
        .map(|(kind, literal)| (*kind, *literal, None))
        .chain(OTHERWISE.iter().map(|(kind, literal, json)| (*kind, *literal, Some(*json))))
        .collect();
    let columns: Vec<String> =
        all.iter().enumerate().map(|(number, (kind, ..))| format!("c{number} {kind}")).collect();
    database
        .sql(&format!(
            "create table public.values (id int primary key, {});
             alter table public.values replica identity full;
             alter publication supabase_realtime add table public.values;",
            columns.join(", ")
        ))
        .await;
    let server = Server::start(&database).await;
    let mut socket = server.socket().await;
    let service = server.bearer(&json!({"role": "service_role", "exp": 4_000_000_000_i64}));
    socket
        .subscribe(
            "values",
            &service,
            json!([{"event": "*", "schema": "public", "table": "values"}]),
        )
        .await;

    let quoted = |literal: &str| format!("'{}'", literal.replace('\'', "''"));
    let literals: Vec<String> = all.iter().map(|(_, literal, _)| quoted(literal)).collect();
    database.sql(&format!("insert into public.values values (1, {})", literals.join(", "))).await;
    let change = socket.change().await;

    for (number, (kind, literal, special)) in all.iter().enumerate() {
        let wanted = if let Some(json) = special {
            (*json).to_owned()
        } else {
            let sql =
                format!("set timezone = 'UTC'; select to_jsonb(c{number}) from public.values");
            database.value(&sql).await
        };
        let wanted: Value = serde_json::from_str(&wanted).expect("JSON");
        assert_eq!(change["record"][format!("c{number}")], wanted, "{kind} {literal}");
    }
    let types: Vec<&str> = change["columns"]
        .as_array()
        .expect("columns")
        .iter()
        .filter_map(|column| column["type"].as_str())
        .collect();
    assert!(types.starts_with(&["int4", "int2", "int4", "int8"]), "{types:?}");
    assert!(types.contains(&"_int4") && types.contains(&"posint") && types.contains(&"bpchar"));
}
