//! What it costs a request to know who asks: verifying a token that was seen before, and one that
//! was not, while many sessions have been ended.
//!
//! `cargo bench --bench tokens -- [ENDED]` (default 100,000): so many sessions have ended lately.

use std::hint::black_box;
use std::time::Instant;

use serde_json::json;
use uuid::Uuid;
use walkie::identity::{Keys, generate_key, read_key_set, unix_now};

/// Verifications of each kind.
const TIMES: u32 = 20_000;

fn main() {
    let ended = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(100_000_u32);
    let keys = Keys::new("a secret of at least thirty-two bytes");
    report("HS256", &keys, ended);
    let set = read_key_set(&generate_key()).expect("a new set reads");
    report("ES256", &keys.with_set(set), ended);
}

fn report(kind: &str, keys: &Keys, ended: u32) {
    let now = unix_now();
    let until = now + 3600;
    let lines: Vec<String> =
        (0..ended).map(|_| format!("session {} {until}", Uuid::new_v4())).collect();
    keys.revoked().replace(lines.iter().map(String::as_str), now);
    let token = |number: u32| {
        let claims = json!({
            "iss": "https://chat.example.com/auth/v1", "sub": Uuid::new_v4(), "aud": "authenticated",
            "role": "authenticated", "iat": now, "exp": until, "session_id": Uuid::new_v4(),
            "email": format!("person-{number}@example.com"), "aal": "aal1",
            "amr": [{"method": "password", "timestamp": now}], "is_anonymous": false,
            "app_metadata": {"provider": "email"}, "user_metadata": {"name": "A person"},
        });
        keys.sign(&claims).expect("claims can be signed")
    };
    let tokens: Vec<String> = (0..TIMES).map(token).collect();
    let begun = Instant::now();
    for token in &tokens {
        black_box(keys.verify(token)).expect("it is good");
    }
    let new = begun.elapsed();
    let begun = Instant::now();
    for _ in 0..TIMES {
        black_box(keys.verify(&tokens[tokens.len() - 1])).expect("it is good");
    }
    let known = begun.elapsed();
    let each = |all: std::time::Duration| all.as_secs_f64() * 1e6 / f64::from(TIMES);
    println!(
        "{kind}, {ended} sessions ended: seen before {:.2} µs, new {:.2} µs",
        each(known),
        each(new)
    );
}
