//! Every event of the Realtime dialect, what it looks like, and which test shows it:
//! `docs/events.md`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use walkie::realtime::error::{Binding, Close, Join, System, Token};

use crate::support::compare_page;

/// Event, payload or what stands for it, when, and the test (file of `tests/realtime`, function).
type Row = (&'static str, String, &'static str, (&'static str, &'static str));

const HEAD: &str = "# Events of Realtime

Printed by a test, which also sees to it that each test named here exists (in `tests/realtime`). Frames are shown without their envelope: `[join_ref, ref, topic, event, payload]` in vsn 2.0.0, `{\"topic\", \"event\", \"payload\", \"ref\"}` in vsn 1.0.0. [realtime.md](realtime.md) tells what they are for, [ERRORS.md](../supabase-compat/ERRORS.md) has all texts of refusals.
";

#[test]
fn every_event_is_written_down_with_a_test_that_shows_it() {
    let mut page = String::from(HEAD);
    let tables = [
        ("What a client sends", sent()),
        ("What the server sends", told()),
        ("`system` messages", systems()),
    ];
    let mut events = BTreeSet::new();
    for (title, rows) in tables {
        let _ = write!(
            page,
            "\n## {title}\n\n| event | payload | when | shown by |\n| --- | --- | --- | --- |\n"
        );
        for (event, payload, when, (file, test)) in rows {
            assert_test(file, test);
            events.insert(event);
            let _ = writeln!(page, "| `{event}` | `{payload}` | {when} | `{file}::{test}` |");
        }
    }
    page.push_str(
        "\n## A socket ends\n\nCodes from 4000 to 4499 mean: come back; from 4500 on: something must \
         change first.\n\n| code | reason | shown by |\n| --- | --- | --- |\n",
    );
    for (close, file, test) in closes() {
        assert_test(file, test);
        let _ = writeln!(page, "| {} | {} | `{file}::{test}` |", close.code(), close.text());
    }
    for name in names_in_source() {
        assert!(events.contains(name.as_str()), "{name} is in the source and not in the catalog");
    }
    compare_page(Path::new("docs/events.md"), &page);
}

fn sent() -> Vec<Row> {
    let join = json!({"config": {"broadcast": {"ack": false, "self": false}, "presence": {"key": "", "enabled": false},
        "postgres_changes": [{"event": "*", "schema": "public", "table": "t", "filter": "id=eq.1"}], "private": false},
        "access_token": "JWT"});
    vec![
        (
            "phx_join",
            text(&join),
            "A channel is joined",
            ("joins", "reply_comes_first_then_presence_then_changes"),
        ),
        (
            "phx_join",
            text(&json!({})),
            "The same without a `config`, where the topic is `realtime:schema:table:filter`",
            ("joins", "without_a_config_the_topic_names_the_table_and_events_what_happened"),
        ),
        (
            "phx_join",
            text(
                &json!({"config": {"broadcast": {"replay": {"since": 1_700_000_000_000_u64, "limit": 25}}, "private": true}}),
            ),
            "A private channel is joined, and what SQL said since is wanted",
            ("replay", "newest_messages_are_told_oldest_first_then_what_is_new"),
        ),
        (
            "phx_leave",
            text(&json!({})),
            "A channel is left",
            ("broadcast", "leaving_and_joining_again_follow_phoenix"),
        ),
        (
            "heartbeat",
            text(&json!({})),
            "On the topic `phoenix`, before the socket was silent for too long",
            ("hostile", "unknown_events_are_ignored_where_joined_and_refused_elsewhere"),
        ),
        (
            "access_token",
            text(&json!({"access_token": "JWT"})),
            "The person has a fresh token",
            ("tokens", "fresh_token_keeps_the_channel_and_counts_from_then_on"),
        ),
        (
            "broadcast",
            text(&json!({"type": "broadcast", "event": "E", "payload": {}})),
            "Something is said to the channel, as text",
            ("broadcast", "text_broadcast_passes_unchanged"),
        ),
        (
            "broadcast",
            "binary frame, kind 3".into(),
            "The same, JSON or bytes, in vsn 2.0.0",
            ("broadcast", "broadcast_reaches_the_others_and_oneself_if_asked"),
        ),
        (
            "presence",
            text(&json!({"type": "presence", "event": "track", "payload": {}})),
            "One is present, or differently so",
            ("presence", "presence_is_told_to_all_and_to_those_who_come_later"),
        ),
        (
            "presence",
            text(&json!({"type": "presence", "event": "untrack"})),
            "One is present no more",
            ("presence", "presence_is_told_to_all_and_to_those_who_come_later"),
        ),
    ]
}

