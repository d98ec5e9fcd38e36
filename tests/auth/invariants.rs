//! What holds whatever people do: random walks over the API, from a seed.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::factors::{CODES_ARE_FRESH, answer, claims};
use super::{
    PASSWORD, Reply, get, house, log_out, post_as, put, refresh, request, send, sign_in, sign_up,
};
use crate::support::{App, Database, Dice, Server};

const STEPS: usize = 70;

const PEOPLE: [&str; 3] = ["eve@example.com", "ivy@example.com", "lou@example.com"];

const CODES: &str = "/factors/recovery-codes";

/// Each row is a breach, named.
const BREACHES: &str = "
    select 'not one identity of the address: ' || u.email
      from auth.users u
     where u.deleted_at is null
       and (select count(*) from auth.identities i
             where i.user_id = u.id and i.provider = 'email' and i.email = u.email) <> 1
    union all
    select 'a session without its person: ' || s.id
      from auth.sessions s left join auth.users u on u.id = s.user_id and u.deleted_at is null
     where u.id is null
    union all
    select 'a token of another person: ' || t.id
      from auth.refresh_tokens t join auth.sessions s on s.id = t.session_id
     where t.user_id <> s.user_id::text
    union all
    select 'two present tokens: ' || session_id
      from auth.refresh_tokens where revoked is not true group by session_id having count(*) > 1
    union all
    select 'raised without a factor: ' || s.id
      from auth.sessions s
     where s.aal >= 'aal2'
       and (not exists (select from auth.mfa_factors f
                         where f.id = s.factor_id and f.user_id = s.user_id
                           and f.status = 'verified')
            or not exists (select from auth.mfa_amr_claims a
                            where a.session_id = s.id
                              and a.authentication_method in ('totp', 'mfa/recovery_code')))
    union all
    select 'low with a factor shown: ' || s.id
      from auth.sessions s
     where s.aal = 'aal1'
       and (s.factor_id is not null
            or exists (select from auth.mfa_amr_claims a
                        where a.session_id = s.id
                          and a.authentication_method in ('totp', 'mfa/recovery_code')))
    union all
    select 'recovery codes alone: ' || f.user_id
      from auth.mfa_factors f
     where f.factor_type = 'recovery_code'
       and not exists (select from auth.mfa_factors o
                        where o.user_id = f.user_id and o.factor_type <> 'recovery_code'
                          and o.status = 'verified')";

/// A session as its client remembers it.
#[derive(Clone)]
struct Held {
    id: String,
    access: String,
    refresh: String,
}

/// All that the clients of this walk remember.
struct Walk {
    database: Database,
    server: Server,
    dice: Dice,
    held: Vec<Held>,
    /// Sessions that ended; they must stay so.
    ended: Vec<Held>,
    /// Factors by their id, with the app of each.
    apps: HashMap<String, App>,
    codes: Vec<String>,
}

impl Walk {
    /// Everybody has an account and is signed in.
    async fn new(seed: u64) -> anyhow::Result<Self> {
        let (database, server) = house().await;
        let (held, ended, codes) = (Vec::new(), Vec::new(), Vec::new());
        let dice = Dice::new(seed);
        let mut walk = Self { database, server, dice, held, ended, apps: HashMap::new(), codes };
        for email in PEOPLE {
            let reply = sign_up(&walk.server, email).await?;
            walk.enter(&reply)?;
        }
        Ok(walk)
    }

    /// Does something, says what, and looks whether all still holds.
    async fn step(&mut self) -> anyhow::Result<()> {
        let actions = [
            "sign up",
            "sign in",
            "sign in",
            "sign in",
            "mistype",
            "refresh",
            "refresh",
            "log out",
            "enroll",
            "enroll",
            "answer",
            "answer",
            "answer",
            "guess",
            "unenroll",
            "make codes",
            "show code",
            "change password",
            "change address",
            "delete",
        ];
        let action = self.dice.word(&actions);
        self.act(action).await.with_context(|| action.to_owned())?;
        self.look().await.with_context(|| format!("after: {action}"))
    }

