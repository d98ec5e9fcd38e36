//! Sign-ins by password a second, beside bare verifications of the same hash in the same run: the
//! hash is what a sign-in should cost.
//!
//! `cargo bench --bench signins -- [SECONDS]` (default 10) for each of the two.
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod stage;

use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use reqwest::Client;
use serde_json::json;
use stage::{Serving, Stage, at};

/// People who sign in, each again and again.
const PEOPLE: usize = 100;

/// Requests under way at once.
const AT_ONCE: usize = 16;

const PASSWORD: &str = "correct horse";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let seconds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(10);
    let time = Duration::from_secs(seconds);
    let stage = Stage::set(PEOPLE).await?;
    let server = Serving::start(&stage).await?;
    let hash = share_a_password(&stage, &server).await?;

    // The server hashes on half of the cores, so that the others go on working.
    let places = thread::available_parallelism().map_or(1, NonZero::get).div_ceil(2);
    let bare = tokio::task::spawn_blocking(move || verify_for(time, places, &hash)).await??;
    let bare = bare as f64 / time.as_secs_f64();
    println!("bare verifications on {places} threads: {bare:.1} a second");

    let mut times = sign_in_for(time, &server).await?;
    times.sort_unstable();
    let rate = times.len() as f64 / time.as_secs_f64();
    println!(
        "sign-ins, {AT_ONCE} at once: {rate:.1} a second, {:.0} % of that; median {:.0} ms, p99 {:.0} ms",
        rate / bare * 100.0,
        at(&times, 0.5).as_secs_f64() * 1e3,
        at(&times, 0.99).as_secs_f64() * 1e3,
    );
    server.stop().await?;
    stage.strike().await;
    Ok(())
}

/// Signs one person up, as the server hashes, and gives everybody the same hash.
async fn share_a_password(stage: &Stage, server: &Serving) -> anyhow::Result<String> {
    let body = json!({ "email": "first@example.com", "password": PASSWORD });
    let url = format!("{}/auth/v1/signup", server.url());
    let answer = Client::new().post(url).json(&body).send().await?;
    ensure!(answer.status().is_success(), "{}", answer.text().await?);
    let sql = "select encrypted_password from auth.users where email = 'first@example.com'";
    let hash: String = stage.writer.query_one(sql, &[]).await?.try_get(0)?;
    stage
        .run(&format!(
            "update auth.users set encrypted_password = '{hash}', email_confirmed_at = now()"
        ))
        .await?;
    Ok(hash)
}

/// How many verifications there were.
fn verify_for(time: Duration, places: usize, hash: &str) -> anyhow::Result<usize> {
    let hash = PasswordHash::new(hash)?;
    let until = Instant::now() + time;
    let count = || {
        let mut count = 0;
        while Instant::now() < until {
            let is_right = Argon2::default().verify_password(PASSWORD.as_bytes(), &hash).is_ok();
            assert!(is_right, "the hash is of the password");
            count += 1;
        }
        count
    };
    Ok(thread::scope(|scope| {
        let threads: Vec<_> = (0..places).map(|_| scope.spawn(count)).collect();
        threads.into_iter().map(|thread| thread.join().expect("it counts")).sum()
    }))
}

/// How long each sign-in took.
async fn sign_in_for(time: Duration, server: &Serving) -> anyhow::Result<Vec<Duration>> {
    let until = Instant::now() + time;
    let url = format!("{}/auth/v1/token?grant_type=password", server.url());
    let client = Client::new();
    let people = (0..AT_ONCE).map(|first| {
        let (client, url) = (client.clone(), url.clone());
        tokio::spawn(async move {
            let mut times = Vec::new();
            for number in (first..).step_by(AT_ONCE) {
                let begun = Instant::now();
                if begun >= until {
                    break;
                }
                let email = format!("{}@example.com", number % PEOPLE + 1);
                let body = json!({ "email": email, "password": PASSWORD });
                let answer = client.post(&url).json(&body).send().await?;
                let status = answer.status();
                let text = answer.text().await?;
                ensure!(status.is_success(), "{text}");
                times.push(begun.elapsed());
            }
            anyhow::Ok(times)
        })
    });
    let all = futures_util::future::try_join_all(people).await?;
    Ok(all.into_iter().collect::<anyhow::Result<Vec<_>>>()?.concat())
}