fn told() -> Vec<Row> {
    let reply = |status, response: Value| text(&json!({"status": status, "response": response}));
    let refused = |join: Join| reply("error", json!({"reason": join.reason()}));
    let change = |kind: &str, rows: Value, errors: Value| {
        let mut data = json!({"schema": "public", "table": "t", "type": kind,
            "commit_timestamp": "2026-01-01T00:00:00.000Z", "lsn": "0/16B3748:0", "tx": 7,
            "columns": [{"name": "id", "type": "int4"}], "errors": errors});
        let rows = rows.as_object().expect("rows by name").clone();
        data.as_object_mut().expect("an object").extend(rows);
        text(&json!({"ids": [1], "data": data}))
    };
    let said = |more: Value| {
        let mut payload = json!({"type": "broadcast", "event": "E", "payload": {}});
        payload
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        text(&payload)
    };
    let meta = json!({"metas": [{"phx_ref": "f3b381a5b69dd837"}]});
    vec![
        (
            "phx_reply",
            reply(
                "ok",
                json!({"postgres_changes": [{"event": "*", "schema": "public", "table": "t", "id": 1}], "lsn": "0/16B3748:0"}),
            ),
            "A channel is joined; each binding comes back with the number by which events name it, and with the place from which nothing is missing",
            ("changes", "join_repeats_the_bindings_and_events_carry_their_ids"),
        ),
        (
            "phx_reply",
            refused(Join::Unauthorized("NAME".into())),
            "A join is refused",
            ("bad_input", "joins_are_refused_with_a_reason"),
        ),
        (
            "phx_reply",
            reply("ok", json!({})),
            "A heartbeat, a leave, a presence call, a broadcast where `ack` was asked for",
            ("broadcast", "broadcast_reaches_the_others_and_oneself_if_asked"),
        ),
        (
            "phx_reply",
            reply("error", json!({"reason": "payload_size_exceeded"})),
            "A broadcast is too large, and `ack` was asked for",
            ("hostile", "oversized_payloads_reach_nobody"),
        ),
        (
            "phx_reply",
            reply("error", json!({"reason": "event_size_exceeded"})),
            "The name of its event is too long",
            ("hostile", "names_are_measured_in_bytes"),
        ),
        (
            "phx_reply",
            reply("error", json!({"reason": "malformed_broadcast"})),
            "A broadcast in text is no object, its event is no text, or it has `ids` beside its payload: stock clients fail on those",
            ("hostile", "broadcasts_on_which_stock_clients_fail_reach_nobody"),
        ),
        (
            "phx_reply",
            reply("error", json!({"reason": "Presence track payload must be a map"})),
            "A presence call makes no sense",
            ("presence", "strange_calls_get_their_answer_and_change_nothing"),
        ),
        (
            "phx_reply",
            reply("error", json!({"reason": "unmatched topic"})),
            "The channel is not joined",
            ("hostile", "unknown_events_are_ignored_where_joined_and_refused_elsewhere"),
        ),
        (
            "phx_close",
            text(&json!({})),
            "The channel was left, or joined anew; or it has ended and joining again would not help",
            ("broadcast", "leaving_and_joining_again_follow_phoenix"),
        ),
        (
            "phx_error",
            text(&json!({})),
            "The channel has ended, and stock clients join again by themselves",
            ("tokens", "expired_token_ends_the_channel_so_that_the_client_returns"),
        ),
        (
            "broadcast",
            said(json!({})),
            "Somebody said something: text to vsn 1.0.0, and to all when it was sent as text",
            ("broadcast", "text_broadcast_passes_unchanged"),
        ),
        (
            "broadcast",
            "binary frame, kind 4".into(),
            "The same to vsn 2.0.0, JSON or bytes",
            ("broadcast", "broadcast_reaches_the_others_and_oneself_if_asked"),
        ),
        (
            "broadcast",
            said(json!({"meta": {"id": "UUID"}})),
            "SQL said something (`realtime.send`, `broadcast_changes`); to vsn 2.0.0 in a binary frame with the same metadata",
            ("database_broadcast", "message_reaches_both_serializers_with_its_id"),
        ),
        (
            "broadcast",
            "binary frame, kind 4, of bytes".into(),
            "SQL said bytes (`realtime.send_binary`); nothing to vsn 1.0.0",
            ("database_broadcast", "bytes_reach_only_sockets_that_can_carry_them"),
        ),
        (
            "broadcast",
            said(json!({"meta": {"replayed": true, "id": "UUID"}})),
            "SQL said it before one joined, and a replay was asked for",
            ("replay", "newest_messages_are_told_oldest_first_then_what_is_new"),
        ),
        (
            "broadcast",
            said(json!({})),
            "It was said over HTTP",
            (
                "http_broadcast",
                "batch_reaches_its_channels_and_the_answer_says_how_many_may_follow",
            ),
        ),
        (
            "presence_state",
            text(&json!({"KEY": meta})),
            "Who is present, after one has joined",
            ("presence", "presence_is_told_to_all_and_to_those_who_come_later"),
        ),
        (
            "presence_diff",
            text(&json!({"joins": {"KEY": meta}, "leaves": {}})),
            "Somebody came, changed (both sides, with `phx_ref_prev`) or left",
            ("presence", "each_connection_leaves_by_itself_however_it_ends"),
        ),
        (
            "postgres_changes",
            change("INSERT", json!({"record": {"id": 1}}), Value::Null),
            "A row was inserted",
            ("changes", "insert_update_and_delete_arrive_in_order"),
        ),
        (
            "postgres_changes",
            change("UPDATE", json!({"record": {"id": 1}, "old_record": {"id": 1}}), Value::Null),
            "A row was updated",
            ("changes", "insert_update_and_delete_arrive_in_order"),
        ),
        (
            "postgres_changes",
            change("DELETE", json!({"old_record": {"id": 1}}), Value::Null),
            "A row was deleted",
            ("changes", "insert_update_and_delete_arrive_in_order"),
        ),
        (
            "postgres_changes",
            change("DELETE", json!({"old_record": {"id": 1}, "moved_out": true}), Value::Null),
            "An update took the row out of a filter or out of sight, and `moved_out` was asked for",
            ("moved_out", "row_that_leaves_the_filter_or_the_sight_is_told_as_gone"),
        ),
        (
            "postgres_changes",
            change(
                "INSERT",
                json!({"record": {}, "columns": []}),
                json!(["Error 400: Bad Request, no primary key"]),
            ),
            "The table has no primary key",
            ("changes", "table_without_key_says_so"),
        ),
        (
            "postgres_changes",
            change(
                "INSERT",
                json!({"record": {}, "columns": []}),
                json!(["Error 401: Unauthorized"]),
            ),
            "The role may not select the primary key",
            ("changes", "key_that_may_not_be_selected_withholds_the_row"),
        ),
        (
            "postgres_changes",
            change("INSERT", json!({"record": {"id": 1}}), json!(["Error 413: Payload Too Large"])),
            "The event is larger than 1 MiB: values over 64 bytes are left out",
            ("changes", "row_too_large_keeps_its_small_values"),
        ),
        (
            "INSERT",
            "`data` of `postgres_changes`".replace('`', ""),
            "The channel was joined without a `config`; likewise `UPDATE` and `DELETE`",
            ("joins", "without_a_config_the_topic_names_the_table_and_events_what_happened"),
        ),
    ]
}