    async fn act(&mut self, action: &str) -> anyhow::Result<()> {
        let email = self.dice.word(&PEOPLE);
        match action {
            "sign up" => {
                if let Ok(reply) = sign_up(&self.server, email).await {
                    self.enter(&reply)?;
                }
            }
            "sign in" => {
                let reply = sign_in(&self.server, email, PASSWORD).await?;
                if reply.status == 200 {
                    self.enter(&reply)?;
                }
            }
            "mistype" => {
                let reply = sign_in(&self.server, email, "another-one").await?;
                ensure!(reply.status == 400, "{}", reply.body);
            }
            "delete" => {
                if self.dice.percent(30) {
                    self.delete(email).await?;
                }
            }
            _ => {
                if !self.held.is_empty() {
                    let place = self.dice.below(self.held.len());
                    self.act_as(action, place).await?;
                }
            }
        }
        Ok(())
    }

    async fn act_as(&mut self, action: &str, place: usize) -> anyhow::Result<()> {
        let token = self.held[place].access.clone();
        match action {
            "refresh" => {
                let reply = refresh(&self.server, &self.held[place].refresh).await?;
                self.go_on(place, &reply)?;
            }
            "log out" => {
                let scope = self.dice.word(&["local", "others", "global"]);
                log_out(&self.server, scope, &token).await?;
            }
            "enroll" => {
                let body = json!({ "factor_type": "totp" });
                let reply = post_as(&self.server, "/factors", &token, body).await?;
                if let Some(secret) = reply.body["totp"]["secret"].as_str() {
                    self.apps.insert(reply.text("id").to_owned(), App::new(secret));
                    self.answer(place, false).await?;
                }
            }
            "answer" => self.answer(place, false).await?,
            "guess" => self.answer(place, true).await?,
            "unenroll" => {
                if let Some(id) = self.factor(&token).await? {
                    let delete = request(&self.server, Method::DELETE, &format!("/factors/{id}"));
                    send(delete.bearer_auth(&token)).await?;
                }
            }
            "make codes" => {
                let reply = post_as(&self.server, CODES, &token, json!({})).await?;
                let codes = reply.body["codes"].as_array().into_iter().flatten();
                self.codes.extend(codes.filter_map(Value::as_str).map(str::to_owned));
            }
            "show code" => {
                if !self.codes.is_empty() {
                    let code = self.codes.swap_remove(self.dice.below(self.codes.len()));
                    let path = format!("{CODES}/verify");
                    let body = json!({ "code": code });
                    let reply = post_as(&self.server, &path, &token, body).await?;
                    self.go_on(place, &reply)?;
                }
            }
            "change password" => {
                // And back, so that everybody can sign in again.
                let other =
                    put(&self.server, "/user", &token, json!({ "password": "another-one" }));
                if other.await?.status == 200 {
                    put(&self.server, "/user", &token, json!({ "password": PASSWORD })).await?;
                }
            }
            "change address" => {
                let email = self.dice.word(&PEOPLE);
                put(&self.server, "/user", &token, json!({ "email": email })).await?;
            }
            other => anyhow::bail!("nobody knows how to {other}"),
        }
        Ok(())
    }

    /// Answers for one of the person's factors, rightly or by a guess.
    async fn answer(&mut self, place: usize, is_guess: bool) -> anyhow::Result<()> {
        let token = self.held[place].access.clone();
        let Some(id) = self.factor(&token).await? else { return Ok(()) };
        let Some(app) = self.apps.get(&id) else { return Ok(()) };
        self.database.sql(CODES_ARE_FRESH).await;
        let code = if is_guess { app.wrong_code() } else { app.code(0) };
        let reply = answer(&self.server, &token, &id, &code).await?;
        ensure!(!is_guess || reply.status == 422 || reply.status == 429, "{}", reply.body);
        self.go_on(place, &reply)
    }

    /// One of the factors of whoever has this token.
    async fn factor(&mut self, token: &str) -> anyhow::Result<Option<String>> {
        let user = get(&self.server, "/user", token).await?;
        let factors = user.body["factors"].as_array().cloned().unwrap_or_default();
        if factors.is_empty() {
            return Ok(None);
        }
        Ok(self.dice.pick(&factors)["id"].as_str().map(str::to_owned))
    }