fn systems() -> Vec<Row> {
    let changes = |status: &str, message: String, more: Value| {
        let mut payload = json!({"extension": "postgres_changes", "status": status, "message": message, "channel": "NAME"});
        payload
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        text(&payload)
    };
    let system = |status: &str, message: String| {
        text(
            &json!({"extension": "system", "status": status, "message": message, "channel": "NAME"}),
        )
    };
    let error = |what: System| system("error", what.message());
    let none = || json!({});
    let gap = json!({"from": "0/1:0", "to": "0/2:0"});
    vec![
        (
            "system",
            changes("ok", "Subscribed to PostgreSQL".into(), json!({"lsn": "0/16B3748:0"})),
            "Changes flow from this place on; again after each renewed token",
            ("resume", "missed_changes_come_before_new_ones"),
        ),
        (
            "system",
            changes("error", Binding::NoTable("BINDING".into()).message(), none()),
            "A binding is refused, and with it all of its channel; it stays joined",
            ("bad_input", "bindings_are_refused_in_words_and_the_channel_stays"),
        ),
        (
            "system",
            changes(
                "error",
                "gap: changes after 0/1:0 up to 0/2:0 are not kept any more; read again".into(),
                gap,
            ),
            "Changes are gone: read the table again",
            ("resume", "who_comes_too_late_is_told_of_the_gap"),
        ),
        (
            "system",
            changes(
                "error",
                "A row policy on public.t failed with SQLSTATE 22P02: this change is not delivered"
                    .into(),
                none(),
            ),
            "A policy raised, or took too long, for this person",
            ("authorization", "policy_that_raises_for_one_leaves_the_others_alone"),
        ),
        (
            "system",
            system("ok", "Replication connection established".into()),
            "`replication_ready` was asked for",
            ("joins", "whoever_asks_is_told_that_the_log_is_streamed"),
        ),
        (
            "system",
            error(System::Token(Token::Expired(7))),
            "The token has expired; `phx_error` follows",
            ("tokens", "expired_token_ends_the_channel_so_that_the_client_returns"),
        ),
        (
            "system",
            error(System::Token(Token::Malformed)),
            "A renewed token is none; `phx_close` follows",
            ("tokens", "bad_token_ends_the_channel_for_good"),
        ),
        (
            "system",
            error(System::Token(Token::SessionEnded)),
            "The person has signed out; `phx_close` follows",
            ("sessions", "sign_out_ends_the_channels_of_that_sign_in_alone"),
        ),
        (
            "system",
            error(System::NotAnyMore("NAME".into())),
            "The right to hear is lost: something changed, or the renewed token has none; `phx_close` follows",
            ("rights", "removed_member_hears_nothing_more_and_the_channel_ends"),
        ),
        (
            "system",
            error(System::Undecided(Join::Canceled)),
            "Postgres could not say what the renewed token may, or what a change has left; `phx_error` follows",
            (
                "tokens",
                "renewal_that_cannot_be_decided_ends_the_channel_so_that_the_client_returns",
            ),
        ),
        (
            "system",
            error(System::TooManyMessages),
            "Broadcasts are dropped",
            ("limits", "too_many_broadcasts_are_told_then_dropped_and_the_others_hear_the_rest"),
        ),
        (
            "system",
            error(System::TooManyPresenceCalls),
            "Presence calls are dropped",
            ("presence", "too_many_calls_are_told_and_the_channel_stays"),
        ),
        (
            "system",
            error(System::LargePresence),
            "What to be present with is too large",
            ("hostile", "oversized_payloads_reach_nobody"),
        ),
    ]
}