    async fn delete(&mut self, email: &str) -> anyhow::Result<()> {
        let sql =
            format!("select coalesce(max(id::text), '') from auth.users where email = '{email}'");
        let id = self.database.value(&sql).await;
        if !id.is_empty() {
            let soft = json!({ "should_soft_delete": self.dice.percent(50) });
            let delete = request(&self.server, Method::DELETE, &format!("/admin/users/{id}"));
            let reply = send(delete.bearer_auth(self.server.service_key()).json(&soft)).await?;
            ensure!(reply.status == 200, "{}", reply.body);
        }
        Ok(())
    }

    /// A session from a proof of the first kind begins at the first level.
    fn enter(&mut self, reply: &Reply) -> anyhow::Result<()> {
        let held = Held::of(reply);
        ensure!(claims(&held.access)["aal"] == "aal1", "entered at another level");
        self.held.push(held);
        Ok(())
    }

    /// The same session with other tokens, if it was given some.
    fn go_on(&mut self, place: usize, reply: &Reply) -> anyhow::Result<()> {
        if reply.status == 200 {
            let held = Held::of(reply);
            ensure!(held.id == self.held[place].id, "the session became another one");
            self.held[place] = held;
        }
        Ok(())
    }

    async fn look(&mut self) -> anyhow::Result<()> {
        let breaches = self.database.rows(BREACHES).await;
        ensure!(breaches.is_empty(), "{breaches:?}");
        let rows = self.database.rows("select id::text, aal::text from auth.sessions").await;
        let levels: HashMap<_, _> = rows
            .into_iter()
            .map(|row| (row[0].clone().unwrap_or_default(), row[1].clone()))
            .collect();
        let (held, over): (Vec<_>, Vec<_>) =
            self.held.drain(..).partition(|held| levels.contains_key(&held.id));
        self.held = held;
        self.ended.extend(over);
        ensure!(
            !self.ended.iter().any(|held| levels.contains_key(&held.id)),
            "a session rose again"
        );
        if !self.ended.is_empty() {
            let held = self.dice.pick(&self.ended).clone();
            let read = get(&self.server, "/user", &held.access).await?;
            ensure!(read.status == 403, "an ended session reads: {}", read.body);
            let refreshed = refresh(&self.server, &held.refresh).await?;
            ensure!(refreshed.status == 400, "an ended session goes on: {}", refreshed.body);
        }
        if !self.held.is_empty() {
            let place = self.dice.below(self.held.len());
            let reply = refresh(&self.server, &self.held[place].refresh).await?;
            ensure!(reply.status == 200, "a living session is refused: {}", reply.body);
            let level = claims(reply.text("access_token"))["aal"].as_str().map(str::to_owned);
            ensure!(Some(&level) == levels.get(&self.held[place].id), "the token says {level:?}");
            self.go_on(place, &reply)?;
        }
        Ok(())
    }
}

impl Held {
    fn of(reply: &Reply) -> Self {
        let access = reply.text("access_token").to_owned();
        let id = claims(&access)["session_id"].as_str().unwrap_or_default().to_owned();
        Self { id, access, refresh: reply.text("refresh_token").to_owned() }
    }
}

async fn walk(seed: u64) -> anyhow::Result<()> {
    let mut walk = Walk::new(seed).await?;
    for step in 0..STEPS {
        walk.step().await.with_context(|| format!("seed {seed}, step {step}"))?;
    }
    let (ended, apps) = (walk.ended.len(), walk.apps.len());
    ensure!(ended > 0 && apps > 0, "seed {seed} leads nowhere: {ended} ended, {apps} apps");
    Ok(())
}

#[tokio::test]
async fn invariants_hold_on_one_walk() -> anyhow::Result<()> {
    walk(1).await
}

#[tokio::test]
async fn invariants_hold_on_another_walk() -> anyhow::Result<()> {
    walk(20_261_121).await
}