fn closes() -> [(Close, &'static str, &'static str); 6] {
    [
        (Close::TooLarge, "bad_input", "frame_over_the_limit_closes_that_socket_alone"),
        (Close::Restarting, "resume", "stopping_server_tells_its_sockets_to_come_back"),
        (Close::Slow, "bad_input", "socket_that_does_not_read_is_told_to_come_back"),
        (Close::Idle, "bad_input", "silent_socket_is_closed"),
        (Close::TooManyJoins, "joins", "who_joins_too_much_is_closed_and_others_wait_their_turn"),
        (Close::SessionEnded, "sessions", "sign_out_ends_the_channels_of_that_sign_in_alone"),
    ]
}

/// Clients go by the range of the code, and by what `docs/realtime.md` says of it.
#[test]
fn codes_of_closed_sockets_say_whether_to_come_back() {
    let page = include_str!("../docs/realtime.md");
    for (close, ..) in closes() {
        let begins = format!("| {} | {} | ", close.code(), close.text());
        let row = page.lines().find_map(|line| line.strip_prefix(&begins));
        let row = row.unwrap_or_else(|| panic!("docs/realtime.md lacks: {begins}"));
        let is_to_come_back = matches!(close.code(), 1012 | 4000..=4499);
        assert_eq!(row.starts_with("yes"), is_to_come_back, "{begins}{row}");
        assert!(row.starts_with("yes") || row.starts_with("not"), "{begins}{row}");
    }
}

fn text(payload: &Value) -> String {
    payload.to_string().replace('|', "\\|")
}

fn assert_test(file: &str, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/realtime/{file}.rs"));
    let source = fs::read_to_string(&path).unwrap_or_default();
    let test = format!("#[tokio::test]\nasync fn {name}() {{");
    assert!(source.contains(&test), "there is no test {file}::{name}");
}

/// What the dialect's source calls events, told by their form.
fn names_in_source() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/realtime");
    let mut names = BTreeSet::new();
    for file in fs::read_dir(folder).expect("the folder is there").flatten() {
        let source = fs::read_to_string(file.path()).unwrap_or_default();
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let is_event = |text: &&str| {
            let is_name = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            let begins = ["phx_", "presence_"].iter().any(|begin| text.starts_with(begin));
            let is_field = ["phx_ref", "phx_ref_prev"].contains(text);
            is_name && begins && !is_field
        };
        names.extend(code.split('"').filter(is_event).map(str::to_owned));
    }
    assert!(names.len() >= 6, "events are written in another way now: {names:?}");
    names
}
